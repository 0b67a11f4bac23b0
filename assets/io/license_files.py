"""What lies beside a file -> the licence it names.

Belongs here: finding and reading such texts. Stays out: what they say (pipelines/draft/license.py),
what follows (pipelines/admit/license.py).
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from assay.pipelines.draft.license import UNKNOWN, LicenseFound, about_file, judged

_LICENSE_FILE = re.compile("LICEN[SC]E|COPYING|Licen[sc]e|licen[sc]e")
_ABOUT_FILE = re.compile(r"SOURCE\.md$|README|Readme|readme")
"""What their names begin with."""
_MAX_BESIDE = 200_000  # characters of a text beside the file that are looked at


def license_beside(path: Path, root: Path) -> LicenseFound | None:
    """What the texts beside the file say, or where none does, those in the folder above it; nothing
    above `root` is looked at.
    """
    folders = [
        folder for folder in (path.parent, path.parent.parent) if folder.is_relative_to(root)
    ]
    return next(
        (license for folder in folders if (license := _license_file(path, folder)) is not None),
        None,
    )


def _license_file(path: Path, folder: Path) -> LicenseFound | None:
    own = [folder / f"{path.name}.license"]
    package = [folder / "datapackage.json"]
    names = sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []
    texts = [
        folder / name
        for pattern in (_LICENSE_FILE, _ABOUT_FILE)
        for name in names
        if pattern.match(name)
    ]
    for files in (own, package, texts):
        licenses_named = [
            license for file in files if (license := _said_by(file, path)) is not None
        ]
        expressions = {license.expression for license in licenses_named}
        if len(expressions) > 1:
            return LicenseFound(
                UNKNOWN,
                ", ".join(license.evidence for license in licenses_named),
                "; ".join(license.why for license in licenses_named),
            )
        if licenses_named:
            return licenses_named[0]
    return None


def _said_by(file: Path, path: Path) -> LicenseFound | None:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")[:_MAX_BESIDE]
    except OSError:
        return None  # not there, a folder, or not ours to read
    if file.name == "datapackage.json":
        text = "\n".join(_package_licenses(text))
    elif file.name.upper().startswith(("SOURCE", "README")):
        text = about_file(text, path.name)
    return judged(file.name, text)


def _package_licenses(text: str) -> list[str]:
    """The names in a data package's `licenses`."""
    try:
        package: Any = json.loads(text)
        return [
            str(license.get("name") or license.get("title") or "")
            for license in package.get("licenses", [])
        ]
    except (ValueError, AttributeError):
        return []
