"""The layout of the registry's tables: numbered, migrated by one process, refused where it is newer."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from assay.assets.io.registry import Registry, migrate
from assay.assets.io.registry.database import metadata
from assay.contracts.errors import ConfigurationError
from tests.conftest import SampleHome

OPEN = "from assay.assets.io.installation import Installation; Installation.open()"


def tables(home: SampleHome) -> dict[str, set[tuple[str, bool, bool]]]:
    """Each table's columns: name, whether null is allowed, whether it is a part of the key."""
    with Registry(
        home.registry_url or f"sqlite:///{home.root / 'registry.db'}", home.clock, ""
    ).database.read() as connection:
        inspector = sa.inspect(connection)
        return {
            table: {
                (
                    column["name"],
                    column["nullable"],
                    column["name"] in inspector.get_pk_constraint(table)["constrained_columns"],
                )
                for column in inspector.get_columns(table)
            }
            for table in inspector.get_table_names()
        }


def change(home: SampleHome, *statements: str) -> None:
    with home.open().registry.database.engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def forget_layout(home: SampleHome) -> None:
    """As an earlier Assay left it: without a number, and without columns that came later."""
    change(
        home,
        f"DROP TABLE {migrate.TABLE}",
        "ALTER TABLE outbox DROP COLUMN reason",
        "ALTER TABLE runs DROP COLUMN stage",
        "DROP TABLE clock_doubts",
    )


def layout(home: SampleHome) -> list[str]:
    return [
        row["version_num"]
        for row in home.rows(
            sa.select(sa.column("version_num")).select_from(sa.table(migrate.TABLE))
        )
    ]


def test_a_new_registry_has_the_newest_layout(either_registry: SampleHome) -> None:
    either_registry.open()
    assert layout(either_registry) == [str(migrate.LAYOUT)]


def test_migrating_gives_what_creating_gives(either_registry: SampleHome) -> None:
    either_registry.published()
    created = tables(either_registry)
    forget_layout(either_registry)
    assert tables(either_registry) != created
    either_registry.deliver("meter,energy_kwh,tariff\nM1,1.5,day\nM2,2.5,night\n")
    assert either_registry.published().row.version == "1.1.0"
    assert {
        name: {column[0] for column in columns} for name, columns in tables(either_registry).items()
    } == {name: {column[0] for column in columns} for name, columns in created.items()}
    assert layout(either_registry) == [str(migrate.LAYOUT)]
    either_registry.open().registry.ledger.check()


def test_the_steps_from_nothing_give_what_the_tables_say(either_registry: SampleHome) -> None:
    either_registry.open()
    created = tables(either_registry)
    change(
        either_registry,
        *(
            f"DROP TABLE {table.name}"
            for table in reversed(metadata.sorted_tables)
            if table.name != "ledger"
        ),
        f"DELETE FROM {migrate.TABLE}",
    )
    Registry(
        either_registry.registry_url or f"sqlite:///{either_registry.root / 'registry.db'}",
        either_registry.clock,
        "",
    ).create()
    assert tables(either_registry) == created


@pytest.mark.parametrize("number", ["99", "of another kind"])
def test_a_newer_layout_is_refused_unchanged(either_registry: SampleHome, number: str) -> None:
    either_registry.open()
    change(
        either_registry, f"UPDATE {migrate.TABLE} SET version_num = '{number}'", "DROP TABLE outbox"
    )
    before = tables(either_registry)
    with pytest.raises(ConfigurationError, match="layout"):
        either_registry.open()
    assert tables(either_registry) == before


def test_one_process_migrates_while_others_wait(either_registry: SampleHome) -> None:
    either_registry.published()
    forget_layout(either_registry)
    opening = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN],
            env=either_registry.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in opening:
        _, problem = process.communicate(timeout=120)
        assert process.returncode == 0, problem
    assert layout(either_registry) == [str(migrate.LAYOUT)]


def test_alembic_is_imported_only_where_something_is_migrated(installation: SampleHome) -> None:
    installation.open()

    def imports() -> str:
        code = f"{OPEN}; import sys; print(any(name.startswith('alembic') for name in sys.modules))"
        return subprocess.run(
            [sys.executable, "-c", code],
            env=installation.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert imports() == "False"
    forget_layout(installation)
    assert imports() == "True"
