"""`assay licences`: what each licence allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from assay.cli.options import AsJson
from assay.cli.render import ABSENT, console, print_result, table

EXAMPLES = ("assay licences", 'assay licences cc-by-nc-sa-4.0 "MIT OR ODbL-1.0"')
OUTCOMES = {
    ("allowed", "allowed"): "",
    ("allowed", "refused"): ", without gain only",
    ("refused", "refused"): ": not allowed",
    ("review", "review"): ": a person decides",
}
"""What to add to purposes, by their outcome without and with commercial gain."""


def licences(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Licences as published: SPDX expressions, hub tags, web addresses. [default: all that Assay knows]"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each licence allows for each purpose."""
    from assay.contracts.licenses import LONGEST
    from assay.licence_terms import licence_terms

    if any(not name.strip() or len(name) > LONGEST for name in names or []):
        problem = f"a licence has 1 to {LONGEST:,} characters; give one, or none to list them all"
        raise typer.BadParameter(problem, param_hint="NAMES")
    print_result(licence_terms(names or []), as_json, show_licences)


def show_licences(data: list[dict[str, Any]]) -> None:
    """Print a line for each licence: the purposes that it allows, and its terms."""
    grid = table("Licences", "licence", "allows", "terms")
    for entry in data:
        allowed = "; ".join(_describe_purposes(entry["outcomes"]))
        grid.add_row(entry["license"], allowed, ", ".join(entry["terms"]) or ABSENT)
    console().print(grid)
    for entry in data:
        if "asked" in entry:
            console().print(f"\n{_reading(entry)}", highlight=False, markup=False)


def _describe_purposes(outcomes: dict[str, dict[str, str]]) -> Iterator[str]:
    """Purposes with the same outcome together: what is allowed first."""
    by_outcome: dict[tuple[str, str], list[str]] = {}
    for purpose, outcome in outcomes.items():
        without, with_gain = outcome.values()
        by_outcome.setdefault((without, with_gain), []).append(purpose)
    for (without, with_gain), purposes in sorted(by_outcome.items()):
        names = "every purpose" if len(purposes) == len(outcomes) else ", ".join(purposes)
        default = f": {without} without gain, {with_gain} for gain"
        yield names + OUTCOMES.get((without, with_gain), default)


def _reading(entry: dict[str, Any]) -> str:
    """How a licence was read, and what was not."""
    if entry["read"] is None:
        return f"'{entry['asked']}' is not a known licence: {entry['how']}. A person decides."
    read = f"'{entry['asked']}' is read as {entry['read']} ({entry['how']}). {entry['source']}"
    return f"{read}\nA person decides: {entry['doubt']}." if entry["doubt"] else read
