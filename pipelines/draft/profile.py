"""Text columns -> a profile: what every row says about types, keys, shapes and personal data.

Belongs here: measuring, on all rows, in streaming passes. Stays out: what to promise of it
(propose.py).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from assay.contracts.formats import string_formats
from assay.contracts.model import Column, LogicalType
from assay.contracts.types import read
from assay.pipelines.admit import number_columns
from assay.pipelines.admit.names import key_hint
from assay.pipelines.clean import duplicates
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.draft.findings import Found, findings
from assay.pipelines.draft.moments import Moments, moments
from assay.pipelines.draft.null_values import detected_null_values, null_spellings, without
from assay.pipelines.validate import far_years

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp", "time"]
FEW = 20  # distinct strings that make an enumeration
_READ_AS: tuple[LogicalType, ...] = ("integer", "number", "timestamp", "date")
SHAPED = ("uuid", "uri", "ipv4", "ipv6")
_DEGREES = r"[+-]?[0-9]{1,3}\.[0-9]{3,}"
_POINT = rf"^\s*(?:(?:SRID=[0-9]+; ?)?(?i:point) ?Z? ?\(|\(?{_DEGREES}, ?{_DEGREES}\)?\s*$|\{{\W*(?:type\W+Point\b|lat|lon))"
"""A point in well-known text, as two decimal degrees, or as JSON: `POINT (4.9 52.37)`, `(52.37,
4.90)`, `{"type": "Point"…`.
"""
_DECIMAL_COMMA = r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+),(?:[0-9]{1,2}|[0-9]{4,})$"
_PAIR = r"^[(\[]?[+-]?[0-9]{1,3}\.[0-9]+ ?, ?[+-]?[0-9]{1,3}\.[0-9]+[)\]]?$"
_NESTED = r"(?s)^(?:\[.*\]|\{.*\})$"


@dataclass(frozen=True)
class ColumnProfile:
    """One column over all rows.

    `values` (with their rows) only where they are few; `pattern` only where all text has one shape.
    """

    name: str
    kind: Kind
    given: int
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
    pattern: str | None = None
    values: tuple[tuple[str, int], ...] = ()
    found: tuple[Found, ...] = ()
    far_years: tuple[int, ...] = ()


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
        frame: `_row` (unique) and text columns, null where there is nothing.
        names: the columns to look at.
        region: the contract's; phone numbers of its country need no country code.
    """
    spellings = {name: null_spellings() for name in names}
    blanked = without(frame, spellings)
    measures = run_together([_measures(frame, names), _measures(blanked, names)])
    plain, bare = (_columns(measured, names) for measured in measures)
    written = moments(blanked, [column.name for column in bare if column.kind == "string"])
    typed_names = _newly_typed(plain, bare, written)
    texts = [c.name for c in plain if c.kind == "string" and c.name not in typed_names]
    null_values = detected_null_values(frame, typed_names, texts)
    frame = without(frame, null_values)
    measured = run(_measures(frame, names)) if null_values else measures[0]
    rows = measured["rows"].item()
    typed = [_with_moments(column, written) for column in _columns(measured, names)]
    columns = _with_findings(frame, typed, measured, region)
    columns = _exact_counts(frame, columns, rows)
    columns = [_patterned(frame, column) for column in columns]
    columns = _with_far_years(frame, columns)
    repeated = _repeated(frame, names)
    done = Profile(rows, repeated, tuple(columns), null_values)
    return replace(done, composite=_composite(frame, done))


# -- types ------------------------------------------------------------------------------


