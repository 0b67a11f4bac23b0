"""A new SQLite database with MLflow's tables.

Belongs here: creating the tables, from a copy of their statements where MLflow is of the version
that the copy is of. Stays out: where the database lies and what is written to it (models.py).
MLflow 3.17.2 runs 67 migrations for an empty database, which takes 1.3 seconds of a processor.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

_STATEMENTS = "mlflow_tables.sql"


def create_tables(database: Path) -> None:
    """Create all of MLflow's tables in a file that does not exist yet."""
    import mlflow

    statements = read_statements(mlflow.__version__)
    if statements is None:
        migrate(database)
        return
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(statements)


def read_statements(version: str) -> str | None:
    """The SQL that creates the tables of this version of MLflow; None for any other version than
    that of the copy, which the first line of the file names.
    """
    text = resources.files(__package__).joinpath(_STATEMENTS).read_text(encoding="utf-8")
    first, _, statements = text.partition("\n")
    return statements if first == f"-- MLflow {version}" else None


def migrate(database: Path) -> None:
    """Have MLflow create the tables by its migrations."""
    from mlflow import MlflowClient

    client = MlflowClient(
        tracking_uri=f"sqlite:///{database}", registry_uri=f"sqlite:///{database}"
    )
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)
