"""What a run's configuration may not hold. Pure.

Dagster replaces `{env: NAME}` in a configuration by the value of an environment variable: whoever
may start a run could read every secret.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
from dagster._config import Array, Noneable, Shape
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from pydantic import ValidationError

from assay.assets.dagster.only_daemon import be_the_only_daemon
from assay.contracts.errors import ConfigurationError
from assay.lineage import approval
from assay.pipelines.admit import reasons

_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
_DEPTH = 60
ROOT = "the run's configuration"
REMEDY = "Write the values into the configuration, and a reason without personal data"


def problem_of(config: Any) -> str | None:
    """Why a configuration is refused, in a sentence that quotes no value; None if it is not."""
    return _problem(config, (), set())


def _problem(value: Any, path: tuple[str, ...], seen: set[int]) -> str | None:
    if not isinstance(value, dict | list | tuple) or id(value) in seen:
        return None
    seen.add(id(value))  # YAML may name a part of itself many times over
    if len(path) > _DEPTH:
        return f"{ROOT} is nested more than {_DEPTH} deep"
    if not isinstance(value, dict):
        parts = [(str(number), part) for number, part in enumerate(value)]
    elif "env" in value:
        return f"{_place(path)} reads an environment variable (`env`), which is refused"
    elif reason := reasons.problem_of(_reason_in(value)):
        return f"{_place((*path, 'why'))} {reason}"
    else:
        parts = [(_shown(key), part) for key, part in value.items()]
    problems = (_problem(part, (*path, key), seen) for key, part in parts)
    return next((problem for problem in problems if problem), None)


def _reason_in(value: dict[Any, Any]) -> str:
    """The reason of a decision in a configuration, also of one that was signed elsewhere."""
    why, signed = value.get("why"), value.get("signed")
    if isinstance(signed, str):
        why = approval.reason_in(signed)
    return why if isinstance(why, str) else ""


def _shown(key: Any) -> str:
    """A key as a place shows it: what does not look like a setting's name could be a value."""
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "…"


def _place(path: tuple[str, ...]) -> str:
    return f"{ROOT}, at `{'.'.join(path)}`," if path else ROOT


_PLAIN: dict[str, Any] = {
    "StringSourceType": str,
    "IntSourceType": int,
    "BoolSourceType": bool,
    "FloatSourceType": float,
}

ACTOR_TAG = "assay/actor"
"""The tag of a run that names the person who started it in the web UI."""

Settings = TypeVar("Settings", bound=dg.Config)


def plain_schema(settings: type[dg.Config]) -> dict[str, dg.Field]:
    """The `config_schema` of an op with these settings, in types that read no environment."""
    shape = settings.to_config_schema().as_field().config_type
    if not isinstance(shape, Shape):
        raise TypeError(f"{settings.__name__} declares no settings. Report this as a bug in Assay")
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
        problem = f"`{name}` in the run's configuration is not valid: {first['msg']}"
        raise ConfigurationError(problem, "Correct it, and start the run again") from None


class CheckedRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Names who starts a run, and refuses one whose configuration reads environment variables.

    It also refuses a second daemon: Dagster itself only writes a line into the log.
    """

    @property
    def dequeue_interval_seconds(self) -> int:
        """How often a daemon looks at the queue. Only a daemon that starts asks.

        Raises: ConfigurationError: another daemon runs on this instance.
        """
        be_the_only_daemon(Path(self._instance.root_directory))
        return super().dequeue_interval_seconds

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Queue the run. Raises: ConfigurationError: Dagster records it, and the run as failed."""
        run = context.dagster_run
        problem = problem_of(run.run_config)
        if problem:
            raise ConfigurationError(problem, REMEDY)
        # the web UI's visitor replaces what the request wrote into the tags; the daemon has none
        if tags := context.workspace.get_viewer_tags():
            self._instance.add_run_tags(run.run_id, tags)
            run = run.with_tags({**run.tags, **tags})
        return super().submit_run(SubmitRunContext(run, context.workspace))
