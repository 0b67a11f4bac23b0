"""What `assay check` found, in each format: text, Markdown, JSON, JUnit, SARIF, GitHub, GitLab.

Finding problems is in checking.py. A rule has the same id in each format, in Dagster and in
lineage.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from typing import Any
from xml.etree import ElementTree as ET

from assay.contracts.errors import Where
from assay.contracts.problems import SEVERITIES, Problem, Severity, name_first

NOTHING = "check.nothing"
"""The id of the problem that a folder holds no contract."""
_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
"""Severities as SARIF spells them."""
MARKDOWN_LIMIT = 60_000  # GitHub cuts a comment at 65,536 characters


@dataclass(frozen=True)
class RuleOutcome:
    """One changed rule, tried on a published version.

    `id` is the rule's name: the name of the Dagster check and of the OpenLineage assertion too.
    `rows` are positions of the first that break it, from 1; never values.
    """

    id: str
    dataset: str
    version: str
    description: str
    column: str | None
    line: int | None
    severity: Severity
    judges_rows: bool
    passed: bool | None
    failing: int
    total: int
    measured: float | None
    bound: str
    rows: tuple[int, ...]
    consumers: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the rule would do, in a sentence."""
        there = f"{self.dataset}@{self.version}"
        if self.passed is None or self.measured is None:
            return f"{self.description}: unknown on {there}, which lacks the columns that it uses"
        readers = f". They are read by {name_first(self.consumers)}" if self.consumers else ""
        if not self.judges_rows:
            return f"{self.description}: {self.measured:,.6g} on {there}, allowed {self.bound}{readers.replace('They are', 'It is') if not self.passed else ''}"
        if not self.failing:
            return f"{self.description}: all {self.total:,} rows of {there} comply"
        share = 100 * self.failing / self.total
        places = ", ".join(f"{row:,}" for row in self.rows)
        examples = f", such as the rows at positions {places}" if self.rows else ""
        verb = "would quarantine" if self.severity == "error" else "would warn of"
        return f"{self.description}: {verb} {self.failing:,} of {self.total:,} rows of {there} ({share:{'.2g' if share < 10 else '.0f'}} %){examples}{readers}"

    @property
    def remedy(self) -> str:
        """What to do about it, if it is bad."""
        if self.passed is None or self.measured is None:
            return "It is evaluated on the next delivery that has them"
        return "Relax the rule, or fix the data first"

    @property
    def is_bad(self) -> bool:
        """Whether it breaks its bound, or it is unknown."""
        return self.passed is not True


@dataclass(frozen=True)
class ContractOutcome:
    """One contract's file, checked."""

    file: str
    name: str | None
    version: str | None
    old_version: str | None
    problems: tuple[Problem, ...]
    rules: tuple[RuleOutcome, ...]

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """The problems, and the tried rules that would not hold, in one list."""
        tried = (
            Problem(
                rule.id,
                rule.severity if rule.passed is False else "warning",
                rule.text,
                rule.remedy,
                Where(file=self.file, line=rule.line),
            )
            for rule in self.rules
            if rule.is_bad
        )
        return (*self.problems, *tried)


@dataclass(frozen=True)
class Outcome:
    """Every contract checked."""

    contracts: tuple[ContractOutcome, ...]
    seconds: float
    base: str | None

    @property
    def checked_nothing(self) -> bool:
        """Whether there was no contract that could be read."""
        unread = {NOTHING, "assay.file"}
        return all(
            any(problem.id in unread for problem in contract.problems)
            for contract in self.contracts
        )

    @property
    def counts(self) -> Counter[str]:
        """How many problems of each severity."""
        return Counter(
            problem.severity for contract in self.contracts for problem in contract.all_problems
        )


def render(outcome: Outcome, format: str) -> str:
    """The outcome in one of `FORMATS`, ending in a line break."""
    return FORMATS[format](outcome).rstrip("\n") + "\n"


