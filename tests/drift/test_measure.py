"""Drift: two windows in, measurements and a page out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.features import Target
from assay.contracts.settings import DriftPolicy
from assay.pipelines.core.frames import ColumnDrift, Drift
from assay.pipelines.drift.measure import measure
from assay.pipelines.drift.page import page
from assay.pipelines.drift.significance import corrected_for_many_tests
from assay.pipelines.drift.sketch import Kind, Sketch, merged, sketch

ROWS = 2_000
POLICY: dict[str, Any] = {
    "columns": ("delay", "carrier"),
    "numerical": {"method": "wasserstein", "threshold": 0.1},
    "categorical": {"method": "jensenshannon", "threshold": 0.1},
    "share": 0.5,
    "missing_change_pct": 5,
    "volume_change_pct": 50,
    "seed": 13,
}


def window(
    rows: int = ROWS, *, shift: float = 0, carriers: tuple[str, ...] = ("AA", "B6", "UA")
) -> pl.LazyFrame:
    number = pl.int_range(rows, eager=True)
    return pl.LazyFrame(
        {
            "delay": ((number * 7919) % 1009) / 100 + shift,
            "carrier": [carriers[i % len(carriers)] for i in range(rows)],
        }
    )


@dataclass(frozen=True)
class Measured:
    drift: Drift
    samples: tuple[Sketch, Sketch]
    policy: DriftPolicy
    kinds: dict[str, Kind]

    @property
    def html(self) -> str:
        return page(self.drift, self.samples, policy=self.policy, kinds=self.kinds)


BOTH: dict[str, Kind] = {"delay": "numerical", "carrier": "categorical"}


def compared(
    reference: pl.LazyFrame,
    current: pl.LazyFrame,
    kinds: dict[str, Kind] = BOTH,
    target: Target | None = None,
    published_at: str | None = None,
    **changes: Any,
) -> Measured:
    policy = DriftPolicy.model_validate(POLICY | changes)
    before, now = (
        sketch(frame, policy=policy, kinds=kinds, target=target) for frame in (reference, current)
    )
    drift = measure(before, now, policy=policy, kinds=kinds, published_at=published_at)
    return Measured(drift, (before, now), policy, kinds)


def one(measured: Measured, column: str, method: str, part: str = "") -> ColumnDrift:
    (found,) = [
        m
        for m in measured.drift.measurements
        if (m.column, m.method, m.part) == (column, method, part)
    ]
    return found


def test_equal_windows_are_stable() -> None:
    measured = compared(window(), window())
    assert measured.drift.verdict == "stable"
    assert measured.drift.reasons == (
        "0 of 2 columns moved against the version before, less than the share of 50 %.",
    )
    assert {m.drifted for m in measured.drift.measurements} == {False}


@pytest.mark.parametrize("method", ["wasserstein", "ks"])
def test_a_shifted_column_drifts_by_distance_above_and_by_p_value_below(method: str) -> None:
    threshold = 0.05
    measured = compared(
        window(), window(shift=5), numerical={"method": method, "threshold": threshold}
    )
    delay = one(measured, "delay", method)
    assert delay.drifted
    assert delay.score is not None
    assert (delay.score < threshold) == (method == "ks")
    assert measured.drift.verdict == "drifted"
    assert measured.drift.reasons[0].startswith(
        "1 of 2 columns moved against the version before, at least the share of 50 %: delay"
    )


@pytest.mark.parametrize("method", ["wasserstein", "ks"])
def test_an_equal_column_is_stable_by_either_kind_of_test(method: str) -> None:
    assert (
        one(
            compared(window(), window(), numerical={"method": method, "threshold": 0.05}),
            "delay",
            method,
        ).drifted
        is False
    )


def test_fewer_columns_than_the_share_are_told_and_do_not_decide() -> None:
    measured = compared(window(), window(shift=5), share=0.6)
    assert measured.drift.verdict == "stable"
    assert measured.drift.reasons[0].startswith(
        "1 of 2 columns moved against the version before, less than the share of 60 %: delay"
    )


def test_a_column_that_goes_missing_drifts_though_its_survivors_are_alike() -> None:
    gone = window().with_columns(pl.when(pl.int_range(pl.len()) % 20 == 0).then("carrier"))
    measured = compared(window(), gone)
    assert one(measured, "carrier", "jensenshannon").drifted is False
    missing = one(measured, "carrier", "missing_change_pct")
    assert (missing.score, missing.drifted) == (95.0, True)
    assert measured.drift.verdict == "drifted"
    assert "carrier: missing in 0.00 % of rows before, 95.00 % now." in measured.drift.reasons


def test_what_is_no_finite_number_counts_as_missing() -> None:
    broken = window().with_columns(
        pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(float("nan"))
        .otherwise("delay")
        .alias("delay")
    )
    assert one(compared(window(), broken), "delay", "missing_change_pct").score == 50.0


def test_half_the_rows_are_a_change_of_volume() -> None:
    measured = compared(window(), window(ROWS // 2))
    volume = one(measured, "*", "volume_change_pct")
    assert (volume.score, volume.drifted, volume.note) == (
        -50.0,
        True,
        "2,000 rows before, 1,000 now (-50.0 %)",
    )
    assert measured.drift.verdict == "drifted"
    assert "all rows: 2,000 rows before, 1,000 now (-50.0 %)." in measured.drift.reasons


def test_several_versions_together_are_held_against_by_their_mean_number_of_rows() -> None:
    wanted = DriftPolicy.model_validate(POLICY)
    sides = [sketch(window(), policy=wanted, kinds=BOTH, target=None) for _ in range(3)]
    alike = measure(
        merged(sides, policy=wanted),
        sides[0],
        policy=wanted,
        kinds=BOTH,
        against="the last 3 versions",
        versions=3,
    )
    volume = next(m for m in alike.measurements if m.method == "volume_change_pct")
    assert (volume.score, volume.drifted, volume.note) == (
        0.0,
        False,
        "2,000 rows before on average, 2,000 now (+0.0 %)",
    )
    assert alike.verdict == "stable"


def test_a_new_category_is_counted_and_never_said() -> None:
    without_ua = pl.when(pl.col("carrier") != "UA").then("carrier").otherwise(pl.lit("AA"))
    rare = window().with_columns(
        pl.when(pl.int_range(pl.len()) % 50 == 7)
        .then(pl.lit("Zebra Air"))
        .otherwise(without_ua)
        .alias("carrier")
    )
    measured = compared(window(), rare)
    new = one(measured, "carrier", "new_categories")
    assert (new.score, new.drifted) == (2.0, True)
    assert new.note == "categories never seen before: 1, in 2.00 % of rows"
    vanished = one(measured, "carrier", "vanished_categories")
    assert (vanished.drifted, vanished.note) == (
        True,
        "categories that vanished: 1 of 3, in 33.30 % of rows before",
    )
    assert not any(
        "Zebra" in text
        for text in (*measured.drift.reasons, *(m.note for m in measured.drift.measurements))
    )
    assert not any(
        m.method == "new_categories"
        for m in compared(window(), rare, new_categories=False).drift.measurements
    )


def test_a_constant_column_is_not_measured_and_the_others_are() -> None:
    constant = window().with_columns(delay=pl.lit(5.0))
    measured = compared(constant, constant)
    delay = one(measured, "delay", "wasserstein")
    assert (delay.score, delay.drifted, delay.note) == (
        None,
        None,
        "constant: one and the same value in both samples",
    )
    assert one(measured, "carrier", "jensenshannon").drifted is False
    assert measured.drift.verdict == "stable"


def test_a_constant_that_becomes_another_has_moved() -> None:
    measured = compared(
        window().with_columns(carrier=pl.lit("AA")), window().with_columns(carrier=pl.lit("B6"))
    )
    assert one(measured, "carrier", "jensenshannon").drifted is True


def test_a_column_without_values_is_not_measured_and_drifts_by_what_is_missing() -> None:
    measured = compared(window(), window().with_columns(delay=pl.lit(None, pl.Float64)))
    assert one(measured, "delay", "wasserstein").note == "no values in the current sample"
    assert one(measured, "delay", "wasserstein").drifted is None
    assert one(measured, "delay", "missing_change_pct").drifted is True
    assert measured.drift.verdict == "drifted"


def test_without_any_comparable_column_the_verdict_is_unknown() -> None:
    empty = window().with_columns(delay=pl.lit(None, pl.Float64), carrier=pl.lit(None, pl.String))
    measured = compared(empty, empty)
    assert measured.drift.verdict == "unknown"
    assert measured.drift.reasons == ("No column's values could be compared.",)
    assert measured.html.startswith("<!DOCTYPE html>")
    assert "no values in the reference and the current sample" in measured.html


def test_a_column_that_one_side_lacks_has_drifted() -> None:
    measured = compared(window(), window().drop("carrier"))
    carrier = one(measured, "carrier", "schema")
    assert (carrier.drifted, carrier.note) == (True, "not in the current version")
    assert measured.drift.verdict == "drifted"


def test_a_number_that_became_text_has_drifted() -> None:
    measured = compared(window(), window().with_columns(pl.col("delay").cast(pl.String)))
    assert one(measured, "delay", "schema").note == "was Float64, is String"
    assert measured.drift.verdict == "drifted"


def test_a_column_the_caller_does_not_name_is_not_read() -> None:
    people = window().with_columns(email=pl.lit("someone@example.com"))
    measured = compared(people, people, {"delay": "numerical"}, columns=("delay", "email"))
    assert one(measured, "email", "missing_change_pct").drifted is None
    assert "someone@example.com" not in measured.html


@pytest.mark.parametrize(
    ("before", "now", "side"), [(0, ROWS, "reference"), (ROWS, 0, "current"), (0, 0, "reference")]
)
def test_an_empty_window_leaves_the_verdict_unknown(before: int, now: int, side: str) -> None:
    measured = compared(window().head(before), window().head(now))
    assert measured.drift.verdict == "unknown"
    assert measured.drift.reasons == (
        f"The {side} side has no rows, so there is nothing to compare.",
    )


def test_the_page_holds_every_measurement_and_nothing_it_needs_lies_elsewhere() -> None:
    measured = compared(
        window(), window(shift=5).rename({"carrier": "x"}).with_columns(carrier=pl.lit("<b>AA</b>"))
    )
    section = measured.html.partition('<section id="assay">')[2].partition("</section>")[0]
    assert section.count("<tr>") == 1 + len(measured.drift.measurements)
    assert all(m.method in section for m in measured.drift.measurements)
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?https?:""", measured.html)
    assert measured.html.index('<section id="assay">') < measured.html.index("drawDashboard")


