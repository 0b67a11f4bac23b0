"""Environments with the wheel and one extra each: what the extra is for works there, and nothing else is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from assay.contracts.extras import EXTRAS
from tests.conftest import GOOD, SampleHome
from tests.environments import UV, Environment, linked_environment, locked_packages
from tests.import_statements import import_statements
from tests.without_extras import ROOT

LARGEST_BASE_MB = 120
OPTIONAL = ("sentence_transformers", "spacy")
"""Packages that no extra brings: a person installs them, and the message names the package."""
BROUGHT_BY_OTHERS = {"data": ("google",), "orchestration": ("dagster_shared", "joserfc")}
"""Packages that come with those that an extra names."""
UNTRIED = ("presidio", "gpu", "ray")
"""Extras with models and libraries for GPUs: gigabytes, which no development environment has."""
UNREACHABLE = re.compile(r"offline|network|connect|dns|resolve host|timed? ?out", re.IGNORECASE)
IMPORT_MODULES = """
import importlib, json, pkgutil
import assay
failed = {}
for module in pkgutil.walk_packages(assay.__path__, "assay."):
    if module.name.endswith("__main__") or ".migrations." in module.name:
        continue  # they run when they are imported
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        failed[module.name] = error.name
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def environment(
    unpacked_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Environment]:
    """Makes the environment of an extra, or of none for "", each once."""

    @cache
    def make(extra: str) -> Environment:
        folder = tmp_path_factory.mktemp(f"environment-{extra}")
        return linked_environment(folder, locked_packages(*extra.split()), unpacked_wheel)

    return make


def failed_imports(environment: Environment, folder: Path) -> Mapping[str, str]:
    """Import every module. Returns: module -> what it lacks."""
    code = ["-W", "ignore", "-c", IMPORT_MODULES]
    failed: Mapping[str, str] = json.loads(
        environment.python(*code, folder=folder).splitlines()[-1]
    )
    return failed


@pytest.fixture
def project(installation: SampleHome, tmp_path: Path) -> Path:
    """A project in git with one contract, and a home that has published a version of it."""
    installation.deliver(GOOD)
    installation.published()
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(installation.contracts, folder / "contracts")
    shutil.copytree(installation.root, folder / ".assay")
    for command in (["init", "-q"], ["add", "contracts"], ["commit", "-q", "-m", "contracts"]):
        identity = ["-c", "user.email=t@example.com", "-c", "user.name=t"]
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)
    return folder


def statements_of(packages: set[str]) -> list[str]:
    """Every import statement in the code that needs one of the packages."""
    by_package = import_statements()
    return [text for package in sorted(packages & set(by_package)) for text in by_package[package]]


def packages_of(extra: str) -> set[str]:
    return {*EXTRAS[extra], *BROUGHT_BY_OTHERS.get(extra, ())}


OF_EXTRAS = {package for extra in EXTRAS for package in packages_of(extra)}
MakeEnvironment = Callable[[str], Environment]


def test_the_base_checks_contracts(environment: MakeEnvironment, project: Path) -> None:
    base = environment("")
    demo = ROOT / "contracts" / "datasets"
    assert "3 contracts, 0 errors, 0 warnings" in base.assay("check", str(demo), folder=project)
    contract = project / "contracts" / "readings.odcs.yaml"
    contract.write_text(contract.read_text().replace("minimum: 0", "minimum: 1"))
    report = base.assay("check", "--base", "HEAD", "--format", "sarif", folder=project, check=False)
    (run,) = json.loads(report)["runs"]
    assert {"change.minimum_changed", "change.version", "backtest.unknown"} <= {
        result["ruleId"] for result in run["results"]
    }


def test_the_base_compares_upgrades_and_exports_contracts(
    environment: MakeEnvironment, project: Path
) -> None:
    base, name = environment(""), "contracts/readings.odcs.yaml"
    compared = base.assay("contracts", "diff", f"HEAD:{name}", name, folder=project)
    assert "Nothing changed" in compared
    assert "apiVersion: v3.2.0" in base.assay("contracts", "upgrade", name, folder=project)
    exported = base.assay("contracts", "export", "readings", "--to", "croissant", folder=project)
    assert json.loads(exported)["@type"] == "sc:Dataset"


def test_the_base_verifies_evidence(environment: MakeEnvironment, project: Path) -> None:
    verified = environment("").assay("verify", "readings@1.0.0", folder=project)
    assert "signature of the statement" in verified
    assert "nothing differs from its evidence" in verified


