"""The site of the docs builds without a broken link, and reads nothing from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
REPOSITORY_TEXTS = [*PAGES, *sorted(ROOT.glob("*.md")), ROOT / "benchmarks" / "RESULTS.md"]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")
FETCHED = re.compile(
    r"""<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=["']?(https?://[^"'\s>]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    addresses = {
        page.relative_to(site).with_suffix(".md").as_posix() for page in site.rglob("*.html")
    }
    assert {page.relative_to(ROOT / "docs").as_posix() for page in PAGES} <= addresses
    assert "project/changelog.md" in addresses


def test_the_reference_links_to_its_generated_pages(site: Path) -> None:
    index = (site / "reference" / "index.html").read_text(encoding="utf-8")
    for page in ("settings", "command-line", "findings", "metrics", "environment", "evidence"):
        assert f'<td><a href="{page}.html">' in index


def test_a_page_fetches_nothing_from_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    fetched = {
        (page.name, address)
        for page in pages
        for address in FETCHED.findall(page.read_text(encoding="utf-8"))
    }
    assert fetched == set()


@pytest.mark.parametrize("text", REPOSITORY_TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_of_the_repository_lead_somewhere(text: Path) -> None:
    targets = LINK.findall(text.read_text(encoding="utf-8"))
    assert [target for target in targets if not (text.parent / target).exists()] == []
