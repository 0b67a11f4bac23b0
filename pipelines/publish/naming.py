"""What a version was derived from -> its key, its number and its note.

Belongs here: deciding. Stays out: who wins a race for the number (the registry's transaction).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

CONTENT_EDITION = "0.2.0"
"""What Assay publishes for the same inputs, as an edition; part of every version's key.

Raise it only where a release publishes other rows, columns or bytes for the same source, contract and policy: the next
run of every data set then publishes again. `tests/assets/test_content_edition.py` fails where that is forgotten. Its
first value is the number of the release in which keys were the package's version.
"""


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what a version holds. The same inputs are the same version."""

    dataset: str
    source_digest: str
    window: str | None
    contract_digest: str
    policy_digest: str
    code_version: str
    """The content edition; up to 0.1.0 it was the package's version."""

    related: Mapping[str, str] = field(default_factory=dict)
    """Data set -> version of what its relationships were compared with; one that has none yet is not
    here.
    """

    decisions: str | None = None
    """SHA-256 over the releases from the quarantine; None if there are none."""

    @property
    def key(self) -> str:
        """SHA-256 over all of it; without decisions it is what it was before there could be any."""
        parts = {
            name: value
            for name, value in asdict(self).items()
            if name != "decisions" or value is not None
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Previous:
    """What the registry knows of the newest version."""

    version: str
    contract_version: str
    source_digest: str
    window: str | None
    rows: int | None = None
    schema: Mapping[str, str] = field(default_factory=dict)
    """Column -> type."""


def next_version(
    previous: Previous | None,
    *,
    contract_version: str,
    source_digest: str,
    window: str | None,
    schema: Mapping[str, str] | None = None,
) -> str:
    """Number the version: major with the contract's major or where a column was removed or has
    another type, minor for new data or columns, patch for the same data rebuilt.

    Source: Semantic Versioning 2.0.0, read for data: a consumer breaks when the contract does, and
    gains when rows come.
    """
    major = int(contract_version.split(".")[0])
    if previous is None:
        return f"{max(major, 1)}.0.0"
    was_major, minor, patch = (int(part) for part in previous.version.split("."))
    known = previous.schema if schema else {}
    columns = {name: (schema or {}).get(name) for name in known}
    if major > int(previous.contract_version.split(".")[0]) or columns != known:
        return f"{was_major + 1}.0.0"
    has_new_columns = bool(known) and len(schema or {}) > len(known)
    if has_new_columns or (source_digest, window) != (previous.source_digest, previous.window):
        return f"{was_major}.{minor + 1}.0"
    return f"{was_major}.{minor}.{patch + 1}"


def change_note(
    previous: Previous | None,
    *,
    rows: int,
    window: str | None,
    schema: Mapping[str, str] | None = None,
    partitions: int = 0,
) -> str:
    """One line for people on what is new, from what is known when the version is signed.

    How many rows were added, removed and changed takes a join of two versions, and is added after
    the commit.
    Args:
        partitions: how many the version holds; `window` then names those that are new in it.
    """
    description = f"{rows:,} rows"
    if previous is not None and previous.rows is not None and not (window and not partitions):
        description += f" ({rows - previous.rows:+,})"
    if window:
        description += (
            f" of {partitions} partition(s), {window} new or made again"
            if partitions
            else f" of {window}"
        )
    if previous is None:
        return f"First version: {description}"
    return "; ".join(
        [f"After {previous.version}: {description}", *schema_changes(previous.schema, schema or {})]
    )


def schema_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Columns that came, went or changed their type, in words; nothing where one of the two is not
    known.
    """
    if not old or not new:
        return []
    came = [f"column {name} added" for name in new if name not in old]
    went = [f"column {name} removed" for name in old if name not in new]
    return [
        *came,
        *went,
        *(
            f"column {name} is {new[name]}, was {old[name]}"
            for name in new
            if name in old and old[name] != new[name]
        ),
    ]
