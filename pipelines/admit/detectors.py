"""What personal data look like, by kind: a pattern, the words it is behind, and the check that
confirms a candidate.

Belongs here: reading the ways of writing from detectors.yaml and names_and_addresses.yaml. Stays out: the checks (confirm.py),
searching frames (personal.py), what happens to what is found (treat.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Any

from assay.contracts.settings import PersonalKind
from assay.pipelines.admit.confirm import Confirm, check_named, detector_data
from assay.pipelines.admit.confirm_phones import confirm_phone_in
from assay.pipelines.admit.patterns import expand
from assay.pipelines.core.package_data import read_yaml

_PERSONS = "admit/names_and_addresses.yaml"

CHECKSUM, FORMAT, CONTEXT, NAMED = 0.99, 0.9, 0.7, 0.6
"""How sure a detection is: a check digit, a form of its own, words before it, the column's name."""
CONFIDENCES: Mapping[str, float] = {
    "checksum": CHECKSUM,
    "format": FORMAT,
    "context": CONTEXT,
    "named": NAMED,
}


@dataclass(frozen=True)
class Detector:
    """One way of writing one kind.

    Args:
        pattern: with `captures` or `words`, its group 1 is the value.
        confirm: returns the personal part of the candidate as written, or None.
        words: what announces the value, at most 40 characters before it; a column whose name holds
            one needs none.
        sign: what every value holds, as a regular expression; cells without it are not looked at.
        not_in: text that matches is not looked at, but for its group 1.
        not_in_kinds: confirmed values of these kinds are not looked at.
        alone: where the whole cell is the candidate, most of the column's candidates must hold, or
            none counts:
            one long number in ten has the check digit of a card, and one town in many is called
            like a person.
    """

    kind: PersonalKind
    pattern: str
    confirm: Confirm | None = None
    words: tuple[str, ...] = ()
    sign: str | None = None
    not_in: str | None = None
    not_in_kinds: tuple[PersonalKind, ...] = ()
    alone: bool = False
    captures: bool = False
    confidence: float = FORMAT
    spaced: bool = False

    @property
    def in_words(self) -> bool:
        """Whether letters, digits and underscores alone can be it.

        What is behind a word, or has a mark in it (`spaced`), needs more than those.
        """
        return not self.words and not self.spaced

    @cached_property
    def search(self) -> str:
        """The pattern as it is looked for in text.

        Word boundaries are ASCII's: with Unicode's, the engine leaves its fast path at the first é.
        """
        whole = (
            rf"(?i:\b(?:{'|'.join(self.words)})\b)[^\n]{{0,40}}?{self.pattern}"
            if self.words
            else self.pattern
        )
        return _ascii_edges(whole)

    @property
    def group(self) -> int:
        """Which group of `search` is the value."""
        return 1 if self.words or self.captures else 0


def _ascii_edges(pattern: str) -> str:
    return pattern.replace(r"\b", r"(?-u:\b)")


def _detector(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Detector:
    parts = data["parts"]
    sign = expand(data["signs"][entry["sign"]], parts) if "sign" in entry else None
    return Detector(
        entry["kind"],
        expand(entry["pattern"], parts),
        confirm=check_named(entry["confirm"]) if "confirm" in entry else None,
        words=tuple(entry.get("words", ())),
        sign=_ascii_edges(sign) if sign else _announcing() if "words" in entry else None,
        not_in=_ascii_edges(expand(entry["not_in"], parts)) if "not_in" in entry else None,
        not_in_kinds=tuple(entry.get("not_in_kinds", ())),
        alone=entry.get("alone", False),
        captures=entry.get("captures", False),
        confidence=CONFIDENCES[entry.get("confidence", "format")],
        spaced=entry.get("spaced", False),
    )


@cache
def _announcing() -> str:
    """Every word that announces a value: one sign for all of them."""
    data = detector_data()
    entries = [*data["detectors"], *data["whole_cells"], *read_yaml(_PERSONS)["detectors"]]
    words = dict.fromkeys(word for entry in entries for word in entry.get("words", ()))
    return rf"(?i)(?-u:\b)(?:{'|'.join(words)})(?-u:\b)"


@cache
def detectors() -> tuple[Detector, ...]:
    """Every way of writing that is looked for in any text."""
    return tuple(
        _detector(entry, data)
        for data in (detector_data(), read_yaml(_PERSONS))
        for entry in data["detectors"]
    )


@cache
def whole_cell_detectors() -> tuple[Detector, ...]:
    """What whole cells look like in a column whose name states its kind."""
    data = detector_data()
    return tuple(_detector(entry, data) for entry in data["whole_cells"])


@cache
def _regional_phone(region: str) -> tuple[Detector, ...]:
    """Numbers of the country that a region such as `de` or `eu-de` names; none where it names none."""
    if region == "global":
        return ()
    from phonenumbers import SUPPORTED_REGIONS

    country = next((part for part in region.upper().split("-") if part in SUPPORTED_REGIONS), None)
    if country is None:
        return ()
    data = detector_data()
    detector = _detector(data["regional_phone"], data)
    return (replace(detector, confirm=partial(confirm_phone_in, country)),)


@dataclass(frozen=True)
class PhoneRegions:
    """The region whose phone numbers need no country code, for each column."""

    everywhere: str = "global"
    columns: Mapping[str, str] = field(default_factory=dict)

    def of(self, column: str) -> str:
        """The column's own region, or the contract's."""
        return self.columns.get(column, self.everywhere)


ANY_REGION = PhoneRegions()


def detectors_for(column: str, regions: PhoneRegions = ANY_REGION) -> tuple[Detector, ...]:
    """What is looked for in a column: every way of writing, and where its name states a kind, what
    that kind looks like by itself.

    Args:
        regions: phone numbers of the column's country need no country code.
    """
    from assay.pipelines.admit.names import holds_places, personal_hint

    hint = personal_hint(column)
    # a town is called after a person as often as a person is called like a town
    without_names = holds_places(column)
    return (
        *(
            detector
            for detector in detectors()
            if not (without_names and detector.kind == "name" and detector.alone)
        ),
        *_regional_phone(regions.of(column)),
        *(detector for detector in whole_cell_detectors() if detector.kind == hint),
    )
