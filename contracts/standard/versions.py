"""The versions of ODCS that Assay reads."""

from __future__ import annotations

LATEST = "v3.2.0"
VERSIONS = (LATEST, "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
"""From the newest to the oldest."""
