"""The words of ODCS for shapes of text: string formats, decimal and bounded types.

Belongs here: what they mean, without a frame in sight, so that checking a contract starts at once.
Stays out: applying them (types.py, rules.py), formats of dates (date_formats.py). The patterns are
in words/formats.yaml.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

from assay.contracts.data_files import table
from assay.contracts.patterns import looks_around, rust_pattern

EACH = "[]"
"""In a path: every item of an array, every entry of a map."""
DECIMAL = re.compile(
    r"(?:decimal|numeric|number)\(\s*([0-9]{1,2})\s*(?:,\s*([0-9]{1,2})\s*)?\)", re.IGNORECASE
)
BINARY = re.compile(
    r"(?:(?:long|medium|tiny)?blob|bytea|bytes|(?:var|large_|fixed_size_)?binary|raw|image)"
    r"(?:\(\s*(?:[0-9]{1,9}|max)\s*\))?",
    re.IGNORECASE,
)
"""Physical types of strings of bytes: `binary`, as Delta calls it, and other systems' names."""
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


def integer_names() -> Mapping[str, str]:
    """Physical types of integers -> their width, such as `i32`."""
    names: Mapping[str, str] = table("words/integers.yaml")
    return names


def is_binary(logical_type: str, physical_type: str | None) -> bool:
    """Whether a column holds bytes: a string whose physical type is a binary one."""
    return logical_type == "string" and bool(BINARY.fullmatch((physical_type or "").strip()))


def decimal(physical_type: str | None) -> tuple[int, int] | None:
    """Digits in all and after the point, where the physical type is a decimal."""
    match = DECIMAL.fullmatch((physical_type or "").strip())
    return (int(match[1]), int(match[2] or 0)) if match else None


# what Python's and Rust's engines read alike: so far, a pattern need not be tried
_PLAIN = re.compile(
    r"(?:[^\\\[\](){}*+?^$|]"
    r"|\\[dwsDWSbB.^$*+?(){}\[\]|/\\-]"
    r"|\[\^?(?:[^\\\[\]&~-]|\\[dwsDWS.^$*+?(){}\[\]|/\\-]|-(?!-))+\]"
    r"|\((?:\?:)?|\)"
    r"|\{[0-9]{1,3}(?:,[0-9]{0,3})?\}"
    r"|[*+?^$|])*"
)
_LARGEST_PLAIN = 1000
"""So many copies of its parts fit in what Rust's engine compiles, whatever the parts are."""


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern of a contract cannot run, or None.

    Patterns run in Rust's engine, in linear time; one that both engines read alike is not tried
    there.
    """
    if looks_around(pattern):
        return "it looks around or back"
    if _is_plain(pattern):
        return _problem_in_python(pattern)
    return _problem_in_rust(rust_pattern(pattern))


def _is_plain(pattern: str) -> bool:
    if re.search(r"\(\?[^:]", pattern) or not _PLAIN.fullmatch(pattern):
        return False
    repeats = re.findall(r"\{([0-9]+),?([0-9]*)\}", pattern)
    counts = [max(int(count or 1) for count in repeat) for repeat in repeats]
    return math.prod(max(count, 1) for count in counts) <= _LARGEST_PLAIN


def _problem_in_python(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"it is no regular expression: {error}"
    except (RecursionError, OverflowError):
        return "it is nested too deep"
    return None


def _problem_in_rust(pattern: str) -> str | None:
    """Why Rust's engine cannot run a pattern, or None.

    pydantic-core compiles it with the same library, and the same limit of its size, as Polars:
    a test compares the two on patterns that either refuses.
    """
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
    try:
        SchemaValidator(schema)
    except SchemaError as error:
        reason = str(error).splitlines()[-1].strip()
        for prefix in ("SchemaError: ", "error: "):
            reason = reason.removeprefix(prefix)
        return f"it is no regular expression: {reason}"
    return None
