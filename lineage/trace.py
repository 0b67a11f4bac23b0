"""Trace ids, as the W3C writes them.

One name for everything that one call led to, here and in other systems.

Belongs here: reading and making `traceparent`. Stays out: keeping who used what
(assets/io/registry/uses.py).
Source: W3C Trace Context, level 1, section 3.2.
"""

from __future__ import annotations

import re
import secrets

from assay.contracts.errors import ConfigurationError

_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_TRACE = re.compile(r"[0-9a-f]{32}")


def trace_of(text: str | None) -> str:
    """The trace id of a `traceparent`, or of a bare id; a new one if nothing is given.

    Raises: ConfigurationError: it is neither.
    """
    if not text:
        return secrets.token_hex(16)
    written = text.strip().lower()
    parent = _PARENT.fullmatch(written)
    bare = written.replace("-", "")
    trace = ""
    if parent:
        trace = parent["trace"]
    elif _TRACE.fullmatch(bare):
        trace = bare
    if not trace.strip("0") or (parent and not parent["span"].strip("0")):
        raise ConfigurationError(
            "this is not a trace id",
            "Give a W3C traceparent, such as "
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, or its 32 hexadecimal digits",
        )
    return trace


def trace_of_run(run_id: str) -> str:
    """The trace id of a run: its own id without dashes, where that is one."""
    plain = run_id.replace("-", "").lower()
    return plain if _TRACE.fullmatch(plain) else run_id


def traceparents(trace_id: str, count: int) -> list[str]:
    """The `traceparent` of each part of a trace, such as each prediction of a batch.

    Two batches of one trace share none.
    """
    first = secrets.randbits(62) + 1
    return [f"00-{trace_id}-{span:016x}-01" for span in range(first, first + count)]
