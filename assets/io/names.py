"""Names that deliveries bring -> labels that may be shown, and back for stewards.

Belongs here: the labels, and the file that states which name each represents. Stays out: which names
are the author's own (contracts), the key (keys.py). The name of a file, an object or a member of an
archive may hold personal data. A label is the same in every run of the installation, and states
nothing without its key.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assay.assets.io.disk import sync_folder

Labels = Callable[[str, Sequence[str]], list[str]]
"""(kind, names) -> a label for each; `kind` is `file`, `object` or `member`."""
STORE = "names.ndjson"
LABEL = re.compile(r"(file|object|member)-[0-9a-f]{12}(\.[a-z0-9]+){0,2}")
_DIGITS = 12
_PACKED = (".zip", ".gz", ".bz2", ".xz", ".zst")
_SHOWN = (
    *(".csv", ".tsv", ".txt", ".md", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow"),
    *(".arrows", ".feather", ".ipc", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", *_PACKED),
)


def numbered(kind: str, names: Sequence[str]) -> list[str]:
    """Labels that say nothing but the place in the list, for who has no key."""
    return [f"{kind}-{place:05}{suffix_of(name)}" for place, name in enumerate(names, start=1)]


def suffix_of(name: str) -> str:
    """The ending of a name, where it is one that a reader knows: `.csv.gz`."""
    endings = PurePosixPath(name).suffixes[-2:]
    last = endings[-1].lower() if endings else ""
    if last not in _SHOWN:
        return ""
    before = endings[0].lower() if len(endings) == 2 and last in _PACKED else ""
    return f"{before if before in _SHOWN else ''}{last}"


@dataclass
class Names:
    """The labels of one data set's names.

    The names are kept next to the landed rows, readable by the owner only.
    """

    key: bytes
    folder: Path
    _kept: set[str] = field(default_factory=set)

    def labels(self, kind: str, names: Sequence[str]) -> list[str]:
        """A label for each name, once the names are kept for stewards."""
        labels = [self.label(kind, name) for name in names]
        new = {
            label: {"label": label, "kind": kind, "name": name}
            for label, name in zip(labels, names, strict=True)
            if label not in self._kept
        }
        if new:
            self._keep(new)
        return labels

    def label(self, kind: str, name: str) -> str:
        """The label of a name: `file-7f3a9c12d4e5.csv`.

        Source: HMAC-SHA-256, RFC 2104, cut to 48 bits.
        """
        content = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
        return f"{kind}-{hmac.digest(self.key, content, 'sha256').hex()[:_DIGITS]}{suffix_of(name)}"

    def _keep(self, entries: dict[str, dict[str, str]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / STORE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            before = stream.read()
            self._kept = {entry["label"] for entry in _read(before)}
            lines = [
                json.dumps(entry) for label, entry in entries.items() if label not in self._kept
            ]
            cut_off = "\n" if before and not before.endswith("\n") else ""
            stream.write(cut_off + "".join(f"{line}\n" for line in lines))
            stream.flush()
            os.fsync(stream.fileno())
        self._kept |= set(entries)
        sync_folder(self.folder)


def with_hint(remedy: str, label: str) -> str:
    """A remedy that states how to look up the name behind a label."""
    last = label.rpartition("/")[2]
    return (
        f"{remedy}; for the name: assay sources reveal {last}" if LABEL.fullmatch(last) else remedy
    )


def look_up(folder: Path, label: str) -> str | None:
    """The name behind a label of this data set; None if it is not kept."""
    try:
        text = (folder / STORE).read_text(encoding="utf-8")
    except OSError:
        return None
    return next((entry["name"] for entry in _read(text) if entry["label"] == label), None)


def _read(text: str) -> list[dict[str, str]]:
    """The entries; a line that a crash cut off is passed over, and so is what is no entry."""
    entries = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and {"label", "name"} <= entry.keys():
            entries.append(entry)
    return entries
