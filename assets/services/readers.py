"""Who reads the columns of a data set: recorded uses, and what is derived from them.

Belongs here: naming them. Stays out: what a change does to them (contracts/compatibility/), and
what a changed rule does to rows (rule_trials.py).
"""

from __future__ import annotations

from collections.abc import Collection

from assay.assets.io.contract_folder import readable
from assay.assets.io.installation import Installation
from assay.contracts.model import Contract


def readers(
    installation: Installation, contract: Contract, columns: Collection[str] = ()
) -> tuple[str, ...]:
    """Everyone and everything that a change of these columns reaches.

    Args:
        contract: the state of the contract whose features, model and index count.
        columns: of the contract; none for all of them.
    Returns: people with their purpose, then features, model and index, then other data sets.
    """
    chosen = set(columns) or set(contract.column_names)
    return (
        *_people(installation, contract.name),
        *_products(contract, chosen),
        *_other_data_sets(installation, contract.name, chosen),
    )


def _people(installation: Installation, name: str) -> list[str]:
    uses = installation.registry.uses.all(name)
    return sorted({f"{use.actor} ({use.purpose})" for use in uses if use.allowed})


def _products(contract: Contract, columns: set[str]) -> list[str]:
    """The features, the model and the index that are built from the columns."""
    name, features, index = contract.name, contract.features, contract.index
    products = []
    read = [c for c in contract.column_names if features and c in features.reads and c in columns]
    if read:
        products.append(f"{name}/features ({', '.join(sorted(read))})")
    if contract.retrain and features and features.target:
        learned = {features.target.column, *features.reads}
        products += [f"model {contract.retrain.model}"] if columns & learned else []
    if index and columns & {index.key, index.text}:
        products.append(f"{name}/index")
    return products


def _other_data_sets(installation: Installation, name: str, columns: set[str]) -> list[str]:
    """Data sets whose source is this one, and columns that refer to its columns."""
    others = readable(installation.contracts).values()
    derived = {f"{other.name} (derived)" for other in others if name in other.source.inherits}
    referring = {
        f"{other.name}.{', '.join(rule.columns)}"
        for other in others
        for rule in other.rules
        if rule.kind == "relationship"
        and rule.argument.dataset == name
        and columns & set(rule.argument.columns)
    }
    return [*sorted(derived), *sorted(referring)]
