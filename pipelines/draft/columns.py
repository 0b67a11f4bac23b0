"""A measured column -> what the draft promises of it, each with its reason.

Belongs here: type, required, keys, limits, enumerations. Stays out: measuring (profile.py),
settings (settings.py).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any

from assay.contracts.date_formats import date_format
from assay.contracts.steps import Typos
from assay.pipelines.clean.typos import WORD, Domain, near_values
from assay.pipelines.draft.keys import is_unique, may_name_rows, repeating_rows
from assay.pipelines.draft.limits import limits
from assay.pipelines.draft.personal_columns import Personal, percent
from assay.pipelines.draft.profile import ColumnProfile, Profile
from assay.pipelines.draft.round_numbers import round_up
from assay.pipelines.draft.settings import setting
from assay.pipelines.draft.vocabularies import FEW
from assay.pipelines.draft.writer import Comment, Flow, WithReason
from assay.pipelines.validate.far_years import describe_far_years


def column_promises(
    c: ColumnProfile,
    profile: Profile,
    personal: Personal | None,
    is_hidden: bool,
    keys: tuple[str, ...],
    doubt: str | None = None,
) -> dict[str, Any]:
    """What the contract states about a column, in its order; values of hidden columns are never in
    it.

    Args:
        doubt: what is found in a column that stays as it is.
    """
    promised: dict[str, Any] = {"name": c.name, "logicalType": _type(c, personal)}
    is_binary = c.name in profile.binary
    if is_binary:
        promised |= {"logicalType": "string", "physicalType": "binary"}
    if personal and personal.treatment == "drop":  # admission drops it before any rule sees it
        return promised | {"classification": WithReason("personal", personal.evidence)}
    promised |= _presence(c, profile)
    if c.name in profile.null_values:
        promised |= _null_values(c.name, profile)
    if is_binary:
        return promised
    if personal is None or personal.treatment == "token":  # which keeps values apart
        promised |= _uniqueness(c, profile, keys)
    if personal:
        promised["classification"] = WithReason("personal", personal.evidence)
        return promised
    if is_hidden:
        promised["perhaps"] = Comment(f"{c.name!r} {_why_hidden(doubt)}")
        return promised | _logical_options(c, is_hidden, profile.rows)
    promised |= _far_years(c)
    values = _enum(c, profile)
    if not values:
        late = {"late": Comment(_why_no_enum(c))} if _is_late(c, profile) else {}
        return promised | _logical_options(c, is_hidden, profile.rows) | late
    return promised | {
        "enum": WithReason([Flow({"value": value}) for value in values], _why_enum(c))
    }


def breaking_rows(promised: Mapping[str, Any], c: ColumnProfile, profile: Profile) -> int:
    """The most rows that break one of the rules that the contract states of a column."""
    options = promised.get("logicalTypeOptions", {})
    kind = promised["logicalType"]
    is_typed = (kind.value if isinstance(kind, WithReason) else kind) == c.kind
    broken = [c.deviating if is_typed and (c.kind != "string" or "format" in options) else 0]
    if "pattern" in options and c.pattern:
        broken.append(c.pattern.deviating)
    if "enum" in promised and c.vocabulary:
        broken.append(c.vocabulary.rare_rows)
    if c.spread:
        broken.append(c.spread.far_below if "minimum" in options else 0)
        broken.append(c.spread.far_above if "maximum" in options else 0)
    if "unique" in promised or promised.get("primaryKeyPosition") == 1:
        broken.append(repeating_rows(c, profile))
    return max(broken)


def _presence(c: ColumnProfile, profile: Profile) -> dict[str, Any]:
    """Whether every row has a value; a note of how many have none."""
    missing = profile.rows - c.given
    if profile.rows and not missing:
        return {"required": True}
    share = percent(missing, profile.rows)
    note = f"{c.name!r}: {missing:,} of {profile.rows:,} rows have no value ({share})"
    return {"missing": Comment(note)} if c.given else {}


def _why_hidden(doubt: str | None) -> str:
    """Why no value of a column is in the draft though the column is not treated."""
    if doubt:
        return describe_doubt(doubt)
    return (
        "may be personal by its name: if so, write `classification: personal` and a treatment"
        " under assay.privacy"
    )


def describe_doubt(shares: str) -> str:
    """What to do about a column that stays as it is though something is found in it."""
    return (
        f"stays as it is, with {shares}: runs are held for review until two stewards approve, or until the"
        " column has `classification: personal` and a treatment under assay.privacy"
    )


def _far_years(c: ColumnProfile) -> dict[str, Any]:
    """A question about years that are valid, and hardly meant."""
    if not c.far_years:
        return {}
    question = f"{describe_far_years(c.name, c.far_years)}. Check whether that is a mistake."
    return {"far_years": Comment(question)}


def _null_values(name: str, profile: Profile) -> dict[str, Any]:
    """The texts that represent nothing in the column."""
    why = "mean a missing value in this column"
    values = WithReason(Flow(list(profile.null_values[name])), why)
    return {"customProperties": [setting("assay.null_values", values)]}


def _uniqueness(c: ColumnProfile, profile: Profile, keys: tuple[str, ...]) -> dict[str, Any]:
    """Whether the column is in the key, or unique by itself."""
    if c.name in keys:
        why = "names every row" if len(keys) == 1 else "no smaller set of columns names every row"
        if len(keys) == 1 and (repeating := repeating_rows(c, profile)):
            why = f"names every row but {repeating:,}, which repeat another row's: check them"
        return {
            "primaryKey": WithReason(True, why),
            "primaryKeyPosition": keys.index(c.name) + 1,
        }
    unique = is_unique(c, profile) and may_name_rows(c, profile) and profile.rows >= FEW
    return {"unique": True} if unique else {}


def _logical_options(c: ColumnProfile, is_hidden: bool, rows: int) -> dict[str, Any]:
    options = _options(c, is_hidden, rows)
    return {"logicalTypeOptions": options} if options else {}


def _why_enum(c: ColumnProfile) -> str:
    assert c.vocabulary is not None
    why = f"{len(c.vocabulary.values)} distinct values in {c.given:,} rows"
    rare = c.vocabulary.rare_values
    return f"{why}; {rare:,} others in {c.vocabulary.rare_rows:,} rows: check them" if rare else why


def _why_no_enum(c: ColumnProfile) -> str:
    assert c.vocabulary is not None
    values = f"{c.name!r} has {len(c.vocabulary.values)} distinct values in {c.given:,} rows"
    return (
        f"{values}, some of them in a part of the rows alone: write `enum` if there are no others"
    )


def _type(c: ColumnProfile, personal: Personal | None) -> Any:
    """The type, with its reason where it is not plain."""
    if personal:
        return "string"
    if not c.given:
        return WithReason("string", "no row has a value: the type is a guess")
    if c.kind == "string":
        why = _why_string(c)
        return WithReason("string", why) if why else "string"
    if c.deviating:
        others = f"except in {c.deviating:,} of {c.given:,} rows: check them"
        return WithReason(c.kind, f"{_article(c.kind)} {c.kind} {others}")
    return c.kind


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _why_string(c: ColumnProfile) -> str | None:
    """Why a column is text though its values look like something else."""
    if c.ambiguous_date:
        return "dates, where day and month cannot be distinguished: see `format` in docs/reference/contracts.md"
    if c.numbers == c.given:
        return "digits that are a code: leading zeros, or too long for a number"
    if c.decimal_commas and c.decimal_commas + c.numbers > 0.9 * c.given:
        return (
            "perhaps numbers with a decimal comma: write `number`, and the cleaning step"
            " {step: numbers, decimal: ',', thousands: '.'}"
        )
    if c.numbers > 0.9 * c.given:
        return f"a number except in {c.given - c.numbers:,} of {c.given:,} rows"
    return None


def _options(c: ColumnProfile, is_hidden: bool, rows: int) -> dict[str, Any]:
    match c.kind:
        case "integer" | "number":
            return {} if is_hidden else limits(c, rows)
        case "date":
            return _format(c)
        case "timestamp":
            zone = True if c.zoned else WithReason(False, "no row has an offset")
            return _format(c) | {"timezone": zone}
        case "string":
            return {} if is_hidden or not c.given else _text_options(c)
    return {}


def _format(c: ColumnProfile) -> dict[str, Any]:
    """The form that dates and times have, where it is not ISO 8601."""
    if not c.format:
        return {}
    why = "as written on all rows"
    if date_format(c.format).letters & {"yy", "uu"}:
        why += "; years 70 to 99 are 1970 to 1999, 00 to 69 are 2000 to 2069: check them"
    return {"format": WithReason(c.format, why)}


def _text_options(c: ColumnProfile) -> dict[str, Any]:
    """The form of a text, else its greatest length."""
    if c.format in ("uuid", "uri"):
        return {"format": _but_for(c.format, "", c.deviating)}
    if c.pattern:
        why = f"one shape, seen {_length(c)} characters"
        return {"pattern": _but_for(c.pattern.text, why, c.pattern.deviating)}
    if c.longest > 1:
        return {"maxLength": WithReason(round_up(2 * c.longest), f"seen {_length(c)}")}
    return {}


def _but_for(value: str, why: str, deviating: int) -> Any:
    """A value with its reason, and the rows that are otherwise."""
    others = f"{deviating:,} rows are otherwise: check them" if deviating else ""
    reason = "; ".join(filter(None, (why, others)))
    return WithReason(value, reason) if reason else value


def _enum(c: ColumnProfile, profile: Profile) -> list[str]:
    """The values of a column that has few, each of them often, from early on, and written as
    `normalize` writes them: the step would change the others, and so break a rule that lists them.
    """
    if not _has_few_values(c, profile) or _is_late(c, profile):
        return []
    assert c.vocabulary is not None
    values = [value for value, _ in c.vocabulary.values]
    return values if all(map(_is_normal, values)) else []


def _has_few_values(c: ColumnProfile, profile: Profile) -> bool:
    is_short = c.kind == "string" and c.longest <= 60 and not c.ambiguous_date
    if not is_short or c.vocabulary is None or is_unique(c, profile):
        return False
    return not _misspelt(c)


def _is_late(c: ColumnProfile, profile: Profile) -> bool:
    """Whether a column has few values, and some came late: others may still come."""
    is_few = _has_few_values(c, profile)
    return is_few and c.vocabulary is not None and not c.vocabulary.is_settled


def _is_normal(value: str) -> bool:
    return value == unicodedata.normalize("NFC", " ".join(value.split()))


def _misspelt(c: ColumnProfile) -> bool:
    """Whether some of the few values look like others misspelt: a promise would make them right."""
    words = Counter[str]()
    values = c.vocabulary.values if c.vocabulary else ()
    for value, rows in values:
        words.update(dict.fromkeys(WORD.findall(value.lower()), rows))
    usual = Typos(step="typos")
    frequent = sorted(value for value, rows in values if rows >= usual.support)
    near = near_values(Domain(dict(values), frequent, frozenset()), words, usual)
    return bool(near.meant) and near.most_are


def _length(c: ColumnProfile) -> str:
    return f"{c.shortest}" if c.shortest == c.longest else f"{c.shortest} … {c.longest}"
