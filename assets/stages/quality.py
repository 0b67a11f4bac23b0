"""Assess staged rows: add those that stewards released, measure the quality of the version, and
answer the checks of the whole version.

Belongs here: what is between the apply pass and publishing. Stays out: the apply pass
(clean_validate.py), deciding about quarantined rows (quarantine.py).
Cheap by design: nulls and newest times come from the files' footers, groups from the columns they
name, stability from samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io import sql
from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import as_row
from assay.assets.io.registry.quarantine import HandlingRecord
from assay.assets.io.registry.versions import Version
from assay.assets.io.sources import locate
from assay.assets.stages.admit import Admission
from assay.assets.stages.clean_validate import ROWS_A_GROUP, Refined, row_counts
from assay.assets.stages.handlings import handling_of, rows_of
from assay.assets.stages.partition_statistics import measure_partition
from assay.assets.stages.published_keys import RELEASED_FILE, add_staged
from assay.assets.stages.run import Run
from assay.assets.stages.version_statistics import statistics_of
from assay.contracts.errors import EvidenceError, SourceError
from assay.contracts.model import Contract, Rule
from assay.lineage import evidence, partition_tree
from assay.lineage.evidence import PublishedFile
from assay.pipelines.core.engine import run as collect
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import REASONS, Check
from assay.pipelines.validate import anonymity, bias, far_years, metrics, stability
from assay.pipelines.validate.evaluate import Statistics
from assay.pipelines.validate.quarantine import (
    DECISION,
    decided,
    reason_digests,
    released,
    without_values,
)

_DEVIATION, _HOUR = timedelta(minutes=5), timedelta(hours=1)
_SAMPLED_PARTITIONS = 100
"""More partitions than this are compared by a sample of them."""
QUARANTINE_FILE = "quarantine.parquet"


@dataclass(frozen=True)
class Assessed(Refined):
    """What is to be published, with its quality and the decisions that were applied."""

    quality: metrics.Quality
    statistics: Mapping[str, Any] | None = None
    """Of a partition: what is kept of its files, so that the whole version can be measured."""
    decisions: tuple[Mapping[str, Any], ...] = ()
    """Decisions about this delivery's quarantined rows, as the registry keeps them, each with the
    rows it took in this run (`taken`).
    """
    far_years: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Column -> years far from those of nearly all rows: a doubt for the steward."""


def assess(run: Run, admission: Admission, refined: Refined) -> Assessed:
    """Complete what the apply pass made: apply the stewards' decisions, measure, and evaluate what
    only the whole version answers.
    """
    if isinstance(refined, Assessed):
        return refined
    contract = run.contract
    refined, decisions = _with_decisions(run, admission, refined)
    folder = run.installation.lake.staging(contract.name, run.run_id) / "version"
    files = sorted(folder.glob("*.parquet"))
    is_released = any(row["action"] == "release" and row["taken"] for row in decisions)
    answers = {} if not is_released or refined.of_version else table_answers(contract, files)
    quality = metrics.quality(
        refined.accounting,
        contract.rules,
        refined.checks,
        measured(run.installation, contract, files, run.installation.clock(), _changed(refined)),
    )
    if not contract.source.partitions:
        answers |= metrics.answers(contract.rules, quality)
    checks = tuple(
        _answered(check, rule, answers)
        for check, rule in zip(refined.checks, contract.rules, strict=True)
    )
    add_staged(run, admission, files)
    return Assessed(
        refined.accounting,
        checks,
        refined.set_aside,
        refined.changed,
        refined.flagged,
        refined.samples,
        refined.of_version,
        quality,
        measure_partition(contract, files, _changed(refined)) if run.partition else None,
        decisions,
        _far_years(contract, files),
    )


