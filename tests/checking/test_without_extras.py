"""`pip install assay` alone checks contracts and verifies evidence; everything else names its extra."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from typer.testing import CliRunner

import assay
from assay.cli import app
from assay.contracts.column_types import INTEGER_WIDTHS, column_type
from assay.contracts.errors import MissingExtraError
from assay.contracts.extras import EXTRAS, INCLUDED, of_import_error, require
from assay.contracts.model import Column
from assay.contracts.types import dtype, polars_type
from tests.checking.test_check import Repository
from tests.conftest import GOOD, SampleHome, columns, setting
from tests.without_extras import ROOT, run_without_extras

DEMO_CONTRACTS = ROOT / "contracts" / "datasets"


def findings(answer: str) -> object:
    return {key: value for key, value in json.loads(answer).items() if key != "seconds"}


def findings_with_everything(folder: Path) -> object:
    """What `assay check` answers in this process."""
    answer = CliRunner().invoke(app, ["check", str(folder), "--format", "json"])
    return findings(answer.stdout)


def test_the_demo_contracts_have_the_same_findings_without_extras() -> None:
    done = run_without_extras("check", str(DEMO_CONTRACTS), "--format", "json", folder=Path.cwd())
    assert (done.returncode, done.stderr) == (0, "")
    assert findings(done.stdout) == findings_with_everything(DEMO_CONTRACTS)


def test_mistakes_are_found_without_extras(installation: SampleHome) -> None:
    patterns = (r"\p{L}+", r"\p{Foo}", r"\w{1,1000}", "(?i)m", "[z-a]")
    installation.promise(
        columns(
            {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
            *(
                {
                    "name": f"text_{place}",
                    "logicalType": "string",
                    "logicalTypeOptions": {"pattern": pattern},
                }
                for place, pattern in enumerate(patterns)
            ),
        ),
        setting("cleaning", _=[{"step": "no_such_step"}]),
    )
    folder = installation.contracts
    done = run_without_extras("check", str(folder), "--format", "json", folder=Path.cwd())
    assert (done.returncode, done.stderr) == (1, "")
    assert findings(done.stdout) == findings_with_everything(folder)
    assert "Unicode property not found" in done.stdout


# -- what cannot be evaluated is unknown -----------------------------------------------------


@pytest.fixture
def repository(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> Repository:
    installation.deliver(GOOD)
    installation.published()
    return Repository(installation, monkeypatch)


def test_a_changed_rule_is_not_passed_where_rows_cannot_be_read(repository: Repository) -> None:
    def raise_minimum(data: dict[str, object]) -> None:
        data["schema"][0]["properties"][1]["logicalTypeOptions"] = {"minimum": 2}  # type: ignore[index]

    repository.write(raise_minimum)
    arguments = ["check", "contracts", "--base", "HEAD", "--format", "json"]
    done = run_without_extras(*arguments, folder=repository.root)
    (contract,) = json.loads(done.stdout)["contracts"]
    problems = {problem["id"]: problem for problem in contract["problems"]}
    unknown = problems["backtest.unknown"]
    assert "energy_kwh_minimum" in unknown["problem"]
    assert "assay[data]" in unknown["remedy"]
    assert contract["rules"] == []
    assert {"change.minimum_changed", "change.version"} <= set(problems)


def test_evidence_verifies_without_extras(repository: Repository) -> None:
    done = run_without_extras("verify", "readings@1.0.0", "--json", folder=repository.root)
    assert (done.returncode, done.stderr) == (0, "")
    version, whole = json.loads(done.stdout)
    assert "signature of the statement" in version["checked"]
    assert "digests of 1 published file(s)" in version["checked"]
    assert "1 commits in the Delta log, each as signed" in whole["checked"]
    assert len(whole["unknown"]) == 2
    assert all("assay[data]" in line for line in whole["unknown"])


def test_a_changed_file_is_found_without_extras(repository: Repository) -> None:
    (file,) = (repository.installation.root / "lake" / "readings" / "versions").glob("*/*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    done = run_without_extras("verify", "readings@1.0.0", folder=repository.root)
    assert done.returncode == 1
    assert "a published file differs from its signed digest" in done.stderr


def test_an_audit_log_that_cannot_be_read_is_not_verified(repository: Repository) -> None:
    done = run_without_extras("verify", "--all", folder=repository.root)
    assert done.returncode == 1
    assert "comparing the audit log needs the extra `data`" in done.stdout
    copy = run_without_extras(
        "verify", "--all", "--home", str(repository.installation.root), folder=repository.root
    )
    assert copy.returncode == 0
    assert "2 verified; nothing differs from its evidence" in copy.stdout


# -- each command names its extra ------------------------------------------------------------

NEEDS = {
    "run": "orchestration",
    "demo": "demo",
    "ui": "orchestration",
    "status": "data",
    "show readings": "data",
    "new inbox/readings.csv": "data",
    "contracts docs readings": "data",
    "contracts export readings --to pandera": "data",
    "contracts export readings --to openlineage": "data",
    "contracts export readings --to great-expectations": "reports",
}


@pytest.mark.parametrize("command", NEEDS)
def test_a_command_names_the_extra_that_it_needs(command: str, repository: Repository) -> None:
    done = run_without_extras(*command.split(), folder=repository.root)
    words = command.removesuffix(" readings").partition(" readings ")[0].partition(" inbox")[0]
    extra = NEEDS[command]
    expected = f"assay: `assay {words}` needs the extra `{extra}`: pip install 'assay[{extra}]'.\n"
    assert (done.returncode, done.stderr) == (2, expected)


@pytest.mark.parametrize("form", ["croissant", "dagster", "evidently", "jsonschema"])
def test_a_format_that_needs_no_frames_is_exported(form: str, repository: Repository) -> None:
    arguments = ["contracts", "export", "readings", "--to", form]
    done = run_without_extras(*arguments, folder=repository.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == CliRunner().invoke(app, arguments).stdout


@pytest.mark.parametrize("name", ["open", "model", "features", "search"])
def test_a_notebook_is_told_the_extra(name: str, tmp_path: Path) -> None:
    code = (
        "import sys; from tests.without_extras import RefusedPackages\n"
        "sys.meta_path.insert(0, RefusedPackages()); import assay\n"
        f"assay.{name}('readings', *{('?',) if name == 'search' else ()}, purpose='training')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert "MissingExtraError" in last
    assert f"`assay.{name}` needs the extra `data`: pip install 'assay[data]'." in last


def test_the_api_keeps_its_signatures() -> None:
    assert assay.open.__name__ == "open"
    assert assay.open.__doc__


def test_a_module_that_no_extra_brings_stays_an_unexpected_error() -> None:
    assert of_import_error(ModuleNotFoundError(name="no_such_package"), "it") is None
    assert of_import_error(ModuleNotFoundError(name="polars.plugins"), "it") is not None
    assert of_import_error(ValueError(), "it") is None


def test_an_extra_that_another_brings_is_required_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "data", ("no_such_package",))  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"needs the extra `reports`: pip install 'assay"):
        require("reports", "`assay contracts docs`")


# -- the lists agree -------------------------------------------------------------------------


def normalized(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def test_the_packages_of_each_extra_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    distributions = packages_distributions()
    installed = {normalized(name) for names in distributions.values() for name in names}
    assert set(declared) == {*EXTRAS, "all"}
    for extra, packages in EXTRAS.items():
        requirements = [text for text in declared[extra] if not text.startswith("assay[")]
        names = {normalized(re.split(r"[\[<>=]", text)[0]) for text in requirements}
        brought: set[str] = set()
        for package in packages:
            of_package = set(map(normalized, distributions.get(package, [])))
            assert of_package & names or not of_package, (extra, package)
            brought |= of_package
        is_here = {name for name in names if name in installed}
        assert is_here <= brought, extra
        of_others = {text for text in declared[extra] if text.startswith("assay[")}
        included = ",".join(INCLUDED.get(extra, ()))
        assert of_others == ({f"assay[{included}]"} if included else set()), extra


def test_the_page_on_installing_lists_every_extra() -> None:
    page = (ROOT / "docs" / "how-to" / "operations.md").read_text()
    table = page.partition("| extra |")[2].partition("\n\n")[0]
    names = {
        name for row in table.splitlines() for name in re.findall("`(.+?)`", row.split("|")[1])
    }
    assert names == {*EXTRAS, "all"}


@pytest.mark.parametrize(
    "column",
    [
        *({"logical_type": "integer", "format": width} for width in INTEGER_WIDTHS),
        {"logical_type": "number"},
        {"logical_type": "number", "physical_type": "decimal(12,3)"},
        {"logical_type": "number", "format": "f32"},
        {"logical_type": "timestamp", "timezone": True},
        {"logical_type": "timestamp", "timezone": False},
        {"logical_type": "vector", "element_type": "float32", "dimensions": 3},
        {"logical_type": "boolean"},
        {"logical_type": "string"},
    ],
    ids=str,
)
def test_a_type_has_the_text_that_polars_gives_it(column: dict[str, object]) -> None:
    plain = Column(name="plain", **column)  # type: ignore[arg-type]
    nested = Column(name="it's", logical_type="object", fields=(plain,))
    listed = Column(name="listed", logical_type="array", fields=(nested,))
    for declared in (plain, nested, listed):
        assert str(column_type(declared)) == str(dtype(declared))
        assert polars_type(column_type(declared)) == dtype(declared)
