"""Text that lies beside a file -> the licences it names.

Belongs here: recognising titles, texts and SPDX identifiers. Stays out: finding the files
(assets/services/new.py), judging (admit/license.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from assay.contracts.license_words import spdx
from assay.pipelines.core.package_data import read_yaml

UNKNOWN = "LicenseRef-unknown"
_CREATIVE = re.compile(
    r"(?:CC|Creative Commons)[ -]*(?:BY|Attribution)((?:[ -]+(?:NC|ND|SA|NonCommercial|NoDerivatives|NoDerivs|ShareAlike))*)[ -,]*v?([1-4]\.[0-9])",
    re.IGNORECASE,
)
_CREATIVE_TITLE = re.compile(
    r"\bAttribution((?:-(?:NonCommercial|NoDerivatives|ShareAlike))*) ([1-4]\.[0-9]) International"
)
_SHORT = {"noncommercial": "NC", "noderivatives": "ND", "noderivs": "ND", "sharealike": "SA"}
_IDENTIFIER = re.compile(r"\b[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9.]*[A-Za-z0-9])+\b")
_DECLARED = re.compile(r"SPDX-License-Identifier:\s*(.+)")


@dataclass(frozen=True)
class LicenseFound:
    """An SPDX expression and where it stands; or why there is none that can be relied on."""

    expression: str
    evidence: str
    why: str


@cache
def _titles() -> dict[str, str]:
    """SPDX identifier -> pattern of its title or of words of its text."""
    titles = read_yaml("draft/license_titles.yaml")["titles"]
    return {name: "|".join(patterns) for name, patterns in titles.items()}


@cache
def _denials() -> re.Pattern[str]:
    denials = read_yaml("draft/license_titles.yaml")["denials"]
    return re.compile("|".join(denials), re.IGNORECASE)


def licenses_in(text: str) -> tuple[str, ...]:
    """The SPDX identifiers that a text names or is the text of, each once, sorted."""
    declared = _DECLARED.findall(text)
    if declared:
        return tuple(sorted({expression.strip(" *#/\t\r->") for expression in declared}))
    found = {name for name, pattern in _titles().items() if re.search(pattern, text)}
    for parts, version in [*_CREATIVE.findall(text), *_CREATIVE_TITLE.findall(text)]:
        short = [_SHORT.get(part.lower(), part.upper()) for part in re.findall("[A-Za-z]+", parts)]
        found.add("-".join(["CC-BY", *short, version]))
    return tuple(sorted(found | _identifiers(text)))


def _identifiers(text: str) -> set[str]:
    known = spdx().known_symbols
    return {
        word
        for word in _IDENTIFIER.findall(text)
        if word in known and not word.startswith("LicenseRef")
    }


def about_file(text: str, file: str) -> str:
    """The lines of a longer text that name the file, without its ending or with it; all of it where
    none does.
    """
    stem = file.partition(".")[0]
    named = [
        line
        for line in text.splitlines()
        if re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])|`{re.escape(stem)}[`/.]", line)
    ]
    return "\n".join(named) if any(licenses_in(line) for line in named) else text


def judged(name: str, text: str) -> LicenseFound | None:
    """What one text beside the file says; None where it says nothing of licences."""
    found = licenses_in(text)
    if not found:
        return None
    denied = _denials().search(text)
    is_license = name.upper().startswith(("LICEN", "COPYING")) or name.endswith(
        (".license", ".json")
    )
    if denied and not is_license:
        return LicenseFound(
            UNKNOWN, name, f"{name} names {', '.join(found)}, and says '{denied[0]}'"
        )
    if len(found) > 1:
        return LicenseFound(UNKNOWN, name, f"{name} names several: {', '.join(found)}")
    return LicenseFound(found[0], name, f"found in {name}")
