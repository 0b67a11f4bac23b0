"""Contract's privacy and found values -> the expression that replaces each personal column.

Belongs here: token, mask, redact, drop. Stays out: finding (personal.py), the key (the caller hands in the keyed function).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from contracts.settings import Privacy, Treatment

Pseudonymize = Callable[[pl.Series, str], pl.Series]
"""(text values, kind) -> keyed tokens, null where null."""


def treatments(privacy: Privacy, found: pl.DataFrame, pseudonymize: Pseudonymize) -> dict[str, pl.Expr]:
    """One expression for each column that is replaced; columns to be dropped are not in it.

    Args:
        found: `column`, `kind`, `value` of every personal value, as personal.spans gives them.
        pseudonymize: the keyed function; its key is the hands' business.
    """
    texts = [column for column, treatment in privacy.columns.items() if treatment.treatment == "redact"]
    placeholders = _placeholders(found.filter(pl.col("column").is_in(texts)))
    return {column: _treated(column, treatment, placeholders, pseudonymize) for column, treatment in privacy.columns.items() if treatment.treatment != "drop"}


def _treated(column: str, treatment: Treatment, placeholders: Mapping[str, str], pseudonymize: Pseudonymize) -> pl.Expr:
    text = pl.col(column)
    match treatment.treatment:
        case "token":
            kind = treatment.kind
            return text.map_batches(lambda values: pseudonymize(values, kind), return_dtype=pl.String).alias(column)
        case "mask":
            return mask(text, treatment.keep_last).alias(column)
        case _:
            return redact(text, placeholders).alias(column)


def mask(text: pl.Expr, keep_last: int) -> pl.Expr:
    """Stars for letters and digits, but for the last `keep_last` characters; everything is starred in texts under twice as long as three times that."""
    hidden = text.str.replace_all(r"[\p{L}\p{N}]", "*")
    if not keep_last:
        return hidden
    partly = text.str.head(-keep_last).str.replace_all(r"[\p{L}\p{N}]", "*") + text.str.tail(keep_last)
    return pl.when(text.str.len_chars() >= 3 * keep_last).then(partly).otherwise(hidden)


def redact(text: pl.Expr, placeholders: Mapping[str, str]) -> pl.Expr:
    """Typed placeholders, such as <EMAIL>, for every known personal value, the longest first."""
    if not placeholders:
        return text
    values = sorted(placeholders, key=lambda value: (-len(value), value))
    return text.str.replace_many(values, [placeholders[value] for value in values], leftmost=True)


def _placeholders(found: pl.DataFrame) -> dict[str, str]:
    """Value -> placeholder."""
    wanted = found.select("value", "kind").unique().sort("value", "kind")
    return {value: f"<{kind.upper()}>" for value, kind in wanted.iter_rows()}
