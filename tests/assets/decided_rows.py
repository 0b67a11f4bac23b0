"""Decisions about quarantined rows, carried out at once: for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Sequence

from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import HandlingRecord
from assay.assets.services.quarantine_decisions import carry_out, plan_decision
from assay.pipelines.admit.reasons import checked_reason
from assay.pipelines.validate.quarantine import Action


def decide_rows(
    installation: Installation,
    action: Action = "release",
    *,
    rule: str | None = None,
    rows: Sequence[int] = (),
    why: str = "seen on site",
) -> HandlingRecord:
    """Release or discard rows of the readings' newest quarantine, as those who sign a request do."""
    planned = plan_decision(installation, "readings", action, run_id=None, rule=rule, rows=rows)
    return carry_out(installation, planned, why=checked_reason(why), by=installation.registry.actor)
