"""ODCS YAML text -> contract.

Belongs here: checking a document against the official schema and our settings, all errors at once,
each with its line. Stays out: each check (standard/, property_reader.py, declared_rules/,
cross_checks/), what a rule means on data (rules.py).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from assay.contracts.cross_checks import cross_checks
from assay.contracts.declared_rules import Collected, anonymity_rules, read_schema
from assay.contracts.document import Document, Path, parse
from assay.contracts.errors import ContractError
from assay.contracts.location import scrubbed
from assay.contracts.model import Contract, Rule
from assay.contracts.problems import Problem, as_error, key_path, problems_of
from assay.contracts.property_reader import PropertyReader
from assay.contracts.service_levels import service_levels
from assay.contracts.settings import UNANSWERED
from assay.contracts.standard import LATEST, schema_problems
from assay.contracts.team import approvers, owners

_FACTS_OF_PRIVACY = ("sensitivity", "lawful_basis", "article_9_basis")


@dataclass(frozen=True)
class Linted:
    """A document, looked through.

    `contract` is None if something is wrong; `document` is it as ODCS v3.2.0, None if the
    standard is not kept.
    """

    contract: Contract | None
    document: Document | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the document from being a contract that Assay can run."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def load(text: str, file: str) -> Contract:
    """Read one contract.

    Args:
        text: an ODCS v3 document in YAML.
        file: its name, for messages.
    Raises: ContractError(s): everything that is wrong with it, each with line and column.
    """
    linted = lint(text, file)
    if linted.contract is None:
        raise as_error(linted.errors)
    return linted.contract


def lint(text: str, file: str) -> Linted:
    """Check a document: the standard of its version, our settings, whether they agree."""
    try:
        document = parse(text, file)
    except ContractError as error:
        return Linted(None, None, problems_of(error))
    problems = schema_problems(document)
    if _has_errors(problems):
        return Linted(None, None, _ordered(problems))
    document = newest(document)
    contract, more = _read(document)
    return Linted(contract, document, _ordered([*problems, *more]))


def newest(document: Document) -> Document:
    """The document as ODCS v3.2.0; what moved points to the nearest line that is in the text."""
    from assay.contracts.upgrade import upgraded

    if document.data.get("apiVersion") == LATEST:
        return document
    return replace(document, data=upgraded(copy.deepcopy(document.data))[0])


def digest(data: Any) -> str:
    """SHA-256 of what a document states; comments and layout do not count."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _read(document: Document) -> tuple[Contract | None, list[Problem]]:
    """The contract, None if an error is among the problems of our settings and rules."""
    problems = list(_unanswered(document.data, (), document))
    settings = PropertyReader(document)
    problems += _as_problems(settings.problems)
    if not settings.has_schema:
        return None, problems
    declared = read_schema(document, ("schema", 0), settings.tolerance_pct)
    problems += declared.warnings
    problems += _as_problems(declared.problems)
    if _has_errors(problems):
        return None, problems
    levels = service_levels(document, declared.columns, declared.rules)
    problems += levels.warnings
    contract = _contract(document, settings, declared, levels.rules)
    disagreements = _as_problems(cross_checks(contract, document))
    return None if disagreements else contract, [*problems, *disagreements]


def _contract(
    document: Document, settings: PropertyReader, declared: Collected, agreed: tuple[Rule, ...]
) -> Contract:
    data = document.data
    description = data.get("description") or {}
    return Contract(
        name=data["name"],
        version=data["version"],
        status=data.get("status", "draft"),
        domain=data.get("domain"),
        description=description.get("purpose", ""),
        usage=description.get("usage", ""),
        limitations=description.get("limitations", ""),
        owners=owners(data),
        approvers=approvers(data),
        table=data["schema"][0]["name"],
        columns=tuple(declared.columns),
        rules=(
            *declared.rules,
            *anonymity_rules(settings.values.get("privacy"), declared.columns),
            *agreed,
        ),
        digest=digest(data),
        file=document.file,
        **settings.values,
    )


def _unanswered(value: Any, path: Path, document: Document) -> Iterator[Problem]:
    """Where a draft still waits for what only a person knows."""
    is_fact = bool(path) and path[-1] in _FACTS_OF_PRIVACY
    if value == UNANSWERED or (is_fact and value == "unknown"):
        yield Problem(
            "assay.todo",
            "warning",
            f"`{key_path(path)}` is still {value}",
            "Write the answer, which only a person knows",
            document.where(path),
            key_path(path),
        )
    for key, inner in _entries(value):
        yield from _unanswered(inner, (*path, key), document)


def _entries(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _as_problems(errors: Iterable[ContractError]) -> list[Problem]:
    return [problem for error in errors for problem in problems_of(error)]


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems without secrets, each once, from the top of the document to its end."""
    scrubbed_problems = [
        replace(problem, problem=scrubbed(problem.problem), remedy=scrubbed(problem.remedy))
        for problem in problems
    ]
    unique = {str(problem): problem for problem in scrubbed_problems}.values()
    return tuple(sorted(unique, key=_place))


def _place(problem: Problem) -> tuple[int, int, str]:
    return problem.where.line or 0, problem.where.column or 0, problem.problem
