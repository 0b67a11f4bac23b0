"""The version that new partitions are put on: the one that `latest` points to, with its tree.

Belongs here: opening it. Stays out: putting partitions on it (partition_statement.py), the tree
itself (lineage/partition_tree.py).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.lineage import evidence, partition_tree
from assay.lineage.partition_tree import Document, Read, Tree


@dataclass(frozen=True)
class Base:
    """A version with its partitions: its record, its statement, and the tree with its reader."""

    row: Version
    statement: Mapping[str, Any]
    tree: Tree
    read: Read

    def part(self, partition: str) -> Document | None:
        """The document of a partition; None if it is not held."""
        return partition_tree.find(self.tree.root, partition, self.read)

    def folder_of(self, partition: str) -> str | None:
        """The folder of a partition's files below `versions/`; None if it is not held."""
        part = self.part(partition)
        return Path(part["files"][0]).parts[0] if part else None

    def parts(self, without: Collection[str] = ()) -> dict[str, Document]:
        """The document of every partition but some, by name. Reads all of them."""
        parts = partition_tree.all_parts(self.tree.root, self.read)
        return {name: part for name, part in parts.items() if name not in without}


def base_of(installation: Installation, name: str) -> Base | None:
    """What `latest` points to; None if that is nothing, or holds no partitions."""
    row = installation.registry.references.resolve(name)
    if row is None:
        return None
    statement = installation.signed_statement(row)
    read = installation.partition_reader(name)
    tree = tree_of(statement, read)
    return Base(row, statement, tree, reading(tree, read)) if tree else None


def tree_of(document: Mapping[str, Any], read: Read) -> Tree | None:
    """The tree of a statement; of one that lists all partitions itself, a new one. None if it holds no partitions."""
    predicate = document["predicate"]
    tree = predicate.get("partition_tree")
    if tree is not None:
        return Tree(tree["root"], read([tree["root"]])[tree["root"]]["total"])
    parts = predicate.get("partitions")
    if not parts:
        return None
    listed = {file.path: asdict(file) for file in evidence.files(dict(document))}
    documents = {
        name: {**part, "manifest": [listed[path] for path in part["files"]]}
        for name, part in parts.items()
    }
    return partition_tree.updated(None, documents, read)


def reading(tree: Tree, read: Read) -> Read:
    """A reader that knows the tree's new documents too, which are kept nowhere yet."""
    new = {digest: json.loads(text) for digest, text in tree.new.items()}
    if not new:
        return read

    def read_both(digests: Collection[str]) -> dict[str, Document]:
        kept = read([digest for digest in digests if digest not in new])
        return {digest: new[digest] if digest in new else kept[digest] for digest in digests}

    return read_both
