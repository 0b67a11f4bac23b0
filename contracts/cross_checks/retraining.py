"""Whether the contract allows a model, and gives it something to learn."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract


def retraining(contract: Contract) -> Iterator[Disagreement]:
    """A licence without training, and a model without a target."""
    if contract.retrain is None:
        return
    if "training" not in contract.license.purposes:
        yield Disagreement(
            "a model is trained on the data, "
            "but assay.license does not list the purpose 'training'",
            "Add `training` to its purposes, or remove assay.retrain",
            "assay.retrain",
            "policy.license",
        )
    if not (contract.features and contract.features.target):
        yield Disagreement(
            "assay.retrain has no target to learn",
            "Add `target` to assay.features",
            "assay.retrain",
            "assay.required",
        )
