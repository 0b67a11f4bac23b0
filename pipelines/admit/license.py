"""A licence as someone wrote it, the policy and the purposes -> what it allows, with the clause
and the way to it.

Belongs here: applying the policy to expressions, and to several licences at once. Stays out: what a
licence states (contracts/policies/licenses.yaml), how its name is read (contracts/licenses.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import combinations
from typing import Any, Literal, get_args

from assay.contracts.license_words import spdx
from assay.contracts.licenses import Recognised
from assay.contracts.policy import USES, LicensePolicy, LicenseTerms
from assay.contracts.settings import License, Purpose
from assay.pipelines.core.frames import LicenseVerdict

Outcome = Literal["allowed", "review", "refused"]
_RANK: dict[Outcome, int] = {"allowed": 0, "review": 1, "refused": 2}
UNREAD = LicenseTerms(use="unspecified", source="the policy does not cover it yet")


@dataclass(frozen=True)
class _Judged:
    outcome: Outcome
    reasons: tuple[str, ...]
    obligations: tuple[str, ...]


def judge_license(
    wanted: License, policy: LicensePolicy, today: date | None = None
) -> LicenseVerdict:
    """Decide whether the licence allows every wanted purpose.

    `A AND B` takes the strictest of both, `A OR B` the loosest: the licensee chooses. What no one
    has read is held for review, never allowed.
    Args:
        today: a licence whose last day is past allows nothing.
    Source: SPDX specification 2.3, annex D (licence expressions).
    """
    recognised = policy.recognise(wanted.expression)
    if wanted.until is not None and today is not None and today > wanted.until:
        return LicenseVerdict(
            "refused", wanted.expression, (f"'{wanted.expression}' ended on {wanted.until}",), ()
        )
    return judge_reading(recognised, wanted, policy)


def judge_reading(read: Recognised, wanted: License, policy: LicensePolicy) -> LicenseVerdict:
    """Decide what a licence that was read allows: what was read in part only is never allowed.

    Args:
        wanted: what it was written as, and the purposes.
    """
    if read.expression is None:
        reason = f"'{wanted.expression}' is not a known licence: {read.how}"
        return LicenseVerdict("review", wanted.expression, (reason,), ())
    judged = _judge(_tree(read.expression), read.expression, wanted, policy)
    if read.doubt and judged.outcome == "allowed":
        reason = f"'{wanted.expression}' is read as {read.expression}, and {read.doubt}"
        judged = replace(judged, outcome="review", reasons=(reason,))
    named = (
        (f"{wanted.holder}, {read.expression} ({wanted.evidence})",)
        if "attribution" in judged.obligations
        else ()
    )
    return LicenseVerdict(
        judged.outcome, read.expression, judged.reasons, judged.obligations, named
    )


def _judge(node: Any, whole: str, wanted: License, policy: LicensePolicy) -> _Judged:
    if not getattr(node, "args", ()) or not hasattr(node, "operator"):
        return _judge_one(node.render(), whole, wanted, policy)
    parts = [_judge(part, whole, wanted, policy) for part in node.args]
    if node.operator.strip() == "OR":
        return min(parts, key=lambda part: _RANK[part.outcome])
    strictest = max((part.outcome for part in parts), key=_RANK.__getitem__)
    return _Judged(
        strictest,
        _once(r for part in parts for r in part.reasons),
        _once(o for part in parts for o in part.obligations),
    )


def _judge_one(key: str, whole: str, wanted: License, policy: LicensePolicy) -> _Judged:
    terms = read_terms(key, policy)
    named = f"'{key}'" if key == whole else f"'{key}' in '{whole}'"
    if terms is None:
        return _Judged("review", (f"the policy does not cover {named} yet",), ())
    if terms.use == "unspecified":
        return _Judged("review", (f"{named} does not say what is allowed ({terms.source})",), ())
    refused = [
        f"{named} does not allow {what} ({terms.source})"
        for what in _not_allowed(terms, wanted, policy)
    ]
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
        if (
            (needs.derivatives and not terms.derivatives)
            or (needs.redistribution and not terms.redistribution)
            or (needs.training and terms.training == "forbidden")
        ):
            yield purpose


def read_terms(key: str, policy: LicensePolicy) -> LicenseTerms | None:
    """The policy's reading of one licence: its own, that of its Creative Commons elements, or that
    of its ScanCode category; None if there is none.
    """
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
    return spdx().parse(expression, validate=False, strict=False)


# -- several licences at once ------------------------------------------------------------------


def strictest(terms: Sequence[LicenseTerms]) -> LicenseTerms:
    """What holds where all of them hold: of a data set in parts, or of what is derived from
    several.
    """
    forbids = {each.training for each in terms}
    return LicenseTerms(
        use=max((each.use for each in terms), key=USES.index),
        attribution=any(each.attribution for each in terms),
        share_alike=any(each.share_alike for each in terms),
        derivatives=all(each.derivatives for each in terms),
        redistribution=all(each.redistribution for each in terms),
        training="forbidden"
        if "forbidden" in forbids
        else "silent"
        if "silent" in forbids
        else "allowed",
        conditions=_once(condition for each in terms for condition in each.conditions),
        source="; ".join(_once(each.source for each in terms)),
    )


def terms_of(names: Sequence[str], policy: LicensePolicy) -> LicenseTerms:
    """The strictest of several licences as they are written; one that no one can read counts as
    unspecified.

    Within an expression, OR gives the loosest of its sides.
    """
    found = []
    for name in names:
        read = policy.recognise(name)
        if read.expression:
            found.append(_terms_in(_tree(read.expression), policy))
        if read.unread or not read.expression:
            found.append(UNREAD)
    return strictest(found) if found else UNREAD


def _terms_in(node: Any, policy: LicensePolicy) -> LicenseTerms:
    if not getattr(node, "args", ()) or not hasattr(node, "operator"):
        return read_terms(node.render(), policy) or UNREAD
    parts = [_terms_in(part, policy) for part in node.args]
    return (
        min(parts, key=lambda each: USES.index(each.use))
        if node.operator.strip() == "OR"
        else strictest(parts)
    )


def held_against(
    verdict: LicenseVerdict,
    wanted: License,
    read: Recognised,
    evidence: str,
    policy: LicensePolicy,
) -> LicenseVerdict:
    """The verdict next to what a text at the source states: where that allows less, it holds; its
    obligations hold in any case.

    Args:
        read: what the text states; `evidence`: the text's name. Several licences in it hold together.
    """
    if read.expression is None:
        reason = f"{evidence} next to the source names no known licence; a person must read it"
        is_worse = _RANK[verdict.outcome] < _RANK["review"]
        return replace(verdict, outcome="review", reasons=(reason,)) if is_worse else verdict
    claim = wanted.model_copy(update={"expression": read.expression})
    beside = judge_reading(replace(read, several=False), claim, policy)
    if _RANK[beside.outcome] > _RANK[verdict.outcome]:
        reason = f"{evidence} next to the source states '{read.expression}', but the contract states '{wanted.expression}'"
        return replace(verdict, outcome=beside.outcome, reasons=(reason, *beside.reasons))
    return replace(
        verdict,
        obligations=_once((*verdict.obligations, *beside.obligations)),
        attribution=_once((*verdict.attribution, *beside.attribution)),
    )


def no_freer(
    verdict: LicenseVerdict,
    wanted: License,
    expression: str,
    source: str,
    policy: LicensePolicy,
    today: date | None = None,
) -> LicenseVerdict:
    """The verdict on data derived from one data set: never freer than what that data set's licence
    gives for the same purposes.

    Args:
        expression: the licence that `source`, such as `meters@1.0.0`, was admitted under.
    """
    own = judge_license(wanted.model_copy(update={"expression": expression}), policy, today)
    if _RANK[own.outcome] <= _RANK[verdict.outcome]:
        return verdict
    return replace(
        verdict,
        outcome=own.outcome,
        reasons=(f"it is derived from {source}, which is under '{expression}'", *own.reasons),
    )


def looser(wanted: License, inputs: Mapping[str, str], policy: LicensePolicy) -> tuple[str, ...]:
    """Why data derived from `inputs` may not go under the licence that the contract declares; nothing
    where they may.

    Args:
        inputs: data set -> its licence as written.
    """
    own_keys = _keys(wanted.expression, policy)
    reasons: list[str] = []
    alike: dict[str, str] = {}
    for name, written in inputs.items():
        reasons += _looser_than(wanted, name, written, policy)
        for key in sorted(_alike(written, policy)):
            alike[key] = name
            onward = _onward(key, policy)
            if not own_keys & onward:
                reasons.append(
                    f"the licence of {name}, '{written}', is share-alike: data derived from it must stay under {' or '.join(sorted(onward))}"
                )
    for first, second in combinations(alike, 2):
        if not _onward(first, policy) & _onward(second, policy):
            reasons.append(
                f"'{first}' of {alike[first]} and '{second}' of {alike[second]} are both share-alike and cannot be combined"
            )
    return _once(reasons)


def _looser_than(wanted: License, name: str, written: str, policy: LicensePolicy) -> Iterator[str]:
    """In what the contract's licence allows more than that of one data set."""
    own, terms = terms_of([wanted.expression], policy), terms_of([written], policy)
    of, mine = f"the licence of {name}, '{written}',", f"'{wanted.expression}'"
    if not terms.derivatives:
        yield f"{of} does not allow derived data ({terms.source})"
    if USES.index(own.use) < USES.index(terms.use):
        yield f"{of} allows {terms.use} use, but {mine} allows {own.use}"
    if terms.training == "forbidden" and own.training != "forbidden":
        yield f"{of} forbids training, but {mine} allows it"
    if terms.attribution and not own.attribution:
        yield f"{of} requires attribution, but {mine} does not"
    if not terms.redistribution and own.redistribution:
        yield f"{of} forbids redistribution, but {mine} allows it"


