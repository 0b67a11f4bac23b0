"""The log of a Delta table, read by ourselves: each commit compared with what signed evidence states.

Belongs here: reading `_delta_log`, comparing it. Stays out: writing it (lake.py), the evidence.
Delta readers believe the log alone. One commit more, or one word changed in it, and they read
other rows, so whatever Assay did not write there is an error.
Source: Delta transaction log protocol, https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.contracts.errors import EvidenceError, Where

FOLDER, APP = "_delta_log", "assay"
CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0"}
CHECKPOINT_EVERY = 100
TIMESTAMP_NTZ = "timestampNtz"
_REMEDY = "Restore it from a backup, or remove the folder _delta_log: the next version writes it again; `assay.open` works without it"
_ACTIONS = frozenset({"commitInfo", "protocol", "metaData", "add", "remove", "txn"})
_COMMIT = re.compile(r"([0-9]{20})\.json")
_CHECKPOINT = re.compile(r"([0-9]{20})\.checkpoint\.parquet")
_LEFT_OVER = re.compile(r"[0-9]{20}\.json#[0-9]+|_commit_[0-9a-f-]{36}\.json\.tmp")
"""Files that a killed commit leaves; no Delta reader looks at them."""
HINT = "_last_checkpoint"
"""Where readers begin; the only file of the log that is written again."""
_HARMLESS_FEATURES = frozenset({TIMESTAMP_NTZ, "appendOnly", "invariants"})
_Action = dict[str, Any]


@dataclass(frozen=True)
class Commit:
    """One file of the log. `sequence` is of the version that Assay committed with it."""

    number: int
    adds: Mapping[str, _Action]
    removes: frozenset[str]
    sequence: int | None
    protocol: _Action | None
    metadata: _Action | None


@dataclass(frozen=True)
class Expected:
    """What the table holds after the commit of a version.

    `files` maps a path to its size in bytes and its rows; a size of None is not compared.
    `schema` is the Delta schema, None if no file is left to tell it. `is_there` states whether
    the files are: a log that was written again after they expired has no commit of them.
    """

    version: str
    files: Mapping[str, tuple[int | None, int]]
    schema: Any = None
    is_there: bool = True


@dataclass
class _State:
    """The table as readers of the log see it after a commit."""

    files: dict[str, _Action] = field(default_factory=dict)
    protocol: _Action = field(default_factory=dict)
    metadata: _Action = field(default_factory=dict)
    sequence: int = 0
    compared: dict[str, tuple[int | None, int]] = field(default_factory=dict)


def read(table: Path, *, tail: bool = False) -> list[Commit]:
    """Read the commits of a table, the oldest first; none where there is no log yet.

    Args:
        tail: only what a Delta reader reads, from the newest checkpoint on.
    Raises: EvidenceError: a file is missing, cannot be read, or is no part of such a log.
    """
    folder = table / FOLDER
    if not folder.is_dir():
        return []
    numbers, checkpoints = _listed(table)
    start = max(checkpoints, default=0) if tail else 0
    return [_commit(table, number) for number in numbers if number >= start]


def newest_sequence(commits: Sequence[Commit]) -> int:
    """The sequence of the version that a table holds by its commits; 0 where there are none."""
    return max((commit.sequence or 0 for commit in commits), default=0)


def names(table: Path) -> set[str]:
    """The names of the log's files; none where there is no log."""
    folder = table / FOLDER
    entries = os.scandir(folder) if folder.is_dir() else ()
    return {entry.name for entry in entries if entry.name != HINT}


