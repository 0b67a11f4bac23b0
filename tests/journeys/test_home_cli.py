"""The home on the command line: what is open to other users, what of the clock and the keys is in doubt, and a home that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.assets.io.private import narrow, open_places
from assay.contracts.errors import ConfigurationError
from tests.conftest import SampleHome
from tests.journeys.conftest import Assay

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("usual_umask")


def mode(place: Path) -> int:
    return stat.S_IMODE(place.lstat().st_mode)


# -- files ---------------------------------------------------------------------------------------


def test_what_the_command_line_writes_for_a_user_is_as_open_as_the_user_wants(
    installation: SampleHome, assay: Assay, tmp_path: Path
) -> None:
    contract, report, schema = (
        tmp_path / "drafts" / "new.odcs.yaml",
        tmp_path / "report.sarif",
        tmp_path / "schema.json",
    )
    assert (
        assay(
            "new",
            str(installation.root / "inbox" / "readings.csv"),
            "--name",
            "new",
            "--output",
            str(contract),
            "--license",
            "CC0-1.0",
            "--owner",
            "a@b.example",
        )[0]
        == 0
    )
    assay("check", str(installation.contracts), "--format", f"sarif={report}")
    assert (
        assay("contracts", "export", "readings", "--to", "jsonschema", "--output", str(schema))[0]
        == 0
    )
    assert {oct(mode(place)) for place in (contract, report, schema)} == {"0o644"}
    before = os.umask(0o022)
    assert before == 0o022


def test_doctor_names_what_is_open_and_closes_it_when_asked(
    installation: SampleHome, assay: Assay
) -> None:
    assert assay("run")[0] == 0
    narrow(installation.root)
    code, text, _ = assay("doctor")
    assert code == 0, text
    (installation.root / "registry.db").chmod(0o644)
    (installation.root / "lake").chmod(0o755)
    (installation.root / "inbox" / "readings.csv").chmod(0o640)
    code, text, _ = assay("doctor")
    assert code == 1
    assert (
        "3 file(s) or folder(s) of the home are open to other users, such as lake, registry.db, inbox/readings.csv"
        in text
    )
    assert mode(installation.root / "registry.db") == 0o644
    code, text, _ = assay("doctor", "--fix")
    assert code == 0, text
    assert open_places(installation.root) == []
    assert assay("doctor")[0] == 0
    assert assay("verify", "--all")[0] == 0


@pytest.mark.parametrize("name", ["assay.pub.json", "signing.pem", "pseudonym.key"])
def test_doctor_writes_only_a_lost_public_key_again(
    installation: SampleHome, assay: Assay, name: str
) -> None:
    installation.published()
    narrow(installation.root)
    key = installation.root / "keys" / name
    before = key.read_bytes()
    key.unlink()
    code, text, _ = assay("doctor")
    assert code == 1
    assert f"keys/{name}: the key file {name} is missing" in text
    assert not key.exists()
    code, text, _ = assay("doctor", "--fix")
    if name == "assay.pub.json":
        assert (code, key.read_bytes()) == (0, before)
        assert assay("verify", "--all")[0] == 0
    else:
        assert code == 1
        assert not key.exists()


# -- the clock -----------------------------------------------------------------------------------


def test_the_command_line_shows_the_doubt_and_ends_it(
    installation: SampleHome, assay: Assay
) -> None:
    assert assay("clock")[0] == 0
    installation.clock = lambda: datetime.now(UTC) - timedelta(days=50)
    # an entry of 50 days ago after one of now: the clock steps back, and then jumps ahead
    installation.open().registry.ledger.note("something", "readings", {})
    code, text, _ = assay("clock")
    assert code == 1
    assert "steps back by 50 days" in text
    assert "jumps ahead by 50 days" in text
    assert assay("doctor")[0] == 1
    assert "clock is in doubt" in assay("status")[2]
    for command in (("expire",), ("quarantine", "expire")):
        code, _, errors = assay(*command)
        assert code == 1
        assert "nothing expires: the clock is in doubt" in errors
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert assay("clock", "confirm", "--today", "2001-01-01", "--why", "x")[0] == 1
    assert assay("clock", "confirm", "--why", "x")[0] == 2
    code, text, _ = assay("clock", "confirm", "--today", today, "--why", "compared with my watch")
    assert code == 0, text
    assert "confirmed by" in text
    assert assay("clock")[0] == 0
    assert json.loads(assay("clock", "--json")[1])["in_doubt"] is False
    assert assay("expire")[0] == 0


def test_a_run_with_the_clock_in_doubt_publishes_and_says_that_nothing_expired(
    installation: SampleHome, assay: Assay
) -> None:
    installation.clock = lambda: datetime.now(UTC) - timedelta(days=50)
    installation.open()
    code, text, errors = assay("run")
    assert code == 0, errors
    assert "1.0.0: First version" in text
    assert "nothing expired: the clock is in doubt: it jumps ahead by 50 days" in text


# -- a home that cannot be written ------------------------------------------------------------------

READS = [
    ("verify", "--all"), ("verify", "readings@1.0.0"), ("show", "readings"), ("status",), ("check",), ("contracts", "diff", "{contract}", "{contract}"), ("review", "list"),
    ("quarantine", "list"), ("quarantine", "show", "readings"), ("profile", "readings"), ("refs", "list"), ("used-by", "readings"), ("clock",), ("doctor",),
]  # fmt: skip
RECORDS = [
    ("run",), ("refs", "set", "readings@1.0.0", "prod", "--why", "x"), ("quarantine", "discard", "readings", "--rule", "energy_kwh_type", "--why", "x"),
    ("quarantine", "release", "readings", "--rule", "energy_kwh_type", "--why", "x"), ("clock", "confirm", "--today", "{today}", "--why", "x"),
]  # fmt: skip


def filled(contract: Path, command: tuple[str, ...]) -> list[str]:
    return [
        part.format(contract=contract, today=f"{datetime.now(UTC):%Y-%m-%d}") for part in command
    ]


def listing(root: Path) -> dict[str, tuple[int, int, int]]:
    """Every place with its size and the times of its last changes."""
    places = {str(place.relative_to(root)): place.lstat() for place in root.rglob("*")}
    return {
        name: (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for name, status in places.items()
    }


@pytest.fixture
def read_only(installation: SampleHome, assay: Assay) -> Iterator[SampleHome]:
    """An installation with a version, on a disk that is mounted read-only."""
    installation.deliver("meter,energy_kwh,tariff\nM1,1.5,day\nM2,abc,night\nM3,3.5,day\n")
    assert assay("run")[0] == 0
    narrow(installation.root)
    root = str(installation.root)
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "--bind", root, root], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
        yield installation
    finally:
        subprocess.run(["umount", root], check=True)


def test_a_read_only_home_is_read_and_verified_and_not_changed(
    read_only: SampleHome, assay: Assay
) -> None:
    before = listing(read_only.root)
    for command in READS:
        code, text, errors = assay(*filled(read_only.contracts / "readings.odcs.yaml", command))
        assert code == 0, (command, text, errors)
        assert "Traceback" not in errors
    assert listing(read_only.root) == before


def test_what_must_be_recorded_is_refused_in_a_read_only_home(
    read_only: SampleHome, assay: Assay
) -> None:
    import assay as product

    for command in RECORDS:
        code, text, errors = assay(*filled(read_only.contracts / "readings.odcs.yaml", command))
        assert code == 1, (command, text, errors)
        assert "read-only" in text + errors
        assert "Traceback" not in text + errors
    for opened in (product.open, product.features, product.model):
        with pytest.raises(
            ConfigurationError, match="read-only, so this action cannot be recorded"
        ):
            opened("readings", purpose="training")
    assert product.verify("readings", "1.0.0").version == "1.0.0"


def test_a_home_whose_modes_forbid_writing_can_be_verified(installation: SampleHome) -> None:
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip("the rights of root cannot be taken away here")
    installation.published()
    installation.open().deliver_outbox()
    for place in [installation.root, *installation.root.rglob("*")]:
        place.chmod(0o500 if place.is_dir() else 0o400)
    without_roots_rights = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]

    def command(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [*without_roots_rights, sys.executable, "-m", "assay.cli", *arguments],
            env=installation.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    for arguments in (("verify", "--all"), ("show", "readings"), ("status",)):
        code, text = command(*arguments)
        assert code == 0, text
    code, text = command("run")
    assert code == 1
    assert "the home is read-only" in text
    assert "Traceback" not in text


def test_no_command_changes_a_home_of_a_newer_layout(
    installation: SampleHome, assay: Assay
) -> None:
    installation.published()
    installation.open().deliver_outbox()
    (installation.root / "assay.home").write_text("99\n")
    before = listing(installation.root)
    for command in [("run",), ("doctor", "--fix"), *READS]:
        if command[0] in ("check", "contracts"):
            continue  # they need no home
        code, text, errors = assay(*filled(installation.contracts / "readings.odcs.yaml", command))
        assert code == 1, (command, text)
        assert "assay.home: this home has layout 99" in text + errors
    assert listing(installation.root) == before
