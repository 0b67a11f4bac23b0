"""Which GraphQL requests reach Dagster. Pure: a message goes in; what to pass on comes out.

What is passed on is written again from what was read here, so that Dagster reads nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    visit,
)

from assay.contracts.stewards import Role, role_includes
from assay.web.mutations import MUTATIONS, REFUSED_MUTATIONS, SUBSCRIPTIONS

MAX_BODY_BYTES = 2 * 2**20
MAX_TOKENS = 50_000  # the longest query of Dagster's own pages has about 3,000
MAX_QUERY_CHARACTERS = 500_000
INTROSPECTION = frozenset({"__schema", "__type"})
WEBSOCKET_CONTROL = frozenset({"connection_init", "connection_terminate", "stop"})


@dataclass(frozen=True)
class Refusal:
    """Why a request does not pass: an HTTP status, and a sentence without values of the request."""

    status: int
    reason: str


HTTP_OPERATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
WEBSOCKET_OPERATIONS = frozenset({OperationType.SUBSCRIPTION})


@dataclass(frozen=True)
class Checked:
    """A request that passes: the body to pass on, and the mutations that it holds."""

    body: bytes
    mutations: tuple[str, ...]


def check_body(body: bytes, role: Role) -> Checked | Refusal:
    """Check the body of a POST to `/graphql`."""
    message = _read_object(body)
    if isinstance(message, Refusal):
        return message
    checked = _check_request(message, HTTP_OPERATIONS, role)
    if isinstance(checked, Refusal):
        return checked
    return Checked(json.dumps(checked).encode(), mutations_of(checked["query"]))


def check_websocket_text(text: str, role: Role) -> str | Refusal:
    """Check a message of a `graphql-ws` connection. Returns: what to pass on, or the refusal."""
    message = _read_object(text.encode("utf-8", "surrogatepass"))
    if isinstance(message, Refusal):
        return message
    kind, operation_id = message.get("type"), message.get("id")
    if not isinstance(operation_id, str | None):
        return Refusal(400, "The `id` of a message must be text.")
    passed: dict[str, Any] = {"type": kind, "id": operation_id}
    if kind == "start":
        payload = message.get("payload")
        if not isinstance(payload, dict):
            return Refusal(400, "A `start` message needs a `payload` with the query.")
        checked = _check_request(payload, WEBSOCKET_OPERATIONS, role)
        if isinstance(checked, Refusal):
            return checked
        # Dagster reads `operation_name`, its own pages send `operationName`
        passed["payload"] = checked | {"operation_name": checked["operationName"]}
    elif not isinstance(kind, str) or kind not in WEBSOCKET_CONTROL:
        return Refusal(400, "This type of message is not part of the protocol `graphql-ws`.")
    return json.dumps(passed)


def answer_for_another_role(text: str, refusal: Refusal) -> str | None:
    """The answer to a subscription that only a higher role may open, which leaves the connection
    open for what the page shows besides; None if no role may send this message.
    """
    if isinstance(check_websocket_text(text, "administrator"), Refusal):
        return None
    payload = {"message": refusal.reason}
    return json.dumps({"type": "error", "id": json.loads(text).get("id"), "payload": payload})


def _read_object(body: bytes) -> dict[str, Any] | Refusal:
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return Refusal(400, "The request is not JSON in UTF-8.")
    if isinstance(message, list):
        return Refusal(400, "Batches are refused: send one operation per request.")
    if not isinstance(message, dict):
        return Refusal(400, "The request must be a JSON object with a `query`.")
    return message


def _check_request(
    message: dict[str, Any], operations: frozenset[OperationType], role: Role
) -> dict[str, Any] | Refusal:
    query, variables, name = (message.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str):
        return Refusal(400, "The request has no `query` as text; stored queries are not supported.")
    if not isinstance(variables, dict | None):
        return Refusal(400, "`variables` must be a JSON object.")
    if not isinstance(name, str | None):
        return Refusal(400, "`operationName` must be text.")
    refusal = check_document(query, operations, role)
    if refusal:
        return refusal
    return {"query": query, "variables": variables, "operationName": name}


@lru_cache(maxsize=512)  # Dagster's pages send the same documents again and again
def check_document(query: str, operations: frozenset[OperationType], role: Role) -> Refusal | None:
    """Check every operation of a document, whichever of them the request chooses."""
    if len(query) > MAX_QUERY_CHARACTERS:
        return Refusal(413, f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    try:
        document = parse(query, max_tokens=MAX_TOKENS)
    except (GraphQLError, RecursionError, ValueError):
        return Refusal(400, "The query is not GraphQL, or is too long or too deeply nested.")
    if _asks_for_the_schema(document):
        return Refusal(403, "The schema itself is not shown: `__schema` and `__type` are refused.")
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            continue
        if not isinstance(definition, OperationDefinitionNode):
            return Refusal(400, "A request holds operations and fragments only.")
        if definition.operation not in operations:
            return Refusal(
                403, f"A {definition.operation.value} is not allowed on this connection."
            )
        if definition.operation == OperationType.QUERY:
            continue
        refusal = _check_operation(definition, role)
        if refusal:
            return refusal
    return None


def _asks_for_the_schema(document: DocumentNode) -> bool:
    """Whether any part of a document, fragments included, asks for the schema."""
    names = _FieldNames()
    visit(document, names)
    return not names.seen.isdisjoint(INTROSPECTION)


class _FieldNames(Visitor):
    """Collects the names of a document's fields, whatever their aliases."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Note one field."""
        self.seen.add(node.name.value)


@lru_cache(maxsize=512)
def mutations_of(query: str) -> tuple[str, ...]:
    """The mutations in a document that was checked, by name."""
    operations = [
        definition
        for definition in parse(query, max_tokens=MAX_TOKENS).definitions
        if isinstance(definition, OperationDefinitionNode)
        and definition.operation == OperationType.MUTATION
    ]
    fields = {field for operation in operations for field in _fields(operation)}
    return tuple(sorted(fields - {"__typename"}))


def _fields(operation: OperationDefinitionNode) -> list[str]:
    """The names of an operation's fields; what a fragment brings is named "…"."""
    return [
        selection.name.value if isinstance(selection, FieldNode) else "…"
        for selection in operation.selection_set.selections
    ]


def _check_operation(operation: OperationDefinitionNode, role: Role) -> Refusal | None:
    """Check a mutation or a subscription."""
    kind = operation.operation.value
    allowed = MUTATIONS if operation.operation == OperationType.MUTATION else SUBSCRIPTIONS
    for field in _fields(operation):
        if field == "…":
            return Refusal(
                403, f"Write the {kind} out: fragments are refused at the top of a {kind}."
            )
        if kind == "mutation" and field in REFUSED_MUTATIONS:
            return Refusal(
                403,
                f"The mutation `{field}` is not allowed for any user: {REFUSED_MUTATIONS[field]}.",
            )
        if field not in allowed and field != "__typename":
            return Refusal(
                403, f"The request holds a {kind} that is not in the list of allowed ones."
            )
        if field in allowed and not role_includes(role, allowed[field]):
            return Refusal(
                403, f"The {kind} `{field}` needs the role {allowed[field]}; yours is {role}."
            )
    return None
