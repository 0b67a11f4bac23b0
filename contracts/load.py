"""ODCS YAML text -> contract.

Belongs here: checking a document against the official schema and our settings, all errors at once, each with its line.
Stays out: what a promise means on data.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assay.contracts.declared_rules import Promises, anonymity_rules
from assay.contracts.document import Document, Path, parse
from assay.contracts.errors import ContractError
from assay.contracts.features import Features
from assay.contracts.location import scrubbed
from assay.contracts.measures import BIAS, freshness_rules
from assay.contracts.model import Contract, Level
from assay.contracts.problems import Problem, as_error, key_path, problems_of, suggestion
from assay.contracts.properties import PROPERTIES, REQUIRED
from assay.contracts.settings import CONFIDENTIAL, PARTITION, DriftPolicy, Index, Retrain
from assay.contracts.standard import LATEST, schema_problems
from assay.contracts.steps.fills import unfit
from assay.contracts.typed import typed

UNANSWERED = "TODO"
"""What a draft has where only a person knows."""
LONGEST_NAME = 100
NESTED = ("object", "array", "map", "vector")


@dataclass(frozen=True)
class Linted:
    """A document, looked through: the contract where nothing is wrong, the document as ODCS v3.2.0 where the standard is kept, and what was found."""

    contract: Contract | None
    document: Document | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the document from being a contract that Assay can run."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def load(text: str, file: str) -> Contract:
    """Read one contract.

    Args:
        text: an ODCS v3 document in YAML.
        file: its name, for messages.
    Raises: ContractError(s): everything that is wrong with it, each with line and column.
    """
    linted = lint(text, file)
    if linted.errors:
        raise as_error(linted.errors)
    assert linted.contract is not None  # no error, so it was made
    return linted.contract


def lint(text: str, file: str) -> Linted:
    """Look a document through: the standard of its own version first, then our settings and promises, then whether they agree."""
    try:
        document = parse(text, file)
    except ContractError as error:
        return Linted(None, None, problems_of(error))
    found = schema_problems(document)
    if any(problem.severity == "error" for problem in found):
        return Linted(None, None, _ordered(found))
    document = newest(document)
    found += _unanswered(document.data, (), document)
    settings = _Settings(document)
    promises = (
        Promises(document, ("schema", 0), settings.tolerance_pct) if settings.has_schema else None
    )
    found += [problem for error in settings.problems for problem in problems_of(error)]
    if promises:
        found += promises.warnings
        found += [problem for error in promises.problems for problem in problems_of(error)]
    contract = None
    if promises and not any(problem.severity == "error" for problem in found):
        contract = _contract(document, settings, promises)
        found += [
            problem for error in _cross_checks(contract, document) for problem in problems_of(error)
        ]
    errors = any(problem.severity == "error" for problem in found)
    return Linted(None if errors else contract, document, _ordered(found))


def _unanswered(value: Any, path: Path, document: Document) -> Iterator[Problem]:
    """Where a draft still waits for what only a person knows."""
    if value == UNANSWERED:
        yield Problem(
            "assay.todo",
            "warning",
            f"`{key_path(path)}` is still {UNANSWERED}",
            "Say what only a person knows",
            document.where(path),
            key_path(path),
        )
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from _unanswered(inner, (*path, key), document)


def newest(document: Document) -> Document:
    """The document as ODCS v3.2.0; what moved points to the nearest line that stands in the text."""
    from assay.contracts.upgrade import upgraded

    if document.data.get("apiVersion") == LATEST:
        return document
    return replace(document, data=upgraded(copy.deepcopy(document.data))[0])


def _contract(document: Document, settings: _Settings, promises: Promises) -> Contract:
    data = document.data
    description = data.get("description") or {}
    return Contract(
        name=data["name"],
        version=data["version"],
        status=data.get("status", "draft"),
        domain=data.get("domain"),
        description=description.get("purpose", ""),
        usage=description.get("usage", ""),
        limitations=description.get("limitations", ""),
        owners=_owners(data),
        approvers=_approvers(data),
        table=data["schema"][0]["name"],
        columns=tuple(promises.columns),
        rules=(
            *promises.rules,
            *anonymity_rules(settings.values.get("privacy"), promises.columns),
            *freshness_rules(data, promises.columns, promises.rules),
        ),
        digest=digest(data),
        file=document.file,
        **settings.values,
    )


def digest(data: Any) -> str:
    """SHA-256 of what a document says; comments and layout do not count."""
    return hashlib.sha256(
        json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()


def _ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    shown = (
        replace(each, problem=scrubbed(each.problem), remedy=scrubbed(each.remedy))
        for each in problems
    )
    once = {str(problem): problem for problem in shown}.values()
    return tuple(sorted(once, key=lambda p: (p.where.line or 0, p.where.column or 0, p.problem)))


def _error(document: Document, problem: str, remedy: str, path: Path, kind: str) -> ContractError:
    return ContractError(problem, remedy, document.where(path), kind, key_path(path))


# -- our settings -------------------------------------------------------------


class _Settings:
    """The `assay.*` custom properties of a document, typed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[ContractError] = []
        self.values: dict[str, Any] = {}
        self.tolerance_pct = 0.0
        self.has_schema = False
        self._head()
        self._root()
        self._schema()

    def _problem(self, problem: str, remedy: str, path: Path, kind: str) -> None:
        self.problems.append(_error(self.document, problem, remedy, path, kind))

    def _head(self) -> None:
        data = self.document.data
        if not data.get("name"):
            self._problem(
                "the contract has no name",
                "Add `name:`, the data set's; it names its folder and its assets",
                ("name",),
                "assay.name",
            )
        elif len(data["name"]) > LONGEST_NAME:
            problem = f"the data set's name has {len(data['name']):,} characters"
            self._problem(
                problem, f"Write at most {LONGEST_NAME}: it names folders", ("name",), "assay.name"
            )
        elif not re.fullmatch(r"[A-Za-z0-9_]+", data["name"]):
            self._problem(
                f"the name '{data['name']}' cannot name assets",
                "Write it with A-Z, a-z, 0-9 and _",
                ("name",),
                "assay.name",
            )
        if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", str(data["version"])):
            self._problem(
                f"the version '{data['version']}' is not semantic",
                "Write three numbers, such as 1.0.0",
                ("version",),
                "assay.version",
            )

    def _root(self) -> None:
        seen: set[str] = set()
        known = {*PROPERTIES, "assay.cleaning"}
        for index, entry in enumerate(self.document.data.get("customProperties") or []):
            name, path = entry["property"], ("customProperties", index)
            if not name.startswith("assay."):
                continue  # another tool's: ODCS says to leave it alone
            if name not in known:
                self._problem(
                    f"the property '{name}' is not known",
                    suggestion(name, known),
                    (*path, "property"),
                    "assay.unknown_key",
                )
            elif name in seen:
                self._problem(
                    f"the property '{name}' is given twice",
                    "Keep one of the two",
                    (*path, "property"),
                    "assay.unknown_key",
                )
            else:
                self._typed(name, entry["value"], (*path, "value"))
            seen.add(name)
        for name in REQUIRED:
            if name not in seen:
                self._problem(
                    f"the property '{name}' is missing",
                    "Add it under `customProperties` (see docs/contracts.md)",
                    ("customProperties",),
                    f"policy.{name[6:]}",
                )
        if not _owners(self.document.data):
            self._problem(
                "the contract names no owner",
                "Give `team.name`, or a member with `role: owner`",
                ("team",),
                "policy.owner",
            )

    def _typed(self, name: str, value: Any, path: Path) -> None:
        settings, mistakes = typed(name, value)
        if not mistakes:
            self.values[name.removeprefix("assay.")] = settings
        for mistake in mistakes:
            self._problem(mistake.problem, mistake.remedy, (*path, *mistake.steps), mistake.kind)

    def _schema(self) -> None:
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
            if entry["property"] == "assay.tolerance_pct":
                value = entry["value"]
                if (
                    isinstance(value, bool)
                    or not isinstance(value, int | float)
                    or not 0 <= value <= 100
                ):
                    self._problem(
                        f"assay.tolerance_pct is {value!r}",
                        "Give the percentage of rows that schema rules may set aside, 0 to 100",
                        (*path, "value"),
                        "assay.value",
                    )
                else:
                    self.tolerance_pct = float(value)
            elif entry["property"].startswith("assay."):
                hint = suggestion(entry["property"], ["assay.tolerance_pct"])
                self._problem(
                    f"the property '{entry['property']}' is not known here",
                    hint,
                    (*path, "property"),
                    "assay.unknown_key",
                )


