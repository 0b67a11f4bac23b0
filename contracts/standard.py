"""The Open Data Contract Standard: what its JSON schemas say against a document, each version by its own.

Belongs here: the schemas, and their errors in our words. Stays out: our settings (load.py), turning an older version into the newest (upgrade.py).
Only the newest schema comes in a package. Those of v3.0 and v3.1 are made from it by taking away what came later and loosening what was looser;
a test holds them against the official ones on every official example and on thousands of damaged ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from assay.contracts.document import Document, Path
from assay.contracts.errors import Where
from assay.contracts.problems import Problem, key_path, suggestion

LATEST = "v3.2.0"
VERSIONS = (LATEST, "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
_BEFORE_3 = frozenset(
    {
        "datasetName",
        "uuid",
        "quantumName",
        "dataset",
        "datasetDomain",
        "userConsumptionMode",
        "stakeholders",
        "datasetProject",
        "templateName",
    }
)
UPGRADE = "assay contracts upgrade"


def schema_problems(document: Document) -> list[Problem]:
    """Everything that the official schema of the document's version says against it, at once, each with its line and its key.

    A document that its own version refuses and the newest allows is let through with a warning: three official examples are such.
    """
    head = list(_head(document))
    if head:
        return head
    said = document.data["apiVersion"]
    found = _errors(document, said)
    if found and said != LATEST and not _errors(document, LATEST):
        problem = f"it says apiVersion {said}, and only {LATEST} allows all of it"
        return [
            Problem(
                "odcs.version",
                "warning",
                problem,
                f"Write `apiVersion: {LATEST}`",
                document.where(("apiVersion",)),
                "apiVersion",
            )
        ]
    return found


def _head(document: Document) -> Iterator[Problem]:
    data = document.data
    where = document.where(("apiVersion",))
    if (
        isinstance(data, list)
        and data
        and isinstance(data[0], dict)
        and {"table", "columns"} & set(data[0])
    ):
        yield _before_3(where)
    elif not isinstance(data, dict):
        yield Problem(
            "odcs.type",
            "error",
            "the document is no mapping",
            f"Start it with `apiVersion: {LATEST}` and `kind: DataContract`",
            document.where(()),
        )
    elif "dataContractSpecification" in data:
        yield Problem(
            "odcs.version",
            "error",
            "this is a Data Contract Specification, which ODCS has replaced",
            f"Turn it into ODCS: {UPGRADE} FILE",
            document.where(()),
        )
    elif str(data.get("apiVersion")).lstrip("v").startswith("2.") or (
        "apiVersion" not in data and _BEFORE_3 & set(data)
    ):
        yield _before_3(where)
    elif "apiVersion" not in data:
        yield Problem(
            "odcs.version",
            "error",
            "the document lacks `apiVersion`",
            f"Add `apiVersion: {LATEST}`",
            document.where(()),
            "apiVersion",
        )
    elif (said := data["apiVersion"]) not in VERSIONS:
        yield Problem(
            "odcs.version",
            "error",
            f"its apiVersion is {said}",
            suggestion(str(said), VERSIONS, f"Assay reads {', '.join(VERSIONS)}"),
            where,
            "apiVersion",
        )


def _before_3(where: Where) -> Problem:
    remedy = f"Write it anew as ODCS {LATEST}: `schema` and `properties` hold what stood under `dataset` and `columns`"
    return Problem(
        "odcs.version",
        "error",
        "this is the format before version 3 of the standard",
        remedy,
        where,
        "apiVersion",
    )


def _errors(document: Document, version: str) -> list[Problem]:
    if _is_valid(version)(document.data):
        return []
    validator, names = _teller(version)
    errors = list(_leaves(validator.iter_errors(document.data)))
    untyped = [tuple(error.absolute_path) for error in errors if _lacks_its_type(error)]
    # without its type a property is held against the options of every type
    errors = [
        error
        for error in errors
        if not any(
            tuple(error.absolute_path)[: len(path) + 1] == (*path, "logicalTypeOptions")
            for path in untyped
        )
    ]
    others = _others(errors)
    found: dict[tuple[Where, str], Problem] = {}
    for error in errors:
        for problem in _schema_problem(error, document, names, others):
            found.setdefault((problem.where, problem.problem), problem)
    return list(found.values())


def _lacks_its_type(error: Any) -> bool:
    """The schema of v3.2.0 takes a property without a type for a map, and asks for what a map has."""
    return (
        error.validator == "required"
        and error.validator_value == ["map"]
        and "logicalType" not in error.instance
    )


def _leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """Errors with alternatives replaced by what is wrong with the one that fits best."""
    for error in errors:
        best = _best(error) if error.validator in ("anyOf", "oneOf") and error.context else []
        if best:
            yield from _leaves(best)
        else:
            yield error


def _others(errors: Iterable[Any]) -> list[Path]:
    """Where something plain is wrong: keys that are not evaluated may only follow from it."""
    return [
        tuple(error.absolute_path) for error in errors if error.validator != "unevaluatedProperties"
    ]


def refused_keys(data: Any) -> list[tuple[Path, str]]:
    """The keys that the newest version plainly has no place for, each with the path of what it stands in."""
    plain = json.loads(json.dumps(data))  # commented text is a kind of text that Rust does not know
    if _is_valid(LATEST)(plain):
        return []
    validator, names = _teller(LATEST)
    errors = list(_leaves(validator.iter_errors(plain)))
    others = _others(errors)
    refused = [
        error
        for error in errors
        if error.validator in ("additionalProperties", "unevaluatedProperties")
    ]
    return list(
        dict.fromkeys(
            (tuple(error.absolute_path), key)
            for error in refused
            for key in _refused(error, names, others)
        )
    )


# -- errors in our words --------------------------------------------------------------------


def _schema_problem(
    error: Any, document: Document, names: frozenset[str], others: Sequence[Path]
) -> Iterator[Problem]:
    """One of jsonschema's errors. `others` are the paths of plain errors."""
    path: Path = tuple(error.absolute_path)

    def problem(kind: str, text: str, remedy: str, at: Path = path) -> Problem:
        return Problem(f"odcs.{kind}", "error", text, remedy, document.where(at), key_path(at))

    place, said, asked = key_path(path) or "the document", error.instance, error.validator_value
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            for key in _refused(error, names, others):
                yield problem(
                    "unknown_key",
                    f"the key '{key}' is not known here",
                    suggestion(
                        str(key), error.schema.get("properties", {}), suggestion(str(key), names)
                    ),
                    (*path, key),
                )
        case "oneOf" if not error.context and others.count(path) > 1:
            return  # several alternatives fit what lacks the key that would decide between them: that is told
        case "anyOf" | "oneOf":
            yield _alternatives(error, problem, place)
        case "required" if _lacks_its_type(error):
            yield problem("required", f"{place} lacks `logicalType`", "Add `logicalType:`")
        case "required":
            missing = next(key for key in asked if key not in said)
            yield problem("required", f"{place} lacks `{missing}`", f"Add `{missing}:`")
        case "enum" | "const":
            choices = [str(value) for value in (asked if isinstance(asked, list) else [asked])]
            yield problem(
                "enum",
                f"{place}: '{said}' is not known",
                suggestion(str(said), choices, f"Choose one of {', '.join(choices)}"),
            )
        case "type":
            kinds = " or ".join(
                _WORDS.get(str(kind), str(kind))
                for kind in (asked if isinstance(asked, list) else [asked])
            )
            yield problem("type", f"{place} is {kind_of_value(said)}", f"Write {kinds}")
        case "pattern":
            yield problem(
                "pattern",
                f"{place}: '{said}' is not written as the standard asks",
                f"It must match {asked}",
            )
        case "format":
            yield problem("format", f"{place}: '{said}' is no {asked}", f"Write a {asked}")
        case "minItems" | "maxItems":
            yield problem(
                "items",
                f"{place} has {len(said)} items",
                f"Give it {'at least' if error.validator == 'minItems' else 'at most'} {asked}",
            )
        case "uniqueItems":
            twice = next(each for index, each in enumerate(said) if each in said[:index])
            yield problem("items", f"{place} says {json.dumps(twice)} twice", "Keep one of the two")
        case "not":
            yield problem(
                "unknown_key",
                f"{place} has `{'`, `'.join(asked.get('required', ['what the standard forbids here']))}`, which does not stand here",
                "Leave it out",
            )
        case _:
            yield problem(
                error.validator or "schema",
                f"{place}: {error.message}",
                f"The standard asks for {error.validator} {json.dumps(asked)[:120]}",
            )


