"""The address under which people open the web UI, and what a proxy in front of it may say. Pure.

Belongs here: the path prefix, the Host header, forwarded headers. Stays out: who sent a request
(peers.py), whether it passes (request_guard.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from assay.web.graphql_guard import Refusal
from assay.web.request_guard import RequestFacts

FORWARDED_HOST, FORWARDED_PROTO = "x-forwarded-host", "x-forwarded-proto"
FORWARDED_PREFIX = "x-forwarded-prefix"
PASSED_ON = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "content-length",
        "content-type",
        "host",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "range",
        "user-agent",
    }
)
"""The headers that Dagster gets: none that could name a person, and no cookie."""


@dataclass(frozen=True)
class PublicAddress:
    """The address under which people open the web UI, without a slash at its end."""

    url: str

    @property
    def host(self) -> str:
        """The Host header of requests to it."""
        return urlsplit(self.url).netloc

    @property
    def origin(self) -> str:
        """The Origin header of its pages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def prefix(self) -> str:
        """The path below which every page is: `/governance`; empty where there is none."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def is_secure(self) -> bool:
        """Whether people open it over TLS."""
        return self.url.startswith("https://")


def path_below(prefix: str, facts: RequestFacts) -> str | None:
    """The path of a page below the prefix; None outside of it."""
    if not prefix:
        return facts.path
    is_below = facts.path.startswith(f"{prefix}/")
    return facts.path.removeprefix(prefix) if is_below else None


def as_the_proxy_saw_it(facts: RequestFacts, address: PublicAddress) -> RequestFacts | Refusal:
    """The request as it came to the proxy, by the headers that the proxy has set.

    Args:
        facts: of a request that the proxy itself has sent; of any other, these headers mean nothing.
    Returns: what the guards look at; refused, if it was not sent to the public address.
    """
    for name in (FORWARDED_HOST, FORWARDED_PROTO, FORWARDED_PREFIX):
        if len(facts.values(name)) > 1 or "," in (facts.value(name) or ""):
            return Refusal(400, "The proxy's X-Forwarded headers must have one value each.")
    if address.is_secure and facts.value(FORWARDED_PROTO) not in (None, "https"):
        return Refusal(403, "This address is open over https only.")
    host, path = facts.value(FORWARDED_HOST), facts.path
    if (
        facts.value(FORWARDED_PREFIX) == address.prefix
        and path_below(address.prefix, facts) is None
    ):
        path = f"{address.prefix}{path}"  # the proxy has removed it
    others = tuple(pair for pair in facts.headers if host is None or pair[0] != "host")
    headers = others if host is None else (*others, ("host", host))
    opened = replace(facts, path=path, headers=headers)
    if (opened.value("host") or "").lower() != address.host:
        return Refusal(421, "The proxy has forwarded a request for another address.")
    return opened
