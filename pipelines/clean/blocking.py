"""Records -> the pairs worth comparing, a few for each, so that work grows with the rows and not
with their square.

Belongs here: which pairs. Stays out: whether they are the same (record_matching.py).
Records are near that share rare keys: words, their letters in threes, words side by side, wherever
they stand. What more than `_MOST` records have says little of any and is left out, and each record
looks by its rarest keys only; so a record costs the same in a table of any size. Source: Papadakis
et al. (2020), ACM Comput. Surv. 53(2), 31.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

_MOST = 100  # records that may share a key
_RAREST = 20  # keys by which a record looks for others
_NEAREST = 10  # others that it is compared with
_AT_ONCE = 2_000  # records looked up together
_READ_AT_ONCE = 50_000
_SEED = 0


def normal(column: str) -> pl.Expr:
    """Text in lower case, without accents and signs, words one space apart, `6.00` as `6` and
    `5.20` as `5.2` would be; empty where there is nothing.
    """
    plain = pl.col(column).str.to_lowercase().str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    plain = plain.str.replace_all(r"\b([0-9]+)\.0+\b", "${1}").str.replace_all(
        r"\b([0-9]+\.[0-9]*[1-9])0+\b", "${1}"
    )
    return plain.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars().fill_null("")


def nearest(
    records: pl.DataFrame, columns: Sequence[str], sides: np.ndarray[Any, Any] | None = None
) -> pl.DataFrame:
    """Pairs of records, by their place in the frame: `left` < `right`, and `weight`, the cosine of
    what they share, 0 to 1.

    Args:
        records: normal text in `columns`.
        sides: which of two tables each record belongs to; only pairs across are given.
    """
    from scipy import sparse

    held = _keys(records, columns)
    if not held.height:
        return pl.DataFrame(schema={"left": pl.UInt32, "right": pl.UInt32, "weight": pl.Float32})
    shape = (records.height, int(held["number"].max()) + 1)  # type: ignore[arg-type]  # an integer column
    looked_for = held.filter(pl.int_range(pl.len()).over("at") < _RAREST)
    looks, has = (
        sparse.csr_matrix(
            (one["weight"].to_numpy(), (one["at"].to_numpy(), one["number"].to_numpy())),
            shape=shape,
        )
        for one in (looked_for, held)
    )
    has = has.T.tocsr()
    parts = []
    for start in range(0, records.height, _AT_ONCE):
        shared = (looks[start : start + _AT_ONCE] @ has).tocoo()
        left, right = shared.row + start, shared.col
        meant = left != right if sides is None else sides[left] != sides[right]
        pairs = pl.DataFrame(
            {"left": left[meant], "right": right[meant], "weight": shared.data[meant]},
            schema={"left": pl.UInt32, "right": pl.UInt32, "weight": pl.Float32},
        )
        parts.append(
            pairs.sort("left", "weight", "right", descending=[False, True, False])
            .group_by("left", maintain_order=True)
            .head(_NEAREST)
        )
    each = pl.concat(parts)
    both = each.select(
        pl.min_horizontal("left", "right").alias("left"),
        pl.max_horizontal("left", "right").alias("right"),
        "weight",
    )
    return both.group_by("left", "right").agg(pl.col("weight").max()).sort("left", "right")


def _keys(records: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`at`, `number` (of the key) and `weight` of each key that some but not too many records
    share, each record's rarest first.
    """
    counts = _key_counts(records, columns)
    parts = []
    for part in _read(records, columns):
        has = counts["records"].gather(
            counts["key"].search_sorted(part["key"])
        )  # a join would go through all keys for every part
        # one more than there are, so that what all of them share still says a little
        weighed = part.with_columns(has, ((records.height + 1) / has).log().alias("information"))
        known = weighed.with_columns(
            (pl.col("information") ** 2).sort().sum().sqrt().over("at").alias("length")
        )
        parts.append(
            known.filter(pl.col("records").is_between(2, _MOST)).select(
                "at",
                "key",
                "records",
                (pl.col("information") / pl.col("length")).cast(pl.Float32).alias("weight"),
            )
        )
    held = (
        pl.concat(parts).sort("at", "records", "key")
        if parts
        else pl.DataFrame(
            schema={"at": pl.UInt32, "key": pl.UInt64, "records": pl.UInt32, "weight": pl.Float32}
        )
    )
    return held.with_columns((pl.col("key").rank("dense") - 1).alias("number"))


def _key_counts(records: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Every `key`, in order, with the number of `records` that have it.

    Counts are added to others of their size only, so that none is added up again for every part.
    """
    counts: list[pl.DataFrame] = []
    for part in _read(records, columns):
        counts.append(part.group_by("key").agg(pl.len().cast(pl.UInt32).alias("records")))
        while len(counts) > 1 and counts[-2].height <= 2 * counts[-1].height:
            counts.append(_added(counts.pop(), counts.pop()))
    return (
        _added(*counts).sort("key")
        if counts
        else pl.DataFrame(schema={"key": pl.UInt64, "records": pl.UInt32})
    )


def _added(*counts: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(counts).group_by("key").agg(pl.col("records").sum())


def _read(records: pl.DataFrame, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """`at` and `key`, each once a record."""
    whole = records.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("at"),
        pl.concat_str(columns, separator=" ").str.split(" ").alias("word"),
    )
    for part in whole.iter_slices(_READ_AT_ONCE):
        words = part.explode("word", empty_as_null=False).filter(pl.col("word") != "")
        side_by_side = pl.when(pl.col("at") == pl.col("at").shift(-1)).then(
            pl.concat_str("word", pl.lit(" "), pl.col("word").shift(-1))
        )
        letters = words.select(
            "at",
            pl.int_range(pl.len()).alias("of"),
            pl.concat_str(pl.lit("^"), "word", pl.lit("$")).str.split("").alias("letter"),
        )
        letters = letters.explode("letter", empty_as_null=False)
        threes = pl.when(pl.col("of") == pl.col("of").shift(-2)).then(
            pl.concat_str("letter", pl.col("letter").shift(-1), pl.col("letter").shift(-2))
        )
        kinds = [
            words.select("at", pl.concat_str(pl.lit("="), "word").alias("key")),
            words.select("at", side_by_side.alias("key")),
            letters.select("at", threes.alias("key")),
        ]
        yield pl.concat(kinds).drop_nulls().select("at", pl.col("key").hash(seed=_SEED)).unique()
