"""Dagster, made from the contracts: what there is, what a run remembers, and when things run by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assay.assets.dagster.definitions import build_definitions
from assay.assets.dagster.sensors import arrival_sensor
from assay.assets.io.contract_folder import ContractFolder
from assay.assets.io.home import SHIPPED_CONTRACTS, home
from tests.conftest import GOOD, SampleHome, setting


@pytest.fixture
def dagster_home(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    for name, value in (
        ("ASSAY_HOME", installation.root),
        ("ASSAY_CONTRACTS", installation.contracts),
    ):
        monkeypatch.setenv(name, str(value))
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return (
        build_definitions()
        .resolve_job_def("readings")
        .execute_in_process(instance=instance, raise_on_error=False, **config)
    )  # type: ignore[arg-type]  # passed on


def test_the_shipped_contracts_give_the_way_of_each_data_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASSAY_CONTRACTS", str(SHIPPED_CONTRACTS))
    definitions = build_definitions()
    spine = ["admitted", "cleaned", "landed", "published"]
    wanted = {
        "flights": [*spine, "drift", "features", "model"],
        "python_docs": [*spine, "index"],
        "support_tickets": [*spine, "drift"],
    }
    specs = list(definitions.resolve_all_asset_specs())
    assert sorted(spec.key.path for spec in specs) == sorted(
        [name, stage] for name, stages in wanted.items() for stage in stages
    )
    for spec in specs:
        assert spec.group_name == spec.key.path[0]
        assert spec.owners
        assert spec.kinds
        assert spec.description
        assert spec.tags["assay/license"]


def test_an_owner_that_dagster_refuses_stays_with_the_contract_alone(
    dagster_home: dg.DagsterInstance, installation: SampleHome
) -> None:
    names = ("ann@localhost", "meters", "meters@example.com")
    installation.promise(
        lambda data: data.update(
            team={
                "name": "meters",
                "members": [{"username": name, "role": "owner"} for name in names],
            }
        )
    )
    assert ContractFolder(home())["readings"].owners == ("team:meters", *names)
    assert {tuple(spec.owners) for spec in build_definitions().resolve_all_asset_specs()} == {
        ("team:meters", "meters@example.com")
    }


def test_each_rule_is_a_check_under_its_own_name(dagster_home: dg.DagsterInstance) -> None:
    contract = ContractFolder(home())["readings"]
    keys = build_definitions().resolve_asset_graph().asset_check_keys
    assert {key.name for key in keys} == {rule.name for rule in contract.rules}


def test_a_run_remembers_rows_checks_and_version(dagster_home: dg.DagsterInstance) -> None:
    result = run(dagster_home)
    assert result.success
    made = {
        e.asset_key.path[1]: e.step_materialization_data.materialization.metadata
        for e in result.get_asset_materialization_events()
    }
    assert list(made) == ["landed", "admitted", "cleaned", "published"]
    assert made["cleaned"]["dagster/row_count"].value == 3
    assert made["cleaned"]["coverage_pct"].value == 100.0
    assert made["published"]["version"].value == "1.0.0"
    evaluations = result.get_asset_check_evaluations()
    assert {
        evaluation.check_name: evaluation.passed for evaluation in evaluations
    } == dict.fromkeys([rule.name for rule in ContractFolder(home())["readings"].rules], True)


def test_the_same_inputs_run_again_are_told_from_the_evidence(
    dagster_home: dg.DagsterInstance,
) -> None:
    first, second = run(dagster_home), run(dagster_home)
    assert first.success
    assert second.success
    published = [
        event.step_materialization_data.materialization
        for event in second.get_asset_materialization_events()
        if event.asset_key.path[1] == "published"
    ]
    assert published[0].metadata["new"].value is False
    assert published[0].metadata["version"].value == "1.0.0"


def test_a_rule_beyond_its_tolerance_fails_the_run_after_its_check_is_recorded(
    dagster_home: dg.DagsterInstance, installation: SampleHome
) -> None:
    installation.deliver("meter,energy_kwh,tariff\nx,1,day\ny,1,day\nM1,1,day\n")
    result = run(dagster_home)
    assert not result.success
    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()}[
        "meter_pattern"
    ] is False
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    assert "2 of 3 rows break it" in str(failure.user_failure_data.description)


def test_no_personal_value_reaches_dagsters_own_log(
    dagster_home: dg.DagsterInstance, installation: SampleHome
) -> None:
    installation.deliver(GOOD + "canary@example.com,abc,noon\n")
    result = run(dagster_home)
    assert not result.success
    assert result.all_events
    logged = "\n".join(record.to_json() for record in dagster_home.all_logs(result.run_id))
    assert "undeclared" in logged
    assert "canary@" not in logged


def test_a_file_that_arrives_is_taken_once_it_lies_still(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(installation.root))
    installation.promise(setting("source", arrival=True))
    sensor = arrival_sensor(installation.open().contract("readings"))
    assert sensor is not None

    def look(cursor: str | None) -> tuple[list[str | None], str | None]:
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, cursor=cursor) as context,
        ):
            data = sensor.evaluate_tick(context)
            return [request.run_key for request in data.run_requests or []], data.cursor

    nothing, seen = look(None)
    assert nothing == []
    (first,), done = look(seen)
    assert look(done)[0] == []
    installation.deliver(GOOD + "M4,4,day\n")
    changed, growing = look(done)
    assert changed == []
    (second,), _ = look(growing)
    assert first != second


def test_a_source_that_is_not_there_is_no_arrival(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(installation.root))
    installation.promise(setting("source", arrival=True, location="inbox/later.csv"))
    sensor = arrival_sensor(installation.open().contract("readings"))
    assert sensor is not None
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance) as context,
    ):
        assert sensor.evaluate_tick(context).run_requests in (None, [])


def test_the_instance_is_made_once_by_processes_that_start_together(
    installation: SampleHome,
) -> None:
    import subprocess
    import sys

    code = "from assay.assets.io.home import home; from assay.assets.dagster.instance import instance; print(instance(home()).get_runs_count())"
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=installation.environment,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        with process:
            output, errors = process.communicate()
        assert (process.returncode, output.strip()) == (0, "0"), errors
