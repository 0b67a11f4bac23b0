"""Opening, done: name, version and purpose -> rows, with the use recorded before the first byte."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.contracts.errors import AdmissionError, EvidenceError, Where
from assay.lineage.trace import trace_of


def open_version(
    name: str, version: str | None, purpose: str, trace: str | None = None
) -> pl.LazyFrame:
    """A version's rows for one of the purposes it was admitted for.

    Args:
        trace: a W3C `traceparent` or trace id that the read belongs to; that of the environment variable TRACEPARENT by default, or a new one.

    Whatever decides here comes from the signed evidence of the version: no contract is read.

    Raises: AdmissionError: another purpose; the refusal is recorded. EvidenceError: no such version, or not what was signed.
    """
    trace_id = trace_of(trace or os.environ.get("TRACEPARENT"))
    installation = Installation.open()
    installation.registry.check_writable()
    row = installation.version(name, version)
    if row.expired_at:
        installation.scan(row)  # raises the reason; nothing was opened
    predicate = installation.statement(row)["predicate"]
    admitted = _purposes(row, predicate)
    allowed = purpose in admitted
    checks = predicate.get("checks", ())
    rules = sorted({check["rule"] for check in checks if check["severity"] == "error"})
    installation.registry.uses.record(
        name,
        row.version,
        purpose,
        allowed=allowed,
        trace_id=trace_id,
        details={"rows": row.rows, "filter_rules": rules},
    )
    if not allowed:
        raise AdmissionError(
            f"{name}@{row.version} was not admitted for '{purpose}'",
            f"Open it for {' or '.join(admitted)}, or add the purpose to assay.license and publish again",
            Where(dataset=name),
        )
    return installation.scan(row)


def _purposes(row: Version, predicate: Mapping[str, Any]) -> list[str]:
    """The purposes that a version was admitted for. Raises: EvidenceError: its evidence lists no purpose."""
    purposes = predicate.get("admission", {}).get("purposes")
    if not purposes:
        raise EvidenceError(
            f"the evidence of {row.version} lists no purpose, so the version cannot be opened",
            "Open another version, or publish it again",
            Where(dataset=row.dataset),
        )
    return list(purposes)
