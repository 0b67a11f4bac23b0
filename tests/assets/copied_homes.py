"""Homes that a module builds once, and copies for each test that changes one."""

from __future__ import annotations

import copy
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.conftest import SampleHome

# MLflow keeps absolute addresses of the files
ADDRESSES = [
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
]


def copied(home: SampleHome, folder: Path) -> SampleHome:
    """A copy of a home, its contracts and its models, in a folder."""
    before = home.root.parent
    shutil.copytree(before, folder, dirs_exist_ok=True)
    other = copy.copy(home)
    other.root, other.contracts = folder / "home", folder / "contracts"
    other.stewards, other._appointed = folder / "stewards.yaml", [*home._appointed]
    database = other.root / "models" / "mlflow.db"
    if database.exists():
        with closing(sqlite3.connect(database)) as connection, connection:
            for table, column in ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (str(before), str(folder)),
                )
    return other
