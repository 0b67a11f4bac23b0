"""The run coordinator: Dagster's queue, and a check of the configuration before a run enters it."""

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator

from assay.assets.run_config import REMEDY, problem_of
from assay.contracts.errors import ConfigurationError


class CheckedRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Refuses runs whose configuration reads environment variables, whoever starts them."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run. Raises: ConfigurationError: Dagster records it, and the run as failed."""
        problem = problem_of(context.dagster_run.run_config)
        if problem:
            raise ConfigurationError(problem, REMEDY)
        return super().submit_run(context)