def test_names_of_columns_are_escaped_on_the_page() -> None:
    odd = window().rename({"delay": "<script>x</script>"})
    measured = compared(
        odd,
        odd.drop("<script>x</script>"),
        {"<script>x</script>": "numerical"},
        columns=("<script>x</script>",),
    )
    assert "<script>x" not in measured.html
    assert "&lt;script&gt;x" in measured.html


def test_no_value_and_no_name_of_the_data_runs_on_the_page() -> None:
    attack = "</script><script>alert('pwned')</script>"
    hostile = window(carriers=("AA", attack)).rename({"delay": attack})
    measured = compared(
        hostile,
        hostile,
        {attack: "numerical", "carrier": "categorical"},
        columns=(attack, "carrier"),
    )
    assert [
        one(measured, attack, "wasserstein").drifted,
        one(measured, "carrier", "jensenshannon").drifted,
    ] == [False, False]
    assert "pwned" in measured.html
    assert "<script>alert" not in measured.html


def test_a_sample_is_the_same_each_time_and_another_with_another_seed() -> None:
    def score(**changes: Any) -> float | None:
        return one(
            compared(window(), window(shift=0.3), sample_rows=200, **changes),
            "delay",
            "wasserstein",
        ).score

    assert score() == score()
    assert score() != score(seed=14)


