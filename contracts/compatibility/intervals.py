"""Comparisons with numbers -> the numbers that they allow, and how two such sets compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from assay.contracts.model import Comparison


@dataclass(frozen=True, order=True)
class Edge:
    """One end of an interval; `after` is 1 just above the number, -1 just below it."""

    number: float
    after: int = 0


@dataclass(frozen=True)
class Interval:
    """Every number from one edge to another."""

    low: Edge
    high: Edge

    def contains(self, other: Interval) -> bool:
        """Whether every number of the other is in it."""
        return self.low <= other.low and other.high <= self.high


LOWEST, HIGHEST = Edge(-math.inf), Edge(math.inf)
EVERY_NUMBER = (Interval(LOWEST, HIGHEST),)
COUNTS = Interval(Edge(0), HIGHEST)


def allowed_numbers(operator: Comparison, value: Any) -> tuple[Interval, ...]:
    """The numbers that keep a comparison, as intervals in order."""
    low, high = value if isinstance(value, list | tuple) else (value, value)
    match operator:
        case "mustBe" | "mustBeBetween":
            return (Interval(Edge(low), Edge(high)),)
        case "mustNotBe" | "mustNotBeBetween":
            return (Interval(LOWEST, Edge(low, -1)), Interval(Edge(high, 1), HIGHEST))
        case "mustBeGreaterThan":
            return (Interval(Edge(low, 1), HIGHEST),)
        case "mustBeGreaterOrEqualTo":
            return (Interval(Edge(low), HIGHEST),)
        case "mustBeLessThan":
            return (Interval(LOWEST, Edge(low, -1)),)
        case "mustBeLessOrEqualTo":
            return (Interval(LOWEST, Edge(low)),)


def of_counts(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The part of the intervals that counts can reach: they are never negative."""
    cut = (Interval(max(part.low, COUNTS.low), part.high) for part in intervals)
    return tuple(part for part in cut if part.low <= part.high)


def covers(outer: Sequence[Interval], inner: Sequence[Interval]) -> bool:
    """Whether every number of the inner intervals is in an outer one; those never touch."""
    return all(any(part.contains(other) for part in outer) for other in inner)
