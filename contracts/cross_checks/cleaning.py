"""Cleaning steps: their order, and columns that cannot serve them."""

from __future__ import annotations

from collections.abc import Iterator

from assay.contracts.cross_checks.columns import NUMERIC, types_of
from assay.contracts.cross_checks.disagreement import Disagreement
from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep
from assay.contracts.steps.fills import unfit

SETTING = "assay.cleaning"


def cleaning(contract: Contract) -> Iterator[Disagreement]:
    """Steps in an order that cannot work, and steps on columns of another type than they need."""
    yield from _order(contract)
    types = types_of(contract)
    for step in contract.cleaning:
        yield from _types(step, types)
        if step.step == "fill_missing":
            for problem, remedy in unfit(step, contract.columns):
                yield Disagreement(problem, remedy, SETTING, "assay.type")


def _order(contract: Contract) -> Iterator[Disagreement]:
    phases = [step.phase for step in contract.cleaning]
    if phases == sorted(phases):
        return
    last = max(index for index, phase in enumerate(phases) if phase == "text")
    yield Disagreement(
        f"the step '{contract.cleaning[last].step}' works on text, "
        "but comes after a step that works on values",
        "Put the steps on text first",
        SETTING,
        "assay.value",
    )


def _types(step: CleaningStep, types: dict[str, str]) -> Iterator[Disagreement]:
    for name in step.numbers:
        if name in types and types[name] not in NUMERIC:
            yield Disagreement(
                f"{step.step} needs numbers, but '{name}' is declared as {types[name]}",
                "Choose columns of integers or numbers",
                SETTING,
                "assay.type",
            )
    if step.step == "near_duplicate_texts" and types.get(step.column, "string") != "string":
        yield Disagreement(
            f"{step.step} compares texts, but '{step.column}' is declared as {types[step.column]}",
            "Choose a column of strings",
            SETTING,
            "assay.type",
        )
