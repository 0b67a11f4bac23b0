"""Fewer engines for Dagster's SQLite storages.

Belongs here: what Dagster creates for each query, created once a process. Stays out: the instance (instance.py).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy.pool import NullPool

_ENGINES = 64
"""Of so many database files; each run has one, and a process works on few of them at a time."""


def reuse_engines() -> None:
    """Have Dagster's SQLite storages use one engine a database file.

    Dagster 1.13 creates an engine for each query, which compiles each statement again, and for each
    new database file reads all of its 89 migrations twice: half of the processor time of a run over
    a small table (measured in December 2026). The engines keep no connection: each query opens and
    closes its own, as before.
    """
    for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
        vars(module)["create_engine"] = _create_engine
    vars(sql)["ScriptDirectory"] = _Migrations
    vars(sql)["stamp"] = _stamp


def _create_engine(
    url: str, poolclass: type[sa.Pool], connect_args: dict[str, Hashable] | None = None
) -> sa.Engine:
    """Create the engine of a database file, or return the one that this process has."""
    if poolclass is not NullPool:
        raise ValueError(
            f"a database engine that keeps connections open ({poolclass.__name__}) cannot be shared. Report this as a bug in Assay"
        )
    return _engine(url, tuple(sorted((connect_args or {}).items())))


@lru_cache(maxsize=_ENGINES)
def _engine(url: str, connect_args: tuple[tuple[str, Any], ...]) -> sa.Engine:
    return sa.create_engine(url, poolclass=NullPool, connect_args=dict(connect_args))


class _Migrations:
    """Dagster's migrations, read once; the three storages have the same."""

    @staticmethod
    def from_config(config: Config) -> ScriptDirectory:
        """Return the directory that the configuration names."""
        return _migrations(config.get_main_option("script_location") or "")


@lru_cache(maxsize=4)
def _migrations(location: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", location)
    return ScriptDirectory.from_config(config)


def _stamp(config: Config, revision: str) -> None:
    """Note in a new database which migrations its tables include."""
    context = MigrationContext.configure(config.attributes["connection"])
    context.stamp(_Migrations.from_config(config), revision)
