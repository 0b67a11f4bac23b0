"""Steps on rows that say the same thing twice."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from assay.contracts.steps.actions import DONE, Action
from assay.contracts.steps.base import Columns, Step

Keep = Literal["first", "last", "most_complete", "max", "min"]
"""Which row of a group stays; ties are broken by the smallest row number."""


class _Chooses(Step):
    """What the steps that keep one row of several have in common.

    Row numbers mean nothing in other data, so each version is looked through again.
    """

    fit: Literal["each"] = "each"
    keep: Keep = "first"
    keep_by: str | None = None
    """The column whose largest or smallest value states which row stays."""
    action: Action = "remove"

    @model_validator(mode="after")
    def _said_whole(self) -> _Chooses:
        if (self.keep in ("max", "min")) != (self.keep_by is not None):
            raise ValueError(
                "`keep_by` is required with `keep: max` and `keep: min`, "
                "and allowed with nothing else"
            )
        return self

    @property
    def kept(self) -> str:
        """Which row stays, in words."""
        return {
            "most_complete": "the most complete",
            "max": f"the one with the largest {self.keep_by}",
            "min": f"the one with the smallest {self.keep_by}",
        }.get(self.keep, f"the {self.keep}")


class Deduplicate(Step):
    """Rows equal in every column to an earlier one."""

    phase: ClassVar[Literal["text", "value"]] = "text"
    reads_writing: ClassVar[bool] = False
    step: Literal["deduplicate"]
    fit: Literal["each"] = "each"
    action: Action = "remove"

    @property
    def description(self) -> str:
        """What it does."""
        return f"Rows equal to an earlier one in every column are {DONE[self.action]}."


class DeduplicateByKey(_Chooses):
    """Rows with the same key, of which one stays. A key with a null in it is none."""

    step: Literal["deduplicate_by_key"]
    columns: Columns

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns, and the one that states which row stays."""
        return tuple(dict.fromkeys((*self.columns, *([self.keep_by] if self.keep_by else []))))

    @property
    def description(self) -> str:
        """What it does."""
        return (
            f"Of rows with the same {', '.join(self.columns)}, {self.kept} is kept; "
            f"the others are {DONE[self.action]}."
        )


class NearDuplicates(_Chooses):
    """Rows that speak of the same thing in other words.

    Record linkage within the table, without examples. Text counts as it is written, so `keep` goes
    by it too.
    """

    phase: ClassVar[Literal["text", "value"]] = "text"
    step: Literal["near_duplicates"]
    columns: tuple[str, ...] = ()
    """What is compared; none named means every column. Leave out what differs by nature, such as a
    running number."""
    keep: Literal["first", "last", "most_complete"] = "most_complete"
    keep_by: None = None
    certainty: Annotated[float, Field(ge=0.5, lt=1)] = 0.9
    """How probable it must be that two rows are the same."""
    at_least: Annotated[int, Field(ge=1)] = 2
    """In how many columns they must agree: one equal cell is a coincidence."""
    action: Action = "set_aside"

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def description(self) -> str:
        """What it does."""
        compared = ", ".join(self.columns) or "all columns"
        return (
            f"Of rows alike in {compared} (record linkage, certainty {self.certainty:g}), "
            f"{self.kept} is kept; the others are {DONE[self.action]}."
        )


class NearDuplicateTexts(_Chooses):
    """Texts that share most of their wording (MinHash)."""

    phase: ClassVar[Literal["text", "value"]] = "text"
    step: Literal["near_duplicate_texts"]
    column: str
    keep: Literal["first", "last"] = "first"
    keep_by: None = None
    similarity: Annotated[float, Field(ge=0.3, le=1)] = 0.8
    """The share of word sequences that two texts have in common (Jaccard)."""
    words: Annotated[int, Field(ge=1, le=20)] = 3
    """How many words make a sequence."""
    action: Action = "set_aside"
    seed: int = 0

    @property
    def reads(self) -> tuple[str, ...]:
        """Its column."""
        return (self.column,)

    @property
    def description(self) -> str:
        """What it does."""
        return (
            f"Of texts in {self.column} that share {self.similarity:.0%} of their wording, "
            f"{self.kept} is kept; the others are {DONE[self.action]}."
        )
