"""The signed evidence of a data set, read once for everything that is compared with it.

Belongs here: reading it, and the lists of files in it. Stays out: comparing (verify.py,
accounted.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.disk import sha256
from assay.assets.io.lake import Lake
from assay.assets.io.partition_reader import PartitionReader, from_files
from assay.contracts.errors import EvidenceError, errors_located_at
from assay.lineage import evidence, features, handling, partition_tree

if TYPE_CHECKING:
    from securesystemslib.signer import Key

_SUFFIX = ".dsse.json"


class Documents(Mapping[str, dict[str, Any]]):
    """The checked statements by version, each with all that it refers to.

    Those of partitioned data sets are put together when they are requested, and not kept: all of
    them together would hold every partition as often as there are versions.
    """

    def __init__(self, signed: Mapping[str, dict[str, Any]], read: PartitionReader) -> None:
        self.signed, self._read = signed, read

    def __getitem__(self, version: str) -> dict[str, Any]:
        return evidence.whole(self.signed[version], self._read)

    def __iter__(self) -> Iterator[str]:
        return iter(self.signed)

    def __len__(self) -> int:
        return len(self.signed)

    def files(self) -> set[str]:
        """The path of every file of every version, and of what cleaning had learned for it."""
        paths: set[str] = set()
        for document in self.signed.values():
            paths |= set(learned_files(document["predicate"]))
            if "partition_tree" not in document["predicate"]:
                paths |= {file.path for file in evidence.files(document)}
        for part in self.parts():
            paths |= {*part["files"], *learned_files({"cleaning": {}, "partitions": {"": part}})}
        return paths

    def set_aside(self) -> set[str]:
        """The path of every file of rows that left on the way to a version."""
        whole = [
            document["predicate"]["set_aside"]
            for document in self.signed.values()
            if "partition_tree" not in document["predicate"]
        ]
        layers = [*whole, *(part["set_aside"] for part in self.parts())]
        return {entry["path"] for entries in layers for entry in entries.values()}

    def parts(self) -> Iterator[dict[str, Any]]:
        """Every document about a partition that some version refers to, once where versions follow one another."""
        before: str | None = None
        for document in sorted(self.signed.values(), key=_sequence):
            tree = document["predicate"].get("partition_tree")
            if tree is not None:
                yield from partition_tree.difference(before, tree["root"], self._read)[1].values()
                before = tree["root"]


def _sequence(document: Mapping[str, Any]) -> int:
    return int(document["predicate"]["sequence"])


@dataclass(frozen=True)
class Signed:
    """All signed evidence of one data set.

    `documents` are the checked statements by version, `damaged` why others cannot be read, and
    `recorded` the quarantine files that the registry calls expired, with the time.
    """

    root: Path
    name: str
    documents: Documents
    damaged: dict[str, EvidenceError]
    handlings: list[dict[str, Any]]
    features: dict[str, dict[str, Any]]
    recorded: Mapping[str, str] = field(default_factory=dict)
    compared: set[evidence.PublishedFile] = field(default_factory=set)
    """Published files that were compared with their digests already."""
    digests: dict[Path, str] = field(default_factory=dict)

    def digest_of(self, file: Path) -> str:
        """The SHA-256 of a file; versions share files, and each is read once."""
        if file not in self.digests:
            self.digests[file] = sha256(file)
        return self.digests[file]

    @property
    def lake(self) -> Lake:
        """The data that the evidence is about."""
        return Lake(self.root / "lake")


def read_signed(
    root: Path, name: str, key: Key, recorded: Mapping[str, str] | None = None
) -> Signed:
    """Read what is signed about a data set. What cannot be read is noted, for its own version.

    Raises: EvidenceError: a signed decision about quarantined rows cannot be read.
    """
    folder = root / "evidence" / name
    documents, damaged, of_features = {}, {}, {}
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        version = file.name.removesuffix(_SUFFIX)
        try:
            documents[version] = _document(file, name, version, key)
            kept = folder / features.FOLDER / file.name
            if kept.is_file():
                of_features[version] = _features(kept, key)
        except EvidenceError as error:
            damaged[version] = error
    decisions = sorted((folder / "quarantine").glob(f"*{_SUFFIX}"))
    handlings = [_decision(file, key) for file in decisions]
    read = from_files(folder, name)
    statements = Documents(documents, read)
    return Signed(root, name, statements, damaged, handlings, of_features, recorded or {})


def _document(file: Path, name: str, version: str, key: Key) -> dict[str, Any]:
    """The checked statement of one version."""
    with errors_located_at(dataset=name, file=f"evidence/{name}/{file.name}"):
        document = evidence.opened(_text(file), key)
        predicate = document["predicate"]
        if (predicate["dataset"], predicate["version"]) != (name, version):
            problem = f"it is evidence of {predicate['dataset']}@{predicate['version']}"
            raise EvidenceError(problem, "Give each file its own name")
    return document


def _features(file: Path, key: Key) -> dict[str, Any]:
    name = file.parent.parent.name
    with errors_located_at(dataset=name, file=f"evidence/{name}/{features.FOLDER}/{file.name}"):
        return features.opened(_text(file), key)


def _decision(file: Path, key: Key) -> dict[str, Any]:
    name = file.parent.parent.name
    with errors_located_at(dataset=name, file=f"{name}/quarantine/{file.name}"):
        return handling.opened(_text(file), key)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise EvidenceError("the evidence is not a text file", "Restore it from a backup") from None
    except OSError as error:
        problem = f"the evidence cannot be read ({type(error).__name__})"
        raise EvidenceError(problem, "Restore it from a backup") from None


def learned_files(predicate: Mapping[str, Any]) -> dict[str, str]:
    """What cleaning had learned for a version: path below `versions` -> SHA-256.

    Statements of partitions that were created before 0.1 do not list them.
    """
    parts = [part.get("learned") for part in predicate.get("partitions", {}).values()]
    files: dict[str, str] = {}
    for learned in [predicate["cleaning"].get("learned"), *parts]:
        if learned:
            named = learned["files"].items()
            files.update({f"{learned['folder']}/{name}": digest for name, digest in named})
    return files
