"""YAML text -> the name that the document declares, without reading the rest of it.

Belongs here: a look that is cheap for a document as people write it. Stays out: whether the
document is a contract (load.py).
"""

from __future__ import annotations

import re

import yaml

from assay.contracts.document import yaml_events

_PLAIN_LINE = re.compile(r"^name:[ \t]+(['\"]?)([\w.-]+)\1[ \t]*(?:[ \t]#.*)?\r?$", re.MULTILINE)
_ANY_LINE = re.compile(r"^(['\"]?)name\1[ \t]*:", re.MULTILINE)
_FLOW = re.compile(r"^(?:---[ \t]*)?\{", re.MULTILINE)


def declared_name(text: str) -> str | None:
    """The value of the document's own key `name`; None if it has none that can be read.

    One line `name: …` without indentation can only be that key. Anything else is read as YAML, as
    far as that key.
    """
    lines = _PLAIN_LINE.findall(text)
    if len(lines) == 1 and len(_ANY_LINE.findall(text)) == 1 and not _FLOW.search(text):
        return str(lines[0][1])
    try:
        return _name_in_events(text)
    except (yaml.YAMLError, ValueError):
        return None


def _name_in_events(text: str) -> str | None:
    """The scalar after the key `name` of the outermost mapping."""
    depth, is_key, key = 0, True, ""
    for event in yaml_events(text):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth == 1 and isinstance(event, yaml.ScalarEvent):
            if is_key:
                key = event.value
            elif key == "name":
                return str(event.value) or None
        if depth == 1 and isinstance(
            event, (yaml.ScalarEvent, yaml.AliasEvent, yaml.CollectionEndEvent)
        ):
            is_key = not is_key
        if isinstance(event, yaml.CollectionStartEvent):
            if depth == 0 and not isinstance(event, yaml.MappingStartEvent):
                return None
            depth += 1
    return None
