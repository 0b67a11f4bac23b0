"""`assay.license`: what the holder of the data allows, and what we want to do with them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import (
    Field,
)

from assay.contracts.settings.base import Settings

Purpose = Literal[
    "analytics", "training", "fine-tuning", "retrieval", "evaluation", "redistribution"
]


class License(Settings):
    """What the holder allows, as an SPDX expression or a name that the policy reads, and what we
    want to do: for gain, or in academic research.

    Where rows have licences of their own, `column` states which column names them: a row whose
    licence does not allow every purpose is quarantined.
    """

    expression: str = Field(min_length=1, max_length=4_000)
    holder: str
    evidence: str
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    commercial: bool = False
    academic: bool = False
    until: date | None = None
    """The last day it holds."""
    column: str | None = None
