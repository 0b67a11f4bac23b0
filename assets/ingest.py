"""The asset `landed`: the source's bytes, kept."""

import dagster as dg

from assay.assets import metadata
from assay.assets.common import WINDOW, asset, partitions_of, window_of
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.ingest import land
from assay.contracts.model import Contract


def landed(contract: Contract) -> dg.AssetsDefinition:
    """The source's bytes as an immutable table; lines that could not be read are kept with their reason."""

    source = contract.source.upstream
    beyond = [dg.AssetKey([source[0], "published"])] if source else []

    @asset(
        contract,
        "landed",
        beyond=beyond,
        kinds={"duckdb", "parquet"},
        description=f"What came from {contract.source.shown_location}, as it came.",
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _landed(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            _, parts = installation.parts(contract, context.run.run_id, window_of(context))
            done = [land(part) for part in parts]
        shown = (
            metadata.landed(done[-1].receipt, unchanged=done[-1].unchanged)
            if len(done) == 1
            else metadata.landed_parts({str(p.window): d for p, d in zip(parts, done, strict=True)})
        )
        return dg.MaterializeResult(
            metadata=shown,
            data_version=dg.DataVersion(done[-1].receipt.digest) if len(done) == 1 else None,
        )

    return _landed