def exit_code(outcome: Outcome, fail_on: str) -> int:
    """1 where something is as severe as `fail_on` (error, warning, never), or nothing was checked
    at all, else 0.
    """
    if outcome.checked_nothing:
        return 1
    if fail_on == "never":
        return 0
    from_here = SEVERITIES[SEVERITIES.index("error" if fail_on == "error" else "warning") :]
    return int(any(outcome.counts[severity] for severity in from_here))


def _all_problems(outcome: Outcome) -> Iterator[tuple[ContractOutcome, Problem]]:
    for contract in outcome.contracts:
        for problem in contract.all_problems:
            yield contract, problem


def _closing(outcome: Outcome) -> str:
    counts = outcome.counts
    checked = sum(
        all(problem.id != NOTHING for problem in contract.problems)
        for contract in outcome.contracts
    )
    totals = [
        _some(checked, "contract"),
        _some(counts["error"], "error"),
        _some(counts["warning"], "warning"),
    ]
    return ", ".join(totals) + f" in {outcome.seconds:.1f} s"


def _some(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _one_line(text: str) -> str:
    """Text that stays where it is put: no line breaks, no control characters, none that turn the
    reading direction.
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+", " ", text)


# -- for people -----------------------------------------------------------------------------


def _text(outcome: Outcome) -> str:
    lines = []
    for contract in outcome.contracts:
        lines += [_one_line(str(problem)) for problem in contract.all_problems]
        lines += [
            _one_line(f"{contract.file}: {rule.text}. [{rule.id}]")
            for rule in contract.rules
            if not rule.is_bad
        ]
    return "\n".join([*lines, _closing(outcome)])


def _markdown(outcome: Outcome) -> str:
    """A job summary, or a comment on a pull request."""
    counts = outcome.counts
    verdict = "❌" if counts["error"] else "⚠️" if counts["warning"] else "✅"
    parts = [f"## {verdict} Contracts: {_closing(outcome)}\n"]
    clean = []
    for contract in outcome.contracts:
        if contract.all_problems or contract.rules:
            parts += _contract_parts(contract)
        else:
            clean.append(contract)
    if clean:
        names = ", ".join(_md(contract.name or contract.file) for contract in clean)
        summary = f"{_some(len(clean), 'contract')} without findings"
        parts.append(_details(summary, names))
    text = "\n".join(part for part in parts if part)
    if len(text) <= MARKDOWN_LIMIT:
        return text
    kept = text[:MARKDOWN_LIMIT].rpartition("\n")[0]
    cut = len(text) - len(kept)
    return f"{kept}\n\n{cut:,} more characters were cut; `assay check` shows all of it."


def _contract_parts(contract: ContractOutcome) -> Iterator[str]:
    """The findings about one contract: its problems, its compatible changes and notes, its tried rules."""
    step = contract.version or ""
    if contract.old_version not in (None, contract.version):
        step = f"{contract.old_version} → {contract.version}"
    title = f"### {_md(contract.name or contract.file)} {_md(step)}"
    yield f"{title}\n\n`{_md_code(contract.file)}`\n"
    headers = ["", "line", "what", "what to do", "rule"]
    severe = [problem for problem in contract.problems if problem.severity != "info"]
    yield _table(headers, [_row(problem) for problem in severe])
    infos = [problem for problem in contract.problems if problem.severity == "info"]
    changes = [_row(problem) for problem in infos if problem.id.startswith("change.")]
    notes = [_row(problem) for problem in infos if not problem.id.startswith("change.")]
    for thing, rows in (("compatible change", changes), ("note", notes)):
        if rows:
            yield _details(_some(len(rows), thing), _table(headers, rows))
    if contract.rules:
        rows = [[_mark(rule), _md(rule.text), f"`{_md_code(rule.id)}`"] for rule in contract.rules]
        version = f"{_md(contract.rules[0].dataset)}@{contract.rules[0].version}"
        rules = _table(["", "what would happen", "rule"], rows)
        yield f"Changed rules, tried on {version}:\n\n{rules}"


def _details(summary: str, text: str) -> str:
    """Text that a reader unfolds; it ends in a line break."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n</details>\n"


def _row(problem: Problem) -> list[str]:
    mark = {"error": "❌", "warning": "⚠️", "info": "·"}[problem.severity]
    return [
        mark,
        str(problem.where.line or ""),
        _md(problem.problem),
        _md(problem.remedy),
        f"`{_md_code(problem.id)}`",
    ]


def _mark(rule: RuleOutcome) -> str:
    if rule.passed is None:
        return "❔"
    if rule.passed:
        return "✅"
    return "❌" if rule.severity == "error" else "⚠️"


def _table(headers: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    return (
        "\n".join("| " + " | ".join(row) + " |" for row in [headers, ["---"] * len(headers), *rows])
        + "\n"
    )


def _md(text: str) -> str:
    """Text as Markdown shows it, whatever it holds."""
    return re.sub(r"([\\`*_{}\[\]<>#|~@])", r"\\\1", _one_line(text)).strip()


def _md_code(text: str) -> str:
    return _one_line(text).replace("`", "'").replace("|", "\\|")


# -- for machines ----------------------------------------------------------------------------


def _json(outcome: Outcome) -> str:
    return json.dumps(
        {
            "format": "assay.check/1",
            "assay": installed("assay"),
            **asdict(outcome),
            "counts": dict(outcome.counts),
        },
        indent=2,
        ensure_ascii=False,
    )


def _junit(outcome: Outcome) -> str:
    """One suite a contract; one case a rule tried and a problem found, and one for the contract
    where nothing is wrong with it.
    """
    root = ET.Element("testsuites", name="assay check", time=f"{outcome.seconds:.3f}")
    for contract in outcome.contracts:
        suite = ET.SubElement(
            root, "testsuite", name=_xml(contract.name or contract.file), file=_xml(contract.file)
        )
        tried = {rule.id: rule for rule in contract.rules}
        for rule in contract.rules:
            case = ET.SubElement(
                suite, "testcase", classname=_xml(rule.dataset), name=_xml(rule.id)
            )
            if rule.passed is None:
                ET.SubElement(case, "skipped", message=_xml(rule.text))
            elif not rule.passed and rule.severity == "error":
                ET.SubElement(case, "failure", type="error", message=_xml(rule.text))
            else:
                ET.SubElement(case, "system-out").text = _xml(rule.text)
        for problem in contract.problems:
            if problem.id in tried:
                continue
            case = ET.SubElement(
                suite,
                "testcase",
                classname=_xml(contract.file),
                name=_xml(f"{problem.id} {problem.path}".strip()),
            )
            if problem.severity == "error":
                ET.SubElement(
                    case, "failure", type=_xml(problem.id), message=_xml(problem.problem)
                ).text = _xml(str(problem))
            else:
                ET.SubElement(case, "system-out").text = _xml(str(problem))
        if not any(problem.severity == "error" for problem in contract.problems):
            ET.SubElement(suite, "testcase", classname=_xml(contract.file), name="contract")
        _count(suite)
    _count(root)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def _count(element: ET.Element) -> None:
    for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        element.set(attribute, str(len(list(element.iter(tag)))))
    element.set("errors", "0")


def _xml(text: str) -> str:
    """Text without the characters that XML 1.0 forbids."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _sarif(outcome: Outcome) -> str:
    """Source: OASIS SARIF 2.1.0."""
    kinds = {problem.id: problem for _, problem in _all_problems(outcome)}
    ids = sorted(kinds)
    rules = [
        {
            "id": id_,
            "shortDescription": {"text": _kind(id_)},
            "defaultConfiguration": {"level": _LEVELS[kinds[id_].severity]},
        }
        for id_ in ids
    ]
    results = [
        _sarif_result(contract, problem, ids.index(problem.id))
        for contract, problem in _all_problems(outcome)
    ]
    driver = {"name": "Assay", "version": installed("assay"), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": "assay/check/"},
        "results": results,
    }
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [run],
        },
        indent=2,
        ensure_ascii=False,
    )


def _sarif_result(contract: ContractOutcome, problem: Problem, rule: int) -> dict[str, Any]:
    location = {"uri": _uri(contract.file)}
    if not contract.file.startswith("/"):
        location["uriBaseId"] = "%SRCROOT%"
    physical = {"artifactLocation": location, "region": _region(problem)}
    return {
        "ruleId": problem.id,
        "ruleIndex": rule,
        "level": _LEVELS[problem.severity],
        "message": {"text": f"{problem.problem}. {problem.remedy}."},
        "locations": [{"physicalLocation": physical}],
        "partialFingerprints": {"assay/1": _fingerprint(contract, problem)},
    }


def _kind(id_: str) -> str:
    """`change.column_removed` in words."""
    area, dot, what = id_.partition(".")
    if not dot:
        return f"The contract's rule {id_}"
    areas = {
        "odcs": "The standard",
        "assay": "Assay's settings",
        "policy": "Policy",
        "change": "Compatibility",
        "backtest": "Back-test",
        "check": "The check itself",
    }
    return f"{areas.get(area, area)}: {what.replace('_', ' ') or 'contract'}"


def _region(problem: Problem) -> dict[str, int]:
    region = {"startLine": problem.where.line or 1}
    return {**region, "startColumn": problem.where.column} if problem.where.column else region


def _uri(file: str) -> str:
    from urllib.parse import quote

    return quote(file.replace("\\", "/"))


def _fingerprint(contract: ContractOutcome, problem: Problem) -> str:
    """The same as long as the same key has the same problem, whatever moves around it."""
    return hashlib.sha256(
        "\0".join((contract.file, problem.id, problem.path or problem.problem)).encode()
    ).hexdigest()


def _github(outcome: Outcome) -> str:
    """Workflow commands, which GitHub shows next to the changed lines.

    Source: GitHub's documentation of workflow commands.
    """
    words = {"error": "error", "warning": "warning", "info": "notice"}
    lines = []
    for contract, problem in _all_problems(outcome):
        place = {
            "file": contract.file,
            "line": problem.where.line or 1,
            **({"col": problem.where.column} if problem.where.column else {}),
            "title": problem.id,
        }
        properties = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in place.items())
        lines.append(
            f"::{words[problem.severity]} {properties}::{_escaped(f'{problem.problem}. {problem.remedy}.')}"
        )
    return "\n".join([*lines, _closing(outcome)])


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return re.sub(r"[\x00-\x1f\x85\u2028\u2029]", " ", text)


def _gitlab(outcome: Outcome) -> str:
    """A Code Quality report."""
    severities = {"error": "major", "warning": "minor", "info": "info"}
    seen: Counter[str] = Counter()
    report = []
    for contract, problem in _all_problems(outcome):
        fingerprint = _fingerprint(contract, problem)
        seen[fingerprint] += 1
        if seen[fingerprint] > 1:  # GitLab keeps one of those that share a fingerprint
            numbered = f"{fingerprint}{seen[fingerprint]}"
            fingerprint = hashlib.sha256(numbered.encode()).hexdigest()
        lines = {"begin": problem.where.line or 1}
        report.append(
            {
                "description": f"{problem.problem}. {problem.remedy}.",
                "check_name": problem.id,
                "severity": severities[problem.severity],
                "fingerprint": fingerprint,
                "location": {"path": contract.file, "lines": lines},
            }
        )
    return json.dumps(report, indent=2, ensure_ascii=False)


FORMATS: Mapping[str, Callable[[Outcome], str]] = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "sarif": _sarif,
    "github": _github,
    "gitlab": _gitlab,
    "markdown": _markdown,
}
