"""A step of the clock that an honest clock does not make puts it in doubt; every other one does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.lineage.clock_guard import LONGEST_GAP, TOLERANCE, clock_step, doubt

times = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
honest = st.timedeltas(min_value=-TOLERANCE, max_value=LONGEST_GAP)
back = st.timedeltas(
    min_value=timedelta(days=-10_000), max_value=-TOLERANCE - timedelta(microseconds=1)
)
ahead = st.timedeltas(
    min_value=LONGEST_GAP + timedelta(microseconds=1), max_value=timedelta(days=10_000)
)


def written(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


@given(times, honest)
def test_time_that_goes_on_puts_nothing_in_doubt(before: datetime, gap: timedelta) -> None:
    assert clock_step(written(before), written(before + gap)) is None


@given(times, st.one_of(back, ahead))
def test_a_step_back_and_a_gap_of_more_than_40_days_do(before: datetime, gap: timedelta) -> None:
    step = clock_step(written(before), written(before + gap))
    assert step is not None
    assert step.seconds == pytest.approx(gap.total_seconds())
    sentence = doubt([step])
    assert sentence is not None
    assert ("back" in sentence) == (gap < timedelta(0))


@given(times, st.one_of(back, ahead))
def test_a_jump_and_its_return_are_two_steps(before: datetime, gap: timedelta) -> None:
    there, home = written(before), written(before + gap)
    steps = [clock_step(there, home), clock_step(home, there)]
    assert any(steps)
    if gap > LONGEST_GAP or gap < -LONGEST_GAP:
        assert all(steps)


@pytest.mark.parametrize("hours", [-11, 0, 13])
def test_the_offset_of_a_time_does_not_matter(hours: int) -> None:
    before = datetime(2026, 3, 1, 12, tzinfo=UTC)
    elsewhere = (before + timedelta(hours=1)).astimezone(timezone(timedelta(hours=hours)))
    assert clock_step(written(before), written(elsewhere)) is None


@pytest.mark.parametrize(
    ("gap", "length"),
    [
        (timedelta(days=41), "41 days"),
        (timedelta(seconds=-3), "3 seconds"),
        (timedelta(hours=-5), "5 hours"),
        (timedelta(minutes=-30), "30 minutes"),
    ],
)
def test_the_doubt_says_how_far(gap: timedelta, length: str) -> None:
    before = datetime(2026, 3, 1, 12, tzinfo=UTC)
    step = clock_step(written(before), written(before + gap))
    assert step is not None
    assert length in str(step)


def test_no_step_is_no_doubt() -> None:
    assert doubt([]) is None
