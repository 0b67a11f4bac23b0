"""Judge a build by the contract's questions, next to the one in service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from assay.assets.io.index import Opened
from assay.assets.stages.index_embedder import embedder_of_build, model_folder
from assay.assets.stages.indexed_data_set import IndexedDataSet
from assay.contracts.errors import ActionError
from assay.contracts.settings import Index
from assay.pipelines.act import retrieve
from assay.pipelines.act.judge import judge
from assay.pipelines.act.renewal import Embedder
from assay.pipelines.act.stemming import stems
from assay.pipelines.core.frames import Judgement

Questions = Sequence[tuple[str, frozenset[str]]]
"""Each question with the documents that answer it."""
_DEEPER = 5  # passages looked at for each document wanted: several passages of one document may come first


@dataclass(frozen=True)
class Trial:
    """How a candidate answers the questions about `documents` documents, how the build in service
    does, and what follows.
    """

    documents: int
    candidate: retrieve.Measured
    in_service: retrieve.Measured | None
    judgement: Judgement


def try_candidate(
    data_set: IndexedDataSet, candidate: Opened, serving: Opened | None, documents: pl.DataFrame
) -> Trial:
    """Ask the candidate and the build in service the contract's questions, and evaluate the candidate
    by the answers.
    """
    policy = data_set.policy
    questions = _questions(policy, documents)
    measured = _measured(data_set, candidate, questions, documents)
    if serving and serving.build == candidate.build:
        # what serves is not evaluated away by a machine that was slow today
        reason = "nothing has changed since the index in service was built"
        judgement = _judged(policy, measured, measured)
        return Trial(
            documents.height, measured, measured, replace(judgement, accepted=True, reason=reason)
        )
    before, unmeasured = _measured_if_possible(data_set, serving, questions, documents)
    judgement = _judged(policy, measured, before)
    objection = retrieve.objection(measured, citations=policy.citations, p95_ms=policy.p95_ms)
    if not questions:
        judgement = replace(judgement, reason=_why_no_questions(policy))
    elif judgement.accepted and objection:
        judgement = replace(judgement, accepted=False, reason=objection)
    elif judgement.accepted and unmeasured:
        reason = f"{judgement.reason} that could be compared: {unmeasured}"
        judgement = replace(judgement, reason=reason)
    return Trial(documents.height, measured, before, judgement)


def _judged(
    policy: Index, candidate: retrieve.Measured, in_service: retrieve.Measured | None
) -> Judgement:
    return judge(
        f"{policy.metric}@{policy.k}",
        getattr(candidate, policy.metric),
        getattr(in_service, policy.metric) if in_service else None,
        tolerance=policy.tolerance,
        floor=policy.floor,
    )


def _why_no_questions(policy: Index) -> str:
    problem = (
        "no document holds a sentence of 6 to 30 plain words"
        if isinstance(policy.questions, int)
        else "none of the documents that answer them is there"
    )
    return (
        f"no question to evaluate it with: {problem}; write some under `questions` in assay.index"
    )


def _questions(policy: Index, documents: pl.DataFrame) -> Questions:
    """Questions with the documents that answer them; a document that is not in this version answers
    nothing.
    """
    if isinstance(policy.questions, int):
        drawn = retrieve.questions(
            documents, key="document", text="text", count=policy.questions, seed=policy.seed
        )
        return [(question, frozenset([key])) for question, key in drawn.iter_rows()]
    present = frozenset(documents["document"])
    questions = [
        (question.ask, frozenset(question.documents) & present) for question in policy.questions
    ]
    return [(question, wanted) for question, wanted in questions if wanted]


def _measured(
    data_set: IndexedDataSet, opened: Opened, questions: Questions, documents: pl.DataFrame
) -> retrieve.Measured:
    embedder, k = embedder_of_build(data_set, opened), data_set.policy.k
    answers, times = [], []
    if questions:  # the first one also opens files and reads the model
        answer(data_set, opened, embedder, questions[0][0], k)
    for question, _ in questions:
        started = time.perf_counter()
        answers.append(answer(data_set, opened, embedder, question, k * _DEEPER))
        times.append(1000 * (time.perf_counter() - started))
    documents_given = [list(dict.fromkeys(passages["document"]))[:k] for passages in answers]
    texts = dict(documents.select("document", "text").iter_rows())
    best = [passages.head(k) for passages in answers]
    return retrieve.measured(
        documents_given,
        [wanted for _, wanted in questions],
        k,
        cited=retrieve.standing(texts, pl.concat(best)) if best else [],
        times_ms=times,
    )


def _measured_if_possible(
    data_set: IndexedDataSet,
    serving: Opened | None,
    questions: Questions,
    documents: pl.DataFrame,
) -> tuple[retrieve.Measured | None, str]:
    """What was measured of the index in service, or why it could not be asked: its model may be
    gone, which must not keep a new one from taking over.
    """
    if serving is None:
        return None, ""
    try:
        return _measured(data_set, serving, questions, documents), ""
    except ActionError as error:
        return None, error.problem


def answer(
    data_set: IndexedDataSet, opened: Opened, embedder: Embedder, question: str, k: int
) -> pl.DataFrame:
    """The `k` best passages for a question."""
    reranker = data_set.policy.reranker
    (words,) = stems([question], opened.manifest["cutting"]["language"])
    model = model_folder(data_set.installation, reranker.model) if reranker.model else None
    vector = embedder.of_question(question, words)
    return opened.ask(words, vector, k, reranker, question, model)
