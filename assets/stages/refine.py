"""Clean and validate, done: the apply pass -> staged files of rows kept, quarantined and removed, with one check a rule.

One streaming scan with three sinks, the counts beside them, and pandera on every batch that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from assets.hands import sql
from assets.hands.disk import sha256
from assets.stages.admit import Admission, window_of, window_rows
from assets.stages.ingest import unreadable_records
from assets.stages.run import Run, schema, sources, stage
from contracts.errors import QualityError, Where
from contracts.model import Contract
from contracts.types import dtype, read
from lineage.columns import lineage_of
from lineage.facts import Assertion, Table
from pipelines.admit.treat import treatments
from pipelines.clean import steps
from pipelines.clean.types import typed
from pipelines.engine import run_together
from pipelines.frames import REASONS, RECEIVED, REMOVED_BY, ROW, Accounting, Check
from pipelines.validate import anonymity
from pipelines.validate.gate import Gate
from pipelines.validate.split import checks, split

ROWS_A_GROUP = 122_880


@dataclass(frozen=True)
class Refined:
    """What the apply pass made. `set_aside` describes the quarantine and removed files."""

    accounting: Accounting
    checks: tuple[Check, ...]
    set_aside: dict[str, dict[str, str | int]]

    @property
    def broken(self) -> tuple[Check, ...]:
        """The error rules that stop publication: not passed, or not judged."""
        return tuple(check for check in self.checks if check.severity == "error" and check.passed is not True)


@dataclass(frozen=True)
class _Plan:
    kept: pl.LazyFrame
    quarantined: pl.LazyFrame
    removed: pl.LazyFrame
    counts: pl.LazyFrame
    removed_by: pl.LazyFrame
    quarantined_by: pl.LazyFrame


def refine(run: Run, admission: Admission) -> Refined:
    """Repair and judge the admitted rows into the run's staging folder.

    Raises: QualityError: pandera refuses a row that the rules let through, or the account does not balance.
    """
    office, contract = run.office, run.contract
    with stage(run, "cleaned") as noted:
        folder = office.lake.staging(contract.name, run.run_id)
        (folder / "version").mkdir(exist_ok=True)
        plan = _plan(run, admission)
        gate = Gate(contract)
        outputs = run_together(
            [
                plan.kept.sink_parquet(folder / "version" / "part-00000.parquet", compression="zstd", row_group_size=ROWS_A_GROUP, lazy=True),
                plan.quarantined.sink_parquet(folder / "quarantine.parquet", compression="zstd", lazy=True),
                plan.removed.sink_parquet(folder / "removed.parquet", compression="zstd", lazy=True),
                plan.kept.sink_batches(gate.check, lazy=True),
                plan.counts, plan.removed_by, plan.quarantined_by,
            ]
        )  # fmt: skip
        counts, removed_by, quarantined_by = outputs[4:]
        answers = _answers(run)
        refined = _refined(run, admission, gate, counts.to_dicts()[0], answers, dict(removed_by.iter_rows()), dict(quarantined_by.iter_rows()))
        noted.inputs.append(Table(name=f"{contract.name}/landed", version=admission.inputs.source_digest, assertions=assertions(refined.checks)))
        lineage = lineage_of({column.name: read(column) for column in contract.published_columns})
        columns = {column.name: dtype(column) for column in contract.published_columns}
        noted.outputs.append(
            Table(name=f"{contract.name}/cleaned", columns=schema(columns), rows=refined.accounting.published, lineage=sources(f"{contract.name}/landed", lineage))
        )
    return refined


def _plan(run: Run, admission: Admission) -> _Plan:
    contract, inputs = run.contract, admission.inputs
    rows = window_rows(run, inputs.source_digest, window_of(contract, inputs.window))
    personal = treatments(contract.privacy, admission.found, run.office.keys.pseudonymizer(contract.license.purposes[0]), run.office.keys.keyed_hash())
    treated = rows.with_columns(*personal.values())
    cleaned = steps.apply(typed(treated, contract), contract.cleaning, admission.fitted, admission.repeated)
    repaired = cleaned.filter(pl.col(REMOVED_BY).is_null())
    why_barred = _why_barred(contract, admission.barred)
    candidate = repaired.filter(why_barred.is_null())
    barred = repaired.filter(why_barred.is_not_null()).with_columns(pl.concat_list(pl.lit("license: ") + why_barred).alias(REASONS))
    judged = split(candidate, contract.rules, {**related(run, admission), contract.table: candidate})
    names = [column.name for column in contract.published_columns]
    received = [pl.col(RECEIVED + name).alias(name) for name in names]
    unreadable = unreadable_records(run, inputs.source_digest).lazy().select(pl.col("record").alias(ROW), pl.concat_list(pl.lit("unreadable: ") + pl.col("reason")).alias(REASONS))
    quarantined = pl.concat([judged.split.set_aside.select(ROW, REASONS, *received), barred.select(ROW, REASONS, *received), unreadable], how="diagonal")
    removed = cleaned.filter(pl.col(REMOVED_BY).is_not_null())
    return _Plan(
        kept=judged.split.kept.select(names),
        quarantined=quarantined,
        removed=removed.select(ROW, REMOVED_BY, *received),
        counts=judged.counts,
        removed_by=removed.group_by(REMOVED_BY).len().sort(REMOVED_BY),
        quarantined_by=quarantined.select(pl.col(REASONS).explode(empty_as_null=False)).group_by(REASONS).len().sort(REASONS),
    )


def _why_barred(contract: Contract, barred: dict[str, str]) -> pl.Expr:
    """Why a row's own licence does not allow what is wanted; null where it does, or where rows have none of their own. To say nothing allows nothing."""
    if contract.license.column is None:
        return pl.lit(None, pl.String)
    named = pl.col(RECEIVED + contract.license.column)
    why = named.replace_strict(list(barred), list(barred.values()), default=None, return_dtype=pl.String) if barred else pl.lit(None, pl.String)
    return pl.when(named.is_null()).then(pl.lit("the row names none")).otherwise(why)


