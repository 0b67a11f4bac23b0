"""Archives give up their files under names of our own, and what would fill the disk or climb out of its folder is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from assay.assets.io.sources.archives import unpack
from assay.assets.stages.ingest import land, landed_rows
from assay.contracts.errors import SourceError, Where
from tests.conftest import GOOD, SampleHome, setting

HERE = Where(file="x")


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def archive(folder: Path, content: bytes, name: str = "a.zip") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_packed_file_is_read_as_what_is_in_it(installation: SampleHome, kind: str) -> None:
    archive(installation.root / "inbox", PACKERS[kind](GOOD.encode()), f"readings.csv.{kind}")
    installation.promise(setting("source", location=f"inbox/readings.csv.{kind}"))
    assert land(installation.run()).receipt.rows == 3


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    (one,) = unpack(
        archive(tmp_path, gzip.compress(b"a\n") + gzip.compress(b"b\n"), "x.csv.gz"),
        "x.csv.gz",
        tmp_path,
        HERE,
    )
    assert one.path.read_bytes() == b"a\nb\n"


def test_a_zip_of_several_files_lands_all_of_them_or_those_that_are_meant(
    installation: SampleHome,
) -> None:
    content = zipped(
        ("2026/b.csv", GOOD.encode()),
        ("a.csv", GOOD.encode()),
        ("README.txt", b"hello"),
        ("2026/", b""),
    )
    archive(installation.root / "inbox", content, "all.zip")
    installation.promise(
        setting("source", location="inbox/all.zip", options={"members": "**/*.csv"})
    )
    run = installation.run()
    receipt = land(run).receipt
    assert all(file.name.startswith("inbox/all.zip/member-") for file in receipt.files)
    parts = [(installation.name_of(file.name), file.first, file.last) for file in receipt.files]
    assert parts == [("2026/b.csv", 1, 4), ("a.csv", 5, 8)]
    assert landed_rows(run, receipt.digest).collect().height == 6
    installation.promise(
        setting("source", location="inbox/all.zip", options={"members": "nothing/*"})
    )
    with pytest.raises(SourceError, match="no file that matches `members`"):
        land(installation.run())


def million() -> bytes:
    """A zip that lists a million members, without a single one: 46 bytes each in its directory."""
    entry = b"PK\x01\x02" + bytes(42)
    size = len(entry) * 1_000_000
    end64 = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, size, 0
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, size, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return entry * 1_000_000 + end64 + locator + end


def lying() -> bytes:
    """A zip whose member says it is small, and is not."""
    content = bytearray(zipped(("a.csv", b"0" * 5_000_000)))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", content, content.rindex(mark) + at, 100)
    return bytes(content)


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("bomb.csv.gz", lambda: gzip.compress(b"0" * 100_000_000)),
    "bzip2": ("bomb.csv.bz2", lambda: bz2.compress(b"0" * 20_000_000)),
    "xz": ("bomb.csv.xz", lambda: lzma.compress(b"0" * 20_000_000, preset=0)),
    "zstd": ("bomb.csv.zst", lambda: zstd(b"0" * 20_000_000)),
    "zip": ("bomb.zip", lambda: zipped(("a.csv", b"0" * 20_000_000))),
    "many small ones": (
        "bomb.zip",
        lambda: zipped(*((f"{n}.csv", b"0" * 200_000) for n in range(100))),
    ),
    "nested": (
        "bomb.zip",
        lambda: zipped(("a.zip", zipped(("b.zip", zipped(("c.csv", b"0" * 1_000_000)))))),
    ),
    "gzip in a zip": ("bomb.zip", lambda: zipped(("a.csv.gz", gzip.compress(b"0" * 1_000_000)))),
    "a million members": ("bomb.zip", million),
    "ten thousand members and one": (
        "bomb.zip",
        lambda: zipped(*((f"{n}", b"") for n in range(10_001))),
    ),
    "a member that lies": ("bomb.zip", lying),
    "cut off": ("bomb.zip", lambda: zipped(("a.csv", GOOD.encode() * 1_000))[:-40]),
    "gzip cut off": ("bomb.csv.gz", lambda: gzip.compress(GOOD.encode() * 1_000)[:-12]),
    "no archive": ("bomb.csv.xz", lambda: b"meter,energy_kwh\n"),
    "zstd cut off": ("bomb.csv.zst", lambda: zstd(GOOD.encode() * 10_000)[:-12]),
    "empty": ("bomb.zip", lambda: zipped()),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly_and_leave_nothing(installation: SampleHome, name: str) -> None:
    file, make = BOMBS[name]
    archive(installation.root / "inbox", make(), file)
    installation.promise(setting("source", location=f"inbox/{file}"))
    run = installation.run()
    before = sum(os.times()[:4])
    with pytest.raises(SourceError, match=r"unpack|archive|lists|no file"):
        land(run)
    assert (
        sum(os.times()[:4]) - before < 2
    )  # seconds at work, its child processes' too: a machine that is busy takes longer
    assert not list((installation.root / "lake").rglob("unpacked-*"))


HOSTILE = [
    "../evil.csv", "../../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "//etc/evil.csv", "/../evil.csv", "./../evil.csv", "....//evil.csv", "..\\evil.csv", "a\\..\\..\\evil.csv",
    "C:\\evil.csv", "C:/evil.csv", "C:evil.csv", "\\\\server\\share\\evil.csv", "\\evil.csv", "..%2fevil.csv", "%2e%2e/evil.csv", "‥/evil.csv", "．．/evil.csv", "..∕evil.csv",
    "․․/evil.csv", "..⁄evil.csv", "evil\n.csv", "evil\r.csv", "evil\x1b[31m.csv", "evil\u202ecsv.exe", "~/evil.csv", "~root/.ssh/evil.csv", "$HOME/evil.csv", "`id`.csv",
    "; rm -rf x.csv", "|id.csv", "-rf.csv", "con.csv", "aux", "nul.csv", "evil.csv.", " evil.csv ", "e" * 5_000 + ".csv", "/".join(["d"] * 2_000) + "/evil.csv", "proc/self/environ", "*.csv",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:24]))
def test_no_members_name_becomes_a_path(tmp_path: Path, name: str) -> None:
    """Promise H4: everything that is written lies in the staging folder, under a name of ours."""
    staging = tmp_path / "deep" / "staging"
    staging.mkdir(parents=True)
    packed = archive(tmp_path, zipped((name, GOOD.encode())))
    before = everything(tmp_path)
    (one,) = unpack(packed, "a.zip", staging, HERE)
    assert everything(tmp_path) - before == {str(staging / "unpacked-00001")}
    assert one.path.read_bytes() == GOOD.encode()
    assert len(one.name) <= 200
    assert one.name.isprintable()


@pytest.mark.parametrize(
    "mode",
    [0o120777, 0o020666, 0o060666, 0o010666, 0o140777],
    ids=["symlink", "character device", "block device", "pipe", "socket"],
)
def test_a_member_that_is_no_file_is_refused(tmp_path: Path, mode: int) -> None:
    info = zipfile.ZipInfo("readings.csv")
    info.external_attr = mode << 16
    with pytest.raises(SourceError, match="a link or a device"):
        unpack(archive(tmp_path, zipped((info, b"/etc/passwd"))), "a.zip", tmp_path, HERE)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.csv", GOOD.encode())))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    with pytest.raises(SourceError, match="cannot be unpacked"):
        unpack(archive(tmp_path, bytes(content)), "a.zip", tmp_path, HERE)
