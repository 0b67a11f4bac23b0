"""`assay status`: what is published, what waits, what was triggered."""

from __future__ import annotations

from typing import Any

from assay.cli.clock import warn_of_clock
from assay.cli.options import AsJson
from assay.cli.render import ABSENT, console, count_cell, escape, print_result, table

EXAMPLES = ("assay status", "assay status --json")


def status(as_json: AsJson = False) -> None:
    """Show what is published, what waits for a decision, and what was triggered."""
    from assay.reading import status as read_status

    print_result(read_status(), as_json, show_status)
    warn_of_clock()


def show_status(data: list[dict[str, Any]]) -> None:
    """Print a line a data set, then what was triggered, then what is not delivered."""
    headers = ("name", "latest", "rows", "published", "drift", "in service", "waiting")
    grid = table("Data sets", *headers)
    for entry in data:
        grid.add_row(*_status_cells(entry))
    console().print(grid)
    _show_triggered(data)
    _show_contract_problems(data)
    _show_late_deliveries(data)
    _show_overdue(data)


def _status_cells(entry: dict[str, Any]) -> tuple[str, ...]:
    references = entry["references"]
    others = ", ".join(
        f"{reference} {version}"
        for reference, version in references.items()
        if reference != "latest"
    )
    newest = (references.get("latest") or ABSENT) + (f" ({others})" if others else "")
    services = (f"{kind} of {version}" for kind, version in entry["in_service"].items())
    return (
        entry["dataset"],
        newest,
        count_cell(entry["rows"]),
        (entry["published_at"] or ABSENT)[:10],
        entry["drift"] or ABSENT,
        ", ".join(services) or ABSENT,
        f"{entry['waiting_reviews']} review(s)" if entry["waiting_reviews"] else ABSENT,
    )


def _show_triggered(data: list[dict[str, Any]]) -> None:
    triggers = [(entry["dataset"], trigger) for entry in data for trigger in entry["triggers"]]
    if not triggers:
        return
    grid = table("Triggered", "", "", "")
    for name, trigger in triggers:
        outcome = trigger["outcome"] or {"outcome": "due", "reason": trigger["reason"]}
        reason = escape(f"{outcome['outcome']}: {outcome['reason']}")
        grid.add_row(f"{name}@{trigger['version']}", trigger["action"], reason)
    console().print(grid)


def _show_contract_problems(data: list[dict[str, Any]]) -> None:
    """The data sets that cannot run because of their contract, each with place, problem and remedy."""
    broken = [entry for entry in data if entry["contract_problem"]]
    if not broken:
        return
    grid = table("Contracts that cannot be read", "name", "place", "problem", "remedy")
    for entry in broken:
        problem = entry["contract_problem"]
        texts = (problem["place"] or ABSENT, problem["problem"], problem["remedy"])
        grid.add_row(escape(entry["dataset"]), *(escape(text) for text in texts))
    console().print(grid)


def _show_late_deliveries(data: list[dict[str, Any]]) -> None:
    late = [(entry["dataset"], delivery) for entry in data for delivery in entry["late"]]
    if not late:
        return
    headers = ("name", "what", "since", "tries", "next try", "because")
    grid = table("Not delivered yet", *headers)
    for name, delivery in late:
        grid.add_row(
            name,
            delivery["kind"],
            delivery["since"][:19],
            str(delivery["tries"]),
            delivery["next_try"][:19],
            escape(delivery["reason"]),
        )
    console().print(grid)


def _show_overdue(data: list[dict[str, Any]]) -> None:
    """The alarm about each data set of which too many deliveries wait, or for too long."""
    for entry in data:
        alarm = entry.get("overdue")
        if not alarm:
            continue
        since = f", late since {alarm['late_since'][:10]}" if alarm["late_since"] else ""
        line = f"{escape(entry['dataset'])}: {alarm['entries']:,} deliveries wait{since}."
        remedy = "Fix the reasons above; every run tries again."
        console().print(f"[red]✗[/] {line} {remedy}", soft_wrap=True)
