"""What a run costs the registry: few connections, few transactions, and no lock while data are processed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from assay.assets.stages import clean_validate
from tests.conftest import SampleHome

WRITES, CONNECTIONS = 8, 2


@pytest.fixture
def load() -> Iterator[Counter[str]]:
    """Connections and write transactions of every registry in this process."""
    count: Counter[str] = Counter()

    def connected(connection: sa.Connection) -> None:
        count["connections"] += "registry.db" in str(connection.engine.url)

    def begun(connection: sa.Connection) -> None:
        if "registry.db" in str(connection.engine.url):
            is_write = connection.get_execution_options().get("assay_write")
            count["writes" if is_write else "reads"] += 1

    sa.event.listen(sa.Engine, "engine_connect", connected)
    sa.event.listen(sa.Engine, "begin", begun)
    yield count
    sa.event.remove(sa.Engine, "engine_connect", connected)
    sa.event.remove(sa.Engine, "begin", begun)


def test_a_run_takes_few_connections_and_few_transactions(
    installation: SampleHome, load: Counter[str]
) -> None:
    opened_home = installation.open()
    load.clear()
    with opened_home.registry.session():
        installation.published()
    assert load["writes"] <= WRITES
    assert load["connections"] <= CONNECTIONS


def test_nothing_is_locked_while_a_stage_works(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = clean_validate.keep_set_aside
    written = []

    def write_meanwhile(run: Any) -> Any:
        other = sqlite3.connect(installation.root / "registry.db", timeout=0)
        other.execute("BEGIN IMMEDIATE")
        other.rollback()
        other.close()
        written.append(run.run_id)
        return original(run)

    monkeypatch.setattr("assay.assets.stages.publish.keep_set_aside", write_meanwhile)
    with installation.open().registry.session():
        installation.published()
    assert written
