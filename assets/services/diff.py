"""Two versions of a data set, compared: schema, rows by key, statistics, partitions. Files that both hold are not read.

Belongs here: what is compared with what, and the record made of a version's changes after its commit. Stays out: the joins (assets/io/compare.py).
A join of two versions takes as long as a fair part of a publication, so it is no part of one: the signed note tells what is known without it
(rows, schema, partitions), and the counts by key are derived once the version is out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.assets.io.compare import Changes, compare, statistics
from assay.assets.io.contract_folder import find
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.versions import Version
from assay.contracts.errors import EvidenceError, Where
from assay.contracts.problems import suggestion
from assay.lineage import evidence
from assay.pipelines.publish.naming import schema_changes

KIND = "changes"


def diff(
    installation: Installation,
    name: str,
    old: str | None,
    new: str | None,
    *,
    key: Sequence[str] = (),
    sample: int = 0,
    measured: bool = True,
) -> Json:
    """Compare two versions, each by its number or a reference.

    Args:
        key: columns that tell rows apart; the contract's primary key unless given, and whole rows where no contract can be read.
        sample: how many keys of each kind of change to tell.
        measured: whether to add the statistics of both sides.
    Raises: EvidenceError: there is no such version, it has expired, or a file is not what was signed. Or a key that is no column.
    """
    rows = [installation.version(name, version) for version in (old, new)]
    statements = [installation.statement(row) for row in rows]
    schemas = [
        {column["name"]: column["type"] for column in statement["predicate"]["schema"]}
        for statement in statements
    ]
    shared = [column for column, kind in schemas[1].items() if schemas[0].get(column) == kind]
    contract = find(installation.contracts, name)
    primary_key = contract.primary_key if contract else ()
    wanted = list(key or (column for column in primary_key if column in shared))
    for column in wanted:
        if column not in shared:
            raise EvidenceError(
                f"the key '{column}' is no column that both versions have alike",
                suggestion(column, shared),
                Where(dataset=name),
            )
    passed = set() if measured else _shared(statements)
    checked = [_checked(installation, row, passed) for row in rows]
    only = [
        [path for digest, path in side.items() if digest not in other]
        for side, other in (checked, reversed(checked))
    ]
    found, by = _changes(
        only, list(checked[1].values()) or list(checked[0].values()), shared, wanted, sample
    )
    return {
        "dataset": name, "old": rows[0].version, "new": rows[1].version, "rows": [row.rows for row in rows], "key": by, "key_repeats": bool(wanted and not by),
        "added": found.added, "removed": found.removed, "changed": found.changed, "changed_columns": dict(found.columns), "keys": {kind: list(each) for kind, each in found.keys.items()},
        "schema": schema_changes(*schemas), "partitions": _partitions(*(statement["predicate"].get("partitions", {}) for statement in statements)),
        "shared_files": len(checked[1]) - len(only[1]),
        "statistics": {"old": statistics(list(checked[0].values())), "new": statistics(list(checked[1].values()))} if measured else {},
    }  # fmt: skip


def _checked(
    installation: Installation, row: Version, passed: Collection[str] = ()
) -> dict[str, Path]:
    """Digest -> file, each compared with the evidence, but for the digests that are passed over."""
    if row.expired_at:
        installation.scan(row)  # says that it has
    files = evidence.files(installation.statement(row))
    installation.lake.check_files(
        row.dataset, tuple(file for file in files if file.sha256 not in passed)
    )
    folder = installation.lake.folder(row.dataset, "versions")
    return {file.sha256: folder / file.path for file in files}


def _shared(statements: Sequence[dict[str, Any]]) -> set[str]:
    """The digests of the files that both versions hold: what they differ in lies in the others."""
    old, new = ({file.sha256 for file in evidence.files(statement)} for statement in statements)
    return old & new if old - new or new - old else set()


def _changes(
    only: Sequence[Sequence[Path]],
    like: Sequence[Path],
    columns: Sequence[str],
    key: Sequence[str],
    sample: int,
) -> tuple[Changes, list[str]]:
    """The changes, by the key if it tells rows apart; otherwise equal rows are paired."""
    if not any(only):
        return Changes(0, 0, 0 if key else None), list(key)
    found = compare(only[0], only[1], like, columns, key, sample) if key else None
    if found:
        return found, list(key)
    return compare(only[0], only[1], like, columns, ()) or Changes(0, 0, None), []


def _partitions(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [
            name for name in new if name in old and new[name]["files"] != old[name]["files"]
        ],
    }


def note_changes(installation: Installation, row: Version) -> Json | None:
    """Record how a version differs from the one it was built on or came after, once it is published; None for the first, and where the other is gone.

    Raises: EvidenceError: a file of one of the two is not what was signed.
    """
    name = row.dataset
    known = installation.registry.derived.get(name, row.version, KIND)
    if known is not None:
        return known
    predicate = installation.statement(row)["predicate"]
    before = predicate.get("built_on") or predicate["previous"]
    earlier = installation.registry.references.resolve(name, before) if before else None
    if earlier is None or earlier.expired_at:
        return None
    details = diff(installation, name, before, row.version, measured=False)
    details = {**details, "note": summarize(details)}
    installation.registry.derived.keep(name, row.version, KIND, details)
    return details


def summarize(found: Mapping[str, Any]) -> str:
    """The changes in one line."""
    told = [f"{found['added']:,} rows added", f"{found['removed']:,} removed"]
    if found["changed"] is not None:
        told.append(f"{found['changed']:,} changed")
    by = f" by {', '.join(found['key'])}" if found["key"] else ""
    partitions = [
        f"{kind} {', '.join(names)}" for kind, names in found["partitions"].items() if names
    ]
    return "; ".join(
        [
            ", ".join(told) + f"{by} since {found['old']}",
            *found["schema"],
            *(["partitions " + ", ".join(partitions)] if partitions else []),
        ]
    )
