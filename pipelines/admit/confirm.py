"""A candidate for a personal value -> the personal part of it as written, or None.

Belongs here: check digits, countries' shapes, published ranges. Stays out: the patterns that bring
candidates (detectors.yaml), persons' names (person_names.py).
"""

from __future__ import annotations

import base64
import binascii
import importlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from assay.pipelines.admit import person_names
from assay.pipelines.admit.confirm_phones import (
    confirm_announced_phone,
    confirm_national_phone,
    confirm_phone,
)
from assay.pipelines.core.package_data import read_yaml

Confirm = Callable[[str], str | None]


def detector_data() -> dict[str, Any]:
    """The data of detectors.yaml."""
    data: dict[str, Any] = read_yaml("admit/detectors.yaml")
    return data


# -- cards and accounts ----------------------------------------------------------------------


def confirm_card(text: str) -> str | None:
    """A card's number: an issuer's prefix, its length, and the check digit."""
    from stdnum import luhn

    # a number may be followed by other digits: try the whole, then without its last groups
    while len(digits := re.sub(r"[ .-]", "", text)) >= 13:
        if _is_issued(digits) and luhn.is_valid(digits):
            return text
        text = re.sub(r"[ .-]?[0-9]+$", "", text)
    return None


def _confirm_announced_card(text: str) -> str | None:
    """A number that is announced as a card's: 12 to 19 digits with the check digit right (ISO/IEC
    7812 allows that few).
    """
    from stdnum import luhn

    digits = re.sub(r"[ .-]", "", text)
    return text if 12 <= len(digits) <= 19 and luhn.is_valid(digits) else None


def _confirm_masked_card(text: str) -> str | None:
    """A number of a card's length of which some digits in the middle, or all but the last, are
    hidden behind one character.
    """
    written = re.sub(r"[ -]", "", text)
    hidden = re.fullmatch(r"[0-9]{0,8}(([*xX•#])\2{3,14})[0-9]{2,5}", written)
    return text if hidden and 13 <= len(written) <= 19 else None


def _confirm_account(text: str) -> str | None:
    """An account's number: some digits, and no date."""
    digits = re.sub(r"[^0-9]", "", text)
    is_date = re.fullmatch(
        r"(?:19|20)[0-9]{2}[ -][0-9]{2}[ -][0-9]{2}|[0-9 -]{6,7}[12][09][0-9]{2}", text
    )
    return text if 5 <= len(digits) <= 30 and not is_date else None


def _is_issued(digits: str) -> bool:
    """Whether an issuer's prefix starts a number of that length (ISO/IEC 7812; the networks'
    published ranges).
    """
    two, four, length = int(digits[:2]), int(digits[:4]), len(digits)
    return (
        (digits[0] == "4" and length in (13, 16, 19))
        or ((51 <= two <= 55 or 2221 <= four <= 2720) and length == 16)
        or (two in (34, 37) and length == 15)
        or ((two in (36, 38, 39) or 300 <= int(digits[:3]) <= 305) and length == 14)
        or ((four == 6011 or two in (64, 65, 62) or 3528 <= four <= 3589) and 16 <= length <= 19)
        or (
            two in (50, 56, 57, 58, 60, 61, 63, 66, 67, 68, 69) and 13 <= length <= 19
        )  # Maestro and others; 12 digits are too few to tell
        or (four in (1800, 2131) and length == 15)
    )


def confirm_iban(text: str) -> str | None:
    """An IBAN: its country's shape, and the check digits."""
    from stdnum import iban

    # what follows may look like a group of its own: try the whole, then without its last groups
    while len(text) >= 15:
        # the check digits and the country's shape; a bank's own check digits are its own affair
        if iban.is_valid(text.replace("-", " "), check_country=False):
            return text
        shorter = re.sub(r"[ -][A-Za-z0-9]+$", "", text)
        if shorter == text:
            return None
        text = shorter
    return None


def _confirm_bitcoin(text: str) -> str | None:
    from stdnum import bitcoin

    return text if bitcoin.is_valid(text) else None


