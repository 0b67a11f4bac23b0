"""A version is whole or not there, whatever happens to the process, the disk or the files; the same inputs are published once."""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.assets.io.decode import delimited
from assay.assets.io.decode.task import Task
from assay.assets.io.sources.read_result import Read
from assay.assets.services.verify import verify
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.ingest import receipt_of
from assay.assets.stages.publish import Published, finish, publish
from assay.assets.stages.run import Run
from assay.contracts.errors import (
    AdmissionError,
    EvidenceError,
    PublicationError,
    QualityError,
    Where,
)
from assay.lineage.evidence import files
from tests.conftest import GOOD, SampleHome, columns, setting
from tests.forked import ROOT, Forked, forked

POINTS = [
    "staged",
    "synced",
    "signed",
    "before the commit",
    "after the commit",
    "before the outbox",
    "before the sweep",
]
PUBLISH = "tests.assets.driver:publish_readings"


def published(installation: SampleHome, run: Run | None = None) -> Published:
    run = run or installation.run()
    admission = admit(run)
    assert admission.published is None
    return publish(run, admission, refine(run, admission))


def verified(installation: SampleHome) -> list[str]:
    """Every registered version, each one verified."""
    opened_home = installation.open()
    opened_home.deliver_outbox()
    for row in opened_home.registry.versions.all("readings"):
        verify(opened_home.home.root, "readings", row.version, opened_home.keys.public())
    opened_home.registry.ledger.check()
    return [row.version for row in opened_home.registry.versions.all("readings")]


def ended(installation: SampleHome, **more: str) -> int:
    """The exit code of a process that publishes."""
    with start(installation, **more) as process:
        return process.wait()


def start(installation: SampleHome, **more: str) -> Forked:
    return forked(PUBLISH, {**installation.environment, **more})


# -- what a version is -----------------------------------------------------------------------


def test_a_version_holds_what_kept_every_rule_and_its_evidence_the_rest(
    either_registry: SampleHome,
) -> None:
    either_registry.deliver(
        "meter,energy_kwh,tariff\nM1,1.5,day\nM1,1.5,day\nx,1,day\nM2,abc,night\nM3\nM4,,night\n"
    )
    done = published(either_registry)
    opened_home = either_registry.open()
    assert opened_home.scan(done.row).collect().rows() == [
        ("M1", 1.5, "day"),
        ("M4", None, "night"),
    ]
    account = opened_home.statement(done.row)["predicate"]["accounting"]
    assert (
        account["rows_in"],
        account["published"],
        account["quarantined"],
        account["removed"],
    ) == (6, 2, 3, 1)
    assert account["removed_by"] == {"1 deduplicate": 1}
    assert account["quarantined_by"] == {
        "energy_kwh_type": 1,
        "meter_pattern": 1,
        "unreadable: missing columns": 1,
    }
    assert verified(either_registry) == ["1.0.0"]


def test_the_quarantine_holds_what_came_with_its_reasons(installation: SampleHome) -> None:
    installation.deliver("meter,energy_kwh,tariff\nM1,1.5,day\nM2,2,day\nx,abc,noon\n")
    run = installation.run()
    published(installation, run)
    rows = pl.read_parquet(
        run.installation.lake.folder("readings", "quarantine") / f"{run.run_id}.parquet"
    )
    assert rows.rows() == [
        (4, ["meter_pattern", "energy_kwh_type", "tariff_enum"], "x", "abc", "noon")
    ]


