"""Which columns a change takes from their readers, or changes for them.

Belongs here: finding the columns of one change. Stays out: who the readers are
(assets/services/readers.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.contracts.compatibility.change import Change


def broken_columns(change: Change, new: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The columns, by their names before the change, whose readers the change breaks.

    Args:
        new: the contract's document with the change.
    Returns: () for every column of the data set; None if the change breaks no reader of columns.
    """
    if change.consumer != "breaking" or change.path[:1] != ("schema",):
        return None
    match change.path:
        case (_, int(table), "properties", int(place), *rest):
            if rest or change.kind not in ("column_removed", "column_renamed"):
                return (new["schema"][table]["properties"][place]["name"],)
            prefix = f"{new['schema'][table]['name']}."
            removed = change.name.removeprefix(prefix)
            return (removed if change.kind == "column_removed" else str(change.old),)
    return ()
