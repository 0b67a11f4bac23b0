"""A licence as somebody wrote it, the policy and the purposes -> what it allows, with the clause and the way to it.

Belongs here: applying the policy to expressions, and to several licences at once. Stays out: what a licence says (contracts/policies/licenses.yaml),
how its name is read (contracts/licenses.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from contracts.licenses import recognise
from contracts.policy import USES, LicensePolicy, LicenseTerms
from contracts.settings import License, Purpose
from pipelines.frames import LicenseVerdict

Outcome = Literal["allowed", "review", "refused"]
_RANK: dict[Outcome, int] = {"allowed": 0, "review": 1, "refused": 2}
UNREAD = LicenseTerms(use="unspecified", source="nobody has read it for the policy yet")


@dataclass(frozen=True)
class _Judged:
    outcome: Outcome
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]


def judge_license(wanted: License, policy: LicensePolicy) -> LicenseVerdict:
    """Decide whether the licence allows every wanted purpose.

    `A AND B` takes the strictest of both, `A OR B` the loosest: the licensee chooses. What nobody has read is held for review,
    never allowed.
    Source: SPDX specification 2.3, annex D (licence expressions).
    """
    recognised = recognise(wanted.expression, policy.names)
    if recognised.expression is None:
        return LicenseVerdict("review", wanted.expression, (f"'{wanted.expression}' names no licence: {recognised.how}",), ())
    judged = _judge(_tree(recognised.expression), recognised.expression, wanted, policy)
    return LicenseVerdict(judged.outcome, recognised.expression, judged.reasons, judged.obligations)


def _judge(node: Any, whole: str, wanted: License, policy: LicensePolicy) -> _Judged:
    if not getattr(node, "args", ()) or not hasattr(node, "operator"):
        return _judge_one(node.render(), whole, wanted, policy)
    parts = [_judge(part, whole, wanted, policy) for part in node.args]
    if node.operator.strip() == "OR":
        return min(parts, key=lambda part: _RANK[part.outcome])
    strictest = max((part.outcome for part in parts), key=_RANK.__getitem__)
    return _Judged(strictest, _once(r for part in parts for r in part.reasons), _once(o for part in parts for o in part.obligations))


def _judge_one(key: str, whole: str, wanted: License, policy: LicensePolicy) -> _Judged:
    terms = read_terms(key, policy)
    named = f"'{key}'" if key == whole else f"'{key}' in '{whole}'"
    if terms is None:
        return _Judged("review", (f"nobody has read {named} for the policy yet",), ())
    if terms.use == "unspecified":
        return _Judged("review", (f"{named} does not say what is allowed ({terms.source})",), ())
    refused = [f"{named} does not allow {what} ({terms.source})" for what in _not_allowed(terms, wanted, policy)]
    if refused:
        return _Judged("refused", tuple(refused), ())
    return _Judged("allowed", (f"{named} allows {', '.join(wanted.purposes)}",), terms.obligations)


def _not_allowed(terms: LicenseTerms, wanted: License, policy: LicensePolicy) -> Iterable[str]:
    if wanted.commercial and terms.use != "all":
        yield "commercial use"
    if terms.use == "academic" and not wanted.academic:
        yield "anything but academic research"
    for purpose in wanted.purposes:
        needs = policy.purposes[purpose]
        if (needs.derivatives and not terms.derivatives) or (needs.redistribution and not terms.redistribution) or (needs.training and terms.training == "forbidden"):
            yield purpose


def read_terms(key: str, policy: LicensePolicy) -> LicenseTerms | None:
    """The policy's reading of one licence: its own, that of its Creative Commons elements, or that of its ScanCode category; None where there is none."""
    if key in policy.licenses:
        return policy.licenses[key]
    if key.startswith("CC-") and not key.startswith("CC-PDDC"):
        elements = [element for element in key.split("-")[1:] if element in policy.creative_commons]
        if elements:
            return strictest([policy.creative_commons[element] for element in elements])
    return policy.categories.get(_categories().get(key, ""))


@cache
def _categories() -> dict[str, str]:
    """SPDX key -> category in the ScanCode LicenseDB, as license-expression ships it."""
    from license_expression import get_license_index

    return {
        key: entry["category"]
        for entry in get_license_index()
        if not entry["is_exception"]
        for key in (entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ()))
        if key
    }


def _tree(expression: str) -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing().parse(expression, validate=False, strict=False)


# -- several licences at once ------------------------------------------------------------------


def strictest(terms: Sequence[LicenseTerms]) -> LicenseTerms:
    """What holds where all of them hold: of a data set in parts, or of what is made from several."""
    forbids = {each.training for each in terms}
    return LicenseTerms(
        use=max((each.use for each in terms), key=USES.index),
        attribution=any(each.attribution for each in terms),
        share_alike=any(each.share_alike for each in terms),
        derivatives=all(each.derivatives for each in terms),
        redistribution=all(each.redistribution for each in terms),
        training="forbidden" if "forbidden" in forbids else "silent" if "silent" in forbids else "allowed",
        conditions=_once(condition for each in terms for condition in each.conditions),
        source="; ".join(_once(each.source for each in terms)),
    )


def terms_of(names: Sequence[str], policy: LicensePolicy) -> LicenseTerms:
    """The strictest of several licences as they are written; one that nobody can read counts as unspecified.

    Within an expression, OR gives the loosest of its sides.
    """
    found = []
    for name in names:
        recognised = recognise(name, policy.names)
        found.append(_terms_in(_tree(recognised.expression), policy) if recognised.expression else UNREAD)
    return strictest(found) if found else UNREAD


def _terms_in(node: Any, policy: LicensePolicy) -> LicenseTerms:
    if not getattr(node, "args", ()) or not hasattr(node, "operator"):
        return read_terms(node.render(), policy) or UNREAD
    parts = [_terms_in(part, policy) for part in node.args]
    return min(parts, key=lambda each: USES.index(each.use)) if node.operator.strip() == "OR" else strictest(parts)


def matrix(policy: LicensePolicy) -> list[tuple[str, LicenseTerms, dict[tuple[Purpose, bool], Outcome]]]:
    """Every licence that has been read, with its terms and its outcome for each purpose, for gain (True) and not."""
    keys = [*(f"CC-{elements}-4.0" for elements in ("BY", "BY-SA", "BY-ND", "BY-NC", "BY-NC-SA", "BY-NC-ND")), *policy.licenses]
    rows = []
    for key in keys:
        outcomes = {
            (purpose, gain): judge_license(License(expression=key, holder="-", evidence="-", purposes=(purpose,), commercial=gain), policy).outcome
            for purpose in get_args(Purpose)
            for gain in (False, True)
        }
        rows.append((key, read_terms(key, policy) or UNREAD, outcomes))
    return rows


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
