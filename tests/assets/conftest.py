"""What the tests of assets share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.assets.io import models


@pytest.fixture(autouse=True, scope="session")
def _mlflow_creates_its_tables_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Copy what MLflow itself created for the first of many stores of models."""
    create, created = models.create_tables, tmp_path_factory.mktemp("mlflow") / "created.db"

    def copy_tables(database: Path) -> None:
        if not created.exists():
            create(created)
        shutil.copyfile(created, database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "create_tables", copy_tables)
        yield
