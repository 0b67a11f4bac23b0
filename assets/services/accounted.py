"""What is in the lake of a data set, compared as a whole with its signed evidence.

Belongs here: files that no evidence lists, the Delta logs. Stays out: one version (verify.py).
Other engines read the folders and the Delta log, not our manifest: what is there and was not
signed, they would take for data.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from assay.assets.io import delta_log
from assay.assets.io.delta_log import Expected
from assay.assets.io.disk import left_behind
from assay.assets.io.failures import must_stop
from assay.assets.io.lake import LEARNED
from assay.assets.services.signed import Signed
from assay.contracts.errors import EvidenceError, Where
from assay.contracts.extras import is_installed, missing_extra
from assay.lineage import evidence, features

LAYERS = ("quarantine", "removed", "flagged")
_ATTEMPT = re.compile(r"[0-9a-f]{16}-[0-9]+")
_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.parquet")
_EMPTIED = re.compile(r"\..+\.emptied")


def check_data_set(signed: Signed, runs: Collection[str] | None = None) -> list[str]:
    """Compare the folders and Delta logs of a data set with its evidence.

    Without the extra `data`, `parts_not_evaluated` is left out.
    Args:
        runs: every run of the data set that the registry has; None if there is no registry.
    Raises: EvidenceError: names the first file or commit without signed evidence.
    """
    for error in signed.damaged.values():
        raise error
    table = signed.lake.folder(signed.name, "versions")
    reads_parquet = is_installed("data")
    schemas = _Schemas(table, reads_parquet)
    commits = delta_log.check(
        table, _Versions(signed, table, schemas), complete=True, reads_parquet=reads_parquet
    )
    of_features = signed.lake.folder(signed.name, "features")
    expected = _features(signed, of_features, _Schemas(of_features, reads_parquet))
    delta_log.check(of_features, expected, complete=False, reads_parquet=reads_parquet)
    _check_versions_folder(signed, table)
    _check_features_folder(signed, of_features)
    for layer in LAYERS:
        _check_layer(signed, layer, runs)
    return [
        f"{commits} commits in the Delta log, each as signed",
        "no file without signed evidence",
    ]


def parts_not_evaluated() -> tuple[str, ...]:
    """What `check_data_set` cannot compare here, because reading Parquet needs an extra."""
    if is_installed("data"):
        return ()
    what = "comparing the columns and checkpoints of the Delta log"
    return (str(missing_extra(what, "data")),)


# -- what the Delta logs must say -----------------------------------------------------------


class _Versions(Mapping[int, Expected]):
    """What the table holds after each version, by sequence; assembled when it is needed."""

    def __init__(self, signed: Signed, table: Path, schemas: _Schemas) -> None:
        self._documents, self._table, self._schemas = signed.documents, table, schemas
        self._versions: dict[int, str] = {
            document["predicate"]["sequence"]: version
            for version, document in signed.documents.signed.items()
        }

    def __getitem__(self, sequence: int) -> Expected:
        document = self._documents[self._versions[sequence]]
        predicate, files = document["predicate"], evidence.files(document)
        sizes = {file.path: (file.size_bytes, file.rows) for file in files}
        columns = repr(predicate["schema"])
        schema = self._schemas.of(columns, files[0].path) if files else None
        is_there = bool(files) and (self._table / files[0].path).is_file()
        return Expected(predicate["version"], sizes, schema, is_there)

    def __iter__(self) -> Iterator[int]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)


def _features(signed: Signed, table: Path, schemas: _Schemas) -> dict[int, Expected]:
    expected = {}
    for version, statement in signed.features.items():
        path = f"{version}/part-00000.parquet"
        schema = schemas.of(version, path)
        sequence = signed.documents[version]["predicate"]["sequence"]
        rows = statement["predicate"]["rows"]
        file = table / path
        size = file.stat().st_size if file.is_file() else None  # its digest is signed
        expected[sequence] = Expected(f"the features of {version}", {path: (size, rows)}, schema)
    return expected


class _Schemas:
    """Delta schemas of files whose digests are compared elsewhere, each read once.

    Without the extra `data` none can be read, and none is compared.
    """

    def __init__(self, table: Path, reads_parquet: bool) -> None:
        self._table, self._reads_parquet = table, reads_parquet
        self._schemas: dict[str, Any] = {}

    def of(self, columns: str, path: str) -> Any:
        """The schema of these columns, by a file that has them; None if it cannot be read."""
        if not self._reads_parquet:
            return None
        if columns not in self._schemas:
            schema = _schema(self._table / path)
            if schema is None:
                return None
            self._schemas[columns] = schema
        return self._schemas[columns]


def _schema(file: Path) -> Any:
    import polars as pl

    if not file.is_file():
        return None
    try:
        columns = pl.read_parquet_schema(file)
        return delta_log.schema_of(pl.DataFrame(schema=columns).to_arrow().schema)
    except BaseException as error:
        if must_stop(error):
            raise
        return None  # a damaged file, which its digest tells; columns that Delta cannot have


# -- what may be in the folders ------------------------------------------------------------


def _check_versions_folder(signed: Signed, folder: Path) -> None:
    listed = signed.documents.files()
    unlisted = _unlisted_learned(signed)
    for path in _extra(folder, listed, {delta_log.FOLDER, *unlisted}):
        if not (_ATTEMPT.fullmatch(path.parts[0]) and _is_left_over(folder, path.parts[0], listed)):
            raise _extra_error(signed, "versions", path)


def _unlisted_learned(signed: Signed) -> set[str]:
    """Folders of what cleaning had learned that statements of earlier releases do not list."""
    folders = set()
    for document in signed.documents.signed.values():
        if "partition_tree" in document["predicate"]:
            continue  # its partitions are looked at below
        predicate = document["predicate"]
        parts = predicate.get("partitions", {}).values()
        bare = [part for part in parts if "learned" not in part]
        if "learned" not in predicate["cleaning"]:
            bare.append({"files": [file.path for file in evidence.files(document)]})
        for part in bare:
            folders |= _kept_folders(part["files"])
    for part in signed.documents.parts():
        if "learned" not in part:
            folders |= _kept_folders(part["files"])
    return folders


def _kept_folders(paths: Collection[str]) -> set[str]:
    return {f"{PurePosixPath(path).parts[0]}/{LEARNED}" for path in paths}


def _check_features_folder(signed: Signed, folder: Path) -> None:
    listed = set()
    for version, statement in signed.features.items():
        listed |= {f"{version}/{name}" for name in features.digests(statement)}
    for path in _extra(folder, listed, {delta_log.FOLDER}):
        version = path.parts[0]
        if not (version in signed.documents and _is_left_over(folder, version, listed)):
            raise _extra_error(signed, "features", path)


def _check_layer(signed: Signed, layer: str, runs: Collection[str] | None) -> None:
    """Rows that left: files of published versions, and of runs that published nothing."""
    folder = signed.lake.folder(signed.name, layer)
    prefix = f"{signed.name}/{layer}/"
    listed = {path.removeprefix(prefix) for path in signed.documents.set_aside()}
    for path in _extra(folder, listed, set()):
        file = folder / path
        waits = layer == "quarantine" and _EMPTIED.fullmatch(path.name)
        of_a_run = _is_of_a_run(path, runs)
        if not file.is_file() or file.is_symlink() or not (waits or of_a_run):
            raise _extra_error(signed, layer, path)


def _is_of_a_run(path: Path, runs: Collection[str] | None) -> bool:
    """Whether a file is called as that of a run; where the registry is there, of one it has."""
    if runs is None:
        return bool(_RUN.fullmatch(path.name))
    return path.suffix == ".parquet" and path.stem in runs


def _extra(folder: Path, listed: Collection[str], passed: Collection[str]) -> Iterator[Path]:
    """What is below a folder and is neither listed nor the folder of something listed.

    Folders of runs and versions have to hold something that is listed. Inside of them only files
    count: a folder that a run made for what it then did not keep is empty, and no engine reads it.

    Args:
        passed: folders that are looked at elsewhere.
    Returns: paths below the folder; of an unknown folder only its own.
    """
    tops = {PurePosixPath(path).parts[0] for path in listed}

    def below(where: Path) -> Iterator[Path]:
        for path in sorted(where.iterdir()):
            short = path.relative_to(folder)
            if str(short) in passed:
                continue
            is_folder = path.is_dir() and not path.is_symlink()
            if is_folder and str(short) not in listed and short.parts[0] in tops:
                yield from below(path)
            elif path.is_dir() or str(short) not in listed:
                yield short

    if folder.is_dir():
        yield from below(folder)


def _is_left_over(folder: Path, name: str, listed: Collection[str]) -> bool:
    """Whether a folder is of a run that still works, or was killed; a later run sweeps it."""
    published = any(PurePosixPath(path).parts[0] == name for path in listed)
    return not published and not left_behind(folder / name, time.time())


def _extra_error(signed: Signed, layer: str, path: Path) -> EvidenceError:
    where = Where(file=f"{layer}/{path.as_posix()}", dataset=signed.name)
    remedy = f"Find out where it comes from, then remove it; leftovers of a killed run are removed by `assay versions expire {signed.name}` removes"
    return EvidenceError("no signed evidence lists this file or folder", remedy, where)
