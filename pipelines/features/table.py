"""A version's frame and the contract's features -> fitted state, then the feature table.

Belongs here: running all transforms in one pass. Stays out: each transform (transforms.py), where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from contracts.errors import FeatureError
from contracts.settings import Features
from pipelines.engine import Engine, run
from pipelines.features import transforms

State = Mapping[str, Mapping[str, Any]]
"""Position of the transform -> column -> fitted value, as JSON holds it."""


def fit(frame: pl.LazyFrame, features: Features, engine: Engine) -> State:
    """Measure everything the transforms need, in one pass."""
    parts = [pl.struct(transforms.fit(transform, column) for column in transform.columns).alias(str(position)) for position, transform in enumerate(features.transforms)]
    measured = run(frame.select(pl.len().alias("rows"), *parts), engine).to_dicts()[0]
    return {
        str(position): {column: transforms.fitted(transform, measured[str(position)][column], measured["rows"]) for column in transform.columns}
        for position, transform in enumerate(features.transforms)
    }


def expressions(features: Features, state: State) -> dict[str, pl.Expr]:
    """Feature name -> expression. Their own inputs are the features' lineage.

    Raises: FeatureError: two features would have one name.
    """
    made: dict[str, pl.Expr] = {}
    for position, transform in enumerate(features.transforms):
        for column in transform.columns:
            for name, expression in transforms.columns(transform, column, state[str(position)][column]).items():
                if name in made:
                    raise FeatureError(f"two features would be called '{name}'", "Leave one of the transforms out of assay.features")
                made[name] = expression
    return made


def transform(frame: pl.LazyFrame, features: Features, state: State) -> pl.LazyFrame:
    """The features of each row, in the order of the contract.

    Raises: FeatureError: the frame lacks a column that the features are made from.
    """
    made = expressions(features, state)
    needed = {name for expression in made.values() for name in expression.meta.root_names()}
    missing = sorted(needed - set(frame.collect_schema().names()))
    if missing:
        raise FeatureError(f"the frame lacks {', '.join(missing)}", "Give it the columns of the published version")
    return frame.select(expression.alias(name) for name, expression in made.items())


def table(frame: pl.LazyFrame, features: Features, state: State) -> pl.LazyFrame:
    """The feature table: the ordering column, the features, and the target (null where its column is)."""
    made = expressions(features, state)
    target = features.target
    label = [(pl.col(target.column) > target.above).cast(pl.Int8).alias(target.name)] if target else []
    return frame.select(pl.col(features.order_by), *(expression.alias(name) for name, expression in made.items()), *label)
