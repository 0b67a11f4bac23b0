"""Try rules that changed on the newest published version: which rows break them.

Stays out: who reads those rows (readers.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assay.assets.io import sql
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.assets.stages.version_statistics import statistics_of
from assay.contracts.model import Contract, Rule
from assay.contracts.types import dtype
from assay.lineage import evidence
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import Check
from assay.pipelines.validate import anonymity
from assay.pipelines.validate.evaluate import EXAMPLES, counting, proven, retyped
from assay.pipelines.validate.split import checks


@dataclass(frozen=True)
class Tried:
    """One rule on one version: the check it would have been, and the positions of the first rows
    that break it, from 1.
    """

    rule: Rule
    check: Check
    rows: tuple[int, ...]


def back_test(
    installation: Installation, contract: Contract, rules: Sequence[Rule], row: Version
) -> tuple[Tried, ...]:
    """Try rules on a published version; one about what the version does not hold is unknown.

    Raises: EvidenceError: the version is not what was signed. QualityError: a query needs more than
        it may.
    """
    files = installation.lake.check_files(row.dataset, evidence.files(installation.statement(row)))
    related = {
        name: installation.scan(newest)
        for name in _pointed_to(rules)
        if (newest := installation.registry.references.resolve(name))
    }
    return judge_files(contract, rules, files, related)


def judge_files(
    contract: Contract,
    rules: Sequence[Rule],
    files: Sequence[Path],
    related: Mapping[str, pl.LazyFrame] | None = None,
    *,
    examples: int = EXAMPLES,
) -> tuple[Tried, ...]:
    """Judge Parquet files by a contract's rules in one pass over the columns that their footers do
    not already prove.
    """
    frame = pl.scan_parquet(list(files))
    schema = frame.collect_schema()
    possible = [rule for rule in rules if set(rule.columns) <= set(schema)]
    proved = _proved(contract, possible, schema, files)
    (counts,) = run_together(
        [
            counting(
                retyped(frame, contract.columns),
                [rule for rule in possible if rule.name not in proved],
                {**(related or {}), contract.table: frame},
                examples=examples,
            )
        ]
    )
    results = counts.row(0, named=True)
    failing = {
        **dict.fromkeys(proved, 0),
        **{name: count for name, count in results.items() if not name.endswith("?")},
    }
    queries = {rule.name: rule.argument for rule in possible if rule.kind == "sql"}
    answers = {
        **sql.evaluate(queries, {contract.table: files}),
        **anonymity.answers(possible, frame),
    }
    return tuple(
        Tried(rule, check, tuple(results.get(f"{rule.name}?") or ()))
        for rule, check in zip(rules, checks(rules, failing, answers), strict=True)
    )


def _proved(
    contract: Contract,
    rules: Sequence[Rule],
    schema: Mapping[str, pl.DataType],
    files: Sequence[Path],
) -> set[str]:
    """The rules that no row can break, as the types and the footers of the files prove."""
    as_promised = {
        column.name for column in contract.columns if schema.get(column.name) == dtype(column)
    }
    statistics = statistics_of(files)
    return {
        rule.name
        for rule in rules
        if set(rule.columns) <= as_promised and (rule.kind == "type" or proven(rule, statistics))
    }


def _pointed_to(rules: Sequence[Rule]) -> set[str]:
    return {rule.argument.dataset for rule in rules if rule.kind == "relationship"}
