"""The audit log's chain: each entry holds the hash of the one before.

Belongs here: hashing and checking. Stays out: where entries are kept
(assets/io/registry/ledger.py). A chain alone proves nothing against whoever can rewrite all of it;
each version's signed evidence carries the head it saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from assay.contracts.errors import EvidenceError

GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `details` never hold a personal value."""

    sequence: int
    at: str
    actor: str
    action: str
    dataset: str
    details: dict[str, Any]
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 of the entry as canonical JSON."""
        return hashlib.sha256(
            json.dumps(
                asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ).encode()
        ).hexdigest()


def check(entries: Iterable[tuple[Entry, str]]) -> str:
    """Walk the chain of (entry, stored hash) from the first.

    Returns: the head's hash.
    Raises: EvidenceError: names the first entry that does not fit.
    """
    head, expected = GENESIS, 1
    for entry, stored in entries:
        if entry.sequence != expected or entry.previous != head or entry.hash != stored:
            raise EvidenceError(
                f"entry {expected} of the audit log was changed, added or removed",
                "Find out who can write to the registry, and restore it from a backup that `assay verify --all` confirms",
            )
        head, expected = stored, expected + 1
    return head
