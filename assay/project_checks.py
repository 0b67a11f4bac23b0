"""What only shows next to the other contracts, and what the policies state, for `assay check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.contracts.document import Document
from assay.contracts.errors import ContractError, Where, shown
from assay.contracts.features import Features
from assay.contracts.location import secrets_in
from assay.contracts.model import Contract, Rule, Severity
from assay.contracts.problems import Problem, key_path, problems_of, suggestion
from assay.contracts.settings import CLASSES, SENSITIVITIES

if TYPE_CHECKING:
    from assay.contracts.load import Linted

Contracts = Mapping[str, Contract]
Key = tuple[str | int, ...]


def lint_file(file: Path) -> Linted:
    """A contract's file, looked through; one that cannot be read is a problem of its own."""
    from assay.assets.io.home import contract_text
    from assay.contracts.load import Linted, lint

    try:
        text = contract_text(file)
    except ContractError as error:
        return Linted(None, None, problems_of(error))
    return lint(text, shown(file))


def problems_across_contracts(
    file: Path, linted: Linted, others: Mapping[Path, Linted]
) -> list[Problem]:
    """What only shows next to the other contracts: a name that two have, a reference to a data set that none describes."""
    contract, document = linted.contract, linted.document
    if contract is None or document is None:
        return []
    files = {
        other.contract.name: path
        for path, other in reversed(list(others.items()))
        if other.contract
    }
    contracts = {other.contract.name: other.contract for other in others.values() if other.contract}
    return [
        *_repeated_name(document, contract, file, files),
        *_relationships(document, contract, files),
        *_joins(document, contract, contracts),
        *_signed_address(document, contract),
        *_privacy(document, contract),
        *_licenses(document, contract, contracts),
    ]


def project_contracts(linted: Mapping[Path, Linted]) -> dict[str, Contract]:
    """Every contract that a source may name: those that are checked, and where one is missing there, those of the project."""
    from assay.assets.io.home import contract_files, home

    contracts = [other.contract for other in linted.values() if other.contract]
    checked = {contract.name: contract for contract in contracts}
    sources = [contract.source.upstream[0] for contract in contracts if contract.source.upstream]
    if all(name in checked for name in sources):
        return checked
    files = {file.resolve() for file in contract_files(home().contracts)} - {
        file.resolve() for file in linted
    }
    others = [other for file in sorted(files) if (other := lint_file(file).contract)]
    return {**{other.name: other for other in others}, **checked}


def upstream_problems(linted: Linted, project: Contracts) -> Iterator[Problem]:
    """A source that is another data set: whether there is one, no circle, and as much care as it asks for."""
    contract, document = linted.contract, linted.document
    if contract is None or document is None or contract.source.upstream is None:
        return
    path = (*_property(document, "assay.source"), "value", "location")
    for problem, remedy in _upstream_faults(contract, contract.source.upstream[0], project):
        yield _problem(document, path, "assay.upstream", "error", problem, remedy)


def _upstream_faults(
    contract: Contract, name: str, project: Contracts
) -> Iterator[tuple[str, str]]:
    """Each fault of a source that is the data set `name`, with its remedy."""
    from assay.contracts.upstream import circle, less_care

    other, around = project.get(name), circle(contract.name, project)
    if other is None:
        remedy = suggestion(name, project, "Write its contract first")
        yield f"the source is '{name}', but no contract has that name", remedy
        return
    if around:
        remedy = "Choose another source for one of them"
        yield f"it is derived from itself: {' from '.join(around)}", remedy
        return
    for purpose in contract.license.purposes:
        if purpose not in other.license.purposes:
            remedy = f"Remove the purpose, or add it to the contract of {name}"
            yield f"the source '{name}' is not admitted for '{purpose}'", remedy
    careless = less_care(contract, other.privacy.sensitivity, other.privacy.region)
    if careless:
        yield f"it is derived from {name}: {careless}", "Declare the same under assay.privacy"


# -- where a problem is --------------------------------------------------------------------


def _problem(
    document: Document, path: Key, id: str, severity: Severity, problem: str, remedy: str
) -> Problem:
    return Problem(id, severity, problem, remedy, document.where(path), key_path(path))


def _property(document: Document, name: str) -> Key:
    """Where a custom property of that name is in the document; the first place if there is none."""
    properties: list[dict[str, Any]] = document.data.get("customProperties", [])
    places = (place for place, entry in enumerate(properties) if entry["property"] == name)
    return ("customProperties", next(places, 0))


def _of_rule(document: Document, rule: Rule) -> Where:
    return Where(file=document.file, line=rule.line, rule=rule.name)


# -- next to the other contracts -------------------------------------------------------------


def _repeated_name(
    document: Document, contract: Contract, file: Path, files: Mapping[str, Path]
) -> Iterator[Problem]:
    first = files[contract.name]
    if first != file:
        problem = f"'{contract.name}' is also the name in {shown(first)}"
        remedy = "Give one of them another `name`"
        yield _problem(document, ("name",), "assay.name", "error", problem, remedy)


def _relationships(
    document: Document, contract: Contract, names: Mapping[str, object]
) -> Iterator[Problem]:
    for rule in contract.rules:
        if rule.kind != "relationship" or rule.argument.dataset in {*names, contract.table}:
            continue
        name = rule.argument.dataset
        otherwise = (
            "Check its contract as well; until that data set is published, the rule stays unknown"
        )
        yield Problem(
            "assay.relationship",
            "warning",
            f"the relationship points to '{name}', which no contract here describes",
            suggestion(name, names, otherwise),
            _of_rule(document, rule),
        )