def test_every_module_is_imported_with_the_base_or_lacks_a_package_of_an_extra(
    environment: MakeEnvironment, project: Path
) -> None:
    failed = failed_imports(environment(""), project)
    assert len(failed) > 100
    assert set(failed.values()) <= OF_EXTRAS


def test_only_the_modules_of_dagster_need_more_than_data(
    environment: MakeEnvironment, project: Path
) -> None:
    failed = failed_imports(environment("data"), project)
    assert {module.split(".")[1] for module in failed} <= {"assets", "web"}
    assert set(failed.values()) <= packages_of("orchestration")


def test_every_module_is_imported_with_orchestration(
    environment: MakeEnvironment, project: Path
) -> None:
    assert failed_imports(environment("orchestration"), project) == {}


@pytest.mark.parametrize("extra", ["", *sorted(set(EXTRAS) - {*UNTRIED, "demo"})])
def test_what_the_code_imports_of_an_extra_is_there_with_that_extra_alone(
    extra: str, environment: MakeEnvironment, project: Path
) -> None:
    of_base = set(import_statements()) - OF_EXTRAS - set(OPTIONAL)
    statements = statements_of(packages_of(extra) if extra else of_base)
    environment(extra).python("-W", "ignore", "-c", "\n".join(statements), folder=project)


def test_published_rows_are_read_with_data(environment: MakeEnvironment, project: Path) -> None:
    data = environment("data")
    code = "import assay; print(assay.open('readings', purpose='training').collect().height)"
    assert data.python("-c", code, folder=project).strip() == "3"
    assert "3 verified; nothing differs" in data.assay("verify", "--all", folder=project)
    refused = data.assay("run", "readings", folder=project, check=False)
    assert "`assay run` needs the extra `orchestration`" in refused


def test_a_data_set_is_run_with_orchestration(environment: MakeEnvironment, project: Path) -> None:
    (project / ".assay" / "inbox" / "readings.csv").write_text(GOOD + "M4,4.5,day\n")
    ran = environment("orchestration").assay("run", "readings", folder=project)
    assert "4 rows" in ran


def test_data_docs_are_written_with_reports(environment: MakeEnvironment, project: Path) -> None:
    page = environment("reports").assay("contracts", "docs", "readings", folder=project)
    assert (project / page.strip().splitlines()[-1]).is_file()


def test_the_base_is_installed_small_and_runs_the_steps_of_the_action(
    wheel: Path, project: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = tmp_path / "assay"
    options = ["--frozen", "--no-dev", "--no-install-project", "--compile-bytecode"]
    _install(target, "sync", *options)
    _install(target, "pip", "install", "--no-deps", "--python", str(target), str(wheel))
    request.addfinalizer(lambda: shutil.rmtree(target))
    du = subprocess.run(["du", "-sk", target], capture_output=True, text=True, check=True)
    assert int(du.stdout.split()[0]) / 1024 < LARGEST_BASE_MB
    contract = project / "contracts" / "readings.odcs.yaml"
    contract.write_text(contract.read_text().replace("minimum: 0", "minimum: 1"))
    done = _check_as_the_action(project, RUNNER_TEMP=str(tmp_path), BASE="HEAD")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error file=contracts/readings.odcs.yaml" in done.stdout
    assert json.loads((project / "assay.sarif").read_text())["version"] == "2.1.0"
    assert "change.version" in (project / "summary.md").read_text()
    assert (project / "outputs.txt").read_text() == "sarif=assay.sarif\njunit=assay-junit.xml\n"


def _check_as_the_action(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the last step of action.yml, with the defaults of its inputs."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = action["runs"]["steps"][-1]
    inputs = {name: str(entry["default"]) for name, entry in action["inputs"].items()}
    given = {
        name: inputs.get(match[1], "") if (match := re.search(r"inputs\.([\w-]+)", text)) else text
        for name, text in step["env"].items()
    }
    files = {"GITHUB_OUTPUT": "outputs.txt", "GITHUB_STEP_SUMMARY": "summary.md"}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **given, **files, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _install(target: Path, *arguments: str) -> None:
    """Have uv install something: from its cache, else from the registry; skip where none answers."""
    for more in (["--offline"], []):
        done = subprocess.run(
            [UV, "--quiet", *more, *arguments],
            cwd=ROOT,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(target), "UV_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
    if UNREACHABLE.search(done.stderr):
        pytest.skip(f"no package registry is reachable: {done.stderr.strip().splitlines()[-1]}")
    raise AssertionError(done.stderr)
