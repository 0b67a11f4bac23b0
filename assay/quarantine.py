"""The quarantine, for the command line: plain data to print."""

from __future__ import annotations

from typing import Any

from assay.assets.io.contract_folder import readable
from assay.assets.io.installation import Installation
from assay.assets.services import quarantine
from assay.assets.stages import quarantine_record
from assay.pipelines.validate.quarantine import Action


def listed(name: str | None) -> list[dict[str, Any]]:
    """What waits, of one data set or of all."""
    installation = Installation.open()
    names = [installation.dataset(name)] if name else list(installation.contracts)
    return quarantine.listed(installation, names)


def shown(name: str, run_id: str | None, rule: str | None, rows: int) -> dict[str, Any]:
    """The first rows of one quarantine."""
    return quarantine.shown(Installation.open(), name, run_id, rule, rows)


def decided(
    name: str, action: Action, run_id: str | None, rule: str | None, rows: list[int], why: str
) -> str:
    """Keep a decision, and say what follows."""
    kept = quarantine.decide(
        Installation.open(), name, action, run_id=run_id, rule=rule, rows=rows, why=why
    )
    follows = (
        f"The next version has them: assay run {name}"
        if action == "release"
        else "Their values are gone from the quarantine; they stay counted"
    )
    return f"decision {kept['id']}: {kept['rows']:,} rows of {name} {'released' if action == 'release' else 'discarded'}. {follows}"


def replayed(name: str, run_id: str | None) -> dict[str, Any]:
    """What today's contract says of the rows that wait."""
    return quarantine.replay(Installation.open(), name, run_id)


def expired(name: str | None) -> list[dict[str, Any]]:
    """Remove what is older than its contract says; of all data sets, where none is named, whose contract can be read."""
    installation = Installation.open()
    names = [name] if name else list(readable(installation.contracts))
    return quarantine_record.expire(installation, names)