def _far_years(contract: Contract, files: Sequence[Path]) -> dict[str, list[int]]:
    """The doubtful years of these files; years are counted where the footers reach far."""
    statistics = statistics_of(files)
    wide = [
        name
        for name in far_years.dated_columns(contract)
        if (ends := statistics.get(name)) is not None
        and ends.low is not None
        and far_years.span_is_wide([ends.low.year, ends.high.year])
    ]
    if not wide:
        return {}
    rows = pl.scan_parquet(list(files))
    counts = run_together([far_years.year_counts(rows, name) for name in wide])
    doubtful = {n: far_years.far_years(count) for n, count in zip(wide, counts, strict=True)}
    return {name: years for name, years in doubtful.items() if years}


def _answered(check: Check, rule: Rule, answers: Mapping[str, float | None]) -> Check:
    if rule.name not in answers:
        return check
    answer = answers[rule.name]
    passed = None if answer is None else rule.bound.holds(answer, check.total)
    return replace(check, measured=answer, passed=passed, failing=0 if passed else check.total)


def table_answers(contract: Contract, files: Sequence[Path]) -> dict[str, float | None]:
    """What the contract's queries, and the measures of anonymity, say of the rows in these files."""
    queries = {rule.name: rule.argument for rule in contract.rules if rule.kind == "sql"}
    return {
        **row_counts(contract, _rows(pl.scan_parquet(list(files)))),
        **sql.evaluate(queries, {contract.table: list(files)}),
        **anonymity.answers(contract.rules, pl.scan_parquet(list(files))),
    }


# -- the stewards' decisions -----------------------------------------------------------------


def _with_decisions(
    run: Run, admission: Admission, refined: Refined
) -> tuple[Refined, tuple[Mapping[str, Any], ...]]:
    """Move released rows from the staged quarantine into the staged version, and take the values
    out of discarded ones, which stay counted.
    """
    contract, inputs = run.contract, admission.inputs
    handlings = rows_of(run.installation, contract.name, inputs.source_digest, inputs.window)
    if not handlings:
        return refined, ()
    folder = run.installation.lake.staging(contract.name, run.run_id)
    applied = _apply(handlings, contract, folder)
    releases = [row.id for row in handlings if row.action == "release"]
    rows = sum(applied.taken.get(number, 0) for number in releases)
    if not rows:
        (folder / "version" / RELEASED_FILE).unlink()
    accounting = replace(
        refined.accounting,
        published=refined.accounting.published + rows,
        quarantined=refined.accounting.quarantined - rows,
        quarantined_by=applied.left_by,
    )
    quarantine: dict[str, str | int] = {
        "sha256": sha256(folder / QUARANTINE_FILE),
        "rows": accounting.quarantined,
    }
    refined = replace(
        refined,
        accounting=accounting,
        checks=_forgiven(refined.checks, contract, applied.freed_by),
        set_aside={**refined.set_aside, "quarantine": quarantine},
    )
    return refined, tuple(
        {**as_row(row), "taken": applied.taken.get(row.id, 0)} for row in handlings
    )


@dataclass(frozen=True)
class _Applied:
    """What stewards' decisions did to the staged quarantine."""

    taken: dict[int, int]
    """Decision -> the rows that it took."""
    freed_by: dict[str, int]
    """Reason -> the released rows that it had quarantined."""
    left_by: dict[str, int]
    """Reason -> the rows that stay for it."""


