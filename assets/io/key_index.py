"""The keys of a data set's partitions as keyed digests, in one SQLite file that can be built again.

Belongs here: adding the keys of a publication's files, looking keys up. Stays out: which files a
version holds (assets/stages/published_keys.py).
Every entry names the publication that wrote it, and nothing is changed in place. A killed run
leaves entries that no version refers to, and an older version finds its own entries again.
Source: BLAKE2, RFC 7693, keyed, 128 bits: two of 10^12 keys share a digest with a chance of 10^-15.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assay.contracts.errors import PublicationError, Where

FILE = "keys/index.db"
_EDITION = f"1 polars {pl.__version__}"
"""How keys are spelled: an index of another edition is built again."""
_DIGEST_BYTES = 16
_WAIT_S = 120.0
_TABLES = """
CREATE TABLE IF NOT EXISTS scopes (id INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS publications (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL UNIQUE, partition TEXT NOT NULL, run TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS complete (
    scope INTEGER NOT NULL, publication INTEGER NOT NULL, PRIMARY KEY (scope, publication)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trees (
    scope INTEGER NOT NULL, root TEXT NOT NULL, PRIMARY KEY (scope, root)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
    scope INTEGER NOT NULL, digest BLOB NOT NULL, publication INTEGER NOT NULL,
    released INTEGER NOT NULL, PRIMARY KEY (scope, digest, publication)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Publication:
    """What one run wrote of one partition: the folder of its files, and the run."""

    folder: str
    partition: str
    run: str


class KeyIndex:
    """The index of one data set.

    Args:
        file: made where it is missing or damaged; it holds nothing that the files do not tell.
        secret: the key of the digests, so that no one can try values against them.
    """

    def __init__(self, file: Path, dataset: str, secret: bytes) -> None:
        self._file, self._dataset, self._secret = file, dataset, secret
        self._lock = threading.RLock()
        self._connection = self._opened()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def digests(self, texts: pl.Series) -> list[bytes | None]:
        """A digest for each key; None if there is none."""
        secret, size = self._secret, _DIGEST_BYTES
        return [
            None
            if text is None
            else hashlib.blake2b(text.encode(), key=secret, digest_size=size).digest()
            for text in texts.to_list()
        ]

    # -- writing --------------------------------------------------------------------------

    def add(
        self,
        columns: Sequence[str],
        publication: Publication,
        digests: Iterable[bytes | None],
        released: Iterable[bytes | None] = (),
    ) -> None:
        """Add every key of a publication; what it had before is replaced.

        Args:
            released: the keys of rows that a steward released, which may repeat others.
        """
        with self._writing() as connection:
            scope, number = self._scope(connection, columns), self._number(connection, publication)
            connection.execute(
                "DELETE FROM keys WHERE scope = ? AND publication = ?"
                " AND EXISTS (SELECT 1 FROM complete WHERE scope = ? AND publication = ?)",
                (scope, number, scope, number),
            )
            for flag, some in ((0, digests), (1, released)):
                rows = ((scope, digest, number, flag) for digest in some if digest is not None)
                connection.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)", rows)
            connection.execute("INSERT OR IGNORE INTO complete VALUES (?, ?)", (scope, number))

    def note_tree(self, columns: Sequence[str], root: str) -> None:
        """Note that every partition of a tree is in the index."""
        with self._writing() as connection:
            scope = self._scope(connection, columns)
            connection.execute("INSERT OR IGNORE INTO trees VALUES (?, ?)", (scope, root))

    def remove_folders(self, folders: Collection[str]) -> None:
        """Remove the keys of publications whose files are gone."""
        with self._writing() as connection:
            for folder in folders:
                query = "SELECT id FROM publications WHERE folder = ?"
                for (number,) in connection.execute(query, (folder,)).fetchall():
                    connection.execute("DELETE FROM keys WHERE publication = ?", (number,))
                    connection.execute("DELETE FROM complete WHERE publication = ?", (number,))
                    connection.execute("DELETE FROM publications WHERE id = ?", (number,))

    # -- reading --------------------------------------------------------------------------

    def has_tree(self, columns: Sequence[str], root: str) -> bool:
        """Whether every partition of a tree is in the index."""
        query = (
            "SELECT 1 FROM trees JOIN scopes ON id = scope WHERE scopes.columns = ? AND root = ?"
        )
        return bool(self._all(query, (_listed(columns), root)))

    def has(self, columns: Sequence[str], folder: str) -> bool:
        """Whether the keys of a publication are in the index."""
        query = (
            "SELECT 1 FROM complete JOIN scopes ON scopes.id = scope"
            " JOIN publications ON publications.id = publication"
            " WHERE scopes.columns = ? AND folder = ?"
        )
        return bool(self._all(query, (_listed(columns), folder)))

    def of_run(self, run: str) -> list[Publication]:
        """What a run has added, the newest last."""
        query = "SELECT folder, partition, run FROM publications WHERE run = ? ORDER BY id"
        return [Publication(*row) for row in self._all(query, (run,))]

    def held(
        self,
        columns: Sequence[str],
        digests: Collection[bytes],
        is_live: Callable[[Publication], bool],
    ) -> set[bytes]:
        """The keys that a live publication has."""
        with self._lock, self._plain_errors():
            connection = self._connection
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (digest BLOB PRIMARY KEY)")
            connection.execute("DELETE FROM temp.wanted")
            connection.executemany(
                "INSERT OR IGNORE INTO temp.wanted VALUES (?)", ((each,) for each in digests)
            )
            writers = f"SELECT DISTINCT publication FROM {_HITS}"  # noqa: S608  # our own words
            query = f"SELECT id, folder, partition, run FROM publications WHERE id IN ({writers})"  # noqa: S608  # our own words
            holders = connection.execute(query, (_listed(columns),)).fetchall()
            live = [number for number, *row in holders if is_live(Publication(*row))]
            marks = ", ".join("?" * len(live))
            query = f"SELECT DISTINCT keys.digest FROM {_HITS} AND publication IN ({marks})"  # noqa: S608  # our own words
            rows = connection.execute(query, (_listed(columns), *live)).fetchall() if live else []
            connection.rollback()
        return {digest for (digest,) in rows}

    def shared(self, columns: Sequence[str], folders: Collection[str]) -> int:
        """How often keys are in more than one of these publications: once for each after the
        first. Takes as long as the publications are large.
        """
        marks = ", ".join("?" * len(folders))
        query = (
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM keys"  # noqa: S608  # our own words
            " WHERE scope = (SELECT id FROM scopes WHERE columns = ?) AND publication IN"
            f" (SELECT id FROM publications WHERE folder IN ({marks})) GROUP BY digest)"
        )
        return int(self._all(query, (_listed(columns), *folders))[0][0])

    def keys_of(self, columns: Sequence[str], folder: str, *, released: bool = True) -> set[bytes]:
        """The keys of one publication, those of released rows among them unless left out."""
        query = (
            "SELECT digest FROM keys JOIN scopes ON scopes.id = scope"
            " JOIN publications ON publications.id = publication"
            " WHERE scopes.columns = ? AND folder = ? AND released <= ?"
        )
        return {row[0] for row in self._all(query, (_listed(columns), folder, int(released)))}

    # -- the file -------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._file.unlink(missing_ok=True)  # it is damaged, and can be built again
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        # the pass over the rows asks from its own threads, one at a time
        connection = sqlite3.connect(self._file, timeout=_WAIT_S, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_TABLES)
        (edition,) = connection.execute("PRAGMA user_version").fetchone()
        wanted = int.from_bytes(hashlib.sha256(self._fingerprint()).digest()[:3], "big") + 1
        if edition != wanted:
            for table in ("keys", "complete", "trees", "publications", "scopes"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # our own tables
            connection.execute(f"PRAGMA user_version = {wanted}")
            connection.commit()
        return connection

    def _fingerprint(self) -> bytes:
        return hashlib.blake2b(_EDITION.encode(), key=self._secret).digest()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._plain_errors(), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise PublicationError(
                f"the index of published keys cannot be used ({type(error).__name__})",
                "Free disk space if it is full; otherwise remove the file, and the next run builds it again",
                Where(file=f"lake/{self._dataset}/{FILE}", dataset=self._dataset),
            ) from error

    def _all(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._lock, self._plain_errors():
            return self._connection.execute(query, values).fetchall()

    def _scope(self, connection: sqlite3.Connection, columns: Sequence[str]) -> int:
        listed = _listed(columns)
        connection.execute("INSERT OR IGNORE INTO scopes (columns) VALUES (?)", (listed,))
        row = connection.execute("SELECT id FROM scopes WHERE columns = ?", (listed,)).fetchone()
        return int(row[0])

    def _number(self, connection: sqlite3.Connection, publication: Publication) -> int:
        values = (publication.folder, publication.partition, publication.run)
        connection.execute(
            "INSERT OR IGNORE INTO publications (folder, partition, run) VALUES (?, ?, ?)", values
        )
        query = "SELECT id FROM publications WHERE folder = ?"
        return int(connection.execute(query, values[:1]).fetchone()[0])


_HITS = (
    "temp.wanted CROSS JOIN keys ON keys.digest = wanted.digest"
    " WHERE keys.scope = (SELECT id FROM scopes WHERE columns = ?)"
)
"""SQL: the entries of the wanted keys. `wanted` is read first, so that the work grows with it."""


def _listed(columns: Sequence[str]) -> str:
    return "\x1f".join(columns)
