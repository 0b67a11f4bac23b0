"""Triggers, read by Dagster and told to others: launched once, delivered until somebody takes them."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assay.assets.dagster.definitions import build_definitions
from assay.assets.dagster.sensors import DATASET, TRIGGER, requests
from assay.assets.io.home import Home
from assay.assets.io.installation import Installation
from assay.assets.stages.drift import measure_drift
from assay.assets.stages.outcomes import take_outcomes
from tests.assets.test_act import delivered, learning
from tests.assets.test_models_at_work import learned
from tests.conftest import SampleHome
from tests.leaks import holding

SECRET = "a key between two"


class Receiver:
    """Somebody else's system, which answers as told and remembers."""

    def __init__(self) -> None:
        self.answers, self.heard = list[int](), list[tuple[dict[str, str], bytes]]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.heard.append(
                    (dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
                )
                self.send_response(outer.answers.pop(0) if outer.answers else 202)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def later(opened_home: Installation, seconds: float) -> Installation:
    """The same home, with its clock set on."""

    def clock() -> datetime:
        return opened_home.clock() + timedelta(seconds=seconds)

    return Installation.open(opened_home.home, clock)


def triggered(installation: SampleHome, **acting: Any) -> Installation:
    """A version was published and measured, and the first model is due."""
    learning(installation)
    installation.promise(*learned(installation, acting=acting))
    delivered(installation, 1)
    installation.published()
    measure_drift(installation.run())
    return installation.open()


def outcomes(opened_home: Installation) -> list[Any]:
    return [
        (row.outcome or {}).get("outcome")
        for row in opened_home.registry.triggers.all("readings")
        if row.action == "retrain"
    ]


def test_a_webhook_is_told_until_it_answers_and_the_body_is_signed(
    installation: SampleHome, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", SECRET)
    receiver.answers = [500, 202]
    opened_home = triggered(
        installation,
        webhook={"url": f"http://127.0.0.1:{receiver.port}/retrain", "secret": "OUR_KEY"},
    )
    opened_home = Installation.open(
        opened_home.home.model_copy(update={"source_hosts": f"127.0.0.1:{receiver.port}"})
    )
    assert opened_home.registry.triggers.due("readings", "retrain") == []  # it is not for Assay
    assert opened_home.deliver_outbox() == ["webhook of readings: it answered 500"]
    assert later(opened_home, 5).deliver_outbox() == []  # put off
    assert len(receiver.heard) == 1
    assert later(opened_home, 60).deliver_outbox() == []
    assert outcomes(opened_home) == ["handed over"]
    (first, _), (headers, body) = receiver.heard
    at, mark = (part.partition("=")[2] for part in headers["Assay-Signature"].split(","))
    assert mark == hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert first["Idempotency-Key"] == headers["Idempotency-Key"]
    told = json.loads(body)
    assert (told["dataset"], told["version"], told["action"]) == ("readings", "1.0.0", "retrain")
    assert later(opened_home, 7_200).deliver_outbox() == []
    assert len(receiver.heard) == 2


def test_the_address_of_a_webhook_is_kept_no_further_than_its_host(
    installation: SampleHome, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", SECRET)
    receiver.answers = [500, 202]
    token = "T0Canary7Qz3"
    opened_home = triggered(
        installation,
        webhook={"url": f"http://127.0.0.1:{receiver.port}/services/{token}", "secret": "OUR_KEY"},
    )
    opened_home = Installation.open(
        opened_home.home.model_copy(update={"source_hosts": f"127.0.0.1:{receiver.port}"})
    )
    late = opened_home.deliver_outbox() + later(opened_home, 60).deliver_outbox()
    assert len(receiver.heard) == 2
    assert token not in str(late)
    assert holding(installation.root, [token]) == set()


@pytest.mark.parametrize(
    ("hosts", "secret", "said"), [("", SECRET, "not https"), ("127.0.0.1", "", "holds no key")]
)
def test_a_webhook_is_not_told_unsigned_or_inside_our_own_network(
    installation: SampleHome,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    hosts: str,
    secret: str,
    said: str,
) -> None:
    monkeypatch.setenv("OUR_KEY", secret)
    opened_home = triggered(
        installation, webhook={"url": f"http://127.0.0.1:{receiver.port}/", "secret": "OUR_KEY"}
    )
    (late,) = Installation.open(
        opened_home.home.model_copy(update={"source_hosts": hosts})
    ).deliver_outbox()
    assert said in late
    assert receiver.heard == []


@pytest.fixture
def dagster(monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def keys(opened_home: Installation, instance: dg.DagsterInstance, *jobs: str) -> list[str | None]:
    return [request.run_key for request in requests(opened_home, instance, frozenset(jobs))]


def ran(
    instance: dg.DagsterInstance,
    number: int,
    status: dg.DagsterRunStatus,
    opened_home: Installation,
) -> None:
    tags = {TRIGGER: str(number), DATASET: "readings"}
    run = instance.create_run_for_job(build_of(opened_home), tags=tags)
    instance.report_engine_event("started", run)
    if status == dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run)
    elif status == dg.DagsterRunStatus.SUCCESS:
        instance.handle_new_event(_ended(run))


def _ended(run: Any) -> Any:
    import time

    from dagster import DagsterEvent, DagsterEventType, EventLogEntry

    event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
    return EventLogEntry(
        error_info=None,
        user_message="",
        level=20,
        run_id=run.run_id,
        timestamp=time.time(),
        dagster_event=event,
    )


def build_of(opened_home: Installation) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job(name="readings_act")
    def made() -> None:
        nothing()

    return made


def test_what_is_due_is_launched_once_its_own_run_had_time_and_again_after_a_failure(
    installation: SampleHome, dagster: dg.DagsterInstance
) -> None:
    opened_home = triggered(installation)
    (number,) = [row.id for row in opened_home.registry.triggers.waiting()]
    assert keys(opened_home, dagster) == []
    patient = later(opened_home, 90)
    assert keys(patient, dagster) == keys(patient, dagster) == [f"trigger-{number}-0"]
    with opened_home.registry.triggers.holding(
        opened_home.registry.triggers.get(number), "somebody"
    ):
        assert keys(patient, dagster) == []
    ran(dagster, number, dg.DagsterRunStatus.FAILURE, opened_home)
    assert keys(opened_home, dagster) == []
    assert keys(patient, dagster) == [f"trigger-{number}-1"]
    ran(dagster, number, dg.DagsterRunStatus.STARTED, opened_home)
    assert keys(later(opened_home, 9_000), dagster) == []


def test_a_job_that_acts_closes_the_trigger_when_it_has_succeeded(
    installation: SampleHome, dagster: dg.DagsterInstance
) -> None:
    opened_home = triggered(installation, job="ours")
    (number,) = [row.id for row in opened_home.registry.triggers.waiting()]
    patient = later(opened_home, 90)
    assert keys(patient, dagster) == []  # nobody has such a job
    assert keys(patient, dagster, "ours") == [f"trigger-{number}-0"]
    ran(dagster, number, dg.DagsterRunStatus.SUCCESS, opened_home)
    assert keys(patient, dagster, "ours") == []
    assert outcomes(opened_home) == ["done by a job"]


def opened(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ASSAY_HOME", installation.root),
        ("ASSAY_CONTRACTS", installation.contracts),
    ):
        monkeypatch.setenv(name, str(value))


def tick(instance: dg.DagsterInstance, cursor: str | None) -> Any:
    definitions = build_definitions()
    with dg.build_sensor_context(
        instance=instance, definitions=definitions, cursor=cursor
    ) as context:
        return definitions.resolve_sensor_def("triggers").evaluate_tick(context)


def test_the_page_of_a_model_shows_each_switch_once(
    installation: SampleHome, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning(installation)
    opened(installation, monkeypatch)
    registry = installation.open().registry
    registry.switch("readings", "high", {"champion": ("1", {})}, "better than nobody")
    registry.switch("readings", "high", {"challenger": ("2", {})}, "worth a canary")
    registry.switch("readings", "high", {"challenger": (None, {})}, "worse by what came true")
    told = tick(dagster, None)
    assert [event.description for event in told.asset_events] == [
        "high: version 1 is champion",
        "high: version 2 is challenger",
        "high: there is no challenger",
    ]
    assert {event.asset_key for event in told.asset_events} == {dg.AssetKey(["readings", "model"])}
    assert told.asset_events[-1].metadata["reason"].value == "worse by what came true"
    assert tick(dagster, told.cursor).asset_events == []


def judgements(result: Any) -> list[dg.RunRequest]:
    """The runs that a look requests to judge models."""
    return [each for each in result.run_requests or [] if each.job_name == "judge_models"]


def carried_out(instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """The run of a request, as Dagster's daemon makes it."""
    job = build_definitions().resolve_job_def(str(request.job_name))
    return job.execute_in_process(
        run_config=dict(request.run_config or {}), instance=instance, tags=dict(request.tags)
    )


def test_a_judgement_is_requested_once_for_each_new_thing_and_a_canary_says_how_it_stands(
    installation: SampleHome,
    dagster: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    learning(installation, canary={"share": 0.5, "outcomes": 100})
    opened(installation, monkeypatch)
    opened_home = installation.open()
    opened_home.registry.switch("readings", "high", {"champion": ("1", {})}, "better than nobody")
    told = tick(dagster, json.dumps({"switch": 0, "judged": {"readings": "x"}}))
    assert judgements(told) == []  # nobody could follow the first champion
    assert judgements(tick(dagster, "0")) == []  # as a cursor was before
    opened_home.registry.switch("readings", "high", {"challenger": ("2", {})}, "worth a canary")
    (request,) = judgements(tick(dagster, told.cursor))
    assert judgements(tick(dagster, told.cursor)) == [request]  # the same run, by its key
    result = carried_out(dagster, request)
    assert result.success
    (seen,) = [
        event for event in result.all_events if event.event_type_value == "ASSET_OBSERVATION"
    ]
    assert (
        seen.asset_observation_data.asset_observation.description
        == "version 2 of high stays in canary: 0 outcomes have arrived for it, 0 for the champion; 100 and 50 are needed"
    )
    assert judgements(tick(dagster, told.cursor)) == []
    (tmp_path / "outcomes.csv").write_text("traceparent,label,prediction\na,1,0.9\nb,0,0.2\n")
    take_outcomes(opened_home, "high", tmp_path / "outcomes.csv")
    (second,) = judgements(tick(dagster, told.cursor))
    assert second.run_key != request.run_key
    assert carried_out(dagster, second).success
    assert judgements(tick(dagster, told.cursor)) == []
    learning(installation, canary={"share": 0.5, "outcomes": 200})
    assert len(judgements(tick(dagster, told.cursor))) == 1


def test_a_judgement_that_fails_is_requested_again_after_a_while(
    installation: SampleHome, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning(installation, canary={"share": 0.5, "outcomes": 100})
    opened(installation, monkeypatch)
    registry = installation.open().registry
    registry.switch("readings", "high", {"champion": ("1", {})}, "better than nobody")
    registry.switch("readings", "high", {"challenger": ("2", {})}, "worth a canary")
    (request,) = judgements(tick(dagster, None))

    def broken(*_: Any) -> Any:
        raise ValueError

    with monkeypatch.context() as patched:
        patched.setattr("assay.assets.services.monitor.review", broken)
        job = build_definitions().resolve_job_def("judge_models")
        assert not job.execute_in_process(
            run_config=dict(request.run_config or {}),
            instance=dagster,
            tags=dict(request.tags),
            raise_on_error=False,
        ).success
    assert judgements(tick(dagster, None)) == []
    monkeypatch.setattr("assay.assets.dagster.sensors._rested", lambda *_: True)
    (again,) = judgements(tick(dagster, None))
    assert again.run_key != request.run_key


def test_no_sensor_switches_a_model_removes_a_file_or_delivers(
    installation: SampleHome, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.dagster import sensors

    learning(installation, canary={"share": 0.5, "outcomes": 100})
    opened(installation, monkeypatch)
    opened_home = installation.open()
    opened_home.registry.switch(
        "readings", "high", {"champion": ("1", {"dataset_version": "1.0.0"})}, "better than nobody"
    )
    opened_home.registry.switch(
        "readings", "high", {"challenger": ("2", {"dataset_version": "1.0.0"})}, "worth a canary"
    )
    opened_home.registry.outbox.post("aliases", "readings", {"model": "high"})
    opened_home.lake.staging("readings", "dead-run").joinpath("rows.parquet").write_bytes(b"x")
    monkeypatch.setattr("assay.assets.io.lake.left_behind", lambda *_: True)
    forbidden = (
        "assay.assets.io.installation.Installation.deliver_outbox",
        "assay.assets.io.registry.Registry.switch",
        "assay.assets.io.registry.Registry.expire",
        "assay.assets.io.lake.Lake.discard",
        "assay.assets.io.lake.Lake.clear",
    )
    done_here: list[str] = []
    with monkeypatch.context() as patched:
        for name in forbidden:
            patched.setattr(name, lambda *_, name=name, **__: done_here.append(name))
        first = tick(dagster, None)
        with dg.build_sensor_context(instance=dagster, definitions=build_definitions()) as context:
            second = sensors.reaper.evaluate_tick(context)
    assert done_here == []
    wanted = [*(first.run_requests or []), *(second.run_requests or [])]
    assert {each.job_name for each in wanted} == {
        "judge_models",
        "expire_versions",
        "deliver_outbox",
    }
    assert len({each.run_key for each in wanted}) == len(wanted)
    expiry = next(each for each in wanted if each.job_name == "expire_versions")
    assert carried_out(dagster, expiry).success
    assert not (opened_home.lake.folder("readings", "staging") / "dead-run").exists()


def test_the_sensor_launches_what_the_registry_says(
    installation: SampleHome, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_home = triggered(installation)
    monkeypatch.setattr("assay.assets.dagster.sensors.PATIENCE", timedelta(0))
    opened(installation, monkeypatch)
    (request,) = tick(dagster, None).run_requests or []
    assert (request.job_name, [key.path for key in request.asset_selection or []]) == (
        "readings_act",
        [["readings", "model"]],
    )
    assert Home(home=installation.root).is_made
    assert opened_home.registry.triggers.waiting()
