"""While the clock is in doubt nothing expires, approvals are not accepted and nothing is discarded; publishing goes on, and one command ends the doubt."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.assets.io.registry.clock_doubts import CONFIRMED, SEEN
from assay.assets.io.registry.ledger import ledger
from assay.assets.io.registry.quarantine import NewHandling
from assay.assets.services import review
from assay.assets.stages import quarantine_record, review_state
from assay.assets.stages.expire import expire
from assay.contracts.errors import AdmissionError, ClockError
from tests.assets.decided_rows import decide_rows
from tests.conftest import GOOD, SampleHome, setting

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAD = "meter,energy_kwh,tariff\nM1,1.5,day\nM2,abc,night\nM3,3.5,day\n"
STEPS = {
    "eleven years ahead": timedelta(days=4000),
    "41 days ahead": timedelta(days=41),
    "a minute back": timedelta(minutes=-1),
    "a year back": timedelta(days=-365),
}


def at(installation: SampleHome, time: datetime) -> None:
    installation.clock = lambda: time


def deliver(installation: SampleHome, row: int) -> None:
    installation.deliver(
        GOOD + "".join(f"M{number},{number},day\n" for number in range(4, 4 + row))
    )
    installation.published()


def with_old_versions(installation: SampleHome) -> SampleHome:
    installation.promise(setting("retention", versions="P35D", quarantine="P35D"))
    at(installation, START)
    installation.deliver(BAD)
    installation.published()
    at(installation, START + timedelta(days=1))
    deliver(installation, 1)
    return installation


@pytest.fixture(scope="module")
def old_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    return with_old_versions(SampleHome(tmp_path_factory.mktemp("old")))


@pytest.fixture
def old(old_on_sqlite: SampleHome, either_registry: SampleHome, tmp_path: Path) -> SampleHome:
    """Two versions and a quarantine, all of which a clock that is a year ahead would expire."""
    if either_registry.registry_url:
        return with_old_versions(either_registry)
    return old_on_sqlite.copy_to(tmp_path)


def expired(installation: SampleHome) -> list[str]:
    opened_home = installation.open()
    gone = [
        f"quarantine of {row.run_id}"
        for row in opened_home.registry.quarantine.all("readings")
        if row.expired_at
    ]
    return [
        *(row.version for row in opened_home.registry.versions.all("readings") if row.expired_at),
        *gone,
    ]


def actions(installation: SampleHome) -> list[tuple[str, dict[str, object]]]:
    rows = installation.rows(
        sa.select(ledger.c.action, ledger.c.details).order_by(ledger.c.sequence)
    )
    return [(row["action"], json.loads(row["details"])) for row in rows]


@pytest.mark.parametrize("step", list(STEPS.values()), ids=list(STEPS))
def test_publications_after_a_step_of_the_clock_expire_nothing_and_the_doubt_stays(
    old: SampleHome, step: timedelta
) -> None:
    """Also when the clock goes on, and when it is right again."""
    jumped = START + timedelta(days=1) + step
    at(old, jumped)
    deliver(old, 2)
    versions = [row.version for row in old.open().registry.versions.all("readings")]
    assert versions == ["1.0.0", "1.1.0", "1.2.0"]
    assert expired(old) == []
    assert old.open().registry.clock_doubts.doubt() is not None
    at(old, jumped + timedelta(days=36))
    deliver(old, 3)
    assert expired(old) == []
    at(old, START + timedelta(days=38))
    deliver(old, 4)
    assert expired(old) == []
    assert old.open().registry.clock_doubts.doubt() is not None


def test_an_installation_that_rests_for_two_months_is_in_doubt_before_it_writes_anything(
    old: SampleHome,
) -> None:
    at(old, START + timedelta(days=62))
    for forbidden in (
        lambda: expire(old.open(), "readings"),
        lambda: expire(old.open(), "readings", dry_run=True),
        lambda: quarantine_record.expire(old.open(), ["readings"]),
        lambda: decide_rows(old.open(), "discard", rows=[2]),
    ):
        with pytest.raises(
            ClockError,
            match=r"the clock is in doubt: it jumps ahead by 61 days, from 2026-03-02 .* assay clock confirm",
        ):
            forbidden()
    assert expired(old) == []


def test_a_step_between_the_decision_and_the_transaction_stops_it_too(old: SampleHome) -> None:
    registry, at_first = old.open().registry, old.open().registry.versions.all("readings")[0]
    review_row = registry.reviews.request("readings", "digest", ["a reason"])
    at(old, START + timedelta(days=62))
    registry = old.open().registry
    run_id = registry.quarantine.all("readings")[0].run_id
    decision = NewHandling(
        "readings", "", None, run_id, "discard", "rule", [], {}, 1, "old", "ann", "", "{}"
    )
    for forbidden in (
        lambda: registry.expire(at_first, "old"),
        lambda: registry.quarantine.expire("readings", run_id, "old"),
        lambda: registry.reviews.approve(review_row, "ann", "approve", "{}"),
        lambda: registry.indexes.drop("readings", ["a"], "old"),
        lambda: registry.quarantine.handle(decision),
    ):
        with pytest.raises(ClockError, match="the clock is in doubt"):
            forbidden()
    assert expired(old) == []


def test_what_waited_goes_on_once_the_time_is_confirmed_and_that_is_recorded(
    old: SampleHome,
) -> None:
    now = START + timedelta(days=62)
    at(old, now)
    deliver(old, 2)
    steps = old.open().registry.clock_doubts.confirm(now.date(), "the server stood still")
    assert [round(step.seconds / 86_400) for step in steps] == [61]
    assert old.open().registry.clock_doubts.doubt() is None
    assert expire(old.open(), "readings") == ["1.0.0", "1.1.0"]
    assert expired(old) == ["1.0.0", "1.1.0"]
    assert len(quarantine_record.expire(old.open(), ["readings"])) >= 1
    (details,) = [details for action, details in actions(old) if action == CONFIRMED]
    assert details["why"] == "the server stood still"
    assert details["steps"] == [
        {
            "before": (START + timedelta(days=1)).isoformat(timespec="microseconds"),
            "after": now.isoformat(timespec="microseconds"),
            "seconds": 61 * 86_400,
        }
    ]
    old.open().registry.ledger.check()


def test_a_clock_that_is_still_wrong_cannot_be_confirmed(old: SampleHome) -> None:
    at(old, START + timedelta(days=4000))
    deliver(old, 2)
    with pytest.raises(ClockError, match="the clock shows 2037-02-11, but --today is 2026-03-02"):
        old.open().registry.clock_doubts.confirm(date(2026, 3, 2), "looks fine")
    assert old.open().registry.clock_doubts.doubt() is not None


def test_a_wrong_confirmation_is_in_doubt_again_once_the_clock_is_right(old: SampleHome) -> None:
    ahead = START + timedelta(days=4000)
    at(old, ahead)
    old.open().registry.clock_doubts.confirm(ahead.date(), "copied from the screen")
    at(old, START + timedelta(days=2))
    assert "steps back" in (old.open().registry.clock_doubts.doubt() or "")


def test_a_time_that_was_confirmed_is_not_in_doubt_again(old: SampleHome) -> None:
    now = START + timedelta(days=62)
    at(old, now)
    old.open().registry.clock_doubts.confirm(now.date(), "rested")
    assert old.open().registry.clock_doubts.confirm(now.date(), "rested") == []
    at(old, now + timedelta(days=1))
    deliver(old, 2)
    assert old.open().registry.clock_doubts.doubt() is None
    assert [action for action, _ in actions(old)].count(CONFIRMED) == 1


def test_a_new_installation_and_two_hosts_a_second_apart_are_not_in_doubt(
    either_registry: SampleHome,
) -> None:
    at(either_registry, START)
    assert either_registry.open().registry.clock_doubts.doubt() is None
    deliver(either_registry, 1)
    at(either_registry, START - timedelta(seconds=1))
    deliver(either_registry, 2)
    assert either_registry.open().registry.clock_doubts.doubt() is None


def test_an_installation_at_work_is_not_in_doubt_though_nothing_new_comes_for_months(
    either_registry: SampleHome,
) -> None:
    for week in range(20):
        at(either_registry, START + timedelta(days=8 * week))
        either_registry.published()  # the same delivery: nothing new
    assert either_registry.open().registry.clock_doubts.doubt() is None
    assert [action for action, _ in actions(either_registry)].count(SEEN) >= 18


def test_what_a_clock_ahead_put_off_is_delivered_once_the_clock_is_right(old: SampleHome) -> None:
    at(old, START + timedelta(days=4000))
    registry = old.open().registry
    registry.ledger.note("something", "readings", {})
    registry.outbox.post("webhook", "readings", {"trigger": 1})
    registry.outbox.retry_later(
        registry.outbox.undelivered()[-1], "OSError", "the receiver did not answer"
    )
    at(old, START + timedelta(days=2))
    registry = old.open().registry
    assert [entry.kind for entry in registry.outbox.undelivered()] == ["webhook"]


# -- approvals --------------------------------------------------------------------------------


def held(installation: SampleHome) -> tuple[int, Path, Path]:
    """A delivery that waits for two stewards: the review's number, and their keys."""
    ann, bob = installation.appoint("ann", "first"), installation.appoint("bob", "second")
    installation.deliver(
        "meter,energy_kwh,tariff\n"
        + "".join(f"M{row},1.5,anna{row}@canary.example\n" for row in range(40))
    )
    with pytest.raises(AdmissionError, match="held for review"):
        installation.published()
    return int(installation.open().registry.reviews.all()[-1].id), ann, bob


