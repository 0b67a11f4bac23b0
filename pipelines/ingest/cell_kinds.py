"""A cell of delimited text -> what it looks like: a number, a time, an address, a word.

Belongs here: the shapes of cells, and those of a column. Stays out: types of a contract.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from assay.pipelines.core.package_data import read_lines

NUMBER, TIME, ADDRESS, TRUTH, WORD, TEXT, EMPTY = (
    "number",
    "time",
    "address",
    "truth",
    "word",
    "text",
    "",
)
VALUES = frozenset([NUMBER, TIME, ADDRESS, TRUTH])
"""Kinds that a name of a column hardly has."""
_NUMBER = re.compile(
    r"[+-]?[$€£¥]?\s?(?:[0-9]+(?:[.,][0-9]+)?|[0-9]{1,3}(?:[.,' \u00a0][0-9]{3})+(?:[.,][0-9]+)?|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]+)?\s?[%$€£¥]?|0x[0-9a-fA-F]+|[0-9]{4}(?: [0-9]{4})+"
)
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[AaPp][Mm])?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_DAY = (
    r"(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})"
    r"|[0-9]{1,2}[ -][A-Za-z]{3,9}\.?[ -][0-9]{2,4}|[A-Za-z]{3,9}\.? [0-9]{1,2},? [0-9]{4})"
)
_TIME = re.compile(rf"(?:{_DAY}(?:[T ]{_CLOCK}{_ZONE})?|{_CLOCK})")
_ADDRESS = re.compile(r"[a-z]{2,6}://\S*|[^@\s,;|]+@[^@\s,;|]+\.[a-zA-Z]+")
_TRUTH = frozenset(["true", "false", "yes", "no"])
_WORD = re.compile(r"[\w.'’/()&%°#-]+(?: [\w.'’/()&%°#-]+)*")


@cache
def missing_words() -> frozenset[str]:
    """Texts that represent a missing value, in small letters."""
    return frozenset(read_lines("ingest/missing_words.txt"))


def cell_kind(cell: str) -> str:
    """What a cell looks like; one that represents a missing value is empty."""
    text = cell.strip()
    if not text or text.lower() in missing_words():
        return EMPTY
    if _NUMBER.fullmatch(text):
        return NUMBER
    if _TIME.fullmatch(text):
        return TIME
    if _ADDRESS.fullmatch(text):
        return ADDRESS
    if text.lower() in _TRUTH:
        return TRUTH
    return WORD if _WORD.fullmatch(text) else TEXT


def column_kinds(rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """The kind that nine of ten cells of each column have, if cells of it are no mere text; else
    TEXT. A column without any cell is EMPTY.
    """
    kinds = []
    for place in range(columns):
        counts = Counter(cell_kind(row[place]) for row in rows if place < len(row))
        counts.pop(EMPTY, None)
        if not counts:
            kinds.append(EMPTY)
            continue
        kind, often = counts.most_common(1)[0]
        kinds.append(kind if kind in VALUES and often >= 0.9 * counts.total() else TEXT)
    return kinds
