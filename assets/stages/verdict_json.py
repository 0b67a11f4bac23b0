"""The verdict of an admission, read back from JSON: of a run's staging, or of a version's evidence."""

from __future__ import annotations

from typing import Any

from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.pipelines.core.frames import Verdict


def verdict_from(data: dict[str, Any]) -> Verdict:
    """A verdict from its JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Verdict).validate_python(data)


def verdict_of(installation: Installation, row: Version) -> Verdict:
    """The verdict that a version was admitted with, as its evidence holds it."""
    return verdict_from(installation.statement(row)["predicate"]["admission"]["verdict"])
