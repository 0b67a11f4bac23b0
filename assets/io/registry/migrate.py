"""The layout of the registry's tables: its number in the database, creating them, migrating older ones.

Belongs here: which layout a database has, whether this Assay knows it. Stays out: the steps (migrations/).
Alembic is imported only where something is migrated: it takes as long as opening an installation.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, metadata
from assay.contracts.errors import ConfigurationError, Where

LAYOUT = 5
TABLE = "registry_layout"
"""Alembic's version table, under a name of ours: Dagster keeps its own in the same database."""

_layout = sa.Table(
    TABLE,
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name=f"{TABLE}_pkc"),
)
_LEDGER = "ledger"
"""A table that every registry has."""


def layout_of(database: Database) -> int | None:
    """The number of the layout; 0 where an earlier Assay made the tables, None if there are none.

    Raises: ConfigurationError: the number cannot be read.
    """
    if database.file is not None and not database.file.exists():
        return None
    with database.read() as connection:
        return _layout_in(connection)


def _layout_in(connection: sa.Connection) -> int | None:
    tables = set(sa.inspect(connection).get_table_names())
    number = None
    if TABLE in tables:
        number = connection.execute(sa.select(_layout.c.version_num)).scalar()
    if number is None:
        return 0 if _LEDGER in tables else None
    if not str(number).isdecimal():
        raise ConfigurationError(
            "the registry's layout number cannot be read",
            "Restore the registry from a backup",
            Where(file="registry"),
        )
    return int(number)


def check_layout(database: Database) -> int | None:
    """The number of the layout. Raises: ConfigurationError: a newer Assay made it, or it cannot be read."""
    layout = layout_of(database)
    _check_known(layout)
    return layout


def _check_known(layout: int | None) -> None:
    if layout is not None and layout > LAYOUT:
        raise ConfigurationError(
            f"the registry has layout {layout}, but this Assay supports layouts up to {LAYOUT}",
            "Open it with the newer Assay that created it; nothing was changed",
            Where(file="registry"),
        )


def bring_up(database: Database) -> None:
    """Create the tables, or migrate those of an earlier layout; processes that start together wait for each other.

    Raises: ConfigurationError: the layout is newer; nothing is changed.
    """
    if database.file is not None:
        # SQLite gives its journal the same mode
        os.close(os.open(database.file, os.O_RDONLY | os.O_CREAT, 0o600))
    with database.write() as connection:
        layout = _layout_in(connection)
        _check_known(layout)
        if layout is None:
            metadata.create_all(connection)
            _layout.create(connection, checkfirst=True)
            connection.execute(sa.delete(_layout))
            connection.execute(sa.insert(_layout).values(version_num=str(LAYOUT)))
        elif layout < LAYOUT:
            _migrate(connection)


def _migrate(connection: sa.Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    target = str(LAYOUT)

    def steps(revision: str, _: object) -> Sequence[object]:
        return script._upgrade_revs(target, revision)

    with EnvironmentContext(config, script, fn=steps, destination_rev=target) as environment:
        environment.configure(connection=connection, version_table=TABLE)
        environment.run_migrations()
