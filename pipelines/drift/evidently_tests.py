"""Two samples of a column -> Evidently's score.

Belongs here: calling Evidently, and when not to. Stays out: which test and threshold (the policy),
its page (page.py).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from assay.contracts.settings import Method
from assay.pipelines.drift.sketch import Kind

# in place of `<` for Evidently: it writes names and values into its page's script as they are
# (0.7.23)
LESS_THAN = "\u2039"


@contextmanager
def importing_evidently() -> Iterator[None]:
    """Evidently is imported inside this: it sends nothing home, and its own warnings are left
    out.
    """
    os.environ["DO_NOT_TRACK"] = "1"  # read on import
    with warnings.catch_warnings():
        # importing it reaches numpy.core, Litestar's old names and an escape that newer Pythons
        # refuse: its to fix, not ours
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        yield


def obstacle(reference: pl.Series, current: pl.Series) -> str | None:
    """Why Evidently is not asked about a column: it raises on one without values, and of two equal
    constants some tests give no number.
    """
    before, now = (
        series.filter(series.is_finite()) if series.dtype.is_float() else series.drop_nulls()
        for series in (reference, current)
    )
    empty = [
        name for name, values in (("reference", before), ("current", now)) if values.is_empty()
    ]
    if empty:
        return f"no values in the {' and the '.join(empty)} sample"
    if before.n_unique() == 1 and now.n_unique() == 1 and before[0] == now[0]:
        return "constant: one and the same value in both samples"
    return None


def tested(
    reference: pl.Series, current: pl.Series, kind: Kind, method: Method
) -> tuple[float, bool]:
    """Evidently's score of two samples, and whether its own test states drift."""
    with importing_evidently():
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType
    before, now = (
        (
            series.filter(series.is_finite()) if kind == "numerical" else series.drop_nulls()
        ).to_pandas()
        for series in (reference, current)
    )
    as_type = ColumnType.Numerical if kind == "numerical" else ColumnType.Categorical
    with warnings.catch_warnings():
        # histograms of constants and rare categories divide by zero; a score that comes out as no
        # number is reported as such
        warnings.simplefilter("ignore", RuntimeWarning)
        result = get_stattest(before, now, as_type, method.method)(
            before, now, as_type, method.threshold
        )
    return float(result.drift_score), bool(result.drifted)
