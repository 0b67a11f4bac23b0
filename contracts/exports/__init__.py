"""Contract -> other tools' own formats, each from the contract alone.

The same contract always gives the same text.

Belongs here: one module a format, saying what it leaves out and why. Stays out: running the tools
(assets/services/docs.py), reading contracts (load.py). Every format describes a version: the
published columns, and the rules whose rows are set aside before anything is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assay.contracts.errors import ContractError, Where
from assay.contracts.exports.croissant import croissant
from assay.contracts.exports.dagster import dagster
from assay.contracts.exports.evidently import evidently
from assay.contracts.exports.great_expectations import great_expectations
from assay.contracts.exports.json_schema import json_schema
from assay.contracts.exports.openlineage import openlineage
from assay.contracts.exports.pandera import pandera
from assay.contracts.exports.polars import polars
from assay.contracts.model import Contract
from assay.contracts.problems import suggestion

FORMATS: Mapping[str, Callable[[Contract], str]] = {
    "croissant": croissant,
    "dagster": dagster,
    "evidently": evidently,
    "great-expectations": great_expectations,
    "jsonschema": json_schema,
    "openlineage": openlineage,
    "pandera": pandera,
    "polars": polars,
}


def export(contract: Contract, to: str) -> str:
    """The contract as a text of that format. Raises: ContractError: no such format."""
    if to not in FORMATS:
        raise ContractError(
            f"Assay does not export to '{to}'",
            suggestion(to, FORMATS, f"Choose one of {', '.join(FORMATS)}"),
            Where(file=contract.file, dataset=contract.name),
            "assay.export",
        )
    return FORMATS[to](contract)
