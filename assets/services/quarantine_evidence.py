"""The quarantine compared with its evidence: files that should be there, and expiries that are
recorded.
"""

from __future__ import annotations

from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry.quarantine import QuarantineRecord
from assay.assets.services.signed import Signed
from assay.assets.stages.quarantine_record import path_in_lake
from assay.contracts.errors import EvidenceError, Where
from assay.lineage import handling


def recorded_expiries(installation: Installation, name: str) -> dict[str, str]:
    """The quarantine files that have expired by the registry and its audit log, with the time."""
    logged = installation.registry.quarantine.expired_in_log(name)
    return {
        str(path_in_lake(row)): row.expired_at
        for row in installation.registry.quarantine.all(name)
        if row.expired_at and row.run_id in logged
    }


def check_kept(installation: Installation, signed: Signed) -> list[str]:
    """Compare the quarantines of runs that published nothing with what the registry states.

    Raises: EvidenceError: a file is missing, or is not what was kept.
    """
    of_versions = signed.documents.set_aside()
    count = 0
    for row in installation.registry.quarantine.all(signed.name):
        path = str(path_in_lake(row))
        # a run that was killed before its checks were kept may have left no file
        if row.expired_at or path in of_versions or not _has_checks(installation, row):
            continue
        file = installation.home.lake / path
        where = Where(file=path, dataset=signed.name)
        if not file.is_file():
            problem = "the quarantine file is missing, but it has not expired"
            raise EvidenceError(problem, "Restore it from a backup", where)
        if sha256(file) not in handling.became(signed.handlings, path, row.sha256):
            problem = "the quarantine file has changed since it was written"
            raise EvidenceError(problem, "Restore it from a backup", where)
        count += 1
    return [f"digests of {count} quarantine file(s) of runs that published nothing"]


def _has_checks(installation: Installation, row: QuarantineRecord) -> bool:
    return bool(installation.registry.checks.of_run(row.dataset, row.run_id))
