"""Compare two versions of a data set: schema, rows by key, statistics, partitions.

Files that both hold are not read.

Belongs here: what is compared with what, and the record made of a version's changes after its
commit. Stays out: the joins (assets/io/compare.py).
A join of two versions takes as long as a fair part of a publication, so it is no part of one: the
signed note tells what is known without it (rows, schema, partitions), and the counts by key are
derived once the version is out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assay.assets.io.compare import Changes, compare, statistics
from assay.assets.io.contract_folder import find
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.registry.derived import CHANGES
from assay.assets.io.registry.versions import Version
from assay.contracts.errors import EvidenceError, Where
from assay.contracts.problems import suggestion
from assay.lineage import evidence
from assay.pipelines.publish.naming import schema_changes


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
        key: columns that distinguish rows; the contract's primary key by default, and whole
            rows where no contract can be read.
        sample: how many keys of each kind of change to tell.
        measured: whether to add the statistics of both sides.
    Raises: EvidenceError: there is no such version, it has expired, or a file is not what was
        signed. Or a key that is no column.
    """
    before, after = (_side(installation, name, version) for version in (old, new))
    shared = [column for column, kind in after.schema.items() if before.schema.get(column) == kind]
    wanted = _key(installation, name, key, shared)
    passed = set() if measured else _shared(before, after)
    before = before.with_files(installation, passed)
    after = after.with_files(installation, passed)
    only = [before.files_not_in(after), after.files_not_in(before)]
    like = list(after.files.values()) or list(before.files.values())
    changes, by = _changes(only, like, shared, wanted, sample)
    return {
        "dataset": name,
        "old": before.row.version,
        "new": after.row.version,
        "rows": [before.row.rows, after.row.rows],
        "key": by,
        "key_repeats": bool(wanted and not by),
        "added": changes.added,
        "removed": changes.removed,
        "changed": changes.changed,
        "changed_columns": dict(changes.columns),
        "keys": {kind: list(keys) for kind, keys in changes.keys.items()},
        "schema": schema_changes(before.schema, after.schema),
        "partitions": _partitions(before.partitions, after.partitions),
        "shared_files": len(after.files) - len(only[1]),
        "statistics": _statistics(before, after) if measured else {},
    }


@dataclass(frozen=True)
class _Side:
    """One of the two versions."""

    row: Version
    schema: dict[str, str]
    """Column -> type."""
    partitions: Mapping[str, Any]
    signed: tuple[evidence.PublishedFile, ...]
    """Its files, as the evidence lists them."""
    files: dict[str, Path] = field(default_factory=dict)
    """Digest -> file, once they are checked."""

    def with_files(self, installation: Installation, passed: Collection[str]) -> _Side:
        """The same version with its files, checked but for the digests that are passed over.

        Raises: EvidenceError: one is not what was signed.
        """
        return replace(self, files=_checked(installation, self, passed))

    def files_not_in(self, other: _Side) -> list[Path]:
        """The files that the other version does not hold."""
        return [path for digest, path in self.files.items() if digest not in other.files]


def _side(installation: Installation, name: str, version: str | None) -> _Side:
    row = installation.version(name, version)
    statement = installation.statement(row)
    predicate = statement["predicate"]
    schema = {column["name"]: column["type"] for column in predicate["schema"]}
    return _Side(row, schema, predicate.get("partitions", {}), evidence.files(statement))


def _key(
    installation: Installation, name: str, key: Sequence[str], shared: Sequence[str]
) -> list[str]:
    """The columns that distinguish rows: those given, or of the contract's key the ones that both
    versions have.
    """
    if not key:
        contract = find(installation.contracts, name)
        primary = contract.primary_key if contract else ()
        return [column for column in primary if column in shared]
    for column in key:
        if column not in shared:
            raise EvidenceError(
                f"the key '{column}' is not a column with the same type in both versions",
                suggestion(column, shared),
                Where(dataset=name),
            )
    return list(key)


def _statistics(before: _Side, after: _Side) -> Json:
    return {
        "old": statistics(list(before.files.values())),
        "new": statistics(list(after.files.values())),
    }


def _checked(installation: Installation, side: _Side, passed: Collection[str]) -> dict[str, Path]:
    """Digest -> file, each compared with the evidence, but for the digests that are passed over."""
    row = side.row
    if row.expired_at:
        installation.scan(row)  # raises the reason
    installation.lake.check_files(
        row.dataset, tuple(file for file in side.signed if file.sha256 not in passed)
    )
    folder = installation.lake.folder(row.dataset, "versions")
    return {file.sha256: folder / file.path for file in side.signed}


def _shared(before: _Side, after: _Side) -> set[str]:
    """The digests of the files that both versions hold: what they differ in is in the others."""
    old, new = ({file.sha256 for file in side.signed} for side in (before, after))
    return old & new if old - new or new - old else set()


def _changes(
    only: Sequence[Sequence[Path]],
    like: Sequence[Path],
    columns: Sequence[str],
    key: Sequence[str],
    sample: int,
) -> tuple[Changes, list[str]]:
    """The changes, by the key if it distinguishes rows; otherwise equal rows are paired."""
    if not any(only):
        return Changes(0, 0, 0 if key else None), list(key)
    changes = compare(only[0], only[1], like, columns, key, sample) if key else None
    if changes:
        return changes, list(key)
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
    """Record how a version differs from the one it was built on or came after, once it is
    published; None for the first, and where the other is gone.

    Raises: EvidenceError: a file of one of the two is not what was signed.
    """
    name = row.dataset
    changes_kept = installation.registry.derived.get(name, row.version, CHANGES)
    if changes_kept is not None:
        return changes_kept
    predicate = installation.statement(row)["predicate"]
    before = predicate.get("built_on") or predicate["previous"]
    earlier = installation.registry.references.resolve(name, before) if before else None
    if earlier is None or earlier.expired_at:
        return None
    details = diff(installation, name, before, row.version, measured=False)
    details = {**details, "note": summarize(details)}
    installation.registry.derived.keep(name, row.version, CHANGES, details)
    return details


def summarize(changes: Mapping[str, Any]) -> str:
    """The changes in one line."""
    counts = [f"{changes['added']:,} rows added", f"{changes['removed']:,} removed"]
    if changes["changed"] is not None:
        counts.append(f"{changes['changed']:,} changed")
    by = f" by {', '.join(changes['key'])}" if changes["key"] else ""
    partitions = [
        f"{kind} {', '.join(names)}" for kind, names in changes["partitions"].items() if names
    ]
    return "; ".join(
        [
            ", ".join(counts) + f"{by} since {changes['old']}",
            *changes["schema"],
            *(["partitions " + ", ".join(partitions)] if partitions else []),
        ]
    )
