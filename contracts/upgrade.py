"""Older contracts -> ODCS v3.2.0: documents of v3.0 and v3.1, and Data Contract Specifications.

Belongs here: saying the same in newer words, and losing nothing. Stays out: whether it is a good
contract (load.py), what a Data Contract Specification states (specification.py).
Works on any mapping and list, so that plain data and ruamel's commented text go the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from assay.contracts.data_files import table
from assay.contracts.document import parse
from assay.contracts.errors import ContractError, Where
from assay.contracts.model import OPERATORS
from assay.contracts.problems import as_error, key_path
from assay.contracts.specification import converted
from assay.contracts.standard import LATEST, VERSIONS, refused_keys, schema_problems
from assay.contracts.yaml_text import round_trip, written

Mapping = dict[str, Any]  # ruamel's commented mappings are dicts too
WORDS = "words/older_contracts.yaml"
ZERO_BY_DEFAULT = ("nullValues", "duplicateValues", "invalidValues")
"""Metrics that a check of v3.0 without an operator limits to no row."""


def upgraded(data: Mapping) -> tuple[Mapping, list[str]]:
    """The document in ODCS v3.2.0, changed in place, with a line for each thing changed.

    Nothing where it is that already.

    What the standard no longer has a key for is kept as a custom property of the same thing.
    """
    notes: list[str] = []
    if "dataContractSpecification" in data:
        data, kept = converted(data)
        notes.append(
            f"turned from a Data Contract Specification into ODCS {LATEST}; "
            "its comments are not carried over"
        )
        notes += kept
    elif data.get("apiVersion") == LATEST or data.get("apiVersion") not in VERSIONS:
        return data, []
    else:
        if data["apiVersion"] < "v3.1.0":
            notes += _from_3_0(data)
        notes += _typed(data)
    if data.get("apiVersion") != LATEST:
        notes.insert(0, f"apiVersion: {data['apiVersion']} → {LATEST}")
        data["apiVersion"] = LATEST
    return data, [*notes, *_park(data)]


def rewritten(text: str, file: str) -> tuple[str, list[str]]:
    """The document's text upgraded, with its comments, order and quotes kept.

    Byte for byte the same where there is nothing to do.
    Raises: ContractError: it is no document that can be upgraded.
    """
    document = parse(text, file)  # refuses what is not data before another reader sees it
    if not _is_specification(document.data):
        errors = [problem for problem in schema_problems(document) if problem.severity == "error"]
        if errors:
            raise as_error(errors)
    yaml = round_trip(text)
    try:
        data, notes = upgraded(yaml.load(text))
    # no schema states what a Specification's parts must be
    except (AttributeError, TypeError, ValueError, KeyError):
        raise ContractError(
            "this Data Contract Specification is not valid",
            "Fix it first: models, fields and definitions must be mappings",
            Where(file=file),
        ) from None
    return (written(yaml, data, text), notes) if notes else (text, [])


def _is_specification(data: Any) -> bool:
    return isinstance(data, dict) and "dataContractSpecification" in data


# -- from version 3.0 -------------------------------------------------------------------------


def _from_3_0(data: Mapping) -> list[str]:
    notes = []
    if isinstance(data.get("team"), list):
        data["team"] = type(data)({"members": data["team"]})
        notes.append("team: its list is now `members`")
    for server in data.get("servers") or []:
        notes += _server(server)
    notes += _custom_properties(data)
    for thing, name in _things(data):
        notes += _options(thing, name)
        for check in thing.get("quality") or []:
            notes += _check(check, name)
    return notes


def _server(server: Mapping) -> list[str]:
    notes = []
    if "staging_dir" in server:
        server["stagingDir"] = server.pop("staging_dir")
        notes.append("servers: staging_dir → stagingDir")
    if isinstance(server.get("schema"), int):
        server["schema"] = str(server["schema"])
        notes.append("servers: the schema is text now")
    return notes


def _check(check: Mapping, name: str) -> list[str]:
    """A library check names a metric now, and every check but prose compares with something."""
    is_library = "rule" in check or check.get("type", "library") == "library"
    if is_library and "metric" not in check:
        return _metric(check, name)
    compared = any(operator in check for operator in OPERATORS)
    if check.get("type") == "sql" and not compared:
        return _as_text(check, name, "a query that is compared with nothing")
    return []


def _custom_properties(node: Any) -> list[str]:
    """A custom property has a name and a value now; before, it could have neither."""
    notes = []
    for part in _parts(node):
        notes += _custom_properties(part)
    entries = node.get("customProperties") if isinstance(node, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            notes += _name_and_value(entry)
    return notes


def _parts(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _name_and_value(entry: Mapping) -> list[str]:
    notes = []
    for key, value in (("property", "unnamed"), ("value", None)):
        if key not in entry:
            entry[key] = value
            notes.append(f"customProperties: `{key}` is required in v3.2.0; set to {value}")
    return notes


def _things(data: Mapping) -> Iterator[tuple[Mapping, str]]:
    """Every schema object and property, at any depth, with its name."""

    def below(thing: Mapping, name: str) -> Iterator[tuple[Mapping, str]]:
        yield thing, name
        inner = [(part, f"{name}.{part.get('name', '')}") for part in thing.get("properties") or []]
        inner += [(thing["items"], f"{name}[]")] if isinstance(thing.get("items"), dict) else []
        for part, path in inner:
            yield from below(part, path)

    for schema in data.get("schema") or []:
        yield from below(schema, schema.get("name", ""))


def _typed(data: Mapping) -> list[str]:
    """The schema of v3.2.0 asks every property for its logical type."""
    notes = []
    for thing, name in _things(data):
        if "." in name and "logicalType" not in thing:
            physical_type = re.split(r"[^a-z_]", str(thing.get("physicalType", "")).lower())[0]
            thing["logicalType"] = table(WORDS)["types"].get(physical_type, "string")
            notes.append(
                f"{name}: logicalType {thing['logicalType']}, read from its physical type; check it"
            )
    return notes


def _options(thing: Mapping, name: str) -> list[str]:
    """An exclusive limit is a limit of its own now, and no flag next to one."""
    options, notes = thing.get("logicalTypeOptions") or {}, []
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(options.get(exclusive), bool):
            if options.pop(exclusive) and limit in options:
                options[exclusive] = options.pop(limit)
            notes.append(f"{name}: {exclusive} holds the limit itself")
    if not options and "logicalTypeOptions" in thing:
        del thing["logicalTypeOptions"]
    return notes


def _metric(check: Mapping, name: str) -> list[str]:
    rule = check.get("rule")
    compared = [operator for operator in OPERATORS if operator in check]
    metric = table(WORDS)["metrics"].get(str(rule))
    if metric is None or len(compared) > 1 or (not compared and metric not in ZERO_BY_DEFAULT):
        return _as_text(check, name, f"the rule `{rule}`")
    check["metric"] = metric
    check.pop("rule")
    if metric == "invalidValues" and "arguments" not in check:
        valid = check.pop("validValues", None)
        if valid is None:
            return _as_text(check, name, f"the rule `{rule}` without its values")
        check["arguments"] = type(check)({"validValues": valid})
    if not compared:
        check["mustBe"] = 0
    return [f"{name}: the rule `{rule}` is the metric `{metric}` now"]


def _as_text(check: Mapping, name: str, what: str) -> list[str]:
    """What no metric means becomes prose for people, with all it said kept next to."""
    check["type"] = "text"
    check.setdefault(
        "description",
        str(
            check.get("rule") or check.get("query") or check.get("name") or "a check of version 3.0"
        ),
    )
    return [f"{name}: {what} cannot be expressed in {LATEST}; it is kept as text and not checked"]


# -- what has no key now -------------------------------------------------------------------------


def _park(data: Mapping) -> list[str]:
    """Move keys that the standard refuses into the custom properties of the nearest thing that has
    some.
    """
    notes: list[str] = []
    while refused := refused_keys(data):  # a key moved away may show that another is refused
        for path, key in refused:
            steps = len(path)
            while steps and not _holds_custom_properties(data, path[:steps]):
                steps -= 1
            holder = _at(data, path[:steps])
            value = _at(data, path).pop(key)
            holder.setdefault("customProperties", []).append(
                type(holder)({"property": key_path((*path[steps:], key)), "value": value})
            )
            notes.append(f"{key_path((*path, key))}: kept as a custom property")
    return notes


def _holds_custom_properties(data: Any, path: tuple[str | int, ...]) -> bool:
    """Whether what is at the path has custom properties of its own."""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    return key in table(WORDS)["holders"] and isinstance(_at(data, path), dict)


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data
