"""Any change to the audit log is found, and the first entry that does not fit is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.contracts.errors import EvidenceError
from assay.lineage.chain import GENESIS, Entry, check


def log(length: int) -> list[tuple[Entry, str]]:
    made: list[tuple[Entry, str]] = []
    for number in range(1, length + 1):
        entry = Entry(
            number,
            "2026-01-01",
            "ann",
            "published",
            "readings",
            {"rows": number},
            made[-1][1] if made else GENESIS,
        )
        made.append((entry, entry.hash))
    return made


def test_a_whole_log_has_its_last_hash_as_head() -> None:
    assert check(log(5)) == log(5)[-1][1]
    assert check([]) == GENESIS


@pytest.mark.parametrize("field", ["at", "actor", "action", "dataset", "details", "previous"])
def test_a_changed_field_is_found(field: str) -> None:
    entries = log(5)
    changed = replace(entries[2][0], **{field: {"rows": 9} if field == "details" else "x"})
    entries[2] = (changed, entries[2][1])
    with pytest.raises(EvidenceError, match="entry 3 of the audit log was changed"):
        check(entries)


def test_swapping_removing_and_inserting_are_found() -> None:
    swapped = log(4)
    swapped[1], swapped[2] = swapped[2], swapped[1]
    for entries, place in ((swapped, 2), (log(4)[:1] + log(4)[2:], 2), ([*log(2), log(2)[1]], 3)):
        with pytest.raises(EvidenceError, match=f"entry {place} of the audit log was changed"):
            check(entries)


def test_an_entry_hashed_again_breaks_the_next_one() -> None:
    entries = log(4)
    forged = replace(entries[1][0], actor="mallory")
    entries[1] = (forged, forged.hash)
    with pytest.raises(EvidenceError, match="entry 3 of the audit log was changed"):
        check(entries)
