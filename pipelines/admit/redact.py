"""Personal values in prose -> typed placeholders such as <EMAIL>, whole words and whole numbers only.

Belongs here: where a value may be replaced. Stays out: finding (personal.py), the other treatments
(treat.py).
Every edge of a word is marked in the text and in the values alike, so that a search for the marked
value meets whole words only. A number goes on behind its decimal point, so no mark is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import polars as pl

from assay.pipelines.admit.personal import plain
from assay.pipelines.core.frames import ROW

_EDGE = "\U0010fffe"  # a noncharacter: no text means anything by it
_POINT = rf"([0-9]){_EDGE}\.{_EDGE}([0-9])"
_COMMAS = (
    rf"((?:^|[^0-9.,{_EDGE}]){_EDGE}0){_EDGE},{_EDGE}([0-9])",
    rf"([0-9]){_EDGE},{_EDGE}([0-9]{{1,2}}{_EDGE})",
)
# scripts without blanks between words, next to the digits of other scripts
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]"
# a word begins where an escape ends: ann in `%20ann` and `\\nann`
_ESCAPE = r"(%(?:25)*[0-9A-Fa-f]{2}|=[0-9A-F]{2}|\\u[0-9A-Fa-f]{4}|\\[nrtbf])"
_WORDS = r"^[\p{L}\p{M}\p{N}\s.,'’()/+&-]*$"
"""Values that could be part of a longer word or number."""
_NESTED = r"^\s*[\[{]"
_STRING_OR_PLACEHOLDER = r'"(?:[^"\\]|\\.)*"|<[A-Z_]+>'
_ONE_WORD = r"^[\p{L}\p{M}'’.-]+$"


def redactions(found: pl.DataFrame, columns: Sequence[str]) -> dict[str, pl.Expr]:
    """The expression that redacts each of the columns.

    Args:
        found: `column`, `kind` and `value` of every personal value, with `_row` where the rows are
            known: a name of one word is then replaced in rows in which one was found, because
            elsewhere it may be an ordinary word.
    """
    return {
        column: _valid_json(pl.col(column), _redacted(column, found.filter(column=column)))
        for column in columns
    }


def _redacted(column: str, found: pl.DataFrame) -> pl.Expr:
    text = pl.col(column)
    is_local = (pl.col("kind") == "name") & pl.col("value").str.contains(_ONE_WORD)
    everywhere = redact(text, placeholders(found.filter(~is_local)))
    if ROW not in found.columns:
        return redact(text, placeholders(found)).alias(column)
    local = found.filter(is_local)
    if not local.is_empty():
        rows = local[ROW].unique().implode()
        everywhere = (
            pl.when(pl.col(ROW).is_in(rows))
            .then(redact(text, placeholders(found)))
            .otherwise(everywhere)
        )
    # a value between letters of a script that we know no edges of is replaced where it was found
    values = placeholders(found)
    untouched = pl.col(ROW).is_in(found[ROW].unique().implode()) & (everywhere == text)
    if values:
        everywhere = pl.when(untouched).then(_replaced(text, values)).otherwise(everywhere)
    return everywhere.alias(column)


def _valid_json(text: pl.Expr, redacted: pl.Expr) -> pl.Expr:
    """What is redacted, with quotes about placeholders where a number of a JSON text was."""
    both = pl.struct(text.alias("before"), redacted.alias("after"))
    valid = both.map_batches(_with_quotes, return_dtype=pl.String, is_elementwise=True)
    return valid.alias(text.meta.output_name())


def _with_quotes(cells: pl.Series) -> pl.Series:
    before, after = cells.struct.field("before"), cells.struct.field("after")
    is_changed = before.str.contains(_NESTED) & (before != after)
    rows = is_changed.fill_null(value=False).arg_true()
    if rows.is_empty():
        return after
    pairs = zip(before.gather(rows).to_list(), after.gather(rows).to_list(), strict=True)
    quoted = [_quoted(text, redacted) for text, redacted in pairs]
    return after.scatter(rows, pl.Series(quoted, dtype=pl.String))


def _quoted(text: str, redacted: str) -> str:
    if not _is_json(text) or _is_json(redacted):
        return redacted
    return re.sub(
        _STRING_OR_PLACEHOLDER,
        lambda match: match[0] if match[0].startswith('"') else f'"{match[0]}"',
        redacted,
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def placeholders(found: pl.DataFrame) -> dict[str, str]:
    """Value -> placeholder."""
    wanted = found.select("value", "kind").unique().sort("value", "kind")
    return {value: f"<{kind.upper()}>" for value, kind in wanted.iter_rows()}


def redact(text: pl.Expr, values: Mapping[str, str]) -> pl.Expr:
    """Placeholders for every known personal value, the longest first.

    A value that was detected in disguise, in full-width digits for one, is only there once the
    disguise is off.
    """
    if not values:
        return text
    redacted = _whole_words(text, values)
    unmasked = plain(redacted)
    return (
        pl.when(unmasked != redacted)
        .then(
            pl.when(unmasked.str.contains_any(list(values)))
            .then(_whole_words(unmasked, values))
            .otherwise(redacted)
        )
        .otherwise(redacted)
    )


def _whole_words(text: pl.Expr, values: Mapping[str, str]) -> pl.Expr:
    """The text with placeholders for those values that represent themselves."""
    names = pl.Series(list(values), dtype=pl.String)
    marked_names = names.to_frame("value").select(
        pl.when(pl.col("value").str.contains(_WORDS))
        .then(_with_edges(pl.col("value")))
        .otherwise(pl.lit(None))
        .alias("marked"),
        "value",
    )
    by_word = {
        marked: values[value] for marked, value in marked_names.drop_nulls("marked").iter_rows()
    }
    anywhere = {
        value: values[value]
        for value in marked_names.filter(pl.col("marked").is_null())["value"].to_list()
    }
    replaced = _replaced(text, anywhere)
    if not by_word:
        return replaced
    words = [value for value in values if value not in anywhere]
    return (
        pl.when(replaced.str.contains_any(words))
        .then(_replaced(_with_edges(replaced), by_word).str.replace_all(_EDGE, "", literal=True))
        .otherwise(replaced)
    )


def _replaced(text: pl.Expr, values: Mapping[str, str]) -> pl.Expr:
    if not values:
        return text
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    return text.str.replace_many(
        longest_first, [values[value] for value in longest_first], leftmost=True
    )


def _with_edges(text: pl.Expr) -> pl.Expr:
    """The text with a mark at every edge of a word, and none inside a number with a fraction."""
    marked = text.str.replace_all(_ESCAPE, f"${{1}}{_EDGE}").str.replace_all(r"\b", _EDGE)
    marked = marked.str.replace_all(f"{_EDGE}+", _EDGE)
    marked = marked.str.replace_all(rf"([0-9])({_UNSPACED})", f"${{1}}{_EDGE}${{2}}")
    marked = marked.str.replace_all(rf"({_UNSPACED})([0-9])", f"${{1}}{_EDGE}${{2}}")
    # digits between two points belong to both numbers: the first pass takes every other point
    marked = marked.str.replace_all(_POINT, "${1}.${2}").str.replace_all(_POINT, "${1}.${2}")
    for comma in _COMMAS:
        marked = marked.str.replace_all(comma, "${1},${2}")
    return marked