@pytest.mark.parametrize(
    "numerical", ["ks", "wasserstein", "psi", "jensenshannon", "kl_div", "hellinger"]
)
@pytest.mark.parametrize(
    "categorical", ["chisquare", "psi", "jensenshannon", "kl_div", "hellinger"]
)
def test_every_test_that_a_policy_may_name_measures_its_columns(
    numerical: str, categorical: str
) -> None:
    measured = compared(
        window(),
        window(shift=1),
        numerical={"method": numerical, "threshold": 0.1},
        categorical={"method": categorical, "threshold": 0.1},
        sample_rows=100,
    )
    assert one(measured, "delay", numerical).score is not None


# -- beyond columns -------------------------------------------------------------------


def test_a_named_column_has_a_test_of_its_own() -> None:
    measured = compared(
        window(), window(shift=5), methods={"delay": {"method": "psi", "threshold": 0.2}}
    )
    assert one(measured, "delay", "psi").drifted is True
    assert not any(m.method == "wasserstein" for m in measured.drift.measurements)


def test_a_column_that_has_one_value_left_is_constant() -> None:
    constant = one(
        compared(window(), window().with_columns(delay=pl.lit(5.0))), "delay", "constant"
    )
    assert (constant.drifted, constant.note) == (
        True,
        "the same value in all rows; 1,009 before",
    )