# -- networks and places ---------------------------------------------------------------------


def _confirm_ip_address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified or text in ("127.0.0.1", "::1") else text


def _confirm_coordinates(text: str) -> str | None:
    """Two numbers, not a longer list of them, that are a place on Earth, not both below one."""
    numbers = re.findall(r"[+-]?[0-9]+(?:\.[0-9]+)?", text)
    if len(numbers) != 2 or "e" in text.lower():
        return None
    first, second = map(abs, map(float, numbers))
    decimals = [number.partition(".")[2] for number in numbers]
    # zeros at the end are how a number is printed, not where a place is
    is_exact = min(map(len, decimals)) >= 4 and any(len(part.rstrip("0")) >= 4 for part in decimals)
    is_place = first <= 180 and second <= 180 and min(first, second) <= 90
    return text if is_place and is_exact and max(first, second) > 1 else None


# -- numbers of persons ----------------------------------------------------------------------


@cache
def _modules(*lists: str) -> tuple[Any, ...]:
    """The modules of python-stdnum in these lists of `numbers` in detectors.yaml."""
    numbers = detector_data()["numbers"]
    names = (name for list_name in lists for name in numbers[list_name])
    return tuple(importlib.import_module(f"stdnum.{name}") for name in names)


def _confirm_by_lists(*lists: str) -> Confirm:
    """A check by python-stdnum's modules: one of them has to call the number valid."""

    def confirm(text: str) -> str | None:
        return text if any(module.is_valid(text) for module in _modules(*lists)) else None

    return confirm


def _confirm_national_id(text: str) -> str | None:
    # British numbers have a form and no check digit; prefixes as HMRC's NIM39110 gives them
    british = re.fullmatch(
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
        text,
    )
    return text if british else _confirm_by_lists("own_form", "digits")(text)


# -- secrets ---------------------------------------------------------------------------------


def _confirm_jwt(text: str) -> str | None:
    head = text.partition(".")[0]
    try:
        return text if b'"alg"' in base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)) else None
    except (binascii.Error, ValueError):
        return None


def _confirm_secret_word(text: str) -> str | None:
    """What is behind `password:` counts where it is no ordinary word."""
    return text if re.search(r"\d|[^\w]", text) or re.search(r"[a-z][A-Z]", text) else None


def _confirm_unannounced_secret(text: str) -> str | None:
    """What follows `password` without a colon counts where it looks like one: letters and digits,
    or a sign in the middle that no word has.
    """
    text = text.rstrip(".!?)]}>:")
    is_mixed = re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)
    has_sign = re.search(r"[^\w\s.'’/()-]", text) and re.search(r"\w", text)
    return text if len(text) >= 5 and (is_mixed or has_sign) else None


# -- by name ---------------------------------------------------------------------------------

_CHECKS: Mapping[str, Confirm] = {
    "card": confirm_card,
    "announced_card": _confirm_announced_card,
    "iban": confirm_iban,
    "bitcoin": _confirm_bitcoin,
    "masked_card": _confirm_masked_card,
    "account": _confirm_account,
    "coordinates": _confirm_coordinates,
    "phone": confirm_phone,
    "national_phone": confirm_national_phone,
    "announced_phone": confirm_announced_phone,
    "ip_address": _confirm_ip_address,
    "national_id": _confirm_national_id,
    "jwt": _confirm_jwt,
    "secret_word": _confirm_secret_word,
    "unannounced_secret": _confirm_unannounced_secret,
    "full_name": person_names.confirm_full_name,
    "introduced_name": person_names.confirm_introduced_name,
    "small_name": person_names.confirm_small_name,
    "name_word": person_names.confirm_name_word,
    "given_name": person_names.confirm_given_name,
}


def check_named(name: str) -> Confirm:
    """The check that a data file calls by this name: one of this module's, or `numbers.LIST`."""
    room, _, list_name = name.partition(".")
    return _confirm_by_lists(list_name) if room == "numbers" else _CHECKS[name]
