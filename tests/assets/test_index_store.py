"""LanceDB as it really is: a build is written whole, any question is answered in passages, nothing touched is used, and what was never in a build is in no file of it."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.feather as feather
import pytest

from assay.assets.io import index
from assay.assets.io.index import EMBEDDERS, IndexStore, Opened
from assay.contracts.errors import ActionError
from assay.contracts.settings import Rerank
from assay.pipelines.act import lsa_embedder, renewal
from assay.pipelines.act.passages import documents
from assay.pipelines.act.stemming import stems

PLANTS = [
    "rose",
    "tulip",
    "oak",
    "fern",
    "moss",
    "ivy",
    "lily",
    "elm",
    "pine",
    "birch",
    "maple",
    "daisy",
]
GARDEN = pl.DataFrame(
    {
        "name": PLANTS,
        "text": [
            f"All about {plant} and how {plant} differs from other plants in the garden."
            for plant in PLANTS
        ],
    }
)
CUTTING = renewal.Cutting("text", 200, 0, "english")


def build(store: IndexStore, garden: pl.DataFrame = GARDEN, version: str = "1.0.0") -> Opened:
    whole = documents(garden, key="name", text="text", title=None)
    made = renewal.cut(whole, CUTTING)
    space = lsa_embedder.fit(made["words"].to_list(), dimensions=8, seed=1)
    rows, _ = renewal.with_vectors(made, None, space)
    return store.write("plants", version, renewal.in_order([rows]), whole, space, {"cutting": {}})


def ask(
    store: IndexStore, opened: Opened, question: str, k: int = 3, rerank: Rerank | None = None
) -> list[str]:
    space = store.space("plants", opened.manifest["embedder"]["digest"])
    (words,) = stems([question], "english")
    return opened.ask(words, space.of_question(question, words), k, rerank or Rerank(), question)[
        "document"
    ].to_list()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[IndexStore, Opened]:
    store = IndexStore(tmp_path_factory.mktemp("an index"))
    return store, build(store)


@pytest.mark.parametrize(
    "question",
    [
        'odd "quotes" AND (brackets: + -) of maple',
        "maple'; DROP TABLE plants",
        "maple^2 OR *?~ \\ [",
        "MAPLE",
        "\x00 maple",
        "Maples?",
    ],
)
def test_whatever_is_written_around_a_word_it_is_found(
    built: tuple[IndexStore, Opened], question: str
) -> None:
    assert ask(*built, question)[0] == "maple"


@pytest.mark.parametrize("question", ["", " ", '"', "zzz quagga", "!?"])
def test_a_question_of_nothing_known_is_answered_by_nothing(
    built: tuple[IndexStore, Opened], question: str
) -> None:
    assert ask(*built, question) == []


@pytest.mark.parametrize("method", ["rrf", "mrr", "linear"])
def test_every_way_of_fusing_finds_what_both_find(
    built: tuple[IndexStore, Opened], method: str
) -> None:
    assert ask(*built, "the maple", rerank=Rerank.model_validate({"method": method}))[0] == "maple"


def test_an_answer_stands_at_its_place(built: tuple[IndexStore, Opened]) -> None:
    store, opened = built
    space = store.space("plants", opened.manifest["embedder"]["digest"])
    (row,) = opened.ask("oak", space.of_question("oak", "oak"), 1, Rerank()).to_dicts()
    (text,) = GARDEN.filter(pl.col("name") == "oak")["text"]
    assert text[row["start"] : row["end"]] == row["said"]
    assert row["score"] > 0


def test_vectors_alone_answer_where_no_word_is_told(built: tuple[IndexStore, Opened]) -> None:
    store, opened = built
    space = store.space("plants", opened.manifest["embedder"]["digest"])
    assert opened.ask("", space.of_question("elm", "elm"), 1, Rerank())["document"].to_list() == [
        "elm"
    ]
    assert opened.ask("elm", np.zeros(8, dtype=np.float32), 1, Rerank())["document"].to_list() == [
        "elm"
    ]


def test_many_passages_get_an_index_over_their_vectors_that_finds_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 300)
    many = pl.DataFrame(
        {
            "name": [f"{plant} {number}" for plant in PLANTS for number in range(30)],
            "text": [
                f"The {plant} of bed {number} grows." for plant in PLANTS for number in range(30)
            ],
        }
    )
    store = IndexStore(tmp_path)
    opened = build(store, many)
    assert "vector" in {column for each in opened._table.list_indices() for column in each.columns}
    assert ask(store, opened, "maple bed 17", 1) == ["maple 17"]


def test_the_same_content_is_one_build_and_other_content_another(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    first = build(store)
    digest = store.manifest_digest(first)
    again = build(store)
    assert (again.build, store.manifest_digest(again)) == (
        first.build,
        digest,
    )  # what may be in service is left as it was
    other = build(store, GARDEN.head(8))
    assert store.builds("plants") == sorted([first.build, other.build])
    assert ask(store, store.open("plants", first.build, digest), "daisy")[0] == "daisy"


def test_a_sweep_leaves_what_is_kept_and_nothing_else(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    first, second = build(store), build(store, GARDEN.head(8))
    (tmp_path / "plants" / ".unfinished-1").mkdir()
    with store.alone("plants"):
        assert store.sweep("plants", {second.build}) == [first.build]
        assert store.sweep("plants", {second.build}) == []
    left = {path.name for path in (tmp_path / "plants").iterdir()}
    assert left == {second.build, EMBEDDERS, ".lock"}
    assert [file.stem for file in (tmp_path / "plants" / EMBEDDERS).iterdir()] == [
        second.manifest["embedder"]["digest"]
    ]


def changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_every_touched_file_is_told_and_nothing_of_it_is_used(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    opened = build(store)
    digest = store.manifest_digest(opened)
    for name in (*opened.manifest["files"], "index.json"):
        content = (opened.folder / name).read_bytes()
        changed(opened.folder / name)
        with pytest.raises(ActionError, match=r"has changed|missing"):
            store.open("plants", opened.build, digest)
        (opened.folder / name).write_bytes(content)
    (opened.folder / "more").write_text("more")
    with pytest.raises(ActionError, match="has changed"):
        store.open("plants", opened.build, digest)


def test_a_touched_space_is_refused_until_the_same_documents_are_built_again(
    tmp_path: Path,
) -> None:
    store = IndexStore(tmp_path)
    digest = build(store).manifest["embedder"]["digest"]
    changed(tmp_path / "plants" / EMBEDDERS / f"{digest}.arrow")
    with pytest.raises(ActionError, match="embedder is missing or has changed"):
        store.space("plants", digest)
    build(store)
    assert store.space("plants", digest).digest == digest


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_space_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    store = IndexStore(tmp_path)
    digest = build(store).manifest["embedder"]["digest"]
    file = tmp_path / "plants" / EMBEDDERS / f"{digest}.arrow"
    content = file.read_bytes()
    file.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(ActionError, match="embedder is missing or has changed"):
        store.space("plants", digest)


def test_a_pickle_where_a_space_should_be_is_never_loaded(tmp_path: Path) -> None:
    store = IndexStore(tmp_path)
    digest = build(store).manifest["embedder"]["digest"]
    (tmp_path / "plants" / EMBEDDERS / f"{digest}.arrow").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ActionError, match="embedder is missing or has changed"):
        store.space("plants", digest)


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('a pickle was loaded')",)


@pytest.mark.parametrize("lost", ["passages.lance", "documents.parquet"])
def test_half_an_index_is_refused(tmp_path: Path, lost: str) -> None:
    store = IndexStore(tmp_path)
    opened = build(store)
    path = opened.folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ActionError):
        store.open("plants", opened.build, store.manifest_digest(opened))


# -- what is gone is gone ---------------------------------------------------------------------------


def decoded(folder: Path) -> Iterator[str]:
    """Everything that can be read in the files of a build, whatever it is packed in: raw bytes, Parquet cells, Lance columns, arrays."""
    import lancedb

    for file in folder.rglob("*"):
        if file.is_file():
            yield file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            yield str(pl.read_parquet(file).to_dicts())
        if file.suffix == ".arrow":
            yield str(feather.read_table(file).to_pydict())
    for table in folder.rglob("*.lance"):
        if table.is_dir():
            yield str(lancedb.connect(table.parent).open_table(table.stem).to_arrow().to_pylist())
        elif table.stem.endswith("_tokens"):
            yield "\n".join(tokens(table))


def tokens(file: Path) -> list[str]:
    """The words of a full-text index: what it was built of is looked up in it, since their file is of a form of its own."""
    folder = next(parent for parent in file.parents if parent.name.endswith(".lance"))
    import lancedb
    from lancedb.query import MatchQuery

    table = lancedb.connect(folder.parent).open_table(folder.stem)
    return [
        word
        for word in ("quagga", "zanzibar")
        if table.search(MatchQuery(word, "words"), query_type="fts").limit(1).to_arrow().num_rows
    ]


def test_the_scan_finds_a_planted_word_and_nothing_of_a_document_that_is_gone(
    tmp_path: Path,
) -> None:
    secret = pl.DataFrame(
        {"name": ["a-quagga"], "text": ["The quagga of Zanzibar differs from other plants."]}
    )
    store = IndexStore(tmp_path)
    with_it = build(store, pl.concat([GARDEN, secret]))
    found = "\n".join(decoded(with_it.folder)).lower()
    assert found.count("quagga") > 3
    assert "zanzibar" in found

    old = with_it.rows
    now = documents(GARDEN, key="name", text="text", title=None)
    changes = renewal.compare(with_it.documents, now)
    assert changes.removed == ("a-quagga",)
    space = store.space("plants", with_it.manifest["embedder"]["digest"])
    rows = renewal.in_order([renewal.carried(old, changes)])
    without = store.write("plants", "1.1.0", rows, now, space, {"cutting": {}})
    with store.alone("plants"):
        store.sweep("plants", {without.build})
    left = "\n".join(decoded(tmp_path)).lower()
    assert "quagga" not in left
    assert "zanzibar" not in left
    vector = old.filter(pl.col("document") == "a-quagga")["vector"].to_numpy().tobytes()
    assert not any(vector in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "a-quagga" not in ask(store, without, "quagga of zanzibar", k=100)
