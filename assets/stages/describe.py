"""A version described: measured once from its checked files, and remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assets.hands.office import Office
from assets.hands.registry import Row
from contracts.model import Contract
from pipelines.admit.names import perhaps_personal
from pipelines.engine import run, run_together
from pipelines.validate.describe import counting, described, recounting, sampled

KIND = "profile"


def profile(office: Office, name: str, version: str | None) -> dict[str, Any]:
    """Describe each column of a version.

    Raises: EvidenceError: there is no such version, it has expired, or a file is not what was signed.
    """
    row = office.version(name, version)
    return office.registry.derived(name, row["version"], KIND) or _made(office, office.contract(name), row)


def _made(office: Office, contract: Contract, row: Row) -> dict[str, Any]:
    frame = office.scan(row)
    names = frame.collect_schema().names()
    hidden = {column.name for column in contract.columns if column.classification or perhaps_personal(column.name)} | set(contract.privacy.columns)
    hidden |= set(names) - set(contract.column_names)  # an older contract's, of which this one says nothing
    counts, sample = run_together([counting(frame, hidden), sampled(frame, row["rows"])])
    columns = described(counts, run(recounting(frame, counts)), sample, hidden)
    made = {
        "dataset": contract.name, "version": row["version"], "rows": row["rows"], "sample_rows": sample.height,
        "hidden": sorted(hidden & set(names)), "columns": [asdict(column) for column in columns],
    }  # fmt: skip
    if not office.registry.read_only:
        office.registry.keep_derived(contract.name, row["version"], KIND, made)
    return made
