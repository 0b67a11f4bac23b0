"""What decides the content of the version that a run publishes: the digests of its inputs, and the
window that is due.
"""

from __future__ import annotations

from assay.assets.io.registry.versions import Version
from assay.assets.stages.handlings import decisions_of
from assay.assets.stages.ingest import receipt_of
from assay.assets.stages.run import Run
from assay.assets.stages.window_rows import window_of
from assay.contracts.errors import SourceError
from assay.contracts.settings import Window, Windows
from assay.lineage import partition_tree
from assay.pipelines.publish.naming import CONTENT_EDITION, Inputs
from assay.pipelines.validate.quarantine import decisions_digest


def next_window(run: Run, digest: str) -> Window | None:
    """The window to publish: the one asked for, else the first not yet published from these bytes,
    else the last.

    Raises: SourceError: the contract has no window with that name.
    """
    windows = run.contract.source.windows
    if run.contract.source.partitions and run.window:
        return window_of(run.contract, run.window)
    if run.window is not None:
        return _named_window(windows, run.window)
    if windows is None:
        return None
    versions, name = run.installation.registry.versions, run.contract.name
    for window in windows.each:
        if versions.of_inputs(name, inputs_of_window(run, digest, window).key) is None:
            return window
    return windows.each[-1]


def _named_window(windows: Windows | None, name: str) -> Window:
    if windows is None:
        raise SourceError(
            "the contract has no window with that name",
            "Run without a window, or add `windows` to assay.source",
        )
    for window in windows.each:
        if window.name == name:
            return window
    raise SourceError(
        "the contract has no window with that name",
        f"Choose one of {', '.join(w.name for w in windows.each)}",
    )


def published_of(run: Run, inputs: Inputs) -> Version | None:
    """The version that holds what these inputs give, if there is one: of a partition, only the one
    that `latest` points to.
    """
    installation, name = run.installation, run.contract.name
    if run.partition is None:
        return installation.registry.versions.of_inputs(name, inputs.key)
    row = installation.registry.references.resolve(name)
    if row is None:
        return None
    predicate = installation.signed_statement(row)["predicate"]
    if "partition_tree" in predicate:
        read = installation.partition_reader(name)
        part = partition_tree.find(predicate["partition_tree"]["root"], run.partition, read) or {}
    else:
        part = predicate.get("partitions", {}).get(run.partition, {})
    return row if part.get("key") == inputs.key else None


def inputs_of(run: Run, digest: str) -> Inputs:
    """What decides the run's partition, from a source of that digest."""
    return inputs_of_window(run, digest, window_of(run.contract, run.window))


def inputs_of_window(run: Run, digest: str, window: Window | None) -> Inputs:
    """What decides the content of one window, from a source of that digest."""
    part = window.name if window else None
    decisions = decisions_digest(decisions_of(run.installation, run.contract.name, digest, part))
    return Inputs(
        run.contract.name,
        digest,
        part,
        run.contract.digest,
        run.installation.policy.digest,
        CONTENT_EDITION,
        _related(run, digest),
        decisions,
    )


def _related(run: Run, digest: str) -> dict[str, str]:
    """The version that `latest` points to of each data set that a relationship names or the data
    are derived from, where it has one.

    Of the data set that is the source it is the version that was read.
    """
    named = {
        rule.argument.dataset for rule in run.contract.rules if rule.kind == "relationship"
    } - {run.contract.table} | set(run.contract.source.derived_from)
    newest = {
        name: row.version
        for name in named
        if (row := run.installation.registry.references.resolve(name))
    }
    source = receipt_of(run, digest).upstream if run.contract.source.upstream else None
    return dict(
        sorted({**newest, **({source["dataset"]: source["version"]} if source else {})}.items())
    )
