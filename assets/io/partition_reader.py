"""Documents about partitions, read by digest: from the registry, or from files next to the evidence.

Belongs here: reading, comparing with the digest, remembering the newest. Stays out: what they say (lineage/partition_tree.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from assay.contracts.errors import EvidenceError, Where
from assay.lineage.partition_tree import Document, file_name, parsed

_REMEMBERED = 2_000


class PartitionReader:
    """Reads documents, each once while it is remembered: they never change."""

    def __init__(
        self,
        dataset: str,
        texts: Callable[[Collection[str]], Mapping[str, str]],
        remembered: int = _REMEMBERED,
    ) -> None:
        self._dataset, self._texts, self._most = dataset, texts, remembered
        self._documents: OrderedDict[str, Document] = OrderedDict()

    def __call__(self, digests: Collection[str]) -> dict[str, Document]:
        """The documents of these digests. Raises: EvidenceError: one is missing, or is another."""
        wanted = dict.fromkeys(digests)
        documents = {
            digest: self._documents[digest] for digest in wanted if digest in self._documents
        }
        missing = [digest for digest in wanted if digest not in documents]
        texts = self._texts(missing) if missing else {}
        for digest in missing:
            if digest not in texts:
                raise EvidenceError(
                    "a partition document is missing",
                    "Restore it from a backup",
                    Where(file=file_name(digest), dataset=self._dataset),
                )
            documents[digest] = self._documents[digest] = parsed(digest, texts[digest])
        while len(self._documents) > self._most:
            self._documents.popitem(last=False)
        return documents


def from_files(evidence_folder: Path, dataset: str) -> PartitionReader:
    """A reader of the files below a data set's evidence, for which no registry is needed."""

    def texts(digests: Collection[str]) -> dict[str, str]:
        contents: dict[str, str] = {}
        for digest in digests:
            file = evidence_folder / file_name(digest)
            if file.is_file():
                contents[digest] = file.read_text(encoding="utf-8", errors="replace")
        return contents

    return PartitionReader(dataset, texts)
