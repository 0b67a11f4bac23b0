"""`assay.privacy`: how sensitive the data are, and what is done to personal columns."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from assay.contracts.settings.base import Settings

PersonalKind = Literal[
    "email",
    "phone",
    "name",
    "address",
    "birth_date",
    "coordinates",
    "url",
    "ip_address",
    "mac_address",
    "national_id",
    "passport",
    "tax_number",
    "license_plate",
    "card",
    "iban",
    "bank_account",
    "crypto_address",
    "medical_record",
    "medical_code",
    "health",
    "religion",
    "politics",
    "trade_union",
    "ethnicity",
    "sexual_life",
    "genetic",
    "biometric",
    "secret",
    "confidential",
    "unscanned",
    "other",
]


REGION = r"^[a-z]{2}(-[a-z0-9-]+)?$|^global$"


SensitiveClass = Literal["personal", "special category", "health", "trade secret", "secret"]


CLASSES: dict[PersonalKind, SensitiveClass] = {
    "medical_record": "health",
    "medical_code": "health",
    "health": "health",
    "religion": "special category",
    "politics": "special category",
    "trade_union": "special category",
    "ethnicity": "special category",
    "sexual_life": "special category",
    "genetic": "special category",
    "biometric": "special category",
    "confidential": "trade secret",
    "secret": "secret",
}
"""The class of a kind where it is more than personal."""


Sensitivity = Literal[
    "public",
    "internal",
    "personal",
    "special category",
    "health",
    "trade secret",
    "secret",
    "unknown",
]
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)
"""From the least to the most; what no one has stated may be the most."""


UNANSWERED = "TODO"
"""What a draft has where only a person knows."""


LawfulBasis = Literal[
    "none needed",
    "consent",
    "contract",
    "legal obligation",
    "vital interests",
    "public task",
    "legitimate interests",
    "unknown",
]
Article9Basis = Literal[
    "explicit consent",
    "employment and social protection law",
    "vital interests",
    "not-for-profit body",
    "made public by the person",
    "legal claims",
    "substantial public interest",
    "health care",
    "public health",
    "archiving, research or statistics",
    "unknown",
]
"""GDPR, article 9(2), points (a) to (j)."""


CONFIDENTIAL = ("personal", "special category", "health", "trade secret", "secret")
"""Classifications of columns that need a treatment."""


class Treatment(Settings):
    """What admission does to one personal column before anything else sees it."""

    kind: PersonalKind
    treatment: Literal["token", "hash", "mask", "generalize", "redact", "drop"]
    keep_last: int = Field(default=0, ge=0, le=4)
    """Mask: how many characters at the end stay readable."""
    to: Literal["year", "month", "area", "band"] | None = None
    """Generalize: a date to its year or month, a code to its first characters (`keep_first`), a
    number to a band (`width`)."""
    keep_first: int = Field(default=0, ge=0, le=5)
    width: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _said_whole(self) -> Treatment:
        if (self.treatment == "generalize") != (self.to is not None):
            raise ValueError(
                "`to` (year, month, area or band) is required with `generalize` and allowed with nothing else"
            )
        if (self.to == "area") != (self.keep_first > 0) or (self.to == "band") != (self.width > 0):
            raise ValueError(
                "`area` requires `keep_first`, and `band` requires `width`; other values of `to` allow neither"
            )
        return self


class Anonymity(Settings):
    """What a version must not fall below, over columns by which a person could be distinguished
    together.

    Source: k, Samarati and Sweeney (1998); l (distinct), Machanavajjhala et al. (2007); t, Li et
    al. (2007).
    """

    quasi_identifiers: tuple[str, ...] = Field(min_length=1)
    k: int = Field(ge=2)
    sensitive: tuple[str, ...] = ()
    l: int | None = Field(default=None, ge=2)  # noqa: E741  # the literature's own name
    t: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _has_what_it_measures(self) -> Anonymity:
        if bool(self.sensitive) != (self.l is not None or self.t is not None):
            raise ValueError("`l` and `t` need `sensitive` columns: write both, or neither")
        if set(self.sensitive) & set(self.quasi_identifiers):
            raise ValueError("a column cannot be both a quasi-identifier and sensitive")
        return self


class Privacy(Settings):
    """Sensitivity of the whole, why it may be processed, and the treatment of each personal column.

    A sensitivity or a basis that is unknown, and a confirmation that is still to do, hold a run.
    """

    sensitivity: Sensitivity
    region: str = Field(pattern=REGION)
    lawful_basis: LawfulBasis
    article_9_basis: Article9Basis | None = None
    """What allows special categories and health data."""
    confirmed_by: str | None = Field(default=None, min_length=1)
    """Who confirmed what a draft states because no personal data was detected."""
    columns: dict[str, Treatment] = Field(default_factory=dict)
    phone_regions: dict[str, Annotated[str, Field(pattern=REGION)]] = Field(default_factory=dict)
    """Columns with phone numbers of another country than that of `region`."""
    anonymity: Anonymity | None = None

    @field_validator("sensitivity", "lawful_basis", "article_9_basis", mode="before")
    @classmethod
    def _todo_is_unknown(cls, value: object) -> object:
        return "unknown" if value == UNANSWERED else value
