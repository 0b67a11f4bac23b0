"""Pairs of records -> how probable it is that each describes one thing twice, learned from the pairs
themselves.

Belongs here: comparing cells, weighing them, deciding. Stays out: which pairs (blocking.py), what
becomes of the rows (near_records.py).
Cells are compared in five levels, from different to equal, and each level of a column counts by how
much more frequent it is among the same than among others (Fellegi and Sunter 1969, J. Am. Stat.
Assoc. 64, 1183). No one labels any: the pairs in which each record is the other's nearest are a
mixture of both, the other pairs are near and different. The first are taken apart by expectation
and maximisation (Winkler 1988), compared with the second, so that what near but different things
share counts for little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.pipelines.clean.blocking import nearest

Array = np.ndarray[Any, Any]
_EDGES = np.array([0.6, 0.75, 0.88, 0.999])
"""Where a level of similarity begins; the first is different, the last equal."""
_AGREES = 2  # the level from which on cells agree
_SAME = np.array([0.02, 0.03, 0.05, 0.10, 0.80])
_OTHERS = np.array([0.60, 0.20, 0.10, 0.07, 0.03])
"""What is thought of the levels before anything is seen, among the same and among others, worth
`_BELIEF` pairs.
"""
_BELIEF = 5.0
_ROUNDS = 100
_AT_ONCE = 100_000  # pairs compared together
UNKNOWN = -1
"""The level where a cell is empty: it speaks neither for nor against."""


@dataclass(frozen=True)
class Weights:
    """What was learned: for each column the logarithm of how much a level speaks for the same, and
    the share of the same among those nearest to each other.
    """

    columns: Array
    share: float

    def evidence(self, levels: Array) -> Array:
        """For the same, in nats: the sum over the columns."""
        total = np.zeros(len(levels))
        for column, weights in enumerate(self.columns):
            level = levels[:, column]
            total += np.where(level == UNKNOWN, 0.0, weights[level])
        return total

    def probability(self, evidence: Array) -> Array:
        """That a pair is the same, among those nearest to each other."""
        out: Array = 1 / (
            1 + np.exp(-np.clip(evidence + np.log(self.share / (1 - self.share)), -500, 500))
        )
        return out


def find_same_records(
    records: pl.DataFrame,
    columns: Sequence[str],
    *,
    certainty: float,
    at_least: int,
    sides: Array | None = None,
) -> pl.DataFrame:
    """The pairs that are the same: `left`, `right` by their place, `similarity` (the probability),
    `agreed` (columns).

    Args:
        records: normal text in `columns`, no two equal in all of them unless there are sides.
        sides: which of two tables each record belongs to; each then has one counterpart at most.
    """
    pairs = nearest(records, columns, sides)
    levels = compared(records, pairs, columns)
    first = are_each_others_best(pairs, pairs["weight"].to_numpy())
    weights = learn_weights(levels[first], levels[~first])
    evidence = weights.evidence(levels)
    probability = weights.probability(evidence)
    agrees = levels >= _AGREES
    found = (probability >= certainty) & (agrees.sum(axis=1) >= min(at_least, len(columns)))
    chosen = found & are_each_others_best(pairs, evidence + pairs["weight"].to_numpy())
    if (
        sides is None and chosen.any()
    ):  # a third of the same is no one's nearest: as sure as the usual pair is sure enough
        chosen |= found & (evidence >= np.median(evidence[chosen]))
    names = np.array(columns, dtype=object)
    agreeing = [names[agreed].tolist() for agreed in agrees[chosen]]
    return pairs.filter(pl.Series(chosen)).select(
        "left",
        "right",
        pl.Series("similarity", probability[chosen], pl.Float64),
        pl.Series("agreed", agreeing, pl.List(pl.String)),
    )


def compared(records: pl.DataFrame, pairs: pl.DataFrame, columns: Sequence[str]) -> Array:
    """The level of each column of each pair, or UNKNOWN."""
    parts = [_compared(records, part, columns) for part in pairs.iter_slices(_AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros((0, len(columns)), dtype=np.int8)


def _compared(records: pl.DataFrame, pairs: pl.DataFrame, columns: Sequence[str]) -> Array:
    from rapidfuzz import fuzz, process

    out = np.empty((pairs.height, len(columns)), dtype=np.int8)
    for number, column in enumerate(columns):
        left, right = (records[column].gather(pairs[side]) for side in ("left", "right"))
        texts = left.to_list(), right.to_list()
        like = (
            np.maximum(
                *(
                    process.cpdist(*texts, scorer=scorer, workers=-1)
                    for scorer in (fuzz.ratio, fuzz.token_sort_ratio)
                )
            )
            / 100
        )
        level = np.maximum(np.digitize(like, _EDGES), np.where(_within(left, right), _AGREES, 0))
        out[:, number] = np.where(((left == "") | (right == "")).to_numpy(), UNKNOWN, level)
    return out


def _within(left: pl.Series, right: pl.Series) -> Array:
    """True where all words of the one are among the other's: `spago` and `spago los angeles`."""
    words = pl.DataFrame(
        {"left": left.str.split(" ").list.unique(), "right": right.str.split(" ").list.unique()}
    )
    common = pl.col("left").list.set_intersection("right").list.len()
    return (
        words.select(
            common == pl.min_horizontal(pl.col("left").list.len(), pl.col("right").list.len())
        )
        .to_series()
        .to_numpy()
    )


def are_each_others_best(pairs: pl.DataFrame, score: Array) -> Array:
    """True where each of the two is the other's best; of equals, the one that stands first."""
    scored = pairs.select(
        "left", "right", pl.Series("score", score), pl.int_range(pl.len()).alias("pair")
    )
    turned = scored.select(
        pl.col("right").alias("left"), pl.col("left").alias("right"), "score", "pair"
    )
    best = (
        pl.concat([scored, turned])
        .sort("left", "score", "right", descending=[False, True, False])
        .unique("left", keep="first", maintain_order=True)
    )
    twice = best.filter(pl.col("pair").is_duplicated())["pair"].unique()
    out = np.zeros(pairs.height, dtype=bool)
    out[twice.to_numpy()] = True
    return out


def learn_weights(mixed: Array, others: Array) -> Weights:
    """Take the mixture apart, knowing the others.

    Args:
        mixed: (n, columns) levels of pairs of which some are the same.
        others: (m, columns) levels of pairs of which hardly any are.
    """
    among_others = np.array([_shares(column, np.ones(len(column)), _OTHERS) for column in others.T])
    among_same, share = np.tile(_SAME, (mixed.shape[1], 1)), 0.5
    for _ in range(_ROUNDS):
        weights = Weights(np.log(among_same / among_others), share)
        probable = weights.probability(weights.evidence(mixed))
        share = float((probable.sum() + 1) / (len(mixed) + 2))
        among_same = np.array([_shares(column, probable, _SAME) for column in mixed.T])
    return Weights(np.log(among_same / among_others), share)


def _shares(levels: Array, counts: Array, belief: Array) -> Array:
    known = levels != UNKNOWN
    counted = (
        np.bincount(levels[known], weights=counts[known], minlength=len(belief)) + belief * _BELIEF
    )
    out: Array = counted / counted.sum()
    return out
