"""The asset `admitted`: may it be used."""

from dataclasses import asdict

import dagster as dg

from assay.assets import metadata
from assay.assets.common import WINDOW, asset, key, partitions_of, window_of
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.admit import Admission, admit, pending_review
from assay.assets.stages.run import Run
from assay.contracts.errors import AdmissionError
from assay.contracts.model import Contract
from assay.pipelines.publish.partitions import describe_partitions


def admitted(contract: Contract) -> dg.AssetsDefinition:
    """The verdict on licence and personal data."""

    @asset(
        contract,
        "admitted",
        after=["landed"],
        kinds={"polars"},
        description="Licence and personal data: admitted, held for review, or refused.",
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _admitted(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            _, parts = installation.parts(contract, context.run.run_id, window_of(context))
            found = [_admit(context, contract, part) for part in parts]
            passed = pending_review(parts[-1]) if found[-1].approvals else None
        newest = found[-1]
        windows = [str(each.inputs.window) for each in found if each.inputs.window]
        reviewed = (
            {name: value for name, value in metadata.reviewed(passed).items() if name != "reasons"}
            if passed
            else {}
        )
        return dg.MaterializeResult(
            metadata={
                **reviewed, **metadata.admitted(asdict(newest.verdict), newest.decided_by),
                "window": describe_partitions(windows) if windows else "all", "rows": sum(each.rows_in_window for each in found),
            },
            data_version=dg.DataVersion(newest.inputs.key) if len(found) == 1 else None,
        )  # fmt: skip

    return _admitted


def _admit(context: dg.AssetExecutionContext, contract: Contract, run: Run) -> Admission:
    """Admit one run's rows; a failed asset has no page of its own, so a review that it waits for stands on it as an observation."""
    try:
        return admit(run)
    except AdmissionError:
        waiting = pending_review(run)
        if waiting is not None:
            context.log_event(
                dg.AssetObservation(
                    asset_key=key(contract, "admitted"), metadata=metadata.reviewed(waiting)
                )
            )
        raise
