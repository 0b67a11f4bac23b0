"""A retrieval index on Cranfield: how well it answers beside BM25, what it costs to follow changed documents, and that what is withdrawn is gone.

Run: `python benchmarks/retrieval.py`. The collection is looked for in ../shared/data/retrieval. The index is the one that a contract builds without a model from outside:
passages of at most 2,000 characters, stems in LanceDB's full text, a fitted space of 256 dimensions, reciprocal rank fusion. Scores have the conventions of trec_eval
over all 225 questions. A build is timed from the documents in memory to the synced folder, judging apart, since it costs the same after any build. Its times are told by
the median and by the least, which is what the work takes where nothing else runs (as `timeit` tells it).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from assay.assets.io.index import IndexStore, Opened
from assay.contracts.settings import Rerank
from assay.pipelines.act import lsa_embedder, renewal
from assay.pipelines.act.passages import documents
from assay.pipelines.act.retrieve import average_precision, ndcg, recall
from assay.pipelines.act.stemming import stems

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "retrieval" / "cranfield"
REFERENCE = {"ndcg@10": 0.366, "recall@100": 0.721, "map": 0.288}
CUTTING = renewal.Cutting("text", 2000, 0, "english")
DIMENSIONS, SEED, NAME = 256, 0, "cranfield"
WIDE = Rerank(look_at=1000)
console = Console(width=150)


class Cranfield:
    """The collection, and the index over it."""

    def __init__(self, folder: Path) -> None:
        self.store = IndexStore(folder)
        self.corpus = pl.read_parquet(SHARED / "corpus.parquet")
        text = {"query_id": pl.String, "doc_id": pl.String}
        self.questions = pl.read_csv(SHARED / "queries.tsv", separator="\t", schema_overrides=text)
        judged = pl.read_csv(SHARED / "qrels.tsv", separator="\t", schema_overrides=text).filter(
            pl.col("relevance") > 0
        )
        relevant = {
            query: frozenset(found)
            for query, found in judged.group_by("query_id").agg("doc_id").iter_rows()
        }
        self.relevant = [relevant.get(query, frozenset()) for query in self.questions["query_id"]]

    def read(self, corpus: pl.DataFrame) -> pl.DataFrame:
        return documents(corpus, key="doc_id", text="text", title="title")

    def full(
        self, corpus: pl.DataFrame, version: str, space: lsa_embedder.Space | None = None
    ) -> Opened:
        """A build of everything; with a space, one that is not fitted again."""
        whole = self.read(corpus)
        made = renewal.cut(whole, CUTTING)
        space = space or lsa_embedder.fit(made["words"].to_list(), dimensions=DIMENSIONS, seed=SEED)
        rows, _ = renewal.with_vectors(made, None, space)
        return self.store.write(
            NAME, version, renewal.in_order([rows]), whole, space, {"cutting": {}}
        )

    def usable(self, build: str) -> tuple[Opened, lsa_embedder.Space]:
        """A build and its space, as a store finds them that has read nothing yet."""
        store = IndexStore(self.store.folder)
        opened = store.open(NAME, build)
        return opened, store.space(NAME, opened.manifest["embedder"]["digest"])

    def grown(self, corpus: pl.DataFrame, version: str, build: str) -> Opened:
        """A build of what changed since another."""
        with ThreadPoolExecutor(1) as beside:
            found = beside.submit(self.usable, build)
            whole = self.read(corpus)
            old, space = found.result()
        changes = renewal.compare(old.documents, whole)
        before = old.rows
        made = renewal.cut(
            whole.filter(pl.col("document").is_in([*changes.added, *changes.changed])), CUTTING
        )
        rows, _ = renewal.with_vectors(made, before, space)
        return self.store.write(
            NAME,
            version,
            renewal.in_order([renewal.carried(before, changes), rows]),
            whole,
            space,
            {"cutting": {}},
        )

    def answers(
        self, opened: Opened, *, words: bool = True, vectors: bool = True, rerank: Rerank = WIDE
    ) -> tuple[list[list[str]], list[float]]:
        """For each question the documents, the best first, and how long it took in ms."""
        space = self.store.space(NAME, opened.manifest["embedder"]["digest"])
        found, times = [], []
        for question in self.questions["text"]:
            started = time.perf_counter()
            (told,) = stems([question], CUTTING.language)
            vector = space.of_question(question, told)
            rows = opened.ask(
                told if words else "", vector if vectors else 0 * vector, rerank.look_at, rerank
            )
            times.append(1000 * (time.perf_counter() - started))
            found.append(list(dict.fromkeys(rows["document"])))
        return found, times

    def scores(self, found: list[list[str]]) -> dict[str, float]:
        """Means over all questions; one without a relevant document counts 0."""

        def mean(measure: Callable[..., float], k: int) -> float:
            return statistics.fmean(
                measure(each, wanted, k) if wanted else 0.0
                for each, wanted in zip(found, self.relevant, strict=True)
            )

        return {
            "ndcg@10": mean(ndcg, 10),
            "recall@100": mean(recall, 100),
            "map": mean(average_precision, 1000),
        }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    made = work()
    return time.perf_counter() - started, made


def changed(corpus: pl.DataFrame, one_in: int, offset: int) -> pl.DataFrame:
    """The corpus with one document in so many changed."""
    here = pl.int_range(pl.len()) % one_in == offset
    return corpus.with_columns(
        text=pl.when(here)
        .then(pl.col("text") + f" revision {offset} of this abstract adds a remark .")
        .otherwise("text")
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=21)
    arguments.add_argument("--json", type=Path)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Cranfield(Path(folder)), said.rounds)
    if said.json:
        said.json.write_text(json.dumps(results, indent=1))


def measure(cranfield: Cranfield, rounds: int) -> dict[str, Any]:
    corpus = cranfield.corpus
    first = cranfield.full(corpus, "1.0.0")  # also imports everything and fills the caches of stems
    hybrid, _ = cranfield.answers(first)
    table = Table("225 questions", *REFERENCE, title="Answers", title_justify="left")
    rows = {
        "hybrid": hybrid,
        "full text alone": cranfield.answers(first, vectors=False)[0],
        "vectors alone": cranfield.answers(first, words=False)[0],
    }
    scores = {name: cranfield.scores(found) for name, found in rows.items()}
    for name, values in {**scores, "BM25 (SOURCE.md)": REFERENCE}.items():
        table.add_row(name, *(f"{values[key]:.4f}" for key in REFERENCE))
    console.print(table)
    _, times = cranfield.answers(first, rerank=Rerank())
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    console.print(
        f"one question: {p50:.1f} ms at the median, {p95:.1f} ms at the 95th percentile; {first.manifest['passages']:,} passages of {first.manifest['documents']:,} documents"
    )

    fulls, grown = [], []
    for number in range(rounds):
        fulls.append(
            timed(
                lambda number=number: cranfield.full(changed(corpus, 1000, number), f"2.0.{number}")
            )[0]
        )
        seconds, after = timed(
            lambda number=number: cranfield.grown(
                changed(corpus, 100, number), f"3.0.{number}", first.build
            )
        )
        grown.append(seconds)
    full, small = statistics.median(fulls), statistics.median(grown)
    console.print(
        f"full build {full:.3f} s (from {min(fulls):.3f} to {max(fulls):.3f}); after changing 1 % of the documents {small:.3f} s (from {min(grown):.3f} to {max(grown):.3f}): {100 * small / full:.1f} %, of the least {100 * min(grown) / min(fulls):.1f} %"
    )

    space = cranfield.store.space(NAME, after.manifest["embedder"]["digest"])
    afresh = cranfield.full(changed(corpus, 100, rounds - 1), f"3.0.{rounds - 1}", space)
    anew = cranfield.full(changed(corpus, 100, rounds - 1), "4.0.0")
    same = (
        afresh.build == after.build and cranfield.answers(afresh)[0] == cranfield.answers(after)[0]
    )
    refitted = {
        name: cranfield.scores(cranfield.answers(build)[0])["ndcg@10"]
        for name, build in {"grown": after, "fitted anew": anew}.items()
    }
    console.print(
        f"grown and built afresh in the same space: {'the same passages, vectors and answers' if same else 'DIFFERENT'}; nDCG@10 grown {refitted['grown']:.4f}, fitted anew {refitted['fitted anew']:.4f}"
    )

    gone = set(corpus["doc_id"].gather_every(20, offset=1))
    less = cranfield.grown(corpus.filter(~pl.col("doc_id").is_in(gone)), "5.0.0", first.build)
    hits = sum(document in gone for found in cranfield.answers(less)[0] for document in found)
    before = sum(document in gone for found in hybrid for document in found)
    console.print(
        f"{len(gone)} documents withdrawn: {before:,} of all answers were theirs, and {hits} are"
    )
    return {
        "scores": scores, "p50_ms": p50, "p95_ms": p95, "full_s": full, "grown_s": small, "ratio": small / full, "ratio_of_least": min(grown) / min(fulls), "same_as_afresh": same, "ndcg_grown": refitted["grown"],
        "ndcg_fitted_anew": refitted["fitted anew"], "withdrawn_hits": hits,
    }  # fmt: skip


if __name__ == "__main__":
    main()
