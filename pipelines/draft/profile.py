"""Text columns -> a profile: what every row says about types, keys, shapes and personal data.

Belongs here: measuring, on all rows, in streaming passes. Stays out: what to promise of it
(propose.py).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import polars as pl

from assay.contracts.formats import string_formats
from assay.contracts.model import Column
from assay.contracts.types import read
from assay.pipelines.admit import personal, special_categories
from assay.pipelines.admit.names import key_hint
from assay.pipelines.clean import duplicates
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.package_data import read_lines

Kind = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
FEW = 20  # distinct strings that make an enumeration
DATE_FORMATS = (None, "yyyy/MM/dd", "dd.MM.yyyy", "dd/MM/yyyy", "MM/dd/yyyy")
SHAPED = ("uuid", "uri", "ipv4", "ipv6")


@dataclass(frozen=True)
class Found:
    """Personal data of one kind in a column: rows that hold it, and the share of their text that it
    is.
    """

    kind: str
    rows: int
    share_of_text: float


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
    low: Any = None
    high: Any = None
    shortest: int = 0
    longest: int = 0
    spaced: int = 0
    pattern: str | None = None
    values: tuple[tuple[str, int], ...] = ()
    found: tuple[Found, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A table: its rows, how many repeat another exactly, its columns, what stands for nothing in
    it, and the columns that together name a row.
    """

    rows: int
    repeated: int
    columns: tuple[ColumnProfile, ...]
    null_values: tuple[str, ...] = ()
    composite: tuple[str, ...] = field(default=())

    @property
    def distinct_rows(self) -> int:
        """Rows left once exact repetitions are gone."""
        return self.rows - self.repeated


def profile(frame: pl.LazyFrame, names: Sequence[str]) -> Profile:
    """Measure a landed table.

    Args:
        frame: `_row` (unique) and text columns, null where there is nothing.
        names: the columns to look at.
    """
    plain, blanked = run_together(
        [_measures(frame, names), _measures(without(frame, names, null_spellings()), names)]
    )
    null_values = _null_values(frame, _columns(plain, names), _columns(blanked, names))
    frame = without(frame, names, null_values)
    measured = run(_measures(frame, names)) if null_values else plain
    rows = measured["rows"].item()
    columns = _found_in(frame, _columns(measured, names), measured)
    columns = _exact_counts(frame, columns, rows)
    columns = [_patterned(frame, column) for column in columns]
    repeated = _repeated(frame, names)
    done = Profile(rows, repeated, tuple(columns), null_values)
    return replace(done, composite=_composite(frame, done))


def null_spellings() -> tuple[str, ...]:
    """How people, and floats that a computation has left, write that there is nothing."""
    return ("", *read_lines("draft/null_spellings.txt"))


def without(frame: pl.LazyFrame, names: Sequence[str], spellings: Sequence[str]) -> pl.LazyFrame:
    """The frame with null where a text is one of `spellings`."""
    return (
        frame.with_columns(
            pl.when(~pl.col(name).is_in(list(spellings))).then(pl.col(name)).alias(name)
            for name in names
        )
        if spellings
        else frame
    )


# -- types ------------------------------------------------------------------------------


def _measures(frame: pl.LazyFrame, names: Sequence[str]) -> pl.LazyFrame:
    """One row: a struct a column, and the number of rows."""
    return frame.select(
        pl.len().alias("rows"),
        *(
            pl.struct([value.alias(key) for key, value in _measure(name).items()]).alias(
                f"c{index}"
            )
            for index, name in enumerate(names)
        ),
    )


def _measure(name: str) -> dict[str, pl.Expr]:
    text = pl.col(name)
    stripped = text.str.strip_chars()
    integer, number, stamp = (
        read(Column(name=name, logical_type=kind)) for kind in ("integer", "number", "timestamp")
    )
    dates = [read(Column(name=name, logical_type="date", format=form)) for form in DATE_FORMATS]
    shapes = [_shape(text), _merged_shape(text)]
    return {
        "given": text.count(),
        "approx": text.approx_n_unique(),
        "boolean": stripped.str.to_lowercase().is_in(["true", "false"]).sum(),
        "integer": integer.count(),
        "number": number.count(),
        "timestamp": stamp.count(),
        **{f"date{index}": value.count() for index, value in enumerate(dates)},
        **{f"from{index}": value.min() for index, value in enumerate(dates)},
        **{f"until{index}": value.max() for index, value in enumerate(dates)},
        "zoned": stripped.str.contains(r"(Z|[+-][0-9]{2}:?[0-9]{2})$").sum(),
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
        shortest=m["shortest"] or 0,
        longest=m["longest"] or 0,
        spaced=m["spaced"],
    )
    dates = [index for index in range(len(DATE_FORMATS)) if m[f"date{index}"] == given]
    if not given:
        return base
    if m["boolean"] == given:
        return replace(base, kind="boolean")
    if m["integer"] == given and not m["leading"]:
        return replace(base, kind="integer", low=m["int_low"], high=m["int_high"])
    if m["number"] == given and not m["coded"]:
        return replace(base, kind="number", low=m["low"], high=m["high"])
    if len(dates) == 1:
        return replace(
            base,
            kind="date",
            format=DATE_FORMATS[dates[0]],
            low=m[f"from{dates[0]}"],
            high=m[f"until{dates[0]}"],
        )
    if m["timestamp"] == given:
        return replace(
            base, kind="timestamp", zoned=m["zoned"] > 0, low=m["since"], high=m["until"]
        )
    shaped = next((form for form in SHAPED if m[form] == given), None)
    return replace(
        base, format=shaped, ambiguous_date=len(dates) > 1, pattern=m["shape0"] or m["shape1"]
    )


