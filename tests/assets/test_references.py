"""Names that point to versions: moved whole, kept on record, followed by everything that opens a version without a number. And versions that expire."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io.compare import compare, statistics
from assay.assets.io.registry.references import check_name
from assay.assets.services.diff import diff, note_changes
from assay.assets.services.verify import verify
from assay.assets.stages.expire import expire
from assay.contracts.errors import EvidenceError
from assay.pipelines.publish.naming import Previous, change_note, schema_changes
from tests.conftest import GOOD, SampleHome, columns, setting


@pytest.fixture
def three(either_registry: SampleHome) -> SampleHome:
    """Three versions: of 3, 4 and 5 rows."""
    text = GOOD
    either_registry.published()
    for number in (4, 5):
        text += f"M{number},{number},day\n"
        either_registry.deliver(text)
        either_registry.published()
    return either_registry


def test_references_point_where_they_were_put_and_latest_follows_publication(
    three: SampleHome,
) -> None:
    opened_home = three.open()
    registry = opened_home.registry
    assert {name: row.version for name, row in registry.references.all("readings").items()} == {
        "latest": "1.2.0"
    }
    registry.references.point("readings", "prod", "1.1.0", "checked")
    registry.references.point("readings", "prod", "1.2.0", "checked too")
    assert opened_home.version("readings", "prod").version == "1.2.0"
    assert registry.references.roll_back("readings", "prod", "not so good")[1].version == "1.1.0"
    with pytest.raises(EvidenceError, match=r"'prod' has no earlier version before 1\.1\.0"):
        registry.references.roll_back("readings", "prod", "still not")
    assert registry.references.roll_back("readings", "latest", "wrong")[1].version == "1.1.0"
    assert opened_home.version("readings").version == "1.1.0"
    three.deliver(GOOD + "M6,6,day\n")
    assert three.published().row.version == "1.3.0"
    assert {name: row.version for name, row in registry.references.all("readings").items()} == {
        "latest": "1.3.0",
        "prod": "1.1.0",
    }
    registry.references.delete("readings", "prod", "over")
    with pytest.raises(EvidenceError, match="no reference of that name"):
        opened_home.version("readings", "prod")
    registry.ledger.check()


def test_latest_goes_back_where_the_source_is_what_it_was_before(three: SampleHome) -> None:
    registry = three.open().registry
    three.deliver(GOOD)
    assert (three.published().row.version, three.published().new) == ("1.0.0", False)
    latest = registry.references.all("readings")["latest"]
    assert (latest.version, latest.reason) == ("1.0.0", "what it was made from came again")
    three.published()
    assert registry.references.all("readings")["latest"] == latest  # moved once
    three.deliver(GOOD + "M4,4,day\n")
    assert three.published().row.version == "1.1.0"
    assert three.open().version("readings").version == "1.1.0"
    three.deliver(GOOD + "M6,6,day\n")
    assert three.published().row.version == three.open().version("readings").version == "1.3.0"
    registry.ledger.check()


def test_latest_goes_back_where_the_contract_is_what_it_was_before(
    installation: SampleHome,
) -> None:
    installation.published()
    installation.promise(setting("cleaning", _=[]))
    assert (
        installation.published().row.version
        == installation.open().version("readings").version
        == "1.0.1"
    )
    installation.promise()
    assert (
        installation.published().row.version
        == installation.open().version("readings").version
        == "1.0.0"
    )


def test_where_somebody_put_latest_it_stays_until_something_new_is_published(
    three: SampleHome,
) -> None:
    registry = three.open().registry
    registry.references.roll_back("readings", "latest", "wrong")
    assert three.published().row.version == "1.2.0"
    assert three.open().version("readings").version == "1.1.0"


def test_a_source_whose_version_has_expired_is_refused(three: SampleHome) -> None:
    three.later(timedelta(days=366))
    expire(three.open(), "readings")
    three.deliver(GOOD)
    with pytest.raises(
        EvidenceError, match=r"this source was published as 1\.0\.0, which expired on"
    ):
        three.published()
    assert three.open().registry.runs.newest("readings", 1)[0].outcome == "failed"
    assert three.open().version("readings").version == "1.2.0"


@pytest.mark.parametrize(
    "name", ["", "1.0.0", "Prod", "x" * 64, "a b", "../x", 'x"; drop table moves--']
)
def test_what_is_no_name_for_a_reference_is_refused(name: str) -> None:
    with pytest.raises(EvidenceError, match="this name is not allowed for a reference"):
        check_name(name)


def test_a_reference_to_what_is_not_there_is_refused(installation: SampleHome) -> None:
    installation.published()
    registry = installation.open().registry
    with pytest.raises(EvidenceError, match=r"readings@9\.9\.9 has not been published"):
        registry.references.point("readings", "prod", "9.9.9", "no")
    with pytest.raises(EvidenceError, match="cannot be deleted"):
        registry.references.delete("readings", "latest", "no")


def test_consumers_open_by_reference(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assay

    for name, value in (
        ("ASSAY_HOME", installation.root),
        ("ASSAY_CONTRACTS", installation.contracts),
        ("ASSAY_STEWARDS", installation.stewards),
    ):
        monkeypatch.setenv(name, str(value))
    installation.published()
    installation.deliver(GOOD + "M4,4,day\n")
    installation.published()
    installation.open().registry.references.point("readings", "prod", "1.0.0", "checked")
    assert [
        assay.open("readings", version, purpose="training").select(pl.len()).collect().item()
        for version in ("prod", None, "latest")
    ] == [3, 4, 4]


# -- expiry -----------------------------------------------------------------------------------------


def test_old_versions_expire_unless_something_points_to_them(three: SampleHome) -> None:
    three.open().registry.references.point("readings", "prod", "1.0.0", "checked")
    reader = three.open().scan(three.open().version("readings", "1.1.0"))
    three.later(timedelta(days=364))
    assert expire(three.open(), "readings", dry_run=True) == []
    three.later(timedelta(days=366))
    opened_home = three.open()
    assert expire(opened_home, "readings", dry_run=True) == ["1.1.0"]
    assert expire(opened_home, "readings") == ["1.1.0"]
    assert expire(opened_home, "readings") == []
    assert reader.collect().height == 4  # opened before: it has a day to finish
    with pytest.raises(EvidenceError, match=r"version 1\.1\.0 expired on"):
        opened_home.scan(opened_home.version("readings", "1.1.0"))
    with pytest.raises(EvidenceError, match="expired on"):
        opened_home.registry.references.point("readings", "canary", "1.1.0", "no")
    three.later(timedelta(days=368))
    opened_home = three.open()
    expire(opened_home, "readings")
    with pytest.raises(OSError, match="No such file"):
        reader.collect()
    checked = [
        verify(opened_home.home.root, "readings", version, opened_home.keys.public()).checked
        for version in ("1.0.0", "1.1.0", "1.2.0")
    ]
    assert [any("expired" in line for line in each) for each in checked] == [False, True, False]
    assert [row.version for row in opened_home.registry.versions.all("readings")] == [
        "1.0.0",
        "1.1.0",
        "1.2.0",
    ]


def test_an_expiry_that_nobody_signed_excuses_nothing(installation: SampleHome) -> None:
    made = installation.published()
    opened_home = installation.open()
    (opened_home.home.root / "evidence" / "readings" / "1.0.0.expired.json").write_text(
        opened_home.envelope(made.row)
    )
    with pytest.raises(EvidenceError, match="not of the kind 'expiry'"):
        verify(opened_home.home.root, "readings", "1.0.0", opened_home.keys.public())


# -- differences ----------------------------------------------------------------------------------------


KEYED = columns(
    {
        "name": "meter",
        "logicalType": "string",
        "required": True,
        "primaryKey": True,
        "primaryKeyPosition": 1,
        "logicalTypeOptions": {"pattern": "^M[0-9]+$"},
    },
    {"name": "energy_kwh", "logicalType": "number"},
    {"name": "tariff", "logicalType": "string"},
)


def two(installation: SampleHome, *texts: str) -> Any:
    for text in texts:
        installation.deliver("meter,energy_kwh,tariff\n" + text)
        installation.published()
    return installation.open()


def test_rows_are_told_apart_by_the_primary_key(installation: SampleHome) -> None:
    installation.promise(KEYED, lambda data: data["schema"][0].update(quality=[]))
    opened_home = two(
        installation,
        "M1,1,day\nM2,2,day\nM3,,night\nM4,4,\n",
        "M1,1,day\nM2,2.5,night\nM3,3,night\nM5,5,day\nM6,6,day\n",
    )
    found = diff(opened_home, "readings", "1.0.0", "1.1.0", sample=5)
    assert (found["key"], found["added"], found["removed"], found["changed"]) == (
        ["meter"],
        2,
        1,
        2,
    )
    assert found["changed_columns"] == {"energy_kwh": 2, "tariff": 1}
    assert found["keys"] == {
        "added": [{"meter": "M5"}, {"meter": "M6"}],
        "removed": [{"meter": "M4"}],
        "changed": [{"meter": "M2"}, {"meter": "M3"}],
    }
    assert found["statistics"]["new"]["energy_kwh"] == {
        "nulls": 0,
        "distinct": 5,
        "mean": 3.5,
        "sd": pytest.approx(1.788854),
        "min": 1.0,
        "max": 6.0,
    }
    assert diff(opened_home, "readings", "1.0.0", "1.1.0", measured=False)["keys"] == {}
    noted = note_changes(opened_home, opened_home.version("readings"))
    assert noted is not None
    assert noted["note"] == "2 rows added, 1 removed, 2 changed by meter since 1.0.0"
    assert note_changes(opened_home, opened_home.version("readings")) == noted
    assert note_changes(opened_home, opened_home.version("readings", "1.0.0")) is None


@pytest.mark.parametrize("name", ["{k}", "k{", 'k"', "k'", "%s", "a b", "select", "_n; --"])
def test_any_name_of_a_column_can_be_a_key(tmp_path: Path, name: str) -> None:
    old, new = tmp_path / "old.parquet", tmp_path / "new.parquet"
    pl.DataFrame({name: [1, 2], "value": [1, 2]}).write_parquet(old)
    pl.DataFrame({name: [2, 3], "value": [5, 2]}).write_parquet(new)
    changes = compare([old], [new], [new], [name, "value"], [name], 1)
    assert changes is not None
    assert (changes.added, changes.removed, changes.changed) == (1, 1, 1)
    assert changes.keys == {"added": [{name: 3}], "removed": [{name: 1}], "changed": [{name: 2}]}


@pytest.mark.parametrize(
    "values",
    [
        [f"K{number * 7919 % 100_003:06}" for number in range(1_500)],
        list(range(1_500)),
        [number / 7 for number in range(1_500)],
        [date(1990, 1, 1) + timedelta(days=number) for number in range(1_500)],
        [datetime(2024, 1, 1) + timedelta(seconds=number) for number in range(1_500)],
        [time(number // 60, number % 60) for number in range(1_400)] + [time(0)] * 100,
        [Decimal(number) / 10 for number in range(1_500)],
    ],
)
def test_distinct_values_are_exact_or_called_an_estimate(
    values: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "part.parquet"
    pl.DataFrame(
        {"x": [*values, None], "y": [number % 73 for number in range(1_501)]}
    ).write_parquet(file)
    counts = statistics([file])
    assert counts["x"]["distinct"] == len(set(values))
    assert counts["y"]["distinct"] == 73
    monkeypatch.setattr("assay.assets.io.compare.EXACT_ROWS", 1_000)
    assert "distinct" not in statistics([file])["x"]
    assert statistics([file])["x"]["distinct_about"] == pytest.approx(len(set(values)), rel=0.2)


def test_without_a_key_or_where_it_repeats_equal_rows_are_paired(installation: SampleHome) -> None:
    installation.promise(setting("cleaning", _=[]))
    opened_home = two(
        installation, "M1,1,day\nM1,1,day\nM2,2,day\n", "M1,1,day\nM2,2,night\nM2,2,night\n"
    )
    for key in ([], ["meter"]):
        found = diff(opened_home, "readings", "1.0.0", "1.1.0", key=key, measured=False)
        assert (
            found["key"],
            found["key_repeats"],
            found["added"],
            found["removed"],
            found["changed"],
        ) == ([], bool(key), 2, 2, None)
    with pytest.raises(EvidenceError, match="the key 'metre' is not a column"):
        diff(opened_home, "readings", "1.0.0", "1.1.0", key=["metre"])


def test_other_columns_are_told_and_not_compared(installation: SampleHome) -> None:
    installation.promise(KEYED, lambda data: data["schema"][0].update(quality=[]))
    two(installation, "M1,1,day\n")
    installation.promise(
        KEYED,
        lambda data: data["schema"][0].update(quality=[]),
        lambda data: data["schema"][0]["properties"][1].update(logicalType="string"),
        lambda data: data.update(version="2.0.0"),
    )
    opened_home = two(installation, "M1,1,night\n")
    found = diff(opened_home, "readings", "1.0.0", "2.0.0")
    assert found["schema"] == ["column energy_kwh is String, was Float64"]
    assert found["changed_columns"] == {"tariff": 1}
    assert (
        opened_home.version("readings").note
        == "After 1.0.0: 1 rows (+0); column energy_kwh is String, was Float64"
    )


def test_the_note_says_what_is_known_when_it_is_signed() -> None:
    before = Previous("1.3.0", "1.0.0", "a", None, 10, {"a": "Int64", "b": "String"})
    assert change_note(None, rows=1000, window=None) == "First version: 1,000 rows"
    assert (
        change_note(before, rows=8, window=None, schema={"a": "Int64", "c": "Date"})
        == "After 1.3.0: 8 rows (-2); column c added; column b removed"
    )
    assert schema_changes({}, {"a": "Int64"}) == []
