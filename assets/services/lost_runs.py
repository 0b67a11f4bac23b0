"""End the runs whose process is gone: take their lease away, and sweep their staging.

Belongs here: the registry's side. Stays out: telling Dagster (assets/dagster/sensors.py).
"""

from __future__ import annotations

from assay.assets.io.installation import Installation
from assay.assets.io.registry.runs import RunRecord


def reap(installation: Installation) -> list[RunRecord]:
    """End every run that will never end by itself.

    Returns: those that were in the middle of a stage.
    """
    if installation.registry.read_only:
        return []
    failed = []
    for row, why in installation.registry.runs.lost():
        if installation.registry.runs.lose(row, why):
            installation.lake.clear(row.dataset, row.run_id)
            failed += [row] if row.stage else []
    return failed