def test_an_error_rule_beyond_its_tolerance_stops_publication_and_the_last_version_stays(
    installation: SampleHome,
) -> None:
    published(installation)
    installation.deliver("meter,energy_kwh,tariff\nx,1,day\ny,1,day\nM1,1,day\n")
    with pytest.raises(
        QualityError, match=r"rule 'meter_pattern': 2 of 3 rows break it, allowed ≤ 50 %"
    ):
        published(installation)
    assert verified(installation) == ["1.0.0"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            {"name": "more", "metric": "rowCount", "mustBeGreaterThan": 90},
            r"'more': the number of rows is 1, allowed > 90",
        ),
        (
            {"name": "asked", "type": "sql", "query": "SELECT 7", "mustBeLessThan": 5},
            r"'asked': its query returns 7, allowed < 5",
        ),
        (
            {"name": "empty", "type": "sql", "query": "SELECT NULL", "mustBeLessThan": 5},
            r"'empty': it could not be evaluated: its query returned no number",
        ),
    ],
    ids=["rows", "query", "no answer"],
)
def test_every_rule_that_stops_publication_is_named_with_its_reason(
    installation: SampleHome, rule: dict[str, Any], reason: str
) -> None:
    installation.promise(lambda data: data["schema"][0]["quality"].append(rule))
    installation.deliver("meter,energy_kwh,tariff\nx,1,day\ny,1,day\nM1,1,day\n")
    with pytest.raises(QualityError) as refusal:
        published(installation)
    assert "rule 'meter_pattern': 2 of 3 rows break it, allowed ≤ 50 % (" in str(refusal.value)
    assert re.search(f"; also {reason}", str(refusal.value))


def test_of_many_rules_that_stop_publication_the_rest_is_counted(
    installation: SampleHome,
) -> None:
    rules = [
        {"name": f"more_{number}", "metric": "rowCount", "mustBeGreaterThan": 90}
        for number in range(6)
    ]
    installation.promise(lambda data: data["schema"][0]["quality"].extend(rules))
    with pytest.raises(QualityError) as refusal:
        published(installation)
    assert "; also 2 more rules" in str(refusal.value)


def test_an_empty_delivery_is_unknown_and_no_pass(installation: SampleHome) -> None:
    installation.deliver("meter,energy_kwh,tariff\n")
    with pytest.raises(QualityError):
        published(installation)


ROWS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["M1", "M2", "x", ""]),
            st.sampled_from(["1", "-1", "a", ""]),
            st.sampled_from(["day", "noon", ""]),
        ).map(",".join),
        st.sampled_from(["M1", "M1,1,day,extra", '"M"1,1,day', '"a,1', "M9,1,\u00e9"]),
    ),
    min_size=1,
    max_size=15,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS)
def test_every_record_is_published_quarantined_or_removed(tmp_path: Path, rows: list[str]) -> None:
    accounted(tmp_path / uuid.uuid4().hex, rows)


