"""Unexpected exceptions: a plain sentence for people, and a log of code positions.

Belongs here: what must never be caught, describing an exception without its text, the log.
Stays out: where exceptions are caught.
A library's text may quote cells, so neither the sentence nor the log holds it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from assay.assets.io.disk import is_disk_full, write_atomically
from assay.contracts.errors import AssayError, PublicationError, UnexpectedError, Where
from assay.contracts.extras import of_import_error

LOGS = "logs"
_STOP_NAMES = frozenset({"CancelledError", "DagsterExecutionInterruptedError"})
"""Stops that other libraries define; named, so that they need not be imported."""
_LIBRARIES = {
    "sqlalchemy": "a database gave an unexpected answer",
    "requests": "the receiver did not answer",
    "urllib3": "the receiver did not answer",
    "mlflow": "the model store did not accept it",
    "deltalake": "the Delta table could not be read or written",
    "_internal": "the Delta table could not be read or written",
    "pyo3_runtime": "a library stopped with an internal error",
}
"""What is known of an exception from the package that defines it. `_internal` is deltalake's."""


def must_stop(error: BaseException) -> bool:
    """Whether an exception ends the process or the run, and so is never caught and recorded.

    What may be recorded is a failure of the work: any Exception but a lack of memory, and a panic
    of a Rust library, which derives from BaseException. Of another BaseException no one here can
    tell who wants it to end.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or names & _STOP_NAMES:
        return True
    is_panic = any("Panic" in name for name in names)
    return not (isinstance(error, Exception) or is_panic)


def reason_of(error: BaseException) -> str:
    """Describe an exception in our words, without its own text."""
    if isinstance(error, AssayError):
        return str(error)
    name = type(error).__name__
    package = type(error).__module__.partition(".")[0]
    if package in _LIBRARIES:
        return f"{_LIBRARIES[package]} ({name})"
    if isinstance(error, OSError):
        cause = os.strerror(error.errno) if error.errno else "a file or a receiver failed"
        return f"{cause} ({name})"
    return f"an unexpected {name}"


def unexpected(
    root: Path | None, error: BaseException, dataset: str | None = None, place: str = ""
) -> AssayError:
    """Turn an unexpected exception into one sentence, and log where it was raised.

    Args:
        root: the home; None if it is not known, then nothing is logged.
        place: what was being done, such as "stage 'cleaned'".
    Returns: the error itself where it is an AssayError; a full disk and a missing extra are
        called that.
    """
    if isinstance(error, AssayError):
        return error
    if missing := of_import_error(error, place or "this"):
        return missing
    if is_disk_full(error, root if root is not None and root.is_dir() else None):
        remedy = "Free some space and run again. Published versions are intact, and nothing of this run is visible"
        return PublicationError("the disk is full", remedy, Where(dataset=dataset))
    file = _logged(root, error, dataset, place) if root is not None else None
    log = f" with the log {LOGS}/{file.name} of the home" if file else ""
    problem = f"{place or 'the command'} failed: {reason_of(error)}"
    remedy = f"Run again; if it happens again, report it{log}"
    return UnexpectedError(problem, remedy, Where(dataset=dataset))


def _logged(root: Path, error: BaseException, dataset: str | None, place: str) -> Path | None:
    """Write the code positions of an exception; the same failure has the same file."""
    frames = "\n".join(_frames(error))
    digest = hashlib.sha256(frames.encode()).hexdigest()[:12]
    file = root / LOGS / f"{type(error).__name__}-{digest}.log"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"at: {at}\ndata set: {dataset or '-'}\nwhile: {place or '-'}\n{frames}\n"
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(file, text, mode=0o600)
    except OSError:  # a read-only home, a full disk: the sentence must still come through
        return None
    return file


def _frames(error: BaseException) -> Iterator[str]:
    """Class and code positions of an exception and of those it came from; never their text."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield f"{type(current).__module__}.{type(current).__qualname__}"
        for frame in traceback.extract_tb(current.__traceback__, limit=100):
            yield f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}"
        current = current.__cause__ or current.__context__


def _short(file: str) -> str:
    """A code file without the layout of this machine."""
    for mark in ("site-packages/", "dist-packages/", "lib/python3"):
        if mark in file:
            return file.rpartition(mark)[2]
    package = str(Path(__file__).parents[3]) + os.sep
    return file.removeprefix(package) if file.startswith(package) else Path(file).name


@contextmanager
def noted(root: Path, problems: list[str], dataset: str | None, place: str) -> Iterator[None]:
    """Add what fails in the block to `problems`, one sentence each, and go on after it.

    For loops over data sets, of which none may end the work for the others.
    """
    try:
        yield
    except BaseException as error:
        if must_stop(error):
            raise
        problems.append(str(unexpected(root, error, dataset, place)))


_STDERR = threading.Lock()


@contextmanager
def quiet_panics() -> Iterator[None]:
    """Keep the text of a Rust panic off the terminal; everything else is printed afterwards.

    A panic prints to file descriptor 2 before Python sees an exception.
    """
    with _STDERR, tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        os.dup2(held.fileno(), 2)
        panicked = False
        try:
            yield
        except BaseException as error:
            panicked = type(error).__name__ == "PanicException"
            raise
        finally:
            os.dup2(kept, 2)
            if not panicked:
                held.seek(0)
                os.write(kept, held.read())
            os.close(kept)
