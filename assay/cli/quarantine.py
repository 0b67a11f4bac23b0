"""`assay quarantine`: quarantined rows, and decisions about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import chosen_datasets, open_installation
from assay.cli.options import AsJson, SignatureKey, Why, command_group, examples
from assay.cli.render import ABSENT, console, escape, print_result, show_progress, table

if TYPE_CHECKING:
    from assay.pipelines.admit.acts import ActKind

quarantine_app = command_group(
    "quarantine",
    "Inspect, release, discard and expire quarantined rows.",
    "assay quarantine list",
    "assay quarantine show flights --rule dep_time_minimum",
)
Dataset = Annotated[str, typer.Argument(help="The data set.")]
OptionalDataset = Annotated[str | None, typer.Argument(help="A data set. [default: all]")]
OfRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="The run that quarantined the rows, or the start of its id. [default: the newest]",
    ),
]
OfRule = Annotated[
    str | None, typer.Option("--rule", help="The reason: a rule's name, or a cleaning step's.")
]
OfRows = Annotated[
    list[int] | None,
    typer.Option("--row", help="A row number in the source. Can be repeated."),
]
WIDEST_CELL = 60


@quarantine_app.command(
    "list", epilog=examples("assay quarantine list", "assay quarantine list flights")
)
def quarantine_list(name: OptionalDataset = None, as_json: AsJson = False) -> None:
    """List quarantined rows by run: counts, reasons, decisions, expiry."""
    print_result(list_quarantines(name), as_json, show_quarantines)


def list_quarantines(name: str | None) -> list[dict[str, Any]]:
    """What waits, of one data set or of all."""
    from assay.assets.services import quarantine

    installation = open_installation()
    return quarantine.listed(installation, chosen_datasets(installation, name))


def show_quarantines(data: list[dict[str, Any]]) -> None:
    """Print a line for each run that quarantined rows."""
    grid = table(
        "Quarantine",
        "name",
        "run",
        "kept",
        "rows",
        "open",
        "released",
        "discarded",
        "expires",
        "reasons",
    )
    for entry in data:
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in entry["reasons"].items())
        counts = (f"{entry[state]:,}" for state in ("rows", "open", "released", "discarded"))
        grid.add_row(
            entry["dataset"],
            entry["run_id"][:8],
            entry["kept_at"][:16],
            *counts,
            _describe_end(entry),
            escape(reasons),
        )
    console().print(grid if data else "The quarantine is empty.")


def _describe_end(entry: dict[str, Any]) -> str:
    if entry["expired_at"]:
        return f"expired {entry['expired_at'][:10]}"
    return str(entry["expires_at"] or ABSENT)[:10]


@quarantine_app.command(
    "show",
    epilog=examples(
        "assay quarantine show flights", "assay quarantine show flights --rule dep_time_minimum"
    ),
)
def quarantine_show(
    name: Dataset,
    run: OfRun = None,
    rule: OfRule = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show quarantined rows with their reasons; personal values stay hidden."""
    from assay.assets.services import quarantine

    data = quarantine.shown(open_installation(), name, run, rule, rows)
    print_result(data, as_json, show_rows)


def show_rows(data: dict[str, Any]) -> None:
    """Print the first rows of one quarantine; personal columns are named, and not shown."""
    from assay.contracts.column_names import is_reserved

    show_quarantines([data])
    rows = data["first_rows"]
    values = [name for name in (rows[0] if rows else {}) if not is_reserved(name)]
    grid = table(f"First {len(rows)} rows", "row", "state", "reasons", *values)
    for row in rows:
        cells = (escape(_cell(row[name])) for name in values)
        reasons = escape(", ".join(row["_reasons"]))
        grid.add_row(str(row["_row"]), row["_state"], reasons, *cells)
    console().print(grid)
    if data["hidden"]:
        hidden = ", ".join(data["hidden"])
        console().print(f"Personal columns are not shown: {hidden}", highlight=False)


