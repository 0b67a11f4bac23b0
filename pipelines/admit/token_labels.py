"""A language model's labels of parts of words -> persons' names and addresses in the text.

Belongs here: which labelled words make one finding. Stays out: running the model (rampart.py).
A model for personal data takes capitalised words of companies and countries for names at times:
what it says counts for whole words only, and not where the words around them tell otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.pipelines.admit.person_names import is_place_name, is_some_name
from assay.pipelines.core.package_data import read_words

NAME_LABELS = frozenset({"GIVEN_NAME", "SURNAME"})
ADDRESS_LABELS = frozenset(
    {"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"}
)
_LEAST = 0.5
_WORD = re.compile(r"\w[\w'’-]*|[^\w\s]")
_INITIAL = re.compile(r"[ .]*(?:\b\w\b[ .]*)?")
_IN_ADDRESS = re.compile(r"[ ,.#]{0,3}")


@dataclass(frozen=True)
class TokenLabel:
    """What the model says of a part of a word: label without its prefix, share of certainty, and
    where it stands.
    """

    label: str
    confidence: float
    start: int
    end: int


@dataclass
class _Run:
    """Words of one kind that stand together."""

    kind: str
    start: int
    end: int
    labels: set[str]
    confidence: float


def labelled_spans(
    text: str, tokens: Sequence[TokenLabel], addresses: Sequence[str] = ()
) -> list[tuple[str, str, float]]:
    """Kind, value and confidence of each name and address that the labels make.

    Args:
        addresses: those that the text is known to hold, whole; what the model says of their parts
            and of names in them adds nothing.
    """
    known = [match.span() for value in addresses for match in re.finditer(re.escape(value), text)]
    runs: list[_Run] = []
    for word in _words(text, tokens):
        last = runs[-1] if runs else None
        if last and last.kind == word.kind and _belongs(text[last.end : word.start], word.kind):
            last.end, last.labels = word.end, last.labels | word.labels
            last.confidence = max(last.confidence, word.confidence)
        else:
            runs.append(word)
    return [
        (run.kind, text[run.start : run.end], run.confidence)
        for run in runs
        if _counts(text, run)
        and not any(start < run.end and run.start < end for start, end in known)
    ]


def _words(text: str, tokens: Sequence[TokenLabel]) -> list[_Run]:
    """The words of the text whose parts are labelled, by most of their letters, as a name's or an
    address's.
    """
    words = []
    at = 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        shares: dict[str, float] = {}
        while at < len(tokens) and tokens[at].end <= start:
            at += 1
        for token in tokens[at:]:
            if token.start >= end:
                break
            letters = min(token.end, end) - max(token.start, start)
            shares[token.label] = shares.get(token.label, 0.0) + token.confidence * letters
        if not shares or not match[0][0].isalnum():
            continue
        label = max(shares, key=lambda each: shares[each])
        confidence = shares[label] / (end - start)
        kind = "name" if label in NAME_LABELS else "address" if label in ADDRESS_LABELS else None
        if kind and confidence >= _LEAST:
            words.append(_Run(kind, start, end, {label}, confidence))
    return words


def _belongs(gap: str, kind: str) -> bool:
    """Whether words with this between them are parts of one finding."""
    return (_INITIAL if kind == "name" else _IN_ADDRESS).fullmatch(gap) is not None


def _counts(text: str, run: _Run) -> bool:
    value = text[run.start : run.end]
    if run.kind == "address":
        has_number = any(character.isdigit() for character in value)
        return "STREET_NAME" in run.labels and (has_number or len(run.labels) > 1)
    before, after = text[: run.start], text[run.end :]
    in_address_of_web = before.endswith(("@", "/", ".")) or re.match(r"@|\.\w", after) is not None
    follows = re.match(r",? ?(?:and )?([\w-]+)", after)
    organisation = follows is not None and follows[1].lower() in read_words(
        "admit/not_family_names.txt"
    )
    if in_address_of_web or organisation or is_place_name(value):
        return False
    return value[0].isupper() or any(is_some_name(word) for word in value.split())
