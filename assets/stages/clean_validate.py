"""Clean and validate: the apply pass that writes the rows kept, quarantined and removed, with one
check a rule.

One streaming scan with one sink: what leaves is taken out as it goes by, what stays is seen by
pandera.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assay.assets.io import sql
from assay.assets.io.disk import sha256
from assay.assets.io.registry.checks import CheckRecord
from assay.assets.io.row_spool import SetAside
from assay.assets.stages.admit import Admission
from assay.assets.stages.ingest import unreadable_records
from assay.assets.stages.published_keys import OtherPartitions, other_partitions
from assay.assets.stages.run import Run, masked_columns, schema, sources, stage
from assay.assets.stages.window_rows import treated_rows
from assay.contracts.errors import QualityError, Where
from assay.contracts.model import Contract
from assay.contracts.types import dtype, read
from assay.lineage.columns import lineage_of
from assay.lineage.facts import Assertion, Table
from assay.pipelines.clean import steps
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import (
    FLAGGED_BY,
    REASONS,
    RECEIVED,
    REMOVED_BY,
    ROW,
    Accounting,
    Check,
)
from assay.pipelines.validate import anonymity
from assay.pipelines.validate.key_texts import REPEATING, is_exact
from assay.pipelines.validate.pandera_check import PanderaCheck
from assay.pipelines.validate.sieve import BARRED, Sample, Sieve
from assay.pipelines.validate.split import checks

ROWS_A_GROUP = 122_880
PART = "version/part-00000.parquet"
_NAMED_RULES = 3
"""Other broken rules that a message names."""
_MEASUREMENTS = {"sql": "its query returns", "rowCount": "the number of rows is"}
"""How the number that a rule of this kind measures is introduced."""
_WHY_UNKNOWN = {
    "sql": "its query returned no number",
    "anonymity": "there is no row to measure",
    "metric": "there is no row to measure, or no earlier version to compare with",
}
"""What is missing if a rule of this kind could not be evaluated."""
LAYERS = {"quarantine": REASONS, "removed": REMOVED_BY, "flagged": FLAGGED_BY}
"""What leaves the pass, or is noted of it, and the column that states why."""


@dataclass(frozen=True)
class Refined:
    """What the apply pass made.

    `set_aside` describes the files of each layer, `changed` counts cells by step and column,
    `flagged` rows by step.
    """

    accounting: Accounting
    checks: tuple[Check, ...]
    set_aside: dict[str, dict[str, str | int]]
    changed: dict[str, dict[str, int]]
    flagged: dict[str, int]
    samples: dict[str, list[Sample]]
    """A few changed cells of each step, none of personal columns.

    They are values, so they go into no evidence.
    """
    of_version: frozenset[str]
    """The rules that a partition alone cannot answer: they are evaluated on the whole version."""

    @property
    def rules_that_stop_publication(self) -> tuple[Check, ...]:
        """The error rules that stop publication: not passed, or not evaluated."""
        return tuple(
            check
            for check in self.checks
            if check.severity == "error"
            and check.passed is not True
            and check.rule not in self.of_version
        )


def refine(run: Run, admission: Admission, together: Collection[str] = ()) -> Refined:
    """Repair and evaluate the admitted rows into the run's staging folder.

    Args:
        together: the other partitions that the same run publishes again.
    Raises: QualityError: pandera refuses a row that the rules let through, or the account does not
        balance.
    """
    contract = run.contract
    with stage(run, "cleaned") as noted:
        with other_partitions(run, admission, together) as others:
            refined = _refined(run, admission, *_run_pass(run, admission, others))
        noted.inputs.append(
            Table(
                name=f"{contract.name}/landed",
                version=admission.inputs.source_digest,
                assertions=assertions(refined.checks),
            )
        )
        lineage = lineage_of({column.name: read(column) for column in contract.published_columns})
        columns = {column.name: dtype(column) for column in contract.published_columns}
        noted.outputs.append(
            Table(
                name=f"{contract.name}/cleaned",
                columns=schema(columns),
                rows=refined.accounting.published,
                lineage=sources(f"{contract.name}/landed", lineage),
                masked=masked_columns(contract, lineage),
            )
        )
    return refined


def _run_pass(
    run: Run, admission: Admission, others: OtherPartitions | None
) -> tuple[PanderaCheck, Sieve]:
    """Write the rows kept, quarantined, removed and flagged into the run's staging folder."""
    contract = run.contract
    folder = run.installation.lake.staging(contract.name, run.run_id)
    (folder / "version").mkdir(exist_ok=True)
    pandera_check = PanderaCheck(contract)
    with ExitStack() as open_files:
        spools = {
            layer: open_files.enter_context(
                SetAside(folder / f"{layer}.parquet", _schema(contract, layer))
            )
            for layer in LAYERS
        }
        sieve = Sieve(
            contract,
            certain=certain_rules(contract, admission),
            quarantine=spools["quarantine"].add,
            remove=spools["removed"].add,
            flag=spools["flagged"].add,
            pandera_check=pandera_check.check,
            elsewhere=others.has_keys if others else None,
        )
        treated = treated_rows(run, admission.inputs, admission.found)
        repaired = steps.repaired(treated, contract, admission.fitted).with_columns(
            _why_barred(contract, admission.barred).alias(BARRED)
        )
        pointed_to = related(run, admission)
        if others:
            pointed_to |= others.rows_pointed_to(contract)
        kept = sieve.plan(repaired, pointed_to)
        sink = kept.sink_parquet(
            folder / PART, compression="zstd", row_group_size=ROWS_A_GROUP, lazy=True
        )
        run_together([sink])
        sieve.finish()
        spools["quarantine"].add(_unreadable(run, admission))
    return pandera_check, sieve


