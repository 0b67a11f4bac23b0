"""What the quarantine holds, on a terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from assay.show import console, table


def show_quarantines(data: list[dict[str, Any]]) -> None:
    """A line a run that set rows aside."""
    made = table(
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
        until = (
            f"expired {entry['expired_at'][:10]}"
            if entry["expired_at"]
            else (entry["expires_at"] or "—")[:10]
        )
        counts = (f"{entry[state]:,}" for state in ("rows", "open", "released", "discarded"))
        made.add_row(
            entry["dataset"],
            entry["run_id"][:8],
            entry["kept_at"][:16],
            *counts,
            until,
            escape(reasons),
        )
    console.print(made if data else "The quarantine is empty.")


def show_rows(data: dict[str, Any]) -> None:
    """The first rows of one quarantine; personal columns are named, and not shown."""
    show_quarantines([data])
    rows = data["first_rows"]
    values = [name for name in (rows[0] if rows else {}) if not name.startswith("_")]
    made = table(f"First {len(rows)} rows", "row", "state", "reasons", *values)
    for row in rows:
        cells = ("—" if row[name] is None else str(row[name]) for name in values)
        made.add_row(
            str(row["_row"]),
            row["_state"],
            escape(", ".join(row["_reasons"])),
            *(escape(cell if len(cell) <= 60 else cell[:57] + "…") for cell in cells),
        )
    console.print(made)
    if data["hidden"]:
        console.print(
            f"Personal columns are not shown: {', '.join(data['hidden'])}", highlight=False
        )


def show_replay(data: dict[str, Any]) -> None:
    """How many of the rows that wait would pass today's contract, per reason."""
    made = table(
        f"{data['dataset']}, run {data['run_id'][:8]}: {data['would_pass']:,} of {data['open']:,} rows would pass today's contract",
        "reason",
        "rows",
        "would pass",
    )
    for entry in data["reasons"]:
        made.add_row(escape(entry["reason"]), f"{entry['rows']:,}", f"{entry['would_pass']:,}")
    console.print(made)
    if data["next"]:
        console.print(
            f"The contract has changed since; a run judges the delivery by it: {data['next']}",
            highlight=False,
        )


def show_expired(data: list[dict[str, Any]]) -> None:
    """What was removed."""
    for entry in data:
        console.print(
            f"{entry['dataset']}: {entry['rows']:,} rows of run {entry['run_id'][:8]}, kept since {entry['kept_at'][:10]}, are gone",
            highlight=False,
        )
    if not data:
        console.print("Nothing in the quarantine is older than its contract says.")
