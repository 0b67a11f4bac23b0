"""Dagster's storages with one engine a database file are those that Dagster makes by itself."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import alembic.command
import alembic.script
import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage import sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from assay.assets.dagster.storage_engines import reuse_engines

MODULES = (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage)


@dg.op
def one() -> int:
    return 1


@dg.job
def smallest() -> None:
    one()


def written(folder: Path) -> dict[str, set[tuple[str, ...]]]:
    """Run a job; return the tables, migrations and settings of every database file that came of it."""
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        result = smallest.execute_in_process(instance=instance)
        assert instance.get_run_by_id(result.run_id)
        assert len(instance.all_logs(result.run_id)) == len(result.all_events)
        assert instance.all_instigator_state() == []
    databases = {}
    for file in folder.rglob("*.db"):
        with sqlite3.connect(file) as connection:
            tables = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
            version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            (journal,) = connection.execute("PRAGMA journal_mode").fetchall()
        connection.close()
        databases[file.name.replace(result.run_id, "run")] = {*tables, *version, journal}
    return databases


def test_the_databases_are_those_that_dagster_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reuse_engines()
    ours = written(tmp_path / "ours")
    for module in MODULES:
        monkeypatch.setattr(module, "create_engine", sa.create_engine)
    monkeypatch.setattr(sql, "stamp", alembic.command.stamp)
    monkeypatch.setattr(sql, "ScriptDirectory", alembic.script.ScriptDirectory)
    assert written(tmp_path / "dagsters") == ours
    assert {"runs.db", "schedules.db", "index.db", "run.db"} <= set(ours)


def test_a_file_has_one_engine_in_all_threads_and_no_connection_stays_open(tmp_path: Path) -> None:
    reuse_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with ThreadPoolExecutor(8) as pool:
            counts = pool.map(lambda _: instance.get_runs_count(), range(40))
            assert set(counts) == {0}
        places = [tmp_path / "history" / "runs.db", tmp_path / "schedules" / "schedules.db"]
        urls = [f"sqlite:///{place}" for place in places]
        create = vars(sqlite_run_storage)["create_engine"]
        first, second = (create(url, poolclass=sa.NullPool) for url in urls)
        assert create(urls[0], poolclass=sa.NullPool) is first
        assert first is not second
    open_files = {str(link.resolve()) for link in Path("/proc/self/fd").iterdir()}
    assert not [name for name in open_files if name.startswith(str(tmp_path))]
    with pytest.raises(ValueError, match="keeps connections open"):
        create(urls[0], poolclass=sa.QueuePool)
