"""Settling: deliver what committed transactions left in the outbox.

Belongs here: which entries are tried and in which order, what happens when one fails, the alarm when too much waits.
Stays out: the deliveries (outbox_handlers.py), the entries (registry/outbox.py).
Data sets take turns, so that one with many entries does not hold up the others.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from assay.assets.io import outbox_handlers
from assay.assets.io.disk import room_on_disk
from assay.assets.io.failures import must_stop, reason_of
from assay.assets.io.private import private_files
from assay.assets.io.registry.outbox import OutboxEntry
from assay.assets.io.webhook import NotDelivered

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation

_TOGETHER, _TOGETHER_S = 50, 2.0
"""So many deliveries, or so many seconds of them, are noted in one transaction."""


def deliver_outbox(installation: Installation) -> list[str]:
    """Do what committed versions still wait for: evidence file, Delta commit, lineage. Idempotent; a crash only delays it.

    Returns: what could not be delivered now, in words; it stays in the outbox.
    """
    if installation.registry.read_only or not installation.home.is_writable:
        return []  # the next who may write does it
    with private_files(), (installation.home.root / ".settling").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []  # another process is at it
        with installation.registry.session():
            return _Settling(installation).run()


class _Settling:
    """One look at everything that waits."""

    def __init__(self, installation: Installation) -> None:
        self._installation, self._outbox = installation, installation.registry.outbox
        self._delivered: list[OutboxEntry] = []
        self._since = time.monotonic()

    def run(self) -> list[str]:
        """Deliver what is due. Returns: what could not be delivered, in words."""
        pending = self._outbox.pending()
        late: list[str] = []
        stuck: set[tuple[str, str]] = set()
        try:
            for entry in in_turns(pending):
                line = (entry.dataset, entry.kind)
                if line in stuck:
                    continue  # it must not overtake the one before it
                is_due = self._outbox.is_due(entry)
                reason = self._deliver(entry) if is_due else ""
                if reason is None:
                    continue
                if entry.kind in outbox_handlers.IN_ORDER:
                    stuck.add(line)
                if reason:
                    late.append(f"{entry.kind} of {entry.dataset}: {reason}")
        finally:
            self._note_delivered()
        self._installation.registry.outbox.raise_alarms()
        return late

    def _deliver(self, entry: OutboxEntry) -> str | None:
        """Deliver one entry of the outbox; whatever it raises is recorded against it alone.

        Returns: why it was put off, None if it was delivered.
        """
        try:
            with room_on_disk():
                outbox_handlers.deliver(
                    self._installation, entry.kind, entry.dataset, entry.payload
                )
        except BaseException as error:
            if must_stop(error):
                raise
            reason = str(error) if isinstance(error, NotDelivered) else reason_of(error)
            with room_on_disk():
                self._outbox.retry_later(entry, type(error).__name__, reason)
            return reason
        self._delivered.append(entry)
        if len(self._delivered) >= _TOGETHER or time.monotonic() - self._since > _TOGETHER_S:
            self._note_delivered()
        return None

    def _note_delivered(self) -> None:
        if self._delivered:
            self._outbox.delivered(*self._delivered)
        self._delivered, self._since = [], time.monotonic()


def in_turns(entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
    """The entries, a data set after the other by turns; those of one data set stay in order."""
    turns: dict[str, int] = {}
    ordered = []
    for entry in entries:
        turn = turns[entry.dataset] = turns.get(entry.dataset, 0) + 1
        ordered.append((turn, entry.id, entry))
    return [entry for _, _, entry in sorted(ordered, key=lambda item: item[:2])]
