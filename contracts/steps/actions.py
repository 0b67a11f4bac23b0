"""What becomes of the rows that a step finds."""

from __future__ import annotations

from typing import Literal

Action = Literal["remove", "set_aside", "flag"]
"""Take the row out, put it into quarantine for a person to see, or only note it."""

DONE: dict[Action, str] = {"remove": "removed", "set_aside": "set aside", "flag": "flagged"}
"""The same in a sentence."""
