"""The ASGI front of the web UI: it signs people in, and passes on what the guards let through.

Belongs here: reading requests, writing answers. Stays out: deciding (request_guard, graphql_guard),
keeping links and sessions (sign_in).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.assets.io.home import account
from assay.contracts.errors import AssayError
from assay.contracts.stewards import Role
from assay.web import pages
from assay.web.graphql_guard import (
    MAX_BODY_BYTES,
    Checked,
    Refusal,
    check_body,
)
from assay.web.peers import user_of
from assay.web.people import VISITOR, Identity, People, Visitor
from assay.web.provider import CALLBACK, Provider
from assay.web.public_address import (
    PASSED_ON,
    PublicAddress,
    as_the_proxy_saw_it,
    path_below,
)
from assay.web.request_guard import (
    GRAPHQL,
    SIGN_IN,
    SIGN_OUT,
    RequestFacts,
    check_host,
    check_json,
    check_method,
    check_origin,
    check_path,
    check_reader,
    check_role,
    own_hosts,
)
from assay.web.sign_in import Links, Sessions
from assay.web.websocket_guard import WebsocketGuard, refuse_websocket

SIGN_IN_LIFE_S = 10 * 60
_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_AHEAD_OF_TIME = (
    "purpose",
    "sec-purpose",
    "x-moz",
    "x-purpose",
)  # a browser that loads a page before it is opened sends one of these


_USER = "user_of_connection"
"""The key of the ASGI scope for the user id at the other end; None if the system does not tell."""
Record = Callable[[Visitor, tuple[str, ...], str], None]
"""Writes down who sends which mutations, with the SHA-256 of the whole request."""


@dataclass
class Front:
    """Dagster's webserver, behind sign-in, roles and the guards.

    Args:
        provider: signs people in, where there is one; the one-time link is there in any case.
        record: is called before a mutation is passed on; what cannot be recorded is not passed on.
        user: the account that signs in by a one-time link.
        proxy: the user id of the proxy in front, whose forwarded headers count and through which
            alone the public address is reached; without one, nobody's count.
    """

    dagster: ASGIApp
    port: int
    links: Links
    people: People
    record: Record
    provider: Provider | None = None
    sessions: Sessions = field(default_factory=Sessions)
    user: str = field(default_factory=account)
    proxy: int | None = None

    def __post_init__(self) -> None:
        """Between the two requests of a sign-in a cookie of its own keeps what belongs to it."""
        own = PublicAddress(f"http://127.0.0.1:{self.port}")
        self.address = self.provider.address if self.provider else own
        self.prefix = self.address.prefix
        self._provider_app = SessionMiddleware(
            self._answer_sign_in,
            secret_key=secrets.token_urlsafe(32),
            session_cookie=f"assay_sign_in_{self.port}",
            max_age=SIGN_IN_LIFE_S,
            path=f"{self.prefix}{SIGN_IN}",
            same_site="lax",  # the provider sends the browser back
            https_only=self.address.is_secure,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.dagster(scope, receive, send)
            return
        scope = {**scope, _USER: user_of(scope.get("client"), scope.get("server"))}
        facts = self._as_opened(scope)
        if isinstance(facts, RequestFacts):
            scope |= {"headers": _encoded(facts), "path": facts.path}
        if scope["type"] == "http":
            await self._answer_http(scope, facts, receive, _with_headers(send))
        else:
            await self._answer_websocket(scope, facts, receive, send)

    def _as_opened(self, scope: Scope) -> RequestFacts | Refusal:
        """The request as the browser sent it: a proxy that is named may say what it changed."""
        facts = _facts(scope, self.prefix)
        if self.proxy is None or scope[_USER] != self.proxy:
            return facts
        return as_the_proxy_saw_it(facts, self.address)

    @property
    def cookie(self) -> str:
        """The cookie's name holds the port: browsers send a cookie to every port of a host."""
        return f"assay_session_{self.port}"

    def session_of(self, connection: HTTPConnection) -> str | None:
        """The key of the open session that a connection shows; None if it shows none."""
        for header in connection.headers.getlist("cookie"):
            for part in header.split(";"):
                name, _, value = part.strip().partition("=")
                if name == self.cookie and self._identity(value, connection.scope):
                    return value
        return None

    def _identity(self, key: str, scope: Scope) -> Identity | None:
        return self.sessions.identity_of(key, scope[_USER])

    def visitor_of(self, key: str | None, scope: Scope) -> Visitor | Refusal:
        """Whose session it is, with the role of this moment."""
        identity = self._identity(key, scope) if key else None
        if identity is None:
            return pages.SIGN_IN_FIRST if self.provider else pages.NOT_SIGNED_IN
        return self.people.visitor(identity) or pages.NO_ROLE

    def check(self, facts: RequestFacts, scope: Scope) -> Refusal | None:
        """What holds for every request, signed in or not."""
        refusal = check_host(facts, frozenset(self._origins()))
        by_passes = self.proxy not in (None, scope[_USER]) and not self._is_at_own_address(facts)
        return refusal or (pages.NOT_BY_THE_PROXY if by_passes else None)

    def _is_at_own_address(self, facts: RequestFacts) -> bool:
        """Whether the request came to this machine's own name, not to the public address."""
        return (facts.value("host") or "").lower() in own_hosts(self.port)

    def _origins(self) -> dict[str, str]:
        """Host header -> the origin of pages of that address."""
        origins = {host: f"http://{host}" for host in own_hosts(self.port)}
        return origins | {self.address.host: self.address.origin}

    async def _answer_http(
        self, scope: Scope, opened: RequestFacts | Refusal, receive: Receive, send: Send
    ) -> None:
        request = Request(scope, receive)
        refusal = opened if isinstance(opened, Refusal) else self.check(opened, scope)
        below = None if isinstance(opened, Refusal) else path_below(self.prefix, opened)
        if isinstance(opened, Refusal) or below is None or refusal is not None:
            answer = self._outside(request, refusal or Refusal(404, "There is no such page."))
            await answer(scope, receive, send)
            return
        facts = replace(opened, path=below)
        if facts.path in (SIGN_IN, CALLBACK):
            await self._sign_in_app(request, facts)(scope, receive, send)
            return
        key = self.session_of(request)
        visitor = self.visitor_of(key, scope)
        refusal = visitor if isinstance(visitor, Refusal) else self._check_page(facts, visitor.role)
        if refusal is not None or key is None or isinstance(visitor, Refusal):
            answer = self._refused(refusal or pages.NOT_SIGNED_IN, request)
            await answer(scope, receive, send)
            return
        scope[VISITOR] = visitor
        if facts.path == SIGN_OUT:
            await self._sign_out(request, key, visitor)(scope, receive, send)
        elif facts.path == GRAPHQL:
            await self._answer_graphql(request, facts, visitor, send)
        else:
            await self.dagster(_for_dagster(scope), receive, send)

    def _check_page(self, facts: RequestFacts, role: Role) -> Refusal | None:
        """What holds for a person who has signed in."""
        return (
            check_path(facts)
            or check_method(facts)
            or (
                check_origin(facts, self._origins())
                if facts.method == "POST"
                else check_reader(facts)
            )
            or check_role(facts, role)
        )

    def _outside(self, request: Request, refusal: Refusal) -> Response:
        """A request that reaches no page: whoever opens the top of the host is sent to ours."""
        is_top = refusal.status == 404 and request.scope["path"] in ("/", self.prefix)
        if is_top and request.method in ("GET", "HEAD"):
            return RedirectResponse(f"{self.prefix}/", 303)
        return self._refused(refusal, request)

    def _refused(self, refusal: Refusal, request: Request) -> Response:
        return pages.refused(refusal, request, self.prefix)

    def _sign_in_app(self, request: Request, facts: RequestFacts) -> ASGIApp:
        """What answers a request about signing in: by a link, or by the provider."""
        by_link = facts.path == SIGN_IN and "token" in request.query_params
        is_own = self._is_at_own_address(facts)
        if by_link and not is_own:
            return self._refused(pages.LINK_IS_LOCAL, request)
        if by_link or self.provider is None or request.method != "GET":
            return self._sign_in(request)
        if is_own and facts.value("host") != self.address.host:
            return RedirectResponse(f"{self.address.url}{SIGN_IN}", 303)
        return self._provider_app

    def _sign_in(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        if request.method not in ("GET", "HEAD"):
            return self._refused(Refusal(405, "A sign-in link is opened with GET."), request)
        if self.session_of(request) is not None:
            return RedirectResponse(f"{self.prefix}/", 303)
        if request.method == "HEAD" or not _is_opened_by_a_person(request.headers):
            return self._refused(
                Refusal(403, "A sign-in link is opened in a window of its own."), request
            )
        if not self.links.use(token):
            return self._refused(pages.LINK_IS_GONE, request)
        return self._begin_session(request, Identity(self.user, "link"))

    async def _answer_sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one of the two requests of a sign-in with the provider."""
        request = Request(scope, receive)
        await (await self._sign_in_with_provider(request))(scope, receive, send)

    async def _sign_in_with_provider(self, request: Request) -> Response:
        if self.provider is None:
            return self._refused(pages.NOT_SIGNED_IN, request)
        if request.scope["path"] == f"{self.prefix}{SIGN_IN}":
            answer = await self.provider.begin(request)
            return self._refused(answer, request) if isinstance(answer, Refusal) else answer
        subject = await self.provider.finish(request)
        if isinstance(subject, Refusal):
            return self._refused(subject, request)
        person = self.people.by_subject(subject)
        identity = Identity(person.name, "provider") if person else None
        if identity is None or self.people.visitor(identity) is None:
            return self._refused(pages.no_role_for(subject), request)
        return self._begin_session(request, identity)

    def _begin_session(self, request: Request, identity: Identity) -> Response:
        arrives_from = request.headers.get("sec-fetch-site", "none")
        response = (
            RedirectResponse(f"{self.prefix}/", 303)
            if arrives_from in ("none", "same-origin")
            else pages.signed_in(self.prefix, goes_on=identity.by == "provider")
        )
        response.set_cookie(
            self.cookie,
            self.sessions.begin(identity, request.scope[_USER]),
            path=self.prefix or "/",
            httponly=True,
            samesite="strict",
            secure=self.address.is_secure
            and request.headers.get("host", "").lower() == self.address.host,
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def _sign_out(self, request: Request, key: str, visitor: Visitor) -> Response:
        if request.method != "POST":
            return pages.sign_out_form(visitor.name, self.prefix)
        self.sessions.end(key)
        response = pages.signed_out(self.prefix, has_provider=self.provider is not None)
        path = self.prefix or "/"
        response.delete_cookie(self.cookie, path=path, httponly=True, samesite="strict")
        return response

    async def _answer_graphql(
        self, request: Request, facts: RequestFacts, visitor: Visitor, send: Send
    ) -> None:
        body: bytes | Refusal = check_json(facts) or await _read_body(request)
        checked = body if isinstance(body, Refusal) else check_body(body, visitor.role)
        if isinstance(checked, Checked) and checked.mutations:
            checked = await self._recorded(checked, visitor)
        if isinstance(checked, Refusal):
            await self._refused(checked, request)(request.scope, request.receive, send)
            return
        body = checked.body
        # the query is in the body alone: a query in the address is not passed on
        scope = {**_for_dagster(request.scope), "query_string": b""}
        headers = MutableHeaders(scope=scope)
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        await self.dagster(scope, _replay(body, request.receive), send)

    async def _recorded(self, checked: Checked, visitor: Visitor) -> Checked | Refusal:
        """The request, once it is on record who sends it."""
        digest = hashlib.sha256(checked.body).hexdigest()
        try:
            await run_in_threadpool(self.record, visitor, checked.mutations, digest)
        except AssayError:
            return pages.NOT_RECORDED
        return checked

    async def _answer_websocket(
        self, scope: Scope, opened: RequestFacts | Refusal, receive: Receive, send: Send
    ) -> None:
        key = self.session_of(HTTPConnection(scope))
        visitor = self.visitor_of(key, scope)
        refusal = self._check_websocket(scope, opened)
        if refusal is None and isinstance(visitor, Refusal):
            refusal = visitor
        if refusal is not None or isinstance(visitor, Refusal):
            await refuse_websocket(refusal or pages.NOT_SIGNED_IN, scope, receive, send)
            return
        guard = WebsocketGuard(receive, send, visitor, lambda: self.visitor_of(key, scope))
        await guard.serve(self.dagster, {**_for_dagster(scope), VISITOR: visitor})

    def _check_websocket(self, scope: Scope, opened: RequestFacts | Refusal) -> Refusal | None:
        if isinstance(opened, Refusal):
            return opened
        refusal = self.check(opened, scope)
        if refusal is None and path_below(self.prefix, opened) != GRAPHQL:
            refusal = Refusal(404, "There is no such page.")
        refusal = refusal or check_origin(opened, self._origins())
        if refusal is None and "graphql-ws" not in scope.get("subprotocols", []):
            refusal = Refusal(400, "The connection must offer the protocol `graphql-ws`.")
        return refusal


def _facts(scope: Scope, prefix: str) -> RequestFacts:
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    )
    path, ours = scope["path"], (GRAPHQL, SIGN_IN, SIGN_OUT, CALLBACK)
    raw = (scope.get("raw_path") or path.encode()).partition(b"?")[0].decode("latin-1")
    # `%2Fgraphql` and the like: the spelling that came decides, not what a server makes of it
    is_hidden = path.startswith(f"{prefix}/") and not raw.startswith(f"{prefix}/")
    if path.removeprefix(prefix) in ours or is_hidden:
        path = raw
    return RequestFacts(scope.get("method", "GET"), path, headers)


def _encoded(facts: RequestFacts) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in facts.headers]


def _for_dagster(scope: Scope) -> Scope:
    """The connection without the headers that Dagster does not need."""
    headers = [pair for pair in scope["headers"] if pair[0].decode("latin-1") in PASSED_ON]
    return {**scope, "headers": headers}


def _is_opened_by_a_person(headers: Headers) -> bool:
    """Whether the browser opens the address in a window now, not ahead of time or as a picture."""
    ahead = any(name in headers for name in _AHEAD_OF_TIME)
    return not ahead and headers.get("sec-fetch-dest", "document") == "document"


async def _read_body(request: Request) -> bytes | Refusal:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return Refusal(413, f"The request is longer than {MAX_BODY_BYTES} bytes.")
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The checked body, then whatever the connection receives next."""
    bodies = [body]

    async def replay() -> Message:
        if bodies:
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}
        return await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers.append("Content-Security-Policy", "frame-ancestors 'none'")
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
