"""Several columns -> their products, ratios and differences. Nothing is learned."""

from __future__ import annotations

from functools import reduce
from operator import mul

import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import Difference, Polynomial, Ratio
from assay.pipelines.core.exact_moments import number
from assay.pipelines.core.fitting import Fitted, nothing_to_learn
from assay.pipelines.features.transform_spec import Context, Kind, Made, finite


def _products(transform: Polynomial, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    """Source: scikit-learn's PolynomialFeatures without the bias and the columns themselves;
    factors from left to right.
    """
    return Made(
        {
            name: finite(reduce(mul, (number(column) for column in factors)))
            for name, factors in transform.terms.items()
        }
    )


def _ratios(transform: Ratio, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    under = number(transform.to)
    return Made(
        {
            name: finite(pl.when(under != 0).then(number(column) / under))
            for column, name in zip(transform.of, transform.makes, strict=True)
        }
    )


def _differences(transform: Difference, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    less = transform.less
    return Made(
        {
            name: _difference(column, less, context)
            for column, name in zip(transform.of, transform.makes, strict=True)
        }
    )


def _difference(column: str, less: str, context: Context) -> pl.Expr:
    left, right = context.types[column], context.types[less]
    if left.is_numeric() and right.is_numeric():
        return finite(number(column) - number(less))
    if (
        isinstance(left, pl.Datetime | pl.Date)
        and isinstance(right, pl.Datetime | pl.Date)
        and getattr(left, "time_zone", None) == getattr(right, "time_zone", None)
    ):
        micros = pl.Datetime("us", getattr(left, "time_zone", None))
        return (
            pl.col(column).cast(micros).to_physical() - pl.col(less).cast(micros).to_physical()
        ).cast(pl.Float64) * 1e-6
    raise FeatureError(
        f"'{less}' ({right}) cannot be subtracted from '{column}' ({left})",
        "Choose two columns of numbers, or of times in the same zone",
        Where(field=column),
    )


POLYNOMIAL = Kind(nothing_to_learn, _products)
RATIO = Kind(nothing_to_learn, _ratios)
DIFFERENCE = Kind(nothing_to_learn, _differences)
