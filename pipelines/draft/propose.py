"""A profile -> an ODCS document with the reason beside each promise.

Belongs here: what to promise, with how much head-room, and what to leave to a person. Stays out: measuring (profile.py), YAML (writer.py).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.contracts.load import UNANSWERED
from assay.contracts.settings import PersonalKind
from assay.contracts.steps import Typos
from assay.pipelines.admit.names import key_hint, perhaps_personal, personal_hint, words
from assay.pipelines.clean.typos import WORD, Domain, misspelt
from assay.pipelines.draft.license import UNKNOWN, LicenseFound
from assay.pipelines.draft.profile import FEW, ColumnProfile, Found, Profile
from assay.pipelines.draft.writer import Comment, Flow, WithReason, yaml

_MOSTLY = 0.5  # from this share of rows on …
_WHOLE = 0.8  # … and this share of their text, a column is of one personal kind; below it is text that mentions some


@dataclass(frozen=True)
class Origin:
    """What is known of the file itself. `options` say how it is written, each with why; `left_out` are columns that no contract can name; `unreadable` counts records."""

    location: str
    format: str
    digest: str
    options: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    unreadable: int = 0
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Personal:
    """What a personal column holds, how it is treated, and how that is known."""

    kind: PersonalKind
    treatment: str
    evidence: str


@dataclass(frozen=True)
class Draft:
    """The document, and what a person should know of it."""

    text: str
    keys: tuple[str, ...]
    personal: dict[str, Personal]
    open_questions: tuple[str, ...]


def draft(
    profile: Profile, name: str, origin: Origin, license: LicenseFound, owner: str | None
) -> Draft:
    """Write the contract that the profile bears out. Values of columns that are, or may be, personal are never in it."""
    personal = personal_columns(profile)
    hidden = {c.name for c in profile.columns if perhaps_personal(c.name)} | set(personal)
    keys = key_columns(
        profile, redacted={column for column, one in personal.items() if one.treatment == "redact"}
    )
    document = {
        **_head(name, owner),
        "schema": [_schema(profile, name, origin, personal, hidden, keys)],
        "customProperties": [
            _setting("assay.source", _source(profile, origin)),
            _setting("assay.license", _license(license)),
            _setting("assay.privacy", _privacy(personal)),
            *_cleaning(profile, personal),
            _setting("assay.retention", _retention()),
        ],
    }
    questions = [license.why] * (license.expression == UNKNOWN) + ["nobody is named as owner"] * (
        owner is None
    )
    questions += [f"{origin.unreadable:,} records cannot be read"] * bool(origin.unreadable)
    questions += [f"'{column}' may be personal" for column in sorted(hidden - set(personal))]
    return Draft(yaml(document), keys, personal, tuple(questions))


# -- personal data -------------------------------------------------------------------------


def personal_columns(profile: Profile) -> dict[str, Personal]:
    """The columns that hold personal data, or whose name says so."""
    found = {c.name: one for c in profile.columns if (one := _personal(c)) is not None}
    if any(one.kind in ("name", "email", "birth_date") for one in found.values()):
        for c in profile.columns:
            kind = perhaps_personal(c.name)
            if c.name not in found and kind and c.kind in ("string", "integer"):
                found[c.name] = Personal(
                    kind, "token", "its name, beside other columns about persons"
                )
    return found


def _personal(c: ColumnProfile) -> Personal | None:
    named = personal_hint(c.name)
    most = max(c.found, key=lambda one: (one.rows, one.kind), default=None)
    if most and c.kind == "integer" and most.rows < _MOSTLY * c.given:
        most = None  # one long number in ten has the check digit of a card
    if most is None:
        if named and c.given:
            return Personal(named, "token", f"the column's name says {named}")
        if c.format == "ipv4" or (c.format == "ipv6"):
            return (
                Personal("ip_address", "token", "every value is an IP address")
                if "version" not in words(c.name)
                else None
            )
        return None
    shares = ", ".join(
        f"{one.kind} in {one.rows:,} of {c.given:,} rows ({_percent(one.rows, c.given)})"
        for one in c.found
    )
    if named or _is_identifier(most, c):
        return Personal(named or most.kind, "token", shares)  # type: ignore[arg-type]  # detectors find these kinds only
    # what has no spaces is a code or a name: replaced whole, its rows still join
    return Personal("other", "redact" if c.spaced else "token", shares)


def _is_identifier(most: Found, c: ColumnProfile) -> bool:
    return most.rows >= _MOSTLY * c.given and most.share_of_text >= _WHOLE and c.longest <= 64


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0
    return f"{share:.0f} %" if share >= 1 else "under 1 %"


# -- keys --------------------------------------------------------------------------------


def key_columns(profile: Profile, redacted: Collection[str] = ()) -> tuple[str, ...]:
    """The column or columns that name a row: one that is unique and looks like a key, else the composite that was found."""
    unique = [
        c
        for c in profile.columns
        if is_unique(c, profile) and _may_name(c, profile) and c.name not in redacted
    ]
    best = sorted(unique, key=lambda c: (not key_hint(c.name), c.kind in ("date", "timestamp")))
    return (
        (best[0].name,)
        if best
        else ()
        if set(redacted) & set(profile.composite)
        else profile.composite
    )


def is_unique(c: ColumnProfile, profile: Profile) -> bool:
    """Whether no value occurs in two rows that differ, and none is missing."""
    return (
        profile.distinct_rows > 1
        and c.given == profile.rows
        and c.distinct == profile.distinct_rows
    )


def _may_name(c: ColumnProfile, profile: Profile) -> bool:
    if c.kind == "integer":  # any measure may happen to be unique
        dense = c.high - c.low < 10 * profile.rows
        return key_hint(c.name) or (c.name == profile.columns[0].name and dense)
    return c.kind == "timestamp" or (
        c.kind == "string" and c.longest <= 64 and (key_hint(c.name) or not c.spaced)
    )


# -- the document ---------------------------------------------------------------------------


def _head(name: str, owner: str | None) -> dict[str, Any]:
    members = (
        [{"username": owner, "role": "owner"}]
        if owner
        else [
            Comment(
                "- {username: you@example.com, role: owner}  # name who answers for the data; `assay check` asks for it"
            )
        ]
    )
    team: Any = {"members": members} if owner else {"description": UNANSWERED, "": members[0]}
    return {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": name, "name": name, "version": "1.0.0", "status": WithReason("draft", "drafted by `assay new`: every promise below held on all rows; read it, then write active"),
        "description": {"purpose": WithReason(UNANSWERED, "what the data are for"), "limitations": WithReason(UNANSWERED, "what they do not say")},
        "team": team,
    }  # fmt: skip


def _schema(
    profile: Profile,
    name: str,
    origin: Origin,
    personal: dict[str, Personal],
    hidden: set[str],
    keys: tuple[str, ...],
) -> dict[str, Any]:
    enough = _round_down(profile.distinct_rows / 2)
    rule = {
        "name": "enough_rows",
        "metric": "rowCount",
        "mustBeGreaterOrEqualTo": WithReason(enough, f"seen {profile.distinct_rows:,}"),
        "severity": "error",
    }
    left_out = {
        f"left out {index}": Comment(f"Left out: column {column!r}, whose name no rule can carry")
        for index, column in enumerate(origin.left_out)
    }
    return {
        "name": name,
        "physicalType": "table",
        "customProperties": [
            {
                "property": "assay.tolerance_pct",
                "vendor": "assay",
                "value": WithReason(
                    1, "percent of the rows that one rule may set aside before publication stops"
                ),
            }
        ],
        "properties": [
            _column(c, profile, personal.get(c.name), c.name in hidden, keys)
            for c in profile.columns
        ],
        "quality": [rule],
        **left_out,
    }


def _column(
    c: ColumnProfile,
    profile: Profile,
    personal: Personal | None,
    is_hidden: bool,
    keys: tuple[str, ...],
) -> dict[str, Any]:
    promised: dict[str, Any] = {"name": c.name, "logicalType": _type(c, personal)}
    if profile.rows and c.given == profile.rows:
        promised["required"] = True
    elif c.given:
        promised["missing"] = Comment(
            f"{c.name!r}: {profile.rows - c.given:,} of {profile.rows:,} rows have none ({_percent(profile.rows - c.given, profile.rows)})"
        )
    keeps_values = personal is None or personal.treatment == "token"
    if c.name in keys and keeps_values:
        if len(keys) == 1:
            promised |= {"primaryKey": WithReason(True, "names every row"), "primaryKeyPosition": 1}
        else:
            promised |= {
                "primaryKey": WithReason(True, "no smaller set of columns names every row"),
                "primaryKeyPosition": keys.index(c.name) + 1,
            }
    elif keeps_values and is_unique(c, profile) and _may_name(c, profile) and profile.rows >= FEW:
        promised["unique"] = True
    if personal:
        promised["classification"] = WithReason("personal", personal.evidence)
        return promised
    if is_hidden:
        promised["perhaps"] = Comment(
            f"{c.name!r} may be personal by its name: if so, write `classification: personal` and a treatment under assay.privacy"
        )
    enum = [] if is_hidden else _enum(c, profile)
    options = {} if enum else _options(c, is_hidden)
    if options:
        promised["logicalTypeOptions"] = options
    if enum:
        rare = sum(1 for _, rows in c.values if rows == 1)
        promised["enum"] = WithReason(
            [Flow({"value": value}) for value in enum],
            f"{len(enum)} distinct values in {c.given:,} rows"
            + (f"; {rare} of them in one row only: mistakes?" if rare else ""),
        )
    return promised


def _type(c: ColumnProfile, personal: Personal | None) -> Any:
    if personal:
        return "string"
    if not c.given:
        return WithReason("string", "no row has a value: the type is a guess")
    if c.ambiguous_date:
        return WithReason(
            "string",
            "dates, where day and month cannot be told apart: see `format` in docs/contracts.md",
        )
    if c.kind == "string" and c.numbers == c.given:
        return WithReason(
            "string", "digits that are a code: leading zeros, or more than a number can hold"
        )
    if c.kind == "string" and c.numbers > 0.9 * c.given:
        return WithReason("string", f"a number but for {c.given - c.numbers:,} of {c.given:,} rows")
    return c.kind


def _options(c: ColumnProfile, is_hidden: bool) -> dict[str, Any]:
    match c.kind:
        case "integer" | "number":
            low, high = head_room(c.low, c.high)
            seen = {} if is_hidden else {"minimum": c.low, "maximum": c.high}
            return {
                key: WithReason(limit, f"seen {_shown(seen[key])}") if seen else limit
                for key, limit in (("minimum", low), ("maximum", high))
                if limit is not None and not is_hidden
            }
        case "date":
            return {"format": WithReason(c.format, "as written on all rows")} if c.format else {}
        case "timestamp":
            return (
                {"timezone": True}
                if c.zoned
                else {"timezone": WithReason(False, "no row says a zone")}
            )
        case "string" if not is_hidden and c.given:
            if c.format in ("uuid", "uri"):
                return {"format": c.format}
            if c.pattern:
                return {
                    "pattern": WithReason(c.pattern, f"one shape, seen {_length(c)} characters")
                }
            if c.longest > 1:
                return {"maxLength": WithReason(_round_up(2 * c.longest), f"seen {_length(c)}")}
    return {}


def _enum(c: ColumnProfile, profile: Profile) -> list[str]:
    """The values of a column that has few, each of them often."""
    few = (
        c.kind == "string"
        and 0 < len(c.values) <= FEW
        and c.given >= 10 * len(c.values)
        and c.longest <= 60
    )
    return (
        [value for value, _ in c.values]
        if few and not is_unique(c, profile) and not _misspelt(c)
        else []
    )


def _misspelt(c: ColumnProfile) -> bool:
    """Whether some of the few values look like others misspelt: a promise would make them right."""
    words = Counter[str]()
    for value, rows in c.values:
        words.update(dict.fromkeys(WORD.findall(value.lower()), rows))
    usual = Typos(step="typos")
    frequent = sorted(value for value, rows in c.values if rows >= usual.support)
    return bool(misspelt(Domain(dict(c.values), frequent, frozenset()), words, usual))


def _length(c: ColumnProfile) -> str:
    return f"{c.shortest}" if c.shortest == c.longest else f"{c.shortest} … {c.longest}"


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


# -- settings -------------------------------------------------------------------------------


def _setting(name: str, value: Any) -> dict[str, Any]:
    return {"property": name, "vendor": "assay", "value": value}


def _source(profile: Profile, origin: Origin) -> dict[str, Any]:
    options: dict[str, Any] = {
        name: WithReason(value, why) for name, (value, why) in origin.options.items()
    }
    if profile.null_values:
        options["null_values"] = WithReason(
            Flow(list(profile.null_values)),
            "stand for nothing in columns that otherwise hold numbers, dates or true and false",
        )
    source: dict[str, Any] = {
        "origin": WithReason("external", "or internal, synthetic"),
        "location": origin.location,
        "format": origin.format,
    }
    if options:
        source["options"] = options
    source["sha256"] = WithReason(origin.digest, "remove it for a file that changes")
    if origin.unreadable:
        source["unreadable"] = Comment(
            f"{origin.unreadable:,} records cannot be read; they are set aside with their reason"
        )
    return source


def _license(license: LicenseFound) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if license.expression == UNKNOWN:
        settings["refuses"] = Comment("Assay refuses to publish until this is answered")
    return settings | {
        "expression": WithReason(license.expression, license.why),
        "holder": WithReason(UNANSWERED, "who holds the rights"),
        "evidence": license.evidence,
        "purposes": WithReason(
            Flow(["analytics"]),
            "what you want to do: analytics, training, fine-tuning, retrieval, evaluation, redistribution",
        ),
        "commercial": WithReason(False, "whether for gain"),
    }


def _privacy(personal: dict[str, Personal]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "sensitivity": "personal" if personal else "internal",
        "region": WithReason("global", "where the data may be kept: eu, us, …"),
        "lawful_basis": WithReason("legitimate interests", "say the one you rely on")
        if personal
        else WithReason("none needed", "no personal data was found"),
    }
    if personal:
        settings["columns"] = {
            name: Flow({"kind": one.kind, "treatment": one.treatment})
            for name, one in personal.items()
        }
    return settings


def _cleaning(profile: Profile, personal: dict[str, Personal]) -> list[Any]:
    """The steps that the data give a reason for; only removing exact repetitions is proposed as done."""
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
    return [_setting("assay.cleaning", steps)]


def _retention() -> dict[str, Any]:
    return {
        "proposal": Comment("Proposals: say how long you need each layer"),
        "landed": "P365D",
        "quarantine": "P90D",
        "versions": "P1095D",
    }


# -- round numbers --------------------------------------------------------------------------


def head_room(low: float, high: float) -> tuple[float | None, float | None]:
    """Round limits about as far outside what was seen as it is wide, on the same side of zero; None where a limit would not fit its type.

    Example: 1 and 4983 give 0 and 10,000.
    """
    width = high - low or max(abs(low), abs(high)) or 1
    if not 1e-290 <= width < math.inf or max(abs(low), abs(high)) + width >= (
        2**63 if isinstance(low, int) else 1e300
    ):
        return None, None
    step = 10.0 ** math.floor(math.log10(width))
    least = math.floor(round((low - width) / step, 6)) * step
    most = math.ceil(round((high + width) / step, 6)) * step
    if low >= 0:
        least = max(least, 0.0)
    if high <= 0 and low < 0:
        most = min(most, 0.0)
    if isinstance(low, int):
        return (round(least) if least >= -(2**63) else None), (
            round(most) if most < 2**63 else None
        )
    digits = max(0, -math.floor(math.log10(step)))
    return round(least, digits), round(most, digits)


def _round_down(value: float) -> int:
    """One leading digit: 4983 gives 4000."""
    if value < 1:
        return 0
    step = 10 ** math.floor(math.log10(value))
    return int(value // step) * int(step)


def _round_up(value: int) -> int:
    step = int(10 ** max(1, math.floor(math.log10(value))))
    return math.ceil(value / step) * step


def dataset_name(stem: str) -> str:
    """A file's name as a data set may be called."""
    return re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_").lower() or "data"
