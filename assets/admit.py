"""The asset `admitted`: may it be used."""

from dataclasses import asdict

import dagster as dg

from assets import metadata
from assets.common import Window, asset, key
from assets.resources import OfficeResource, failures_told
from assets.stages.admit import admit, asked
from contracts.errors import AdmissionError
from contracts.model import Contract


def admitted(contract: Contract) -> dg.AssetsDefinition:
    """The verdict on licence and personal data."""

    @asset(contract, "admitted", after=["landed"], kinds={"polars"}, description="Licence and personal data: admitted, held for review, or refused.")
    def _admitted(context: dg.AssetExecutionContext, config: Window, office: OfficeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            run = office.run(contract, context.run.run_id, config.window)
            try:
                admission = admit(run)
            except AdmissionError:
                waiting = asked(run)
                if waiting is not None:  # a failed asset has no page of its own: the review stands on it as an observation
                    context.log_event(dg.AssetObservation(asset_key=key(contract, "admitted"), metadata=metadata.reviewed(waiting)))
                raise
            passed = asked(run) if admission.approvals else None
        said = {name: value for name, value in metadata.reviewed(passed).items() if name != "reasons"} if passed else {}
        return dg.MaterializeResult(
            metadata={**said, **metadata.admitted(asdict(admission.verdict), admission.decided_by), "window": admission.inputs.window or "all", "rows": admission.rows_in_window},
            data_version=dg.DataVersion(admission.inputs.key),
        )

    return _admitted
