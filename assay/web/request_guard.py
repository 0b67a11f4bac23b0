"""Which HTTP requests and websockets pass, before anyone reads what they hold. Pure.

Request facts go in; None, or the refusal, comes out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from assay.contracts.stewards import Role, role_includes
from assay.web.graphql_guard import MAX_BODY_BYTES, Refusal

GRAPHQL = "/graphql"
SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
# routes of Dagster that write evidence, render notebooks, or show its GraphQL console
_OFF = re.compile(
    r"^/(dagit/)?notebook(/|$)|^/(dagit/)?graphiql(/|$)|/report_asset_", re.IGNORECASE
)
_BY_ROLE: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"^/(dagit/)?logs(/|$)", re.IGNORECASE), "operator"),
    (re.compile(r"^/(dagit/)?download_debug(/|$)", re.IGNORECASE), "administrator"),
)
"""Routes that show what a run printed and was configured with, and the least role that reads them."""
_OURS = re.compile(rf"^({GRAPHQL}|{SIGN_IN}|{SIGN_OUT})(/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class RequestFacts:
    """What the guards look at. `headers`: lower-case names, in the order in which they came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str | None:
        """The only value of a header; None if it is missing, or there are several."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None


def own_hosts(port: int) -> frozenset[str]:
    """The names under which a browser of this machine reaches the port."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def check_host(facts: RequestFacts, hosts: frozenset[str]) -> Refusal | None:
    """A Host that is not ours: a foreign name that points here (DNS rebinding), another port."""
    host = facts.value("host")
    if host is None or host.lower() not in hosts:
        own = min(hosts)
        return Refusal(
            421,
            f"The Host header is not the address of this page; open http://{own}, "
            "and forward a port under the same number only.",
        )
    return None


def check_path(facts: RequestFacts) -> Refusal | None:
    """Routes that are off, and unusual spellings of those that are not."""
    plain = _normalised(facts.path)
    if plain is None or _OFF.search(plain):
        return Refusal(404, "There is no such page.")
    if _OURS.match(plain) and facts.path not in (GRAPHQL, SIGN_IN, SIGN_OUT):
        return Refusal(404, "There is no such page.")
    return None


def check_role(facts: RequestFacts, role: Role) -> Refusal | None:
    """Routes that not every role may read."""
    plain = _normalised(facts.path) or facts.path
    for route, least in _BY_ROLE:
        if route.search(plain) and not role_includes(role, least):
            return Refusal(403, f"This page needs the role {least}; yours is {role}.")
    return None


def _normalised(path: str) -> str | None:
    """The path as a careless server would read it; None if it was encoded too many times."""
    for _ in range(3):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    else:
        return None
    parts: list[str] = []
    for part in re.split(r"[/\\]+", path):
        part = part.partition(";")[0].strip()
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def check_method(facts: RequestFacts) -> Refusal | None:
    """Pages are read with GET or HEAD; only GraphQL and signing out take a POST."""
    if facts.path == GRAPHQL:
        allowed: tuple[str, ...] = ("POST",)
    elif facts.path == SIGN_OUT:
        allowed = ("GET", "HEAD", "POST")
    else:
        allowed = ("GET", "HEAD")
    if facts.method not in allowed:
        return Refusal(405, f"This address takes {' or '.join(allowed)} only.")
    return None


def check_origin(facts: RequestFacts, origins: Mapping[str, str]) -> Refusal | None:
    """A POST or websocket comes from a page of the very address it goes to, which is ours.

    Args:
        origins: Host header -> the origin of pages of that address.
    """
    host, origin = facts.value("host"), facts.value("origin")
    if origin is None or host is None or origin.lower() != origins.get(host.lower()):
        return Refusal(
            403,
            "The request does not come from a page of this address: "
            "its Origin header is missing or foreign.",
        )
    if any(site != "same-origin" for site in facts.values("sec-fetch-site")):
        return Refusal(403, "The request was sent by a page of another site.")
    return None


def check_reader(facts: RequestFacts) -> Refusal | None:
    """A GET that a page of another address starts: following a link is right, embedding is not."""
    sites = set(facts.values("sec-fetch-site"))
    if sites <= {"same-origin", "none"}:
        return None
    follows_link = (
        facts.value("sec-fetch-mode") == "navigate" and facts.value("sec-fetch-dest") == "document"
    )
    if follows_link and facts.method == "GET":
        return None
    return Refusal(
        403, "A page of another site may link to this address, but not embed or read it."
    )


def check_json(facts: RequestFacts) -> Refusal | None:
    """The body of a POST to GraphQL is JSON, whole and not packed."""
    kind = (facts.value("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return Refusal(415, "GraphQL takes `Content-Type: application/json` only.")
    if any(value.strip().lower() != "identity" for value in facts.values("content-encoding")):
        return Refusal(415, "GraphQL takes bodies without Content-Encoding only.")
    length = facts.value("content-length") or "0"
    if (
        not (length.isascii() and length.isdigit())
        or len(length) > 12
        or int(length) > MAX_BODY_BYTES
    ):
        return Refusal(413, f"The request is longer than {MAX_BODY_BYTES} bytes.")
    return None
