"""A header whose cells are personal values is a row of data."""

from __future__ import annotations

import polars as pl
import pytest

from assay.pipelines.ingest.values_as_names import values_as_names

PERSONS = ["Anna Schmidt", "Peter Jones", "Maria Garcia", "John Smith"]


@pytest.mark.parametrize(
    ("names", "cells", "kinds"),
    [
        (["meter", "zora.quint@canary.example"], PERSONS, {2: "email"}),
        (["+49 30 901820", "note"], PERSONS, {1: "phone"}),
        (["4111 1111 1111 1111", "DE89370400440532013000"], PERSONS, {1: "card", 2: "iban"}),
        (["Martin Walker", "Berlin"], PERSONS, {1: "name"}),
        (["Martin Walker", "Berlin"], ["red", "blue", "green", "12"], {}),
        (["name", "e-mail", "phone number", "card", "2020-01-22", "1.5", "Jordan"], PERSONS, {}),
        (["customer name", "IBAN", "id", "column_4"], PERSONS, {}),
        ([], [], {}),
    ],
)
def test_names_that_are_personal_values(
    names: list[str], cells: list[str], kinds: dict[int, str]
) -> None:
    sample = pl.DataFrame(
        dict.fromkeys(names, cells), schema_overrides=dict.fromkeys(names, pl.String)
    )
    assert values_as_names(names, sample) == kinds
