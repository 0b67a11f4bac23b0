"""A sample is those rows whose numbers have the lowest hashes, whatever order they come in, and nothing that has no chance is kept until the end."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipelines.core.frames import ROW
from assay.pipelines.core.sample import drawn


def numbered(rows: int) -> pl.DataFrame:
    return pl.DataFrame(
        {ROW: pl.int_range(1, rows + 1, eager=True), "value": pl.int_range(0, rows, eager=True) * 2}
    )


@given(st.integers(0, 20_000), st.integers(1, 3_000), st.integers(0, 5))
def test_a_sample_is_the_rows_of_the_lowest_hashes_in_their_order(
    rows: int, most: int, seed: int
) -> None:
    whole = numbered(rows)
    expected = (
        whole.with_columns(pl.col(ROW).hash(seed=seed).alias("hash"))
        .sort("hash", ROW)
        .head(most)
        .sort(ROW)
        .drop("hash")
    )
    assert drawn(whole.lazy(), most, rows, seed).collect(engine="streaming").equals(expected)
    assert (
        drawn(whole.reverse().lazy(), most, rows, seed).collect(engine="streaming").equals(expected)
    )


@pytest.mark.parametrize("most", [100, 1_000])
def test_hardly_more_rows_than_are_chosen_reach_the_choice(most: int) -> None:
    plan = drawn(numbered(1_000_000).lazy(), most, 1_000_000, 7)
    thinned = numbered(1_000_000).filter(
        pl.col(ROW).hash(seed=7) <= int((most + 10 * most**0.5) / 1_000_000 * 2**64)
    )
    assert most <= thinned.height <= most + 20 * most**0.5
    assert "FILTER" in plan.explain()
