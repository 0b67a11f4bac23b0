"""What the made-up tickets are written from: sentences, categories, locales, ranges of numbers.

All of it is in tickets.yaml, in an order that decides which tickets a seed gives.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

_DATA: dict[str, Any] = yaml.safe_load(
    (files("assay.demo") / "tickets.yaml").read_text(encoding="utf-8")
)
PRODUCTS = tuple(_DATA["products"])
PLAIN = tuple(_DATA["plain"])
PERSONAL = tuple(
    (kind, sentence) for kind, sentences in _DATA["personal"].items() for sentence in sentences
)
"""Sentences that hold a personal value, each after its kind."""
CLOSINGS = tuple(_DATA["closings"])
TYPOS: dict[str, str] = _DATA["categories"]
"""The typo of each category."""
CATEGORIES = tuple(TYPOS)
BROKEN = tuple(_DATA["broken"])
"""Lines that are no record."""
NAME_LOCALES = tuple(_DATA["name_locales"])
IBAN_LOCALES = tuple(_DATA["iban_locales"])
EMAIL_DOMAINS = tuple(_DATA["email_domains"])
FICTIONAL_PHONES = tuple(
    (numbers["region"], prefix, numbers["digits"])
    for numbers in _DATA["fictional_phones"]
    for prefix in numbers["prefixes"]
)
"""Region, prefix, and how many digits to add."""
CARD_ISSUERS = tuple(
    (prefix, length)
    for issuer in _DATA["card_issuers"].values()
    for prefix in issuer["prefixes"]
    for length in issuer["lengths"]
)
"""How a card's number begins, and how long it is."""
