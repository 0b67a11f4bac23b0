"""What lies in a home is its owner's alone, whoever wrote it; what a user writes elsewhere is as open as the user wants it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from assay.assets.io.disk import write_atomically
from assay.assets.io.private import narrow, open_places, private_files, users_files
from tests.conftest import GOOD, SampleHome

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("usual_umask")


def current_umask() -> int:
    before = os.umask(0o022)
    os.umask(before)
    return before


def mode(place: Path) -> int:
    return stat.S_IMODE(place.lstat().st_mode)


def by_a_command(installation: SampleHome, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay.cli", *arguments]
    return subprocess.run(
        command,
        env=installation.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,
    )


@pytest.mark.parametrize("owner_made_the_home", [True, False])
def test_whatever_a_run_writes_into_the_home_is_for_its_owner_only(
    tmp_path: Path, owner_made_the_home: bool
) -> None:
    installation = SampleHome(tmp_path)
    if owner_made_the_home:
        installation.deliver(GOOD)
    done = by_a_command(installation, "run")
    inbox = {".", "inbox", "inbox/readings.csv"} if owner_made_the_home else set()
    assert done.returncode == (0 if owner_made_the_home else 1), done.stdout + done.stderr
    assert set(open_places(installation.root)) == inbox
    assert {"registry.db", "dagster", "keys", "assay.home"} <= {
        place.name for place in installation.root.iterdir()
    }


def test_a_code_location_and_its_children_write_private_files(
    installation: SampleHome, tmp_path: Path
) -> None:
    installation.open()
    code = (
        "import os, subprocess, sys; from assay.assets.dagster.definitions import build_definitions; build_definitions()\n"
        f"open({str(tmp_path / 'own')!r}, 'w').close(); subprocess.run(['touch', {str(tmp_path / 'child')!r}], check=True)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env=installation.environment,
        cwd=ROOT,
        check=True,
        umask=0o022,
    )
    assert [mode(tmp_path / name) for name in ("own", "child")] == [0o600, 0o600]


def test_opening_a_version_in_a_notebook_leaves_its_umask(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import assay

    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    installation.published()
    assert assay.open("readings", purpose="training").collect().height == 3
    with pytest.raises(Exception, match="was not admitted"):
        assay.open("readings", purpose="gossip")
    assert current_umask() == 0o022


def test_a_home_that_is_opened_without_the_command_line_is_private(tmp_path: Path) -> None:
    installation = SampleHome(tmp_path)
    installation.open().deliver_outbox()
    assert open_places(installation.root) == []
    assert mode(installation.root) == 0o700
    assert current_umask() == 0o022


def test_blocks_of_several_threads_leave_the_umask_as_it_was(tmp_path: Path) -> None:
    first, second = threading.Event(), threading.Event()

    def block(mine: threading.Event, other: threading.Event) -> None:
        with private_files():
            mine.set()
            other.wait(10)

    threads = [
        threading.Thread(target=block, args=pair) for pair in ((first, second), (second, first))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert current_umask() == 0o022


def test_inside_private_files_the_users_own_are_as_the_user_wants_them(tmp_path: Path) -> None:
    with private_files():
        (tmp_path / "private").touch()
        with users_files():
            (tmp_path / "contract").touch()
        write_atomically(tmp_path / "mark", "1")
    with users_files():
        (tmp_path / "outside").touch()
    assert {place.name: oct(mode(place)) for place in tmp_path.iterdir()} == {
        "private": "0o600",
        "contract": "0o644",
        "mark": "0o600",
        "outside": "0o644",
    }


# -- what is open, and closing it -----------------------------------------------------------------


@pytest.mark.parametrize("wide", [0o777, 0o755, 0o710, 0o701, 0o640, 0o604, 0o620, 0o4755])
def test_every_right_of_others_is_taken_and_none_of_the_owner(tmp_path: Path, wide: int) -> None:
    home = tmp_path / "home"
    (home / "folder").mkdir(parents=True)
    home.chmod(0o700)
    (home / "folder").chmod(0o700)
    file = home / "folder" / "file"
    file.touch()
    file.chmod(wide)
    assert open_places(home) == ["folder/file"]
    assert narrow(home).closed == ("folder/file",)
    assert mode(file) == wide & ~0o077


def test_links_are_not_followed(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir(mode=0o700)
    outside.mkdir(mode=0o755)
    (outside / "file").touch(mode=0o644)
    (home / "folder").symlink_to(outside)
    (home / "file").symlink_to(outside / "file")
    assert open_places(home) == []
    assert narrow(home).closed == ()
    assert mode(outside / "file") == 0o644


def test_a_home_that_is_not_there_has_no_open_places(tmp_path: Path) -> None:
    assert open_places(tmp_path / "nothing") == []
