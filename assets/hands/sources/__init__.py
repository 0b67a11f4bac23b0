"""Sources: a location in a contract -> bytes on the disk, then readable rows and unreadable lines.

Belongs here: finding, and the choice of reader, one module a kind, each with `read`. Stays out: types and rules. No code of a source is ever run.
"""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.hands.disk import sha256
from assets.hands.sources import delimited, documents, json_text, tables
from assets.hands.sources.landing import Read
from contracts.errors import SourceError, Where
from contracts.model import Contract
from contracts.problems import suggestion
from contracts.settings import Source

__all__ = ["Fetched", "Read", "check_columns", "fetch", "locate", "read", "read_file", "unpacked"]

MAX_UNPACKED = 50 * 2**30  # a zip that unpacks to more is no data set of ours


@dataclass(frozen=True)
class Fetched:
    """A source's file, and the digest of its bytes."""

    path: Path
    digest: str
    size_bytes: int


def fetch(contract: Contract, roots: Sequence[Path]) -> Fetched:
    """Find the source's bytes.

    Raises: SourceError: it is not there, lies outside every root, or its checksum differs from the contract's.
    """
    path = locate(contract, roots)
    where = Where(file=contract.source.location, dataset=contract.name)
    if not path.is_file():
        remedy = (
            "Put the file there (below ASSAY_HOME), or mend `location` under assay.source"
            if ":" not in contract.source.location
            else "Install the package, or mend `location` under assay.source"
        )
        raise SourceError("the source is not there", remedy, where)
    try:
        digest = sha256(path)
    except OSError as error:
        raise SourceError(f"the source cannot be read ({type(error).__name__})", "Give this user the right to read it", where) from None
    if contract.source.sha256 not in (None, digest):
        raise SourceError("the source's checksum is not the one in the contract", "Check where the file came from; if it is right, write its `sha256` into assay.source", where)
    return Fetched(path, digest, path.stat().st_size)


def locate(contract: Contract, roots: Sequence[Path]) -> Path:
    """The path that a location means; it need not exist. Raises: SourceError: no package of that name, or a path outside every root."""
    location = contract.source.location
    where = Where(file=location, dataset=contract.name)
    kind, _, rest = location.partition(":")
    if kind == "package":
        name, _, inner = rest.partition("/")
        spec = importlib.util.find_spec(name)  # finds, and does not import, a top-level package
        if spec is None or not spec.submodule_search_locations:
            raise SourceError(f"no package '{name}' is installed", f"Install it: pip install {name}", where)
        folder = Path(spec.submodule_search_locations[0]).resolve()
        path = (folder / inner).resolve()
        if not path.is_relative_to(folder):
            raise SourceError("the path leaves the package", "Name a file inside it", where)
        return path
    if kind == "module":
        name = rest.partition("#")[0]
        top, *inner_names = name.split(".")
        spec = importlib.util.find_spec(top)
        if spec is None or spec.origin is None:
            raise SourceError(f"no module '{top}' is installed", "Mend `location` under assay.source", where)
        return Path(spec.origin).parent.joinpath(*inner_names).with_suffix(".py") if inner_names else Path(spec.origin)
    paths = [path for root in roots if any((path := (root / location).resolve()).is_relative_to(allowed) for allowed in roots)]
    if not paths:
        raise SourceError("the path lies outside ASSAY_HOME and every folder of ASSAY_SOURCE_ROOTS", "Move the file there, or add its folder to ASSAY_SOURCE_ROOTS", where)
    return next((path for path in paths if path.is_file()), paths[0])


def read(contract: Contract, fetched: Fetched, folder: Path) -> Read:
    """Write `rows.parquet` (every column as text, beside `_row`) and `unreadable.parquet` (record, reason, text) into `folder`.

    Raises: SourceError: the file cannot be read at all, or its lines cannot all be accounted for.
    """
    return read_file(contract.source, fetched.path, folder, Where(file=contract.source.location, dataset=contract.name))


def read_file(source: Source, path: Path, folder: Path, where: Where) -> Read:
    """Read one file as `read` does, for who has no contract yet."""
    if source.format == "documents":
        return documents.read(source, path, folder, where)
    file = unpacked(path, folder, where)
    try:
        if source.format == "parquet":
            return tables.read(source, file, folder, where)
        return delimited.read(source, file, folder, where) if source.format == "csv" else json_text.read(source, file, folder, where)
    finally:
        if file != path:
            file.unlink()


def unpacked(path: Path, folder: Path, where: Where) -> Path:
    """The one file in a zip, unpacked beside; any other file as it is."""
    if path.suffix != ".zip":
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or members[0].file_size > MAX_UNPACKED:
                raise SourceError(f"the zip holds {len(members)} files of {sum(m.file_size for m in members):,} bytes", "Give a zip of one file under 50 GiB", where)
            target = folder / "source.unpacked"  # never the member's own name: it may point anywhere
            with archive.open(members[0]) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 2**20)
            return target
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"the zip cannot be unpacked ({error})", "Fetch it again", where) from None


def check_columns(contract: Contract, landed: Sequence[str]) -> None:
    """Whether what landed has every promised column. Raises: SourceError: one is missing."""
    where = Where(file=contract.source.location, dataset=contract.name)
    missing = [name for name in contract.column_names if name not in landed]
    if missing:
        raise SourceError(
            f"the file lacks the promised column '{missing[0]}'" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
            suggestion(missing[0], landed, "Deliver it, or change the contract"),
            where,
        )
