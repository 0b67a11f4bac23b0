"""Text columns -> a profile: what nearly all rows say about types, keys, shapes and personal data.

Belongs here: what the measures mean for a column, over all rows. Stays out: reading cells
(cells.py), what to promise of it (propose.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from assay.contracts.model import Column
from assay.contracts.types import read
from assay.pipelines.admit import number_columns
from assay.pipelines.clean import duplicates
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.cells import (
    COLUMN,
    IS_NULL_SPELLING,
    ROWS,
    SHAPED,
    TEXT,
    Cells,
    batches,
    cells,
    summaries,
    text_bytes,
)
from assay.pipelines.draft.composite_keys import composite_key
from assay.pipelines.draft.findings import Found, findings
from assay.pipelines.draft.moments import Moments, moments
from assay.pipelines.draft.null_values import null_marks_in_text, without
from assay.pipelines.draft.shapes import Pattern, common_pattern
from assay.pipelines.draft.spreads import Spread, spreads
from assay.pipelines.draft.tolerance import is_nearly_all
from assay.pipelines.draft.vocabularies import FEW, Vocabulary, usual_values, vocabularies
from assay.pipelines.validate import far_years

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time"]


@dataclass(frozen=True)
class ColumnProfile:
    """One column over all rows.

    `values` (with their rows) only where they are few; `pattern` only where nearly all text has
    one shape.
    """

    name: str
    kind: Kind
    given: int
    deviating: int = 0
    """Cells that cannot be read as `kind`, though nearly all others can."""
    distinct: int = 0
    format: str | None = None
    zoned: bool = False
    ambiguous_date: bool = False
    numbers: int = 0
    decimal_commas: int = 0
    """Cells that are a number with a decimal comma; `1,234` is not counted, which may be 1234."""
    low: Any = None
    high: Any = None
    shortest: int = 0
    longest: int = 0
    characters: int = 0
    """Of all cells together."""
    spaced: int = 0
    spaces: int = 0
    """Blanks in all cells together."""
    lettered: int = 0
    filled: int = 0
    """Cells that hold more than blanks."""
    nested: int = 0
    """Cells that are a list or an object."""
    points: int = 0
    """Cells that are a point on a map."""
    pairs: int = 0
    """Cells that are two numbers with fractions: a point, or a range."""
    pattern: Pattern | None = None
    spread: Spread | None = None
    """Of a column of numbers."""
    vocabulary: Vocabulary | None = None
    values: tuple[tuple[str, int], ...] = ()
    found: tuple[Found, ...] = ()
    far_years: tuple[int, ...] = ()
    slots: float | None = None
    """Of unique timestamps: how many there is room for from the first to the last, by the
    shortest time between two."""


@dataclass(frozen=True)
class Profile:
    """A table: its rows, how many repeat another exactly, its columns, what represents nothing in
    each, and the columns that together name a row.
    """

    rows: int
    repeated: int
    columns: tuple[ColumnProfile, ...]
    null_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    composite: tuple[str, ...] = field(default=())
    binary: frozenset[str] = frozenset()
    """The columns whose text represents bytes."""

    @property
    def distinct_rows(self) -> int:
        """Rows left once exact repetitions are gone."""
        return self.rows - self.repeated


def profile(frame: pl.LazyFrame, names: Sequence[str], region: str = "global") -> Profile:
    """Measure a landed table.

    Args:
        frame: `_row` (unique, from 1) and text columns, null where there is nothing.
        names: the columns to look at.
        region: the contract's; phone numbers of its country need no country code.
    """
    rows = run(frame.select(pl.len())).item()
    sizes = text_bytes(frame, names)
    parts = [_batch(frame, batch, rows, sizes) for batch in batches(sizes, rows)]
    null_values = {name: texts for part in parts for name, texts in part.null_values.items()}
    typed_marks = {text for texts in null_values.values() for text in texts}
    in_texts = {
        name: tuple(sorted(marks & typed_marks))
        for part in parts
        for name, marks in part.marks.items()
        if marks & typed_marks
    }
    measured = {column.name: column for part in parts for column in part.columns}
    for batch in batches({name: sizes[name] for name in in_texts}, rows):
        again = _batch(frame, batch, rows, sizes, in_texts)
        measured |= {column.name: column for column in again.columns}
    null_values |= in_texts
    frame = without(frame, null_values)
    columns = _with_findings(frame, [measured[name] for name in names], region)
    columns = _with_far_years(frame, columns)
    columns = [_with_slots(frame, c) if c.given == c.distinct == rows else c for c in columns]
    repeated = _repeated(frame, names)
    ordered = {name: null_values[name] for name in names if name in null_values}
    done = Profile(rows, repeated, tuple(columns), ordered)
    return replace(done, composite=composite_key(frame, done.columns, rows, done.distinct_rows))


# -- columns ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Batch:
    """Some columns, the texts that represent nothing in those that have a type, and the marks of
    nothing in those of text.
    """

    columns: list[ColumnProfile]
    null_values: Mapping[str, tuple[str, ...]]
    marks: Mapping[str, set[str]]


def _batch(
    frame: pl.LazyFrame,
    names: Sequence[str],
    rows: int,
    sizes: Mapping[str, int],
    null_values: Mapping[str, Sequence[str]] | None = None,
) -> _Batch:
    """Measure some columns of a table.

    Args:
        null_values: what represents nothing in them; searched by default.
    """
    some = cells(frame, names, rows, sum(sizes[name] for name in names))
    if null_values is not None:
        absent = {name: null_values[name] for name in names}
        columns = _typed_columns(some.without(absent))
        return _Batch(_detailed(some.without(absent), columns, {}), {}, {})
    plain = _typed_columns(some)
    spelled = _spellings(some)
    bare_cells = some.without(spelled)
    bare = _typed_columns(bare_cells) if spelled else plain
    written = moments(bare_cells, [column.name for column in bare if column.kind == "string"])
    typed = {
        after.name: spelled[after.name]
        for before, after in zip(plain, bare, strict=True)
        if after.name in spelled and _is_newly_typed(before, after, written)
    }
    columns = [
        after if after.name in typed else before for before, after in zip(plain, bare, strict=True)
    ]
    columns = [_with_moments(column, written) for column in columns]
    marks = {
        column.name: set(spelled[column.name]) & set(null_marks_in_text())
        for column in columns
        if column.kind == "string" and column.name in spelled and column.name not in typed
    }
    return _Batch(_detailed(some.without(typed), columns, written), typed, marks)


def _detailed(
    some: Cells, columns: Sequence[ColumnProfile], written: Mapping[str, Moments]
) -> list[ColumnProfile]:
    """The columns with their spreads, vocabularies and patterns."""
    numbers = {c.name: c.kind for c in columns if c.kind in ("integer", "number")}
    spread = spreads(some, numbers)
    few = [c.name for c in columns if c.kind == "string" and 0 < c.distinct <= 10 * FEW]
    texts = vocabularies(some, few)
    shaped = [
        c.name
        for c in columns
        if c.kind == "string" and c.given and c.format is None and c.name not in written
    ]
    shapes = _texts_with_shapes(some, shaped)
    return [
        replace(
            c,
            spread=spread.get(c.name),
            vocabulary=usual_values(texts[c.name], c.given) if c.name in texts else None,
            values=_values(texts.get(c.name)),
            pattern=common_pattern(shapes[c.name]) if c.name in shapes else None,
        )
        for c in columns
    ]


def _values(texts: pl.DataFrame | None) -> tuple[tuple[str, int], ...]:
    """The texts of a column that has few, with their rows."""
    if texts is None or texts.height > FEW:
        return ()
    return tuple(texts.select(TEXT, ROWS).iter_rows())


def _texts_with_shapes(some: Cells, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Text, rows and shape of the cells of each column, where nearly all have a shape."""
    if not names:
        return {}
    has_shape = pl.col(ROWS).filter(pl.col("shape").is_not_null()).sum()
    shares = run(some.of(names).group_by(COLUMN).agg(has_shape.alias("shaped"), pl.col(ROWS).sum()))
    likely = [
        some.names[number]
        for number, shaped, rows in shares.iter_rows()
        if is_nearly_all(shaped, rows)
    ]
    held = run(some.of(likely).select(COLUMN, TEXT, ROWS, "shape")) if likely else None
    if held is None:
        return {}
    parts = held.partition_by(COLUMN, as_dict=True, include_key=False)
    return {some.names[key[0]]: texts for key, texts in parts.items()}


