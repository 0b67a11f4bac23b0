"""Rare spellings -> the frequent one that they were meant to be.

Belongs here: what the counts of a column's values tell. Stays out: what other columns tell
(dependencies.py), the form of codes (shapes.py).
Two mistakes must not happen: a rare value that is right is no typo of a frequent one, and a number
is never guessed.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assay.contracts.steps import Typos
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.clean.typo_evidence import (
    Candidate,
    Population,
    context_columns,
    context_log_odds,
    length_class,
    prior_log_odds,
    probability,
)
from assay.pipelines.core.fitting import EXPECTED_PRECISION, Fitted, Frames, Learning

MOST = 50_000  # distinct values of a column that are compared; one with more is no domain
_LONGEST = 300
_SHORT = 4  # below it, two right values are often one letter apart
_AT_ONCE = 2_000
# share of the rare values that must be near a frequent one: else the column has many right values,
# and some are near by chance
_EXPLAINED = 0.5
_SUPPORT = 1.0  # log odds by which other columns must speak for a change where this is so
_DOUBT = 0.5  # probability from which a value is noted as wrong
_CONTEXTS = ("string", "integer", "date")  # types of columns whose values may repeat
_ROWS = "_rows"
_LEARNED = {
    "column": pl.String,
    "value": pl.String,
    "meant": pl.String,
    "probability": pl.Float64,
}
Cell = tuple[str, str | None, float]
"""A value, what it becomes (None if it is only noted), and the probability that this is right."""
WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"[0-9]+")
_TORN = re.compile(r"\d[.,](?!\d)|(?<!\d)[.,]\d")
_NUMBERS = r"^[+-]?[0-9.,\s]+%?$"
_MIXED = re.compile(r"[^\W\d_]+\d\w*|\d+[^\W\d_]\w*")


@dataclass(frozen=True)
class Domain:
    """A column's values with their rows, those it may become, and those that are right whatever
    their number.
    """

    counts: Mapping[str, int]
    targets: Sequence[str]
    sure: frozenset[str]

    @cached_property
    def cells(self) -> int:
        """How many rows have a value."""
        return sum(self.counts.values())


def _fit(step: Typos, rows: pl.LazyFrame, columns: Columns) -> Learning:
    names = list(step.columns or columns.plain_text)
    repeating = [name for name, column in columns.items() if column.logical_type in _CONTEXTS]
    distinct = [pl.col(name).approx_n_unique() for name in {*names, *repeating}]
    sizes = (yield {"sizes": rows.select(pl.len().alias(_ROWS), *distinct)})["sizes"]
    size = sizes.row(0, named=True)
    few = {f"{index}": name for index, name in enumerate(names) if size[name] <= MOST}
    frames: Frames = {}
    if few:
        frames = yield {
            index: rows.select(name).drop_nulls().group_by(name).len(_ROWS)
            for index, name in few.items()
        }
    counts = {name: _texts(frames[index], name) for index, name in few.items()}
    words: Counter[str] = Counter()
    for values in counts.values():
        for value, count in values.items():
            words.update(dict.fromkeys(WORD.findall(value.lower()), count))
    likely = [
        ColumnSlips(name, _domain(name, values, step, columns), words, step)
        for name, values in counts.items()
    ]
    sizes_of_contexts = {name: size[name] for name in repeating}
    company = {
        column.name: context_columns(column.name, sizes_of_contexts, size[_ROWS], MOST)
        for column in likely
        if column.candidates
    }
    plans = _context_plans(rows, likely, company)
    answers: Frames = (yield plans) if plans else {}
    cells = [
        (column.name, *cell)
        for column in likely
        for cell in [
            *column.cells(_log_odds(column, company.get(column.name, []), answers)),
            *_beside_numbers(column, words, step),
        ]
    ]
    learned = pl.DataFrame(sorted(cells), schema=_LEARNED, orient="row")
    return Fitted(_expected(cells, counts), {"typos": learned})


def _expected(
    cells: Sequence[tuple[str, str, str | None, float]], counts: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """The share of the changed cells that is expected to be right."""
    changes = [
        (likely, counts[name][value]) for name, value, meant, likely in cells if meant is not None
    ]
    rows = sum(count for _, count in changes)
    if not rows:
        return {}
    return {EXPECTED_PRECISION: round(sum(likely * count for likely, count in changes) / rows, 4)}


def _texts(counted: pl.DataFrame, name: str) -> dict[str, int]:
    """How many rows hold each text that is neither long nor a number."""
    texts = counted.filter(
        pl.col(name).str.len_chars() <= _LONGEST, ~pl.col(name).str.contains(_NUMBERS)
    )
    return dict(texts.iter_rows())


def _context_plans(
    rows: pl.LazyFrame, likely: Sequence[ColumnSlips], company: Mapping[str, Sequence[str]]
) -> dict[str, pl.LazyFrame]:
    """The company of every candidate and its target in the columns that repeat, and how many rows
    of the table hold each value of these.
    """
    plans = {
        f"{column.name} {other}": rows.filter(pl.col(column.name).is_in(column.compared))
        .select(value=column.name, context=other)
        .drop_nulls()
        .group_by("value", "context")
        .len("rows")
        for column in likely
        for other in company.get(column.name, ())
    }
    totals = {
        other: rows.select(context=other).drop_nulls().group_by("context").len("rows")
        for other in sorted(set(itertools.chain.from_iterable(company.values())))
    }
    return plans | totals


def _log_odds(column: ColumnSlips, company: Sequence[str], answers: Frames) -> dict[str, float]:
    """What all other columns together add to the log odds of each candidate, by value."""
    total: Counter[str] = Counter()
    for other in company:
        pairs = answers[f"{column.name} {other}"]
        total.update(context_log_odds(pairs, answers[other], column.candidates))
    return dict(total)


def _beside_numbers(column: ColumnSlips, words: Mapping[str, int], step: Typos) -> list[Cell]:
    """What is misspelt next to a number, whatever the number: `61 xatients`, where `618 patients`
    and `87 patients` are what others say. Only words: of two codes both may be right.
    """
    counts = column.domain.counts
    near = {value for value, _ in column.near.meant}
    values: dict[str, list[str]] = {}
    for value in counts:
        if value not in near:
            values.setdefault(_NUMBER.sub("0", value), []).append(value)
    often = {template: sum(counts[value] for value in those) for template, those in values.items()}
    targets = sorted(
        template
        for template, count in often.items()
        if count >= step.support
        and "0" in template
        and any(len(word) >= _SHORT for word in WORD.findall(template))
    )
    if len(values) == len(counts) or not targets:
        return []
    templates = ColumnSlips(column.name, Domain(often, targets, frozenset()), words, step)
    return [
        (value, _numbered(meant, value), likely)
        for template, meant, likely in templates.cells({})
        for value in values[template]
    ]


def _numbered(template: str | None, value: str) -> str | None:
    """The template with the value's numbers."""
    numbers = _NUMBER.findall(value)
    parts = template.split("0") if template is not None else []
    return (
        "".join(itertools.chain(*zip(parts, [*numbers, ""], strict=True)))
        if len(parts) == len(numbers) + 1
        else None
    )


