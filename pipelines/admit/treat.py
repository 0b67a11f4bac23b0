"""Contract's privacy and found values -> the expression that replaces each personal column.

Belongs here: token, mask, generalize, drop. Stays out: finding (personal.py), redacting prose
(redact.py), the key (the caller hands in the keyed function).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from assay.contracts.settings import Privacy, Treatment
from assay.pipelines.admit.redact import redactions

Pseudonymize = Callable[[pl.Series, str], pl.Series]
"""(text values, kind) -> keyed tokens or hashes, null where null."""


def treatments(
    privacy: Privacy, found: pl.DataFrame, pseudonymize: Pseudonymize, keyed_hash: Pseudonymize
) -> dict[str, pl.Expr]:
    """One expression for each column that is replaced; columns to be dropped are not in it.

    Args:
        found: `column`, `kind`, `value` of every personal value, as personal.spans gives them, with
            `_row` where the rows are known.
        pseudonymize, keyed_hash: the keyed functions; their keys are the hands' business.
    """
    texts = [
        column for column, treatment in privacy.columns.items() if treatment.treatment == "redact"
    ]
    redacted = redactions(found, texts)
    return {
        column: _treated(
            column,
            treatment,
            redacted,
            keyed_hash if treatment.treatment == "hash" else pseudonymize,
        )
        for column, treatment in privacy.columns.items()
        if treatment.treatment != "drop"
    }


def _treated(
    column: str, treatment: Treatment, redacted: Mapping[str, pl.Expr], pseudonymize: Pseudonymize
) -> pl.Expr:
    text = pl.col(column)
    match treatment.treatment:
        case "token" | "hash":
            kind = treatment.kind
            return text.map_batches(
                lambda values: pseudonymize(values, kind), return_dtype=pl.String
            ).alias(column)
        case "mask":
            return mask(text, treatment.keep_last).alias(column)
        case "generalize":
            return generalize(text, treatment).alias(column)
        case _:
            return redacted[column]


def generalize(text: pl.Expr, treatment: Treatment) -> pl.Expr:
    """A coarser value: `1984-05-17` to `1984` or `1984-05`, `10115` to `10***`, `37` to `30 to 40`.

    What cannot be read as such becomes null, never itself.
    """
    match treatment.to:
        case "year":
            return text.str.extract(r"\b((?:18|19|20)[0-9]{2})\b")
        case "month":
            return text.str.extract(r"^\s*((?:18|19|20)[0-9]{2}-[0-9]{2})\b")
        case "area":
            kept = text.str.strip_chars().str.head(treatment.keep_first)
            return pl.when(text.str.strip_chars().str.len_chars() > treatment.keep_first).then(
                kept + "***"
            )
        case _:
            number, width = text.str.strip_chars().cast(pl.Float64, strict=False), treatment.width
            low = (number / width).floor() * width
            whole = pl.Int64 if width == int(width) else pl.Float64
            return pl.when(number.is_finite()).then(
                pl.format(
                    "{} to {}",
                    low.cast(whole, strict=False),
                    (low + width).cast(whole, strict=False),
                )
            )


def mask(text: pl.Expr, keep_last: int) -> pl.Expr:
    """Stars for letters and digits, but for the last `keep_last` characters; everything is starred
    in texts under twice as long as three times that.
    """
    hidden = text.str.replace_all(r"[\p{L}\p{N}]", "*")
    if not keep_last:
        return hidden
    partly = text.str.head(-keep_last).str.replace_all(r"[\p{L}\p{N}]", "*") + text.str.tail(
        keep_last
    )
    return pl.when(text.str.len_chars() >= 3 * keep_last).then(partly).otherwise(hidden)
