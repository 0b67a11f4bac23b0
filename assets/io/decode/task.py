"""What every decoder gets and returns: plain values, since they cross between processes.

Belongs here: shapes, the files' names, writing what could not be read. Stays out: reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS, UNREADABLE = "rows.parquet", "unreadable.parquet"
KEPT_TEXT = 2**20
"""Of a record that cannot be read, this much text is kept."""


@dataclass(frozen=True)
class Task:
    """One file to decode: which decoder, the file, the folder to write into, the contract's options
    as plain values, memory and expansion it may take.
    """

    kind: str
    file: str
    folder: str
    options: dict[str, Any] = field(default_factory=dict)
    memory_mb: int = 4096
    expansion: int = 1000


@dataclass(frozen=True)
class Decoded:
    """What could be read: rows of which columns, records that could not be, records before the
    first row, and what was found out about how the file is written.
    """

    rows: int
    unreadable: int
    columns: tuple[str, ...]
    header: int = 0
    found: dict[str, str] = field(default_factory=dict)


class Undecodable(Exception):
    """The bytes cannot be read: the problem, the remedy, and the line if there is one.

    Never shows a value.
    """

    def __init__(self, problem: str, remedy: str, line: int | None = None) -> None:
        super().__init__(problem, remedy, line)
        self.problem, self.remedy, self.line = problem, remedy, line


class UnreadableRecords:
    """Writes what could not be read, as it comes: record number, reason, text."""

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(
            [("record", pa.int64()), ("reason", pa.string()), ("text", pa.string())]
        )
        self._writer = pq.ParquetWriter(folder / UNREADABLE, self._schema)
        self.count = 0

    def add(self, records: Iterable[tuple[int, str, bytes]]) -> None:
        """Keep these. Text that is no UTF-8 is kept with a mark for each byte that is not valid."""
        import pyarrow as pa

        rows = [
            {
                "record": number,
                "reason": reason,
                "text": text[:KEPT_TEXT].decode("utf-8", "replace"),
            }
            for number, reason, text in records
        ]
        if rows:
            self._writer.write_table(pa.Table.from_pylist(rows, self._schema))
            self.count += len(rows)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def repeated_name(names: Sequence[str], *, by_case: bool = False) -> str | None:
    """Why names of columns cannot be distinguished, by their places; None if they can.

    No name is repeated: where a delivery has no header, its first row is here.
    Args:
        by_case: whether names that differ in case alone can be distinguished.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        key = name if by_case else name.lower()
        if key == "_row":
            return f"column {place} is named `_row`, which is reserved for Assay"
        if name and key in places:
            case = "" if by_case else "; case is ignored"
            return f"two columns have the same name (columns {places[key]} and {place}{case})"
        places[key] = place
    return None


def named_apart(names: list[str]) -> tuple[list[str], list[str]]:
    """Names that can be distinguished: one that is empty becomes `column_3`, one that is there
    already `name_2`.

    Returns them, and the places of those that were changed, as requested.
    """
    taken: set[str] = set()
    done, changed = [], []
    for place, name in enumerate(names, start=1):
        plain = name.strip() or f"column_{place}"
        new, number = plain, 1
        while new.lower() in taken or new == "_row":
            number += 1
            new = f"{plain}_{number}"
        taken.add(new.lower())
        done.append(new)
        if new != name:
            changed.append(f"column {place}")
    return done, changed
