"""One batch of cells -> the personal values in them.

Belongs here: in which order cells are asked, so that most of them are asked little. Stays out: what
each kind looks like (detectors.py), plans over frames (personal.py).
A detector looks only into cells that hold its sign, which several detectors share: looking for a
sign in every cell costs a scan, and ordinary text holds few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from assay.pipelines.admit.confirm import Confirm
from assay.pipelines.admit.detectors import Detector
from assay.pipelines.core.frames import ROW

VOTE = "vote"
SCHEMA = {
    ROW: pl.Int64,
    "kind": pl.String,
    "value": pl.String,
    "confidence": pl.Float64,
    VOTE: pl.Int64,
}
"""`vote` is the place of a detector that counts only where most of the column's whole cells are
confirmed; `value` is null where one was not.
"""
_CELL = pl.col("cell")
_MANY = 100_000

Finder = Callable[[pl.DataFrame], pl.DataFrame]
"""Batches of `_row` and `cell` -> frames of SCHEMA."""


def finder(detectors: Sequence[Detector]) -> Finder:
    """What finds the values of these detectors, batch after batch of one column."""
    # what is the number of an account is no card, and what is one of a card is no phone
    first = sorted(detectors, key=lambda detector: len(detector.not_in_kinds))
    confirmed = {
        place: _confirmed(detector.confirm)
        for place, detector in enumerate(first)
        if detector.confirm is not None
    }

    signs = dict.fromkeys(detector.sign for detector in first if detector.sign)
    any_sign = "|".join(f"(?:{sign})" for sign in signs) or None

    def find(cells: pl.DataFrame) -> pl.DataFrame:
        cells = cells.filter(_CELL.is_not_null())
        signed = _Signed(cells, any_sign)
        found: list[pl.DataFrame] = []
        for place, detector in enumerate(first):
            passed = signed.cells(detector.sign)
            if passed.is_empty():
                continue
            candidates = _candidates(passed, detector, found)
            if not candidates.is_empty():
                found.append(_judged(candidates, detector, place, confirmed.get(place)))
        return pl.concat(found) if found else pl.DataFrame(schema=SCHEMA)

    return find


class _Signed:
    """The cells that hold a sign, looked for once, in the cells that hold any."""

    def __init__(self, cells: pl.DataFrame, any_sign: str | None) -> None:
        self._all = cells
        self._signed = cells.filter(_CELL.str.contains(any_sign)) if any_sign else cells
        self._by_sign: dict[str, pl.DataFrame] = {}

    def cells(self, sign: str | None) -> pl.DataFrame:
        """The cells that hold it; all of them where it is None."""
        if sign is None:
            return self._all
        if sign not in self._by_sign:
            self._by_sign[sign] = self._signed.filter(_CELL.str.contains(sign))
        return self._by_sign[sign]


def _candidates(
    passed: pl.DataFrame, detector: Detector, found: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    """`_row`, `cell` and `value`, one row a candidate."""
    passed = passed.filter(_CELL.str.contains(detector.search))
    if passed.is_empty():
        return passed
    others = _values_of(detector.not_in_kinds, found)
    if others:
        passed = passed.with_columns(_CELL.str.replace_many(others, [" "]))
    if detector.not_in is not None:
        passed = passed.with_columns(_CELL.str.replace_all(detector.not_in, "$1"))
    candidates = (
        passed.with_columns(_CELL.str.extract_all(detector.search).alias("value"))
        .filter(pl.col("value").list.len() > 0)
        .explode("value", empty_as_null=False)
    )
    if detector.group:
        value = pl.col("value").str.extract(detector.search, detector.group)
        candidates = candidates.with_columns(value).drop_nulls("value")
    return candidates


def _values_of(kinds: Sequence[str], found: Sequence[pl.DataFrame]) -> list[str]:
    """The confirmed values of these kinds, none where no kind is given."""
    if not kinds or not found:
        return []
    values = pl.concat(found).filter(pl.col("kind").is_in(kinds))["value"]
    return values.drop_nulls().unique().to_list()


def _judged(
    candidates: pl.DataFrame, detector: Detector, place: int, confirm: Confirmed | None
) -> pl.DataFrame:
    votes = pl.lit(None, pl.Int64)
    if detector.alone:
        # a list of numbers is no better than a number
        votes = pl.when(_CELL.str.contains(r"^[0-9\s\[\](){},;|.+-]*$") | _is_whole).then(
            pl.lit(place, pl.Int64)
        )
    judged = candidates.with_columns(votes.alias(VOTE))
    if confirm is not None:
        judged = judged.with_columns(pl.col("value").map_batches(confirm, return_dtype=pl.String))
        judged = judged.filter(pl.col("value").is_not_null() | pl.col(VOTE).is_not_null())
    return judged.select(
        ROW,
        pl.lit(detector.kind).alias("kind"),
        "value",
        pl.lit(detector.confidence).alias("confidence"),
        VOTE,
    )


_is_whole = pl.col("value") == _CELL.str.strip_chars()

Confirmed = Callable[[pl.Series], pl.Series]


def _confirmed(confirm: Confirm) -> Confirmed:
    answers: dict[str, str | None] = {}
    """A value that recurs from batch to batch is evaluated once, as long as there are not many."""

    def over(values: pl.Series) -> pl.Series:
        if len(answers) > _MANY:
            answers.clear()
        unique = values.unique()
        for value in unique.to_list():
            if value not in answers:
                answers[value] = confirm(value)
        return values.replace_strict(
            unique,
            pl.Series([answers[value] for value in unique.to_list()], dtype=pl.String),
            return_dtype=pl.String,
        )

    return over