def _listed(table: Path) -> tuple[list[int], list[int]]:
    """The numbers of commits and of checkpoints, by the names in the folder."""
    numbers, checkpoints = [], []
    # of thousands of commits: the folder tells what its entries are, so that none is looked at
    for path in sorted(os.scandir(table / FOLDER), key=lambda entry: entry.name):
        commit = _COMMIT.fullmatch(path.name)
        checkpoint = None if commit else _CHECKPOINT.fullmatch(path.name)
        if not (commit or checkpoint or path.name == HINT or _LEFT_OVER.fullmatch(path.name)):
            raise _error(table, path.name, "is a file that Assay did not write")
        if path.is_symlink() or not path.is_file():
            raise _error(table, path.name, "is not a file")
        if commit:
            numbers.append(int(commit[1]))
        if checkpoint:
            checkpoints.append(int(checkpoint[1]))
    for number, there in enumerate(numbers):
        if number != there:
            raise _error(table, f"{number:020}.json", "is missing")
    for number in checkpoints:
        if (number + 1) % CHECKPOINT_EVERY or number >= len(numbers):
            raise _error(table, f"{number:020}.checkpoint.parquet", "was not written by Assay")
    return numbers, checkpoints


def _error(table: Path, name: str, problem: str, remedy: str = _REMEDY) -> EvidenceError:
    where = Where(file=f"{table.name}/{FOLDER}/{name}", dataset=table.parent.name)
    return EvidenceError(f"this part of the Delta log {problem}", remedy, where)


def _commit(table: Path, number: int) -> Commit:
    name = f"{number:020}.json"
    try:
        text = (table / FOLDER / name).read_text(encoding="utf-8")
        lines = text.removesuffix("\n").split("\n") if text else []
        entries = [json.loads(line, object_pairs_hook=_once) for line in lines]
    except (ValueError, RecursionError):
        raise _error(table, name, "cannot be read") from None
    except OSError as error:
        raise _error(table, name, f"cannot be read ({type(error).__name__})") from None
    if not entries:
        raise _error(table, name, "is empty")
    if not all(_is_action(entry) for entry in entries):
        raise _error(table, name, "holds an action that Assay does not write")
    return _parsed(table, number, [next(iter(entry.items())) for entry in entries])


def _once(pairs: list[tuple[str, Any]]) -> _Action:
    """An object whose keys differ: of a repeated key, readers take one or the other."""
    entry = dict(pairs)
    if len(entry) != len(pairs):
        raise ValueError("a key is repeated in one object")
    return entry


def _is_action(entry: Any) -> bool:
    if not isinstance(entry, dict) or len(entry) != 1:
        return False
    name, action = next(iter(entry.items()))
    if name not in _ACTIONS or not isinstance(action, dict):
        return False
    return name not in ("add", "remove") or isinstance(action.get("path"), str)


def _parsed(table: Path, number: int, actions: Sequence[tuple[str, _Action]]) -> Commit:
    """The actions of one commit by their kind; only files may come several times."""
    name = f"{number:020}.json"
    by_kind: dict[str, list[_Action]] = {kind: [] for kind in _ACTIONS}
    for kind, action in actions:
        by_kind[kind].append(action)
    adds = {action["path"]: action for action in by_kind["add"]}
    removes = frozenset(action["path"] for action in by_kind["remove"])
    single = all(len(by_kind[kind]) <= 1 for kind in ("txn", "protocol", "metaData", "commitInfo"))
    again = len(adds) != len(by_kind["add"]) or len(removes) != len(by_kind["remove"])
    if not single or again or removes & set(adds):
        raise _error(table, name, "repeats an action")
    sequence = None
    if by_kind["txn"]:
        (txn,) = by_kind["txn"]
        if txn.get("appId") != APP or type(txn.get("version")) is not int:
            raise _error(table, name, "was not committed by Assay")
        sequence = txn["version"]
    protocol, metadata = (next(iter(by_kind[kind]), None) for kind in ("protocol", "metaData"))
    return Commit(number, adds, removes, sequence, protocol, metadata)


# -- comparing --------------------------------------------------------------------------


