"""Facts that only a person can state hold a run, and special categories need a basis of their own."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.settings import License, Privacy
from assay.pipelines.admit.facts import missing_article_9_basis, unanswered
from assay.pipelines.admit.verdict import decide
from assay.pipelines.core.frames import Finding, LicenseVerdict

STATED = {"sensitivity": "personal", "region": "eu", "lawful_basis": "consent"}
ALLOWED = LicenseVerdict("allowed", "CC0-1.0", (), ())


def privacy(**changed: Any) -> Privacy:
    return Privacy(**{**STATED, **changed})


def license_of(holder: str) -> License:
    return License(
        expression="CC0-1.0",
        holder=holder,
        evidence="LICENSE",
        purposes=["analytics"],
        commercial=False,
    )


@pytest.mark.parametrize(
    ("holder", "changed", "reason"),
    [
        ("TODO", {}, "the holder of the rights"),
        ("Us", {"sensitivity": "unknown"}, "the sensitivity"),
        ("Us", {"sensitivity": "TODO"}, "the sensitivity"),
        ("Us", {"lawful_basis": "unknown"}, "the lawful basis"),
        ("Us", {"lawful_basis": "TODO"}, "the lawful basis"),
        ("Us", {"confirmed_by": "TODO"}, "are not confirmed"),
    ],
)
def test_a_fact_that_waits_for_a_person_holds_the_run(
    holder: str, changed: dict[str, str], reason: str
) -> None:
    reasons = unanswered(license_of(holder), privacy(**changed))
    assert len(reasons) == 1
    assert reason in reasons[0]
    verdict = decide(ALLOWED, (), unanswered=reasons)
    assert (verdict.outcome, verdict.reasons) == ("held", reasons)


def test_an_unstated_basis_names_the_personal_columns() -> None:
    columns = {f"c{n}": {"kind": "address", "treatment": "token"} for n in range(12)}
    (reason,) = unanswered(license_of("Us"), privacy(lawful_basis="unknown", columns=columns))
    assert reason.endswith("for the columns 'c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9' and 2 more")  # fmt: skip


def test_contracts_that_state_the_facts_are_admitted_as_before() -> None:
    assert unanswered(license_of("Us"), privacy()) == ()
    assert missing_article_9_basis(privacy()) == ()
    assert decide(ALLOWED, ()).outcome == "admitted"
    undeclared = decide(ALLOWED, (Finding("x", "email", 3, False, 0.9),))
    assert undeclared.reasons == ("column 'x' holds email in 3 rows, undeclared",)


@pytest.mark.parametrize("kind", ["ethnicity", "religion", "health", "medical_code", "genetic"])
def test_special_categories_are_refused_without_a_basis_of_article_9(kind: str) -> None:
    columns = {"c": {"kind": kind, "treatment": "token"}}
    forbidden = missing_article_9_basis(privacy(columns=columns))
    assert "'c'" in forbidden[0]
    verdict = decide(ALLOWED, (), forbidden=forbidden)
    assert (verdict.outcome, verdict.reasons) == ("refused", forbidden)
    assert missing_article_9_basis(privacy(columns=columns, article_9_basis="unknown"))
    stated = privacy(columns=columns, article_9_basis="explicit consent")
    assert missing_article_9_basis(stated) == ()
    dropped = {"c": {"kind": kind, "treatment": "drop"}}
    assert missing_article_9_basis(privacy(columns=dropped)) == ()
