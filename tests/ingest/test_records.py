"""Record numbers are those of the file, whatever could not be read between them."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from assay.pipelines.core.frames import ROW
from assay.pipelines.ingest.records import numbered


@given(st.lists(st.booleans(), max_size=60))
def test_a_row_has_the_number_of_its_record(readable: list[bool]) -> None:
    records = list(enumerate(readable, start=2))  # record 1 is the header
    rows = pl.LazyFrame({ROW: range(1, sum(readable) + 1)}, schema={ROW: pl.Int64})
    got = (
        numbered(rows, [number for number, could in records if not could]).collect()[ROW].to_list()
    )
    assert got == [number for number, could in records if could]
