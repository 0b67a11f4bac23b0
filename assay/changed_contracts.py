"""What changed in a contract since a revision, and what that would do to published data, for `assay check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.broken_readers import name_readers, with_readers
from assay.contracts.errors import AssayError, Where, shown
from assay.contracts.extras import is_installed, missing_extra
from assay.contracts.model import Contract, Rule
from assay.contracts.problems import Problem
from assay.reports import ContractOutcome, RuleOutcome

if TYPE_CHECKING:
    from assay.assets.io.git import Changed
    from assay.assets.io.installation import Installation
    from assay.assets.services.rule_trials import Tried
    from assay.contracts.load import Linted


def changed_files(paths: Sequence[Path], base: str) -> dict[Path, Changed]:
    """The contracts below the paths that differ from the revision, by their path.

    Raises: ConfigurationError: there is no git work tree, or no such revision.
    """
    from assay.assets.io.git import changed

    return {
        (change.path or change.old_path or Path()).resolve(): change
        for change in changed(paths, base)
    }


def contract_outcome(
    file: Path, linted: Linted, problems: list[Problem], change: Changed | None
) -> ContractOutcome:
    """What was detected about one contract, with what its change since the revision means."""
    version, trials = None, tuple[RuleOutcome, ...]()
    problems = list(problems)
    if change is not None and change.old is not None:
        version, more, trials = _since(change.old, file, linted)
        problems += more
    data = linted.document.data if linted.document else {}
    problems.sort(key=lambda problem: (problem.where.line or 0, problem.where.column or 0))
    return ContractOutcome(
        shown(file), data.get("name"), data.get("version"), version, tuple(problems), trials
    )


def _since(
    old_text: str, file: Path, linted: Linted
) -> tuple[str | None, list[Problem], tuple[RuleOutcome, ...]]:
    """The contract's version before, what its change breaks, and its changed rules on published data."""
    from assay.contracts import compatibility
    from assay.contracts.load import lint

    old = lint(old_text, f"{shown(file)} before")
    if linted.document is None or old.document is None:
        return None, [], ()  # what was no ODCS then has nothing to be compared with
    comparison = compatibility.compare(old.document.data, linted.document.data)
    problems = list(compatibility.problems(comparison, linted.document))
    if old.contract is not None:
        now = linted.document.data
        problems = name_readers(problems, comparison.changes, old.contract, now)
    trials: tuple[RuleOutcome, ...] = ()
    if linted.contract is not None:
        changed = _changed_rules(old.contract, linted.contract)
        trials, why_not = _tried(linted.contract, changed)
        problems += why_not
    return str(old.document.data["version"]), problems, trials


def removed_contract(file: Path, old: str) -> ContractOutcome:
    """A removed contract withdraws everything that it declared."""
    from assay.contracts.load import lint

    linted = lint(old, shown(file))
    document = linted.document
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
    problems = with_readers([gone], {0: ()}, linted.contract) if linted.contract else [gone]
    return ContractOutcome(shown(file), name, None, version, tuple(problems), ())


def _changed_rules(old: Contract | None, new: Contract) -> list[Rule]:
    """The rules that are new or mean something else; another line or description is no change."""

    def meaning(rule: Rule) -> Rule:
        return rule.model_copy(update={"line": None, "description": "", "dimension": ""})

    known = {meaning(rule) for rule in old.rules} if old else set()
    return [rule for rule in new.rules if meaning(rule) not in known]


def _tried(contract: Contract, rules: list[Rule]) -> tuple[tuple[RuleOutcome, ...], list[Problem]]:
    """Changed rules on the newest published version; nothing where this machine has none."""
    from assay.assets.io.home import home

    where = home()
    if not rules or not where.is_made:
        return (), []
    if not is_installed("data"):
        return (), [_not_tried(contract, rules)]
    from assay.assets.io.installation import Installation
    from assay.assets.services.rule_trials import back_test

    try:
        installation = Installation.open(where)
        row = installation.registry.references.resolve(contract.name)
        if row is None:
            return (), []
        trials = back_test(installation, contract, rules, row)
    except AssayError as error:
        place = Where(file=contract.file, rule=error.where.rule)
        failed = Problem("backtest.failed", "error", error.problem, error.remedy, place)
        return (), [failed]
    return tuple(_rule_outcome(installation, contract, row.version, trial) for trial in trials), []


def _not_tried(contract: Contract, rules: list[Rule]) -> Problem:
    """That changed rules were not evaluated on published rows: it is unknown what they would do."""
    names = ", ".join(rule.name for rule in rules)
    missing = missing_extra(f"evaluating changed rules ({names}) on published rows", "data")
    place = Where(file=contract.file, line=rules[0].line)
    return Problem(
        "backtest.unknown", "warning", missing.problem, f"Install it: {missing.remedy}", place
    )


def _rule_outcome(
    installation: Installation, contract: Contract, version: str, trial: Tried
) -> RuleOutcome:
    from assay.assets.services.readers import readers

    rule, check = trial.rule, trial.check
    return RuleOutcome(
        id=rule.name,
        dataset=contract.name,
        version=version,
        description=rule.description,
        column=rule.columns[0] if len(rule.columns) == 1 else None,
        line=rule.line,
        severity=rule.severity,
        judges_rows=rule.judges_rows,
        passed=check.passed,
        failing=check.failing,
        total=check.total,
        measured=check.measured,
        bound=check.bound,
        rows=trial.rows,
        consumers=readers(installation, contract, rule.columns) if check.failing else (),
    )
