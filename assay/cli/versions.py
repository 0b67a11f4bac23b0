"""`assay versions`: published versions listed, explained, profiled, compared, moved back, expired.

Recomputing a row is in assets/services/explain.py; the other work behind assay/reading.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import (
    AsJson,
    Dataset,
    DatasetOrVersion,
    SignatureKey,
    Why,
    command_group,
    examples,
    split_name,
)
from assay.cli.render import ABSENT, console, count_cell, escape, print_result, show_progress, table

versions_app = command_group(
    "versions",
    "List, profile, compare, roll back and expire versions, and explain rows.",
    "assay versions list flights",
    "assay versions profile flights@1.0.0",
    "assay versions diff flights@1.0.0 flights@latest",
)
BARS = "▁▂▃▄▅▆▇█"
LEAST_SHARE = 0.005
"""Values and patterns that are rarer are not named in a profile."""


@versions_app.command(
    "list", epilog=examples("assay versions list flights", "assay versions list flights --json")
)
def list_versions(name: Dataset, as_json: AsJson = False) -> None:
    """List the versions of a data set, the newest first."""
    from assay.reading import versions

    print_result(versions(name), as_json, show_versions)


def show_versions(data: list[dict[str, Any]]) -> None:
    """Print a line a version."""
    if not data:
        console().print("Nothing has been published.")
        return
    headers = ("version", "rows", "published", "contract", "references", "what changed")
    grid = table(f"Versions of {data[0]['dataset']}", *headers)
    for entry in data:
        expired = ["expired"] if entry["expired_at"] else []
        grid.add_row(
            entry["version"],
            count_cell(entry["rows"]),
            entry["published_at"][:10],
            entry["contract_version"],
            ", ".join([*entry["references"], *expired]) or ABSENT,
            escape(entry["note"]),
        )
    console().print(grid)


@versions_app.command(epilog=examples("assay versions profile flights@1.0.0"))
def profile(
    name: Annotated[str, typer.Argument(help="NAME, NAME@VERSION or NAME@REFERENCE")],
    as_json: AsJson = False,
) -> None:
    """Show each column of a version: missing values, range, histogram, top values."""
    from assay.reading import profiled

    with show_progress("profiling the version"):
        columns = profiled(*split_name(name))
    print_result(columns, as_json, show_profile)


def show_profile(data: dict[str, Any]) -> None:
    """Print the columns of a version, a row each."""
    grid = table(
        f"{data['dataset']} {data['version']}: {data['rows']:,} rows",
        "column",
        "type",
        "missing",
        "different",
        "from",
        "quartiles",
        "to",
        "mean ± std",
        "shape",
        "mostly",
    )
    for column in data["columns"]:
        grid.add_row(*_profile_cells(column, data["rows"]))
    console().print(grid)
    if data["sample_rows"] < data["rows"]:
        console().print(
            f"Quartiles, shape and what is mostly there are of {data['sample_rows']:,} rows;"
            " many different values are estimated.",
            style="dim",
        )
    if data["hidden"]:
        hidden = ", ".join(data["hidden"])
        console().print(f"No values are shown of {hidden}: they may be personal.", style="dim")


def _profile_cells(column: dict[str, Any], rows: int) -> tuple[str, ...]:
    """One column of a version, as a row of the table."""
    often = [
        f"{escape(text[:20])} {share:.0%}"
        for text, share in (column["top"] or column["patterns"])[:3]
        if share >= LEAST_SHARE
    ]
    return (
        escape(column["name"]),
        column["type"],
        f"{column['missing'] / max(rows, 1):.1%}",
        count_cell(column["different"]),
        _render_value(column["low"]),
        " ".join(_render_value(value) for value in column["quartiles"]),
        _render_value(column["high"]),
        _describe_middle(column),
        _bars(column["histogram"]),
        ", ".join(often),
    )


def _describe_middle(column: dict[str, Any]) -> str:
    """Mean and standard deviation of numbers, lengths of texts."""
    if column["mean"] is not None:
        spread = f" ± {column['std']:,.4g}" if column["std"] is not None else ""
        return f"{column['mean']:,.4g}{spread}"
    if not column["lengths"]:
        return ""
    shortest, usual, longest = column["lengths"]
    if shortest is None:
        return ""
    if shortest == longest:
        return f"{shortest} characters"
    return f"{shortest} to {longest} characters, {usual:g} on average"


def _render_value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value))


def _bars(shares: Sequence[float]) -> str:
    """A histogram of one line."""
    if not any(shares):
        return ""
    highest = max(shares)
    return "".join(BARS[min(int(8 * share / highest), 7)] for share in shares)


@versions_app.command(
    epilog=examples(
        "assay versions diff flights@1.0.0 flights@latest",
        "assay versions diff flights@prod flights@canary --key carrier,flight --rows 5",
    )
)
def diff(
    old: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME@REFERENCE")],
    new: Annotated[str, typer.Argument(help="Another version of the same data set.")],
    key: Annotated[
        str | None,
        typer.Option(
            help="Key columns, separated by commas. [default: the contract's primary key]"
        ),
    ] = None,
    rows: Annotated[
        int,
        typer.Option(
            help="How many keys of added, removed and changed rows to show.", min=0, max=1000
        ),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a data set: schema, rows, columns, statistics."""
    from assay.reading import compared

    (name, old_version), (other, new_version) = split_name(old), split_name(new)
    if name != other or old_version is None or new_version is None:
        raise typer.BadParameter(
            "OLD and NEW must both be NAME@VERSION or NAME@REFERENCE, of the same data set"
        )
    columns = [column.strip() for column in key.split(",")] if key else []
    with show_progress("comparing the versions"):
        differences = compared(name, old_version, new_version, columns, rows)
    print_result(differences, as_json, show_diff)


