"""`assay versions explain`: what each step did to one row of a version, from what the version's steps had learned."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from assay.assets.services.explain import explained
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.contracts.errors import ContractError, EvidenceError
from tests.conftest import SampleHome, setting

STEPS = [
    {"step": "normalize", "columns": ["tariff"]},
    {"step": "synonyms", "columns": ["tariff"], "values": {"nite": "night"}},
    {"step": "deduplicate"},
]
ROWS = "meter,energy_kwh,tariff\nM1,1.5,day\nM2,2.5, nite\nM1,1.5,day\nX,3.5,day\n"


@pytest.fixture
def cleaned(installation: SampleHome) -> SampleHome:
    installation.promise(setting("cleaning", _=STEPS))
    installation.deliver(ROWS)
    installation.published()
    return installation


def told(installation: SampleHome, number: int) -> dict[str, object]:
    opened_home = installation.open()
    return explained(
        opened_home, opened_home.contract("readings"), opened_home.version("readings", None), number
    )


def test_each_step_tells_what_it_changed(cleaned: SampleHome) -> None:
    row = told(cleaned, 3)
    assert [(step["step"], step["changes"]) for step in row["steps"] if step["changes"]] == [  # type: ignore[attr-defined]  # plain data
        ("1 normalize", [{"column": "tariff", "before": " nite", "after": "nite"}]),
        ("2 synonyms", [{"column": "tariff", "before": "nite", "after": "night"}]),
    ]
    assert (row["outcome"], row["reasons"]) == ("published", [])


def test_a_repeated_row_tells_which_step_removed_it(cleaned: SampleHome) -> None:
    row = told(cleaned, 4)
    assert (row["outcome"], row["reasons"]) == ("removed", ["3 deduplicate"])


def test_a_row_that_breaks_a_rule_tells_the_rule(cleaned: SampleHome) -> None:
    row = told(cleaned, 5)
    assert (row["outcome"], row["reasons"]) == ("quarantined", ["meter_pattern"])


def test_a_personal_cell_is_shown_as_it_was_treated(installation: SampleHome) -> None:
    installation.promise(
        setting("privacy", columns={"meter": {"kind": "other", "treatment": "mask"}}),
        lambda data: data["schema"][0]["properties"][0].pop("logicalTypeOptions"),
    )
    installation.published()
    assert "M2" not in str(told(installation, 3))


def test_a_row_that_is_not_there_and_a_contract_that_changed_are_told(cleaned: SampleHome) -> None:
    with pytest.raises(EvidenceError, match="has no row 99"):
        told(cleaned, 99)
    cleaned.promise(setting("cleaning", _=STEPS[:1]))
    with pytest.raises(ContractError, match="another state of the contract"):
        told(cleaned, 3)


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.email=t@example.com", "-c", "user.name=t", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("is_moved", [False, True])
def test_the_commit_of_the_contract_is_named(cleaned: SampleHome, is_moved: bool) -> None:
    folder = cleaned.contracts.resolve()
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "published with this")
    commit = git(folder, "rev-parse", "HEAD").strip()
    cleaned.promise(setting("cleaning", _=STEPS[:1]))
    if is_moved:
        (folder / "moved").mkdir()
        git(folder, "mv", "readings.odcs.yaml", "moved/readings.odcs.yaml")
    git(folder, "commit", "-q", "-a", "-m", "changed since")
    with pytest.raises(ContractError, match=f"git show {commit[:12]}:readings.odcs.yaml > "):
        told(cleaned, 3)


def test_a_state_of_the_contract_that_was_never_committed_is_reported(
    cleaned: SampleHome,
) -> None:
    cleaned.promise(setting("cleaning", _=STEPS[:1]))
    git(cleaned.contracts, "init", "-q")
    git(cleaned.contracts, "add", ".")
    git(cleaned.contracts, "commit", "-q", "-m", "too late")
    with pytest.raises(ContractError, match="git has no commit with it"):
        told(cleaned, 3)


def test_a_few_changed_cells_are_shown_as_they_came_and_as_they_are_published(
    installation: SampleHome,
) -> None:
    installation.promise(setting("cleaning", _=STEPS))
    installation.deliver(ROWS)
    run = installation.run()
    assert refine(run, admit(run)).samples == {
        "1 normalize": [(3, "tariff", " nite", "night")],
        "2 synonyms": [(3, "tariff", " nite", "night")],
    }


def test_no_personal_cell_is_shown(installation: SampleHome) -> None:
    installation.promise(
        setting("cleaning", _=STEPS),
        setting("privacy", columns={"tariff": {"kind": "other", "treatment": "token"}}),
        lambda data: data["schema"][0]["properties"][2].pop("enum"),
    )
    installation.deliver(ROWS)
    run = installation.run()
    assert refine(run, admit(run)).samples == {}
