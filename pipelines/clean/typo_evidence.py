"""A rare value near a frequent one -> how likely it is that value misspelt.

Belongs here: probabilities. Stays out: which values are near which (typos.py).
Two things are known without labels. How often right values of this column resemble each other by
chance is seen among its frequent values, which are right. Where other columns repeat, a slip is
in the same company as the value it was meant to be, and a right value in its own: `DAWSONVILLE` has
another postal code than `JACKSONVILLE`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

CONTEXTS = 8
"""How many other columns are looked at for each column, those with most distinct values first."""
_MOST_DISTINCT = 0.6  # share of the rows; a column with more identifies rows and repeats nothing
# Lists of right names (cities of seven countries, first and last names of three, jobs; 2026-11-30)
# have one pair in 1,000 to 30,000 that a slip could turn into each other: the pairs that are
# assumed to have been seen beforehand, and the likenesses among them.
_ASSUMED_PAIRS = 1_000
_ASSUMED_LIKE = 1
_LENGTHS = (4, 6, 8, 11)  # letters; longer values resemble each other by chance less often
_CERTAIN = 0.99
_DOUBTFUL = 0.02
_REPEATED = math.log(2)  # a slip is rarely repeated: each repetition halves the odds,
_MOST_REPEATED = 4  # up to this many
_STRONGEST = 6.0  # log odds of all other columns together: they depend on each other


@dataclass(frozen=True)
class Candidate:
    """A value that may be `target` misspelt, `letters` away from it; `rows` hold it."""

    value: str
    target: str
    letters: int
    rows: int


@dataclass(frozen=True)
class Population:
    """The values of a column by length class: how many are rare, how many frequent, and how many
    ordered pairs of frequent ones are so many letters apart.
    """

    rare: Mapping[int, int]
    frequent: Mapping[int, int]
    pairs: Mapping[int, int]
    like: Mapping[tuple[int, int], int]


def length_class(text: str) -> int:
    """The class of lengths that a text belongs to, from 0."""
    return sum(len(text) > most for most in _LENGTHS)


def prior_log_odds(candidates: Sequence[Candidate], population: Population) -> list[float]:
    """The log odds of each candidate to be a slip, before any other column is looked at.

    Of so many rare values that are right, some resemble a frequent value by chance; that number is
    expected from the frequent ones, and compared with the number of candidates.
    """
    classes = [length_class(candidate.target) for candidate in candidates]
    together = Counter(classes)
    alike = Counter(zip(classes, (c.letters for c in candidates), strict=True))
    odds = []
    for length, candidate in zip(classes, candidates, strict=True):
        key = (length, candidate.letters)
        rate = (population.like.get(key, 0) + _ASSUMED_LIKE) / (
            population.pairs.get(length, 0) + _ASSUMED_PAIRS
        )
        right = max(population.rare.get(length, 0) - together[length] + 1, 0)
        expected = right * max(population.frequent.get(length, 0), 1) * rate
        share = min(max(1 - expected / alike[key], _DOUBTFUL), _CERTAIN)
        repeated = min(candidate.rows - 1, _MOST_REPEATED)
        odds.append(math.log(share / (1 - share)) - _REPEATED * repeated)
    return odds


def context_columns(name: str, sizes: Mapping[str, int], rows: int, most: int) -> list[str]:
    """The other columns that repeat and distinguish rows, the most telling ones first."""
    repeating = [
        other
        for other, distinct in sizes.items()
        if other != name and 2 <= distinct <= min(most, _MOST_DISTINCT * rows)
    ]
    return sorted(repeating, key=lambda other: (-sizes[other], other))[:CONTEXTS]


def context_log_odds(
    pairs: pl.DataFrame, totals: pl.DataFrame, candidates: Collection[Candidate]
) -> dict[str, float]:
    """What one other column adds to the log odds of each candidate, by value.

    Args:
        pairs: `value`, `context`, `rows`: how many rows hold both, of the candidates and targets.
        totals: `context`, `rows`: how many rows of the table hold it.
    """
    meant = pl.DataFrame(
        {"value": [c.value for c in candidates], "target": [c.target for c in candidates]},
        schema={"value": pl.String, "target": pl.String},
    )
    of_targets = pairs.join(meant.select(value="target").unique(), on="value", how="semi")
    seen = pl.col("rows").sum()
    repeated = pl.col("rows").filter(pl.col("rows") >= 2).sum()
    elsewhere = (pl.col("rows_of_table") - pl.col("rows")).sum()
    profile = (
        of_targets.join(totals.rename({"rows": "rows_of_table"}), on="context")
        .group_by("value")
        .agg(seen=seen, repeated=repeated, elsewhere=elsewhere)
        .filter(pl.col("seen") >= 2)
    )
    others = int(totals["rows"].sum()) - pl.col("seen")
    covered = ((pl.col("repeated") + 0.5) / (pl.col("seen") + 1)).clip(_DOUBTFUL, 1 - _DOUBTFUL)
    by_chance = ((pl.col("elsewhere") + 0.5) / (others + 1)).clip(upper_bound=1 - _DOUBTFUL)
    shared = pl.col("rows").filter(pl.col("known")).sum() / pl.col("rows").sum()
    company = (
        meant.join(pairs, on="value")
        .join(
            of_targets.select("context", target="value", known=pl.lit(True)),
            on=["target", "context"],
            how="left",
        )
        .group_by("value", "target")
        .agg(same=shared.fill_null(0) >= 0.5)
        .join(profile.rename({"value": "target"}), on="target")
    )
    odds = (
        pl.when("same")
        .then((covered / by_chance).log())
        .otherwise(((1 - covered) / (1 - by_chance)).log())
    )
    return dict(company.select("value", odds=odds).iter_rows())


def probability(prior: float, contexts: float) -> float:
    """The probability of a slip from the log odds before and by other columns."""
    return 1 / (1 + math.exp(-(prior + min(max(contexts, -_STRONGEST), _STRONGEST))))
