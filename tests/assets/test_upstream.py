"""Another governed data set is a source by name: under its licence and purposes, with the use recorded first, and named in evidence and lineage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from assay.assets.dagster.definitions import build_definitions
from assay.assets.stages import upstream
from assay.assets.stages.ingest import land
from assay.checking import check_contracts
from assay.cli import app
from assay.contracts.errors import AdmissionError, AssayError, ConfigurationError, EvidenceError
from assay.contracts.load import lint
from assay.contracts.upstream import circle, in_order
from tests.conftest import GOOD, Edit, SampleHome, columns, contract, document, named, setting

MORE = GOOD + "M4,4.5,day\n"
WHOLE = columns(
    {"name": "meter", "logicalType": "string", "required": True},
    {"name": "energy_kwh", "logicalType": "number"},
    {"name": "tariff", "logicalType": "string"},
)


def derived(
    *edits: Edit, location: str = "assay:readings", name: str = "derived"
) -> tuple[Edit, ...]:
    return (named(name), WHOLE, setting("source", location=location, format="parquet"), *edits)


@pytest.fixture
def chained(installation: SampleHome) -> SampleHome:
    """`derived` is made from `readings`, of which a version is published."""
    installation.deliver(GOOD)
    installation.published()
    installation.promise(*derived(), file="derived.odcs.yaml")
    return installation


def uses(installation: SampleHome) -> list[tuple[str, str, bool, str]]:
    return [
        (use.version, use.purpose, use.allowed, use.kind)
        for use in installation.open().registry.uses.all("readings")
    ]


def test_a_published_version_is_a_source_and_its_rows_come_through(chained: SampleHome) -> None:
    published = chained.published("derived")
    opened_home = chained.open()
    assert (
        opened_home.scan(published.row)
        .sort("meter")
        .collect()
        .equals(opened_home.scan(opened_home.version("readings")).sort("meter").collect())
    )
    assert uses(chained) == [
        ("1.0.0", "analytics", True, "derivation"),
        ("1.0.0", "training", True, "derivation"),
    ]


def test_the_evidence_and_the_lineage_name_the_version_that_was_read(chained: SampleHome) -> None:
    published = chained.published("derived")
    predicate = chained.predicate(published)
    statement = predicate["upstream"]["statement"]
    assert predicate["upstream"] == {
        "dataset": "readings",
        "version": "1.0.0",
        "statement": statement,
    }
    assert predicate["inputs"]["source_digest"] == statement
    assert predicate["inputs"]["related"] == {"readings": "1.0.0"}
    facts = [
        json.loads(line)
        for line in (chained.root / "lineage" / "events.ndjson").read_text().splitlines()
    ]
    landed = next(
        fact
        for fact in facts
        if fact["job"]["name"] == "derived.landed" and fact["eventType"] == "COMPLETE"
    )
    assert [
        (each["namespace"], each["name"], each["facets"]["version"]["datasetVersion"])
        for each in landed["inputs"]
    ] == [("assay", "readings/published", "1.0.0")]
    shown = CliRunner().invoke(
        app, ["show", "derived"], env=chained.environment | {"COLUMNS": "300"}
    )
    assert "readings@1.0.0" in shown.output


def test_the_same_version_is_ingested_once_and_a_new_one_makes_a_new_one(
    chained: SampleHome,
) -> None:
    assert chained.published("derived").new
    assert not chained.published("derived").new
    assert land(chained.run(name="derived")).unchanged
    before = upstream.seen(chained.open(), chained.open().contract("derived"))
    chained.deliver(MORE)
    chained.published()
    assert upstream.seen(chained.open(), chained.open().contract("derived")) != before
    again = chained.published("derived")
    assert (again.new, again.row.rows, chained.predicate(again)["upstream"]["version"]) == (
        True,
        4,
        "1.1.0",
    )


@pytest.mark.parametrize(("pin", "rows"), [("@1.0.0", 3), ("@prod", 3), ("@latest", 4), ("", 4)])
def test_a_version_or_a_reference_may_be_pinned(pin: str, rows: int, chained: SampleHome) -> None:
    chained.open().registry.references.point("readings", "prod", "1.0.0", "tested")
    chained.deliver(MORE)
    chained.published()
    chained.promise(*derived(location=f"assay:readings{pin}"), file="derived.odcs.yaml")
    published = chained.published("derived")
    assert published.row.rows == rows
    assert chained.predicate(published)["upstream"]["version"] == (
        "1.0.0" if rows == 3 else "1.1.0"
    )


def test_a_purpose_that_the_source_was_not_admitted_for_is_refused_and_recorded(
    chained: SampleHome,
) -> None:
    chained.promise(
        *derived(setting("license", purposes=["analytics", "retrieval"])), file="derived.odcs.yaml"
    )
    with pytest.raises(
        AdmissionError,
        match=r"readings@1\.0\.0 was not admitted for 'retrieval', only for analytics and training",
    ):
        chained.published("derived")
    assert uses(chained) == [
        ("1.0.0", "analytics", True, "derivation"),
        ("1.0.0", "retrieval", False, "derivation"),
    ]
    assert not list((chained.root / "lake" / "derived").glob("landed/*"))


@pytest.mark.parametrize(
    ("source", "own", "says"),
    [
        (
            [setting("privacy", sensitivity="personal")],
            [],
            r"that is 'personal', but the contract declares 'internal'",
        ),
        (
            [setting("privacy", sensitivity="internal")],
            [setting("privacy", sensitivity="public")],
            r"that is 'internal', but the contract declares 'public'",
        ),
        (
            [],
            [setting("privacy", region="us")],
            r"that must stay in 'eu', but the contract declares 'us'",
        ),
        (
            [],
            [setting("privacy", region="global")],
            r"that must stay in 'eu', but the contract declares 'global'",
        ),
        ([setting("license", until="2026-01-01")], [], r"its licence ended on 2026-01-01"),
    ],
)
def test_less_care_than_the_source_asks_for_is_refused_and_recorded(
    source: list[Edit], own: list[Edit], says: str, installation: SampleHome
) -> None:
    installation.clock = lambda: datetime(2025, 6, 1, tzinfo=UTC)
    installation.deliver(GOOD)
    installation.promise(*source)
    installation.published()
    installation.promise(*derived(*own), file="derived.odcs.yaml")
    installation.clock = lambda: datetime(2026, 6, 1, tzinfo=UTC)
    with pytest.raises(AdmissionError, match=says):
        installation.published("derived")
    assert [allowed for _, _, allowed, _ in uses(installation)] == [False, False]


def test_as_much_care_or_more_is_let_through(chained: SampleHome) -> None:
    chained.promise(
        *derived(setting("privacy", sensitivity="personal", region="eu-de")),
        file="derived.odcs.yaml",
    )
    assert chained.published("derived").new


@pytest.mark.parametrize(
    ("source", "own", "says"),
    [
        ("CC-BY-4.0", "CC0-1.0", "requires attribution"),
        ("CC-BY-SA-4.0", "CC-BY-4.0", "is share-alike"),
        ("CC-BY-ND-4.0", "CC-BY-ND-4.0", "does not allow derived data"),
        ("CC-BY-NC-4.0", "CC-BY-4.0", "non-commercial"),
    ],
)
def test_a_licence_that_is_freer_than_the_sources_is_refused(
    source: str, own: str, says: str, installation: SampleHome
) -> None:
    plain = {"commercial": False, "purposes": ["analytics"], "holder": "The Meter Club"}
    installation.deliver(GOOD)
    installation.promise(setting("license", expression=source, **plain))
    installation.published()
    installation.promise(
        *derived(setting("license", expression=own, **plain)), file="derived.odcs.yaml"
    )
    with pytest.raises(AdmissionError, match=says):
        installation.published("derived")


def test_gain_is_refused_where_the_source_forbids_it_and_obligations_are_carried_on(
    installation: SampleHome,
) -> None:
    plain = {"purposes": ["analytics"], "holder": "The Meter Club"}
    installation.deliver(GOOD)
    installation.promise(
        setting("license", expression="CC-BY-NC-SA-4.0", commercial=False, **plain)
    )
    installation.published()
    installation.promise(
        *derived(setting("license", expression="CC-BY-NC-SA-4.0", commercial=True, **plain)),
        file="derived.odcs.yaml",
    )
    with pytest.raises(AdmissionError, match="commercial use"):
        installation.published("derived")
    installation.promise(
        *derived(
            setting(
                "license",
                expression="CC-BY-NC-SA-4.0",
                commercial=False,
                purposes=["analytics"],
                holder="us",
            )
        ),
        file="derived.odcs.yaml",
    )
    verdict = installation.predicate(installation.published("derived"))["admission"]["verdict"][
        "license"
    ]
    assert set(verdict["obligations"]) >= {"attribution", "share-alike"}
    assert any("The Meter Club" in each for each in verdict["attribution"])


def test_masked_columns_stay_masked(installation: SampleHome) -> None:
    meter = {"name": "meter", "logicalType": "string", "classification": "personal"}
    others = (
        {"name": "energy_kwh", "logicalType": "number"},
        {"name": "tariff", "logicalType": "string"},
    )
    token = {"kind": "other", "treatment": "token"}
    installation.deliver(GOOD)
    installation.promise(
        columns(meter, *others),
        setting("privacy", sensitivity="personal", columns={"meter": token}),
    )
    installation.published()
    installation.promise(
        *derived(setting("privacy", sensitivity="personal")), file="derived.odcs.yaml"
    )
    opened_home = installation.open()
    kept = (
        opened_home.scan(installation.published("derived").row)
        .select("meter")
        .collect()["meter"]
        .sort()
    )
    assert kept.equals(
        opened_home.scan(opened_home.version("readings")).select("meter").collect()["meter"].sort()
    )
    assert not set(kept) & {"M1", "M2", "M3"}


def test_what_cannot_be_read_is_one_sentence(installation: SampleHome) -> None:
    installation.promise(*derived(), file="derived.odcs.yaml")
    with pytest.raises(
        EvidenceError, match=r"readings has not been published. Publish it: assay run readings"
    ):
        installation.published("derived")
    installation.promise(*derived(location="assay:reedings"), file="derived.odcs.yaml")
    with pytest.raises(ConfigurationError, match="Did you mean 'readings'"):
        installation.published("derived")
    installation.deliver(GOOD)
    installation.published()
    for pin, says in (("9.9.9", "has not been published"), ("canary", "no reference of that name")):
        installation.promise(*derived(location=f"assay:readings@{pin}"), file="derived.odcs.yaml")
        with pytest.raises(EvidenceError, match=says):
            installation.published("derived")


def test_an_expired_version_is_refused_and_nothing_is_recorded(chained: SampleHome) -> None:
    chained.deliver(MORE)
    chained.published()
    opened_home = chained.open()
    assert opened_home.registry.expire(opened_home.version("readings", "1.0.0"), "old")
    chained.promise(*derived(location="assay:readings@1.0.0"), file="derived.odcs.yaml")
    with pytest.raises(EvidenceError, match="expired"):
        chained.published("derived")
    assert uses(chained) == []


def test_a_file_that_is_not_what_was_signed_is_refused(chained: SampleHome) -> None:
    file = next((chained.root / "lake" / "readings" / "versions").rglob("*.parquet"))
    pl.DataFrame({"meter": ["M9"]}).write_parquet(file)
    with pytest.raises(EvidenceError, match="differs from its signed digest"):
        chained.published("derived")


CIRCLES = {
    "itself": {"a": "a"},
    "two": {"a": "b", "b": "a"},
    "three": {"a": "b", "b": "c", "c": "a"},
}


@pytest.mark.parametrize("case", CIRCLES)
def test_a_circle_is_refused_by_the_check_and_by_the_run(
    case: str, tmp_path: Path, installation: SampleHome
) -> None:
    for name, source in CIRCLES[case].items():
        installation.promise(
            *derived(location=f"assay:{source}", name=name), file=f"{name}.odcs.yaml"
        )
    outcome = check_contracts([installation.contracts])
    told = [
        problem.problem
        for each in outcome.contracts
        for problem in each.problems
        if problem.id == "assay.upstream"
    ]
    assert len(told) == len(CIRCLES[case])
    assert all("derived from itself" in problem for problem in told)
    with pytest.raises(AssayError, match="derived from itself"):
        installation.published("a")
    installation.deliver(GOOD)
    assert installation.published().new  # other data sets go on


@pytest.mark.parametrize(
    ("edits", "says"),
    [
        ([], None),
        ([setting("source", location="assay:reedings")], "Did you mean 'readings'"),
        ([setting("source", location="assay:readings@1.0.0")], None),
        (
            [setting("license", purposes=["analytics", "redistribution"])],
            "is not admitted for 'redistribution'",
        ),
        ([setting("privacy", sensitivity="public")], "the contract declares 'public'"),
        ([setting("privacy", region="us")], "that must stay in 'eu'"),
    ],
)
def test_the_check_says_what_a_run_would_refuse(
    edits: list[Edit], says: str | None, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.promise(*derived(*edits), file="derived.odcs.yaml")
    monkeypatch.setenv("ASSAY_CONTRACTS", str(installation.contracts))
    for paths in (
        [installation.contracts],
        [installation.contracts / "derived.odcs.yaml"],
    ):  # alone, as a pre-commit hook gives it, too
        told = [
            str(problem)
            for each in check_contracts(paths).contracts
            for problem in each.problems
            if problem.severity == "error"
        ]
        assert (told == []) if says is None else (len(told) == 1 and says in told[0])


SETTINGS: list[dict[str, Any]] = [
    {"format": "csv"}, {"format": "sql"}, {"sha256": "0" * 64}, {"options": {"encoding": "utf-8"}}, {"options": {"table": "t"}},
    {"windows": {"column": "meter", "each": [{"name": "a", "start": "2013-01-01", "end": "2014-01-01"}]}}, {"partitions": {"by": "month", "start": "2013-01-01"}},
    {"location": "assay:"}, {"location": "assay:a b"}, {"location": "assay:readings@"}, {"location": "assay:../readings"}, {"location": "assay:readings@../x"},
    {"location": "assay:*"}, {"location": "assay:readings@{partition}"}, {"location": "assay://readings"}, {"location": "assay:readings/landed"}, {"location": "assay:readings\n"},
]  # fmt: skip


@pytest.mark.parametrize("values", SETTINGS, ids=str)
def test_settings_that_make_no_sense_with_another_data_set_are_refused(
    values: dict[str, Any],
) -> None:
    import yaml

    text = yaml.safe_dump(document(*derived(), setting("source", **values)))
    assert [problem.id for problem in lint(text, "f").errors] in (
        ["assay.value"],
        ["assay.value", "assay.source"],
    )


def test_sources_run_before_what_is_made_from_them() -> None:
    def made(name: str, source: str) -> Any:
        return contract(*derived(location=source, name=name))

    contracts = {
        "c": made("c", "assay:b@1.0.0"),
        "b": made("b", "assay:a"),
        "x": made("x", "assay:gone"),
        "a": made("a", "inbox/a.parquet"),
        "d": made("d", "assay:b"),
    }
    assert in_order(contracts) == ["a", "b", "c", "x", "d"]
    around = {"a": made("a", "assay:b"), "b": made("b", "assay:a"), "c": made("c", "assay:a")}
    assert sorted(in_order(around)) == ["a", "b", "c"]
    assert circle("a", around) == ("a", "b", "a")
    assert circle("c", around) == ()


def test_dagster_knows_that_one_follows_from_the_other(
    chained: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in chained.environment.items():
        monkeypatch.setenv(name, value)
    graph = build_definitions().get_repository_def().asset_graph
    import dagster as dg

    assert (
        dg.AssetKey(["readings", "published"])
        in graph.get(dg.AssetKey(["derived", "landed"])).parent_keys
    )
