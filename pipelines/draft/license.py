"""Text that lies beside a file -> the licences it names.

Belongs here: recognising titles, texts and SPDX identifiers. Stays out: finding the files (assets/services/new.py), judging (admit/license.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.contracts.licenses import spdx

UNKNOWN = "LicenseRef-unknown"
_TITLES: tuple[tuple[str, str], ...] = (
    ("CC0-1.0", r"CC0|Creative Commons Zero"),
    ("PDDL-1.0", r"PDDL|Public Domain Dedication and License"),
    ("ODbL-1.0", r"ODbL|Open Database License"),
    ("ODC-By-1.0", r"ODC[- ]By|Open Data Commons Attribution"),
    ("Apache-2.0", r"Apache(?: Software)?(?: License)?,?[\s-]+(?:Version )?2(?:\.0)?\b"),
    ("MIT", r"\bMIT\b|Permission is hereby granted, free of charge, to any person obtaining"),
    ("BSD-3-Clause", r"BSD[- ]3[- ]Clause|Neither the name of .{1,80} nor the names of"),
    ("BSD-2-Clause", r"BSD[- ]2[- ]Clause"),
    ("GPL-3.0-only", r"(?<![LA])GPL[- ]?v?3|(?m:^)\s*GNU GENERAL PUBLIC LICENSE\s+Version 3"),
)
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
_DENIED = re.compile(
    r"no licen[cs]e\b|without (?:a |any )?licen[cs]e|all rights reserved|(?:for|free for) (?:research|measurement)\b|do not (?:copy|publish|redistribute)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LicenseFound:
    """An SPDX expression and where it stands; or why there is none that can be relied on."""

    expression: str
    evidence: str
    why: str


def licenses_in(text: str) -> tuple[str, ...]:
    """The SPDX identifiers that a text names or is the text of, each once, sorted."""
    declared = _DECLARED.findall(text)
    if declared:
        return tuple(sorted({expression.strip(" *#/\t\r->") for expression in declared}))
    found = {spdx for spdx, pattern in _TITLES if re.search(pattern, text)}
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
    """The lines of a longer text that name the file, without its ending or with it; all of it where none does."""
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
    denied = _DENIED.search(text)
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
