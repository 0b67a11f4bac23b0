"""What every asset of a data set shares: key, group, owners, tags."""

import re
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


def base(contract: Contract, stage: str, after: str | None = None) -> dict[str, Any]:
    """The arguments that every `@dg.asset` of a data set takes."""
    deps = [key(contract, after)] if after else []
    return {"key": key(contract, stage), "deps": deps, "group_name": contract.name, "owners": owners(contract), "tags": tags(contract)}
