"""Where a source's bytes come to, and what is known of them before they do.

Belongs here: shapes that everything which fetches shares, streaming with a digest and a limit, and
what earlier runs saw. Stays out: any one kind of place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeVar

from assay.assets.io.disk import write_atomically
from assay.assets.io.names import Labels, numbered
from assay.contracts.errors import AssayError, SourceError, Where
from assay.contracts.settings import Source

AT_ONCE = 4
MAX_FILES = 10_000
MAX_BYTES = 50 * 2**30
CHUNK = 2**20
T = TypeVar("T")
R = TypeVar("R")


class Delivery(Protocol):
    """What is read: a contract, or the draft of one that has a name and a source so far."""

    @property
    def name(self) -> str:
        """The data set's name."""

    @property
    def source(self) -> Source:
        """Where the data come from."""


@dataclass(frozen=True)
class Place:
    """What fetching needs to know of this installation and this run.

    `folder` is the run's own, for what is fetched; `is_landed` states whether bytes of a digest are
    in the lake already, read as they would be now.
    `mark` is what the last published version reached, and the digest it was derived from. `labels`
    represent names that the delivery brings.
    """

    roots: Sequence[Path]
    folder: Path
    is_landed: Callable[[str], bool] = lambda _: False
    hosts: frozenset[str] = frozenset()
    max_bytes: int = MAX_BYTES
    mark: Mark | None = None
    labels: Labels = numbered
    salt: bytes = b""
    """What makes the names of this installation's notes about addresses its own."""
    dataset: Callable[[], Fetched] | None = None
    """Opens the data set that the location names, and records the use."""


@dataclass(frozen=True)
class Overlap:
    """The rows near a mark that were there when it was reached.

    `low` begins the overlap, `below` counts the rows before it, and `digests` shows the result in advance often each
    row from there on was read, with these columns.
    """

    columns: Sequence[str]
    low: str | int | float
    below: int
    digests: Mapping[str, int]


@dataclass(frozen=True)
class Mark:
    """How far a growing source has been published: the column's value, and the digest of the
    increment that reached it.
    """

    column: str
    value: str | int | float
    digest: str
    seen: Overlap | None = None
    """What had been read near the mark; None if an earlier release read it."""


@dataclass(frozen=True)
class File:
    """One file of a source, on this machine.

    `name` is what its deliverer calls it, and never a path; `label` is what may be shown of it.
    """

    name: str
    path: Path
    size_bytes: int
    label: str


@dataclass(frozen=True)
class Fetched:
    """A source's files, and the digest that represents all of them, or the promise of it.

    No files: the lake has them already.
    """

    reckoned: str | Future[str]
    size_bytes: int
    files: tuple[File, ...] = ()
    watermark: str | int | float | None = None
    seen: Overlap | None = None
    late: int = 0
    """Rows at or behind the mark that were read now."""
    missed: int = 0
    """Rows that came before the overlap, and were not read."""

    @property
    def digest(self) -> str:
        """The digest; waits for it. Raises: SourceError: a file cannot be read."""
        return self.reckoned if isinstance(self.reckoned, str) else self.reckoned.result()


def fetched(files: Sequence[tuple[File, str]]) -> Fetched:
    """The files, each with its digest, as one source: the digest of a single file is its own, that
    of several is over their names and digests.
    """
    return Fetched(
        digest_of([(file.name, digest) for file, digest in files]),
        sum(file.size_bytes for file, _ in files),
        tuple(file for file, _ in files),
    )


def digest_of(named: Sequence[tuple[str, str]]) -> str:
    """The digest that represents files of these names and digests."""
    if len(named) == 1:
        return named[0][1]
    text = "".join(f"{digest} {len(name)} {name}\n" for name, digest in named)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass
