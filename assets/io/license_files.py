"""What is next to a file -> the licences it names.

Belongs here: finding and reading such texts. Stays out: what they say (pipelines/draft/license.py),
what follows (pipelines/admit/license.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from assay.contracts.licenses import Recognised, denial_in
from assay.contracts.policy import LicensePolicy
from assay.pipelines.draft.license import (
    UNKNOWN,
    LicenseFound,
    about_file,
    license_found,
    license_of_fields,
    license_of_json,
    license_of_prose,
    license_of_text,
)

_LICENSE_FILE = re.compile(
    r"(?i)(?:[\w-]+[-_.])?(?:un)?(?:licen[sc]es?|copying|copyright|eula|terms)(?:[-_. ].*)?"
)
_ABOUT_FILE = re.compile(r"(?i)(?:source\.md|readme.*)")
_METADATA = re.compile(
    r"(?i)(?:datapackage|dataset-metadata|dataset_infos?|metadata|croissant|ro-crate-metadata|codemeta|\.zenodo)\.json"
)
_DATA_ENDINGS = frozenset([
    ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".avro", ".orc", ".xls",
    ".xlsx", ".xlsm", ".ods", ".xml", ".yaml", ".yml", ".db", ".sqlite", ".duckdb", ".sql", ".gz",
    ".bz2", ".xz", ".zst", ".zip", ".tar", ".7z", ".py", ".r", ".ipynb", ".png", ".jpg",
    ".jpeg",
])  # fmt: skip
_UNREADABLE_ENDINGS = (".pdf", ".doc", ".docx", ".odt", ".rtf")
GLOB = re.compile(r"[*?\[]")
_MAX_FOLDERS = 1_000
_MAX_TEXT = 200_000  # characters of a text next to the file that are looked at


def licenses_beside(path: Path, root: Path, policy: LicensePolicy) -> list[LicenseFound]:
    """What each text next to the file says, or where none says anything, each in the folders above
    it; nothing above `root` is looked at.
    """
    level = data_folders(path)
    while level := [folder for folder in level if folder.is_relative_to(root)]:
        licenses = [found for folder in level for found in _licenses_in(folder, path, policy)]
        if licenses:
            return licenses
        level = sorted({folder.parent for folder in level})
    return []


def data_folders(path: Path) -> list[Path]:
    """The folders that the data lie in: of a file, of a folder of files, of all that a pattern
    matches.
    """
    if path.is_dir():
        return [path]
    folder = path.parent
    pattern = next((part for part in folder.parts if GLOB.search(part)), None)
    if pattern is None:
        return [folder]
    start = Path(*folder.parts[: folder.parts.index(pattern)])
    matches = start.glob(str(folder.relative_to(start)))
    return sorted(islice(filter(Path.is_dir, matches), _MAX_FOLDERS)) or [start]


def license_beside(path: Path, root: Path, policy: LicensePolicy) -> LicenseFound | None:
    """The one licence that the texts next to the file name, as far as they agree."""
    licenses = licenses_beside(path, root, policy)
    own = [license for license in licenses if license.evidence == f"{path.name}.license"]
    licenses = own or licenses
    if len({license.expression for license in licenses}) > 1:
        return LicenseFound(
            UNKNOWN,
            ", ".join(license.evidence for license in licenses),
            "; ".join(license.why for license in licenses),
        )
    return licenses[0] if licenses else None


def _licenses_in(folder: Path, path: Path, policy: LicensePolicy) -> Iterator[LicenseFound]:
    names = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
    for name in names:
        reader = _reader_of(name, path.name)
        if reader is None or name == path.name:
            continue
        if name.lower().endswith(_UNREADABLE_ENDINGS):
            unread = Recognised(None, "its format is not supported", (name,))
            yield LicenseFound(UNKNOWN, name, f"{name} is in a format that cannot be read", unread)
            continue
        text = _text_of(folder / name)
        if text is not None and (read := reader(text, policy)) is not None:
            is_prose = _ABOUT_FILE.fullmatch(name) is not None
            denial = denial_in(about_file(text, path.name, policy)) if is_prose else ""
            yield license_found(name, read, denial)


def _reader_of(name: str, data: str) -> Callable[[str, LicensePolicy], Recognised | None] | None:
    """How a file of this name speaks of the licence of the data; None if it does not."""
    ending = Path(name).suffix.lower()
    if ending in (".license", ".licence") and fnmatchcase(name[: -len(ending)], data):
        return license_of_text
    if _METADATA.fullmatch(name) or name == f"{data}-metadata.json":
        return license_of_json
    if name.lower() == "citation.cff":
        return license_of_fields
    if _ABOUT_FILE.fullmatch(name):
        return lambda text, policy: license_of_prose(about_file(text, data, policy), policy)
    of_other_data = ending in (".license", ".licence")
    is_text = ending not in _DATA_ENDINGS and not of_other_data
    return license_of_text if is_text and _LICENSE_FILE.fullmatch(name) else None


def _text_of(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(4 * _MAX_TEXT)
    except OSError:
        return None  # not there, a folder, or not ours to read
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if is_wide else "utf-8-sig", "replace")[:_MAX_TEXT]
