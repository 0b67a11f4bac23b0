"""How each kind of outbox entry is delivered: one function a kind, named in HANDLERS.

Belongs here: the deliveries. Stays out: their order, what happens when one fails (outbox_delivery.py).
Each delivery may be repeated: a process can die between delivering and noting that it did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assay.assets.io import delta_log
from assay.assets.io.disk import sync_folder, write_atomically
from assay.assets.io.registry.database import Json, as_row
from assay.assets.io.registry.models import ROLES
from assay.assets.io.registry.versions import Version
from assay.assets.io.webhook import NotDelivered
from assay.contracts.errors import Where
from assay.lineage import evidence, handling, partition_tree
from assay.lineage.evidence import PublishedFile

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation

Handler = Callable[["Installation", str, Json], None]


def _evidence(installation: Installation, dataset: str, payload: Json) -> None:
    """Write a version's evidence, after the documents it refers to, where people without the registry find it."""
    row = installation.version(dataset, payload["version"])
    folder = installation.evidence_file(dataset, row.version).parent
    texts = installation.registry.partitions.texts(dataset, payload.get("documents", ()))
    for digest, text in texts.items():
        write_atomically(folder / partition_tree.file_name(digest), text)
    write_atomically(installation.evidence_file(dataset, row.version), installation.envelope(row))


def _expiry(installation: Installation, dataset: str, payload: Json) -> None:
    """Sign that a version has expired."""
    row = installation.version(dataset, payload["version"])
    document = evidence.expiry({**as_row(row), "envelope": installation.envelope(row)})
    file = installation.evidence_file(dataset, row.version)
    text = evidence.sign(document, installation.keys.signer())
    write_atomically(file.with_name(evidence.expiry_name(row.version)), text)


def _delta(installation: Installation, dataset: str, payload: Json) -> None:
    """Commit a version to the data set's Delta table; all up to it where the log is new."""
    row = installation.version(dataset, payload["version"])
    table = installation.lake.folder(dataset, "versions")
    rows = [row]
    commits = delta_log.read(table, tail=True)
    if not commits:  # the first version, or someone removed the log
        versions = installation.registry.versions.all(dataset)
        rows = [version for version in versions if version.sequence <= row.sequence]
    for version in rows:
        # of thousands of commits: the log is read once for a version
        _commit_delta(installation, table, version, commits or delta_log.read(table, tail=True))


def _commit_delta(
    installation: Installation, table: Path, row: Version, commits: Sequence[delta_log.Commit]
) -> None:
    changes = _changes(installation, row, delta_log.newest_sequence(commits))
    if changes is None:
        files, gone = evidence.files(installation.statement(row)), None
    else:
        gone, files = changes
    first = table / files[0].path
    if row.expired_at and not first.exists():
        return  # there is nothing left for readers
    installation.lake.commit_delta(
        table,
        row.sequence,
        [(file.path, file.size_bytes, file.rows) for file in files],
        pl.Schema(pl.read_parquet_schema(first)),
        f"{row.dataset}@{row.version}",
        gone,
        commits=commits,
    )


def _changes(
    installation: Installation, row: Version, held: int
) -> tuple[list[str], tuple[PublishedFile, ...]] | None:
    """The files that go and come with a version, if the table holds (`held`) the one before; None if all have to be listed.

    However many partitions there are, only those that differ are read.
    """
    before = installation.registry.versions.before(row)
    if before is None or held != before.sequence:
        return None
    old, new = (installation.signed_statement(each)["predicate"] for each in (before, row))
    if not ("partition_tree" in old and "partition_tree" in new and old["schema"] == new["schema"]):
        return None  # other columns take a commit that overwrites the table
    read = installation.partition_reader(row.dataset)
    gone, came = partition_tree.difference(
        old["partition_tree"]["root"], new["partition_tree"]["root"], read
    )
    files = tuple(PublishedFile(**file) for part in came.values() for file in part["manifest"])
    gone_paths = {file["path"] for part in gone.values() for file in part["manifest"]}
    paths = {file.path for file in files}
    if not files or gone_paths & paths:
        return None
    return sorted(gone_paths), files