def _measures(frame: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """One row: a struct a column, and the number of rows."""
    readings = {
        f"{kind} {index}": read(Column(name=name, logical_type=kind))
        for index, name in enumerate(names)
        for kind in _READ_AS
    }
    texts = (pl.col(name).alias(f"text {index}") for index, name in enumerate(names))
    return frame.select(*texts, **readings).select(
        pl.len().alias("rows"),
        *(
            pl.struct(value.alias(key) for key, value in _measure(index).items()).alias(f"c{index}")
            for index in range(len(names))
        ),
    )


def _measure(index: int) -> dict[str, pl.Expr]:
    text = pl.col(f"text {index}")
    stripped = text.str.strip_chars()
    integer, number, stamp, day = (pl.col(f"{kind} {index}") for kind in _READ_AS)
    shapes = [_shape(text), _merged_shape(text)]
    return {
        "given": text.count(),
        "approx": text.approx_n_unique(),
        "boolean": stripped.str.to_lowercase().is_in(["true", "false"]).sum(),
        "integer": integer.count(),
        "number": number.count(),
        "timestamp": stamp.count(),
        "date": day.count(),
        "first_day": day.min(),
        "last_day": day.max(),
        "decimal_commas": stripped.str.contains(_DECIMAL_COMMA).sum(),
        "zoned": stripped.str.contains(r"[0-9]([Zz]| ?[+-][0-9]{2}(:?[0-9]{2})*)$").sum(),
        # a leading zero is part of a code, and a double cannot hold seventeen digits
        "coded": stripped.str.contains(r"^[+-]?0[0-9]|^[+-]?[0-9]{17,}$").sum(),
        "leading": stripped.str.contains(r"^[+-]?0[0-9]").sum(),
        "int_low": integer.min(),
        "int_high": integer.max(),
        "low": number.min(),
        "high": number.max(),
        "since": stamp.min(),
        "until": stamp.max(),
        "shortest": text.str.len_chars().min(),
        "longest": text.str.len_chars().max(),
        "chars": text.str.len_chars().sum(),
        "spaced": text.str.contains(r"\s").sum(),
        "spaces": text.str.count_matches(" ", literal=True).sum(),
        "lettered": text.str.contains(r"\p{L}").sum(),
        "filled": text.str.contains(r"\S").sum(),
        "nested": stripped.str.contains(_NESTED).sum(),
        "points": text.str.contains(_POINT).sum(),
        "pairs": stripped.str.contains(_PAIR).sum(),
        **{format: text.str.contains(string_formats()[format]).sum() for format in SHAPED},
        **{
            f"shape{index}": pl.when(shape.min() == shape.max()).then(shape.min())
            for index, shape in enumerate(shapes)
        },
    }


def _columns(measured: pl.DataFrame, names: Sequence[str]) -> list[ColumnProfile]:
    return [
        _typed(name, measured[f"c{index}"].struct.unnest().row(0, named=True))
        for index, name in enumerate(names)
    ]


def _typed(name: str, m: dict[str, Any]) -> ColumnProfile:
    """The narrowest type that all given values are written as."""
    given = m["given"]
    base = ColumnProfile(
        name,
        "string",
        given,
        m["approx"],
        numbers=m["number"],
        decimal_commas=m["decimal_commas"],
        shortest=m["shortest"] or 0,
        longest=m["longest"] or 0,
        spaced=m["spaced"],
        spaces=m["spaces"],
        lettered=m["lettered"],
        filled=m["filled"],
        nested=m["nested"],
        points=m["points"],
        pairs=m["pairs"],
    )
    if not given:
        return base
    if m["boolean"] == given:
        return replace(base, kind="boolean")
    if m["integer"] == given and not m["leading"]:
        return replace(base, kind="integer", low=m["int_low"], high=m["int_high"])
    if m["number"] == given and not m["coded"]:
        return replace(base, kind="number", low=m["low"], high=m["high"])
    if m["date"] == given:
        return replace(base, kind="date", low=m["first_day"], high=m["last_day"])
    if m["timestamp"] == given:
        return replace(
            base, kind="timestamp", zoned=m["zoned"] > 0, low=m["since"], high=m["until"]
        )
    shaped = next((form for form in SHAPED if m[form] == given), None)
    return replace(base, format=shaped, pattern=m["shape0"] or m["shape1"])


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
        pattern=None,
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


def _newly_typed(
    plain: Sequence[ColumnProfile],
    bare: Sequence[ColumnProfile],
    written: Mapping[str, Moments],
) -> list[str]:
    """The columns that have a type, or a form of dates, without the spellings of nothing alone."""
    return [
        after.name
        for before, after in zip(plain, bare, strict=True)
        if before.kind == "string" and (after.kind != "string" or after.name in written)
    ]


# -- shapes -----------------------------------------------------------------------------


def _shape(text: pl.Expr) -> pl.Expr:
    """`AB-123` -> `A-9`; null where it holds anything but letters, digits and plain punctuation."""
    shape = text
    for letter, characters in (("\x01", "[A-Z]"), ("\x02", "[a-z]"), ("\x03", "[0-9]")):
        shape = shape.str.replace_all(characters + "+", letter)
    return pl.when(text.is_not_null()).then(
        pl.when(shape.str.contains("^[\x01\x02\x03 ._/:#-]+$")).then(shape).otherwise(pl.lit(""))
    )


def _merged_shape(text: pl.Expr) -> pl.Expr:
    """`N10UW-1` -> `X-X`: capitals and digits as one class."""
    shape = text.str.replace_all("[A-Z0-9]+", "\x04")
    return pl.when(text.is_not_null()).then(
        pl.when(shape.str.contains("^[\x04 ._/:#-]+$")).then(shape).otherwise(pl.lit(""))
    )


_LONGEST_PATTERN = 500  # characters; regular expressions that count further do not compile
_OF_SHAPE = {"\x01": "[A-Z]", "\x02": "[a-z]", "\x03": "[0-9]", "\x04": "[A-Z0-9]"}


def _patterned(frame: pl.LazyFrame, column: ColumnProfile) -> ColumnProfile:
    """Turn a shape into a pattern with the lengths that occur, doubled where they differ."""
    shape = column.pattern
    is_short = column.longest <= _LONGEST_PATTERN and len(shape or "") <= 12
    if not shape or not set(shape) & set(_OF_SHAPE) or column.kind != "string" or not is_short:
        return replace(column, pattern=None)
    groups = (
        "^"
        + "".join(
            f"({_OF_SHAPE[part]}+)" if part in _OF_SHAPE else re.escape(part) for part in shape
        )
        + "$"
    )
    lengths = [
        pl.col(column.name).str.extract(groups, index + 1).str.len_chars()
        for index in range(sum(part in _OF_SHAPE for part in shape))
    ]
    found = iter(
        run(
            frame.select(
                *(e.min().alias(f"l{i}") for i, e in enumerate(lengths)),
                *(e.max().alias(f"h{i}") for i, e in enumerate(lengths)),
            )
        ).row(0)
    )
    low = list(itertools.islice(found, len(lengths)))
    sizes = iter(zip(low, found, strict=True))
    pattern = ""
    for part in shape:
        if part not in _OF_SHAPE:
            pattern += re.escape(part) if part in "." else part
            continue
        least, most = next(sizes)
        pattern += _OF_SHAPE[part] + (f"{{{least}}}" if least == most else f"{{1,{2 * most}}}")
    return replace(column, pattern=f"^{pattern}$")


# -- counting ------------------------------------------------------------------------------


def _exact_counts(
    frame: pl.LazyFrame, columns: Sequence[ColumnProfile], rows: int
) -> list[ColumnProfile]:
    """Replace estimates by exact counts where they decide: where values are few, or nearly all
    differ.
    """
    few = [c.name for c in columns if c.kind == "string" and 0 < c.distinct <= 2 * FEW]
    many = [
        c.name
        for c in columns
        if c.kind != "number" and c.distinct >= 0.5 * c.given and c.distinct > FEW
    ]
    tables = (
        dict(
            zip(
                few,
                run_together(
                    [frame.group_by(name).len().drop_nulls(name).sort(name) for name in few]
                ),
                strict=True,
            )
        )
        if few
        else {}
    )
    exact = (
        run(frame.select(pl.col(name).drop_nulls().n_unique().alias(name) for name in many)).row(
            0, named=True
        )
        if many and rows
        else {}
    )
    counted = []
    for column in columns:
        table = tables.get(column.name)
        if table is not None:
            column = replace(
                column,
                distinct=table.height,
                values=tuple(table.iter_rows()) if table.height <= FEW else (),
            )
        counted.append(replace(column, distinct=exact.get(column.name, column.distinct)))
    return counted


def _repeated(frame: pl.LazyFrame, names: Sequence[str]) -> int:
    suspected = run(duplicates.suspects(frame, names))
    return run(duplicates.repeated(frame, names, suspected)).height if suspected.height else 0


def _composite(frame: pl.LazyFrame, table: Profile) -> tuple[str, ...]:
    """The smallest set of two or three columns that names each distinct row, if one of them looks
    like part of a key; the leftmost first.
    """
    rows = table.distinct_rows
    whole = [
        c
        for c in table.columns
        if c.given == table.rows and c.kind != "number" and c.distinct > 1 and c.longest <= 40
    ]
    if rows < 2 or any(
        c.distinct == rows and (key_hint(c.name) or c.kind == "timestamp") for c in whole
    ):
        return ()
    ranked = sorted(
        whole,
        key=lambda c: (
            not key_hint(c.name),
            c.kind not in ("date", "timestamp"),
            c.kind != "string",
        ),
    )[:8]
    sample = run(
        frame.select([c.name for c in table.columns]).head(20_000)
    ).unique()  # what repeats here need not be looked for in all rows
    for size in (2, 3):
        for some in itertools.combinations(ranked, size):
            hinted = any(key_hint(c.name) or c.kind in ("date", "timestamp") for c in some)
            chosen = [c.name for c in some]
            if (
                not hinted
                or math.prod(c.distinct for c in some) < 0.9 * rows
                or sample.select(chosen).n_unique() < sample.height
            ):
                continue
            if run(frame.select(pl.struct(chosen).n_unique())).item() == rows:
                return tuple(c.name for c in table.columns if c.name in chosen)
    return ()


def _with_findings(
    frame: pl.LazyFrame, columns: Sequence[ColumnProfile], measured: pl.DataFrame, region: str
) -> list[ColumnProfile]:
    """The columns with the personal data in them."""
    means = {
        c.name: (measured[f"c{index}"].struct.field("chars").item() or 0) / max(1, c.given)
        for index, c in enumerate(columns)
    }
    schema = frame.collect_schema()
    numbers = [c.name for c in columns if c.kind in ("integer", "number")]
    frame = frame.with_columns(
        number_columns.as_digits(name, schema[name]).alias(name) for name in numbers
    )
    searched = [c.name for c in columns if c.kind in ("string", "integer", "number")]
    texts = [c.name for c in columns if c.kind == "string"]
    found = findings(frame, means, searched, texts, region)
    return [replace(c, found=found.get(c.name, ())) for c in columns]
