"""Quarantined rows wait for a person: released into the next version, discarded for good, judged again, and gone when the contract says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io.home import account
from assay.assets.io.registry.quarantine import HandlingRecord
from assay.assets.services import quarantine
from assay.assets.services.quarantine_decisions import plan_decision
from assay.assets.services.verify import Verified, verify
from assay.assets.stages import quarantine_record
from assay.assets.stages.admit import admit
from assay.contracts.errors import AssayError, ConfigurationError, EvidenceError, QualityError
from tests.assets.decided_rows import decide_rows
from tests.conftest import SampleHome, columns, setting

BROKEN = "meter,energy_kwh,tariff\nM1,1.5,day\nM2,2,night\nM3,3,day\nM4,4,day\nx5,5,day\nx6,-6,day\nM7,-7,night\nM8,abc,day\nM9\n"


def delivered(installation: SampleHome, text: str = BROKEN) -> SampleHome:
    installation.deliver(text)
    installation.published()
    return installation


def decide(
    installation: SampleHome,
    action: Any = "release",
    *,
    rule: str | None = None,
    rows: tuple[int, ...] = (),
    why: str = "seen on site",
) -> HandlingRecord:
    return decide_rows(installation.open(), action, rule=rule, rows=rows, why=why)


def verified(installation: SampleHome, version: str) -> Verified:
    opened_home = installation.open()
    opened_home.deliver_outbox()
    return verify(opened_home.home.root, "readings", version, opened_home.keys.public())


def waiting(installation: SampleHome) -> pl.DataFrame:
    opened_home = installation.open()
    newest = quarantine.record(opened_home, "readings", None)
    return pl.read_parquet(
        opened_home.lake.folder("readings", "quarantine") / f"{newest.run_id}.parquet"
    ).sort("_row")


def test_released_rows_are_in_the_next_version_with_who_and_why_and_the_account_balances(
    either_registry: SampleHome,
) -> None:
    installation = delivered(either_registry)
    kept = decide(installation, rule="energy_kwh_minimum")
    assert (kept.rows, kept.by) == (1, account())  # x6 broke another rule too, and stays
    done = installation.published()
    assert (done.row.version, done.new) == ("1.0.1", True)
    said = installation.predicate(done)
    assert installation.open().scan(done.row).collect().rows()[-1] == ("M7", -7.0, "night")
    assert {
        part: said["accounting"][part]
        for part in ("rows_in", "published", "quarantined", "removed")
    } == {"rows_in": 9, "published": 5, "quarantined": 4, "removed": 0}
    assert said["accounting"]["quarantined_by"] == {
        "energy_kwh_minimum": 1,
        "energy_kwh_type": 1,
        "meter_pattern": 2,
        "unreadable: missing columns": 1,
    }
    (decision,) = said["quarantine_decisions"]["said"]
    assert (decision["rule"], decision["taken"], decision["by"], decision["why"]) == (
        "energy_kwh_minimum",
        1,
        account(),
        "seen on site",
    )
    assert (
        next(check for check in said["checks"] if check["rule"] == "energy_kwh_minimum")["failing"]
        == 1
    )
    assert (
        "1 signed decisions about quarantined rows; 1 rows released into this version"
        in verified(installation, "1.0.1").checked
    )
    assert admit(
        installation.run()
    ).published  # the same inputs and the same decisions are the same version


def test_a_row_that_broke_two_rules_is_free_once_both_are_released(
    installation: SampleHome,
) -> None:
    delivered(installation)
    decide(installation, rule="energy_kwh_minimum")
    decide(installation, rule="meter_pattern")
    assert installation.open().scan(installation.published().row).collect()["meter"].to_list() == [
        "M1",
        "M2",
        "M3",
        "M4",
        "x5",
        "x6",
        "M7",
    ]


def test_a_release_by_row_is_of_that_row_whatever_it_broke(installation: SampleHome) -> None:
    delivered(installation)
    decide(installation, rows=(7,))
    assert installation.open().scan(installation.published().row).collect()["meter"].to_list()[
        4:
    ] == ["x6"]
    assert [
        entry["released"] for entry in quarantine.listed(installation.open(), ["readings"])
    ] == [1, 0]  # the newer file no longer holds it


def test_a_version_that_a_rule_has_stopped_is_published_once_its_rows_are_released(
    installation: SampleHome,
) -> None:
    installation.deliver("meter,energy_kwh,tariff\nM1,-1,day\nM2,-2,day\nM3,3,day\n")
    with pytest.raises(QualityError, match="2 of 3 rows break it"):
        installation.published()
    decide(installation, rule="energy_kwh_minimum")
    assert installation.published().row.rows == 3


REFUSED: list[tuple[dict[str, Any], type[AssayError], str]] = [
    (
        {"rule": "energy_kwh_type"},
        QualityError,
        "row 9, column 'energy_kwh': it cannot be released: the cell is not a valid number",
    ),
    ({"rows": (9,)}, QualityError, "row 9, column 'energy_kwh'"),
    (
        {"rule": "unreadable: missing columns"},
        QualityError,
        "cannot be released: it could not be parsed",
    ),
    ({"rows": (10,)}, QualityError, "cannot be released: it could not be parsed"),
    ({"rule": "meter_patern"}, QualityError, "Did you mean 'meter_pattern'"),
    ({"rows": (2,)}, QualityError, "row 2: it is not in this quarantine"),
    ({"rule": "meter_pattern", "why": " "}, ConfigurationError, "needs a reason"),
    (
        {"rule": "meter_pattern", "why": "ask zora@canary.example"},
        ConfigurationError,
        "personal data (email) in characters 5 to 23",
    ),
    ({}, ConfigurationError, "no rows and no rule are given"),
    ({"rule": "meter_pattern", "rows": (6,)}, ConfigurationError, "no rows and no rule are given"),
]


def test_what_cannot_be_released_is_told_with_its_place(installation: SampleHome) -> None:
    delivered(installation)
    for asked, error, told in REFUSED:
        with pytest.raises(error) as refusal:
            decide(installation, **asked)
        assert told in str(refusal.value), asked
    assert installation.open().registry.quarantine.handlings("readings") == []


def test_a_row_is_decided_about_once(installation: SampleHome) -> None:
    delivered(installation)
    decide(installation, "discard", rows=(6,))
    with pytest.raises(QualityError, match="row 6: it is discarded already"):
        decide(installation, rows=(6,))
    decide(installation, rows=(8,))
    with pytest.raises(QualityError, match="row 8: it is released already"):
        decide(installation, "discard", rows=(8,))


def test_a_release_is_of_the_newest_delivery_under_todays_contract(
    installation: SampleHome,
) -> None:
    delivered(installation)
    opened_home = installation.open()
    first = quarantine.record(opened_home, "readings", None).run_id
    installation.promise(lambda data: data.update(version="1.0.1"))
    with pytest.raises(QualityError, match="the contract has changed since"):
        decide(installation, rule="meter_pattern")
    installation.promise()
    delivered(installation, "meter,energy_kwh,tariff\nM1,1,day\nM2,2,day\nx3,3,day\n")
    with pytest.raises(QualityError, match="newer data were delivered after"):
        plan_decision(
            opened_home, "readings", "release", run_id=first[:8], rule="meter_pattern", rows=()
        )


def test_discarded_rows_stay_counted_and_their_values_are_gone_from_the_disk(
    installation: SampleHome,
) -> None:
    delivered(installation)
    assert waiting(installation).filter(pl.col("_row") == 6)["meter"].to_list() == ["x5"]
    decide(installation, "discard", rule="meter_pattern", why="test meters")
    rows = waiting(installation)
    assert (
        rows.filter(pl.col("_reasons").list.contains("meter_pattern"))
        .drop("_row", "_reasons")
        .rows()
        == [(None, None, None)] * 2
    )
    assert rows["_reasons"].to_list()[0] == ["meter_pattern"]
    checked = verified(
        installation, "1.0.0"
    ).checked  # the file is another than the one that was signed, by a signed decision
    assert "quarantine: digest of 5 rows, some values deleted later by signed decisions" in checked
    assert admit(installation.run()).published  # a discard makes no version
    decide(installation, rows=(8,))
    said = installation.predicate(installation.published())
    assert said["accounting"]["quarantined"] == 4
    assert waiting(installation)["meter"].drop_nulls().to_list() == [
        "M8"
    ]  # a later run of the same delivery keeps no discarded value either
    assert [each["action"] for each in said["quarantine_decisions"]["said"]] == [
        "discard",
        "release",
    ]
    verified(installation, "1.0.1")


def test_a_quarantine_that_nobody_decided_to_change_is_found_out(installation: SampleHome) -> None:
    delivered(installation)
    opened_home = installation.open()
    file = (
        opened_home.lake.folder("readings", "quarantine")
        / f"{quarantine.record(opened_home, 'readings', None).run_id}.parquet"
    )
    pl.read_parquet(file).head(1).write_parquet(file)
    with pytest.raises(EvidenceError, match="the quarantine file differs from its signed digest"):
        verified(installation, "1.0.0")


def test_a_changed_rule_is_replayed_over_what_waits(installation: SampleHome) -> None:
    delivered(installation)
    opened_home = installation.open()
    assert quarantine.replay(opened_home, "readings", None)["would_pass"] == 0
    installation.promise(lambda data: data["schema"][0]["properties"][1].pop("logicalTypeOptions"))
    found = quarantine.replay(installation.open(), "readings", None)
    assert (
        found["contract_changed"],
        found["open"],
        found["would_pass"],
        found["rows"],
        found["next"],
    ) == (True, 5, 1, [8], "assay run readings")
    assert {each["reason"]: (each["rows"], each["would_pass"]) for each in found["reasons"]} == {
        "energy_kwh_minimum": (2, 1), "energy_kwh_type": (1, 0), "meter_pattern": (2, 0), "unreadable: missing columns": (1, 0),
    }  # fmt: skip
    assert installation.published().row.rows == 5  # and that is what the next run publishes


def test_what_must_not_repeat_must_not_repeat_what_is_published(installation: SampleHome) -> None:
    def keyed(data: dict[str, Any]) -> None:
        data["schema"][0]["properties"][0]["unique"] = True

    installation.promise(keyed)
    delivered(installation, "meter,energy_kwh,tariff\nM1,1,day\nM2,2,day\nM1,-3,day\nM4,-4,day\n")
    installation.promise(
        keyed, lambda data: data["schema"][0]["properties"][1].pop("logicalTypeOptions")
    )
    assert quarantine.replay(installation.open(), "readings", None)["rows"] == [5]


def test_a_quarantine_goes_when_its_contract_says_and_never_before(
    either_registry: SampleHome,
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def moved(by: timedelta) -> None:
        either_registry.clock = staticmethod(lambda: now + by)

    moved(timedelta())
    delivered(either_registry)
    moved(timedelta(days=30) - timedelta(microseconds=1))
    assert quarantine_record.expire(either_registry.open(), ["readings"]) == []
    moved(timedelta(days=30))
    (gone,) = quarantine_record.expire(either_registry.open(), ["readings"])
    assert gone["rows"] == 5
    assert not list((either_registry.root / "lake" / "readings" / "quarantine").glob("*.parquet"))
    assert (
        "quarantine: 5 rows, expired on 2026-01-31, as signed"
        in verified(either_registry, "1.0.0").checked
    )
    with pytest.raises(QualityError, match="no row is in the quarantine"):
        decide(either_registry, rule="meter_pattern")
    assert quarantine_record.expire(either_registry.open(), ["readings"]) == []


def test_each_publication_sweeps_what_has_expired(installation: SampleHome) -> None:
    delivered(installation)
    installation.clock = staticmethod(lambda: datetime.now(UTC) + timedelta(days=31))
    delivered(installation, "meter,energy_kwh,tariff\nM1,1,day\nM2,2,day\nx3,3,day\n")
    assert [
        entry["expired_at"] is None
        for entry in quarantine.listed(installation.open(), ["readings"])
    ] == [False, True]


def test_no_untreated_personal_value_is_there_and_none_is_shown(installation: SampleHome) -> None:
    installation.promise(
        columns(
            {
                "name": "meter",
                "logicalType": "string",
                "logicalTypeOptions": {"pattern": "^M[0-9]+$"},
            },
            {
                "name": "email",
                "logicalType": "string",
                "classification": "personal",
                "required": True,
            },
        ),
        setting("privacy", columns={"email": {"kind": "email", "treatment": "token"}}),
    )
    delivered(
        installation,
        "meter,email\nM1,ann@example.com\nM2,bob@example.com\nx3,eve@example.com\nx4\n",
    )
    for file in Path(installation.root / "lake" / "readings" / "quarantine").iterdir():
        text = str(pl.read_parquet(file).to_dicts())
        assert "x3" in text
        assert "eve@example" not in text
    shown = quarantine.shown(installation.open(), "readings", None, "meter_pattern", 10)
    assert shown["hidden"] == ["email"]
    assert shown["first_rows"] == [
        {"_state": "open", "_row": 4, "_reasons": ["meter_pattern"], "meter": "x3"}
    ]


@pytest.mark.parametrize(
    ("role", "owns", "may"),
    [
        ("steward", True, True),
        ("steward", False, False),
        ("viewer", False, False),
        ("operator", False, True),
        ("administrator", False, True),
    ],
)
@pytest.mark.parametrize("action", ["release", "discard", "replay", "expire"])
def test_the_job_of_the_web_ui_is_for_stewards_of_the_data_set(
    installation: SampleHome,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    owns: bool,
    may: bool,
    action: str,
) -> None:
    import dagster as dg

    from assay.assets.dagster.jobs import STEWARDS
    from assay.assets.dagster.jobs import quarantine as job
    from assay.assets.dagster.run_config import ACTOR_TAG

    assert job.owners == [STEWARDS]
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    if owns:
        installation.promise(
            lambda data: data["team"]["members"][0].update(username="ann@example.com")
        )
    installation.appoint("ann@example.com", "first", role=role)
    delivered(installation)
    config = {"dataset": "readings", "action": action, "rule": "meter_pattern", "why": "seen"}
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config={"ops": {"handle": {"config": config}}},
            instance=instance,
            tags={ACTOR_TAG: "ann@example.com"},
            raise_on_error=False,
        )
    assert result.success == may
    requested = installation.open().registry.reviews.all()
    assert [row.asked_by for row in requested] == (
        ["ann@example.com"] if may and action in ("release", "discard") else []
    )


def test_the_job_of_the_web_ui_requests_as_the_command_line_does(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from assay.assets.dagster.jobs import quarantine as job

    delivered(installation)
    opened_home = installation.open()
    monkeypatch.setattr("assay.assets.dagster.jobs.opened_for", lambda _run: opened_home)

    def run(**config: Any) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(
                run_config={"ops": {"handle": {"config": {"dataset": "readings", **config}}}},
                instance=instance,
                raise_on_error=False,
            )

    done = run(action="release", rule="meter_pattern", why="seen on site")
    assert done.success
    (observed,) = [
        event.asset_observation_data.asset_observation
        for event in done.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    assert (
        observed.asset_key.path,
        observed.metadata["quarantine_open"].value,
        observed.metadata["quarantine_released"].value,
    ) == (["readings", "cleaned"], 5, 0)
    (waiting_request,) = opened_home.registry.acts.waiting()
    assert (waiting_request.kind, waiting_request.why) == ("release rows", "seen on site")
    assert not run(action="release", rule="no_such_rule", why="again").success
    assert run(action="replay").success
    assert run(action="expire").success
