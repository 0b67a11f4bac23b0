"""The signed evidence of a data set, read once for everything that is compared with it.

Belongs here: reading it, and the lists of files in it. Stays out: comparing (verify.py,
accounted.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.lake import Lake
from assay.contracts.errors import EvidenceError, errors_located_at
from assay.lineage import evidence, features, handling

if TYPE_CHECKING:
    from securesystemslib.signer import Key

_SUFFIX = ".dsse.json"


@dataclass(frozen=True)
class Signed:
    """All signed evidence of one data set.

    `documents` are the checked statements by version, `damaged` why others cannot be read, and
    `recorded` the quarantine files that the registry calls expired, with the time.
    """

    root: Path
    name: str
    documents: dict[str, dict[str, Any]]
    damaged: dict[str, EvidenceError]
    handlings: list[dict[str, Any]]
    features: dict[str, dict[str, Any]]
    recorded: Mapping[str, str] = field(default_factory=dict)

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
    return Signed(root, name, documents, damaged, handlings, of_features, recorded or {})


def _document(file: Path, name: str, version: str, key: Key) -> dict[str, Any]:
    """The checked statement of one version."""
    with errors_located_at(dataset=name, file=f"evidence/{name}/{file.name}"):
        document = evidence.opened(_text(file), key)
        predicate = document["predicate"]
        if (predicate["dataset"], predicate["version"]) != (name, version):
            problem = f"it is evidence of {predicate['dataset']}@{predicate['version']}"
            raise EvidenceError(problem, "Put each file under its own name")
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
        raise EvidenceError("the evidence is no text", "Restore it from a copy") from None
    except OSError as error:
        problem = f"the evidence cannot be read ({type(error).__name__})"
        raise EvidenceError(problem, "Restore it from a copy") from None


def learned_files(predicate: Mapping[str, Any]) -> dict[str, str]:
    """What cleaning had learned for a version: path below `versions` -> SHA-256.

    Statements of partitions that were made before 0.1 do not list them.
    """
    parts = [part.get("learned") for part in predicate.get("partitions", {}).values()]
    files: dict[str, str] = {}
    for learned in [predicate["cleaning"].get("learned"), *parts]:
        if learned:
            named = learned["files"].items()
            files.update({f"{learned['folder']}/{name}": digest for name, digest in named})
    return files
