"""A licence allows, waits for a person, or refuses, and names the clause."""

from __future__ import annotations

import pytest

from contracts.errors import ContractError
from contracts.policy import license_policy
from contracts.settings import License
from pipelines.admit.license import judge_license
from pipelines.admit.verdict import decide
from pipelines.frames import Finding


@pytest.mark.parametrize(
    ("expression", "purposes", "commercial", "outcome"),
    [
        ("CC0-1.0", ["training"], True, "allowed"),
        ("cc-by-4.0", ["training"], True, "allowed"),
        ("CC-BY-NC-4.0", ["training"], True, "refused"),
        ("CC-BY-NC-4.0", ["training"], False, "allowed"),
        ("CC-BY-ND-4.0", ["training"], False, "refused"),
        ("MIT OR CC-BY-NC-4.0", ["analytics"], True, "allowed"),
        ("MIT AND CC-BY-NC-4.0", ["analytics"], True, "refused"),
        ("MIT AND LicenseRef-Unread", ["analytics"], True, "review"),
        ("LicenseRef-Internal", ["redistribution"], False, "refused"),
        ("other", ["analytics"], False, "review"),
        ("unknown", ["analytics"], False, "review"),
        ("(((", ["analytics"], False, "review"),
        ("Apache-2.0 WITH LLVM-exception", ["analytics"], False, "review"),
    ],
)
def test_the_strictest_of_and_the_loosest_of_or(expression: str, purposes: list[str], commercial: bool, outcome: str) -> None:
    wanted = License(expression=expression, holder="h", evidence="e", purposes=purposes, commercial=commercial)  # type: ignore[arg-type]  # parametrised
    assert judge_license(wanted, license_policy()).outcome == outcome


def test_a_refusal_names_the_clause_and_an_admission_its_obligations() -> None:
    refused = judge_license(License(expression="CC-BY-NC-4.0", holder="h", evidence="e", purposes=("training",), commercial=True), license_policy())
    assert "section 2(a)(1)" in refused.reasons[0]
    allowed = judge_license(License(expression="CC-BY-SA-4.0", holder="h", evidence="e", purposes=("training",)), license_policy())
    assert allowed.obligations == ("attribution", "share-alike")


def test_undeclared_personal_data_holds_and_declared_does_not() -> None:
    fine = judge_license(License(expression="MIT", holder="h", evidence="e", purposes=("training",)), license_policy())
    assert decide(fine, [Finding("a", "email", 3, declared=True)]).outcome == "admitted"
    held = decide(fine, [Finding("a", "email", 3, declared=False)])
    assert (held.outcome, held.reasons) == ("held", ("column 'a' holds email in 3 rows, undeclared",))


def test_a_policy_with_a_typo_is_refused_with_its_line() -> None:
    with pytest.raises(ContractError, match=r"p\.yaml:3"):
        license_policy("licenses:\n  MIT:\n    usess: [training]\n    uses: [training]\n    commercial: true\n    source: x\n", "p.yaml")
