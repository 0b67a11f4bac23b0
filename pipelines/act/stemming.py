"""Text -> the stems that are searched: what full text and the fitted space both read, so that a
passage that did not change is never read again.

Belongs here: words of a language. Stays out: counting them (lsa_embedder.py), looking them up (LanceDB).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 64


def stems(texts: Sequence[str], language: str) -> list[str]:
    """The stems of each text in order, with a space between them; English without its commonest
    words. Accents and case are gone.

    Source: Porter (1980), An algorithm for suffix stripping, Program 14(3); for other languages the
    Snowball stemmer of that name.
    """
    of = _stemmer(language)
    return [
        " ".join(stem for word in _WORD.findall(text.lower()) if (stem := of(word)))
        for text in texts
    ]


@lru_cache
def _stemmer(language: str) -> Callable[[str], str]:
    import snowballstemmer
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    ignored = ENGLISH_STOP_WORDS if language == "english" else frozenset()
    stemmer = snowballstemmer.stemmer("porter" if language == "english" else language)

    @lru_cache(maxsize=200_000)
    def stem(word: str) -> str:
        if word in ignored or len(word) > _LONGEST:
            return ""
        # English has no accents of its own; where a language has, its stemmer knows them
        stemmed = (
            stemmer.stemWord(_plain(word))
            if language == "english"
            else _plain(stemmer.stemWord(word))
        )
        return str(stemmed)

    return stem


def _plain(word: str) -> str:
    """Without accents; without the spaces that some letters take when they are taken apart."""
    parted = "".join(
        part for part in unicodedata.normalize("NFKD", word) if not unicodedata.combining(part)
    )
    return "".join(parted.split())
