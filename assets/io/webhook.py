"""A trigger, told to somebody else's system: one POST with a signed body.

Belongs here: the request and its signature. Stays out: when, and when again (installation.py: the outbox is the retry).
The receiver holds `t=…,v1=…` of `Assay-Signature` against HMAC-SHA256 over `t`, a dot, and the body as it came; a repeated delivery has the same `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

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
        key: the same each time for the same trigger. at_s: now, in seconds since 1970. hosts: those that may be reached wherever they lie.
    Returns: the status, 200 to 299. Raises: NotDelivered.
    """
    import urllib3

    secret = os.environ.get(webhook.secret, "")
    if not secret:
        raise NotDelivered(f"the environment variable {webhook.secret} holds no key")
    url = urlsplit(webhook.url)
    host, port = (url.hostname or "").lower(), url.port or (443 if url.scheme == "https" else 80)
    allowed = is_allowed(host, port, hosts)
    if url.scheme != "https" and not allowed:
        raise NotDelivered("the address is not https, and the installation does not allow its host")
    try:
        found = addresses(host, port, allowed=allowed, where=where)
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
    pool: Any
    options: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False, "maxsize": 1}
    if url.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            found[0],
            port,
            cert_reqs="CERT_REQUIRED",
            server_hostname=host,
            assert_hostname=host,
            **options,
        )
    else:
        pool = urllib3.HTTPConnectionPool(found[0], port, **options)
    try:
        with pool:
            status = int(
                pool.urlopen(
                    "POST",
                    (url.path or "/") + (f"?{url.query}" if url.query else ""),
                    body=body,
                    headers=headers,
                    redirect=False,
                ).status
            )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise NotDelivered(type(error).__name__) from None
    if not 200 <= status < 300:
        raise NotDelivered(f"it answered {status}")
    return status
