"""`assay.retention`: how long each layer lives."""

from __future__ import annotations

from assay.contracts.settings.base import Days, Settings


class Retention(Settings):
    """How long each layer lives, and the column that states whose row it is."""

    landed: Days
    quarantine: Days
    versions: Days
    subject_key: str | None = None
