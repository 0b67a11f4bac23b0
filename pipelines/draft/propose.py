"""A profile -> an ODCS document with the reason next to each promise.

Belongs here: the document, and what to leave to a person. Stays out: columns (columns.py), Assay's
settings (settings.py), measuring (profile.py), YAML (writer.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.contracts.settings import UNANSWERED
from assay.pipelines.admit.names import perhaps_personal
from assay.pipelines.admit.replacement_samples import Sample
from assay.pipelines.draft.columns import breaking_rows, column_promises, describe_doubt
from assay.pipelines.draft.doubts.describe import comments_about
from assay.pipelines.draft.doubts.doubt import Doubt
from assay.pipelines.draft.keys import key_columns
from assay.pipelines.draft.license import UNKNOWN, LicenseFound
from assay.pipelines.draft.personal_columns import (
    Personal,
    doubtful_columns,
    personal_columns,
)
from assay.pipelines.draft.profile import Profile
from assay.pipelines.draft.round_numbers import round_down
from assay.pipelines.draft.settings import (
    Origin,
    cleaning_settings,
    license_setting,
    privacy_setting,
    retention_setting,
    setting,
    source_setting,
)
from assay.pipelines.draft.tolerance import tolerance_pct
from assay.pipelines.draft.writer import Comment, WithReason, yaml


@dataclass(frozen=True)
class Draft:
    """The document, and what a person should know of it."""

    text: str
    keys: tuple[str, ...]
    personal: dict[str, Personal]
    open_questions: tuple[str, ...]


def draft(
    profile: Profile,
    name: str,
    origin: Origin,
    license: LicenseFound,
    owner: str | None,
    samples: Mapping[str, Sequence[Sample]] | None = None,
    region: str = "global",
    doubts: Sequence[Doubt] = (),
) -> Draft:
    """Write the contract that the profile bears out, with the samples of its redactions, and the
    doubts as comments.

    Values of columns that are, or may be, personal are never in it.
    """
    personal = personal_columns(profile)
    doubtful = doubtful_columns(profile, personal)
    perhaps = _perhaps_personal(profile, personal)
    hidden = hidden_columns(profile)
    redacted = {name for name, column in personal.items() if column.treatment == "redact"}
    keys = key_columns(profile, redacted)
    columns = [
        _named(c.name, origin)
        | column_promises(
            c, profile, personal.get(c.name), c.name in hidden, keys, doubtful.get(c.name)
        )
        | comments_about(doubts, c.name)
        for c in profile.columns
    ]
    broken = [breaking_rows(*pair, profile) for pair in zip(columns, profile.columns, strict=True)]
    tolerated = tolerance_pct(broken, profile.rows)
    document = {
        **_head(name, owner),
        "schema": [_schema(profile, name, columns, tolerated)],
        "customProperties": [
            setting("assay.source", source_setting(origin)),
            setting("assay.license", license_setting(license)),
            setting("assay.privacy", privacy_setting(personal, samples or {}, region)),
            *cleaning_settings(profile, personal),
            setting("assay.retention", retention_setting()),
        ],
    }
    questions = _open_questions(license, owner, origin, perhaps - set(doubtful), doubtful)
    return Draft(yaml(document), keys, personal, questions)


def hidden_columns(profile: Profile) -> set[str]:
    """The columns that are, or may be, personal: no value of them is shown."""
    personal = personal_columns(profile)
    doubtful = doubtful_columns(profile, personal)
    return _perhaps_personal(profile, personal) | set(personal) | set(doubtful)


def _perhaps_personal(profile: Profile, personal: Collection[str]) -> set[str]:
    """The columns that may be personal by their names."""
    return {c.name for c in profile.columns if perhaps_personal(c.name)} - set(personal)


def _named(name: str, origin: Origin) -> dict[str, Any]:
    """The column's name, and what the source calls it where that is another."""
    physical = origin.physical_names.get(name)
    return {"name": name} | ({"physicalName": physical} if physical else {})


def _open_questions(
    license: LicenseFound,
    owner: str | None,
    origin: Origin,
    perhaps: set[str],
    doubtful: Mapping[str, str],
) -> tuple[str, ...]:
    """What a person has to answer; `perhaps` are columns that may be personal by their names,
    `doubtful` by what is found in them.
    """
    questions = []
    if license.expression == UNKNOWN:
        questions.append(license.why)
    if owner is None:
        questions.append("no owner is named")
    if origin.unreadable:
        questions.append(f"{origin.unreadable:,} records cannot be read")
    questions.append(
        f"only a person can answer the {UNANSWERED}s in the draft: runs are held for review until"
        " then"
    )
    questions += [f"'{column}' may be personal" for column in sorted(perhaps)]
    questions += [f"'{column}' {describe_doubt(found)}" for column, found in doubtful.items()]
    return tuple(questions)


def _head(name: str, owner: str | None) -> dict[str, Any]:
    team: dict[str, Any] = {"members": [{"username": owner, "role": "owner"}]}
    if not owner:
        example = "- {username: you@example.com, role: owner}"
        why = "name the owner of the data; `assay check` requires it"
        team = {"description": UNANSWERED, "example": Comment(f"{example}  # {why}")}
    why_draft = "drafted by `assay new`: nearly all rows satisfy the constraints below; review them, then write active"
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "1.0.0",
        "status": WithReason("draft", why_draft),
        "description": {
            "purpose": WithReason(UNANSWERED, "what the data are for"),
            "limitations": WithReason(UNANSWERED, "what the data do not cover"),
        },
        "team": team,
    }


def _schema(
    profile: Profile, name: str, columns: list[dict[str, Any]], tolerated: int
) -> dict[str, Any]:
    tolerance = "percent of the rows that one rule may quarantine before publication stops"
    enough = WithReason(round_down(profile.distinct_rows / 2), f"seen {profile.distinct_rows:,}")
    return {
        "name": name,
        "physicalType": "table",
        "customProperties": [setting("assay.tolerance_pct", WithReason(tolerated, tolerance))],
        "properties": columns,
        "quality": [
            {
                "name": "enough_rows",
                "metric": "rowCount",
                "mustBeGreaterOrEqualTo": enough,
                "severity": "error",
            }
        ],
    }


def dataset_name(stem: str) -> str:
    """A file's name as a data set may be called."""
    return re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_").lower() or "data"
