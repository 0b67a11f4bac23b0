"""Text columns -> the personal values in them, by kind, each confirmed.

Belongs here: searching, as plans. Stays out: what each kind looks like (detectors.py), what happens
to it (treat.py).
Text is searched as Unicode's compatibility form shows it, so that full-width digits and ligatures
hide nothing. Names have no checksum: they are found by context ("my name is …"), and by what name
columns of the same table hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from assay.pipelines.admit import decode
from assay.pipelines.admit.detect import SCHEMA, VOTE, finder
from assay.pipelines.admit.detectors import (
    ANY_REGION,
    CONTEXT,
    Detector,
    PhoneRegions,
    detectors_for,
)
from assay.pipelines.core.frames import ROW, Finding

UNSCANNED = "unscanned"
HIDDEN = {ROW: pl.Int64, "column": pl.String, "token": pl.String, "text": pl.String}
# spaces, letterlike signs, ligatures, small and full-width forms, mathematical letters and digits:
# what another character is meant by
DISGUISES = r"[\x{00A0}\x{00AA}\x{00AD}\x{00B2}\x{00B3}\x{00B9}\x{00BA}\x{2000}-\x{209C}\x{2100}-\x{214F}\x{2460}-\x{24FF}\x{3000}\x{FB00}-\x{FB06}\x{FE50}-\x{FEFF}\x{FF00}-\x{FFEF}\x{1D400}-\x{1D7FF}]"
INVISIBLE = r"[\x{200B}-\x{200F}\x{2060}\x{FEFF}\x{00AD}]"
# base 64 of 12 bytes or more, in lines of 76 characters where it is long
_ENCODED = r"(?:[A-Za-z0-9+/]{76}\r?\n)*[A-Za-z0-9+/_-]{16,}={0,2}"
_OPAQUE = (
    64  # letters of a token that is more than a digest or a key, and that no one can look into
)
_MOST = 0.5
_STRIDE = 2**40
"""More than the rows of any table: what tells the cells of one column from those of the next."""


def plain(text: pl.Expr) -> pl.Expr:
    """Text as a reader sees it: compatibility form, nothing invisible."""
    return (
        pl.when(_disguised(text))
        .then(text.str.normalize("NFKC").str.replace_all(INVISIBLE, ""))
        .otherwise(text)
    )


def _disguised(text: pl.Expr) -> pl.Expr:
    return (text.str.len_bytes() != text.str.len_chars()) & text.str.contains(DISGUISES)


def disguises(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Plan the count, for each column, of the cells that a reader sees otherwise than they are
    written: one row.
    """
    return frame.select(
        pl.lit(0).alias(ROW),
        *(_disguised(pl.col(column).cast(pl.String)).sum().alias(column) for column in columns),
    )


def undisguised(
    frame: pl.LazyFrame, counts: pl.DataFrame, regions: PhoneRegions = ANY_REGION
) -> list[pl.LazyFrame]:
    """Plan the search of those cells, as a reader sees them; it is a look of its own because hardly
    any column has them, and it costs.

    Args:
        counts: what `disguises` gave.
    """
    worn = [column for column in counts.columns if column != ROW and counts[column].sum()]
    return [
        plan
        for column in worn
        for plan in spans(
            frame.filter(_disguised(pl.col(column).cast(pl.String))).with_columns(
                plain(pl.col(column).cast(pl.String))
            ),
            [column],
            regions=regions,
        )
    ]


def _detectors(
    column: str, of_words: Collection[str], kinds: Collection[str] | None, regions: PhoneRegions
) -> list[Detector]:
    return [
        detector
        for detector in detectors_for(column, regions)
        if (detector.in_words or column not in of_words)
        and (kinds is None or detector.kind in kinds)
    ]


