"""Take a published version of another data set as the source, the use recorded before the first
byte.

Belongs here: which version, whether it may be used for what the contract wants, its rows' digests.
Stays out: landing it (ingest.py), its licence (license_verdict.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.assets.io.contract_folder import find
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.assets.io.sources.places import Fetched, File
from assay.assets.stages.related_contracts import check_related_contracts
from assay.contracts.errors import AdmissionError, ConfigurationError, Where
from assay.contracts.model import Contract
from assay.contracts.upstream import circle, less_care
from assay.lineage import evidence

USE = "derivation"
"""The kind of use that the registry records."""


@dataclass(frozen=True)
class Upstream:
    """One version of the data set that is a source.

    `statement` is the SHA-256 of its signed evidence, which covers the digest of every file.
    """

    row: Version
    predicate: Mapping[str, Any]
    statement: str

    @property
    def record(self) -> dict[str, str]:
        """How receipts and evidence name it."""
        return {
            "dataset": self.row.dataset,
            "version": self.row.version,
            "statement": self.statement,
        }


def version_of(installation: Installation, contract: Contract) -> Upstream:
    """The version that a contract's source means now.

    Raises: ConfigurationError: no contract describes it, its contract cannot be read, or the data set is derived from itself.
        EvidenceError: it has not been published, or was not signed by us.
    """
    name, version = _source_of(contract)
    where = Where(file=contract.file, dataset=contract.name)
    check_related_contracts(installation, contract, [name])
    around = circle(contract.name, _chain(installation, contract))
    if around:
        raise ConfigurationError(
            f"it is derived from itself: {' from '.join(around)}",
            "Choose another source for one of them",
            where,
        )
    row = installation.version(installation.contract(name).name, version)
    document = installation.statement(row)
    return Upstream(
        row, document["predicate"], hashlib.sha256(installation.envelope(row).encode()).hexdigest()
    )


def _source_of(contract: Contract) -> tuple[str, str | None]:
    """The data set that is the source, and its version or reference. Raises: ConfigurationError: the source is something else."""
    if contract.source.upstream is None:
        raise ConfigurationError(
            "its source is not a data set",
            "Write `location: assay:NAME` in assay.source",
            Where(file=contract.file, dataset=contract.name),
        )
    return contract.source.upstream


def _chain(installation: Installation, contract: Contract) -> dict[str, Contract]:
    """The contract, and those that the sources lead to one after the other, as far as they can be read."""
    chain: dict[str, Contract] = {}
    link: Contract | None = contract
    while link is not None and link.name not in chain:
        chain[link.name] = link
        source = link.source.upstream
        link = find(installation.contracts, source[0]) if source else None
    return chain


def take(
    installation: Installation, contract: Contract, source: Upstream, *, landed: bool = False
) -> Fetched:
    """The files of the version, each compared with its digest, once every purpose has been recorded
    as a use of it.

    Args:
        landed: the lake holds its rows already, so that no file is read.
    Raises: AdmissionError: it may not be used for a purpose, or the contract declares less care
        than it; the refusal is recorded. EvidenceError: it has expired, or a file is not what was
        signed.
    """
    row = source.row
    if row.expired_at:
        installation.scan(row)  # raises: nothing was read
    admitted = source.predicate["admission"]["purposes"]
    careless = _careless(source, contract, installation)
    details = {"data_set": contract.name, "rows": row.rows}
    for purpose in contract.license.purposes:
        allowed = purpose in admitted and careless is None
        installation.registry.uses.record(
            row.dataset, row.version, purpose, allowed=allowed, kind=USE, details=details
        )
    _check(source, contract, careless)
    size = sum(file["size_bytes"] for file in source.predicate["files"])
    if landed:
        return Fetched(source.statement, size)
    paths = installation.lake.check_files(row.dataset, evidence.files(installation.statement(row)))
    names = [f"part-{number:05}.parquet" for number in range(1, len(paths) + 1)]
    files = tuple(
        File(name, path, path.stat().st_size, name) for name, path in zip(names, paths, strict=True)
    )
    return Fetched(source.statement, size, files)


def _check(source: Upstream, contract: Contract, careless: str | None) -> None:
    admitted = source.predicate["admission"]["purposes"]
    where = Where(file=contract.file, dataset=contract.name)
    named = f"{source.row.dataset}@{source.row.version}"
    wrong = [purpose for purpose in contract.license.purposes if purpose not in admitted]
    if wrong:
        remedy = f"Remove it from assay.license, or publish {source.row.dataset} for it"
        raise AdmissionError(
            f"{named} was not admitted for '{wrong[0]}', only for {' and '.join(admitted)}",
            remedy,
            where,
        )
    if careless:
        raise AdmissionError(
            f"it is derived from {named}: {careless}",
            "Declare the same under assay.privacy and assay.license",
            where,
        )


def _careless(source: Upstream, contract: Contract, installation: Installation) -> str | None:
    """What the contract states about its data that is less strict than what holds for the version they
    are derived from.
    """
    admission = source.predicate["admission"]
    problem = less_care(contract, admission["sensitivity"], admission["region"])
    upstream = installation.contracts[source.row.dataset]
    until = upstream.license.until
    if problem is None and until is not None and installation.clock().date() > until:
        return f"its licence ended on {until}"
    return problem


def seen(installation: Installation, contract: Contract) -> str | None:
    """What a sensor sees of the source: it changes with the version that the location means.

    None if there is none yet.
    """
    name, version = _source_of(contract)
    row = installation.registry.references.resolve(name, version)
    return f"{row.version}-{row.published_at}" if row else None
