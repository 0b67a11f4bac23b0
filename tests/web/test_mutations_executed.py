"""Every mutation of Dagster's schema by every role, carried out: with valid arguments, on a real instance and a real code location, and on record before it is done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus
from dagster._daemon.asset_daemon import get_auto_materialize_paused
from graphql import get_operation_ast, parse, validate
from graphql.execution.values import get_variable_values
from starlette.testclient import TestClient

from assay.assets.dagster.instance import instance as open_instance
from assay.assets.dagster.run_config import ACTOR_TAG
from assay.assets.io.home import Home
from assay.assets.io.registry.ledger import ledger
from assay.contracts.stewards import ROLES, Person, Role, StewardPolicy
from assay.web import web_server
from assay.web.dagster_app import AssayWebserver, dagster_app, open_workspace
from assay.web.front import Front
from assay.web.mutations import REFUSED_MUTATIONS
from assay.web.people import Identity, People, Visitor
from assay.web.sign_in import Links
from assay.web.supervise import answers
from tests.conftest import SampleHome, named
from tests.web_ui import ROOT, wait_for

PORT = 3459
URL = f"http://127.0.0.1:{PORT}"
HEADERS = {"Origin": URL}
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "assay"}
POLICY = StewardPolicy(
    valid_days=30,
    persons=tuple(Person(name=f"{role}@example.com", role=role) for role in ROLES),
)
State = dict[str, Any]
# Dagster asks one of its own deprecated functions about a backfill
pytestmark = pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")


@dataclass
class World:
    """Dagster with our front, and what a test has put there."""

    instance: dg.DagsterInstance
    workspace: Any
    front: Front
    home: SampleHome
    nux: Path
    before_it_was_recorded: list[State] = field(default_factory=list)
    reloads: list[str] = field(default_factory=list)

    def watch_reloads(self, patch: pytest.MonkeyPatch) -> None:
        """Note what happens to the code location; it is carried out all the same."""
        for name in ("reload_code_location", "reload_workspace", "shutdown_code_location"):
            patch.setattr(self.workspace, name, self._noted(getattr(self.workspace, name)))

    def _noted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any) -> Any:
            self.reloads.append(method.__name__)
            return method(*given)

        return note

    def visitor(self, role: Role) -> TestClient:
        client = TestClient(self.front, URL, follow_redirects=False)
        session = self.front.sessions.begin(Identity(f"{role}@example.com", "provider"))
        client.headers["Cookie"] = f"{self.front.cookie}={session}"
        return client

    def ask(self, role: Role, query: str, variables: dict[str, Any]) -> Any:
        body = {"query": query, "variables": variables}
        return self.visitor(role).post("/graphql", json=body, headers=HEADERS)

    def done(self, query: str, variables: dict[str, Any]) -> Any:
        """What the administrator gets; for what has to be there before."""
        data = self.ask("administrator", query, variables).json()["data"]
        return next(iter(data.values()))

    def record(self, visitor: Visitor, mutations: tuple[str, ...], digest: str) -> None:
        self.before_it_was_recorded.append(self.state())
        web_server.record(visitor, mutations, digest)

    def state(self) -> State:
        """Whatever a mutation could change."""
        instance = self.instance
        storage = instance.event_log_storage
        runs = instance.get_runs()
        states = instance.all_instigator_state()
        slots = {key: storage.get_concurrency_info(key) for key in storage.get_concurrency_keys()}
        materialized = storage.get_latest_materialization_events(MATERIALIZED)
        checks = [dg.AssetCheckKey(key, CHECK) for key in MATERIALIZED]
        return {
            "runs": {run.run_id: (run.status, run.tags.get(ACTOR_TAG)) for run in runs},
            "backfills": {
                each.backfill_id: (each.status, each.tags.get(ACTOR_TAG))
                for each in instance.get_backfills()
            },
            "instigators": {each.name: (each.status, _cursor(each)) for each in states},
            "partitions": sorted(instance.get_dynamic_partitions("colours")),
            "limits": {key: info.slot_count for key, info in slots.items()},
            "claims": {run for info in slots.values() for run in info.active_run_ids},
            "paused": get_auto_materialize_paused(instance),
            "materialized": {key: event and event.timestamp for key, event in materialized.items()},
            "checks": len(storage.get_latest_asset_check_execution_by_key(checks)),
            "location": list(self.reloads),
            "greeted": self.nux.exists(),
        }


def _cursor(state: Any) -> str | None:
    return getattr(state.instigator_data, "cursor", None)


MATERIALIZED = [dg.AssetKey(["owned_by_day"]), dg.AssetKey(["readings", "cleaned"])]
CHECK = "enough_rows"


@contextmanager
def code_server(socket: Path, environment: dict[str, str]) -> Iterator[None]:
    """As `assay ui` starts it, with the definitions of this test."""
    file = Path(__file__).with_name("code_location.py")
    command = [
        sys.executable, "-m", "dagster", "code-server", "start", "--socket", str(socket),
        "-f", str(file), "-a", "defs", "--location-name", "assay", "--log-level", "warning",
    ]  # fmt: skip
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        try:
            wait_for(lambda: answers(socket), 120)
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    home = SampleHome(folder)
    owner = lambda name: (  # noqa: E731
        lambda data: data["team"]["members"][0].update(username=f"{name}@example.com")
    )
    home.promise(owner("steward"))
    home.promise(named("others"), owner("other"), file="others.odcs.yaml")
    home.open()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in home.environment.items():
            patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(home.root / "dagster"))
        instance = open_instance(Home())
        socket = folder / "code.sock"
        with (
            instance,
            code_server(socket, dict(os.environ)),
            open_workspace(instance, str(socket)) as workspace,
        ):
            front = Front(
                dagster_app(workspace),
                PORT,
                Links(folder / "links"),
                People(lambda: [POLICY]),
                lambda *_: None,
            )
            nux = home.root / "dagster" / ".nux" / "nux.yaml"
            there = World(instance, workspace, front, home, nux)
            front.record = there.record
            there.watch_reloads(patch)
            instance.report_runless_asset_event(dg.AssetMaterialization(MATERIALIZED[0]))
            yield there


# -- what has to be there before, and the arguments -------------------------------------------------

LAUNCH = "mutation($given: ExecutionParams!) { launchRun(executionParams: $given) { __typename ... on LaunchRunSuccess { run { runId } } } }"
BACKFILL = "mutation($given: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $given) { __typename ... on PythonError { message } ... on LaunchBackfillSuccess { backfillId } } }"


def execution(mine: bool, **more: Any) -> dict[str, Any]:
    """A run of a data set: of the steward, or of somebody else."""
    selector = {**REPOSITORY, "jobName": "readings" if mine else "others"}
    forged = [{"key": ACTOR_TAG, "value": "eve@example.com"}]
    metadata = {"tags": forged} | more
    return {"selector": selector, "runConfigData": {}, "executionMetadata": metadata}


def by_day(mine: bool) -> dict[str, Any]:
    asset = "owned_by_day" if mine else "others_by_day"
    return {
        "assetSelection": [{"path": [asset]}],
        "partitionNames": ["monday", "tuesday"],
        "tags": [{"key": ACTOR_TAG, "value": "eve@example.com"}],
    }


def queued_run(world: World, mine: bool) -> str:
    return str(world.done(LAUNCH, {"given": execution(mine)})["run"]["runId"])


def ended_run(world: World, mine: bool) -> str:
    run = queued_run(world, mine)
    world.instance.report_run_failed(world.instance.get_run_by_id(run))
    return run


def backfill(world: World, mine: bool, status: BulkActionStatus | None = None) -> str:
    number = str(world.done(BACKFILL, {"given": by_day(mine)})["backfillId"])
    there = world.instance.get_backfill(number)
    assert there is not None
    if status:
        world.instance.update_backfill(there.with_status(status))
    return number


def claimed(world: World, mine: bool) -> str:
    run = queued_run(world, mine)
    world.instance.event_log_storage.set_concurrency_slots("presses", 50)
    world.instance.event_log_storage.claim_concurrency_slot("presses", run, "press")
    return run


def repeated(world: World, mine: bool) -> dict[str, Any]:
    return {"parentRunId": ended_run(world, mine), "strategy": "ALL_STEPS"}


def repeated_backfill(world: World, mine: bool) -> dict[str, Any]:
    ended = backfill(world, mine, BulkActionStatus.COMPLETED_FAILED)
    return {"parentRunId": ended, "strategy": "ALL_STEPS"}


SENSOR = {**REPOSITORY, "sensorName": "watching"}
SCHEDULE = {**REPOSITORY, "scheduleName": "nightly"}
START_SENSOR = "mutation($given: SensorSelector!) { startSensor(sensorSelector: $given) { __typename ... on Sensor { sensorState { id } } } }"
START_SCHEDULE = "mutation($given: ScheduleSelector!) { startSchedule(scheduleSelector: $given) { __typename ... on ScheduleStateResult { scheduleState { id } } } }"


def started_sensor(world: World, mine: bool) -> str:
    return str(world.done(START_SENSOR, {"given": SENSOR})["sensorState"]["id"])


def started_schedule(world: World, mine: bool) -> str:
    return str(world.done(START_SCHEDULE, {"given": SCHEDULE})["scheduleState"]["id"])


def with_stopped(world: World, mine: bool, kind: InstigatorType) -> None:
    for state in world.instance.all_instigator_state():
        if state.instigator_type == kind and state.name in ("watching", "nightly"):
            world.instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)


def stopped_sensor(world: World, mine: bool) -> dict[str, Any]:
    with_stopped(world, mine, InstigatorType.SENSOR)
    return SENSOR


def stopped_schedule(world: World, mine: bool) -> dict[str, Any]:
    with_stopped(world, mine, InstigatorType.SCHEDULE)
    return SCHEDULE


def running_sensor(world: World, mine: bool) -> dict[str, Any]:
    started_sensor(world, mine)
    return SENSOR


def running_schedule(world: World, mine: bool) -> dict[str, Any]:
    started_schedule(world, mine)
    return SCHEDULE


def never_greeted(world: World, mine: bool) -> dict[str, Any]:
    world.nux.unlink(missing_ok=True)
    return {}


def new_name(world: World, mine: bool) -> str:
    return f"n{uuid.uuid4().hex[:8]}"


def coloured(world: World, mine: bool) -> list[str]:
    name = new_name(world, mine)
    world.instance.add_dynamic_partitions("colours", [name])
    return [name]


def limited(world: World, mine: bool) -> str:
    name = new_name(world, mine)
    world.instance.event_log_storage.set_concurrency_slots(name, 2)
    return name


def of(value: Any) -> Callable[[World, bool], Any]:
    """The same for every test."""
    return lambda *_: value


FIELDS = {
    "DryRunInstigationTick": " ... on DryRunInstigationTick { evaluationResult { skipReason runRequests { runKey } error { message } } }",
    "LaunchMultipleRunsResult": " ... on LaunchMultipleRunsResult { launchMultipleRunsResult { __typename } }",
    "TerminateRunsResult": " ... on TerminateRunsResult { terminateRunResults { __typename } }",
}
REFUSALS = ("Unauthorized", "TerminateRunFailure")


@dataclass(frozen=True)
class Case:
    """A mutation: its arguments with their types, what has to be there, and what it changes.

    `changes`: the part of the state; None: nothing, its answer is its effect.
    """

    arguments: dict[str, tuple[str, Callable[[World, bool], Any]]]
    changes: str | None
    success: str | None = None

    def query(self, name: str) -> str:
        declared = ", ".join(f"${each}: {kind}" for each, (kind, _) in self.arguments.items())
        given = ", ".join(f"{each}: ${each}" for each in self.arguments)
        inside = f" {{ __typename{FIELDS.get(self.success, '')} }}" if self.success else ""
        return (
            f"mutation{f'({declared})' if declared else ''} "
            f"{{ {name}{f'({given})' if given else ''}{inside} }}"
        )

    def variables(self, world: World, mine: bool) -> dict[str, Any]:
        return {each: make(world, mine) for each, (_, make) in self.arguments.items()}


def asset_events(world: World, mine: bool) -> dict[str, Any]:
    return {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["owned_by_day"]}}


def evaluations(world: World, mine: bool) -> dict[str, Any]:
    return {"assetKey": {"path": ["readings", "cleaned"]}, "checkName": CHECK, "passed": True}


LAUNCHED, TERMINATED = "LaunchRunSuccess", "TerminateRunSuccess"
ONE_RUN = {"executionParams": ("ExecutionParams!", lambda world, mine: execution(mine))}
REPEAT = {"reexecutionParams": ("ReexecutionParams", repeated)}
A_SENSOR, A_SCHEDULE = "SensorSelector!", "ScheduleSelector!"
CASES = {
    "setNuxSeen": Case({}, "greeted"),
    "launchRun": Case(ONE_RUN, "runs", LAUNCHED),
    "launchPipelineExecution": Case(ONE_RUN, "runs", LAUNCHED),
    "launchMultipleRuns": Case({"executionParamsList": ("[ExecutionParams!]!", lambda world, mine: [execution(mine)])}, "runs", "LaunchMultipleRunsResult"),
    "launchRunReexecution": Case(REPEAT, "runs", LAUNCHED),
    "launchPipelineReexecution": Case(REPEAT, "runs", LAUNCHED),
    "launchPartitionBackfill": Case({"backfillParams": ("LaunchBackfillParams!", lambda world, mine: by_day(mine))}, "backfills", "LaunchBackfillSuccess"),
    "cancelPartitionBackfill": Case({"backfillId": ("String!", backfill)}, "backfills", "CancelBackfillSuccess"),
    "terminateRun": Case({"runId": ("String!", queued_run)}, "runs", TERMINATED),
    "terminateRuns": Case({"runIds": ("[String!]!", lambda world, mine: [queued_run(world, mine)])}, "runs", "TerminateRunsResult"),
    "terminatePipelineExecution": Case({"runId": ("String!", queued_run), "terminatePolicy": ("TerminateRunPolicy", of("MARK_AS_CANCELED_IMMEDIATELY"))}, "runs", TERMINATED),
    "resumePartitionBackfill": Case({"backfillId": ("String!", lambda world, mine: backfill(world, mine, BulkActionStatus.FAILED))}, "backfills", "ResumeBackfillSuccess"),
    "reexecutePartitionBackfill": Case({"reexecutionParams": ("ReexecutionParams", repeated_backfill)}, "backfills", "LaunchBackfillSuccess"),
    "startSchedule": Case({"scheduleSelector": (A_SCHEDULE, stopped_schedule)}, "instigators", "ScheduleStateResult"),
    "stopRunningSchedule": Case({"id": ("String", started_schedule)}, "instigators", "ScheduleStateResult"),
    "resetSchedule": Case({"scheduleSelector": (A_SCHEDULE, running_schedule)}, "instigators", "ScheduleStateResult"),
    "scheduleDryRun": Case({"selectorData": (A_SCHEDULE, of(SCHEDULE)), "timestamp": ("Float", of(1_800_000_000.0))}, None, "DryRunInstigationTick"),
    "startSensor": Case({"sensorSelector": (A_SENSOR, stopped_sensor)}, "instigators", "Sensor"),
    "stopSensor": Case({"id": ("String", started_sensor)}, "instigators", "StopSensorMutationResult"),
    "resetSensor": Case({"sensorSelector": (A_SENSOR, running_sensor)}, "instigators", "Sensor"),
    "sensorDryRun": Case({"selectorData": (A_SENSOR, of(SENSOR)), "cursor": ("String", of("7"))}, None, "DryRunInstigationTick"),
    "setAutoMaterializePaused": Case({"paused": ("Boolean!", lambda world, mine: not get_auto_materialize_paused(world.instance))}, "paused"),
    "freeConcurrencySlots": Case({"runId": ("String!", claimed), "stepKey": ("String", of("press"))}, "claims"),
    "freeConcurrencySlotsForRun": Case({"runId": ("String!", claimed)}, "claims"),
    "setSensorCursor": Case({"sensorSelector": (A_SENSOR, running_sensor), "cursor": ("String", new_name)}, "instigators", "Sensor"),
    "addDynamicPartition": Case({"repositorySelector": ("RepositorySelector!", of(REPOSITORY)), "partitionsDefName": ("String!", of("colours")), "partitionKey": ("String!", new_name)}, "partitions", "AddDynamicPartitionSuccess"),
    "deleteDynamicPartitions": Case({"repositorySelector": ("RepositorySelector!", of(REPOSITORY)), "partitionsDefName": ("String!", of("colours")), "partitionKeys": ("[String!]!", coloured)}, "partitions", "DeleteDynamicPartitionsSuccess"),
    "setConcurrencyLimit": Case({"concurrencyKey": ("String!", new_name), "limit": ("Int!", of(3))}, "limits"),
    "deleteConcurrencyLimit": Case({"concurrencyKey": ("String!", limited)}, "limits"),
    "reloadRepositoryLocation": Case({"repositoryLocationName": ("String!", of("assay"))}, "location", "WorkspaceLocationEntry"),
    "reloadWorkspace": Case({}, "location", "Workspace"),
    # nobody's
    "wipeAssets": Case({"assetPartitionRanges": ("[PartitionsByAssetSelector!]!", of([{"assetKey": {"path": ["owned_by_day"]}}]))}, "materialized", "AssetWipeSuccess"),
    "deleteRun": Case({"runId": ("String!", ended_run)}, "runs", "DeletePipelineRunSuccess"),
    "deletePipelineRun": Case({"runId": ("String!", ended_run)}, "runs", "DeletePipelineRunSuccess"),
    "reportRunlessAssetEvents": Case({"eventParams": ("ReportRunlessAssetEventsParams!", asset_events)}, "materialized", "ReportRunlessAssetEventsSuccess"),
    "reportAssetCheckEvaluations": Case({"eventParams": ("ReportAssetCheckEvaluationsParams!", evaluations)}, "checks", "ReportAssetCheckEvaluationsSuccess"),
    "shutdownRepositoryLocation": Case({"repositoryLocationName": ("String!", of("assay"))}, "location", "ShutdownRepositoryLocationSuccess"),
    "setAppManagedComponent": Case({"locationName": ("String!", of("assay")), "componentId": ("String!", of("a")), "componentType": ("String!", of("b")), "attributes": ("String!", of("{}"))}, "location", "SetAppManagedComponentSuccess"),
    "deleteAppManagedComponent": Case({"locationName": ("String!", of("assay")), "componentId": ("String!", of("a"))}, "location", "DeleteAppManagedComponentSuccess"),
    "refreshComponentState": Case({"locationName": ("String!", of("assay")), "defsStateKey": ("String!", of("a"))}, "location", "RefreshComponentStateSuccess"),
    "logTelemetry": Case({name: ("String!", of("a")) for name in ("action", "clientId", "clientTime", "metadata")}, None, "LogTelemetrySuccess"),
}  # fmt: skip
# PROMISES.md, part D: the table, written out here once more
TABLE: dict[Role, set[str]] = {
    "viewer": {"setNuxSeen"},
    "steward": {
        "launchRun", "launchPipelineExecution", "launchMultipleRuns", "launchRunReexecution",
        "launchPipelineReexecution", "launchPartitionBackfill", "terminateRun", "terminateRuns",
        "terminatePipelineExecution", "cancelPartitionBackfill",
    },
    "operator": {
        "startSchedule", "stopRunningSchedule", "resetSchedule", "startSensor", "stopSensor",
        "resetSensor", "resumePartitionBackfill", "reexecutePartitionBackfill", "scheduleDryRun",
        "sensorDryRun", "freeConcurrencySlots", "freeConcurrencySlotsForRun",
        "setAutoMaterializePaused",
    },
    "administrator": {
        "setConcurrencyLimit", "deleteConcurrencyLimit", "reloadRepositoryLocation",
        "reloadWorkspace", "addDynamicPartition", "deleteDynamicPartitions", "setSensorCursor",
    },
}  # fmt: skip


def allowed(role: Role, mutation: str, mine: bool) -> bool:
    """By the table: a steward's own are those of the data sets that name them."""
    least = next((each for each in ROLES if mutation in TABLE[each]), None)
    if least is None or ROLES.index(role) < ROLES.index(least):
        return False
    return mine or not (role == least == "steward")


