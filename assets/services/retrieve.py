"""Search an index for a purpose: passages with their place, version and licence, the use recorded
before any is handed out.

Belongs here: whether one may, what is in service, what is withdrawn. Stays out: building
(assets/stages/index_build.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.index import Opened
from assay.assets.io.installation import Installation
from assay.assets.io.registry.indexes import ServingIndex
from assay.assets.stages.act import carried
from assay.assets.stages.index_embedder import embedder_of_build
from assay.assets.stages.index_trial import answer
from assay.assets.stages.indexed_data_set import IndexedDataSet
from assay.contracts.errors import ActionError, AdmissionError, Where
from assay.lineage.trace import trace_of
from assay.pipelines.act.renewal import Embedder

MOST_CHARS = 4000  # of a question


@dataclass(frozen=True)
class Passage:
    """`text` are the characters `start` to `end` of the document, in the version that was searched."""

    document: str
    passage: str
    heading: str
    start: int
    end: int
    text: str
    score: float
    license: str


@dataclass(frozen=True)
class Found:
    """Passages, the best first, with what whoever shows them has to say."""

    dataset: str
    version: str
    build: str
    purpose: str
    trace_id: str
    license: str
    obligations: str
    attribution: str
    passages: tuple[Passage, ...]


def search(
    name: str, question: str, *, purpose: str, k: int, traceparent: str | None = None
) -> Found:
    """The passages that answer best.

    Args:
        purpose: one of those the version was admitted for.
        traceparent: of W3C Trace Context; that of the environment (TRACEPARENT), or a new one,
            by default.
    Raises: AdmissionError: the version was not admitted for this purpose; the refusal is recorded.
        ActionError: no index is in service, or it cannot be used.
    """
    _check_question(name, question)
    trace_id = trace_of(traceparent or os.environ.get("TRACEPARENT"))
    installation = Installation.open()
    installation.registry.check_writable()
    data_set = IndexedDataSet.of(installation, installation.contract(name))
    service = _serving(data_set)
    _check_purpose(data_set, service, purpose, trace_id)
    service, best = _best_passages(data_set, service, question, k)
    terms = carried(installation, data_set.contract, service.version)
    passages = tuple(_passage(row, terms["license"]) for row in best.iter_rows(named=True))
    details = {
        "build": service.build,
        "passages": [passage.passage for passage in passages],
        "k": k,
    }
    installation.registry.uses.record(
        name,
        service.version,
        purpose,
        allowed=True,
        kind="search",
        trace_id=trace_id,
        details=details,
    )
    return Found(
        dataset=name,
        version=service.version,
        build=service.build,
        purpose=purpose,
        trace_id=trace_id,
        license=terms["license"],
        obligations=terms["obligations"],
        attribution=terms["attribution"],
        passages=passages,
    )


def _check_question(name: str, question: str) -> None:
    if not question.strip():
        problem = "the question is empty"
    elif len(question) > MOST_CHARS:
        problem = f"the question is longer than {MOST_CHARS:,} characters"
    else:
        return
    raise ActionError(problem, "Ask in a sentence or two", Where(dataset=name))


def _passage(row: dict[str, Any], license_of_all: str) -> Passage:
    return Passage(
        document=row["document"],
        passage=row["passage"],
        heading=row["heading"],
        start=row["start"],
        end=row["end"],
        text=row["said"],
        score=row["score"],
        license=row["license"] or license_of_all,
    )


def _best_passages(
    data_set: IndexedDataSet, service: ServingIndex, question: str, k: int
) -> tuple[ServingIndex, pl.DataFrame]:
    """The build that answered, and the `k` best passages of documents that are not withdrawn.

    Raises: ActionError: the index in service cannot be used.
    """
    while True:
        try:
            return service, _answered(data_set, service, question, k)
        except (ActionError, OSError, RuntimeError, ValueError) as error:
            now = _serving(data_set)
            if now.build == service.build:
                if isinstance(error, ActionError):
                    raise
                problem = f"the index in service cannot be read ({type(error).__name__})"
                raise ActionError(
                    problem,
                    f"Build it again: assay index rebuild {data_set.name}",
                    Where(dataset=data_set.name),
                ) from error
            service = now  # another one was swapped in, and this one swept, while it was read


def _answered(
    data_set: IndexedDataSet, service: ServingIndex, question: str, k: int
) -> pl.DataFrame:
    opened, embedder = _ready(data_set, service)
    withdrawn = _withdrawn(data_set, service, opened)
    most = opened.manifest["passages"] if withdrawn else k
    best = answer(data_set, opened, embedder, question, most)
    if withdrawn:
        best = best.filter(~pl.col("document").is_in(withdrawn))
    licensed = opened.documents.select("document", "license")
    return best.head(k).join(licensed, on="document", how="left", maintain_order="left")


def _serving(data_set: IndexedDataSet) -> ServingIndex:
    service = data_set.installation.registry.indexes.serving(data_set.name)
    if service is None:
        raise ActionError(
            "no index is in service",
            f"Build it: assay run {data_set.name}",
            Where(dataset=data_set.name),
        )
    return service


def _check_purpose(
    data_set: IndexedDataSet, service: ServingIndex, purpose: str, trace_id: str
) -> None:
    """Refuse a purpose that the version was not admitted for, and record the refusal.

    Raises: AdmissionError: it was not.
    """
    installation, name, version = data_set.installation, data_set.name, service.version
    statement = installation.statement(installation.version(name, version))
    admitted = statement["predicate"]["admission"]["purposes"]
    if purpose in admitted:
        return
    installation.registry.uses.record(
        name,
        version,
        purpose,
        allowed=False,
        kind="search",
        trace_id=trace_id,
        details={"build": service.build},
    )
    raise AdmissionError(
        f"{name}@{version} was not admitted for '{purpose}'",
        f"Search with a purpose that it was admitted for ({', '.join(admitted)}), or add the purpose to assay.license and publish again",
        Where(dataset=name),
    )


def _withdrawn(data_set: IndexedDataSet, service: ServingIndex, opened: Opened) -> list[str]:
    """Documents of the index that the newest version has no more: from the moment it is published
    they answer nothing, whenever the index follows.
    """
    latest = data_set.installation.version(data_set.name)
    if latest.version == service.version:
        return []
    indexed = opened.documents["document"]
    return indexed.filter(
        ~indexed.is_in(data_set.documents(latest)["document"].implode())
    ).to_list()


_OPENED: dict[tuple[Path, str], tuple[Opened, Embedder]] = {}
_MOST_OPEN = 8


def _ready(data_set: IndexedDataSet, service: ServingIndex) -> tuple[Opened, Embedder]:
    """The build, its files checked once a process, and its embedder."""
    store, name = data_set.store, data_set.name
    key = (store.folder / name / service.build, service.sha256)
    if key not in _OPENED:
        opened = store.open(name, service.build, service.sha256)
        while len(_OPENED) >= _MOST_OPEN:
            del _OPENED[next(iter(_OPENED))]
        _OPENED[key] = (opened, embedder_of_build(data_set, opened))
    return _OPENED[key]
