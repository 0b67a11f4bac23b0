"""What every asset of a data set shares: key, group, owners, tags."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from contracts.model import Contract


class Window(dg.Config):
    """Which part of the source to publish; the next one due unless said."""

    window: str | None = None


def key(contract: Contract, stage: str) -> dg.AssetKey:
    """The asset of one stage."""
    return dg.AssetKey([contract.name, stage])


def owners(contract: Contract) -> list[str]:
    """Owners as Dagster takes them: e-mail addresses and teams."""
    return list(contract.owners)


def tags(contract: Contract) -> dict[str, str]:
    """Licence, sensitivity and region as Dagster tags: at most 63 characters of its alphabet."""
    said = {"license": contract.license.expression, "sensitivity": contract.privacy.sensitivity, "region": contract.privacy.region, "origin": contract.source.origin}
    return {f"assay/{name}": re.sub(r"[^A-Za-z0-9_.-]", "-", value)[:63].strip("-_.") for name, value in said.items()}


def asset(contract: Contract, stage: str, after: Sequence[str] = (), **more: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`@dg.asset` with what every asset of a data set says. `after` names the stages before it."""
    shared: dict[str, Any] = {
        "key": key(contract, stage),
        "deps": [key(contract, before) for before in after],
        "group_name": contract.name,
        "owners": owners(contract),
        "tags": tags(contract),
    }
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(**shared, **more)
    return decorator
