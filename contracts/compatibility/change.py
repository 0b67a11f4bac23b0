"""One difference between two contracts: how much it matters, and who breaks.

Belongs here: the shape of a change, and its class. Stays out: finding changes (columns.py,
rules.py, policies.py), whether a change tightens (directions.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.contracts.compatibility.directions import Direction
from assay.contracts.data_files import table
from assay.contracts.document import Path
from assay.contracts.location import host_of, scrubbed
from assay.contracts.problems import Severity

Level = Literal["major", "minor", "patch"]
Compatibility = Literal["breaking", "compatible"]
What = Literal["added", "removed", "changed"]
LEVELS: tuple[Level, ...] = ("patch", "minor", "major")
MINOR = frozenset({"schema_added", "column_added", "deprecated_added"})
"""Infos that are nevertheless something new to use."""
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Change:
    """One difference. None represents what is not there.

    `path` is in the new document, or in the old one where the thing is gone.
    """

    kind: str
    path: Path
    name: str
    old: Any
    new: Any
    level: Level
    severity: Severity
    direction: Direction
    producer: Compatibility
    consumer: Compatibility

    @property
    def text(self) -> str:
        """The change as a sentence."""
        thing, _, what = self.kind.rpartition("_")
        thing = thing.replace("_", " ")
        if what == "renamed":
            return f"{self.name}: the {thing} is renamed from {self.old} to {self.new}"
        verb = {
            "added": f"is added{_shown(self.new)}",
            "removed": f"is removed{_shown(self.old)}",
            "changed": f"changes{_from_to(_shown(self.old), _shown(self.new))}",
        }[what]
        return f"{self.name}: the {thing} {verb}"


def _shown(value: Any) -> str:
    """A short value in backticks; nothing for what is nested or absent."""
    items = value if isinstance(value, list | tuple) else [value]
    if value is None or any(isinstance(item, dict) for item in items):
        return ""
    text = ", ".join(map(str, items))
    return f" `{text if len(text) <= LONGEST_SHOWN else text[:57] + '…'}`"


def _from_to(old: str, new: str) -> str:
    """Both values, or the new one alone; nothing where neither is shown."""
    if not new:
        return ""
    return f" from{old} to{new}" if old else f" to{new}"


def kind_of(thing: str, what: What) -> str:
    """The kind of a change as reports name it: `min_length_changed`."""
    return f"{_snake_case(thing)}_{what}"


def severity_of(thing: str, what: What) -> Severity:
    """How much it matters that something is added, removed or changed."""
    classes = table("compatibility/change_classes.yaml")
    plain = ("info", "info", "info")
    severity: Severity = classes.get(thing, plain)[("added", "removed", "changed").index(what)]
    return severity


def added_or_removed(
    thing: str, path: Path, name: str, old: Any, new: Any, direction: Direction = "neither"
) -> Change:
    """The change of something that is new (`old` is None) or gone (`new` is None)."""
    what: What = "added" if old is None else "removed"
    kind = kind_of(thing, what)
    if thing in ("schema", "column"):
        direction = "neither"
    return graded(kind, severity_of(thing, what), path, name, old, new, direction)


def changed(
    thing: str,
    severity: Severity,
    path: Path,
    name: str,
    old: Any,
    new: Any,
    direction: Direction,
) -> Change:
    """The change of something that is in both documents."""
    return graded(kind_of(thing, "changed"), severity, path, name, old, new, direction)


def graded(
    kind: str,
    severity: Severity,
    path: Path,
    name: str,
    old: Any,
    new: Any,
    direction: Direction = "neither",
    *,
    producer: Compatibility | None = None,
    consumer: Compatibility | None = None,
) -> Change:
    """A change with its level, and with who breaks.

    What tightens breaks producers, what loosens breaks consumers, and what does neither may break
    both.
    """
    breaks = severity == "error"
    if kind in ("column_removed", "schema_removed"):
        producer = "compatible"  # who delivers more than is declared breaks nothing
    breaks_producers = breaks and direction != "loosens"
    breaks_consumers = breaks and direction != "tightens"
    return Change(
        kind=kind,
        path=path,
        name=name,
        old=_without_secrets(old, path),
        new=_without_secrets(new, path),
        level=_level(kind, severity),
        severity=severity,
        direction=direction,
        producer=producer or ("breaking" if breaks_producers else "compatible"),
        consumer=consumer or ("breaking" if breaks_consumers else "compatible"),
    )


def _level(kind: str, severity: Severity) -> Level:
    if severity == "error":
        return "major"
    return "minor" if severity == "warning" or kind in MINOR else "patch"


def _without_secrets(value: Any, path: Path) -> Any:
    """A value as it may be shown.

    Of the address of a webhook, which is a secret itself, its host.
    """
    if isinstance(value, str):
        return host_of(value) if path[-2:] == ("webhook", "url") else scrubbed(value)
    if isinstance(value, Mapping):
        return {key: _without_secrets(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_secrets(inner, path) for inner in value)
    return value


def _snake_case(thing: str) -> str:
    """`minLength` -> `min_length`, as kinds are written."""
    separated = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", thing).lower()
    return re.sub(r"[^a-z0-9]+", "_", separated).strip("_")
