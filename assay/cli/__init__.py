"""The command line: one file a command group, each with parsing, plain data and printing.

The table below states where each command is listed. Exit code 0: done; 1: the answer is no; 2: wrong
usage, or an extra that is not installed. Nothing heavy is imported at the top of these files:
`assay --help` and `assay check` answer at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
    lineage,
    models,
    new,
    quarantine,
    references,
    review,
    run,
    show,
    sources,
    status,
    ui,
    verify,
    versions,
)
from assay.cli.aliases import add_old_spellings
from assay.cli.options import examples
from assay.contracts.errors import (
    AssayError,
    ConfigurationError,
    ContractErrors,
    MissingExtraError,
)

Command = typer.Typer | tuple[Callable[..., None], tuple[str, ...]]
PANELS: dict[str, tuple[Command, ...]] = {
    "Every day": (
        (run.run, run.EXAMPLES),
        (status.status, status.EXAMPLES),
        (show.show, show.EXAMPLES),
        (check.check, check.EXAMPLES),
        (new.new, new.EXAMPLES),
        (verify.verify, verify.EXAMPLES),
    ),
    "Data": (
        versions.versions_app,
        references.refs_app,
        quarantine.quarantine_app,
        review.review_app,
        lineage.lineage_app,
        sources.sources_app,
    ),
    "Contracts": (
        contracts.contracts_app,
        clean.clean_app,
        (licences.licences, licences.EXAMPLES),
    ),
    "Models and indexes": (drift.drift_app, models.models_app, index.index_app),
    "Installation": (
        (demo.demo, demo.EXAMPLES),
        (ui.ui, ui.EXAMPLES),
        (doctor.doctor, doctor.EXAMPLES),
        clock.clock_app,
    ),
}
"""Each panel of `assay --help` with its commands, in the order they are listed: groups, and
functions with their examples."""


class _InPanelOrder(TyperGroup):
    """The top level: lists functions and groups in the order of `PANELS`, not functions first."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 (Typer passes it)
        return sorted(self.commands, key=lambda name: _ORDER.get(name, len(_ORDER)))


app = typer.Typer(
    name="assay",
    cls=_InPanelOrder,
    help="Publish data sets with checks and signed evidence, and watch them for drift.",
    epilog=examples("assay demo", "assay new inbox/readings.csv", "assay run", "assay status"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"assay {version('assay')}")
        raise typer.Exit


@app.callback()
def _top_level(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of the top level; the help text is the app's."""


def _add_commands() -> list[str]:
    """Add every command in its panel. Returns: their names, in order."""
    names = []
    for panel, commands in PANELS.items():
        for command in commands:
            if isinstance(command, typer.Typer):
                app.add_typer(command, rich_help_panel=panel)
                names.append(str(command.info.name))
            else:
                function, usual = command
                app.command(epilog=examples(*usual), rich_help_panel=panel)(function)
                names.append(function.__name__)
    return names


_ORDER = {name: place for place, name in enumerate(_add_commands())}
add_old_spellings(app)


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
