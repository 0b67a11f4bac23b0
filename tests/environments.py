"""Virtual environments with a part of the packages of this one, made of links within a second.

Nothing is installed, downloaded or compiled again: an environment links the packages that uv.lock
names for some extras, where they are installed already.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import sysconfig
import venv
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.without_extras import ROOT

UV = Path(sys.executable).parent / "uv"
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


def locked_packages(*extras: str) -> set[str]:
    """The names of the packages that uv.lock has for Assay with these extras."""
    wanted = [f"--extra={extra}" for extra in extras]
    options = ["--frozen", "--offline", "--no-dev", "--no-hashes", "--no-annotate", "--no-header"]
    command = [UV, "export", "--quiet", *options, "--no-emit-project", *wanted]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.partition("==")[0] for line in done.stdout.splitlines()}


class Environment:
    """A virtual environment in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def python(self, *arguments: str, folder: Path, check: bool = True) -> str:
        """Run its Python in a folder. Returns: what it prints."""
        kept = ("PATH", "LANG", "TMPDIR")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        done = subprocess.run(
            [self.folder / "bin" / "python", *arguments],
            cwd=folder,
            env={**environment, "HOME": str(folder), "COLUMNS": "200", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def assay(self, *arguments: str, folder: Path, check: bool = True) -> str:
        """Run its `assay` in a folder. Returns: what it prints."""
        return self.python("-m", "assay.cli", *arguments, folder=folder, check=check)


def linked_environment(folder: Path, packages: Collection[str], unpacked: Path) -> Environment:
    """An environment with these packages, and with what lies in the folder of an unpacked wheel."""
    venv.EnvBuilder(symlinks=True).create(folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = folder / "lib" / version / "site-packages"
    wanted, linked = set(packages), set[str]()
    for place, owners in _owners().items():
        if owners.isdisjoint(wanted) or not linked.isdisjoint(_folders(place)):
            continue
        source = SITE_PACKAGES / place
        if owners <= wanted or not source.is_dir():
            (target / place).symlink_to(source)
            linked.add(place)
        else:  # a folder that other packages have files in too
            (target / place).mkdir()
    for entry in unpacked.iterdir():
        (target / entry.name).symlink_to(entry)
    return Environment(folder)


@cache
def _owners() -> Mapping[str, frozenset[str]]:
    """The packages that have a file at a place in site-packages or below it, outer places first."""
    owners: dict[str, set[str]] = defaultdict(set)
    for record in SITE_PACKAGES.glob("*.dist-info/RECORD"):
        name = canonical_name(record.parent.name.partition("-")[0])
        with record.open(newline="", encoding="utf-8") as stream:
            files = [row[0] for row in csv.reader(stream)]
        places = {
            place
            for file in files
            if not file.startswith(("../", "/")) and "__pycache__" not in file
            for place in (file, *_folders(file))
        }
        for place in places:
            owners[place].add(name)
    return {place: frozenset(owners[place]) for place in sorted(owners, key=_depth_and_name)}


def _folders(place: str) -> Iterator[str]:
    """The folders that a place is in, such as `a/b` and `a` for `a/b/c`."""
    while "/" in place:
        place = place.rpartition("/")[0]
        yield place


def _depth_and_name(place: str) -> tuple[int, str]:
    return place.count("/"), place


def canonical_name(name: str) -> str:
    """A package's name as uv.lock writes it."""
    return name.lower().replace("_", "-").replace(".", "-")
