"""The lake: files of every layer, staged where no one reads and moved in whole.

Belongs here: paths, staging, moving, the Delta log. Stays out: what the rows mean, which versions
exist (registry.py). The signed manifest is the truth about a version. The Delta log is written
after the registry's commit, so that other engines see registered versions only, one commit each,
and it can be rebuilt from the registry.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from assay.assets.io import delta_log
from assay.assets.io.disk import (
    SWEEP_AGE_S,
    left_behind,
    sha256,
    sync_file,
    sync_folder,
    sync_tree,
)
from assay.assets.io.failures import quiet_panics
from assay.contracts.errors import EvidenceError, PublicationError, Where
from assay.lineage.evidence import PublishedFile

if TYPE_CHECKING:
    import polars as pl

_HEX = "0123456789abcdef"
"""What a version's folder begins with."""
LEARNED = "_fitted"
"""The folder of what cleaning learned; engines that read the table skip names that begin with `_`."""


class Lake:
    """The folder of all data sets."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, dataset: str, layer: str) -> Path:
        """Where one layer of a data set lies: landed, staging, versions, quarantine, removed,
        features.
        """
        return self.root / dataset / layer

    # -- staging ---------------------------------------------------------------------

    def staging(self, dataset: str, run_id: str) -> Path:
        """The run's own folder, readable by its owner alone; made if it is not there."""
        folder = self.folder(dataset, "staging") / run_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def clear(self, dataset: str, run_id: str) -> None:
        """Remove the run's staging, personal values and all."""
        shutil.rmtree(self.folder(dataset, "staging") / run_id, ignore_errors=True)

    def staging_left_behind(self, dataset: str, now_s: float) -> list[Path]:
        """Staging that is older than a day."""
        staging = self.folder(dataset, "staging").glob("*")
        return [folder for folder in staging if left_behind(folder, now_s)]

    def version_folders_left_behind(self, dataset: str, now_s: float) -> dict[str, float]:
        """The folders of versions that are older than a day, with the time they were written, in seconds since 1970."""
        folder = self.folder(dataset, "versions")
        entries = os.scandir(folder) if folder.is_dir() else ()
        written = {entry.name: entry.stat().st_mtime for entry in entries if entry.name[0] in _HEX}
        return {name: at for name, at in written.items() if now_s - at > SWEEP_AGE_S}

    def sketches_of_others(self, dataset: str, is_readable: Callable[[str], bool]) -> list[Path]:
        """The sketches of versions that are opened no longer: they hold some of their rows."""
        sketches = self.folder(dataset, "sketches").glob("*")
        return [folder for folder in sketches if not is_readable(folder.name)]

    def discard(self, folder: Path) -> None:
        """Remove a folder that can be rebuilt."""
        shutil.rmtree(folder, ignore_errors=True)

    # -- moving in ---------------------------------------------------------------------

    def move_in(self, staged: Path, target: Path) -> bool:
        """Make a staged folder visible under its final name, synced, whole or not at all.

        False: it was there already.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_tree(staged, upto=staged.parent)
        try:
            staged.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(staged)
            return False
        sync_tree(target, upto=self.root)
        return True

    def move_file(self, staged: Path, target: Path) -> None:
        """Make one staged file visible under its final name, synced."""
        target.parent.mkdir(parents=True, exist_ok=True)
        sync_file(staged)
        staged.replace(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)

    def emptied(self, path: str, digest: str = "new") -> Path:
        """Where the copy of a quarantine file waits from which values were removed, until that is
        decided.
        """
        file = self.root / path
        return file.with_name(f".{file.stem}.{digest[:16]}.emptied")

    def replace_emptied(self, path: str, digest: str) -> None:
        """Put the copy without the removed values in the file's place; what has expired meanwhile
        stays gone.
        """
        waiting, file = self.emptied(path, digest), self.root / path
        if waiting.exists() and file.exists():
            self.move_file(waiting, file)
        waiting.unlink(missing_ok=True)

    def move_in_version(
        self, dataset: str, name: str, staged: Path, rows: int
    ) -> tuple[PublishedFile, ...]:
        """Put a version's staged Parquet files under `versions/<name>/`.

        Args:
            name: no other run's: a run that lost its lease must not be able to touch what another
                has published.
        Returns: the manifest of what is there now, with paths below `versions/`.
        """
        target = self.folder(dataset, "versions") / name
        self.move_in(staged, target)
        files = tuple(self._described(dataset, file) for file in sorted(target.glob("*.parquet")))
        if sum(file.rows for file in files) != rows:
            raise PublicationError(
                f"{rows:,} rows were to be written, but {sum(file.rows for file in files):,} are on the disk",
                "Run again; if it happens again, check the disk",
                Where(dataset=dataset),
            )
        return files

    def _described(self, dataset: str, file: Path) -> PublishedFile:
        import pyarrow.parquet as pq

        path = str(file.relative_to(self.folder(dataset, "versions")))
        return PublishedFile(
            path, sha256(file), pq.read_metadata(file).num_rows, file.stat().st_size
        )

    # -- reading what is published -------------------------------------------------------

    def check_files(self, dataset: str, files: tuple[PublishedFile, ...]) -> list[Path]:
        """The files of a version, each compared with its digest.

        Raises: EvidenceError: a file is missing or is not what was signed.
        """
        paths = []
        for file in files:
            path = self.folder(dataset, "versions") / file.path
            where = Where(file=file.path, dataset=dataset)
            if not path.is_file():
                raise EvidenceError(
                    "a published file is missing",
                    "Restore it from a backup, or open another version",
                    where,
                )
            if path.stat().st_size != file.size_bytes or sha256(path) != file.sha256:
                raise EvidenceError(
                    "a published file differs from its signed digest",
                    "Restore it from a backup, or open another version",
                    where,
                )
            paths.append(path)
        return paths

    def check_features(self, dataset: str, version: str, digests: Mapping[str, str]) -> Path:
        """The folder of a version's feature table, each file of it compared with its digest.

        Raises: EvidenceError: a file is missing, is another, or is one too many.
        """
        folder = self.folder(dataset, "features") / version
        there = (
            {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
            if folder.is_dir()
            else set()
        )
        for name in sorted({*digests, *there}):
            if name not in there or sha256(folder / name) != digests.get(name):
                raise EvidenceError(
                    "a feature file has changed since it was written",
                    "Restore it from a backup",
                    Where(file=f"features/{version}/{name}", dataset=dataset),
                )
        return folder

    # -- the Delta log ---------------------------------------------------------------------

    def commit_delta(
        self,
        table: Path,
        sequence: int,
        files: list[tuple[str, int, int]],
        schema: pl.Schema,
        note: str,
        gone: Collection[str] | None = None,
        *,
        commits: Sequence[delta_log.Commit] | None = None,
    ) -> None:
        """Append one overwriting commit to a Delta table, unless the log has it already.

        Without statistics: they would hold values.
        Args:
            sequence: 1 for the first version; kept in the log as the application's transaction.
            files: (path below the table, size in bytes, rows).
            gone: the files that it replaces, where the others stay; None if `files` are all there are.
            commits: the end of the log, if the caller has read it.
        """
        if commits is None:  # a damaged log is refused by us, in our words
            commits = delta_log.read(table, tail=True)
        if delta_log.newest_sequence(commits) >= sequence:
            return
        import polars as pl

        arrow = pl.DataFrame(schema=schema).to_arrow().schema
        before = delta_log.names(table)
        with quiet_panics():
            _commit_delta(table, sequence, files, arrow, note, gone, create=not commits)
        self._sync_log(table, before)

    def _sync_log(self, table: Path, before: Collection[str]) -> None:
        """Sync what a commit wrote, and the commit before it: a process may have died before syncing that."""
        folder = table / delta_log.FOLDER
        newest = max(before, default="")[:20]  # the number that its name begins with
        earlier = {name for name in before if not name.startswith(newest)}
        for name in delta_log.names(table) - earlier:
            sync_file(folder / name)
        if (folder / delta_log.HINT).exists():
            sync_file(folder / delta_log.HINT)
        for place in (folder, table):
            sync_folder(place)


def _commit_delta(
    table: Path,
    sequence: int,
    files: list[tuple[str, int, int]],
    columns: Any,
    note: str,
    gone: Collection[str] | None,
    *,
    create: bool,
) -> None:
    from deltalake import Schema
    from deltalake.transaction import (
        AddAction,
        CommitProperties,
        PostCommitHookProperties,
        Transaction,
        create_table_with_add_actions,
    )

    arrow = Schema.from_arrow(columns)
    now_ms = int(time.time() * 1000)
    adds = {
        path: AddAction(path, size, {}, now_ms, True, json.dumps({"numRecords": rows}))
        for path, size, rows in files
    }
    properties = CommitProperties(
        custom_metadata={"assay": note}, app_transactions=[Transaction(delta_log.APP, sequence)]
    )
    # every commit stays: each is compared with its evidence
    hooks = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
    if create:
        create_table_with_add_actions(
            str(table),
            arrow,
            list(adds.values()),
            mode="error",
            configuration=delta_log.CONFIGURATION,
            commit_properties=properties,
            post_commithook_properties=hooks,
        )
        return
    delta = _opened_for(table, arrow)
    if gone is None:
        actions, mode = _replacing(delta, table, adds)
    else:
        actions, mode = [*_removals(gone), *adds.values()], "append"
    delta.create_write_transaction(
        actions, mode, arrow, commit_properties=properties, post_commithook_properties=hooks
    )


def _opened_for(table: Path, schema: Any) -> Any:
    """The Delta table, after it was given the feature that columns of times without a zone need.

    The commit alone would leave a table that no reader opens (deltalake 1.6.6).
    """
    from deltalake import DeltaTable, TableFeatures

    delta = DeltaTable(str(table))
    if not delta_log.needs_timestamps_without_zone(json.loads(schema.to_json())):
        return delta
    if delta_log.TIMESTAMP_NTZ in (delta.protocol().reader_features or ()):
        return delta
    delta.alter.add_feature(
        [TableFeatures.TimestampWithoutTimezone], allow_protocol_versions_increase=True
    )
    return DeltaTable(str(table))


def _replacing(
    delta: Any, table: Path, adds: dict[str, Any]
) -> tuple[list[Any], Literal["append", "overwrite"]]:
    """What turns the table's files into these: all of them again, or, where some stay, only what
    comes and what goes.

    A commit may not name a file twice.
    """
    held = {
        Path(unquote(urlsplit(uri).path)).relative_to(table.resolve()).as_posix()
        for uri in delta.file_uris()
    }
    if not held & set(adds):
        return list(adds.values()), "overwrite"
    gone = _removals(held - set(adds))
    return [*gone, *(add for path, add in adds.items() if path not in held)], "append"


def _removals(paths: Collection[str]) -> list[Any]:
    from deltalake.transaction import RemoveAction

    now_ms = int(time.time() * 1000)
    return [RemoveAction(path, True, now_ms, partition_values={}) for path in sorted(paths)]
