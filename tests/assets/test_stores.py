"""MLflow and LanceDB as they really are: champions change hands, indexes answer, and a file that was touched is never loaded."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assets.hands.index import EMBEDDER, IndexStore
from assets.hands.models import FILE, ModelStore
from contracts.errors import ActionError
from pipelines.act.retrain import train
from pipelines.act.retrieve import chunks, embed, fit_embedder

FRAME = pl.DataFrame({"x": [n % 10 for n in range(200)]}).with_columns(y=(pl.col("x") > 4).cast(pl.Int8))
TAGS = {"dataset": "d", "dataset_version": "1.0.0"}


def flip(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:-10] + bytes([content[-10] ^ 1]) + content[-9:])


def test_champion_challenger_and_a_touched_file(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    assert store.champion("late") is None
    model = train(FRAME, columns=["x"], target="y", seed=1)
    first = store.propose("late", model, columns=["x"], metrics={"roc_auc": 1.0}, tags=TAGS, sample=FRAME.head(3))
    assert store.champion("late") is None  # proposed is not in service
    store.promote("late", first)
    second = store.propose("late", model, columns=["x"], metrics={"roc_auc": 0.1}, tags={**TAGS, "dataset_version": "1.1.0"}, sample=FRAME.head(3))
    store.reject("late", second, "worse")
    champion = ModelStore(tmp_path / "models").champion("late")
    assert champion is not None
    assert (champion.version, champion.dataset_version, champion.metrics) == (first, "1.0.0", {"roc_auc": 1.0})
    assert champion.model.predict([[9.0], [0.0]]).tolist() == [1, 0]
    for file in (tmp_path / "models").rglob(FILE):
        flip(file)
    with pytest.raises(ActionError, match="not what was registered"):
        store.champion("late")


DOCUMENTS = pl.DataFrame(
    {
        "name": [f"topic{n}" for n in range(12)],
        "text": [
            f"All about {word} and how {word} differs from other plants in the garden."
            for word in ["rose", "tulip", "oak", "fern", "moss", "ivy", "lily", "elm", "pine", "birch", "maple", "daisy"]
        ],
    }
)


def test_an_index_answers_whatever_is_asked_and_a_touched_embedder_does_not(tmp_path: Path) -> None:
    store = IndexStore(tmp_path / "index")
    pieces = chunks(DOCUMENTS, key="name", text="text", chunk_chars=400)
    embedder = fit_embedder(pieces["text"].to_list(), dimensions=8, seed=1)
    vectors = embed(embedder, pieces["text"].to_list())
    built = store.build("plants", "1.0.0", pieces, vectors, embedder)
    again = store.build("plants", "1.0.0", pieces, vectors, embedder)  # a run that died is simply done again
    assert built == again
    found = store.search(built.table, ["how does fern differ", 'odd "quotes" AND (brackets: + -) of maple', "zzz"], 3)
    assert found[0][0] == "topic3"
    assert found[1][0] == "topic10"
    assert all(len(keys) <= 3 for keys in found)
    flip(tmp_path / "index" / f"{built.table}.embedder" / EMBEDDER)
    with pytest.raises(ActionError, match="not what was built"):
        store.search(built.table, ["fern"], 3)
    store.drop(built.table)
    with pytest.raises(ActionError):
        store.search(built.table, ["fern"], 3)
