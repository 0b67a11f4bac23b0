"""The partitions of a version by reference.

A tree of documents, each named by the SHA-256 of its bytes.

Belongs here: building the tree on an earlier one, finding partitions in it, what they come to
together.
Stays out: where the documents are kept (the registry, files below `evidence/NAME/partitions`). A
day `2013-03-05` is a document of its own, listed by the page `2013-03`, which the page `2013`
lists, which the root lists. A new version of one day writes that document and three pages, however
many days there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.contracts.errors import EvidenceError
from assay.pipelines.publish import partitions

Document = dict[str, Any]
Read = Callable[[Collection[str]], Mapping[str, Document]]
"""Reads documents by their digests. Raises: EvidenceError: one is missing, or is another."""


@dataclass
class Tree:
    """A tree: the digest of its root, what all its partitions come to, and the texts that are new
    by digest.
    """

    root: str
    total: Document
    new: dict[str, str] = field(default_factory=dict)


def text_of(document: Document) -> str:
    """A document as it is kept: the one spelling that its digest is of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    """SHA-256 of a document's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def parsed(digest: str, text: str) -> Document:
    """A document, compared with its digest. Raises: EvidenceError: it is another."""
    if digest_of(text) != digest:
        raise EvidenceError(
            "a partition document differs from its signed digest", "Restore it from a backup"
        )
    document: Document = json.loads(text)
    return document


def file_name(digest: str) -> str:
    """The file of a document, below a data set's evidence."""
    return f"partitions/{digest}.json"


# -- building ---------------------------------------------------------------------------------


def updated(root: str | None, parts: Mapping[str, Document], read: Read) -> Tree:
    """The tree with these partitions, in the place of those of the same names.

    Args:
        root: of the tree to build on; None for a new one.
        parts: partition -> its document.
    """
    builder = _Builder(read)
    digest, total = builder.page(root, "", 1, parts)
    return Tree(digest, total, builder.new)


class _Builder:
    """Writes the documents on the way from changed partitions to the root."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.new: dict[str, str] = {}

    def page(
        self, digest: str | None, name: str, depth: int, parts: Mapping[str, Document]
    ) -> tuple[str, Document]:
        """One page with changed partitions below it. Returns: its digest, and what it comes to."""
        earlier_page = self._read([digest])[digest] if digest else {}
        children = dict(earlier_page.get("children", {}))
        is_lowest = bool(earlier_page.get("lowest", False))
        totals: dict[str, Document] = {}
        for child, below in _grouped(parts, depth).items():
            part = below.get(child)
            if part is not None:
                is_lowest = True
                children[child], totals[child] = self._keep(part), _of_part(part)
            else:
                earlier = children.get(child)
                children[child], totals[child] = self.page(earlier, child, depth + 1, below)
        others = {child: digest for child, digest in children.items() if child not in totals}
        documents = self._read(list(others.values()))
        totals |= {child: _total_of(documents[digest]) for child, digest in others.items()}
        total = _together({child: totals[child] for child in sorted(totals)})
        page = {"page": name, "children": children, "lowest": is_lowest, "total": total}
        return self._keep(page), total

    def _keep(self, document: Document) -> str:
        text = text_of(document)
        digest = digest_of(text)
        self.new[digest] = text
        return digest


def _grouped(parts: Mapping[str, Document], depth: int) -> dict[str, dict[str, Document]]:
    """The partitions by their names' first `depth` fields: `2013`, then `2013-03`."""
    groups: dict[str, dict[str, Document]] = {}
    for name, part in parts.items():
        prefix = "-".join(name.split("-")[:depth])
        groups.setdefault(prefix, {})[name] = part
    return groups


# -- what partitions come to --------------------------------------------------------------------


def _total_of(document: Document) -> Document:
    total: Document = document["total"] if "children" in document else _of_part(document)
    return total


def _of_part(part: Document) -> Document:
    return {
        "partitions": 1,
        "source_digest": part["source_digest"],
        "accounting": part["accounting"],
        "checks": {rule: {**answer, "partitions": 1} for rule, answer in part["checks"].items()},
        "purposes": part["purposes"],
        "findings": part["findings"],
        **_statistics(part.get("statistics")),
    }


def _statistics(statistics: Document | None) -> Document:
    """Statistics of files, where there are any; documents of earlier releases have none."""
    return {} if statistics is None else {"statistics": statistics}


def _together(totals: Mapping[str, Document]) -> Document:
    several = list(totals.values())
    rules = dict.fromkeys(rule for total in several for rule in total["checks"])
    answers = {
        rule: [total["checks"][rule] for total in several if rule in total["checks"]]
        for rule in rules
    }
    return {
        "partitions": sum(total["partitions"] for total in several),
        "source_digest": partitions.digest(totals),
        "accounting": partitions.accounting(several),
        "checks": {rule: _answer(found) for rule, found in answers.items()},
        "purposes": partitions.purposes(several[0]["purposes"], several),
        "findings": partitions.findings(several),
        **_statistics(partitions.statistics(several)),
    }


def _answer(answers: Sequence[Document]) -> Document:
    """A rule over several partitions: passed where each has passed, unknown where one is.

    A partition without rows gives no information about a rule about rows.
    """
    passed = [
        answer["passed"] for answer in answers if answer["total"] or answer["passed"] is not None
    ]
    return {
        "failing": sum(answer["failing"] for answer in answers),
        "total": sum(answer["total"] for answer in answers),
        "passed": False if False in passed else None if None in passed else True,
        "partitions": sum(answer["partitions"] for answer in answers),
    }


# -- reading ------------------------------------------------------------------------------------


def find(root: str, name: str, read: Read) -> Document | None:
    """The document of one partition; None if the tree does not hold it."""
    digest, fields = root, name.split("-")
    for depth in range(1, len(fields) + 1):
        children = read([digest])[digest].get("children", {})
        prefix = "-".join(fields[:depth])
        if prefix not in children:
            return None
        digest = children[prefix]
    document = read([digest])[digest]
    return None if "children" in document else document


def listed(root: str, read: Read) -> dict[str, str]:
    """The digest of every partition's document, by name; the documents themselves are not read."""
    level, leaves = [root], dict[str, str]()
    while level:
        pages = read(level)
        level = []
        for page in pages.values():
            if page["lowest"]:
                leaves |= page["children"]
            else:
                level += page["children"].values()
    return dict(sorted(leaves.items()))


def all_parts(root: str, read: Read) -> dict[str, Document]:
    """Every partition with its document, by name."""
    return difference(None, root, read)[1]


def difference(
    old: str | None, new: str, read: Read
) -> tuple[dict[str, Document], dict[str, Document]]:
    """The partitions that two trees do not share.

    Those of the old one, and those of the new one.
    """
    before: dict[str, Document] = {}
    after: dict[str, Document] = {}
    sides = (
        (before, {"": old} if old and old != new else {}),
        (after, {"": new} if old != new else {}),
    )
    pages = tuple(pages for _, pages in sides)
    while any(pages):
        below: list[dict[str, str]] = []
        for (parts, _), level in zip(sides, pages, strict=True):
            documents = read(list(level.values()))
            children: dict[str, str] = {}
            for name, digest in level.items():
                document = documents[digest]
                if "children" in document:
                    children |= document["children"]
                else:
                    parts[name] = document
            below.append(children)
        shared = set(below[0].items()) & set(below[1].items())
        pages = tuple(
            {name: digest for name, digest in level.items() if (name, digest) not in shared}
            for level in below
        )
    return dict(sorted(before.items())), dict(sorted(after.items()))
