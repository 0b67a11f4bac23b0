"""Two published windows -> measurements of how far they lie apart, and a report to read.

Belongs here: distributions (by Evidently, on samples), and what it cannot see, on all rows: missing values, volume, new categories.
Stays out: what to do about it (act/), choosing the windows, where reports lie.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from contracts.settings import DriftPolicy
from pipelines.engine import run, run_together
from pipelines.frames import ColumnDrift, Drift

if TYPE_CHECKING:
    import pandas as pd

MISSING, VOLUME, NEW = "missing_change_pct", "volume_change_pct", "new_categories"
ALL_COLUMNS = "*"
_BEYOND_STATISTICS = (MISSING, VOLUME, NEW)
_NUMBER = "_number"
_LESS_THAN = "\u2039"  # in place of `<` for Evidently: it writes names and values into its page's script as they are (0.7.23)


@dataclass(frozen=True)
class Measured:
    """The measurements with their verdict, and one HTML page that needs nothing beside it."""

    drift: Drift
    html: str


@dataclass(frozen=True)
class _Window:
    """What is known of all rows of one side: how many, how many lack each column, and the rows of each category (`value`, `rows`)."""

    rows: int
    missing: Mapping[str, int]
    categories: Mapping[str, pl.DataFrame]

    def missing_pct(self, column: str) -> float:
        return 100 * self.missing[column] / self.rows


@dataclass(frozen=True)
class _Statistics:
    """What Evidently found: one measurement a column, whether its own test of their share failed, its page."""

    measurements: tuple[ColumnDrift, ...] = ()
    share_reached: bool = False
    html: str | None = None


def measure(reference: pl.LazyFrame, current: pl.LazyFrame, *, policy: DriftPolicy, numerical: Sequence[str], categorical: Sequence[str]) -> Measured:
    """Compare two windows in the columns of the policy.

    The report shows values of the compared columns: the caller names no personal column in `numerical` or `categorical`,
    and a column that is in neither is not read. New categories are counted and never shown in the measurements.

    Args:
        reference: the window before. current: the window now. Only the compared columns are read, in two streaming passes;
            memory holds `policy.sample_rows` rows of each, and the distinct values of each categorical column.
        policy: the thresholds. A test that gives a p-value drifts below its threshold, a distance above; Evidently knows which.
        numerical, categorical: how to read the policy's columns.
    Returns: percentages on all rows, statistics on a sample that is the same for the same rows in the same order, seed and Polars version.
    """
    kinds = {column: "numerical" if column in numerical else "categorical" for column in policy.columns if column in {*numerical, *categorical}}
    neither = "not compared: neither a numerical nor a categorical column"
    unread = [ColumnDrift(column, MISSING, None, policy.missing_change_pct, None, neither) for column in policy.columns if column not in kinds]
    changed = _schema_changes(reference.collect_schema(), current.collect_schema(), kinds, policy)
    shared = {column: kind for column, kind in kinds.items() if column not in {change.column for change in changed}}

    before, now = _window(reference, shared), _window(current, shared)
    volume = _volume(before, now, policy)
    if not before.rows or not now.rows:
        empty = "reference" if not before.rows else "current"
        return _measured(Drift("unknown", (volume, *changed, *unread), (f"The {empty} window has no rows, so there is nothing to compare.",)))

    statistics = _statistics(_sample(reference, shared, before.rows, policy), _sample(current, shared, now.rows, policy), shared, policy)
    missing = [_missing(column, before, now, policy) for column in shared]
    new = [_new_categories(column, before, now) for column in before.categories] if policy.new_categories else []
    measurements = (*statistics.measurements, *missing, *new, volume, *changed, *unread)
    return _measured(_verdict(measurements, policy, share_reached=statistics.share_reached), statistics.html)


def _verdict(measurements: tuple[ColumnDrift, ...], policy: DriftPolicy, *, share_reached: bool) -> Drift:
    compared = [m for m in measurements if m.method not in _BEYOND_STATISTICS and m.drifted is not None]
    moved = [f"{m.column} ({m.method} {m.score:.4g}, threshold {m.threshold:g})" for m in compared if m.drifted]
    reasons = [f"{m.column}: {m.note}." for m in measurements if m.drifted and m.method in _BEYOND_STATISTICS]
    verdict: Literal["drifted", "stable", "unknown"] = "drifted" if share_reached or reasons else "stable" if compared else "unknown"
    if compared:
        which = f": {', '.join(moved)}" if moved else ""
        bound = "at least" if share_reached else "less than"
        reasons.insert(0, f"{len(moved)} of {len(compared)} columns moved, {bound} the share of {100 * policy.share:g} %{which}.")
    else:
        reasons.append("No column's values could be compared.")
    return Drift(verdict, measurements, tuple(reasons))


# -- all rows, by Polars -----------------------------------------------------------


def _schema_changes(before: pl.Schema, now: pl.Schema, kinds: Mapping[str, str], policy: DriftPolicy) -> list[ColumnDrift]:
    """The columns that one side lacks, or that are numbers on one side only."""
    changes = []
    for column, kind in kinds.items():
        types = [schema.get(column) for schema in (before, now)]
        if None in types:
            note = "in neither window" if types == [None, None] else f"not in the {'reference' if types[0] is None else 'current'} window"
            changes.append(ColumnDrift(column, MISSING, None, policy.missing_change_pct, None if types == [None, None] else True, note))
        elif kind == "numerical" and not all(dtype is not None and dtype.is_numeric() for dtype in types):
            changes.append(ColumnDrift(column, MISSING, None, policy.missing_change_pct, True, f"not a number in both windows ({types[0]}, then {types[1]})"))
    return changes


def _window(frame: pl.LazyFrame, kinds: Mapping[str, str]) -> _Window:
    """One streaming pass over all rows."""
    schema = frame.collect_schema()
    missing = [_is_missing(column, schema[column]).sum().alias(column) for column in kinds]
    categories = [column for column, kind in kinds.items() if kind == "categorical"]
    by_value = [frame.select(pl.col(column).cast(pl.String).alias("value")).drop_nulls().group_by("value").agg(pl.len().alias("rows")) for column in categories]
    counts, *values = run_together([frame.select(pl.len().alias(ALL_COLUMNS), *missing), *by_value])
    numbers: dict[str, int] = counts.row(0, named=True)
    return _Window(numbers.pop(ALL_COLUMNS), numbers, dict(zip(categories, values, strict=True)))


def _is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    # Evidently leaves out what is not finite, so it counts as missing here
    value = pl.col(column)
    return ~value.is_finite().fill_null(False) if dtype.is_float() else value.is_null()


def _volume(before: _Window, now: _Window, policy: DriftPolicy) -> ColumnDrift:
    if not before.rows:
        return ColumnDrift(ALL_COLUMNS, VOLUME, None, policy.volume_change_pct, None, f"0 rows before, {now.rows:,} now")
    change_pct = 100 * (now.rows - before.rows) / before.rows
    note = f"{before.rows:,} rows before, {now.rows:,} now ({change_pct:+.1f} %)"
    return ColumnDrift(ALL_COLUMNS, VOLUME, change_pct, policy.volume_change_pct, abs(change_pct) >= policy.volume_change_pct, note)


def _missing(column: str, before: _Window, now: _Window, policy: DriftPolicy) -> ColumnDrift:
    change_pct = now.missing_pct(column) - before.missing_pct(column)
    note = f"missing in {before.missing_pct(column):.2f} % of rows before, {now.missing_pct(column):.2f} % now"
    return ColumnDrift(column, MISSING, change_pct, policy.missing_change_pct, abs(change_pct) >= policy.missing_change_pct, note)


def _new_categories(column: str, before: _Window, now: _Window) -> ColumnDrift:
    """The percentage of rows whose value the reference never had; the values themselves stay unsaid."""
    old, young = before.categories[column], now.categories[column]
    unseen = young.join(old, on="value", how="anti")
    gone = old.join(young, on="value", how="anti")
    rows_pct = 100 * int(unseen["rows"].sum()) / now.rows
    note = f"categories never seen before: {unseen.height:,}, in {rows_pct:.2f} % of rows; vanished: {gone.height:,} of {old.height:,}"
    return ColumnDrift(column, NEW, rows_pct, 0.0, unseen.height > 0, note)


# -- a sample, by Evidently --------------------------------------------------------


def _sample(frame: pl.LazyFrame, kinds: Mapping[str, str], rows: int, policy: DriftPolicy) -> pl.DataFrame:
    """`policy.sample_rows` rows in their own order, drawn by a seeded hash of the row's number: the same ones each time."""
    readable = [pl.col(c).cast(pl.Float64) if kind == "numerical" else pl.col(c).cast(pl.String).str.replace_all("<", _LESS_THAN, literal=True) for c, kind in kinds.items()]
    numbered = frame.select(readable).with_row_index(_NUMBER)
    drawn = pl.col(_NUMBER).hash(policy.seed)
    if rows > policy.sample_rows:
        # bottom_k alone holds every row (1.2 GB at 30 million, 2026-11): a filter ten standard deviations wide goes first
        enough = min(1.0, (policy.sample_rows + 10 * policy.sample_rows**0.5) / rows)
        numbered = numbered.filter(drawn <= pl.lit(int(enough * (2**64 - 1)), pl.UInt64)).bottom_k(policy.sample_rows, by=drawn)
    return run(numbered.sort(_NUMBER).drop(_NUMBER))


