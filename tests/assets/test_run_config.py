"""Run configurations read no environment variable and are quoted by nothing, whoever starts the run."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_shared.check import CheckError

from assay.assets.dagster.definitions import build_definitions
from assay.assets.dagster.instance import instance as open_instance
from assay.assets.dagster.instance import shipped
from assay.assets.dagster.jobs import quarantine
from assay.assets.dagster.resources import actor_of
from assay.assets.dagster.run_config import ACTOR_TAG, CheckedRunCoordinator, problem_of
from assay.assets.io.home import Home, account
from assay.contracts.errors import ConfigurationError
from assay.web.dagster_app import AssayProcessContext
from assay.web.people import VISITOR, Visitor
from tests.conftest import Edit, SampleHome, columns, setting

VALUE = "value-4711"


@pytest.fixture
def environment(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> SampleHome:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ASSAY_TEST_SECRET", VALUE)
    return installation


def config_types(config_type: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """Every type of a configuration, by its key."""
    if config_type.key in seen:
        return seen
    seen[config_type.key] = config_type
    fields = getattr(config_type, "fields", None) or {}
    inner = [
        getattr(config_type, name, None)
        for name in ("inner_type", "scalar_type", "non_scalar_type")
    ]
    for each in [*(field.config_type for field in fields.values()), *filter(None, inner)]:
        config_types(each, seen)
    return seen


def test_no_job_has_a_setting_that_could_read_the_environment(environment: SampleHome) -> None:
    """Dagster's `Source` types take `{env: NAME}` in the place of a value."""
    jobs = build_definitions().get_repository_def().get_all_jobs()
    assert {"readings", "quarantine", "review", "data_docs"} <= {job.name for job in jobs}
    for job in jobs:
        types = config_types(job.run_config_schema.config_type, {})
        assert len(types) > 10
        assert [
            key
            for key, each in types.items()
            if "Source" in key or "env" in (getattr(each, "fields", None) or {})
        ] == []


FORMS: list[Any] = [
    {"env": "A"},
    {"ops": {"a": {"config": {"b": {"env": "A"}}}}},
    {"ops": {"a": {"config": {"b": [0, [{"env": "A"}]]}}}},
    {"a": ({"env": None},)},
    {"a": {"env": "A", "b": 1}},
]


@pytest.mark.parametrize("config", FORMS)
def test_every_form_is_a_problem(config: Any) -> None:
    problem = problem_of(config)
    assert problem is not None
    assert "environment variable" in problem


@pytest.mark.parametrize("key", ["why", "signed"])
def test_a_reason_that_holds_personal_data_is_a_problem(key: str) -> None:
    payload = base64.b64encode(b'{"predicate": {"why": "ask zora@canary.example"}}').decode()
    given = {"why": "ask zora@canary.example", "signed": json.dumps({"payload": payload})}
    problem = problem_of({"ops": {"handle": {"config": {key: given[key]}}}})
    assert problem == (
        "the run's configuration, at `ops.handle.config.why`,"
        " seems to hold personal data (email) in characters 5 to 23"
    )
    assert problem_of({"ops": {"handle": {"config": {"why": "seen on site"}}}}) is None


@pytest.mark.parametrize(
    "config",
    [
        {},
        None,
        "env",
        ["env"],
        {"a": "env"},
        {"ENV": 1},
        {"env ": 1},
        {"a": {"key": "env", "value": "A"}},
        {1: {2: 3}},
    ],
)
def test_other_configurations_are_none(config: Any) -> None:
    assert problem_of(config) is None


def test_a_problem_names_the_place_and_no_key_that_could_be_a_value() -> None:
    assert "`ops.a.config.1`" in str(problem_of({"ops": {"a": {"config": [0, {"env": "A"}]}}}))
    for key in (VALUE, "ann@example.com", "4111 1111 1111 1111", 4111111111111111, "x" * 65):
        assert str(key) not in str(problem_of({key: {"env": "A"}}))


def test_a_configuration_that_holds_itself_ends() -> None:
    config: dict[str, Any] = {"a": 1}
    config["b"] = config
    assert problem_of(config) is None
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"a": deep}
    assert "deep" in str(problem_of(deep))


@pytest.fixture
def installed(environment: SampleHome) -> Iterator[dg.DagsterInstance]:
    with open_instance(Home(home=environment.root)) as opened:
        yield opened


def submit(installed: dg.DagsterInstance, run: dg.DagsterRun, visitor: Visitor | None) -> None:
    """Submit a run as the web UI does for a visitor, or as the daemon does."""
    kind = AssayProcessContext if visitor else WorkspaceProcessContext
    source = SimpleNamespace(scope={VISITOR: visitor}) if visitor else None
    with kind(installed, workspace_load_target=EmptyWorkspaceTarget()) as workspace:
        context = SubmitRunContext(run, workspace.create_request_context(source))
        installed.run_coordinator.submit_run(context)


