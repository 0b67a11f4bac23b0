"""Who a visitor of the web UI is, and which role they have at this moment.

Belongs here: looking up persons and roles. Stays out: sessions (sign_in.py), what a role may do
(mutations.py, dagster_app.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from assay.contracts.errors import AssayError
from assay.contracts.stewards import ROLES, Person, Role, StewardPolicy, Subject

FRESH_S = 0.5
"""For so long a role is not looked up again: what was taken away ends within a second."""
VISITOR = "assay.visitor"
"""The key of the ASGI scope that holds the visitor."""


@dataclass(frozen=True)
class Visitor:
    """A signed-in person, and what they may do now."""

    name: str
    role: Role


@dataclass(frozen=True)
class Identity:
    """Who signed in: by a one-time link the account that owns the home, otherwise a person."""

    name: str
    by: Literal["link", "provider"]


@dataclass
class People:
    """The persons of the stewards' file.

    Args:
        policies: reads the file, and the file as two stewards adopted it where they have: a role
            counts as far as both give it, so that taking one away needs no one's approval.
    """

    policies: Callable[[], Sequence[StewardPolicy]]
    clock: Callable[[], float] = time.monotonic
    _read: tuple[float, Sequence[StewardPolicy]] | None = field(default=None, init=False)

    def visitor(self, identity: Identity) -> Visitor | None:
        """The person with the role of this moment; None if they have none any more."""
        if identity.by == "link":
            return Visitor(self._of_account(identity.name), "administrator")
        persons = [policy.by_name(identity.name) for policy in self._policies()]
        roles = [person.role for person in persons if person is not None]
        if not roles or len(roles) < len(persons):
            return None
        return Visitor(identity.name, min(roles, key=ROLES.index))

    def by_subject(self, subject: Subject) -> Person | None:
        """The person that a provider knows under that subject."""
        policies = self._policies()
        return policies[0].by_subject(subject) if policies else None

    def _of_account(self, account: str) -> str:
        policies = self._policies()
        person = policies[0].by_account(account) if policies else None
        return person.name if person else account

    def _policies(self) -> Sequence[StewardPolicy]:
        """What was read last, while it is fresh. A file that cannot be read gives no one a role."""
        now = self.clock()
        if self._read is None or now - self._read[0] > FRESH_S:
            try:
                self._read = (now, self.policies())
            except AssayError:
                self._read = (now, ())
        return self._read[1]
