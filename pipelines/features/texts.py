"""Texts -> counts: how much of what, which terms, hashes of runs of words or characters.

Terms and their weights are fitted by scikit-learn on a seeded sample of the training rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import NgramHash, TextStatistics, Tfidf
from assay.pipelines.core.fitting import Fitted, Learning, nothing_to_learn
from assay.pipelines.features.transform_spec import HELPER, Context, Kind, Made, sampled


def _statistics(transform: TextStatistics, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    names = iter(transform.makes)
    return Made(
        {
            next(names): _statistic(pl.col(column), statistic)
            for column in transform.columns
            for statistic in transform.statistics
        }
    )


def _statistic(text: pl.Expr, statistic: str) -> pl.Expr:
    match statistic:
        case "chars":
            return text.str.len_chars().cast(pl.Int64)
        case "words":
            return _count(text, r"\S+")
        case "mean_word_chars":
            return _share(_count(text, r"\S"), _count(text, r"\S+"))
        case "digits":
            return _count(text, r"[0-9]")
        case "uppercase_share":
            return _share(_count(text, r"\p{Lu}"), text.str.len_chars())
        case "punctuation":
            return _count(text, r"\p{P}")
        case "lines":
            return _count(text, r"\n") + 1
        case _:
            return _share(
                text.str.to_lowercase().str.extract_all(r"\S+").list.n_unique(),
                _count(text, r"\S+"),
            )


def _count(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.count_matches(pattern).cast(pl.Int64)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """0 of nothing."""
    return (
        pl.when(whole > 0)
        .then(part.cast(pl.Float64) / whole.cast(pl.Float64))
        .when(whole == 0)
        .then(0.0)
    )


# -- terms ----------------------------------------------------------------------------------------


def _fit_tfidf(transform: Tfidf, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    """Source: scikit-learn's TfidfVectorizer: idf = ln((1 + n) / (1 + texts with the term)) + 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    column = transform.column
    texts = (yield from sampled(transform, rows, {column: pl.col(column)}))[column][
        column
    ].to_list()
    vectorizer = TfidfVectorizer(
        analyzer=transform.analyzer,
        ngram_range=transform.grams,
        max_features=transform.most,
        min_df=min(transform.support, max(len(texts), 1)),
    )
    try:
        vectorizer.fit(texts)
    except ValueError:  # no text, no word, or none in enough texts
        raise FeatureError(
            f"no term occurs in {transform.support} or more texts of '{column}'",
            "Choose a lower `support`, or remove it",
            Where(field=column),
        ) from None
    return Fitted(
        {"terms": vectorizer.get_feature_names_out().tolist(), "weights": vectorizer.idf_.tolist()}
    )


def _tfidf(transform: Tfidf, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer=transform.analyzer, ngram_range=transform.grams, vocabulary=fitted.values["terms"]
    )
    vectorizer.idf_ = np.array(fitted.values["weights"])
    return _vectors(
        transform.column,
        [f"{transform.column}_tfidf_{n + 1}" for n in range(len(fitted.values["terms"]))],
        vectorizer.transform,
    )


def _ngrams(transform: NgramHash, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    """Source: Weinberger et al.

    (2009), ICML, 1113; scikit-learn's HashingVectorizer, which keeps nothing.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        n_features=transform.buckets, analyzer=transform.analyzer, ngram_range=transform.grams
    )
    return _vectors(transform.column, list(transform.makes), vectorizer.transform)


def _vectors(column: str, names: list[str], transform: Callable[[list[str]], Any]) -> Made:
    """A sparse matrix of each batch's texts as columns; one text's numbers do not depend on the
    others.
    """
    vector, width = f"{HELPER}{names[0]}", len(names)

    def called(given: pl.Series) -> pl.Series:
        if not len(given):
            return pl.Series(given.name, [], dtype=pl.Array(pl.Float64, width))
        return pl.Series(
            given.name,
            transform(given.fill_null("").to_list()).toarray(),
            dtype=pl.Array(pl.Float64, width),
        )

    made = pl.col(column).map_batches(
        called, return_dtype=pl.Array(pl.Float64, width), is_elementwise=True
    )
    return Made(
        {name: pl.col(vector).arr.get(n) for n, name in enumerate(names)},
        dict.fromkeys(names, (column,)),
        {vector: made},
    )


TEXT_STATISTICS = Kind(nothing_to_learn, _statistics)
TFIDF = Kind(_fit_tfidf, _tfidf)
NGRAM_HASH = Kind(nothing_to_learn, _ngrams)