def check(
    table: Path,
    expected: Mapping[int, Expected],
    *,
    complete: bool,
    reads_parquet: bool = True,
) -> int:
    """Compare every commit of a table's log with what signed evidence states about that version.

    Args:
        expected: by the sequence of the version.
        complete: whether each of them must have a commit.
        reads_parquet: whether checkpoints can be read here, and are compared.
    Returns: how many commits there are.
    Raises: EvidenceError: names the first commit that differs from the signed evidence, or has
        none.
    """
    commits, state = read(table), _State()
    checkpoints = _checkpoints(table)
    seen: set[int] = set()
    for commit in commits:
        _follow(table, state, commit)
        name = f"{commit.number:020}.json"
        if commit.sequence is None:
            if not _is_step_to_timestamps(commit) or commit.number + 1 == len(commits):
                raise _error(table, name, "was not committed by Assay")
        else:
            wanted = expected.get(commit.sequence)
            if wanted is None:
                raise _error(table, name, "belongs to a version without signed evidence")
            if commit.sequence <= state.sequence:
                raise _error(table, name, "repeats an earlier version")
            state.sequence = commit.sequence
            seen.add(commit.sequence)
            _check_state(table, name, state, wanted)
        if reads_parquet and commit.number in checkpoints:
            _check_checkpoint(table, commit.number, state)
    _check_last(table, checkpoints)
    absent = [expected[sequence] for sequence in sorted(set(expected) - seen)]
    missing = [version.version for version in absent if version.is_there]
    if complete and missing:
        where = Where(file=f"{table.name}/{FOLDER}", dataset=table.parent.name)
        raise EvidenceError(f"the Delta log has no commit of {missing[0]}", _REMEDY, where)
    return len(commits)


def _checkpoints(table: Path) -> set[int]:
    return set(_listed(table)[1]) if (table / FOLDER).is_dir() else set()


def _follow(table: Path, state: _State, commit: Commit) -> None:
    """What readers make of one more commit."""
    name = f"{commit.number:020}.json"
    if not commit.removes <= state.files.keys() or commit.adds.keys() & state.files.keys():
        raise _error(table, name, "adds or removes files in the wrong order")
    for path in commit.removes:
        del state.files[path]
        state.compared.pop(path, None)
    state.files.update(commit.adds)
    state.protocol = commit.protocol or state.protocol
    state.metadata = commit.metadata or state.metadata
    if (commit.number == 0) != (commit.protocol is not None) and commit.sequence is not None:
        raise _error(table, name, "changes the protocol of the table")


def _is_step_to_timestamps(commit: Commit) -> bool:
    """Whether a commit does nothing but let timestamps without a zone in, as Assay does it."""
    idle = not commit.adds and not commit.removes and commit.metadata is None
    return idle and commit.protocol is not None and _is_harmless(commit.protocol)


def _is_harmless(protocol: _Action) -> bool:
    """Whether a protocol asks readers for nothing that changes which rows they read."""
    versions = (protocol.get("minReaderVersion"), protocol.get("minWriterVersion"))
    features = [*(protocol.get("readerFeatures") or ()), *(protocol.get("writerFeatures") or ())]
    if versions == (1, 2):
        return not features
    return versions == (3, 7) and _HARMLESS_FEATURES.issuperset(features)


def _check_state(table: Path, name: str, state: _State, wanted: Expected) -> None:
    """Compare what readers see after a commit with the version that was signed."""
    if set(state.files) != set(wanted.files):
        raise _error(table, name, f"lists other files than the manifest of {wanted.version}")
    for path, (size, rows) in wanted.files.items():
        if state.compared.get(path) == (size, rows):
            continue  # it stays from an earlier version
        if not _is_plain(state.files[path], size, rows):
            raise _error(table, name, f"describes a file of {wanted.version} wrongly")
        state.compared[path] = (size, rows)
    if not _is_harmless(state.protocol):
        raise _error(table, name, "has a protocol that Assay does not write")
    if not _is_our_metadata(state.metadata, wanted.schema):
        raise _error(table, name, f"describes the columns of {wanted.version} wrongly")


