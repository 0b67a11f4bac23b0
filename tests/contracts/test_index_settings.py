"""What a contract may ask of an index."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.errors import ContractError
from assay.contracts.model import Contract
from tests.conftest import columns, contract, setting

POLICY: dict[str, Any] = {
    "key": "name",
    "text": "text",
    "chunk_chars": 400,
    "dimensions": 16,
    "questions": 20,
    "floor": 0.5,
    "tolerance": 0.05,
}
VECTOR = {
    "name": "embedding",
    "logicalType": "vector",
    "logicalTypeOptions": {
        "dimensions": 16,
        "embeddingModel": "small",
        "embeddingModelVersion": "1f",
    },
}


def indexed(**policy: Any) -> Contract:
    promised = columns(
        {"name": "name", "logicalType": "string"},
        {"name": "text", "logicalType": "string"},
        {"name": "year", "logicalType": "integer"},
        VECTOR,
    )
    return contract(promised, setting("cleaning", _=[]), setting("index", **{**POLICY, **policy}))


def test_an_index_is_fitted_and_fused_by_rank_unless_said() -> None:
    index = indexed(vector="embedding").index
    assert index is not None
    assert (
        index.embedding.method,
        index.reranker.method,
        index.metric,
        index.k,
        index.keep,
        index.citations,
    ) == ("fitted", "rrf", "recall", 10, 3, 1.0)


def test_a_vector_column_keeps_the_model_it_promises() -> None:
    column = indexed().column("embedding")
    assert (column.dimensions, column.embedding_model, column.embedding_version) == (
        16,
        "small",
        "1f",
    )


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        (
            {"vector": "embedding", "dimensions": 32},
            "'embedding' is declared as 16 dimensions, but the index has vectors of 32",
        ),
        ({"vector": "year"}, "'year' is declared as integer"),
        ({"title": "year"}, "'year' is declared as integer, but an index reads text"),
        ({"title": "headline"}, "names the column 'headline', which the contract does not declare"),
        ({"overlap_chars": 201}, "at most half"),
        ({"questions": []}, "questions"),
        ({"questions": [{"ask": "what?", "documents": []}]}, "documents"),
        ({"reranker": {"method": "cross-encoder"}}, "`model` is required with `cross-encoder`"),
        ({"embedding": {"method": "endpoint", "url": "file:///etc/passwd", "model": "m"}}, "url"),
        (
            {
                "embedding": {
                    "method": "endpoint",
                    "url": "https://user:secret@models.example/v1",
                    "model": "m",
                }
            },
            "url",
        ),
        ({"embedding": {"method": "pickle"}}, "embedding"),
    ],
)
def test_what_cannot_be_is_said_at_once(policy: dict[str, Any], problem: str) -> None:
    with pytest.raises(ContractError) as error:
        indexed(**policy)
    assert problem in str(error.value)


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ContractError) as error:
        indexed(
            embedding={
                "method": "endpoint",
                "url": "https://user:hunter2@models.example/v1",
                "model": "m",
            }
        )
    assert "hunter2" not in str(error.value)
