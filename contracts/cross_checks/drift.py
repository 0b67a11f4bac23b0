"""Columns of `assay.drift` that cannot serve as it needs them."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import NUMERIC, types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract
from assay.contracts.settings import DriftPolicy

SETTING = "assay.drift"


def drift(contract: Contract) -> Iterator[Disagreement]:
    """Tests, texts, times and slices of columns of another kind."""
    policy = contract.drift
    if policy is None:
        return
    yield from _methods(policy, types_of(contract))
    yield from _texts(contract, policy)
    yield from _newest(policy, types_of(contract))
    for part in policy.slices:
        if part.column in contract.privacy.columns:
            yield Disagreement(
                f"a slice names '{part.column}', which is personal",
                "Slice by columns that are not personal",
                SETTING,
                "assay.columns",
            )


def _methods(policy: DriftPolicy, types: dict[str, str]) -> Iterator[Disagreement]:
    for name, method in policy.methods.items():
        is_numeric = types.get(name) in NUMERIC
        unsuited = ("chisquare",) if is_numeric else ("ks", "wasserstein")
        if name in types and method.method in unsuited:
            yield Disagreement(
                f"`{method.method}` does not compare {types[name]}s, "
                f"but '{name}' is declared as one",
                f"Choose a test that compares {'numbers' if is_numeric else 'categories'}",
                SETTING,
                "assay.type",
            )


def _texts(contract: Contract, policy: DriftPolicy) -> Iterator[Disagreement]:
    types = types_of(contract)
    for name in policy.texts.columns if policy.texts else ():
        treatment = contract.privacy.columns.get(name)
        if types.get(name, "string") != "string":
            yield Disagreement(
                f"`texts` needs strings, but '{name}' is declared as {types[name]}",
                "Choose columns of strings",
                SETTING,
                "assay.type",
            )
        elif treatment and treatment.treatment != "redact":
            yield Disagreement(
                f"`texts` names '{name}', which has no text after admission",
                "Remove it, or choose the treatment `redact`",
                SETTING,
                "assay.columns",
            )


def _newest(policy: DriftPolicy, types: dict[str, str]) -> Iterator[Disagreement]:
    column = policy.newest.column if policy.newest else None
    if column in types and types[column] not in ("date", "timestamp"):
        yield Disagreement(
            f"`newest` needs a date or a timestamp, but '{column}' is declared as {types[column]}",
            "Name a time",
            SETTING,
            "assay.type",
        )
