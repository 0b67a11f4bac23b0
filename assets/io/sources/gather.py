"""A location -> its files on this machine, with their digests, or the word that the lake has them
already.

Belongs here: which kind of place does what, and skipping what has not changed. Stays out: how each
place is reached (web, clouds, databases), reading files.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assay.assets.io.disk import is_disk_full, sha256
from assay.assets.io.names import with_hint
from assay.assets.io.sources import clouds, databases, web
from assay.assets.io.sources.archives import SUFFIXES
from assay.assets.io.sources.places import (
    MAX_FILES,
    Delivery,
    Fetched,
    File,
    Memory,
    Place,
    Seen,
    Sink,
    digest_of,
    fetched,
    fixed_part,
    together,
    too_large,
)
from assay.assets.io.sources.roots import OUTSIDE, REMEDY, is_source, lies_in_home
from assay.contracts.errors import SourceError, Where
from assay.contracts.location import ELSEWHERE, SERVERS, kind_of


def fetch(contract: Delivery, place: Place) -> Fetched:
    """Find the source's bytes.

    Raises: SourceError: it is not there, is outside every root, cannot be reached, is too large,
        or its checksum differs from the contract's.
    """
    where = Where(file=contract.source.shown_location, dataset=contract.name)
    with without_paths_in_errors(where):
        source = _fetched(contract, place, where)
    if contract.source.sha256 is not None and contract.source.sha256 != source.digest:
        raise SourceError(
            "the source's checksum differs from the one in the contract",
            "Check where the file came from; if it is right, write its `sha256` into assay.source",
            where,
        )
    return source


@contextmanager
def without_paths_in_errors(where: Where) -> Iterator[None]:
    """Tell of the system's errors without the path that they name: it may be a person's.

    A full disk is no trouble of the source.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error) or error.errno in (
            errno.EFBIG,
            errno.EMFILE,
            errno.ENFILE,
            errno.EROFS,
        ):
            raise
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        remedy = "Give this user the right to read it, and run again"
        raise SourceError(f"the source cannot be read ({reason})", remedy, where) from None


def _fetched(contract: Delivery, place: Place, where: Where) -> Fetched:
    match kind_of(contract.source.location):
        case "assay":
            if place.dataset is None:
                raise SourceError(
                    "a source that is another data set can only be read by a run",
                    "Run the data set: assay run",
                    where,
                )
            return place.dataset()
        case "http":
            return _from_web(contract, place, where)
        case "cloud":
            return _from_cloud(contract, place, where)
        case "postgres" | "mysql" | "sqlite" | "duckdb":
            return _from_database(contract, place, where)
        case _:
            try:
                return _local(contract, place, where)
            # a name that this file system does not take, a folder that may not be looked into
            except OSError as error:
                problem = f"the source cannot be listed ({type(error).__name__})"
                raise SourceError(
                    problem, "Check `location`, and that this user may read it", where
                ) from None


# -- on this machine ------------------------------------------------------------------------


def _local(contract: Delivery, place: Place, where: Where) -> Fetched:
    """The files as they are there.

    Their digest is computed meanwhile: who can do without it for now need not wait.
    """
    paths = _local_paths(contract, place.roots, where)
    is_glob = kind_of(contract.source.location) == "glob"
    labels = place.labels("file", list(paths)) if is_glob else [where.file or ""]
    files = [
        File(name, path, path.stat().st_size, label)
        for (name, path), label in zip(paths.items(), labels, strict=True)
    ]
    size_bytes = sum(file.size_bytes for file in files)
    if size_bytes > place.max_bytes:
        raise too_large(place.max_bytes, where)

    def name_and_digest(file: File) -> tuple[str, str]:
        try:
            return file.name, sha256(file.path)
        except OSError as error:
            inside = Where(file=file.label, dataset=where.dataset)
            remedy = with_hint("Give this user the right to read it", file.label)
            raise SourceError(
                f"the source cannot be read ({type(error).__name__})", remedy, inside
            ) from None

    pool = ThreadPoolExecutor(1)
    digest = pool.submit(lambda: digest_of(together(name_and_digest, files)))
    pool.shutdown(wait=False)
    return Fetched(digest, size_bytes, tuple(files))


