"""Retrieval indexes in LanceDB: a folder a build, with full text and vectors together, and the
embedders that ask in the same space.

Belongs here: writing a build whole, opening it checked, asking it, dropping it. Stays out: cutting,
embedding, evaluating (pipelines/act), which build serves (registry). A build is written in a folder of
its own and never changed: what a withdrawn document left in one is gone with the folder, and never
was in the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.assets.io.disk import alone, sha256, sync_folder, sync_together
from assay.contracts.errors import ActionError, Where
from assay.contracts.settings import Rerank
from assay.pipelines.act.lsa_embedder import NAME as FITTED
from assay.pipelines.act.lsa_embedder import Space
from assay.pipelines.act.passages import DOCUMENTS as KNOWN
from assay.pipelines.act.renewal import Embedder

if TYPE_CHECKING:
    from numpy.typing import NDArray

MANIFEST, DOCUMENTS, TABLE, EMBEDDERS = "index.json", "documents.parquet", "passages", "embedders"
_UNFINISHED = ".unfinished-"
APPROXIMATE_FROM = (
    100_000  # passages: below, every vector is compared, which is exact and takes some milliseconds
)
FOUND = {
    "document": pl.String,
    "passage": pl.String,
    "heading": pl.String,
    "start": pl.UInt32,
    "end": pl.UInt32,
    "said": pl.String,
    "score": pl.Float64,
}
"""An answer: `said` are the document's characters from `start` to `end`."""


@dataclass(frozen=True)
class Opened:
    """A build whose files are what was written."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def build(self) -> str:
        """Its name."""
        return self.folder.name

    @cached_property
    def documents(self) -> pl.DataFrame:
        """`document`, `digest` and `license` of each document in it."""
        return pl.read_parquet(self.folder / DOCUMENTS)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """Every passage, with its words and its vector."""
        return pl.DataFrame(self._table.to_arrow())

    @cached_property
    def _table(self) -> Any:
        return _connected(self.folder).open_table(TABLE)

    def ask(
        self,
        words: str,
        vector: NDArray[Any],
        k: int,
        rerank: Rerank,
        question: str = "",
        model: Path | None = None,
    ) -> pl.DataFrame:
        """The `k` best passages by full text and vector, fused, as FOUND; none where the index
        knows no word of the question.

        Args:
            words: the stems of the question. vector: (dimensions,), of length 1 or 0.
            question: as it was asked, for a cross-encoder that reads it, from the folder `model`.
        Source: Cormack et al. (2009), Reciprocal rank fusion outperforms Condorcet, SIGIR.
        """
        if not words and not vector.any():
            return pl.DataFrame(schema=FOUND)
        query = self._query(words, vector, rerank, question, model)
        matches = pl.DataFrame(query.limit(max(k, rerank.look_at)).to_arrow())
        columns = matches.columns
        score = next(
            name for name in ("_relevance_score", "_score", "_distance") if name in columns
        )
        nearer = -pl.col(score) if score == "_distance" else pl.col(score)
        # equal scores in a fixed order, so that the same question of the same passages gets the
        # same answer from any build
        answers = matches.with_columns(
            nearer.cast(pl.Float64).alias("score"),
            pl.col("text").str.slice(pl.col("lead")).alias("said"),
        ).sort(["score", "document", "start"], descending=[True, False, False])
        return answers.select(*FOUND).cast(pl.Schema(FOUND)).head(k)

    def _query(
        self,
        words: str,
        vector: NDArray[Any],
        rerank: Rerank,
        question: str,
        model: Path | None,
    ) -> Any:
        """A search by vector, by full text, or by both, whichever the index knows of the question."""
        from lancedb.query import MatchQuery

        if not words:
            return self._table.search(vector, vector_column_name="vector").distance_type("dot")
        text: Any = MatchQuery(words, "words")  # type: ignore[call-arg]  # its defaults are pydantic fields, which mypy does not see
        if not vector.any():
            return self._table.search(text, query_type="fts")
        query = self._table.search(query_type="hybrid", vector_column_name="vector")
        query = query.vector(vector).text(text).distance_type("dot")
        return query.rerank(_reranker(rerank, question, model))


def _content_digest(
    rows: pl.DataFrame, documents: pl.DataFrame, embedder: Embedder, manifest: Mapping[str, Any]
) -> str:
    """The digest of what a build holds: how it was cut, by what embedded, its documents, passages,
    vectors.
    """
    parts = [
        manifest["cutting"],
        embedder.digest,
        documents["digest"].to_list(),
        rows["passage"].to_list(),
    ]
    content = hashlib.sha256(json.dumps(parts).encode())
    content.update(rows["vector"].to_numpy().tobytes())
    return content.hexdigest()


def _manifest(rows: pl.DataFrame, documents: pl.DataFrame, embedder: Embedder) -> dict[str, Any]:
    """How much a build holds, and which embedder's vectors."""
    return {
        "documents": documents.height,
        "passages": rows.height,
        "embedder": {
            "name": embedder.name,
            "dimensions": embedder.dimensions,
            "digest": embedder.digest,
        },
    }


