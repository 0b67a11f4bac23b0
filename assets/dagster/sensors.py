"""What is due, looked for by Dagster's sensors and schedules: each requests a run for it, once, and does nothing of it itself.

Belongs here: the sensors, and what they ask Dagster to run. Stays out: the jobs (jobs.py), raising and closing triggers (assets/io/registry/triggers.py).
The registry decides what is due; Dagster's run keys only save launching twice. A cursor or key that is lost, a daemon that is killed, a run that
dies on the way: the trigger is still there, or it is done, and a run that finds nothing due does nothing.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assay.assets.dagster.asset_base import key
from assay.assets.dagster.jobs import (
    STAGES,
    deliver_outbox,
    expire_versions,
    has_stage,
    judge_models,
)
from assay.assets.io.failures import noted
from assay.assets.io.home import home
from assay.assets.io.installation import Installation
from assay.assets.io.registry.liveness import why_lost
from assay.assets.io.registry.models import ModelSwitch
from assay.assets.io.registry.runs import RunRecord
from assay.assets.io.registry.triggers import ASSAY, Trigger
from assay.assets.io.sources import source_fingerprint
from assay.assets.services.lost_runs import reap
from assay.assets.services.monitor import judged_by
from assay.assets.stages import upstream
from assay.assets.stages.expire import due_to_go
from assay.assets.stages.partition_runs import due
from assay.assets.stages.run import Run
from assay.contracts.errors import AssayError
from assay.contracts.model import Contract

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )  # what define_asset_job returns; not exported

TRIGGER, DATASET = "assay/trigger", "assay/dataset"
PATIENCE = timedelta(
    seconds=60
)  # the run that raised a trigger goes on to carry it out, if it lives
_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
JOB = "job:"
EXPIRY, JUDGEMENT, DELIVERY = "assay/expiry", "assay/judgement", "assay/delivery"
"""Tags of the runs that sensors request; the value tells what they were requested for."""


def requests(
    installation: Installation,
    instance: dg.DagsterInstance,
    jobs: frozenset[str],
    problems: list[str] | None = None,
) -> Iterator[dg.RunRequest]:
    """What to launch now: a run for each trigger that waits, that no one is at, and whose last run did not fail just now.

    Args:
        problems: takes a sentence for each trigger that could not be looked at.
    """
    for trigger in installation.registry.triggers.waiting():
        request = None
        with noted(
            installation.home.root,
            [] if problems is None else problems,
            trigger.dataset,
            f"trigger {trigger.id}",
        ):
            request = _request(installation, instance, jobs, trigger)
        if request is not None:
            yield request


def _request(
    installation: Installation, instance: dg.DagsterInstance, jobs: frozenset[str], trigger: Trigger
) -> dg.RunRequest | None:
    name, actor = trigger.dataset, trigger.actor or ASSAY
    contract = installation.contracts.get(name)
    stage = STAGES.get(trigger.action)
    if (
        contract is None
        or (actor == ASSAY and (stage is None or not has_stage(contract, stage)))
        or not (actor == ASSAY or actor.startswith(JOB))
    ):
        return None
    raised_at = datetime.fromisoformat(trigger.raised_at)
    if installation.clock() - raised_at < PATIENCE or _is_running(instance, name):
        return None
    before = instance.get_run_records(dg.RunsFilter(tags={TRIGGER: str(trigger.id)}))
    if actor != ASSAY and any(
        record.dagster_run.status == dg.DagsterRunStatus.SUCCESS for record in before
    ):
        installation.registry.triggers.finish(
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
    tags = {TRIGGER: str(trigger.id), DATASET: name}
    run_key = f"trigger-{trigger.id}-{len(before)}"
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


def _is_running(instance: dg.DagsterInstance, name: str) -> bool:
    """Whether a run of the data set is in progress or waits to begin."""
    runs = dg.RunsFilter(tags={DATASET: name}, statuses=_IN_PROGRESS)
    return bool(instance.get_runs_count(runs))


def _rested(installation: Installation, before: Sequence[dg.RunRecord]) -> bool:
    """Whether it is long enough since the last run failed: a minute, then twice as long each time, at most six hours."""
    ended = [record.end_time for record in before if record.end_time]
    wait_s = min(6 * 3600.0, 60.0 * 2 ** min(len(before) - 1, 20))
    return not ended or installation.clock().timestamp() - max(ended) >= wait_s


def _attempt(
    installation: Installation,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    *,
    once: bool = False,
) -> int | None:
    """How many runs with these tags there were before the one that is to be requested now.

    Args:
        once: a run that succeeded is the last.
    Returns: None if there is none to be requested: one is in progress, has ended just now, or was the last.
    """
    before = instance.get_run_records(dg.RunsFilter(tags=tags))
    ends = [*_IN_PROGRESS, *([dg.DagsterRunStatus.SUCCESS] if once else [])]
    if any(record.dagster_run.status in ends for record in before):
        return None
    return len(before) if _rested(installation, before) else None


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


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
        description="Carries out each decision of the drift policy or of a steward once.",
    )
    def _triggers(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        problems: list[str] = []
        with noted(home().root, problems, None, "checking what is due"):
            return _looked(context, named)
        return dg.SensorResult(skip_reason="; ".join(problems))

    return _triggers


def _looked(context: dg.SensorEvaluationContext, jobs: frozenset[str]) -> dg.SensorResult:
    """One look. What fails about one data set is reported, and the others are looked at."""
    switch_seen = _seen(context.cursor)
    installation = Installation.open()
    problems: list[str] = []
    due = list(requests(installation, context.instance, jobs, problems))
    for name in installation.contracts:
        with noted(
            installation.home.root, problems, name, "checking whether models must be evaluated"
        ):
            request = _judgement(installation, context.instance, name)
            due += [request] if request else []
    _log(context, problems, due)
    switches = installation.registry.models.switches_after(switch_seen)
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else "; ".join(problems) or "nothing is due",
        asset_events=[_switch(row) for row in switches],
        cursor=json.dumps({"switch": max([switch_seen, *(row.id for row in switches)])}),
    )


def _log(
    context: dg.SensorEvaluationContext, problems: list[str], due: Sequence[dg.RunRequest]
) -> None:
    """Put what was noticed into the log of a look that requests runs: it has no reason to skip that could say it."""
    for line in dict.fromkeys(problems if due else ()):
        context.log.warning(line)


def _judgement(
    installation: Installation, instance: dg.DagsterInstance, name: str
) -> dg.RunRequest | None:
    """A run that evaluates a data set's models, once for all that it would evaluate them by."""
    contract = installation.contracts[name]
    if not (contract.retrain and _watched(installation, contract)):
        return None
    tags = {JUDGEMENT: f"{name}-{judged_by(installation, contract)[:16]}"}
    attempt = _attempt(installation, instance, tags, once=True)
    if attempt is None or _is_running(instance, name):
        return None
    return dg.RunRequest(
        run_key=f"judge-{tags[JUDGEMENT]}-{attempt}",
        job_name=judge_models.name,
        run_config={"ops": {"judge": {"config": {"dataset": name}}}},
        tags={**tags, DATASET: name},
    )


