"""What a version says of its partitions: those that are new in it, on top of the version that it is built on.

Belongs here: gathering, building the tree that the statement refers to. Stays out: the tree itself (lineage/partition_tree.py), signing (statement.py).
Each partition has its own account and checks in its document; its verdict, approvals and fitted state are in the evidence of the version that made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from assay.assets.stages import fitted
from assay.assets.stages.part import Part
from assay.assets.stages.run import Run
from assay.contracts.errors import PublicationError, Where
from assay.lineage import evidence, partition_tree
from assay.lineage.partition_tree import Document, Read, Tree
from assay.pipelines.publish import partitions


@dataclass(frozen=True)
class Joined:
    """New partitions on the tree of the version before.

    Args:
        predicate: what the statement says otherwise of a version that holds every partition.
        base: the tree that they are put on; None where they are the first.
        new: partition -> its document, without the version that makes it.
    """

    predicate: dict[str, Any]
    base: Tree | None
    new: Mapping[str, Document]

    def tree(self, version: str, read: Read) -> Tree:
        """The tree of the version, once its number is known."""
        named = {name: {**part, "made_in": version} for name, part in self.new.items()}
        return _put_on(self.base, named, read)


def tree_of(document: Mapping[str, Any], read: Read) -> Tree | None:
    """The tree of a statement; of one that lists all partitions itself, a new one. None where it holds no partitions."""
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


def join(
    run: Run, parts: Sequence[Part], newest: dict[str, Any], described: Sequence[dict[str, Any]]
) -> Joined:
    """Put the parts on the version that `latest` points to.

    Args:
        newest: what the statement says of the last of them.
        described: the same of each of them.
    Raises: PublicationError: a partition that stays was made with other columns.
    """
    installation, contract = run.installation, run.contract
    read = installation.partition_reader(contract.name)
    row = installation.registry.references.resolve(contract.name)
    base = installation.signed_statement(row) if row else None
    before = tree_of(base, read) if base else None
    new = {str(part.admission.inputs.window): _summary(part) for part in parts}
    stays = _count_staying(before, new, read)
    if base and before and stays and base["predicate"]["schema"] != newest["schema"]:
        raise _other_columns(contract.name, before, new, read)
    total = _put_on(before, new, read).total
    licensed = [each["admission"]["verdict"]["license"] for each in described]
    if base and stays:
        licensed.insert(0, base["predicate"]["admission"]["verdict"]["license"])
    keys = {str(part.admission.inputs.window): part.admission.inputs.key for part in parts}
    predicate = {
        "inputs": {
            **newest["inputs"],
            "key": partitions.key(row.input_key if row else None, keys),
            "source_digest": total["source_digest"],
            "window": partitions.describe_partitions(sorted(new)),
            "location": contract.source.shown_location,
        },
        "admission": _admission(newest["admission"], total, licensed, parts),
        "accounting": total["accounting"],
        "checks": partition_tree.checks(newest["checks"], total),
        "built_on": row.version if row else None,
    }
    return Joined(predicate, before, new)


def _put_on(base: Tree | None, new: Mapping[str, Document], read: Read) -> Tree:
    """The tree with new partitions; its new documents are those of the base too, where that was made just now."""
    if base is None:
        return partition_tree.updated(None, new, read)
    made = {digest: json.loads(text) for digest, text in base.new.items()}

    def read_both(digests: Iterable[str]) -> dict[str, Document]:
        kept = read([digest for digest in digests if digest not in made])
        return {digest: made[digest] if digest in made else kept[digest] for digest in digests}

    tree = partition_tree.updated(base.root, new, read_both)
    tree.new = {**base.new, **tree.new}
    return tree


def _count_staying(before: Tree | None, new: Mapping[str, Document], read: Read) -> int:
    """How many partitions of the version before stay as they are."""
    if before is None:
        return 0
    if before.new:  # its documents are not kept yet
        names = set(_names(before, read))
        return len(names - set(new))
    replaced = sum(partition_tree.find(before.root, name, read) is not None for name in new)
    return int(before.total["partitions"]) - replaced


def _names(tree: Tree, read: Read) -> list[str]:
    made = {digest: json.loads(text) for digest, text in tree.new.items()}
    return list(
        partition_tree.all_parts(
            tree.root,
            lambda digests: {digest: made[digest] for digest in digests} if made else read(digests),
        )
    )


def _other_columns(
    name: str, before: Tree, new: Mapping[str, Document], read: Read
) -> PublicationError:
    held = _names(before, read)
    stays = [partition for partition in held if partition not in new]
    every = partitions.describe_partitions(sorted({*held, *new}))
    return PublicationError(
        f"the columns are no longer those of {len(stays)} other partition(s), {partitions.describe_partitions(stays)}",
        f"Make all of them again in one version: assay run {name} --window {every}",
        Where(dataset=name),
    )


def _admission(
    newest: dict[str, Any],
    total: Document,
    licensed: Sequence[Mapping[str, Any]],
    parts: Sequence[Part],
) -> dict[str, Any]:
    """The verdict over all partitions: what one of them requires, all require."""
    license_ = {
        **newest["verdict"]["license"],
        **{key: _union(each[key] for each in licensed) for key in ("obligations", "attribution")},
    }
    return {
        **newest,
        "verdict": {**newest["verdict"], "findings": total["findings"], "license": license_},
        "purposes": partitions.purposes(newest["purposes"], [total]),
        "approvals": [approval for part in parts for approval in part.admission.approvals],
    }


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(item for items in lists for item in items))


def _summary(part: Part) -> Document:
    """A partition's document, as every version that holds it refers to it."""
    run, inputs, refined = part.run, part.admission.inputs, part.refined
    document = {
        "key": inputs.key,
        "source_digest": inputs.source_digest,
        "made_in": "",
        "run_id": run.run_id,
        "location": run.contract.source.shown_location,
        "contract_digest": inputs.contract_digest,
        "accounting": asdict(refined.accounting),
        "checks": {
            check.rule: {
                "failing": check.failing,
                "total": check.total,
                "passed": check.passed,
            }
            for check in refined.checks
        },
        "purposes": list(run.contract.license.purposes),
        "findings": [asdict(finding) for finding in part.admission.verdict.findings],
        "files": [file.path for file in part.files],
        "manifest": [asdict(file) for file in part.files],
        "set_aside": part.set_aside,
        "learned": fitted.described(run.installation.lake, run.contract.name, part.attempt),
    }
    plain: Document = json.loads(json.dumps(document))  # as it is read again: no tuples
    return plain
