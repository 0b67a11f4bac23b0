"""The asset `landed`: the source's bytes, kept."""

import dagster as dg

from assets import metadata
from assets.common import asset
from assets.resources import OfficeResource, failures_told
from assets.stages.ingest import land
from contracts.model import Contract


def landed(contract: Contract) -> dg.AssetsDefinition:
    """The source's bytes as an immutable table; lines that could not be read are kept with their reason."""

    @asset(contract, "landed", kinds={"duckdb", "parquet"}, description=f"What came from {contract.source.location}, as it came.")
    def _landed(context: dg.AssetExecutionContext, office: OfficeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value: the rows lie in the lake
        with failures_told():
            done = land(office.run(contract, context.run.run_id))
        return dg.MaterializeResult(metadata=metadata.landed(done.receipt, unchanged=done.unchanged), data_version=dg.DataVersion(done.receipt.digest))

    return _landed
