"""What is read from one schema object: its columns and rules, and everything wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from assay.contracts.column_names import rule_name, rule_names
from assay.contracts.document import Document, Path
from assay.contracts.errors import ContractError
from assay.contracts.formats import EACH
from assay.contracts.model import Bound, Column, Rule
from assay.contracts.problems import Problem, key_path

LONGEST_RULE = 500


class Collected:
    """Columns and rules, and what is wrong with them; nothing stops at the first problem.

    `problems` stop the contract; `warnings` are about rules that no one checks.
    """

    def __init__(self, document: Document, tolerance_pct: float) -> None:
        self.document = document
        self.tolerance = Bound(
            comparison="mustBeLessOrEqualTo", value=tolerance_pct, unit="percent"
        )
        self.problems: list[ContractError] = []
        self.warnings: list[Problem] = []
        self.columns: list[Column] = []
        self.by_name: dict[str, Column] = {}
        self.by_letters: dict[str, str] = {}  # case folded -> the column's name
        self.physical_names: set[str] = set()
        self.rules: list[Rule] = []
        self._rules_by_name: dict[str, Rule] = {}
        self._words: dict[str, str] = {}

    def rule_name(self, columns: Iterable[str], *more: str) -> str:
        """The name of a rule about columns, unless the contract gives it one."""
        if len(self._words) != len(self.columns):
            self._words = rule_names(self.column_names)
        words = (self._words.get(name, name) for name in columns)
        return rule_name("_".join([*words, *more]))

    def add_column(self, column: Column) -> None:
        """Take the column in."""
        self.columns.append(column)
        self.by_name[column.name] = column
        self.by_letters.setdefault(column.name.casefold(), column.name)
        if column.physical_name:
            self.physical_names.add(column.physical_name)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns read so far."""
        return [column.name for column in self.columns]

    def line_of(self, path: Path) -> int | None:
        """The line of a key."""
        return self.document.where(path).line

    def refuse(self, problem: str, remedy: str, path: Path, kind: str) -> None:
        """Note what stops the contract."""
        where = self.document.where(path)
        self.problems.append(ContractError(problem, remedy, where, kind, key_path(path)))

    def warn_unchecked(self, problem: str, remedy: str, path: Path) -> None:
        """Note what no one checks."""
        where, place = self.document.where(path), key_path(path)
        warning = Problem("assay.unchecked", "warning", problem, remedy, where, place)
        self.warnings.append(warning)

    def add(self, rule: Rule, path: Path, *, is_named: bool = False) -> None:
        """Take the rule in, unless its name is none, too long, or another rule's.

        Args:
            is_named: whether the contract names it; a name that is derived is numbered instead.
        """
        if not is_named:
            rule = self._numbered(rule)
        first = self._rules_by_name.get(rule.name)
        if not rule.name:
            problem = "the rule's name has no letter or digit"
            remedy = "Add a `name` of A-Z, a-z, 0-9 and _"
        elif len(rule.name) > LONGEST_RULE:
            problem = f"a rule's name has {len(rule.name):,} characters"
            remedy = f"Give it a `name` of at most {LONGEST_RULE}"
        elif first:
            problem = f"two rules are named '{rule.name}' (the first in line {first.line})"
            remedy = "Give one of them another `name`"
        else:
            self.rules.append(rule)
            self._rules_by_name[rule.name] = rule
            return
        self.refuse(problem, remedy, path, "assay.rule_name")

    def _numbered(self, rule: Rule) -> Rule:
        """The rule under the first name that no other rule has: its own, or with `_2`, `_3`, …"""
        taken = self._rules_by_name
        if rule.name not in taken:
            return rule
        names = (f"{rule.name}_{number}" for number in count(2))
        return rule.model_copy(update={"name": next(name for name in names if name not in taken)})


@dataclass(frozen=True)
class Part:
    """A column or a part of one: what is read from it, and what the contract states about it.

    `path` leads to it in the document, `inner` from the column `top` to the part.
    """

    column: Column
    raw: dict[str, Any]
    path: Path
    top: str
    inner: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """Its `logicalTypeOptions`."""
        return self.raw.get("logicalTypeOptions") or {}

    def nested(self) -> Iterator[Part]:
        """What it consists of: fields of an object, items of an array, keys and values of a map."""
        fields = self.column.fields
        match self.column.logical_type:
            case "object":
                for index, field in enumerate(fields):
                    yield self._below(field, ("properties", index), field.name)
            case "array":
                yield self._below(fields[0], ("items",), EACH)
            case "map":
                for field in fields:
                    yield self._below(field, ("map", field.name), EACH, field.name)

    def _below(self, column: Column, keys: Path, *steps: str) -> Part:
        raw: Any = self.raw
        for key in keys:
            raw = raw[key]
        return Part(column, raw, (*self.path, *keys), self.top, (*self.inner, *steps))
