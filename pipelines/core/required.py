"""Values that a valid contract always has, though their type allows None.

Belongs here: narrowing such a value. Stays out: telling a user what a contract lacks (contracts/).
"""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def required(value: Value | None, name: str) -> Value:
    """The value. Raises: ValueError: it is None, so the contract was not validated."""
    if value is None:
        raise ValueError(f"'{name}' is missing in the contract: run `assay check`")
    return value
