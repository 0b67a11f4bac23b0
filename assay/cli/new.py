"""`assay new`: a contract drafted from data. Reading them is in assets/services/new_source.py."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson
from assay.cli.render import escape, print_line, print_result, show_progress
from assay.contracts.errors import ConfigurationError, Where, shown

if TYPE_CHECKING:
    from assay.assets.services.new import Drafted
    from assay.pipelines.draft.propose import Draft

EXAMPLES = (
    "assay new inbox/readings.csv",
    "assay new inbox/readings.csv --license CC0-1.0 --owner ann@example.com",
    "assay new sqlite:inbox/shop.db --table orders",
    "assay new 'inbox/2024-*.csv' --name readings",
)
GOOD, NOTE, OPEN, BAD = "[green]✓[/]", "[yellow]![/]", "[yellow]?[/]", "[red]✗[/]"


Delimiter = Annotated[
    str | None, typer.Option(help="Text files: the character between cells; `\\t` is a tab.")
]
Quote = Annotated[str | None, typer.Option(help="Text files: the quote character, or none.")]
Encoding = Annotated[
    str | None, typer.Option(help="Text files: the encoding, such as cp1250 or iso8859_2.")
]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Text files: whether a line names the columns."),
]
HeaderRow = Annotated[
    int | None,
    typer.Option(min=1, max=1000, help="The line or row that names the columns, from 1."),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="csv, json, jsonl, parquet, arrow, excel or documents. [default: detected]"
    ),
]
Table = Annotated[
    str | None, typer.Option(help="Databases: the table to read. [default: the only one]")
]
Query = Annotated[str | None, typer.Option(help="Databases: one SELECT, in place of a table.")]
Members = Annotated[
    str | None, typer.Option(help="Archives: which files to read, as a pattern. [default: all]")
]
Sheet = Annotated[str | None, typer.Option(help="Workbooks: the sheet to read.")]

Given = Annotated[
    str,
    typer.Argument(
        help="A file, an archive, a folder, a pattern in quotes, an address (https, s3, gs, az),"
        " or a database: a file, sqlite:PATH, duckdb:PATH, postgres:NAME, mysql:NAME."
    ),
]
Name = Annotated[
    str | None, typer.Option(help="The data set's name. [default: derived from the source's]")
]
Output = Annotated[
    Path | None,
    typer.Option(
        help="File or folder for the contract. [default: ./contracts, or ASSAY_CONTRACTS]"
    ),
]
License = Annotated[
    str | None,
    typer.Option(
        "--license", help="SPDX expression, if there is no licence file next to the data."
    ),
]
Owner = Annotated[
    str | None, typer.Option(help="E-mail of the data's owner. [default: git's user.email]")
]
Region = Annotated[
    str,
    typer.Option(
        help="Where the data may be kept, such as eu or de; phone numbers of that country are found."
    ),
]


def new(
    source: Given,
    name: Name = None,
    output: Output = None,
    license_: License = None,
    owner: Owner = None,
    region: Region = "global",
    delimiter: Delimiter = None,
    quote: Quote = None,
    encoding: Encoding = None,
    header: Header = None,
    header_row: HeaderRow = None,
    sheet: Sheet = None,
    format_: Format = None,
    table: Table = None,
    query: Query = None,
    members: Members = None,
    as_json: AsJson = False,
) -> None:
    """Draft a contract from data, with types, keys, ranges, personal data and licence.

    Each entry of the draft states its reason. What looks like an error is listed as a doubt.
    """
    written = {
        "delimiter": "\t" if delimiter == "\\t" else delimiter,
        "quote": quote,
        "encoding": encoding,
        "header": header,
        "header_row": header_row,
        "sheet": sheet,
        "format": format_,
        "table": table,
        "query": query,
        "members": members,
    }
    stated = {option: value for option, value in written.items() if value is not None}
    _check_region(region)
    _check_format(format_)
    draft_contract(
        source,
        name=name,
        output=output,
        license=license_,
        owner=owner,
        region=region,
        stated=stated,
        as_json=as_json,
    )


def _check_region(region: str) -> None:
    """Raises: ConfigurationError: the contract could not hold it."""
    from assay.contracts.settings.privacy import REGION

    if not re.fullmatch(REGION, region):
        raise ConfigurationError(
            f"'{region}' is not a region", "Use a code such as eu, de or eu-de: --region de"
        )


def _check_format(name: str | None) -> None:
    """Raises: ConfigurationError: there is no such format."""
    from assay.assets.io.sources.formats import DECODERS

    formats = (*DECODERS, "documents")
    if name is not None and name not in formats:
        raise ConfigurationError(f"'{name}' is not a format", f"Use one of {', '.join(formats)}")


def draft_contract(
    source: Path | str,
    name: str | None = None,
    output: Path | None = None,
    *,
    license: str | None = None,
    owner: str | None = None,
    region: str = "global",
    stated: Mapping[str, Any] | None = None,
    as_json: bool = False,
) -> Path:
    """Draft a contract from data, write it, and print what was learned.

    Args:
        source: a file, folder, pattern, address or database, as `assay new` takes it.
        name: the data set's, in A-Z, a-z, 0-9 and _; derived from the file's by default.
        output: a file, or a folder for it; next to the project's other contracts by default, in
            `contracts/datasets` if there are none. Nothing is overwritten.
        license: an SPDX expression, if there is none next to the file.
        owner: the owner of the data; git's user.email by default.
        region: the contract's; phone numbers of its country need no country code.
        stated: `format`, and options as under `options` in a contract; the others are detected.
        as_json: print what was learned as JSON.
    Returns: the contract's file.
    Raises: SourceError: the source cannot be read. ConfigurationError: it cannot be written.
    """
    from assay.assets.io.home import home
    from assay.assets.services.new import drafted, drafter
    from assay.assets.services.new_source import given_source
    from assay.pipelines.draft.propose import dataset_name

    current = home()
    given = given_source(str(source), current)
    name = _checked_name(name or dataset_name(str((stated or {}).get("table") or given.stem)))
    target = _target(output or current.drafts, name)
    with show_progress() as show:
        done = drafted(
            given,
            name,
            current,
            license=license,
            owner=owner or drafter(),
            region=region,
            stated=stated,
            progress=show,
        )
    _write(target, done.draft.text)
    data = _as_data(target, name, done) if as_json else None
    print_result(data, as_json, lambda _: show_drafted(target, name, done))
    return target


def _as_data(target: Path, name: str, done: Drafted) -> dict[str, Any]:
    """What was learned from the source, as plain data."""
    from assay.pipelines.draft.doubts.describe import as_data

    return {
        "dataset": name,
        "contract": shown(target),
        "rows": done.profile.rows,
        "columns": {column.name: column.kind for column in done.profile.columns},
        "keys": list(done.draft.keys),
        "personal": {column: one.treatment for column, one in done.draft.personal.items()},
        "license": done.license.expression,
        "questions": list(done.draft.open_questions),
        "problems": [str(problem) for problem in done.problems],
        "doubts": as_data(done.doubts),
    }


def _checked_name(name: str) -> str:
    """Raises: ConfigurationError: no data set may be called so."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        problem = f"'{name}' cannot be the name of a data set"
        raise ConfigurationError(problem, "Use A-Z, a-z, 0-9 and _ only: --name NAME")
    return name


