"""Opening, done: name, version and purpose -> rows, with the use recorded before the first byte."""

from __future__ import annotations

import polars as pl

from assets.hands.office import Office
from contracts.errors import AdmissionError, Where


def open_version(name: str, version: str | None, purpose: str) -> pl.LazyFrame:
    """A version's rows for one of the purposes it was admitted for.

    Raises: AdmissionError: another purpose; the refusal is recorded. EvidenceError: no such version, or not what was signed.
    """
    office = Office.open()
    row = office.version(name, version)
    if row["expired_at"]:
        office.scan(row)  # says so; nothing was opened
    admitted = office.statement(row)["predicate"]["admission"]["purposes"]
    allowed = purpose in admitted
    office.registry.use(name, row["version"], purpose, allowed=allowed)
    if not allowed:
        raise AdmissionError(
            f"{name}@{row['version']} was not admitted for '{purpose}'",
            f"Open it for {' or '.join(admitted)}, or add the purpose to assay.license and publish again",
            Where(dataset=name),
        )
    return office.scan(row)
