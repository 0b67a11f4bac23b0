"""The Dagster definitions, made from the contracts. Start reading here; top to bottom is the way of the data."""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets.act import index, model
from assets.admit import admitted
from assets.automation import arrival_sensor, job, schedule
from assets.drift import drift
from assets.features import features
from assets.hands.home import home
from assets.hands.private import keep_private
from assets.ingest import landed
from assets.progress import progress_logger
from assets.publish import cleaned_and_published
from assets.quarantine import data_docs, quarantine
from assets.reaper import reaper
from assets.resources import OfficeResource
from assets.review import review
from assets.triggers import act_job, trigger_sensor
from contracts.model import Contract


def assets_of(contract: Contract) -> Iterator[dg.AssetsDefinition]:
    """The stages of one data set: the spine that every one has, and what its contract asks for beyond."""
    yield landed(contract)
    yield admitted(contract)
    yield cleaned_and_published(contract)
    if contract.features:
        yield features(contract)
    if contract.drift:
        yield drift(contract)
    if contract.retrain:
        yield model(contract)
    if contract.index:
        yield index(contract)


def build_definitions(jobs: Sequence[dg.JobDefinition] = (), **overrides: object) -> dg.Definitions:
    """Everything Dagster needs to know of the installation that the environment names.

    Args:
        jobs: your own, which a contract may name to act on drift (`acting.job`).
        overrides: resources by name, for tests.
    """
    keep_private()  # the code server, and each process that executes a run
    contracts = list(home().read_contracts().values())
    automation = dg.AutomationConditionSensorDefinition("automation", target=dg.AssetSelection.all(), default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
    whole = [job(contract) for contract in contracts]
    acts = [act for contract in contracts if (act := act_job(contract))]
    arrivals = [sensor for contract in contracts if (sensor := arrival_sensor(contract))]
    return dg.Definitions(
        assets=[asset for contract in contracts for asset in assets_of(contract)],
        jobs=[*whole, *acts, *jobs, review, quarantine, data_docs],
        schedules=[made for contract in contracts if (made := schedule(contract))],
        sensors=[automation, reaper, *arrivals, *([trigger_sensor([*whole, *acts, *jobs])] if acts else [])],
        resources={"office": OfficeResource(), **overrides},
        loggers={"progress": progress_logger},
        # one process a run: a step can never outlive a run that Dagster has given up
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` loads."""
    return build_definitions()