def _local_paths(contract: Delivery, roots: Sequence[Path], where: Where) -> dict[str, Path]:
    """The files of a source on this machine, by name. Raises: SourceError: there is none."""
    location = contract.source.location
    if kind_of(location) == "glob":
        paths = _matched(location, roots, where)
        if not paths:
            raise SourceError(
                "the source does not exist: no file matches",
                "Put files there (in ASSAY_HOME/inbox), or correct `location` under assay.source",
                where,
            )
        return paths
    path = locate(contract, roots)
    if not path.is_file():
        remedy = "Put the file there (in ASSAY_HOME/inbox)"
        if ":" in location:
            remedy = "Install the package"
        raise SourceError(
            "the source does not exist",
            f"{remedy}, or correct `location` under assay.source",
            where,
        )
    return {location: path}


def locate(contract: Delivery, roots: Sequence[Path]) -> Path:
    """The path that a location on this machine means, of a glob its first file or its folder; it
    need not exist.

    Raises: SourceError: no package of that name, a path outside every root, or a source that is
        elsewhere.
    """
    location = contract.source.location
    where = Where(file=contract.source.shown_location, dataset=contract.name)
    match kind_of(location):
        case "package":
            return _installed(_in_package(location, where), roots[0], where)
        case "module":
            return _installed(_of_module(location, where), roots[0], where)
        case kind if kind in ELSEWHERE:
            raise SourceError(
                "files next to a source can be listed on this machine only",
                "Name each file in the contract",
                where,
            )
        case "glob":
            folder = _inside(fixed_part(location) or ".", roots, where)[0]
            return next(iter(_matched(location, roots, where).values()), folder / "*")
        case "sqlite" | "duckdb":
            location = location.partition(":")[2]
    paths = _inside(location, roots, where)
    return next((path for path in paths if path.is_file()), paths[0])


def _in_package(location: str, where: Where) -> Path:
    """`package:NAME/PATH` -> the path.

    Raises: SourceError: no such package, or a path outside it.
    """
    name, _, inner = location.partition(":")[2].partition("/")
    spec = importlib.util.find_spec(name)  # finds, and does not import, a top-level package
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(
            f"no package '{name}' is installed", f"Install it: pip install {name}", where
        )
    folder = Path(spec.submodule_search_locations[0]).resolve()
    path = (folder / inner).resolve()
    if not path.is_relative_to(folder):
        raise SourceError("the path leads outside the package", "Choose a file inside it", where)
    return path


def _of_module(location: str, where: Where) -> Path:
    """`module:NAME#ATTRIBUTE` -> the module's file.

    Raises: SourceError: there is no such module.
    """
    name = location.partition(":")[2].partition("#")[0]
    top, *inner_names = name.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        remedy = "Correct `location` under assay.source"
        raise SourceError(f"no module '{top}' is installed", remedy, where)
    file = Path(spec.origin)
    if not inner_names:
        return file
    return file.parent.joinpath(*inner_names).with_suffix(".py")


def _installed(path: Path, home: Path, where: Where) -> Path:
    """A file of an installed package.

    Python takes any folder next to it for a package, the home too.
    Raises: SourceError: it is the home's.
    """
    resolved = path.resolve()
    if "site-packages" not in resolved.parts and lies_in_home(resolved, home):
        raise SourceError(OUTSIDE, REMEDY, where)
    return path


def _inside(location: str, roots: Sequence[Path], where: Where) -> list[Path]:
    """The paths a location may mean, below each root.

    Raises: SourceError: all of them are outside.
    """
    if "\x00" in location:
        raise SourceError(
            "the path contains a null character", "Correct `location` under assay.source", where
        )
    try:
        paths = [path for root in roots if is_source(path := (root / location).resolve(), roots)]
    except (OSError, RuntimeError) as error:  # too long, or links that lead to each other
        problem = f"the path cannot be read ({type(error).__name__})"
        raise SourceError(problem, "Check `location` under assay.source", where) from None
    if not paths:
        raise SourceError(OUTSIDE, REMEDY, where)
    return paths


