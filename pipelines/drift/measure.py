"""Two sketches -> measurements of how far they lie apart, and a verdict.

Belongs here: distributions (by Evidently's tests, on samples), and what it cannot see, on all rows: missing values, volume, categories, schema, constants, texts.
Stays out: what to do about it (act/), choosing what is compared, the page (page.py).

Two questions are asked of each distance: is it large enough to matter (the policy's threshold), and could it be chance (a p-value on all rows, corrected
over everything that was compared)? Both have to say yes. A test that gives a p-value answers both at once, on the sample, whose size is fixed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, isnan, log
from typing import Any, Literal

import numpy as np
import polars as pl

from assay.contracts.settings import DriftPolicy, Method, Slice, Texts
from assay.pipelines.core.frames import ColumnDrift, Drift
from assay.pipelines.drift import significance
from assay.pipelines.drift.sketch import Kind, Sketch, summary_of

MISSING, VOLUME, NEW, VANISHED, SCHEMA, CONSTANT, TEXT, LABEL, NEWEST = (
    "missing_change_pct", "volume_change_pct", "new_categories", "vanished_categories", "schema", "constant", "text", "label_change_pct", "newest_hours",
)  # fmt: skip
ALL_COLUMNS = "*"
STATISTICS = frozenset(
    {"ks", "wasserstein", "psi", "jensenshannon", "chisquare", "kl_div", "hellinger"}
)
FEWEST = 50  # rows of a slice, and texts, on each side, from which on a statistic says something
LESS_THAN = "\u2039"  # in place of `<` for Evidently: it writes names and values into its page's script as they are (0.7.23)


@dataclass(frozen=True)
class Claim:
    """A measurement before chance is asked: `beyond` its threshold or not (None: not measured), and how probable that would be without any drift."""

    told: ColumnDrift
    beyond: bool | None
    p_value: float | None = None
    level: float | None = None
    """What the corrected p-value is held against; the policy's `alpha` unless said."""


def measure(
    reference: Sketch,
    current: Sketch,
    *,
    policy: DriftPolicy,
    kinds: Mapping[str, Kind],
    against: str = "the version before",
    versions: int = 1,
    published_at: str | None = None,
    more: Sequence[Claim] = (),
) -> Drift:
    """Compare two sketches in the columns of the policy.

    Args:
        reference: what it is compared with: a version, or several merged. current: the newest version.
        policy: tests, thresholds, correction.
        kinds: how to read the policy's columns. A column in none of them is not compared, and said to be not.
        against: what the reference is, as reasons say it. versions: how many are merged in it; the newest is held against their mean number of rows.
        published_at: ISO 8601, by which the newest time is old or not.
        more: what was measured elsewhere (predictions, performance) and is corrected and judged together with the rest.
    """
    unread = [
        ColumnDrift(
            column,
            MISSING,
            None,
            policy.missing_change_pct,
            None,
            "not compared: neither a number nor a category",
        )
        for column in policy.columns
        if column not in kinds
    ]
    if not reference.rows or not current.rows:
        empty = "reference" if not reference.rows else "current"
        volume = ColumnDrift(
            ALL_COLUMNS,
            VOLUME,
            None,
            policy.volume_change_pct,
            None,
            f"{reference.rows:,} rows before, {current.rows:,} now",
        )
        told = tuple(replace(each, against=against) for each in (volume, *unread))
        return Drift(
            "unknown", told, (f"The {empty} side has no rows, so there is nothing to compare.",)
        )
    both = [column for column in kinds if column in reference.missing and column in current.missing]
    claims = [
        *_statistics(reference, current, kinds, policy),
        *(_missing(column, reference, current, policy) for column in both),
        *_categories(reference, current, policy),
        *_constants(reference, current),
        *_schema(reference, current, kinds, policy),
        *_texts(reference, current, policy.texts, policy.seed),
        *_label(reference, current, policy),
        *_newest(current, policy, published_at),
        *_slices(reference, current, kinds, policy),
        _volume(reference, current, policy, versions),
        *more,
    ]
    measurements = tuple(
        replace(each, against=against) for each in (*judged(claims, policy), *unread)
    )
    return _verdict(measurements, policy, against)


