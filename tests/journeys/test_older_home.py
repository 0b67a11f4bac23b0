"""A home of an earlier release: it opens, verifies, and goes on where it was."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import assay as api
from tests.journeys.conftest import Assay

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home_layout_4.tar.xz"


@dataclass(frozen=True)
class OlderHome:
    """The unpacked home, and what was true of it when it was made."""

    root: Path
    facts: dict[str, Any]


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OlderHome:
    """A copy of the stored home, named by the environment."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_CONTRACTS", str(tmp_path / "contracts"))
    monkeypatch.setenv("ASSAY_STEWARDS", str(tmp_path / "stewards.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    return OlderHome(tmp_path / "home", json.loads((tmp_path / "facts.json").read_text()))


@pytest.fixture
def approved_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stewards have approved the licence policy of this release: their keys are not archived."""
    monkeypatch.setattr("assay.assets.stages.review_state.check_policies", lambda _: None)


def test_its_versions_verify_and_its_files_are_the_ones_published(
    command: Assay, older: OlderHome
) -> None:
    code, out, err = command("verify", "--all")
    assert code == 0, out + err
    lake = older.root / "lake"
    files = lake.glob("*/versions/**/*.parquet")
    digests = {
        str(path.relative_to(lake)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    assert digests == older.facts["published"]


def test_its_evidence_verifies_without_the_registry(command: Assay, older: OlderHome) -> None:
    (older.root / "registry.db").unlink()
    key = older.root / "keys" / "assay.pub.json"
    for version in ("readings@1.0.0", "readings@1.1.0", "persons@1.0.0"):
        code, out, err = command("verify", version, "--home", str(older.root), "--key", str(key))
        assert code == 0, out + err


@pytest.mark.parametrize("name", ["readings", "persons"])
def test_its_data_cards_still_tell_the_same_facts(
    command: Assay, older: OlderHome, name: str
) -> None:
    code, out, err = command("show", name, "--json")
    assert code == 0, err
    card, before = json.loads(out), older.facts["cards"][name]
    for fact in (
        "dataset",
        "license",
        "rows",
        "note",
        "published_at",
        "owners",
        "references",
        "checks",
    ):
        assert card[fact] == before[fact], fact
    assert card["contract"]["digest"] == before["contract"]["digest"]


def test_its_rows_open(older: OlderHome) -> None:
    rows = api.open("readings", "1.0.0", purpose="analytics").collect()
    assert rows["meter"].to_list() == ["M1", "M2"]
    assert api.open("persons", purpose="training").collect().height == 12


def test_its_features_open(older: OlderHome) -> None:
    assert api.features("readings", "1.1.0").rows.collect().height == 3


def test_the_licence_policy_of_this_release_waits_for_two_stewards(
    command: Assay, older: OlderHome
) -> None:
    code, out, err = command("run", "readings")
    assert code == 1
    assert (
        "the licence policy has changed, and two stewards have not approved the change yet"
        in out + err
    )


@pytest.mark.usefixtures("approved_policy")
def test_a_new_delivery_goes_on_from_it_with_the_same_pseudonyms(
    command: Assay, older: OlderHome
) -> None:
    before = api.open("persons", purpose="analytics").collect()
    source = older.root / "inbox" / "persons.csv"
    source.write_text(re.sub(r"call me at desk\d+@mail.example", "no remark", source.read_text()))
    code, out, err = command("run", "persons")
    assert code == 0, out + err
    after = api.open("persons", purpose="analytics").collect()
    assert set(after["remark"]) == {"no remark"}
    assert after.select("id", "email").equals(before.select("id", "email"))


@pytest.mark.usefixtures("approved_policy")
def test_a_row_that_was_released_before_is_in_the_next_version(
    command: Assay, older: OlderHome
) -> None:
    code, out, err = command("run", "readings")
    assert code == 0, out + err
    assert "X3" in api.open("readings", purpose="analytics").collect()["meter"].to_list()
    assert command("verify", "--all")[0] == 0


def test_the_archive_holds_what_its_script_names() -> None:
    with tarfile.open(ARCHIVE) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == {
        "home",
        "contracts",
        "stewards.yaml",
        "facts.json",
    }
    assert "home/registry.db" in names
