"""Describe the columns of a version: measured once from its checked files, and remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.contracts.model import Contract
from assay.pipelines.admit.names import perhaps_personal
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.validate.describe import counting, described, recounting, sampled

KIND = "profile"


def profile(installation: Installation, name: str, version: str | None) -> dict[str, Any]:
    """Describe each column of a version.

    Raises: EvidenceError: there is no such version, it has expired, or a file is not what was
        signed.
    """
    row = installation.version(name, version)
    return installation.registry.derived.get(name, row.version, KIND) or _describe(
        installation, installation.contract(name), row
    )


def _describe(installation: Installation, contract: Contract, row: Version) -> dict[str, Any]:
    frame = installation.scan(row)
    names = frame.collect_schema().names()
    # of a column that only an older contract has, this one says nothing
    undeclared = set(names) - set(contract.column_names)
    hidden = undeclared | set(contract.privacy.columns)
    hidden |= {
        column.name
        for column in contract.columns
        if column.classification or perhaps_personal(column.name)
    }
    counts, sample = run_together([counting(frame, hidden), sampled(frame, row.rows)])
    columns = described(counts, run(recounting(frame, counts)), sample, hidden)
    details = {
        "dataset": contract.name,
        "version": row.version,
        "rows": row.rows,
        "sample_rows": sample.height,
        "hidden": sorted(hidden & set(names)),
        "columns": [asdict(column) for column in columns],
    }
    if not installation.registry.read_only:
        installation.registry.derived.keep(contract.name, row.version, KIND, details)
    return details
