"""Texts that people read: noise and boilerplate taken out; other languages and poor prose set
aside.

Belongs here: what a text states about itself, and lines that many rows share. Stays out: short values
such as names and codes (spelling.py, typos.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import polars as pl

from assay.contracts.steps import Boilerplate, Language, Noise, TextQuality
from assay.pipelines.clean.step_spec import Columns, Effect, Kind
from assay.pipelines.core.fitting import Fitted, Learning, nothing_to_learn

MOST_LINES = 10_000  # of boilerplate, the most frequent first
_TELLING = 20  # characters below which no one can tell a language
# tags and comments of HTML, and what scripts and styles hold; a bare `<` is left, since `a < b` is
# no markup
_MARKUP = (
    r"(?is)<!--.*?-->",
    r"(?is)<script\b.*?</script\s*>|<style\b.*?</style\s*>",
    r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>",
)
_URL = r"(?i)\b(?:https?://|www\.)[^\s<>\"')\]]+"
_REPEATED = (
    [(rf"\{mark}{{2,}}", mark) for mark in "!?,;*~#"]
    + [(rf"\{mark}{{3,}}", mark) for mark in "=_-"]
    + [(r"\.{4,}", "...")]
)
_FADING = r"^(?P<text>.*[\pL\pN)\]}%.'\"])\s*[-*#~=_]*[*#~=_]+[-*#~=_]*\s*$"


def _quiet(step: Noise, text: pl.Expr) -> pl.Expr:
    for pattern in _MARKUP if step.markup else ():
        text = text.str.replace_all(pattern, " ")
    if step.urls:
        text = text.str.replace_all(_URL, " ")
    if step.punctuation:
        text = text.str.replace(_FADING, "${text}")
        for pattern, one in _REPEATED:
            text = text.str.replace_all(pattern, one)
    return text


def _less_noise(step: Noise, _: Fitted, __: Columns) -> Effect:
    return Effect({column: _repeat_until_stable(step, pl.col(column)) for column in step.columns})


def _repeat_until_stable(step: Noise, text: pl.Expr) -> pl.Expr:
    """What one removal uncovers, the next takes: `<<b>b>`.

    A text that is not at rest after three is an attack, and is left as it was.
    """
    quiet = _quiet(step, _quiet(step, _quiet(step, text)))
    cut = quiet.str.replace_all(r"[^\S\n]+", " ").str.strip_chars()
    return (
        pl.when(text.str.contains(r"[\pL\pN]") & (quiet != text) & (_quiet(step, cut) == cut))
        .then(cut)
        .otherwise(text)
    )


# -- boilerplate -----------------------------------------------------------------------------


def _lines(column: str) -> pl.Expr:
    return pl.col(column).str.split("\n").list.eval(pl.element().str.strip_chars())


def _shared_lines(step: Boilerplate, rows: pl.LazyFrame, _: Columns) -> Learning:
    counted = yield {"rows": rows.select(pl.col(column).count() for column in step.columns)}
    given = counted["rows"].row(0, named=True)
    found = yield {
        f"{index}": _frequent(rows, column, max(step.support, step.share * given[column]))
        for index, column in enumerate(step.columns)
    }
    lines = [
        (column, line)
        for index, column in enumerate(step.columns)
        for line in found[f"{index}"]["line"]
    ]
    return Fitted(
        tables={
            "lines": pl.DataFrame(
                lines, schema={"column": pl.String, "line": pl.String}, orient="row"
            )
        }
    )


def _frequent(rows: pl.LazyFrame, column: str, least: float) -> pl.LazyFrame:
    """The lines that so many rows have, among texts of several lines: one line alone is a value,
    not boilerplate.
    """
    several = (
        rows.select(_lines(column).list.unique().alias("line"))
        .filter(pl.col("line").list.len() > 1)
        .explode("line", empty_as_null=False)
    )
    return (
        several.filter(pl.col("line") != "")
        .group_by("line")
        .len()
        .filter(pl.col("len") >= least)
        .sort("len", "line", descending=[True, False])
        .head(MOST_LINES)
    )


def _without_lines(step: Boilerplate, fitted: Fitted, _: Columns) -> Effect:
    changes = {}
    for column in step.columns:
        shared = fitted.tables["lines"].filter(pl.col("column") == column)["line"]
        if shared.len():
            kept = (
                pl.col(column)
                .str.split("\n")
                .list.eval(
                    pl.element().filter(~pl.element().str.strip_chars().is_in(shared.implode()))
                )
                .list.join("\n")
            )
            touched = _lines(column).list.eval(pl.element().is_in(shared.implode())).list.any()
            changes[column] = (
                pl.when(touched).then(kept.str.strip_chars()).otherwise(pl.col(column))
            )
    return Effect(changes)


# -- language and quality ------------------------------------------------------------------------


def _flag_or_quarantine(action: str, wrong: pl.Expr) -> Effect:
    return Effect(flags=wrong) if action == "flag" else Effect(sets_aside=wrong)


def _foreign(step: Language, _: Fitted, __: Columns) -> Effect:
    judge = _judge(frozenset(step.keep), step.confidence)
    return _flag_or_quarantine(
        step.action,
        pl.any_horizontal(
            pl.col(column).map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)
            for column in step.columns
        ),
    )


def _judge(keep: frozenset[str], confidence: float) -> Callable[[pl.Series], pl.Series]:
    """True where a text is in another language, by its n-grams (Lui and Baldwin 2012, langid.py);
    null where it is too short to tell.
    """

    def judge(values: pl.Series) -> pl.Series:
        telling = values.filter(values.str.len_chars() >= _TELLING).unique()
        identified = [_identifier()(text) for text in telling]
        foreign = [name not in keep and sure >= confidence for name, sure in identified]
        return (
            values.replace_strict(
                telling, pl.Series(foreign, dtype=pl.Boolean), default=None, return_dtype=pl.Boolean
            )
            if telling.len()
            else pl.repeat(None, values.len(), dtype=pl.Boolean, eager=True)
        )

    return judge


@cache
def _identifier() -> Callable[[str], tuple[str, float]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]  # it has no stubs

    identify: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(
        MODEL_FILE, norm_probs=True
    ).classify
    return identify


def _poor(step: TextQuality, _: Fitted, __: Columns) -> Effect:
    return _flag_or_quarantine(
        step.action, pl.any_horizontal(_is_poor(step, column) for column in step.columns)
    )


def _is_poor(step: TextQuality, column: str) -> pl.Expr:
    """True where the text keeps one of the bounds not. Source: Rae et al.

    (2021), Scaling Language Models, appendix A.1.
    """
    text = pl.col(column)
    words = text.str.extract_all(r"\S+").list.len()
    dense = text.str.replace_all(r"\s", "").str.len_chars()
    mean, letters = dense / words, text.str.count_matches(r"\pL") / dense
    lines = (
        text.str.split("\n")
        .list.eval(pl.element().str.strip_chars())
        .list.eval(pl.element().filter(pl.element() != ""))
    )
    repeated = 1 - lines.list.n_unique() / lines.list.len()
    symbols = text.str.count_matches(r"#|…|\.\.\.") / words
    low, high = step.word_length
    good = (
        words.is_between(step.min_words, step.max_words)
        & mean.is_between(low, high)
        & (letters >= step.letters)
        & (repeated <= step.repeated_lines)
        & (symbols <= step.symbols)
    )
    return text.is_not_null() & ~pl.when(words > 0).then(good).otherwise(step.min_words == 0)


NOISE = Kind(nothing_to_learn, _less_noise, corrects=True)
BOILERPLATE = Kind(_shared_lines, _without_lines, corrects=True)
LANGUAGE = Kind(nothing_to_learn, _foreign)
TEXT_QUALITY = Kind(nothing_to_learn, _poor)
