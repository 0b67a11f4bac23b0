"""The tutorials, as a newcomer types them, from an empty folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.named_stewards import name_stewards
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
    assert "Warning" not in printed
    assert "customer0@example.com" not in printed


def test_a_pull_request_that_breaks_a_contract_is_understood(
    after_the_first: tuple[Path, str], environment: dict[str, str]
) -> None:
    folder, _ = after_the_first
    printed = run_page("docs/tutorials/break-a-contract.md", environment, folder)
    assert printed.count("exit code 1") == 2
    assert "column customer_email removed" in printed


def test_quarantined_rows_are_released_and_discarded(
    after_the_first: tuple[Path, str], environment: dict[str, str], tmp_path: Path
) -> None:
    folder, _ = after_the_first
    settings = {**environment, **name_stewards(tmp_path)}
    printed = run_page("docs/how-to/quality.md", settings, folder)
    assert printed.count("recorded; it still needs an approval of the second level") == 2
    assert "1 rows of readings released" in printed
    assert "1,198 rows" in printed, printed


def test_an_installation_is_closed_to_other_users(
    after_the_first: tuple[Path, str], environment: dict[str, str]
) -> None:
    folder, _ = after_the_first
    run_page("docs/how-to/operations.md", environment, folder)
    assert (folder / ".assay/inbox/readings.csv").stat().st_mode & 0o077 == 0


def test_files_of_a_pattern_are_one_data_set(environment: dict[str, str], tmp_path: Path) -> None:
    printed = run_page("docs/how-to/connect-sources.md", environment, tmp_path)
    assert "try/contracts/readings.odcs.yaml" in printed


def test_a_contract_is_drafted_from_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "readings.csv").write_text("meter,energy_kwh\nM1,1.5\nM2,2.5\n")
    settings = {**environment, "ASSAY_HOME": str(tmp_path)}
    run_page("docs/reference/contracts.md", settings, tmp_path)
    assert (tmp_path / "contracts/datasets/readings.odcs.yaml").exists()


HELD = """
mkdir -p .assay/inbox
printf 'item,mail\\n1,ann@example.com\\n2,bob@example.com\\n' > .assay/inbox/contacts.csv
assay new .assay/inbox/contacts.csv --license CC0-1.0 --owner eve@example.com
sed -i.draft '
  s/holder: TODO.*/holder: The Meter Club/
  s/sensitivity: unknown.*/sensitivity: internal/
  s/lawful_basis: unknown.*/lawful_basis: contract/
  /columns:$/d
  /kind: email/d
  /classification: personal/d
' contracts/datasets/contacts.odcs.yaml
assay run contacts || echo held
"""

KEEP_WHAT_IS_PRINTED = 'assay() { command assay "$@" | tee -a printed.txt; }'
NAME_STEWARDS = """
assay review key bob@example.com --out bob.pem
(echo 'valid_days: 30'; echo 'stewards:'; grep keytype printed.txt) > "$ASSAY_STEWARDS"
"""


def test_a_steward_approves_a_held_delivery(environment: dict[str, str], tmp_path: Path) -> None:
    settings = {**environment, "ASSAY_STEWARDS": str(tmp_path / "stewards.yaml")}
    extra = {
        "assay licences": KEEP_WHAT_IS_PRINTED,
        "assay review key": NAME_STEWARDS + HELD,
    }
    printed = run_page("docs/how-to/admission.md", settings, tmp_path, extra)
    assert "held for review" in printed
    assert "review 1 of contacts: recorded" in printed
