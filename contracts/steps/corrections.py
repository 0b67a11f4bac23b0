"""Steps that put wrong values right.

What was written differently, mistyped, or contradicts the other columns.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from assay.contracts.data_files import table
from assay.contracts.formats import pattern_problem
from assay.contracts.settings import Settings, Share
from assay.contracts.steps.base import Columns, Step

Unclear = Literal["leave", "flag", "set_aside"]
"""What becomes of a row with a cell that is wrong, and whose right value cannot be known."""


class Correction(Step):
    """What corrections have in common.

    They work on text, on the columns named, or on every column of plain strings.
    """

    phase: ClassVar[Literal["text", "value"]] = "text"
    columns: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns

    @property
    def _where(self) -> str:
        return f"In {', '.join(self.columns)}" if self.columns else "In every column of text"


class Normalize(Correction):
    """One way of writing.

    Unicode form, white space, invisible and control characters, HTML entities, text decoded
    wrongly, doubled quotes, case.
    """

    step: Literal["normalize"]
    unicode: Literal["NFC", "NFKC"] | None = "NFC"
    whitespace: bool = True
    invisible: bool = True
    entities: bool = False
    mojibake: bool = False
    quotes: bool = False
    case: Literal["upper", "lower", "title"] | None = None

    @property
    def description(self) -> str:
        """What it does."""
        changes = {
            f"Unicode is brought to {self.unicode}": self.unicode,
            "white space is squeezed": self.whitespace,
            "invisible and control characters go": self.invisible,
            "HTML entities become characters": self.entities,
            "wrongly decoded text is decoded again": self.mojibake,
            "doubled quotes become one": self.quotes,
            f"letters become {self.case} case": self.case,
        }
        wanted = ", ".join(change for change, is_wanted in changes.items() if is_wanted)
        return f"{self._where}, {wanted or 'nothing is changed'}."


def _placeholders() -> tuple[str, ...]:
    return tuple(table("words/placeholders.yaml"))


class Placeholders(Correction):
    """Words that represent nothing become nothing."""

    step: Literal["placeholders"]
    values: tuple[str, ...] = Field(default_factory=_placeholders, min_length=1)

    @property
    def description(self) -> str:
        """What it does."""
        return f"{self._where}, {', '.join(map(repr, self.values))} become missing."


class Synonyms(Correction):
    """Known spellings and codes become the one that is wanted."""

    step: Literal["synonyms"]
    columns: Columns
    values: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_no_chains(self) -> Synonyms:
        moved = sorted(
            set(self.values) & {right for wrong, right in self.values.items() if wrong != right}
        )
        if moved:
            raise ValueError(f"{moved[0]!r} is replaced, but other values are replaced by it")
        return self

    @property
    def description(self) -> str:
        """What it does."""
        return f"{self._where}, {len(self.values)} spellings become the one that is wanted."


class Rewrite(Correction):
    """What matches a pattern is wrong.

    The match becomes `to`, or is only noted where no one knows what it was. A value that would
    match again, or become nothing, is noted too.
    """

    step: Literal["rewrite"]
    columns: Columns
    pattern: str
    """A regular expression as in the contract's rules, found anywhere in the value unless it states
    `^` and `$`."""
    to: str | None = None
    """What is in its place; `${1}` is the pattern's first group, `$$` a dollar."""
    unclear: Unclear = "flag"

    @field_validator("pattern")
    @classmethod
    def _runs(cls, pattern: str) -> str:
        if problem := pattern_problem(pattern):
            raise ValueError(problem)
        return pattern

    @property
    def description(self) -> str:
        """What it does."""
        outcome = "is wrong" if self.to is None else f"becomes {self.to!r}"
        return f"{self._where}, what matches {self.pattern!r} {outcome}."


