"""What a version was made from -> its key, its number and its note.

Belongs here: deciding. Stays out: who wins a race for the number (the registry's transaction).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from pipelines.frames import Accounting


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a version holds. The same inputs are the same version."""

    dataset: str
    source_digest: str
    window: str | None
    contract_digest: str
    policy_digest: str
    code_version: str
    related: Mapping[str, str] = field(default_factory=dict)
    """Data set -> version of what its relationships were held against; one that has none yet is not here."""

    decisions: str | None = None
    """SHA-256 over the releases from the quarantine; None where there are none."""

    @property
    def key(self) -> str:
        """SHA-256 over all of it; without decisions it is what it was before there could be any."""
        said = {name: value for name, value in asdict(self).items() if name != "decisions" or value is not None}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Previous:
    """What the registry knows of the newest version."""

    version: str
    contract_version: str
    source_digest: str
    window: str | None


def next_version(previous: Previous | None, *, contract_version: str, source_digest: str, window: str | None) -> str:
    """Number the version: major with the contract's major, minor for new data, patch for the same data made again.

    Source: Semantic Versioning 2.0.0, read for data: a consumer breaks when the contract does, and gains when rows come.
    """
    major = int(contract_version.split(".")[0])
    if previous is None:
        return f"{max(major, 1)}.0.0"
    was_major, minor, patch = (int(part) for part in previous.version.split("."))
    if major > int(previous.contract_version.split(".")[0]):
        return f"{was_major + 1}.0.0"
    if (source_digest, window) != (previous.source_digest, previous.window):
        return f"{was_major}.{minor + 1}.0"
    return f"{was_major}.{minor}.{patch + 1}"


def change_note(previous: Previous | None, accounting: Accounting, window: str | None) -> str:
    """One line for people on what is new."""
    rows = f"{accounting.published:,} rows" + (f" of {window}" if window else "")
    return f"First version: {rows}" if previous is None else f"After {previous.version}: {rows}"
