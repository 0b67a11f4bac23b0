"""The source's columns under the contract's names, with null where a text stands for nothing in its own column."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io.sources import check_columns
from assay.assets.services.new import contract_names
from assay.assets.services.undeclared import undeclared_columns
from assay.assets.stages.ingest import land, landed_rows
from assay.contracts.column_names import is_reserved, rule_names
from assay.contracts.errors import ContractError, SourceError
from assay.contracts.exports import FORMATS, export
from assay.contracts.model import Column
from assay.pipelines.core import frames
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
    with pytest.raises(SourceError, match="lacks the declared column 'ORD_ID'"):
        land(installation.run())


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ([{"property": "assay.null_values", "value": "NA"}], "is not a list of texts"),
        ([{"property": "assay.null_values", "value": [None]}], "is not a list of texts"),
        ([{"property": "assay.null_values", "value": [False]}], "is not a list of texts"),
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


# -- columns that the contract does not declare -----------------------------------------------------


def test_undeclared_columns_are_in_the_evidence_by_their_places(installation: SampleHome) -> None:
    installation.deliver(
        "meter,discount,energy_kwh,tariff,zora quint\nM1,1,1.5,day,x\nM2,2,2.5,night,y\n"
    )
    run = installation.run()
    receipt = land(run).receipt
    predicate = installation.predicate(installation.published())
    assert predicate["undeclared_columns"] == [2, 5]
    assert "discount" not in json.dumps(predicate)
    shown = undeclared_columns(installation.open(), "readings", receipt.digest)
    assert shown == ["'discount' (column 2)", "'zora quint' (column 5)"]


SAMPLE = pl.DataFrame(
    {
        "a": ["2024-03-01", None, "2024-03-02"],
        "b": ["1", "2", "3"],
        "c": ["day", "night", "day"],
        "d": ["2024-13-01", "2024-03-01", "no"],
    }
)


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ({"logicalType": "date"}, "Column 1 of"),
        ({"logicalType": "integer"}, "Column 2 of"),
        ({"logicalType": "string", "enum": [{"value": "day"}, {"value": "night"}]}, "Column 3 of"),
        ({"logicalType": "string", "logicalTypeOptions": {"pattern": "^(day|night)$"}}, "Column 3 of"),
        ({"logicalType": "string"}, "Deliver it"),
        ({"logicalType": "boolean"}, "Deliver it"),
        ({"logicalType": "string", "physicalName": "D "}, "Column 4 of"),
    ],
)  # fmt: skip
def test_a_missing_column_is_perhaps_the_one_whose_values_fit(
    declared: dict[str, Any], place: str
) -> None:
    promised = contract(columns({"name": "missing", **declared}))
    with pytest.raises(SourceError, match=place):
        check_columns(promised, SAMPLE.columns, SAMPLE.lazy())


# -- names of any kind ------------------------------------------------------------------------------

NAMES = [
    "_id", "id", "a.b", "a b", "a-b", "цена", "название", "数量", "名前", "from date", 'quo"te', "naïve", "100%", "x{y}", "select",
    "$v", "#", "`b`", "it's", "back\\slash", "tab\tname", "new\nline", "🙂", "__v", "=SUM(A1)",
]  # fmt: skip


def test_columns_of_any_name_go_the_whole_way(installation: SampleHome) -> None:
    limits = {"minimum": 0, "maximum": 100}
    promised = [
        {"name": n, "logicalType": "integer", "required": True, "logicalTypeOptions": limits}
        for n in NAMES
    ]
    questions = [
        {
            "type": "sql",
            "name": f"q{place}",
            "query": f'SELECT COUNT(*) FROM ${{table}} WHERE "{name.replace(chr(34), chr(34) * 2)}" < 0',
            "mustBe": 0,
        }
        for place, name in enumerate(NAMES)
        if "{" not in name
    ]

    def with_questions(document: dict[str, Any]) -> None:
        document["schema"][0]["quality"] = questions

    source = setting("source", location="inbox/x.parquet", format="parquet")
    installation.promise(columns(*promised), with_questions, source, setting("cleaning", _=[]))
    (installation.root / "inbox").mkdir(parents=True, exist_ok=True)
    file = installation.root / "inbox" / "x.parquet"
    pl.DataFrame({name: [1, 2, 101] for name in NAMES}).write_parquet(file)
    published = installation.published()
    opened = installation.open()
    assert opened.scan(published.row).collect().columns == NAMES
    checks = installation.predicate(published)["checks"]
    assert {check["rule"] for check in checks if check["failing"] == 1} >= {
        f"{word}_maximum" for word in rule_names(NAMES).values()
    }
    declared = opened.contract("readings")
    texts = {form: export(declared, form) for form in FORMATS}
    exec(compile(texts["pandera"], "schema", "exec"), {})
    assert set(json.loads(texts["jsonschema"])["properties"]) == set(NAMES)


def test_a_rule_is_named_after_its_column_alone() -> None:
    names = rule_names(NAMES)
    assert len(set(names.values())) == len(NAMES)
    assert all(re.fullmatch("[A-Za-z0-9_]+", word) for word in names.values())
    assert (names["id"], names["from date"], names["naïve"]) == ("id", "from_date", "na_ve")
    assert rule_names(reversed(NAMES)) == names


@pytest.mark.parametrize("name", ["_row", "_Hash", "_received_x", "_at"])
def test_a_name_that_assay_uses_itself_is_refused_with_another(name: str) -> None:
    with pytest.raises(ContractError, match=r"Name it `.*`, and write `physicalName: _"):
        contract(columns({"name": name, "logicalType": "string"}))


def test_a_draft_declares_every_column_under_a_name_that_is_free() -> None:
    assert contract_names(["_hash", "hash", "_id", "цена", "_at"]) == {
        "_hash": "hash_2", "hash": "hash", "_id": "_id", "цена": "цена", "_at": "at",
    }  # fmt: skip


def test_every_column_of_our_own_is_reserved() -> None:
    """Steps add columns to the table that they work on."""
    rooms = ("clean", "validate", "admit", "core")
    own = {
        word
        for room in rooms
        for file in sorted((Path(frames.__file__).parents[1] / room).glob("*.py"))
        for word in re.findall(r'"(_[a-z]+(?:_[a-z]+)*_?)"', file.read_text())
    }
    assert own
    assert {word for word in own if not is_reserved(word + "x" * word.endswith("_"))} == set()
