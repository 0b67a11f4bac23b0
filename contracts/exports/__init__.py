"""Contract -> other tools' own formats, each from the contract alone.

The same contract always gives the same text.

Belongs here: one module a format, saying what it leaves out and why. Stays out: running the tools
(assets/services/docs.py), reading contracts (load.py). Every format describes a version: the
published columns, and the rules whose rows are quarantined before anything is published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from assay.contracts.errors import ContractError, Where
from assay.contracts.model import Contract
from assay.contracts.problems import suggestion

FORMATS: Mapping[str, str] = {
    "croissant": "croissant",
    "dagster": "dagster",
    "evidently": "evidently",
    "great-expectations": "great_expectations",
    "jsonschema": "json_schema",
    "openlineage": "openlineage",
    "pandera": "pandera",
    "polars": "polars",
}
"""Each format with its module, and the function in it of the same name.

A module is imported when its format is requested: some need Polars, others a package of the format.
"""


def export(contract: Contract, to: str) -> str:
    """The contract as a text of that format. Raises: ContractError: no such format."""
    if to not in FORMATS:
        raise ContractError(
            f"Assay does not export to '{to}'",
            suggestion(to, FORMATS, f"Choose one of {', '.join(FORMATS)}"),
            Where(file=contract.file, dataset=contract.name),
            "assay.export",
        )
    name = FORMATS[to]
    write: Callable[[Contract], str] = getattr(import_module(f"{__name__}.{name}"), name)
    return write(contract)
