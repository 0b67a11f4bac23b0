"""Dagster's events, as they happen, for whoever listens in this process.

Belongs here: turning log records into (stage, what happened). Stays out: showing it (assay/).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import dagster as dg

What = Literal["started", "made", "checked", "failed"]


@dataclass(frozen=True)
class Happening:
    """One event of a run. `details` are the metadata of what was made, as plain values."""

    what: What
    asset: str
    details: dict[str, Any] = field(default_factory=dict)


LISTENERS: list[Callable[[Happening], None]] = []


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event = (getattr(record, "dagster_meta", None) or {}).get("dagster_event")
        happening = _happening(event) if event is not None else None
        if happening is not None:
            for listener in LISTENERS:
                listener(happening)


def _happening(event: Any) -> Happening | None:
    step = str(event.step_key or "")
    match event.event_type_value:
        case "STEP_START":
            return Happening("started", step)
        case "ASSET_MATERIALIZATION":
            made = event.event_specific_data.materialization
            return Happening(
                "made",
                made.asset_key.to_user_string(),
                {name: getattr(value, "value", None) for name, value in made.metadata.items()},
            )
        case "STEP_FAILURE":
            return Happening("failed", step)
    return None


@dg.logger
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger that shows nothing and tells LISTENERS."""
    logger = logging.Logger("assay.progress")
    logger.addHandler(_Forward())
    return logger
