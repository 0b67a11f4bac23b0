"""Drift: two windows in, measurements and a page out."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

from contracts.settings import DriftPolicy
from pipelines.drift.measure import Measured, measure
from pipelines.frames import ColumnDrift

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


def window(rows: int = ROWS, *, shift: float = 0, carriers: tuple[str, ...] = ("AA", "B6", "UA")) -> pl.LazyFrame:
    number = pl.int_range(rows, eager=True)
    return pl.LazyFrame({"delay": ((number * 7919) % 1009) / 100 + shift, "carrier": [carriers[i % len(carriers)] for i in range(rows)]})


def compared(reference: pl.LazyFrame, current: pl.LazyFrame, **changes: Any) -> Measured:
    return measure(reference, current, policy=DriftPolicy.model_validate(POLICY | changes), numerical=["delay"], categorical=["carrier"])


def one(measured: Measured, column: str, method: str) -> ColumnDrift:
    return next(m for m in measured.drift.measurements if (m.column, m.method) == (column, method))


def test_equal_windows_are_stable() -> None:
    measured = compared(window(), window())
    assert measured.drift.verdict == "stable"
    assert measured.drift.reasons == ("0 of 2 columns moved, less than the share of 50 %.",)
    assert {m.drifted for m in measured.drift.measurements} == {False}


@pytest.mark.parametrize("method", ["wasserstein", "ks"])
def test_a_shifted_column_drifts_by_distance_above_and_by_p_value_below(method: str) -> None:
    threshold = 0.05
    measured = compared(window(), window(shift=5), numerical={"method": method, "threshold": threshold})
    delay = one(measured, "delay", method)
    assert delay.drifted
    assert delay.score is not None
    assert (delay.score < threshold) == (method == "ks")
    assert measured.drift.verdict == "drifted"
    assert measured.drift.reasons[0].startswith("1 of 2 columns moved, at least the share of 50 %: delay")


@pytest.mark.parametrize("method", ["wasserstein", "ks"])
def test_an_equal_column_is_stable_by_either_kind_of_test(method: str) -> None:
    assert one(compared(window(), window(), numerical={"method": method, "threshold": 0.05}), "delay", method).drifted is False


def test_fewer_columns_than_the_share_are_told_and_do_not_decide() -> None:
    measured = compared(window(), window(shift=5), share=0.6)
    assert measured.drift.verdict == "stable"
    assert measured.drift.reasons[0].startswith("1 of 2 columns moved, less than the share of 60 %: delay")


def test_a_column_that_goes_missing_drifts_though_its_survivors_are_alike() -> None:
    gone = window().with_columns(pl.when(pl.int_range(pl.len()) % 20 == 0).then("carrier"))
    measured = compared(window(), gone)
    assert one(measured, "carrier", "jensenshannon").drifted is False
    missing = one(measured, "carrier", "missing_change_pct")
    assert (missing.score, missing.drifted) == (95.0, True)
    assert measured.drift.verdict == "drifted"
    assert "carrier: missing in 0.00 % of rows before, 95.00 % now." in measured.drift.reasons


def test_what_is_no_finite_number_counts_as_missing() -> None:
    broken = window().with_columns(pl.when(pl.int_range(pl.len()) % 2 == 0).then(float("nan")).otherwise("delay").alias("delay"))
    assert one(compared(window(), broken), "delay", "missing_change_pct").score == 50.0


def test_half_the_rows_are_a_change_of_volume() -> None:
    measured = compared(window(), window(ROWS // 2))
    volume = one(measured, "*", "volume_change_pct")
    assert (volume.score, volume.drifted, volume.note) == (-50.0, True, "2,000 rows before, 1,000 now (-50.0 %)")
    assert measured.drift.verdict == "drifted"


def test_a_new_category_is_counted_and_never_said() -> None:
    without_ua = pl.when(pl.col("carrier") != "UA").then("carrier").otherwise(pl.lit("AA"))
    rare = window().with_columns(pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("Zebra Air")).otherwise(without_ua).alias("carrier"))
    measured = compared(window(), rare)
    new = one(measured, "carrier", "new_categories")
    assert (new.score, new.drifted) == (0.05, True)
    assert new.note == "categories never seen before: 1, in 0.05 % of rows; vanished: 1 of 3"
    assert not any("Zebra" in text for text in (*measured.drift.reasons, *(m.note for m in measured.drift.measurements)))
    assert not any(m.method == "new_categories" for m in compared(window(), rare, new_categories=False).drift.measurements)


def test_a_constant_column_is_not_measured_and_the_others_are() -> None:
    constant = window().with_columns(delay=pl.lit(5.0))
    measured = compared(constant, constant)
    delay = one(measured, "delay", "wasserstein")
    assert (delay.score, delay.drifted, delay.note) == (None, None, "constant: one and the same value in both samples")
    assert one(measured, "carrier", "jensenshannon").drifted is False
    assert measured.drift.verdict == "stable"


def test_a_constant_that_becomes_another_has_moved() -> None:
    measured = compared(window().with_columns(carrier=pl.lit("AA")), window().with_columns(carrier=pl.lit("B6")))
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
    carrier = one(measured, "carrier", "missing_change_pct")
    assert (carrier.drifted, carrier.note) == (True, "not in the current window")
    assert measured.drift.verdict == "drifted"


def test_a_number_that_became_text_has_drifted() -> None:
    measured = compared(window(), window().with_columns(pl.col("delay").cast(pl.String)))
    assert one(measured, "delay", "missing_change_pct").note == "not a number in both windows (Float64, then String)"
    assert measured.drift.verdict == "drifted"


def test_a_column_the_caller_does_not_name_is_not_read() -> None:
    policy = DriftPolicy.model_validate(POLICY | {"columns": ("delay", "email")})
    people = window().with_columns(email=pl.lit("someone@example.com"))
    measured = measure(people, people, policy=policy, numerical=["delay"], categorical=[])
    assert one(measured, "email", "missing_change_pct").drifted is None
    assert "someone@example.com" not in measured.html


@pytest.mark.parametrize(("before", "now", "side"), [(0, ROWS, "reference"), (ROWS, 0, "current"), (0, 0, "reference")])
def test_an_empty_window_leaves_the_verdict_unknown(before: int, now: int, side: str) -> None:
    measured = compared(window().head(before), window().head(now))
    assert measured.drift.verdict == "unknown"
    assert measured.drift.reasons == (f"The {side} window has no rows, so there is nothing to compare.",)


def test_the_page_holds_every_measurement_and_nothing_it_needs_lies_elsewhere() -> None:
    measured = compared(window(), window(shift=5).rename({"carrier": "x"}).with_columns(carrier=pl.lit("<b>AA</b>")))
    section = measured.html.partition('<section id="assay">')[2].partition("</section>")[0]
    assert section.count("<tr>") == 1 + len(measured.drift.measurements)
    assert all(m.method in section for m in measured.drift.measurements)
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?https?:""", measured.html)
    assert measured.html.index('<section id="assay">') < measured.html.index("drawDashboard")


