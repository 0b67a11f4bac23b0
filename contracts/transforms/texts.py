"""Transforms of texts."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from assay.contracts.transforms.base import Kind, OfColumns, Sampled, Transform

Statistic = Literal[
    "chars",
    "words",
    "mean_word_chars",
    "digits",
    "uppercase_share",
    "punctuation",
    "lines",
    "different_words_share",
]


class TextStatistics(OfColumns):
    """How long, how many words, how much of it digits, capitals, punctuation."""

    transform: Literal["text_statistics"]
    statistics: tuple[Statistic, ...] = (
        "chars",
        "words",
        "mean_word_chars",
        "digits",
        "uppercase_share",
    )

    @property
    def needs(self) -> dict[str, Kind]:
        """Texts."""
        return dict.fromkeys(self.columns, "text")

    @property
    def makes(self) -> tuple[str, ...]:
        """`text_words` and so on."""
        return tuple(
            f"{column}_{statistic}" for column in self.columns for statistic in self.statistics
        )


class _Grams(Transform):
    """What is counted in a text: runs of words or of characters."""

    column: str
    analyzer: Literal["word", "char", "char_wb"] = "word"
    grams: tuple[int, int] = (1, 1)
    """The shortest and the longest run."""

    @model_validator(mode="after")
    def _ordered(self) -> _Grams:
        if not 1 <= self.grams[0] <= self.grams[1] <= 8:
            raise ValueError(
                "`grams` must be two numbers from 1 to 8: the shortest and the longest sequence"
            )
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """Its text."""
        return (self.column,)

    @property
    def needs(self) -> dict[str, Kind]:
        """Text."""
        return {self.column: "text"}


class Tfidf(_Grams, Sampled):
    """How often a term is in a text, weighed by how few texts have it.

    A text's numbers have length 1. All 0 for a missing text.
    """

    transform: Literal["tfidf"]
    most: int = Field(default=50, ge=1, le=2000)
    """How many terms, the most frequent ones. A term is a number in the feature's name; the state
    states which."""
    support: int = Field(default=2, ge=1)
    """Terms in fewer texts of the sample are left out."""


class NgramHash(_Grams):
    """Counts of runs of words or characters, added up by the bucket of their hash: nothing is
    learned. A text's numbers have length 1; all 0 for a missing text.
    """

    transform: Literal["ngram_hash"]
    buckets: int = Field(default=64, ge=2, le=4096)

    @property
    def makes(self) -> tuple[str, ...]:
        """`text_ngram_1` and so on."""
        return tuple(f"{self.column}_ngram_{number + 1}" for number in range(self.buckets))