@pytest.fixture(scope="module")
def schema(world: World) -> Any:
    return AssayWebserver(world.workspace)._graphene_schema.graphql_schema


def test_there_is_a_case_for_every_mutation_of_the_schema(schema: Any) -> None:
    assert set(CASES) == set(schema.mutation_type.fields)
    assert set(REFUSED_MUTATIONS) == set(CASES) - set().union(*TABLE.values())


@pytest.mark.parametrize("mutation", CASES)
def test_the_arguments_are_whole_and_valid(world: World, schema: Any, mutation: str) -> None:
    """What is refused below is refused for the role, not for what is missing."""
    case = CASES[mutation]
    document = parse(case.query(mutation))
    assert validate(schema, document) == []
    declared = get_operation_ast(document).variable_definitions  # type: ignore[union-attr]  # it has one
    coerced = get_variable_values(schema, declared, case.variables(world, mine=True))
    assert isinstance(coerced, dict), coerced


def problem_in(answer: Any, case: Case) -> str | None:
    """Why an answer of 200 carried nothing out; None if it did."""
    if answer.json().get("errors"):
        return str(answer.json()["errors"])
    (result,) = answer.json()["data"].values()
    kind = result["__typename"] if isinstance(result, dict) else None
    if kind != case.success:
        return str(result)
    return None


