"""Polars expressions -> column lineage: which input columns each output column was derived from.

Belongs here: asking the expressions. Stays out: OpenLineage's words (events.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl


def lineage_of(
    expressions: Mapping[str, pl.Expr], passed: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Output column -> its input columns, sorted. `passed` columns go through unchanged."""
    roots = {
        name: tuple(sorted(set(expression.meta.root_names())))
        for name, expression in expressions.items()
    }
    return {**{name: (name,) for name in passed}, **roots}
