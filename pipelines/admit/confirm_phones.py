"""Digits -> a phone number of someone's numbering plan, as written, or None.

Belongs here: the countries' plans (package `phonenumbers`), how they write numbers. Stays out: the
patterns that bring candidates (detectors.yaml).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from assay.pipelines.core.package_data import read_yaml

_PLAIN_DATE = r"\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}|(?:19|20)\d{2}[-/. ]\d{1,2}[-/. ]\d{1,2}"
_THOUSANDS = r"\d{1,3}(?:[ ]\d{3})+"
_RANGE = r"\d+-\d+"
_SOCIAL_SECURITY = r"\d{3}-\d{2}-\d{4}"
_NORTH_AMERICAN = (
    r"(?i)(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?:[ ,;]{0,2}(?:ext\.?|x|#).*)?"
)
"""An area and an exchange as the plan numbers them: films and examples take ones that no one has."""
_EXTENSION = r"(?i)[a-z#;,]"


def regions(which: str) -> tuple[str, ...]:
    """The regions of a list in detectors.yaml."""
    return tuple(read_yaml("admit/detectors.yaml")[which])


def confirm_phone(text: str) -> str | None:
    """A number that someone's numbering plan has."""
    import phonenumbers

    if not has_phone_length(text) or re.fullmatch(_PLAIN_DATE, text):
        return None
    if re.fullmatch(_NORTH_AMERICAN, text.strip()):
        return text
    digits = _digits(text)
    abroad = text if text.startswith("+") else re.sub(r"^(?:00|011)", "+", digits)
    if abroad.startswith("+"):
        return text if _is_possible(abroad) else None
    for region in regions("phone_regions"):
        if not plan(region).may_have(digits):
            continue
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                return text
        except phonenumbers.NumberParseException:
            continue
    return None


def _is_possible(text: str) -> bool:
    """Whether a number with its country's code has a length of that country.

    A single dot is behind that code, or it is a decimal point.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    decimal = re.fullmatch(r"\+(\d+)\.\d+", text.strip())
    if decimal and int(decimal[1]) != number.country_code:
        return False
    if (number.national_number or 0) < 10_000:
        return False  # nothing but zeros and a few digits: a counter with a sign
    return phonenumbers.is_possible_number(number)


def confirm_national_phone(text: str) -> str | None:
    """A number in groups, as the plan of some country groups its own.

    Thousands, ranges and dates are in groups too.
    """
    digits = _digits(text)
    is_other = (_PLAIN_DATE, _THOUSANDS, _RANGE, _SOCIAL_SECURITY)
    if text.startswith("+") or not 9 <= len(digits) <= 12:
        return None
    if any(re.fullmatch(form, text) for form in is_other):
        return None
    is_phone = any(is_written_as_in(region, text) for region in regions("grouped_phone_regions"))
    return text if is_phone else None


def confirm_phone_in(region: str, text: str) -> str | None:
    """A number of this region without its country's code: a mobile number, or in the plan's groups,
    or with the digit that leads out of town.
    """
    digits = _digits(text)
    if not has_phone_length(text) or re.fullmatch(_PLAIN_DATE, text):
        return None
    numbers = plan(region)
    if (numbers.tells_mobile and numbers.is_mobile(digits)) or (
        numbers.has_prefix(digits) and numbers.may_have(digits)
    ):
        return text
    return text if is_written_as_in(region, text) else None


def is_written_as_in(region: str, text: str) -> bool:
    """Whether a number is one of the region, in exactly the groups that the region writes."""
    import phonenumbers

    if not plan(region).may_have(_digits(text)):
        return False
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return False
    if not phonenumbers.is_valid_number(number):
        return False
    forms = phonenumbers.PhoneNumberFormat
    national = _groups(phonenumbers.format_number(number, forms.NATIONAL))
    abroad = _groups(phonenumbers.format_number(number, forms.INTERNATIONAL))[1:]
    return _groups(text) in (national, abroad)


def _groups(text: str) -> list[str]:
    number = re.findall(r"[0-9]+", re.split(_EXTENSION, text, maxsplit=1)[0])
    return number if sum(map(len, number)) >= 7 else re.findall(r"[0-9]+", text)


def confirm_announced_phone(text: str) -> str | None:
    """Digits that are announced as a phone number need only be of a length that one can have."""
    return text if has_phone_length(text) else None


def has_phone_length(text: str) -> bool:
    """Whether there are as many digits as ITU E.164 allows, without an extension."""
    return 7 <= len(_digits(text)) <= 15


def _digits(text: str) -> str:
    return "".join(_groups(text))


class Plan:
    """The numbering plan of one region."""

    def __init__(self, region: str) -> None:
        from phonenumbers import PhoneMetadata

        metadata: Any = PhoneMetadata.metadata_for_region(region)
        self.prefix: str = metadata.national_prefix or ""
        # in North America, mobile numbers are as any other, and so is one long number in three
        self.tells_mobile = metadata.mobile.national_number_pattern != (
            metadata.fixed_line.national_number_pattern
        )
        self._all = re.compile(metadata.general_desc.national_number_pattern)
        self._mobile = re.compile(metadata.mobile.national_number_pattern or "(?!)")

    def may_have(self, digits: str) -> bool:
        """Whether the plan has a number of these digits, with or without its prefix."""
        return any(self._all.fullmatch(number) for number in self._without_prefix(digits))

    def is_mobile(self, digits: str) -> bool:
        """Whether a mobile phone can have this number."""
        return any(self._mobile.fullmatch(number) for number in self._without_prefix(digits))

    def has_prefix(self, digits: str) -> bool:
        """Whether the digits begin with the one that leads out of town."""
        return bool(self.prefix) and digits.startswith(self.prefix)

    def _without_prefix(self, digits: str) -> tuple[str, ...]:
        if self.has_prefix(digits):
            return digits, digits[len(self.prefix) :]
        return (digits,)


@cache
def plan(region: str) -> Plan:
    """The plan of a region, compiled once."""
    return Plan(region)
