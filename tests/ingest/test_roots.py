"""Sources are read from the inbox and from named roots; the rest of the home is closed, however a path is spelled and whatever root is named."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from assay.assets.io.sources import gather
from assay.assets.io.sources.places import Place
from assay.assets.io.sources.roots import is_source
from assay.contracts.errors import ConfigurationError, SourceError
from assay.contracts.model import Contract
from tests.conftest import GOOD, contract, setting

INSIDE = ["lake/readings/landed/abc/rows.csv", "keys/private.csv", "registry.csv", "dagster/x.csv", "evidence/a/1.csv", "reports/x.csv", "cache/x.csv", "models/x.csv", "index/x.csv",
          "contracts/x.csv", "inbox2/x.csv", ".hidden/x.csv", "x.csv"]  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A home with a file in every place, in a folder with other data next to it."""
    home = tmp_path.resolve() / "work" / "home"
    for name in [*INSIDE, "inbox/x.csv", "inbox/deep/x.csv"]:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(GOOD)
    (tmp_path / "work" / "data").mkdir()
    (tmp_path / "work" / "data" / "x.csv").write_text(GOOD)
    return home


def source(location: str, **more: object) -> Contract:
    return contract(setting("source", location=location, **more))


def read(house: Path, wanted: Contract, *named: Path) -> list[str]:
    """The files that a fetch finds, from the home's folder on."""
    folder = house.parent / "fetched"
    folder.mkdir(exist_ok=True)
    fetched = gather.fetch(wanted, Place((house, *named), folder))
    assert fetched.digest
    return [str(file.path.relative_to(house.parent)) for file in fetched.files]


ROOTS = {
    "no root": lambda house: [],
    "the home itself": lambda house: [house],
    "its parent": lambda house: [house.parent],
    "the whole machine": lambda house: [Path("/")],
    "its lake": lambda house: [house / "lake"],
    "a folder of its lake": lambda house: [house / "lake" / "readings" / "landed"],
    "its parent by a detour": lambda house: [(house / "inbox" / ".." / "..").resolve()],
}


@pytest.mark.parametrize("named", ROOTS)
@pytest.mark.parametrize("inside", INSIDE)
def test_nothing_of_the_home_but_its_inbox_is_a_source(
    inside: str, named: str, house: Path
) -> None:
    roots = ROOTS[named](house)
    spellings = [
        inside,
        f"inbox/../{inside}",
        f"./{inside}",
        str(house / inside),
        f"home/{inside}",
        f"../home/{inside}",
        Path(inside).name,
    ]
    spellings += [
        f"{Path(inside).parent}/*.csv",
        f"{inside[:-5]}?.csv",
        f"home/{Path(inside).parent}/*.csv",
        f"abc/{Path(inside).name}",
    ]
    for location in spellings:
        try:
            files = read(house, source(location), *roots)
        except SourceError:
            continue
        assert all(not file.startswith("home/") for file in files), (location, files)
    with pytest.raises(SourceError):
        gather.locate(source(str(house / inside)), (house, *roots))


@pytest.mark.parametrize("named", ROOTS)
@pytest.mark.parametrize(
    "pattern",
    ["**/*.csv", "*/*.csv", "**/x.csv", "home/**/*.csv", "[kl]*/**/*.csv", "*.csv", "../**/*.csv"],
)
def test_no_glob_reaches_the_home(pattern: str, named: str, house: Path) -> None:
    if named == "the whole machine" and pattern.startswith(("**", "*/")):
        return  # it would walk the machine; what it means is the same
    try:
        files = read(house, source(pattern), *ROOTS[named](house))
    except SourceError:
        return
    assert all(not file.startswith("home/") or file.startswith("home/inbox/") for file in files)


