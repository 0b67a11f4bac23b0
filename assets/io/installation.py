"""The installation: the contracts and everything that touches the world, opened together.

Belongs here: opening an installation, its versions and their checked statements.
Stays out: delivering what waits in the outbox (outbox_delivery.py), the stages (assets/stages).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.contract_folder import ContractFolder, named, no_contract
from assay.assets.io.disk import room_on_disk, write_atomically
from assay.assets.io.home import LAYOUT, MARK, Home, home
from assay.assets.io.home_state import Step, next_step, read_state
from assay.assets.io.lake import Lake
from assay.assets.io.models import ModelStore
from assay.assets.io.outbox_delivery import deliver_outbox
from assay.assets.io.partition_reader import PartitionReader
from assay.assets.io.private import private_files
from assay.assets.io.registry import Registry
from assay.assets.io.registry.references import NUMBER
from assay.assets.io.registry.versions import Version
from assay.assets.io.signing_keys import Keys
from assay.contracts.errors import ConfigurationError, EvidenceError, Where
from assay.contracts.model import Contract
from assay.contracts.policy import LicensePolicy, license_policy
from assay.contracts.stewards import StewardPolicy
from assay.contracts.types import dtype
from assay.lineage import evidence, handling


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def _complete(where: Home, registry: Registry, keys: Keys, step: Step) -> None:
    """Create an installation, or take over one of an earlier layout; each part again as often as it is interrupted. The mark comes last.

    Raises: ConfigurationError: the home cannot be created, or a key is not what it must be.
    """
    if step == "take over" and (registry.read_only or not where.is_writable):
        return  # it is read as it is
    try:
        where.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the home cannot be created ({type(error).__name__})",
            "Set ASSAY_HOME to a folder this user may write",
            Where(file=str(where.home)),
        ) from error
    where.check_writable()
    if step == "create" and not registry.keys.fingerprints():
        keys.create()
    keys.check()
    if step == "take over":
        _check_signed(registry, keys)
    registry.create()
    registry.keys.record(keys.fingerprints())
    write_atomically(where.root / MARK, f"{LAYOUT}\n")


def _check_signed(registry: Registry, keys: Keys) -> None:
    """Whether the keys have signed what the registry holds. Raises: EvidenceError: they have not."""
    envelope = registry.versions.newest_envelope()
    if envelope is not None:
        evidence.opened(envelope, keys.public())


@dataclass(frozen=True)
class Installation:
    """One installation, opened."""

    home: Home
    contracts: Mapping[str, Contract]
    """Each is read when it is needed; one that cannot be read raises an AssayError then."""
    registry: Registry
    lake: Lake
    keys: Keys
    clock: Callable[[], datetime]

    @classmethod
    def open(
        cls,
        where: Home | None = None,
        clock: Callable[[], datetime] = utc_now,
        *,
        actor: str | None = None,
    ) -> Installation:
        """Open the installation the environment names; a new one gets its folder, keys and registry.

        No contract is read. A home that is there opens without any: what it has published can be read.

        Args:
            actor: under whose name things are recorded; the person of this account by default.

        Raises: ConfigurationError: something is set up wrong, or a new home has no contract. Nothing is replaced by a default.
        """
        where = where or home()
        registry = Registry(where.registry, clock, actor or where.actor_name)
        keys = Keys(where.root / "keys", registry.keys.fingerprints)
        with room_on_disk(), private_files(), registry.session():
            step = next_step(read_state(where, registry, keys))
            if step == "create":
                where.contract_paths()
            if step != "open":
                _complete(where, registry, keys, step)
        return cls(where, ContractFolder(where), registry, Lake(where.lake), keys, clock)

    @cached_property
    def policy(self) -> LicensePolicy:
        """The licence policy."""
        return license_policy()

    @cached_property
    def stewards(self) -> StewardPolicy:
        """Who may approve."""
        return self.home.read_policy()

    def contract(self, name: str) -> Contract:
        """One contract by name. Raises: ConfigurationError: the name is not known. ContractError(s): it cannot be read."""
        return named(self.contracts, name)

    def dataset(self, name: str) -> str:
        """The name, where a contract declares it or a version of it is published. The contract is not read.

        Raises: ConfigurationError: neither.
        """
        if name not in self.contracts and self.registry.references.resolve(name) is None:
            raise no_contract(name, self.contracts)
        return name

    def version(self, name: str, version: str | None = None) -> Version:
        """A published version's row, by its number or by a reference such as `prod`; by `latest` by default. Raises: EvidenceError: there is none."""
        row = self.registry.references.resolve(name, version)
        if row is None:
            known = [
                *(v.version for v in self.registry.versions.all(name) if not v.expired_at),
                *self.registry.references.all(name),
            ]
            problem = (
                f"{name}@{version} has not been published"
                if version is None or NUMBER.fullmatch(version)
                else f"{name} has no reference of that name"
            )
            raise EvidenceError(
                problem if version else f"{name} has not been published",
                f"Choose one of {', '.join(known)}" if known else f"Publish it: assay run {name}",
                Where(dataset=name),
            )
        return row

    def envelope(self, row: Version) -> str:
        """The signed envelope of a version, as it was written."""
        return self.registry.versions.envelope(row.dataset, row.version)

    @cached_property
    def _readers(self) -> dict[str, PartitionReader]:
        return {}

    def partition_reader(self, dataset: str) -> PartitionReader:
        """Reads the documents about partitions that a data set's versions refer to."""
        if dataset not in self._readers:
            texts = partial(self.registry.partitions.texts, dataset)
            self._readers[dataset] = PartitionReader(dataset, texts)
        return self._readers[dataset]

    def statement(self, row: Version) -> dict[str, Any]:
        """The checked statement of a version, with all its partitions and files. Raises: EvidenceError: the signature does not fit."""
        return evidence.whole(self.signed_statement(row), self.partition_reader(row.dataset))

    def signed_statement(self, row: Version) -> dict[str, Any]:
        """The checked statement as it was signed: partitions that it refers to by digest are not in it. Raises: EvidenceError: the signature does not fit."""
        document = evidence.opened(self.envelope(row), self.keys.public())
        predicate = document["predicate"]
        if (predicate["dataset"], predicate["version"]) != (row.dataset, row.version):
            raise EvidenceError(
                "the evidence belongs to another version",
                "Restore the registry from a backup",
                Where(dataset=row.dataset),
            )
        return document

    def scan(self, row: Version) -> pl.LazyFrame:
        """A version's rows, once its signature and every file's digest have been checked.

        Raises: EvidenceError: a file or the statement is not what was signed, or the version has expired; never fewer rows.
        """
        if row.expired_at:
            raise EvidenceError(
                f"version {row.version} expired on {row.expired_at[:10]}",
                "Open another version",
                Where(dataset=row.dataset),
            )
        files = evidence.files(self.statement(row))
        return pl.scan_parquet(self.lake.check_files(row.dataset, files))

    def deliver_outbox(self) -> list[str]:
        """Deliver what committed versions still wait for. Returns: what could not be delivered, in words; it stays in the outbox."""
        return deliver_outbox(self)

    def evidence_file(self, dataset: str, version: str) -> Path:
        """Where a version's evidence lies for people without the registry."""
        return self.home.root / "evidence" / dataset / f"{version}.dsse.json"

    def quarantine_expiry_file(self, dataset: str, run_id: str) -> Path:
        """Where it is signed that the quarantine of a run has expired."""
        folder = self.home.root / "evidence" / dataset / "quarantine"
        return folder / handling.expiry_name(run_id)

    @cached_property
    def models(self) -> ModelStore:
        """The MLflow store of this installation."""
        return ModelStore(self.home.root / "models", self.home.mlflow_uri or None)


def schema_of(contract: Contract) -> list[dict[str, str]]:
    """The columns of a version as the evidence lists them."""
    return [
        {
            "name": column.name,
            "type": str(dtype(column)),
            "classification": column.classification or "public",
        }
        for column in contract.published_columns
    ]
