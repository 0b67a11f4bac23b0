"""The words of ODCS that stand for shapes of text: string formats, date formats, decimal and bounded types, patterns.

Belongs here: what they mean, without a frame in sight, so that checking a contract starts at once. Stays out: applying them (types.py, rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones; listing them walks 600 files (17 ms), which each contract paid for each zone it names."""
    return frozenset(available_timezones())


EACH = "[]"
"""In a path: every item of an array, every entry of a map."""
_HEX16 = "[0-9A-Fa-f]{1,4}"
_IPV4 = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}"
# RFC 4291 section 2.2: eight groups, or fewer around one `::`, the last two perhaps written as IPv4
_IPV6 = "|".join(
    [
        rf"({_HEX16}:){{7}}{_HEX16}",
        rf"({_HEX16}:){{6}}{_IPV4}",
        rf"::({_HEX16}:){{0,5}}{_IPV4}",
        "::",
    ]
    + [rf"({_HEX16}:){{{before}}}(:{_HEX16}){{1,{7 - before}}}" for before in range(1, 7)]
    + [rf"({_HEX16}:){{1,7}}:", rf":(:{_HEX16}){{1,7}}"]
)
FORMATS: Mapping[str, str] = {
    "email": r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$",
    "uuid": r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$",
    "hostname": r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    "ipv4": rf"^{_IPV4}$",
    "ipv6": rf"^({_IPV6})$",
    "byte": r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",  # base64, RFC 4648
    "binary": r"^([0-9A-Fa-f]{2})*$",
}
"""What a string of each ODCS format looks like, in linear patterns that Rust and Python read alike."""
DECIMAL = re.compile(
    r"(?:decimal|numeric|number)\(\s*([0-9]{1,2})\s*(?:,\s*([0-9]{1,2})\s*)?\)", re.IGNORECASE
)
LENGTH = re.compile(
    r"(?:n?varchar2?|n?char|character(?: varying)?|string)\(\s*([0-9]{1,9})\s*\)", re.IGNORECASE
)
# the letters of Java's DateTimeFormatter, which ODCS formats are written in, that chrono has a word for
JDK = {"yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "SSSSSS": "%6f", "SSS": "%3f",
       "a": "%p", "XXX": "%:z", "xxx": "%:z", "XX": "%z", "Z": "%z", "EEEE": "%A", "EEE": "%a", "DDD": "%j"}  # fmt: skip


def decimal(physical_type: str | None) -> tuple[int, int] | None:
    """Digits in all and after the point, where the physical type is a decimal."""
    found = DECIMAL.fullmatch((physical_type or "").strip())
    return (int(found[1]), int(found[2] or 0)) if found else None


def strptime(jdk: str) -> str:
    """A Java DateTimeFormatter pattern in chrono's words. Raises: ValueError: it has a letter that chrono has no word for."""
    out, rest = "", jdk
    while rest:
        quoted = re.match(r"'([^']*)'", rest)
        run = re.match(r"([A-Za-z])\1*", rest)
        if quoted:
            out, rest = out + (quoted[1] or "'").replace("%", "%%"), rest[quoted.end() :]
        elif run:
            if run[0] not in JDK:
                raise ValueError(f"'{run[0]}'")
            # chrono wants the point before a fraction as part of it
            fraction = run[0] in ("SSS", "SSSSSS") and out.endswith(".")
            out = (out[:-1] + "%." + JDK[run[0]][1:]) if fraction else out + JDK[run[0]]
            rest = rest[run.end() :]
        else:
            out, rest = out + ("%%" if rest[0] == "%" else rest[0]), rest[1:]
    return out


# what Python's and Rust's engines read alike: so far, a pattern need not be tried
_PLAIN = re.compile(
    r"(?:[^\\\[\](){}*+?^$|]|\\[dwsDWSbB.^$*+?(){}\[\]|/\\-]|\[\^?(?:[^\\\[\]&~-]|\\[dwsDWS.^$*+?(){}\[\]|/\\-]|-(?!-))+\]|\((?:\?:)?|\)|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}|[*+?^$|])*"
)


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern cannot run, or None. Patterns run in Rust's engine, in linear time; one that both engines read alike is not tried there."""
    if re.search(r"\(\?[=!]|\(\?<[=!]|\\[1-9]", pattern):
        return "it looks around or back"
    if (
        _PLAIN.fullmatch(pattern)
        and not re.search(r"\(\?[^:]", pattern)
        and pattern.count("{") <= 3
    ):
        try:
            re.compile(pattern)
        except re.error as error:
            return f"it is no regular expression: {error}"
        except (RecursionError, OverflowError):
            return "it is nested too deep"
        return None
    import polars as pl

    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        said = str(error).partition("\n\nThis error")[0].removeprefix("regex error: ")
        return f"it is no regular expression: {said.splitlines()[-1].removeprefix('error: ')}"
    return None
