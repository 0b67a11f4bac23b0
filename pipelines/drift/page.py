"""A verdict, and the samples it was computed on -> one HTML page that needs nothing next to it.

Belongs here: Assay's section, and Evidently's page below it. Stays out: measuring (measure.py),
where pages lie.
Evidently's page shows histograms and categories: it is given the columns that hold nothing
personal, and no others.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.frames import ColumnDrift, Drift
from assay.pipelines.core.package_data import read_text
from assay.pipelines.drift.claims import ALL_COLUMNS
from assay.pipelines.drift.evidently_tests import LESS_THAN, importing_evidently, obstacle
from assay.pipelines.drift.sketch import Kind, Sketch

if TYPE_CHECKING:
    import pandas as pd

_VERDICTS: Mapping[bool | None, tuple[str, str]] = {
    True: ("drifted", "drifted"),
    False: ("stable", "stable"),
    None: ("unknown", "not measured"),
}
_CORRECTIONS = {
    "benjamini-hochberg": "Benjamini and Hochberg's",
    "bonferroni": "Bonferroni's",
    "none": "no",
}


def page(
    drift: Drift,
    samples: tuple[Sketch, Sketch] | None,
    *,
    policy: DriftPolicy,
    kinds: Mapping[str, Kind],
    changes: Sequence[str] = (),
) -> str:
    """The page of a verdict.

    Args:
        samples: the sides of the first comparison; None if there was none, and Assay's section
            stands alone.
        changes: what the scores of the versions so far say, a line each.
    """
    section = f"<style>\n{read_text('drift/page.css')}</style>{_section(drift, policy, changes)}"
    evidently = _evidently(*samples, policy=policy, kinds=kinds) if samples else None
    if evidently is None:
        return f'<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8"><title>Drift</title></head><body>{section}</body></html>'
    head, body, rest = evidently.partition("<body>")
    return "".join((head, body, section, rest))


def _section(drift: Drift, policy: DriftPolicy, changes: Sequence[str]) -> str:
    header = (
        '<tr><th>Column</th><th>Against</th><th>Measured by</th><th class="number">Score</th><th class="number">Threshold</th>'
        '<th class="number">p, corrected</th><th>Verdict</th><th>Note</th></tr>'
    )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in (*drift.reasons, *changes))
    rows = "".join(chain.from_iterable(("<tr>", _cells(m), "</tr>") for m in drift.measurements))
    title = (
        f'<h1>Drift: <span class="{drift.verdict}">{drift.verdict}</span></h1><ul>{reasons}</ul>'
    )
    basis = (
        f"<p>Counts and p-values are of all rows, statistics of a sample of at most {policy.sample_rows:,} rows of each side. "
        f"The p-values of one comparison have {_CORRECTIONS[policy.correction]} correction; what may be chance at {policy.alpha:g} is no drift.</p>"
    )
    return f'<section id="assay">{title}{basis}<table><thead>{header}</thead><tbody>{rows}</tbody></table></section>'


def _cells(measurement: ColumnDrift) -> str:
    style, verdict = _VERDICTS[measurement.drifted]
    name = "all rows" if measurement.column == ALL_COLUMNS else measurement.column
    if measurement.part:
        name = f"{name} [{measurement.part}]"
    score = "" if measurement.score is None else f"{measurement.score:.4g}"
    p_value = "" if measurement.p_value is None else f"{measurement.p_value:.2g}"
    return (
        f'<td>{escape(name)}</td><td>{escape(measurement.against)}</td><td>{escape(measurement.method)}</td><td class="number">{score}</td>'
        f'<td class="number">{measurement.threshold:g}</td><td class="number">{p_value}</td><td class="{style}">{verdict}</td><td>{escape(measurement.note)}</td>'
    )


def _evidently(
    reference: Sketch, current: Sketch, *, policy: DriftPolicy, kinds: Mapping[str, Kind]
) -> str | None:
    """Evidently's page of the two samples, with the same tests; None if it has nothing to
    compare.
    """
    of = _comparable(reference, current, kinds)
    if not of:
        return None
    with importing_evidently():
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
    shown = {column: column.replace("<", LESS_THAN) for column in of}
    definition = DataDefinition(
        numerical_columns=[shown[column] for column, kind in of.items() if kind == "numerical"],
        categorical_columns=[shown[column] for column, kind in of.items() if kind == "categorical"],
    )
    methods = {
        shown[column]: policy.method(column, kind)
        for column, kind in of.items()
        if kind != "personal"
    }
    preset = DataDriftPreset(
        columns=list(shown.values()),
        drift_share=policy.share,
        per_column_method={column: method.method for column, method in methods.items()},
        per_column_threshold={column: method.threshold for column, method in methods.items()},
        include_tests=True,
    )
    with warnings.catch_warnings():
        # histograms of constants and rare categories divide by zero
        warnings.simplefilter("ignore", RuntimeWarning)
        datasets = [
            Dataset.from_pandas(_readable(side.sample, of, shown), data_definition=definition)
            for side in (current, reference)
        ]
        html: str = (
            Report([preset], include_tests=True).run(*datasets).get_html_str(as_iframe=False)
        )
    return html


def _comparable(reference: Sketch, current: Sketch, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """The columns that hold nothing personal and that Evidently can compare."""
    before, now = reference.sample, current.sample
    return {
        column: kind
        for column, kind in kinds.items()
        if kind != "personal"
        and column in before.columns
        and column in now.columns
        and not obstacle(before[column], now[column])
    }


def _readable(
    sample: pl.DataFrame, kinds: Mapping[str, Kind], shown: Mapping[str, str]
) -> pd.DataFrame:
    values = [
        pl.col(column)
        if kind == "numerical"
        else pl.col(column).cast(pl.String).str.replace_all("<", LESS_THAN, literal=True)
        for column, kind in kinds.items()
    ]
    return sample.select(values).rename(shown).to_pandas()
