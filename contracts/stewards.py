"""The persons of an installation: names, roles, accounts, and of those who approve levels and keys.

Belongs here: reading policies/stewards.yaml. Stays out: what an approval states
(lineage/approval.py), whether it counts (pipelines/admit/review.py), what a role may do in the web
UI (assay/web/mutations.py).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from assay.contracts.document import Document, Path, parse
from assay.contracts.errors import ContractError, ContractErrors
from assay.contracts.model import Frozen, Level
from assay.contracts.problems import key_path

Role = Literal["viewer", "steward", "operator", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the one that may do least to the one that may do most."""


def role_includes(role: Role, least: Role) -> bool:
    """Whether a role may do everything that the role `least` may do."""
    return ROLES.index(role) >= ROLES.index(least)


class Subject(Frozen):
    """A person as a sign-in provider knows them: its address, and the `sub` of its tokens."""

    issuer: str = Field(min_length=1)
    subject: str = Field(min_length=1)

    @field_validator("issuer")
    @classmethod
    def _without_slash(cls, issuer: str) -> str:
        return issuer.rstrip("/")


class Person(Frozen):
    """One person, and what they may do in the web UI."""

    name: str = Field(min_length=1)
    """As it is recorded; a steward's is the one by which contracts name their owners."""
    role: Role = "viewer"
    subjects: tuple[Subject, ...] = ()
    accounts: tuple[str, ...] = ()
    """The operating system's names for this person: who requested a version does not approve it."""


class Steward(Person):
    """A person who may approve: at which levels, and the public key as securesystemslib writes it,
    with its `keyid`.
    """

    role: Role = "steward"
    levels: tuple[Level, ...] = Field(min_length=1)
    key: dict[str, Any]


class StewardPolicy(Frozen):
    """Every person, those who may approve among them, and for how many days an approval holds."""

    valid_days: int = Field(default=30, ge=1, le=366)
    stewards: tuple[Steward, ...] = ()
    persons: tuple[Person, ...] = ()
    """Those who approve nothing."""

    @property
    def everyone(self) -> tuple[Person, ...]:
        """Stewards and other persons."""
        return (*self.stewards, *self.persons)

    @model_validator(mode="after")
    def _once(self) -> StewardPolicy:
        everyone = self.everyone
        unique: dict[str, list[Any]] = {
            "name": [person.name for person in everyone],
            "key": [steward.key.get("keyid") for steward in self.stewards],
            "account": [account for person in everyone for account in person.accounts],
            "subject": [subject for person in everyone for subject in person.subjects],
        }
        for what, values in unique.items():
            if len(set(values)) < len(values):
                raise ValueError(f"two persons have the same {what}")
        return self

    def by_name(self, name: str) -> Person | None:
        """The person of that name."""
        return next((person for person in self.everyone if person.name == name), None)

    def by_account(self, account: str) -> Person | None:
        """The person who works under an account of the operating system."""
        return next((person for person in self.everyone if account in person.accounts), None)

    def by_subject(self, subject: Subject) -> Person | None:
        """The person whom a sign-in provider knows under that subject."""
        return next((person for person in self.everyone if subject in person.subjects), None)

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

        The same whatever its comments and order of keys; without roles, subjects and persons that
        are not given, which earlier releases did not know.
        """
        policy = self.model_dump(mode="json", exclude={"persons", "stewards"})
        policy["stewards"] = [_dumped(steward) for steward in self.stewards]
        if self.persons:
            policy["persons"] = [_dumped(person) for person in self.persons]
        return json.dumps(policy, sort_keys=True)

    @property
    def digest(self) -> str:
        """SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def by_key(self, keyid: str) -> Steward | None:
        """Whose key it is."""
        return next(
            (steward for steward in self.stewards if steward.key.get("keyid") == keyid), None
        )


def _dumped(person: Person) -> dict[str, Any]:
    dumped = person.model_dump(mode="json")
    newer = {"role": type(person).model_fields["role"].default, "subjects": []}
    return {name: value for name, value in dumped.items() if newer.get(name, ...) != value}


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
        f"{place}: {message}",
        "Correct the stewards' file",
        document.where(path),
        "policy.stewards",
        place,
    )
