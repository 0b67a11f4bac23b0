"""Reaping, done: runs whose process is gone -> ended, their lease taken away, their staging swept.

Belongs here: the registry's side. Stays out: telling Dagster (assets/reaper.py).
"""

from __future__ import annotations

from assets.hands.office import Office
from assets.hands.registry import Row


def reap(office: Office) -> list[Row]:
    """End every run that will never end by itself. Returns: those that were in the middle of a stage."""
    if office.registry.read_only:
        return []
    failed = []
    for row, why in office.registry.lost():
        if office.registry.lose(row, why):
            office.lake.clear(row["dataset"], row["run_id"])
            failed += [row] if row["stage"] else []
    return failed
