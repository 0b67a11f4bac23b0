"""Formats of dates and times in Java's letters -> what reads them.

Belongs here: the words of chrono and a pattern for one format, without a frame in sight. Stays out:
reading text (moments.py). The letters are in words/date_letters.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from assay.contracts.data_files import table

MICROSECONDS = 6
"""Digits of a second that a timestamp keeps."""
_FRACTION = re.compile("S{1,9}")
_FRACTIONS_WITHOUT_A_POINT = (3, 6, 9)
"""Numbers of digits that chrono can read as a fraction where no point comes before them."""
_YEARS = {"yyyy", "uuuu", "y", "u", "yy", "uu"}
_MONTHS = {"MMMM", "LLLL", "MMM", "LLL", "MM", "M"}
_DAYS = {"dd", "d"}
_HOURS = {"HH", "H", "hh", "h"}


@dataclass(frozen=True)
class DateFormat:
    """What reads texts of one format: chrono's words, and the pattern of the whole text.

    chrono alone takes a year of two digits for one of four, signs and blanks before numbers, and
    the sixtieth second. The pattern keeps them out.
    """

    chrono: str
    pattern: str
    letters: frozenset[str]

    @property
    def is_zoned(self) -> bool:
        """Whether the text has an offset from UTC."""
        return any(letters[0] in "XxZ" for letters in self.letters)

    @property
    def is_timed(self) -> bool:
        """Whether the text has an hour."""
        return bool(self.letters & _HOURS)

    @property
    def lacks(self) -> str | None:
        """What a date needs and the text does not have; None if it has a whole date."""
        if not self.letters & _YEARS:
            return "year"
        if "DDD" in self.letters:
            return None
        if not self.letters & _MONTHS:
            return "month"
        return None if self.letters & _DAYS else "day"


def date_letters() -> Mapping[str, tuple[str, str]]:
    """The letters that formats are written in -> chrono's word and the pattern of its text."""
    letters: Mapping[str, tuple[str, str]] = table("words/date_letters.yaml")
    return letters


@cache
def date_format(pattern: str) -> DateFormat:
    """Read a Java DateTimeFormatter pattern.

    Raises: ValueError: it has letters that chrono has no word for; the message holds them.
    """
    chrono, text, used, rest = "", "", set[str](), pattern
    while rest:
        quoted = re.match(r"'([^']*)'", rest)
        run = re.match(r"([A-Za-z])\1*", rest)
        if quoted:
            literal, length = quoted[1] or "'", quoted.end()
        elif run:
            literal, length = "", run.end()
            used.add(run[0])
            chrono, text = _with_letters(chrono, text, run[0])
        else:
            literal, length = rest[0], 1
        chrono += literal.replace("%", "%%")
        text += _escaped(literal)
        rest = rest[length:]
    return DateFormat(chrono, f"^{text}$", frozenset(used))


def _with_letters(chrono: str, text: str, letters: str) -> tuple[str, str]:
    """chrono's words and the text's pattern with one more run of letters."""
    if _FRACTION.fullmatch(letters):
        return _with_fraction(chrono, text, len(letters))
    known = date_letters().get(letters)
    if known is None:
        raise ValueError(f"'{letters}'")
    return chrono + known[0], text + known[1]


def _with_fraction(chrono: str, text: str, digits: int) -> tuple[str, str]:
    """Digits of a second; those beyond microseconds must be zeros: a timestamp cannot keep others."""
    kept = min(digits, MICROSECONDS)
    fraction = f"[0-9]{{{kept}}}" + "0" * (digits - kept)
    if chrono.endswith("."):  # chrono wants the point as part of the fraction
        return chrono[:-1] + "%.f", text + fraction
    if digits not in _FRACTIONS_WITHOUT_A_POINT:
        letters = "S" * digits
        raise ValueError(f"'{letters}' is a fraction of a second: write a point before it")
    return f"{chrono}%{digits}f", text + fraction


def _escaped(literal: str) -> str:
    return re.sub(r"([\\.^$*+?()\[\]{}|/-])", r"\\\1", literal)
