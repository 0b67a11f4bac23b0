"""MLflow as it really is: whatever folder it lives in, whoever asks, only a file that is what was registered is loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io import models
from assay.assets.io.models import DIGEST, FILE, TRIGGER, ModelStore
from assay.contracts.errors import ActionError
from assay.contracts.settings import Trainer
from assay.pipelines.act.retrain import train

FRAME = pl.DataFrame({"x": [n % 10 for n in range(200)]}).with_columns(
    y=(pl.col("x") > 4).cast(pl.Int8)
)
TAGS = {"dataset": "d", "dataset_version": "1.0.0"}


# few trees: how large a model is changes nothing of how it is kept
SMALL = {"gradient_boosting": {"max_iter": 5}, "random_forest": {"n_estimators": 5}, "extra_trees": {"n_estimators": 5}}  # fmt: skip


def trained(frame: pl.DataFrame = FRAME, name: Any = "gradient_boosting") -> Any:
    trainer = Trainer(name=name, parameters=SMALL.get(name, {}))
    return train(frame, columns=["x"], target="y", seed=1, trainer=trainer)


def propose(store: ModelStore, model: Any = None) -> str:
    model = model or trained()
    return store.propose(
        "late", model, columns=["x"], metrics={"roc_auc": 1.0}, tags=TAGS, sample=FRAME.head(3)
    )


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What skops was asked to load."""
    asked: list[bytes] = []
    monkeypatch.setattr("skops.io.loads", lambda content, trusted: asked.append(content))
    return asked


def test_one_process_registers_and_another_serves_from_a_folder_with_a_space_in_its_name(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "our models"
    store = ModelStore(folder)
    propose(store)
    program = (
        "import sys; from pathlib import Path; from assay.assets.io.models import ModelStore\n"
        "champion = ModelStore(Path(sys.argv[1])).served('late', '1')\n"
        "print(champion.version, champion.dataset_version, champion.model.predict([[9.0], [0.0]]).tolist())"
    )
    asked = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert asked.stdout == "1 1.0.0 [1, 0]\n"
    assert asked.stderr == ""  # MLflow and Alembic keep quiet
    assert [path.name for path in tmp_path.iterdir()] == [
        "our models"
    ]  # and leave nothing where they were called from


def test_a_touched_file_is_refused_before_anything_of_it_is_loaded(
    tmp_path: Path, loads: list[bytes]
) -> None:
    store = ModelStore(tmp_path)
    propose(store)
    (file,) = tmp_path.rglob(FILE)
    content = file.read_bytes()
    file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(ActionError, match="differs from the registered one"):
        store.served("late", "1")
    assert loads == []
    file.write_bytes(content)
    assert store.served("late", "1") is not None
    assert loads == [content]


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    propose(store)
    (file,) = tmp_path.rglob(FILE)
    file.unlink()
    with pytest.raises(ActionError, match="differs from the registered one"):
        store.served("late", "1")


def test_a_version_without_digest_is_refused_before_anything_of_it_is_loaded(
    tmp_path: Path, loads: list[bytes]
) -> None:
    store = ModelStore(tmp_path)
    version = propose(store)
    store._client.delete_model_version_tag("late", version, DIGEST)
    with pytest.raises(ActionError, match="differs from the registered one"):
        store.served("late", "1")
    assert loads == []


def test_aliases_follow_who_serves_and_saying_it_again_changes_nothing(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    first, second = propose(store), propose(store)
    assert aliases(store) == {}
    for _ in range(2):
        store.alias("late", {"champion": first, "challenger": second})
        assert aliases(store) == {"champion": first, "challenger": second}
    for _ in range(2):
        store.alias("late", {"champion": second, "challenger": None})
        assert aliases(store) == {"champion": second}
    store.refuse("late", first, "worse")
    assert store.versions("late")[0]["tags"]["assay.rejected"] == "worse"


def test_what_was_made_for_a_trigger_is_found_again(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.proposed("late", "d/7") is None
    version = store.propose(
        "late",
        trained(),
        columns=["x"],
        metrics={},
        tags={**TAGS, TRIGGER: "d/7"},
        sample=FRAME.head(3),
    )
    assert (store.proposed("late", "d/7"), store.proposed("late", "d/8")) == (version, None)


@pytest.mark.parametrize(
    "name",
    [
        "gradient_boosting",
        "random_forest",
        "extra_trees",
        "logistic_regression",
        "decision_tree",
        "naive_bayes",
    ],
)
def test_every_trainer_of_the_list_is_kept_and_loaded_again(tmp_path: Path, name: Any) -> None:
    store = ModelStore(tmp_path)
    model = trained(FRAME.with_columns(pl.when(pl.col("x") != 3).then("x")), name)
    propose(store, model)
    assert (
        store.served("late", "1").model.predict_proba([[9.0], [0.0]]).tolist()
        == model.predict_proba([[9.0], [0.0]]).tolist()
    )


def aliases(store: ModelStore) -> dict[str, str]:
    return {
        alias: str(version)
        for alias, version in store._client.get_registered_model("late").aliases.items()
    }


class Untrusted:
    """A model of a type that nobody has vouched for."""

    def predict(self, values: Any) -> Any:
        return values[:, 0]

    def get_params(self) -> dict[str, Any]:
        return {}


def test_a_model_that_may_not_be_loaded_again_leaves_neither_run_nor_version(
    tmp_path: Path,
) -> None:
    store = ModelStore(tmp_path)
    with pytest.raises(ActionError, match="not safe to load"):
        propose(store, Untrusted())
    experiment = store._client.get_experiment_by_name("late")
    assert list(store._client.search_runs([experiment.experiment_id])) == []
    assert list(store._client.search_registered_models()) == []


def test_a_process_that_dies_while_mlflow_migrates_leaves_no_tables(tmp_path: Path) -> None:
    """It dies in the third of MLflow's migrations, once without a word."""
    code = (
        "import os, sys; from pathlib import Path; count = iter(range(99))\n"
        "import mlflow; mlflow.__version__ = 'a version that the copy is not of'\n"
        "from alembic.ddl.impl import DefaultImpl; add = DefaultImpl.add_column\n"
        "DefaultImpl.add_column = lambda *a, **k: os._exit(9) if next(count) == 3 else add(*a, **k)\n"
        "from assay.assets.io.models import ModelStore; ModelStore(Path(sys.argv[1])).versions('late')\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert died.returncode == 9, died.stderr
    assert not (tmp_path / "mlflow.db").exists()
    assert ModelStore(tmp_path).versions("late") == []
    assert sorted(file.name for file in tmp_path.iterdir()) == [".lock", "mlflow.db"]


class Killed(BaseException):
    """The process is gone: nothing after this moment happens."""


def test_a_process_that_dies_before_the_tables_are_in_place_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(file: Path) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(models, "sync_file", killed)
        with pytest.raises(Killed):
            ModelStore(tmp_path).versions("late")
    assert not (tmp_path / "mlflow.db").exists()
    assert ModelStore(tmp_path).versions("late") == []
    assert sorted(file.name for file in tmp_path.iterdir()) == [".lock", "mlflow.db"]