def _owners(data: dict[str, Any]) -> tuple[str, ...]:
    team = data.get("team") or {}
    members = team.get("members") or [] if isinstance(team, dict) else team
    named = [member["username"] for member in members if member.get("role") == "owner"]
    return (
        *([f"team:{team['name']}"] if isinstance(team, dict) and team.get("name") else []),
        *named,
    )


def _approvers(data: dict[str, Any]) -> dict[Level, tuple[str, ...]]:
    """Level -> names, from every role: ODCS writes several names into one text, separated by commas."""
    keys: dict[Level, str] = {"first": "firstLevelApprovers", "second": "secondLevelApprovers"}
    named = {
        level: [
            name.strip()
            for role in data.get("roles") or []
            for name in str(role.get(key) or "").split(",")
            if name.strip()
        ]
        for level, key in keys.items()
    }
    return {level: tuple(dict.fromkeys(names)) for level, names in named.items() if names}


# -- what only shows when everything is read ----------------------------------


def _cross_checks(contract: Contract, document: Document) -> Iterator[ContractError]:
    promised = set(contract.column_names)

    def problem_at(problem: str, remedy: str, setting: str, kind: str) -> ContractError:
        return _error(document, problem, remedy, _property(document, setting), kind)

    def unpromised(columns: Iterable[str], setting: str) -> Iterator[ContractError]:
        for name in columns:
            if name not in promised:
                yield problem_at(
                    f"{setting} names the column '{name}', which is not promised",
                    suggestion(name, promised, "Promise it, or leave it out"),
                    setting,
                    "assay.columns",
                )

    if contract.source.windows:
        yield from unpromised([contract.source.windows.column], "assay.source")
    yield from _partitioning(contract, problem_at)
    yield from unpromised(contract.privacy.columns, "assay.privacy")
    if contract.privacy.anonymity:
        yield from unpromised(
            [*contract.privacy.anonymity.quasi_identifiers, *contract.privacy.anonymity.sensitive],
            "assay.privacy",
        )
    if contract.license.column:
        yield from unpromised([contract.license.column], "assay.license")
    yield from _of_bias(contract, document, problem_at)
    for step in contract.cleaning:
        yield from unpromised(step.reads, "assay.cleaning")
    if contract.features:
        yield from unpromised(contract.features.named, "assay.features")
    if contract.drift:
        yield from unpromised(_watched(contract.drift), "assay.drift")
        yield from _of_drift(contract, contract.drift, problem_at)
    if contract.retrain:
        yield from unpromised(_judged_by(contract.retrain), "assay.retrain")
    if contract.index:
        yield from unpromised(
            list(
                filter(
                    None,
                    (
                        contract.index.key,
                        contract.index.text,
                        contract.index.title,
                        contract.index.vector,
                    ),
                )
            ),
            "assay.index",
        )
        yield from _of_index(contract, contract.index, problem_at)
    for column in contract.columns:
        if column.classification in CONFIDENTIAL and column.name not in contract.privacy.columns:
            problem = f"the column '{column.name}' is classified {column.classification}, and nothing is done about it"
            yield problem_at(
                problem,
                "Add its treatment under assay.privacy `columns`",
                "assay.privacy",
                "policy.privacy",
            )
        if column.name in contract.privacy.columns and column.logical_type != "string":
            yield problem_at(
                f"the personal column '{column.name}' is no string",
                "Promise it as `logicalType: string`: treatments replace it by text",
                "assay.privacy",
                "assay.type",
            )
    yield from _unsuited(contract, problem_at)
    if contract.retrain and not (contract.features and contract.features.target):
        yield problem_at(
            "assay.retrain has nothing to learn",
            "Add `target` to assay.features",
            "assay.retrain",
            "assay.required",
        )


