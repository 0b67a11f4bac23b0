"""The contracts that a contract refers to: whether each that is there can be read."""

from __future__ import annotations

from collections.abc import Iterable

from assay.assets.io.contract_folder import problem_of
from assay.assets.io.installation import Installation
from assay.contracts.errors import ConfigurationError, Where
from assay.contracts.model import Contract


def related_names(contract: Contract) -> list[str]:
    """The data sets that a contract's source, its `derived_from` and its relationships name, itself left out."""
    pointed_to = [rule.argument.dataset for rule in contract.rules if rule.kind == "relationship"]
    names = dict.fromkeys([*contract.source.inherits, *pointed_to])
    return [name for name in names if name not in (contract.name, contract.table)]


def check_related_contracts(
    installation: Installation, contract: Contract, names: Iterable[str]
) -> None:
    """Whether the contracts of these data sets can be read, as far as there are any.

    Raises: ConfigurationError: names the first that cannot.
    """
    for name in names:
        problem = problem_of(installation.contracts, name)
        if problem is not None:
            raise ConfigurationError(
                f"it refers to '{name}', but the contract of that data set cannot be read: {problem.where}: {problem.problem}",
                f"Fix the contract of {name} first",
                Where(file=contract.file, dataset=contract.name),
            ) from problem
