"""The source's columns under the contract's names, with null where a text stands for nothing in its own column."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from assay.assets.stages.ingest import land, landed_rows
from assay.contracts.errors import ContractError, SourceError
from assay.contracts.model import Column
from assay.pipelines.ingest.declared_columns import source_names, undeclared
from tests.conftest import SampleHome, columns, contract, setting


def named(name: str, physical: str | None = None) -> Column:
    return Column(name=name, logical_type="string", physical_name=physical)


@pytest.mark.parametrize(
    ("promised", "landed", "names", "others"),
    [
        ([named("a"), named("b")], ["b", "a", "c"], {"a": "a", "b": "b"}, ["c"]),
        ([named("id", "ORD_ID")], ["ORD_ID", "x"], {"id": "ORD_ID"}, ["x"]),
        ([named("id", "ORD_ID")], ["id"], {"id": "id"}, []),
        ([named("id", "ORD_ID")], ["id", "ORD_ID"], {"id": "ORD_ID"}, ["id"]),
        ([named("a", "b"), named("b", "a")], ["a", "b"], {"a": "b", "b": "a"}, []),
        ([named("a", "b"), named("b")], ["b"], {"a": "b"}, []),
        ([named("id", "Größe (m²)")], ["Größe (m²)"], {"id": "Größe (m²)"}, []),
    ],
)
def test_a_column_is_read_under_its_physical_name(
    promised: list[Column], landed: list[str], names: dict[str, str], others: list[str]
) -> None:
    assert source_names(promised, landed) == names
    assert undeclared(promised, landed) == others


NULLS = {"customProperties": [{"property": "assay.null_values", "value": ["NA", "-999"]}]}
PROMISED = columns(
    {"name": "country", "logicalType": "string", "physicalName": "LAND"},
    {"name": "depth", "logicalType": "number", "physicalName": "TIEFE m", **NULLS},
    {"name": "LAND", "logicalType": "integer", "physicalName": "n"},
)
ROWS = [("NA", "NA", "1"), ("DE", "-999", "2"), ("-999", "3.5", "3")]


def delivered(installation: SampleHome, kind: str) -> None:
    inbox = installation.root / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(ROWS, schema=["LAND", "TIEFE m", "n"], orient="row")
    file = inbox / f"x.{kind}"
    if kind == "csv":
        frame.write_csv(file)
    elif kind == "parquet":
        frame.with_columns(pl.col("n").cast(pl.Int64)).write_parquet(file)
    elif kind == "arrow":
        frame.write_ipc(file)
    else:
        file.write_text(json.dumps(frame.to_dicts()))
    source = setting("source", location=f"inbox/x.{kind}", format=kind)
    installation.promise(PROMISED, source, setting("cleaning", _=[]))


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "arrow"])
def test_a_text_stands_for_nothing_in_its_own_column_whatever_the_format(
    installation: SampleHome, kind: str
) -> None:
    delivered(installation, kind)
    run = installation.run()
    rows = landed_rows(run, land(run).receipt.digest).collect()
    assert rows.select("country", "depth", pl.col("LAND").cast(pl.String)).rows() == [
        ("NA", None, "1"), ("DE", None, "2"), ("-999", "3.5", "3"),
    ]  # fmt: skip


def test_a_number_that_landed_as_one_can_stand_for_nothing(installation: SampleHome) -> None:
    installation.promise(
        columns({"name": "meter", "logicalType": "integer", **NULLS}),
        setting("source", location="inbox/x.parquet", format="parquet"),
        setting("cleaning", _=[]),
    )
    (installation.root / "inbox").mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"meter": [1, -999]}).write_parquet(installation.root / "inbox" / "x.parquet")
    run = installation.run()
    rows = landed_rows(run, land(run).receipt.digest).collect()
    assert rows["meter"].to_list() == ["1", None]


def test_a_missing_column_is_named_as_the_source_calls_it(installation: SampleHome) -> None:
    installation.promise(
        columns({"name": "id", "logicalType": "string", "physicalName": "ORD_ID"}),
        setting("cleaning", _=[]),
    )
    installation.deliver("other\n1\n")
    with pytest.raises(SourceError, match="lacks the promised column 'ORD_ID'"):
        land(installation.run())


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ([{"property": "assay.null_values", "value": "NA"}], "is no list of texts"),
        ([{"property": "assay.null_values", "value": [None]}], "is no list of texts"),
        ([{"property": "assay.null_values", "value": [False]}], "is no list of texts"),
        ([{"property": "assay.nul_values", "value": ["NA"]}], "'assay.nul_values' is not known"),
    ],
)
def test_null_values_of_a_column_are_texts(properties: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        contract(columns({"name": "x", "logicalType": "string", "customProperties": properties}))


def test_two_columns_cannot_have_one_physical_name() -> None:
    twice = [{"name": n, "logicalType": "string", "physicalName": "X"} for n in ("a", "b")]
    with pytest.raises(ContractError, match="two columns have the physicalName 'X'"):
        contract(columns(*twice))
