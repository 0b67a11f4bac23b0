"""The standard's JSON schemas, a version each, and the validators that are built from them.

Belongs here: making the older schemas. Stays out: what an error means (error_messages.py).
Only the newest schema comes in a package. The older ones are derived from it by the edits in
older_versions.yaml; a test compares them with the official ones on every official example and on
thousands of damaged ones.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from assay.contracts.data_files import table
from assay.contracts.standard.versions import LATEST, VERSIONS

Schema = dict[str, Any]


@cache
def is_valid(version: str) -> Callable[[Any], bool]:
    """The answer alone, in Rust: 200 times as fast as the answer with its reasons."""
    import jsonschema_rs

    return jsonschema_rs.Draft201909Validator(official(version), validate_formats=True).is_valid


@cache
def validator(version: str) -> Any:
    """The validator of jsonschema, which gives reasons."""
    from jsonschema import Draft201909Validator

    return Draft201909Validator(
        official(version), format_checker=Draft201909Validator.FORMAT_CHECKER
    )


@cache
def key_names(version: str) -> frozenset[str]:
    """Every key that the schema has a place for, anywhere."""
    return frozenset(_property_names(official(version)))


def _property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for part in schema.values():
            yield from _property_names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _property_names(part)


def official(version: str) -> Schema:
    """The standard's JSON schema of one version: the newest as it is packaged, or created from it."""
    file = resources.files("open_data_contract_standard").joinpath("schema.json")
    schema: Schema = json.loads(file.read_text(encoding="utf-8"))
    if version == LATEST:
        return schema
    edits = table("standard/older_versions.yaml")
    for older in VERSIONS[1 : VERSIONS.index(version) + 1]:
        for edit in edits[older]:
            _apply(edit, schema)
    versions = schema["properties"]["apiVersion"]
    versions["enum"] = [name for name in versions["enum"] if name <= version]
    return schema


def _apply(edit: Mapping[str, Any], schema: Schema) -> None:
    """Change every part of the schema that the edit names."""
    steps = [step for step in edit["at"].split("/") if step]
    for part in list(_parts(schema, steps)):
        if "remove_branches" in edit:
            part[:] = [branch for branch in part if not _is_about(branch, edit["remove_branches"])]
            continue
        for key in edit.get("remove", ()):
            part.pop(key, None)
        if "remove_values" in edit:
            part["enum"] = [item for item in part["enum"] if item not in edit["remove_values"]]
        if "require" in edit:
            part["required"].append(edit["require"])
        for key, value in edit.get("set", {}).items():
            part[key] = copy.deepcopy(value)
        for key, value in edit.get("set_existing", {}).items():
            if key in part:
                part[key] = copy.deepcopy(value)


def _parts(node: Any, steps: list[str]) -> Iterator[Any]:
    """The parts of a schema at a path; none where nothing is there."""
    if not steps:
        yield node
        return
    step, *rest = steps
    if isinstance(node, list):
        inner = node if step == "*" else [node[int(step)]]
    elif step == "*":
        inner = list(node.values())
    else:
        inner = [node[step]] if step in node else []
    for part in inner:
        yield from _parts(part, rest)


def _is_about(branch: Schema, logical_types: list[str]) -> bool:
    condition = json.dumps(branch.get("if"))
    return any(f'"{name}"' in condition for name in logical_types)
