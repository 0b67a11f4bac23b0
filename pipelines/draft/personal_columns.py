"""A profile -> the columns that hold personal data, or whose name says so.

Belongs here: how sure a draft is, and the treatment it proposes. Stays out: detecting (profile.py,
pipelines/admit).
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.names import perhaps_personal, personal_hint, words
from assay.pipelines.draft.profile import ColumnProfile, Found, Profile

_MOSTLY = 0.5  # from this share of rows on …

# … and this share of their text, a column is of one personal kind; below it is text that mentions
# some
_WHOLE = 0.8


@dataclass(frozen=True)
class Personal:
    """What a personal column holds, how it is treated, and how that is known."""

    kind: PersonalKind
    treatment: str
    evidence: str


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
        f"{one.kind} in {one.rows:,} of {c.given:,} rows ({percent(one.rows, c.given)})"
        for one in c.found
    )
    if named or _is_identifier(most, c):
        return Personal(named or most.kind, "token", shares)  # type: ignore[arg-type]  # detectors find these kinds only
    # what has no spaces is a code or a name: replaced whole, its rows still join
    return Personal("other", "redact" if c.spaced else "token", shares)


def _is_identifier(most: Found, c: ColumnProfile) -> bool:
    return most.rows >= _MOSTLY * c.given and most.share_of_text >= _WHOLE and c.longest <= 64


def percent(part: int, whole: int) -> str:
    """A share in words."""
    share = 100 * part / whole if whole else 0
    return f"{share:.0f} %" if share >= 1 else "under 1 %"
