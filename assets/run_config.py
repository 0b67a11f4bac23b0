"""What a run's configuration may not hold. Pure.

Dagster replaces `{env: NAME}` in a configuration by the value of an environment variable: whoever
may start a run could read every secret.
"""

import re
from typing import Any

_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
_DEPTH = 60
ROOT = "the run's configuration"
REMEDY = "Write the value itself into the configuration"


def problem_of(config: Any) -> str | None:
    """Why a configuration is refused, in a sentence that quotes no value; None where it is not."""
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
    else:
        parts = [(_shown(key), part) for key, part in value.items()]
    problems = (_problem(part, (*path, key), seen) for key, part in parts)
    return next((problem for problem in problems if problem), None)


def _shown(key: Any) -> str:
    """A key as a place shows it: what does not look like a setting's name could be a value."""
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "…"


def _place(path: tuple[str, ...]) -> str:
    return f"{ROOT}, at `{'.'.join(path)}`," if path else ROOT
