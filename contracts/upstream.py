"""Data sets derived from data sets.

Which comes first, whether one is derived from itself, and how much care it owes.

Belongs here: the graph that the contracts state. Stays out: reading a version
(assets/stages/upstream.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from assay.contracts.model import Contract
from assay.contracts.settings import SENSITIVITIES


def in_order(contracts: Mapping[str, Contract]) -> list[str]:
    """The names, each after the data set that is its source.

    Otherwise, and where they form a circle, as they come.
    """
    placed: dict[str, None] = {}
    for name in contracts:
        chain: list[str] = []
        at: str | None = name
        while at is not None and at in contracts and at not in placed and at not in chain:
            chain.append(at)
            at = _source_of(contracts[at])
        placed |= dict.fromkeys(reversed(chain))
    return list(placed)


def circle(name: str, contracts: Mapping[str, Contract]) -> tuple[str, ...]:
    """The data sets by which a data set would be derived from itself, itself first and last.

    None if it is not.
    """
    chain = [name]
    while chain[-1] in contracts:
        source = _source_of(contracts[chain[-1]])
        if source is None or source in chain:
            return (*chain, name) if source == name else ()
        chain.append(source)
    return ()


def less_care(contract: Contract, sensitivity: str, region: str) -> str | None:
    """Why a contract may not describe data derived from data of this sensitivity and region.

    None if it may.
    """
    privacy = contract.privacy
    if SENSITIVITIES.index(privacy.sensitivity) < SENSITIVITIES.index(sensitivity):
        return f"that is '{sensitivity}', but the contract declares '{privacy.sensitivity}'"
    if (
        region != "global"
        and privacy.region != region
        and not privacy.region.startswith(f"{region}-")
    ):
        return f"that must stay in '{region}', but the contract declares '{privacy.region}'"
    return None


def _source_of(contract: Contract) -> str | None:
    return contract.source.upstream[0] if contract.source.upstream else None
