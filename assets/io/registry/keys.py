"""Which keys the installation began with: the part of the registry that recognizes them.

Belongs here: their fingerprints. Stays out: the keys (io/signing_keys.py), what follows when one is lost (home_state.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, metadata
from assay.assets.io.registry.ledger import Ledger
from assay.contracts.errors import ConfigurationError, Where

key_fingerprints = sa.Table(
    "key_fingerprints", metadata,
    sa.Column("name", sa.String, primary_key=True), sa.Column("fingerprint", sa.String, nullable=False), sa.Column("recorded_at", sa.String, nullable=False),
)  # fmt: skip
RECORDED = "keys recorded"


class KeyRecords:
    """The part of the registry that knows the installation's keys by their fingerprints."""

    def __init__(self, database: Database, log: Ledger) -> None:
        self._database, self._ledger = database, log

    def fingerprints(self) -> dict[str, str]:
        """Fingerprints by file name; empty where none are recorded."""
        if key_fingerprints.name not in self._database.tables:
            return {}
        with self._database.read() as connection:
            return _recorded(connection)

    def record(self, fingerprints: Mapping[str, str]) -> None:
        """Keep the fingerprints, once. Raises: ConfigurationError: others are recorded already."""
        with self._database.write() as connection:
            there = _recorded(connection)
            for name, fingerprint in fingerprints.items():
                if there.get(name, fingerprint) != fingerprint:
                    raise ConfigurationError(
                        "this is not the key that the home was created with",
                        "Restore it from your backup",
                        Where(file=f"keys/{name}"),
                    )
            missing = [name for name in fingerprints if name not in there]
            if missing:
                now = self._database.now()
                rows = [
                    {"name": name, "fingerprint": fingerprints[name], "recorded_at": now}
                    for name in missing
                ]
                connection.execute(sa.insert(key_fingerprints), rows)
                details = {name: fingerprints[name] for name in missing}
                self._ledger.add(connection, RECORDED, "", details)


def _recorded(connection: sa.Connection) -> dict[str, str]:
    rows = connection.execute(sa.select(key_fingerprints)).all()
    return {row.name: row.fingerprint for row in rows}
