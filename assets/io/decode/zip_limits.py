"""What is zipped, and how much of it is believed.

Belongs here: limits that archives and workbooks share, and opening a zip without reading an endless
list of members. Stays out: what is done with the members.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 2**20
# text of a few distinct lines reaches it, nothing that is delivered does; gzip ends at 1,032
MAX_RATIO = 200
FREE_BYTES = 10 * 2**20  # below it no ratio is compared with an archive
MAX_MEMBERS = 10_000
MAX_DIRECTORY = 4 * 2**20  # bytes of a zip's list of members


class TooManyMembers(ValueError):
    """A list of members that is too long to read."""


class _Cautious(io.BufferedReader):
    """Refuses to read a zip's list of members in one go where that list is out of all measure: it
    would fill memory before anything could be counted.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY:
            raise TooManyMembers
        return super().read(size)


@contextmanager
def opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """A zip, open for reading. Raises: TooManyMembers: it lists too many members."""
    with _Cautious(io.FileIO(file)) as stream, zipfile.ZipFile(stream) as archive:
        if len(archive.infolist()) > MAX_MEMBERS:
            raise TooManyMembers
        yield archive
