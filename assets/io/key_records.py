"""Which keys the installation began with: the part of the registry that recognizes them.

Belongs here: their fingerprints, and whether the registry has been used. Stays out: the keys (keys.py), what follows when one is lost (home_state.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import sqlalchemy as sa

from assay.assets.io.store import Store, ledger, metadata
from assay.assets.io.versions import versions
from assay.contracts.errors import ConfigurationError, Where

key_fingerprints = sa.Table(
    "key_fingerprints", metadata,
    sa.Column("name", sa.String, primary_key=True), sa.Column("fingerprint", sa.String, nullable=False), sa.Column("recorded_at", sa.String, nullable=False),
)  # fmt: skip
RECORDED = "keys recorded"


class KeyRecords(Store):
    """The part of the registry that knows the installation's keys by their fingerprints."""

    def key_fingerprints(self) -> dict[str, str]:
        """Fingerprints by file name; empty where none are recorded."""
        if key_fingerprints.name not in self.tables:
            return {}
        return {row["name"]: row["fingerprint"] for row in self._rows(sa.select(key_fingerprints))}

    def usage(self) -> Literal["none", "empty", "used"]:
        """`none`: there are no tables; `empty`: nothing was recorded but the keys; `used`: something else was."""
        if not {ledger.name, versions.name} <= self.tables:
            return "none"
        with self.engine.connect() as connection:
            first_entry = connection.execute(
                sa.select(ledger.c.sequence).where(ledger.c.action != RECORDED).limit(1)
            ).first()
            first_version = connection.execute(sa.select(versions.c.sequence).limit(1)).first()
        return "used" if first_entry or first_version else "empty"

    def newest_envelope(self) -> str | None:
        """The signed statement of the version that was published last; None before the first."""
        with self.engine.connect() as connection:
            envelope = connection.execute(
                sa.select(versions.c.envelope).order_by(versions.c.published_at.desc()).limit(1)
            ).scalar()
        return str(envelope) if envelope is not None else None

    def record_keys(self, fingerprints: Mapping[str, str]) -> None:
        """Keep the fingerprints, once. Raises: ConfigurationError: others are recorded already."""
        with self._write() as connection:
            there = {
                row["name"]: row["fingerprint"]
                for row in connection.execute(sa.select(key_fingerprints)).mappings()
            }
            for name, fingerprint in fingerprints.items():
                if there.get(name, fingerprint) != fingerprint:
                    raise ConfigurationError(
                        "this is not the key that the installation began with",
                        "Restore it from your backup",
                        Where(file=f"keys/{name}"),
                    )
            missing = [name for name in fingerprints if name not in there]
            if missing:
                rows = [
                    {"name": name, "fingerprint": fingerprints[name], "recorded_at": self.now()}
                    for name in missing
                ]
                connection.execute(sa.insert(key_fingerprints), rows)
                self._log(connection, RECORDED, "", {name: fingerprints[name] for name in missing})
