"""The contract's cleaning -> what it learns from the rows, then what it does to them.

Belongs here: running the steps in order. Stays out: each kind of repair (its own module).
Steps on text come first, then the text is read as its types, then the steps on values. A step
learns from what the steps before it have corrected; rows that they take out still count, and values
that they filled or capped do not. Only a step that keeps one row of several sees what they leave.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep
from assay.pipelines.clean import (
    align,
    dependencies,
    duplicates,
    missing,
    near_records,
    near_texts,
    numbers,
    outliers,
    shapes,
    spelling,
    texts,
    times,
    typos,
)
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.clean.types import received, typed
from assay.pipelines.core.fitting import Fitted, Learning, learn_together
from assay.pipelines.core.frames import CHANGED, FLAGGED_BY, REMOVED_BY, SET_ASIDE_BY

KINDS: Mapping[str, Kind] = {
    "deduplicate": duplicates.EXACT,
    "deduplicate_by_key": duplicates.BY_KEY,
    "near_duplicates": near_records.RECORDS,
    "near_duplicate_texts": near_texts.TEXTS,
    "fill_missing": missing.FILL,
    "drop_missing": missing.DROP,
    "outliers": outliers.FENCES,
    "normalize": spelling.NORMALIZE,
    "placeholders": spelling.PLACEHOLDERS,
    "synonyms": spelling.SYNONYMS,
    "rewrite": spelling.REWRITE,
    "numbers": numbers.NUMBERS,
    "times": times.TIMES,
    "typos": typos.TYPOS,
    "shapes": shapes.SHAPES,
    "dependencies": dependencies.DEPENDENCIES,
    "noise": texts.NOISE,
    "boilerplate": texts.BOILERPLATE,
    "language": texts.LANGUAGE,
    "text_quality": texts.TEXT_QUALITY,
    "align": align.ALIGN,
}

Fitting = Generator[Sequence[pl.LazyFrame], Sequence[pl.DataFrame], tuple[Fitted, ...]]
"""Yields plans to run in one pass and is sent their frames; returns what each step has learned."""


def label(index: int, step: CleaningStep) -> str:
    """The step's name in accounts, such as `3 outliers`."""
    return f"{index + 1} {step.step}"


def promised(contract: Contract) -> Columns:
    """The columns that steps may speak of."""
    return Columns(contract.columns, contract.rules)


def as_numbers(contract: Contract) -> set[str]:
    """The columns that may come as whole numbers in place of text: those that are declared as
    numbers, and of which no one asks how they are written.
    """
    asked = {*contract.privacy.columns, contract.license.column}
    for step in contract.cleaning:
        if step.phase == "text" and step.reads_writing:
            asked |= set(step.reads or contract.column_names)
    return {
        column.name
        for column in contract.columns
        if column.logical_type in ("integer", "number") and not column.null_values
    } - asked


# -- learning -------------------------------------------------------------------------------


def fitting(
    treated: pl.LazyFrame,
    original: pl.LazyFrame,
    contract: Contract,
    known: Mapping[int, Fitted] | None = None,
) -> Fitting:
    """Learn what every step needs, in as few passes as their dependence allows.

    Args:
        treated: `_row` and the contract's columns as text, personal ones replaced.
        original: the same before anything is replaced.
        known: what steps, by their index, have learned on another version and keep.
    """
    learned: dict[int, Fitted] = dict(known or {})
    waiting: dict[int, Learning] = {}
    corrected: set[str] = set()
    for index, step in enumerate(contract.cleaning):
        kind, reads = KINDS[step.step], set(step.reads or contract.column_names)
        if corrected & reads or (kind.chooses and waiting):
            learned |= yield from learn_together(waiting)
            waiting, corrected = {}, set()
        if index in learned:
            continue
        before = {
            i: fitted
            for i, fitted in learned.items()
            if i < index and (kind.chooses or KINDS[contract.cleaning[i].step].corrects)
        }
        *_, (_, rows) = stages(
            original if kind.original else treated, contract, before, read_too=step.phase == "value"
        )
        if kind.chooses:
            rows = rows.filter(pl.col(REMOVED_BY).is_null() & pl.col(SET_ASIDE_BY).is_null())
        waiting[index] = kind.fit(step, rows, promised(contract))
        if kind.corrects:
            corrected |= reads
    learned |= yield from learn_together(waiting)
    return tuple(learned[index] for index in range(len(contract.cleaning)))


