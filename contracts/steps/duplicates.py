"""Steps on rows that say the same thing twice."""

from __future__ import annotations

from typing import ClassVar, Literal

from contracts.steps.base import Step


class Deduplicate(Step):
    """Remove rows equal in every column to an earlier one."""

    phase: ClassVar[Literal["text", "value"]] = "text"
    step: Literal["deduplicate"]

    @property
    def said(self) -> str:
        """What it does."""
        return "Rows equal to an earlier one in every column are removed."
