"""A contract's text -> the same text with cleaning steps put in, comments and order kept.

Belongs here: where a step goes, and its reason next to it. Stays out: which steps
(pipelines/clean/suggest.py), whether they are good ones (load.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.contracts.yaml_text import changed

PROPERTY = "assay.cleaning"


def with_steps(
    text: str, file: str, steps: Sequence[tuple[dict[str, Any], str]], *, before: int
) -> str:
    """The document's text with the steps, each below its reason.

    Args:
        steps: each as data, with the reason in words. before: how many of the steps that are there
            stay in front of them.
    Raises: ContractError: it is no document.
    """
    return changed(text, file, lambda data: _add(data, steps, before))


def _add(data: Any, steps: Sequence[tuple[dict[str, Any], str]], before: int) -> None:
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    properties = data.setdefault("customProperties", CommentedSeq())
    entry = next((item for item in properties if item.get("property") == PROPERTY), None)
    if entry is None:
        entry = CommentedMap({"property": PROPERTY, "vendor": "assay", "value": CommentedSeq()})
        properties.append(entry)
    listed = entry["value"]
    for offset, (step, reason) in enumerate(steps):
        listed.insert(before + offset, _flow(step))
        listed.yaml_add_eol_comment(" ".join(reason.split()), before + offset)


def _flow(value: Any) -> Any:
    """Plain data, to be written on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, dict):
        flow: Any = CommentedMap({key: _flow(inner) for key, inner in value.items()})
    elif isinstance(value, list):
        flow = CommentedSeq(_flow(inner) for inner in value)
    else:
        return value
    flow.fa.set_flow_style()
    return flow