def _null_values(
    frame: pl.LazyFrame, plain: Sequence[ColumnProfile], blanked: Sequence[ColumnProfile]
) -> tuple[str, ...]:
    """The spellings of nothing that keep some column from being numbers, dates or true and
    false.
    """
    held_back = [
        one.name
        for one, other in zip(plain, blanked, strict=True)
        if one.kind == "string" and other.kind != "string"
    ]
    if not held_back:
        return ()
    used = run_together(
        [
            frame.select(
                pl.col(name)
                .filter(pl.col(name).is_in(list(null_spellings())))
                .unique()
                .alias("spelling")
            )
            for name in held_back
        ]
    )
    return tuple(sorted(set(pl.concat(used)["spelling"])))


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


_OF_SHAPE = {"\x01": "[A-Z]", "\x02": "[a-z]", "\x03": "[0-9]", "\x04": "[A-Z0-9]"}


def _patterned(frame: pl.LazyFrame, column: ColumnProfile) -> ColumnProfile:
    """Turn a shape into a pattern with the lengths that occur, doubled where they differ."""
    shape = column.pattern
    if not shape or column.kind != "string" or len(shape) > 12:
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


# -- personal data --------------------------------------------------------------------------


def _found_in(
    frame: pl.LazyFrame, columns: Sequence[ColumnProfile], measured: pl.DataFrame
) -> list[ColumnProfile]:
    """What admission's detectors find, counted over all rows: admission holds a table for a single
    one that is undeclared.
    """
    texts = [c.name for c in columns if c.kind in ("string", "integer")]
    plans = personal.spans(frame, texts)
    labels = [(name, detector.kind) for name, detector in personal.searches(texts)]
    (worn,) = run_together([personal.disguises(frame, texts)])
    plans += personal.undisguised(frame, worn)
    labels += [
        (name, detector.kind)
        for name, detector in personal.searches([name for name in texts if worn[name].sum()])
    ]
    counts = (
        run_together(
            [
                plan.select(
                    pl.col(ROW).n_unique().alias("rows"),
                    pl.col("value").str.len_chars().sum().alias("chars"),
                )
                for plan in plans
            ]
        )
        if plans
        else []
    )
    found: dict[str, dict[str, Found]] = {}
    chars = {
        name: measured[f"c{index}"].struct.field("chars").item() or 0
        for index, name in enumerate(c.name for c in columns)
    }
    given = {c.name: c.given for c in columns}
    for (name, kind), count in zip(labels, counts, strict=True):
        rows, long = count.row(0)
        known = found.setdefault(name, {})
        if rows and (
            kind not in known or rows > known[kind].rows
        ):  # two ways of writing one kind often meet the same rows
            known[kind] = Found(
                kind, rows, min(1.0, long / rows / max(1.0, chars[name] / given[name]))
            )
    for name, category, rows in _special(
        frame, [c.name for c in columns], [c.name for c in columns if c.kind == "string"]
    ):
        found.setdefault(name, {})[category] = Found(category, rows, 1.0)
    return [replace(c, found=tuple(found.get(c.name, {}).values())) for c in columns]


def _special(
    frame: pl.LazyFrame, names: Sequence[str], texts: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Column, kind and rows of what belongs to a special category, or is marked as secret."""
    told = run_together(special_categories.looks(frame, names, texts))
    plans = special_categories.holding(frame, texts, told)
    counted = (
        run_together(
            [
                plan.group_by("column", "kind").agg(pl.col(ROW).n_unique().alias("rows"))
                for plan in plans
            ]
        )
        if plans
        else []
    )
    return [row for each in counted for row in each.rows()]
