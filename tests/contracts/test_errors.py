"""Every error names the place, the problem and the remedy, and survives a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from assay.contracts import errors
from assay.contracts.errors import (
    AssayError,
    ContractError,
    ContractErrors,
    MissingExtraError,
    Where,
    errors_located_at,
)

CHILDREN = [
    child
    for child in vars(errors).values()
    if isinstance(child, type) and issubclass(child, AssayError) and child is not ContractErrors
]


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.__name__)
def test_it_says_where_what_and_what_to_do(kind: type[AssayError]) -> None:
    error = kind(
        "the key is unknown",
        "Did you mean 'x'",
        Where(file="a.yaml", line=3, column=7, dataset="d", row=2, field="c", rule="r"),
    )
    place = "a.yaml:3:7, data set 'd', row 2, column 'c', rule 'r'"
    remedy = ": Did you mean 'x'." if kind is MissingExtraError else ". Did you mean 'x'."
    assert str(error) == f"{place}: the key is unknown{remedy}"


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.__name__)
def test_it_survives_pickling(kind: type[AssayError]) -> None:
    error = kind("p", "r", Where(file="f"))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (kind, str(error))


def test_the_outer_block_adds_only_what_the_inner_did_not_know() -> None:
    with pytest.raises(ContractError) as caught, errors_located_at(file="outer.yaml", dataset="d"):
        raise ContractError("p", "r", Where(file="inner.yaml"))
    assert str(caught.value.where) == "inner.yaml, data set 'd'"
