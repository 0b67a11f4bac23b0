"""The words of ODCS for shapes of text: string formats, date formats, decimal and bounded types.

Belongs here: what they mean, without a frame in sight, so that checking a contract starts at once.
Stays out: applying them (types.py, rules.py). The patterns and letters lie in words/formats.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

from assay.contracts.data_files import table

EACH = "[]"
"""In a path: every item of an array, every entry of a map."""
DECIMAL = re.compile(
    r"(?:decimal|numeric|number)\(\s*([0-9]{1,2})\s*(?:,\s*([0-9]{1,2})\s*)?\)", re.IGNORECASE
)
LENGTH = re.compile(
    r"(?:n?varchar2?|n?char|character(?: varying)?|string)\(\s*([0-9]{1,9})\s*\)", re.IGNORECASE
)


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones; listing them walks 600 files (17 ms), so it is done once."""
    return frozenset(available_timezones())


@cache
def string_formats() -> Mapping[str, str]:
    """What a string of each ODCS format looks like: format -> pattern."""
    patterns = table("words/formats.yaml")["strings"]
    return {
        name: pattern if isinstance(pattern, str) else f"^({'|'.join(pattern)})$"
        for name, pattern in patterns.items()
    }


def java_letters() -> Mapping[str, str]:
    """The letters that ODCS formats of dates and times are written in -> chrono's words."""
    letters: Mapping[str, str] = table("words/formats.yaml")["java_letters"]
    return letters


def integer_names() -> Mapping[str, str]:
    """Physical types of integers -> their width, such as `i32`."""
    names: Mapping[str, str] = table("words/integers.yaml")
    return names


def decimal(physical_type: str | None) -> tuple[int, int] | None:
    """Digits in all and after the point, where the physical type is a decimal."""
    match = DECIMAL.fullmatch((physical_type or "").strip())
    return (int(match[1]), int(match[2] or 0)) if match else None


def strptime(pattern: str) -> str:
    """A Java DateTimeFormatter pattern in chrono's words.

    Raises: ValueError: it has a letter that chrono has no word for.
    """
    letters = java_letters()
    written, rest = "", pattern
    while rest:
        quoted = re.match(r"'([^']*)'", rest)
        run = re.match(r"([A-Za-z])\1*", rest)
        if quoted:
            written += (quoted[1] or "'").replace("%", "%%")
            rest = rest[quoted.end() :]
        elif run:
            if run[0] not in letters:
                raise ValueError(f"'{run[0]}'")
            written = _with_letters(written, run[0], letters[run[0]])
            rest = rest[run.end() :]
        else:
            written += "%%" if rest[0] == "%" else rest[0]
            rest = rest[1:]
    return written


def _with_letters(written: str, letters: str, meaning: str) -> str:
    """The pattern so far and one more part.

    Chrono wants a point before a fraction as part of it.
    """
    if letters in ("SSS", "SSSSSS") and written.endswith("."):
        return f"{written[:-1]}%.{meaning[1:]}"
    return written + meaning


# what Python's and Rust's engines read alike: so far, a pattern need not be tried
_PLAIN = re.compile(
    r"(?:[^\\\[\](){}*+?^$|]"
    r"|\\[dwsDWSbB.^$*+?(){}\[\]|/\\-]"
    r"|\[\^?(?:[^\\\[\]&~-]|\\[dwsDWS.^$*+?(){}\[\]|/\\-]|-(?!-))+\]"
    r"|\((?:\?:)?|\)"
    r"|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}"
    r"|[*+?^$|])*"
)


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern cannot run, or None.

    Patterns run in Rust's engine, in linear time; one that both engines read alike is not tried
    there.
    """
    if re.search(r"\(\?[=!]|\(\?<[=!]|\\[1-9]", pattern):
        return "it looks around or back"
    if _is_plain(pattern):
        return _problem_in_python(pattern)
    return _problem_in_rust(pattern)


def _is_plain(pattern: str) -> bool:
    has_options = re.search(r"\(\?[^:]", pattern)
    return bool(_PLAIN.fullmatch(pattern)) and not has_options and pattern.count("{") <= 3


def _problem_in_python(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"it is no regular expression: {error}"
    except (RecursionError, OverflowError):
        return "it is nested too deep"
    return None


def _problem_in_rust(pattern: str) -> str | None:
    import polars as pl

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        message = str(error).partition("\n\nThis error")[0].removeprefix("regex error: ")
        reason = message.splitlines()[-1].removeprefix("error: ")
        return f"it is no regular expression: {reason}"
    return None
