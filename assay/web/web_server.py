"""The web server's process: Dagster's webserver behind our front, on an open socket."""

from __future__ import annotations

import argparse
import socket
import time
from pathlib import Path

import dagster as dg
import uvicorn

from assay.assets.dagster.storage_engines import reuse_engines
from assay.assets.io.installation import Installation
from assay.assets.stages.review_state import ruling
from assay.contracts.stewards import StewardPolicy
from assay.web.dagster_app import dagster_app, open_workspace
from assay.web.front import Front
from assay.web.people import People, Visitor
from assay.web.provider import Provider, ProviderSettings, provider_settings
from assay.web.sign_in import Links
from assay.web.supervise import answers

STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW = (
    15_000,
    3_600,
    20,
)  # Dagster's own for its webserver
MAX_MESSAGE_BYTES = 2**20
REQUESTED = "requested in the web UI"
"""The action of an entry of the audit log."""


def serve(port: int, listening: int, code_socket: Path, links: Path) -> None:
    """Serve until a signal ends it."""
    while not answers(code_socket):
        time.sleep(0.1)
    reuse_engines()
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW)
        with open_workspace(instance, str(code_socket)) as workspace:
            settings = provider_settings()
            provider = _provider(settings, port)
            app = dagster_app(workspace, provider.address.prefix if provider else "")
            people = People(policies)
            front = Front(app, port, Links(links), people, record, provider, proxy=settings.proxy)
            uvicorn.Server(_settings(front)).run([socket.socket(fileno=listening)])


def _provider(settings: ProviderSettings, port: int) -> Provider | None:
    if settings.issuer is None:
        return None
    return Provider(settings, settings.public_url or f"http://127.0.0.1:{port}")


def policies() -> list[StewardPolicy]:
    """The stewards' file, and the file as it was adopted."""
    installation = Installation.open()
    return [installation.home.read_policy(), ruling(installation)]


def record(visitor: Visitor, mutations: tuple[str, ...], digest: str) -> None:
    """Note in the audit log what a visitor asks for, before it is done."""
    details = {"mutations": list(mutations), "role": visitor.role, "request_sha256": digest}
    ledger = Installation.open(actor=visitor.name).registry.ledger
    ledger.note(REQUESTED, "", details)


def _settings(front: Front) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        log_level="warning",
        access_log=False,  # addresses hold sign-in tokens
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        ws_max_size=MAX_MESSAGE_BYTES,
    )


def main() -> None:
    """What the supervisor starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--listening", type=int, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--links", type=Path, required=True)
    given = parser.parse_args()
    serve(given.port, given.listening, given.socket, given.links)


if __name__ == "__main__":
    main()
