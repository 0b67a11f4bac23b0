"""A few rows that someone has corrected -> patterns that put the others right in the same way.

Belongs here: which rows to ask for, and generalizing from a cell before and after. Stays out: what
the rows tell by themselves (suggest.py), doing it (spelling.py).
What was taken out, put in or replaced is tried as a pattern, and compared with every cell of the
column that someone has read: it must put several right, and spoil none.
Sources: the value-based correctors of Baran (Mahdavi and Abedjan 2020, PVLDB 13, 1948) and the
choice of rows that show what no other has shown of Raha (Mahdavi et al. 2019, SIGMOD, 865);
neither's features nor classifiers are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from assay.contracts.steps import Rewrite
from assay.pipelines.clean.shapes import form
from assay.pipelines.clean.spelling import rewritten
from assay.pipelines.core.frames import ROW

_TWICE = 2  # cells that a pattern must put right: one may be anything
_MOSTLY = 0.75  # share of the cells it changes that it must put right: a cell may have two faults
_CLASS = {"A": r"\p{Lu}", "a": r"[\p{L}--\p{Lu}]", "9": "[0-9]"}


# -- which rows to ask for -------------------------------------------------------------------------


def most_varied_rows(sample: pl.DataFrame, names: Sequence[str], count: int) -> list[int]:
    """The numbers of so many rows that show most of how values are written: each next one what the
    others have shown least, weighed by the
    root of how many cells are written so: the frequent ones are shown anyway.
    """
    if not sample.height or not names:
        return []
    kinds = [
        sample.select(kind.rank("dense") - 1).to_series().fill_null(0).to_numpy()
        for name in names
        for kind in _kinds(name)
    ]
    shares = [np.bincount(kind) / sample.height for kind in kinds]
    shown = [np.zeros(len(share)) for share in shares]
    chosen: list[int] = []
    for _ in range(min(count, sample.height)):
        worth = np.sum(
            [
                (np.sqrt(share) / (1 + seen) ** 2)[kind]
                for kind, share, seen in zip(kinds, shares, shown, strict=True)
            ],
            axis=0,
        )
        worth[chosen] = -1
        best = int(worth.argmax())
        chosen.append(best)
        for kind, seen in zip(kinds, shown, strict=True):
            seen[kind[best]] += 1
    return sorted(sample[ROW].gather(chosen).to_list())


def _kinds(name: str) -> tuple[pl.Expr, ...]:
    """What is looked at in a cell: its form with runs as one, how it begins, how it ends."""
    text = pl.col(name).fill_null("")
    short = (
        form(text).str.replace_all("A+", "A").str.replace_all("a+", "a").str.replace_all("9+", "9")
    )
    return short, text.str.slice(0, 1), text.str.tail(2)


# -- what they teach
# ---------------------------------------------------------------------------------


def rewrites(name: str, before: pl.Series, right: pl.Series) -> list[Rewrite]:
    """The patterns that put cells of a column right, and spoil none; that which explains most comes
    first.

    Args:
        before: the cells as they are. right: the same cells as someone who knows has written them.
    """
    cells = pl.DataFrame({name: before, "right": right}).drop_nulls()
    found: list[Rewrite] = []
    while (wrong := cells.filter(pl.col(name) != pl.col("right"))).height >= _TWICE:
        tried = dict.fromkeys(
            pair
            for was, wanted in wrong.select(name, "right").iter_rows()
            for pair in _generalized(was, wanted)
        )
        judged = [
            (_put_right(cells, step, name), step)
            for step in (
                Rewrite(step="rewrite", columns=(name,), pattern=pattern, to=to)
                for pattern, to in tried
            )
        ]
        best, step = max(judged, key=lambda one: one[0], default=(0, None))
        if step is None or best < _TWICE:
            break
        found.append(step)
        cells = cells.with_columns(rewritten(step, name)[0].alias(name))
    return found


def _put_right(cells: pl.DataFrame, step: Rewrite, name: str) -> int:
    """How many cells the pattern corrects; none where it spoils a right one, or leaves many as
    wrong as they were.
    """
    after = cells.select(
        pl.col(name).alias("was"), rewritten(step, name)[0].alias("now"), "right"
    ).filter(pl.col("was") != pl.col("now"))
    good = int((after["now"] == after["right"]).sum())
    spoilt = int((after["was"] == after["right"]).sum())
    return good if not spoilt and good >= _MOSTLY * after.height else 0


def _generalized(was: str, right: str) -> Iterator[tuple[str, str]]:
    """Patterns that turn the one into the other, the more general ones first."""
    from rapidfuzz.distance import Postfix, Prefix

    start = Prefix.similarity(was, right)
    end = Postfix.similarity(was[start:], right[start:])
    old, new = was[start : len(was) - end], right[start : len(right) - end].replace("$", "$$")
    at_start, at_end = start == 0, end == 0
    if old and at_start:
        yield from ((f"^{each}", new) for each in _runs(old))
    if old and at_end:
        yield from ((f"{each}$", new) for each in _runs(old))
    if old and not any(character.isalnum() for character in old):
        yield literal(old), new
    if not old and at_start:
        yield f"^({_formed(was)})$", f"{new}${{1}}"
    if not old and at_end:
        yield f"^({_formed(was)})$", f"${{1}}{new}"
    yield f"^{literal(was)}$", right.replace("$", "$$")


def _runs(text: str) -> Iterator[str]:
    """A character as often as it is there, and the text as it is."""
    if len(set(text)) == 1:
        yield literal(text[0]) + "+"
    yield literal(text)


def literal(text: str) -> str:
    """A pattern that finds the text and nothing else; Rust's engine refuses some of what Python
    escapes.
    """
    return re.sub(r"([\\.+*?()|\[\]{}^$#&~-])", r"\\\1", text)


def _formed(text: str) -> str:
    """`AB-12` -> letters and digits as classes, as many of each."""
    forms = (
        ("9" if c in "0123456789" else "A" if c.isupper() else "a" if c.isalpha() else c)
        for c in text
    )
    return "".join(_CLASS.get(one) or literal(one) for one in forms)