def _quarantine(installation: Installation, dataset: str, payload: Json) -> None:
    """Write a signed decision about quarantined rows, then remove the values it discards."""
    rows = installation.registry.quarantine.handlings(dataset)
    row = next(row for row in rows if row.id == payload["decision"])
    folder = installation.home.root / "evidence" / dataset / "quarantine"
    write_atomically(folder / f"{row.id:06}.dsse.json", row.envelope)
    document = handling.opened(row.envelope, installation.keys.public())
    for path, digest in document["predicate"]["becomes"].items():
        installation.lake.replace_emptied(path, digest)


def _quarantine_expiry(installation: Installation, dataset: str, payload: Json) -> None:
    """Sign that a quarantine has expired, then remove its file: never the other way round."""
    row = installation.registry.quarantine.of_run(dataset, payload["run_id"])
    file = installation.lake.folder(dataset, "quarantine") / f"{row.run_id}.parquet"
    document = handling.expiry(as_row(row), str(file.relative_to(installation.lake.root)))
    signed = evidence.sign(document, installation.keys.signer())
    write_atomically(installation.quarantine_expiry_file(dataset, row.run_id), signed)
    if file.exists():
        file.unlink()
        sync_folder(file.parent)


def _aliases(installation: Installation, dataset: str, payload: Json) -> None:
    """Tell MLflow which models serve."""
    serving = installation.registry.models.serving(dataset)
    versions: dict[str, str | None] = {
        role: serving[role].version if role in serving else None for role in ROLES
    }
    installation.models.alias(payload["model"], versions)


def _refusal(installation: Installation, _: str, payload: Json) -> None:
    """Tell MLflow why a model does not serve."""
    installation.models.refuse(payload["model"], payload["version"], payload["reason"])


def _webhook(installation: Installation, dataset: str, payload: Json) -> None:
    """Hand a trigger to someone else's system."""
    from assay.assets.io.webhook import deliver

    trigger = installation.registry.triggers.get(payload["trigger"])
    if trigger.done_at:
        return
    contract = installation.contract(dataset)
    webhook = contract.drift.acting.webhook if contract.drift else None
    if webhook is None:
        raise NotDelivered("the contract no longer names a webhook")
    body = {
        "dataset": trigger.dataset,
        "version": trigger.version,
        "action": trigger.action,
        "reason": trigger.reason,
        "raised_at": trigger.raised_at,
        "trigger": trigger.id,
        "cause": trigger.cause,
    }
    status = deliver(
        webhook,
        f"assay-trigger-{trigger.id}",
        body,
        at_s=int(installation.clock().timestamp()),
        hosts=installation.home.hosts,
        where=Where(file=contract.file, dataset=dataset),
    )
    outcome = {"outcome": "handed over", "reason": f"the webhook answered {status}"}
    installation.registry.triggers.finish(trigger, outcome)


def _lineage(installation: Installation, _: str, payload: Json) -> None:
    """Emit a stage's fact as an OpenLineage event."""
    from assay.lineage import emit
    from assay.lineage.facts import StageFact

    url = installation.home.lineage_url
    file = installation.home.root / "lineage" / "events.ndjson"
    client = emit.http_client(str(url)) if url else emit.file_client(file)
    try:
        emit.emit(client, [StageFact.model_validate(payload)])
    finally:
        client.close()


HANDLERS: dict[str, Handler] = {
    "evidence": _evidence,
    "expiry": _expiry,
    "delta": _delta,
    "quarantine": _quarantine,
    "quarantine_expiry": _quarantine_expiry,
    "aliases": _aliases,
    "refusal": _refusal,
    "webhook": _webhook,
    "lineage": _lineage,
}
IN_ORDER = frozenset({"delta", "quarantine"})
"""Entries of one data set that must not overtake each other: each builds on what is there."""


def deliver(installation: Installation, kind: str, dataset: str, payload: Json) -> None:
    """Deliver one entry. Raises: NotDelivered: this release has no handler of that kind; whatever the handler raises."""
    handler = HANDLERS.get(kind)
    if handler is None:
        raise NotDelivered(
            "a newer release of Assay recorded it, and this release cannot deliver it"
        )
    handler(installation, dataset, payload)