def _of_bias(
    contract: Contract, document: Document, about: Callable[[str, str, str, str], ContractError]
) -> Iterator[ContractError]:
    """Groups and outcomes that nobody promised, and rules about groups that nobody declared."""
    bias, types = contract.bias, {column.name: column.logical_type for column in contract.columns}
    for name in [
        *(bias.groups if bias else ()),
        *([bias.label.column] if bias and bias.label else []),
    ]:
        if name not in types:
            yield about(
                f"assay.bias names the column '{name}', which is not promised",
                suggestion(name, types, "Promise it, or leave it out"),
                "assay.bias",
                "assay.columns",
            )
        elif types[name] in NESTED:
            yield about(
                f"assay.bias names '{name}', which is promised as {types[name]}",
                "Name columns of plain values",
                "assay.bias",
                "assay.type",
            )
    if (
        bias
        and bias.label
        and bias.label.above is not None
        and types.get(bias.label.column, "integer") not in ("integer", "number")
    ):
        yield about(
            f"`above` needs numbers, and '{bias.label.column}' is promised as {types[bias.label.column]}",
            "Say `equals`",
            "assay.bias",
            "assay.type",
        )
    for rule in contract.rules:
        if rule.kind == "metric" and rule.argument.name in BIAS:
            needs_label = rule.argument.name in ("labelShare", "parityDifference", "impactRatio")
            if (
                bias is None
                or rule.argument.column not in bias.groups
                or (needs_label and bias.label is None)
            ):
                remedy = f"Add it to assay.bias: `groups: [{rule.argument.column}]`" + (
                    ", and a `label`" if needs_label else ""
                )
                where = replace(document.where(("schema", 0)), line=rule.line)
                yield ContractError(
                    f"the rule '{rule.name}' measures bias that assay.bias does not declare",
                    remedy,
                    where,
                    "assay.columns",
                    "schema[0]",
                )


