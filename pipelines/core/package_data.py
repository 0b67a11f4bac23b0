"""Data files that are next to the code: word lists, patterns and tables that stewards can read and
extend.

Belongs here: reading a file of this package, once. Stays out: any other file (assets/io), what the
data mean.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

_ROOM = "assay.pipelines"


def read_text(path: str) -> str:
    """The text of a file below `pipelines/`, such as `clean/missing_markers.txt`."""
    return resources.files(_ROOM).joinpath(path).read_text(encoding="utf-8")


@cache
def read_lines(path: str) -> tuple[str, ...]:
    """The lines of a text file in order, without empty ones and without those that begin with
    `# `.
    """
    lines = (line.strip() for line in read_text(path).splitlines())
    return tuple(line for line in lines if line and not line.startswith("# "))


@cache
def read_words(path: str) -> frozenset[str]:
    """The words of a text file, whatever line they are on; lines that begin with `# ` are
    comments.
    """
    return frozenset(word for line in read_lines(path) for word in line.split())


@cache
def read_yaml(path: str) -> Any:
    """The data of a YAML file. Callers share one object, so they must not change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(read_text(path), Loader=loader)  # noqa: S506  # both are safe loaders
