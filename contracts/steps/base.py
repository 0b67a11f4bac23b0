"""What every cleaning step has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.contracts.settings import Settings

Columns = Annotated[tuple[str, ...], Field(min_length=1)]


class Step(Settings):
    """One repair.

    What it is fitted on is its version's own rows, unless `fit` states that what the first version
    taught holds for all later ones.
    """

    phase: ClassVar[Literal["text", "value"]] = "value"
    """Whether it works on the text as the source wrote it, or on what was read from it. Steps on
    text come first in a contract."""
    reads_writing: ClassVar[bool] = True
    """Of a step on text: whether it asks how a value is written, or only which are equal."""
    step: str
    fit: Literal["each", "first"] = "each"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it looks at; none named means all."""
        return ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Those of its columns that must be declared as numbers."""
        return ()

    @property
    @abstractmethod
    def description(self) -> str:
        """What it does, in one sentence, for data cards and other tools' formats."""
