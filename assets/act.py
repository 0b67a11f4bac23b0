"""The assets `model` and `index`: made only when something asks for them."""

from collections.abc import Iterator

import dagster as dg

from assay.assets import metadata
from assay.assets.common import asset, follows
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.act import Acted
from assay.assets.stages.index import rebuild_if_due
from assay.assets.stages.model import retrain_if_due
from assay.contracts.model import Contract


def model(contract: Contract) -> dg.AssetsDefinition:
    """A model trained on the newest version when drift asks for it, judged against the champion."""
    after = ["features", "drift"] if contract.drift else ["features"]

    @asset(
        contract,
        "model",
        after=after,
        automation_condition=follows(contract),
        output_required=False,
        kinds={"scikitlearn", "mlflow"},
        description="The candidate and its judgement; the champion stays if it is better.",
    )
    def _model(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            acted = retrain_if_due(run)
        if acted is None:
            context.log.info("nothing is due")
            return
        card = run.installation.models.card(acted.details["model"], acted.details["model_version"])
        yield _result(acted, metadata.modelled(acted.details, card))

    return _model


def index(contract: Contract) -> dg.AssetsDefinition:
    """The retrieval index, rebuilt when documents have changed, judged by the contract's questions."""

    @asset(
        contract,
        "index",
        after=["published"],
        automation_condition=follows(contract),
        output_required=False,
        kinds={"lancedb", "scikitlearn"},
        description="The candidate index and its judgement; the one in service stays if it is better.",
    )
    def _index(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        with failures_told():
            acted = rebuild_if_due(installation.run(contract, context.run.run_id))
        if acted is None:
            context.log.info("nothing is due")
            return
        yield _result(acted, metadata.indexed(acted.details))

    return _index


def _result(acted: Acted, told: metadata.Metadata) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
    return dg.MaterializeResult(
        metadata=told, data_version=dg.DataVersion(f"{acted.version}/{acted.details['outcome']}")
    )
