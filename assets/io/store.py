"""The registry's ground: one database, its transactions, and the audit log that every change goes into.

Belongs here: opening the database, making tables, writing under one lock, the hash chain. Stays out: what is kept (registry.py and its parts).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from assay.assets.io.home import READ_ONLY, READ_ONLY_REMEDY
from assay.contracts.errors import ConfigurationError, Where
from assay.lineage import chain
from assay.lineage.clock_guard import Step, clock_step

Row = dict[str, Any]

metadata = sa.MetaData()
ledger = sa.Table(
    "ledger", metadata,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("at", sa.String, nullable=False), sa.Column("actor", sa.String, nullable=False), sa.Column("action", sa.String, nullable=False),
    sa.Column("dataset", sa.String, nullable=False), sa.Column("details", sa.Text, nullable=False), sa.Column("previous", sa.String, nullable=False), sa.Column("hash", sa.String, nullable=False),
)  # fmt: skip

clock_doubts = sa.Table(
    "clock_doubts", metadata,
    sa.Column("sequence", sa.Integer, primary_key=True), sa.Column("before", sa.String, nullable=False), sa.Column("after", sa.String, nullable=False), sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("confirmed_at", sa.String),
)  # fmt: skip

_LOCK = 0x455341  # 'ESA': one advisory lock for creating tables and for appending to the log


class Store:
    """Opened on a SQLAlchemy URL: SQLite in rollback-journal mode, or Postgres."""

    def __init__(self, url: str, clock: Callable[[], datetime], actor: str) -> None:
        self._clock, self.actor = clock, actor
        try:
            self.file = _sqlite_file(url)
            self.read_only = (
                self.file is not None
                and self.file.exists()
                and not (os.access(self.file, os.W_OK) and os.access(self.file.parent, os.W_OK))
            )
            if self.read_only and self.file is not None:
                url = f"sqlite:///file:{quote(str(self.file.absolute()))}?mode=ro&uri=true"
            self.engine = sa.create_engine(
                url, poolclass=sa.NullPool
            )  # a connection a transaction: nothing stays open between stages or across processes
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
            raise ConfigurationError(
                "the registry's URL is not one",
                "Set ASSAY_REGISTRY_URL to sqlite:///path or postgresql+psycopg://…",
                Where(file="ASSAY_REGISTRY_URL"),
            ) from None
        if self.engine.dialect.name == "sqlite":
            _careful_sqlite(self.engine)

    def create(self) -> None:
        """Make the tables and columns that are not there; processes that start together wait for each other."""
        if self.file is not None:
            os.close(
                os.open(self.file, os.O_RDONLY | os.O_CREAT, 0o600)
            )  # SQLite gives its journal the same mode
        with self._write() as connection:
            metadata.create_all(connection)
            there = sa.inspect(connection)
            for table in metadata.sorted_tables:
                known = {column["name"] for column in there.get_columns(table.name)}
                for column in table.columns:
                    if (
                        column.name not in known
                    ):  # an installation of an earlier Assay; what is new may be null
                        connection.execute(
                            sa.text(
                                f"ALTER TABLE {table.name} ADD COLUMN {column.name} {column.type.compile(self.engine.dialect)}"
                            )
                        )

    @property
    def tables(self) -> set[str]:
        """The tables that are there; a database that is not there is not created by asking."""
        if self.file is not None and not self.file.exists():
            return set()
        return set(sa.inspect(self.engine).get_table_names())

    def check_writable(self) -> None:
        """Raises: ConfigurationError: nothing can be recorded, because the database is read-only."""
        if self.read_only:
            raise ConfigurationError(
                READ_ONLY, READ_ONLY_REMEDY, Where(file=self.file.name if self.file else None)
            )

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        self.check_writable()
        with self._connect().execution_options(assay_write=True) as connection, connection.begin():
            if self.engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection

    def _connect(self) -> sa.Connection:
        """A connection. A server's own words are not repeated: where the URL is not written well, they hold a part of the password."""
        try:
            return self.engine.connect()
        except sa.exc.DBAPIError as error:
            if self.engine.dialect.name == "sqlite":
                raise
            problem = f"the registry's database cannot be reached ({type(error).__name__})"
            remedy = "Check ASSAY_REGISTRY_URL, and that the server answers"
        raise ConfigurationError(problem, remedy, Where(file="ASSAY_REGISTRY_URL"))

    def _rows(self, query: sa.Select[Any]) -> list[Row]:
        with self._connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def now(self) -> str:
        """The registry's time, ISO 8601 in UTC."""
        return self._clock().isoformat(timespec="microseconds")

    def _log(self, connection: sa.Connection, action: str, dataset: str, details: Row) -> None:
        newest = connection.execute(
            sa.select(ledger.c.sequence, ledger.c.hash, ledger.c.at)
            .order_by(ledger.c.sequence.desc())
            .limit(1)
        ).first()
        sequence, previous = (newest[0] + 1, newest[1]) if newest else (1, chain.GENESIS)
        entry = chain.Entry(sequence, self.now(), self.actor, action, dataset, details, previous)
        values = {
            "sequence": sequence,
            "at": entry.at,
            "actor": entry.actor,
            "action": action,
            "dataset": dataset,
            "details": json.dumps(details),
            "previous": previous,
            "hash": entry.hash,
        }
        connection.execute(sa.insert(ledger).values(**values))
        step = clock_step(newest[2], entry.at) if newest else None
        if step is not None:
            connection.execute(
                sa.insert(clock_doubts).values(sequence=sequence, **step_columns(step))
            )


def step_columns(step: Step) -> Row:
    """A step of the clock as the columns that keep it."""
    return {"before": step.before, "after": step.after, "seconds": step.seconds}


def _sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database; None for every other URL, and for a database in memory."""
    parsed = sa.make_url(url)
    if (
        parsed.get_backend_name() != "sqlite"
        or not parsed.database
        or parsed.database == ":memory:"
        or parsed.database.startswith("file:")
    ):
        return None
    return Path(parsed.database)


def _careful_sqlite(engine: sa.Engine) -> None:
    """Rollback journal and full sync: many hosts' SQLite can corrupt a WAL (versions before 3.51.3), and a commit must survive power loss."""

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy begins, not the driver
        connection.execute("PRAGMA busy_timeout = 30000")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # a writer takes the lock at once: two that read first and write later would fail instead of waiting
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if connection.get_execution_options().get("assay_write") else "BEGIN"
        )
