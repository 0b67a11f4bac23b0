"""How the demo ends: what came in, what was refused and why, where to look, what to try next.

Belongs here: the words. Stays out: running (tour.py), reading versions (assay.reading).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console


def print_closing(console: Console, cards: list[dict[str, Any]], home: Path) -> None:
    """Print the closing words about these versions, given as data cards."""
    sections = {
        "What came in": _what_came_in(cards),
        "What was refused, and why": _what_was_refused(cards),
        "Where to look": _where_to_look(home),
        "Next, with a file of your own": _what_next(home),
    }
    for title, lines in sections.items():
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _what_came_in(cards: list[dict[str, Any]]) -> Iterable[str]:
    total = _total(cards)
    names = {card["dataset"] for card in cards}
    yield (
        f"{total['rows_in']:,} rows of {len(names)} data sets: {total['published']:,} published in"
        f" {len(cards)} versions,"
    )
    yield f"{total['quarantined']:,} quarantined, {total['removed']:,} removed by cleaning."


def _what_was_refused(cards: list[dict[str, Any]]) -> Iterable[str]:
    """One line a reason, the most frequent first."""
    reasons: Counter[tuple[str, str]] = Counter()
    for card in cards:
        for rule, rows in card["rows"]["quarantined_by"].items():
            reasons[card["dataset"], _describe(rule, card["checks"])] += rows
    for (dataset, reason), rows in reasons.most_common():
        yield f"{rows:>7,} rows of {dataset}: {reason}"
    if not reasons:
        yield "Nothing: every row passed its rules."


def _describe(rule: str, checks: list[dict[str, Any]]) -> str:
    """A reason with the contract's description of the rule, where it has one."""
    if rule.startswith("unreadable"):
        return "records that no reader can parse"
    descriptions = {check["rule"]: check["description"] for check in checks}
    description = descriptions.get(rule, rule).rstrip(".")
    return rule if description == rule else f"{rule} ({description})"


def _where_to_look(home: Path) -> Iterable[str]:
    yield from _commands(
        {
            "assay quarantine list": "rows that wait for a decision",
            "assay show flights@1.1.0": "the data card of a version",
            "assay drift show flights@1.1.0": "what changed between two versions",
            "assay verify --all": "compare every file with its signed evidence",
            "assay ui": "all of it in the browser",
        }
    )
    yield f"Files: {home}/lake (tables), {home}/evidence, {home}/reports"


def _what_next(home: Path) -> Iterable[str]:
    yield from _commands(
        {
            f"cp FILE.csv {home}/inbox/": "sources are read from here",
            f"assay new {home}/inbox/FILE.csv --license CC0-1.0": "draft a contract; answer its TODOs",
            "assay check": "until there are no findings",
            "assay run NAME": "publish it",
        }
    )


def _commands(meanings: dict[str, str]) -> Iterable[str]:
    width = max(map(len, meanings))
    for command, meaning in meanings.items():
        yield f"{command:<{width}}  {meaning}"


def _total(cards: list[dict[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for card in cards:
        for key in ("rows_in", "published", "quarantined", "removed"):
            total[key] += card["rows"][key]
    return total