def kept(installed: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRun:
    record = installed.get_run_by_id(run.run_id)
    assert record is not None
    return record


def test_the_coordinator_refuses_before_a_run_is_queued(installed: dg.DagsterInstance) -> None:
    assert isinstance(installed.run_coordinator, CheckedRunCoordinator)
    run = create_run_for_test(installed, run_config=FORMS[1])
    with pytest.raises(ConfigurationError, match="which is refused"):
        submit(installed, run, None)
    assert kept(installed, run).status == dg.DagsterRunStatus.NOT_STARTED


@pytest.mark.parametrize("written", [{}, {ACTOR_TAG: "bo@example.com"}])
@pytest.mark.parametrize(
    ("visitor", "recorded"),
    [(Visitor("ann@example.com", "steward"), "ann@example.com"), (None, None)],
)
def test_a_run_is_tagged_with_the_visitor_whatever_the_request_writes(
    installed: dg.DagsterInstance,
    visitor: Visitor | None,
    recorded: str | None,
    written: dict[str, str],
) -> None:
    run = create_run_for_test(installed, tags=written)
    with pytest.raises(CheckError, match="queued runs"):  # this run lacks an origin
        submit(installed, run, visitor)
    assert kept(installed, run).tags.get(ACTOR_TAG) == (recorded or written.get(ACTOR_TAG))


@pytest.mark.parametrize(
    ("tags", "actor"),
    [
        ({}, None),
        ({ACTOR_TAG: "ann@example.com"}, "ann@example.com"),
        ({ACTOR_TAG: "ann@example.com", "dagster/schedule_name": "daily"}, "ann@example.com"),
        ({"dagster/schedule_name": "daily"}, "service schedule daily"),
        ({"dagster/sensor_name": "arrivals"}, "service sensor arrivals"),
        ({"dagster/backfill": "abc"}, "service daemon"),
        ({"dagster/from_automation_condition": "true"}, "service daemon"),
    ],
)
def test_who_started_a_run_is_read_from_its_tags(tags: dict[str, str], actor: str | None) -> None:
    assert actor_of(tags) == actor


@pytest.mark.parametrize("service", ["", "nightly"])
@pytest.mark.parametrize("listed", [False, True])
def test_the_actor_of_the_command_line(
    environment: SampleHome, monkeypatch: pytest.MonkeyPatch, service: str, listed: bool
) -> None:
    if listed:
        environment.appoint("ann@example.com", "first", accounts=(account(),))
    if service:
        monkeypatch.setenv("ASSAY_ACTOR", service)
    if service and listed:
        with pytest.raises(ConfigurationError, match=r"the account '.*' is a person's"):
            _ = Home().actor_name
        return
    person = "ann@example.com" if listed else account()
    assert Home().actor_name == (f"service {service}" if service else person)


def test_a_home_of_before_gets_the_coordinator(environment: SampleHome, tmp_path: Path) -> None:
    stock = "# mine\ntelemetry:\n  enabled: false\nrun_coordinator:\n  module: dagster.core.run_coordinator\n  class: QueuedRunCoordinator\n"
    settings = environment.root / "dagster" / "dagster.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(stock)
    with open_instance(Home(home=environment.root)) as opened:
        assert isinstance(opened.run_coordinator, CheckedRunCoordinator)
    assert settings.read_text().startswith("# mine\n")
    assert "QueuedRunCoordinator" not in shipped("dagster.yaml").read_text()
    assert issubclass(CheckedRunCoordinator, QueuedRunCoordinator)


SETTINGS: list[tuple[dict[str, Any], bool]] = [
    ({"dataset": VALUE, "action": "replay"}, True),
    ({"dataset": VALUE, "action": "expire"}, True),
    ({"dataset": "readings", "action": "replay", "run": VALUE}, True),
    ({"dataset": "readings", "action": "release", "rule": VALUE, "why": "x"}, True),
    ({"dataset": "readings", "action": "discard", "run": VALUE, "rule": "a", "why": VALUE}, True),
    ({"dataset": {"env": "ASSAY_TEST_SECRET"}, "action": "replay"}, False),
    ({"dataset": "readings", "action": {"env": "ASSAY_TEST_SECRET"}}, False),
    (
        {
            "dataset": "readings",
            "action": "release",
            "rows": [{"env": "ASSAY_TEST_SECRET"}],
            "why": "x",
        },
        False,
    ),
]


@pytest.mark.parametrize(("settings", "is_run"), SETTINGS)
def test_a_refused_decision_quotes_no_setting(
    environment: SampleHome,
    settings: dict[str, Any],
    is_run: bool,
    capfd: pytest.CaptureFixture[str],
) -> None:
    environment.published()
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"ops": {"handle": {"config": settings}}}
        if not is_run:
            with pytest.raises(dg.DagsterInvalidConfigError):
                quarantine.execute_in_process(run_config=config, instance=instance)
            return
        result = quarantine.execute_in_process(
            run_config=config, instance=instance, raise_on_error=False
        )
        assert not result.success
        failure = next(
            event.step_failure_data for event in result.all_events if event.is_step_failure
        )
        assert failure.user_failure_data is not None
        assert VALUE not in str(failure.user_failure_data)
        logged = [
            str(entry)
            for entry in instance.all_logs(result.run_id)
            if "run_config" not in str(entry)
        ]
        assert VALUE not in "".join(logged)


MONTHLY = (
    columns(
        {
            "name": "meter",
            "logicalType": "string",
            "required": True,
            "primaryKey": True,
            "primaryKeyPosition": 1,
        },
        {
            "name": "at",
            "logicalType": "timestamp",
            "required": True,
            "partitioned": True,
            "partitionKeyPosition": 1,
        },
    ),
    lambda data: data["schema"][0].update(quality=[]),
    setting(
        "source",
        location="inbox/{partition}.csv",
        partitions={"by": "month", "start": "2013-01-01"},
    ),
)


@pytest.mark.parametrize(
    ("edits", "steps"), [((), ["admitted"]), (MONTHLY, ["landed", "admitted", "publish"])]
)
def test_a_window_that_there_is_not_is_not_quoted(
    environment: SampleHome, edits: tuple[Edit, ...], steps: list[str]
) -> None:
    environment.promise(*edits)
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions().resolve_job_def("readings")
        config = {"ops": {f"readings__{step}": {"config": {"window": VALUE}} for step in steps}}
        result = job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)
        failures = [
            event.step_failure_data.user_failure_data
            for event in result.all_events
            if event.is_step_failure
        ]
        assert failures
        assert VALUE not in str(failures)
