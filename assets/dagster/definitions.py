"""The Dagster definitions, created from the contracts.

Start reading here; top to bottom is the way of the data.
"""

import logging
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from assay.assets.dagster.assets import (
    admitted,
    cleaned_and_published,
    drift,
    features,
    index,
    landed,
    model,
)
from assay.assets.dagster.instance import PROGRESS, progress_logger
from assay.assets.dagster.jobs import (
    SENSORS_JOBS,
    STEWARDS_JOBS,
    act_job,
    job,
    judge_models,
)
from assay.assets.dagster.resources import InstallationResource
from assay.assets.dagster.sensors import arrival_sensor, reaper, schedule, trigger_sensor
from assay.assets.io.contract_folder import ContractFolder, problem_of
from assay.assets.io.failures import must_stop, unexpected
from assay.assets.io.home import home
from assay.assets.io.private import keep_private
from assay.contracts.errors import ConfigurationError, Where
from assay.contracts.model import Contract

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )  # what define_asset_job returns; not exported


def assets_of(contract: Contract) -> Iterator[dg.AssetsDefinition]:
    """The stages of one data set: the spine that every one has, and what its contract asks for
    beyond.
    """
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


def definitions_of(contract: Contract) -> dg.Definitions:
    """What Dagster needs to run one data set: whatever is wrong with another does not touch it."""
    return dg.Definitions(
        assets=list(assets_of(contract)),
        jobs=[job(contract)],
        resources={"installation": InstallationResource()},
        loggers={PROGRESS: progress_logger()},
        executor=dg.in_process_executor,
    )


def build_definitions(jobs: Sequence[dg.JobDefinition] = (), **overrides: object) -> dg.Definitions:
    """Everything Dagster needs to know of the installation that the environment names.

    Args:
        jobs: your own, which a contract may name to act on drift (`acting.job`).
        overrides: resources by name, for tests.
    """
    keep_private()  # the code server, and each process that executes a run
    contracts = ContractFolder(home())
    if not contracts:
        home().contract_paths()  # raises an error if it is missing
    own = [*jobs, *STEWARDS_JOBS, *SENSORS_JOBS]
    parts = [
        part for name in contracts if (part := _part_of(contracts, name, {job.name for job in own}))
    ]
    disabled = [spec for name in contracts if (spec := _disabled(contracts, name))]
    automation = dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
    )
    whole = [part.job for part in parts]
    acts = [part.act for part in parts if part.act]
    arrivals = [part.arrival for part in parts if part.arrival]
    return dg.Definitions(
        assets=[*(asset for part in parts for asset in part.assets), *disabled],
        jobs=[*whole, *acts, *own],
        schedules=[part.schedule for part in parts if part.schedule],
        sensors=[
            automation,
            reaper,
            *arrivals,
            *([trigger_sensor([*whole, *acts, *jobs, judge_models])] if acts else []),
        ],
        # Dagster's own, without its setting of a folder: a run's configuration chooses no place on
        # the disk
        resources={
            "installation": InstallationResource(),
            "io_manager": dg.fs_io_manager.configured({}),
            **overrides,
        },
        loggers={PROGRESS: progress_logger()},
        # one process a run: a step can never outlive a run that Dagster has given up
        executor=dg.in_process_executor,
    )


@dataclass(frozen=True)
class _Part:
    """What Dagster is given of one data set."""

    assets: list[dg.AssetsDefinition]
    job: "UnresolvedAssetJobDefinition"
    act: "UnresolvedAssetJobDefinition | None"
    schedule: dg.ScheduleDefinition | None
    arrival: dg.SensorDefinition | None


def _part_of(contracts: Mapping[str, Contract], name: str, taken: Container[str]) -> _Part | None:
    """The part of one data set; None, and a line in the log, where its contract cannot be read or Dagster does not accept it."""
    try:
        contract = contracts[name]
        assets = list(assets_of(contract))
        if name in taken:
            raise ConfigurationError(
                f"a job of Assay is named '{name}'",
                "Give the data set another name",
                Where(file=contract.file),
            )
        return _Part(
            assets, job(contract), act_job(contract), schedule(contract), arrival_sensor(contract)
        )
    except BaseException as error:  # one data set must not keep the others from the web UI
        if must_stop(error):
            raise
        failure = unexpected(home().root, error, name, "building its definitions")
        logging.getLogger("dagster").error("%s", failure)
        return None


def _disabled(contracts: Mapping[str, Contract], name: str) -> dg.AssetSpec | None:
    """What represents a data set and its contract cannot be read: an asset that states what is wrong. None if it can."""
    error = problem_of(contracts, name)
    if error is None:
        return None
    reasons = str(error).replace("\n", "\n\n")
    plain_name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return dg.AssetSpec(
        [plain_name, "contract"],
        group_name=plain_name,
        kinds={"error"},
        tags={"assay/contract": "unreadable"},
        description=f"**This data set is disabled: its contract cannot be read.**\n\n{reasons}\n\n"
        "What it has published can still be opened. Fix the contract, then reload the definitions.",
        metadata={
            "problem": error.problem,
            "remedy": error.remedy,
            "place": str(error.where),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` loads."""
    return build_definitions()
