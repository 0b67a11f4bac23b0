"""Word lists, patterns, units and tables that are next to the code as data files.

Belongs here: reading each file once, when it is first needed. Stays out: what its entries mean (the
module that asks).
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def table(name: str) -> Any:
    """Read a YAML file below `contracts/`, such as `words/licenses.yaml`.

    Callers must not change it.
    """
    return yaml.load(_text(name), Loader=yaml.CSafeLoader)


@cache
def lines(name: str) -> tuple[str, ...]:
    """Read the words of a text file below `contracts/`.

    Empty lines and `#` comments do not count.
    """
    rows = (row.partition("#")[0] for row in _text(name).splitlines())
    return tuple(name for row in rows for name in row.split())


def _text(name: str) -> str:
    return resources.files("assay.contracts").joinpath(name).read_text(encoding="utf-8")
