"""A data set that comes month by month: each version holds every partition, and only what was delivered again has new files."""

from __future__ import annotations

import itertools
import multiprocessing
import shutil
import uuid
from datetime import UTC, datetime
from multiprocessing.pool import Pool, ThreadPool
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from assay.assets.dagster.definitions import build_definitions
from assay.assets.io.lake import Lake
from assay.assets.io.registry.partitions import partition_documents
from assay.assets.io.registry.versions import versions
from assay.assets.services.diff import diff
from assay.assets.services.verify import verify
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.part import Part
from assay.assets.stages.partition_runs import due, parts
from assay.assets.stages.publish import end_as_already_published, publish_parts
from assay.assets.stages.run import Run
from assay.contracts.errors import (
    AssayError,
    EvidenceError,
    PublicationError,
    QualityError,
    SourceError,
)
from assay.contracts.settings import Partitions
from assay.lineage import evidence
from assay.lineage.evidence import files
from assay.pipelines.publish import partitions
from tests.conftest import Edit, SampleHome, columns, contract, setting

HEAD = "meter,at,energy_kwh\n"
MONTHS = ("2013-01", "2013-02", "2013-03")


def monthly(**more: Any) -> tuple[Edit, ...]:
    return (
        columns(
            {
                "name": "meter",
                "logicalType": "string",
                "required": True,
                "primaryKey": True,
                "primaryKeyPosition": 1,
                "logicalTypeOptions": {"pattern": "^M[0-9]+$"},
            },
            {
                "name": "at",
                "logicalType": "timestamp",
                "required": True,
                "partitioned": True,
                "partitionKeyPosition": 1,
            },
            {"name": "energy_kwh", "logicalType": "number"},
        ),
        lambda data: data["schema"][0].update(quality=[]),
        setting(
            "source",
            location="inbox/{partition}.csv",
            partitions={"by": "month", "start": "2013-01-01", "end": "2013-04-01", **more},
        ),
    )


def month(name: str, rows: int = 3, energy: float = 1.0, extra: str = "") -> str:
    number = int(name[-2:])
    return (
        HEAD
        + "".join(f"M{number}{row},{name}-0{row + 1}T00:00:00Z,{energy}\n" for row in range(rows))
        + extra
    )


@pytest.fixture
def metered(installation: SampleHome) -> SampleHome:
    """Three months delivered."""
    installation.promise(*monthly())
    for name in MONTHS:
        deliver(installation, name, month(name))
    return installation


def deliver(installation: SampleHome, name: str, text: str) -> None:
    (installation.root / "inbox" / f"{name}.csv").write_text(text)


def take(installation: SampleHome, window: str | None = None) -> list[str]:
    """Take what is named, or due, in one run. Returns: the versions there are."""
    opened_home = installation.open()
    run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()), window)
    made = []
    for part in parts(run):
        admission = admit(part)
        if admission.published is None:
            made.append(Part(part, admission, refine(part, admission)))
        else:
            end_as_already_published(part, admission.published)
    if made:
        publish_parts(run, made)
    return [row.version for row in opened_home.registry.versions.all("readings")]


def held(installation: SampleHome, version: str = "latest") -> dict[str, list[str]]:
    """Partition -> digests of its files."""
    opened_home = installation.open()
    document = opened_home.statement(opened_home.version("readings", version))
    digests = {file.path: file.sha256 for file in files(document)}
    return {
        name: [digests[path] for path in part["files"]]
        for name, part in document["predicate"]["partitions"].items()
    }


def verified(installation: SampleHome) -> None:
    opened_home = installation.open()
    for row in opened_home.registry.versions.all("readings"):
        verify(opened_home.home.root, "readings", row.version, opened_home.keys.public())


