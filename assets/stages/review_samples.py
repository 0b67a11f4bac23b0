"""A delivery that is held -> replacements before and after, for the person who decides.

Cells are kept by their shapes: no personal value leaves the lake.
"""

from __future__ import annotations

import polars as pl

from assay.assets.io.registry.reviews import Review, ReviewSample
from assay.assets.stages.run import Run
from assay.assets.stages.window_rows import window_of, window_rows
from assay.pipelines.admit.personal import UNSCANNED
from assay.pipelines.admit.replacement_samples import samples_of_found
from assay.pipelines.publish.naming import Inputs

_MOST_COLUMNS = 10


def keep_samples(run: Run, inputs: Inputs, found: pl.DataFrame, review: Review) -> None:
    """Keep, with a review that has none, what `redact` replaces in the columns that the contract
    redacts, and what it would replace in those that it does not declare.

    Args:
        found: `_row`, `column`, `kind` and `value` of every personal value.
    """
    reviews = run.installation.registry.reviews
    found = found.filter(pl.col("kind") != UNSCANNED)
    if found.is_empty() or reviews.samples(review.id):
        return
    rows = window_rows(run, inputs.source_digest, window_of(run.contract, inputs.window))
    shown = [
        ReviewSample(column, sample.before, sample.after)
        for column, samples in samples_of_found(rows, found, _columns(run, rows, found)).items()
        for sample in samples
    ]
    reviews.keep_samples(review.id, shown)


def _columns(run: Run, rows: pl.LazyFrame, found: pl.DataFrame) -> list[str]:
    """The columns that a person decides about, in the order of the contract."""
    treatments, schema = run.contract.privacy.columns, rows.collect_schema()
    holding = set(found["column"])
    columns = [
        name
        for name in run.contract.column_names
        if name in holding
        and not schema[name].is_nested()
        and (name not in treatments or treatments[name].treatment == "redact")
    ]
    return columns[:_MOST_COLUMNS]
