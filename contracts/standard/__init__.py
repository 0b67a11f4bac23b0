"""The Open Data Contract Standard: what its JSON schemas state against a document.

Belongs here: each document by the schema of its own version, and the errors in our words.
Stays out: our settings (load.py), turning an older version into the newest (upgrade.py).
"""

from __future__ import annotations

import json
from typing import Any

from assay.contracts.document import Document, Path
from assay.contracts.errors import Where
from assay.contracts.problems import Problem, suggestion
from assay.contracts.standard.error_messages import problems_of_error
from assay.contracts.standard.error_selection import (
    leaves,
    plain_paths,
    refused_keys_of,
    without_options_of_untyped,
)
from assay.contracts.standard.schemas import is_valid, key_names, official, validator
from assay.contracts.standard.value_kinds import kind_of_value
from assay.contracts.standard.versions import LATEST, VERSIONS

__all__ = [
    "LATEST",
    "VERSIONS",
    "kind_of_value",
    "official",
    "refused_keys",
    "schema_problems",
]

UPGRADE = "assay contracts upgrade"
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
"""Keys of the format before version 3."""


def schema_problems(document: Document) -> list[Problem]:
    """Everything that the official schema of the document's version states against it.

    Each problem has its line and its key. A document that its own version refuses and the newest
    allows is let through with a warning: three official examples are such.
    """
    if problem := _head_problem(document):
        return [problem]
    version = document.data["apiVersion"]
    problems = _problems(document, version)
    if problems and version != LATEST and not _problems(document, LATEST):
        return [
            Problem(
                "odcs.version",
                "warning",
                f"its apiVersion is {version}, but only {LATEST} allows everything it contains",
                f"Write `apiVersion: {LATEST}`",
                document.where(("apiVersion",)),
                "apiVersion",
            )
        ]
    return problems


def refused_keys(data: Any) -> list[tuple[Path, str]]:
    """The keys that the newest version has no place for, each with the path of what holds it."""
    plain = json.loads(json.dumps(data))  # commented text is a kind of text that Rust does not know
    if is_valid(LATEST)(plain):
        return []
    errors = list(leaves(validator(LATEST).iter_errors(plain)))
    refused = [
        (tuple(error.absolute_path), key)
        for error in errors
        if error.validator in ("additionalProperties", "unevaluatedProperties")
        for key in refused_keys_of(error, key_names(LATEST), plain_paths(errors))
    ]
    return list(dict.fromkeys(refused))


def _problems(document: Document, version: str) -> list[Problem]:
    if is_valid(version)(document.data):
        return []
    errors = list(leaves(validator(version).iter_errors(document.data)))
    errors = without_options_of_untyped(errors)
    plain = plain_paths(errors)
    once: dict[tuple[Where, str], Problem] = {}
    for error in errors:
        for problem in problems_of_error(error, document, key_names(version), plain):
            once.setdefault((problem.where, problem.problem), problem)
    return list(once.values())


# -- what is no document of a version that Assay reads ---------------------------------------


def _head_problem(document: Document) -> Problem | None:
    data = document.data
    if _is_list_of_tables(data):
        return _before_3(document)
    if not isinstance(data, dict):
        return Problem(
            "odcs.type",
            "error",
            "the document is not a mapping",
            f"Start it with `apiVersion: {LATEST}` and `kind: DataContract`",
            document.where(()),
        )
    if "dataContractSpecification" in data:
        return Problem(
            "odcs.version",
            "error",
            "this is a Data Contract Specification, which ODCS has replaced",
            f"Convert it to ODCS: {UPGRADE} FILE",
            document.where(()),
        )
    return _version_problem(document)


def _version_problem(document: Document) -> Problem | None:
    data = document.data
    is_version_2 = str(data.get("apiVersion")).lstrip("v").startswith("2.")
    if is_version_2 or ("apiVersion" not in data and _BEFORE_3 & set(data)):
        return _before_3(document)
    if "apiVersion" not in data:
        return Problem(
            "odcs.version",
            "error",
            "the document lacks `apiVersion`",
            f"Add `apiVersion: {LATEST}`",
            document.where(()),
            "apiVersion",
        )
    version = data["apiVersion"]
    if version in VERSIONS:
        return None
    return Problem(
        "odcs.version",
        "error",
        f"its apiVersion is {version}",
        suggestion(str(version), VERSIONS, f"Assay reads {', '.join(VERSIONS)}"),
        document.where(("apiVersion",)),
        "apiVersion",
    )


def _is_list_of_tables(data: Any) -> bool:
    """Whether the document is a bare list of tables, as it could be before version 3."""
    first = data[0] if isinstance(data, list) and data else None
    return isinstance(first, dict) and bool({"table", "columns"} & set(first))


def _before_3(document: Document) -> Problem:
    return Problem(
        "odcs.version",
        "error",
        "this is the format before version 3 of the standard",
        f"Rewrite it as ODCS {LATEST}: `schema` and `properties` replace `dataset` and `columns`",
        document.where(("apiVersion",)),
        "apiVersion",
    )
