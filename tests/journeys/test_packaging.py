"""The wheel adds one package, `assay`, and works in a project with folders called like our rooms."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.conftest import GOOD, document

ROOT = Path(__file__).parents[2]
ROOMS = ("contracts", "pipelines", "lineage", "assets")
DIGEST = "from assay.assets.stages.statement import code_digest; print(code_digest())"
OPEN = "import assay; print(assay.open('readings', purpose='training').collect().height)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Dagster project as many have it: packages of its own with the names of our rooms."""
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text(
            "raise RuntimeError('the project, not Assay')\n"
        )
    (tmp_path / "contracts" / "readings.odcs.yaml").write_text(yaml.safe_dump(document()))
    (tmp_path / ".assay" / "inbox").mkdir(parents=True)
    (tmp_path / ".assay" / "inbox" / "readings.csv").write_text(GOOD)
    return tmp_path


def test_the_wheel_adds_one_top_level_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"assay"}
    for room in ROOMS:
        assert f"assay/{room}/__init__.py" in names
    assert {"assay/dagster.yaml", "assay/workspace.yaml"} <= set(names)
    for folder in ("policies", "words", "standard", "compatibility"):
        data = [name for name in names if name.startswith(f"assay/contracts/{folder}/")]
        assert any(name.endswith((".yaml", ".txt")) for name in data)


@pytest.mark.parametrize("form", ["wheel", "checkout"])
def test_it_runs_in_a_project_with_folders_of_these_names(
    form: str, project: Path, unpacked_wheel: Path
) -> None:
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("ASSAY_", "DAGSTER_"))
    }
    environment = {**kept, "PYTHONPATH": str(unpacked_wheel) if form == "wheel" else ""}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = python("-c", "import assay; print(assay.__file__)").strip()
    assert Path(where).is_relative_to(unpacked_wheel) == (form == "wheel")
    assert "1.0.0: First version: 3 rows" in python("-m", "assay.cli", "run", "readings")
    assert python("-c", OPEN).strip() == "3"
    assert "nothing differs" in python("-m", "assay.cli", "verify", "--all")


def test_the_digest_of_the_code_is_the_same_in_both_forms(
    project: Path, unpacked_wheel: Path
) -> None:
    digests = set()
    for path in ("", str(unpacked_wheel)):
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
