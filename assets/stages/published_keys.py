"""The keys of a version's partitions: which of them a delivery of one partition repeats.

Belongs here: which entries of the index count. Stays out: the index (assets/io/key_index.py).
A key counts where the version in service holds the files that it came from, and no partition
that is published again by the same run. Entries of killed runs and of replaced partitions are
passed over, so that nothing has to be removed at the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from assay.assets.io.installation import Installation
from assay.assets.io.key_index import FILE, KeyIndex, Publication
from assay.assets.stages.admit import Admission
from assay.assets.stages.partition_base import Base, base_of
from assay.assets.stages.run import Run
from assay.contracts.model import Contract
from assay.pipelines.validate.key_texts import compared_columns, key_texts

RELEASED_FILE = "released-00000.parquet"
_ROWS_AT_ONCE = 200_000
IsLive = Callable[[Publication], bool]


def attempt_of(run: Run, admission: Admission) -> str:
    """The folder below `versions/` that this run's files of the partition get."""
    return f"{admission.inputs.key[:16]}-{run.lease().token}"


@contextmanager
def opened_index(installation: Installation, name: str) -> Iterator[KeyIndex]:
    """The index of a data set."""
    secret = installation.keys.derived(f"published keys of {name}")
    index = KeyIndex(installation.lake.folder(name, FILE), name, secret)
    try:
        yield index
    finally:
        index.close()


@dataclass
class OtherPartitions:
    """The partitions that stay next to the one that a run delivers.

    Args:
        replaced: the partitions that the run publishes again, its own among them.
    """

    run: Run
    index: KeyIndex
    base: Base | None
    replaced: frozenset[str]
    _live: dict[Publication, bool] = field(default_factory=dict)

    def has_keys(self, columns: tuple[str, ...], keys: pl.DataFrame) -> pl.Series:
        """True where another partition has the key; false where no index is kept of the columns."""
        if columns not in set(compared_columns(self.run.contract).values()):
            return pl.repeat(False, keys.height, eager=True)
        digests = self.index.digests(key_texts(keys, columns))
        held = self.index.held(columns, {key for key in digests if key is not None}, self.is_live)
        return pl.Series([digest in held for digest in digests], dtype=pl.Boolean)

    def is_live(self, publication: Publication) -> bool:
        """Whether the version to be published holds these files next to the delivered ones."""
        if publication not in self._live:
            self._live[publication] = self._is_live(publication)
        return self._live[publication]

    def _is_live(self, publication: Publication) -> bool:
        if publication.partition == self.run.partition:
            return False
        if self.run.parent and publication.run == self.run.parent:
            of_partition = [
                other
                for other in self.index.of_run(publication.run)
                if other.partition == publication.partition
            ]
            return publication == of_partition[-1]
        return publication.partition not in self.replaced and is_held(self.base, publication)

    def rows_pointed_to(self, contract: Contract) -> dict[str, pl.LazyFrame]:
        """The rows that stay, where a relationship points to the data set itself."""
        points_to_itself = any(
            rule.kind == "relationship" and rule.argument.dataset == contract.table
            for rule in contract.rules
        )
        files = staying_files(self.run, self.base, self.replaced) if points_to_itself else []
        return {contract.table: pl.scan_parquet(files)} if files else {}


def is_held(base: Base | None, publication: Publication) -> bool:
    """Whether a version holds the files of a publication."""
    return base is not None and base.folder_of(publication.partition) == publication.folder


def staying_files(run: Run, base: Base | None, replaced: Collection[str]) -> list[Path]:
    """The files of every partition that stays. Reads the document of each of them."""
    folder = run.installation.lake.folder(run.contract.name, "versions")
    parts = base.parts(without=replaced).values() if base else ()
    return [folder / path for part in parts for path in part["files"]]


@contextmanager
def other_partitions(
    run: Run, admission: Admission, together: Collection[str]
) -> Iterator[OtherPartitions | None]:
    """The other partitions of the run's data set; None if it has no partitions."""
    if run.partition is None:
        yield None
        return
    base = base_of(run.installation, run.contract.name)
    replaced = frozenset({str(admission.inputs.window), *together})
    with opened_index(run.installation, run.contract.name) as index:
        complete(run, index, base)
        yield OtherPartitions(run, index, base, replaced)


def note_tree(run: Run, root: str) -> None:
    """Note that the index holds every partition of a tree, which has just been added to."""
    compared = sorted(set(compared_columns(run.contract).values()))
    if not compared:
        return
    with opened_index(run.installation, run.contract.name) as index:
        for columns in compared:
            index.note_tree(columns, root)


def remove_from_key_index(installation: Installation, name: str, folders: Collection[str]) -> None:
    """Remove the keys of files that were removed."""
    if folders and installation.lake.folder(name, FILE).exists():
        with opened_index(installation, name) as index:
            index.remove_folders(folders)


# -- filling the index --------------------------------------------------------------------------


def complete(run: Run, index: KeyIndex, base: Base | None) -> None:
    """Add what the index lacks of a version: all of it where the index is new, otherwise nothing."""
    if base is None:
        return
    versions = run.installation.lake.folder(run.contract.name, "versions")
    for columns in sorted(set(compared_columns(run.contract).values())):
        if index.has_tree(columns, base.tree.root):
            continue
        for name, part in base.parts().items():
            folder = Path(part["files"][0]).parts[0]
            if not index.has(columns, folder):
                files = [versions / path for path in part["files"]]
                _add(index, columns, Publication(folder, name, str(part["run_id"])), files)
        index.note_tree(columns, base.tree.root)


def add_staged(run: Run, admission: Admission, files: Sequence[Path]) -> None:
    """Add the keys of the staged files of a partition, before they are published."""
    compared = sorted(set(compared_columns(run.contract).values()))
    if run.partition is None or not compared:
        return
    of_run = run.parent or run.run_id
    publication = Publication(attempt_of(run, admission), str(admission.inputs.window), of_run)
    with opened_index(run.installation, run.contract.name) as index:
        for columns in compared:
            _add(index, columns, publication, files)


def _add(
    index: KeyIndex, columns: tuple[str, ...], publication: Publication, files: Sequence[Path]
) -> None:
    """Add the keys of files; a file that lacks one of the columns has none."""
    with_columns = [file for file in files if set(columns) <= set(pl.read_parquet_schema(file))]
    released = [file for file in with_columns if file.name == RELEASED_FILE]
    others = [file for file in with_columns if file.name != RELEASED_FILE]
    index.add(
        columns, publication, _digests(index, columns, others), _digests(index, columns, released)
    )


def _digests(
    index: KeyIndex, columns: tuple[str, ...], files: Sequence[Path]
) -> Iterator[bytes | None]:
    """The digest of each row's key, so many rows at a time."""
    for file in files:
        rows = pl.scan_parquet(file).select(columns)
        for start in range(0, rows.select(pl.len()).collect().item(), _ROWS_AT_ONCE):
            yield from index.digests(key_texts(rows.slice(start, _ROWS_AT_ONCE).collect(), columns))
