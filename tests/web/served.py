"""The front on a port of its own, and nginx with TLS before it, as tests use them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

from tests.web_ui import wait_for

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "sign-in.md"


@contextmanager
def served(app: ASGIApp, port: int) -> Iterator[None]:
    """An application on a port of this machine, with the settings of our web server."""
    from assay.web.web_server import _settings

    settings = _settings(app)
    settings.log_level = "critical"
    with socket.create_server(("127.0.0.1", port)) as listening:
        server = uvicorn.Server(settings)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            wait_for(lambda: server.started, 20)
            yield
        finally:
            server.should_exit = True
            thread.join(20)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that signs itself. Returns: its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "localhost.pem", folder / "localhost.key"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


def documented_server(heading: str) -> str:
    """The `server` block of nginx in the how-to, below a heading."""
    _, _, below = PAGE.read_text(encoding="utf-8").partition(f"{heading}\n")
    _, _, block = below.partition("```nginx\n")
    return block.partition("```")[0]


@contextmanager
def nginx(folder: Path, server: str, port: int) -> Iterator[None]:
    """nginx with one `server` block, its workers under www-data where this test may start them so."""
    assert NGINX is not None
    is_root = os.geteuid() == 0
    settings = folder / "nginx.conf"
    paths = "".join(
        f"  {name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings.write_text(
        ("user www-data;\n" if is_root else "")
        + f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        + f"worker_processes 1;\nevents {{}}\nhttp {{\n  access_log off;\n{paths}{server}}}\n"
    )
    command = [NGINX, "-c", str(settings), "-p", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _answers(port, process), 20)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "nginx has ended"
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def trusting(chain: Path) -> ssl.SSLContext:
    """A client's settings of TLS that trust this certificate alone."""
    return ssl.create_default_context(cafile=str(chain))
