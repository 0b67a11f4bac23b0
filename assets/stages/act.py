"""Act: what models and indexes share.

Belongs here: what travels with both. Stays out: models (model.py), indexes (index.py), whether
either is due (pipelines/act/decide.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.stages.verdict_json import verdict_of
from assay.contracts.model import Contract


@dataclass(frozen=True)
class Acted:
    """What came of a trigger: `details` as the registry keeps them."""

    version: str
    details: Json


def carried(installation: Installation, contract: Contract, version: str) -> dict[str, str]:
    """What travels with everything derived from a version, and from the versions its features are
    joined to: licences, obligations, and the attribution to give.
    """
    joined = (installation.registry.derived.get(contract.name, version, "features") or {}).get(
        "others", []
    )
    rows = [
        installation.version(contract.name, version),
        *(installation.version(source["dataset"], source["version"]) for source in joined),
    ]
    verdicts = [verdict_of(installation, row).license for row in rows]
    obligations = dict.fromkeys(o for verdict in verdicts for o in verdict.obligations)
    attribution = dict.fromkeys(a for verdict in verdicts for a in verdict.attribution)
    license_ = " AND ".join(dict.fromkeys(verdict.expression for verdict in verdicts))
    return {
        "license": license_,
        "obligations": ", ".join(obligations) or "none",
        "attribution": "\n".join(attribution) or "none",
    }
