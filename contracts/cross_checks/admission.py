"""What admission does: licences of rows, and treatments of personal columns."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract
from assay.contracts.settings import CONFIDENTIAL


def license_column(contract: Contract) -> Iterator[Disagreement]:
    """A column of licences that holds no text."""
    name, types = contract.license.column, types_of(contract)
    if name and types.get(name, "string") != "string":
        yield Disagreement(
            f"the licences of rows are in '{name}', which the contract declares as {types[name]}",
            "Choose a column of strings",
            "assay.license",
            "assay.type",
        )


def treatments(contract: Contract) -> Iterator[Disagreement]:
    """Columns that need a treatment and have none, and treatments that a column cannot have."""
    for column in contract.columns:
        is_treated = column.name in contract.privacy.columns
        if column.classification in CONFIDENTIAL and not is_treated:
            yield Disagreement(
                f"the column '{column.name}' is classified {column.classification}, "
                "but the contract states no treatment",
                "Add its treatment under assay.privacy `columns`",
                "assay.privacy",
                "policy.privacy",
            )
        if is_treated and column.logical_type != "string":
            yield Disagreement(
                f"the personal column '{column.name}' is not a string",
                "Declare it as `logicalType: string`: treatments replace its values by text",
                "assay.privacy",
                "assay.type",
            )