class Numbers(Correction):
    """Numbers as people write them become plain ones.

    Units, currencies, percent, thousands, a decimal comma.
    """

    step: Literal["numbers"]
    columns: Columns
    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'"] | None = None
    units: dict[str, float] = Field(default_factory=dict)
    """What may be before or after a number, in any case, and what the number is then multiplied
    by."""
    unclear: Unclear = "flag"

    @model_validator(mode="after")
    def _decimal_and_thousands_differ(self) -> Numbers:
        if self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` are the same character")
        return self

    @field_validator("units")
    @classmethod
    def _no_digits(cls, units: dict[str, float]) -> dict[str, float]:
        if any(
            not unit.strip() or any(character.isdigit() for character in unit) for unit in units
        ):
            raise ValueError("a unit must not contain digits")
        return units

    @property
    def description(self) -> str:
        """What it does."""
        units = "".join(f", '{unit}' counting {factor:g}" for unit, factor in self.units.items())
        return f"{self._where}, numbers are written plainly{units}."


class Times(Correction):
    """Dates and times in the formats named (Java's DateTimeFormatter letters, the first that fits),
    or in those that the column bears out, become ISO 8601.
    """

    step: Literal["times"]
    columns: Columns
    formats: tuple[str, ...] = ()
    timezone: str | None = None
    """The zone that times without one are in; they become UTC."""
    unclear: Unclear = "flag"

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        from assay.contracts.date_formats import date_format

        for form in formats:
            date_format(form)
        return formats

    @field_validator("timezone")
    @classmethod
    def _zone(cls, zone: str | None) -> str | None:
        from assay.contracts.formats import time_zones

        if zone is not None and zone not in time_zones():
            raise ValueError(f"there is no time zone '{zone}'")
        return zone

    @property
    def description(self) -> str:
        """What it does."""
        zone = f", those of {self.timezone} UTC" if self.timezone else ""
        return f"{self._where}, dates and times become ISO 8601{zone}."


class Typos(Correction):
    """A rare spelling close to one that is `ratio` times as frequent, or in the contract's
    enumeration, becomes that one.

    Close: at most `distance` letters left out, put in, changed or swapped, and one for every four
    letters. Numbers are never corrected like that, nor a value all of whose words the table knows.
    """

    step: Literal["typos"]
    distance: int = Field(default=3, ge=1, le=5)
    ratio: float = Field(default=10, gt=1)
    support: int = Field(default=5, ge=2)
    """How often a value must occur to be what another one was meant to be."""
    confidence: Share = 0.95
    """How likely a change must be right. What is likely wrong, and less sure, is only noted."""
    unclear: Unclear = "flag"

    @property
    def description(self) -> str:
        """What it does."""
        return (
            f"{self._where}, rare spellings become one that is {self.ratio:g} times as frequent "
            f"and at most {self.distance} letters away, where that is right in {self.confidence:.0%} "
            "of such cases."
        )


class Shapes(Correction):
    """A value without the form that the contract's pattern or nearly all other values have gets it,
    where that can be done in one way only.
    """

    step: Literal["shapes"]
    columns: Columns
    share: Share = 0.7
    """How many of the values must have the form, where the contract states none."""
    zeros: bool = False
    """Whether a leading zero may be put in."""
    unclear: Unclear = "flag"

    @property
    def description(self) -> str:
        """What it does."""
        return (
            f"{self._where}, values that do not have the form of the others get it "
            "where one way leads there."
        )


class Dependency(Settings):
    """The columns `given` decide the column `decides`."""

    given: Columns
    decides: str

    @model_validator(mode="after")
    def _not_itself(self) -> Dependency:
        if self.decides in self.given:
            raise ValueError(f"'{self.decides}' cannot determine itself")
        return self


class Dependencies(Step):
    """Where rows that agree in some columns should agree in another, what most of them say holds
    for the others.

    Changed is what has at least two witnesses, or is missing, or is a misspelling of what the
    others say; and only where nothing contradicts in the row afterwards.
    """

    phase: ClassVar[Literal["text", "value"]] = "text"
    step: Literal["dependencies"]
    columns: tuple[str, ...] = ()
    """The columns among which dependencies are looked for, where none is named; all by default."""
    dependencies: tuple[Dependency, ...] = ()
    confidence: Share = 0.6
    """The share of the rows of one group that must agree."""
    support: int = Field(default=3, ge=2)
    """And how many of them."""
    strength: Share = 0.85
    """How much of a column must be decided, beyond its most frequent value, for a dependency that
    no one named."""
    unclear: Unclear = "flag"

    @property
    def reads(self) -> tuple[str, ...]:
        """Its columns."""
        named = dict.fromkeys(
            column
            for dependency in self.dependencies
            for column in (*dependency.given, dependency.decides)
        )
        return tuple(named) or self.columns

    @property
    def description(self) -> str:
        """What it does."""
        listed = [
            f"{', '.join(dependency.given)} → {dependency.decides}"
            for dependency in self.dependencies
        ]
        named = "; ".join(listed) or "found in the rows"
        return (
            f"Values that contradict the dependencies ({named}) become what most rows say, "
            "where that is clear."
        )
