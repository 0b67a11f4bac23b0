"""One thing that settings and columns of a contract do not agree on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assay.contracts.document import Document, Path
from assay.contracts.errors import ContractError
from assay.contracts.problems import key_path


@dataclass(frozen=True)
class Disagreement:
    """What is wrong, what to do, and which setting it is about.

    `rule_line` is the line of the rule that disagrees, where it is a rule and not the setting.
    """

    problem: str
    remedy: str
    setting: str
    kind: str
    rule_line: int | None = None

    def located(self, document: Document) -> ContractError:
        """The same as an error, at its line."""
        path: Path = _path_of(self.setting, document)
        where = document.where(path)
        if self.rule_line is not None:
            path = ("schema", 0)
            where = replace(document.where(path), line=self.rule_line)
        return ContractError(self.problem, self.remedy, where, self.kind, key_path(path))


def _path_of(setting: str, document: Document) -> Path:
    for index, entry in enumerate(document.data.get("customProperties") or []):
        if entry["property"] == setting:
            return ("customProperties", index, "value")
    return ("customProperties",)
