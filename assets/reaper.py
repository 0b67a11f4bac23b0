"""Runs that Dagster lost: found by the registry, ended in both. And versions that are due to expire.

Belongs here: the sensor, and telling Dagster. Stays out: judging whether a process is gone (assets/hands/runs.py).
Dagster's own monitoring cannot see a dead worker of the default launcher: such a run would be STARTED until its maximum runtime.
"""

import dagster as dg

from assets.hands.office import Office
from assets.hands.runs import why_lost
from assets.stages.expire import expire
from assets.stages.reap import reap
from contracts.errors import AssayError

_IN_PROGRESS = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]


def end_lost(office: Office, instance: dg.DagsterInstance) -> list[str]:
    """End lost runs in the registry, and in Dagster those whose process is gone. Returns: the ids of the latter."""
    reap(office)
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        reasons = {_gone(office, row) for row in office.registry.of_run(run.run_id)}
        if reasons and None not in reasons:
            instance.report_run_failed(run, f"The run was lost: {'; '.join(sorted(filter(None, reasons)))}. Nothing of it is visible; run again.")
            ended.append(run.run_id)
    return ended


def _gone(office: Office, row: dict[str, object]) -> str | None:
    """Whether the process of a run's record is gone, be the record ended or not: stages after publication come without a lease."""
    return why_lost({**row, "stage": row["stage"] or "after"}, office.clock())


@dg.sensor(name="reaper", minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING, description="Ends runs whose process is gone, and expires old versions.")
def reaper(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look every 30 seconds."""
    try:
        office = Office.open()
        ended = end_lost(office, context.instance)
    except AssayError as error:
        return dg.SkipReason(str(error))
    told = [f"ended lost runs {', '.join(ended)}"] if ended else []
    try:
        expired = [f"{name}@{version}" for name in office.contracts for version in expire(office, name)]
        told += [f"expired {', '.join(expired)}"] if expired else []
    except AssayError as error:
        told.append(str(error))
    return dg.SkipReason("; ".join(told) or "no run was lost, and nothing is due to expire")
