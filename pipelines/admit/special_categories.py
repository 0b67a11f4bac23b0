"""Columns -> the special categories of GDPR article 9, and markings of secrecy, that they hold.

Belongs here: the words, and from which share of a column's cells on they say something. Stays out:
single values with a form of their own (detectors.py).
A word in a sentence is no finding. A column is one where its name says so and cells hold the words,
or where most of its cells are nothing but such words; words that say other things as well, such as
colours, count in the former only. A first look counts each column's words; rows are looked for
where that gives reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.detectors import CONTEXT, FORMAT, NAMED
from assay.pipelines.admit.names import words
from assay.pipelines.core.frames import ROW
from assay.pipelines.core.package_data import read_yaml

_NAMED_SHARE, _SHARE, _DIFFERENT = 0.1, 0.6, 2
_MENTIONED = 0.2  # from this share of a column's cells on, the mere word is a marking
_LONGEST = 48  # letters of a cell that holds a word and nothing else


@dataclass(frozen=True)
class Category:
    """One kind: what columns of it are called, the words for which it takes no name, those that
    take one, and what else cells of such a column look like.
    """

    kind: PersonalKind
    name: str
    sure: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()
    cell: str | None = None


_DATA = "admit/special_categories.yaml"
_MARKED: PersonalKind = "confidential"


@cache
def categories() -> tuple[Category, ...]:
    """The special categories, as special_categories.yaml has them."""
    data = read_yaml(_DATA)
    return tuple(
        Category(
            entry["kind"],
            "|".join(entry["name"]),
            tuple(entry.get("sure", ())),
            (
                *(data["yes_no"] if entry.get("yes_no") else ()),
                *entry.get("ambiguous", ()),
            ),
            entry.get("cell"),
        )
        for entry in data["categories"]
    )


def _alternatives(section: str) -> str:
    return "|".join(read_yaml(_DATA)[section])


@cache
def marking() -> str:
    """What marks a text as secret: a line that says nothing else, a heading, or a phrase."""
    names = _alternatives("markings")
    more = rf"(?:(?:,| and| und| et|\s*[/&-])\s*(?:{names}|information))?"
    line = rf"(?m:^[^\p{{L}}\n]*(?i:(?:this document is )?(?:{names}){more})[^\p{{L}}\n]*$)"
    heading = rf"(?m:^\s*[\[(*#]*\s*(?:{_alternatives('marking_headings')})\b\s*[\])*:–—-])"
    return "|".join((line, heading, f"(?i:{_alternatives('marking_phrases')})"))


@cache
def mention() -> str:
    """Any of the words that mark a text as secret."""
    return rf"(?i:(?-u:\b)(?:{_alternatives('markings')})(?-u:\b))"


def category_of(column: str) -> Category | None:
    """The special category that a column's name states."""
    name = words(column)
    for category in categories():
        if re.search(rf"(?:^|_)(?:{category.name})(?:_?[0-9]+)?$", name):
            return category
    return None


def _cell(column: str) -> pl.Expr:
    text = pl.col(column).cast(pl.String)
    return pl.when(text.str.len_bytes() <= _LONGEST).then(text).str.strip_chars().str.to_lowercase()


def _says_more(column: str) -> pl.Expr:
    """False for `proprietary` and nothing else, which is also what kind of owner someone is."""
    return pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase() != "proprietary"


def looks(frame: pl.LazyFrame, columns: Sequence[str], texts: Sequence[str]) -> list[pl.LazyFrame]:
    """Plan the first look.

    Args:
        columns: all of them; those of no text are looked at where their name states a category.
        texts: those in which sure words and markings may stand.
    Returns: one row of `given`, `marked` and `mentioned` cells for each of `texts`, as `<column>
    given` and so on; then `column`, `word`, `rows` of the words it holds.
    """
    sure = [word for category in categories() for word in category.sure]
    counted = frame.select(
        pl.lit(0).alias(ROW),
        *(pl.col(column).count().alias(f"{column} given") for column in columns),
        *(
            (_says_more(column) & pl.col(column).cast(pl.String).str.contains(mention()))
            .sum()
            .alias(f"{column} mentioned")
            for column in texts
        ),
    )
    plans = [counted]
    for column in columns:
        named = category_of(column)
        if named is None and column not in texts:
            continue
        word = pl.col("word")
        wanted = word.is_in(sure if named is None else [*sure, *named.ambiguous])
        if named is not None and named.cell is not None:
            wanted |= word.str.contains(named.cell)
        plans.append(
            frame.select(_cell(column).alias("word"))
            .filter(wanted)
            .group_by("word")
            .agg(pl.len().alias("rows"))
            .select(pl.lit(column).alias("column"), "word", "rows")
        )
    return plans


def holding(
    frame: pl.LazyFrame, texts: Sequence[str], counts_and_words: Sequence[pl.DataFrame]
) -> list[pl.LazyFrame]:
    """Plan the search for the rows, where `looks` gave reason for one, as `spans` tells it.

    Args:
        counts_and_words: what `looks` gave.
    """
    counts, *held = counts_and_words
    plans = [
        _rows(frame, column, category)
        for part in held
        if part.height
        for column, category in _kinds(part, counts)
    ]
    for column in texts:
        mentioned, given = counts[f"{column} mentioned"].item(), counts[f"{column} given"].item()
        if mentioned:
            plans.append(
                _marked(frame, column, mention() if mentioned >= _MENTIONED * given else marking())
            )
    return plans


def _kinds(part: pl.DataFrame, counts: pl.DataFrame) -> list[tuple[str, Category]]:
    """Of what kinds the column is whose words these are."""
    column = str(part["column"][0])
    given, named = counts[f"{column} given"].item(), category_of(column)
    if named is not None and part["rows"].sum() >= _NAMED_SHARE * given:
        return [(column, named)]
    found = []
    for category in categories():
        those = part.filter(pl.col("word").is_in(list(category.sure)))
        if those.height >= _DIFFERENT and those["rows"].sum() >= _SHARE * given:
            found.append((column, category))
    return found


def _rows(frame: pl.LazyFrame, column: str, category: Category) -> pl.LazyFrame:
    named = category_of(column) == category
    wanted = pl.col("word").is_in([*category.sure, *(category.ambiguous if named else ())])
    if named and category.cell is not None:
        wanted |= pl.col("word").str.contains(category.cell)
    cells = frame.select(
        ROW, _cell(column).alias("word"), pl.col(column).cast(pl.String).alias("value")
    ).filter(wanted)
    return cells.select(
        ROW,
        pl.lit(column).alias("column"),
        pl.lit(category.kind).alias("kind"),
        "value",
        pl.lit(NAMED if named else CONTEXT).alias("confidence"),
    )


def _marked(frame: pl.LazyFrame, column: str, pattern: str) -> pl.LazyFrame:
    text = pl.col(column).cast(pl.String)
    held = (
        frame.filter(_says_more(column))
        .select(ROW, text.alias("text"))
        .filter(pl.col("text").str.contains(pattern))
        .with_columns(pl.col("text").str.extract(f"({pattern})").alias("value"))
    )
    return held.select(
        ROW,
        pl.lit(column).alias("column"),
        pl.lit(_MARKED).alias("kind"),
        "value",
        pl.lit(FORMAT).alias("confidence"),
    )
