"""Jobs, schedules and sensors, made from the contracts.

Belongs here: when things run. Stays out: what runs.
"""

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import dagster as dg

from assay.assets.io.failures import noted
from assay.assets.io.home import home
from assay.assets.io.installation import Installation
from assay.assets.io.sources import seen_here
from assay.assets.stages import upstream
from assay.assets.stages.partition_runs import due
from assay.assets.stages.run import Run
from assay.contracts.errors import AssayError
from assay.contracts.model import Contract

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )  # what define_asset_job returns; not exported


def job(contract: Contract) -> "UnresolvedAssetJobDefinition":
    """The whole way of one data set."""
    return dg.define_asset_job(
        contract.name,
        selection=dg.AssetSelection.groups(contract.name),
        description=f"Everything about {contract.name}, from its source to action.",
        tags={"assay/dataset": contract.name},
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
        description="When the contract says.",
    )


def _schedule_of_due(contract: Contract, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{contract.name}_schedule",
        job_name=contract.name,
        cron_schedule=cron,
        execution_timezone="UTC",
        description="When the contract says: what is due.",
    )
    def _due(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        problems: list[str] = []
        names: tuple[str, ...] = ()
        with noted(home().root, problems, contract.name, "looking for what is due"):
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
                else seen_here(contract, home().roots)
            )
        if seen is None:
            return dg.SkipReason(problems[0] if problems else "nothing has arrived")
        before, _, done = (context.cursor or "").partition("|")
        if seen == done:
            return dg.SkipReason("nothing new has arrived")
        if seen != before:
            return dg.SensorResult(
                skip_reason="a file has arrived, and may still be growing", cursor=f"{seen}|{done}"
            )
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"{contract.name}-{seen}")], cursor=f"{seen}|{seen}"
        )

    return _arrival