def _cell(value: object) -> str:
    text = ABSENT if value is None else str(value)
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 3] + "…"


@quarantine_app.command(
    "release",
    epilog=examples('assay quarantine release readings --row 7 --why "calibrated on Monday"'),
)
def quarantine_release(
    name: Dataset,
    why: Why,
    run: OfRun = None,
    rule: OfRule = None,
    row: OfRows = None,
    key: SignatureKey = None,
) -> None:
    """Request that the next version contains quarantined rows although they break a rule.

    The request takes effect when stewards have signed it: two if the rule has the severity `error`.
    """
    print(request_decision(name, "release rows", run, rule, row or [], why, key))


@quarantine_app.command(
    "discard",
    epilog=examples('assay quarantine discard readings --rule meter_pattern --why "test meters"'),
)
def quarantine_discard(
    name: Dataset,
    why: Why,
    run: OfRun = None,
    rule: OfRule = None,
    row: OfRows = None,
    key: SignatureKey = None,
) -> None:
    """Request that the values of quarantined rows are deleted; the rows stay counted.

    The request takes effect when two stewards have signed it.
    """
    print(request_decision(name, "discard rows", run, rule, row or [], why, key))


def request_decision(
    name: str,
    kind: ActKind,
    run_id: str | None,
    rule: str | None,
    rows: list[int],
    why: str,
    key: Path | None,
) -> str:
    """Request a decision about quarantined rows, and describe what follows."""
    from assay.reading import request

    wish = {"run_id": run_id, "rule": rule, "chosen": rows}
    return request(open_installation(), name, kind, wish, why, key)


@quarantine_app.command("replay", epilog=examples("assay quarantine replay flights"))
def quarantine_replay(name: Dataset, run: OfRun = None, as_json: AsJson = False) -> None:
    """Count the open rows that would pass the current contract."""
    from assay.assets.services import quarantine

    with show_progress("validating the rows"):
        counts = quarantine.replay(open_installation(), name, run)
    print_result(counts, as_json, show_replay)


def show_replay(data: dict[str, Any]) -> None:
    """Print how many of the open rows would pass the current contract, by reason."""
    rows = f"{data['would_pass']:,} of {data['open']:,} open rows would pass the current contract"
    title = f"{data['dataset']}, run {data['run_id'][:8]}: {rows}"
    grid = table(title, "reason", "rows", "would pass")
    for entry in data["reasons"]:
        grid.add_row(escape(entry["reason"]), f"{entry['rows']:,}", f"{entry['would_pass']:,}")
    console().print(grid)
    if data["next"]:
        console().print(
            f"The contract has changed since; to validate the delivery against it: {data['next']}",
            highlight=False,
        )


@quarantine_app.command("expire", epilog=examples("assay quarantine expire"))
def quarantine_expire(name: OptionalDataset = None, as_json: AsJson = False) -> None:
    """Remove quarantined rows that are older than `retention.quarantine`.

    Every publication does so too.
    """
    from assay.reading import check_contracts_can_be_read

    with show_progress("looking for old rows"):
        removed = expire_rows(name)
    print_result(removed, as_json, show_expired)
    if not name:
        check_contracts_can_be_read("its quarantines do not expire")


def expire_rows(name: str | None) -> list[dict[str, Any]]:
    """Remove rows that are older than their contract keeps them, of one data set or of all whose contract can be read."""
    from assay.assets.io.contract_folder import readable
    from assay.assets.stages import quarantine_record

    installation = open_installation()
    names = [name] if name else list(readable(installation.contracts))
    return quarantine_record.expire(installation, names)


def show_expired(data: list[dict[str, Any]]) -> None:
    """Print what was removed."""
    for entry in data:
        run = f"run {entry['run_id'][:8]}, kept since {entry['kept_at'][:10]}"
        text = f"{entry['dataset']}: {entry['rows']:,} rows of {run}, removed"
        console().print(text, highlight=False)
    if not data:
        console().print("No quarantined row is older than its contract allows.")
