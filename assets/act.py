"""The assets `model` and `index`: made only when something asks for them."""

from collections.abc import Iterator

import dagster as dg

from assets.common import asset, follows
from assets.resources import OfficeResource, failures_told
from assets.stages.act import Acted
from assets.stages.index import rebuild_if_due
from assets.stages.model import retrain_if_due
from contracts.model import Contract


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
    def _model(context: dg.AssetExecutionContext, office: OfficeResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        with failures_told():
            acted = retrain_if_due(office.run(contract, context.run.run_id))
        yield from _results(context, acted)

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
    def _index(context: dg.AssetExecutionContext, office: OfficeResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        with failures_told():
            acted = rebuild_if_due(office.run(contract, context.run.run_id))
        yield from _results(context, acted)

    return _index


def _results(context: dg.AssetExecutionContext, acted: Acted | None) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
    if acted is None:
        context.log.info("nothing is due")
        return
    plain = {key: value for key, value in acted.details.items() if value is not None}
    measured = acted.details["candidate"]
    numbers = {} if measured is None else {acted.details["metric"]: float(measured)}
    yield dg.MaterializeResult(metadata={**plain, **numbers}, data_version=dg.DataVersion(f"{acted.version}/{acted.details['outcome']}"))