@pytest.mark.parametrize(
    ("role", "mine"),
    [*((role, True) for role in ROLES), ("steward", False)],
    ids=[*ROLES, "steward of another data set"],
)
@pytest.mark.parametrize("mutation", CASES)
def test_a_mutation_is_carried_out_for_the_roles_of_the_table(
    world: World, mutation: str, role: Role, mine: bool
) -> None:
    case, person = CASES[mutation], f"{role}@example.com"
    if mutation == "setNuxSeen":
        never_greeted(world, mine)
    variables = case.variables(world, mine)
    before = world.state()
    world.before_it_was_recorded.clear()
    body = {"query": case.query(mutation), "variables": variables}
    answer = world.ask(role, **body)
    after = world.state()
    if not allowed(role, mutation, mine):
        assert after == before
        passed_the_gate = answer.status_code == 200
        assert passed_the_gate is (role == "steward" and mutation in TABLE["steward"])
        assert not passed_the_gate or any(word in answer.text for word in REFUSALS)
        return
    assert answer.status_code == 200, answer.text
    assert problem_in(answer, case) is None
    assert {part for part in after if after[part] != before[part]} == ({case.changes} - {None})
    for part in ("runs", "backfills"):
        changed = dict(after[part].items() - before[part].items())
        if "terminate" not in mutation and "cancel" not in mutation:
            assert {actor for _, actor in changed.values()} <= {person}
    # on record before it was done: who, as what, and what exactly
    assert world.before_it_was_recorded == [before]
    entry = world.home.rows(sa.select(ledger).order_by(ledger.c.sequence.desc()).limit(1))[0]
    assert (entry["action"], entry["actor"]) == ("requested in the web UI", person)
    details = (
        entry["details"] if isinstance(entry["details"], dict) else json.loads(entry["details"])
    )
    sent = json.dumps(body | {"operationName": None}).encode()
    assert details == {
        "mutations": [mutation],
        "role": role,
        "request_sha256": hashlib.sha256(sent).hexdigest(),
    }