class Sink:
    """A file being written, its digest kept as it grows, and an end to its growth."""

    path: Path
    limit: int
    where: Where
    salt: bytes = b""
    """What makes digests of its rows the installation's own."""

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin again, with nothing written."""
        self._digest, self.size = hashlib.sha256(), 0
        self.path.write_bytes(b"")

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append. Raises: SourceError: it grows beyond the limit."""
        with self.path.open("ab") as stream:
            for chunk in chunks:
                self.size += len(chunk)
                if self.size > self.limit:
                    raise too_large(self.limit, self.where)
                self._digest.update(chunk)
                stream.write(chunk)

    @property
    def digest(self) -> str:
        """Of what was written."""
        return self._digest.hexdigest()

    def as_file(self, name: str, label: str) -> tuple[File, str]:
        """The file, done, and its digest."""
        return File(name, self.path, self.size, label), self.digest


def too_large(limit: int, where: Where) -> SourceError:
    """More bytes than this installation takes from one source."""
    return SourceError(
        f"the source is larger than {limit:,} bytes",
        "Split it, or raise ASSAY_SOURCE_MAX_BYTES",
        where,
    )


def together(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do the work on each, a few at a time; results in the order of the items.

    Raises: the first error in that order, once all have ended; later ones are named in it.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # each in a copy of the context, in which progress is shown
        futures = [pool.submit(copy_context().run, work, item) for item in items]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, AssayError):
            raise error
    if len(errors) > 1 and isinstance(errors[0], AssayError):
        others = ", ".join(
            str(error.where.file) for error in errors[1:4] if isinstance(error, AssayError)
        )
        more = f" and {len(errors) - 4:,} more" if len(errors) > 4 else ""
        raise SourceError(
            f"{errors[0].problem}; these cannot be read either: {others}{more}",
            errors[0].remedy,
            errors[0].where,
        )
    if errors:
        raise errors[0]
    return [future.result() for future in futures]


def matches(pattern: str, path: str) -> bool:
    """Whether a path is one that a glob means: `*` and `?` stay within a folder, `**` is any number
    of folders.

    Hidden files never match.
    """
    return _matches(PurePosixPath(pattern).parts, PurePosixPath(path).parts)


def _matches(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(pattern[1:], parts[count:]) for count in range(len(parts) + 1))
    return (
        bool(parts)
        and not (parts[0].startswith(".") and not pattern[0].startswith("."))
        and fnmatchcase(parts[0], pattern[0])
        and _matches(pattern[1:], parts[1:])
    )


def fixed_part(pattern: str) -> str:
    """The folders of a glob before its first mark."""
    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return head.rpartition("/")[0]


# -- what earlier runs saw ------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What a server reported about an object when its bytes had this digest.

    The bytes are not kept: they are in the lake, or are fetched again.
    """

    digest: str
    size_bytes: int
    etag: str | None = None
    modified: str | None = None
    reservation: str | None = None
    """The content of the header `tdm-reservation`."""
    reservation_terms: bool = False
    """Whether `tdm-policy` named terms on which the rights may be had."""


class Memory:
    """What was seen at each address, kept below ASSAY_HOME so that it survives the process.

    Addresses are kept as salted digests: they may hold a token or a name.
    """

    def __init__(self, root: Path, salt: bytes = b"") -> None:
        self._folder, self._salt = root / "cache" / "sources", salt

    def recall(self, address: str) -> Seen | None:
        """What was seen there last; None if nothing was, or the note cannot be read."""
        try:
            data: Any = json.loads(self._file(address).read_text(encoding="utf-8"))
            return Seen(**data)
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, address: str, seen: Seen) -> None:
        """Note it, where the server gave something to tell a change by, or reserved rights, or an
        earlier note would be out of date.
        """
        file = self._file(address)
        if seen.etag or seen.modified or seen.reservation or file.exists():
            write_atomically(file, json.dumps(asdict(seen)), mode=0o600)

    def _file(self, address: str) -> Path:
        content = address.encode("utf-8", "surrogateescape")
        return self._folder / f"{hashlib.sha256(self._salt + content).hexdigest()[:40]}.json"
