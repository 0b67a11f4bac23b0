"""Which class reads which `assay.*` custom property, and which of them every contract has."""

from __future__ import annotations

from assay.contracts.features import Features
from assay.contracts.settings import (
    Approvals,
    Bias,
    DriftPolicy,
    Index,
    License,
    Privacy,
    Retention,
    Retrain,
    Settings,
    Source,
)

PROPERTIES: dict[str, type[Settings]] = {
    "assay.source": Source,
    "assay.license": License,
    "assay.privacy": Privacy,
    "assay.bias": Bias,
    "assay.features": Features,
    "assay.drift": DriftPolicy,
    "assay.retrain": Retrain,
    "assay.index": Index,
    "assay.retention": Retention,
    "assay.approvals": Approvals,
}
REQUIRED = ("assay.source", "assay.license", "assay.privacy", "assay.retention")
