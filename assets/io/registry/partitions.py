"""The documents about partitions that signed versions refer to by digest.

Belongs here: their table. Stays out: what they say (lineage/partition_tree.py), their files (io/outbox_handlers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import sqlalchemy as sa

from assay.assets.io.registry.database import Database, metadata

partition_documents = sa.Table(
    "partition_documents",
    metadata,
    sa.Column("dataset", sa.String, primary_key=True),
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("content", sa.Text, nullable=False),
)
_TOGETHER = 500
"""Databases limit how many values a query may name."""


class PartitionDocuments:
    """The part of the registry that keeps the documents about partitions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def texts(self, dataset: str, digests: Collection[str]) -> dict[str, str]:
        """The documents of these digests; one that is not kept is not there."""
        of_dataset = sa.select(partition_documents.c.digest, partition_documents.c.content).where(
            partition_documents.c.dataset == dataset
        )
        texts: dict[str, str] = {}
        with self._database.read() as connection:
            for some in _batches(list(digests)):
                query = of_dataset.where(partition_documents.c.digest.in_(some))
                texts.update({row.digest: row.content for row in connection.execute(query)})
        return texts


def keep(connection: sa.Connection, dataset: str, documents: Mapping[str, str]) -> None:
    """Write the documents that are not there yet, in the transaction that commits their version."""
    there: set[str] = set()
    of_dataset = sa.select(partition_documents.c.digest).where(
        partition_documents.c.dataset == dataset
    )
    for some in _batches(list(documents)):
        query = of_dataset.where(partition_documents.c.digest.in_(some))
        there |= set(connection.execute(query).scalars())
    rows = [
        {"dataset": dataset, "digest": digest, "content": content}
        for digest, content in documents.items()
        if digest not in there
    ]
    if rows:
        connection.execute(sa.insert(partition_documents), rows)


def _batches(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(digests), _TOGETHER):
        yield digests[start : start + _TOGETHER]
