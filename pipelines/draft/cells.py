"""Text columns -> their different texts, how many rows have each, and what each can be read as.

Belongs here: a table in long form, so that a column costs no plan of its own, and a text that many
rows have is read once. Stays out: what the measures mean for a column (profile.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assay.contracts.formats import string_formats
from assay.contracts.model import Column, LogicalType
from assay.contracts.types import read
from assay.pipelines.core.engine import run
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.null_values import null_spellings
from assay.pipelines.draft.shapes import shape_of

COLUMN, TEXT, ROWS = "column", "text", "rows"
"""The column's number, a text in it, and the rows that have it."""
QUARTERS = ("quarter_1", "quarter_2", "quarter_3", "quarter_4")
"""How many of those rows are in each quarter of the table."""
IS_NULL_SPELLING = "is_null_spelling"
READ_AS: tuple[LogicalType, ...] = ("integer", "number", "timestamp", "date")
SHAPED = ("uuid", "uri", "ipv4", "ipv6")
_MOST_CELLS, _MOST_BYTES = 1_000_000, 200_000_000
"""Of the columns whose different texts are held at a time."""
_LONGEST_READ = 500
"""Characters of a text that may be a number, a moment, or of one shape: a cell of a megabyte is
none of these."""
_DEGREES = r"[+-]?[0-9]{1,3}\.[0-9]{3,}"
_POINT = rf"^\s*(?:(?:SRID=[0-9]+; ?)?(?i:point) ?Z? ?\(|\(?{_DEGREES}, ?{_DEGREES}\)?\s*$|\{{\W*(?:type\W+Point\b|lat|lon))"
"""A point in well-known text, as two decimal degrees, or as JSON: `POINT (4.9 52.37)`, `(52.37,
4.90)`, `{"type": "Point"…`.
"""
_DECIMAL_COMMA = r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),(?:[0-9]{1,2}|[0-9]{4,})$"
_PAIR = r"^[(\[]?[+-]?[0-9]{1,3}\.[0-9]+ ?, ?[+-]?[0-9]{1,3}\.[0-9]+[)\]]?$"
_NESTED = r"(?s)^(?:\[.*\]|\{.*\})$"
_ZONED = r"[0-9]([Zz]| ?[+-][0-9]{2}(:?[0-9]{2})*)$"


@dataclass(frozen=True)
class Cells:
    """The cells of some columns in long form, with what each can be read as.

    `frame` has a row for each column and different text; where the rows are too many to be held,
    one for each cell.
    """

    names: tuple[str, ...]
    frame: pl.LazyFrame
    is_distinct: bool

    def numbers(self, names: Sequence[str]) -> list[int]:
        """The numbers of columns in `frame`."""
        return [self.names.index(name) for name in names]

    def of(self, names: Sequence[str]) -> pl.LazyFrame:
        """The cells of some of the columns."""
        if len(names) == len(self.names):
            return self.frame
        return self.frame.filter(pl.col(COLUMN).is_in(self.numbers(names)))

    def without(self, null_values: Mapping[str, Sequence[str]]) -> Cells:
        """The cells without the texts that represent nothing in their column."""
        if not null_values:
            return self
        pairs = [(self.names.index(n), text) for n, texts in null_values.items() for text in texts]
        absent = pl.LazyFrame(pairs, schema={COLUMN: pl.UInt32, TEXT: pl.String}, orient="row")
        frame = self.frame.join(absent, on=[COLUMN, TEXT], how="anti")
        return Cells(self.names, frame, self.is_distinct)


def text_bytes(frame: pl.LazyFrame, names: Sequence[str]) -> dict[str, int]:
    """How many bytes the texts of each column have together."""
    sizes = run(frame.select(pl.col(name).str.len_bytes().sum() for name in names))
    return dict(sizes.row(0, named=True)) if names else {}


def batches(sizes: Mapping[str, int], rows: int) -> Iterator[list[str]]:
    """The columns in groups whose cells can be held at a time."""
    batch, size = list[str](), 0
    for name, own in sizes.items():
        is_full = (len(batch) + 1) * rows > _MOST_CELLS or size + own > _MOST_BYTES
        if batch and is_full:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += own
    if batch:
        yield batch


