"""Retrieval indexes in LanceDB: one table a build, full text and vectors together, with the embedder that asks in the same space.

Belongs here: building, searching, dropping. Stays out: cutting, embedding, judging (pipelines/act/retrieve.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.hands.disk import sha256, write_atomically
from contracts.errors import ActionError, Where
from pipelines.act.retrieve import embed

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMBEDDER, MANIFEST = "embedder.skops", "index.json"
CANDIDATES = 5  # pieces looked at for each document wanted: several pieces of one document may come first


@dataclass(frozen=True)
class Built:
    """An index that can be asked."""

    table: str
    chunks: int


class IndexStore:
    """A folder of LanceDB tables, each with its embedder beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ.setdefault("LANCEDB_LOG", "error")  # read at import; it warns of every table that is not there yet

    @cached_property
    def _database(self) -> Any:
        import lancedb

        self.folder.mkdir(parents=True, exist_ok=True)
        return lancedb.connect(self.folder)

    def build(self, name: str, dataset_version: str, chunks: pl.DataFrame, vectors: NDArray[Any], embedder: Any) -> Built:
        """Write a new table, named by version and content; one of the same name, left by a run that died, is replaced.

        Args:
            chunks: `key`, `chunk`, `text`. vectors: (n, dimensions), one a chunk.
        """
        import skops.io
        from lancedb.index import FTS

        content = hashlib.sha256(chunks.write_ndjson().encode() + vectors.tobytes()).hexdigest()
        table = f"{name}_v{dataset_version.replace('.', '_')}_{content[:8]}"  # other content never overwrites what is in service
        rows = chunks.with_columns(pl.Series("vector", vectors, dtype=pl.Array(pl.Float32, vectors.shape[1])))
        made = self._database.create_table(table, rows.to_arrow(), mode="overwrite")
        made.create_index("text", config=FTS(language="English", stem=True))
        folder = self._beside(table)
        folder.mkdir(parents=True, exist_ok=True)
        skops.io.dump(embedder, folder / EMBEDDER)
        write_atomically(folder / MANIFEST, json.dumps({"table": table, "chunks": chunks.height, "embedder_sha256": sha256(folder / EMBEDDER)}))
        return Built(table, chunks.height)

    def search(self, table: str, texts: Sequence[str], k: int) -> list[list[str]]:
        """For each text the keys of the `k` best documents, by full text and vector together (reciprocal rank fusion).

        Raises: ActionError: the index or its embedder is gone, or is not what was built.
        Source: Cormack et al. (2009), Reciprocal rank fusion outperforms Condorcet, SIGIR.
        """
        from lancedb.query import MatchQuery
        from lancedb.rerankers import RRFReranker

        embedder = self._embedder(table)
        opened = self._table(table)
        pieces = opened.count_rows()
        reranker = RRFReranker()
        found = []
        for text, vector in zip(texts, embed(embedder, texts), strict=True):
            hybrid = opened.search(query_type="hybrid").vector(vector).text(MatchQuery(text, "text"))  # type: ignore[call-arg]  # its defaults are pydantic fields, which mypy does not see
            found.append(_documents(hybrid.rerank(reranker), k, pieces))
        return found

    def _table(self, table: str) -> Any:
        try:
            return self._database.open_table(table)
        except ValueError as error:
            raise ActionError("the index's table is gone", "Restore it from a backup, or build the index again", Where(file=f"index/{table}.lance")) from error

    def _embedder(self, table: str) -> Any:
        import skops.io

        folder = self._beside(table)
        where = Where(file=f"index/{folder.name}/{EMBEDDER}")
        try:
            said = json.loads((folder / MANIFEST).read_text())["embedder_sha256"]
            content = (folder / EMBEDDER).read_bytes()  # read once, so that what is loaded is what was checked
            intact = hashlib.sha256(content).hexdigest() == said
        except (OSError, ValueError, KeyError):
            intact = False
        if not intact:
            raise ActionError("the index's embedder is not what was built", "Restore it from a backup, or build the index again", where)
        return skops.io.loads(content, trusted=[])

    def drop(self, table: str) -> None:
        """Remove an index, its vectors and its embedder; what is gone already stays gone."""
        self._database.drop_table(table, ignore_missing=True)
        shutil.rmtree(self._beside(table), ignore_errors=True)

    def _beside(self, table: str) -> Path:
        return self.folder / f"{table}.embedder"


def _documents(query: Any, k: int, pieces: int) -> list[str]:
    """Keys of the `k` best documents; looks further down where the best pieces are of few documents."""
    wanted = k * CANDIDATES
    while True:
        keys = list(dict.fromkeys(query.limit(wanted).to_arrow()["key"].to_pylist()))
        if len(keys) >= k or wanted >= pieces:
            return keys[:k]
        wanted *= 4