def related(run: Run, admission: Admission) -> dict[str, pl.LazyFrame]:
    """The versions that relationships are held against, as admission noted them."""
    office = run.office
    pointed_to = {rule.argument.dataset for rule in run.contract.rules if rule.kind == "relationship"}
    return {name: office.scan(office.version(name, number)) for name, number in admission.inputs.related.items() if name in pointed_to}


def _answers(run: Run) -> dict[str, float | None]:
    """What the contract's queries, and the measures of anonymity, say of the rows that are to be published."""
    queries = {rule.name: rule.argument for rule in run.contract.rules if rule.kind == "sql"}
    staged = run.office.lake.staging(run.contract.name, run.run_id) / "version"
    files = sorted(staged.glob("*.parquet"))
    return {**sql.evaluate(queries, {run.contract.table: files}), **anonymity.answers(run.contract.rules, pl.scan_parquet(files))}


def _refined(
    run: Run, admission: Admission, gate: Gate, counts: dict[str, int], answers: dict[str, float | None], removed_by: dict[str, int], quarantined_by: dict[str, int]
) -> Refined:
    """Count what was written, by reading the files' own footers, and hold it against what came in."""
    folder = run.office.lake.staging(run.contract.name, run.run_id)
    unreadable = unreadable_records(run, admission.inputs.source_digest).height
    published, quarantined, removed = (_rows_in(folder / name) for name in ("version/part-00000.parquet", "quarantine.parquet", "removed.parquet"))
    accounting = Accounting(admission.rows_in_window + unreadable, published, quarantined, removed, quarantined_by, removed_by)
    where = Where(dataset=run.contract.name)
    if not accounting.balances:
        raise QualityError(
            f"{accounting.rows_in:,} rows came in, and {published:,} + {quarantined:,} + {removed:,} went out",
            "Nothing is published; run again, and report it if it recurs", where,
        )  # fmt: skip
    if gate.rows != published:
        raise QualityError(f"pandera saw {gate.rows:,} of {published:,} rows", "Nothing is published; run again, and report it if it recurs", where)
    described = {name: _described(folder / f"{name}.parquet") for name in ("quarantine", "removed")}
    return Refined(accounting, checks(run.contract.rules, counts, answers), described)


def _rows_in(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def _described(file: Path) -> dict[str, str | int]:
    return {"sha256": sha256(file), "rows": _rows_in(file)}


def assertions(found: Sequence[Check]) -> tuple[Assertion, ...]:
    """Checks as lineage tells them."""
    return tuple(
        Assertion(name=c.rule, success=c.passed, column=c.columns[0] if len(c.columns) == 1 else None, severity=c.severity, failing=c.failing, total=c.total) for c in found
    )


def keep_set_aside(run: Run) -> dict[str, str]:
    """Move the quarantined and removed rows where stewards find them; they are kept even when the version is not published.

    Returns: layer -> path below the lake.
    """
    office, name = run.office, run.contract.name
    folder = office.lake.staging(name, run.run_id)
    kept = {}
    for layer in ("quarantine", "removed"):
        target = office.lake.folder(name, layer) / f"{run.run_id}.parquet"
        if (folder / f"{layer}.parquet").exists():
            office.lake.move_file(folder / f"{layer}.parquet", target)
        kept[layer] = str(target.relative_to(office.home.lake))
    return kept


def refused(run: Run, refined: Refined) -> QualityError:
    """Why the version may not be published."""
    first, *others = refined.broken
    problem = f"{_said(run, first)}, allowed {first.bound}" if first.passed is False else "it could not be judged: there was no row, no version to hold it against, or no answer"
    more = f" ({len(others)} more rules too)" if others else ""
    remedy = f"See lake/{run.contract.name}/quarantine/{run.run_id}.parquet; mend the source, or change the rule in {run.contract.file}"
    return QualityError(problem + more, remedy, Where(dataset=run.contract.name, rule=first.rule))


def _said(run: Run, check: Check) -> str:
    """What was measured, in words."""
    rule = next(rule for rule in run.contract.rules if rule.name == check.rule)
    return f"{check.failing:,} of {check.total:,} rows break it" if rule.judges_rows else f"it gave {check.measured:,g}"


def check_row(check: Check) -> dict[str, object]:
    """A check as the registry keeps it."""
    return {key: value for key, value in asdict(check).items() if key in ("rule", "passed", "failing", "total", "severity")}
