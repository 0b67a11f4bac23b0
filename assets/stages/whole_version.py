"""Rules and quality of a version with partitions, over all of them: those that a run delivers and
those that stay.

Belongs here: what the version is answered. Stays out: rows of one partition (clean_validate.py),
the index of keys (published_keys.py).
Rules about rows are added up from what each partition keeps of itself. Row counts, missing
values and freshness come from its statistics, and repeated keys from the index. SQL, anonymity
and groups read every file, so they take longer with each partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.key_index import KeyIndex, Publication
from assay.assets.stages.clean_validate import describe_failure, describe_others, row_counts
from assay.assets.stages.part import Part
from assay.assets.stages.partition_base import Base
from assay.assets.stages.partition_statistics import key_name, measure_partition
from assay.assets.stages.published_keys import (
    complete,
    is_held,
    opened_index,
    staying_files,
)
from assay.assets.stages.quality import Assessed, _age, table_answers
from assay.assets.stages.run import Run
from assay.contracts.errors import PublicationError, QualityError, Where
from assay.contracts.model import Contract, Rule
from assay.lineage.partition_tree import Document
from assay.pipelines.core.frames import Accounting, Check
from assay.pipelines.publish import partitions
from assay.pipelines.validate import bias, metrics
from assay.pipelines.validate.key_texts import compared_columns, is_exact, repeated_columns


@dataclass(frozen=True)
class WholeVersion:
    """What a version is answered, before it has a number.

    `base` is the version that it is built on, `shared_keys` says of columns that may repeat how
    often a key is in one more partition.
    """

    base: str | None
    checks: tuple[Check, ...]
    quality: metrics.Quality
    shared_keys: Mapping[str, int]

    def check(self, contract: Contract) -> None:
        """Raises: QualityError: a rule of severity error is broken, or was not evaluated."""
        stopping = [
            check for check in self.checks if check.severity == "error" and check.passed is not True
        ]
        if not stopping:
            return
        first, *others = stopping
        problem = f"in all partitions together, {describe_failure(first, contract)}"
        more = describe_others(others, contract)
        remedy = f"Fix the source, or change the rule in {contract.file}"
        raise QualityError(problem + more, remedy, Where(dataset=contract.name, rule=first.rule))


def evaluate(
    run: Run,
    parts: Sequence[Part],
    base: Base | None,
    total: Document,
    files: Sequence[Path],
) -> WholeVersion:
    """Evaluate every rule on the version that the parts make on top of another.

    Args:
        total: what all its partitions come to.
        files: of the parts, wherever they lie now.
    Raises: PublicationError: a key of the parts was published by another run meanwhile.
    """
    contract = run.contract
    replaced = frozenset(str(part.admission.inputs.window) for part in parts)
    staying = [] if base is None else _staying_if_needed(run, base, replaced)
    every_file = [*staying, *files]
    with opened_index(run.installation, contract.name) as index:
        complete(run, index, base)
        _check_no_key_came_meanwhile(index, contract, parts, base, replaced)
        shared = _shared_keys(index, contract, parts, base, replaced)
    statistics = total.get("statistics") or _statistics_of_files(run, parts, base, files)
    answers = row_counts(contract, total["accounting"]["published"])
    if _reads_every_file(contract):
        answers |= table_answers(contract, every_file)
    answers |= {
        rule.name: float(statistics["repeats"].get(key_name(rule.columns), 0) + count)
        for rule in contract.rules
        if (count := shared.get(key_name(rule.columns))) is not None and not is_exact(rule)
    }
    checks = _checks(contract, parts[-1], total, answers)
    quality = _quality(run, parts[-1], total, statistics, checks, every_file)
    of_metrics = metrics.answers(contract.rules, quality)
    return WholeVersion(
        base.row.version if base else None,
        _checks(contract, parts[-1], total, answers | of_metrics),
        quality,
        shared,
    )


def _reads_every_file(contract: Contract) -> bool:
    """Whether something asks for every row: SQL, anonymity, or the balance of groups."""
    reading = any(rule.kind in ("sql", "anonymity") for rule in contract.rules)
    return reading or contract.bias is not None


def _staying_if_needed(run: Run, base: Base, replaced: frozenset[str]) -> list[Path]:
    return staying_files(run, base, replaced) if _reads_every_file(run.contract) else []


# -- checks -------------------------------------------------------------------------------------


def _checks(
    contract: Contract,
    newest: Part,
    total: Document,
    answers: Mapping[str, float | None],
) -> tuple[Check, ...]:
    """The check of every rule of the contract over all partitions."""
    rules = {rule.name: rule for rule in contract.rules}
    return tuple(
        _of_rows(check, rules[check.rule], total, answers.get(check.rule))
        if rules[check.rule].judges_rows
        else _of_table(check, rules[check.rule], total, answers.get(check.rule))
        for check in newest.refined.checks
    )


def _of_table(check: Check, rule: Rule, total: Document, answer: float | None) -> Check:
    rows = total["accounting"]["published"]
    passed = None if answer is None else rule.bound.holds(answer, rows)
    failing = 0 if passed else rows
    return replace(check, measured=answer, passed=passed, failing=failing, total=rows)


def _of_rows(check: Check, rule: Rule, total: Document, repeated: float | None) -> Check:
    """The rows of all deliveries that break a rule; of one that only counts repeated keys, the
    published rows that repeat one.
    """
    if repeated is not None:
        rows = total["accounting"]["published"]
        passed = rule.bound.holds(repeated, rows)
        return replace(check, measured=repeated, passed=passed, failing=int(repeated), total=rows)
    answer = total["checks"].get(check.rule)
    if answer is None:
        return check
    failing, rows = answer["failing"], answer["total"]
    passed = rule.bound.holds(failing, rows)
    if answer["passed"] is None and rows:
        passed = None  # a partition could not be evaluated
    return replace(check, measured=float(failing), passed=passed, failing=failing, total=rows)


# -- keys ---------------------------------------------------------------------------------------


def _check_no_key_came_meanwhile(
    index: KeyIndex,
    contract: Contract,
    parts: Sequence[Part],
    base: Base | None,
    replaced: frozenset[str],
) -> None:
    """Look the keys of the parts up again: another run may have published since they were
    compared.
    """
    compared = compared_columns(contract)
    exact = {
        compared[rule.name] for rule in contract.rules if rule.name in compared and is_exact(rule)
    }
    folders = {part.attempt for part in parts}
    for columns in sorted(exact):
        for part in parts:

            def is_other(other: Publication, part: Part = part) -> bool:
                if other.folder in folders:
                    return other.folder != part.attempt
                return other.partition not in replaced and is_held(base, other)

            keys = index.keys_of(columns, part.attempt, released=False)
            if keys and index.held(columns, keys, is_other):
                raise PublicationError(
                    f"another partition, with rows whose key is also in {part.admission.inputs.window}, was published in the meantime",
                    f"Run again; the repeated rows are then quarantined: assay run {contract.name}",
                    Where(dataset=contract.name, field=", ".join(columns)),
                )


def _shared_keys(
    index: KeyIndex,
    contract: Contract,
    parts: Sequence[Part],
    base: Base | None,
    replaced: frozenset[str],
) -> dict[str, int]:
    """Of columns that may repeat: how often a key is in one partition more than the first.

    Counted from what it was in the version before and the keys of the partitions that go and
    come, so that it does not grow with the others.
    """
    before = base.statement["predicate"].get("shared_keys", {}) if base else {}
    gone = [folder for name in sorted(replaced) if base and (folder := base.folder_of(name))]
    came = [part.attempt for part in parts]
    shared = {}
    for columns in repeated_columns(contract):
        name = key_name(columns)
        count = before.get(name)
        if base is None:
            count = 0
        elif count is None:
            held = [Path(part["files"][0]).parts[0] for part in base.parts().values()]
            count = index.shared(columns, held)
        left, added = set(gone), set[str]()
        for folder in gone:
            left.discard(folder)
            count -= _overlap(index, columns, folder, base, replaced, left)
        for folder in came:
            count += _overlap(index, columns, folder, base, replaced, added)
            added.add(folder)
        shared[name] = count
    return shared


def _overlap(
    index: KeyIndex,
    columns: tuple[str, ...],
    folder: str,
    base: Base | None,
    replaced: frozenset[str],
    also: set[str],
) -> int:
    """How many keys of a folder are in a partition that stays, or in some other folders."""

    def is_other(other: Publication) -> bool:
        if other.folder in also:
            return True
        return other.partition not in replaced and is_held(base, other)

    return len(index.held(columns, index.keys_of(columns, folder), is_other))


# -- quality ------------------------------------------------------------------------------------


def _statistics_of_files(
    run: Run, parts: Sequence[Part], base: Base | None, files: Sequence[Path]
) -> dict[str, Any]:
    """The statistics of all partitions where an earlier release kept none: every file is read."""
    contract = run.contract
    versions = run.installation.lake.folder(contract.name, "versions")
    replaced = {str(part.admission.inputs.window) for part in parts}
    staying = base.parts(without=replaced).values() if base else ()
    groups = [[versions / path for path in part["files"]] for part in staying]
    measured = [measure_partition(contract, group, {}) for group in [*groups, list(files)]]
    return partitions.statistics([{"statistics": each} for each in measured]) or {}


def _quality(
    run: Run,
    newest: Part,
    total: Document,
    statistics: Mapping[str, Any],
    checks: Sequence[Check],
    files: Sequence[Path],
) -> metrics.Quality:
    """The quality metrics over all partitions.

    Stability and the age of the source are those of the partition delivered last.
    """
    contract, now = run.contract, run.installation.clock()
    delivered = newest.refined
    of_delivery = delivered.quality if isinstance(delivered, Assessed) else None
    ages = {name: _age(_moment(text), now) for name, text in statistics["newest"].items()}
    freshness = {name: age for name, age in ages.items() if age is not None}
    stability: dict[str, float] = {}
    if of_delivery is not None:
        freshness |= {
            name: age for name, age in of_delivery.freshness_hours.items() if name == "source"
        }
        stability = {
            column.column: column.stability_psi
            for column in of_delivery.columns
            if column.stability_psi is not None
        }
    groups = bias.measure(pl.scan_parquet(list(files)), contract.bias) if contract.bias else ()
    measured = metrics.Measured(
        statistics["nulls"], freshness, stability, statistics["changed"], groups
    )
    return metrics.quality(Accounting(**total["accounting"]), contract.rules, checks, measured)


def _moment(text: str) -> date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
