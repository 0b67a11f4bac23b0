"""The columns of a landed delivery that its contract does not declare, for whoever runs it."""

from __future__ import annotations

import json
import re

from assay.assets.io.installation import Installation
from assay.assets.stages.ingest import RECEIPT, undeclared_places

_PLAIN = re.compile(r"[^\W\d][\w .%()/-]{0,59}")
_DIGITS = re.compile(r"[0-9]{5}")


def undeclared_columns(installation: Installation, name: str, digest: str) -> list[str]:
    """Each such column as it may be shown on a terminal: by its place, and by its name where that
    reads as one.

    Every declared column is in the header, so its other cells are names as well. Nothing of
    this is kept: the home holds their places.
    """
    folder = installation.lake.folder(name, "landed")
    receipts = sorted(folder.glob(f"{digest}*/{RECEIPT}"))
    if not receipts:
        return []
    columns = json.loads(receipts[-1].read_text())["columns"]
    places = undeclared_places(installation.contract(name), columns)
    return [_shown(columns[place - 1], place) for place in places]


def _shown(column: str, place: int) -> str:
    if _PLAIN.fullmatch(column) and not _DIGITS.search(column):
        return f"'{column}' (column {place})"
    return f"column {place}"
