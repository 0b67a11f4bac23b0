"""The reason that a person gives for a decision: refused where it is empty or holds personal data.

Belongs here: searching one text. Stays out: what personal data look like (detectors.py). A reason
goes into the registry, the audit log and signed statements, from which nothing is ever removed.
"""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from assay.contracts.errors import ConfigurationError
from assay.pipelines.admit import encoded_text, personal
from assay.pipelines.core.frames import ROW

REMEDY = "Write the reason without it, for example with a ticket number"
_COLUMN = "reason"


def checked_reason(reason: str) -> str:
    """The reason, without blanks around it.

    Raises: ConfigurationError: there is none, or it holds personal data; the value is not quoted.
    """
    if not reason.strip():
        raise ConfigurationError("a decision needs a reason", 'Give the reason: --why "…"')
    problem = problem_of(reason)
    if problem:
        raise ConfigurationError(f"the reason {problem}", REMEDY)
    return reason.strip()


@lru_cache(maxsize=64)  # signing and submitting search the same text; a search takes 60 ms
def problem_of(reason: str) -> str | None:
    """What kind of personal data a reason holds, and where; None if nothing was detected."""
    if not reason.strip():
        return None
    frame = pl.LazyFrame({ROW: [0], _COLUMN: [reason]})
    plain = frame.with_columns(personal.plain(pl.col(_COLUMN)))
    hidden = pl.concat(pl.collect_all(personal.encoded(plain, [_COLUMN])))
    plans = [
        *personal.spans(frame, [_COLUMN], alone=False),
        *personal.spans(plain, [_COLUMN], alone=False),
        *encoded_text.escaped(plain, [_COLUMN]),
        *personal.within(hidden),
    ]
    detections = pl.concat(pl.collect_all(plans)).filter(
        pl.col("confidence") != encoded_text.SUPERSEDED
    )
    if detections.is_empty():
        return None
    kind, value = detections.select("kind", "value").row(0)
    start = reason.find(value)
    place = f" in characters {start + 1} to {start + len(value)}" if start >= 0 else ""
    return f"seems to hold personal data ({kind.replace('_', ' ')}){place}"
