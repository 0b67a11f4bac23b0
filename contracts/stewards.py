"""Who may approve: names, levels and public keys.

Belongs here: reading policies/stewards.yaml. Stays out: what an approval says
(lineage/approval.py), whether it counts (pipelines/admit/review.py).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import Field, ValidationError, model_validator

from assay.contracts.document import Document, Path, parse
from assay.contracts.errors import ContractError, ContractErrors
from assay.contracts.model import Frozen, Level
from assay.contracts.problems import key_path


class Steward(Frozen):
    """One person, what they may approve, and the public key as securesystemslib writes it, with its
    `keyid`.
    """

    name: str = Field(min_length=1)
    levels: tuple[Level, ...] = Field(min_length=1)
    accounts: tuple[str, ...] = ()
    """Under which names of operating systems or of ASSAY_ACTOR this person runs data sets: who
    asked for a version does not approve it."""
    key: dict[str, Any]


class StewardPolicy(Frozen):
    """Everybody who may decide, and for how many days an approval holds."""

    valid_days: int = Field(ge=1, le=366)
    stewards: tuple[Steward, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> StewardPolicy:
        names = [steward.name for steward in self.stewards]
        keys = [steward.key.get("keyid") for steward in self.stewards]
        for what, values in (("name", names), ("key", keys)):
            if len(set(values)) < len(values):
                raise ValueError(f"two stewards have one {what}")
        return self

    @property
    def can_decide(self) -> bool:
        """Whether two persons can approve, one at each level."""
        return any(
            "first" in first.levels and "second" in second.levels
            for first in self.stewards
            for second in self.stewards
            if first is not second
        )

    @property
    def text(self) -> str:
        """The policy as JSON, which is YAML too.

        The same whatever its comments and order of keys.
        """
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    @property
    def digest(self) -> str:
        """SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def by_key(self, keyid: str) -> Steward | None:
        """Whose key it is."""
        return next(
            (steward for steward in self.stewards if steward.key.get("keyid") == keyid), None
        )


def steward_policy(text: str, file: str) -> StewardPolicy:
    """The policy in YAML text. Raises: ContractError(s): each mistake with its line."""
    document = parse(text, file)
    try:
        return StewardPolicy.model_validate(document.data)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        raise ContractErrors(
            tuple(_mistake(error["loc"], error["msg"], document) for error in errors)
        ) from None


def _mistake(path: Path, message: str, document: Document) -> ContractError:
    place = key_path(path)
    return ContractError(
        f"{place}: {message}", "Mend the policy", document.where(path), "policy.stewards", place
    )