def _seen(cursor: str | None) -> int:
    """The last switch that the looks before have reported. Earlier releases kept more in the cursor, or the number alone."""
    kept = json.loads(cursor or "0")
    return int(kept["switch"] if isinstance(kept, dict) else kept)


def _switch(row: ModelSwitch) -> dg.AssetObservation:
    """Who serves now and why, next to the runs of a model: outcomes and stewards switch it between them."""
    serves = f"version {row.version} is {row.role}" if row.version else f"there is no {row.role}"
    return dg.AssetObservation(
        [row.dataset, "model"],
        description=f"{row.model}: {serves}",
        metadata={"reason": row.reason, "by": row.by, "at": row.at},
    )


def _watched(installation: Installation, contract: Contract) -> bool:
    """Whether outcomes could change who serves."""
    serving = installation.registry.models.serving(contract.name)
    return "challenger" in serving or (
        "champion" in serving and bool(serving["champion"].details.get("replaced"))
    )


def schedule(contract: Contract) -> dg.ScheduleDefinition | None:
    """Run at the times the contract names, in UTC."""
    if contract.source.schedule is None:
        return None
    if contract.source.partitions:
        return _schedule_of_due(contract, contract.source.schedule)
    return dg.ScheduleDefinition(
        name=f"{contract.name}_schedule",
        job_name=contract.name,
        cron_schedule=contract.source.schedule,
        execution_timezone="UTC",
        description="On the contract's schedule.",
    )


def _schedule_of_due(contract: Contract, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{contract.name}_schedule",
        job_name=contract.name,
        cron_schedule=cron,
        execution_timezone="UTC",
        description="On the contract's schedule: what is due.",
    )
    def _due(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        problems: list[str] = []
        names: tuple[str, ...] = ()
        with noted(home().root, problems, contract.name, "checking what is due"):
            installation = Installation.open()
            names = due(Run(installation, installation.contract(contract.name), str(uuid.uuid4())))
        if problems:
            return dg.SkipReason(problems[0])
        at = context.scheduled_execution_time.isoformat()
        return [
            dg.RunRequest(run_key=f"{contract.name}-{name}-{at}", partition_key=name)
            for name in names
        ] or dg.SkipReason("no partition is due")

    return _due


def arrival_sensor(contract: Contract) -> dg.SensorDefinition | None:
    """Run when the source's file has changed and lay still since the last look, so that half a file is not taken."""
    if not contract.source.arrival:
        return None

    @dg.sensor(
        name=f"{contract.name}_arrival",
        job_name=contract.name,
        minimum_interval_seconds=30,
        description=f"Looks for a new {contract.source.shown_location}.",
    )
    def _arrival(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        problems: list[str] = []
        seen = None
        with (
            noted(home().root, problems, contract.name, "looking for a delivery"),
            suppress(AssayError, OSError),
        ):
            seen = (
                upstream.seen(Installation.open(), contract)
                if contract.source.upstream
                else source_fingerprint(contract, home().roots)
            )
        if seen is None:
            return dg.SkipReason(problems[0] if problems else "nothing has arrived")
        before, _, done = (context.cursor or "").partition("|")
        if seen == done:
            return dg.SkipReason("nothing new has arrived")
        if seen != before:
            return dg.SensorResult(
                skip_reason="a file has arrived, but may still be growing", cursor=f"{seen}|{done}"
            )
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"{contract.name}-{seen}")], cursor=f"{seen}|{seen}"
        )

    return _arrival


