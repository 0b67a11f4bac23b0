"""Publish, done: staged files -> synced, signed, registered; then whatever follows a commit.

The order makes publication safe: files under their final name and on the disk, the statement signed, then one registry transaction.
Nothing before that transaction is a version; nothing after it can take the version back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from assay.assets.io.installation import schema_of
from assay.assets.io.lake import LEARNED
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.versions import Version
from assay.assets.stages import fitted, quarantine_record
from assay.assets.stages.admit import Admission
from assay.assets.stages.clean_validate import Refined, check_row, keep_set_aside, refusal_error
from assay.assets.stages.expire import expire
from assay.assets.stages.fault_points import reached
from assay.assets.stages.part import Part
from assay.assets.stages.partition_statement import evaluated
from assay.assets.stages.published_keys import note_tree
from assay.assets.stages.quality import assess
from assay.assets.stages.run import Noted, Run, stage
from assay.assets.stages.statement import signed
from assay.assets.stages.whole_version import WholeVersion
from assay.contracts.errors import ClockError, QualityError
from assay.lineage.facts import Table


@dataclass(frozen=True)
class Published:
    """A version, and whether this run made it."""

    row: Version
    new: bool


def publish(run: Run, admission: Admission, refined: Refined) -> Published:
    """Publish the staged rows as a version.

    Raises: QualityError: an error rule stops it; the rows quarantined are kept for the steward.
        PublicationError: a newer run holds the lease, or the disk is full.
    """
    return publish_parts(run, [Part(run, admission, refined)])


def publish_parts(run: Run, parts: Sequence[Part], whole: WholeVersion | None = None) -> Published:
    """Publish the staged rows of one or more partitions as one version, which holds the other partitions' files as they are.

    Args:
        parts: of a data set without partitions, the run itself.
        whole: the checks of all partitions together, where they were evaluated already.
    Raises: QualityError: an error rule stops one of them, and with it all.
        PublicationError: a newer run holds a lease, the schema is no longer that of the other partitions, or the disk is full.
    """
    with run.installation.registry.session():
        registered = _publish_parts(run, parts, whole)
        for part in parts:
            finish(part.run)
    return Published(registered, registered.run_id == run.run_id)


def _publish_parts(run: Run, parts: Sequence[Part], whole: WholeVersion | None) -> Version:
    """Publish the parts, without what follows the commit."""
    installation, name = run.installation, run.contract.name
    with _stages(parts) as stages:
        parts = [
            replace(part, refined=assess(part.run, part.admission, part.refined)) for part in parts
        ]
        if whole is None and run.contract.source.partitions:
            whole = evaluated(run, parts)
        for part in parts:
            _keep(part)
        if whole:
            _check_whole(run, parts, whole)
        reached("staged")
        for part in parts:
            folder = installation.lake.staging(name, part.run.run_id)
            staged = folder / "version"
            if (folder / fitted.FOLDER).exists():
                (folder / fitted.FOLDER).rename(staged / LEARNED)
            part.files.extend(
                installation.lake.move_in_version(
                    name, part.attempt, staged, part.refined.accounting.published
                )
            )
        reached("synced")
        registered = _committed(run, parts, stages, whole)
        reached("after the commit")
    return registered


@contextmanager
def _stages(parts: Sequence[Part]) -> Iterator[list[Noted]]:
    """The stage of every part at once: if it fails, all of them have ended."""
    with ExitStack() as stack:
        yield [stack.enter_context(stage(part.run, "published")) for part in parts]


def _keep(part: Part) -> None:
    """Keep what was quarantined, and the checks. Raises: QualityError: an error rule is broken."""
    run, refined = part.run, part.refined
    quarantine_record.note(run, part.admission, refined)
    part.set_aside.update(
        {
            layer: {**refined.set_aside[layer], "path": path}
            for layer, path in keep_set_aside(run).items()
        }
    )
    if refined.rules_that_stop_publication:
        run.installation.registry.checks.keep(
            run.lease(), [check_row(check) for check in refined.checks]
        )
        raise refusal_error(run, refined)


def _check_whole(run: Run, parts: Sequence[Part], whole: WholeVersion) -> None:
    """Keep the checks of a version that may not be published. Raises: QualityError: it may not."""
    try:
        whole.check(run.contract)
    except QualityError:
        for part in parts:
            run.installation.registry.checks.keep(
                part.run.lease(), [check_row(check) for check in whole.checks]
            )
        raise


def _committed(
    run: Run, parts: Sequence[Part], stages: Sequence[Noted], whole: WholeVersion | None
) -> Version:
    """Sign and register the version, with the end of its runs; again on top of it where another partition was published in the meantime."""
    registry = run.installation.registry
    leases = [part.run.lease() for part in parts]

    def end(registered: Version) -> None:
        stages[-1].inputs.append(Table(name=f"{run.contract.name}/cleaned"))
        stages[-1].outputs.append(_table(run, registered))
        for lease, noted in zip(leases, stages, strict=True):
            registry.runs.end(lease, "published", {"version": registered.version})
            noted.end()

    while True:
        made = signed(run, parts, whole)
        row, whole = made.row, made.whole
        if made.root:
            note_tree(run, made.root)
        leased = [
            (lease, [check_row(check) for check in (whole or part.refined).checks])
            for lease, part in zip(leases, parts, strict=True)
        ]
        reached("signed")
        named: Json = {"version": row.version}
        new = {"documents": list(row.documents)} if row.documents else {}
        outbox = [("evidence", {**named, **new}), ("delta", named)]
        reached("before the commit")
        registered = registry.publish(
            leased, row, outbox, measures=run.contract.drift is not None, end=end
        )
        if registered is not None:
            return registered


def end_as_already_published(run: Run, row: Version) -> bool:
    """End a run whose inputs were published before.

    Returns: whether `latest` went back to that version: the source, or the contract, is again what it was then. One window of several gives no information about that.
    """
    registry = run.installation.registry
    is_whole = run.contract.source.windows is None and run.partition is None
    with registry.session():
        with registry.transaction():
            lease = run.lease()
            back = is_whole and registry.came_again(lease, row.version)
            registry.runs.end(lease, "already published", {"version": row.version})
        finish(run)
    return back


def finish(run: Run) -> None:
    """Do what follows a commit, and clear up. Safe to do twice, and done by the next run if this one dies."""
    reached("before the outbox")
    run.installation.deliver_outbox()
    reached("before the sweep")
    run.installation.lake.clear(run.contract.name, run.run_id)
    with suppress(
        ClockError
    ):  # the version is published; whoever shows it reports that nothing expired
        quarantine_record.expire(run.installation, [run.contract.name])
        expire(run.installation, run.contract.name)


def _table(run: Run, row: Version) -> Table:
    contract = run.contract
    columns = schema_of(contract)
    tags = {
        "license": contract.license.expression,
        "sensitivity": contract.privacy.sensitivity,
        "region": contract.privacy.region,
    }
    lineage = {
        column["name"]: ((f"{contract.name}/cleaned", column["name"]),) for column in columns
    }
    treated = [name for name in lineage if name in contract.privacy.columns]
    return Table(
        name=f"{contract.name}/published",
        version=row.version,
        columns=tuple((c["name"], c["type"]) for c in columns),
        rows=row.rows,
        lineage=lineage,
        masked=tuple(treated),
        tags=tags,
    )