def judged(claims: Sequence[Claim], policy: DriftPolicy) -> list[ColumnDrift]:
    """Which claims are drift, once their p-values are corrected for how many were asked."""
    asked = [claim for claim in claims if claim.p_value is not None and claim.beyond is not None]
    # what claims no drift is no discovery, however improbable: it counts as a question, and lends the others nothing
    corrected = dict(
        zip(
            map(id, asked),
            significance.corrected(
                [claim.p_value or 0.0 if claim.beyond else 1.0 for claim in asked],
                policy.correction,
            ),
            strict=True,
        )
    )
    told = []
    for claim in claims:
        p_value = corrected.get(id(claim))
        by_chance = p_value is not None and p_value > (
            policy.alpha if claim.level is None else claim.level
        )
        drifted = None if claim.beyond is None else claim.beyond and not by_chance
        note = claim.told.note
        if claim.beyond and by_chance and claim.level is None:
            note = f"{note}; may be chance" if note else "may be chance"
        told.append(replace(claim.told, drifted=drifted, p_value=p_value, note=note))
    return told


def _verdict(measurements: tuple[ColumnDrift, ...], policy: DriftPolicy, against: str) -> Drift:
    compared = [
        m for m in measurements if m.method in STATISTICS and not m.part and m.drifted is not None
    ]
    moved = [m for m in compared if m.drifted]
    critical = [m.column for m in measurements if m.drifted and m.column in policy.acting.critical]
    others = [
        f"{'all rows' if m.column == ALL_COLUMNS else m.column}{m.part and f' [{m.part}]'}: {m.note or f'{m.method} {m.score:.4g}'}."
        for m in measurements
        if m.drifted and (m.part or m.method not in STATISTICS)
    ]
    enough = bool(moved) and len(moved) >= policy.share * len(compared)
    said_of_values = compared or any(
        m.method == TEXT and m.drifted is not None for m in measurements
    )
    verdict: Literal["drifted", "stable", "unknown"] = (
        "drifted" if enough or others or critical else "stable" if said_of_values else "unknown"
    )
    if not compared:
        return Drift(
            verdict, measurements, tuple(others) or ("No column's values could be compared.",)
        )
    said = [f"{m.column} ({m.method} {m.score:.4g}, threshold {m.threshold:g})" for m in moved]
    bound = "at least" if enough else "less than"
    first = (
        f"{len(moved)} of {len(compared)} columns moved against {against}, {bound} the share of {100 * policy.share:g} %"
        + (f": {', '.join(said)}" if said else "")
        + "."
    )
    return Drift(
        verdict,
        measurements,
        (
            first,
            *([f"Critical: {', '.join(dict.fromkeys(critical))}."] if critical else []),
            *others,
        ),
    )


def together(drifts: Sequence[Drift]) -> Drift:
    """Several comparisons of one version as one verdict: drift against any of them is drift."""
    verdicts = {drift.verdict for drift in drifts}
    verdict: Literal["drifted", "stable", "unknown"] = (
        "drifted" if "drifted" in verdicts else "stable" if "stable" in verdicts else "unknown"
    )
    return Drift(
        verdict,
        tuple(m for drift in drifts for m in drift.measurements),
        tuple(reason for drift in drifts for reason in drift.reasons),
    )


# -- all rows -------------------------------------------------------------------------


def _volume(before: Sketch, now: Sketch, policy: DriftPolicy, versions: int) -> Claim:
    rows = before.rows / versions
    change_pct = 100 * (now.rows - rows) / rows
    note = f"{rows:,.0f} rows before{' on average' if versions > 1 else ''}, {now.rows:,} now ({change_pct:+.1f} %)"
    return Claim(
        ColumnDrift(ALL_COLUMNS, VOLUME, change_pct, policy.volume_change_pct, None, note),
        abs(change_pct) >= policy.volume_change_pct,
    )


