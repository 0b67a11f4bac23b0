"""An index's documents and those of a new version -> what is carried over, what is cut and embedded
again, what is gone.

Belongs here: comparing, cutting what changed, reusing vectors, when a fitted space is fitted again.
Stays out: the store (assets/io/index.py), which version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from assay.pipelines.act.passages import PASSAGES, Format, passages
from assay.pipelines.act.stemming import stems

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Embedder(Protocol):
    """What gives texts their vectors. The same `digest` gives the same text the same vector."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def dimensions(self) -> int:
        """Of its vectors."""

    @property
    def digest(self) -> str:
        """SHA-256 of the model."""

    def of_passages(self, texts: Sequence[str], words: Sequence[str]) -> NDArray[Any]:
        """(n, dimensions) float32 of length 1 or 0. `words` are the stems of `texts`."""

    def of_question(self, text: str, words: str) -> NDArray[Any]:
        """(dimensions,) float32 of length 1 or 0."""


@dataclass(frozen=True)
class Cutting:
    """How documents become passages; other settings make other passages of the same documents."""

    form: Format
    most: int
    overlap: int
    language: str


@dataclass(frozen=True)
class Changes:
    """Documents by key: what the new version has that the index has not, has otherwise, or has no
    longer.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        changes = {"added": self.added, "changed": self.changed, "removed": self.removed}
        return (
            ", ".join(f"{len(keys):,} {what}" for what, keys in changes.items() if keys) or "none"
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def compare(before: pl.DataFrame, now: pl.DataFrame) -> Changes:
    """`document` and `digest` of each side -> what differs."""
    both = before.select("document", before="digest").join(
        now.select("document", now="digest"),
        on="document",
        how="full",
        coalesce=True,
        maintain_order="right_left",
    )
    was, is_ = pl.col("before"), pl.col("now")

    def keys(where: pl.Expr) -> tuple[str, ...]:
        return tuple(both.filter(where)["document"])

    return Changes(keys(was.is_null()), keys(was != is_), keys(is_.is_null()))


def cut(whole: pl.DataFrame, cutting: Cutting) -> pl.DataFrame:
    """`document`, `title`, `text` -> passages with their `words`."""
    made = passages(whole, form=cutting.form, most=cutting.most, overlap=cutting.overlap)
    return made.with_columns(
        pl.Series("words", stems(made["text"].to_list(), cutting.language), dtype=pl.String)
    )


def carried(before: pl.DataFrame, changes: Changes) -> pl.DataFrame:
    """The passages of documents that are as they were, with their vectors."""
    return before.filter(~pl.col("document").is_in([*changes.changed, *changes.removed]))


def with_vectors(
    made: pl.DataFrame, known: pl.DataFrame | None, embedder: Embedder
) -> tuple[pl.DataFrame, int]:
    """Give passages their vectors: those of `known` with the same words, from the embedder
    otherwise.

    Args: known: `digest` and `vector`, by the same embedder.
    Returns: the passages in their order, and how many were embedded.
    """
    kind = pl.Array(pl.Float32, embedder.dimensions)
    have = (
        pl.DataFrame(schema={"digest": pl.String, "vector": kind})
        if known is None
        else known.select("digest", "vector").unique("digest", keep="any")
    )
    new = made.unique("digest", maintain_order=True).join(
        have, on="digest", how="anti", maintain_order="left"
    )
    if not new.is_empty():
        vectors = embedder.of_passages(new["text"].to_list(), new["words"].to_list())
        have = pl.concat([have, new.select("digest", pl.Series("vector", vectors, dtype=kind))])
    return made.join(have, on="digest", how="left", maintain_order="left"), new.height


def turnover(before: pl.Series, after: pl.Series) -> int:
    """How many different passages, by digest, are on one side only."""
    return len(
        before.unique().to_frame().join(after.unique().to_frame(), on=before.name, how="anti")
    ) + len(after.unique().to_frame().join(before.unique().to_frame(), on=before.name, how="anti"))


def is_worn(fitted_on: int, since: int, refit: float) -> bool:
    """Whether so many passages have come or gone since a space was fitted that it is fitted
    again.
    """
    return since > refit * fitted_on


def in_order(rows: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All passages, by document and place: the same documents make the same index, however they
    came.
    """
    return pl.concat(rows).select(*PASSAGES, "words", "vector").sort("document", "place")
