"""What a contract states about its data -> what only a person can state, and no one has.

Belongs here: facts that hold a run, and the basis without which special categories are refused.
Stays out: what is found in the rows (personal.py), the decision (verdict.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from assay.contracts.settings import CLASSES, UNANSWERED, License, Privacy

_MOST_NAMES = 10
_SPECIAL = ("special category", "health")


def unanswered(license_terms: License, privacy: Privacy) -> tuple[str, ...]:
    """Each fact of a draft that waits for a person, as a reason to hold a run."""
    reasons = []
    if privacy.lawful_basis == "unknown":
        columns = list(privacy.columns)
        of_columns = f" for {_names(columns)}" if columns else ""
        reasons.append(f"the lawful basis is not stated{of_columns}")
    if privacy.sensitivity == "unknown":
        reasons.append("the sensitivity is not stated")
    if privacy.confirmed_by == UNANSWERED:
        reasons.append("the sensitivity and the lawful basis are not confirmed")
    if license_terms.holder == UNANSWERED:
        reasons.append("the holder of the rights is not stated")
    return tuple(reasons)


def missing_article_9_basis(privacy: Privacy) -> tuple[str, ...]:
    """Why data of special categories are refused: GDPR, article 9, demands a basis of its own."""
    if privacy.article_9_basis not in (None, "unknown"):
        return ()
    special = [
        column
        for column, treatment in privacy.columns.items()
        if CLASSES.get(treatment.kind) in _SPECIAL and treatment.treatment != "drop"
    ]
    if not special:
        return ()
    return (
        f"{_names(special)} {'holds' if len(special) == 1 else 'hold'} data of a special category,"
        " and the contract states no `article_9_basis`",
    )


def _names(columns: Iterable[str]) -> str:
    names = [f"'{column}'" for column in columns]
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    parts = [*names[:_MOST_NAMES], *more]
    listed = ", ".join(parts[:-1])
    columns_are = "column" if len(names) == 1 else "columns"
    return f"the {columns_are} {listed}{' and ' if listed else ''}{parts[-1]}"
