"""The demo ends with sums, reasons and commands that a newcomer can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.demo.closing import print_closing


def card(name: str, quarantined_by: dict[str, int], *, published: int, removed: int = 0) -> Any:
    quarantined = sum(quarantined_by.values())
    rows = {
        "rows_in": published + quarantined + removed,
        "published": published,
        "quarantined": quarantined,
        "quarantined_by": quarantined_by,
        "removed": removed,
    }
    checks = [
        {"rule": "meter_enum", "description": "meter is one of 5 values"},
        {"rule": "known", "description": "known"},
    ]
    return {"dataset": name, "rows": rows, "checks": checks}


def closing(cards: list[Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_closing(Console(width=80), cards, Path(".assay"))
    return capsys.readouterr().out


def test_rows_of_all_versions_are_summed(capsys: pytest.CaptureFixture[str]) -> None:
    cards = [
        card("a", {"known": 3}, published=1_000, removed=7),
        card("a", {"known": 2}, published=500),
        card("b", {}, published=10),
    ]
    printed = closing(cards, capsys)
    assert "1,522 rows of 2 data sets: 1,510 published in 3 versions," in printed
    assert "5 quarantined, 7 removed by cleaning." in printed


def test_reasons_are_described_and_the_most_frequent_is_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reasons = {"known": 3, "meter_enum": 40, "unreadable: too many columns": 1, "unreadable: x": 1}
    printed = closing([card("a", reasons, published=1)], capsys)
    lines = [line.strip() for line in printed.splitlines() if "rows of a:" in line]
    assert lines == [
        "40 rows of a: meter_enum (meter is one of 5 values)",
        "3 rows of a: known",
        "2 rows of a: records that no reader can parse",
    ]


def test_a_demo_without_quarantined_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Nothing: every row passed its rules." in closing([card("a", {}, published=1)], capsys)


def test_every_command_of_the_closing_exists(capsys: pytest.CaptureFixture[str]) -> None:
    import typer.main

    from assay.cli import app

    printed = closing([card("a", {}, published=1)], capsys)
    commands = [line.split()[1] for line in printed.splitlines() if line.startswith("  assay ")]
    assert len(commands) > 5
    assert set(commands) <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
