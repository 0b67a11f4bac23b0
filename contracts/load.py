"""ODCS YAML text -> contract.

Belongs here: checking a document against the official schema and our settings, all errors at once, each with its line.
Stays out: what a promise means on data.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from typing import Any

from pydantic import TypeAdapter, ValidationError

from contracts.document import Document, Path, parse
from contracts.errors import ContractError, ContractErrors, about
from contracts.model import Contract
from contracts.promises import Promises
from contracts.settings import PROPERTIES, REQUIRED, CleaningStep

API_VERSION = "v3.2.0"
_CLEANING: TypeAdapter[tuple[CleaningStep, ...]] = TypeAdapter(tuple[CleaningStep, ...])


def load(text: str, file: str) -> Contract:
    """Read one contract.

    Args:
        text: an ODCS v3.2.0 document in YAML.
        file: its name, for messages.
    Raises: ContractError(s): everything that is wrong with it, each with line and column.
    """
    document = parse(text, file)
    _raise(_head(document))
    _raise(_schema_errors(document))
    settings = _Settings(document)
    promises = Promises(document, ("schema", 0), settings.tolerance_pct)
    _raise([*settings.problems, *promises.problems])
    data = document.data
    contract = Contract(
        name=data["name"],
        version=data["version"],
        status=data.get("status", "draft"),
        domain=data.get("domain"),
        description=(data.get("description") or {}).get("purpose", ""),
        owners=_owners(data),
        columns=tuple(promises.columns),
        rules=tuple(promises.rules),
        digest=digest(data),
        file=file,
        **settings.values,
    )
    with about(dataset=contract.name):
        _raise(_cross_checks(contract, document))
    return contract


def digest(data: Any) -> str:
    """SHA-256 of what a document says; comments and layout do not count."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _raise(problems: Iterable[ContractError]) -> None:
    found = sorted({str(problem): problem for problem in problems}.values(), key=lambda p: (p.where.line or 0, p.where.column or 0, p.problem))
    if found:
        raise ContractErrors(tuple(found)) if len(found) > 1 else found[0]


def _head(document: Document) -> Iterator[ContractError]:
    data = document.data
    if not isinstance(data, dict):
        yield ContractError("the document is no mapping", "Start it with `apiVersion: v3.2.0` and `kind: DataContract`", document.where(()))
        return
    if data.get("apiVersion") != API_VERSION:
        said = data.get("apiVersion") or "none"
        yield ContractError(f"its apiVersion is {said}", f"Assay reads ODCS {API_VERSION}: write `apiVersion: {API_VERSION}`", document.where(("apiVersion",)))


# -- the official schema ------------------------------------------------------


@cache
def _official() -> tuple[Any, frozenset[str]]:
    from jsonschema import Draft201909Validator

    schema = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    names = {name for definition in [schema, *schema["$defs"].values()] for name in definition.get("properties", {})}
    return Draft201909Validator(schema), frozenset(names)


def _schema_errors(document: Document) -> Iterator[ContractError]:
    validator, names = _official()
    for error in validator.iter_errors(document.data):
        yield from _told(error, document, names)


def _told(error: Any, document: Document, names: frozenset[str]) -> Iterator[ContractError]:
    """One of jsonschema's errors in our words; for alternatives, the errors of the branch that fits best."""
    path: Path = tuple(error.absolute_path)
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        unexpected = [key for key in error.instance if re.search(rf"'{re.escape(str(key))}'", error.message)]
        # a key the standard knows is reported only where it is plainly additional: unevaluated ones follow from another error
        for key in unexpected if error.validator == "additionalProperties" else [key for key in unexpected if key not in names]:
            yield ContractError(f"the key '{key}' is not known here", suggestion(key, names), document.where((*path, key)))
        return
    if error.context and error.validator in ("anyOf", "oneOf"):
        deepest = max(error.context, key=lambda e: len(e.absolute_path))
        if len(deepest.absolute_path) > len(path):
            yield from _told(deepest, document, names)
            return
    place = ".".join(str(step) for step in path) or "the document"
    if error.validator == "required":
        missing = error.message.split("'")[1]
        yield ContractError(f"{place} lacks `{missing}`", f"Add `{missing}:`", document.where(path))
    elif error.validator in ("anyOf", "oneOf"):
        yield ContractError(f"{place} has none, or more than one, of the forms the standard allows", "Compare it with the ODCS documentation of this field", document.where(path))
    else:
        yield ContractError(f"{place}: {error.message}", f"The standard asks for {error.validator} {json.dumps(error.validator_value)[:120]}", document.where(path))


