"""Columns that settings name: declared, of plain values, and not dropped by admission."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract
from assay.contracts.problems import suggestion

NESTED = ("object", "array", "map", "vector")
NUMERIC = ("integer", "number")


def types_of(contract: Contract) -> dict[str, str]:
    """The logical type of each declared column."""
    return {column.name: column.logical_type for column in contract.columns}


def not_promised(contract: Contract) -> Iterator[Disagreement]:
    """Settings that name a column which the contract does not promise."""
    promised = set(contract.column_names)
    treated = [
        *contract.privacy.columns,
        *contract.privacy.phone_regions,
        *_anonymity(contract),
    ]
    named = {**_plainly_named(contract), **_otherwise_named(contract), "assay.privacy": treated}
    for setting, columns in named.items():
        for name in columns:
            if name not in promised:
                yield Disagreement(
                    f"{setting} names the column '{name}', which the contract does not declare",
                    suggestion(name, promised, "Declare it, or remove it here"),
                    setting,
                    "assay.columns",
                )


def of_nested_values(contract: Contract) -> Iterator[Disagreement]:
    """Settings that need plain values, and name a column that nests some."""
    types = types_of(contract)
    for setting, columns in _plainly_named(contract).items():
        for name in dict.fromkeys(columns):
            if types.get(name) in NESTED:
                yield Disagreement(
                    f"{setting} names '{name}', which the contract declares as {types[name]}",
                    "Choose columns of plain values",
                    setting,
                    "assay.type",
                )


def dropped_by_admission(contract: Contract) -> Iterator[Disagreement]:
    """Rules and settings that name a column which is gone before they could read it."""
    treatments = contract.privacy.columns.items()
    dropped = {name for name, treatment in treatments if treatment.treatment == "drop"}
    named: Mapping[str, Sequence[str]] = {
        "a rule": [column for rule in contract.rules for column in rule.columns],
        **_plainly_named(contract),
        "assay.privacy": _anonymity(contract),
    }
    for user, columns in named.items():
        for name in sorted(dropped & set(columns)):
            yield Disagreement(
                f"{user} names the column '{name}', which admission drops",
                "Remove it there, or choose another treatment for the column",
                "assay.privacy",
                "assay.columns",
            )


def _plainly_named(contract: Contract) -> dict[str, Sequence[str]]:
    """The columns of settings that read published columns of plain values."""
    return {
        "assay.cleaning": [column for step in contract.cleaning for column in step.reads],
        "assay.drift": _drift(contract),
        "assay.features": contract.features.named if contract.features else (),
        "assay.bias": _bias(contract),
    }


def _otherwise_named(contract: Contract) -> dict[str, Sequence[str]]:
    windows, license_column = contract.source.windows, contract.license.column
    return {
        "assay.source": [windows.column] if windows else (),
        "assay.license": [license_column] if license_column else (),
        "assay.retrain": _retraining(contract),
        "assay.index": _index(contract),
    }


def _bias(contract: Contract) -> list[str]:
    bias = contract.bias
    if bias is None:
        return []
    return [*bias.groups, *([bias.label.column] if bias.label else [])]


def _drift(contract: Contract) -> list[str]:
    policy = contract.drift
    if policy is None:
        return []
    return [
        *policy.columns,
        *(policy.texts.columns if policy.texts else ()),
        *([policy.newest.column] if policy.newest else []),
        *(part.column for part in policy.slices),
    ]


def _retraining(contract: Contract) -> list[str]:
    """The columns by which a model is evaluated, in addition to its features."""
    policy = contract.retrain
    if policy is None:
        return []
    groups = policy.fairness.groups if policy.fairness else ()
    return [*(part.column for part in policy.slices), *groups]


def _index(contract: Contract) -> list[str]:
    index = contract.index
    if index is None:
        return []
    return [name for name in (index.key, index.text, index.title, index.vector) if name]


def _anonymity(contract: Contract) -> list[str]:
    anonymity = contract.privacy.anonymity
    return [*anonymity.quasi_identifiers, *anonymity.sensitive] if anonymity else []
