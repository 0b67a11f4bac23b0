"""A contract drafted from a file, for `assay new`.

Belongs here: where the draft goes, and telling what was found. Stays out: finding it (assets/services/new.py).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.errors import ConfigurationError, Where, shown

if TYPE_CHECKING:
    from assay.assets.services.new import Drafted


def new(
    source: Path,
    name: str | None = None,
    output: Path | None = None,
    *,
    license: str | None = None,
    owner: str | None = None,
) -> Path:
    """Draft a contract from a CSV, Parquet, Arrow or Excel file, write it, and tell what was found.

    Args:
        name: the data set's, in A-Z, a-z, 0-9 and _; made from the file's unless given.
        output: a file, or a folder for it; next to the project's other contracts by default, in `contracts/datasets` if there are none. Nothing is overwritten.
        license: an SPDX expression, where none lies beside the file. owner: who answers for the data; git's user.email unless given.
    Returns: the contract's file.
    Raises: SourceError: the file cannot be read. ConfigurationError: the draft cannot be written there, or the name is none.
    """
    from assay.assets.io.home import home
    from assay.assets.services.new import drafted, drafter
    from assay.pipelines.draft.propose import dataset_name
    from assay.running import console

    where = home()
    name = name or dataset_name(source.name.partition(".")[0])
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise ConfigurationError(
            f"'{name}' cannot name a data set", "Write it with A-Z, a-z, 0-9 and _"
        )
    target = _target(output or where.drafts, name)
    with console.status("starting…") as status:
        done = drafted(
            source,
            name,
            where.roots,
            license=license,
            owner=owner or drafter(),
            told=lambda doing: status.update(f"{doing}…"),
        )
    _write(target, done.draft.text)
    _tell(target, name, done)
    return target


def _target(output: Path, name: str) -> Path:
    target = output / f"{name}.odcs.yaml" if output.is_dir() or not output.suffix else output
    if target.exists():
        raise ConfigurationError(
            "a contract is there already",
            "Choose another --name or --output, or remove it",
            Where(file=shown(target)),
        )
    return target


def _write(target: Path, text: str) -> None:
    from assay.assets.io.private import users_files

    try:
        with users_files():
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"it cannot be written ({error.strerror})",
            "Name a file this user may write with --output",
            Where(file=shown(target)),
        ) from None


def _tell(target: Path, name: str, done: Drafted) -> None:
    from rich.markup import escape

    from assay.running import console

    def line(mark: str, text: str) -> None:
        console.print(f"  {mark} {escape(text)}", highlight=False, soft_wrap=True)

    profile, draft = done.profile, done.draft
    console.print(
        f"[bold]{escape(name)}[/] → {escape(shown(target))}", highlight=False, soft_wrap=True
    )
    kinds = [column.kind for column in profile.columns]
    line(
        "[green]✓[/]",
        f"{profile.rows:,} rows, {len(kinds)} columns: "
        + ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)),
    )
    if profile.repeated:
        line("[green]✓[/]", f"{profile.repeated:,} rows repeat another: the draft removes them")
    line(
        "[green]✓[/]",
        f"key: {', '.join(draft.keys)}"
        if draft.keys
        else "no column, nor a few of them, looks like a key",
    )
    for column, personal in draft.personal.items():
        line("[yellow]![/]", f"personal: '{column}' ({personal.evidence}) → {personal.treatment}")
    line(
        "[green]✓[/]" if done.license.evidence != "none found beside the file" else "[yellow]![/]",
        f"licence: {done.license.expression} ({done.license.why})",
    )
    for question in draft.open_questions:
        line("[yellow]?[/]", question)
    for problem in done.problems:
        line("[red]✗[/]" if problem.severity == "error" else "[yellow]![/]", str(problem))
    if done.to_move:
        line(
            "[yellow]![/]",
            "the file lies in ASSAY_HOME itself, where no source is read from: move it to inbox",
        )
    if done.root_to_set:
        line(
            "[yellow]![/]",
            f"the file lies below none of Assay's folders: set ASSAY_SOURCE_ROOTS={os.pathsep.join(['…', str(done.root_to_set)]) if os.environ.get('ASSAY_SOURCE_ROOTS') else done.root_to_set}, or move it to ASSAY_HOME/inbox",
        )
    console.print(
        f"  Next: read it, then `assay check {escape(shown(target))}`, `assay clean suggest {escape(name)}` and `assay run {escape(name)}`",
        highlight=False,
        soft_wrap=True,
    )