def test_partitions_are_named_by_their_beginning_up_to_now() -> None:
    monthly_ = Partitions(by="month", start=datetime(2023, 11, 1, tzinfo=UTC))
    assert list(partitions.windows(monthly_, datetime(2024, 1, 15, tzinfo=UTC))) == [
        "2023-11",
        "2023-12",
        "2024-01",
    ]
    daily = Partitions(
        by="day", start=datetime(2024, 2, 28, tzinfo=UTC), end=datetime(2024, 3, 2, tzinfo=UTC)
    )
    assert partitions.chosen(daily, "2024-02-28..2024-03-01", datetime(2025, 1, 1, tzinfo=UTC)) == (
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    )
    with pytest.raises(SourceError, match="no partition with that name"):
        partitions.chosen(daily, "2024-03-02", datetime(2025, 1, 1, tzinfo=UTC))
    window = partitions.window(monthly_, "2024-02")
    assert (window.start, window.end) == (
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 3, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([setting("source", location="inbox/{partition}.csv")], "there are no partitions"),
        ([*monthly(start="2013-01-02")], "beginning of a month"),
        (
            [*monthly(), lambda d: d["schema"][0]["properties"][1].update(partitioned=False)],
            "no column is marked as the partition key",
        ),
        (
            [*monthly(), lambda d: d["schema"][0]["properties"][1].update(required=False)],
            "not a required date or timestamp",
        ),
    ],
)
def test_a_contract_that_cannot_be_cut_is_refused(edits: list[Edit], said: str) -> None:
    with pytest.raises(AssayError, match=said):
        contract(*edits)


def test_a_month_delivered_again_has_new_files_and_the_others_keep_theirs(
    metered: SampleHome,
) -> None:
    assert take(metered) == ["1.0.0"]
    before = held(metered)
    assert list(before) == list(MONTHS)
    deliver(metered, "2013-02", month("2013-02", energy=2.0, extra="x,2013-02-20T00:00:00Z,1\n"))
    assert take(metered) == ["1.0.0", "1.1.0"]
    after = held(metered)
    assert [name for name in MONTHS if after[name] != before[name]] == ["2013-02"]
    opened_home = metered.open()
    predicate = opened_home.statement(opened_home.version("readings"))["predicate"]
    assert {name: (part["accounting"]["rows_in"], part["accounting"]["quarantined"], part["made_in"]) for name, part in predicate["partitions"].items()} == {
        "2013-01": (3, 0, "1.0.0"), "2013-02": (4, 1, "1.1.0"), "2013-03": (3, 0, "1.0.0"),
    }  # fmt: skip
    assert (
        predicate["accounting"]["rows_in"],
        predicate["accounting"]["published"],
        predicate["accounting"]["quarantined"],
    ) == (10, 9, 1)
    assert (
        predicate["note"] == "After 1.0.0: 9 rows (+0) of 3 partition(s), 2013-02 new or made again"
    )
    assert (
        sorted(opened_home.scan(opened_home.version("readings")).collect()["energy_kwh"].to_list())
        == [1.0] * 6 + [2.0] * 3
    )
    found = diff(opened_home, "readings", "1.0.0", "latest")
    assert (found["added"], found["removed"], found["changed"], found["changed_columns"]) == (
        0,
        0,
        3,
        {"energy_kwh": 3},
    )
    assert (found["partitions"]["changed"], found["shared_files"]) == (["2013-02"], 2)
    verified(metered)


def test_delta_readers_see_each_version_with_the_files_it_shares(metered: SampleHome) -> None:
    from deltalake import DeltaTable

    take(metered, "2013-01..2013-02")
    take(metered)
    deliver(metered, "2013-01", month("2013-01", rows=5))
    take(metered)
    table = str(metered.open().lake.folder("readings", "versions"))
    assert [DeltaTable(table, version=n).to_pyarrow_dataset().count_rows() for n in range(3)] == [
        6,
        9,
        11,
    ]


def test_the_same_delivery_is_taken_once_and_nothing_is_due_after(metered: SampleHome) -> None:
    take(metered)
    assert take(metered, "2013-01..2013-03") == ["1.0.0"]
    opened_home = metered.open()
    assert due(Run(opened_home, opened_home.contract("readings"), "look")) == ()


