"""How the models in service perform, measured by the outcomes that have arrived."""

from __future__ import annotations

import numpy as np
import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.io.registry.models import ServingModel
from assay.assets.stages.outcomes import MODEL, SCORE, _predictions, live
from assay.contracts.model import Contract
from assay.contracts.settings import DriftPolicy, Performance, Retrain
from assay.pipelines.drift.claims import Claim
from assay.pipelines.drift.scores import performance, prediction_drift

FEWEST = 50


def claims(installation: Installation, contract: Contract, policy: DriftPolicy) -> list[Claim]:
    """What the model in service adds to a version's drift: its predictions, and its performance."""
    champion = (
        installation.registry.models.serving(contract.name).get("champion")
        if contract.retrain
        else None
    )
    if champion is None or contract.retrain is None:
        return []
    measurements = []
    given = _predictions(installation, contract.name).filter(pl.col(MODEL) == champion.version)
    judged = champion.details.get("judged_scores")
    if given.height >= FEWEST and judged:
        measurements.append(
            prediction_drift(np.asarray(judged), given[SCORE].to_numpy(), policy.predictions)
        )
    claim = _performance(installation, contract, contract.retrain, policy.performance, champion)
    return [*measurements, claim] if claim else measurements


def _performance(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    bounds: Performance,
    serving: ServingModel,
) -> Claim | None:
    """How one that serves does where outcomes have arrived; None if none have."""
    metric = bounds.metric or policy.metric
    labels, scores = live(installation, contract.name, serving.version)
    if not len(labels):
        return None
    return performance(
        labels,
        scores,
        metric=metric,
        judged_at=serving.details.get("judged", {}).get(metric),
        policy=bounds,
        seed=policy.seed,
    )
