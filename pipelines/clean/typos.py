"""Rare spellings -> the frequent one that they were meant to be.

Belongs here: what the counts of a column's values tell. Stays out: what other columns tell
(dependencies.py), the form of codes (shapes.py).
Two mistakes must not be made: a rare value that is right is no typo of a frequent one, and a number
is never guessed.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assay.contracts.steps import Typos
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, Frames, Learning

MOST = 50_000  # distinct values of a column that are compared; one with more is no domain
_LONGEST = 300
_SHORT = 4  # below it, two right values are often one letter apart
_AT_ONCE = 2_000
# share of the rare values that must be near a frequent one: else the column has many right values,
# and some are near by chance
_EXPLAINED = 0.5
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
    sizes = (yield {"sizes": rows.select(pl.col(name).approx_n_unique() for name in names)})[
        "sizes"
    ].row(0, named=True)
    few = {f"{index}": name for index, name in enumerate(names) if sizes[name] <= MOST}
    found: Frames = (
        (
            yield {
                index: rows.select(name).drop_nulls().group_by(name).len("_rows")
                for index, name in few.items()
            }
        )
        if few
        else {}
    )
    counts = {
        name: dict(
            found[index]
            .filter(pl.col(name).str.len_chars() <= _LONGEST, ~pl.col(name).str.contains(_NUMBERS))
            .iter_rows()
        )
        for index, name in few.items()
    }
    words: Counter[str] = Counter()
    for values in counts.values():
        for value, count in values.items():
            words.update(dict.fromkeys(WORD.findall(value.lower()), count))
    cells = []
    for name, values in counts.items():
        alone = misspelt(_domain(name, values, step, columns), words, step)
        cells += [
            (name, *one)
            for one in [
                *alone,
                *_beside_numbers(values, {value for value, _ in alone}, words, step),
            ]
        ]
    return Fitted(
        tables={
            "typos": pl.DataFrame(
                sorted(cells),
                schema={"column": pl.String, "value": pl.String, "meant": pl.String},
                orient="row",
            )
        }
    )


def _beside_numbers(
    counts: Mapping[str, int], found: Collection[str], words: Mapping[str, int], step: Typos
) -> list[tuple[str, str | None]]:
    """What is misspelt beside a number, whatever the number: `61 xatients`, where `618 patients`
    and `87 patients` are what others say. Only words: of two codes both may be right.
    """
    values: dict[str, list[str]] = {}
    for value in counts:
        if value not in found:
            values.setdefault(_NUMBER.sub("0", value), []).append(value)
    often = {template: sum(counts[value] for value in those) for template, those in values.items()}
    targets = sorted(
        template
        for template, count in often.items()
        if count >= step.support
        and "0" in template
        and any(len(word) >= _SHORT for word in WORD.findall(template))
    )
    wrong = (
        misspelt(Domain(often, targets, frozenset()), words, step)
        if len(values) < len(counts) and targets
        else []
    )
    return [
        (value, _numbered(meant, value)) for template, meant in wrong for value in values[template]
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


def misspelt(domain: Domain, words: Mapping[str, int], step: Typos) -> list[tuple[str, str | None]]:
    """The values that are none of the column's, with the one that was meant; None where several
    could be meant.

    Args:
        words: how many cells of the table hold each word.
    """
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import cdist

    rare = sorted(value for value, count in domain.counts.items() if value not in domain.sure)
    if not rare or not domain.targets:
        return []
    found: list[tuple[str, str | None]] = []
    near = 0
    for start in range(0, len(rare), _AT_ONCE):
        chunk = rare[start : start + _AT_ONCE]
        distances = cdist(
            chunk, domain.targets, scorer=OSA.distance, score_cutoff=step.distance, dtype=np.uint8
        )
        for row, column_hits in _near(distances, step.distance):
            value = chunk[row]
            near += value not in domain.targets
            meant = [
                (distance, domain.targets[at])
                for distance, at in column_hits
                if _may_mean(value, domain.targets[at], distance, domain, words, step)
            ]
            if meant:
                found += _unique_nearest(value, sorted(meant), domain)
    strange = len(set(rare) - set(domain.targets))
    return found if domain.sure or near >= _EXPLAINED * strange else []


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
    """Whether the value, so rare beside the target, is likely to be it misspelt."""
    count, often = domain.counts[value], domain.counts.get(target, 0)
    if distance > max(1, len(target) // 4) or (
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
    """Whether something stands in a number, perhaps for a digit of it: `3x patients` may be 37,
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
