"""YAML text -> the same text after a change to its data, with comments, order and quotes kept.

Belongs here: reading and writing with ruamel. Stays out: which change (edit.py, upgrade.py).
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Callable
from typing import Any

from assay.contracts.document import parse
from assay.contracts.errors import ContractError


def changed(text: str, file: str, change: Callable[[Any], None]) -> str:
    """The document's text after a change to its data.

    Raises: ContractError: it is no document.
    """
    parse(text, file)
    yaml = round_trip(text)
    data = yaml.load(text)
    change(data)
    return written(yaml, data, text)


def round_trip(text: str) -> Any:
    """A reader and writer of YAML that keeps comments, quotes, and how far `text` indents lists."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 10_000
    sequence = re.search(r"^( *)\w[^\n]*:\s*\n( *)- ", text, re.MULTILINE)
    dash = len(sequence[2]) - len(sequence[1]) if sequence else 2
    yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
    constructors = yaml.constructor.yaml_constructors
    constructors["tag:yaml.org,2002:timestamp"] = constructors["tag:yaml.org,2002:str"]
    return yaml


def written(yaml: Any, data: Any, before: str) -> str:
    """Write the data, with every line of `before` that only ruamel's layout changed as it was.

    Where that would change the data, ruamel's own layout is taken.
    """
    out = io.StringIO()
    yaml.dump(data, out)
    after = out.getvalue()
    merged = _with_unchanged_lines(before.splitlines(), after.splitlines())
    try:
        return merged if parse(merged, "").data == parse(after, "").data else after
    except ContractError:
        return after


def _with_unchanged_lines(old: list[str], new: list[str]) -> str:
    """The new lines, those that differ in white space alone as they were."""
    merged = list(new)
    matcher = difflib.SequenceMatcher(
        None, [line.strip() for line in old], [line.strip() for line in new], autojunk=False
    )
    for block in matcher.get_matching_blocks():
        merged[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    return "\n".join(merged) + "\n"
