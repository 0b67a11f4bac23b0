"""Which engine makes which feature, and how far it is from what the CPU gives, on a sample.

Belongs here: trying, comparing, deciding. Stays out: what an engine is (pipelines/core/engine.py),
the whole table's run (assets/stages/features.py).
Every feature is computed twice from the same few rows: by the engine that is to make the table, from a
state that went through its JSON, and by Polars in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assay.contracts.errors import ConfigurationError, FeatureError, Where
from assay.pipelines.core import engine
from assay.pipelines.core.engine import Engine
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn
from assay.pipelines.features import table
from assay.pipelines.features.state import State

SAMPLE_ROWS = 10_000
Try = Callable[[pl.LazyFrame, Engine], tuple[pl.DataFrame | None, str | None]]


@dataclass(frozen=True)
class Column:
    """One feature: its engine, the reason where that is not the one asked for, and its greatest
    difference from the CPU, relative to that where it is beyond 1.

    `difference` is None if one of the two has a number and the other none.
    """

    feature: str
    engine: Engine
    difference: float | None
    fallback: str | None = None


@dataclass(frozen=True)
class Plan:
    """Features that one plan makes.

    Args:
        in_rows: row by row on the CPU, with no more than a few rows in memory.
    """

    engine: Engine
    features: tuple[str, ...]
    in_rows: bool


@dataclass(frozen=True)
class Receipt:
    """What the evidence states about the engines."""

    engine: Engine
    columns: tuple[Column, ...]
    rows: int
    tolerance: float

    @property
    def greatest(self) -> float:
        """The greatest difference of all."""
        return max(
            (
                math.inf if column.difference is None else column.difference
                for column in self.columns
            ),
            default=0.0,
        )

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Features that an engine of another device made."""
        return tuple(column.feature for column in self.columns if column.fallback)


def receipt(
    frame: pl.LazyFrame,
    state: State,
    wanted: Engine,
    others: table.Others | None = None,
    attempt: Try | None = None,
) -> Receipt:
    """Try the engine on a sample, all features at once; where it refuses, transform by transform,
    with those that stand next to it.

    Args:
        attempt: runs a plan on an engine, or returns why not; pipelines.core.engine by default.
    Raises: ConfigurationError: the engine refuses a transform, and the contract allows no fallback.
    FeatureError: a difference is beyond the tolerance.
    """
    few = engine.run(
        drawn(
            frame.with_row_index(ROW), SAMPLE_ROWS, engine.run(frame.select(pl.len())).item()
        ).drop(ROW)
    ).lazy()
    expected = engine.run_in_memory(table.table(few, state, others=others).select(state.kept))
    made, engines = _sample_features(few, state, wanted, others, attempt or engine.tried)
    columns = tuple(
        Column(name, engines[name][0], difference(made[name], expected[name]), engines[name][1])
        for name in state.kept
    )
    receipt = Receipt(wanted, columns, expected.height, state.features.tolerance)
    for column in columns:
        if column.difference is None or column.difference > receipt.tolerance:
            by = (
                "in what is missing"
                if column.difference is None
                else f"by {column.difference:.3g}, beyond the tolerance of {receipt.tolerance:g}"
            )
            raise FeatureError(
                f"the engine '{column.engine}' gives '{column.feature}' differently from the CPU: they differ {by}",
                "Write `engine: polars`, or a greater `tolerance` if the model accepts it",
                Where(field=column.feature),
            )
    return receipt


def _sample_features(
    few: pl.LazyFrame, state: State, wanted: Engine, others: table.Others | None, attempt: Try
) -> tuple[pl.DataFrame, Mapping[str, tuple[Engine, str | None]]]:
    """The features of the sample; of each its engine, and why that is not one of the device that
    was wanted.
    """
    whole, reason = attempt(
        table.table(few, state, others=others, in_pieces=engine.in_pieces(wanted)).select(
            state.kept
        ),
        wanted,
    )
    if whole is not None:
        return whole, dict.fromkeys(state.kept, (wanted, None))
    _, by = table.lineage(few, state, others)
    parts, engines = [], dict[str, tuple[Engine, str | None]]()
    for place in dict.fromkeys(by.values()):
        names = [name for name in state.kept if by[name] == place]
        part, made_by = _by_transform(few, state, wanted, others, attempt, place, names, reason)
        engines |= dict.fromkeys(names, made_by)
        parts.append(part)
    if not parts:
        raise ConfigurationError(
            f"the engine '{wanted}' cannot read the table: {reason}", "Write `engine: polars`"
        )
    return pl.concat(parts, how="horizontal", strict=True), engines


def _by_transform(
    few: pl.LazyFrame,
    state: State,
    wanted: Engine,
    others: table.Others | None,
    attempt: Try,
    place: int,
    names: Sequence[str],
    reason: str | None,
) -> tuple[pl.DataFrame, tuple[Engine, str | None]]:
    """The features of one transform, by the first engine of the device that runs it, else by Polars
    where the contract allows that; with that engine, and why not the others.
    """
    transform, why = table.transform_of(state, place).transform, None
    companions = engine.companion_engines(wanted) if table.KINDS[transform].arrays else ()
    for candidate in (wanted, *companions):
        on, in_pieces = engine.arrays(candidate), engine.in_pieces(candidate)
        plan = table.table(few, state, others=others, on=on, in_pieces=in_pieces).select(names)
        part, why = attempt(plan, candidate)
        if part is not None:
            return part, (candidate, None)
    if wanted == "polars" or state.features.fallback == "error":
        raise ConfigurationError(
            f"the engine '{wanted}' cannot run the transform '{transform}' ({', '.join(names[:3])}): {why or reason}",
            "Write `fallback: allow` to compute it with Polars, which the evidence records, or `engine: polars`",
        )
    return engine.run(table.table(few, state, others=others).select(names)), (
        "polars",
        why or "it refused",
    )


def difference(made: pl.Series, expected: pl.Series) -> float | None:
    """The greatest difference, relative where what is expected is beyond 1; None if only one of
    them has a number.
    """
    if made.dtype != expected.dtype or len(made) != len(expected):
        return None
    left, right = made.cast(pl.Float64), expected.cast(pl.Float64)
    if not (left.is_null() == right.is_null()).all() or not (left.is_nan() == right.is_nan()).all():
        return None
    same = (left == right) | left.is_null() | left.is_nan()
    apart = ((left - right).abs() / right.abs().clip(lower_bound=1.0)).filter(~same)
    greatest = apart.max()
    return 0.0 if greatest is None else float(greatest) if math.isfinite(float(greatest)) else None  # type: ignore[arg-type]  # floats


def plans(receipt: Receipt, state: State, by: Mapping[str, int]) -> list[Plan]:
    """What makes the table: of each engine one plan of what goes row by row, and one for each
    transform that keeps all rows in memory to look back.

    Args:
        by: feature -> the place of its transform.
    """
    made: dict[tuple[Engine, int | None], list[str]] = {}
    for column in receipt.columns:
        place = by[column.feature]
        looks_back = table.KINDS[table.transform_of(state, place).transform].arrays
        made.setdefault((column.engine, place if looks_back else None), []).append(column.feature)
    return [
        Plan(one, tuple(names), one == "polars" and place is None)
        for (one, place), names in made.items()
    ] or [Plan(receipt.engine, (), in_rows=False)]
