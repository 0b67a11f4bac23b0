"""`assay check --json` is `--format json`; files of other formats can be written next to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli import app

CONTRACT = str(Path(__file__).parents[2] / "contracts" / "datasets" / "flights.odcs.yaml")


def answer(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", CONTRACT, *options])
    return result.exit_code, result.stdout


def without_time(text: str) -> dict[str, object]:
    report = json.loads(text)
    report.pop("seconds", None)
    return dict(report)


def test_json_is_the_format_json() -> None:
    (code, short), (other, long) = answer("--json"), answer("--format", "json")
    assert (code, other) == (0, 0)
    assert without_time(short) == without_time(long)
    assert [contract["name"] for contract in json.loads(short)["contracts"]] == ["flights"]


def test_other_formats_go_into_files_next_to_json(tmp_path: Path) -> None:
    code, out = answer("--json", "--format", f"junit={tmp_path / 'assay.xml'}")
    assert code == 0
    assert json.loads(out)["contracts"]
    assert (tmp_path / "assay.xml").read_text().startswith("<?xml")


@pytest.mark.parametrize("other", ["text", "markdown", "json"])
def test_two_formats_on_standard_output_are_refused(other: str) -> None:
    assert answer("--json", "--format", other)[0] == 2
