"""Word lists and patterns are files next to the code: read once, shipped with it, and part of the digest of what decides a version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.assets.stages.statement import deciding_files
from assay.pipelines.core import package_data

ROOT = Path(__file__).parents[1]
PIPELINES = ROOT / "pipelines"
READING = re.compile(r"[\"']((?:\w+/)+\w+\.(?:yaml|txt|json))[\"']")


def data_files() -> set[str]:
    return {
        str(file.relative_to(PIPELINES))
        for suffix in ("yaml", "txt", "json")
        for file in PIPELINES.rglob(f"*.{suffix}")
    }


def test_every_data_file_is_read_by_some_code() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in PIPELINES.rglob("*.py"))
    assert data_files() <= set(READING.findall(code))


def test_every_data_file_is_part_of_the_code_digest() -> None:
    covered = {str(file.relative_to(ROOT)) for file in deciding_files(ROOT)}
    assert {f"pipelines/{name}" for name in data_files()} <= covered
    assert "contracts/policies/licenses.yaml" in covered
    assert not [name for name in covered if name.startswith("contracts/datasets/")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb\n", ("a", "b")),
        ("# a comment\n#N/A\n\n  a b  \n", ("#N/A", "a b")),
        ("", ()),
    ],
)
def test_lines_leave_comments_and_empty_ones_out(
    text: str, lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_data, "read_text", lambda _: text)
    assert package_data.read_lines.__wrapped__("any.txt") == lines


def test_a_file_is_read_once() -> None:
    path = "admit/column_names.yaml"
    assert package_data.read_yaml(path) is package_data.read_yaml(path)


@pytest.mark.parametrize("name", sorted(data_files()))
def test_a_data_file_says_what_it_is_and_repeats_no_entry(name: str) -> None:
    text = (PIPELINES / name).read_text(encoding="utf-8")
    assert text.startswith("# ")
    if name.endswith(".txt"):
        entries = [line for line in text.splitlines() if line and not line.startswith("# ")]
        assert len(entries) == len(set(entries))