def _statistics(reference: pl.DataFrame, current: pl.DataFrame, kinds: Mapping[str, str], policy: DriftPolicy) -> _Statistics:
    """Evidently's measurement of each column that has something to compare; the others say why not."""
    method = {column: policy.numerical if kind == "numerical" else policy.categorical for column, kind in kinds.items()}
    obstacles = {column: reason for column in kinds if (reason := _obstacle(reference[column], current[column]))}
    unmeasured = tuple(ColumnDrift(column, method[column].method, None, method[column].threshold, None, reason) for column, reason in obstacles.items())
    names = [column for column in kinds if column not in obstacles]
    if not names:
        return _Statistics(unmeasured)
    shown = {column: column.replace("<", _LESS_THAN) for column in names}
    before, now = (sample.select(names).rename(shown).to_pandas() for sample in (reference, current))
    result, html = _evidently(before, now, {shown[column]: kinds[column] for column in names}, policy)

    scores = {m["config"]["column"]: float(m["value"]) for m in result["metrics"] if m["config"]["type"].endswith(":ValueDrift")}
    failed = {(test["metric_config"]["params"]["type"].rpartition(":")[2], test["metric_config"]["params"].get("column")): test["status"] == "FAIL" for test in result["tests"]}
    measured = tuple(_score(column, method[column].method, method[column].threshold, scores[shown[column]], drifted=failed["ValueDrift", shown[column]]) for column in names)
    return _Statistics((*measured, *unmeasured), failed["DriftedColumnsCount", None], html)


