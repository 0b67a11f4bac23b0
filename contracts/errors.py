"""Errors: the place, the problem and the remedy, never a personal value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

_LONG_WORD, _LONG_TEXT = 200, 1_500


def shortened(text: str) -> str:
    """Shorten a text for people.

    Words of more than 200 characters, such as a name of 64 kB, are cut, and so is the whole at
    1,500.
    """
    if len(text) <= _LONG_WORD:
        return text
    text = re.sub(r"\S{200,}", lambda match: f"{match[0][:80]}…", text)
    return text if len(text) <= _LONG_TEXT else f"{text[:_LONG_TEXT]}…"


@dataclass(frozen=True)
class Where:
    """The place an error is about. Rows and lines count from 1, as an editor shows them."""

    file: str | None = None
    line: int | None = None
    column: int | None = None
    dataset: str | None = None
    row: int | None = None
    field: str | None = None
    rule: str | None = None

    def __str__(self) -> str:
        position = ":".join(
            shortened(str(part)) for part in (self.file, self.line, self.column) if part is not None
        )
        named = {"data set": self.dataset, "row": self.row, "column": self.field, "rule": self.rule}
        parts = [
            position,
            *(
                f"{name} '{shortened(value)}'" if isinstance(value, str) else f"{name} {value}"
                for name, value in named.items()
                if value is not None
            ),
        ]
        return ", ".join(part for part in parts if part)


NOWHERE = Where()


class AssayError(Exception):
    """Assay cannot go on. Every child names where, what, and what to do about it."""

    def __init__(self, problem: str, remedy: str, where: Where = NOWHERE) -> None:
        problem, remedy = shortened(problem), shortened(remedy)
        super().__init__(
            problem, remedy, where
        )  # positional, so it survives a trip between processes
        self.problem, self.remedy, self.where = problem, remedy, where

    def __str__(self) -> str:
        place = str(self.where)
        return (
            f"{place}: {self.problem}. {self.remedy}."
            if place
            else f"{self.problem}. {self.remedy}."
        )


class ContractError(AssayError):
    """A contract or a policy is not one, or asks for what cannot be done.

    `id` names the kind of problem, the same in every report; `path` is the key it is about, such as
    `schema[0].properties[2].name`.
    """

    def __init__(
        self,
        problem: str,
        remedy: str,
        where: Where = NOWHERE,
        id: str = "contract",
        path: str = "",
    ) -> None:
        problem, remedy = shortened(problem), shortened(remedy)
        Exception.__init__(self, problem, remedy, where, id, path)
        self.problem, self.remedy, self.where, self.id, self.path = problem, remedy, where, id, path


class ContractErrors(ContractError):
    """Several things wrong with one document, all of them reported at once."""

    def __init__(self, problems: tuple[ContractError, ...]) -> None:
        Exception.__init__(self, problems)
        self.problems = problems
        first = problems[0]
        self.problem, self.remedy, self.where, self.id, self.path = (
            first.problem,
            first.remedy,
            first.where,
            first.id,
            first.path,
        )

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class SourceError(AssayError):
    """A source cannot be reached, is not what its checksum states, or cannot be read."""


class AdmissionError(AssayError):
    """The licence refuses a purpose, or personal data was found that no one declared."""


class QualityError(AssayError):
    """A rule of severity `error` is broken by more rows than the contract tolerates."""


class PublicationError(AssayError):
    """A version could not be created whole; nothing of it is visible."""


class EvidenceError(AssayError):
    """A version's files, manifest or signature are not what was signed."""


class FeatureError(AssayError):
    """Features cannot be fitted or applied to this frame."""


class DriftError(AssayError):
    """Two windows cannot be compared."""


class ActionError(AssayError):
    """A model or an index could not be created; the one in service stays."""


class ConfigurationError(AssayError):
    """This installation is set up in a way that cannot work."""


class MissingExtraError(ConfigurationError):
    """Something needs packages that are not installed; the message names the extra (extras.py)."""

    def __str__(self) -> str:
        place = str(self.where)
        return f"{f'{place}: ' if place else ''}{self.problem}: {self.remedy}."


class UnexpectedError(AssayError):
    """Something failed in a way that Assay does not foresee; a log in the home names the code."""


class ClockError(ConfigurationError):
    """The clock is in doubt: what is decided by time waits until an operator has confirmed it."""


@contextmanager
def errors_located_at(**place: str | int) -> Iterator[None]:
    """Tell errors from inside the block where they happened.

    The code in it knows only its own part.

    Example: `with about(file="flights.odcs.yaml", dataset="flights"): ...`
    """
    try:
        yield
    except ContractErrors as errors:
        for error in errors.problems:
            error.where = _completed(error.where, place)
        raise
    except AssayError as error:
        error.where = _completed(error.where, place)
        raise


def _completed(where: Where, place: dict[str, str | int]) -> Where:
    missing = {key: value for key, value in place.items() if getattr(where, key) is None}
    return replace(where, **missing)  # type: ignore[arg-type]  # keys are Where's own


def shown(path: Path) -> str:
    """A path as people read it.

    Relative to where they stand when it is below, so that no machine's layout is shown.
    """
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