def certain_rules(contract: Contract, admission: Admission) -> set[str]:
    """The rules that every value of the source keeps, about columns that reach the version as they
    came.
    """
    touched = steps.columns_changed(contract, admission.fitted) | set(contract.privacy.columns)
    return {
        rule.name
        for rule in contract.rules
        if rule.name in admission.kept_by_all
        and not touched & set(rule.columns)
        # what repeats nowhere in a partition may repeat a row of another one
        and not (contract.source.partitions and rule.kind in REPEATING)
    }


def _schema(contract: Contract, layer: str) -> pl.Schema:
    why = pl.String() if LAYERS[layer] == REMOVED_BY else pl.List(pl.String())
    columns = () if layer == "flagged" else contract.published_columns
    return pl.Schema(
        {ROW: pl.Int64(), LAYERS[layer]: why, **{column.name: pl.String() for column in columns}}
    )


def _unreadable(run: Run, admission: Admission) -> pl.DataFrame:
    records = unreadable_records(run, admission.inputs.source_digest)
    return records.select(
        pl.col("record").alias(ROW),
        pl.concat_list(pl.lit("unreadable: ") + pl.col("reason")).alias(REASONS),
    )


def _why_barred(contract: Contract, barred: dict[str, str]) -> pl.Expr:
    """Why a row's own licence does not allow what is wanted; null where it does, or where rows have
    none of their own.

    To say nothing allows nothing.
    """
    if contract.license.column is None:
        return pl.lit(None, pl.String)
    named = pl.col(RECEIVED + contract.license.column)
    why = (
        named.replace_strict(
            list(barred), list(barred.values()), default=None, return_dtype=pl.String
        )
        if barred
        else pl.lit(None, pl.String)
    )
    return pl.when(named.is_null()).then(pl.lit("the row names none")).otherwise(why)


def related(run: Run, admission: Admission) -> dict[str, pl.LazyFrame]:
    """The versions that relationships are compared with, as admission noted them."""
    installation = run.installation
    pointed_to = {
        rule.argument.dataset for rule in run.contract.rules if rule.kind == "relationship"
    }
    return {
        name: installation.scan(installation.version(name, number))
        for name, number in admission.inputs.related.items()
        if name in pointed_to
    }


def _answers(run: Run) -> dict[str, float | None]:
    """What the contract's queries, row counts and measures of anonymity say of the rows that are to
    be published; nothing of a partition, which is not the table.
    """
    if run.contract.source.partitions:
        return {}
    queries = {rule.name: rule.argument for rule in run.contract.rules if rule.kind == "sql"}
    staged = run.installation.lake.staging(run.contract.name, run.run_id) / "version"
    files = sorted(staged.glob("*.parquet"))
    return {
        **row_counts(run.contract, sum(_rows_in(file) for file in files)),
        **sql.evaluate(queries, {run.contract.table: files}),
        **anonymity.answers(run.contract.rules, pl.scan_parquet(files)),
    }


def row_counts(contract: Contract, published: int) -> dict[str, float | None]:
    """What rules about the number of rows are answered: the rows that are published."""
    return {rule.name: float(published) for rule in contract.rules if rule.kind == "rowCount"}


def _refined(run: Run, admission: Admission, pandera_check: PanderaCheck, sieve: Sieve) -> Refined:
    """Count what was written, by reading the files' own footers, and hold it against what came in."""
    folder, contract = run.installation.lake.staging(run.contract.name, run.run_id), run.contract
    reasons = run_together(
        [_by_reason(folder / f"{layer}.parquet", why) for layer, why in LAYERS.items()]
    )
    quarantined_by, removed_by, flagged_by = (dict(counts.iter_rows()) for counts in reasons)
    unreadable = unreadable_records(run, admission.inputs.source_digest).height
    accounting = Accounting(
        admission.rows_in_window + unreadable,
        _rows_in(folder / PART),
        _rows_in(folder / "quarantine.parquet"),
        _rows_in(folder / "removed.parquet"),
        quarantined_by,
        removed_by,
    )
    _check_accounting(contract, accounting, pandera_check)
    return Refined(
        accounting=accounting,
        checks=checks(contract.rules, sieve.counts, _answers(run)),
        set_aside={layer: _described(folder / f"{layer}.parquet") for layer in LAYERS},
        changed=sieve.cells_changed,
        flagged=flagged_by,
        samples=sieve.samples,
        of_version=rules_of_version(contract),
    )


