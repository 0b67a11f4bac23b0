"""The asset `features`."""

import importlib.util
from typing import cast, get_args

import dagster as dg
from pydantic import Field

from assay.assets import metadata
from assay.assets.common import asset, follows
from assay.assets.config import plain_schema, read_settings
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.features import make_features
from assay.contracts.features import Features, Wanted
from assay.contracts.model import Contract

POOL = "gpu"
"""One slot a device: `dagster instance concurrency set gpu N`; one unless set."""


class Engine(dg.Config):
    """Where to make the features; the contract's engine unless said."""

    engine: str | None = Field(
        default=None, pattern=f"^({'|'.join(get_args(Wanted))})$"
    )  # Dagster takes no Literal


def features(contract: Contract) -> dg.AssetsDefinition:
    """The feature table of the newest version, with the state that inference needs."""

    @asset(
        contract,
        "features",
        after=["published"],
        kinds={"polars", "deltalake"},
        automation_condition=follows(contract),
        description="Features of the newest version.",
        config_schema=plain_schema(Engine),
        pool=POOL if contract.features and _takes_a_device(contract.features) else None,
    )
    def _features(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            engine = read_settings(Engine, context.op_execution_context).engine
            made = make_features(run, cast("Wanted | None", engine))
        return dg.MaterializeResult(
            metadata=metadata.featured(contract, made.version, made.details, new=made.new),
            data_version=dg.DataVersion(made.details["digests"]["part-00000.parquet"]),
        )

    return _features


def _takes_a_device(wanted: Features) -> bool:
    """Whether a run may use a GPU, as far as what is installed says; trying one would take seconds of every load."""
    return wanted.engine in ("gpu", "ray-gpu") or (
        wanted.engine == "auto" and importlib.util.find_spec("cudf_polars") is not None
    )
