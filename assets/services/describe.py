"""A version described: measured once from its checked files, and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from assay.assets.io.contract_folder import find
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.contracts.model import Contract
from assay.pipelines.admit.names import perhaps_personal
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.validate.describe import counting, described, recounting, sampled

KIND = "profile"


def profile(installation: Installation, name: str, version: str | None) -> dict[str, Any]:
    """Describe each column of a version.

    Raises: EvidenceError: there is no such version, it has expired, or a file is not what was signed.
    """
    row = installation.version(name, version)
    return installation.registry.derived.get(name, row.version, KIND) or _describe(
        installation, row
    )


def _hidden_by_contract(contract: Contract, names: Sequence[str]) -> set[str]:
    """The columns whose values are not shown; of one that an older contract had, this one does not tell."""
    personal = {
        column.name
        for column in contract.columns
        if column.classification or perhaps_personal(column.name)
    }
    return personal | set(contract.privacy.columns) | (set(names) - set(contract.column_names))


def _hidden_by_evidence(predicate: Mapping[str, Any], names: Sequence[str]) -> set[str]:
    """The same without a contract: what the signed statement of the version does not call public is hidden."""
    schema = predicate["schema"]
    public = {each["name"] for each in schema if each.get("classification") == "public"}
    treated = set(predicate["admission"].get("treatments", names))
    return {name for name in names if name not in public - treated or perhaps_personal(name)}


def _describe(installation: Installation, row: Version) -> dict[str, Any]:
    name = row.dataset
    frame = installation.scan(row)
    names = frame.collect_schema().names()
    contract = find(installation.contracts, name)
    hidden = (
        _hidden_by_contract(contract, names)
        if contract
        else _hidden_by_evidence(installation.statement(row)["predicate"], names)
    )
    counts, sample = run_together([counting(frame, hidden), sampled(frame, row.rows)])
    columns = described(counts, run(recounting(frame, counts)), sample, hidden)
    made = {
        "dataset": name, "version": row.version, "rows": row.rows, "sample_rows": sample.height,
        "hidden": sorted(hidden & set(names)), "columns": [asdict(column) for column in columns],
    }  # fmt: skip
    if not installation.registry.read_only:
        installation.registry.derived.keep(name, row.version, KIND, made)
    return made
