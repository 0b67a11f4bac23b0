"""Tables fit the terminal and break no number and no word; rows that do not fit become records."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from assay.cli.grid import Grid

WIDTHS = [40, 60, 80, 120, 200]
LONG = "The data have drifted: 4 of 8 columns moved, at least the share of 25 %: dep_delay (0.19)"


def printed(grid: Grid, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def grid(rows: int = 2, columns: int = 5, text: str = "1,234,567") -> Grid:
    cells = Grid("Numbers", ["name", *(f"column_{place}" for place in range(1, columns))])
    for row in range(rows):
        cells.add_row(f"row_{row}", *[text] * (columns - 1))
    return cells


def words(cells: Grid) -> set[str]:
    return {word for row in cells.rows for cell in row for word in cell.plain.split()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "cells",
    [
        grid(),
        grid(columns=12),
        grid(columns=25),
        grid(text="2026-12-01T12:44:13"),
        grid(text=LONG),
        grid(rows=40, columns=3, text="LicenseRef-Non-Commercial, of the agreement"),
        grid(text="€ 1,5 für Köln"),
    ],
    ids=["narrow", "wide", "widest", "times", "sentences", "many", "other letters"],
)
def test_every_line_fits_and_no_word_is_broken(cells: Grid, width: int) -> None:
    text = printed(cells, width)
    assert max(map(len, text.splitlines())) <= width
    assert words(cells) <= set(text.split())


def test_rows_that_fit_are_a_table() -> None:
    assert printed(grid(rows=1, columns=3), 80).splitlines() == [
        "Numbers",
        "name    column_1   column_2",
        "───────────────────────────",
        "row_0  1,234,567  1,234,567",
    ]


def test_rows_that_do_not_fit_are_records_with_their_headers() -> None:
    lines = printed(grid(rows=1, columns=6), 40).splitlines()
    assert lines == [
        "Numbers",
        "name row_0",
        "  column_1: 1,234,567",
        "  column_2: 1,234,567",
        "  column_3: 1,234,567",
        "  column_4: 1,234,567",
        "  column_5: 1,234,567",
    ]


def test_a_long_reason_does_not_make_a_column_of_words() -> None:
    cells = Grid("Decisions", ["number", "version", "because", "by"])
    cells.add_row("1", "1.0.0", LONG * 4, "ann@example.com")
    cells.add_row("2", "1.1.0", LONG * 4, "ann@example.com")
    lines = printed(cells, 80).splitlines()
    assert lines[1] == "number 1"
    assert len(lines) < 18


def test_facts_keep_their_names_even_if_a_value_is_longer_than_the_line() -> None:
    cells = Grid("flights@1.0.0", ["", ""])
    cells.add_row("rows", "12 in")
    cells.add_row("source sha256", "b6b5560eeae070d89916" * 4)
    text = printed(cells, 60)
    assert re.search(r"^rows +12 in$", text, re.M)
    assert "source sha256  b6b5560e" in text


def test_cells_are_rich_markup_and_escaped_text_stays() -> None:
    cells = Grid("Marks", ["name", "mark"])
    cells.add_row("a\\[0]", "[green]✓[/]")
    assert "a[0]  ✓" in printed(cells, 80)
