"""Archives (.zip, .gz, .bz2, .xz, .zst) -> the files in them, under names of our own.

Belongs here: unpacking with limits on count, size and ratio. Stays out: reading what comes out.
A member's name is data: no path is derived from it, and no message repeats it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from assay.assets.io.decode import zip_limits
from assay.assets.io.sources.first_bytes import BINARY, kind_by_bytes
from assay.assets.io.sources.places import matches
from assay.contracts.errors import SourceError, Where

MAX_UNPACKED = 50 * 2**30  # what unpacks to more is no data set of ours
SUFFIXES = (".zip", ".gz", ".bz2", ".xz", ".zst")
_NAME = 200
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    ValueError,
)
"""What the libraries raise for an archive that cannot be unpacked."""


@dataclass(frozen=True)
class Unpacked:
    """One file out of an archive: its name as text that can be kept, where it is, and the name as
    the archive has it.
    """

    name: str
    path: Path
    original: str


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked before it is read."""
    return name.lower().endswith(SUFFIXES)


def packing_of(path: Path, name: str, *, is_workbook: bool = False) -> str | None:
    """How a file is packed, as the suffix states it: by its first bytes, or by its name where these
    are of no kind of file.

    Args:
        is_workbook: whether the file is declared as one, which is a zip itself.
    """
    kind = kind_by_bytes(path)
    by_name = name.lower().rpartition(".")[2] if is_archive(name) else None
    if kind is None or kind == BINARY:
        return by_name
    if kind.packing == "zip" and is_workbook and by_name is None:
        return None
    return kind.packing


def unpack(
    path: Path,
    name: str,
    folder: Path,
    where: Where,
    pattern: str | None = None,
    *,
    max_bytes: int = MAX_UNPACKED,
) -> list[Unpacked]:
    """Unpack into `folder`.

    Args:
        name: what the archive is known by; its suffix states what it is where its bytes do not.
        pattern: which members of a zip, as a glob; all by default.
    Raises: SourceError: it is broken, encrypted, a bomb, an archive of archives, or holds what is
        no file.
    """
    kind = packing_of(path, name) or name.lower().rpartition(".")[2]
    allowed = min(max_bytes, max(zip_limits.FREE_BYTES, path.stat().st_size * zip_limits.MAX_RATIO))
    try:
        if kind == "zip":
            return _unzip(path, folder, where, pattern, allowed)
        with _stream(path, kind) as inside:
            _copy(inside, folder / "unpacked-00001", allowed, 0, where)
        inner = name[: -len(kind) - 1] if name.lower().endswith(f".{kind}") else name
        return [Unpacked(_shown(inner), folder / "unpacked-00001", inner)]
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the archive's
        raise SourceError(
            f"the archive cannot be unpacked ({type(error).__name__})",
            "Get it again; it may be incomplete, encrypted or not an archive",
            where,
        ) from None


@contextmanager
def _stream(path: Path, kind: str) -> Iterator[Any]:
    if kind == "zst":
        import pyarrow as pa

        with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
            yield stream
        return
    opened: Any = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}[kind]
    with opened(path, "rb") as stream:
        yield stream


def _copy(inside: IO[bytes], target: Path, allowed: int, before: int, where: Where) -> int:
    """Copy until the end, or until all that came out of the archive is more than it may be.

    Returns: bytes so far.
    """
    size = before
    with target.open("wb") as plain:
        while chunk := inside.read(zip_limits.CHUNK):
            size += len(chunk)
            if size > allowed:
                raise _bomb(allowed, where)
            plain.write(chunk)
    return size


def _bomb(allowed: int, where: Where) -> SourceError:
    return SourceError(
        f"the archive unpacks to more than {allowed:,} bytes, which is the most that a file of its size may unpack to",
        "Deliver the file with less compression, or in parts",
        where,
    )


def _unzip(
    path: Path, folder: Path, where: Where, pattern: str | None, allowed: int
) -> list[Unpacked]:
    try:
        with zip_limits.opened(path) as archive:
            members = _members(archive, where, pattern, allowed)
            size, unpacked = 0, []
            for number, member in enumerate(members, start=1):
                # never the member's own name: it may point anywhere
                target = folder / f"unpacked-{number:05}"
                with archive.open(member) as inside:
                    size = _copy(inside, target, allowed, size, where)
                unpacked.append(Unpacked(_shown(member.filename), target, member.filename))
            return unpacked
    except zip_limits.TooManyMembers:
        raise SourceError(
            f"the zip lists more than {zip_limits.MAX_MEMBERS:,} files",
            "Deliver fewer and larger files",
            where,
        ) from None


def _members(
    archive: zipfile.ZipFile, where: Where, pattern: str | None, allowed: int
) -> list[zipfile.ZipInfo]:
    everything = archive.infolist()
    placed = [
        (place, member)
        for place, member in enumerate(everything, start=1)
        if not member.is_dir() and (pattern is None or matches(pattern, member.filename))
    ]
    wanted = [member for _, member in placed]
    for place, member in placed:
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise SourceError(
                f"member {place} of the zip is a link or a device, not a file",
                "Pack the files themselves",
                where,
            )
        if is_archive(member.filename):
            raise SourceError(
                f"member {place} of the zip is another archive",
                "Pack the files themselves, not archives",
                where,
            )
    if sum(member.file_size for member in wanted) > allowed:
        raise _bomb(allowed, where)
    if not wanted:
        raise SourceError(
            "the zip contains no file" + (" that matches `members`" if pattern else ""),
            "Check its contents, and correct `members` under `options`",
            where,
        )
    return sorted(wanted, key=lambda member: member.filename)


def _shown(name: str) -> str:
    """A member's name as it may be shown: printable, and not long."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in name)
    return plain if len(plain) <= _NAME else plain[: _NAME - 1] + "…"
