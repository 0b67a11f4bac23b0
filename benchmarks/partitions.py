"""What publishing one more daily partition costs while their number grows: seconds, processor time
(with that of the processes that read), memory, and the registry's bytes. A day of the clock passes
between two publications, and files are as old as the clock says.

Usage: python -m benchmarks.partitions [DAYS] [every N days a line]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.part import Part
from assay.assets.stages.partition_runs import parts
from assay.assets.stages.publish import publish_parts
from assay.assets.stages.run import Run
from tests.assets.test_partitions import monthly
from tests.conftest import SampleHome

FIRST = date(2015, 1, 1)


def day_text(day: date) -> str:
    meters = (f"M{day.toordinal()}{row}" for row in range(1, 4))  # a key is unique in the version
    rows = "".join(f"{meter},{day}T0{row}:00:00Z,{row}.5\n" for row, meter in enumerate(meters))
    return "meter,at,energy_kwh\n" + rows


def publish(home: SampleHome, day: date) -> None:
    opened_home = home.open()
    run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()), str(day))
    with opened_home.registry.session():
        (part,) = parts(run)
        admission = admit(part)
        publish_parts(part, [Part(part, admission, refine(part, admission))])


def age_new_folders(home: SampleHome, days: int) -> None:
    """Have what was written just now be as old as the clock of the home says."""
    versions = home.root / "lake/readings/versions"
    just_now = time.time() + 3_600
    for folder in versions.glob("[0-9a-f]*"):
        if folder.stat().st_mtime < just_now and days:
            at = just_now + days * 86_400
            os.utime(folder, (at, at))


def processor_s() -> float:
    """Processor time of this process and of the children that it waited for, in seconds."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def days_later(days: int) -> Callable[[], datetime]:
    """A clock that is that many days ahead."""
    return lambda: datetime.now(UTC) + timedelta(days=days)


def main(days: int, every: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = SampleHome(Path(folder))
        end = FIRST + timedelta(days=days)
        home.promise(*monthly(by="day", start=str(FIRST), end=str(end)))
        (home.root / "inbox").mkdir(parents=True)
        print("days  s/publication  CPU s/publication  registry MB  evidence MB  peak MB")
        spent, processor = 0.0, 0.0
        for number in range(1, days + 1):
            day = FIRST + timedelta(days=number - 1)
            (home.root / "inbox" / f"{day}.csv").write_text(day_text(day))
            home.clock = days_later(number)
            began, processor_began = time.monotonic(), processor_s()
            publish(home, day)
            spent += time.monotonic() - began
            processor += processor_s() - processor_began
            age_new_folders(home, number)
            if number % every == 0:
                report(home, number, spent / every, processor / every)
                spent, processor = 0.0, 0.0


def report(home: SampleHome, number: int, spent: float, processor: float) -> None:
    evidence = sum(file.stat().st_size for file in (home.root / "evidence").rglob("*.json")) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = (home.root / "registry.db").stat().st_size / 1e6
    times = f"{spent:13.3f}  {processor:17.3f}"
    print(f"{number:4}  {times}  {size:11.2f}  {evidence:11.2f}  {peak:7.0f}", flush=True)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 600,
        int(sys.argv[2]) if len(sys.argv) > 2 else 100,
    )
