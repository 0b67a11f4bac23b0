"""One entry of the outbox that cannot be delivered waits alone: it is recorded, put off, and everything else goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from assay.assets.io.failures import must_stop, quiet_panics
from assay.assets.io.installation import Installation
from assay.assets.io.outbox_handlers import HANDLERS
from assay.assets.io.registry import outbox
from assay.assets.io.registry.ledger import ledger
from assay.assets.io.webhook import NotDelivered
from assay.contracts.errors import ConfigurationError
from tests.conftest import SampleHome

KINDS = sorted(HANDLERS)
SECRET = "ann.canary@example.com"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class PanicException(BaseException):
    """As pyo3 raises it: no Exception."""


PanicException.__module__ = "pyo3_runtime"


def delta_error() -> BaseException:
    from deltalake.exceptions import DeltaError

    return DeltaError(SECRET)


def mlflow_error() -> BaseException:
    from mlflow.exceptions import MlflowException

    return MlflowException(SECRET)


def requests_error() -> BaseException:
    import requests

    return requests.ConnectionError(SECRET)


def polars_error() -> BaseException:
    import polars as pl

    return pl.exceptions.ComputeError(SECRET)


FAILURES: dict[str, Callable[[], BaseException]] = {
    "a folder that cannot be written": lambda: PermissionError(errno.EACCES, "no", SECRET),
    "any OSError": lambda: OSError(SECRET),
    "a timeout": lambda: TimeoutError(SECRET),
    "a wrong value": lambda: ValueError(SECRET),
    "a missing key": lambda: KeyError(SECRET),
    "an assertion": lambda: AssertionError(SECRET),
    "the end of an iterator": lambda: StopIteration(SECRET),
    "a Rust panic": lambda: PanicException(SECRET),
    "a Delta table": delta_error,
    "the model store": mlflow_error,
    "an HTTP client": requests_error,
    "a frame": polars_error,
    "a database": lambda: sa.exc.OperationalError(SECRET, {"v": SECRET}, Exception(SECRET)),
    "a receiver that says no": lambda: NotDelivered("it answered 500"),
    "our own refusal": lambda: ConfigurationError("the place is missing", "Make it"),
}


@pytest.fixture
def clocked(installation: SampleHome) -> SampleHome:
    installation.clock = staticmethod(lambda: NOW)
    return installation


def delivering(
    monkeypatch: pytest.MonkeyPatch, fail: Callable[[str, str, Any], BaseException | None]
) -> list[tuple[str, str, Any]]:
    """Have each kind of delivery fail as told, or be noted in the list that is returned."""
    delivered: list[tuple[str, str, Any]] = []

    def pretend(kind: str) -> Callable[[Installation, str, Any], None]:
        def deliver(_: Installation, dataset: str, payload: Any) -> None:
            error = fail(kind, dataset, payload)
            if error is not None:
                raise error
            delivered.append((kind, dataset, payload.get("number")))

        return deliver

    for kind in KINDS:
        monkeypatch.setitem(HANDLERS, kind, pretend(kind))
    return delivered


def test_every_kind_of_entry_is_looked_at() -> None:
    assert {
        "evidence",
        "delta",
        "lineage",
        "aliases",
        "refusal",
        "quarantine",
        "quarantine_expiry",
        "expiry",
        "webhook",
    } <= set(KINDS)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_whatever_delivering_raises_is_recorded_and_the_others_are_delivered(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch, failure: Callable[[], BaseException]
) -> None:
    delivered = delivering(
        monkeypatch, lambda kind, dataset, _: failure() if dataset == "alpha" else None
    )
    registry = clocked.open().registry
    for kind in KINDS:
        registry.outbox.post(kind, "alpha", {"number": 1})
        registry.outbox.post(kind, "beta", {"number": 1})
    late = clocked.open().deliver_outbox()
    assert sorted(delivered) == [(kind, "beta", 1) for kind in KINDS]
    assert len(late) == len(KINDS)
    waiting = registry.outbox.pending()
    assert sorted(entry.kind for entry in waiting) == KINDS
    due = (NOW + timedelta(seconds=15)).isoformat(timespec="microseconds")
    for entry in waiting:
        assert (entry.dataset, entry.tries, entry.not_before) == ("alpha", 1, due)
        assert entry.error == type(failure()).__name__
        assert entry.failed_since == registry.now()
        assert entry.reason
        assert SECRET not in str(entry)
    assert SECRET not in "".join(late)
    assert clocked.open().deliver_outbox() == []  # not tried before its time
    assert {entry.tries for entry in registry.outbox.pending()} == {1}


def test_it_is_recorded_in_every_registry(
    either_registry: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = delivering(
        monkeypatch, lambda kind, *_: PanicException() if kind == "delta" else None
    )
    registry = either_registry.open().registry
    registry.outbox.post("delta", "alpha", {"number": 1})
    registry.outbox.post("evidence", "alpha", {"number": 1})
    either_registry.open().deliver_outbox()
    assert delivered == [("evidence", "alpha", 1)]
    assert [(entry.kind, entry.tries, entry.error) for entry in registry.outbox.pending()] == [
        ("delta", 1, "PanicException")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_builds_on_the_entry_before_waits_for_it(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    in_order = kind in ("delta", "quarantine")
    delivered = delivering(
        monkeypatch,
        lambda _, dataset, payload: (
            ValueError() if (dataset, payload["number"]) == ("alpha", 1) else None
        ),
    )
    registry = clocked.open().registry
    for number in (1, 2):
        registry.outbox.post(kind, "alpha", {"number": number})
    registry.outbox.post(kind, "beta", {"number": 1})
    clocked.open().deliver_outbox()
    assert delivered == [(kind, "beta", 1), *([] if in_order else [(kind, "alpha", 2)])]
    clocked.open().deliver_outbox()  # the first is put off now, and still not overtaken
    assert [entry.payload["number"] for entry in registry.outbox.pending()] == (
        [1, 2] if in_order else [1]
    )
    monkeypatch.undo()
    delivered = delivering(monkeypatch, lambda *_: None)
    clocked.clock = staticmethod(lambda: NOW + timedelta(seconds=15))
    clocked.open().deliver_outbox()
    assert delivered == [(kind, "alpha", number) for number in ([1, 2] if in_order else [1])]


def test_the_wait_grows_to_an_hour_and_a_clock_that_was_ahead_does_not_prolong_it(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivering(monkeypatch, lambda *_: ValueError())
    registry = clocked.open().registry
    registry.outbox.post("lineage", "alpha", {})
    waits = []
    for _ in range(12):
        clocked.open().deliver_outbox()
        (entry,) = registry.outbox.pending()
        due = datetime.fromisoformat(entry.not_before)
        waits.append((due - clocked.clock()).total_seconds())
        clocked.clock = staticmethod(lambda due=due: due)
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert entry.failed_since == NOW.isoformat(timespec="microseconds")
    clocked.clock = staticmethod(lambda: NOW + timedelta(days=4000))
    clocked.open().deliver_outbox()
    clocked.clock = staticmethod(lambda: NOW + timedelta(days=1))
    clocked.open().deliver_outbox()
    (entry,) = registry.outbox.pending()
    assert entry.tries == 14


def test_thousands_of_tries_are_no_number_that_is_too_large(clocked: SampleHome) -> None:
    registry = clocked.open().registry
    registry.outbox.post("lineage", "alpha", {})
    (entry,) = registry.outbox.pending()
    registry.outbox.retry_later(replace(entry, tries=5000), "ValueError", "why")
    assert registry.outbox.pending()[0].tries == 5001


class DagsterExecutionInterruptedError(BaseException):
    """As Dagster names what a terminated run raises."""


@pytest.mark.parametrize(
    "stop",
    [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, DagsterExecutionInterruptedError],
)
def test_what_ends_the_process_goes_through(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    delivering(monkeypatch, lambda *_: stop())
    registry = clocked.open().registry
    registry.outbox.post("evidence", "alpha", {})
    with pytest.raises(stop):
        clocked.open().deliver_outbox()
    assert [entry.tries for entry in registry.outbox.pending()] == [None]
    assert must_stop(stop())


def test_a_full_disk_is_told_as_one(clocked: SampleHome, monkeypatch: pytest.MonkeyPatch) -> None:
    delivering(monkeypatch, lambda *_: OSError(errno.ENOSPC, "No space left on device"))
    registry = clocked.open().registry
    registry.outbox.post("evidence", "alpha", {})
    (late,) = clocked.open().deliver_outbox()
    assert "the disk is full" in late
    assert "the disk is full" in registry.outbox.pending()[0].reason


def test_a_kind_that_this_release_does_not_know_waits_alone(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = delivering(monkeypatch, lambda *_: None)
    registry = clocked.open().registry
    registry.outbox.post("of a newer release", "alpha", {})
    registry.outbox.post("evidence", "alpha", {})
    clocked.open().deliver_outbox()
    assert [entry.kind for entry in registry.outbox.pending()] == ["of a newer release"]
    assert delivered == [("evidence", "alpha", None)]


@pytest.mark.parametrize(("panics", "printed"), [(True, ""), (False, "a warning\n")])
def test_the_text_of_a_panic_stays_off_the_terminal_and_nothing_else_does(
    capfd: pytest.CaptureFixture[str], panics: bool, printed: str
) -> None:
    def write() -> None:
        with quiet_panics():
            os.write(2, b"a warning\n")
            if panics:
                raise PanicException

    if panics:
        with pytest.raises(PanicException):
            write()
    else:
        write()
    assert capfd.readouterr().err == printed


def test_a_home_of_an_earlier_release_gets_what_it_lacks(installation: SampleHome) -> None:
    registry = installation.open().registry
    registry.outbox.post("evidence", "alpha", {})
    with registry.database.engine.begin() as connection:
        for column in ("failed_since", "error", "reason"):
            connection.execute(sa.text(f"ALTER TABLE outbox DROP COLUMN {column}"))
        connection.execute(sa.text("DROP TABLE registry_layout"))
    (installation.root / "assay.home").write_text("4\n")
    (entry,) = installation.open().registry.outbox.pending()
    assert (entry.failed_since, entry.error, entry.reason) == (None, None, None)


def test_data_sets_take_turns_so_that_many_entries_of_one_hold_up_no_other(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = delivering(monkeypatch, lambda *_: None)
    registry = clocked.open().registry
    for number in range(3):
        registry.outbox.post("lineage", "alpha", {"number": number})
    registry.outbox.post("lineage", "beta", {"number": 0})
    clocked.open().deliver_outbox()
    assert delivered == [
        ("lineage", "alpha", 0),
        ("lineage", "beta", 0),
        ("lineage", "alpha", 1),
        ("lineage", "alpha", 2),
    ]


@pytest.mark.parametrize("cause", ["too many", "too long"])
def test_an_alarm_is_recorded_once(
    either_registry: SampleHome,
    monkeypatch: pytest.MonkeyPatch,
    cause: str,
) -> None:
    either_registry.clock = staticmethod(lambda: NOW)
    delivering(monkeypatch, lambda *_: OSError())
    registry = either_registry.open().registry
    for _ in range(2):
        registry.outbox.post("lineage", "readings", {})
    either_registry.open().deliver_outbox()
    assert registry.outbox.overdue() == []
    if cause == "too many":
        monkeypatch.setattr(outbox, "MOST_WAITING", 1)
    else:
        either_registry.clock = staticmethod(lambda: NOW + outbox.LONGEST_LATE * 1.01)
    for _ in range(2):
        either_registry.open().deliver_outbox()
    (alarm,) = either_registry.open().registry.outbox.overdue()
    assert (alarm.dataset, alarm.entries) == ("readings", 2)
    actions = [row["action"] for row in either_registry.rows(sa.select(ledger.c.action))]
    assert actions.count(outbox.ALARM) == 1


def test_deliveries_that_were_made_are_noted_though_the_process_stops(
    clocked: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivering(monkeypatch, lambda kind, *_: KeyboardInterrupt() if kind == "delta" else None)
    registry = clocked.open().registry
    registry.outbox.post("evidence", "alpha", {})
    registry.outbox.post("delta", "alpha", {})
    with pytest.raises(KeyboardInterrupt):
        clocked.open().deliver_outbox()
    assert [entry.kind for entry in registry.outbox.pending()] == ["delta"]