# -- doing ----------------------------------------------------------------------------------


def repaired(rows: pl.LazyFrame, contract: Contract, fitted: Sequence[Fitted]) -> pl.LazyFrame:
    """The typed columns, repaired, next to the text as received and what each step did: see
    `stages`.
    """
    *_, (_, frame) = stages(rows, contract, dict(enumerate(fitted)))
    return frame


def columns_changed(contract: Contract, fitted: Sequence[Fitted]) -> set[str]:
    """The columns that some step may give another value."""
    effects = (
        KINDS[step.step].effect(step, learned, promised(contract))
        for step, learned in zip(contract.cleaning, fitted, strict=True)
    )
    return {column for effect in effects for column in effect.changes}


def stages(
    rows: pl.LazyFrame, contract: Contract, fitted: Mapping[int, Fitted], *, read_too: bool = True
) -> Iterator[tuple[str, pl.LazyFrame]]:
    """The rows after each step, by its label; `received` and `read` are what they were before the
    first, and once the text was read.

    `_removed_by`, `_set_aside_by` name the first step that took a row out (null: it stays),
    `_flagged_by` all that noted it, and `_changed_<step>|<column>` is true where the step gave the
    cell another value.

    Args:
        rows: `_row` and the contract's columns as text.
        fitted: by the step's index; a step that is not there does nothing.
        read_too: whether the text is read as the declared types at the end.
    """
    frame, is_text = received(rows, contract), True
    yield "received", frame
    for index, step in enumerate(contract.cleaning):
        if index not in fitted:
            continue
        if is_text and step.phase == "value":
            frame, is_text = typed(frame, contract), False
            yield "read", frame
        name = label(index, step)
        frame = _done(frame, name, KINDS[step.step].effect(step, fitted[index], promised(contract)))
        yield name, frame
    if is_text and read_too:
        yield "read", typed(frame, contract)


def changed(name: str, column: str) -> str:
    """The helper column that is true where the step of that label changed the cell."""
    return f"{CHANGED}{name}|{column}"


def doubted(name: str, column: str) -> str:
    """What a row is flagged with where the step of that label finds the cell wrong, and cannot put
    it right.
    """
    return f"{name}: {column}"


def what(mark: str) -> tuple[str, str]:
    """The step's label and the column that a helper column of `changed` speaks of."""
    name, _, column = mark.removeprefix(CHANGED).partition("|")
    return name, column


def _done(frame: pl.LazyFrame, name: str, effect: Effect) -> pl.LazyFrame:
    marks = [
        pl.when(value.ne_missing(pl.col(column)))
        .then(True)
        .otherwise(False)
        .alias(changed(name, column))
        for column, value in effect.changes.items()
    ]
    leaves = [
        pl.when(
            pl.col(mark).is_null()
            & pl.col(REMOVED_BY).is_null()
            & pl.col(SET_ASIDE_BY).is_null()
            & condition
        )
        .then(pl.lit(name))
        .otherwise(pl.col(mark))
        .alias(mark)
        for mark, condition in ((REMOVED_BY, effect.removes), (SET_ASIDE_BY, effect.sets_aside))
        if condition is not None
    ]
    noted = ([] if effect.flags is None else [pl.when(effect.flags).then(pl.lit(name))]) + [
        pl.when(condition).then(pl.lit(doubted(name, column)))
        for column, condition in effect.doubts.items()
    ]
    flags = (
        [
            pl.concat_list(pl.col(FLAGGED_BY), pl.concat_list(noted).list.drop_nulls()).alias(
                FLAGGED_BY
            )
        ]
        if noted
        else []
    )
    helped = (
        frame.with_columns(value.alias(helper) for helper, value in effect.helpers.items())
        if effect.helpers
        else frame
    )
    return helped.with_columns(
        *(value.alias(column) for column, value in effect.changes.items()), *marks, *leaves, *flags
    ).drop(effect.helpers)
