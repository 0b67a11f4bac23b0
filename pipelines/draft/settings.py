"""What is known of a file -> Assay's settings in its draft, each with its reason.

Belongs here: source, licence, privacy, cleaning, retention. Stays out: columns and rules
(propose.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from assay.contracts.settings import CLASSES, SENSITIVITIES, UNANSWERED
from assay.pipelines.admit.replacement_samples import Sample
from assay.pipelines.draft.column_meanings import grows, is_code
from assay.pipelines.draft.license import UNKNOWN, LicenseFound
from assay.pipelines.draft.personal_columns import Personal
from assay.pipelines.draft.profile import Profile
from assay.pipelines.draft.vocabularies import FEW
from assay.pipelines.draft.writer import Comment, Flow, WithReason


def setting(name: str, value: Any) -> dict[str, Any]:
    """A custom property of the contract."""
    return {"property": name, "vendor": "assay", "value": value}


def source_setting(origin: Origin) -> dict[str, Any]:
    """Where the file lies and how it is written."""
    options: dict[str, Any] = {
        name: WithReason(value, why) for name, (value, why) in origin.options.items()
    }
    source: dict[str, Any] = {
        "origin": WithReason("external", "or internal, synthetic"),
        "location": origin.location,
        "format": origin.format,
    }
    if options:
        source["options"] = options
    if origin.digest:
        source["sha256"] = WithReason(origin.digest, "remove it for a file that changes")
    if origin.unreadable:
        source["unreadable"] = Comment(
            f"{origin.unreadable:,} records cannot be read; they are quarantined with their reason"
        )
    return source


def license_setting(license: LicenseFound) -> dict[str, Any]:
    """The licence, and what a person has to say of it."""
    settings: dict[str, Any] = {}
    if license.expression == UNKNOWN:
        settings["refuses"] = Comment("Assay refuses to publish until this is answered")
    return settings | {
        "expression": WithReason(license.expression, license.why),
        "holder": WithReason(
            UNANSWERED, "who holds the rights; runs are held for review until then"
        ),
        "evidence": license.evidence,
        "purposes": WithReason(
            Flow(["analytics"]),
            "what you want to do: analytics, training, fine-tuning, retrieval, evaluation, redistribution",
        ),
        "commercial": WithReason(False, "whether for commercial gain"),
    }


def privacy_setting(
    personal: dict[str, Personal], samples: Mapping[str, Sequence[Sample]], stated_region: str
) -> dict[str, Any]:
    """Sensitivity, region, lawful basis, and a treatment for each personal column; a person states
    or confirms them.
    """
    region = WithReason(stated_region, "where the data may be stored: eu, us, …")
    if not personal:
        why = "no personal data was detected"
        return {
            "sensitivity": WithReason("internal", why),
            "region": region,
            "lawful_basis": WithReason("none needed", why),
            "confirmed_by": WithReason(
                UNANSWERED,
                "who checked the sensitivity and the lawful basis; runs are held for review until then",
            ),
        }
    classes = {CLASSES.get(one.kind, "personal") for one in personal.values()}
    least = max(classes, key=SENSITIVITIES.index)
    settings: dict[str, Any] = {
        "sensitivity": WithReason(
            "unknown",
            f"{UNANSWERED}: at least {least}, by what was detected; runs are held for review until then",
        ),
        "region": region,
        "lawful_basis": WithReason(
            "unknown",
            f"{UNANSWERED}: the one you rely on, such as consent or contract; runs are held for review until"
            " then",
        ),
    }
    if classes & {"special category", "health"}:
        why = f"{UNANSWERED}: a point of GDPR article 9(2), such as explicit consent; runs are refused until then"
        settings["article_9_basis"] = WithReason("unknown", why)
    return settings | {"columns": _treatments(personal, samples)}


def _treatments(
    personal: dict[str, Personal], samples: Mapping[str, Sequence[Sample]]
) -> dict[str, Any]:
    """A line a column, with replacements by their shapes above those that are redacted."""
    lines: dict[str, Any] = {}
    for name, one in personal.items():
        for number, sample in enumerate(samples.get(name, ())):
            lines[f"{name} sample {number}"] = Comment(f"{sample.before}  →  {sample.after}")
        lines[name] = Flow({"kind": one.kind, "treatment": one.treatment})
    return lines


def cleaning_settings(profile: Profile, personal: dict[str, Personal]) -> list[Any]:
    """The steps that the data give a reason for; only removing exact repetitions is proposed as
    done.
    """
    steps: list[Any] = []
    if profile.repeated:
        steps.append(
            WithReason(
                Flow({"step": "deduplicate"}),
                f"{profile.repeated:,} of {profile.rows:,} rows repeat another in every column",
            )
        )
    gaps = [
        c
        for c in profile.columns
        if c.kind in ("integer", "number")
        and c.name not in personal
        and not (is_code(c.name) or grows(c.name))
        and c.distinct > FEW
        and 0 < profile.rows - c.given <= 0.05 * profile.rows
    ]
    if gaps:
        names = ", ".join(repr(c.name) for c in gaps[:5])
        steps.append(
            Comment(
                f"few values are missing in {names}: perhaps {{step: fill_missing, columns: […], method: median}}"
            )
        )
    if not steps:
        return []
    if not profile.repeated:
        return [steps[0]]
    return [setting("assay.cleaning", steps)]


def retention_setting() -> dict[str, Any]:
    """How long each layer is kept."""
    return {
        "proposal": Comment("Proposals: state how long you need each layer"),
        "landed": "P365D",
        "quarantine": "P90D",
        "versions": "P1095D",
    }


@dataclass(frozen=True)
class Origin:
    """What is known of the source itself; `digest` is that of a single file.

    `options` state how it is written, each with why; `unreadable` counts records; `names` are the
    columns under their names there, and what the contract calls them.
    """

    location: str
    format: str
    digest: str | None
    options: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    unreadable: int = 0
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def physical_names(self) -> dict[str, str]:
        """The contract's name of each column that has another in the source -> that one."""
        return {name: source for source, name in self.names.items() if name != source}