def _score(column: str, method: str, threshold: float, score: float, *, drifted: bool) -> ColumnDrift:
    if isnan(score):  # Evidently passes its test on a score that is not a number
        return ColumnDrift(column, method, None, threshold, None, "the test gave no number")
    return ColumnDrift(column, method, score, threshold, drifted)


def _obstacle(reference: pl.Series, current: pl.Series) -> str | None:
    """Why Evidently is not asked about a column: it raises on one without values, and of two equal constants some tests give no number."""
    before, now = (series.filter(series.is_finite()) if series.dtype.is_float() else series.drop_nulls() for series in (reference, current))
    empty = [name for name, values in (("reference", before), ("current", now)) if values.is_empty()]
    if empty:
        return f"no values in the {' and the '.join(empty)} sample"
    if before.n_unique() == 1 and now.n_unique() == 1 and before[0] == now[0]:
        return "constant: one and the same value in both samples"
    return None


def _evidently(reference: pd.DataFrame, current: pd.DataFrame, kinds: Mapping[str, str], policy: DriftPolicy) -> tuple[dict[str, Any], str]:
    """Evidently's result as a dictionary (metrics, tests), and its page."""
    os.environ["DO_NOT_TRACK"] = "1"  # read on import: nothing is sent home
    with warnings.catch_warnings():
        # importing it reaches numpy.core, Litestar's old names and an escape that newer Pythons refuse: its to mend, not ours
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
    definition = DataDefinition(
        numerical_columns=[column for column, kind in kinds.items() if kind == "numerical"],
        categorical_columns=[column for column, kind in kinds.items() if kind == "categorical"],
    )
    preset = DataDriftPreset(
        columns=list(kinds),
        drift_share=policy.share,
        num_method=policy.numerical.method,
        num_threshold=policy.numerical.threshold,
        cat_method=policy.categorical.method,
        cat_threshold=policy.categorical.threshold,
        include_tests=True,
    )
    with warnings.catch_warnings():
        # histograms of constants and rare categories divide by zero; a score that comes out as no number is caught in `_score`
        warnings.simplefilter("ignore", RuntimeWarning)
        snapshot = Report([preset], include_tests=True).run(
            current_data=Dataset.from_pandas(current, data_definition=definition), reference_data=Dataset.from_pandas(reference, data_definition=definition)
        )
        result, html = snapshot.dict(), snapshot.get_html_str(as_iframe=False)
    # statuses are an enumeration whose members are the words
    return {**result, "tests": [{**test, "status": str(getattr(test["status"], "value", test["status"]))} for test in result["tests"]]}, html