def _missing(column: str, before: Sketch, now: Sketch, policy: DriftPolicy) -> Claim:
    change_pct = now.missing_pct(column) - before.missing_pct(column)
    note = f"missing in {before.missing_pct(column):.2f} % of rows before, {now.missing_pct(column):.2f} % now"
    chance = significance.of_shares(
        before.missing[column], before.rows, now.missing[column], now.rows
    )
    return Claim(
        ColumnDrift(column, MISSING, change_pct, policy.missing_change_pct, None, note),
        abs(change_pct) >= policy.missing_change_pct,
        chance,
    )


def _categories(before: Sketch, now: Sketch, policy: DriftPolicy) -> Iterator[Claim]:
    """Rows with a value that the other side never had; the values themselves stay unsaid."""
    for column in before.categories:
        if column not in now.categories:
            continue
        if column in before.bucketed or column in now.bucketed:
            if policy.new_categories:
                yield Claim(
                    ColumnDrift(
                        column,
                        NEW,
                        None,
                        0.0,
                        None,
                        "more different values than are kept, so new ones are not told",
                    ),
                    None,
                )
            continue
        old, young = before.categories[column], now.categories[column]
        rows_before, rows_now = int(old["rows"].sum()), int(young["rows"].sum())
        if not rows_before or not rows_now:
            continue
        unseen, gone = (
            young.join(old, on="value", how="anti"),
            old.join(young, on="value", how="anti"),
        )
        young_rows, gone_rows, different = (
            unseen["rows"].to_list(),
            gone["rows"].to_list(),
            old.height + unseen.height,
        )
        if policy.new_categories:
            share_pct = 100 * sum(young_rows) / now.rows
            chance = significance.of_unseen(young_rows, gone_rows, rows_before, rows_now, different)
            yield Claim(
                ColumnDrift(
                    column,
                    NEW,
                    share_pct,
                    0.0,
                    None,
                    f"categories never seen before: {unseen.height:,}, in {share_pct:.2f} % of rows",
                ),
                unseen.height > 0,
                chance,
            )
        if policy.vanished_categories:
            share_pct = 100 * sum(gone_rows) / before.rows
            note = f"categories that vanished: {gone.height:,} of {old.height:,}, in {share_pct:.2f} % of rows before"
            chance = significance.of_unseen(gone_rows, young_rows, rows_now, rows_before, different)
            yield Claim(
                ColumnDrift(column, VANISHED, share_pct, 0.0, None, note), gone.height > 0, chance
            )


def _constants(before: Sketch, now: Sketch) -> Iterator[Claim]:
    """Columns that had several values and have one now. One that has none is told by what is missing."""
    for column in (*before.numbers, *before.categories):
        if (
            (column in now.numbers or column in now.categories)
            and before.different(column) > 1
            and now.different(column) == 1
        ):
            counts = (before.numbers if column in before.numbers else before.categories)[column][
                "rows"
            ]
            share = float(counts.max()) / float(counts.sum())  # type: ignore[arg-type]  # more than one value
            # by chance, all rows could have the value that was the most frequent
            chance = exp((now.rows - now.missing[column]) * log(share))
            yield Claim(
                ColumnDrift(
                    column,
                    CONSTANT,
                    1.0,
                    1.0,
                    None,
                    f"one and the same value in all rows; {before.different(column):,} before",
                ),
                True,
                chance,
            )


