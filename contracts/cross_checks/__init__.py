"""What only shows when a whole contract is read: whether its settings and columns agree.

Belongs here: one module a subject, each a list of disagreements. Stays out: what a setting may hold
by itself (settings/), reading it (load.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assay.contracts.cross_checks.admission import license_column, treatments
from assay.contracts.cross_checks.bias import bias
from assay.contracts.cross_checks.cleaning import cleaning
from assay.contracts.cross_checks.columns import (
    dropped_by_admission,
    not_promised,
    of_nested_values,
)
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.cross_checks.drift import drift
from assay.contracts.cross_checks.features import features
from assay.contracts.cross_checks.index import index
from assay.contracts.cross_checks.partitions import partitions
from assay.contracts.cross_checks.retraining import retraining
from assay.contracts.document import Document
from assay.contracts.errors import ContractError
from assay.contracts.model import Contract

CHECKS: tuple[Callable[[Contract], Iterator[Disagreement]], ...] = (
    not_promised,
    of_nested_values,
    dropped_by_admission,
    partitions,
    license_column,
    treatments,
    cleaning,
    bias,
    features,
    drift,
    retraining,
    index,
)


def cross_checks(contract: Contract, document: Document) -> Iterator[ContractError]:
    """Everything that parts of the contract do not agree on, each at its line."""
    for check in CHECKS:
        for disagreement in check(contract):
            yield disagreement.located(document)