def rules_of_version(contract: Contract) -> frozenset[str]:
    """The rules that are answered by all partitions together: those about the table, those that
    count repeated rows without quarantining them, and those that ask for at least so many rows.
    """
    if not contract.source.partitions:
        return frozenset()
    return frozenset(
        rule.name
        for rule in contract.rules
        if not rule.judges_rows
        or not rule.bound.is_a_limit
        or (rule.kind in REPEATING and not is_exact(rule))
    )


def _check_accounting(
    contract: Contract, accounting: Accounting, pandera_check: PanderaCheck
) -> None:
    """Hold what went out against what came in.

    Raises: QualityError: rows were lost or doubled, or pandera has not seen every published row.
    """
    where = Where(dataset=contract.name)
    published = accounting.published
    if not accounting.balances:
        raise QualityError(
            f"{accounting.rows_in:,} rows came in, but {published:,} + {accounting.quarantined:,} + {accounting.removed:,} went out",
            "Nothing is published; run again, and report it if it recurs",
            where,
        )
    if pandera_check.rows != published:
        raise QualityError(
            f"the validation by pandera covered {pandera_check.rows:,} of {published:,} rows",
            "Nothing is published; run again, and report it if it recurs",
            where,
        )


def _by_reason(file: Path, why: str) -> pl.LazyFrame:
    reasons = pl.scan_parquet(file).select(why)
    return (
        (reasons.explode(why, empty_as_null=False) if why != REMOVED_BY else reasons)
        .group_by(why)
        .len()
        .sort(why)
    )


def _rows_in(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def _described(file: Path) -> dict[str, str | int]:
    return {"sha256": sha256(file), "rows": _rows_in(file)}


def assertions(found: Sequence[Check]) -> tuple[Assertion, ...]:
    """Checks as lineage describes them."""
    return tuple(
        Assertion(
            name=c.rule,
            success=c.passed,
            column=c.columns[0] if len(c.columns) == 1 else None,
            severity=c.severity,
            failing=c.failing,
            total=c.total,
        )
        for c in found
    )


def keep_set_aside(run: Run) -> dict[str, str]:
    """Move the quarantined and removed rows where stewards find them; they are kept even when the
    version is not published.

    Returns: layer -> path below the lake.
    """
    installation, name = run.installation, run.contract.name
    folder = installation.lake.staging(name, run.run_id)
    kept = {}
    for layer in LAYERS:
        target = installation.lake.folder(name, layer) / f"{run.run_id}.parquet"
        if (folder / f"{layer}.parquet").exists():
            installation.lake.move_file(folder / f"{layer}.parquet", target)
        kept[layer] = str(target.relative_to(installation.home.lake))
    return kept


def refusal_error(run: Run, refined: Refined) -> QualityError:
    """Why the version may not be published."""
    first, *others = refined.rules_that_stop_publication
    problem = describe_failure(first, run.contract) + describe_others(others, run.contract)
    remedy = f"See lake/{run.contract.name}/quarantine/{run.run_id}.parquet; fix the source, or change the rule in {run.contract.file}"
    return QualityError(problem, remedy, Where(dataset=run.contract.name, rule=first.rule))


def describe_failure(check: Check, contract: Contract) -> str:
    """Why a rule stops a publication: what it requires, what was measured, what is allowed."""
    rule = next(rule for rule in contract.rules if rule.name == check.rule)
    if check.passed is not False:
        cause = _WHY_UNKNOWN.get(rule.kind, "its columns could not be read")
        reason = f"it could not be evaluated: {cause}"
    elif rule.judges_rows:
        reason = f"{check.failing:,} of {check.total:,} rows break it, allowed {check.bound}"
    else:
        measurement = _MEASUREMENTS.get(rule.kind, "it measures")
        reason = f"{measurement} {check.measured:,g}, allowed {check.bound}"
    return f"{reason} ({rule.description})" if rule.description else reason


def describe_others(checks: Sequence[Check], contract: Contract) -> str:
    """The other rules that stop a publication, and why the first of them do."""
    described = [
        f"'{check.rule}': {describe_failure(check, contract)}" for check in checks[:_NAMED_RULES]
    ]
    left = len(checks) - _NAMED_RULES
    more = [f"{left:,} more rules"] if left > 0 else []
    return "".join(f"; also {text}" for text in (*described, *more))


def check_row(check: Check) -> CheckRecord:
    """A check as the registry keeps it."""
    return CheckRecord(check.rule, check.passed, check.failing, check.total, check.severity)
