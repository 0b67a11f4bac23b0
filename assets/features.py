"""The asset `features`."""

import dagster as dg

from assets import metadata
from assets.common import asset, follows
from assets.resources import OfficeResource, failures_told
from assets.stages.features import feature_state, make_features, settings
from contracts.model import Contract
from lineage.columns import lineage_of
from pipelines.features.table import expressions


def features(contract: Contract) -> dg.AssetsDefinition:
    """The feature table of the newest version, with the state that inference needs."""

    @asset(
        contract,
        "features",
        after=["published"],
        kinds={"polars", "deltalake"},
        automation_condition=follows(contract),
        description="Features of the newest version.",
    )
    def _features(context: dg.AssetExecutionContext, office: OfficeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = office.run(contract, context.run.run_id)
        with failures_told():
            made = make_features(run)
            wanted = settings(run)
            lineage = lineage_of(expressions(wanted, feature_state(run.office, contract.name, made.version)), [wanted.order_by])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": made.details["rows"], "version": made.version, "engine": made.details["engine"], "features": len(made.details["features"]), "new": made.new,
                "dagster/column_lineage": metadata.column_lineage([contract.name, "published"], lineage),
                "made_from": metadata.markdown(["feature", "from"], [(name, ", ".join(fields)) for name, fields in lineage.items()]),
            },
            data_version=dg.DataVersion(made.details["digests"]["part-00000.parquet"]),
        )  # fmt: skip

    return _features
