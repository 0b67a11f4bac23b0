"""A data set that comes month by month or day by day: the names of its partitions, and what all of
them come to.

Belongs here: deciding and adding up. Stays out: files (assets/io/lake.py), who wins a race (the
registry's transaction).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from assay.contracts.errors import SourceError
from assay.contracts.settings import Partitions, Window

TO = ".."
_FORMATS = {"month": "%Y-%m", "day": "%Y-%m-%d"}
Part = Mapping[str, Any]
"""What a version's evidence states about one partition."""


def name_format(partitions: Partitions) -> str:
    """How a partition's name is written, for strftime."""
    return _FORMATS[partitions.by]


def windows(partitions: Partitions, now: datetime) -> dict[str, Window]:
    """Every partition that has begun, by name, the oldest first."""
    return {
        name: Window(name=name, start=start, end=end)
        for name, start, end in _spans(partitions, now)
    }


def _spans(partitions: Partitions, now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """Name, start and end of every partition that has begun, the oldest first."""
    start, written = partitions.start.astimezone(UTC), name_format(partitions)
    while start <= now and (partitions.end is None or start < partitions.end):
        end = start + timedelta(days=1)
        if partitions.by == "month":
            end = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start.strftime(written), start, end
        start = end


def window(partitions: Partitions, name: str) -> Window:
    """The span of one partition."""
    start = datetime.strptime(name, name_format(partitions)).replace(tzinfo=UTC)
    return windows(partitions.model_copy(update={"start": start, "end": None}), start)[name]


def chosen(partitions: Partitions, text: str, now: datetime) -> tuple[str, ...]:
    """The partitions that someone named: one, or `FIRST..LAST`.

    Raises: SourceError: there is no such partition, or the range is empty.
    """
    known = [name for name, _, _ in _spans(partitions, now)]
    first, _, last = text.partition(TO)
    for name in (first, last or first):
        if name not in known:
            span = f"{known[0]} to {known[-1]}" if known else "none yet"
            raise SourceError(
                "the contract has no partition with that name",
                f"Choose one of {span}, or a range FIRST{TO}LAST",
            )
    found = tuple(known[known.index(first) : known.index(last or first) + 1])
    if not found:
        raise SourceError(
            f"the range {text} is empty", f"Write the earlier one first: {last}{TO}{first}"
        )
    return found


def describe_partitions(names: Sequence[str]) -> str:
    """Partitions in words: one name, or the first and the last."""
    return names[0] if len(names) == 1 else f"{names[0]}{TO}{names[-1]}"


def key(base: str | None, keys: Mapping[str, str]) -> str:
    """SHA-256 over the version that was built on, and the inputs of each partition that is new."""
    return hashlib.sha256(json.dumps([base, dict(keys)], sort_keys=True).encode()).hexdigest()


def digest(parts: Mapping[str, Part]) -> str:
    """SHA-256 over the source digests of all partitions."""
    return hashlib.sha256(
        json.dumps(
            {name: part["source_digest"] for name, part in parts.items()}, sort_keys=True
        ).encode()
    ).hexdigest()


def accounting(parts: Iterable[Part]) -> dict[str, Any]:
    """Where the rows of all partitions went."""
    parts = list(parts)
    counts = {
        name: sum(part["accounting"][name] for part in parts)
        for name in ("rows_in", "published", "quarantined", "removed")
    }
    by = {
        name: dict(
            sorted(sum((Counter(part["accounting"][name]) for part in parts), Counter()).items())
        )
        for name in ("quarantined_by", "removed_by")
    }
    return {**counts, **by}


def statistics(parts: Iterable[Part]) -> dict[str, Any] | None:
    """What the files of all partitions hold; None if one has no statistics, as in documents of
    earlier releases.
    """
    several = [part.get("statistics") for part in parts]
    known = [each for each in several if each is not None]
    if len(known) < len(several) or not known:
        return None
    total: dict[str, Any] = {
        name: dict(sorted(sum((Counter(each[name]) for each in known), Counter()).items()))
        for name in ("changed", "repeats")
    }
    columns = [name for name in known[0]["nulls"] if all(name in each["nulls"] for each in known)]
    total["nulls"] = {name: sum(each["nulls"][name] for each in known) for name in columns}
    total["newest"] = {}
    for each in known:
        for name, moment in each["newest"].items():
            total["newest"][name] = max(moment, total["newest"].get(name, ""))
    return total


def purposes(newest: Sequence[str], parts: Iterable[Part]) -> list[str]:
    """What every partition was admitted for."""
    parts = list(parts)
    return [purpose for purpose in newest if all(purpose in part["purposes"] for part in parts)]


def findings(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The personal data of all partitions, rows added up; declared where it is everywhere."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for part in parts:
        for each in part["findings"]:
            known = found.setdefault((each["column"], each["kind"]), {**each, "rows": 0})
            known.update(
                rows=known["rows"] + each["rows"],
                declared=known["declared"] and each["declared"],
                confidence=max(known["confidence"], each["confidence"]),
            )
    return [found[name] for name in sorted(found)]
