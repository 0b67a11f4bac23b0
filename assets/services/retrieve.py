"""Searching, done: a question and a purpose -> passages with their place, version and licence, and the use recorded before any is handed out.

Belongs here: whether one may, what is in service, what is withdrawn. Stays out: building (index.py).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assay.assets.io.index import IndexStore, Opened
from assay.assets.io.installation import Installation
from assay.assets.io.registry.indexes import ServingIndex
from assay.assets.stages.act import carried
from assay.assets.stages.index import answer, documents_of, embedder_of, index_store, policy_of
from assay.contracts.errors import ActionError, AdmissionError, Where
from assay.contracts.model import Contract
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
        traceparent: of W3C Trace Context; that of the environment (TRACEPARENT), or a new one, unless given.
    Raises: AdmissionError: the version was not admitted for this purpose; the refusal is recorded. ActionError: no index is in service, or it cannot be used.
    """
    if not question.strip() or len(question) > MOST_CHARS:
        raise ActionError(
            "that is no question"
            if not question.strip()
            else f"the question is longer than {MOST_CHARS:,} characters",
            "Ask in a sentence or two",
            Where(dataset=name),
        )
    trace_id = trace_of(traceparent or os.environ.get("TRACEPARENT"))
    installation = Installation.open()
    installation.registry.check_writable()
    contract = installation.contract(name)
    service, found = _retrieve(installation, contract, question, k, purpose, trace_id)
    version, terms = service.version, carried(installation, contract, service.version)
    passages = tuple(
        Passage(
            row["document"],
            row["passage"],
            row["heading"],
            row["start"],
            row["end"],
            row["said"],
            row["score"],
            row["license"] or terms["license"],
        )
        for row in found.iter_rows(named=True)
    )
    told = {
        "build": service.build,
        "passages": [passage.passage for passage in passages],
        "k": k,
    }
    installation.registry.uses.record(
        name, version, purpose, allowed=True, kind="search", trace_id=trace_id, details=told
    )
    return Found(
        name,
        version,
        service.build,
        purpose,
        trace_id,
        terms["license"],
        terms["obligations"],
        terms["attribution"],
        passages,
    )


def _retrieve(
    installation: Installation,
    contract: Contract,
    question: str,
    k: int,
    purpose: str,
    trace_id: str,
) -> tuple[ServingIndex, pl.DataFrame]:
    policy, store = policy_of(contract), index_store(installation)
    service = _serving(installation, contract)
    _check_purpose(installation, contract, service, purpose, trace_id)
    while True:
        try:
            opened, embedder = _ready(installation, store, contract.name, service)
            withdrawn = _withdrawn(installation, contract, service, opened)
            found = answer(
                installation,
                policy,
                opened,
                embedder,
                question,
                opened.manifest["passages"] if withdrawn else k,
            )
            break
        except (ActionError, OSError, RuntimeError, ValueError) as error:
            now = _serving(installation, contract)
            if now.build == service.build:
                if isinstance(error, ActionError):
                    raise
                problem = f"the index in service cannot be read ({type(error).__name__})"
                raise ActionError(
                    problem,
                    f"Build it again: assay index rebuild {contract.name}",
                    Where(dataset=contract.name),
                ) from error
            service = now  # another one was swapped in, and this one swept, while it was read
    if withdrawn:
        found = found.filter(~pl.col("document").is_in(withdrawn))
    licensed = opened.documents.select("document", "license")
    return service, found.head(k).join(licensed, on="document", how="left", maintain_order="left")


def _serving(installation: Installation, contract: Contract) -> ServingIndex:
    service = installation.registry.indexes.serving(contract.name)
    if service is None:
        raise ActionError(
            "no index is in service",
            f"Build it: assay run {contract.name}",
            Where(dataset=contract.name),
        )
    return service


def _check_purpose(
    installation: Installation,
    contract: Contract,
    service: ServingIndex,
    purpose: str,
    trace_id: str,
) -> None:
    admitted = installation.statement(installation.version(contract.name, service.version))[
        "predicate"
    ]["admission"]["purposes"]
    if purpose not in admitted:
        installation.registry.uses.record(
            contract.name,
            service.version,
            purpose,
            allowed=False,
            kind="search",
            trace_id=trace_id,
            details={"build": service.build},
        )
        problem = f"{contract.name}@{service.version} was not admitted for '{purpose}'"
        raise AdmissionError(
            problem,
            f"Search it for {' or '.join(admitted)}, or add the purpose to assay.license and publish again",
            Where(dataset=contract.name),
        )


def _withdrawn(
    installation: Installation, contract: Contract, service: ServingIndex, opened: Opened
) -> list[str]:
    """Documents of the index that the newest version has no more: from the moment it is published they answer nothing, whenever the index follows."""
    latest = installation.version(contract.name)
    if latest.version == service.version:
        return []
    held = opened.documents["document"]
    return held.filter(
        ~held.is_in(documents_of(installation, contract, latest)["document"].implode())
    ).to_list()


_OPENED: dict[tuple[Path, str], tuple[Opened, Embedder]] = {}
_MOST_OPEN = 8


def _ready(
    installation: Installation, store: IndexStore, name: str, service: ServingIndex
) -> tuple[Opened, Embedder]:
    """The build, its files checked once a process, and its embedder."""
    key = (store.folder / name / service.build, service.sha256)
    if key not in _OPENED:
        opened = store.open(name, service.build, service.sha256)
        while len(_OPENED) >= _MOST_OPEN:
            del _OPENED[next(iter(_OPENED))]
        _OPENED[key] = (
            opened,
            embedder_of(
                installation, store, name, opened.manifest["settings"], dict(opened.manifest)
            ),
        )
    return _OPENED[key]
