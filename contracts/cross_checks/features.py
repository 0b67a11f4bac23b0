"""Transforms of columns that they cannot read, that look at the target, or that no one may use."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.features import Features
from assay.contracts.model import Contract

SETTING = "assay.features"
_SUITED = {
    "number": ("integer", "number"),
    "text": ("string",),
    "time": ("date", "timestamp"),
}
"""What a transform needs -> the logical types that are such."""
_ORDERED = ("date", "timestamp", "integer")


def features(contract: Contract) -> Iterator[Disagreement]:
    """Everything about the features that the rest of the contract does not allow."""
    declared = contract.features
    if declared is None:
        return
    yield from _types(declared, types_of(contract))
    yield from _time_zones(contract, declared)
    yield from _order(contract, declared)
    yield from _leaks(contract, declared)
    yield from _sensitive_columns(contract, declared)


def _types(declared: Features, types: dict[str, str]) -> Iterator[Disagreement]:
    """Columns of another type than what reads them needs."""
    needs = [
        (f"`{transform.transform}`", column, kind)
        for transform, columns in declared.read_by()
        for column, kind in transform.needs.items()
        if column in columns
    ]
    if declared.target:
        needs.append(("the target", declared.target.column, "number"))
    for reader, column, kind in needs:
        if column in types and types[column] not in _SUITED[kind]:
            yield Disagreement(
                f"{reader} needs {kind}s, but '{column}' is declared as {types[column]}",
                f"Name columns of {' or '.join(_SUITED[kind])}s",
                SETTING,
                "assay.type",
            )


def _time_zones(contract: Contract, declared: Features) -> Iterator[Disagreement]:
    """Transforms that read the clock of a zone, of a column that has none."""
    timestamps = [column for column in contract.columns if column.logical_type == "timestamp"]
    zoneless = {column.name for column in timestamps if not column.timezone}
    for transform, columns in declared.read_by():
        if not getattr(transform, "time_zone", None):
            continue
        for column in sorted(zoneless & set(columns)):
            yield Disagreement(
                f"`{transform.transform}` reads '{column}' in a `time_zone`, "
                "but the column is declared without a zone",
                "Remove `time_zone`, or declare the column with its zone",
                SETTING,
                "assay.type",
            )


def _order(contract: Contract, declared: Features) -> Iterator[Disagreement]:
    """Rows ordered by what has no order in time, and spans that do not fit it."""
    kind = types_of(contract).get(declared.order_by, "timestamp")
    goes_by_time = any(transform.by_time for transform in declared.transforms)
    if (contract.holdout or goes_by_time) and kind not in _ORDERED:
        yield Disagreement(
            f"rows are ordered by '{declared.order_by}', which the contract declares as {kind}",
            "Order them by a date, a timestamp or an integer",
            SETTING,
            "assay.type",
        )
    elif _types_of_spans(declared) - {int if kind == "integer" else str}:
        example = "a whole number, such as 7" if kind == "integer" else "a time, such as 7d"
        yield Disagreement(
            f"a span does not fit '{declared.order_by}', which the contract declares as {kind}",
            f"Write it as {example}",
            SETTING,
            "assay.value",
        )


def _types_of_spans(declared: Features) -> set[type]:
    spans = [
        getattr(transform, name, None)
        for transform in declared.transforms
        for name in ("span", "gap", "within")
    ]
    return {type(span) for span in spans if span not in (None, "all")}


def _leaks(contract: Contract, declared: Features) -> Iterator[Disagreement]:
    """Features that know what the model is to find out, or the rows that it is evaluated on."""
    for transform, column in declared.leaks():
        yield Disagreement(
            f"`{transform.transform}` looks at '{column}', from which the target is derived: "
            "the label would leak into the features",
            "Remove it, or use `window` or `lag`, which read earlier rows only",
            SETTING,
            "assay.leak",
        )
    retrain = contract.retrain
    if declared.holdout and retrain and declared.holdout < retrain.holdout:
        yield Disagreement(
            f"features are fitted on all but {declared.holdout:.0%} of the rows, "
            f"but the model is evaluated on {retrain.holdout:.0%}",
            "Remove `holdout` from assay.features",
            SETTING,
            "assay.leak",
        )


def _sensitive_columns(contract: Contract, declared: Features) -> Iterator[Disagreement]:
    """Columns of a class for which the features allow no purpose, or not that of the model."""
    classes = contract.classes
    for column in declared.reads:
        if column not in classes:
            continue
        allowed = set(declared.allows.get(classes[column], ())) & set(contract.license.purposes)
        if allowed and (contract.retrain is None or "training" in allowed):
            continue
        purpose = "training" if allowed else "any purpose that the data are licensed for"
        yield Disagreement(
            f"features are computed from '{column}' ({classes[column]}), "
            f"which assay.features does not allow for {purpose}",
            f"Remove it, or add `allows: {{{classes[column]}: [training]}}` if that is lawful",
            SETTING,
            "policy.privacy",
        )
