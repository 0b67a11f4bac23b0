"""Debian's Chromium, driven by playwright, as tests use it; skipped, saying so, where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here")


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """A headless browser of playwright; each of its contexts is a person of their own."""
    playwright = pytest.importorskip("playwright.sync_api")
    with (
        playwright.sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, *more]) as browser,
    ):
        yield browser


def photograph(page: Any, name: str) -> None:
    """Keep a picture of a page in the folder that ASSAY_TEST_SCREENSHOTS names, if it does."""
    folder = os.environ.get("ASSAY_TEST_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