def marks(frame: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Plan the look for columns of nothing but letters, digits and underscores, in which little can
    be found: one row, true for a column that has other characters.
    """
    return frame.select(
        pl.lit(0).alias(ROW),
        *(
            pl.col(column).cast(pl.String).str.contains(r"[^A-Za-z0-9_]").any().alias(column)
            for column in columns
        ),
    )


def spans(
    frame: pl.LazyFrame,
    columns: Sequence[str],
    *,
    alone: bool = True,
    of_words: Collection[str] = (),
    kinds: Collection[str] | None = None,
    regions: PhoneRegions = ANY_REGION,
) -> list[pl.LazyFrame]:
    """Plan one search for each column.

    Args:
        columns: of text; of other types, as JSON would write them.
        alone: whether what could as well be a number of another kind counts only where most such
            cells are confirmed; False where the frame has not every row.
        of_words: columns of nothing but letters, digits and underscores.
        kinds: the kinds that are looked for; all of them where it is None.
        regions: phone numbers of a column's country need no country code.
    Returns: frames of `_row`, `column`, `kind`, `value` (as written), `confidence`, one row a
    confirmed value. They hold personal data:
        collect them, use them, let them go.
    """
    return [
        _search(frame, column, _detectors(column, of_words, kinds, regions), alone=alone)
        for column in columns
    ]


def spans_together(
    frame: pl.LazyFrame, columns: Sequence[str], regions: PhoneRegions = ANY_REGION
) -> list[pl.LazyFrame]:
    """Plan one search for all columns in which the same is looked for: a table of a thousand columns
    and few rows is searched as if it had one column of many.

    Returns: frames as `spans` gives them.
    """
    groups = dict[tuple[Detector, ...], list[str]]()
    for column in columns:
        groups.setdefault(detectors_for(column, regions), []).append(column)
    return [_search_together(frame, group, detectors) for detectors, group in groups.items()]


def _search_together(
    frame: pl.LazyFrame, columns: Sequence[str], detectors: Sequence[Detector]
) -> pl.LazyFrame:
    """Plan a search of the columns' cells below each other; votes count by column."""
    own_row, number = pl.col(ROW) % _STRIDE, pl.col(ROW) // _STRIDE
    cells = (
        frame.select(
            pl.col(ROW).cast(pl.Int64),
            *(pl.col(name).cast(pl.String).alias(str(i)) for i, name in enumerate(columns)),
        )
        .unpivot(index=ROW, variable_name="number", value_name="cell")
        .select(pl.col("number").cast(pl.Int64) * _STRIDE + pl.col(ROW), "cell")
    )
    found = cells.select(pl.col("number").alias(ROW), "cell").map_batches(
        finder(detectors), schema=SCHEMA
    )
    value, by = pl.col("value"), (VOTE, number)
    holding = value.is_not_null().sum().over(by) >= _MOST * pl.len().over(by)
    names = pl.Series(list(columns), dtype=pl.String)
    return (
        found.filter(pl.col(VOTE).is_null() | holding)
        .filter(value.is_not_null())
        .select(
            own_row,
            number.replace_strict(
                pl.Series(range(len(names)), dtype=pl.Int64), names, return_dtype=pl.String
            ).alias("column"),
            "kind",
            "value",
            "confidence",
        )
    )


def declared_values(frame: pl.LazyFrame, kinds: Mapping[str, str]) -> list[pl.LazyFrame]:
    """What columns hold that the contract declares to be of one kind, as `spans` gives it.

    Args:
        kinds: column -> its kind; `other`, which is free text, is not of one kind.
    """
    return [
        frame.filter(pl.col(column).is_not_null()).select(
            ROW,
            pl.lit(column).alias("column"),
            pl.lit(kind).alias("kind"),
            pl.col(column).alias("value"),
            pl.lit(1.0).alias("confidence"),
        )
        for column, kind in kinds.items()
        if kind != "other"
    ]


def mentions(
    frame: pl.LazyFrame, columns: Sequence[str], names: Sequence[str]
) -> list[pl.LazyFrame]:
    """Where free text holds a name that a name column of the same table holds, as `spans` gives it.

    Args:
        names: of at least two words; one word alone would be found in ordinary sentences.
    """
    return [
        frame.select(
            ROW,
            pl.lit(column).alias("column"),
            pl.lit("name").alias("kind"),
            pl.col(column).str.extract_many(list(names), leftmost=True).alias("value"),
            pl.lit(CONTEXT).alias("confidence"),
        )
        .explode("value", empty_as_null=False)
        .drop_nulls("value")
        for column in columns
        if names
    ]


def whole_names(found: pl.DataFrame) -> list[str]:
    """The distinct names of several words among what was found, longest first, so that the longest
    is the one matched.
    """
    names = found.filter(
        (pl.col("kind") == "name") & pl.col("value").str.contains(r"\pL{2,}\S* +\S*\pL{2,}")
    )["value"].unique()
    return sorted(names.to_list(), key=lambda name: (-len(name), name))


def _search(
    frame: pl.LazyFrame, column: str, detectors: Sequence[Detector], *, alone: bool
) -> pl.LazyFrame:
    cells = frame.select(pl.col(ROW).cast(pl.Int64), pl.col(column).cast(pl.String).alias("cell"))
    found = cells.map_batches(finder(detectors), schema=SCHEMA, streamable=True)
    value = pl.col("value")
    if alone and any(detector.alone for detector in detectors):
        holding = value.is_not_null().sum().over(VOTE) >= _MOST * pl.len().over(VOTE)
        found = found.filter(pl.col(VOTE).is_null() | holding)
    return found.filter(value.is_not_null()).select(
        ROW, pl.lit(column).alias("column"), "kind", "value", "confidence"
    )


def may_be_encoded(column: str) -> pl.Expr:
    """Whether text of a column may hide in base 64, as `encoded` looks for it."""
    return pl.col(column).cast(pl.String).str.contains(_ENCODED)


def encoded(frame: pl.LazyFrame, columns: Sequence[str]) -> list[pl.LazyFrame]:
    """Plan the search for text that hides in base 64, one for each column: `_row`, `column`,
    `token`, `text` (null where a long token decodes to no text).
    """
    token = pl.col("token")
    is_opaque = (token.str.len_chars() >= _OPAQUE) & ~token.str.contains("[_-]")
    return [
        frame.select(ROW, pl.col(column).cast(pl.String).alias("token"))
        .filter(pl.col("token").str.contains(_ENCODED))
        .with_columns(pl.col("token").str.extract_all(_ENCODED))
        .explode("token", empty_as_null=False)
        .drop_nulls("token")
        .filter(
            pl.col("token").str.contains("[0-9+/=_-]")
            & pl.col("token").str.contains("[A-Z]")
            & pl.col("token").str.contains("[a-z]")
        )
        .with_columns(pl.col("token").map_batches(_decoded, return_dtype=pl.String).alias("text"))
        .filter(pl.col("text").is_not_null() | is_opaque)
        .select(ROW, pl.lit(column).alias("column"), "token", "text")
        for column in columns
    ]


def within(hidden: pl.DataFrame, regions: PhoneRegions = ANY_REGION) -> list[pl.LazyFrame]:
    """Plan the search in decoded text; what is found is reported as the token that hides it, and what
    no one can look into as `unscanned`.
    """
    opaque = hidden.lazy().filter(pl.col("text").is_null())
    found = [
        opaque.select(
            ROW,
            "column",
            pl.lit(UNSCANNED).alias("kind"),
            pl.col("token").alias("value"),
            pl.lit(1.0).alias("confidence"),
        )
    ]
    for (column,), part in hidden.drop_nulls("text").group_by("column", maintain_order=True):
        numbered = part.lazy().with_row_index("_token")
        tokens = numbered.select("_token", pl.col(ROW).alias("_of"), "token")
        for plan in spans(
            numbered.select(pl.col("_token").alias(ROW), pl.col("text").alias(str(column))),
            [str(column)],
            regions=regions,
        ):
            found.append(
                plan.join(tokens, left_on=ROW, right_on="_token").select(
                    pl.col("_of").alias(ROW),
                    "column",
                    "kind",
                    pl.col("token").alias("value"),
                    "confidence",
                )
            )
    return found


def _decoded(tokens: pl.Series) -> pl.Series:
    return pl.Series([_text_in(token) for token in tokens.to_list()], dtype=pl.String)


def _text_in(token: str) -> str | None:
    text = decode.text_of_base64(token)
    return None if text is None else decode.decoded(text)


def findings(found: pl.DataFrame, declared: Sequence[str]) -> tuple[Finding, ...]:
    """Count what `spans` found: rows a column and kind, and whether the contract declares the
    column personal. Holds no value.
    """
    counts = (
        found.group_by("column", "kind")
        .agg(pl.col(ROW).n_unique().alias("rows"), pl.col("confidence").max())
        .sort("column", "kind")
    )
    return tuple(
        Finding(column, kind, rows, column in declared, confidence)
        for column, kind, rows, confidence in counts.iter_rows()
    )
