"""Contracts checked, for `assay check`: the standard, our settings, the policies, what changed, and what that would do to published data.

Belongs here: putting the parts together. Stays out: each part (contracts/load.py, contracts/compatibility/, assets/services/rule_trials.py), telling (reports).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assay.contracts.document import Document
from assay.contracts.errors import NOWHERE, AssayError, ContractError, Where, shown
from assay.contracts.location import secrets_in
from assay.contracts.model import Contract, Rule, Severity
from assay.contracts.problems import Problem, key_path, problems_of, suggestion
from assay.contracts.settings import CLASSES, SENSITIVITIES
from assay.reports import NOTHING, ContractOutcome, Outcome, RuleOutcome

if TYPE_CHECKING:
    from assay.assets.io.git import Changed
    from assay.contracts.load import Linted


def check_contracts(paths: Sequence[Path], base: str | None = None) -> Outcome:
    """Check every contract below the paths, the project's unless given; with `base`, what changed since that revision as well.

    A path that holds no contract is a problem of its own: a check that checked nothing must not pass.
    Raises: ConfigurationError: there is no git work tree, or no such revision.
    """
    from assay.assets.io.home import home

    started = time.monotonic()
    paths = list(paths) or [home().contracts]
    files = _files(paths)
    before = {} if base is None else _before(paths, base)
    empty = [
        _nothing_at(path)
        for path in paths
        if _is_folder(path) and not _holds_a_contract(path, before)
    ]
    linted = {file: _linted(file) for file in files}
    project = _project(linted)
    found = {
        file: [
            *each.problems,
            *_problems_across_contracts(file, each, linted),
            *_upstream(each, project),
        ]
        for file, each in linted.items()
    }
    outcomes = [
        _outcome(file, linted[file], found[file], before.get(file.resolve())) for file in files
    ]
    gone = [
        _gone(change.old_path, change.old or "")
        for change in before.values()
        if change.path is None and change.old_path
    ]
    return Outcome((*outcomes, *gone, *empty), time.monotonic() - started, base)


def _files(paths: Iterable[Path]) -> list[Path]:
    from assay.assets.io.home import contract_files

    return [
        file for path in paths for file in (contract_files(path) if _is_folder(path) else [path])
    ]


def _is_folder(path: Path) -> bool:
    """Whether contracts are to be looked for in it; what is not there and has no suffix is meant as a folder."""
    try:
        return path.is_dir() or not (path.exists() or path.suffix)
    except (OSError, ValueError):  # a path that no file system takes
        return False


def _holds_a_contract(folder: Path, before: Mapping[Path, Changed]) -> bool:
    """Whether there is a contract below the folder, or was one at the revision that is compared with."""
    return bool(_files([folder])) or any(path.is_relative_to(folder.resolve()) for path in before)


def _nothing_at(path: Path) -> ContractOutcome:
    from assay.assets.io.home import HOW_TO_GET_ONE, NO_CONTRACT

    nothing = Problem(
        NOTHING,
        "error",
        f"{NO_CONTRACT}, so nothing was checked",
        HOW_TO_GET_ONE,
        Where(file=shown(path)),
    )
    return ContractOutcome(shown(path), None, None, None, (nothing,), ())


def _linted(file: Path) -> Linted:
    from assay.assets.io.home import contract_text
    from assay.contracts.load import Linted, lint

    try:
        text = contract_text(file)
    except ContractError as error:
        return Linted(None, None, problems_of(error))
    return lint(text, shown(file))


def _problems_across_contracts(
    file: Path, linted: Linted, others: dict[Path, Linted]
) -> list[Problem]:
    """What only shows beside the other contracts: a name that two have, a relationship to a data set that none describes."""
    contract, problems = linted.contract, []
    if contract is None or linted.document is None:
        return []
    names = {each.contract.name: path for path, each in reversed(others.items()) if each.contract}
    if names[contract.name] != file:
        where = linted.document.where(("name",))
        problems.append(
            Problem(
                "assay.name",
                "error",
                f"'{contract.name}' is also the name in {shown(names[contract.name])}",
                "Give one of them another `name`",
                where,
                "name",
            )
        )
    for rule in contract.rules:
        if rule.kind == "relationship" and rule.argument.dataset not in {*names, contract.table}:
            remedy = suggestion(
                rule.argument.dataset,
                names,
                "Check its contract too, or know that the rule stays unknown until it is published",
            )
            problems.append(
                Problem(
                    "assay.relationship",
                    "warning",
                    f"the relationship points to '{rule.argument.dataset}', which no contract here describes",
                    remedy,
                    _at(linted.document, rule),
                )
            )
    known = {each.contract.name: each.contract for each in others.values() if each.contract}
    return [
        *problems,
        *_joined(linted.document, contract, known),
        *_signed_address(linted.document, contract),
        *_privacy(linted.document, contract),
        *_licenses(linted, contract, known),
    ]


def _project(linted: Mapping[Path, Linted]) -> dict[str, Contract]:
    """Every contract that a source may name: those that are checked, and where one is missing there, those of the project."""
    from assay.assets.io.home import contract_files, home

    contracts = [each.contract for each in linted.values() if each.contract]
    known = {contract.name: contract for contract in contracts}
    if all(
        contract.source.upstream[0] in known for contract in contracts if contract.source.upstream
    ):
        return known
    files = {file.resolve() for file in contract_files(home().contracts)} - {
        file.resolve() for file in linted
    }
    others = [other for file in sorted(files) if (other := _linted(file).contract)]
    return {**{other.name: other for other in others}, **known}


def _upstream(linted: Linted, project: Mapping[str, Contract]) -> Iterator[Problem]:
    """A source that is another data set: whether there is one, no circle, and as much care as it asks for."""
    from assay.contracts.upstream import circle, less_care

    contract = linted.contract
    if contract is None or linted.document is None or contract.source.upstream is None:
        return
    name = contract.source.upstream[0]
    at = next(
        index
        for index, entry in enumerate(linted.document.data["customProperties"])
        if entry["property"] == "assay.source"
    )
    path: tuple[str | int, ...] = ("customProperties", at, "value", "location")

    def error(problem: str, remedy: str) -> Problem:
        return Problem(
            "assay.upstream",
            "error",
            problem,
            remedy,
            linted.document.where(path) if linted.document else NOWHERE,
            key_path(path),
        )

    other, around = project.get(name), circle(contract.name, project)
    if other is None:
        yield error(
            f"the source is '{name}', and no contract is named so",
            suggestion(name, project, "Write its contract first"),
        )
        return
    if around:
        yield error(
            f"it is made from itself: {' from '.join(around)}",
            "Take another source for one of them",
        )
        return
    for purpose in contract.license.purposes:
        if purpose not in other.license.purposes:
            yield error(
                f"the source '{name}' is not admitted for '{purpose}'",
                f"Leave the purpose out, or add it to the contract of {name}",
            )
    careless = less_care(contract, other.privacy.sensitivity, other.privacy.region)
    if careless:
        yield error(f"it is made from {name}: {careless}", "Declare the same under assay.privacy")


def _joined(
    document: Document, contract: Contract, others: Mapping[str, Contract]
) -> Iterator[Problem]:
    """The data sets that features join rows to, and the columns they ask of them."""
    joins = [
        (place, each)
        for place, each in enumerate(contract.features.transforms if contract.features else ())
        if each.transform == "as_of"
    ]
    at = next(
        (
            index
            for index, entry in enumerate(document.data.get("customProperties", ()))
            if entry["property"] == "assay.features"
        ),
        None,
    )
    for place, join in joins:
        path: tuple[str | int, ...] = ("customProperties", at or 0, "value", "transforms", place)
        where, key, other = document.where(path), key_path(path), others.get(join.dataset)
        if other is None:
            remedy = suggestion(join.dataset, others, "Check its contract too")
            yield Problem(
                "assay.features",
                "warning",
                f"rows are joined to '{join.dataset}', which no contract here describes",
                remedy,
                where,
                key,
            )
            continue
        promised = {column.name: column.logical_type for column in other.published_columns}
        for name in (*join.columns, join.time, *join.by.values()):
            if name not in promised:
                yield Problem(
                    "assay.features",
                    "error",
                    f"rows are joined to '{join.dataset}', which promises no '{name}'",
                    suggestion(name, promised, "Name its columns"),
                    where,
                    key,
                )
        if promised.get(join.time, "date") not in ("date", "timestamp", "integer"):
            problem = f"rows are joined by '{join.time}' of '{join.dataset}', which is promised as {promised[join.time]}, and no time"
            yield Problem(
                "assay.features",
                "error",
                problem,
                "Name its date, timestamp or whole number",
                where,
                key,
            )


def _signed_address(document: Document, contract: Contract) -> Iterator[Problem]:
    """An address that holds a credential: whoever reads the contract can use it."""
    names = secrets_in(contract.source.location)
    if not names:
        return
    entries = document.data["customProperties"]
    at = next(at for at, entry in enumerate(entries) if entry["property"] == "assay.source")
    path: tuple[str | int, ...] = ("customProperties", at, "value", "location")
    problem = f"`location` holds a credential in its query (`{names[0]}`)"
    remedy = "Use an address without one, or the store's own (s3://, gs://, az://) with credentials from the environment; Assay itself repeats the query nowhere"
    yield Problem("assay.secret", "warning", problem, remedy, document.where(path), key_path(path))


def _privacy(document: Document, contract: Contract) -> Iterator[Problem]:
    """Personal columns that are published though nothing in the contract works with them, or that are more than the data are said to be.

    Source: GDPR, article 5(1)(c), data minimisation.
    """
    features, index, anonymity = contract.features, contract.index, contract.privacy.anonymity
    needed: set[str | None] = {
        column
        for rule in contract.rules
        if rule.kind in ("unique", "duplicateValues", "relationship")
        for column in rule.columns
    }
    needed |= {column.name for column in contract.columns if column.primary_key} | {
        contract.retention.subject_key
    }
    needed |= {column for step in contract.cleaning for column in step.reads} | set(
        contract.drift.columns if contract.drift else ()
    )
    needed |= set(features.named) if features else set()
    needed |= ({index.key, index.text} if index else set()) | {
        *(anonymity.quasi_identifiers if anonymity else ()),
        *(anonymity.sensitive if anonymity else ()),
    }
    at = next(
        index
        for index, entry in enumerate(document.data["customProperties"])
        if entry["property"] == "assay.privacy"
    )
    published = {
        name: treatment
        for name, treatment in contract.privacy.columns.items()
        if treatment.treatment != "drop"
    }
    for name, treatment in published.items():
        path: tuple[str | int, ...] = ("customProperties", at, "value", "columns", name)
        least = CLASSES.get(treatment.kind, "personal")
        if treatment.kind != "other" and SENSITIVITIES.index(
            contract.privacy.sensitivity
        ) < SENSITIVITIES.index(least):
            remedy = f"Write `sensitivity: {least}`, or drop the column"
            problem = f"'{name}' holds {treatment.kind.replace('_', ' ')}, which is {least}, and the data are said to be {contract.privacy.sensitivity}"
            yield Problem(
                "policy.sensitivity",
                "warning",
                problem,
                remedy,
                document.where(path),
                key_path(path),
            )
        if name not in needed:
            remedy = f"Write `treatment: drop` if {' and '.join(contract.license.purposes)} can do without it"
            yield Problem(
                "policy.minimisation",
                "info",
                f"the personal column '{name}' is published, and nothing in the contract works with it",
                remedy,
                document.where(path),
                key_path(path),
            )


def _licenses(
    linted: Linted, contract: Contract, others: Mapping[str, Contract]
) -> Iterator[Problem]:
    """What the licence policy says: of the purposes that are wanted, and beside the licences of what the data are derived from."""
    from assay.contracts.policy import license_policy
    from assay.pipelines.admit.license import judge_license, looser

    assert linted.document is not None
    entries = linted.document.data["customProperties"]
    at = next(index for index, entry in enumerate(entries) if entry["property"] == "assay.license")
    where, path = (
        linted.document.where(("customProperties", at, "value", "expression")),
        f"customProperties[{at}].value.expression",
    )
    policy = license_policy()
    verdict = judge_license(contract.license, policy, datetime.now(UTC).date())
    if verdict.outcome != "allowed":
        severity: Severity = "error" if verdict.outcome == "refused" else "warning"
        remedy = (
            "Drop the purpose, or get another licence from the holder"
            if verdict.outcome == "refused"
            else "Find out what the holder allows; until then a person decides on each version"
        )
        yield Problem("policy.license", severity, "; ".join(verdict.reasons), remedy, where, path)
    known = {
        name: others[name].license.expression for name in contract.source.inherits if name in others
    }
    for name in contract.source.derived_from:
        if name not in known:
            yield Problem(
                "policy.derived",
                "warning",
                f"it is derived from '{name}', which no contract here describes",
                suggestion(name, others, "Check its contract too"),
                where,
                path,
            )
    for reason in looser(contract.license, known, policy) if known else ():
        yield Problem(
            "policy.derived",
            "error",
            reason,
            "Declare a licence that is as strict, or leave that source out",
            where,
            path,
        )


def _at(document: Document, rule: Rule) -> Where:
    return Where(file=document.file, line=rule.line, rule=rule.name)


# -- what changed ----------------------------------------------------------------------------


def _before(paths: Sequence[Path], base: str) -> dict[Path, Changed]:
    from assay.assets.io.git import changed

    return {
        (change.path or change.old_path or Path()).resolve(): change
        for change in changed(paths, base)
    }


def _outcome(
    file: Path, linted: Linted, problems: list[Problem], change: Changed | None
) -> ContractOutcome:
    contract, old_version = linted.contract, None
    tried: tuple[RuleOutcome, ...] = ()
    if change is not None and change.old is not None and linted.document is not None:
        from assay.contracts.compatibility import compare
        from assay.contracts.compatibility import problems as told
        from assay.contracts.load import lint

        old = lint(change.old, f"{shown(file)} before")
        if old.document is not None:  # what was no ODCS then has nothing to be compared with
            old_version = str(old.document.data["version"])
            problems = [
                *problems,
                *told(compare(old.document.data, linted.document.data), linted.document),
            ]
            if contract is not None:
                tried, why_not = _tried(contract, _changed_rules(old.contract, contract))
                problems += why_not
    data = linted.document.data if linted.document else {}
    problems.sort(key=lambda problem: (problem.where.line or 0, problem.where.column or 0))
    return ContractOutcome(
        shown(file), data.get("name"), data.get("version"), old_version, tuple(problems), tried
    )


def _gone(file: Path, old: str) -> ContractOutcome:
    """A contract that is no longer there is a promise taken back."""
    from assay.contracts.load import lint

    document = lint(old, shown(file)).document
    name, version = (
        (document.data.get("name"), document.data.get("version")) if document else (None, None)
    )
    gone = Problem(
        "change.contract_removed",
        "error",
        f"the contract{f' of {name}' if name else ''} is removed",
        "Retire it first: `status: deprecated`, then `retired`",
        Where(file=shown(file)),
    )
    return ContractOutcome(shown(file), name, None, version, (gone,), ())


def _changed_rules(old: Contract | None, new: Contract) -> list[Rule]:
    """The rules that are new or mean something else; another line or description is no change."""

    def meaning(rule: Rule) -> Rule:
        return rule.model_copy(update={"line": None, "description": "", "dimension": ""})

    known = {meaning(rule) for rule in old.rules} if old else set()
    return [rule for rule in new.rules if meaning(rule) not in known]


# -- the back-test -----------------------------------------------------------------------------


def _tried(contract: Contract, rules: list[Rule]) -> tuple[tuple[RuleOutcome, ...], list[Problem]]:
    """Changed rules on the newest published version; nothing where this machine has none."""
    from assay.assets.io.home import home

    where = home()
    if not rules or not where.is_made:
        return (), []
    from assay.assets.io.installation import Installation
    from assay.assets.services.rule_trials import back_test, hit

    try:
        installation = Installation.open(where)
        row = installation.registry.version(contract.name)
        if row is None:
            return (), []
        tried = back_test(installation, contract, rules, row)
    except AssayError as error:
        return (), [
            Problem(
                "backtest.failed",
                "error",
                error.problem,
                error.remedy,
                Where(file=contract.file, rule=error.where.rule),
            )
        ]
    outcomes = tuple(
        RuleOutcome(
            id=each.rule.name,
            dataset=contract.name,
            version=row["version"],
            description=each.rule.description,
            column=each.rule.columns[0] if len(each.rule.columns) == 1 else None,
            line=each.rule.line,
            severity=each.rule.severity,
            judges_rows=each.rule.judges_rows,
            passed=each.check.passed,
            failing=each.check.failing,
            total=each.check.total,
            measured=each.check.measured,
            bound=each.check.bound,
            rows=each.rows,
            consumers=hit(installation, contract, each.rule) if each.check.failing else (),
        )
        for each in tried
    )
    return outcomes, []
