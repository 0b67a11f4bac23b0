"""A seed -> pools of made-up personal values: names, e-mails, phones, cards, IBANs.

No one real is in them: names are Faker's, e-mail domains are reserved (RFC 2606), phone numbers
come from ranges that regulators keep free for fiction, cards and IBANs are random digits with valid
checksums.
"""

from __future__ import annotations

import unicodedata
from random import Random

import phonenumbers
from faker import Faker
from phonenumbers import PhoneNumberFormat
from stdnum import luhn

from assay.demo.ticket_data import (
    CARD_ISSUERS,
    EMAIL_DOMAINS,
    FICTIONAL_PHONES,
    IBAN_LOCALES,
    NAME_LOCALES,
)

POOL = 4_000
"""How many of each kind."""


def personal_values(rng: Random, seed: int) -> dict[str, list[str]]:
    """Made-up values of each kind; drawing from them is faster than making each when it is needed."""
    names, ibans = [], []
    for locale in NAME_LOCALES:
        faker = Faker(locale)
        faker.seed_instance(seed)
        names += [
            f"{faker.first_name()} {faker.last_name()}" for _ in range(POOL // len(NAME_LOCALES))
        ]
    for locale in IBAN_LOCALES:
        faker = Faker(locale)
        faker.seed_instance(seed)
        ibans += [_iban(rng, faker.iban()) for _ in range(POOL // len(IBAN_LOCALES))]
    return {
        "name": names,
        "email": [_email(rng, name) for name in names],
        "phone": [_phone(rng) for _ in range(POOL)],
        "card": [_card(rng) for _ in range(POOL)],
        "iban": ibans,
    }


def _email(rng: Random, name: str) -> str:
    parts = [_ascii_letters(part) for part in name.split()]
    first, last = parts[0], parts[-1]
    local = rng.choice(
        (
            f"{first}.{last}",
            f"{first[:1]}.{last}",
            f"{last}{rng.randint(1, 99)}",
            f"{first}_{last}",
            f"{first}+shop",
        )
    )
    return f"{local}@{rng.choice(EMAIL_DOMAINS)}"


def _ascii_letters(text: str) -> str:
    """The text's letters in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha()).lower()


def _phone(rng: Random) -> str:
    region, prefix, digits = rng.choice(FICTIONAL_PHONES)
    number = phonenumbers.parse(prefix + "".join(rng.choices("0123456789", k=digits)), region)
    written = rng.choices(
        (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL),
        (60, 15, 25),
    )[0]
    return phonenumbers.format_number(number, written)


def _card(rng: Random) -> str:
    prefix, length = rng.choice(CARD_ISSUERS)
    body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
    return _grouped(
        body + str(luhn.calc_check_digit(body)), rng.choices(("", " ", "-"), (50, 35, 15))[0]
    )


def _grouped(digits: str, separator: str) -> str:
    """In fours, or as American Express and Diners Club print theirs."""
    cuts = {15: (4, 10), 14: (4, 10)}.get(len(digits), tuple(range(4, len(digits), 4)))
    return separator.join(
        digits[start:end] for start, end in zip((0, *cuts), (*cuts, len(digits)), strict=True)
    )


def _iban(rng: Random, iban: str) -> str:
    return (
        " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
        if rng.random() < 0.4
        else iban
    )
