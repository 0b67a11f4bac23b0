"""The one door to OpenLineage: events -> the configured transport, which is always stated.

Belongs here: building the client. Stays out: retrying (the outbox does: a fact stays there until it
was taken).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from assay.lineage.events import events
from assay.lineage.facts import StageFact

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient


def file_client(file: Path) -> OpenLineageClient:
    """A client that appends to one file, a JSON event a line."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    file.parent.mkdir(parents=True, exist_ok=True)
    return OpenLineageClient(
        transport=FileTransport(FileConfig(log_file_path=str(file), append=True))
    )


def http_client(url: str, timeout_s: float = 5.0) -> OpenLineageClient:
    """A client that posts to a backend, once: the outbox is the retry."""
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    return OpenLineageClient(
        transport=HttpTransport(HttpConfig(url=url, timeout=timeout_s, retry={"total": 0}))
    )


def emit(client: OpenLineageClient, facts: Iterable[StageFact]) -> None:
    """Send START and the terminal event of each fact, in order.

    Raises what the transport raises.
    """
    for fact in facts:
        for event in events(fact):
            client.emit(event)
