"""The command line: one file a command group, each with parsing, plain data and printing.

The table below says which file a command is in. Exit code 0: done; 1: the answer is no; 2: wrong
usage, or an extra that is not installed. Nothing heavy is imported at the top of these files:
`assay --help` and `assay check` answer at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from assay.cli import (
    check,
    clean,
    clock,
    contracts,
    demo,
    doctor,
    drift,
    index,
    licences,
    models,
    new,
    predict,
    quarantine,
    references,
    reveal,
    review,
    run,
    show,
    status,
    traces,
    ui,
    verify,
    versions,
)
from assay.contracts.errors import (
    AssayError,
    ConfigurationError,
    ContractErrors,
    MissingExtraError,
)

app = typer.Typer(
    name="assay",
    help="Data sets taken in, judged, repaired, published with signed evidence, and watched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
# in the order of `assay --help`
COMMANDS = (
    run.run,
    status.status,
    show.show,
    verify.verify,
    check.check,
    new.new,
    clean.explain,
    reveal.reveal,
    licences.licences,
    versions.profile,
    versions.diff,
    references.rollback,
    versions.expire,
    drift.replay,
    predict.predict,
    predict.outcomes,
    traces.why,
    traces.used_by,
    index.search,
    demo.demo,
    doctor.doctor,
    ui.ui,
)
GROUPS = (
    clean.clean_app,
    contracts.contracts_app,
    references.refs_app,
    drift.drift_app,
    models.models_app,
    index.index_app,
    clock.clock_app,
    review.review_app,
    quarantine.quarantine_app,
)
for command in COMMANDS:
    app.command()(command)
for group in GROUPS:
    app.add_typer(group)


def main() -> None:
    """Run the command line: every error becomes one message and an exit code, not a traceback."""
    # what is imported is never garbage, and is most of what there is to collect
    gc.set_threshold(50_000, 20, 100)
    from assay.assets.io.private import private_files

    with private_files():
        _run_command()


def _run_command() -> None:
    try:
        app()
    except AssayError as error:
        problems = error.problems if isinstance(error, ContractErrors) else (error,)
        for problem in problems:
            print(f"assay: {problem}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        print("assay: stopped; nothing half done is visible", file=sys.stderr)
        sys.exit(130)
    except BaseException as error:  # whatever a library raises
        if isinstance(error, SystemExit) or os.environ.get("ASSAY_DEBUG") == "1":
            raise
        failure = _unexpected_error(error)
        print(f"assay: {failure}", file=sys.stderr)
        sys.exit(_exit_code(failure))


def _exit_code(error: AssayError) -> int:
    """2 where a part of Assay is not installed, so that nothing was done; else 1."""
    return 2 if isinstance(error, MissingExtraError) else 1


def _command_name(words: Sequence[str]) -> str:
    """The command that words of a command line call, such as "assay contracts export"."""
    command: Any = typer.main.get_command(app)
    path = ["assay"]
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        path.append(word)
    return " ".join(path)


def _unexpected_error(error: BaseException) -> AssayError:
    """Describe an exception that no command expects; its traceback goes into a log."""
    from assay.assets.io.disk import is_read_only
    from assay.assets.io.failures import unexpected
    from assay.assets.io.home import READ_ONLY, READ_ONLY_REMEDY, home
    from assay.contracts.extras import of_import_error

    if missing := of_import_error(error, f"`{_command_name(sys.argv[1:])}`"):
        return missing
    try:
        current = home()
        if is_read_only(error) and not current.is_writable:
            return ConfigurationError(READ_ONLY, READ_ONLY_REMEDY)
        log_folder = current.root if current.root.is_dir() else None
    except (AssayError, OSError):
        log_folder = None
    return unexpected(log_folder, error)
