"""Indexes, read and moved: plain data for the command line to print."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any

from assay.assets.io.installation import Installation
from assay.assets.services import retrieve
from assay.assets.stages import index
from assay.assets.stages.run import Run


def searched(
    name: str, question: str, *, purpose: str, k: int, traceparent: str | None
) -> dict[str, Any]:
    """What answers a question."""
    return asdict(retrieve.search(name, question, purpose=purpose, k=k, traceparent=traceparent))


def listed(name: str | None) -> list[dict[str, Any]]:
    """Every build of one data set, or of all."""
    installation = Installation.open()
    names = [installation.dataset(name)] if name else list(installation.contracts)
    return [
        _build(installation, one, row)
        for one in names
        for row in installation.registry.index_builds(one)
    ]


def _build(installation: Installation, name: str, row: dict[str, Any]) -> dict[str, Any]:
    service, details = installation.registry.serving_index(name), row["details"]
    serves = bool(service and service["build"] == row["build"])
    state = (
        "in service"
        if serves
        else "refused"
        if not row["accepted"]
        else "gone"
        if row["dropped_at"]
        else "kept"
    )
    told = ("documents", "chunks", "changed", "measured", "embedder", "reason")
    return {
        "dataset": name, "build": row["build"], "version": row["version"], "made_at": row["made_at"], "state": state, "since": service["since"] if service and serves else None,
        "because": service["reason"] if service and serves else None, **{key: details[key] for key in told},
    }  # fmt: skip


def rolled_back(name: str, build: str | None, why: str) -> str:
    """Move the pointer back, and say where it points now."""
    before, now = index.roll_back(Installation.open(), name, build, why)
    return f"the index of {name} was {before}, and now is {now['build']}: {now['details']['documents']:,} documents of version {now['version']}"


def rebuilt(name: str, *, full: bool) -> dict[str, Any]:
    """Build now."""
    installation = Installation.open()
    return index.rebuild(
        Run(installation, installation.contract(name), str(uuid.uuid4())), full=full
    ).details