def _apply(handlings: Sequence[HandlingRecord], contract: Contract, folder: Path) -> _Applied:
    quarantine, left = folder / QUARANTINE_FILE, folder / "quarantine.left.parquet"
    marked = pl.scan_parquet(quarantine).with_columns(
        decided([handling_of(row) for row in handlings], reason_digests(contract))
    )

    def taken_by(action: str) -> pl.Expr:
        numbers = [row.id for row in handlings if row.action == action]
        return pl.col(DECISION).is_in(numbers).fill_null(False)

    free, staying = marked.filter(taken_by("release")), marked.filter(~taken_by("release"))
    emptied = without_values(staying, taken_by("discard")).drop(DECISION)
    _, _, taken, freed_by, left_by = run_together(
        [
            released(free, contract).sink_parquet(
                folder / "version" / RELEASED_FILE,
                compression="zstd",
                row_group_size=ROWS_A_GROUP,
                lazy=True,
            ),
            emptied.sink_parquet(left, compression="zstd", lazy=True),
            marked.drop_nulls(DECISION).group_by(DECISION).len(),
            _by_reason(free),
            _by_reason(staying),
        ]
    )
    left.replace(quarantine)
    return _Applied(
        taken=dict(taken.iter_rows()),
        freed_by=dict(freed_by.iter_rows()),
        left_by=dict(left_by.iter_rows()),
    )


def _by_reason(rows: pl.LazyFrame) -> pl.LazyFrame:
    return (
        rows.select(pl.col(REASONS).explode(empty_as_null=False))
        .group_by(REASONS)
        .len()
        .sort(REASONS)
    )


def _forgiven(
    checks: Sequence[Check], contract: Contract, freed_by: Mapping[str, int]
) -> tuple[Check, ...]:
    """The checks, with the rows that were released from a rule no longer compared with it."""
    rules = {rule.name: rule for rule in contract.rules}

    def forgiven(check: Check) -> Check:
        failing = check.failing - freed_by.get(check.rule, 0)
        return replace(
            check,
            failing=failing,
            measured=float(failing),
            passed=rules[check.rule].bound.holds(failing, check.total),
        )

    return tuple(forgiven(check) if check.rule in freed_by else check for check in checks)


