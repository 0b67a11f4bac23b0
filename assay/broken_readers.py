"""Who reads what a changed contract removes or changes, for `assay check --base`.

Belongs here: naming the readers in findings. Stays out: the changes (contracts/compatibility/) and
how readers are looked up (assets/services/readers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import AssayError, Where
from assay.contracts.extras import is_installed, missing_extra
from assay.contracts.problems import Problem, name_first

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation
    from assay.contracts.compatibility import Change
    from assay.contracts.model import Contract


def name_readers(
    problems: Sequence[Problem],
    changes: Sequence[Change],
    contract: Contract,
    new: Mapping[str, Any],
) -> list[Problem]:
    """The findings, each with the readers that its change breaks; nothing where this machine has
    no installation.

    Args:
        problems: one per change in the same order, then others.
        contract: before the changes.
        new: its document with the changes.
    """
    from assay.contracts.compatibility.broken_columns import broken_columns

    columns = {place: broken_columns(change, new) for place, change in enumerate(changes)}
    broken = {place: names for place, names in columns.items() if names is not None}
    return with_readers(problems, broken, contract)


def with_readers(
    problems: Sequence[Problem], broken: Mapping[int, Collection[str]], contract: Contract
) -> list[Problem]:
    """The findings, those at the places in `broken` with the readers of the columns there."""
    if not broken:
        return list(problems)
    try:
        installation = _installation(contract)
        if installation is None:
            return list(problems)
        from assay.assets.services.readers import readers

        of = {place: readers(installation, contract, names) for place, names in broken.items()}
    except AssayError as error:
        return [*problems, _unknown_readers(contract, error)]
    return [_with_readers(problem, of.get(place, ())) for place, problem in enumerate(problems)]


def _installation(contract: Contract) -> Installation | None:
    """The installation of this machine, if there is one.

    Raises: MissingExtraError: there is one, but not the extra `data`.
        AssayError: it cannot be opened.
    """
    from assay.assets.io.home import home

    where = home()
    if not where.is_made:
        return None
    if not is_installed("data"):
        raise missing_extra(f"looking up who reads {contract.name}", "data")
    from assay.assets.io.installation import Installation

    return Installation.open(where)


def _with_readers(problem: Problem, readers: Sequence[str]) -> Problem:
    if not readers:
        return problem
    text = f"{problem.problem}; it is read by {name_first(readers)}"
    return replace(problem, problem=text, details={**problem.details, "readers": list(readers)})


def _unknown_readers(contract: Contract, error: AssayError) -> Problem:
    return Problem(
        "change.readers_unknown",
        "warning",
        f"who reads the changed columns is unknown: {error.problem}",
        error.remedy,
        Where(file=contract.file),
    )
