"""The asset `drift`."""

import dagster as dg

from assay.assets import metadata
from assay.assets.common import asset, follows
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.drift import measure_drift, report_file
from assay.contracts.model import Contract


def drift(contract: Contract) -> dg.AssetsDefinition:
    """The newest version against the one before: a verdict, scores that plot, a report."""

    @asset(
        contract,
        "drift",
        after=["published"],
        kinds={"evidently", "polars"},
        automation_condition=follows(contract),
        description="How far the newest version has moved from those that the contract names, and what was decided about it.",
    )
    def _drift(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            done = measure_drift(run)
        report = report_file(run.installation.home.root, contract.name, done.version)
        decisions = run.installation.registry.decisions(contract.name)
        return dg.MaterializeResult(
            metadata=metadata.drifted(
                done.version,
                done.details,
                done.decision,
                decisions,
                report if report.exists() else None,
            )
        )

    return _drift