MIXED: dict[str, Callable[[World], dict[str, Any]]] = {
    "launchMultipleRuns": lambda world: {
        "executionParamsList": [execution(True), execution(False)]
    },
    "terminateRuns": lambda world: {"runIds": [queued_run(world, True), queued_run(world, False)]},
    "launchPartitionBackfill": lambda world: {
        "backfillParams": by_day(True)
        | {"assetSelection": [{"path": ["owned_by_day"]}, {"path": ["others_by_day"]}]}
    },
    "launchRun": lambda world: {
        "executionParams": execution(True)
        | {
            "selector": {
                **REPOSITORY,
                "jobName": "__ASSET_JOB",
                "assetSelection": [
                    {"path": ["readings", "landed"]},
                    {"path": ["others", "landed"]},
                ],
            }
        }
    },
}


@pytest.mark.parametrize("mutation", MIXED)
def test_what_a_steward_does_not_own_does_not_come_along(world: World, mutation: str) -> None:
    variables = MIXED[mutation](world)
    before = world.state()
    answer = world.ask("steward", CASES[mutation].query(mutation), variables)
    assert answer.status_code == 200
    after = world.state()
    theirs = {"others", "others_by_day"}
    for run in set(after["runs"].items()) - set(before["runs"].items()):
        found = world.instance.get_run_by_id(run[0])
        assert found is not None
        assert found.job_name == "readings"
        assert not theirs & {key.path[0] for key in found.asset_selection or ()}
    assert after["backfills"] == before["backfills"]


