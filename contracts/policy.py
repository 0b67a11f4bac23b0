"""The licence policy: what each licence lets one do with data, and what each purpose needs.

Belongs here: reading policies/licenses.yaml. Stays out: recognising names (licenses.py), deciding
(pipelines/admit/license.py).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from assay.contracts.document import Document, Path, parse
from assay.contracts.errors import ContractError, ContractErrors
from assay.contracts.license_words import normal
from assay.contracts.licenses import Recognised, recognise
from assay.contracts.load import digest
from assay.contracts.model import Frozen
from assay.contracts.problems import key_path
from assay.contracts.settings import Purpose

Use = Literal["all", "non-commercial", "academic", "unspecified"]
USES: tuple[Use, ...] = ("all", "non-commercial", "unspecified", "academic")
"""From loose to strict. What nothing states about is before what is plainly for research only, as
the Data Provenance Initiative orders them."""


class LicenseTerms(Frozen):
    """One licence, as we read it. `source` states where the reading comes from."""

    use: Use = "all"
    attribution: bool = False
    share_alike: bool = False
    derivatives: bool = True
    redistribution: bool = True
    training: Literal["allowed", "silent", "forbidden"] = "silent"
    conditions: tuple[str, ...] = ()
    source: str

    @property
    def obligations(self) -> tuple[str, ...]:
        """What travels with everything derived from the data."""
        terms = {"attribution": self.attribution, "share-alike": self.share_alike}
        return (*(name for name, holds in terms.items() if holds), *self.conditions)


class Needs(Frozen):
    """What a purpose needs of a licence, beyond the use itself."""

    derivatives: bool = False
    redistribution: bool = False
    training: bool = False


class LicensePolicy(Frozen):
    """Every reading; what has none waits for a person."""

    purposes: dict[Purpose, Needs]
    categories: dict[str, LicenseTerms]
    licenses: dict[str, LicenseTerms]
    creative_commons: dict[Literal["BY", "NC", "SA", "ND"], LicenseTerms]
    compatible: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Share-alike licence -> others under which its holder lets adapted material go."""
    names: dict[str, str]
    addresses: dict[str, str] = Field(default_factory=dict)
    """Pattern of a web address, without scheme, `www.` and last slash -> licence."""
    digest: str

    @property
    def text(self) -> str:
        """The policy as JSON, the same whatever its comments and order of keys."""
        return json.dumps(self.model_dump(mode="json", exclude={"digest"}), sort_keys=True)

    @field_validator("names")
    @classmethod
    def _normalised(cls, names: dict[str, str]) -> dict[str, str]:
        return {normal(name): expression for name, expression in names.items()}

    def recognise(self, text: str) -> Recognised:
        """Read a licence as people write it, with the names and addresses of this policy."""
        return recognise(text, self.names, self.addresses)


def license_policy(
    text: str | None = None, file: str = "contracts/policies/licenses.yaml"
) -> LicensePolicy:
    """The policy that ships with Assay, or the one given as YAML text.

    Raises: ContractError(s): each mistake with its line.
    """
    return _shipped_policy() if text is None else _policy(text, file)


@cache
def _shipped_policy() -> LicensePolicy:
    file = resources.files("assay.contracts").joinpath("policies/licenses.yaml")
    return _policy(file.read_text(encoding="utf-8"), "contracts/policies/licenses.yaml")


def _policy(text: str, file: str) -> LicensePolicy:
    document = parse(text, file)
    data = document.data if isinstance(document.data, dict) else {}
    try:
        return LicensePolicy.model_validate({**data, "digest": digest(document.data)})
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        raise ContractErrors(
            tuple(_mistake(error["loc"], error["msg"], document) for error in errors)
        ) from None


def _mistake(path: Path, message: str, document: Document) -> ContractError:
    place = key_path(path)
    return ContractError(
        f"{place}: {message}",
        "Correct the licence policy",
        document.where(path),
        "policy.file",
        place,
    )