def test_names_of_columns_are_escaped_on_the_page() -> None:
    policy = DriftPolicy.model_validate(POLICY | {"columns": ("<script>x</script>",)})
    odd = window().rename({"delay": "<script>x</script>"})
    measured = measure(odd, odd.drop("<script>x</script>"), policy=policy, numerical=["<script>x</script>"], categorical=[])
    assert "<script>x" not in measured.html
    assert "&lt;script&gt;x" in measured.html


def test_no_value_and_no_name_of_the_data_runs_on_the_page() -> None:
    attack = "</script><script>alert('pwned')</script>"
    hostile = window(carriers=("AA", attack)).rename({"delay": attack})
    policy = DriftPolicy.model_validate(POLICY | {"columns": (attack, "carrier")})
    measured = measure(hostile, hostile, policy=policy, numerical=[attack], categorical=["carrier"])
    assert [one(measured, attack, "wasserstein").drifted, one(measured, "carrier", "jensenshannon").drifted] == [False, False]
    assert "pwned" in measured.html
    assert "<script>alert" not in measured.html


def test_a_sample_is_the_same_each_time_and_another_with_another_seed() -> None:
    def score(**changes: Any) -> float | None:
        return one(compared(window(), window(shift=0.3), sample_rows=200, **changes), "delay", "wasserstein").score

    assert score() == score()
    assert score() != score(seed=14)


@pytest.mark.parametrize("numerical", ["ks", "wasserstein", "psi", "jensenshannon", "kl_div", "hellinger"])
@pytest.mark.parametrize("categorical", ["chisquare", "psi", "jensenshannon", "kl_div", "hellinger"])
def test_every_test_that_a_policy_may_name_measures_its_columns(numerical: str, categorical: str) -> None:
    measured = compared(window(), window(shift=1), numerical={"method": numerical, "threshold": 0.1}, categorical={"method": categorical, "threshold": 0.1}, sample_rows=100)
    assert one(measured, "delay", numerical).score is not None
