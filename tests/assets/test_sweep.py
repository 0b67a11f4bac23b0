"""What nobody needs any more leaves the lake, and finding it does not take longer with each version."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.assets.io.installation import Installation
from assay.assets.stages.expire import due_to_go, expire
from tests.assets.test_partitions import MONTHS, deliver, month, monthly, take
from tests.conftest import SampleHome, setting

DAY_S = 86_400


class Days:
    """A home at which days pass: files are as old as the clock says."""

    def __init__(self, home: SampleHome) -> None:
        self.home, self.days = home, 0
        self.versions = home.root / "lake/readings/versions"

    def folders(self) -> set[str]:
        return {path.name for path in self.versions.glob("[0-9a-f]*")}

    def publish(self, number: int, after_days: int = 0) -> set[str]:
        """Deliver a month that many days later. Returns: the folders that came."""
        self.days += after_days
        self.home.later(timedelta(days=self.days))
        before = self.folders()
        name = MONTHS[number % len(MONTHS)]
        deliver(self.home, name, month(name, energy=float(number + 1)))
        take(self.home, name)
        came = self.folders() - before
        for folder in came:
            self.age(self.versions / folder)
        return came

    def age(self, folder: Path) -> None:
        at = time.time() + self.days * DAY_S
        os.utime(folder, (at, at))

    def left_by_a_dead_run(self) -> Path:
        folder = self.versions / "00000000deadbeef-7"
        folder.mkdir()
        self.age(folder)
        return folder


@pytest.fixture
def days(either_registry: SampleHome) -> Days:
    either_registry.promise(
        *monthly(),
        setting("retention", landed="P30D", quarantine="P30D", versions="P10D"),
    )
    (either_registry.root / "inbox").mkdir(parents=True, exist_ok=True)
    return Days(either_registry)


def test_each_sweep_reads_the_evidence_of_few_versions(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    read = Installation.signed_statement

    def counted(self: Installation, row: Any) -> dict[str, Any]:
        statements.append(row.version)
        return read(self, row)

    days.home.promise(*monthly())
    monkeypatch.setattr(Installation, "signed_statement", counted)
    numbers = []
    for number in range(14):
        statements.clear()
        days.publish(number, after_days=2)
        numbers.append(len(statements))
    assert max(numbers[7:]) <= max(numbers[2:7])


def test_what_a_dead_run_left_goes_after_a_day_and_what_versions_hold_stays(days: Days) -> None:
    held = days.publish(0)
    left = days.left_by_a_dead_run()
    held |= days.publish(1, after_days=2)
    assert not left.exists()
    left = days.left_by_a_dead_run()
    held |= days.publish(2)
    assert left.exists()
    held |= days.publish(3, after_days=2)
    assert not left.exists()
    assert days.folders() == held


def test_a_replaced_partition_goes_when_the_last_version_with_it_has_expired(days: Days) -> None:
    (first,) = days.publish(0)
    days.publish(1, after_days=2)
    days.publish(3, after_days=2)  # the month of the first again
    assert first in days.folders()
    days.publish(2, after_days=9)  # the first two versions expire
    assert first in days.folders()
    assert [Path(name).name for name in due_to_go(days.home.open(), "readings")] == []
    days.publish(4, after_days=2)
    assert first not in days.folders()


def test_asked_for_a_sweep_looks_at_folders_of_any_age(days: Days) -> None:
    days.publish(0)
    days.publish(1, after_days=2)
    left = days.left_by_a_dead_run()
    os.utime(left, (0, 0))  # a restored backup, or a run that took days
    days.publish(2, after_days=2)
    assert left.exists()
    expire(days.home.open(), "readings", thorough=True)
    assert not left.exists()


def test_a_clock_that_was_set_back_hides_nothing(days: Days) -> None:
    days.publish(0)
    days.publish(1, after_days=40)
    left = days.left_by_a_dead_run()
    days.days = 20
    days.home.later(timedelta(days=20))
    days.age(left)
    days.publish(2, after_days=2)
    assert not left.exists()