def _schema(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """Columns that came, went, or changed their type; those that are compared whatever the policy says."""
    for column in dict.fromkeys([*before.schema, *now.schema, *kinds]):
        types = [side.schema.get(column) for side in (before, now)]
        if types == [None, None]:
            yield Claim(ColumnDrift(column, SCHEMA, None, 0.0, None, "in neither version"), None)
        elif types[0] != types[1] and (policy.schema_changes or column in kinds):
            note = (
                f"not in the {'reference' if types[0] is None else 'current'} version"
                if None in types
                else f"was {types[0]}, is {types[1]}"
            )
            yield Claim(ColumnDrift(column, SCHEMA, None, 0.0, None, note), True)
        elif kinds.get(column) == "numerical" and column not in now.numbers:
            yield Claim(
                ColumnDrift(
                    column, SCHEMA, None, 0.0, None, f"no number in either version ({types[1]})"
                ),
                None,
            )


def _label(before: Sketch, now: Sketch, policy: DriftPolicy) -> Iterator[Claim]:
    if before.label and now.label and before.label[0] and now.label[0]:
        (known, true), (known_now, true_now) = before.label, now.label
        change_pct = 100 * (true_now / known_now - true / known)
        note = f"the target is true in {100 * true / known:.2f} % of rows before, {100 * true_now / known_now:.2f} % now"
        chance = significance.of_shares(true, known, true_now, known_now)
        yield Claim(
            ColumnDrift("target", LABEL, change_pct, policy.label_change_pct, None, note),
            abs(change_pct) >= policy.label_change_pct,
            chance,
        )


def _newest(now: Sketch, policy: DriftPolicy, published_at: str | None) -> Iterator[Claim]:
    if policy.newest and published_at:
        from datetime import UTC, datetime

        if now.newest is None:
            yield Claim(
                ColumnDrift(
                    policy.newest.column,
                    NEWEST,
                    None,
                    policy.newest.within_hours,
                    None,
                    "no row has a time",
                ),
                True,
            )
            return
        at = datetime.fromisoformat(now.newest)
        age = (
            datetime.fromisoformat(published_at) - (at if at.tzinfo else at.replace(tzinfo=UTC))
        ).total_seconds() / 3600
        note = f"the newest row was {age:,.1f} hours old when the version was published"
        yield Claim(
            ColumnDrift(policy.newest.column, NEWEST, age, policy.newest.within_hours, None, note),
            age > policy.newest.within_hours,
        )


# -- statistics, by Evidently on samples ------------------------------------------------


def _statistics(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    for column, kind in kinds.items():
        if kind == "numerical" and column in before.numbers and column in now.numbers:
            method = policy.method(column, kind)
            yield _statistic(
                column,
                before.sample[column],
                now.sample[column],
                kind,
                method,
                lambda c=column: significance.of_numbers(before.numbers[c], now.numbers[c]),
            )
        elif kind == "categorical" and column in before.categories and column in now.categories:
            method = policy.method(column, kind)
            yield _statistic(
                column,
                before.sample[column],
                now.sample[column],
                kind,
                method,
                lambda c=column: significance.of_categories(
                    before.categories[c], now.categories[c]
                ),
            )


def _statistic(
    column: str,
    before: pl.Series,
    now: pl.Series,
    kind: Kind,
    method: Method,
    chance: Any,
    part: str = "",
) -> Claim:
    told = ColumnDrift(column, method.method, None, method.threshold, None, part=part)
    reason = obstacle(before, now)
    if reason:
        return Claim(replace(told, note=reason), None)
    score, beyond = tested(before, now, kind, method)
    if isnan(score):  # Evidently passes its test on a score that is not a number
        return Claim(replace(told, note="the test gave no number"), None)
    if method.gives_p_value:
        # Evidently's chi-squared test takes the reference's shares for the truth (0.7.23), and is alarmed by every rare value: that of two samples has to agree
        p_value = (
            max(score, significance.of_categories(value_counts(before), value_counts(now)))
            if kind == "categorical"
            else score
        )
        return Claim(replace(told, score=score), True, p_value, method.threshold)
    return Claim(replace(told, score=score), beyond, chance() if beyond else 1.0)


def obstacle(reference: pl.Series, current: pl.Series) -> str | None:
    """Why Evidently is not asked about a column: it raises on one without values, and of two equal constants some tests give no number."""
    before, now = (
        series.filter(series.is_finite()) if series.dtype.is_float() else series.drop_nulls()
        for series in (reference, current)
    )
    empty = [
        name for name, values in (("reference", before), ("current", now)) if values.is_empty()
    ]
    if empty:
        return f"no values in the {' and the '.join(empty)} sample"
    if before.n_unique() == 1 and now.n_unique() == 1 and before[0] == now[0]:
        return "constant: one and the same value in both samples"
    return None


def tested(
    reference: pl.Series, current: pl.Series, kind: Kind, method: Method
) -> tuple[float, bool]:
    """Evidently's score of two samples, and whether its own test says drift."""
    os.environ["DO_NOT_TRACK"] = "1"  # read on import: nothing is sent home
    with warnings.catch_warnings():
        # importing it reaches numpy.core, Litestar's old names and an escape that newer Pythons refuse: its to mend, not ours
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType
    before, now = (
        (
            series.filter(series.is_finite()) if kind == "numerical" else series.drop_nulls()
        ).to_pandas()
        for series in (reference, current)
    )
    as_type = ColumnType.Numerical if kind == "numerical" else ColumnType.Categorical
    with warnings.catch_warnings():
        # histograms of constants and rare categories divide by zero; a score that comes out as no number is told as such
        warnings.simplefilter("ignore", RuntimeWarning)
        result = get_stattest(before, now, as_type, method.method)(
            before, now, as_type, method.threshold
        )
    return float(result.drift_score), bool(result.drifted)


# -- slices and texts ---------------------------------------------------------------------


def _slices(
    before: Sketch, now: Sketch, kinds: Mapping[str, Kind], policy: DriftPolicy
) -> Iterator[Claim]:
    """The same tests within the sampled rows of each slice."""
    for each in policy.slices:
        if each.column not in before.sample.columns or each.column not in now.sample.columns:
            continue
        old, young = (
            sketch.sample.filter(of_slice(each, sketch.sample.schema[each.column]))
            for sketch in (before, now)
        )
        for column, kind in kinds.items():
            if (
                kind == "personal"
                or column == each.column
                or column not in old.columns
                or column not in young.columns
            ):
                continue
            method = policy.method(column, kind)
            if min(old.height, young.height) < FEWEST:
                note = f"too few rows of the sample are in it ({old.height:,} before, {young.height:,} now)"
                yield Claim(
                    ColumnDrift(
                        column, method.method, None, method.threshold, None, note, part=each.name
                    ),
                    None,
                )
                continue

            def chance(
                a: pl.Series = old[column],
                b: pl.Series = young[column],
                numerical: bool = kind == "numerical",
            ) -> float:
                return (
                    significance.of_numbers(summary_of(a), summary_of(b))
                    if numerical
                    else significance.of_categories(value_counts(a), value_counts(b))
                )

            yield _statistic(column, old[column], young[column], kind, method, chance, each.name)


def of_slice(each: Slice, dtype: pl.DataType) -> pl.Expr:
    """Whether a row is in a slice; one without the column's value is not."""
    value = pl.col(each.column)
    if each.above is not None:
        return (value > each.above).fill_null(False)
    said = str(each.equals).lower() if isinstance(each.equals, bool) else each.equals
    return (
        (value == said)
        if dtype.is_numeric() and not isinstance(said, str)
        else (value.cast(pl.String) == str(said))
    ).fill_null(False)


def value_counts(values: pl.Series) -> pl.DataFrame:
    """Texts with their rows."""
    return values.drop_nulls().rename("value").value_counts(name="rows").sort("value")


def _texts(before: Sketch, now: Sketch, texts: Texts | None, seed: int) -> Iterator[Claim]:
    """How well a classifier tells the texts of the two sides apart, on texts that it has not seen.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, ICLR; the p-value is that of Mann and Whitney (1947).
    """
    for column in texts.columns if texts else ():
        if texts is None or column not in before.texts or column not in now.texts:
            continue
        told = ColumnDrift(column, TEXT, None, texts.threshold, None)
        old, young = (side.texts[column]["vector"].to_numpy() for side in (before, now))
        if min(len(old), len(young)) < FEWEST:
            yield Claim(
                replace(told, note=f"too few texts ({len(old):,} before, {len(young):,} now)"), None
            )
            continue
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        sides = np.repeat([0, 1], [len(old), len(young)])
        # the same text on both sides must not be learned from one and asked of the other as if it were new: the folds are of sides alone, so it only blunts the test
        scores = cross_val_predict(
            LogisticRegression(),
            np.concatenate([old, young]),
            sides,
            cv=StratifiedKFold(5, shuffle=True, random_state=seed),
            method="decision_function",
        )
        area = float(roc_auc_score(sides, scores))
        yield Claim(
            replace(told, score=area, note="how well texts of the two sides are told apart"),
            area >= texts.threshold,
            significance.of_area(area, len(old), len(young)),
        )
