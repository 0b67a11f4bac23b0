"""Special categories and markings of secrecy are found in columns, by their names and cells together; a word in a sentence is none."""

from __future__ import annotations

import polars as pl
import pytest

from assay.pipelines.admit.special_categories import holding, looks
from assay.pipelines.core.frames import ROW


def found(**table: list[str | None]) -> set[tuple[str, str]]:
    names = list(table)
    frame = pl.LazyFrame(
        {ROW: range(len(next(iter(table.values())))), **table},
        schema={ROW: pl.Int64, **dict.fromkeys(table, pl.String)},
    )
    plans = holding(frame, names, pl.collect_all(looks(frame, names, names), engine="streaming"))
    return {
        row
        for plan in pl.collect_all(plans, engine="streaming")
        for row in plan.select("column", "kind").iter_rows()
    }


@pytest.mark.parametrize(
    ("column", "cells", "kind"),
    [
        ("religion", ["Catholic", "none", None], "religion"), ("konfession", ["rk", "ev"], "religion"), ("q7", ["Muslim", "Hindu", "Catholic", "n/a"], "religion"),
        ("party", ["Labour", "Green"], "politics"), ("x1", ["SPD", "CDU", "FDP", "AfD"], "politics"), ("union_member", ["yes", "no"], "trade_union"), ("v", ["IG Metall", "ver.di"], "trade_union"),
        ("race", ["White", "Black", "Asian"], "ethnicity"), ("x", ["African American", "Caucasian"], "ethnicity"), ("sexual_orientation", ["straight", "gay"], "sexual_life"),
        ("diagnosis", ["asthma", "sprained ankle"], "health"), ("x", ["Type 2 diabetes", "Asthma", "hypertension"], "health"), ("blood_type", ["A+", "O-"], "health"), ("hiv_status", ["negative"], "health"),
        ("genotype", ["AA", "AG"], "genetic"), ("snp", ["rs4680", "rs1801133"], "genetic"), ("fingerprint_template", ["Rk1SACAyMAAAAAFUAAABPAFi"], "biometric"),
        ("memo", ["CONFIDENTIAL\nwe melt it at 900 degrees", "hello"], "confidential"), ("memo", ["Streng vertraulich: Rezept", "x"], "confidential"), ("level", ["Trade secret", "open", "open"], "confidential"),
        ("memo", ["this contains trade secrets of the works"] + ["x"] * 50, "confidential"), ("memo", ["the file is proprietary", "it is confidential too"], "confidential"),
    ],
)  # fmt: skip
def test_a_column_is_of_its_kind(column: str, cells: list[str | None], kind: str) -> None:
    assert found(**{column: cells}) == {(column, kind)}


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("note", ["the catholic church on the corner", "she voted for the socialist party", "asthma is common"] * 5), ("colour", ["white", "black", "green", "brown"]),
        ("direction", ["left", "right"]), ("level", ["0", "1"]), ("answer", ["yes", "no", "none", "other"]), ("q7", ["Catholic"] * 9), ("team", ["CDU", "red", "blue", "green"]),
        ("race", ["100 m", "200 m", "marathon"]), ("condition", ["new", "used", "like new"]), ("party", ["birthday", "wedding"]), ("orientation", ["portrait", "landscape"]),
        ("note", ["please keep it confidential"] + ["nothing to see"] * 9), ("faith", [None]), ("sequence", ["ACGTACGTACGT"]),
    ],
)  # fmt: skip
def test_what_is_something_else_is_left_alone(column: str, cells: list[str | None]) -> None:
    assert found(**{column: cells}) == set()
