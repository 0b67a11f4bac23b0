"""`assay licences`: what each licence allows."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from assay.cli.options import AsJson
from assay.cli.render import ABSENT, console, print_result, table

MARKS = {"allowed": "[green]✓[/]", "review": "[yellow]?[/]", "refused": "[red]✗[/]"}


def licences(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Licences as somebody wrote them: SPDX expressions, hub tags, addresses; all that have been read unless named."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What each licence allows for each purpose. Examples: `assay licences`, `assay licences cc-by-nc-sa-4.0 "MIT OR ODbL-1.0"`"""
    from assay.contracts.licenses import LONGEST
    from assay.reading import licences as read_licences

    if any(not name.strip() or len(name) > LONGEST for name in names or []):
        problem = f"a licence has 1 to {LONGEST:,} characters; give one, or none to list them all"
        raise typer.BadParameter(problem, param_hint="NAMES")
    print_result(read_licences(names or []), as_json, show_licences)


def show_licences(data: list[dict[str, Any]]) -> None:
    """Print a line a licence: its terms, then each purpose's outcome, without and with gain."""
    purposes = list(data[0]["outcomes"]) if data else []
    title = "Licences: what each lets one do; per purpose without gain / for gain"
    grid = table(title, "licence", "use", "terms", *purposes)
    for entry in data:
        outcomes = [entry["outcomes"][purpose].values() for purpose in purposes]
        marks = (" ".join(MARKS[outcome] for outcome in both) for both in outcomes)
        grid.add_row(entry["license"], entry["use"], ", ".join(entry["terms"]) or ABSENT, *marks)
    console().print(grid)
    console().print("✓ allowed   ? a person decides   ✗ refused", highlight=False)
    for entry in data:
        if "asked" in entry:
            console().print(f"\n{_reading(entry)}", highlight=False, markup=False)


def _reading(entry: dict[str, Any]) -> str:
    """How a licence was read, and what was not."""
    if entry["read"] is None:
        return f"'{entry['asked']}' names no licence: {entry['how']}. A person decides."
    read = f"'{entry['asked']}' is read as {entry['read']} ({entry['how']}). {entry['source']}"
    return f"{read}\nA person decides: {entry['doubt']}." if entry["doubt"] else read