def _target(output: Path, name: str) -> Path:
    target = output / f"{name}.odcs.yaml" if output.is_dir() or not output.suffix else output
    if target.exists():
        raise ConfigurationError(
            "a contract with this file name exists already",
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
    """Print what was learned from the file, open questions, and the next commands."""
    file = escape(shown(target))
    print_line(f"[bold]{escape(name)}[/] → {file}")
    for mark, text in _findings(done):
        print_line(f"  {mark} {escape(text)}")
    commands = (
        f"`assay check {file}`, `assay clean suggest {escape(name)}` and `assay run {escape(name)}`"
    )
    print_line(f"  Next: review it, then {commands}")


def _findings(done: Drafted) -> Iterator[tuple[str, str]]:
    """What was learned, each with its mark."""
    from assay.pipelines.draft.doubts.describe import lines_about

    profile, draft = done.profile, done.draft
    kinds = [column.kind for column in profile.columns]
    of_each_kind = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    yield GOOD, f"{profile.rows:,} rows, {len(kinds)} columns: {of_each_kind}"
    yield from _describe_reading(done)
    if profile.repeated:
        yield GOOD, f"repeated rows: {profile.repeated:,}; the draft removes them"
    yield GOOD, _describe_keys(draft)
    for column, personal in draft.personal.items():
        yield NOTE, f"personal: '{column}' ({personal.evidence}) → {personal.treatment}"
        for sample in done.samples.get(column, ()):
            yield NOTE, f"    {sample.before}  →  {sample.after}"
    for line in lines_about(done.doubts):
        yield NOTE, f"doubt: {line}"
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
            "the file is in ASSAY_HOME itself, from which no source is read: move it to inbox",
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
            f"encoding: {encoding}, guessed from the letters of the file: check it, or give --encoding",
        )
    if reading:
        shown = ", ".join(f"{name} {value!r}" for name, value in reading.items())
        yield NOTE, f"read with {shown}: check these"


def _describe_keys(draft: Draft) -> str:
    if draft.keys:
        return f"key: {', '.join(draft.keys)}"
    return "no column, and no combination of a few columns, looks like a key"


def _describe_missing_root(root: Path) -> str:
    has_roots = bool(os.environ.get("ASSAY_SOURCE_ROOTS"))
    roots = os.pathsep.join(["…", str(root)]) if has_roots else root
    return (
        f"the file is outside the folders that Assay reads: set ASSAY_SOURCE_ROOTS={roots},"
        " or move it to ASSAY_HOME/inbox"
    )
