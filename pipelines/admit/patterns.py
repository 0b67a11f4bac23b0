"""Patterns of the data files -> regular expressions.

Belongs here: how a data file writes a pattern. Stays out: which patterns there are (the YAML
files), what they find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Pattern = str | Sequence[str]
"""A regular expression, or a list of alternatives; `<<NAME>>` represents the part of that name."""


def expand(pattern: Pattern, parts: Mapping[str, Pattern]) -> str:
    """The regular expression, its parts filled in, and theirs."""
    text = pattern if isinstance(pattern, str) else "|".join(pattern)
    return re.sub(r"<<(\w+)>>", lambda match: expand(parts[match[1]], parts), text)
