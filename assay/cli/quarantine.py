"""`assay quarantine`: rows that were set aside, and decisions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import chosen_datasets, open_installation
from assay.cli.options import AsJson, Why
from assay.cli.render import ABSENT, console, escape, print_result, table

if TYPE_CHECKING:
    from assay.pipelines.validate.quarantine import Action

quarantine_app = typer.Typer(
    name="quarantine",
    help="Rows that were set aside: looked at, released, discarded, replayed, expired.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Dataset = Annotated[str, typer.Argument(help="The data set.")]
OptionalDataset = Annotated[str | None, typer.Argument(help="A data set; all unless named.")]
OfRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="The run that set the rows aside, or how its name begins; the newest unless given.",
    ),
]
OfRule = Annotated[
    str | None, typer.Option("--rule", help="The reason: a rule's name, or a cleaning step's.")
]
OfRows = Annotated[
    list[int] | None,
    typer.Option("--row", help="A row's number in its source. May be given several times."),
]
WIDEST_CELL = 60


@quarantine_app.command("list")
def quarantine_list(name: OptionalDataset = None, as_json: AsJson = False) -> None:
    """What waits, per run: rows with their reasons, what was decided, when they expire. Example: `assay quarantine list flights`"""
    print_result(list_quarantines(name), as_json, show_quarantines)


def list_quarantines(name: str | None) -> list[dict[str, Any]]:
    """What waits, of one data set or of all."""
    from assay.assets.services import quarantine

    installation = open_installation()
    return quarantine.listed(installation, chosen_datasets(installation, name))


def show_quarantines(data: list[dict[str, Any]]) -> None:
    """Print a line a run that set rows aside."""
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


@quarantine_app.command("show")
def quarantine_show(
    name: Dataset,
    run: OfRun = None,
    rule: OfRule = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The first rows, with reasons and the values of columns that are not personal. Example: `assay quarantine show flights --rule dep_time_minimum`"""
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


@quarantine_app.command("release")
def quarantine_release(
    name: Dataset, why: Why, run: OfRun = None, rule: OfRule = None, row: OfRows = None
) -> None:
    """Have the next version hold rows though they broke a rule. Example: `assay quarantine release readings --row 7 --why "meter 12 was calibrated on Monday"`"""
    print(decide(name, "release", run, rule, row or [], why))


@quarantine_app.command("discard")
def quarantine_discard(
    name: Dataset, why: Why, run: OfRun = None, rule: OfRule = None, row: OfRows = None
) -> None:
    """Remove rows' values for good; they stay counted. Example: `assay quarantine discard readings --rule meter_pattern --why "test meters"`"""
    print(decide(name, "discard", run, rule, row or [], why))


def decide(
    name: str, action: Action, run_id: str | None, rule: str | None, rows: list[int], why: str
) -> str:
    """Keep a decision about quarantined rows, and describe what follows."""
    from assay.assets.services import quarantine

    decision = quarantine.decide(
        open_installation(), name, action, run_id=run_id, rule=rule, rows=rows, why=why
    )
    if action == "release":
        verb, follows = "released", f"The next version has them: assay run {name}"
    else:
        verb = "discarded"
        follows = "Their values are gone from the quarantine; they stay counted"
    return f"decision {decision['id']}: {decision['rows']:,} rows of {name} {verb}. {follows}"


@quarantine_app.command("replay")
def quarantine_replay(name: Dataset, run: OfRun = None, as_json: AsJson = False) -> None:
    """Which of the rows that wait would pass today's contract, per reason. Example: `assay quarantine replay flights`"""
    from assay.assets.services import quarantine

    print_result(quarantine.replay(open_installation(), name, run), as_json, show_replay)


def show_replay(data: dict[str, Any]) -> None:
    """Print how many of the rows that wait would pass today's contract, per reason."""
    rows = f"{data['would_pass']:,} of {data['open']:,} rows would pass today's contract"
    title = f"{data['dataset']}, run {data['run_id'][:8]}: {rows}"
    grid = table(title, "reason", "rows", "would pass")
    for entry in data["reasons"]:
        grid.add_row(escape(entry["reason"]), f"{entry['rows']:,}", f"{entry['would_pass']:,}")
    console().print(grid)
    if data["next"]:
        console().print(
            f"The contract has changed since; a run judges the delivery by it: {data['next']}",
            highlight=False,
        )


@quarantine_app.command("expire")
def quarantine_expire(name: OptionalDataset = None, as_json: AsJson = False) -> None:
    """Remove what is older than `retention.quarantine`; every publication does so too. Example: `assay quarantine expire`"""
    from assay.reading import check_contracts_can_be_read

    print_result(expire_rows(name), as_json, show_expired)
    if not name:
        check_contracts_can_be_read("none of its quarantines expires")


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
        text = f"{entry['dataset']}: {entry['rows']:,} rows of {run}, are gone"
        console().print(text, highlight=False)
    if not data:
        console().print("Nothing in the quarantine is older than its contract says.")
