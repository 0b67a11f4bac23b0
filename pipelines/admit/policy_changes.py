"""What changed between two texts of a policy, for those who approve the change. Pure."""

from __future__ import annotations

import json
from difflib import unified_diff

import yaml


def changed_lines(before: str, after: str) -> list[str]:
    """The changed lines as a unified diff, with three lines of context.

    Args:
        before: the adopted policy as JSON.
        after: the policy that waits for approval, as JSON.
    """
    lines = unified_diff(_lines(before), _lines(after), "adopted", "changed", lineterm="")
    return list(lines)


def _lines(text: str) -> list[str]:
    """A policy as YAML, one value a line."""
    return yaml.safe_dump(json.loads(text), sort_keys=True, allow_unicode=True).splitlines()
