"""Open the installation for a command: what an interrupted one has left is finished first."""

from __future__ import annotations

from assay.assets.io.installation import Installation


def open_installation() -> Installation:
    """Open the current installation, and carry out the acts that are signed and were interrupted."""
    installation = Installation.open()
    if not installation.registry.read_only and installation.registry.acts.waiting():
        from assay.assets.services.acts import settle  # polars: only where something waits

        settle(installation)
    return installation