def _watched(policy: DriftPolicy) -> list[str]:
    """Every column that drift reads."""
    newest = [policy.newest.column] if policy.newest else []
    return list(
        dict.fromkeys(
            [
                *policy.columns,
                *(policy.texts.columns if policy.texts else ()),
                *newest,
                *(each.column for each in policy.slices),
            ]
        )
    )


def _judged_by(policy: Retrain) -> list[str]:
    """Every column of a version that a model is judged by, beside its features."""
    return list(
        dict.fromkeys(
            [
                *(each.column for each in policy.slices),
                *(policy.fairness.groups if policy.fairness else ()),
            ]
        )
    )


def _of_drift(
    contract: Contract, policy: DriftPolicy, about: Callable[[str, str, str, str], ContractError]
) -> Iterator[ContractError]:
    """Drift settings that name a column which cannot serve them."""
    types = {column.name: column.logical_type for column in contract.columns}
    for name, method in policy.methods.items():
        numbers = types.get(name) in ("integer", "number")
        if name in types and method.method in (
            ("chisquare",) if numbers else ("ks", "wasserstein")
        ):
            problem = f"`{method.method}` does not compare {types[name]}s, and '{name}' is promised as one"
            yield about(
                problem,
                "Choose a test that compares " + ("numbers" if numbers else "categories"),
                "assay.drift",
                "assay.type",
            )
    for name in policy.texts.columns if policy.texts else ():
        if types.get(name, "string") != "string":
            yield about(
                f"`texts` needs strings, and '{name}' is promised as {types[name]}",
                "Name columns of strings",
                "assay.drift",
                "assay.type",
            )
        elif (treatment := contract.privacy.columns.get(name)) and treatment.treatment != "redact":
            yield about(
                f"`texts` names '{name}', of which admission leaves no text",
                "Leave it out, or have it redacted",
                "assay.drift",
                "assay.columns",
            )
    if policy.newest and types.get(policy.newest.column, "date") not in ("date", "timestamp"):
        yield about(
            f"`newest` needs a date or a timestamp, and '{policy.newest.column}' is promised as {types[policy.newest.column]}",
            "Name a time",
            "assay.drift",
            "assay.type",
        )
    for each in policy.slices:
        if each.column in contract.privacy.columns:
            yield about(
                f"a slice names '{each.column}', which is personal",
                "Slice by columns that tell nobody apart",
                "assay.drift",
                "assay.columns",
            )


def _of_index(
    contract: Contract, index: Index, about: Callable[[str, str, str, str], ContractError]
) -> Iterator[ContractError]:
    """Columns that cannot be indexed as they are promised."""
    columns = {column.name: column for column in contract.columns}
    for name in filter(None, (index.text, index.title)):
        if name in columns and columns[name].logical_type != "string":
            yield about(
                f"'{name}' is promised as {columns[name].logical_type}, and an index reads text",
                "Name a column of strings",
                "assay.index",
                "assay.type",
            )
    for name in filter(None, (index.key, index.text, index.title)):
        if (treatment := contract.privacy.columns.get(name)) and treatment.treatment == "drop":
            yield about(
                f"admission drops the column '{name}'",
                "Name a column that is published",
                "assay.index",
                "assay.columns",
            )
    vector = columns.get(index.vector or "")
    if vector and (vector.logical_type != "vector" or vector.dimensions != index.dimensions):
        said = (
            f"{vector.dimensions} dimensions"
            if vector.logical_type == "vector"
            else f"{vector.logical_type}"
        )
        yield about(
            f"'{vector.name}' is promised as {said}, and the index has vectors of {index.dimensions}",
            "Write the same `dimensions` in both",
            "assay.index",
            "assay.type",
        )


