"""Tables that fit the terminal: no number and no word is broken.

Rows become a table where each column has room for its longest word, and no row grows tall. Other
rows become records: the first cell is a heading, and the others follow it with their headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GAP = 2
LINES_OF_A_ROW = 2.5
"""Lines that rows of a table may have on average; beyond that, records are easier to read."""
LINES_OF_A_TABLE = 4
"""Lines that a table may have however few its rows are."""
SHORT_CELL = 40
"""Characters up to which a record's cells share a line."""
_NUMBER = re.compile(r"[+-]?\d[\d,. ]*(e[+-]\d+)?%?|—")


@dataclass
class Grid:
    """Rows under headers, printed as a table or as records. Cells are Rich markup."""

    title: str
    headers: Sequence[str]
    rows: list[tuple[Text, ...]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return len(self.rows)

    def add_row(self, *cells: str) -> None:
        """Add a row: a cell for each header."""
        self.rows.append(tuple(Text.from_markup(cell) for cell in cells))

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Print a table if its rows stay low in this width, else records."""
        widths = column_widths(self._columns(), options.max_width)
        if not any(self.headers):
            widths = widths or self._fact_widths(options.max_width)
        yield Text(self.title, style="bold")
        if widths and (not any(self.headers) or self._is_low(widths)):
            yield self._table(widths)
        else:
            for row in self.rows:
                yield from self._record(row, options.max_width)

    def _columns(self) -> list[list[Text]]:
        headers = [Text(header) for header in self.headers]
        return [
            [header, *(row[place] for row in self.rows)] for place, header in enumerate(headers)
        ]

    def _fact_widths(self, width: int) -> list[int]:
        """Widths without headers where a word is longer than the line: the last column gives way."""
        first = [max(_longest_line(cell) for cell in column) for column in self._columns()[:-1]]
        return [*first, max(10, width - sum(first) - GAP * len(first))]

    def _is_low(self, widths: Sequence[int]) -> bool:
        """Whether the rows stay low; a line is taken as filled to four fifths by words."""
        heights = (
            max(_estimated_lines(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in self.rows
        )
        return sum(heights) <= max(LINES_OF_A_TABLE, LINES_OF_A_ROW * len(self.rows))

    def _table(self, widths: Sequence[int]) -> Table:
        grid = Table(
            header_style="bold",
            show_edge=False,
            pad_edge=False,
            padding=(0, GAP - 1, 0, 0),
            show_header=any(self.headers),
            box=SIMPLE_HEAD,
        )
        for header, column, width in zip(self.headers, self._columns(), widths, strict=True):
            cells = [cell.plain for cell in column[1:] if cell.plain]
            is_number = bool(cells) and all(map(_NUMBER.fullmatch, cells))
            grid.add_column(
                header, width=width, overflow="fold", justify="right" if is_number else "left"
            )
        for row in self.rows:
            grid.add_row(*row)
        return grid

    def _record(self, row: Sequence[Text], width: int) -> Iterator[RenderableType]:
        """A heading, then short cells side by side and long ones on lines of their own."""
        heading = (f"{self.headers[0]} ", "dim") if self.headers[0] else ""
        yield Text.assemble(heading, (row[0].plain, "bold"))
        line = Text()
        for header, cell in list(zip(self.headers, row, strict=True))[1:]:
            if not cell.plain.strip():
                continue
            entry = Text.assemble((f"{header}: " if header else "", "dim"), cell)
            fits = line.cell_len + 3 + entry.cell_len <= width - 2
            if line and not (fits and cell.cell_len <= SHORT_CELL):
                yield Padding(line, (0, 0, 0, 2))
                line = Text()
            line = Text("   ").join([line, entry]) if line else entry
        if line:
            yield Padding(line, (0, 0, 0, 2))


def column_widths(columns: Sequence[Sequence[Text]], width: int) -> list[int] | None:
    """The width of each column, so that no word is broken; None if the words need more room.

    Args:
        columns: the cells of each column, its header first.
        width: the terminal's, in characters.
    """
    least = [max(map(_longest_word, column)) for column in columns]
    wanted = [max(map(_longest_line, column)) for column in columns]
    spare = width - GAP * (len(columns) - 1) - sum(least)
    if spare < 0:
        return None
    widths = list(least)
    # each round widens the columns that still want room by the same share of what is left
    while spare > 0 and (
        open_ := [place for place, have in enumerate(widths) if have < wanted[place]]
    ):
        share = max(1, spare // len(open_))
        for place in open_[:spare]:
            step = min(share, wanted[place] - widths[place])
            widths[place] += step
            spare -= step
    return widths


def _estimated_lines(cell: Text, width: int) -> int:
    return 1 if cell.cell_len <= width else -(-cell.cell_len * 5 // (width * 4))


def _longest_word(cell: Text) -> int:
    return max((Text(word).cell_len for word in cell.plain.split()), default=0)


def _longest_line(cell: Text) -> int:
    return max((Text(line).cell_len for line in cell.plain.splitlines()), default=0)
