"""People that a contract names: who owns the data, and who decides what the policies leave open."""

from __future__ import annotations

from typing import Any

from assay.contracts.model import LEVELS, Level

_ROLE_KEYS: dict[Level, str] = {"first": "firstLevelApprovers", "second": "secondLevelApprovers"}


def owners(data: dict[str, Any]) -> tuple[str, ...]:
    """The team, and its members with the role `owner`."""
    team = data.get("team") or {}
    members = team
    names = []
    if isinstance(team, dict):
        members = team.get("members") or []
        if team.get("name"):
            names.append(f"team:{team['name']}")
    names += [member["username"] for member in members if member.get("role") == "owner"]
    return tuple(names)


def approvers(data: dict[str, Any]) -> dict[Level, tuple[str, ...]]:
    """Level -> names, from every role.

    ODCS writes several names into one text, separated by commas.
    """
    by_level = {level: _names(data, _ROLE_KEYS[level]) for level in LEVELS}
    return {level: names for level, names in by_level.items() if names}


def _names(data: dict[str, Any], key: str) -> tuple[str, ...]:
    texts = [str(role.get(key) or "") for role in data.get("roles") or []]
    names = [name.strip() for text in texts for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in names if name))