def show_diff(data: dict[str, Any]) -> None:
    """Print two versions next to each other."""
    grid = table(f"{data['dataset']}: {data['old']} → {data['new']}", "", "")
    before, after = data["rows"]
    grid.add_row("rows", f"{before:,} → {after:,}; compared {_describe_key(data)}")
    for kind in ("added", "removed", "changed"):
        grid.add_row(kind, count_cell(data[kind]))
    for column, count in data["changed_columns"].items():
        grid.add_row(f"  {column}", f"differs in {count:,}")
    grid.add_row("schema", "; ".join(data["schema"]) or "the same")
    if any(data["partitions"].values()):
        changes = (
            f"{kind} {', '.join(names)}" for kind, names in data["partitions"].items() if names
        )
        grid.add_row("partitions", "; ".join(changes))
    if data["shared_files"]:
        grid.add_row("files", f"{data['shared_files']} shared")
    console().print(grid)
    for kind, keys in data["keys"].items():
        for key in keys:
            values = ", ".join(f"{column} {value}" for column, value in key.items())
            console().print(f"  {kind}: {escape(values)}", highlight=False)
    _show_statistics(data["statistics"])


def _describe_key(data: dict[str, Any]) -> str:
    if data["key"]:
        return f"by {', '.join(data['key'])}"
    return "as whole rows" + ("; the key repeats" if data["key_repeats"] else "")


def _show_statistics(sides: dict[str, dict[str, dict[str, Any]]]) -> None:
    if not sides:
        return
    grid = table("Statistics", "column", "measure", "old", "new")
    for column in dict.fromkeys([*sides["old"], *sides["new"]]):
        measures = [side.get(column, {}) for side in sides.values()]
        for measure in dict.fromkeys([*measures[0], *measures[1]]):
            values = (_statistic_cell(side.get(measure)) for side in measures)
            grid.add_row(column, measure.replace("_", " "), *values)
    console().print(grid)


def _statistic_cell(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float):
        return f"{value:,g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@versions_app.command(epilog=examples("assay versions expire --dry-run"))
def expire(
    names: Annotated[list[str] | None, typer.Argument(help="Data sets. [default: all]")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only report which versions would expire.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Expire versions that are older than `retention.versions` of their contract.

    Their files are removed a day later; their record and evidence stay.
    """
    from assay.reading import check_contracts_can_be_read, expired

    def show(data: list[dict[str, Any]]) -> None:
        show_expired(data, dry_run=dry_run)

    with show_progress("looking for old versions"):
        versions = expired(names or [], dry_run=dry_run)
    print_result(versions, as_json, show)
    if not names:
        check_contracts_can_be_read("its versions do not expire")


def show_expired(data: list[dict[str, Any]], *, dry_run: bool) -> None:
    """Print which versions expired, or would."""
    verb = "would expire" if dry_run else "expired"
    for entry in data:
        versions = ", ".join(entry["versions"]) or "none"
        text = f"{entry['dataset']}: {versions} {verb} (kept for {entry['after']})"
        console().print(text, highlight=False)


@versions_app.command(
    epilog=examples(
        'assay versions rollback flights --why "wrong carrier codes"',
        'assay versions rollback flights --ref prod --to 1.0.0 --why "late rows"',
    )
)
def rollback(
    name: Dataset,
    why: Why,
    ref: Annotated[str, typer.Option(help="The reference to move back.")] = "latest",
    to: Annotated[
        str | None,
        typer.Option(help="The version to move it to. [default: the one before]"),
    ] = None,
    key: SignatureKey = None,
) -> None:
    """Move a reference back to an earlier version.

    The next publication moves `latest` forward again; other references stay. `prod`, and references
    under `assay.approvals`, move once stewards have signed the request.
    """
    from assay.reading import rolled_back

    print(rolled_back(name, ref, to, why, key))


@versions_app.command(epilog=examples("assay versions explain flights@1.0.0 --row 4711"))
def explain(
    name: DatasetOrVersion,
    row: Annotated[
        int, typer.Option(help="The row number in the source, as `assay quarantine show` lists it.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what each cleaning step did to a row, and where the row went."""
    with show_progress("recomputing the row"):
        steps = explain_row(*split_name(name), row)
    print_result(steps, as_json, show_explained)


def explain_row(name: str, version: str | None, row: int) -> dict[str, Any]:
    """Recompute what each cleaning step did to a row of a version."""
    from assay.assets.services.explain import explained

    installation = open_installation()
    contract = installation.contract(name)
    return explained(installation, contract, installation.version(name, version), row)


def show_explained(data: dict[str, Any]) -> None:
    """Print what each step did to a row, and where the row went."""
    title = f"Row {data['row']} of {data['dataset']}@{data['version']}"
    grid = table(title, "step", "column", "before", "after")
    for step in data["steps"]:
        for change in step["changes"]:
            cells = (change["column"], _cell(change["before"]), _cell(change["after"]))
            grid.add_row(step["step"], *map(escape, cells))
        for note in [*step["flags"], *([step["out"]] if step["out"] else [])]:
            grid.add_row(step["step"], "", "", escape(note))
    console().print(grid if grid.row_count else "No step changed it.")
    for line in data["learned"]:
        text = ", ".join(f"{key} {value}" for key, value in line.items())
        console().print(escape(text), highlight=False)
    reasons = f": {'; '.join(data['reasons'])}" if data["reasons"] else ""
    console().print(f"{data['outcome']}{reasons}", highlight=False, markup=False)


def _cell(value: object) -> str:
    return ABSENT if value is None else str(value)
