"""Groups and outcomes of `assay.bias`, and rules that measure them."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import NUMERIC, types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.measures import BIAS
from assay.contracts.model import Contract, Rule
from assay.contracts.settings import Bias

_OF_OUTCOMES = ("labelShare", "parityDifference", "impactRatio")
"""Metrics that compare outcomes, and so need a `label`."""


def bias(contract: Contract) -> Iterator[Disagreement]:
    """Outcomes above a number of what is none, and rules about groups that are not declared."""
    yield from _outcome(contract)
    for rule in contract.rules:
        if rule.kind == "metric" and rule.argument.name in BIAS:
            yield from _rule(rule, contract.bias)


def _outcome(contract: Contract) -> Iterator[Disagreement]:
    label = contract.bias.label if contract.bias else None
    if label is None or label.above is None:
        return
    types = types_of(contract)
    if types.get(label.column, "integer") not in NUMERIC:
        yield Disagreement(
            f"`above` needs numbers, but '{label.column}' is declared as {types[label.column]}",
            "Say `equals`",
            "assay.bias",
            "assay.type",
        )


def _rule(rule: Rule, declared: Bias | None) -> Iterator[Disagreement]:
    group, needs_label = rule.argument.column, rule.argument.name in _OF_OUTCOMES
    if declared and group in declared.groups and (declared.label or not needs_label):
        return
    remedy = f"Add it to assay.bias: `groups: [{group}]`"
    yield Disagreement(
        f"the rule '{rule.name}' measures bias that assay.bias does not declare",
        remedy + (", and a `label`" if needs_label else ""),
        "assay.bias",
        "assay.columns",
        rule_line=rule.line,
    )
