"""What this machine has for Assay, a line each: nothing here is an error, since everything but Polars is optional.

Belongs here: looking. Stays out: printing (show.py), installing.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PARTS = {"presidio": "presidio_analyzer", "cloud": "obstore", "postgres": "psycopg", "mysql": "pymysql"}
"""Extras, each by a module that it brings."""


def looked_at() -> dict[str, Any]:
    """Each part with whether it is there, and what that means."""
    from assets.hands.home import home
    from pipelines.engine import why_no_gpu, why_no_ray

    where = home()
    no_gpu, no_ray = why_no_gpu(), why_no_ray()
    parts = {
        "home": {"there": where.is_made, "said": str(where.home) if where.is_made else f"{where.home} is not made yet: the first run makes it"},
        "polars": {"there": True, "said": f"{_version('polars')}, streaming: features, checks and everything else run on it"},
        "gpu": {
            "there": no_gpu is None,
            "said": f"no GPU: {no_gpu}; `engine: auto` takes Polars" if no_gpu else f"cudf-polars {_version('cudf-polars-cu13')}: `engine: auto` takes it",
        },
        "ray-gpu": {"there": no_ray is None, "said": f"no cluster: {no_ray}" if no_ray else f"ray {_version('ray')}"},
    }
    for extra, module in _PARTS.items():
        there = importlib.util.find_spec(module) is not None
        parts[extra] = {"there": there, "said": "installed" if there else f"not installed: the extra `{extra}`"}
    return parts


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