def _domain(name: str, counts: Mapping[str, int], step: Typos, columns: Columns) -> Domain:
    """What the contract enumerates, else what is frequent."""
    listed = next(
        (
            rule.argument
            for rule in columns.rules
            if rule.kind == "enum" and rule.columns == (name,) and not rule.path
        ),
        (),
    )
    sure = frozenset(str(value) for value in listed)
    return Domain(
        counts,
        sorted(sure) or sorted(value for value, count in counts.items() if count >= step.support),
        sure,
    )


@dataclass(frozen=True)
class Near:
    """The rare values that are near a frequent one, each with the one that was meant, or None if
    several could be; and whether most rare values are, so that the column has few right ones.
    """

    meant: Sequence[tuple[str, str | None]]
    most_are: bool


def near_values(domain: Domain, words: Mapping[str, int], step: Typos) -> Near:
    """Find the values of a column that may be others misspelt.

    Args:
        words: how many cells of the table hold each word.
    """
    rare = sorted(value for value, count in domain.counts.items() if value not in domain.sure)
    meant: list[tuple[str, str | None]] = []
    near = 0
    for value, hits in _within(rare, domain.targets, step.distance):
        alike = any(distance <= _most_letters(target) for distance, target in hits)
        near += alike and value not in domain.targets
        possible = [
            (distance, target)
            for distance, target in hits
            if _may_mean(value, target, distance, domain, words, step)
        ]
        if possible:
            meant += _unique_nearest(value, sorted(possible), domain)
    strange = len(set(rare) - set(domain.targets))
    return Near(meant, bool(domain.sure) or near >= _EXPLAINED * strange)


