"""Word lists, patterns and older schemas are files next to the code: read once, and when needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from assay.contracts import data_files
from assay.contracts.formats import string_formats

CONTRACTS = Path(__file__).parents[2] / "contracts"
DOCUMENTS = ("datasets", "policies")
"""What is read as a contract or a policy, not as data of the code."""
READING = re.compile(r"[\"']((?:\w+/)+\w+\.(?:yaml|txt|json))[\"']")


def names_of_data_files() -> set[str]:
    files = (file for suffix in ("yaml", "txt", "json") for file in CONTRACTS.rglob(f"*.{suffix}"))
    names = (file.relative_to(CONTRACTS) for file in files)
    return {str(name) for name in names if name.parts[0] not in DOCUMENTS}


def test_every_data_file_is_read_by_some_code() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in CONTRACTS.rglob("*.py"))
    named = {name for name in READING.findall(code) if "policies/" not in name}
    assert names_of_data_files() == named


def test_a_file_is_read_once() -> None:
    assert data_files.table("words/licenses.yaml") is data_files.table("words/licenses.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [("# a comment\nA B\n\nC  # one more\n", ("A", "B", "C")), ("", ()), ("# nothing\n", ())],
)
def test_words_leave_comments_and_empty_lines_out(
    text: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_files, "_text", lambda _: text)
    assert data_files.lines.__wrapped__("any.txt") == words


def test_importing_the_loader_reads_none_of_them() -> None:
    code = (
        "import assay.contracts.load; from assay.contracts.data_files import lines, table; "
        "print(table.cache_info().misses + lines.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_alternatives_of_a_format_match_the_whole_string() -> None:
    assert re.search(string_formats()["ipv6"], "1::8")
    assert not re.search(string_formats()["ipv6"], "1::8 and more")