# these two ask for no permission, or for the one to reload, which administrators have
FRONT_ALONE = {"logTelemetry", "shutdownRepositoryLocation"}


@pytest.mark.parametrize("mutation", sorted(set(REFUSED_MUTATIONS) - FRONT_ALONE))
def test_what_nobody_may_do_dagster_itself_refuses_too(world: World, mutation: str) -> None:
    """A second line behind the front: even a request that came past it has no effect."""
    case = CASES[mutation]
    variables = case.variables(world, mine=True)
    before = world.state()

    async def past_the_front(scope: Any, receive: Any, send: Any) -> None:
        visitor = Visitor("administrator@example.com", "administrator")
        await world.front.dagster({**scope, "assay.visitor": visitor}, receive, send)

    client = TestClient(past_the_front, URL)
    answer = client.post("/graphql", json={"query": case.query(mutation), "variables": variables})
    assert "Unauthorized" in answer.text or "PythonError" in answer.text, answer.text
    assert world.state() == before


@pytest.mark.parametrize("role", ROLES)
def test_a_secret_in_a_resource_of_the_code_is_shown_to_nobody(world: World, role: Role) -> None:
    fields = "name configuredValues { key value type } configFields { name defaultValueAsJson }"
    query = (
        "query($where: RepositorySelector!) { allTopLevelResourceDetailsOrError(repositorySelector: $where)"
        f" {{ ... on ResourceDetailsList {{ results {{ {fields} }} }} }} }}"
    )
    answer = world.ask(role, query, {"where": REPOSITORY})
    results = answer.json()["data"]["allTopLevelResourceDetailsOrError"]["results"]
    (mailbox,) = [each for each in results if each["name"] == "mailbox"]
    assert [(each["key"], each["value"]) for each in mailbox["configuredValues"]] == [
        ("password", "")
    ]
    assert "value-of-a-resource-4711" not in answer.text


def test_a_mutation_that_the_table_does_not_have_is_refused(world: World) -> None:
    for role in ROLES:
        answer = world.ask(role, "mutation { aMutationOfTomorrow { __typename } }", {})
        assert answer.status_code == 403
