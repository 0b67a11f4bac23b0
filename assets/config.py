"""Configurations of runs whose values are only ever what they say.

Dagster's own types for a `dg.Config` (`StringSource` and its kin) also take `{env: NAME}`, and put
the value of the environment variable there.
"""

from typing import Any, TypeVar

import dagster as dg
from dagster._config import Array, Noneable, Shape
from pydantic import ValidationError

from assay.contracts.errors import ConfigurationError

_PLAIN: dict[str, Any] = {
    "StringSourceType": str,
    "IntSourceType": int,
    "BoolSourceType": bool,
    "FloatSourceType": float,
}
Settings = TypeVar("Settings", bound=dg.Config)


def plain_schema(settings: type[dg.Config]) -> dict[str, dg.Field]:
    """The `config_schema` of an op with these settings, in types that read no environment."""
    shape = settings.to_config_schema().as_field().config_type
    if not isinstance(shape, Shape):
        raise TypeError(f"{settings.__name__} is not a set of settings")
    return {name: _plain_field(field) for name, field in shape.fields.items()}


def _plain_field(field: Any) -> dg.Field:
    given = {"is_required": field.is_required, "description": field.description}
    if field.default_provided:
        given["default_value"] = field.default_value
    return dg.Field(_plain(field.config_type), **given)


def _plain(config_type: Any) -> Any:
    if isinstance(config_type, Noneable):
        return dg.Noneable(_plain(config_type.inner_type))
    if isinstance(config_type, Array):
        return dg.Array(_plain(config_type.inner_type))
    return _PLAIN.get(type(config_type).__name__, config_type)


def read_settings(settings: type[Settings], context: dg.OpExecutionContext) -> Settings:
    """The settings of a run. Raises: ConfigurationError: one is wrong; no value is quoted."""
    try:
        return settings(**context.op_config)
    except ValidationError as errors:
        first = errors.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        problem = f"`{name}` in the run's configuration is wrong: {first['msg']}"
        raise ConfigurationError(problem, "Correct it, and start the run again") from None
