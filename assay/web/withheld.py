"""What Dagster's schema answers to some roles only: values of a run, its events, what it printed.

Belongs here: fields of queries. Stays out: mutations and subscriptions (mutations.py), routes
(request_guard.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLError, GraphQLField, GraphQLObjectType, GraphQLSchema

from assay.contracts.stewards import Role, role_includes

REFUSED_FIELDS: dict[tuple[str, str], Role] = {
    ("Query", "logsForRun"): "steward",
    ("Run", "eventConnection"): "steward",
    ("PartitionBackfill", "logEvents"): "steward",
    ("Query", "capturedLogs"): "operator",
    ("Query", "capturedLogsMetadata"): "operator",
    ("Run", "capturedLogs"): "operator",
    ("InstigationTick", "logEvents"): "operator",
    ("Query", "utilizedEnvVarsOrError"): "operator",
}
"""Field -> the least role that reads it; for others the request is refused."""
EMPTY_FIELDS: dict[tuple[str, str], tuple[Role | None, Any]] = {
    ("Run", "runConfig"): ("steward", {}),
    ("Run", "runConfigYaml"): ("steward", ""),
    ("RunRequest", "runConfigYaml"): ("steward", ""),
    ("PartitionRunConfig", "yaml"): ("steward", ""),
    ("ConfiguredValue", "value"): (None, ""),
    ("RepositoryLocation", "environmentPath"): (None, None),
    ("RunQueueConfig", "tagConcurrencyLimitsYaml"): (None, None),
}
"""Field -> the least role that reads it (None: no one), and what others get: pages ask for these
together with what everyone may read.
"""


class FieldRefused(GraphQLError):
    """A query asks for what the visitor's role does not read."""


def withhold(schema: GraphQLSchema) -> None:
    """Have the schema answer these fields to their roles only.

    Raises: TypeError: Dagster's schema has changed.
    """
    for (kind, name), least in REFUSED_FIELDS.items():
        field = _field(schema, kind, name)
        field.resolve = _refusing(_resolver(field, name), name, least)
    for (kind, name), (reader, empty) in EMPTY_FIELDS.items():
        field = _field(schema, kind, name)
        field.resolve = _emptying(_resolver(field, name), reader, empty)


def _field(schema: GraphQLSchema, kind: str, name: str) -> GraphQLField:
    owner = schema.type_map.get(kind)
    if not isinstance(owner, GraphQLObjectType) or name not in owner.fields:
        raise TypeError(f"Dagster's schema has changed: {kind} has no field {name}")
    field: GraphQLField = owner.fields[name]
    return field


def _resolver(field: GraphQLField, name: str) -> Callable[..., Any]:
    """How the field was resolved: by graphene's own function, or as an attribute."""
    return field.resolve or (lambda parent, _info, **_arguments: getattr(parent, name))


def _refusing(resolve: Callable[..., Any], name: str, least: Role) -> Callable[..., Any]:
    def refusing(parent: Any, info: Any, **arguments: Any) -> Any:
        role: Role = info.context.visitor.role
        if not role_includes(role, least):
            raise FieldRefused(f"`{name}` needs the role {least}; yours is {role}.")
        return resolve(parent, info, **arguments)

    return refusing


def _emptying(resolve: Callable[..., Any], reader: Role | None, empty: Any) -> Callable[..., Any]:
    def emptying(parent: Any, info: Any, **arguments: Any) -> Any:
        if reader is None or not role_includes(info.context.visitor.role, reader):
            return empty
        return resolve(parent, info, **arguments)

    return emptying
