"""`assay.index`: what to rebuild when documents have changed, and when the old index stays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    Field,
    model_validator,
)

from assay.contracts.location import secrets_in
from assay.contracts.settings.base import Settings, Share

StemmedLanguage = Literal[
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
]
"""Languages whose words the index takes down to their stems."""


class Question(Settings):
    """What someone may ask, and the documents, by key, that answer it."""

    ask: str = Field(min_length=3)
    documents: tuple[str, ...] = Field(min_length=1)


class FittedEmbedding(Settings):
    """A space fitted to the documents themselves: nothing from outside is needed.

    It stays while the documents change, so that unchanged ones keep their vectors, and is fitted
    again once more than the share `refit` of the passages has changed since.
    """

    method: Literal["fitted"] = "fitted"
    refit: Share = 0.2


class ModelEmbedding(Settings):
    """A model of sentence-transformers in a folder below ASSAY_HOME or ASSAY_SOURCE_ROOTS.

    Some models want words before a question or a passage.
    """

    method: Literal["sentence-transformers"]
    model: str = Field(min_length=1)
    before_question: str = ""
    before_passage: str = ""
    batch: int = Field(default=64, ge=1, le=1024)


class EndpointEmbedding(Settings):
    """An HTTP endpoint that speaks as OpenAI's does (`POST {model, input}`).

    The passages leave the installation, so it must allow the host: ASSAY_EMBEDDING_HOSTS.
    """

    method: Literal["endpoint"]
    url: str = Field(pattern=r"^https?://[^\s@]+$")
    model: str = Field(min_length=1)
    batch: int = Field(default=64, ge=1, le=2048)

    @model_validator(mode="after")
    def _holds_no_key(self) -> EndpointEmbedding:
        if names := secrets_in(self.url):
            raise ValueError(
                f"`url` contains a credential (`{names[0]}`): move it to the environment variable ASSAY_EMBEDDING_KEY"
            )
        return self


Embedding = Annotated[
    FittedEmbedding | ModelEmbedding | EndpointEmbedding, Field(discriminator="method")
]


class Rerank(Settings):
    """How full text and vectors become one order.

    LanceDB's rerankers, over the `look_at` best of each. `cross-encoder` reads a model from a
    folder.
    """

    method: Literal["rrf", "mrr", "linear", "cross-encoder"] = "rrf"
    model: str | None = None
    look_at: int = Field(default=100, ge=10, le=1000)

    @model_validator(mode="after")
    def _has_its_model(self) -> Rerank:
        if (self.method == "cross-encoder") != (self.model is not None):
            raise ValueError(
                "`model` is required with `cross-encoder` and allowed with nothing else"
            )
        return self


class Index(Settings):
    """What to rebuild when documents have changed, how to evaluate it, and when the old index stays.

    `questions` are asked of the candidate and of the index in service: so many created from the
    documents themselves, or the contract's own. The candidate is refused where its `metric` at `k`
    is under `floor`, or under that of the index in service by more than `tolerance`, where less
    than the share `citations` of what it answers stands word for word at the place it names, or
    where one question in twenty takes longer than `p95_ms`.
    """

    key: str
    text: str
    title: str | None = None
    format: Literal["text", "markdown"] = "text"
    language: StemmedLanguage = "english"
    chunk_chars: int = Field(ge=200, le=10_000)
    overlap_chars: int = Field(default=0, ge=0, le=5_000)
    embedding: Embedding = FittedEmbedding()
    dimensions: int = Field(ge=8, le=4096)
    vector: str | None = None
    """The contract's column of type vector that states which model and how many dimensions there must
    be."""
    reranker: Rerank = Rerank()
    questions: Annotated[int, Field(ge=10)] | Annotated[tuple[Question, ...], Field(min_length=1)]
    k: int = Field(default=10, ge=1, le=100)
    metric: Literal["recall", "ndcg", "mrr"] = "recall"
    floor: Share
    tolerance: Share
    citations: Share = 1.0
    p95_ms: float | None = Field(default=None, gt=0)
    keep: int = Field(default=3, ge=1, le=100)
    """How many builds stay on the disk, the one in service among them, to roll back to."""
    seed: int = 0

    @model_validator(mode="after")
    def _overlaps_less_than_half(self) -> Index:
        if 2 * self.overlap_chars > self.chunk_chars:
            raise ValueError("`overlap_chars` must be at most half of `chunk_chars`")
        return self
