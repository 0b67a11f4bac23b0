"""A websocket of Dagster's pages while it is open: it takes checked messages, and ends with the
session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.contracts.stewards import role_includes
from assay.web.graphql_guard import Refusal, answer_for_another_role, check_websocket_text
from assay.web.people import Visitor

POLICY_VIOLATION = 1008
LOOK_EVERY_S = 0.25
"""So often an open connection is compared with its session; with the time for which a role is not
looked up again (people.py), what was taken away ends within a second.
"""
ROLE_CHANGED = Refusal(403, "Your role has changed. Load the page again.")


@dataclass
class WebsocketGuard:
    """Passes checked messages on, and closes when the session has ended or the role is lower.

    Args:
        opened_by: the person with the role with which Dagster answers this connection.
        visitor: who they are at this moment, or why they are no one any more.
    """

    _receive: Receive
    _send: Send
    opened_by: Visitor
    visitor: Callable[[], Visitor | Refusal]
    is_closed: bool = False

    async def serve(self, dagster: ASGIApp, scope: Scope) -> None:
        """Have Dagster answer the connection until either of them, or the session, ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, tasks.cancel_scope)
            await dagster(scope, self.receive, self.send)
            tasks.cancel_scope.cancel()

    async def _watch(self, connection: anyio.CancelScope) -> None:
        while not isinstance(refusal := self._visitor(), Refusal):
            await anyio.sleep(LOOK_EVERY_S)
        await self._close(refusal)
        connection.cancel()

    def _visitor(self) -> Visitor | Refusal:
        visitor = self.visitor()
        if isinstance(visitor, Visitor) and not role_includes(visitor.role, self.opened_by.role):
            return ROLE_CHANGED
        return visitor

    async def receive(self) -> Message:
        """The next message that may pass. One that another role may send is answered here; one that
        no one may send closes the connection.
        """
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return message
            visitor, text = self._visitor(), message.get("text")
            if isinstance(visitor, Refusal):
                return await self._close(visitor)
            if text is None:
                return await self._close(Refusal(400, "Messages must be text."))
            checked = check_websocket_text(text, visitor.role)
            if not isinstance(checked, Refusal):
                return {"type": "websocket.receive", "text": checked}
            answer = answer_for_another_role(text, checked)
            if answer is None:
                return await self._close(checked)
            await self.send({"type": "websocket.send", "text": answer})

    async def send(self, message: Message) -> None:
        """Pass on what Dagster sends, while the person is signed in."""
        if self.is_closed:
            return
        visitor = self._visitor()
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


async def refuse_websocket(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
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
