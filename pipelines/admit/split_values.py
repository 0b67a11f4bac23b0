"""Two columns of one row -> the personal value that is written across them, half in each.

Belongs here: which columns may be halves, what the halves of each kind look like, the search as
plans. Stays out: whole values (personal.py).
A first look asks each column for cells that have the sign of a half. Where two columns fit, a
second counts the rows whose cells, written together, have a kind's shape, and those that are likely
one; they are searched only where most of the former are the latter: two numbers are as often two
numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, Literal

import polars as pl

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.confirm import Confirm, check_named, detector_data
from assay.pipelines.admit.detectors import CONFIDENCES, FORMAT
from assay.pipelines.admit.names import words
from assay.pipelines.admit.patterns import Pattern, expand
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.package_data import read_yaml


@dataclass(frozen=True)
class Halves:
    """One way of writing one kind in two columns.

    Args:
        sign: what a half has that ordinary cells have not, and in which column `at` least; it is
            looked for in every cell, so it is cheap.
        head, tail: what the left and the right cell look like.
        between: what belongs between them; `strip` is left out of both.
        shape: what they look like together; `likely`: what they look like where they are one.
        confirm: as a detector's. A left cell that it confirms by itself is whole, and no half.
        share: of the rows of that shape, how many must be likely, and how many confirmed.
        named: only where a column's name states this.
        least: bytes of the shortest pair of cells that can be such a value.
    """

    kind: PersonalKind
    sign: str
    at: Literal["left", "right", "both", "either"]
    head: str
    tail: str
    shape: str
    likely: str
    least: int
    confirm: Confirm | None = None
    between: str = ""
    strip: str | None = None
    share: float = 0.5
    named: str | None = None
    confidence: float = FORMAT

    @property
    def whole(self) -> pl.Expr:
        """Both halves together."""
        head, tail = pl.col("head"), pl.col("tail")
        together = pl.concat_str(head, pl.lit(self.between), tail)
        return together.str.replace_all(self.strip, "") if self.strip else together

    @property
    def fits(self) -> pl.Expr:
        """Whether both cells may be halves."""
        return pl.col("head").str.contains(self.head) & pl.col("tail").str.contains(self.tail)


_DATA = "admit/split_values.yaml"


def _expanded(pattern: Pattern) -> str:
    return expand(pattern, {**detector_data()["parts"], **read_yaml(_DATA)["parts"]})


def _from_entry(entry: Mapping[str, Any]) -> Halves:
    sign, head, tail, shape, likely = (
        _expanded(entry[name]) for name in ("sign", "head", "tail", "shape", "likely")
    )
    return Halves(
        entry["kind"],
        sign,
        entry["at"],
        head,
        tail,
        shape,
        likely,
        entry["least"],
        confirm=check_named(entry["confirm"]) if "confirm" in entry else None,
        between=entry.get("between", ""),
        strip=entry.get("strip"),
        share=entry.get("share", 0.5),
        named=_expanded(entry["named"]) if "named" in entry else None,
        confidence=CONFIDENCES[entry.get("confidence", "format")],
    )


@cache
def ways_to_split() -> tuple[Halves, ...]:
    """Every way of writing a kind in two columns."""
    return tuple(map(_from_entry, read_yaml(_DATA)["halves"]))


@cache
def _part_ending() -> str:
    return f"(?:{_expanded(read_yaml(_DATA)['part_endings'])})$"


@cache
def _no_mailbox() -> str:
    return f"(?:^|_)(?:{_expanded(read_yaml(_DATA)['no_mailbox'])})$"


@dataclass(frozen=True)
class Pair:
    """Two columns that may hold the halves of one value, and the ways of writing that are looked
    for in them.
    """

    left: str
    right: str
    kinds: tuple[Halves, ...]

    def cells(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """`_row`, `head`, `tail`: the rows whose two cells may be halves of some kind."""
        short = frame.select(
            ROW,
            pl.col(self.left).cast(pl.String).alias("head"),
            pl.col(self.right).cast(pl.String).alias("tail"),
        )
        short = short.filter(
            pl.col("head").str.len_bytes() <= 64, pl.col("tail").str.len_bytes() <= 64
        )
        return short.filter(pl.any_horizontal(way.fits for way in self.kinds))


def pairs(columns: Sequence[str]) -> list[Pair]:
    """The columns that stand next to each other, and those whose names differ in their last part
    only.
    """
    stems: dict[str, str] = {}
    found = dict.fromkeys(pairwise(columns))
    for column in columns:
        stem = stem_of(column)
        if stem != words(column):
            if stem in stems:
                found.setdefault((stems[stem], column))
            stems[stem] = column
    return [Pair(left, right, kinds) for left, right in found if (kinds := _kinds(left, right))]


def stem_of(column: str) -> str:
    """`card_a`, `CardPart2` -> `card`."""
    return re.sub(_part_ending(), "", words(column))


def _kinds(left: str, right: str) -> tuple[Halves, ...]:
    stem = stem_of(left)
    together = stem == stem_of(right) and stem != words(left)
    names = (words(left), stem, words(right), stem_of(right))

    def wanted(way: Halves) -> bool:
        if way.named is None:
            return True
        is_named = any(re.search(rf"(?:^|_)(?:{way.named})$", name) for name in names)
        if way.kind == "email":  # a mailbox is next to its domain, and so does all that a site has
            return is_named or together or not re.search(_no_mailbox(), words(left))
        return is_named

    return tuple(way for way in ways_to_split() if wanted(way))


def _together(cells: pl.LazyFrame, way: Halves) -> pl.LazyFrame:
    """Of the cells, those that have the kind's shape together and not by themselves: with
    `whole`.
    """
    parted = (
        cells.filter(way.fits)
        .with_columns(way.whole.alias("whole"))
        .filter(pl.col("whole").str.contains(way.shape))
    )
    if way.confirm is None:
        return parted.filter(
            ~pl.col("head").str.contains(way.shape), ~pl.col("tail").str.contains(way.shape)
        )
    return parted


def _likely(way: Halves) -> pl.Expr:
    likely = pl.col("whole").str.contains(way.likely)
    if way.between == "@":  # `acme` next to `acme.com` is a site
        likely &= ~pl.col("tail").str.to_lowercase().str.contains(
            pl.col("head").str.to_lowercase(), literal=True
        )
    return likely


def signs(
    frame: pl.LazyFrame, columns: Sequence[str], numbers: Collection[str] = ()
) -> pl.LazyFrame:
    """Plan the first look, over all columns in one: how many cells of each have which sign, and the
    bytes of its longest; one row.

    Args:
        numbers: those of the columns whose every cell is a whole number. Of the signs these can
            have two, and to see them takes no regular expression; of such that are no text, one.
    """
    searches, schema = dict.fromkeys(way.sign for way in ways_to_split()), frame.collect_schema()

    def of(column: str) -> Iterator[pl.Expr]:
        cells = pl.col(column)
        for sign in searches:
            counted = (
                _of_number(cells, sign, plain=schema[column].is_integer())
                if column in numbers
                else cells.cast(pl.String).str.contains(sign).sum()
            )
            yield counted.alias(f"{column} {sign}")
        ends = [cells.min(), cells.max()] if schema[column].is_integer() else [cells]
        yield (
            pl.max_horizontal(end.cast(pl.String).str.len_bytes().max() for end in ends)
            .fill_null(0)
            .alias(f"{column} longest")
        )

    return frame.select(
        pl.lit(0).alias(ROW), *(counted for column in columns for counted in of(column))
    )


def _of_number(cells: pl.Expr, sign: str, *, plain: bool) -> pl.Expr:
    """How many cells have the sign, given that each is a whole number; it may be more of those that
    only have digits.
    """
    if sign == _expanded("<<digits>>"):
        return cells.count()
    if sign == _expanded("<<plus>>") and not plain:
        return (cells.str.starts_with("+") | cells.str.starts_with("00")).sum()
    return pl.lit(0)


def signed(found: Sequence[Pair], counts: Mapping[str, int]) -> list[Pair]:
    """The pairs, with the ways of writing whose signs they have and that they are long enough for;
    those that have none are left out.
    """

    def has(column: str, way: Halves) -> bool:
        return counts[f"{column} {way.sign}"] > 0

    def worth(pair: Pair, way: Halves) -> bool:
        if sum(counts[f"{column} longest"] for column in (pair.left, pair.right)) < way.least:
            return False
        left, right = has(pair.left, way), has(pair.right, way)
        return {"left": left, "right": right, "both": left and right, "either": left or right}[
            way.at
        ]

    return [
        replace(pair, kinds=kinds)
        for pair in found
        if (kinds := tuple(way for way in pair.kinds if worth(pair, way)))
    ]


def looks(frame: pl.LazyFrame, found: Sequence[Pair]) -> list[pl.LazyFrame]:
    """Plan the second look, one for each pair and way of writing, in that order: `shaped` and
    `likely` rows, and `different` left cells among the latter.
    """
    return [
        _together(pair.cells(frame), way).select(
            pl.len().alias("shaped"),
            _likely(way).sum().alias("likely"),
            pl.col("head").filter(_likely(way)).n_unique().alias("different"),
        )
        for pair in found
        for way in pair.kinds
    ]


def halves(
    frame: pl.LazyFrame, found: Sequence[Pair], counts: Sequence[pl.DataFrame]
) -> list[pl.LazyFrame]:
    """Plan the search where `looks` gave reason for one; what is found is reported for both columns, as
    `spans` tells it.
    """
    plans = []
    searches = [(pair, way) for pair in found for way in pair.kinds]
    for (pair, way), count in zip(searches, counts, strict=True):
        shaped, likely, different = count.row(0)
        if (
            likely
            and likely >= way.share * shaped
            and (way.between != "@" or different >= way.share * likely)
        ):
            plans.append(_search(frame, pair, way, shaped))
    return plans


def _search(frame: pl.LazyFrame, pair: Pair, way: Halves, shaped: int) -> pl.LazyFrame:
    held = _together(pair.cells(frame), way).filter(_likely(way))
    if way.confirm is not None:
        confirm = way.confirm
        # of plain digits next to a whole number nothing states that they belong to it
        alone = ("head", "tail") if way.named else ("head",)
        held = held.filter(
            pl.col("whole").map_batches(_confirms(confirm), return_dtype=pl.Boolean),
            *(
                ~pl.col(half).map_batches(_confirms(confirm), return_dtype=pl.Boolean)
                for half in alone
            ),
        )
        held = held.filter(pl.len() >= way.share * shaped)
    halves = [
        held.select(
            ROW,
            pl.lit(column).alias("column"),
            pl.lit(way.kind).alias("kind"),
            pl.col(half).alias("value"),
            pl.lit(way.confidence).alias("confidence"),
        )
        for column, half in ((pair.left, "head"), (pair.right, "tail"))
    ]
    return pl.concat(halves)


def _confirms(confirm: Confirm) -> Callable[[pl.Series], pl.Series]:
    def over(values: pl.Series) -> pl.Series:
        return pl.Series(
            [confirm(value) is not None for value in values.to_list()], dtype=pl.Boolean
        )

    return over