class ColumnSlips:
    """A column's values near others, with the probability of each to be a slip."""

    def __init__(self, name: str, domain: Domain, words: Mapping[str, int], step: Typos) -> None:
        self.name, self.domain, self._step = name, domain, step
        self.near = near_values(domain, words, step)
        self.candidates = [
            Candidate(value, target, _letters_apart(value, target), domain.counts[value])
            for value, target in self.near.meant
            if target is not None
        ]
        self._prior = (
            prior_log_odds(self.candidates, _population(domain, words, step))
            if self.candidates
            else []
        )

    @property
    def compared(self) -> list[str]:
        """The candidates and their targets."""
        return sorted({text for c in self.candidates for text in (c.value, c.target)})

    def cells(self, contexts: Mapping[str, float]) -> list[Cell]:
        """The values that change, and those that are only noted, with None; the others are left.

        Where most rare values are near nothing frequent, other columns must speak for a change.
        """
        cells: list[Cell] = [
            (value, None, 0.0)
            for value, target in self.near.meant
            if target is None and self.near.most_are
        ]
        for candidate, prior in zip(self.candidates, self._prior, strict=True):
            context = contexts.get(candidate.value, 0.0)
            likely = probability(prior, context)
            is_supported = self.near.most_are or context >= _SUPPORT
            if likely >= self._step.confidence and is_supported:
                cells.append((candidate.value, candidate.target, likely))
            elif likely >= _DOUBT and is_supported:
                cells.append((candidate.value, None, 0.0))
        return cells


