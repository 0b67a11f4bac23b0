"""What a version states about its partitions: those that are new in it, on top of the version that it is built on.

Belongs here: gathering, building the tree that the statement refers to. Stays out: the tree itself (lineage/partition_tree.py), signing (statement.py).
Each partition has its own account and checks in its document; its verdict, approvals and fitted state are in the evidence of the version that made it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.assets.stages import fitted
from assay.assets.stages.part import Part
from assay.assets.stages.partition_base import Base, base_of
from assay.assets.stages.quality import Assessed, evidence_of
from assay.assets.stages.run import Run
from assay.assets.stages.whole_version import WholeVersion, evaluate
from assay.contracts.errors import PublicationError, Where
from assay.lineage import partition_tree
from assay.lineage.partition_tree import Document, Read, Tree
from assay.pipelines.publish import partitions


@dataclass(frozen=True)
class Joined:
    """New partitions on the tree of the version before.

    Args:
        predicate: what the statement states otherwise of a version that holds every partition.
        base: the version that they are put on; None if they are the first.
        new: partition -> its document, without the version that makes it.
        whole: what all partitions together are answered.
    """

    predicate: dict[str, Any]
    base: Base | None
    new: Mapping[str, Document]
    whole: WholeVersion

    def tree(self, version: str, read: Read) -> Tree:
        """The tree of the version, once its number is known."""
        named = {name: {**part, "made_in": version} for name, part in self.new.items()}
        return _put_on(self.base, named, read)


def evaluated(run: Run, parts: Sequence[Part]) -> WholeVersion:
    """Evaluate the version that staged parts make on what `latest` points to now."""
    base = base_of(run.installation, run.contract.name)
    read = run.installation.partition_reader(run.contract.name)
    lake, name = run.installation.lake, run.contract.name
    folders = [lake.staging(name, part.run.run_id) / "version" for part in parts]
    files = [file for folder in folders for file in sorted(folder.glob("*.parquet"))]
    new = {str(part.admission.inputs.window): _account(part) for part in parts}
    return evaluate(run, parts, base, _put_on(base, new, read).total, files)


def join(
    run: Run,
    parts: Sequence[Part],
    described: Sequence[dict[str, Any]],
    whole: WholeVersion | None,
) -> Joined:
    """Put the parts on the version that `latest` points to.

    Args:
        described: what the statement states about each of them.
        whole: the version's checks, if they were evaluated before; again where another partition
            was published in the meantime.
    Raises: PublicationError: a partition that stays was made with other columns. QualityError: a
        rule is broken by all partitions together.
    """
    installation, contract, newest = run.installation, run.contract, described[-1]
    read = installation.partition_reader(contract.name)
    row, base, new = (
        installation.registry.references.resolve(contract.name),
        base_of(run.installation, run.contract.name),
        _new(parts),
    )
    stays = _count_staying(base, new)
    if base and stays and base.statement["predicate"]["schema"] != newest["schema"]:
        raise _other_columns(contract.name, base, new)
    total = _put_on(base, new, read).total
    if whole is None or whole.base != (base.row.version if base else None):
        whole = evaluate(run, parts, base, total, _moved_files(run, parts))
        whole.check(contract)
    licensed = [each["admission"]["verdict"]["license"] for each in described]
    if base and stays:
        licensed.insert(0, base.statement["predicate"]["admission"]["verdict"]["license"])
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
        "checks": [asdict(check) for check in whole.checks],
        "quality": evidence_of(whole.quality),
        "shared_keys": dict(whole.shared_keys),
        "built_on": row.version if row else None,
    }
    return Joined(predicate, base, new, whole)


def _new(parts: Sequence[Part]) -> dict[str, Document]:
    return {str(part.admission.inputs.window): _summary(part) for part in parts}


def _moved_files(run: Run, parts: Sequence[Part]) -> list[Path]:
    versions = run.installation.lake.folder(run.contract.name, "versions")
    return [versions / file.path for part in parts for file in part.files]


def _put_on(base: Base | None, new: Mapping[str, Document], read: Read) -> Tree:
    """The tree with new partitions; its new documents are those of the base too, where that was created just now."""
    if base is None:
        return partition_tree.updated(None, new, read)
    tree = partition_tree.updated(base.tree.root, new, base.read)
    tree.new = {**base.tree.new, **tree.new}
    return tree


def _count_staying(base: Base | None, new: Mapping[str, Document]) -> int:
    """How many partitions of the version before stay as they are."""
    if base is None:
        return 0
    replaced = sum(base.folder_of(name) is not None for name in new)
    return int(base.tree.total["partitions"]) - replaced


def _other_columns(name: str, base: Base, new: Mapping[str, Document]) -> PublicationError:
    held = list(base.parts())
    stays = [partition for partition in held if partition not in new]
    every = partitions.describe_partitions(sorted({*held, *new}))
    return PublicationError(
        f"the columns differ from those of {len(stays)} other partition(s), {partitions.describe_partitions(stays)}",
        f"Publish all of them again in one version: assay run {name} --window {every}",
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
    run = part.run
    document = {
        **_account(part),
        "files": [file.path for file in part.files],
        "manifest": [asdict(file) for file in part.files],
        "set_aside": part.set_aside,
        "learned": fitted.described(run.installation.lake, run.contract.name, part.attempt),
    }
    plain: Document = json.loads(json.dumps(document))  # as it is read again: no tuples
    return plain


def _account(part: Part) -> Document:
    """What a partition's document states, except its files: what the version adds up."""
    run, inputs, refined = part.run, part.admission.inputs, part.refined
    of_rows = {rule.name for rule in run.contract.rules if rule.judges_rows}
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
            if check.rule in of_rows
        },
        "purposes": list(run.contract.license.purposes),
        "findings": [asdict(finding) for finding in part.admission.verdict.findings],
    }
    if isinstance(refined, Assessed) and refined.statistics is not None:
        document["statistics"] = refined.statistics
    plain: Document = json.loads(json.dumps(document))  # as it is read again: no tuples
    return plain
