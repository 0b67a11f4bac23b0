"""Dagster's webserver with what Assay changes inside it.

It checks run configurations, takes permissions away and keeps values out of errors. It uses private
hooks of Dagster, which is pinned for this reason; tests fail where a new version moves them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._core.workspace.permissions import PermissionResult, Permissions
from dagster_shared.yaml_utils import load_run_config_yaml
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from graphene import Schema
from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    ValueNode,
)
from starlette.types import ASGIApp

from assay.assets.dagster.jobs import STEWARDS
from assay.assets.dagster.run_config import ACTOR_TAG, REMEDY, ROOT, problem_of
from assay.contracts.stewards import Role, role_includes
from assay.web.people import VISITOR, Visitor
from assay.web.withheld import FieldRefused, withhold

POLL_MS = 2000
NOT_HERE = "The web UI cannot do this, because Assay keeps evidence of every change"
_ROLES: dict[Permissions, Role] = {
    Permissions.LAUNCH_PIPELINE_EXECUTION: "operator",
    Permissions.LAUNCH_PIPELINE_REEXECUTION: "operator",
    Permissions.TERMINATE_PIPELINE_EXECUTION: "operator",
    Permissions.LAUNCH_PARTITION_BACKFILL: "operator",
    Permissions.CANCEL_PARTITION_BACKFILL: "operator",
    Permissions.START_SCHEDULE: "operator",
    Permissions.STOP_RUNNING_SCHEDULE: "operator",
    Permissions.SCHEDULE_DRY_RUN: "operator",
    Permissions.EDIT_SENSOR: "operator",
    Permissions.SENSOR_DRY_RUN: "operator",
    Permissions.TOGGLE_AUTO_MATERIALIZE: "operator",
    # frees slots; the limits themselves are an administrator's (mutations.py)
    Permissions.EDIT_CONCURRENCY_LIMIT: "operator",
    Permissions.UPDATE_SENSOR_CURSOR: "administrator",
    Permissions.RELOAD_REPOSITORY_LOCATION: "administrator",
    Permissions.RELOAD_WORKSPACE: "administrator",
    Permissions.EDIT_DYNAMIC_PARTITIONS: "administrator",
}
"""Permission of Dagster -> the least role that has it on everything; a permission that is not here
would forge or destroy evidence, or is new, and no one has it.
"""
# what graphql-core writes before a value
_QUOTED = re.compile(r"( got invalid value |, found | cannot represent [^:]*: ).*", re.DOTALL)
_MISMATCHES = {
    "RUNTIME_TYPE_MISMATCH": "the value has the wrong type",
    "MISSING_REQUIRED_FIELD": "a required setting is missing",
    "MISSING_REQUIRED_FIELDS": "required settings are missing",
    "FIELD_NOT_DEFINED": "there is no setting of this name here",
    "FIELDS_NOT_DEFINED": "there are no settings of these names here",
    "SELECTOR_FIELD_ERROR": "choose exactly one of the settings here",
}


class ConfigRefused(GraphQLError):
    """A run's configuration is refused before Dagster reads it."""


class AssayRequestContext(WorkspaceRequestContext):
    """Dagster's permissions by the visitor's role, without those that forge or destroy evidence:
    pages disable buttons.
    """

    @property
    def visitor(self) -> Visitor:
        """Who sends the request; who is not named may look only."""
        scope = getattr(self.source, "scope", {})
        return scope.get(VISITOR) or Visitor("", "viewer")

    @property
    def permissions(self) -> Mapping[str, PermissionResult]:
        """Permissions on everything."""
        return permissions_of(self.visitor.role)

    def permissions_for_location(
        self,
        *,
        location_name: str,  # noqa: ARG002  # there is one
    ) -> Mapping[str, PermissionResult]:
        """Permissions on one code location."""
        return permissions_of(self.visitor.role)

    def permissions_for_owner(self, *, owner: str) -> Mapping[str, PermissionResult]:
        """Permissions on what this owner has: a steward runs the data sets that name them."""
        owned = (
            {self.visitor.name, STEWARDS} if role_includes(self.visitor.role, "steward") else set()
        )
        return permissions_of("operator" if owner in owned else self.visitor.role)

    def viewer_has_any_owner_definition_permissions(self) -> bool:
        """Whether owners matter for the visitor."""
        return self.visitor.role == "steward"

    @property
    def show_instance_config(self) -> bool:
        """Dagster's settings are shown to no one: dagster.yaml may hold passwords."""
        return False

    def get_viewer_tags(self) -> dict[str, str]:
        """The tags of what the visitor starts."""
        return {ACTOR_TAG: self.visitor.name} if self.visitor.name else {}


def permissions_of(role: Role) -> dict[str, PermissionResult]:
    """Dagster's permissions of a role, each with the reason where it is off."""
    return {permission: _permission(permission, role) for permission in Permissions}


def _permission(permission: Permissions, role: Role) -> PermissionResult:
    least = _ROLES.get(permission)
    if least is None:
        return PermissionResult(enabled=False, disabled_reason=NOT_HERE)
    if not role_includes(role, least):
        reason = f"This needs the role {least}; yours is {role}"
        return PermissionResult(enabled=False, disabled_reason=reason)
    return PermissionResult(enabled=True, disabled_reason=None)


