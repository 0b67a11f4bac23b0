"""The registry's database: opening it, its transactions, and sessions that share a connection.

Belongs here: the engine, the clock and the actor of every entry, sessions, reading and writing.
Stays out: the tables (one module each, next to the part that owns them), migrations (migrate.py).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from assay.assets.io.home import READ_ONLY, READ_ONLY_REMEDY
from assay.contracts.errors import ConfigurationError, Where

Json = dict[str, Any]
"""A document that is kept as it is: payloads, details, outcomes."""
Record = TypeVar("Record")

metadata = sa.MetaData()

_LOCK = 0x455341  # 'ESA': one advisory lock for creating tables and for appending to the log
_IDLE_S = 30.0
"""A connection that was idle for longer may have been closed by the server or a firewall."""


@dataclass
class _Session:
    """What a thread holds of one database: SQLite binds a connection to its thread."""

    process: int
    depth: int = 0
    connection: sa.Connection | None = None
    used_at: float = 0.0
    transaction: sa.Connection | None = None
    deferred: list[Callable[[], None]] = field(default_factory=list)


class _Sessions(threading.local):
    """The sessions of a thread, by URL: an installation that is opened twice shares them."""

    def __init__(self) -> None:
        self.by_url: dict[str, _Session] = {}


_sessions = _Sessions()


class Database:
    """Opened on a SQLAlchemy URL: SQLite in rollback-journal mode, or Postgres."""

    def __init__(self, url: str, clock: Callable[[], datetime], actor: str) -> None:
        self.clock, self.actor = clock, actor
        self._url = url
        try:
            self.file = _sqlite_file(url)
            self.read_only = (
                self.file is not None
                and self.file.exists()
                and not (os.access(self.file, os.W_OK) and os.access(self.file.parent, os.W_OK))
            )
            if self.read_only and self.file is not None:
                url = f"sqlite:///file:{quote(str(self.file.absolute()))}?mode=ro&uri=true"
            self.engine = _engine(url)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError):
            raise ConfigurationError(
                "the registry's URL is not valid",
                "Set ASSAY_REGISTRY_URL to sqlite:///path or postgresql+psycopg://…",
                Where(file="ASSAY_REGISTRY_URL"),
            ) from None

    @property
    def tables(self) -> set[str]:
        """The tables that are there; a database that does not exist is not created by this."""
        if self.file is not None and not self.file.exists():
            return set()
        with self.read() as connection:
            return set(sa.inspect(connection).get_table_names())

    def check_writable(self) -> None:
        """Raises: ConfigurationError: nothing can be recorded, because the database is read-only."""
        if self.read_only:
            raise ConfigurationError(
                READ_ONLY, READ_ONLY_REMEDY, Where(file=self.file.name if self.file else None)
            )

    def now(self) -> str:
        """The registry's time, ISO 8601 in UTC."""
        return self.clock().isoformat(timespec="microseconds")

    # -- sessions and transactions ----------------------------------------------------

    @contextmanager
    def session(self) -> Iterator[None]:
        """Share one connection between the reads and writes of this thread. Sessions may nest.

        Between two transactions the connection is idle and holds no lock.
        """
        session = self._session()
        session.depth += 1
        try:
            yield
        except BaseException:
            if session.depth == 1:
                with suppress(sa.exc.DBAPIError):  # the first failure is the one to report
                    self.flush()
            raise
        else:
            if session.depth == 1:
                self.flush()
        finally:
            session.depth -= 1
            if session.depth == 0:
                _drop(session)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading; inside a write transaction, that of the transaction."""
        transaction = self._session().transaction
        if transaction is not None:
            yield transaction
            return
        with self._connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, under the one lock of all writers; inside another, a part of it."""
        self.check_writable()
        session = self._session()
        if session.transaction is not None:
            yield session.transaction
            return
        waiting, session.deferred = session.deferred, []
        try:
            with self._write_transaction(session) as connection:
                for work in waiting:
                    work()
                yield connection
        except BaseException:
            session.deferred = [*waiting, *session.deferred]
            raise

    @contextmanager
    def _write_transaction(self, session: _Session) -> Iterator[sa.Connection]:
        with self._connection() as connection:
            connection.execution_options(assay_write=True)
            try:
                with connection.begin():
                    if self.engine.dialect.name == "postgresql":
                        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                    session.transaction = connection
                    yield connection
            finally:
                session.transaction = None
                if not connection.closed:
                    connection.execution_options(assay_write=False)

    def later(self, work: Callable[[], None]) -> None:
        """Write something small with the next transaction of this session, at the latest when it ends.

        Whoever reads what it writes calls `flush` first. In a transaction, or without a session, it is
        written at once.
        """
        session = self._session()
        if session.transaction is not None or session.depth == 0:
            with self.write():
                work()
        else:
            session.deferred.append(work)

    def flush(self) -> None:
        """Write what waits for the next transaction of this session."""
        if self._session().deferred:
            with self.write():
                pass

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        session = self._session()
        if session.depth == 0:
            with self._connect() as connection:
                yield connection
            return
        connection = self._kept_connection(session)
        try:
            yield connection
        except BaseException:
            _drop(session)  # the next transaction begins with a connection that is surely whole
            raise
        session.used_at = time.monotonic()

    def _kept_connection(self, session: _Session) -> sa.Connection:
        if session.connection is not None and time.monotonic() - session.used_at > _IDLE_S:
            try:
                with session.connection.begin():
                    session.connection.execute(sa.select(1))
            except sa.exc.DBAPIError:
                _drop(session)
        if session.connection is None:
            session.connection = self._connect()
            session.used_at = time.monotonic()
        return session.connection

    def _session(self) -> _Session:
        """The thread's session; a forked process does not use its parent's connection."""
        session = _sessions.by_url.get(self._url)
        if session is None or session.process != os.getpid():
            session = _sessions.by_url[self._url] = _Session(os.getpid())
        return session

    def _connect(self) -> sa.Connection:
        """Open a connection. The server's own message is not repeated: with a badly written URL it holds a part of the password."""
        try:
            return self.engine.connect()
        except sa.exc.DBAPIError as error:
            if self.engine.dialect.name == "sqlite":
                raise
            problem = f"the registry's database cannot be reached ({type(error).__name__})"
            remedy = "Check ASSAY_REGISTRY_URL, and that the server answers"
        raise ConfigurationError(problem, remedy, Where(file="ASSAY_REGISTRY_URL"))

    # -- records ------------------------------------------------------------------------

    def all(self, record: type[Record], query: sa.Select[Any]) -> list[Record]:
        """The rows of a query as records; its columns are called as the record's fields."""
        with self.read() as connection:
            return all_records(connection, record, query)

    def first(self, record: type[Record], query: sa.Select[Any]) -> Record | None:
        """The first row of a query as a record; None if there is none."""
        with self.read() as connection:
            return first_record(connection, record, query)

    def values(self, query: sa.Select[Any]) -> list[Any]:
        """The first column of a query's rows."""
        with self.read() as connection:
            return list(connection.execute(query).scalars())


