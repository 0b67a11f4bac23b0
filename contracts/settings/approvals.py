"""`assay.approvals`: acts on the data set that two persons sign, in addition to those that always need two."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from assay.contracts.settings.base import Settings

ApprovedAct = Literal["release", "models", "indexes", "references"]
PROD = "prod"
"""The reference that never moves without a signature."""


class Approvals(Settings):
    """Acts that two persons sign, and further references that move only with a signature.

    Discarding rows, and releasing rows that broke a rule of severity `error`, need two anyway.
    """

    two_persons: tuple[ApprovedAct, ...] = ()
    references: tuple[str, ...] = ()

    @field_validator("references")
    @classmethod
    def _without_latest(cls, references: tuple[str, ...]) -> tuple[str, ...]:
        if "latest" in references:
            raise ValueError("`latest` follows publication and cannot be signed for")
        return references

    @property
    def signed_references(self) -> frozenset[str]:
        """The references that move only with a signature."""
        return frozenset({PROD, *self.references})