def test_columns_nobody_compares_still_have_a_place_in_the_schema() -> None:
    measured = compared(window().with_columns(gate=1), window().with_columns(terminal=pl.lit("B")))
    assert (one(measured, "gate", "schema").note, one(measured, "terminal", "schema").note) == (
        "not in the current version",
        "not in the reference version",
    )
    assert measured.drift.verdict == "drifted"
    assert (
        compared(window().with_columns(gate=1), window(), schema_changes=False).drift.verdict
        == "stable"
    )


def test_of_a_personal_column_only_what_is_missing_is_told() -> None:
    people = window().with_columns(email=pl.lit("someone@example.com"))
    gone = people.with_columns(email=pl.lit(None, pl.String))
    measured = compared(
        people, gone, {**BOTH, "email": "personal"}, columns=("delay", "carrier", "email")
    )
    assert [(m.method, m.score) for m in measured.drift.measurements if m.column == "email"] == [
        ("missing_change_pct", 100.0)
    ]
    assert "someone@example.com" not in measured.html


def test_the_share_of_the_target_is_watched() -> None:
    late = Target(name="late", column="delay", above=5.0)
    label = one(compared(window(), window(shift=2), target=late), "target", "label_change_pct")
    assert label.drifted is True
    assert label.score == pytest.approx(20, abs=1)
    assert (
        one(compared(window(), window(), target=late), "target", "label_change_pct").drifted
        is False
    )


@pytest.mark.parametrize(("within", "drifted"), [(30, False), (20, True)])
def test_a_version_whose_newest_row_is_too_old_has_drifted(within: float, drifted: bool) -> None:
    timed = window().with_columns(at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)))
    measured = compared(
        timed,
        timed,
        newest={"column": "at", "within_hours": within},
        published_at="2026-01-02T00:00:00+00:00",
    )
    assert (
        one(measured, "at", "newest_hours").score,
        one(measured, "at", "newest_hours").drifted,
    ) == (24.0, drifted)


def test_drift_in_a_slice_is_told_where_the_whole_has_not_moved() -> None:
    moved = window().with_columns(
        pl.when(pl.col("carrier") == "B6").then(pl.col("delay") + 1).otherwise("delay")
    )
    measured = compared(
        window(),
        moved,
        slices=[{"column": "carrier", "equals": "B6"}],
        numerical={"method": "wasserstein", "threshold": 0.2},
    )
    assert one(measured, "delay", "wasserstein").drifted is False
    assert one(measured, "delay", "wasserstein", "carrier = B6").drifted is True
    assert measured.drift.verdict == "drifted"