def _spellings(some: Cells) -> dict[str, tuple[str, ...]]:
    """The spellings of nothing in each column that has some."""
    used = run(
        some.frame.filter(pl.col(IS_NULL_SPELLING)).group_by(COLUMN).agg(pl.col(TEXT).unique())
    )
    texts = {some.names[number]: tuple(sorted(texts)) for number, texts in used.iter_rows()}
    return {name: texts[name] for name in some.names if name in texts}


def _is_newly_typed(
    before: ColumnProfile, after: ColumnProfile, written: Mapping[str, Moments]
) -> bool:
    """Whether the column has a type, or a form of dates, without the spellings of nothing alone."""
    if before.kind == "string":
        return after.kind != "string" or after.name in written
    return after.kind != "string" and after.deviating < before.deviating


# -- types ------------------------------------------------------------------------------


def _typed_columns(some: Cells) -> list[ColumnProfile]:
    measured = {row[COLUMN]: row for row in summaries(some).iter_rows(named=True)}
    return [
        _typed(name, measured[number]) if number in measured else ColumnProfile(name, "string", 0)
        for number, name in enumerate(some.names)
    ]


_COUNTS = (
    "distinct", "decimal_commas", "shortest", "longest", "characters", "spaced", "spaces", "lettered", "filled",
    "nested", "points", "pairs",
)  # fmt: skip


