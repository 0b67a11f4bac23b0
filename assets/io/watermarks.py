"""What had been read near each watermark, in a small file a version's source.

Belongs here: reading and writing it. Stays out: what is near a watermark (sources/extracts.py).
The file is sealed: where the overlap begins is a value of the watermark's column, which may be
personal. Where it is lost, the next run reads the rows beyond the mark alone, as earlier releases
did.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from assay.assets.io.disk import write_atomically
from assay.assets.io.lake import Lake
from assay.assets.io.signing_keys import Keys
from assay.assets.io.sources.places import Overlap
from assay.contracts.errors import EvidenceError


def keep(
    lake: Lake, keys: Keys, dataset: str, digest: str, seen: Overlap, published: str | None
) -> None:
    """Keep what had been read when a source of this digest was taken.

    Args:
        published: the source of the newest version. Files older than its file are removed: no run
            goes on from them.
    """
    folder = lake.folder(dataset, "watermarks")
    write_atomically(_file(folder, digest), keys.seal(asdict(seen), _subject(dataset)))
    newest = _file(folder, published or digest)
    if newest.exists():
        since = newest.stat().st_mtime
        for file in folder.glob("*.json"):
            if file.stat().st_mtime < since:
                file.unlink(missing_ok=True)


def seen_at(lake: Lake, keys: Keys, dataset: str, digest: str) -> Overlap | None:
    """What had been read when a source of this digest was taken; None if it is not kept."""
    try:
        sealed = _file(lake.folder(dataset, "watermarks"), digest).read_text()
        return Overlap(**keys.unseal(sealed, _subject(dataset)))
    except (OSError, ValueError, TypeError, EvidenceError):
        return None


def _subject(dataset: str) -> str:
    return f"what {dataset} has read near its watermark"


def _file(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.json"