def test_no_approval_is_signed_or_taken_while_the_clock_is_in_doubt(
    either_registry: SampleHome,
) -> None:
    at(either_registry, START)
    number, ann, _ = held(either_registry)
    signed = review.sign(either_registry.open(), number, "approve", "codes", ann)
    at(either_registry, START - timedelta(days=3))
    with pytest.raises(ClockError, match="approvals are not accepted"):
        review.submit(either_registry.open(), number, signed)
    with pytest.raises(ClockError, match="no approval is signed"):
        review.sign(either_registry.open(), number, "approve", "codes", ann)
    assert either_registry.open().registry.reviews.approvals(number) == []


def test_an_approval_that_has_ended_does_not_begin_again_where_the_clock_steps_back(
    either_registry: SampleHome,
) -> None:
    at(either_registry, START)
    number, ann, bob = held(either_registry)
    for key in (ann, bob):
        review.submit(
            either_registry.open(),
            number,
            review.sign(either_registry.open(), number, "approve", "codes", key),
        )
    at(either_registry, START + timedelta(days=35))
    assert (
        review_state.stands(
            either_registry.open(), review.review_of(either_registry.open(), number)
        ).decision
        == "open"
    )
    either_registry.open().registry.ledger.note("something", "readings", {})
    at(either_registry, START + timedelta(days=1))
    assert (
        review_state.stands(
            either_registry.open(), review.review_of(either_registry.open(), number)
        ).decision
        == "open"
    )