_WITH_A_PROCESS = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]


def end_lost(installation: Installation, instance: dg.DagsterInstance) -> list[str]:
    """End lost runs in the registry, and in Dagster those whose process is gone. Returns: the ids of the latter."""
    reap(installation)
    ended = []
    problems: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_WITH_A_PROCESS)):
        with noted(installation.home.root, problems, None, f"ending run {run.run_id}"):
            reasons = {
                _gone(installation, row) for row in installation.registry.runs.of_run(run.run_id)
            }
            if reasons and None not in reasons:
                instance.report_run_failed(
                    run,
                    f"The run was lost: {'; '.join(sorted(filter(None, reasons)))}. Nothing of it is visible; run again.",
                )
                ended.append(run.run_id)
    return ended


def _gone(installation: Installation, row: RunRecord) -> str | None:
    """Whether the process of a run's record is gone, be the record ended or not: stages after publication come without a lease."""
    return why_lost(replace(row.worker, stage=row.stage or "after"), installation.clock())


@dg.sensor(
    name="reaper",
    jobs=[expire_versions, deliver_outbox],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process has ended, expires old versions, and tries late deliveries again.",
)
def reaper(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Look every 30 seconds."""
    problems: list[str] = []
    due: list[dg.RunRequest] = []
    with noted(home().root, problems, None, "looking for lost runs"):
        installation = Installation.open()
        with noted(installation.home.root, problems, None, "ending lost runs"):
            if ended := end_lost(installation, context.instance):
                problems.append(f"ended lost runs {', '.join(ended)}")
        for name in installation.contracts:
            with noted(installation.home.root, problems, name, "checking what expires"):
                request = _expiry(installation, context.instance, name)
                due += [request] if request else []
        with noted(installation.home.root, problems, None, "checking for failed deliveries"):
            installation.registry.clock_doubts.keep_watch()
            problems += _late(installation)
            request = _delivery(installation, context.instance)
            due += [request] if request else []
    _log(context, problems, due)
    nothing = "no run was lost, and nothing is due to expire or to be delivered"
    return dg.SensorResult(
        run_requests=due,
        skip_reason=None if due else "; ".join(dict.fromkeys(problems)) or nothing,
    )


def _expiry(
    installation: Installation, instance: dg.DagsterInstance, name: str
) -> dg.RunRequest | None:
    """A run that lets versions of a data set expire, and removes files that none needs any more."""
    going = due_to_go(installation, name)
    if not going or _is_running(instance, name):
        return None
    tags = {EXPIRY: f"{name}-{_digest(going)}"}
    attempt = _attempt(installation, instance, tags)
    if attempt is None:
        return None
    return dg.RunRequest(
        run_key=f"expire-{tags[EXPIRY]}-{attempt}",
        job_name=expire_versions.name,
        run_config={"ops": {"expire_due": {"config": {"dataset": name}}}},
        tags={**tags, DATASET: name},
    )


def _late(installation: Installation) -> list[str]:
    return [
        f"not delivered yet: {entry.kind} of {entry.dataset}: {entry.reason}"
        for entry in installation.registry.outbox.pending()
        if entry.tries
    ]


def _delivery(installation: Installation, instance: dg.DagsterInstance) -> dg.RunRequest | None:
    """A run that delivers what the outbox holds; what a run in progress has put there is left to it."""
    entries = installation.registry.outbox.undelivered()
    names = {entry.dataset for entry in entries}
    busy = {name for name in names if _is_running(instance, name)}
    waiting = [[entry.id, entry.tries] for entry in entries if entry.dataset not in busy]
    if not waiting:
        return None
    tags = {DELIVERY: _digest(waiting)}
    attempt = _attempt(installation, instance, tags)
    if attempt is None:
        return None
    run_key = f"deliver-{tags[DELIVERY]}-{attempt}"
    return dg.RunRequest(run_key=run_key, job_name=deliver_outbox.name, tags=tags)