def _typed(name: str, m: Mapping[str, Any]) -> ColumnProfile:
    """The narrowest type that nearly all given values are written as."""
    given = m["given"]
    counts = {count: m[count] for count in _COUNTS}
    base = ColumnProfile(name, "string", given, numbers=m["number"], **counts)
    kind = _kind(m)
    if kind == "string":
        shaped = next((form for form in SHAPED if is_nearly_all(m[form], given)), None)
        deviating = given - m[shaped] if shaped else 0
        return replace(base, format=shaped, deviating=deviating)
    if kind == "boolean":
        return replace(base, kind=kind, deviating=given - m["boolean"])
    return replace(
        base,
        kind=kind,
        deviating=given - m[kind],
        low=m[f"{kind}_low"],
        high=m[f"{kind}_high"],
        zoned=kind == "timestamp" and m["zoned"] > 0,
    )


def _kind(m: Mapping[str, Any]) -> Kind:
    """The type that nearly all values have, of two the one that more of them have."""
    given = m["given"]
    if is_nearly_all(m["boolean"], given):
        return "boolean"
    if m["number"] < given and m["number"] + m["with_letter"] >= given:
        return "string"  # house numbers and codes, a few with a letter
    if m["integer"] == m["number"] and is_nearly_all(m["integer"], given) and not m["leading"]:
        return "integer"
    if is_nearly_all(m["number"], given) and not m["coded"]:
        return "number"
    if is_nearly_all(m["date"], given) and m["date"] >= m["timestamp"]:
        return "date"
    return "timestamp" if is_nearly_all(m["timestamp"], given) else "string"


def _with_moments(column: ColumnProfile, written: Mapping[str, Moments]) -> ColumnProfile:
    """The column as dates or times, where its values are some in a form that is not ISO 8601."""
    moment = written.get(column.name)
    if moment is None or column.kind != "string":
        return column
    if moment.is_ambiguous:
        return replace(column, ambiguous_date=True)
    return replace(
        column,
        kind=moment.kind,
        format=moment.form,
        zoned=moment.is_zoned,
        low=moment.low,
        high=moment.high,
        deviating=moment.deviating,
    )


def _with_far_years(frame: pl.LazyFrame, columns: Sequence[ColumnProfile]) -> list[ColumnProfile]:
    """The columns with their years far from those of nearly all rows."""
    wide = [
        c
        for c in columns
        if c.kind in ("date", "timestamp")
        and c.low is not None
        and far_years.span_is_wide([c.low.year, c.high.year])
    ]
    values = {
        c.name: read(Column(name=c.name, logical_type=c.kind, format=c.format))
        for c in wide
        if c.kind in ("date", "timestamp")
    }
    plans = [far_years.year_counts(frame.select(value.alias(n)), n) for n, value in values.items()]
    counts = dict(zip(values, run_together(plans) if plans else [], strict=True))
    return [
        replace(c, far_years=tuple(far_years.far_years(counts[c.name]))) if c.name in counts else c
        for c in columns
    ]


def _with_slots(frame: pl.LazyFrame, c: ColumnProfile) -> ColumnProfile:
    """A unique column of timestamps with the room between the first and the last."""
    if c.kind != "timestamp" or c.deviating or c.distinct < 2:
        return c
    moment = read(Column(name=c.name, logical_type=c.kind, format=c.format))
    gap = run(frame.select(moment.sort().diff().drop_nulls().min())).item()
    return replace(c, slots=(c.high - c.low) / gap + 1 if gap else None)


def _repeated(frame: pl.LazyFrame, names: Sequence[str]) -> int:
    suspected = run(duplicates.suspects(frame, names))
    return run(duplicates.repeated(frame, names, suspected)).height if suspected.height else 0


def _with_findings(
    frame: pl.LazyFrame, columns: Sequence[ColumnProfile], region: str
) -> list[ColumnProfile]:
    """The columns with the personal data in them; of a typed column, in the cells that are no such
    type.
    """
    means = {c.name: c.characters / max(1, c.given) for c in columns}
    others = [c for c in columns if c.kind not in ("string", "integer", "number") and c.deviating]
    unread = frame.select(ROW, *(_unread(c) for c in others))
    schema = frame.collect_schema()
    numbers = [c.name for c in columns if c.kind in ("integer", "number")]
    frame = frame.with_columns(
        number_columns.as_digits(name, schema[name]).alias(name) for name in numbers
    )
    searched = [c.name for c in columns if c.kind in ("string", "integer", "number")]
    texts = [c.name for c in columns if c.kind == "string"]
    found = findings(frame, means, searched, texts, region)
    if others:
        names = [c.name for c in others]
        found |= findings(unread, {name: means[name] for name in names}, names, [], region)
    return [replace(c, found=found.get(c.name, ())) for c in columns]


def _unread(c: ColumnProfile) -> pl.Expr:
    """The cells that are not of their column's type, and null for all others."""
    value = read(Column(name=c.name, logical_type=c.kind, format=c.format))
    return pl.when(value.is_null()).then(pl.col(c.name)).alias(c.name)
