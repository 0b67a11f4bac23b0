"""Every kind of promise, the whole way: read, judged, published, opened, and readable by others from the Delta log."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
import yaml

from assay.assets.io.installation import Installation
from assay.assets.stages.publish import Published
from assay.contracts.errors import QualityError
from tests.conftest import Edit, SampleHome, columns, document, setting


def published(installation: SampleHome, name: str = "readings") -> Published:
    return installation.published(name)


def rows(opened_home: Installation, name: str = "readings") -> pl.DataFrame:
    return opened_home.scan(opened_home.version(name)).collect()


EVERY_TYPE = columns(
    {"name": "small", "logicalType": "integer", "logicalTypeOptions": {"format": "u8"}},
    {"name": "huge", "logicalType": "integer", "logicalTypeOptions": {"format": "u64"}},
    {"name": "price", "logicalType": "number", "physicalType": "decimal(8,2)"},
    {"name": "on", "logicalType": "date"},
    {"name": "at", "logicalType": "time"},
    {"name": "seen", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}},
    {"name": "sure", "logicalType": "boolean"},
    {"name": "meaning", "logicalType": "vector", "logicalTypeOptions": {"dimensions": 3}},
    {
        "name": "item",
        "logicalType": "object",
        "properties": [
            {"name": "sku", "logicalType": "string"},
            {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
        ],
    },
    {
        "name": "stock",
        "logicalType": "map",
        "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "integer"}},
    },
)
ROW = {
    "small": 255, "huge": Decimal(2**64 - 1), "price": Decimal("12.50"), "on": dt.date(2013, 2, 28), "at": "09:05:00", "seen": dt.datetime(2013, 2, 28, 9, 5), "sure": True,
    "meaning": [0.5, 0.25, -1.0], "item": {"sku": "a", "tags": ["x", "y"]}, "stock": [{"key": "k", "value": 5}],
}  # fmt: skip


def test_every_type_of_the_standard_is_published_and_read_back_the_same(
    installation: SampleHome,
) -> None:
    installation.promise(EVERY_TYPE, lambda data: data["schema"][0].update(quality=[]))
    cells = '255,18446744073709551615,12.50,2013-02-28,09:05,2013-02-28T09:05:00,yes,"[0.5,0.25,-1]","{""sku"":""a"",""tags"":[""x"",""y""]}","{""k"":5}"'
    installation.deliver(
        f"small,huge,price,on,at,seen,sure,meaning,item,stock\n{cells}\n256,,,,,,,,,\n"
    )
    assert published(installation).row.rows == 1
    opened_home = installation.open()
    assert rows(opened_home).to_dicts() == [ROW]
    from deltalake import DeltaTable

    table = DeltaTable(str(opened_home.lake.folder("readings", "versions")))
    assert [field.name for field in table.schema().fields] == list(ROW)
    assert pl.DataFrame(pl.scan_delta(table).select("small", "price", "item").collect()).row(0) == (
        255,
        Decimal("12.50"),
        {"sku": "a", "tags": ["x", "y"]},
    )


# -- queries ---------------------------------------------------------------------------------------


def asked(query: str, **check: object) -> Edit:
    return lambda data: data["schema"][0]["quality"].append(
        {"name": "asked", "type": "sql", "query": query, **check}
    )


def test_a_query_is_asked_of_the_rows_that_are_to_be_published(installation: SampleHome) -> None:
    installation.promise(asked("SELECT count(*) FROM ${table} WHERE meter LIKE 'M%'", mustBe=2))
    installation.deliver("meter,energy_kwh,tariff\nM1,1.5,day\nM2,2.5,night\nx,3.5,day\n")
    published(installation)
    opened_home = installation.open()
    (check,) = [
        each
        for each in opened_home.statement(opened_home.version("readings"))["predicate"]["checks"]
        if each["rule"] == "asked"
    ]
    assert (check["passed"], check["measured"], check["bound"]) == (True, 2.0, "= 2")


def test_a_query_that_is_answered_wrong_or_not_at_all_stops_publication(
    installation: SampleHome,
) -> None:
    installation.promise(asked("SELECT max(energy_kwh) FROM ${table}", mustBeLessThan=3))
    with pytest.raises(QualityError, match=r"rule 'asked': its query returns 3.5, allowed < 3"):
        published(installation)
    installation.promise(
        asked("SELECT max(energy_kwh) FROM ${table} WHERE energy_kwh > 100", mustBeLessThan=3)
    )
    with pytest.raises(QualityError, match=r"rule 'asked': it could not be evaluated"):
        published(installation)
    assert installation.open().registry.versions.all("readings") == []


# -- relationships -------------------------------------------------------------------------------------


def points_to_meters(data: dict[str, object]) -> None:
    data["schema"][0]["properties"][0]["relationships"] = [{"to": "meters.id"}]  # type: ignore[index]  # a contract's shape


@pytest.fixture
def two(installation: SampleHome) -> SampleHome:
    """Readings that point to meters."""
    installation.promise(points_to_meters)
    meters = document(
        lambda data: data.update(name="meters", id="meters"),
        lambda data: data["schema"][0].update(name="meters", quality=[]),
        columns({"name": "id", "logicalType": "string", "primaryKey": True, "required": True}),
        setting("source", location="inbox/meters.csv"),
    )
    (installation.contracts / "meters.odcs.yaml").write_text(
        yaml.safe_dump(meters, sort_keys=False)
    )
    (installation.root / "inbox" / "meters.csv").write_text("id\nM1\nM2\n")
    return installation


def test_a_row_whose_key_points_nowhere_is_set_aside_and_the_version_says_what_it_was_held_against(
    two: SampleHome,
) -> None:
    published(two, "meters")
    made = published(two)
    opened_home = two.open()
    predicate = opened_home.statement(made.row)["predicate"]
    assert predicate["inputs"]["related"] == {"meters": "1.0.0"}
    assert predicate["accounting"]["quarantined_by"] == {"meter_in_meters": 1}
    assert rows(opened_home)["meter"].to_list() == ["M1", "M2"]


def test_a_relationship_to_what_nobody_published_stops_publication(two: SampleHome) -> None:
    with pytest.raises(QualityError, match="rule 'meter_in_meters': it could not be evaluated"):
        published(two)


def test_a_new_version_of_the_other_side_is_another_input(two: SampleHome) -> None:
    published(two, "meters")
    published(two)
    assert not published(two).new
    (two.root / "inbox" / "meters.csv").write_text("id\nM1\nM2\nM3\n")
    published(two, "meters")
    again = published(two)
    assert (again.new, again.row.version, again.row.rows) == (True, "1.0.1", 3)


def test_a_column_may_point_into_its_own_table(installation: SampleHome) -> None:
    installation.promise(
        columns(
            {"name": "meter", "logicalType": "string", "required": True},
            {
                "name": "behind",
                "logicalType": "string",
                "relationships": [{"to": "readings.meter"}],
            },
        ),
        lambda data: data["schema"][0].update(quality=[]),
    )
    installation.deliver("meter,behind\nM1,\nM2,M1\nM3,M9\n")
    published(installation)
    assert rows(installation.open())["meter"].to_list() == ["M1", "M2"]