@pytest.mark.parametrize(
    ("location", "files"),
    [
        ("inbox/x.csv", ["home/inbox/x.csv"]),
        ("inbox/deep/x.csv", ["home/inbox/deep/x.csv"]),
        ("inbox/**/*.csv", ["home/inbox/deep/x.csv", "home/inbox/x.csv"]),
        ("inbox/*/x.csv", ["home/inbox/deep/x.csv"]),
        ("inbox/deep/../x.csv", ["home/inbox/x.csv"]),
        ("x.csv", ["data/x.csv"]),
        ("*.csv", ["data/x.csv"]),
        ("../data/x.csv", ["data/x.csv"]),
    ],
)
def test_the_inbox_and_named_roots_are_read(location: str, files: list[str], house: Path) -> None:
    assert read(house, source(location), house.parent / "data") == files
    assert gather.source_fingerprint(source(location), (house, house.parent / "data"))


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("target", ["lake/readings/landed/abc", "keys", "../secret", "."])
@pytest.mark.parametrize("place", ["home/inbox", "data"])
def test_a_link_into_the_home_or_out_of_all_roots_is_not_followed(
    place: str, target: str, kind: str, house: Path
) -> None:
    (house.parent / "secret").mkdir()
    (house.parent / "secret" / "x.csv").write_text(GOOD)
    there = (house / target).resolve()
    inner = next(there.glob("*.csv"))
    link = house.parent / place / ("link.csv" if kind == "file" else "link")
    link.symlink_to(inner if kind == "file" else there)
    prefix = "inbox/" if place == "home/inbox" else ""
    tries = (
        [f"{prefix}link.csv", f"{prefix}l*.csv"]
        if kind == "file"
        else [f"{prefix}link/{inner.name}", f"{prefix}*/{inner.name}", f"{prefix}l*/*.csv"]
    )
    for location in tries:
        try:
            files = read(house, source(location), house.parent / "data")
        except SourceError:
            continue
        assert files == ["home/inbox/deep/x.csv"], location


def test_an_inbox_that_is_a_link_to_another_disk_is_read_and_one_into_the_home_is_not(
    house: Path,
) -> None:
    disk = house.parent / "disk"
    (house / "inbox").rename(disk)
    (house / "inbox").symlink_to(disk)
    assert read(house, source("inbox/x.csv")) == ["disk/x.csv"]
    (house / "inbox").unlink()
    (house / "inbox").symlink_to(house / "lake")
    with pytest.raises(SourceError):
        read(house, source("inbox/readings/landed/abc/rows.csv"))


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
@pytest.mark.parametrize(
    "path", ["registry.db", "inbox/../registry.db", "home/registry.db", "dagster/history.db"]
)
def test_a_database_of_the_home_is_not_a_source(path: str, kind: str, house: Path) -> None:
    for name in ("registry.db", "dagster/history.db"):
        sqlite3.connect(house / name).close()
    for location in (path, str(house / path)):
        with pytest.raises(SourceError, match=r"is outside|does not exist"):
            read(
                house,
                source(f"{kind}:{location}", format="sql", options={"table": "leases"}),
                house.parent,
            )


def test_another_spelling_of_the_home_is_the_home(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without upper and lower case, or a second mount, has the same folders under other names."""
    other = house.parent / "HOME"
    known = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        text = str(self)
        return known(
            Path(text.replace(str(other), str(house))) if text.startswith(str(other)) else self,
            follow_symlinks=follow_symlinks,
        )

    monkeypatch.setattr(Path, "stat", stat)
    roots = (house, house.parent)
    assert not is_source(other / "keys" / "private.csv", roots)
    assert is_source(other / "inbox" / "x.csv", roots)
    assert not is_source(other / "keys" / "private.csv", (house, other / "keys"))


def test_the_inbox_may_be_missing_and_the_home_too(tmp_path: Path) -> None:
    home = tmp_path / "none"
    assert is_source(home / "inbox" / "x.csv", (home,))
    assert not is_source(home / "lake" / "x.csv", (home, tmp_path))
    assert is_source(tmp_path / "x.csv", (home, tmp_path))


def test_links_in_a_circle_are_one_message(house: Path) -> None:
    (house / "inbox" / "a").symlink_to(house / "inbox" / "b")
    (house / "inbox" / "b").symlink_to(house / "inbox" / "a")
    for location in ("inbox/a/x.csv", "inbox/a/*.csv"):
        with pytest.raises(SourceError):
            read(house, source(location))


def test_the_message_names_the_way_out(house: Path) -> None:
    with pytest.raises(SourceError, match=r"is outside ASSAY_HOME/inbox.*assay:NAME"):
        read(house, source("lake/readings/landed/*/rows.csv"))
    with pytest.raises((SourceError, ConfigurationError)):
        gather.fetch(source("assay:other", format="parquet"), Place((house,), house))


@pytest.mark.parametrize(
    "location",
    [
        "package:home/keys/private.csv",
        "package:home/x.csv",
        "package:keys/private.csv",
        "package:lake/readings/landed/abc/rows.csv",
        "module:secret#TEXT",
    ],
)
def test_a_folder_of_the_home_is_no_package(
    location: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python finds folders next to a program as packages."""
    (house / "secret.py").write_text("TEXT = {'a': 'b'}")
    monkeypatch.syspath_prepend(str(house.parent))
    monkeypatch.syspath_prepend(str(house))
    with pytest.raises(SourceError, match="is outside"):
        read(
            house, source(location, format="documents" if location.startswith("module:") else "csv")
        )
