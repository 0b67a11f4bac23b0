"""Numbers brought to a common scale: standard, min-max, robust; ranks, logarithms, powers towards a
bell curve; bins.

Means, deviations, smallest and greatest values are exact aggregates of all training rows. Medians,
quartiles, quantiles, powers and bins are fitted by scikit-learn on a seeded sample.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from assay.contracts.errors import FeatureError, Where
from assay.contracts.transforms import Bin, Log, Power, Quantile, Scale
from assay.pipelines.core.exact_moments import Range, deviation, mean, number, ranges, sums
from assay.pipelines.core.fitting import Fitted, Learning, nothing_to_learn
from assay.pipelines.features.transform_spec import (
    Context,
    Kind,
    Made,
    finite,
    for_each_column,
    nothing_seen,
    sampled,
)

Array = np.ndarray[Any, Any]
_GREATEST = 1e150
"""scikit-learn adds up squares, which leave the floats beyond it: it then ends in words of its own,
or in powers and bins that mean nothing.
"""


def _values(found: dict[str, Array], column: str, what: str) -> Array:
    if not len(found[column]):
        raise nothing_seen(column, what)
    return found[column]


def _too_great(column: str, what: str, remedy: str) -> FeatureError:
    return FeatureError(
        f"'{column}' has numbers that are too large or too far apart {what}",
        remedy,
        Where(field=column),
    )


def _drawn(transform: Any, rows: pl.LazyFrame) -> Any:
    """Two rounds: the sampled values of each column, (n, 1) Float64."""
    found = yield from sampled(
        transform, rows, {column: number(column) for column in transform.columns}
    )
    return {column: frame.to_numpy() for column, frame in found.items()}


# -- scale: Source: scikit-learn's StandardScaler, MinMaxScaler, RobustScaler -------------------


def _fit_scale(transform: Scale, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    if transform.method == "robust":
        from sklearn.preprocessing import RobustScaler

        found = yield from _drawn(transform, rows)
        with np.errstate(over="ignore"):  # reported below, by column
            scalers = {
                column: RobustScaler().fit(_values(found, column, "to scale by"))
                for column in transform.columns
            }
        return Fitted(
            {
                column: _within_floats(column, float(scaler.center_[0]), float(scaler.scale_[0]))
                for column, scaler in scalers.items()
            }
        )
    seen = (
        yield {"ranges": rows.select(ranges(column).alias(column) for column in transform.columns)}
    )["ranges"].to_dicts()[0]
    for column in transform.columns:
        if seen[column]["low"] is None:
            raise nothing_seen(column, "to scale by")
    within = {column: Range(**seen[column]) for column in transform.columns}
    if transform.method == "min_max":
        return Fitted(
            {
                column: _within_floats(column, each.low, each.high - each.low)
                for column, each in within.items()
            }
        )
    moments = (
        yield {
            "sums": rows.select(sums(column, each).alias(column) for column, each in within.items())
        }
    )["sums"].to_dicts()[0]
    return Fitted(
        {
            column: {
                "middle": mean(moments[column], each),
                "width": _population(moments[column], each),
            }
            for column, each in within.items()
        }
    )


def _within_floats(column: str, middle: float, width: float) -> dict[str, float]:
    if not (math.isfinite(middle) and math.isfinite(width)):
        raise _too_great(
            column, "for this scale", "Use `method: standard`, or the transform `log` or `quantile`"
        )
    return {"middle": middle, "width": width}


def _population(moments: dict[str, Any], within: Range) -> float:
    """The deviation of all, not of a sample of more."""
    n = moments["n"]
    return (deviation(moments, within) or 0.0) * math.sqrt((n - 1) / n)


def _scaled(transform: Scale, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    def scaled(column: str) -> pl.Expr:
        middle, width = (
            float(fitted.values[column]["middle"]),
            float(fitted.values[column]["width"]),
        )
        # a constant column gives no information: it becomes 0, not a division by 0
        # times the reciprocal, not divided: Polars divides one row and many rows by a number with
        # different last bits
        return finite((number(column) - middle) * (1.0 / (width or 1.0)))

    return for_each_column(transform.columns, transform.makes, scaled)


# -- quantile: Source: scikit-learn's QuantileTransformer, with its interpolation from both sides
# ---


def _fit_quantile(transform: Quantile, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    from sklearn.preprocessing import QuantileTransformer

    found, learned = (yield from _drawn(transform, rows)), {}
    for column in transform.columns:
        values = _values(found, column, "to rank by")
        fitted = QuantileTransformer(
            n_quantiles=min(transform.quantiles, len(values)),
            subsample=None,
            random_state=transform.seed,
        ).fit(values)
        learned[column] = {
            "quantiles": fitted.quantiles_[:, 0].tolist(),
            "references": fitted.references_.tolist(),
        }
    return Fitted(learned)


def _ranked(transform: Quantile, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    def ranked(column: str) -> pl.Expr:
        quantiles, references = (
            np.array(fitted.values[column][name]) for name in ("quantiles", "references")
        )

        def rank(x: Array) -> Array:
            # from both sides, so that a value that several quantiles share gets their middle
            upper, lower = (
                np.interp(x, quantiles, references),
                np.interp(-x, -quantiles[::-1], -references[::-1]),
            )
            share = 0.5 * (upper - lower)
            share = np.where(x >= quantiles[-1], 1.0, np.where(x <= quantiles[0], 0.0, share))
            if transform.output == "uniform":
                return share
            from scipy.special import ndtri

            bell: Array = np.clip(
                ndtri(share), ndtri(1e-7 - np.spacing(1)), ndtri(1 - (1e-7 - np.spacing(1)))
            )
            return bell

        return by_numpy(number(column), rank)

    return for_each_column(transform.columns, transform.makes, ranked)


def by_numpy(value: pl.Expr, function: Callable[[Array], Array]) -> pl.Expr:
    """A function of each number, in NumPy; nulls stay."""

    def called(given: pl.Series) -> pl.Series:
        return pl.Series(given.name, function(given.fill_null(0.0).to_numpy()), dtype=pl.Float64)

    return pl.when(value.is_not_null()).then(
        value.map_batches(called, return_dtype=pl.Float64, is_elementwise=True)
    )


# -- log ------------------------------------------------------------------------------------------


def _logs(transform: Log, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    return for_each_column(
        transform.columns,
        transform.makes,
        lambda column: number(column).sign() * number(column).abs().log1p(),
    )


# -- power: Source: Yeo and Johnson (2000), Biometrika 87, 954; Box and Cox (1964); the power by
# scikit-learn's PowerTransformer ---


def _fit_power(transform: Power, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    from sklearn.preprocessing import PowerTransformer

    found, learned = (yield from _drawn(transform, rows)), {}
    for column in transform.columns:
        values = _values(found, column, "to find a power for")
        if transform.method == "box_cox" and values.min() <= 0:
            raise FeatureError(
                f"'{column}' has numbers that are not above 0, but Box-Cox needs positive numbers",
                "Write `method: yeo_johnson`",
                Where(field=column),
            )
        if values.min() == values.max():
            learned[column] = {
                "power": 1.0,
                "middle": float(values[0, 0]),
                "width": 1.0,
            }  # what is constant has no power: it becomes 0
            if transform.method == "box_cox":
                learned[column]["middle"] -= 1.0
            continue
        if transform.method == "yeo_johnson" and np.abs(values).max() > _GREATEST:
            raise _too_great(column, "for a power", "Use `log` or `quantile` for it")
        with warnings.catch_warnings():
            # powers whose likelihood overflows on the way to the best
            warnings.simplefilter("ignore", RuntimeWarning)
            fitted = PowerTransformer(
                method=transform.method.replace("_", "-"), standardize=True
            ).fit(values)
        power_terms = {
            "power": float(fitted.lambdas_[0]),
            "middle": float(fitted._scaler.mean_[0]),
            "width": float(fitted._scaler.scale_[0]),
        }
        if not all(map(math.isfinite, power_terms.values())):
            raise _too_great(column, "for a power", "Use `log` or `quantile` for it")
        learned[column] = power_terms
    return Fitted(learned)


def _powers(transform: Power, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    def power(column: str) -> pl.Expr:
        power_terms = fitted.values[column]
        raised = (
            _yeo_johnson(number(column), power_terms["power"])
            if transform.method == "yeo_johnson"
            else _box_cox(number(column), power_terms["power"])
        )
        return finite(
            (raised - power_terms["middle"]) * (1.0 / power_terms["width"])
        )  # what is far beyond the training rows can be beyond a float

    return for_each_column(transform.columns, transform.makes, power)


def _raised(base: pl.Expr, log: pl.Expr, power: float) -> pl.Expr:
    """(base^power - 1) / power, whose limit at 0 is the logarithm."""
    return log if abs(power) < np.spacing(1.0) else (base.pow(power) - 1.0) * (1.0 / power)


def _yeo_johnson(x: pl.Expr, power: float) -> pl.Expr:
    above, below = x.clip(lower_bound=0.0), -x.clip(upper_bound=0.0)
    return (
        pl.when(x >= 0)
        .then(_raised(above + 1.0, above.log1p(), power))
        .otherwise(-_raised(below + 1.0, below.log1p(), 2.0 - power))
    )


def _box_cox(x: pl.Expr, power: float) -> pl.Expr:
    return pl.when(x > 0).then(_raised(x, x.log(), power))


# -- bins: Source: scikit-learn's KBinsDiscretizer
# --------------------------------------------------


_OTHER_BINS = "Write `method: quantile`, or `edges`"


def _fit_bins(transform: Bin, rows: pl.LazyFrame, context: Context) -> Learning:  # noqa: ARG001
    if transform.method == "edges":
        return Fitted({column: list(transform.edges) for column in transform.columns})
    if transform.method == "uniform":
        seen = (
            yield {
                "ranges": rows.select(ranges(column).alias(column) for column in transform.columns)
            }
        )["ranges"].to_dicts()[0]
        for column in transform.columns:
            if seen[column]["low"] is None:
                raise nothing_seen(column, "to cut into bins")
            if not math.isfinite(seen[column]["high"] - seen[column]["low"]):
                raise _too_great(column, "for bins equally wide", _OTHER_BINS)
        return Fitted(
            {
                column: _inner(
                    np.linspace(seen[column]["low"], seen[column]["high"], transform.bins + 1)
                )
                for column in transform.columns
            }
        )
    from sklearn.preprocessing import KBinsDiscretizer

    found, learned = (yield from _drawn(transform, rows)), dict[str, list[float]]()
    for column in transform.columns:
        values = _values(found, column, "to cut into bins")
        bins = min(transform.bins, len(np.unique(values)))
        if bins < 2:
            learned[column] = []  # a constant column is one bin
            continue
        if transform.method == "kmeans" and np.abs(values).max() > _GREATEST:
            raise _too_great(column, "for bins around means", _OTHER_BINS)
        how = {"quantile_method": "averaged_inverted_cdf"} if transform.method == "quantile" else {}
        with warnings.catch_warnings():
            # bins of equal edges become one; k-means may see fewer different points than bins
            warnings.simplefilter("ignore", UserWarning)
            cut = KBinsDiscretizer(
                n_bins=bins,
                strategy=transform.method,
                encode="ordinal",
                subsample=None,
                random_state=transform.seed,
                **how,
            ).fit(values)
        learned[column] = _inner(cut.bin_edges_[0])
    return Fitted(learned)


def _inner(edges: Array) -> list[float]:
    """The edges between bins: what is beyond the outer ones falls into the outer bins."""
    return [float(edge) for edge in np.unique(edges[1:-1])] if edges[0] < edges[-1] else []


def _binned(transform: Bin, fitted: Fitted, context: Context) -> Made:  # noqa: ARG001
    def bin_of(column: str) -> pl.Expr:
        x = number(column)
        passed = [(x >= edge).cast(pl.Int32) for edge in fitted.values[column]] or [
            pl.lit(0, pl.Int32)
        ]
        return pl.when(x.is_not_null()).then(pl.sum_horizontal(passed).cast(pl.Int32))

    return for_each_column(transform.columns, transform.makes, bin_of)


SCALE = Kind(_fit_scale, _scaled)
QUANTILE = Kind(_fit_quantile, _ranked)
LOG = Kind(nothing_to_learn, _logs)
POWER = Kind(_fit_power, _powers)
BIN = Kind(_fit_bins, _binned)