def _digests(folder: Path) -> dict[str, str]:
    """File -> SHA-256, of all files below a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): sha256(file) for file in files}


class IndexStore:
    """A folder of builds: `DATASET/BUILD/`, and `DATASET/embedders/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._spaces: dict[tuple[str, str], Space] = {}

    def alone(self, dataset: str) -> AbstractContextManager[None]:
        """Have no one else build or drop an index of this data set meanwhile."""
        return alone(self.folder / dataset)

    def write(
        self,
        dataset: str,
        version: str,
        rows: pl.DataFrame,
        documents: pl.DataFrame,
        embedder: Embedder,
        facts: Mapping[str, Any],
    ) -> Opened:
        """Write a build, named by version and content; of the same content there is one.

        It is there whole, synced, or not at all.
        Args:
            rows: as `pipelines.act.renewal.in_order` gives them. documents: `document`, `digest`,
                `license`.
            facts: what else its manifest states.
        """
        home = self.folder / dataset
        content = _content_digest(rows, documents, embedder, facts)
        final = home / f"{version}-{content[:12]}"
        self._keep_embedder(dataset, embedder)
        folder = home / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            folder.mkdir(parents=True)
            _write_table(folder, rows)
            documents.select(*KNOWN).write_parquet(folder / DOCUMENTS)
            manifest = {
                **facts,
                **_manifest(rows, documents, embedder),
                "dataset": dataset,
                "version": version,
                "build": final.name,
                "files": _digests(folder),
            }
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
            sync_together(folder, home)
            existing = self._there(dataset, final.name)
            if existing is not None:
                return existing  # it may be in service
            shutil.rmtree(final, ignore_errors=True)  # one whose files were touched
            folder.rename(final)
            sync_folder(home)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Opened(final, manifest)

    def open(self, dataset: str, build: str, digest: str | None = None) -> Opened:
        """Open a build. Args: digest: of its manifest, as the registry has it.

        Raises: ActionError: it is gone, or a file is not what was written.
        """
        folder = self.folder / dataset / build
        where = Where(file=f"index/{dataset}/{build}", dataset=dataset)
        remedy = f"Build it again: assay index rebuild {dataset}"
        try:
            text = (folder / MANIFEST).read_bytes()
            manifest = json.loads(text)
            there = {
                str(file.relative_to(folder))
                for file in folder.rglob("*")
                if file.is_file() and file.name != MANIFEST
            }
            intact = digest in (None, hashlib.sha256(text).hexdigest()) and there == set(
                manifest["files"]
            )
            digests = manifest["files"].items()
            changed = (name for name, digest in digests if sha256(folder / name) != digest)
            touched = next(changed, None) if intact else MANIFEST
        except (OSError, ValueError, KeyError, TypeError):
            raise ActionError("the index is missing or incomplete", remedy, where) from None
        if touched:
            raise ActionError(
                f"the index's file {touched} has changed since it was built", remedy, where
            )
        return Opened(folder, manifest)

    def _there(self, dataset: str, build: str) -> Opened | None:
        try:
            return self.open(dataset, build)
        except ActionError:
            return None

    def manifest_digest(self, opened: Opened) -> str:
        """What the registry keeps of a build."""
        return sha256(opened.folder / MANIFEST)

    def space(self, dataset: str, digest: str) -> Space:
        """A fitted space, read once by a store.

        Raises: ActionError: it is gone, or not what was fitted; nothing of it is used then.
        """
        import pyarrow as pa

        if (dataset, digest) in self._spaces:
            return self._spaces[dataset, digest]
        try:
            with pa.OSFile(str(self._space_file(dataset, digest))) as source:
                table = pa.ipc.open_file(source).read_all()
            buckets, weights, axes = (table[name].chunk(0) for name in table.column_names)
            numbers = axes.flatten().to_numpy().reshape(len(axes), -1)
            space = Space(
                buckets.to_numpy(),
                weights.to_numpy(),
                numbers,
                int(table.schema.metadata[b"passages"]),
            )
            intact = space.digest == digest
        except (
            Exception
        ) as error:  # a touched file may speak through Arrow or numpy, each with classes of its own
            raise self._lost(dataset, digest) from error
        if not intact:
            raise self._lost(dataset, digest)
        self._spaces[dataset, digest] = space
        return space

    def _has_space(self, dataset: str, digest: str) -> bool:
        try:
            self.space(dataset, digest)
        except ActionError:  # it is not there yet, or was touched, and is written again
            return False
        return True

    def _space_file(self, dataset: str, digest: str) -> Path:
        return self.folder / dataset / EMBEDDERS / f"{digest}.arrow"

    def _lost(self, dataset: str, digest: str) -> ActionError:
        where = Where(file=f"index/{dataset}/{EMBEDDERS}/{digest[:12]}….arrow", dataset=dataset)
        return ActionError(
            "the index's embedder is missing or has changed",
            f"Build it again: assay index rebuild {dataset}",
            where,
        )

    def _keep_embedder(self, dataset: str, embedder: Embedder) -> None:
        import pyarrow as pa

        if not isinstance(embedder, Space) or self._has_space(dataset, embedder.digest):
            return
        file = self._space_file(dataset, embedder.digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        axes = pa.FixedSizeListArray.from_arrays(embedder.axes.ravel(), embedder.dimensions)
        table = pa.table(
            {"bucket": embedder.buckets, "weight": embedder.weights, "axes": axes},
            metadata={"passages": str(embedder.passages)},
        )
        temporary = file.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}.arrow")
        with pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        temporary.replace(file)
        sync_together(file.parent, self.folder / dataset)

    def builds(self, dataset: str) -> list[str]:
        """The builds that are on the disk."""
        return sorted(
            file.parent.name
            for file in (self.folder / dataset).glob(f"*/{MANIFEST}")
            if not file.parent.name.startswith(".")
        )

    def sweep(self, dataset: str, kept: set[str]) -> list[str]:
        """Remove every build but these, what a run that died left, and embedders that no build
        needs.

        Hold `alone`.
        Returns: the builds that went.
        """
        home = self.folder / dataset
        gone = [build for build in self.builds(dataset) if build not in kept]
        for folder in (*(home / build for build in gone), *home.glob(f"{_UNFINISHED}*")):
            # its manifest goes first: half a folder is no build
            (folder / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        needed = {
            self._space_file(
                dataset, json.loads((home / build / MANIFEST).read_text())["embedder"]["digest"]
            )
            for build in self.builds(dataset)
        }
        for file in (home / EMBEDDERS).glob("*"):
            if file not in needed:
                file.unlink()
        return gone


def _connected(folder: Path) -> Any:
    os.environ.setdefault(
        "LANCEDB_LOG", "error"
    )  # read at import; it warns of every table that is not there yet
    import lancedb

    return lancedb.connect(folder)


def _write_table(folder: Path, rows: pl.DataFrame) -> None:
    from lancedb.index import FTS, IvfFlat

    # 2.0 packs less than the newest format, and is written several times faster
    table = _connected(folder).create_table(
        TABLE, rows.to_arrow(), storage_options={"new_table_data_storage_version": "2.0"}
    )
    # the words are stems already, so the index takes them as they are
    as_they_are = FTS(
        base_tokenizer="whitespace",
        stem=False,
        lower_case=False,
        ascii_folding=False,
        remove_stop_words=False,
        max_token_length=None,
    )
    table.create_index("words", config=as_they_are)
    if rows.height >= APPROXIMATE_FROM:
        table.create_index("vector", config=IvfFlat(distance_type="dot"))


def _reranker(rerank: Rerank, question: str, model: Path | None) -> Any:
    from lancedb import rerankers

    match rerank.method:
        case "rrf":
            return rerankers.RRFReranker()
        case "mrr":
            return rerankers.MRRReranker()
        case "linear":
            return rerankers.LinearCombinationReranker()
        case "cross-encoder":
            return _reading(question, _cross_encoder(str(model)))


@cache
def _cross_encoder(folder: str) -> Any:
    """A model that reads question and passage together; read once a process."""
    from lancedb.rerankers import CrossEncoderReranker

    return CrossEncoderReranker(
        model_name=folder,
        device="cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )


def _reading(question: str, model: Any) -> Any:
    """The model, given the question as it was asked: what full text is asked are its stems."""
    from lancedb.rerankers import Reranker

    class Reading(Reranker):
        def rerank_hybrid(self, query: Any, vector_results: Any, fts_results: Any) -> Any:  # noqa: ARG002  # the name that lancedb calls it by
            return model.rerank_hybrid(question, vector_results, fts_results)

    return Reading()


def is_fitted(manifest: Mapping[str, Any]) -> bool:
    """Whether a build's vectors are of a space fitted to its documents."""
    return bool(manifest["embedder"]["name"] == FITTED)