def suggestion(key: str, known: Iterable[str]) -> str:
    """'Did you mean' for an unknown key."""
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"Did you mean '{close[0]}'" if close else "Remove it, or put it under `customProperties`"


# -- our settings -------------------------------------------------------------


class _Settings:
    """The `assay.*` custom properties of a document, typed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[ContractError] = []
        self.values: dict[str, Any] = {}
        self.tolerance_pct = 0.0
        self._root()
        self._schema()

    def _root(self) -> None:
        seen: set[str] = set()
        known = {*PROPERTIES, "assay.cleaning"}
        for index, entry in enumerate(self.document.data.get("customProperties") or []):
            name, path = entry["property"], ("customProperties", index)
            if not name.startswith("assay."):
                continue  # another tool's: ODCS says to leave it alone
            if name not in known:
                self.problems.append(ContractError(f"the property '{name}' is not known", suggestion(name, known), self.document.where((*path, "property"))))
            elif name in seen:
                self.problems.append(ContractError(f"the property '{name}' is given twice", "Keep one of the two", self.document.where((*path, "property"))))
            else:
                self._typed(name, entry["value"], (*path, "value"))
            seen.add(name)
        for name in REQUIRED:
            if name not in seen:
                self.problems.append(
                    ContractError(f"the property '{name}' is missing", "Add it under `customProperties` (see docs/contracts.md)", self.document.where(("customProperties",)))
                )

    def _typed(self, name: str, value: Any, path: Path) -> None:
        target: Any = _CLEANING if name == "assay.cleaning" else TypeAdapter(PROPERTIES[name])
        try:
            self.values[name.removeprefix("assay.")] = target.validate_python(value)
        except ValidationError as errors:
            for error in errors.errors(include_url=False):
                self.problems.append(self._told(dict(error), name, path))

    def _told(self, error: dict[str, Any], name: str, path: Path) -> ContractError:
        node, steps = self._value(path), []
        for step in error["loc"]:
            if (isinstance(node, dict) and step in node) or (isinstance(node, list) and isinstance(step, int)):
                node = node[step]
                steps.append(step)
            elif error["type"] in ("extra_forbidden", "missing") and step == error["loc"][-1]:
                steps.append(step)
        place = ".".join([name, *(str(step) for step in steps)])
        if error["type"] == "extra_forbidden":
            return ContractError(f"the key '{place}' is not known", suggestion(str(steps[-1]), _fields(name)), self.document.where((*path, *steps)))
        if error["type"] == "missing":
            return ContractError(f"'{name}' lacks `{'.'.join(map(str, steps))}`", f"Add `{steps[-1]}:`", self.document.where((*path, *steps[:-1])))
        return ContractError(f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}", "See docs/contracts.md for what it takes", self.document.where((*path, *steps)))

    def _value(self, path: Path) -> Any:
        node = self.document.data
        for step in path:
            node = node[step]
        return node

    def _schema(self) -> None:
        schemas = self.document.data.get("schema") or []
        if len(schemas) != 1:
            self.problems.append(ContractError(f"the contract describes {len(schemas)} schema objects", "Describe one data set in one contract", self.document.where(("schema",))))
            raise ContractErrors(tuple(self.problems))
        for index, entry in enumerate(schemas[0].get("customProperties") or []):
            path: Path = ("schema", 0, "customProperties", index)
            if entry["property"] == "assay.tolerance_pct":
                value = entry["value"]
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                    self.problems.append(
                        ContractError(
                            f"assay.tolerance_pct is {value!r}", "Give the percentage of rows that schema rules may set aside, 0 to 100", self.document.where((*path, "value"))
                        )
                    )
                else:
                    self.tolerance_pct = float(value)
            elif entry["property"].startswith("assay."):
                self.problems.append(
                    ContractError(
                        f"the property '{entry['property']}' is not known here", suggestion(entry["property"], ["assay.tolerance_pct"]), self.document.where((*path, "property"))
                    )
                )


def _fields(name: str) -> set[str]:
    """Every key that can stand somewhere below the property, for suggestions."""
    model: Any = tuple[CleaningStep, ...] if name == "assay.cleaning" else PROPERTIES[name]
    schema = TypeAdapter(model).json_schema()
    return {key for part in [schema, *schema.get("$defs", {}).values()] for key in part.get("properties", {})}


def _owners(data: dict[str, Any]) -> tuple[str, ...]:
    team = data.get("team") or {}
    members = team.get("members") or [] if isinstance(team, dict) else team
    named = [member["username"] for member in members if member.get("role") == "owner"]
    return (*([f"team:{team['name']}"] if isinstance(team, dict) and team.get("name") else []), *named)


# -- what only shows when everything is read ----------------------------------


def _cross_checks(contract: Contract, document: Document) -> Iterator[ContractError]:
    promised = set(contract.column_names)

    def unpromised(columns: Iterable[str], setting: str) -> Iterator[ContractError]:
        for name in columns:
            if name not in promised:
                yield ContractError(f"{setting} names the column '{name}', which is not promised", suggestion(name, promised), document.where(_property(document, setting)))

    if not contract.owners:
        yield ContractError("the contract names no owner", "Give `team.name`, or a member with `role: owner`", document.where(("team",)))
    if contract.source.windows:
        yield from unpromised([contract.source.windows.column], "assay.source")
    yield from unpromised(contract.privacy.columns, "assay.privacy")
    for step in contract.cleaning:
        yield from unpromised(getattr(step, "columns", ()), "assay.cleaning")
    if contract.features:
        named = [name for transform in contract.features.transforms for name in transform.columns]
        yield from unpromised([*named, contract.features.order_by, *([contract.features.target.column] if contract.features.target else [])], "assay.features")
    if contract.drift:
        yield from unpromised(contract.drift.columns, "assay.drift")
    if contract.index:
        yield from unpromised([contract.index.key, contract.index.text], "assay.index")
    for column in contract.columns:
        if column.classification in ("personal", "health", "secret") and column.name not in contract.privacy.columns:
            yield ContractError(
                f"the column '{column.name}' is classified {column.classification}, and nothing is done about it",
                "Add its treatment under assay.privacy `columns`",
                document.where(_property(document, "assay.privacy")),
            )
        if column.name in contract.privacy.columns and column.logical_type != "string":
            yield ContractError(
                f"the personal column '{column.name}' is no string",
                "Promise it as `logicalType: string`: treatments replace it by text",
                document.where(_property(document, "assay.privacy")),
            )
    yield from _unsuited(contract, document)
    if contract.retrain and not (contract.features and contract.features.target):
        yield ContractError("assay.retrain has nothing to learn", "Add `target` to assay.features", document.where(_property(document, "assay.retrain")))


def _unsuited(contract: Contract, document: Document) -> Iterator[ContractError]:
    """Settings that name a promised column which cannot serve them."""
    types = {column.name: column.logical_type for column in contract.columns}
    numbers = {name for name, kind in types.items() if kind in ("integer", "number")}

    def numeric(columns: Iterable[str], what: str, setting: str) -> Iterator[ContractError]:
        for name in columns:
            if name in types and name not in numbers:
                yield ContractError(
                    f"{what} needs numbers, and '{name}' is promised as {types[name]}", "Name columns of integers or numbers", document.where(_property(document, setting))
                )

    for step in contract.cleaning:
        if step.step == "outliers" or (step.step == "fill_missing" and step.method == "median"):
            yield from numeric(step.columns, step.step, "assay.cleaning")
        elif step.step == "fill_missing" and isinstance(step.value, str) == bool(numbers & set(step.columns)) and step.value is not None:
            yield ContractError(
                f"fill_missing puts {step.value!r} into columns of another type", "Give a value of the columns' type", document.where(_property(document, "assay.cleaning"))
            )
    if contract.features:
        for transform in contract.features.transforms:
            if transform.transform == "scale":
                yield from numeric(transform.columns, "scale", "assay.features")
        if contract.features.target:
            yield from numeric([contract.features.target.column], "the target", "assay.features")
    dropped = {name for name, treatment in contract.privacy.columns.items() if treatment.treatment == "drop"}
    used = {"a rule": [c for rule in contract.rules for c in rule.columns], "assay.cleaning": [c for step in contract.cleaning for c in getattr(step, "columns", ())]}
    used |= {"assay.drift": list(contract.drift.columns) if contract.drift else []}
    used |= {"assay.features": [c for t in contract.features.transforms for c in t.columns] if contract.features else []}
    for setting, columns in used.items():
        for name in sorted(dropped & set(columns)):
            yield ContractError(
                f"{setting} names the column '{name}', which admission drops",
                "Leave it out there, or treat the column otherwise",
                document.where(_property(document, "assay.privacy")),
            )


def _property(document: Document, name: str) -> Path:
    for index, entry in enumerate(document.data.get("customProperties") or []):
        if entry["property"] == name:
            return ("customProperties", index, "value")
    return ("customProperties",)
