"""The tutorials, as a newcomer types them, from an empty folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.page_blocks import run_page
from tests.forked_commands import assay_command


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """No setting of Assay's, a git without a user's configuration, and the commands on the path."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    python = Path(sys.executable).parent
    base = {
        **settings,
        "COLUMNS": "200",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PATH": f"{python}{os.pathsep}{os.environ['PATH']}",
    }
    with assay_command(tmp_path_factory.mktemp("bin"), base) as folder:
        yield {**base, "PATH": f"{folder}{os.pathsep}{base['PATH']}"}


@pytest.fixture(scope="module")
def after_the_first(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The folder in which the first tutorial was done, and what its commands printed."""
    folder = tmp_path_factory.mktemp("newcomer")
    printed = run_page("docs/tutorials/first-data-set.md", environment, folder)
    return folder / "tour", printed


def test_the_first_data_set_is_published_twice_and_verifies(
    after_the_first: tuple[Path, str],
) -> None:
    folder, printed = after_the_first
    assert sorted(path.name for path in (folder / ".assay/evidence/readings").glob("*.json")) == [
        "1.0.0.dsse.json",
        "1.1.0.dsse.json",
    ]
    assert "already published as 1.0.0" in printed
    assert "email_" in printed
    assert "customer0@example.com" not in printed


def test_a_pull_request_that_breaks_a_contract_is_understood(
    after_the_first: tuple[Path, str], environment: dict[str, str]
) -> None:
    folder, _ = after_the_first
    printed = run_page("docs/tutorials/break-a-contract.md", environment, folder)
    assert printed.count("exit code 1") == 2
    assert "column customer_email removed" in printed