def _keys(written: str, policy: LicensePolicy) -> frozenset[str]:
    recognised = policy.recognise(written)
    return (
        frozenset(symbol.render() for symbol in _tree(recognised.expression).symbols)
        if recognised.expression
        else frozenset()
    )


def _alike(written: str, policy: LicensePolicy) -> frozenset[str]:
    """The share-alike licences in an expression; where it offers a choice, one without is
    chosen.
    """
    if not terms_of([written], policy).share_alike:
        return frozenset()
    return frozenset(
        key for key in _keys(written, policy) if (read_terms(key, policy) or UNREAD).share_alike
    )


def _onward(key: str, policy: LicensePolicy) -> frozenset[str]:
    """Under which licences material adapted from this one may go: its own, and what it leads to,
    one step after the other.
    """
    reached, new = frozenset({key}), frozenset({key})
    while new:
        new = (
            frozenset(each for known in new for each in policy.compatible.get(known, ())) - reached
        )
        reached |= new
    return reached


def rows_not_allowed(
    wanted: License, written: Iterable[str], policy: LicensePolicy
) -> dict[str, str]:
    """Of the licences that rows name: those that do not allow every purpose -> why.

    What waits for a person is not allowed either.
    """
    verdicts = {
        name: judge_license(wanted.model_copy(update={"expression": name}), policy)
        for name in written
    }
    return {
        name: "; ".join(verdict.reasons)
        for name, verdict in verdicts.items()
        if verdict.outcome != "allowed"
    }


@dataclass(frozen=True)
class Row:
    """One licence of the matrix: its terms, and for each purpose what comes of wanting it without
    and with gain.
    """

    license: str
    terms: LicenseTerms
    outcomes: dict[Purpose, dict[str, Outcome]]


def matrix(policy: LicensePolicy, licenses: Sequence[str] = ()) -> list[Row]:
    """What licences allow for each purpose: the given ones, or all that the policy has read."""
    elements = ("BY", "BY-SA", "BY-ND", "BY-NC", "BY-NC-SA", "BY-NC-ND")
    return [
        Row(
            license,
            terms_of([license], policy),
            {
                purpose: {
                    "without gain": _purpose_verdict(license, purpose, False, policy),
                    "for gain": _purpose_verdict(license, purpose, True, policy),
                }
                for purpose in get_args(Purpose)
            },
        )
        for license in licenses or [*(f"CC-{each}-4.0" for each in elements), *policy.licenses]
    ]


def _purpose_verdict(license: str, purpose: Purpose, gain: bool, policy: LicensePolicy) -> Outcome:
    return judge_license(
        License(expression=license, holder="-", evidence="-", purposes=(purpose,), commercial=gain),
        policy,
    ).outcome


def _once(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