def _matched(location: str, roots: Sequence[Path], where: Where) -> dict[str, Path]:
    """The files that a glob means, by name, below the first root that has any.

    A link out of the roots is refused, not followed.
    """
    fixed = fixed_part(location)
    for folder in _inside(fixed or ".", roots, where):
        pattern = location[len(fixed) :].lstrip("/")
        if ".." in pattern.split("/"):
            raise SourceError(
                "the pattern leads out of its folder",
                "Write the folder's path, without `..` after a `*`",
                where,
            )
        files = sorted(
            path
            for path in folder.glob(pattern)
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not all(is_source(path.resolve(), roots) for path in files):
            problem = "a matching file is a link to outside the source folders, or is in ASSAY_HOME itself"
            raise SourceError(
                problem, "Put the file itself into ASSAY_HOME/inbox, or narrow the pattern", where
            )
        if len(files) > MAX_FILES:
            raise SourceError(
                f"the location matches {len(files):,} files",
                f"Narrow it to at most {MAX_FILES:,}",
                where,
            )
        if files:
            return {str(path.relative_to(folder)): path for path in files}
    return {}


def source_fingerprint(contract: Delivery, roots: Sequence[Path]) -> str | None:
    """What the files of a source on this machine look like from outside: it changes when they do.

    None if there is none there.
    """
    location = contract.source.location
    if kind_of(location) != "glob":
        status = locate(contract, roots).stat()
        return f"{status.st_mtime_ns}-{status.st_size}"
    named = _matched(
        location, roots, Where(file=contract.source.shown_location, dataset=contract.name)
    )
    state = "".join(
        f"{name}\n{path.stat().st_mtime_ns}-{path.stat().st_size}\n" for name, path in named.items()
    )
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest() if named else None


# -- elsewhere ------------------------------------------------------------------------------


def _suffix(name: str) -> str:
    """The suffix by which a reader knows an archive; of anything else, none."""
    return next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def _from_web(contract: Delivery, place: Place, where: Where) -> Fetched:
    url = contract.source.location
    memory = Memory(place.roots[0], place.salt)
    seen = memory.recall(url)
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    sink = Sink(place.folder / f"fetched-00001{_suffix(name)}", place.max_bytes, where)
    now = web.download(
        url, sink, place, seen if seen is not None and place.is_landed(seen.digest) else None
    )
    if now is None and seen is not None:
        return Fetched(seen.digest, seen.size_bytes)
    if now is not None:
        memory.keep(url, now)
    return fetched([sink.as_file(url, contract.source.shown_location)])


def seen_at(address: str, roots: Sequence[Path], salt: bytes) -> Seen | None:
    """What the server reported about an address when it was fetched last; None if that was not kept."""
    return Memory(roots[0], salt).recall(address)


def _from_cloud(contract: Delivery, place: Place, where: Where) -> Fetched:
    location = contract.source.location
    memory, bucket = (
        Memory(place.roots[0], place.salt),
        location.split("://", 1)[0] + "://" + urlsplit(location).netloc,
    )
    objects = clouds.listed(location, where)
    if sum(item.size_bytes for item in objects) > place.max_bytes:
        raise too_large(place.max_bytes, where)
    seen = [memory.recall(f"{bucket}/{item.name}") for item in objects]
    unchanged = [
        (item.name, before)
        for item, before in zip(objects, seen, strict=True)
        if before is not None and _is_same(item, before)
    ]
    if len(unchanged) == len(objects):
        digest = digest_of([(name, before.digest) for name, before in unchanged])
        if place.is_landed(digest):
            return Fetched(digest, sum(before.size_bytes for _, before in unchanged))

    is_glob = any(mark in location for mark in "*?[")
    labels = (
        place.labels("object", [item.name for item in objects]) if is_glob else [where.file or ""]
    )

    def download_object(numbered: tuple[int, clouds.Object]) -> tuple[File, str]:
        number, item = numbered
        label = labels[number - 1]
        inside = (
            where if len(objects) == 1 else Where(file=f"{bucket}/{label}", dataset=where.dataset)
        )
        sink = Sink(
            place.folder / f"fetched-{number:05}{_suffix(item.name)}", place.max_bytes, inside
        )
        memory.keep(f"{bucket}/{item.name}", clouds.download(location, item, sink))
        return sink.as_file(item.name, label)

    return fetched(together(download_object, list(enumerate(objects, start=1))))


def _is_same(item: clouds.Object, before: Seen) -> bool:
    return item.etag is not None and (item.etag, item.size_bytes, item.modified) == (
        before.etag,
        before.size_bytes,
        before.modified,
    )


def _from_database(contract: Delivery, place: Place, where: Where) -> Fetched:
    path = None if kind_of(contract.source.location) in SERVERS else locate(contract, place.roots)
    sink = Sink(place.folder / "extract.csv", place.max_bytes, where, place.salt)
    done = databases.download(contract.source, path, sink, place.mark)
    if not done.is_new and place.mark is not None and place.is_landed(place.mark.digest):
        return Fetched(place.mark.digest, 0, missed=done.missed)
    if not done.is_new:
        raise SourceError(
            "there are no new rows, and the settings have changed since the last ones were stored",
            "Nothing to do until new rows arrive",
            where,
        )
    single = fetched([sink.as_file(contract.source.location, contract.source.shown_location)])
    return replace(
        single, watermark=done.watermark, seen=done.seen, late=done.late, missed=done.missed
    )
