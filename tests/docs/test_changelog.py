"""The changelog keeps the form of Keep a Changelog, also after merges."""

from __future__ import annotations

import re

from tests.docs.page_blocks import ROOT

KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
RELEASE = re.compile(r"^## (.+)\n", re.M)
SENTENCE_END = re.compile(r"[.!?] +[A-Z]")


def releases() -> dict[str, str]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    _, *parts = RELEASE.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_a_release_has_each_kind_of_change_once_and_in_order() -> None:
    for release, text in releases().items():
        kinds = re.findall(r"^### (.+)$", text, re.M)
        assert kinds == [kind for kind in KINDS if kind in kinds], release
        assert kinds


def test_an_entry_is_one_sentence_and_stands_once() -> None:
    entries = [
        line for text in releases().values() for line in text.splitlines() if line[:2] == "- "
    ]
    without_code = [re.sub(r"`[^`]*`", "x", entry) for entry in entries]
    assert [entry for entry in without_code if SENTENCE_END.search(entry)] == []
    assert [entry for entry in entries if not entry.endswith(".")] == []
    assert sorted({entry for entry in entries if entries.count(entry) > 1}) == []
