"""LanceDB as it really is: a build never touches another, any question is answered in documents, and nothing touched is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.hands.index import EMBEDDER, Built, IndexStore
from contracts.errors import ActionError
from pipelines.act.retrieve import chunks, embed, fit_embedder

PLANTS = ["rose", "tulip", "oak", "fern", "moss", "ivy", "lily", "elm", "pine", "birch", "maple", "daisy"]
DOCUMENTS = pl.DataFrame({"name": PLANTS, "text": [f"All about {plant} and how {plant} differs from other plants in the garden." for plant in PLANTS]})


def build(store: IndexStore, documents: pl.DataFrame = DOCUMENTS, chunk_chars: int = 400) -> Built:
    pieces = chunks(documents, key="name", text="text", chunk_chars=chunk_chars)
    embedder = fit_embedder(pieces["text"].to_list(), dimensions=8, seed=1)
    return store.build("plants", "1.0.0", pieces, embed(embedder, pieces["text"].to_list()), embedder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("an index")
    return folder, build(IndexStore(folder)).table


@pytest.mark.parametrize("question", ['odd "quotes" AND (brackets: + -) of maple', "maple'; DROP TABLE plants", "maple^2 OR *?~ \\ [", "MAPLE", "\x00 maple"])
def test_whatever_is_written_around_a_word_it_is_found(built: tuple[Path, str], question: str) -> None:
    folder, table = built
    assert IndexStore(folder).search(table, [question], 3)[0][0] == "maple"


@pytest.mark.parametrize("question", ["", " ", '"', "zzz", "AND OR NOT"])
def test_a_question_of_nothing_known_is_answered_all_the_same(built: tuple[Path, str], question: str) -> None:
    folder, table = built
    assert len(set(IndexStore(folder).search(table, [question], 3)[0])) == 3


def test_other_content_of_the_same_version_leaves_the_table_in_service_alone(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    first = build(store)
    before = store.search(first.table, PLANTS, 3)
    second = build(store, DOCUMENTS.head(8))
    assert second.table != first.table
    assert store.search(first.table, PLANTS, 3) == before
    store.drop(second.table)
    assert store.search(first.table, PLANTS, 3) == before


def test_a_build_that_died_is_done_again_under_its_name(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    first = build(store)
    before = store.search(first.table, PLANTS, 3)
    shutil.rmtree(tmp_path / f"{first.table}.embedder")
    assert build(store) == first
    assert IndexStore(tmp_path).search(first.table, PLANTS, 3) == before


def test_a_long_document_does_not_crowd_the_others_out(tmp_path: Path) -> None:
    long = pl.DataFrame({"name": ["forest"], "text": ["\n\n".join(f"The fern grows {leaves} leaves in a wet garden." for leaves in range(300))]})
    store = IndexStore(tmp_path)
    table = build(store, pl.concat([DOCUMENTS, long]), chunk_chars=60).table
    (found,) = store.search(table, ["fern leaves wet garden"], 10)
    assert found[0] == "forest"
    assert len(set(found)) == 10


def test_a_touched_embedder_is_refused_before_anything_of_it_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = IndexStore(tmp_path)
    table = build(store).table
    file = tmp_path / f"{table}.embedder" / EMBEDDER
    content = file.read_bytes()
    file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    loaded: list[Any] = []
    monkeypatch.setattr("skops.io.loads", lambda content, trusted: loaded.append(content))
    with pytest.raises(ActionError, match="not what was built"):
        store.search(table, ["fern"], 3)
    assert loaded == []


@pytest.mark.parametrize("lost", ["lance", "embedder"])
def test_half_an_index_is_refused(tmp_path: Path, lost: str) -> None:
    table = build(IndexStore(tmp_path)).table
    shutil.rmtree(tmp_path / f"{table}.{lost}")
    with pytest.raises(ActionError):
        IndexStore(tmp_path).search(table, ["fern"], 3)


def test_dropping_takes_everything_and_can_be_done_again(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    table = build(store).table
    store.drop(table)
    store.drop(table)
    assert list(tmp_path.iterdir()) == []
