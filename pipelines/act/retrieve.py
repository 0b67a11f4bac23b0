"""Questions with known answers -> how well an index answers them.

Belongs here: making questions out of documents, measuring answers, evaluating. Stays out: asking
(assets/services/retrieve.py, assets/stages/index_trial.py).
"""

from __future__ import annotations

import math
import random
import re
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import polars as pl

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_PROSE = re.compile(r"[A-Za-z][A-Za-z ,;'\"()-]+[.?!]")
FEWEST_WORDS = 3  # a question of fewer asks nothing


def questions(
    documents: pl.DataFrame, *, key: str, text: str, count: int, seed: int
) -> pl.DataFrame:
    """Questions whose answer is known: a sentence of each document in turn, without stop words and
    every third other word.

    Documents come in seeded order, round after round, each with its sentences from the middle
    outwards, so that long ones ask no more than others.
    Returns: `question`, `key`; at most `count`, fewer where the documents hold less prose. Source:
    known-item search, Azzopardi et al. (2007), Building simulated queries for known-item topics,
    SIGIR.
    """
    chance = random.Random(seed)  # noqa: S311  # questions drawn the same for each seed; nothing secret
    by_document = []
    for name, whole in documents.sort(key).select(key, text).iter_rows():
        thinned = [
            _thinned(sentence, chance.randrange(3)) for sentence in _from_the_middle(_prose(whole))
        ]
        by_document.append(
            [(question, name) for question in thinned if len(question.split()) >= FEWEST_WORDS]
        )
    chance.shuffle(by_document)
    asked = (pair for turn in zip_longest(*by_document) for pair in turn if pair is not None)
    return pl.DataFrame(
        list(islice(asked, count)), schema={"question": pl.String, "key": pl.String}, orient="row"
    )


def _thinned(sentence: str, start: int) -> str:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    telling = [
        word
        for word in sentence.split()
        if word.strip(string.punctuation).lower() not in ENGLISH_STOP_WORDS
    ]
    return " ".join(word for place, word in enumerate(telling) if place % 3 != start)


def _from_the_middle(sentences: list[str]) -> list[str]:
    middle = len(sentences) // 2
    return [
        sentences[place]
        for place in sorted(range(len(sentences)), key=lambda place: abs(place - middle))
    ]


def _prose(whole: str) -> list[str]:
    """Sentences of 6 to 30 plain words."""
    sentences = (
        " ".join(sentence.split())
        for paragraph in whole.split("\n\n")
        for sentence in _SENTENCE.split(paragraph)
    )
    return [
        sentence
        for sentence in sentences
        if 6 <= len(sentence.split()) <= 30 and _PROSE.fullmatch(sentence)
    ]


# -- measuring -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Answers to questions: `recall`, `ndcg` and `mrr` at k, `citations` the share of passages that
    stand where they say, times in ms.
    """

    k: int
    questions: int
    recall: float
    ndcg: float
    mrr: float
    citations: float
    p50_ms: float
    p95_ms: float


def measured(
    found: Sequence[Sequence[str]],
    wanted: Sequence[Collection[str]],
    k: int,
    *,
    cited: Sequence[bool],
    times_ms: Sequence[float],
) -> Measured:
    """Measure answers.

    Args:
        found: for each question the documents that came back, the best first, none twice.
        wanted: for each question the documents that answer it, at least one.
        cited: for each passage that came back whether its words are in the version at the place
            it names.
    """
    times = sorted(times_ms)
    answers = list(zip(found, wanted, strict=True))
    return Measured(
        k=k,
        questions=len(wanted),
        recall=_mean([recall(documents, right, k) for documents, right in answers]),
        ndcg=_mean([ndcg(documents, right, k) for documents, right in answers]),
        mrr=_mean([reciprocal_rank(documents, right, k) for documents, right in answers]),
        citations=_mean([float(holds) for holds in cited]),
        p50_ms=times[len(times) // 2] if times else math.nan,
        p95_ms=times[math.ceil(0.95 * len(times)) - 1] if times else math.nan,
    )


def recall(found: Sequence[str], wanted: Collection[str], k: int) -> float:
    """The share of the wanted documents among the first `k`."""
    return len(set(found[:k]) & set(wanted)) / len(wanted)


def ndcg(found: Sequence[str], wanted: Collection[str], k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`, every wanted document worth the same.

    Source: Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, TOIS
    20(4); discounts as trec_eval has them.
    """
    gained = sum(1 / math.log2(place + 2) for place, key in enumerate(found[:k]) if key in wanted)
    return gained / sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))


def average_precision(found: Sequence[str], wanted: Collection[str], k: int) -> float:
    """The mean, over the wanted documents, of the precision where each is among the first `k`;
    0 where it does not.
    """
    places = [place for place, key in enumerate(found[:k], start=1) if key in wanted]
    return sum(number / place for number, place in enumerate(places, start=1)) / len(wanted)


def reciprocal_rank(found: Sequence[str], wanted: Collection[str], k: int) -> float:
    """One over the place of the first wanted document among the first `k`; 0 if there is
    none.
    """
    return next((1 / place for place, key in enumerate(found[:k], start=1) if key in wanted), 0.0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def standing(texts: Mapping[str, str], passages: pl.DataFrame) -> list[bool]:
    """For each of the passages (`document`, `start`, `end`, `said`) whether the document holds
    these words at that place.
    """
    return [
        texts.get(document, "")[start:end] == quote != ""
        for document, start, end, quote in passages.select(
            "document", "start", "end", "said"
        ).iter_rows()
    ]


def objection(measured: Measured, *, citations: float, p95_ms: float | None) -> str | None:
    """Why an index is refused whatever it finds: it cites what is not there, or is too slow.

    None if nothing speaks against it.
    """
    if not measured.citations >= citations:
        return f"{100 * measured.citations:.1f} % of its passages are at their stated place, under the floor of {100 * citations:g} %"
    if p95_ms is not None and measured.p95_ms > p95_ms:
        return f"one question in twenty takes longer than {measured.p95_ms:.1f} ms, over the limit of {p95_ms:g} ms"
    return None
