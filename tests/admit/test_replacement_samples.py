"""A draft shows what `redact` would replace, before and after, and no value."""

from __future__ import annotations

import polars as pl
import pytest

from assay.pipelines.admit.replacement_samples import Sample, replacement_samples, shape_of_redacted
from assay.pipelines.core.frames import ROW


def test_replacements_are_shown_by_their_shapes() -> None:
    texts = ["nothing here", "Write to zoe7@example.org today!", None]
    rows = pl.LazyFrame({ROW: [1, 2, 3], "note": texts, "plain": ["a", "b", "c"]})
    assert replacement_samples(rows, ["note", "plain"]) == {
        "note": (Sample("Xxxxx xx xxx9@xxxxxxx.xxx xxxxx!", "Xxxxx xx <EMAIL> xxxxx!"),),
        "plain": (),
    }


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Apocalypse <NAME>w", "Xxxxxxxxxx <NAME>x"),  # a word torn apart is seen
        ("<ANN SMITH> paid 12,50 to Šárka", "<XXX XXXXX> xxxx 99,99 xx Xxxxx"),
        ("call <PHONE> or <EMAIL>", "xxxx <PHONE> xx <EMAIL>"),
    ],
)
def test_only_placeholders_stay_as_they_are(text: str, shape: str) -> None:
    assert shape_of_redacted(text) == shape
