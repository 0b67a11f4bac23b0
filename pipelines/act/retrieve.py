"""Documents -> chunks, vectors, questions to ask, and how many of the answers came back.

Belongs here: cutting, embedding offline, measuring recall. Stays out: the store (assets/hands/index.py).
The embedder is latent semantic analysis fitted on the documents themselves: it needs no model from outside.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.errors import ActionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SENTENCE = re.compile(r"(?<=[.?!])\s+(?=[A-Z])")
_PROSE = re.compile(r"[A-Za-z][A-Za-z ,;'\"()-]+[.?!]")
FEWEST_WORDS = 3  # a question of fewer asks nothing


def chunks(documents: pl.DataFrame, *, key: str, text: str, chunk_chars: int) -> pl.DataFrame:
    """Cut documents into pieces of at most `chunk_chars`, at paragraphs where they end in time, at words or anywhere otherwise.

    Returns: `key`, `chunk` (number within the document, from 0), `text`. But for white space at the cuts, nothing is lost.
    """
    pieces = [(name, number, piece) for name, whole in documents.select(key, text).iter_rows() for number, piece in enumerate(_cut(whole, chunk_chars))]
    return pl.DataFrame(pieces, schema={"key": pl.String, "chunk": pl.UInt32, "text": pl.String}, orient="row")


def _cut(whole: str, most: int) -> list[str]:
    pieces: list[str] = []
    rest = whole.strip()
    while len(rest) > most:
        head = rest[: most + 1]
        at = max(head.rfind("\n\n"), 0) or max(head.rfind("\n"), 0) or max(head.rfind(" "), 0) or most
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*pieces, rest] if rest else pieces


def fit_embedder(texts: Sequence[str], *, dimensions: int, seed: int) -> Any:
    """Fit the embedder: TF-IDF of words and pairs of words, projected on the corpus's own directions, to unit length.

    Raises: ActionError: there is too little text to tell directions apart.
    Source: Deerwester et al. (1990), Indexing by latent semantic analysis, JASIS 41(6).
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), stop_words="english")
    try:
        terms = words.fit_transform(texts).shape[1]
    except ValueError:
        terms = 0
    most = min(terms, len(texts)) - 1
    if most < 1:
        raise ActionError(f"{len(texts)} piece(s) of text with {terms} term(s) cannot be embedded", "Publish more text")
    return make_pipeline(words, TruncatedSVD(min(dimensions, most), random_state=seed), Normalizer(copy=False)).fit(texts)


def embed(embedder: Any, texts: Sequence[str]) -> NDArray[Any]:
    """(n, dimensions) float32, each row of length 1, or 0 where the corpus knows none of its words."""
    import numpy as np

    return np.asarray(embedder.transform(texts), dtype=np.float32)


def questions(documents: pl.DataFrame, *, key: str, text: str, count: int, seed: int) -> pl.DataFrame:
    """Questions whose answer is known: a sentence of each document in turn, without stop words and every third other word.

    Documents come in seeded order, round after round, each with its sentences from the middle outwards, so that long ones ask no more than others.
    Returns: `question`, `key`; at most `count`, fewer where the documents hold less prose. Source: known-item search,
        Azzopardi et al. (2007), Building simulated queries for known-item topics, SIGIR.
    """
    chance = random.Random(seed)
    by_document = []
    for name, whole in documents.sort(key).select(key, text).iter_rows():
        thinned = [_thinned(sentence, chance.randrange(3)) for sentence in _from_the_middle(_prose(whole))]
        by_document.append([(question, name) for question in thinned if len(question.split()) >= FEWEST_WORDS])
    chance.shuffle(by_document)
    asked = (pair for turn in zip_longest(*by_document) for pair in turn if pair is not None)
    return pl.DataFrame(list(islice(asked, count)), schema={"question": pl.String, "key": pl.String}, orient="row")


def _thinned(sentence: str, start: int) -> str:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    telling = [word for word in sentence.split() if word.strip(string.punctuation).lower() not in ENGLISH_STOP_WORDS]
    return " ".join(word for place, word in enumerate(telling) if place % 3 != start)


def _from_the_middle(sentences: list[str]) -> list[str]:
    middle = len(sentences) // 2
    return [sentences[place] for place in sorted(range(len(sentences)), key=lambda place: abs(place - middle))]


def _prose(whole: str) -> list[str]:
    """Sentences of 6 to 30 plain words."""
    sentences = (" ".join(sentence.split()) for paragraph in whole.split("\n\n") for sentence in _SENTENCE.split(paragraph))
    return [sentence for sentence in sentences if 6 <= len(sentence.split()) <= 30 and _PROSE.fullmatch(sentence)]


def recall_at(found: Sequence[Sequence[str]], wanted: Sequence[str], k: int = 10) -> float:
    """The share of questions whose document is among the first `k` found; NaN where nothing was asked."""
    return sum(key in keys[:k] for keys, key in zip(found, wanted, strict=True)) / len(wanted) if wanted else float("nan")