def test_a_partition_builds_on_what_latest_points_to_also_after_a_rollback(
    metered: SampleHome,
) -> None:
    take(metered, "2013-01")
    good = held(metered)
    deliver(metered, "2013-01", month("2013-01", rows=1))
    take(metered, "2013-01")
    metered.open().registry.references.roll_back("readings", "latest", "two rows are missing")
    assert take(metered, "2013-02")[-1] == "1.2.0"
    assert held(metered)["2013-01"] == good["2013-01"]


def test_rows_of_another_month_are_refused_and_none_is_lost_in_silence(metered: SampleHome) -> None:
    deliver(metered, "2013-02", month("2013-02", extra="M9,2013-03-01T00:00:00Z,1\n"))
    with pytest.raises(SourceError, match="1 of its rows do not belong to 2013-02"):
        take(metered, "2013-02")
    deliver(metered, "2013-02", month("2013-02", extra="M9,not a time,1\n"))
    take(metered, "2013-02")
    opened_home = metered.open()
    assert (
        opened_home.statement(opened_home.version("readings"))["predicate"]["accounting"][
            "quarantined"
        ]
        == 1
    )


def test_one_bad_month_stops_the_version_of_all_that_run_together(metered: SampleHome) -> None:
    deliver(metered, "2013-02", HEAD + "x,2013-02-01T00:00:00Z,1\n")
    with pytest.raises(QualityError, match="meter_pattern"):
        take(metered)
    assert metered.open().registry.versions.all("readings") == []
    assert take(metered, "2013-03") == ["1.0.0"]


def test_other_columns_need_every_partition_to_be_made_again(metered: SampleHome) -> None:
    take(metered)
    metered.promise(
        *monthly(), lambda data: data["schema"][0]["properties"][2].update(logicalType="string")
    )
    with pytest.raises(
        PublicationError, match="the columns differ from those of 2 other partition"
    ):
        take(metered, "2013-02")
    assert take(metered, "2013-01..2013-03") == [
        "1.0.0",
        "2.0.0",
    ]  # the same deliveries, made again with another type of a column
    verified(metered)


def test_one_file_with_every_month_is_cut_by_the_column(installation: SampleHome) -> None:
    installation.promise(*monthly(), setting("source", location="inbox/all.csv"))
    deliver(installation, "all", month("2013-01") + month("2013-03").removeprefix(HEAD))
    assert take(installation) == ["1.0.0"]
    assert list(held(installation)) == ["2013-01", "2013-03"]


# -- at the same time ---------------------------------------------------------------------------


def _take_alone(folder: str, url: str, name: str) -> str:
    from pathlib import Path

    from assay.assets.io.home import Home
    from assay.assets.io.installation import Installation

    root = Path(folder)
    opened_home = Installation.open(
        Home(
            home=root / "home",
            contracts=root / "contracts",
            registry_url=url,
            stewards=root / "stewards.yaml",
        )
    )
    (run,) = parts(Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()), name))
    admission = admit(run)
    return str(publish_parts(run, [Part(run, admission, refine(run, admission))]).row.version)


def _at_once(installation: SampleHome, months: list[str], workers: Pool) -> list[str]:
    installation.open()
    folder = str(installation.root.parent)
    return sorted(
        workers.starmap(
            _take_alone, [(folder, installation.registry_url, name) for name in months], chunksize=1
        )
    )


def test_partitions_that_run_at_once_give_versions_without_a_gap(
    either_registry: SampleHome,
) -> None:
    months = [f"2013-0{number}" for number in range(1, 9)]
    either_registry.promise(*monthly(end="2014-01-01"))
    for name in months:
        deliver(either_registry, name, month(name))
    with ThreadPool(8) as workers:
        assert _at_once(either_registry, months, workers) == [
            f"1.{number}.0" for number in range(8)
        ]
    assert list(held(either_registry)) == months
    either_registry.open().deliver_outbox()
    verified(either_registry)


