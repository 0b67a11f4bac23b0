"""The floors of `assay.privacy`'s `anonymity` -> rules about the whole version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from assay.contracts.dimensions import dimension_of_rule
from assay.contracts.model import Bound, Column, Measure, Rule
from assay.contracts.settings import Anonymity, Privacy


def anonymity_rules(privacy: Privacy | None, columns: Sequence[Column]) -> tuple[Rule, ...]:
    """A rule for each floor: k of the quasi-identifiers, l and t of each sensitive column."""
    floors = privacy.anonymity if privacy else None
    if floors is None:
        return ()
    numeric = {column.name for column in columns if column.logical_type in ("integer", "number")}
    rules = [_k_anonymity(floors)]
    for column in floors.sensitive:
        rules += _of_sensitive(column, floors, is_numeric=column in numeric)
    return tuple(rules)


def _k_anonymity(floors: Anonymity) -> Rule:
    return _rule(
        "k_anonymity",
        Measure(what="k", quasi_identifiers=floors.quasi_identifiers),
        Bound(comparison="mustBeGreaterOrEqualTo", value=floors.k, unit="value"),
        f"at least {floors.k} rows share each combination of {_combination(floors)}",
    )


def _of_sensitive(column: str, floors: Anonymity, *, is_numeric: bool) -> Iterator[Rule]:
    def measure(what: Literal["l", "t"]) -> Measure:
        return Measure(
            what=what,
            quasi_identifiers=floors.quasi_identifiers,
            sensitive=column,
            numeric=is_numeric,
        )

    within = f"within each combination of {_combination(floors)}"
    if floors.l is not None:
        yield _rule(
            f"{column}_l_diversity",
            measure("l"),
            Bound(comparison="mustBeGreaterOrEqualTo", value=floors.l, unit="value"),
            f"at least {floors.l} values of {column} {within}",
        )
    if floors.t is not None:
        yield _rule(
            f"{column}_t_closeness",
            measure("t"),
            Bound(comparison="mustBeLessOrEqualTo", value=floors.t, unit="value"),
            f"{column} {within} is distributed as in all rows, up to {floors.t:g}",
        )


def _rule(name: str, measure: Measure, bound: Bound, text: str) -> Rule:
    return Rule(
        name=name,
        kind="anonymity",
        argument=measure,
        bound=bound,
        dimension=dimension_of_rule("anonymity"),
        description=text,
    )


def _combination(floors: Anonymity) -> str:
    return ", ".join(floors.quasi_identifiers)
