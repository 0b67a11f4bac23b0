"""The registry's triggers, read by Dagster: what is due is launched, once.

Belongs here: the sensor, and what it asks Dagster to run. Stays out: raising and closing triggers (assets/io/registry_triggers.py), doing (assets/stages).
The registry decides what is due; Dagster's run keys only save launching twice. A cursor or key that is lost, a daemon that is killed, a run that
dies on the way: the trigger is still there, or it is done, and a run that finds nothing due does nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from assay.assets.common import key
from assay.assets.io.failures import noted
from assay.assets.io.home import home
from assay.assets.io.installation import Installation
from assay.assets.io.registry import Row
from assay.assets.io.registry_triggers import ASSAY, MEASURE
from assay.assets.stages.monitor import in_canary, judged_by, review
from assay.contracts.model import Contract

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )  # what define_asset_job returns; not exported

TRIGGER, DATASET = "assay/trigger", "assay/dataset"
PATIENCE = timedelta(
    seconds=60
)  # the run that raised a trigger goes on to carry it out, if it lives
_STAGES = {MEASURE: "drift", "retrain": "model", "rebuild": "index"}
_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
JOB = "job:"


def requests(
    installation: Installation,
    instance: dg.DagsterInstance,
    jobs: frozenset[str],
    problems: list[str] | None = None,
) -> Iterator[dg.RunRequest]:
    """What to launch now: a run for each trigger that waits, that nobody is at, and whose last run did not fail just now.

    Args:
        problems: takes a sentence for each trigger that could not be looked at.
    """
    for trigger in installation.registry.waiting():
        request = None
        with noted(
            installation.home.root,
            [] if problems is None else problems,
            trigger["dataset"],
            f"trigger {trigger['id']}",
        ):
            request = _request(installation, instance, jobs, trigger)
        if request is not None:
            yield request


def _request(
    installation: Installation, instance: dg.DagsterInstance, jobs: frozenset[str], trigger: Row
) -> dg.RunRequest | None:
    name, actor = trigger["dataset"], trigger["actor"] or ASSAY
    contract = installation.contracts.get(name)
    stage = _STAGES.get(trigger["action"])
    if (
        contract is None
        or (actor == ASSAY and (stage is None or not _has(contract, stage)))
        or not (actor == ASSAY or actor.startswith(JOB))
    ):
        return None
    if installation.clock() - datetime.fromisoformat(
        trigger["raised_at"]
    ) < PATIENCE or instance.get_runs_count(
        dg.RunsFilter(tags={DATASET: name}, statuses=_IN_PROGRESS)
    ):
        return None
    before = instance.get_run_records(dg.RunsFilter(tags={TRIGGER: str(trigger["id"])}))
    if actor != ASSAY and any(
        record.dagster_run.status == dg.DagsterRunStatus.SUCCESS for record in before
    ):
        installation.registry.finish(
            trigger,
            {
                "outcome": "done by a job",
                "reason": f"run {before[0].dagster_run.run_id} of {actor.removeprefix(JOB)} succeeded",
            },
        )
        return None
    if any(record.dagster_run.status in _IN_PROGRESS for record in before) or not _rested(
        installation, before
    ):
        return None
    tags = {TRIGGER: str(trigger["id"]), DATASET: name}
    run_key = f"trigger-{trigger['id']}-{len(before)}"
    if actor == ASSAY:
        return dg.RunRequest(
            run_key=run_key,
            job_name=f"{name}_act",
            asset_selection=[key(contract, str(stage))],
            tags=tags,
        )
    if actor.removeprefix(JOB) in jobs:
        return dg.RunRequest(run_key=run_key, job_name=actor.removeprefix(JOB), tags=tags)
    return None


def _has(contract: Contract, stage: str) -> bool:
    return bool(
        {"drift": contract.drift, "model": contract.retrain, "index": contract.index}[stage]
    )


def _rested(installation: Installation, before: Sequence[dg.RunRecord]) -> bool:
    """Whether it is long enough since the last run failed: a minute, then twice as long each time, at most six hours."""
    ended = [record.end_time for record in before if record.end_time]
    wait = min(6 * 3600.0, 60.0 * 2 ** (len(before) - 1))
    return not ended or installation.clock().timestamp() - max(ended) >= wait


def act_job(contract: Contract) -> "UnresolvedAssetJobDefinition | None":
    """The job in which a data set's triggers are carried out, where it has any."""
    stages = [key(contract, stage) for stage in _STAGES.values() if _has(contract, stage)]
    if not stages:
        return None
    return dg.define_asset_job(
        f"{contract.name}_act",
        selection=dg.AssetSelection.assets(*stages),
        description=f"What follows from a version of {contract.name}: drift, model, index.",
    )


def trigger_sensor(
    jobs: "list[UnresolvedAssetJobDefinition | dg.JobDefinition]",
) -> dg.SensorDefinition:
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
        told: list[str] = []
        with noted(home().root, told, None, "looking for what is due"):
            return _looked(context, named)
        return dg.SensorResult(skip_reason="; ".join(told))

    return _triggers


def _looked(context: dg.SensorEvaluationContext, jobs: frozenset[str]) -> dg.SensorResult:
    """One look. What fails about one data set is told, and the others are looked at."""
    seen = _seen(context.cursor)
    installation = Installation.open()
    told = [f"not delivered yet: {late}" for late in installation.settle()]
    judged: dict[str, Any] = {}
    tried: list[dg.AssetObservation] = []
    for contract in installation.contracts.values():
        name = contract.name
        if name in seen["judged"]:
            judged[name] = seen["judged"][name]
        with noted(installation.home.root, told, name, "judging its models"):
            if not (contract.retrain and _watched(installation, contract)):
                judged.pop(name, None)
                continue
            by = judged_by(installation, contract)
            if seen["judged"].get(name) != by:
                told += [f"{each.model}: {each.reason}" for each in review(installation, name)]
                tried += [_observed(name, said)] if (said := in_canary(installation, name)) else []
            judged[name] = by
    due = list(requests(installation, context.instance, jobs, told))
    switches = installation.registry.switched(seen["switch"])
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else "; ".join(told) or "nothing is due",
        asset_events=[*(_switch(row) for row in switches), *tried],
        cursor=json.dumps(
            {"switch": max([seen["switch"], *(row["id"] for row in switches)]), "judged": judged}
        ),
    )


def _seen(cursor: str | None) -> dict[str, Any]:
    """What the looks before have told of: the last switch, and by what each data set's models were judged. A cursor from before the latter was the switch's number alone."""
    said = json.loads(cursor or "0")
    return said if isinstance(said, dict) else {"switch": said, "judged": {}}


def _switch(row: Row) -> dg.AssetObservation:
    """Who serves now and why, beside the runs of a model: outcomes and stewards switch it between them."""
    said = (
        f"version {row['version']} is {row['role']}"
        if row["version"]
        else f"there is no {row['role']}"
    )
    return _observed(
        row["dataset"], f"{row['model']}: {said}", {key: row[key] for key in ("reason", "by", "at")}
    )


def _observed(
    dataset: str, said: str, metadata: Mapping[str, str] | None = None
) -> dg.AssetObservation:
    return dg.AssetObservation([dataset, "model"], description=said, metadata=metadata)


def _watched(installation: Installation, contract: Contract) -> bool:
    """Whether outcomes could change who serves."""
    serving = installation.registry.serving(contract.name)
    return "challenger" in serving or (
        "champion" in serving and bool(serving["champion"]["details"].get("replaced"))
    )