def _is_plain(add: _Action, size: int | None, rows: int) -> bool:
    """Whether a file is added whole: no deleted rows, no partition values, true statistics."""
    try:
        stats = json.loads(add.get("stats") or "null", object_pairs_hook=_once)
    except (ValueError, TypeError, RecursionError):
        return False
    bare = not any(add.get(key) for key in ("partitionValues", "tags", "deletionVector"))
    return bare and (size is None or add.get("size") == size) and stats == {"numRecords": rows}


def _is_our_metadata(metadata: _Action, schema: Any) -> bool:
    """Whether the columns are those of the files, and nothing renames or partitions them."""
    try:
        columns = json.loads(metadata.get("schemaString") or "", object_pairs_hook=_once)
    except (ValueError, TypeError, RecursionError):
        return False
    plain = metadata.get("configuration") == CONFIGURATION and not metadata.get("partitionColumns")
    parquet = (metadata.get("format") or {}).get("provider") == "parquet"
    return plain and parquet and (schema is None or columns == schema)


def _check_checkpoint(table: Path, number: int, state: _State) -> None:
    """A checkpoint must state what the commits up to it say: readers believe it in their place."""
    import pyarrow.parquet as pq

    file = table / FOLDER / f"{number:020}.checkpoint.parquet"
    try:
        rows = pq.read_table(file).to_pylist()
    except Exception:  # whatever pyarrow makes of a damaged file
        raise _error(table, file.name, "cannot be read") from None
    actions: dict[str, list[_Action]] = {}
    for row in rows:
        for kind, action in row.items():
            if action is not None:
                actions.setdefault(kind, []).append(action)
    adds = actions.get("add", [])
    same = len(adds) == len(state.files) and all(_is_same_add(add, state) for add in adds)
    only = set(actions) <= {"add", "remove", "metaData", "protocol", "txn"}
    described = len(actions.get("metaData", ())) == 1 and len(actions.get("protocol", ())) == 1
    if not (same and only and described and _is_same_table(actions, state)):
        raise _error(table, file.name, "contradicts the commits before it")


def _is_same_add(add: _Action, state: _State) -> bool:
    before = state.files.get(add["path"])
    if before is None:
        return False
    rows = json.loads(before["stats"])["numRecords"]
    return _is_plain(add, before.get("size"), rows)


def _is_same_table(actions: Mapping[str, list[_Action]], state: _State) -> bool:
    (metadata,), (protocol,) = actions["metaData"], actions["protocol"]
    configuration = metadata["configuration"] or []
    ours = {**metadata, "configuration": {pair[0]: pair[1] for pair in map(_pair, configuration)}}
    schema = json.loads(state.metadata["schemaString"])
    return _is_harmless(protocol) and _is_our_metadata(ours, schema)


def _pair(entry: Any) -> tuple[Any, Any]:
    """A key and a value of a map, in either of pyarrow's forms."""
    return (entry["key"], entry["value"]) if isinstance(entry, dict) else (entry[0], entry[1])


def _check_last(table: Path, checkpoints: set[int]) -> None:
    """The hint where readers begin must lead to a checkpoint that was compared."""
    file = table / FOLDER / HINT
    if not file.exists():
        return
    try:
        hint = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        raise _error(table, HINT, "cannot be read") from None
    ours = isinstance(hint, dict) and hint.get("version") in checkpoints
    if not ours or hint.get("parts") or hint.get("v2Checkpoint"):
        raise _error(table, HINT, "was not written by Assay")


def schema_of(arrow: Any) -> Any:
    """The Delta schema of an Arrow schema, as the log spells it, read from JSON."""
    from deltalake import Schema

    return json.loads(Schema.from_arrow(arrow).to_json())


def needs_timestamps_without_zone(schema: Any) -> bool:
    """Whether a Delta schema has such a column, at whatever depth."""
    if isinstance(schema, dict):
        return any(needs_timestamps_without_zone(value) for value in schema.values())
    if isinstance(schema, list):
        return any(needs_timestamps_without_zone(value) for value in schema)
    return bool(schema == "timestamp_ntz")
