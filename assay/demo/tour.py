"""The demo: three data sets from source to action, then a short account of what happened.

Belongs here: delivering the made-up tickets, running, and comparing what was found with what was
planted.
"""

from __future__ import annotations

import os
from typing import Any

import polars as pl
from rich.console import Console

from assay.assets.io.disk import write_atomically
from assay.assets.io.home import SHIPPED_CONTRACTS, contract_files, home
from assay.assets.io.installation import Installation
from assay.assets.stages.admit import found_again
from assay.assets.stages.run import Run
from assay.cli.grid import Grid
from assay.cli.render import table
from assay.cli.show import describe_rows
from assay.demo.closing import print_closing
from assay.demo.tickets import found_of_planted, generate
from assay.pipelines.core.frames import ROW
from assay.reading import card, status
from assay.running import run_all

console = Console()
TICKETS, FLIGHTS, DOCS = "support_tickets", "flights", "python_docs"


def tour() -> bool:
    """Run the demo. Returns: whether everything succeeded."""
    console.print(
        "[bold]Assay demo[/]: flights (external, CC0), the Python language reference (external, PSF), support tickets (synthetic)\n"
    )
    _bring_contracts()
    inbox = home().root / "inbox"
    if not (inbox / f"{TICKETS}.planted.json").exists():
        with console.status(
            "writing 50,000 synthetic support tickets with planted personal data and errors…"
        ):
            inbox.mkdir(parents=True, exist_ok=True)
            generate(inbox)
    before = {entry["dataset"]: entry["versions"] for entry in status()}
    # each run of flights publishes the window that is due: January to March, then June to August,
    # so that drift is real
    succeeded = run_all(
        [FLIGHTS, DOCS, TICKETS] if before[FLIGHTS] else [FLIGHTS, FLIGHTS, DOCS, TICKETS], None
    )
    if succeeded:
        _account(before)
    return succeeded


def _account(before: dict[str, list[str]]) -> None:
    entries = {
        entry["dataset"]: entry
        for entry in status()
        if entry["dataset"] in (FLIGHTS, DOCS, TICKETS)
    }
    console.rule("[bold]What happened")
    for name, entry in entries.items():
        for version in entry["versions"]:
            _version(name, version, entry, new=version not in before[name])
    _planted()
    new = sum(len(entry["versions"]) - len(before[name]) for name, entry in entries.items())
    console.print(
        f"\n[bold]{new} new version(s) published.[/]"
        if new
        else "\n[bold]Nothing new was published: no source has changed.[/]"
    )
    cards = [
        card(name, version) for name, entry in entries.items() for version in entry["versions"]
    ]
    print_closing(console, cards, home().home)


def _bring_contracts() -> None:
    """Have the demo's contracts where Assay reads contracts: they are written into a project that
    has none.

    Next to a project's own contracts nothing is written: this process alone reads those that ship
    with Assay.
    """
    where = home()
    names = {f"{name}.odcs.yaml" for name in (TICKETS, FLIGHTS, DOCS)}
    there = {file.name for file in contract_files(where.contracts)}
    if names <= there:
        return
    if there:
        os.environ["ASSAY_CONTRACTS"] = str(SHIPPED_CONTRACTS)
        problem = f"{where.contracts} holds other contracts. To look at the demo's data sets later:"
        console.print(
            f"{problem} export ASSAY_CONTRACTS={SHIPPED_CONTRACTS}\n",
            highlight=False,
            soft_wrap=True,
        )
        return
    where.drafts.mkdir(parents=True, exist_ok=True)
    for name in sorted(names):
        text = (SHIPPED_CONTRACTS / name).read_text(encoding="utf-8")
        write_atomically(where.drafts / name, text)
    console.print(
        f"The demo's contracts are written to {where.drafts}. You can read and change them.\n",
        highlight=False,
    )


def _version(name: str, version: str, entry: dict[str, Any], *, new: bool) -> None:
    data = card(name, version)
    lic = data["license"]
    failing = (
        f"; {check['rule']}: {check['failing']:,} rows ({check['severity']})"
        for check in data["checks"]
        if check["failing"]
    )
    carries = f"; carries {', '.join(lic['obligations'])}" if lic["obligations"] else ""
    verdict = f"{lic['verdict']} for {', '.join(lic['purposes'])}"
    grid = table(f"{name}@{version}" + ("" if new else "  (published before)"), "", "")
    grid.add_row("rows", describe_rows(data["rows"]))
    grid.add_row("licence", f"{lic['expression']}: {verdict}{carries}")
    grid.add_row("checks", f"{data['quality']['checks_passed']} passed" + "".join(failing))
    grid.add_row("drift", _drift(name, version))
    for trigger in entry["triggers"]:
        if trigger["version"] == version:
            _add_trigger(grid, trigger)
    console.print(grid, highlight=False)


def _add_trigger(grid: Grid, trigger: dict[str, Any]) -> None:
    """What drift or a contract's rule triggered, and what came of it."""
    outcome = trigger["outcome"] or {}
    by_drift = "drifted" in trigger["reason"]
    action = trigger["action"] if by_drift else f"{trigger['action']}: {trigger['reason']}"
    grid.add_row("triggered", action)
    text = f"{outcome.get('outcome', 'still due')}: {outcome.get('reason', '')}"
    grid.add_row("outcome", text)


def _drift(name: str, version: str) -> str:
    drift = Installation.open().registry.derived.get(name, version, "drift")
    return f"{drift['verdict']}: {' '.join(drift['reasons'])}" if drift else "not requested"


def _planted() -> None:
    """What the scan found of what the generator planted, and whether any of it is in the published
    version.
    """
    installation = Installation.open()
    planted = pl.read_parquet(installation.home.root / "inbox" / f"{TICKETS}.planted.parquet")
    row = installation.version(TICKETS)
    run = Run(installation, installation.contract(TICKETS), row.run_id)
    findings = found_again(run, row).rename({ROW: "row"})
    title = "Personal data in support_tickets: detected of planted"
    grid = table(title, "kind", "where", "planted", "found", "missed")
    in_text = pl.col("column") == "message"
    for where, here in (("its own column", ~in_text), ("free text", in_text)):
        counts = found_of_planted(planted.filter(here), findings)
        for kind, count, hits, missed in counts.iter_rows():
            share = f"{hits:,}  ({100 * hits / count:.2f} %)"
            grid.add_row(kind, where, f"{count:,}", share, f"{missed:,}")
    console.print(grid)
    leaks = _leaks(installation.scan(row), planted)
    console.print(
        f"Of {planted['value'].n_unique():,} planted values {leaks:,} can be read in the published"
        " version.\nNames in free text are detected by the words before them, or because a name"
        " column of the table holds them; the others are missed.",
        highlight=False,
        soft_wrap=True,
    )


def _leaks(version: pl.LazyFrame, planted: pl.DataFrame) -> int:
    """How many distinct planted values stand somewhere in the version's text."""
    values = planted["value"].unique().to_list()
    texts = [name for name, kind in version.collect_schema().items() if kind == pl.String]
    seen = pl.collect_all(
        [
            version.select(pl.col(name).str.extract_many(values, overlapping=True).alias("value"))
            .explode("value", empty_as_null=False)
            .unique()
            for name in texts
        ]
    )
    return pl.concat(seen)["value"].drop_nulls().n_unique()
