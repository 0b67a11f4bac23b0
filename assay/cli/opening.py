"""The installation that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation


def open_installation() -> Installation:
    """Open the current installation; what that imports is imported now, not with the command line."""
    from assay.assets.services import opening

    return opening.open_installation()


def chosen_datasets(installation: Installation, name: str | None) -> list[str]:
    """The data set that is named, or all of them. No contract is read.

    Raises: ConfigurationError: the name is not known.
    """
    return [installation.dataset(name)] if name else list(installation.contracts)