def _drop(session: _Session) -> None:
    """Close the connection that a session keeps."""
    connection, session.connection = session.connection, None
    if connection is not None:
        connection.close()


def columns(table: sa.Table, record: type[Any]) -> list[sa.Column[Any]]:
    """The columns of a table that a record holds."""
    return [table.c[item.name] for item in fields(record)]


def as_row(record: Any) -> Json:
    """A record as the columns that keep it, in their order; documents in it are not copied."""
    return {item.name: getattr(record, item.name) for item in fields(record)}


def all_records(
    connection: sa.Connection, record: type[Record], query: sa.Select[Any]
) -> list[Record]:
    """The rows of a query as records."""
    return [record(**row) for row in connection.execute(query).mappings()]


def first_record(
    connection: sa.Connection, record: type[Record], query: sa.Select[Any]
) -> Record | None:
    """The first row of a query as a record; None if there is none."""
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else record(**row)


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """The number that an inserted row got."""
    return int(result.inserted_primary_key[0])  # type: ignore[index]  # an insert of one row has one


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


@lru_cache(maxsize=32)
def _engine(url: str) -> sa.Engine:
    """The engine of a URL, shared by all who open it in this process: it keeps the compiled statements.

    It has no pool: nothing stays open between sessions or across processes.
    """
    parsed = sa.make_url(url)
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        return sa.create_engine(parsed, poolclass=sa.NullPool)
    dialect = _sqlite_dialect()
    arguments, options = dialect.create_connect_args(parsed)
    pool = sa.NullPool(lambda: dialect.connect(*arguments, **options), dialect=dialect)
    options_of_all = {"compiled_cache": _compiled_for_sqlite}
    engine = sa.Engine(pool, dialect, parsed, execution_options=options_of_all)
    _configure_sqlite(engine)
    return engine


_compiled_for_sqlite: LRUCache[Any, Any] = LRUCache(500)
"""Statement -> its SQL: the same for every SQLite database, so that none compiles it again."""


@cache
def _sqlite_dialect() -> sa.Dialect:
    """What SQLAlchemy knows of this process's SQLite; it asks at the first connection."""
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    with engine.connect():
        return engine.dialect


def _configure_sqlite(engine: sa.Engine) -> None:
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