def _joins(document: Document, contract: Contract, others: Contracts) -> Iterator[Problem]:
    """The data sets that features join rows to, and the columns they ask of them."""
    features: Features | None = contract.features
    for place, join in enumerate(features.transforms if features else ()):
        if join.transform != "as_of":
            continue
        path = (*_property(document, "assay.features"), "value", "transforms", place)
        other = others.get(join.dataset)
        if other is None:
            problem = f"rows are joined to '{join.dataset}', which no contract here describes"
            remedy = suggestion(join.dataset, others, "Check its contract as well")
            yield _problem(document, path, "assay.features", "warning", problem, remedy)
            continue
        for problem, remedy in _join_faults(join, other):
            yield _problem(document, path, "assay.features", "error", problem, remedy)


def _join_faults(join: Any, other: Contract) -> Iterator[tuple[str, str]]:
    """The columns of a join that the other contract does not declare, and a time that is not valid."""
    declared = {column.name: column.logical_type for column in other.published_columns}
    for name in (*join.columns, join.time, *join.by.values()):
        if name not in declared:
            problem = f"rows are joined to '{join.dataset}', which declares no '{name}'"
            yield problem, suggestion(name, declared, "Name its columns")
    if declared.get(join.time, "date") not in ("date", "timestamp", "integer"):
        problem = f"rows are joined by '{join.time}' of '{join.dataset}', which the contract declares as {declared[join.time]}, not as a time"
        yield problem, "Name its date, timestamp or whole number"


# -- what the policies state -------------------------------------------------------------------


def _signed_address(document: Document, contract: Contract) -> Iterator[Problem]:
    """An address that holds a credential: whoever reads the contract can use it."""
    names = secrets_in(contract.source.location)
    if names:
        path = (*_property(document, "assay.source"), "value", "location")
        problem = f"`location` contains a credential in its query (`{names[0]}`)"
        remedy = "Use an address without one, or the store's own (s3://, gs://, az://) with credentials from the environment; Assay itself repeats the query nowhere"
        yield _problem(document, path, "assay.secret", "warning", problem, remedy)


def _privacy(document: Document, contract: Contract) -> Iterator[Problem]:
    """Personal columns that are more sensitive than the contract declares, or that nothing in it uses."""
    declared = contract.privacy.sensitivity
    for name, treatment in contract.privacy.columns.items():
        if treatment.treatment == "drop":
            continue
        path = (*_property(document, "assay.privacy"), "value", "columns", name)
        least = CLASSES.get(treatment.kind, "personal")
        too_low = SENSITIVITIES.index(declared) < SENSITIVITIES.index(least)
        if treatment.kind != "other" and too_low:
            remedy = f"Write `sensitivity: {least}`, or drop the column"
            problem = f"'{name}' holds {treatment.kind.replace('_', ' ')}, which is {least}, but the contract declares {declared}"
            yield _problem(document, path, "policy.sensitivity", "warning", problem, remedy)
    yield from _minimisation(document, contract)


def _minimisation(document: Document, contract: Contract) -> Iterator[Problem]:
    """One note about every personal column that is published and not used in the contract.

    Source: GDPR, article 5(1)(c), data minimisation.
    """
    needed = _columns_in_use(contract)
    unused = [
        name
        for name, treatment in contract.privacy.columns.items()
        if treatment.treatment != "drop" and name not in needed
    ]
    if not unused:
        return
    path = (*_property(document, "assay.privacy"), "value", "columns", unused[0])
    names = ", ".join(map(repr, unused))
    problem = f"personal columns are published that no rule, cleaning step or feature of the contract uses: {names}"
    purposes = " and ".join(contract.license.purposes)
    remedy = f"Write `treatment: drop` for each column that {purposes} can do without"
    yield _problem(document, path, "policy.minimisation", "info", problem, remedy)


def _columns_in_use(contract: Contract) -> set[str | None]:
    """The columns that something in the contract works with."""
    features, index, anonymity = contract.features, contract.index, contract.privacy.anonymity
    compared = ("unique", "duplicateValues", "relationship")
    groups: list[Any] = [
        *(rule.columns for rule in contract.rules if rule.kind in compared),
        (column.name for column in contract.columns if column.primary_key),
        (contract.retention.subject_key,),
        *(step.reads for step in contract.cleaning),
        contract.drift.columns if contract.drift else (),
        features.named if features else (),
        (index.key, index.text) if index else (),
        (*anonymity.quasi_identifiers, *anonymity.sensitive) if anonymity else (),
    ]
    return {column for group in groups for column in group}


def _licenses(document: Document, contract: Contract, others: Contracts) -> Iterator[Problem]:
    """What the licence policy states about the declared purposes, and about the licences of the sources."""
    from assay.contracts.policy import license_policy
    from assay.pipelines.admit.license import judge_license, looser

    path = (*_property(document, "assay.license"), "value", "expression")
    policy = license_policy()
    verdict = judge_license(contract.license, policy, datetime.now(UTC).date())
    if verdict.outcome != "allowed":
        is_refused = verdict.outcome == "refused"
        remedy = (
            "Drop the purpose, or get another licence from the holder"
            if is_refused
            else "Find out what the holder allows; until then each version needs a decision by a person"
        )
        severity: Severity = "error" if is_refused else "warning"
        reasons = "; ".join(verdict.reasons)
        yield _problem(document, path, "policy.license", severity, reasons, remedy)
    inherited = {
        name: others[name].license.expression for name in contract.source.inherits if name in others
    }
    for name in contract.source.derived_from:
        if name not in inherited:
            problem = f"it is derived from '{name}', which no contract here describes"
            remedy = suggestion(name, others, "Check its contract as well")
            yield _problem(document, path, "policy.derived", "warning", problem, remedy)
    for reason in looser(contract.license, inherited, policy) if inherited else ():
        remedy = "Declare a licence that is as strict, or remove that source"
        yield _problem(document, path, "policy.derived", "error", reason, remedy)
