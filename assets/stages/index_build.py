"""Build an index next to the one in service, reusing what that one has of the same documents, words
and space.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import polars as pl

from assay.assets.io.embedders import Endpoint
from assay.assets.io.index import Opened, is_fitted
from assay.assets.stages.index_embedder import embedder_of_settings
from assay.assets.stages.indexed_data_set import IndexedDataSet
from assay.contracts.errors import ActionError, Where
from assay.contracts.settings import FittedEmbedding
from assay.pipelines.act import lsa_embedder, renewal
from assay.pipelines.act.renewal import Changes, Embedder


def build(
    data_set: IndexedDataSet, version: str, documents: pl.DataFrame, old: Opened | None
) -> Opened:
    """Build the index of these documents, reusing what `old` has of them. Hold `alone`."""
    reuse = _reuse(data_set, documents, old)
    embedder, since_fit = _embedder_for(data_set, reuse)
    if reuse.old and not _gave_vectors_of(embedder, reuse.old):
        reuse = reuse.without_vectors()
    _check_promise(data_set, embedder)
    with_vectors, embedded = renewal.with_vectors(reuse.fresh, reuse.reusable, embedder)
    parts = [with_vectors] if reuse.carried is None else [reuse.carried, with_vectors]
    changes = reuse.changes
    manifest = {
        "cutting": asdict(data_set.cutting),
        "settings": data_set.embedding_settings,
        "since_fit": since_fit,
        "probe": embedder.probe if isinstance(embedder, Endpoint) else None,
        "changed": {
            "added": len(changes.added),
            "changed": len(changes.changed),
            "removed": len(changes.removed),
            "carried": reuse.carried.height if reuse.carried is not None else 0,
            "embedded": embedded,
        },
    }
    passages = renewal.in_order(parts)
    return data_set.store.write(data_set.name, version, passages, documents, embedder, manifest)


@dataclass(frozen=True)
class _Reuse:
    """What a build takes over from an older one, and what is left to do."""

    old: Opened | None
    """The older build, where its vectors are computed with the same settings."""
    changes: Changes
    carried: pl.DataFrame | None
    """Passages taken over with their vectors; None if none can be."""
    fresh: pl.DataFrame
    """Passages that need a vector."""
    reusable: pl.DataFrame | None
    """Passages of the older build: one of the same text gives its vector."""

    @property
    def passages(self) -> pl.DataFrame:
        """All passages of the new build, without vectors."""
        if self.carried is None:
            return self.fresh
        return pl.concat([self.carried.select(self.fresh.columns), self.fresh])

    def without_vectors(self) -> _Reuse:
        """The same passages, all of which need a vector."""
        if self.carried is None:
            return replace(self, reusable=None)
        bare = self.carried.drop("vector").select(self.fresh.columns)
        return replace(self, carried=None, fresh=pl.concat([bare, self.fresh]), reusable=None)


def _reuse(data_set: IndexedDataSet, documents: pl.DataFrame, old: Opened | None) -> _Reuse:
    cutting = data_set.cutting
    same = old if old and old.manifest["settings"] == data_set.embedding_settings else None
    rows = same.rows if same else None
    changes = renewal.compare(same.documents if same else documents.clear(), documents)
    cut_alike = same is not None and same.manifest["cutting"] == asdict(cutting)
    changed = pl.col("document").is_in([*changes.added, *changes.changed])
    return _Reuse(
        old=same,
        changes=changes,
        carried=renewal.carried(rows, changes) if rows is not None and cut_alike else None,
        fresh=renewal.cut(documents.filter(changed) if cut_alike else documents, cutting),
        reusable=rows,
    )


def _gave_vectors_of(embedder: Embedder, old: Opened) -> bool:
    """Whether it would give the passages of a build the vectors they have."""
    return embedder.digest == old.manifest["embedder"]["digest"] and (
        not isinstance(embedder, Endpoint) or embedder.is_of(old.manifest["probe"])
    )


def _embedder_for(data_set: IndexedDataSet, reuse: _Reuse) -> tuple[Embedder, int]:
    """What gives the passages their vectors, and how many passages have come or gone since it was
    fitted.
    """
    policy, old = data_set.policy, reuse.old
    if not isinstance(policy.embedding, FittedEmbedding):
        return embedder_of_settings(data_set.installation, data_set.embedding_settings), 0
    passages = reuse.passages
    if old is not None and is_fitted(old.manifest):
        turnover = renewal.turnover(old.rows["digest"], passages["digest"])
        since_fit = old.manifest["since_fit"] + turnover
        space = data_set.store.space(data_set.name, old.manifest["embedder"]["digest"])
        if not renewal.is_worn(space.passages, since_fit, policy.embedding.refit):
            return space, since_fit
    words = passages["words"].to_list()
    return lsa_embedder.fit(words, dimensions=policy.dimensions, seed=policy.seed), 0


def _check_promise(data_set: IndexedDataSet, embedder: Embedder) -> None:
    """The contract's column of type vector states which model; an index of another one is none that
    its readers can use.
    """
    contract, policy = data_set.contract, data_set.policy
    if policy.vector is None:
        return
    column = contract.column(policy.vector)
    where = Where(file=contract.file, dataset=contract.name, field=column.name)
    if column.embedding_model and column.embedding_model != embedder.name:
        raise ActionError(
            f"the contract declares vectors of '{column.embedding_model}', but the index uses '{embedder.name}'",
            "Use the same model in both",
            where,
        )
    if column.embedding_version and not embedder.digest.startswith(column.embedding_version):
        raise ActionError(
            f"the contract declares version '{column.embedding_version}' of the model, but the model's digest begins with {embedder.digest[:12]}",
            "Write the first characters of the digest",
            where,
        )
