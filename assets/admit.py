"""The asset `admitted`: may it be used."""

from dataclasses import asdict

import dagster as dg

from assets import metadata
from assets.common import Window, asset
from assets.resources import OfficeResource, failures_told
from assets.stages.admit import admit
from contracts.model import Contract


def admitted(contract: Contract) -> dg.AssetsDefinition:
    """The verdict on licence and personal data."""

    @asset(contract, "admitted", after=["landed"], kinds={"polars"}, description="Licence and personal data: admitted, held for review, or refused.")
    def _admitted(context: dg.AssetExecutionContext, config: Window, office: OfficeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            admission = admit(office.run(contract, context.run.run_id, config.window))
        return dg.MaterializeResult(
            metadata={**metadata.admitted(asdict(admission.verdict), admission.decided_by), "window": admission.inputs.window or "all", "rows": admission.rows_in_window},
            data_version=dg.DataVersion(admission.inputs.key),
        )

    return _admitted