def test_a_slice_of_few_rows_says_nothing() -> None:
    assert (
        one(
            compared(window(100), window(100), slices=[{"column": "delay", "above": 9}]),
            "carrier",
            "jensenshannon",
            "delay > 9",
        ).drifted
        is None
    )


def test_texts_about_something_else_are_told_apart_and_not_kept() -> None:
    def about(words: list[str]) -> pl.LazyFrame:
        return window(400).with_columns(
            note=pl.Series(
                [
                    f"the {words[i % 7]} was {words[(i * 3 + 1) % 7]} and {words[(i * 5 + 2) % 7]} again"
                    for i in range(400)
                ]
            )
        )

    boats, trains = (
        about(words.split())
        for words in (
            "boat sail mast rope harbour tide keel",
            "train rail wheel station signal track guard",
        )
    )
    texts = {"texts": {"columns": ["note"]}}
    assert one(compared(boats, boats, **texts), "note", "text").drifted is False
    moved = compared(boats, trains, **texts)
    assert one(moved, "note", "text").drifted is True
    assert one(moved, "note", "text").score == pytest.approx(1.0, abs=0.01)
    assert "harbour" not in moved.html


# -- false alarms -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("correction", "alarms"), [("none", True), ("bonferroni", False), ("benjamini-hochberg", False)]
)
def test_of_many_columns_one_is_odd_by_chance_and_the_correction_knows(
    correction: str, alarms: bool
) -> None:
    chance = np.random.default_rng(20)
    before, now = (
        pl.LazyFrame({f"c{i}": chance.normal(size=300) for i in range(40)}) for _ in range(2)
    )
    names = {f"c{i}": "numerical" for i in range(40)}
    measured = compared(
        before,
        now,
        names,
        columns=tuple(names),
        numerical={"method": "ks", "threshold": 0.05},
        correction=correction,
    )  # type: ignore[arg-type]  # kinds
    assert any(m.drifted for m in measured.drift.measurements) is alarms


def test_a_distance_that_a_small_sample_makes_by_chance_is_no_drift() -> None:
    chance = np.random.default_rng(3)
    before, now = (
        pl.LazyFrame({"delay": chance.normal(size=60), "carrier": ["AA"] * 60}) for _ in range(2)
    )
    delay = one(
        compared(before, now, numerical={"method": "wasserstein", "threshold": 0.05}),
        "delay",
        "wasserstein",
    )
    assert delay.score is not None
    assert delay.score > 0.05
    assert (delay.drifted, delay.note) == (False, "may be chance")


def test_a_single_row_of_a_new_category_may_be_chance() -> None:
    single = window().with_columns(
        pl.when(pl.int_range(pl.len()) == 7)
        .then(pl.lit("Zebra Air"))
        .otherwise("carrier")
        .alias("carrier")
    )
    new = one(compared(window(), single), "carrier", "new_categories")
    assert (new.score, new.drifted, new.note) == (
        0.05,
        False,
        "categories never seen before: 1, in 0.05 % of rows; may be chance",
    )


def test_new_values_of_a_column_that_always_has_new_ones_are_no_drift() -> None:
    chance = np.random.default_rng(5)
    before, now = (
        window(1_000).with_columns(carrier=pl.Series([f"F{n}" for n in chance.zipf(1.3, 1_000)]))
        for _ in range(2)
    )
    new = one(compared(before, now), "carrier", "new_categories")
    assert new.score is not None
    assert new.score > 5
    assert new.drifted is False


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_corrected_p_value_is_never_smaller_and_keeps_its_place(values: list[float]) -> None:
    for how in ("benjamini-hochberg", "bonferroni", "none"):
        made = corrected_for_many_tests(values, how)
        assert all(
            after >= before or after == pytest.approx(before)
            for before, after in zip(values, made, strict=True)
        )
        assert all(
            made[i] <= made[j]
            for i in range(len(values))
            for j in range(len(values))
            if values[i] < values[j]
        )
        assert max(made) <= 1