@pytest.mark.soak
def test_every_record_of_10_000_batches_by_file_and_by_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P2: 250 deliveries of 40 files each. They are decoded in this process, as starting 10,000 others takes an hour; what these can do is tested elsewhere."""
    monkeypatch.setattr("assay.assets.io.sources.formats.decoded", decoded_here)
    chance = random.Random(20261127)
    for number in range(250):
        batches_accounted(
            tmp_path / str(number),
            [[line(chance) for _ in range(chance.randint(1, 15))] for _ in range(40)],
        )
        shutil.rmtree(tmp_path / str(number))


def test_every_record_of_some_batches_by_file_and_by_reason(tmp_path: Path) -> None:
    chance = random.Random(1)
    batches_accounted(tmp_path, [[line(chance) for _ in range(8)] for _ in range(4)])


def line(chance: random.Random) -> str:
    """A record: most are made of good and bad cells, some are no record of three cells, or none in UTF-8."""
    if chance.random() < 0.2:
        return chance.choice(
            [
                "M1",
                "M1,1,day,extra",
                '"M"1,1,day',
                '"a,1',
                "M3,\x00,day",
                "M4;1;day",
                "M5,\udcff,day",
                "M6,1\t,day",
                "\xa0M7,1,day",
                '"M8","1e1","day"',
                "M9,1,\u00e9",
                ",,",
            ]
        )
    return ",".join(
        (
            chance.choice([f"M{chance.randint(1, 30)}", "M1", "x", ""]),
            chance.choice(["1", "2.5", "-1", "a", "", "1e999"]),
            chance.choice(["day", "night", "noon", ""]),
        )
    )


def decoded_here(
    kind: str, file: Path, folder: Path, options: dict[str, Any], where: Where
) -> Read:
    done = delimited.decode(Task(kind, str(file), str(folder), options))
    return Read(done.rows, done.unreadable, tuple(done.columns), done.header, done.found)


def batches_accounted(folder: Path, batches: list[list[str]]) -> None:
    """Publish a delivery of many files, and hold what its signed evidence says against the files that it lies in, for each file and each reason."""
    installation = SampleHome(folder)
    installation.promise(
        setting("source", location="inbox/*.csv"),
        lambda d: d["schema"][0].update(
            customProperties=[{"property": "assay.tolerance_pct", "value": 100}], quality=[]
        ),
    )
    (installation.root / "inbox").mkdir(parents=True)
    for number, batch in enumerate(batches):
        text = "meter,energy_kwh,tariff\n" + "\n".join(batch) + "\n"
        (installation.root / "inbox" / f"{number:02}.csv").write_bytes(
            text.encode("utf-8", "surrogateescape")
        )
    run = installation.run()
    done = published(installation, run)
    opened_home, account = (
        run.installation,
        run.installation.statement(done.row)["predicate"]["accounting"],
    )
    quarantine, removed = (
        pl.read_parquet(opened_home.lake.folder("readings", layer) / f"{run.run_id}.parquet")
        for layer in ("quarantine", "removed")
    )
    kept = opened_home.scan(done.row).collect().height
    assert (
        account["rows_in"]
        == sum(len(batch) for batch in batches)
        == kept + quarantine.height + removed.height
    )
    assert (account["published"], account["quarantined"], account["removed"]) == (
        kept,
        quarantine.height,
        removed.height,
    )
    assert account["quarantined_by"] == dict(
        quarantine["_reasons"].explode(empty_as_null=False).value_counts().iter_rows()
    )
    assert account["removed_by"] == dict(removed["_removed_by"].value_counts().iter_rows())
    left = pl.concat([quarantine["_row"], removed["_row"]])
    assert left.is_unique().all()
    for file, batch in zip(receipt_of(run, done.row.source_digest).files, batches, strict=True):
        assert file.rows + file.unreadable == len(batch) == file.last - file.first
        assert left.is_between(file.first + 1, file.last).sum() <= len(batch)
        unreadable = quarantine.filter(
            pl.col("_row").is_between(file.first, file.last),
            pl.col("_reasons").list.first().str.starts_with("unreadable"),
        )
        assert unreadable.height == file.unreadable


def accounted(folder: Path, rows: list[str]) -> None:
    """Refine a delivery of these lines, and hold its account against what came in."""
    installation = SampleHome(folder)
    installation.promise(
        setting("license", purposes=["analytics"]),
        lambda d: d["schema"][0].update(
            customProperties=[{"property": "assay.tolerance_pct", "value": 100}], quality=[]
        ),
    )
    installation.deliver("meter,energy_kwh,tariff\n" + "\n".join(rows) + "\n")
    run = installation.run()
    admission = admit(run)
    account = refine(run, admission).accounting
    assert account.balances
    assert account.rows_in == account.published + account.quarantined + account.removed


# -- once, and again ---------------------------------------------------------------------------


def test_the_same_inputs_are_published_once(either_registry: SampleHome) -> None:
    first = published(either_registry)
    again = admit(either_registry.run())
    assert again.published is not None
    assert again.published.version == first.row.version
    assert verified(either_registry) == ["1.0.0"]


def test_two_runs_of_the_same_inputs_give_one_version(either_registry: SampleHome) -> None:
    early, late = either_registry.run(), either_registry.run()
    early_admission, late_admission = admit(early), admit(late)
    done = publish(late, late_admission, refine(late, late_admission))
    with pytest.raises(PublicationError, match="newer run"):
        publish(early, early_admission, refine(early, early_admission))
    assert verified(either_registry) == [done.row.version] == ["1.0.0"]


def test_a_run_that_was_overtaken_cannot_publish_late(either_registry: SampleHome) -> None:
    zombie = either_registry.run()
    admission = admit(zombie)
    refined = refine(zombie, admission)
    either_registry.deliver(GOOD + "M4,4,day\n")
    published(either_registry)
    with pytest.raises(PublicationError, match="newer run"):
        publish(zombie, admission, refined)
    opened_home = either_registry.open()
    assert [row.rows for row in opened_home.registry.versions.all("readings")] == [4]


def test_other_rows_another_process_another_time_zone_the_same_digest(tmp_path: Path) -> None:
    digests = set()
    elsewhere = {"POLARS_MAX_THREADS": "1", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    for number in range(2):
        installation = SampleHome(tmp_path / str(number))
        installation.deliver(
            "meter,energy_kwh,tariff\n" + "".join(f"M{n},{n / 7},day\n" for n in range(5000))
        )
        if number == 0:
            published(installation)
        else:
            environment = {**installation.environment, **elsewhere}
            command = [sys.executable, "-m", "tests.assets.driver"]
            subprocess.run(
                command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
        opened_home = installation.open()
        digests.add(
            tuple(
                file.sha256
                for file in files(opened_home.statement(opened_home.version("readings")))
            )
        )
    assert len(digests) == 1


def test_new_data_is_a_minor_version_and_the_old_one_still_opens(installation: SampleHome) -> None:
    published(installation)
    installation.deliver(GOOD + "M4,4,day\n")
    published(installation)
    assert verified(installation) == ["1.0.0", "1.1.0"]
    opened_home = installation.open()
    assert opened_home.scan(opened_home.version("readings", "1.0.0")).collect().height == 3


# -- crashes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_a_named_point_recovers_to_the_same_state(tmp_path: Path, point: str) -> None:
    installation = SampleHome(tmp_path)
    installation.deliver(GOOD)
    assert ended(installation, ASSAY_CRASH_AT=point) == -signal.SIGKILL
    committed = POINTS.index(point) > POINTS.index("before the commit")
    assert verified(installation) == (["1.0.0"] if committed else [])
    assert ended(installation) == 0
    assert verified(installation) == ["1.0.0"]
    opened_home = installation.open()
    assert opened_home.scan(opened_home.version("readings")).collect().height == 3
    assert opened_home.registry.outbox.pending() == []


def killed_at_random(folder: Path, seed: int, rounds: int) -> tuple[int, int]:
    """Kill `rounds` runs, each over new data, at seeded moments; verify after each. Returns: runs killed, versions at the end."""
    chance = random.Random(seed)
    installation = SampleHome(folder)
    killed = 0
    for number in range(rounds):
        installation.deliver(GOOD + "".join(f"M{n},{n},day\n" for n in range(10, 20_000 + number)))
        with start(installation) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 1.5))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        verified(installation)
    assert ended(installation) == 0
    versions = verified(installation)
    opened_home = installation.open()
    assert (
        opened_home.scan(opened_home.version("readings")).select(pl.len()).collect().item()
        == 3 + 20_000 - 10 + rounds - 1
    )
    return killed, len(versions)


def test_thirty_kills_at_random_moments_leave_no_half_version(tmp_path: Path) -> None:
    seed = 20261123
    with ThreadPoolExecutor(2) as pool:
        results = list(
            pool.map(lambda n: killed_at_random(tmp_path / str(n), seed + n, 15), range(2))
        )
    assert sum(killed for killed, _ in results) >= 10, f"most runs ended before the kill: {results}"
    assert all(versions >= 1 for _, versions in results)


# -- files that change ---------------------------------------------------------------------------


def flip(file: Path, chance: random.Random) -> Callable[[], None]:
    content = file.read_bytes()
    place = chance.randrange(len(content))
    file.write_bytes(
        content[:place]
        + bytes([content[place] ^ (1 << chance.randrange(8))])
        + content[place + 1 :]
    )
    return lambda: file.write_bytes(content) and None


def test_one_byte_changed_anywhere_is_found(installation: SampleHome) -> None:
    done = published(installation)
    opened_home = installation.open()
    root = opened_home.home.root
    data = [
        root / "lake" / "readings" / "versions" / file.path
        for file in files(opened_home.statement(done.row))
    ]
    chance = random.Random(5)
    for _ in range(100):
        restore = flip(
            chance.choice([*data, root / "evidence" / "readings" / "1.0.0.dsse.json"]), chance
        )
        with pytest.raises(EvidenceError):
            verify(root, "readings", "1.0.0", opened_home.keys.public())
        restore()
    verify(root, "readings", "1.0.0", opened_home.keys.public())
    restore = flip(data[0], chance)
    with pytest.raises(EvidenceError, match="differs from its signed digest"):
        opened_home.scan(done.row)
    restore()


@pytest.mark.parametrize(
    "damage",
    [lambda text: "", lambda text: text[: len(text) // 2], None],
    ids=["emptied", "halved", "deleted"],
)
def test_a_damaged_delta_log_is_noticed_and_never_fewer_rows_are_read(
    installation: SampleHome, damage: Callable[[str], str] | None
) -> None:
    done = published(installation)
    opened_home = installation.open()
    log = opened_home.lake.folder("readings", "versions") / "_delta_log" / f"{0:020}.json"
    if damage is None:
        log.unlink()
    else:
        log.write_text(damage(log.read_text()))
    with pytest.raises(EvidenceError, match="Delta log"):
        verify(opened_home.home.root, "readings", "1.0.0", opened_home.keys.public())
    assert opened_home.scan(done.row).collect().height == 3


def test_delta_readers_see_each_registered_version(installation: SampleHome) -> None:
    from deltalake import DeltaTable

    published(installation)
    installation.deliver(GOOD + "M4,4,day\n")
    published(installation)
    table = installation.open().lake.folder("readings", "versions")
    assert [
        DeltaTable(str(table), version=n).to_pyarrow_dataset().count_rows() for n in range(2)
    ] == [3, 4]
    log = "".join(file.read_text() for file in (table / "_delta_log").glob("*.json"))
    assert "minValues" not in log


def test_evidence_of_another_key_or_another_version_is_refused(
    installation: SampleHome, tmp_path: Path
) -> None:
    published(installation)
    opened_home = installation.open()
    stranger = SampleHome(tmp_path / "other").create()
    with pytest.raises(EvidenceError, match="signature"):
        verify(opened_home.home.root, "readings", "1.0.0", stranger.keys.public())
    folder = opened_home.home.root / "evidence" / "readings"
    (folder / "9.9.9.dsse.json").write_text((folder / "1.0.0.dsse.json").read_text())
    with pytest.raises(EvidenceError, match=re.escape("it is evidence of readings@1.0.0")):
        verify(opened_home.home.root, "readings", "9.9.9", opened_home.keys.public())


# -- the log, reviews, personal data -----------------------------------------------------------------


def test_a_changed_entry_of_the_audit_log_is_named(either_registry: SampleHome) -> None:
    import sqlalchemy as sa

    from assay.assets.io.registry.ledger import ledger

    published(either_registry)
    registry = either_registry.open().registry
    assert registry.ledger.check()[0] >= 1
    with registry.database.engine.begin() as connection:
        connection.execute(
            sa.update(ledger).where(ledger.c.sequence == 1).values(actor="somebody else")
        )
    with pytest.raises(EvidenceError, match="entry 1 of the audit log was changed"):
        registry.ledger.check()


EMAILS = "meter,energy_kwh,tariff,note\nM1,1,day,ask ann@example.com\nM2,2,day,fine\nM3,3,day,\n"
NOTED = columns(
    {"name": "meter", "logicalType": "string", "required": True},
    {"name": "energy_kwh", "logicalType": "number"},
    {"name": "tariff", "logicalType": "string"},
    {"name": "note", "logicalType": "string"},
)


def test_undeclared_personal_data_holds_the_version(either_registry: SampleHome) -> None:
    either_registry.promise(NOTED)
    either_registry.deliver(EMAILS)
    with pytest.raises(
        AdmissionError, match="column 'note' holds email in 1 rows, undeclared"
    ) as held:
        admit(either_registry.run())
    assert "ann@" not in str(held.value)
    assert [row.reasons for row in either_registry.open().registry.reviews.all()] == [
        ["column 'note' holds email in 1 rows, undeclared"]
    ]


def test_a_licence_that_refuses_publishes_nothing(installation: SampleHome) -> None:
    published(installation)
    installation.promise(setting("license", expression="CC-BY-NC-4.0"))
    with pytest.raises(AdmissionError, match="does not allow commercial use"):
        admit(installation.run())
    assert verified(installation) == ["1.0.0"]


def test_declared_personal_values_are_nowhere_but_in_the_landed_rows(
    installation: SampleHome,
) -> None:
    installation.promise(
        NOTED,
        setting(
            "privacy",
            sensitivity="personal",
            columns={
                "note": {"kind": "other", "treatment": "redact"},
                "meter": {"kind": "name", "treatment": "token"},
            },
        ),
    )
    installation.deliver(
        "meter,energy_kwh,tariff,note\nAnn Canary,1,day,I am Ann Canary at canary@example.com\nAnn Canary,1,day,I am Ann Canary at canary@example.com\nBob Canary,abc,day,canary\nEve Canary,2,night,none\n"
    )
    run = installation.run()
    published(installation, run)
    finish(run)
    root = installation.root
    looked = 0
    for file in (
        f
        for f in root.rglob("*")
        if f.is_file() and "landed" not in f.parts and "inbox" not in f.parts
    ):
        text = (
            pl.read_parquet(file).write_json()
            if file.suffix == ".parquet"
            else file.read_bytes().decode("latin-1")
        )
        assert "Ann Canary" not in text, file.relative_to(root)
        assert "canary@" not in text, file.relative_to(root)
        looked += 1
    assert looked >= 8


# -- the outside world --------------------------------------------------------------------------------


def test_a_dead_lineage_backend_delays_events_and_nothing_else(installation: SampleHome) -> None:
    from assay.assets.io.home import Home
    from assay.assets.io.installation import Installation

    where = Home(
        home=installation.root,
        contracts=installation.contracts,
        lineage_url="http://127.0.0.1:9/",
    )  # type: ignore[arg-type]  # pydantic reads it
    opened_home = Installation.open(where)
    run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()))
    admission = admit(run)
    done = publish(run, admission, refine(run, admission)).row
    assert {entry.kind for entry in opened_home.registry.outbox.pending()} == {"lineage"}
    assert verified(installation) == [done.version]
    assert {entry.kind for entry in installation.open().registry.outbox.pending()} == {
        "lineage"
    }  # put off: not tried again at once
    installation.clock = staticmethod(lambda: datetime.now(UTC) + timedelta(seconds=16))
    assert verified(installation) == [done.version]
    assert installation.open().registry.outbox.pending() == []


def test_a_disk_that_fills_up_is_one_clear_error_and_the_last_version_stays(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(installation)
    installation.deliver(GOOD + "M4,4,day\n")
    run = installation.run()
    admission = admit(run)
    refined = refine(run, admission)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assay.assets.io.lake.sync_tree", full)
    with pytest.raises(PublicationError, match="disk is full"):
        publish(run, admission, refined)
    monkeypatch.undo()
    assert verified(installation) == ["1.0.0"]
    published(installation)
    assert verified(installation) == ["1.0.0", "1.1.0"]
