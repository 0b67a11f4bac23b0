"""A trigger, sent to another system: one POST with a signed body.

Belongs here: the request and its signature. Stays out: when, and when again (outbox_delivery.py:
the outbox is the retry). The receiver holds `t=…,v1=…` of `Assay-Signature` against HMAC-SHA256 over
`t`, a dot, and the body as it came; a repeated delivery has the same `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from assay.assets.io.sources.hosts import addresses, is_allowed
from assay.contracts.errors import SourceError, Where
from assay.contracts.settings import Webhook

TIMEOUT_S = 5.0
SIGNATURE, KEY = "Assay-Signature", "Idempotency-Key"


class NotDelivered(OSError):
    """The receiver was not reached, or did not say that it took it: another try may help."""


def signature(secret: bytes, at_s: int, body: bytes) -> str:
    """What goes into `Assay-Signature`."""
    return f"t={at_s},v1={hmac.new(secret, b'%d.' % at_s + body, hashlib.sha256).hexdigest()}"


def deliver(
    webhook: Webhook,
    key: str,
    payload: dict[str, Any],
    *,
    at_s: int,
    hosts: Collection[str],
    where: Where,
) -> int:
    """Post once, to an address that was checked, following no redirect.

    Args:
        key: the same each time for the same trigger. at_s: now, in seconds since 1970. hosts: those
            that may be reached wherever they lie.
    Returns: the status, 200 to 299. Raises: NotDelivered.
    """
    secret = os.environ.get(webhook.secret, "")
    if not secret:
        raise NotDelivered(f"the environment variable {webhook.secret} holds no key")
    url = urlsplit(webhook.url)
    host, port = (url.hostname or "").lower(), url.port or (443 if url.scheme == "https" else 80)
    allowed = is_allowed(host, port, hosts)
    if url.scheme != "https" and not allowed:
        raise NotDelivered("the address is not https, and the installation does not allow its host")
    try:
        address, *_ = addresses(host, port, allowed=allowed, where=where)
    except SourceError as error:
        raise NotDelivered(error.problem) from None
    body = json.dumps(payload, sort_keys=True).encode()
    headers = {
        "Host": host if port in (80, 443) else f"{host}:{port}",
        "User-Agent": "assay",
        "Content-Type": "application/json",
        SIGNATURE: signature(secret.encode(), at_s, body),
        KEY: key,
    }
    status = _post(url, address, port, body, headers)
    if not 200 <= status < 300:
        raise NotDelivered(f"it answered {status}")
    return status


def _post(url: SplitResult, address: str, port: int, body: bytes, headers: dict[str, str]) -> int:
    """Post to one address; the certificate must be the host's. Returns: the status."""
    import urllib3

    host = (url.hostname or "").lower()
    options: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False, "maxsize": 1}
    pool: Any = urllib3.HTTPConnectionPool
    if url.scheme == "https":
        pool = urllib3.HTTPSConnectionPool
        options |= {
            "cert_reqs": "CERT_REQUIRED",
            "server_hostname": host,
            "assert_hostname": host,
        }
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        with pool(address, port, **options) as connections:
            response = connections.urlopen("POST", path, body=body, headers=headers, redirect=False)
            return int(response.status)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotDelivered(type(error).__name__) from None
