"""Values of a known kind -> those that are not of it.

Belongs here: e-mails, web and IP addresses, postal codes, codes of countries, states and
currencies. Stays out: check digits (check_digits.py).
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from assay.contracts.formats import string_formats
from assay.pipelines.admit.names import words
from assay.pipelines.core.package_data import read_yaml
from assay.pipelines.draft.doubts.doubt import LEAST_ROWS, Column, Suspicion

_MOSTLY = 0.8
_URL = r"^(?i:https?|ftp)://[^\s/?#]+\.[^\s]+$|^(?i:https?)://localhost"
_EMAIL = r"^[^@\s,;]+@([^@\s.,;]+\.)+[A-Za-z]{2,}$"


def invalid_formats(column: Column) -> Suspicion | None:
    """Texts that are no e-mail, web or IP address, nor UUID, in a column of them."""
    if column.profile.kind != "string" or column.given < LEAST_ROWS:
        return None
    value = pl.col("value").str.strip_chars()
    patterns = {
        "e-mail address": (_EMAIL, "format: email"),
        "web address": (_URL, "format: uri"),
        "UUID": (string_formats()["uuid"], "format: uuid"),
        "IP address": (string_formats()["ipv4"], "format: ipv4"),
    }
    for label, (pattern, rule) in patterns.items():
        valid = value.str.contains(pattern)
        if label == "e-mail address":
            valid &= ~value.str.contains(r"\.\.|^\.|\.@")
        if _MOSTLY <= column.share(valid) < 1:
            return Suspicion(
                problem=f"texts that are no {label}",
                rule=rule,
                confidence=0.9,
                values=column.values_where(~valid),
            )
    return None


def invalid_postal_codes(column: Column) -> Suspicion | None:
    """Values without the form of the column's postal codes."""
    if not re.search(r"(^|_)(zip|zipcode|zip_code|postal_code|postcode|postal|plz)$", words(column.name)):  # fmt: skip
        return None
    value = pl.col("value").str.strip_chars()
    for label, pattern in read_yaml("draft/doubts/postal_codes.yaml").items():
        valid = value.str.contains(f"^(?:{pattern})$")
        if column.given >= LEAST_ROWS and _MOSTLY <= column.share(valid) < 1:
            return Suspicion(
                problem=f"values that are no postal code ({label})",
                rule=f"pattern: ^(?:{pattern})$",
                confidence=0.85,
                values=column.values_where(~valid),
            )
    return None


def invalid_codes(column: Column) -> Suspicion | None:
    """Values outside a list of codes that holds nearly all others."""
    if column.profile.kind != "string" or column.profile.longest > 40 or column.given < LEAST_ROWS:
        return None
    if not 3 <= column.texts.height <= 2_000:
        return None
    value = pl.col("value").str.strip_chars()
    for label, codes in _code_lists().items():
        is_listed = value.is_in(codes)
        listed = column.texts.filter(is_listed)
        hinted = re.search(_hint_of(label), words(column.name)) is not None
        if listed.height < (3 if hinted else 8) or not 0.9 <= column.share(is_listed) < 1:
            continue
        if not hinted and listed.height < 0.7 * column.texts.height:
            continue
        return Suspicion(
            problem=f"values that are no {label}",
            rule=f"enum of {label}s, or a pattern",
            confidence=0.9 if hinted else 0.75,
            values=column.values_where(~is_listed),
        )
    return None


@cache
def _code_lists() -> dict[str, list[str]]:
    """The label of each list of codes -> the codes."""
    from faker.providers.address import Provider as Addresses
    from faker.providers.address.en_CA import Provider as Canada
    from faker.providers.address.en_US import Provider as States
    from faker.providers.currency import Provider as Currencies

    military = ("AA", "AE", "AP", "PR", "GU", "VI", "AS", "MP", "DC", "UM", "FM", "MH", "PW")
    return {
        "US state": [*States.states_abbr, *military],
        "country code": [*Addresses.alpha_2_country_codes, "XK", "EU"],
        "country code of three letters": list(Addresses.alpha_3_country_codes),
        "currency code": [code for code, _ in Currencies.currencies],
        "US state or Canadian province": [
            *States.states_abbr,
            *military,
            *Canada.provinces_abbr,
        ],
    }


def _hint_of(label: str) -> str:
    if label.startswith("country"):
        return r"(^|_)(country|nation|nationality)"
    return r"(^|_)currency" if label.startswith("currency") else r"(^|_)(state|province)"
