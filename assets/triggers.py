"""The registry's triggers, read by Dagster: what is due is launched, once.

Belongs here: the sensor, and what it asks Dagster to run. Stays out: raising and closing triggers (assets/hands/acts.py), doing (assets/stages).
The registry decides what is due; Dagster's run keys only save launching twice. A cursor or key that is lost, a daemon that is killed, a run that
dies on the way: the trigger is still there, or it is done, and a run that finds nothing due does nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.common import key
from assets.hands.acts import ASSAY, MEASURE
from assets.hands.office import Office
from assets.hands.registry import Row
from assets.stages.live import in_canary, judged_by, review
from contracts.errors import AssayError
from contracts.model import Contract

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition  # what define_asset_job returns; not exported

TRIGGER, DATASET = "assay/trigger", "assay/dataset"
PATIENCE = timedelta(seconds=60)  # the run that raised a trigger goes on to carry it out, if it lives
_STAGES = {MEASURE: "drift", "retrain": "model", "rebuild": "index"}
_IN_PROGRESS = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
JOB = "job:"


def requests(office: Office, instance: dg.DagsterInstance, jobs: frozenset[str]) -> Iterator[dg.RunRequest]:
    """What to launch now: a run for each trigger that waits, that nobody is at, and whose last run did not fail just now."""
    for trigger in office.registry.waiting():
        name, actor = trigger["dataset"], trigger["actor"] or ASSAY
        contract = office.contracts.get(name)
        stage = _STAGES.get(trigger["action"])
        if contract is None or (actor == ASSAY and (stage is None or not _has(contract, stage))) or not (actor == ASSAY or actor.startswith(JOB)):
            continue
        if office.clock() - datetime.fromisoformat(trigger["raised_at"]) < PATIENCE or instance.get_runs_count(dg.RunsFilter(tags={DATASET: name}, statuses=_IN_PROGRESS)):
            continue
        before = instance.get_run_records(dg.RunsFilter(tags={TRIGGER: str(trigger["id"])}))
        if actor != ASSAY and any(record.dagster_run.status == dg.DagsterRunStatus.SUCCESS for record in before):
            office.registry.finish(trigger, {"outcome": "done by a job", "reason": f"run {before[0].dagster_run.run_id} of {actor.removeprefix(JOB)} succeeded"})
            continue
        if any(record.dagster_run.status in _IN_PROGRESS for record in before) or not _rested(office, before):
            continue
        tags = {TRIGGER: str(trigger["id"]), DATASET: name}
        run_key = f"trigger-{trigger['id']}-{len(before)}"
        if actor != ASSAY:
            if actor.removeprefix(JOB) in jobs:
                yield dg.RunRequest(run_key=run_key, job_name=actor.removeprefix(JOB), tags=tags)
        else:
            yield dg.RunRequest(run_key=run_key, job_name=f"{name}_act", asset_selection=[key(contract, str(stage))], tags=tags)


def _has(contract: Contract, stage: str) -> bool:
    return bool({"drift": contract.drift, "model": contract.retrain, "index": contract.index}[stage])


def _rested(office: Office, before: Sequence[dg.RunRecord]) -> bool:
    """Whether it is long enough since the last run failed: a minute, then twice as long each time, at most six hours."""
    ended = [record.end_time for record in before if record.end_time]
    wait = min(6 * 3600.0, 60.0 * 2 ** (len(before) - 1))
    return not ended or office.clock().timestamp() - max(ended) >= wait


def act_job(contract: Contract) -> "UnresolvedAssetJobDefinition | None":
    """The job in which a data set's triggers are carried out, where it has any."""
    stages = [key(contract, stage) for stage in _STAGES.values() if _has(contract, stage)]
    if not stages:
        return None
    return dg.define_asset_job(
        f"{contract.name}_act", selection=dg.AssetSelection.assets(*stages), description=f"What follows from a version of {contract.name}: drift, model, index."
    )


def trigger_sensor(jobs: "list[UnresolvedAssetJobDefinition | dg.JobDefinition]") -> dg.SensorDefinition:
    """Look every 30 seconds. `jobs`: those that it may launch."""
    named = frozenset(job.name for job in jobs)

    @dg.sensor(
        name="triggers",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Carries out what drift and stewards have decided, once.",
    )
    def _triggers(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        seen = _seen(context.cursor)
        try:
            office = Office.open()
            late = office.settle()
            judged = {contract.name: judged_by(office, contract) for contract in office.contracts.values() if contract.retrain and _watched(office, contract)}
            news = [name for name, by in judged.items() if seen["judged"].get(name) != by]
            switched = [each for name in news for each in review(office, name)]
            tried = [_observed(name, said) for name in news if (said := in_canary(office, name))]
            due = list(requests(office, context.instance, named))
            switches = office.registry.switched(seen["switch"])
        except AssayError as error:
            return dg.SensorResult(skip_reason=str(error))
        told = [f"{each.model}: {each.reason}" for each in switched] + [f"not delivered yet: {each}" for each in late]
        return dg.SensorResult(
            run_requests=due,
            skip_reason=None if due else "; ".join(told) or "nothing is due",
            asset_events=[*(_switch(row) for row in switches), *tried],
            cursor=json.dumps({"switch": max([seen["switch"], *(row["id"] for row in switches)]), "judged": judged}),
        )

    return _triggers


def _seen(cursor: str | None) -> dict[str, Any]:
    """What the looks before have told of: the last switch, and by what each data set's models were judged. A cursor from before the latter was the switch's number alone."""
    said = json.loads(cursor or "0")
    return said if isinstance(said, dict) else {"switch": said, "judged": {}}


def _switch(row: Row) -> dg.AssetObservation:
    """Who serves now and why, beside the runs of a model: outcomes and stewards switch it between them."""
    said = f"version {row['version']} is {row['role']}" if row["version"] else f"there is no {row['role']}"
    return _observed(row["dataset"], f"{row['model']}: {said}", {key: row[key] for key in ("reason", "by", "at")})


def _observed(dataset: str, said: str, metadata: Mapping[str, str] | None = None) -> dg.AssetObservation:
    return dg.AssetObservation([dataset, "model"], description=said, metadata=metadata)


def _watched(office: Office, contract: Contract) -> bool:
    """Whether outcomes could change who serves."""
    serving = office.registry.serving(contract.name)
    return "challenger" in serving or ("champion" in serving and bool(serving["champion"]["details"].get("replaced")))