_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def kind_of_value(value: Any) -> str:
    """What somebody wrote, in words."""
    for kind, word in (
        (bool, "true or false"),
        (str, "text"),
        (int, "a whole number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "a mapping"),
    ):
        if isinstance(value, kind):
            return word
    return "empty"


def _refused(error: Any, names: frozenset[str], others: Sequence[Path]) -> list[str]:
    """The keys an error is about. A key of the standard is unevaluated as well where something else below is wrong: that is told, and not this."""
    path: Path = tuple(error.absolute_path)
    follows = error.validator == "unevaluatedProperties" and any(
        other[: len(path)] == path for other in others
    )
    unexpected = [
        key for key in error.instance if re.search(rf"'{re.escape(str(key))}'", error.message)
    ]
    return [key for key in unexpected if not (follows and key in names)]


def _best(error: Any) -> list[Any]:
    """The errors of the alternative that is nearest to what is written: of its kind, then deepest, then the fewest; none where only keys decide."""
    branches: dict[Any, list[Any]] = {}
    for each in error.context:
        branches.setdefault(each.schema_path[0], []).append(each)
    depth = len(error.absolute_path)
    alike = [
        errors
        for errors in branches.values()
        if not any(_is_of_another_kind(each, depth) for each in errors)
    ]
    if not alike or all(
        each.validator == "required" and len(each.absolute_path) == depth
        for errors in alike
        for each in errors
    ):
        return []
    return min(
        alike, key=lambda errors: (-max(len(each.absolute_path) for each in errors), len(errors))
    )


def _is_of_another_kind(error: Any, depth: int) -> bool:
    return error.validator == "type" and len(error.absolute_path) == depth


def _alternatives(error: Any, problem: Callable[..., Problem], place: str) -> Problem:
    """None of the alternatives, or more than one: because of the kind of value, or of which keys are there."""
    kinds = {
        kind
        for each in error.context
        for kind in [each.validator_value]
        if each.validator == "type" and isinstance(kind, str)
    }
    if kinds and not isinstance(error.instance, dict):
        return problem(
            "type",
            f"{place} is {kind_of_value(error.instance)}",
            f"Write {' or '.join(sorted(_WORDS.get(kind, kind) for kind in kinds))}",
        )
    keys = sorted({key for branch in error.validator_value for key in branch.get("required", ())})
    there = [key for key in keys if isinstance(error.instance, dict) and key in error.instance]
    if len(there) > 1:
        return problem(
            "operators", f"{place} has {' and '.join(there)} together", "Keep one of them"
        )
    return problem("operators", f"{place} has none of {', '.join(keys)}", "Add one of them")


# -- the schemas -------------------------------------------------------------------------------


@cache
def _is_valid(version: str) -> Callable[[Any], bool]:
    """The answer alone, in Rust: 200 times as fast as the answer with its reasons."""
    import jsonschema_rs

    return jsonschema_rs.Draft201909Validator(official(version), validate_formats=True).is_valid


@cache
def _teller(version: str) -> tuple[Any, frozenset[str]]:
    from jsonschema import Draft201909Validator

    schema = official(version)
    return Draft201909Validator(
        schema, format_checker=Draft201909Validator.FORMAT_CHECKER
    ), frozenset(_names(schema))


def _names(schema: Any) -> Iterator[str]:
    """Every key that the schema knows anywhere."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for part in schema.values():
            yield from _names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _names(part)


def official(version: str) -> dict[str, Any]:
    """The standard's JSON schema of one version: the newest as it is packaged, the older ones made from it."""
    schema: dict[str, Any] = json.loads(
        resources.files("open_data_contract_standard")
        .joinpath("schema.json")
        .read_text(encoding="utf-8")
    )
    if version == LATEST:
        return schema
    _as_of_3_1(schema)
    if version != "v3.1.0":
        _as_of_3_0(schema, version)
    schema["properties"]["apiVersion"]["enum"] = [
        each for each in schema["properties"]["apiVersion"]["enum"] if each <= version
    ]
    return schema


def _as_of_3_1(schema: dict[str, Any]) -> None:
    """Take away what v3.2.0 brought, and ask again for what it no longer asks for."""
    defs, base = schema["$defs"], schema["$defs"]["SchemaBaseProperty"]
    schema["required"].append("status")
    _without(schema["properties"], "context")
    _without(defs["SchemaObject"]["properties"], "context")
    _without(base["properties"], "enum", "semanticType")
    _without(defs["SchemaElement"]["properties"], "deprecated", "synonyms")
    _without(
        defs["ServiceLevelAgreementProperty"]["properties"],
        "authoritativeDefinitions",
        "customProperties",
    )
    _without(defs["CustomProperty"]["properties"], "vendor")
    _without(defs["RelationshipBase"]["properties"], "id")
    _without_values(base["properties"]["logicalType"], "map", "vector")
    base["allOf"] = [
        part
        for part in base["allOf"]
        if part.get("if", {}).get("properties", {}).get("logicalType", {}).get("const")
        not in ("map", "vector")
    ]
    defs["ShorthandReference"]["pattern"] = r"^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$"
    defs["FullyQualifiedReference"]["pattern"] = defs["FullyQualifiedReference"]["pattern"].replace(
        "ya?ml", "yaml"
    )
    defs["Port"] = {"type": "integer"}
    _without_values(
        defs["Server"]["properties"]["type"],
        "btrieve",
        "exasol",
        "fastobjects",
        "hana",
        "iceberg",
        "ingres",
        "poet",
        "teradata",
        "vectorwise",
        "versant",
    )
    for server in defs["ServerSource"].values():
        _without(server.get("properties", {}), "encoding")
    _without(defs["ServerSource"]["AthenaServer"]["properties"], "workgroup")
    defs["ServerSource"]["AthenaServer"]["required"] = ["stagingDir", "schema"]


def _as_of_3_0(schema: dict[str, Any], version: str) -> None:
    """Take away what v3.1.0 brought: stable ids, relationships, metrics, teams with members, and most of its strictness about keys."""
    defs, base = schema["$defs"], schema["$defs"]["SchemaBaseProperty"]
    schema.pop("unevaluatedProperties")
    member = {
        name: kind
        for name, kind in defs["TeamMember"]["properties"].items()
        if name not in ("id", "tags", "customProperties", "authoritativeDefinitions")
    }
    schema["properties"]["team"] = {
        "type": "array",
        "items": {"type": "object", "properties": member},
    }
    for name in ("DataQuality", "SchemaBaseProperty", "Server"):
        _without(defs[name], "unevaluatedProperties")
    for strict in (
        defs["Role"],
        defs["AuthoritativeDefinitions"]["items"],
        defs["ServiceLevelAgreementProperty"],
        defs["SupportItem"],
        defs["CustomProperty"],
        defs["Pricing"],
    ):
        _without(strict, "additionalProperties")
        _without(strict["properties"], "id")
    _without(defs["CustomProperty"], "required")
    _without(defs["SupportItem"]["properties"], "customProperties")
    defs["SupportItem"]["required"] = ["channel", "url"]
    _without(defs["ServiceLevelAgreementProperty"]["properties"], "schedule", "scheduler")
    _without(defs["SchemaElement"]["properties"], "id")
    _without(base["properties"], "relationships")
    _without(defs["SchemaObject"]["properties"], "relationships")
    _without_values(base["properties"]["logicalType"], "timestamp", "time")
    _exclusive_is_a_flag(base)
    _quality_by_rule(defs)
    servers = defs["ServerSource"]
    _without(defs["Server"]["properties"], "id")
    _without_values(defs["Server"]["properties"]["type"], "hive", "impala", "zen")
    _without(servers["CustomServer"]["properties"], "stream")
    for name in ("SftpServer", "S3Server", "AzureServer"):
        servers[name]["properties"]["format"]["enum"] = ["parquet", "delta", "json", "csv"]
        servers[name]["properties"]["delimiter"]["enum"] = ["new_line", "array"]
    servers["DuckdbServer"]["properties"]["schema"]["type"] = "integer"
    if version != "v3.0.2":
        servers["AthenaServer"]["required"] = ["staging_dir", "schema"]
        _without(
            base["properties"], "physicalName"
        )  # a table's name then; a column's came with v3.0.2
    if version == "v3.0.0":
        _without(schema["properties"], "authoritativeDefinitions")


def _exclusive_is_a_flag(base: dict[str, Any]) -> None:
    """Before v3.1.0 an exclusive limit was a flag beside the limit, and times had no options of their own."""
    base["allOf"] = [
        part for part in base["allOf"] if '"timestamp"' not in json.dumps(part.get("if"))
    ]
    for part in base["allOf"]:
        options = (
            part.get("then", {})
            .get("properties", {})
            .get("logicalTypeOptions", {})
            .get("properties", {})
        )
        for name in ("exclusiveMinimum", "exclusiveMaximum"):
            if name in options:
                options[name] = {"type": "boolean"}


def _quality_by_rule(defs: dict[str, Any]) -> None:
    """Before v3.1.0 a library check named a `rule`, of any name, and could compare in several ways at once or in none."""
    operators = {
        name: kind
        for branch in defs.pop("DataQualityOperators")["oneOf"]
        for name, kind in branch["properties"].items()
    }
    _without(defs["DataQuality"]["properties"], "id")
    defs["DataQuality"]["allOf"][0]["if"] = {"properties": {"type": {"const": "library"}}}
    defs["DataQualityLibrary"] = {
        "type": "object",
        "properties": {"rule": {"type": "string"}, **operators},
        "required": ["rule"],
    }
    _without(defs["DataQualitySql"], "allOf")


def _without(mapping: dict[str, Any], *keys: str) -> None:
    for key in keys:
        mapping.pop(key, None)


def _without_values(kind: dict[str, Any], *values: str) -> None:
    kind["enum"] = [value for value in kind["enum"] if value not in values]