def _population(domain: Domain, words: Mapping[str, int], step: Typos) -> Population:
    """How often the values that a column is known to have are near each other."""
    targets = domain.targets
    every = dict.fromkeys(targets, step.support)
    alike = Domain(every, targets, domain.sure)
    whatever_the_count = step.model_copy(update={"ratio": sys.float_info.min})
    some = targets[:: 1 + len(targets) // _AT_ONCE]
    like = Counter(
        (length_class(target), distance)
        for value, hits in _within(some, targets, step.distance)
        for distance, target in hits
        if _digits(value) == _digits(target)
        and _may_mean(value, target, distance, alike, words, whatever_the_count)
    )
    frequent = Counter(length_class(target) for target in targets)
    rare = Counter(
        length_class(value)
        for value, count in domain.counts.items()
        if value not in every and value not in domain.sure
    )
    pairs = {length: count * (len(some) - 1) for length, count in frequent.items()}
    return Population(rare, frequent, pairs, like)


def _letters_apart(value: str, target: str) -> int:
    from rapidfuzz.distance import OSA

    return int(OSA.distance(value, target))


def _within(
    values: Sequence[str], targets: Sequence[str], most: int
) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """The values with the targets that are at most so many letters away, and not the same."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import cdist

    for start in range(0, len(values), _AT_ONCE):
        chunk = values[start : start + _AT_ONCE]
        distances = cdist(chunk, targets, scorer=OSA.distance, score_cutoff=most, dtype=np.uint8)
        for row, column_hits in _near(distances, most):
            yield chunk[row], [(distance, targets[at]) for distance, at in column_hits]


def _near(
    distances: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], most: int
) -> list[tuple[int, list[tuple[int, int]]]]:
    """Row -> (distance, target) of those that are near and not the same."""
    hits: dict[int, list[tuple[int, int]]] = {}
    for row, at in np.argwhere((distances > 0) & (distances <= most)).tolist():
        hits.setdefault(row, []).append((int(distances[row, at]), at))
    return list(hits.items())


def _may_mean(
    value: str, target: str, distance: int, domain: Domain, words: Mapping[str, int], step: Typos
) -> bool:
    """Whether the value, so rare next to the target, is likely to be it misspelt."""
    count, often = domain.counts[value], domain.counts.get(target, 0)
    if distance > _most_letters(target) or (
        target not in domain.sure and count * step.ratio > often
    ):
        return False
    if (
        len(target) <= 2
        and target not in domain.sure
        and _form(value, cases=True) == _form(target, cases=True)
    ):
        return False
    slip = (
        len(target) > 2 and 2 * often > domain.cells and _is_slip(value, target)
    )  # `III` is not `II`
    if (
        len(target) < _SHORT
        and target not in domain.sure
        and count >= step.support
        and count * step.ratio**2 > often
        and not slip
    ):
        return False
    ours, theirs = set(WORD.findall(value.lower())), set(WORD.findall(target.lower()))
    if (
        len(ours - theirs) == len(theirs - ours) == 1
        and len(max(ours - theirs)) == len(max(theirs - ours)) <= 2
        and len(ours) > 1
    ):
        return False  # `class A` and `class B`
    known, wanted = [words[word] for word in ours - theirs], [words[word] for word in theirs - ours]
    if (
        any(len(word) < _SHORT and words[word] >= step.support for word in ours - theirs)
        and target not in domain.sure
        and len(ours) > 1
    ):
        return False
    if not known and not wanted:  # only marks differ
        return target in domain.sure or count < step.support
    return (
        not known
        or not wanted
        or target in domain.sure
        or max(known) * step.ratio <= max(min(wanted), often)
    )


def _most_letters(target: str) -> int:
    """How many letters away a value may be from this one, to be meant for it: one in four."""
    return max(1, len(target) // 4)


def _is_slip(value: str, target: str) -> bool:
    """Whether letters were swapped, lost or doubled: codes that are both right rather differ in a
    letter.
    """
    return len(value) != len(target) or sorted(value) == sorted(target)


def _unique_nearest(
    value: str, meant: list[tuple[int, str]], domain: Domain
) -> list[tuple[str, str | None]]:
    """The one that is nearest, if it is one, and if no number would be guessed."""
    same = [(distance, target) for distance, target in meant if _digits(value) == _digits(target)]
    if not same:
        # other digits: another number, unless all that is frequent is written in one form, and this
        # is not
        forms = {_form(target) for target in domain.targets}
        alone = len(domain.targets) == 1 and _form(value) not in forms
        return (
            [(value, None if _hides_a_digit(value, meant[0][1]) else meant[0][1])] if alone else []
        )
    nearest = [target for distance, target in same if distance == same[0][0]]
    return [
        (value, nearest[0] if len(nearest) == 1 and not _hides_a_digit(value, nearest[0]) else None)
    ]


def _hides_a_digit(value: str, target: str) -> bool:
    """Whether something is in a number, perhaps for a digit of it: `3x patients` may be 37,
    `1.L` may be 1.5.
    """
    ours, theirs = (set(_MIXED.findall(text)) for text in (value, target))
    return bool(ours - theirs and not theirs - ours) or bool(
        _TORN.search(value) and not _TORN.search(target)
    )


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _form(text: str, *, cases: bool = False) -> str:
    return "".join(
        "9" if c.isdigit() else ("A" if cases and c.isupper() else "a") if c.isalpha() else c
        for c in text
    )


def _effect(step: Typos, fitted: Fitted, columns: Columns) -> Effect:
    table = fitted.tables["typos"]
    changes: dict[str, pl.Expr] = {}
    doubts: dict[str, pl.Expr] = {}
    for name in step.columns or columns.plain_text:
        ours = table.filter(pl.col("column") == name)
        right, wrong = ours.drop_nulls("meant"), ours.filter(pl.col("meant").is_null())
        if right.height:
            changes[name] = pl.col(name).replace(right["value"], right["meant"])
        if wrong.height:
            doubts[name] = pl.col(name).is_in(wrong["value"].implode())
    return Effect(changes, **unclear(step, doubts))


TYPOS = Kind(_fit, _effect, corrects=True)
