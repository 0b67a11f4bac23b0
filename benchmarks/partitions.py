"""What publishing one more daily partition costs while their number grows: seconds, processor time
(with that of the processes that read), memory, and the registry's bytes.

Usage: python -m benchmarks.partitions [DAYS] [every N days a line]
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import uuid
from datetime import date, timedelta
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


def processor_s() -> float:
    """Processor time of this process and of the children that it waited for, in seconds."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main(days: int, every: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = SampleHome(Path(folder))
        end = FIRST + timedelta(days=days)
        home.promise(
            *monthly(by="day", start=str(FIRST), end=str(end)),
        )
        (home.root / "inbox").mkdir(parents=True)
        registry = home.root / "registry.db"
        print("days  s/publication  CPU s/publication  registry MB  evidence MB  peak MB")
        since, processor_since, day = time.monotonic(), processor_s(), FIRST
        for number in range(1, days + 1):
            (home.root / "inbox" / f"{day}.csv").write_text(day_text(day))
            publish(home, day)
            day += timedelta(days=1)
            if number % every == 0:
                spent = (time.monotonic() - since) / every
                processor = (processor_s() - processor_since) / every
                evidence = sum(f.stat().st_size for f in (home.root / "evidence").rglob("*.json"))
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                size = registry.stat().st_size / 1e6
                print(
                    f"{number:4}  {spent:13.3f}  {processor:17.3f}  {size:11.2f}  {evidence / 1e6:11.2f}  {peak:7.0f}",
                    flush=True,
                )
                since, processor_since = time.monotonic(), processor_s()


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 600,
        int(sys.argv[2]) if len(sys.argv) > 2 else 100,
    )
