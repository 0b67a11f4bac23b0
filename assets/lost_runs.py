"""Runs that Dagster lost: found by the registry, ended in both. And versions that are due to expire.

Belongs here: the sensor, and telling Dagster. Stays out: judging whether a process is gone (assets/io/runs.py).
Dagster's own monitoring cannot see a dead worker of the default launcher: such a run would be STARTED until its maximum runtime.
"""

import dagster as dg

from assay.assets.io.failures import noted
from assay.assets.io.home import home
from assay.assets.io.installation import Installation
from assay.assets.io.runs import why_lost
from assay.assets.stages.expire import expire
from assay.assets.stages.lost_runs import reap

_IN_PROGRESS = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.CANCELING,
]


def end_lost(installation: Installation, instance: dg.DagsterInstance) -> list[str]:
    """End lost runs in the registry, and in Dagster those whose process is gone. Returns: the ids of the latter."""
    reap(installation)
    ended = []
    problems: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        with noted(installation.home.root, problems, None, f"ending run {run.run_id}"):
            reasons = {_gone(installation, row) for row in installation.registry.of_run(run.run_id)}
            if reasons and None not in reasons:
                instance.report_run_failed(
                    run,
                    f"The run was lost: {'; '.join(sorted(filter(None, reasons)))}. Nothing of it is visible; run again.",
                )
                ended.append(run.run_id)
    return ended


def _gone(installation: Installation, row: dict[str, object]) -> str | None:
    """Whether the process of a run's record is gone, be the record ended or not: stages after publication come without a lease."""
    return why_lost({**row, "stage": row["stage"] or "after"}, installation.clock())


@dg.sensor(
    name="reaper",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process is gone, and expires old versions.",
)
def reaper(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look every 30 seconds."""
    told: list[str] = []
    with noted(home().root, told, None, "looking for lost runs"):
        installation = Installation.open()
        with noted(installation.home.root, told, None, "ending lost runs"):
            if ended := end_lost(installation, context.instance):
                told.append(f"ended lost runs {', '.join(ended)}")
        for name in installation.contracts:
            with noted(installation.home.root, told, name, "expiring versions"):
                if expired := expire(installation, name):
                    told.append(f"expired {', '.join(f'{name}@{version}' for version in expired)}")
    return dg.SkipReason(
        "; ".join(dict.fromkeys(told)) or "no run was lost, and nothing is due to expire"
    )
