"""Steps on text that people read, and on records whose cells are in the wrong column."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from assay.contracts.settings import Share
from assay.contracts.steps.base import Columns, Step
from assay.contracts.steps.corrections import Correction


class Noise(Correction):
    """Markup, addresses and repeated punctuation leave a text."""

    step: Literal["noise"]
    columns: Columns
    markup: bool = True
    urls: bool = False
    punctuation: bool = True

    @property
    def description(self) -> str:
        """What it does."""
        noise = {
            "markup": self.markup,
            "web addresses": self.urls,
            "repeated punctuation": self.punctuation,
        }
        gone = ", ".join(kind for kind, is_wanted in noise.items() if is_wanted)
        return f"{self._where}, {gone or 'nothing'} is taken out."


class Boilerplate(Correction):
    """Lines that many rows share leave a text."""

    step: Literal["boilerplate"]
    columns: Columns
    share: Share = 0.1
    """From which share of the rows on a line gives no information about its row."""
    support: int = Field(default=10, ge=2)
    """And from how many rows on."""

    @property
    def description(self) -> str:
        """What it does."""
        return f"{self._where}, lines that {100 * self.share:g} % of the rows share are taken out."


class Language(Correction):
    """Rows in a language that is not wanted are quarantined."""

    step: Literal["language"]
    columns: Columns
    keep: tuple[str, ...] = Field(min_length=1)
    """ISO 639-1 codes."""
    confidence: Share = 0.9
    """How sure one must be that it is another one; texts too short to tell stay."""
    action: Literal["set_aside", "flag"] = "set_aside"

    @property
    def description(self) -> str:
        """What it does."""
        columns, languages = ", ".join(self.columns), ", ".join(self.keep)
        done = "noted" if self.action == "flag" else "set aside"
        return f"Rows with {columns} in another language than {languages} are {done}."


class TextQuality(Correction):
    """Rows whose text is too short, too long, no prose or repeats itself are quarantined (after Rae
    et al. 2021, Gopher, table A1).
    """

    step: Literal["text_quality"]
    columns: Columns
    min_words: int = Field(default=5, ge=0)
    max_words: int = Field(default=100_000, ge=1)
    word_length: tuple[float, float] = (3, 10)
    """Between which the mean length of a word lies."""
    letters: Share = 0.6
    """At least this share of the characters that are not white space are letters."""
    repeated_lines: Share = 0.3
    """At most this share of the lines repeat an earlier one."""
    symbols: Share = 0.1
    """At most so many `#` and `…` a word."""
    action: Literal["set_aside", "flag"] = "set_aside"

    @property
    def description(self) -> str:
        """What it does."""
        done = "noted" if self.action == "flag" else "set aside"
        return f"Rows whose {', '.join(self.columns)} is no good prose are {done}."


class Align(Step):
    """Records whose cells stand one column off are moved back where one way fits all types and
    forms, and else quarantined; a cell that ends in the next, empty one's value is parted.
    """

    phase: ClassVar[Literal["text", "value"]] = "text"
    step: Literal["align"]
    columns: tuple[str, ...] = ()
    """The columns that stand next to each other, in order; all declared ones by default."""
    support: int = Field(default=3, ge=2)
    """How often a value must occur in a column to be known as one of its own."""
    unclear: Literal["leave", "flag", "set_aside"] = "set_aside"

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def description(self) -> str:
        """What it does."""
        return "Records whose cells have moved by a column are moved back, where that is clear."
