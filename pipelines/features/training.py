"""Which rows are training rows: those before the time that splits off the latest share.

Belongs here: the one rule by which features, models and judgements split. Stays out: fitting,
training.
"""

from __future__ import annotations

import polars as pl


def beginning_of_holdout(order_by: str, holdout: float) -> pl.Expr:
    """The time before which `1 - holdout` of the rows lie; null for no rows, or where the rows
    around it have no time.

    Rows of one moment stay together, so that nothing is learned from the moment it is evaluated on.
    """
    return pl.col(order_by).sort().slice((pl.len() * (1 - holdout)).cast(pl.Int64), 1).max()


def is_training(order_by: str, before: pl.Expr) -> pl.Expr:
    """Rows without a time are in neither part: it is unknown when they became known."""
    return pl.col(order_by) < before