def with_backfills_of(visitor: Visitor, instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same instance, in which every backfill that starts names the visitor.

    Dagster itself gives one that is repeated or resumed the tags of the person who started it
    first, who would count as the requester of its runs.
    """
    named = copy.copy(instance)

    def add_backfill(backfill: PartitionBackfill) -> None:
        instance.add_backfill(_started_by(visitor, backfill))

    def update_backfill(backfill: PartitionBackfill) -> None:
        is_started = backfill.status == BulkActionStatus.REQUESTED
        instance.update_backfill(_started_by(visitor, backfill) if is_started else backfill)

    vars(named).update(add_backfill=add_backfill, update_backfill=update_backfill)
    return named


def _started_by(visitor: Visitor, backfill: PartitionBackfill) -> PartitionBackfill:
    return backfill._replace(tags={**backfill.tags, ACTOR_TAG: visitor.name})


class AssayProcessContext(WorkspaceProcessContext):
    """A workspace whose requests have our permissions."""

    def create_request_context(self, source: object | None = None) -> AssayRequestContext:
        """One request's view of the workspace."""
        scope = getattr(source, "scope", {})
        visitor: Visitor | None = scope.get(VISITOR)
        return AssayRequestContext(
            instance=with_backfills_of(visitor, self._instance) if visitor else self._instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=self._read_only,
        )


class AssayWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's webserver with our schema and our errors."""

    def build_graphql_schema(self) -> Schema:
        """Dagster's schema, in which run configurations are checked, errors quote no value, and
        some fields are answered to some roles only.
        """
        schema = super().build_graphql_schema()
        check_run_configs(schema.graphql_schema)
        hide_config_values(schema.graphql_schema)
        withhold(schema.graphql_schema)
        return schema

    def handle_graphql_errors(self, errors: Sequence[GraphQLError]) -> list[Any]:
        """Errors as the answer holds them."""
        return [
            {"message": refused} if (refused := _refused(error)) else self._described(error)
            for error in errors
        ]

    def _described(self, error: GraphQLError) -> Any:
        (described,) = super().handle_graphql_errors([error])
        if error.path is None:  # the request did not fit the schema: nothing was carried out
            described["message"] = without_quotes(error.message)
            described.pop("extensions", None)
        return described

    def _determine_status_code(
        self, resolver_errors: list[GraphQLError] | None, captured_errors: list[Exception]
    ) -> int:
        if any(_refused(error) for error in resolver_errors or []):
            return 403
        return super()._determine_status_code(resolver_errors, captured_errors)


def without_quotes(message: str) -> str:
    """What graphql-core states about a value, without the value."""
    return _QUOTED.sub(
        lambda match: match[1].rstrip(" :").replace(", found", ", found another") + ".", message
    )


def _refused(error: GraphQLError) -> str | None:
    """Our own words, where the error came from what we refused."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConfigRefused | FieldRefused):
            return cause.message
        cause = cause.original_error if isinstance(cause, GraphQLError) else None
    return None


def check_run_configs(schema: GraphQLSchema) -> None:
    """Have every run configuration checked where GraphQL reads it, however a request writes it."""
    scalar = schema.type_map["RunConfigData"]
    if not isinstance(scalar, GraphQLScalarType):
        raise TypeError(
            "Dagster's schema has changed (RunConfigData): install the version of Dagster that Assay requires"
        )
    read_value, read_literal = scalar.parse_value, scalar.parse_literal

    def value_of(value: Any) -> Any:
        return checked_config(read_value(value))

    def literal_of(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        return checked_config(read_literal(node, variables))

    scalar.parse_value = value_of  # type: ignore[method-assign]  # each scalar has its own
    scalar.parse_literal = literal_of  # type: ignore[method-assign]


def checked_config(config: Any) -> Any:
    """The configuration as Dagster may have it: an object. Raises: ConfigRefused."""
    if isinstance(config, str):
        try:
            config = load_run_config_yaml(config) if config.strip() else {}
        except (yaml.YAMLError, ValueError, RecursionError):
            raise ConfigRefused(f"{ROOT} is not YAML.") from None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ConfigRefused(f"{ROOT} must be an object of settings.")
    problem = problem_of(config)
    if problem:
        raise ConfigRefused(f"{problem}. {REMEDY}.")
    return config


def hide_config_values(schema: GraphQLSchema) -> None:
    """Have errors about a configuration name the place and the kind of problem, never the value."""
    interface = schema.type_map["PipelineConfigValidationError"]
    if not isinstance(interface, GraphQLInterfaceType):
        raise TypeError(
            "Dagster's schema has changed (PipelineConfigValidationError): install the version of Dagster that Assay requires"
        )
    for kind in schema.get_possible_types(interface):
        _resolve(kind, "message", _config_message)
        _resolve(kind, "valueRep", lambda _error, _info: None)


def _resolve(kind: GraphQLObjectType, name: str, resolver: Callable[[Any, Any], Any]) -> None:
    field: GraphQLField | None = kind.fields.get(name)
    if field is not None:
        field.resolve = resolver


def _config_message(error: Any, _info: Any) -> str:
    entries = [getattr(entry, "field_name", None) for entry in error.stack._stack.entries]
    place = ".".join(str(name) for name in entries if name) or "its top"
    reason = getattr(error.reason, "value", error.reason)
    return f"{ROOT}, at `{place}`: {_MISMATCHES.get(str(reason), 'it is not as expected')}."


def open_workspace(instance: dg.DagsterInstance, socket: str) -> AssayProcessContext:
    """The workspace of the code server that listens on a unix socket."""
    target = GrpcServerTarget(host="localhost", port=None, socket=socket, location_name="assay")
    return AssayProcessContext(instance, workspace_load_target=target, version=__version__)


def dagster_app(workspace: WorkspaceProcessContext, prefix: str = "") -> ASGIApp:
    """Dagster's webserver as an ASGI application, its pages below a path."""
    return AssayWebserver(workspace, prefix, live_data_poll_rate=POLL_MS).create_asgi_app()