# -- the page ----------------------------------------------------------------------

_STYLE = """
#assay{font:15px/1.5 system-ui,sans-serif;color:#1c2430;background:#fff;max-width:1200px;margin:0 auto;padding:24px}
#assay h1{font-size:24px;margin:0 0 8px}#assay table{border-collapse:collapse;width:100%;margin-top:16px}
#assay th,#assay td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid #dde2e8;vertical-align:top}
#assay td.number,#assay th.number{text-align:right;font-variant-numeric:tabular-nums}
#assay .drifted{color:#a3170f;font-weight:600}#assay .stable{color:#1b6b3a}#assay .unknown{color:#6b7280}
"""
_VERDICTS: Mapping[bool | None, tuple[str, str]] = {True: ("drifted", "drifted"), False: ("stable", "stable"), None: ("unknown", "not measured")}


def _measured(drift: Drift, evidently: str | None = None) -> Measured:
    """Assay's section before Evidently's own page, or alone where Evidently had nothing to measure."""
    section = f"<style>{_STYLE}</style>{_section(drift)}"
    if evidently is None:
        return Measured(drift, f'<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Drift</title></head><body>{section}</body></html>')
    head, body, rest = evidently.partition("<body>")
    return Measured(drift, "".join((head, body, section, rest)))


def _section(drift: Drift) -> str:
    header = '<tr><th>Column</th><th>Measured by</th><th class="number">Score</th><th class="number">Threshold</th><th>Verdict</th><th>Note</th></tr>'
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in drift.reasons)
    rows = "".join(chain.from_iterable(("<tr>", _cells(m), "</tr>") for m in drift.measurements))
    title = f'<h1>Drift: <span class="{drift.verdict}">{drift.verdict}</span></h1><ul>{reasons}</ul>'
    basis = "<p>Percentages and new categories are of all rows, statistics of a sample of each window.</p>"
    return f'<section id="assay">{title}{basis}<table><thead>{header}</thead><tbody>{rows}</tbody></table></section>'


def _cells(measurement: ColumnDrift) -> str:
    style, verdict = _VERDICTS[measurement.drifted]
    name = "all rows" if measurement.column == ALL_COLUMNS else measurement.column
    score = "" if measurement.score is None else f"{measurement.score:.4g}"
    return (
        f'<td>{escape(name)}</td><td>{escape(measurement.method)}</td><td class="number">{score}</td><td class="number">{measurement.threshold:g}</td>'
        f'<td class="{style}">{verdict}</td><td>{escape(measurement.note)}</td>'
    )
