"""Names behind labels, for stewards.

Belongs here: looking a name up, and recording who did. Stays out: making labels (assets/io/names.py), printing (show.py).
"""

from __future__ import annotations

from typing import Any

from assay.assets.io.names import LABEL, look_up
from assay.contracts.errors import ConfigurationError
from assay.contracts.location import one_line


def revealed(label: str, why: str) -> dict[str, Any]:
    """The name that a label stands for. The look-up is in the audit log before the name is shown.

    Raises: ConfigurationError: it is no label, or no data set of this installation keeps its name.
    """
    from assay.assets.io.installation import Installation

    wanted = label.strip("'\" ").rpartition("/")[2]
    if not LABEL.fullmatch(wanted):
        raise ConfigurationError(
            "that is no label of a name",
            "Give one as messages and the evidence show it, such as file-7f3a9c12d4e5.csv",
        )
    installation = Installation.open()
    for dataset in installation.contracts:
        folder = installation.lake.folder(dataset, "landed")
        if look_up(folder, wanted) is None:
            continue
        installation.registry.ledger.note("name revealed", dataset, {"label": wanted, "why": why})
        return {
            "label": wanted,
            "dataset": dataset,
            "name": one_line(look_up(folder, wanted) or ""),
        }
    remedy = "Check that it is written whole; names are kept below `landed` of the installation that took the delivery in"
    raise ConfigurationError(f"no name is kept for the label {wanted}", remedy)
