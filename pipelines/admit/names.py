"""Column names -> what they suggest. A name is a hint for the reader of a draft, never a finding.

Belongs here: words in names. Stays out: the data.
"""

from __future__ import annotations

import re

from assay.contracts.settings import PersonalKind

_PERSONAL: tuple[tuple[PersonalKind, str], ...] = (
    ("email", r"e_?mail"),
    ("phone", r"phone|telephone|mobile|fax|cellphone|tel"),
    ("card", r"credit_?card(_number|_no)?|card_(number|no|num)|cc_?(number|no|num)|ccn"),
    ("iban", r"iban"),
    ("ip_address", r"ip|ip_?addr(ess)?|ipv[46]"),
    ("birth_date", r"birth_?date|date_of_birth|dob|birthday|birth_day"),
    (
        "name",
        r"(first|last|given|family|full|middle|maiden|customer|patient|employee|person|client|contact|user)_?name|person|[fl]_?name|surname",
    ),
    (
        "national_id",
        r"ssn|soc(ial)?_sec(urity)?(_id|_number|_no)?|national_id(entity)?(_no|_number)?|nhs(_no|_number)?|nino|bsn|pesel|personnummer|cpf|curp|aadhaar|codice_fiscale|dni|nir",
    ),
    ("passport", r"passport(_no|_number|_nr)?"),
    ("tax_number", r"tax_id|tax_no|tax_number|vat(_id|_no|_number)|tin|itin|ein|steuernummer"),
    ("bank_account", r"(bank_)?account_(no|number)|routing_number|sort_code"),
    ("license_plate", r"licen[cs]e_plate|number_plate|plate_(no|number)|kennzeichen"),
    (
        "medical_record",
        r"mrn|medical_record(_no|_number)?|patient_(id|no|number)|health_insurance_(no|number)",
    ),
    ("medical_code", r"icd(_?(9|10|11))?(_code)?|diagnosis_code"),
    ("mac_address", r"mac(_addr(ess)?)?"),
    ("coordinates", r"lat(itude)?|lon(gitude)?|lng|gps|coordinates?|lat_?lon"),
    ("crypto_address", r"wallet(_address)?|(btc|eth|bitcoin|ethereum)_address"),
    ("secret", r"password|passwd|pwd|api_key|secret(_key)?|access_token|auth_token|private_key"),
    ("address", r"(home|street|postal|mailing|billing|shipping|residential)_address|address_line"),
    ("other", r"drivers?_licen[cs]e(_no|_number)?"),
)
_PERHAPS: tuple[tuple[PersonalKind, str], ...] = (
    ("name", r"names?|person|contact|customer|author|authors|owner"),
    ("address", r"(.*_)?(address|addr)|street|(street|house)_(name|number|no)"),
)
_KEY = (
    r"id|key|code|uuid|guid|number|no|num|nr|sku|isbn|issn|iata|icao|faa|tailnum|index|identifier"
)


def words(name: str) -> str:
    """`CustomerName`, `customer name` -> `customer_name`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def personal_hint(name: str) -> PersonalKind | None:
    """The kind of personal data that the name says outright."""
    said = words(name)
    return next(
        (kind for kind, pattern in _PERSONAL if re.search(rf"(^|_)({pattern})(_?[0-9]+)?$", said)),
        None,
    )


def perhaps_personal(name: str) -> PersonalKind | None:
    """The kind it may be, beside other columns about persons; a restaurant has a name and an address too."""
    said = words(name)
    return next(
        (kind for kind, pattern in _PERHAPS if re.fullmatch(rf"({pattern})(_?[0-9]+)?", said)), None
    )


def key_hint(name: str) -> bool:
    """Whether the name says that it names something."""
    return (
        re.search(rf"(^|_)({_KEY})$", words(name)) is not None
        or re.search(r"[a-z](id|key)$", words(name)) is not None
    )


def rule_word(name: str) -> str:
    """What is left of a column's name in the names of its rules."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
