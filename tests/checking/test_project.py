"""Without a path, commands read the contracts of the project they are called in, and a check that checked nothing fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from assay.assets.io.contract_folder import ContractFolder
from assay.assets.io.home import SHIPPED_CONTRACTS, home
from assay.cli import app, main
from assay.reports import FORMATS
from tests.contracts.test_mistakes import RIGHT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that a user calls Assay in, with no variable set."""
    for name in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def put(file: Path, text: str = RIGHT) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("place", ["contracts", "contracts/datasets", "contracts/sales/north"])
def test_the_projects_contracts_are_found(place: str, project: Path) -> None:
    put(project / place / "readings.odcs.yaml")
    assert check()[0] == 0
    assert "1 contract, 0 errors" in check()[1]
    assert list(ContractFolder(home())) == ["readings"]
    put(project / place / "readings.odcs.yaml", RIGHT.replace("format: csv", "format: cvs"))
    code, text = check()
    assert (code, "readings.odcs.yaml" in text) == (1, True)


def test_every_folder_of_the_project_is_read(project: Path) -> None:
    put(project / "contracts" / "readings.odcs.yaml")
    put(
        project / "contracts" / "datasets" / "more.odcs.yaml",
        RIGHT.replace("name: readings", "name: more"),
    )
    put(project / "contracts" / ".trash" / "old.odcs.yaml", "[")
    assert "2 contracts, 0 errors" in check()[1]
    assert sorted(ContractFolder(home())) == ["more", "readings"]


NOTHING: dict[str, tuple[str | None, list[str]]] = {
    "no folder": (None, []),
    "an empty folder": ("contracts/", []),
    "a named folder without any": ("docs/x.md", ["docs"]),
    "other files": ("contracts/policy.yaml", []),
    "a folder that is not there": (None, ["nowhere"]),
    "a glob without a match": (None, ["contracts/*.odcs.yaml"]),
    "a very long path": (None, ["a" * 5_000]),
    "a hidden folder": ("contracts/.git/x.odcs.yaml", []),
}
"""What lies in the project, and the paths that are given."""


@pytest.mark.parametrize("fail_on", ["error", "never"])
@pytest.mark.parametrize("case", NOTHING)
def test_a_check_that_checked_nothing_fails(case: str, fail_on: str, project: Path) -> None:
    there, paths = NOTHING[case]
    if there and there.endswith("/"):
        (project / there).mkdir()
    elif there:
        put(project / there)
    code, text = check("--fail-on", fail_on, *paths)
    assert code == 1
    assert "nothing was checked" in text or "cannot be read" in text
    assert "0 contracts, 1 error" in text or "1 contract, 1 error" in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_that_nothing_was_checked(name: str, project: Path) -> None:
    code, text = check("--format", name)
    assert code == 1
    assert "nothing was checked" in text
    if name == "junit":
        assert ET.fromstring(text).get("failures") == "1"
    if name == "sarif":
        assert json.loads(text)["runs"][0]["results"][0]["level"] == "error"


def test_an_empty_folder_among_others_is_told(project: Path) -> None:
    put(project / "contracts" / "readings.odcs.yaml")
    (project / "empty").mkdir()
    code, text = check("contracts", "empty")
    assert code == 1
    assert "empty: error: there is no contract" in text
    assert "1 contract, 1 error" in text


@pytest.mark.parametrize(
    "command",
    [["run"], ["status"], ["show", "x"], ["verify", "--all"], ["ui", "--port", "39127"]],
    ids=" ".join,
)
def test_commands_say_that_there_is_no_contract(
    command: list[str],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["assay", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "contracts: there is no contract" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("there", "target"),
    [
        ([], "contracts/datasets"),
        (["contracts/a.odcs.yaml"], "contracts"),
        (["contracts/sales/a.odcs.yaml"], "contracts/sales"),
        (["contracts/a/a.odcs.yaml", "contracts/b/b.odcs.yaml"], "contracts/datasets"),
    ],
)
def test_a_draft_goes_to_the_projects_contracts(
    there: list[str], target: str, project: Path
) -> None:
    for file in there:
        put(project / file)
    (project / "inbox").mkdir()
    (project / "inbox" / "meters.csv").write_text("meter,kwh\nM1,1\nM2,2\n")
    result = CliRunner().invoke(
        app, ["new", "inbox/meters.csv", "--license", "CC0-1.0", "--owner", "a@example.com"]
    )
    assert result.exit_code == 0, result.output
    assert (project / target / "meters.odcs.yaml").is_file()
    assert not (SHIPPED_CONTRACTS / "meters.odcs.yaml").exists()


def test_the_demo_writes_its_contracts_into_an_empty_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.demo import tour

    tour._bring_contracts()
    assert sorted(ContractFolder(home())) == ["flights", "python_docs", "support_tickets"]
    assert check()[0] == 0
    text = (project / "contracts" / "datasets" / "flights.odcs.yaml").read_text()
    (project / "contracts" / "datasets" / "flights.odcs.yaml").write_text(f"# mine\n{text}")
    tour._bring_contracts()  # a second demo changes nothing
    assert (
        (project / "contracts" / "datasets" / "flights.odcs.yaml").read_text().startswith("# mine")
    )
    shutil.rmtree(project / "contracts")
    put(project / "contracts" / "readings.odcs.yaml")
    monkeypatch.setenv("ASSAY_CONTRACTS", "contracts")
    tour._bring_contracts()  # a project's own contracts stay alone
    assert [file.name for file in project.rglob("*.odcs.yaml")] == ["readings.odcs.yaml"]
    assert sorted(ContractFolder(home())) == ["flights", "python_docs", "support_tickets"]
