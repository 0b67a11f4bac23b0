"""Machine-readable statements that reserve training or mining -> what each purpose comes to.

Belongs here: the TDM reservation protocol and CAWG's training and mining assertion, as texts and
data. Stays out: finding them (assets/io/opt_out_files.py), licences (license.py).
Source: TDM Reservation Protocol, W3C community group report of 2024; CAWG Training and Data Mining
Assertion 1.1; directive (EU) 2019/790, article 4(3).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any, Literal

from assay.contracts.settings import License, Purpose
from assay.pipelines.core.frames import LicenseVerdict

Held = Literal["review", "refused"]
TDM = "TDM reservation protocol"
CAWG = "CAWG training and mining assertion"
_TRAINING: tuple[Purpose, ...] = ("training", "fine-tuning")
_MINING: tuple[Purpose, ...] = ("analytics", "retrieval", "evaluation")
_CAWG_PURPOSES: dict[str, tuple[Purpose, ...]] = {
    "ai_training": _TRAINING,
    "ai_generative_training": _TRAINING,
    "data_mining": ("analytics",),
    "ai_inference": ("retrieval", "evaluation"),
}


@dataclass(frozen=True)
class OptOut:
    """What one statement makes of the purposes that it reserves."""

    protocol: str
    held: Mapping[Purpose, Held]
    why: str = "reserves"


def unreadable(protocol: str) -> OptOut:
    """A statement that cannot be read: a person looks at it before anything is mined or trained."""
    return OptOut(protocol, dict.fromkeys((*_TRAINING, *_MINING), "review"), "cannot be read for")


def judge_opt_outs(
    verdict: LicenseVerdict, wanted: License, found: Sequence[tuple[str, OptOut]]
) -> LicenseVerdict:
    """The verdict next to what is reserved: a wanted purpose that a statement forbids is refused,
    and one that needs its holder's consent waits for a person.

    Args:
        found: name of what states it, and the statement.
    """
    for evidence, opt_out in found:
        for outcome in ("refused", "review"):
            purposes = [each for each in wanted.purposes if opt_out.held.get(each) == outcome]
            if purposes and _is_less(outcome, verdict.outcome):
                named = ", ".join(purposes)
                reason = f"{evidence} next to the source {opt_out.why} {named} ({opt_out.protocol})"
                kept = verdict.reasons if verdict.outcome != "allowed" else ()
                verdict = replace(verdict, outcome=outcome, reasons=(reason, *kept))
    return verdict


def _is_less(outcome: str, than: str) -> bool:
    ranks = ("allowed", "review", "refused")
    return ranks.index(outcome) > ranks.index(than)


# -- TDM reservation protocol ------------------------------------------------------------------


def tdm_reservation(value: Any, policy: Any) -> OptOut | None:
    """What `tdm-reservation` states: reserved for 1; a policy names terms on which it may be had.

    Any other value but 0 is no statement that can be read.
    """
    stated = str(value).strip()
    if stated == "0":
        return None
    if stated != "1":
        return unreadable(TDM)
    training: Held = "review" if policy else "refused"
    return OptOut(TDM, {**dict.fromkeys(_TRAINING, training), **dict.fromkeys(_MINING, "review")})


def tdm_of_file(text: str, place: str) -> OptOut | None:
    """What a `tdmrep.json` states about a place below it, such as `/flights/2024.csv`.

    Of several rules that match, the strictest holds.
    """
    try:
        rules = json.loads(text)
    except (ValueError, RecursionError):
        return unreadable(TDM)
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        return unreadable(TDM)
    stated = [
        tdm_reservation(rule.get("tdm-reservation"), rule.get("tdm-policy"))
        for rule in rules
        if _matches(str(rule.get("location", "/")), place)
    ]
    return strictest_of(stated)


def _matches(location: str, place: str) -> bool:
    """Whether a location of the protocol, with `*` and a closing `$`, holds a place."""
    start = re.escape("/" + location.lstrip("/")).replace(r"\*", ".*")
    pattern = f"{start[:-2]}$" if start.endswith(r"\$") else start
    return re.match(pattern, place) is not None


def tdm_of_headers(headers: Mapping[str, str]) -> OptOut | None:
    """What the headers of a response say; names in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "tdm-reservation" not in lower:
        return None
    return tdm_reservation(lower["tdm-reservation"], lower.get("tdm-policy"))


def tdm_of_page(text: str) -> OptOut | None:
    """What the `meta` elements of a page say."""
    page = _Metas()
    page.feed(text)
    return tdm_of_headers(page.metas)


class _Metas(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.metas: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "meta" and (name := named.get("name") or named.get("http-equiv")):
            self.metas.setdefault(name, named.get("content") or "")


# -- CAWG --------------------------------------------------------------------------------------


def cawg_assertion(data: Any) -> OptOut | None:
    """What the content of a training and mining assertion says, `cawg.` or, before it, `c2pa.`."""
    entries = data.get("entries") if isinstance(data, dict) else None
    if not isinstance(entries, dict):
        return unreadable(CAWG)
    held: dict[Purpose, Held] = {}
    for name, entry in entries.items():
        use = entry.get("use") if isinstance(entry, dict) else None
        if use == "allowed":
            continue
        for purpose in _CAWG_PURPOSES.get(str(name).rpartition(".")[2], ()):
            if held.get(purpose) != "refused":
                held[purpose] = "refused" if use == "notAllowed" else "review"
    return OptOut(CAWG, held) if held else None


def cawg_of_json(text: str) -> OptOut | None:
    """The strictest assertion in a manifest that is written as JSON; None if there is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return strictest_of([cawg_assertion(content) for content in _assertions(data)])


def _assertions(data: Any, depth: int = 0) -> list[Any]:
    """The contents of all training and mining assertions in nested data."""
    if depth > 20:
        return []
    if isinstance(data, list):
        return [content for entry in data for content in _assertions(entry, depth + 1)]
    if not isinstance(data, dict):
        return []
    if is_training_label(str(data.get("label", ""))):
        return [data.get("data")]
    named = [value for name, value in data.items() if is_training_label(str(name))]
    nested = [content for value in data.values() for content in _assertions(value, depth + 1)]
    return [*named, *nested]


def is_training_label(label: str) -> bool:
    """Whether a label of an assertion is that of training and mining, of any version."""
    return re.fullmatch(r"(?:cawg|c2pa)\.training-mining(?:\.v\d+)?(?:__\d+)?", label) is not None


def strictest_of(opt_outs: Sequence[OptOut | None]) -> OptOut | None:
    """What holds where several statements of one protocol do."""
    stated = [opt_out for opt_out in opt_outs if opt_out is not None]
    if not stated:
        return None
    held: dict[Purpose, Held] = {}
    for opt_out in stated:
        for purpose, outcome in opt_out.held.items():
            if held.get(purpose) != "refused":
                held[purpose] = outcome
    return replace(stated[0], held=held)
