"""The registry's decisions about quarantined rows, as the deciders take them."""

from __future__ import annotations

from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import HandlingRecord
from assay.pipelines.validate.quarantine import Handling


def decisions_of(
    installation: Installation, dataset: str, source_digest: str, window: str | None
) -> list[Handling]:
    """The decisions about one delivery: the same bytes, and the same part of them."""
    return [handling_of(row) for row in rows_of(installation, dataset, source_digest, window)]


def rows_of(
    installation: Installation, dataset: str, source_digest: str, window: str | None
) -> list[HandlingRecord]:
    """The same, as the registry keeps them: with who, when, why and the signed envelope."""
    return [
        row
        for row in installation.registry.quarantine.handlings(dataset)
        if (row.source_digest, row.window) == (source_digest, window)
    ]


def handling_of(row: HandlingRecord) -> Handling:
    """One decision."""
    return Handling(row.id, row.action, tuple(row.chosen), row.rule, row.covers)