def render_decisions(decisions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The decisions as the evidence keeps them: in words, and as they were signed."""
    shown = ("id", "action", "rule", "chosen", "rows", "taken", "why", "by", "at", "run_id")
    return {
        "said": [{key: decision[key] for key in shown} for decision in decisions],
        "signed": [decision["envelope"] for decision in decisions],
    }


# -- measuring ---------------------------------------------------------------------------------


def _changed(refined: Refined) -> dict[str, int]:
    """Column -> cells that some step changed."""
    cells: Counter[str] = Counter()
    for columns in refined.changed.values():
        cells.update(columns)
    return dict(cells)


def measured(
    installation: Installation,
    contract: Contract,
    files: Sequence[Path],
    now: datetime,
    changed: Mapping[str, int],
) -> metrics.Measured:
    """Everything that the metrics read of a version's files, and of the version before."""
    frame, schema = pl.scan_parquet(list(files)), pl.read_parquet_schema(files[0])
    statistics = statistics_of(files)
    nulls: dict[str, int | None] = {
        column.name: column_statistics.nulls
        if (column_statistics := statistics.get(column.name))
        else None
        for column in contract.published_columns
    }
    nested = [name for name, count in nulls.items() if count is None]
    if nested:
        null_counts = collect(frame.select(pl.col(name).null_count() for name in nested))
        nulls |= null_counts.row(0, named=True)
    ages = {
        rule.argument.column: rule
        for rule in contract.rules
        if rule.kind == "metric" and rule.argument.name == "freshness"
    }
    freshness = {
        name: age
        for name in ages
        if name in schema and (age := _age(_newest(frame, name, statistics, now), now)) is not None
    }
    source = source_age(installation, contract, now)
    if source is not None:
        freshness["source"] = source
    groups = bias.measure(frame, contract.bias) if contract.bias else ()
    return metrics.Measured(
        nulls, freshness, _stability(installation, contract, frame, schema), changed, groups
    )


def _newest(
    frame: pl.LazyFrame, column: str, statistics: Mapping[str, Statistics], now: datetime
) -> Any:
    """The newest value that is not in the future; None if there is none."""
    column_statistics = statistics.get(column)
    high = column_statistics.high if column_statistics else None
    if high is not None and not _is_future(high, now):
        return high
    value = pl.col(column)
    kind = frame.select(value).collect_schema()[column]
    if isinstance(kind, pl.Datetime):
        latest: date = now if kind.time_zone else now.astimezone(UTC).replace(tzinfo=None)
    else:
        latest = now.astimezone(UTC).date()
    return collect(frame.select(value.filter(value <= pl.lit(latest)).max())).item()


def _is_future(value: date, now: datetime) -> bool:
    """Whether a moment, in UTC where it has no zone, or a day in UTC is after now."""
    if not isinstance(value, datetime):
        return value > now.astimezone(UTC).date()
    return (value if value.tzinfo else value.replace(tzinfo=UTC)) > now


def _age(newest: date | None, now: datetime) -> float | None:
    """Hours since the newest value. A day counts from its end, so today's is no hour old."""
    if newest is None:
        return None
    if not isinstance(newest, datetime):
        newest = datetime.combine(newest, time.max)
    moment = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
    return round(max((now - moment).total_seconds(), 0.0) / 3600, 4)


def source_age(installation: Installation, contract: Contract, now: datetime) -> float | None:
    """Hours since the source's file was last written.

    None for what is no file here, for a time in the future, and for what a package brings along:
    that tells when it was installed.
    """
    if contract.source.upstream:
        row = installation.registry.references.resolve(*contract.source.upstream)
        return _hours_since(datetime.fromisoformat(row.published_at), now) if row else None
    if "://" in contract.source.location or contract.source.location.startswith(
        ("package:", "module:")
    ):
        return None
    try:
        changed = datetime.fromtimestamp(
            locate(contract, installation.home.roots).stat().st_mtime, UTC
        )
    except (SourceError, OSError):  # moved away since it was landed
        return None
    return _hours_since(changed, now)


def _hours_since(moment: datetime, now: datetime) -> float | None:
    """Hours since a moment; None for one in the future, which no clock's deviation explains."""
    elapsed = now - moment
    return None if elapsed < -_DEVIATION else round(max(elapsed, timedelta()) / _HOUR, 4)


def _stability(
    installation: Installation,
    contract: Contract,
    frame: pl.LazyFrame,
    schema: Mapping[str, pl.DataType],
) -> dict[str, float]:
    """How far each column has moved since the newest version; nothing if there is none, or it
    cannot be read: `assay verify` reports what is wrong with it.

    A sample does not need what opening a version does: each file's digest.
    """
    row = installation.registry.references.resolve(contract.name)
    if row is None:
        return {}
    try:
        files = sampled_files(installation, row)
        folder = installation.lake.folder(contract.name, "versions")
        before = [folder / file.path for file in files]
        schema_before = pl.read_parquet_schema(before[0])
        columns = [
            name
            for name, kind in schema.items()
            if schema_before.get(name) == kind and stability.comparable(kind)
        ]
        rows = sum(file.rows for file in files)
        reference = stability.sample(pl.scan_parquet(before), rows, columns)
    except (EvidenceError, pl.exceptions.ComputeError, OSError):
        return {}
    return stability.stability(reference, stability.sample(frame, _rows(frame), columns))


def sampled_files(installation: Installation, row: Version) -> Sequence[PublishedFile]:
    """A version's files; of one with very many partitions, those of a few, evenly spread."""
    document = installation.signed_statement(row)
    tree = document["predicate"].get("partition_tree")
    if tree is None:
        return evidence.files(document)
    read = installation.partition_reader(row.dataset)
    digests = list(partition_tree.listed(tree["root"], read).values())
    step = -(-len(digests) // _SAMPLED_PARTITIONS)
    parts = read(digests[::step])
    return [
        PublishedFile(**file) for digest in digests[::step] for file in parts[digest]["manifest"]
    ]


def _rows(frame: pl.LazyFrame) -> int:
    return int(collect(frame.select(pl.len())).item())


def evidence_of(found: metrics.Quality) -> dict[str, Any]:
    """The metrics as the evidence keeps them."""
    return asdict(found)
