"""`assay new`: a contract drafted from a file. Reading the file is in assets/services/new.py."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.render import escape, print_line, show_progress
from assay.contracts.errors import ConfigurationError, Where, shown

if TYPE_CHECKING:
    from assay.assets.services.new import Drafted
    from assay.pipelines.draft.propose import Draft

GOOD, NOTE, OPEN, BAD = "[green]✓[/]", "[yellow]![/]", "[yellow]?[/]", "[red]✗[/]"


Delimiter = Annotated[
    str | None, typer.Option(help="Of text: what stands between cells; `\\t` is a tab.")
]
Quote = Annotated[str | None, typer.Option(help="Of text: what stands about cells, or none.")]
Encoding = Annotated[
    str | None, typer.Option(help="Of text: its encoding, such as cp1250 or iso8859_2.")
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Of text: whether a line names the columns."),
]
HeaderRow = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="Of text: the line of the names, counted from 1."),
]


def new(
    source: Annotated[
        Path,
        typer.Argument(help="A CSV, JSON, Parquet, Arrow or Excel file, or an archive of one."),
    ],
    name: Annotated[
        str | None, typer.Option(help="The data set's name; the file's unless given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Where the contract goes; ./contracts, or ASSAY_CONTRACTS, by default."),
    ] = None,
    license_: Annotated[
        str | None,
        typer.Option("--license", help="SPDX expression, where no licence lies next to the file."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(help="E-mail of who answers for the data; git's user.email unless given."),
    ] = None,
    delimiter: Delimiter = None,
    quote: Quote = None,
    encoding: Encoding = None,
    header: Header = None,
    header_row: HeaderRow = None,
) -> None:
    """Draft a contract from a file: types, keys, ranges, personal data, licence, each with its reason.

    Example: `assay new inbox/readings.csv --license CC0-1.0`
    """
    written = {
        "delimiter": "\t" if delimiter == "\\t" else delimiter,
        "quote": quote,
        "encoding": encoding,
        "header": header,
        "header_row": header_row,
    }
    stated = {option: value for option, value in written.items() if value is not None}
    draft_contract(source, name=name, output=output, license=license_, owner=owner, stated=stated)


def draft_contract(
    source: Path,
    name: str | None = None,
    output: Path | None = None,
    *,
    license: str | None = None,
    owner: str | None = None,
    stated: Mapping[str, Any] | None = None,
) -> Path:
    """Draft a contract from a file, write it, and print what was learned.

    Args:
        source: a CSV, Parquet, Arrow or Excel file.
        name: the data set's, in A-Z, a-z, 0-9 and _; made from the file's unless given.
        output: a file, or a folder for it; next to the project's other contracts by default, in
            `contracts/datasets` if there are none. Nothing is overwritten.
        license: an SPDX expression, where there is none next to the file.
        owner: who answers for the data; git's user.email unless given.
        stated: options of how a text is written, as under `options` in a contract; what is not
            stated is searched.
    Returns: the contract's file.
    Raises: SourceError: the file cannot be read. ConfigurationError: the draft cannot be written
        there, or the name is none.
    """
    from assay.assets.io.home import home
    from assay.assets.services.new import drafted, drafter
    from assay.pipelines.draft.propose import dataset_name

    current = home()
    name = name or dataset_name(source.name.partition(".")[0])
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        problem = f"'{name}' cannot name a data set"
        raise ConfigurationError(problem, "Write it with A-Z, a-z, 0-9 and _")
    target = _target(output or current.drafts, name)
    owner = owner or drafter()
    with show_progress() as show:
        done = drafted(
            source, name, current.roots, license=license, owner=owner, stated=stated, told=show
        )
    _write(target, done.draft.text)
    show_drafted(target, name, done)
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


def show_drafted(target: Path, name: str, done: Drafted) -> None:
    """Print what was learned from the file, what is open, and what to do next."""
    file = escape(shown(target))
    print_line(f"[bold]{escape(name)}[/] → {file}")
    for mark, text in _findings(done):
        print_line(f"  {mark} {escape(text)}")
    commands = (
        f"`assay check {file}`, `assay clean suggest {escape(name)}` and `assay run {escape(name)}`"
    )
    print_line(f"  Next: read it, then {commands}")


def _findings(done: Drafted) -> Iterator[tuple[str, str]]:
    """What was learned, each with its mark."""
    profile, draft = done.profile, done.draft
    kinds = [column.kind for column in profile.columns]
    of_each_kind = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    yield GOOD, f"{profile.rows:,} rows, {len(kinds)} columns: {of_each_kind}"
    yield from _describe_reading(done)
    if profile.repeated:
        yield GOOD, f"{profile.repeated:,} rows repeat another: the draft removes them"
    yield GOOD, _describe_keys(draft)
    for column, personal in draft.personal.items():
        yield NOTE, f"personal: '{column}' ({personal.evidence}) → {personal.treatment}"
        for sample in done.samples.get(column, ()):
            yield NOTE, f"    {sample.before}  →  {sample.after}"
    without_license = done.license.evidence == "none found next to the file"
    license = f"licence: {done.license.expression} ({done.license.why})"
    yield NOTE if without_license else GOOD, license
    for question in draft.open_questions:
        yield OPEN, question
    for problem in done.problems:
        yield BAD if problem.severity == "error" else NOTE, str(problem)
    if done.to_move:
        yield (
            NOTE,
            "the file lies in ASSAY_HOME itself, where no source is read from: move it to inbox",
        )
    if done.root_to_set:
        yield NOTE, _describe_missing_root(done.root_to_set)


def _describe_reading(done: Drafted) -> Iterator[tuple[str, str]]:
    """How the file was read, where that is a guess: an encoding by its letters above all."""
    reading = dict(done.reading)
    encoding = reading.pop("encoding", None)
    if encoding:
        yield (
            NOTE,
            f"encoding: {encoding}, by the letters of the file: check them, or give --encoding",
        )
    if reading:
        shown = ", ".join(f"{name} {value!r}" for name, value in reading.items())
        yield NOTE, f"read with {shown}: check it"


def _describe_keys(draft: Draft) -> str:
    if draft.keys:
        return f"key: {', '.join(draft.keys)}"
    return "no column, nor a few of them, looks like a key"


def _describe_missing_root(root: Path) -> str:
    has_roots = bool(os.environ.get("ASSAY_SOURCE_ROOTS"))
    roots = os.pathsep.join(["…", str(root)]) if has_roots else root
    return (
        f"the file lies below none of Assay's folders: set ASSAY_SOURCE_ROOTS={roots},"
        " or move it to ASSAY_HOME/inbox"
    )
