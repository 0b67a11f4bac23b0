"""The ASGI front of the web UI: it signs people in, and passes on what the guards let through.

Belongs here: reading requests, writing answers. Stays out: deciding (request_guard, graphql_guard),
keeping links and sessions (sign_in).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.assets.io.home import account
from assay.contracts.errors import AssayError
from assay.web import pages
from assay.web.graphql_guard import (
    MAX_BODY_BYTES,
    Checked,
    Refusal,
    check_body,
    check_websocket_text,
)
from assay.web.peers import user_of
from assay.web.people import VISITOR, Identity, People, Visitor
from assay.web.provider import CALLBACK, Provider
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

POLICY_VIOLATION = 1008
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


Record = Callable[[Visitor, tuple[str, ...], str], None]
"""Writes down who sends which mutations, with the SHA-256 of the whole request."""


@dataclass
class Front:
    """Dagster's webserver, behind sign-in, roles and the guards.

    Args:
        provider: signs people in, where there is one; the one-time link is there in any case.
        record: is called before a mutation is passed on; what cannot be recorded is not passed on.
        user: the account that signs in by a one-time link.
    """

    dagster: ASGIApp
    port: int
    links: Links
    people: People
    record: Record
    provider: Provider | None = None
    sessions: Sessions = field(default_factory=Sessions)
    user: str = field(default_factory=account)

    def __post_init__(self) -> None:
        """Between the two requests of a sign-in a cookie of its own keeps what belongs to it."""
        self._provider_app = SessionMiddleware(
            self._answer_sign_in,
            secret_key=secrets.token_urlsafe(32),
            session_cookie=f"assay_sign_in_{self.port}",
            max_age=SIGN_IN_LIFE_S,
            path=SIGN_IN,
            same_site="lax",  # the provider sends the browser back
            https_only=self.provider is not None and self.provider.is_secure,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http":
            await self._answer_http(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await self._answer_websocket(scope, receive, send)
        else:
            await self.dagster(scope, receive, send)

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
        return self.sessions.identity_of(key, _user(scope))

    def visitor_of(self, key: str | None, scope: Scope) -> Visitor | Refusal:
        """Whose session it is, with the role of this moment."""
        identity = self._identity(key, scope) if key else None
        if identity is None:
            return pages.SIGN_IN_FIRST if self.provider else pages.NOT_SIGNED_IN
        return self.people.visitor(identity) or pages.NO_ROLE

    def check(self, facts: RequestFacts) -> Refusal | None:
        """What holds for every request, signed in or not."""
        return check_host(facts, frozenset(self._origins()))

    def _origins(self) -> dict[str, str]:
        """Host header -> the origin of pages of that address."""
        origins = {host: f"http://{host}" for host in own_hosts(self.port)}
        return origins | ({self.provider.host: self.provider.url} if self.provider else {})

    async def _answer_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, facts = Request(scope, receive), _facts(scope)
        refusal = self.check(facts)
        if refusal is None and facts.path in (SIGN_IN, CALLBACK):
            by_link = facts.path == SIGN_IN and "token" in request.query_params
            if by_link or self.provider is None or request.method != "GET":
                await self._sign_in(request)(scope, receive, send)
            else:
                await self._provider_app(scope, receive, send)
            return
        key = self.session_of(request)
        visitor = self.visitor_of(key, scope)
        if refusal is None and isinstance(visitor, Refusal):
            refusal = visitor
        refusal = refusal or check_path(facts) or check_method(facts)
        if refusal is None:
            refusal = (
                check_origin(facts, self._origins())
                if facts.method == "POST"
                else check_reader(facts)
            )
        if refusal is None and isinstance(visitor, Visitor):
            refusal = check_role(facts, visitor.role)
        if refusal is not None or key is None or isinstance(visitor, Refusal):
            await pages.refused(refusal or pages.NOT_SIGNED_IN, request)(scope, receive, send)
            return
        scope[VISITOR] = visitor
        if facts.path == SIGN_OUT:
            await self._sign_out(request, key, visitor)(scope, receive, send)
        elif facts.path == GRAPHQL:
            await self._answer_graphql(request, facts, visitor, send)
        else:
            await self.dagster(scope, receive, send)

    def _sign_in(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        if request.method not in ("GET", "HEAD"):
            return pages.refused(Refusal(405, "A sign-in link is opened with GET."), request)
        if self.session_of(request) is not None:
            return RedirectResponse("/", 303)
        if request.method == "HEAD" or not _is_opened_by_a_person(request.headers):
            return pages.refused(
                Refusal(403, "A sign-in link is opened in a window of its own."), request
            )
        if not self.links.use(token):
            return pages.refused(pages.LINK_IS_GONE, request)
        return self._begin_session(request, Identity(self.user, "link"))

    async def _answer_sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one of the two requests of a sign-in with the provider."""
        request = Request(scope, receive)
        await (await self._sign_in_with_provider(request))(scope, receive, send)

    async def _sign_in_with_provider(self, request: Request) -> Response:
        if self.provider is None:
            return pages.refused(pages.NOT_SIGNED_IN, request)
        if request.url.path == SIGN_IN:
            answer = await self.provider.begin(request)
            return pages.refused(answer, request) if isinstance(answer, Refusal) else answer
        subject = await self.provider.finish(request)
        if isinstance(subject, Refusal):
            return pages.refused(subject, request)
        person = self.people.by_subject(subject)
        identity = Identity(person.name, "provider") if person else None
        if identity is None or self.people.visitor(identity) is None:
            return pages.refused(pages.NO_ROLE, request)
        return self._begin_session(request, identity)

    def _begin_session(self, request: Request, identity: Identity) -> Response:
        arrives_from = request.headers.get("sec-fetch-site", "none")
        response = (
            RedirectResponse("/", 303)
            if arrives_from in ("none", "same-origin")
            else pages.signed_in()
        )
        response.set_cookie(
            self.cookie,
            self.sessions.begin(identity, _user(request.scope)),
            path="/",
            httponly=True,
            samesite="strict",
            secure=self.provider is not None
            and self.provider.is_secure
            and request.headers.get("host", "").lower() == self.provider.host,
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def _sign_out(self, request: Request, key: str, visitor: Visitor) -> Response:
        if request.method != "POST":
            return pages.sign_out_form(visitor.name)
        self.sessions.end(key)
        response = pages.signed_out()
        response.delete_cookie(self.cookie, path="/", httponly=True, samesite="strict")
        return response

    async def _answer_graphql(
        self, request: Request, facts: RequestFacts, visitor: Visitor, send: Send
    ) -> None:
        body: bytes | Refusal = check_json(facts) or await _read_body(request)
        checked = body if isinstance(body, Refusal) else check_body(body, visitor.role)
        if isinstance(checked, Checked) and checked.mutations:
            checked = await self._recorded(checked, visitor)
        if isinstance(checked, Refusal):
            await pages.refused(checked, request)(request.scope, request.receive, send)
            return
        body = checked.body
        headers = Headers(scope=request.scope).mutablecopy()
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        # the query is in the body alone: a query in the address is not passed on
        scope = {**request.scope, "headers": headers.raw, "query_string": b""}
        await self.dagster(scope, _replay(body, request.receive), send)

    async def _recorded(self, checked: Checked, visitor: Visitor) -> Checked | Refusal:
        """The request, once it is on record who sends it."""
        digest = hashlib.sha256(checked.body).hexdigest()
        try:
            await run_in_threadpool(self.record, visitor, checked.mutations, digest)
        except AssayError:
            return pages.NOT_RECORDED
        return checked

    async def _answer_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection, facts = HTTPConnection(scope), _facts(scope)
        key = self.session_of(connection)
        visitor = self.visitor_of(key, scope)
        refusal = self.check(facts) or (visitor if isinstance(visitor, Refusal) else None)
        if refusal is None and facts.path != GRAPHQL:
            refusal = Refusal(404, "There is no such page.")
        refusal = refusal or check_origin(facts, self._origins())
        if refusal is None and "graphql-ws" not in scope.get("subprotocols", []):
            refusal = Refusal(400, "The connection must offer the protocol `graphql-ws`.")
        if refusal is not None:
            await _refuse_websocket(refusal, scope, receive, send)
            return
        scope[VISITOR] = visitor
        guard = _WebsocketGuard(receive, send, lambda: self.visitor_of(key, scope))
        await self.dagster(scope, guard.receive, guard.send)


@dataclass
class _WebsocketGuard:
    """A websocket that passes on checked messages only, and closes when the session has ended."""

    _receive: Receive
    _send: Send
    visitor: Callable[[], Visitor | Refusal]
    is_closed: bool = False

    async def receive(self) -> Message:
        """The next message; a refused one closes the connection."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        visitor, text = self.visitor(), message.get("text")
        if isinstance(visitor, Refusal):
            return await self._close(visitor)
        if text is None:
            return await self._close(Refusal(400, "Messages must be text."))
        checked = check_websocket_text(text, visitor.role)
        if isinstance(checked, Refusal):
            return await self._close(checked)
        return {"type": "websocket.receive", "text": checked}

    async def send(self, message: Message) -> None:
        """Pass on what Dagster sends, while the person is signed in."""
        if self.is_closed:
            return
        visitor = self.visitor()
        if message["type"] == "websocket.send" and isinstance(visitor, Refusal):
            await self._close(visitor)
            return
        self.is_closed = message["type"] == "websocket.close"
        await self._send(message)

    async def _close(self, refusal: Refusal) -> Message:
        if not self.is_closed:
            self.is_closed = True
            await self._send(
                {
                    "type": "websocket.close",
                    "code": POLICY_VIOLATION,
                    "reason": refusal.reason[:120],
                }
            )
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}


def _facts(scope: Scope) -> RequestFacts:
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    )
    raw = scope.get("raw_path") or scope["path"].encode()
    path = scope["path"]
    # `%2Fgraphql` and the like: the spelling that came decides, not what a server makes of it
    if path in (GRAPHQL, SIGN_IN, SIGN_OUT, CALLBACK) and raw.partition(b"?")[0] != path.encode():
        path = raw.decode("latin-1")
    return RequestFacts(scope.get("method", "GET"), path, headers)


def _user(scope: Scope) -> int | None:
    return user_of(scope.get("client"), scope.get("server"))


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
    """The checked body, then whatever the connection says next."""
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


async def _refuse_websocket(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake with an HTTP status where the server can, else close it."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send(
            {"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason[:120]}
        )
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send(
        {"type": "websocket.http.response.start", "status": refusal.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": refusal.reason.encode()})
