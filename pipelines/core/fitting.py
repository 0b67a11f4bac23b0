"""The protocol by which cleaning steps and feature transforms learn from rows.

Belongs here: what a learner yields and returns, advancing several of them. Stays out: what each one
learns.
A learner is a generator. It yields named plans, is sent their frames, as many rounds as it needs,
and returns what it learned.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

Frames = Mapping[str, pl.DataFrame]
"""The frames that a learner's plans gave, by the plan's name."""


@dataclass(frozen=True)
class Fitted:
    """What a step has learned, as plain data, and as tables where there is a row for each case.

    A case is a spelling and its correction, or a row and its value. Applied to later rows
    unchanged, it does the same to them. It goes into the evidence, so it never holds an original
    personal value.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


EXPECTED_PRECISION = "expected_precision"
"""The value under which a step that corrects states what share of its changes it expects to be right.
"""

Learning = Generator[Mapping[str, pl.LazyFrame], Frames, Fitted]
"""Yields named plans and is sent their frames; plans of one round run in one pass, with those of
other learners.
"""

Rounds = Generator[Sequence[pl.LazyFrame], Sequence[pl.DataFrame], dict[int, Fitted]]
"""Yields the plans of a round and is sent their frames in the same order; returns what each learner
learned.
"""

Result = TypeVar("Result")
Collect = Callable[[Sequence[pl.LazyFrame]], Sequence[pl.DataFrame]]
"""Runs plans together: an engine's own way."""


def nothing_to_learn(*_: object) -> Learning:
    """The learning of what its contract states completely."""
    return Fitted()
    yield {}  # a generator, though it never waits


def learn_together(learners: Mapping[int, Learning]) -> Rounds:
    """Advance every learner by a round at a time, the plans of one round in one pass."""
    learned: dict[int, Fitted] = {}
    answers: dict[int, Frames | None] = dict.fromkeys(learners)
    while answers:
        requests: dict[int, Mapping[str, pl.LazyFrame]] = {}
        for index, answer in answers.items():
            try:
                requests[index] = learners[index].send(answer)  # type: ignore[arg-type]  # a generator is started with None
            except StopIteration as end:
                learned[index] = end.value
        plans = [plan for named in requests.values() for plan in named.values()]
        frames = iter((yield plans) if requests else [])
        answers = {
            index: {name: next(frames) for name in named} for index, named in requests.items()
        }
    return learned


def collect_rounds(
    rounds: Generator[Sequence[pl.LazyFrame], Sequence[pl.DataFrame], Result], collect: Collect
) -> Result:
    """Run the plans of every round, and return what they led to."""
    try:
        plans = next(rounds)
        while True:
            plans = rounds.send(collect(plans))
    except StopIteration as end:
        result: Result = end.value
        return result
