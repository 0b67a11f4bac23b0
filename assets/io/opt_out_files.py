"""What is next to a file -> the machine-readable statements in it that reserve training or mining.

Belongs here: finding and reading `tdmrep.json`, pages and C2PA manifests. Stays out: what they say
and what follows (pipelines/admit/opt_outs.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path

from assay.assets.io.license_files import data_folders
from assay.pipelines.admit.opt_outs import (
    CAWG,
    OptOut,
    cawg_assertion,
    cawg_of_json,
    strictest_of,
    tdm_of_file,
    tdm_of_page,
    unreadable,
)

_TDM_FILES = ("tdmrep.json", ".well-known/tdmrep.json")
_PAGES = (".html", ".htm", ".xhtml")
_MEDIA = (".c2pa", ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".pdf", ".mp3", ".wav", ".mp4", ".mov")  # fmt: skip
_MANIFESTS = ("manifest.json", "c2pa.json")
_MAX_FILES = 1_000
_MAX_PAGE = 65_536  # characters: `meta` elements stand at the head
_MAX_MEDIA = 50_000_000  # bytes
_BOX = re.compile(rb"(?:cawg|c2pa)\.training-mining[\w.]*\x00.{0,64}?(.{4})(cbor|json)", re.DOTALL)


def opt_outs_beside(path: Path, root: Path) -> list[tuple[str, OptOut]]:
    """Name and content of each statement about the data: in their folders, and of `tdmrep.json` in
    each folder above; nothing above `root` is looked at.
    """
    folders = [folder for folder in data_folders(path) if folder.is_relative_to(root)]
    above = {up for folder in folders for up in folder.parents if up.is_relative_to(root)}
    stated = [
        *(found for folder in sorted({*folders, *above}) for found in _reservations(folder, path)),
        *(found for folder in folders for found in _statements(folder)),
    ]
    return [(name, opt_out) for name, opt_out in stated if opt_out is not None]


def _reservations(folder: Path, path: Path) -> Iterator[tuple[str, OptOut | None]]:
    place = f"/{path.relative_to(folder)}" if path.is_relative_to(folder) else "/"
    for name in _TDM_FILES:
        if (text := _bytes_of(folder / name, _MAX_MEDIA)) is not None:
            yield "tdmrep.json", tdm_of_file(text.decode("utf-8", "replace"), place)


def _statements(folder: Path) -> Iterator[tuple[str, OptOut | None]]:
    for file in islice(sorted(folder.iterdir()) if folder.is_dir() else (), _MAX_FILES):
        ending = file.suffix.lower()
        if ending in _PAGES and (text := _bytes_of(file, _MAX_PAGE)) is not None:
            yield file.name, tdm_of_page(text.decode("utf-8", "replace"))
        elif ending in _MEDIA and (content := _bytes_of(file, _MAX_MEDIA)) is not None:
            yield file.name, cawg_of_media(content)
        elif file.name.lower().endswith(_MANIFESTS):
            text = _bytes_of(file, _MAX_MEDIA)
            yield file.name, cawg_of_json((text or b"").decode("utf-8", "replace"))


def cawg_of_media(content: bytes) -> OptOut | None:
    """What the assertions in a C2PA manifest say: of its own file, or inside a picture or document.

    A label is followed by a box of CBOR or JSON (ISO 19566-5, JUMBF).
    """
    import cbor2

    stated = []
    for match in _BOX.finditer(content):
        payload = content[match.end() : match.start(1) + int.from_bytes(match[1], "big")]
        if match[2] == b"json":
            stated.append(
                cawg_of_json(f'{{"cawg.training-mining": {payload.decode("utf-8", "replace")}}}')
            )
            continue
        try:
            stated.append(cawg_assertion(cbor2.load(BytesIO(payload))))
        except (cbor2.CBORDecodeError, RecursionError):
            stated.append(unreadable(CAWG))
    return strictest_of(stated)


def _bytes_of(file: Path, limit: int) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(limit)
    except OSError:
        return None  # not there, a folder, or not ours to read
