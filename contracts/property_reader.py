"""A document of the newest standard -> its `assay.*` custom properties, typed.

Belongs here: the head of a document, which properties it has, and where each mistake stands.
Stays out: what a property may hold (settings/, features.py), pydantic's errors (typed.py), columns
and rules (declared_rules/).
"""

from __future__ import annotations

import re
from typing import Any

from assay.contracts.document import Document, Path
from assay.contracts.errors import ContractError
from assay.contracts.problems import key_path, suggestion
from assay.contracts.properties import PROPERTIES, REQUIRED
from assay.contracts.team import owners
from assay.contracts.typed import typed

LONGEST_NAME = 100
_TOLERANCE = "assay.tolerance_pct"


class PropertyReader:
    """Reads the properties, and collects what is wrong instead of stopping at the first.

    `values` are the typed properties by their name without `assay.`; `problems` stop the contract.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[ContractError] = []
        self.values: dict[str, Any] = {}
        self.tolerance_pct = 0.0
        self.has_schema = False
        self._read_name()
        self._read_version()
        self._read_properties()
        self._read_owner()
        self._read_schema()

    def _problem(self, problem: str, remedy: str, path: Path, kind: str) -> None:
        where = self.document.where(path)
        self.problems.append(ContractError(problem, remedy, where, kind, key_path(path)))

    def _read_name(self) -> None:
        name = self.document.data.get("name")
        if not name:
            problem = "the contract has no name"
            remedy = "Add `name:`, the name of the data set, its folder and its assets"
        elif len(name) > LONGEST_NAME:
            problem = f"the data set's name has {len(name):,} characters"
            remedy = f"Write at most {LONGEST_NAME}: it names folders"
        elif not re.fullmatch(r"[A-Za-z0-9_]+", name):
            problem = f"the name '{name}' is not allowed for assets"
            remedy = "Use A-Z, a-z, 0-9 and _"
        else:
            return
        self._problem(problem, remedy, ("name",), "assay.name")

    def _read_version(self) -> None:
        version = str(self.document.data["version"])
        if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", version):
            self._problem(
                f"the version '{version}' is not semantic",
                "Write three numbers, such as 1.0.0",
                ("version",),
                "assay.version",
            )

    def _read_properties(self) -> None:
        seen: set[str] = set()
        for index, entry in enumerate(self.document.data.get("customProperties") or []):
            name = entry["property"]
            if name.startswith("assay."):  # others are another tool's: ODCS states to leave them
                self._read_property(entry, ("customProperties", index), is_repeated=name in seen)
                seen.add(name)
        for name in REQUIRED:
            if name not in seen:
                self._problem(
                    f"the property '{name}' is missing",
                    "Add it under `customProperties` (see docs/reference/contracts.md)",
                    ("customProperties",),
                    f"policy.{name.removeprefix('assay.')}",
                )

    def _read_property(self, entry: dict[str, Any], path: Path, *, is_repeated: bool) -> None:
        name, names = entry["property"], {*PROPERTIES, "assay.cleaning"}
        if name not in names:
            self._problem(
                f"the property '{name}' is not known",
                suggestion(name, names),
                (*path, "property"),
                "assay.unknown_key",
            )
        elif is_repeated:
            self._problem(
                f"the property '{name}' is given twice",
                "Keep one of the two",
                (*path, "property"),
                "assay.unknown_key",
            )
        else:
            self._read_value(name, entry["value"], (*path, "value"))

    def _read_value(self, name: str, value: Any, path: Path) -> None:
        settings, mistakes = typed(name, value)
        if not mistakes:
            self.values[name.removeprefix("assay.")] = settings
        for mistake in mistakes:
            self._problem(mistake.problem, mistake.remedy, (*path, *mistake.steps), mistake.kind)

    def _read_owner(self) -> None:
        if not owners(self.document.data):
            self._problem(
                "the contract names no owner",
                "Add `team.name`, or a member with `role: owner`",
                ("team",),
                "policy.owner",
            )

    def _read_schema(self) -> None:
        schemas = self.document.data.get("schema") or []
        if len(schemas) != 1:
            self._problem(
                f"the contract describes {len(schemas)} schema objects",
                "Describe one data set in one contract",
                ("schema",),
                "assay.one_schema",
            )
            return
        self.has_schema = True
        for index, entry in enumerate(schemas[0].get("customProperties") or []):
            path: Path = ("schema", 0, "customProperties", index)
            if entry["property"] == _TOLERANCE:
                self._read_tolerance(entry["value"], (*path, "value"))
            elif entry["property"].startswith("assay."):
                self._problem(
                    f"the property '{entry['property']}' is not known here",
                    suggestion(entry["property"], [_TOLERANCE]),
                    (*path, "property"),
                    "assay.unknown_key",
                )

    def _read_tolerance(self, value: Any, path: Path) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 <= value <= 100:
            self.tolerance_pct = float(value)
            return
        self._problem(
            f"{_TOLERANCE} is {value!r}",
            "Write the percentage of rows that schema rules may quarantine, 0 to 100",
            path,
            "assay.value",
        )
