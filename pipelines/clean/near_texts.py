"""Texts -> those that share most of their wording with another.

Belongs here: MinHash signatures, the buckets they fall into, the exact share of word sequences.
Stays out: what stays (clusters.py).
Two rounds: signatures, about 200 bytes a row, show which texts could be alike; only those are read
again and compared word by word. In a bucket each text is compared with the first and with the one
before it, so that work grows with the texts. Sources: Broder (1997), SEQUENCES, 21; Leskovec,
Rajaraman and Ullman (2020), Mining of Massive Datasets, 3.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from assay.contracts.steps import NearDuplicateTexts
from assay.pipelines.clean.blocking import normal
from assay.pipelines.clean.clusters import CLUSTERS, STANDING, explained, others_leave, standing
from assay.pipelines.clean.step_spec import Columns, Kind
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW

_HASHES = 64
_FOUND = 0.99  # how probable it is that two texts exactly as similar as asked are compared
_PAIRS_AT_ONCE = 20_000


def _fit(step: NearDuplicateTexts, rows: pl.LazyFrame, _: Columns) -> Learning:
    text = rows.select(ROW, standing(step, ()), normal(step.column).alias("text")).filter(
        pl.col("text") != ""
    )
    found = yield {
        "buckets": text.select(ROW, _buckets(step).alias("bucket")).explode(
            "bucket", empty_as_null=False
        )
    }
    pairs = _candidates(found["buckets"])
    if not pairs.height:
        return Fitted(tables={CLUSTERS: explained(pairs, pl.DataFrame())})
    suspected = pl.concat([pairs["left"], pairs["right"]]).unique().to_frame(ROW).lazy()
    again = (yield {"texts": text.join(suspected, on=ROW, how="semi")})["texts"]
    again = again.sort(ROW)
    parts = [_shared(part, _held(again, part, step)) for part in pairs.iter_slices(_PAIRS_AT_ONCE)]
    alike = pl.concat(parts).filter(pl.col("similarity") >= step.similarity).sort("left", "right")
    return Fitted(
        tables={
            CLUSTERS: explained(
                alike.with_columns(pl.lit([step.column]).alias("agreed")),
                again.select(ROW, STANDING),
            )
        }
    )


def _sequences(step: NearDuplicateTexts) -> pl.Expr:
    """The hashes of all sequences of so many words; of a shorter text, of the whole."""
    words = pl.col("text").str.split(" ")
    side_by_side = [pl.element().shift(-number) for number in range(step.words)]
    return words.list.eval(
        pl.concat_str(side_by_side, separator=" ", ignore_nulls=True)
        .hash(seed=step.seed)
        .filter(pl.len() - pl.int_range(pl.len()) >= pl.min_horizontal(step.words, pl.len()))
    )


def _buckets(step: NearDuplicateTexts) -> pl.Expr:
    """The buckets of a text: one a band of its signature."""
    band = _band(step.similarity)
    chance = np.random.default_rng(step.seed)
    factors = chance.integers(0, 2**63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    terms = chance.integers(0, 2**63, _HASHES, dtype=np.uint64)

    def fall(texts: pl.Series) -> pl.Series:
        sequences = texts.to_frame("text").select(_sequences(step).alias("sequence"))["sequence"]
        return pl.Series(
            texts.name,
            _into(_signatures(sequences, factors, terms), band),
            dtype=pl.List(pl.UInt64),
        )

    return pl.col("text").map_batches(fall, return_dtype=pl.List(pl.UInt64), is_elementwise=True)


def _band(similarity: float) -> int:
    """How many hashes make a band: as many as still find texts of that similarity."""
    return max(
        rows
        for rows in range(1, _HASHES + 1)
        if rows == 1 or 1 - (1 - similarity**rows) ** (_HASHES // rows) >= _FOUND
    )


def _signatures(
    sequences: pl.Series, factors: np.ndarray[Any, Any], terms: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """(texts, hashes) the least of each hash over a text's sequences.

    Source: multiply-shift hashing, Dietzfelbinger et al. (1997), J. Algorithms 25, 19.
    """
    if not sequences.len():
        return np.zeros((0, _HASHES), dtype=np.uint64)
    lengths = sequences.list.len().to_numpy().astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    each = sequences.explode(empty_as_null=False).to_numpy()
    return np.stack(
        [
            np.minimum.reduceat(each * factor + term, starts)
            for factor, term in zip(factors, terms, strict=True)
        ],
        axis=1,
    )


def _into(signatures: np.ndarray[Any, Any], band: int) -> list[pl.Series]:
    bands = [signatures[:, start : start + band] for start in range(0, _HASHES - band + 1, band)]
    numbers = [
        pl.DataFrame(part).select(pl.struct(pl.all()).hash(seed=number)).to_series()
        for number, part in enumerate(bands)
    ]
    return (
        []
        if not len(signatures)
        else pl.DataFrame(numbers, schema=[str(n) for n in range(len(numbers))])
        .select(pl.concat_list(pl.all()))
        .to_series()
        .to_list()
    )


def _candidates(buckets: pl.DataFrame) -> pl.DataFrame:
    """`left` < `right`: each text of a bucket with the bucket's first, and with the one before."""
    shared = buckets.sort("bucket", ROW).filter(pl.col("bucket").is_duplicated())
    before = shared.with_columns(
        pl.col(ROW).first().over("bucket").alias("first"),
        pl.col(ROW).shift(1).over("bucket").alias("previous"),
    )
    pairs = [
        before.select(pl.col(other).alias("left"), pl.col(ROW).alias("right"))
        for other in ("first", "previous")
    ]
    return pl.concat(pairs).filter(pl.col("left") < pl.col("right")).unique().sort("left", "right")


def _held(texts: pl.DataFrame, pairs: pl.DataFrame, step: NearDuplicateTexts) -> pl.DataFrame:
    """`_row` and `sequence` of the texts in these pairs, found by halves, so that a part of the
    pairs costs the same however many texts there are.
    """
    rows = pl.concat([pairs["left"], pairs["right"]]).unique()
    here = texts.select(ROW, "text")[texts[ROW].search_sorted(rows)]
    return (
        here.select(ROW, _sequences(step).alias("sequence"))
        .explode("sequence", empty_as_null=False)
        .unique()
    )


def _shared(pairs: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The share of sequences that both have, of all that either has."""
    sizes = held.group_by(ROW).agg(pl.len().cast(pl.Int64).alias("size"))
    both = pairs.join(held, left_on="left", right_on=ROW).join(
        held, left_on=["right", "sequence"], right_on=[ROW, "sequence"], how="inner"
    )
    counted = both.group_by("left", "right").agg(pl.len().cast(pl.Int64).alias("common"))
    sized = counted.join(sizes.rename({"size": "a"}), left_on="left", right_on=ROW).join(
        sizes.rename({"size": "b"}), left_on="right", right_on=ROW
    )
    return sized.select(
        "left",
        "right",
        (pl.col("common") / (pl.col("a") + pl.col("b") - pl.col("common"))).alias("similarity"),
    )


TEXTS = Kind(_fit, others_leave, original=True, keeps=False, chooses=True)