def cells(frame: pl.LazyFrame, names: Sequence[str], rows: int, size: int) -> Cells:
    """The cells of a group of columns.

    Args:
        frame: `_row` and text columns.
        rows: of the table.
        size: bytes of the group's texts.
    """
    quarter = ((pl.col(ROW) - pl.col(ROW).min()) * 4 // max(1, rows)).clip(0, 3)
    can_be_held = rows * len(names) <= 2 * _MOST_CELLS and size <= 2 * _MOST_BYTES
    numbered = frame.select(
        quarter.alias("quarter"), *(pl.col(name).alias(str(i)) for i, name in enumerate(names))
    )
    long = (
        numbered.unpivot(index="quarter", variable_name=COLUMN, value_name=TEXT)
        .drop_nulls(TEXT)
        .with_columns(pl.col(COLUMN).cast(pl.UInt32))
    )
    if not can_be_held:
        single = long.select(
            COLUMN,
            TEXT,
            pl.lit(1, pl.UInt32).alias(ROWS),
            *(
                (pl.col("quarter") == i).cast(pl.UInt32).alias(name)
                for i, name in enumerate(QUARTERS)
            ),
        )
        return Cells(tuple(names), _with_readings(single), is_distinct=False)
    distinct = long.group_by(COLUMN, TEXT).agg(
        pl.len().alias(ROWS),
        *((pl.col("quarter") == i).sum().alias(name) for i, name in enumerate(QUARTERS)),
    )
    held = run(_with_readings(run(distinct).lazy()))
    return Cells(tuple(names), held.lazy(), is_distinct=True)


def _with_readings(long: pl.LazyFrame) -> pl.LazyFrame:
    """The cells with what each of them is, or can be read as."""
    text = pl.col(TEXT)
    short = pl.when(text.str.len_bytes() <= _LONGEST_READ).then(text.str.strip_chars())
    may_be = short.str.contains(r"^[+-]?\.?[0-9]")
    long = long.with_columns(
        pl.when(may_be).then(short).alias(name) for name in (*READ_AS, "digits")
    )
    readings = [read(Column(name=name, logical_type=name)).alias(name) for name in READ_AS]
    digits, formats = pl.col("digits"), string_formats()
    flags = {
        IS_NULL_SPELLING: text.is_in(list(null_spellings())),
        "boolean": short.str.to_lowercase().is_in(["true", "false"]),
        "decimal_commas": digits.str.contains(_DECIMAL_COMMA),
        "zoned": digits.str.contains(_ZONED),
        # a leading zero is part of a code, and a double cannot hold seventeen digits
        "leading": digits.str.contains(r"^[+-]?0[0-9]"),
        "coded": digits.str.contains(r"^[+-]?0[0-9]|^[+-]?[0-9]{17,}$"),
        "with_letter": short.str.contains(r"^([0-9]+[A-Za-z]|[A-Za-z][0-9]+)$"),
        "spaced": text.str.contains(r"\s"),
        "lettered": text.str.contains(r"\p{L}"),
        "filled": text.str.contains(r"\S"),
        "nested": text.str.strip_chars().str.contains(_NESTED),
        "points": text.str.contains(_POINT),
        "pairs": short.str.contains(_PAIR),
        **{form: text.str.contains(formats[form]) for form in SHAPED},
    }
    return long.with_columns(
        *readings,
        *(flag.fill_null(value=False).alias(name) for name, flag in flags.items()),
        text.str.len_chars().alias("length"),
        text.str.count_matches(" ", literal=True).alias("spaces"),
        shape_of(pl.when(text.str.len_bytes() <= _LONGEST_READ).then(text)).alias("shape"),
    ).drop("digits")


_COUNTED = (
    "boolean", "decimal_commas", "zoned", "leading", "coded", "with_letter", "spaced", "lettered", "filled",
    "nested", "points", "pairs", *SHAPED,
)  # fmt: skip


def summaries(some: Cells) -> pl.DataFrame:
    """A row for each column: how many of its rows are what, and the least and greatest values.

    A column without a text has no row.
    """
    rows = pl.col(ROWS)
    distinct = pl.len() if some.is_distinct else pl.col(TEXT).n_unique()
    return run(
        some.frame.group_by(COLUMN).agg(
            rows.sum().alias("given"),
            distinct.alias("distinct"),
            *(rows.filter(pl.col(kind).is_not_null()).sum().alias(kind) for kind in READ_AS),
            *(rows.filter(pl.col(flag)).sum().alias(flag) for flag in _COUNTED),
            *(pl.col(kind).min().alias(f"{kind}_low") for kind in READ_AS),
            *(pl.col(kind).max().alias(f"{kind}_high") for kind in READ_AS),
            pl.col("length").min().alias("shortest"),
            pl.col("length").max().alias("longest"),
            (pl.col("length").cast(pl.Int64) * rows).sum().alias("characters"),
            (pl.col("spaces").cast(pl.Int64) * rows).sum().alias("spaces"),
        )
    ).sort(COLUMN)