def _partitioning(
    contract: Contract, about: Callable[[str, str, str, str], ContractError]
) -> Iterator[ContractError]:
    """A partitioned data set needs a time that every row has, and one way of being cut."""
    source, column = contract.source, contract.partition_column
    if source.partitions is None:
        if PARTITION in source.location:
            yield about(
                f"the location names `{PARTITION}`, and there are no partitions",
                "Add `partitions` to assay.source",
                "assay.source",
                "assay.required",
            )
        return
    if source.windows:
        yield about(
            "assay.source has `windows` and `partitions`",
            "Keep one: a version holds one window, or every partition",
            "assay.source",
            "assay.value",
        )
    if source.arrival and PARTITION in source.location:
        yield about(
            "`arrival` looks at one file, and each partition has its own",
            "Name a `schedule`, which takes what is due",
            "assay.source",
            "assay.value",
        )
    if column is None:
        yield about(
            "no column says by what the data set is partitioned",
            "Give one `partitioned: true` and `partitionKeyPosition: 1`",
            "assay.source",
            "assay.columns",
        )
    elif column.logical_type not in ("date", "timestamp") or not column.required:
        yield about(
            f"the data set is partitioned by '{column.name}', which is no required date or timestamp",
            "Promise it as one, with `required: true`",
            "assay.source",
            "assay.type",
        )


def _unsuited(
    contract: Contract, about: Callable[[str, str, str, str], ContractError]
) -> Iterator[ContractError]:
    """Settings that name a promised column which cannot serve them."""
    types = {column.name: column.logical_type for column in contract.columns}
    numbers = {name for name, kind in types.items() if kind in ("integer", "number")}
    if contract.license.column and types.get(contract.license.column, "string") != "string":
        yield about(
            f"the licence of a row stands in '{contract.license.column}', which is promised as {types[contract.license.column]}",
            "Name a column of strings",
            "assay.license",
            "assay.type",
        )
    nested = {name for name, kind in types.items() if kind in NESTED}

    def numeric(columns: Iterable[str], what: str, setting: str) -> Iterator[ContractError]:
        for name in columns:
            if name in types and name not in numbers:
                yield about(
                    f"{what} needs numbers, and '{name}' is promised as {types[name]}",
                    "Name columns of integers or numbers",
                    setting,
                    "assay.type",
                )

    phases = [step.phase for step in contract.cleaning]
    if phases != sorted(phases):
        late = contract.cleaning[len(phases) - 1 - phases[::-1].index("text")]
        yield about(
            f"the step '{late.step}' works on text, and stands after one that works on values",
            "Name the steps on text first",
            "assay.cleaning",
            "assay.value",
        )
    for step in contract.cleaning:
        yield from numeric(step.numbers, step.step, "assay.cleaning")
        if step.step == "near_duplicate_texts" and types.get(step.column, "string") != "string":
            yield about(
                f"{step.step} compares texts, and '{step.column}' is promised as {types[step.column]}",
                "Name a column of strings",
                "assay.cleaning",
                "assay.type",
            )
        if step.step == "fill_missing":
            yield from (
                about(problem, remedy, "assay.cleaning", "assay.type")
                for problem, remedy in unfit(step, contract.columns)
            )
    if contract.retrain and "training" not in contract.license.purposes:
        remedy = "Add `training` to its purposes, or leave assay.retrain out"
        yield about(
            "a model is trained on the data, and assay.license does not name the purpose 'training'",
            remedy,
            "assay.retrain",
            "policy.license",
        )
    if contract.features:
        yield from _of_features(contract, contract.features, types, about)
    used = {
        "assay.cleaning": [c for step in contract.cleaning for c in step.reads],
        "assay.drift": _watched(contract.drift) if contract.drift else [],
    }
    used |= {"assay.features": list(contract.features.named) if contract.features else []}
    for setting, columns in used.items():
        for name in sorted(nested & set(columns)):
            yield about(
                f"{setting} names '{name}', which is promised as {types[name]}",
                "Name columns of plain values",
                setting,
                "assay.type",
            )
    if contract.bias:
        used["assay.bias"] = [
            *contract.bias.groups,
            *([contract.bias.label.column] if contract.bias.label else []),
        ]
    if contract.privacy.anonymity:
        used["assay.privacy"] = [
            *contract.privacy.anonymity.quasi_identifiers,
            *contract.privacy.anonymity.sensitive,
        ]
    dropped = {
        name
        for name, treatment in contract.privacy.columns.items()
        if treatment.treatment == "drop"
    }
    for setting, columns in {
        "a rule": [c for rule in contract.rules for c in rule.columns],
        **used,
    }.items():
        for name in sorted(dropped & set(columns)):
            yield about(
                f"{setting} names the column '{name}', which admission drops",
                "Leave it out there, or treat the column otherwise",
                "assay.privacy",
                "assay.columns",
            )