@pytest.mark.soak
def test_a_hundred_rounds_of_eight_at_once(installation: SampleHome) -> None:
    """C1: every round eight processes take eight months that were delivered again; versions are 1..800 without a gap, each with its own files."""
    months = [f"2013-0{number}" for number in range(1, 9)]
    installation.promise(*monthly(end="2014-01-01"))
    with multiprocessing.get_context("spawn").Pool(8) as workers:
        for number in range(100):
            for name in months:
                deliver(installation, name, month(name, energy=number))
            assert len(set(_at_once(installation, months, workers))) == 8
    opened_home = installation.open()
    opened_home.deliver_outbox()
    assert [row.sequence for row in opened_home.registry.versions.all("readings")] == list(
        range(1, 801)
    )
    assert opened_home.scan(opened_home.version("readings")).collect()[
        "energy_kwh"
    ].unique().to_list() == [99.0]
    verified(installation)


# -- in Dagster -----------------------------------------------------------------------------------


@pytest.fixture
def instance(metered: SampleHome, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        ("ASSAY_HOME", metered.root),
        ("ASSAY_CONTRACTS", metered.contracts),
        ("ASSAY_STEWARDS", metered.stewards),
    ):
        monkeypatch.setenv(name, str(value))
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_dagster_knows_the_partitions_and_runs_one(
    metered: SampleHome, instance: dg.DagsterInstance
) -> None:
    definitions = build_definitions()
    spec = next(
        each for each in definitions.resolve_all_asset_specs() if each.key.path[1] == "published"
    )
    assert spec.partitions_def is not None
    assert list(spec.partitions_def.get_partition_keys()) == list(MONTHS)
    done = definitions.resolve_job_def("readings").execute_in_process(
        instance=instance, partition_key="2013-02"
    )
    assert done.success
    published = [
        event.step_materialization_data.materialization
        for event in done.get_asset_materialization_events()
        if event.asset_key.path[1] == "published"
    ]
    assert [(each.partition, each.metadata["version"].value) for each in published] == [
        ("2013-02", "1.0.0")
    ]


def test_dagster_runs_a_range_as_one_version(
    metered: SampleHome, instance: dg.DagsterInstance
) -> None:
    metered.promise(*monthly(backfill="together"))
    tags = {
        "dagster/asset_partition_range_start": "2013-01",
        "dagster/asset_partition_range_end": "2013-03",
    }
    done = (
        build_definitions()
        .resolve_job_def("readings")
        .execute_in_process(instance=instance, tags=tags)
    )
    assert done.success
    assert [row.version for row in metered.open().registry.versions.all("readings")] == ["1.0.0"]
    published = {
        event.partition
        for event in done.get_asset_materialization_events()
        if event.asset_key.path[1] == "published"
    }
    assert published == set(MONTHS)
    assert isinstance(metered.open().lake, Lake)


# -- partitions by reference ------------------------------------------------------------------------


def daily(days: int, **more: Any) -> tuple[Edit, ...]:
    return monthly(by="day", start="2013-01-30", end=f"2013-02-{days:02}", **more)


def test_a_version_says_the_same_whether_it_lists_its_partitions_or_refers_to_them(
    metered: SampleHome,
) -> None:
    take(metered)
    opened_home = metered.open()
    row = opened_home.version("readings")
    signed, whole = opened_home.signed_statement(row), opened_home.statement(row)
    assert "partitions" not in signed["predicate"]
    assert list(whole["predicate"]["partitions"]) == list(MONTHS)
    parts = whole["predicate"]["partitions"].values()
    assert signed["predicate"]["accounting"] == partitions.accounting(parts)
    assert signed["predicate"]["admission"]["purposes"] == ["analytics", "training"]
    for check in signed["predicate"]["checks"]:
        of_parts = [part["checks"][check["rule"]] for part in parts]
        assert check["failing"] == sum(each["failing"] for each in of_parts)
        assert check["total"] == sum(each["total"] for each in of_parts) == 9
    assert sum(file.rows for file in files(whole)) == row.rows == 9


def test_the_signed_statement_alone_gives_no_files_rather_than_fewer(metered: SampleHome) -> None:
    take(metered)
    opened_home = metered.open()
    with pytest.raises(KeyError):
        files(opened_home.signed_statement(opened_home.version("readings")))


