"""The installation: the contracts and every hand, opened together.

Belongs here: opening an installation, settling what a crash left open. Stays out: the stages (assets/stages).
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io import delta_log
from assay.assets.io.contract_folder import ContractFolder
from assay.assets.io.disk import room_on_disk, sync_folder, write_atomically
from assay.assets.io.failures import must_stop, reason_of
from assay.assets.io.home import HOW_TO_GET_ONE, LAYOUT, MARK, Home, home
from assay.assets.io.home_state import Step, next_step, read_state
from assay.assets.io.keys import Keys
from assay.assets.io.lake import Lake
from assay.assets.io.models import ModelStore
from assay.assets.io.private import private_files
from assay.assets.io.registry import Registry, Row
from assay.assets.io.versions import NUMBER
from assay.assets.io.webhook import NotDelivered, deliver
from assay.contracts.errors import ConfigurationError, EvidenceError, Where
from assay.contracts.model import Contract
from assay.contracts.policy import LicensePolicy, license_policy
from assay.contracts.problems import suggestion
from assay.contracts.stewards import StewardPolicy
from assay.contracts.types import dtype
from assay.lineage import evidence, handling
from assay.lineage.facts import StageFact

_IN_ORDER = frozenset({"delta", "quarantine"})
"""Entries of one data set that must not overtake each other: each builds on what is there."""


def utc_now() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def _complete(where: Home, registry: Registry, keys: Keys, step: Step) -> None:
    """Create an installation, or take over one of an earlier layout; each part again as often as it is interrupted. The mark comes last.

    Raises: ConfigurationError: the home cannot be made, or a key is not what it must be.
    """
    if step == "take over" and not where.is_writable:
        return  # it is read as it is
    try:
        where.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the home cannot be made ({type(error).__name__})",
            "Set ASSAY_HOME to a folder this user may write",
            Where(file=str(where.home)),
        ) from error
    where.check_writable()
    if step == "create" and not registry.key_fingerprints():
        keys.create()
    keys.check()
    if step == "take over":
        _check_signed(registry, keys)
    registry.create()
    registry.record_keys(keys.fingerprints())
    write_atomically(where.root / MARK, f"{LAYOUT}\n")


def _check_signed(registry: Registry, keys: Keys) -> None:
    """Whether the keys have signed what the registry holds. Raises: EvidenceError: they have not."""
    envelope = registry.newest_envelope()
    if envelope is not None:
        evidence.opened(envelope, keys.public())


def named(contracts: Mapping[str, Contract], name: str) -> Contract:
    """One of the contracts, by its name. Raises: ConfigurationError: there is none of that name."""
    try:
        return contracts[name]
    except KeyError:
        raise _no_contract(name, contracts) from None


def check_name(contracts: Mapping[str, Contract], name: str) -> str:
    """The name, where a contract declares it; the contract is not read. Raises: ConfigurationError: none does."""
    if name not in contracts:
        raise _no_contract(name, contracts)
    return name


def _no_contract(name: str, contracts: Mapping[str, Contract]) -> ConfigurationError:
    others = f"Choose one of {', '.join(contracts)}" if contracts else HOW_TO_GET_ONE
    return ConfigurationError("no contract has that name", suggestion(name, contracts, others))


@dataclass(frozen=True)
class Installation:
    """One installation, opened."""

    home: Home
    contracts: Mapping[str, Contract]
    """Each is read when it is asked for; one that cannot be read raises an AssayError then."""
    registry: Registry
    lake: Lake
    keys: Keys
    clock: Callable[[], datetime]

    @classmethod
    def open(
        cls, where: Home | None = None, clock: Callable[[], datetime] = utc_now
    ) -> Installation:
        """Open the installation the environment names; a new one gets its folder, keys and registry.

        No contract is read. A home that is there opens without any: what it has published can be read.

        Raises: ConfigurationError: something is set up wrong, or a new home has no contract. Nothing is replaced by a default.
        """
        where = where or home()
        registry = Registry(where.registry, clock, where.actor)
        keys = Keys(where.root / "keys", registry.key_fingerprints)
        with room_on_disk(), private_files():
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
        """One contract by name. Raises: ConfigurationError: there is none of that name. ContractError(s): it cannot be read."""
        return named(self.contracts, name)

    def dataset(self, name: str) -> str:
        """The name, where a contract declares it or a version of it is published. The contract is not read.

        Raises: ConfigurationError: neither.
        """
        if name not in self.contracts and self.registry.version(name) is None:
            raise _no_contract(name, self.contracts)
        return name

    def version(self, name: str, version: str | None = None) -> Row:
        """A published version's row, by its number or by a reference such as `prod`; by `latest` unless said. Raises: EvidenceError: there is none."""
        row = self.registry.version(name, version)
        if row is None:
            known = [
                *(v["version"] for v in self.registry.versions(name) if not v["expired_at"]),
                *self.registry.references(name),
            ]
            said = (
                f"{name}@{version} has not been published"
                if version is None or NUMBER.fullmatch(version)
                else f"{name} has no reference of that name"
            )
            raise EvidenceError(
                said if version else f"{name} has not been published",
                f"Choose one of {', '.join(known)}" if known else f"Publish it: assay run {name}",
                Where(dataset=name),
            )
        return row

    def statement(self, row: Row) -> dict[str, Any]:
        """The checked statement of a version. Raises: EvidenceError: the signature does not fit."""
        document = evidence.opened(row["envelope"], self.keys.public())
        predicate = document["predicate"]
        if (predicate["dataset"], predicate["version"]) != (row["dataset"], row["version"]):
            raise EvidenceError(
                "the evidence is of another version",
                "Restore the registry from a backup",
                Where(dataset=row["dataset"]),
            )
        return document

    def scan(self, row: Row) -> pl.LazyFrame:
        """A version's rows, once its signature and every file's digest have been checked.

        Raises: EvidenceError: a file or the statement is not what was signed, or the version has expired; never fewer rows.
        """
        if row.get("expired_at"):
            raise EvidenceError(
                f"version {row['version']} expired on {row['expired_at'][:10]}",
                "Open another version",
                Where(dataset=row["dataset"]),
            )
        files = evidence.files(self.statement(row))
        return pl.scan_parquet(self.lake.check_files(row["dataset"], files))

    # -- settling -----------------------------------------------------------------------

    def settle(self) -> list[str]:
        """Do what committed versions still wait for: evidence file, Delta commit, lineage. Idempotent; a crash only delays it.

        Returns: what could not be delivered now, in words; it stays in the outbox.
        """
        late: list[str] = []
        if self.registry.read_only or not self.home.is_writable:
            return late  # the next who may write does it
        with private_files(), (self.home.root / ".settling").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return late  # another process is at it
            waiting: set[tuple[str, str]] = set()
            for entry in self.registry.pending():
                line = (entry["dataset"], entry["kind"])
                if line in waiting:
                    continue  # it must not overtake the one before it
                reason = self._deliver(entry) if self.registry.is_due(entry) else ""
                if reason is None:
                    continue
                if entry["kind"] in _IN_ORDER:
                    waiting.add(line)
                if reason:
                    late.append(f"{entry['kind']} of {entry['dataset']}: {reason}")
        return late

    def _deliver(self, entry: Row) -> str | None:
        """Deliver one entry of the outbox; whatever it raises is recorded against it alone.

        Returns: why it was put off, None where it was delivered.
        """
        try:
            with room_on_disk():
                getattr(self, f"_deliver_{entry['kind']}")(entry["dataset"], entry["payload"])
        except BaseException as error:
            if must_stop(error):
                raise
            reason = str(error) if isinstance(error, NotDelivered) else reason_of(error)
            with room_on_disk():
                self.registry.put_off(entry, type(error).__name__, reason)
            return reason
        self.registry.delivered(entry)
        return None

    def _deliver_evidence(self, dataset: str, payload: Row) -> None:
        row = self.version(dataset, payload["version"])
        write_atomically(self.evidence_file(dataset, row["version"]), row["envelope"])

    def _deliver_expiry(self, dataset: str, payload: Row) -> None:
        row = self.version(dataset, payload["version"])
        text = evidence.sign(evidence.expiry(row), self.keys.signer())
        write_atomically(
            self.evidence_file(dataset, row["version"]).with_name(
                evidence.expiry_name(row["version"])
            ),
            text,
        )

    def evidence_file(self, dataset: str, version: str) -> Any:
        """Where a version's evidence lies for people without the registry."""
        return self.home.root / "evidence" / dataset / f"{version}.dsse.json"

    def _deliver_delta(self, dataset: str, payload: Row) -> None:
        row = self.version(dataset, payload["version"])
        table = self.lake.folder(dataset, "versions")
        rows = [row]
        if not delta_log.read(table, tail=True):  # the first version, or somebody removed the log
            versions = self.registry.versions(dataset)
            rows = [version for version in versions if version["sequence"] <= row["sequence"]]
        for version in rows:
            self._commit_delta(table, version)

    def _commit_delta(self, table: Path, row: Row) -> None:
        files = [
            (file.path, file.size_bytes, file.rows) for file in evidence.files(self.statement(row))
        ]
        first = table / files[0][0]
        if row["expired_at"] and not first.exists():
            return  # there is nothing left for readers
        schema = pl.Schema(pl.read_parquet_schema(first))
        note = f"{row['dataset']}@{row['version']}"
        self.lake.commit_delta(table, row["sequence"], files, schema, note)

    def _deliver_quarantine(self, dataset: str, payload: Row) -> None:
        row = next(
            row for row in self.registry.handlings(dataset) if row["id"] == payload["decision"]
        )
        write_atomically(
            self.home.root / "evidence" / dataset / "quarantine" / f"{row['id']:06}.dsse.json",
            row["envelope"],
        )
        for path, digest in handling.opened(row["envelope"], self.keys.public())["predicate"][
            "becomes"
        ].items():
            self.lake.replace_emptied(path, digest)

    def _deliver_quarantine_expiry(self, dataset: str, payload: Row) -> None:
        """Sign that a quarantine has expired, then remove its file: never the other way round."""
        rows = self.registry.quarantines(dataset)
        row = next(row for row in rows if row["run_id"] == payload["run_id"])
        file = self.lake.folder(dataset, "quarantine") / f"{row['run_id']}.parquet"
        document = handling.expiry(row, str(file.relative_to(self.lake.root)))
        signed = evidence.sign(document, self.keys.signer())
        write_atomically(self.quarantine_expiry_file(dataset, row["run_id"]), signed)
        if file.exists():
            file.unlink()
            sync_folder(file.parent)

    def quarantine_expiry_file(self, dataset: str, run_id: str) -> Path:
        """Where it is signed that the quarantine of a run has expired."""
        folder = self.home.root / "evidence" / dataset / "quarantine"
        return folder / handling.expiry_name(run_id)

    def _deliver_aliases(self, dataset: str, payload: Row) -> None:
        from assay.assets.io.registry_triggers import ROLES

        serving = self.registry.serving(dataset)
        self.models.alias(
            payload["model"],
            {role: serving[role]["version"] if role in serving else None for role in ROLES},
        )

    def _deliver_refusal(self, _: str, payload: Row) -> None:
        self.models.refuse(payload["model"], payload["version"], payload["reason"])

    def _deliver_webhook(self, dataset: str, payload: Row) -> None:
        trigger = self.registry.trigger(payload["trigger"])
        if trigger["done_at"]:
            return
        contract = self.contract(dataset)
        webhook = contract.drift.acting.webhook if contract.drift else None
        if webhook is None:
            raise NotDelivered("the contract names no webhook any more")
        told = {
            key: trigger[key] for key in ("dataset", "version", "action", "reason", "raised_at")
        } | {"trigger": trigger["id"], "cause": trigger["cause"]}
        where = Where(file=contract.file, dataset=dataset)
        status = deliver(
            webhook,
            f"assay-trigger-{trigger['id']}",
            told,
            at_s=int(self.clock().timestamp()),
            hosts=self.home.hosts,
            where=where,
        )
        self.registry.finish(
            trigger, {"outcome": "handed over", "reason": f"the webhook answered {status}"}
        )

    @cached_property
    def models(self) -> ModelStore:
        """The MLflow store of this installation."""
        return ModelStore(self.home.root / "models", self.home.mlflow_uri or None)

    def _deliver_lineage(self, _: str, payload: Row) -> None:
        from assay.lineage import emit

        url = self.home.lineage_url
        client = (
            emit.http_client(str(url))
            if url
            else emit.file_client(self.home.root / "lineage" / "events.ndjson")
        )
        try:
            emit.emit(client, [StageFact.model_validate(payload)])
        finally:
            client.close()


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