def _of_features(
    contract: Contract,
    features: Features,
    types: Mapping[str, str],
    about: Callable[[str, str, str, str], ContractError],
) -> Iterator[ContractError]:
    """Transforms of columns that they cannot read, that look at the target, or that make what nobody may use."""
    setting = "assay.features"
    suited = {"number": ("integer", "number"), "text": ("string",), "time": ("date", "timestamp")}
    wanted = [
        (f"`{transform.transform}`", column, kind)
        for transform, read in features.read_by()
        for column, kind in transform.needs.items()
        if column in read
    ]
    wanted += [("the target", features.target.column, "number")] if features.target else []
    for what, column, kind in wanted:
        if types.get(column, suited[kind][0]) not in suited[kind]:
            yield about(
                f"{what} needs {kind}s, and '{column}' is promised as {types[column]}",
                f"Name columns of {' or '.join(suited[kind])}s",
                setting,
                "assay.type",
            )
    zoneless = {
        column.name
        for column in contract.columns
        if column.logical_type == "timestamp" and not column.timezone
    }
    for transform, read in features.read_by():
        for column in sorted(zoneless & set(read)) if getattr(transform, "time_zone", None) else ():
            remedy = "Leave `time_zone` out, or promise the column with its zone"
            yield about(
                f"`{transform.transform}` reads '{column}' on the clock of a `time_zone`, and it is promised without a zone",
                remedy,
                setting,
                "assay.type",
            )
    ordered = types.get(features.order_by, "timestamp")
    spans = {
        type(span)
        for transform in features.transforms
        for span in (getattr(transform, name, None) for name in ("span", "gap", "within"))
        if span not in (None, "all")
    }
    if (
        contract.holdout or any(transform.by_time for transform in features.transforms)
    ) and ordered not in ("date", "timestamp", "integer"):
        yield about(
            f"rows are ordered by '{features.order_by}', which is promised as {ordered}",
            "Order them by a date, a timestamp or an integer",
            setting,
            "assay.type",
        )
    elif spans - {int if ordered == "integer" else str}:
        how = "a whole number, such as 7" if ordered == "integer" else "a time, such as 7d"
        yield about(
            f"a span does not fit '{features.order_by}', which is promised as {ordered}",
            f"Write it as {how}",
            setting,
            "assay.value",
        )
    for transform, column in features.leaks():
        remedy = "Leave it out, or let `window` or `lag` look at the rows before"
        yield about(
            f"`{transform.transform}` looks at '{column}', which the target is made from: the model would be told what it is to find out",
            remedy,
            setting,
            "assay.leak",
        )
    if features.holdout and contract.retrain and features.holdout < contract.retrain.holdout:
        problem = f"features are fitted on all but {features.holdout:.0%} of the rows, and the model is judged on {contract.retrain.holdout:.0%}"
        yield about(problem, "Leave `holdout` out of assay.features", setting, "assay.leak")
    classes = contract.classes
    for column in features.reads:
        allowed = (
            set(features.allows.get(classes[column], ())) & set(contract.license.purposes)
            if column in classes
            else set[str]()
        )
        if column in classes and (not allowed or (contract.retrain and "training" not in allowed)):
            purpose = "training" if allowed else "any purpose that the data are licensed for"
            remedy = f"Leave it out, or add `allows: {{{classes[column]}: [training]}}` if that is lawful"
            yield about(
                f"features are made from '{column}' ({classes[column]}), which assay.features does not allow for {purpose}",
                remedy,
                setting,
                "policy.privacy",
            )


def _property(document: Document, name: str) -> Path:
    for index, entry in enumerate(document.data.get("customProperties") or []):
        if entry["property"] == name:
            return ("customProperties", index, "value")
    return ("customProperties",)