def as_before_references(installation: SampleHome) -> None:
    """Have the newest version list all its partitions itself, as earlier releases signed it."""
    opened_home = installation.open()
    row = opened_home.version("readings")
    whole = opened_home.statement(row)
    listed = files(whole)
    predicate = {key: value for key, value in whole["predicate"].items() if key != "partition_tree"}
    for part in predicate["partitions"].values():
        del part["manifest"]
    text = evidence.sign(evidence.statement(listed, predicate), opened_home.keys.signer())
    with opened_home.registry.database.write() as connection:
        this = sa.update(versions).where(versions.c.version == row.version)
        connection.execute(this.values(envelope=text))
        connection.execute(sa.delete(partition_documents))
    opened_home.evidence_file("readings", row.version).write_text(text)
    shutil.rmtree(opened_home.home.root / "evidence" / "readings" / "partitions")


def test_evidence_that_lists_all_partitions_verifies_and_is_built_upon(metered: SampleHome) -> None:
    assert take(metered) == ["1.0.0"]
    before = held(metered)
    as_before_references(metered)
    verified(metered)
    assert held(metered) == before
    assert metered.open().scan(metered.open().version("readings")).collect().height == 9
    deliver(metered, "2013-02", month("2013-02", rows=4))
    assert take(metered) == ["1.0.0", "1.1.0"]
    after = held(metered)
    assert (after["2013-01"], after["2013-03"]) == (before["2013-01"], before["2013-03"])
    assert after["2013-02"] != before["2013-02"]
    assert metered.open().version("readings").rows == 10
    verified(metered)


@pytest.mark.parametrize("damage", ["missing", "changed", "swapped"])
def test_a_document_about_partitions_that_is_not_what_was_signed_is_found_offline(
    metered: SampleHome, damage: str
) -> None:
    take(metered)
    verified(metered)
    folder = metered.root / "evidence" / "readings" / "partitions"
    for file in sorted(folder.iterdir()):
        text = file.read_text()
        if damage == "missing":
            file.unlink()
        elif damage == "changed":
            file.write_text(text.replace('"rows"', '"Rows"').replace('"page"', '"Page"'))
        else:
            other = next(each for each in sorted(folder.iterdir()) if each != file)
            file.write_text(other.read_text())
        with pytest.raises(EvidenceError, match="a partition document"):
            verified(metered)
        file.write_text(text)
    verified(metered)


def test_one_more_day_writes_as_much_as_the_days_before(installation: SampleHome) -> None:
    installation.promise(*daily(20))
    sizes = []
    for day in ("2013-01-30", "2013-01-31", *(f"2013-02-{number:02}" for number in range(1, 9))):
        deliver(installation, day, HEAD + f"M{day.replace('-', '')},{day}T01:00:00Z,1.0\n")
        take(installation, day)
        opened_home = installation.open()
        with opened_home.registry.database.read() as connection:
            kept = connection.execute(sa.select(sa.func.count()).select_from(partition_documents))
            envelope = opened_home.envelope(opened_home.version("readings"))
            sizes.append((kept.scalar(), len(envelope)))
    documents = [count for count, _ in sizes]
    steps = {after - before for before, after in itertools.pairwise(documents)}
    assert steps == {4}  # the day, its month, its year, and the root
    envelopes = [size for _, size in sizes[1:]]
    assert max(envelopes) - min(envelopes) < 400
    verified(installation)


def test_publishing_one_more_day_reads_no_evidence_of_the_days_before(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.promise(*daily(20))
    original, opened = evidence.opened, []
    monkeypatch.setattr(
        evidence, "opened", lambda text, *key: opened.append(text) or original(text, *key)
    )
    counts = []
    for day in ("2013-01-31", *(f"2013-02-{number:02}" for number in range(1, 8))):
        deliver(installation, day, HEAD + f"M{day.replace('-', '')},{day}T01:00:00Z,1.0\n")
        opened.clear()
        take(installation, day)
        counts.append(len(opened))
    assert counts[2] == counts[-1]
