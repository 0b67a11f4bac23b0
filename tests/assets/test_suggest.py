"""Steps are proposed from the source's rows, and from a few of them that somebody has put right; neither asks for nor learns from what is personal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.assets.services.suggest import ask, suggest
from assay.contracts.errors import ConfigurationError
from assay.pipelines.core.spreadsheet import escape_formulas, unescape_formulas
from tests.conftest import SampleHome, setting

ROWS = "meter,energy_kwh,tariff\n" + "".join(
    f"M{number},{number % 9}{'.0' if number % 2 else '.5'},day\n" for number in range(40)
)


def untold(_: str) -> None:
    """Progress, to nobody."""


def test_rows_that_are_asked_for_and_put_right_teach_a_step(
    installation: SampleHome, tmp_path: Path
) -> None:
    installation.deliver(ROWS)
    opened_home, file = installation.open(), tmp_path / "rows.csv"
    file.write_text(ask(opened_home, opened_home.contract("readings"), untold))
    rows = pl.read_csv(file, infer_schema=False)
    assert (rows.columns, rows.height) == (["_row", "meter", "energy_kwh", "tariff"], 20)
    assert [
        one.step.step for one in suggest(opened_home, opened_home.contract("readings"), untold)
    ] == []
    rows.with_columns(pl.col("energy_kwh").str.replace(r"\.0$", "")).write_csv(file)
    (found,) = suggest(opened_home, opened_home.contract("readings"), untold, file)
    assert found.as_yaml == {
        "step": "rewrite",
        "columns": ["energy_kwh"],
        "pattern": r"\.0$",
        "to": "",
    }


@given(
    st.lists(st.none() | st.text(st.sampled_from("=+-@\t\r＝'\" a1.5"), max_size=5), max_size=10)
)
def test_no_cell_for_a_spreadsheet_is_a_formula_and_each_comes_back(
    cells: list[str | None],
) -> None:
    """H9."""
    frame = pl.DataFrame(
        {"_row": range(len(cells)), "cell": cells}, schema={"_row": pl.Int64, "cell": pl.String}
    )
    safe = escape_formulas(frame)
    assert not [
        cell
        for cell in safe["cell"].drop_nulls()
        if re.match(r"""[\s"]*[=+\-@\t\r＝＋－＠]""", cell)
        and not re.fullmatch(r"-\d+(\.\d+)?", cell)
    ]
    assert unescape_formulas(
        pl.read_csv(io.StringIO(safe.write_csv()), schema=frame.schema)
    ).equals(frame)


def test_a_formula_in_the_source_is_none_in_the_file_that_is_asked_for(
    installation: SampleHome, tmp_path: Path
) -> None:
    installation.deliver(ROWS + '"=HYPERLINK(""http://x"")",-1,day\n')
    opened_home, file = installation.open(), tmp_path / "rows.csv"
    file.write_text(ask(opened_home, opened_home.contract("readings"), untold))
    last = pl.read_csv(file, infer_schema=False).filter(pl.col("_row") == "42")
    assert last.rows() == [("42", '\'=HYPERLINK("http://x")', "-1", "day")]


def test_nothing_personal_is_asked_for(installation: SampleHome) -> None:
    installation.promise(
        setting(
            "privacy",
            sensitivity="personal",
            region="eu",
            lawful_basis="contract",
            columns={"meter": {"kind": "other", "treatment": "hash"}},
        )
    )
    opened_home = installation.open()
    assert (
        ask(opened_home, opened_home.contract("readings"), untold).splitlines()[0]
        == "_row,energy_kwh,tariff"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("meter\nM1\n", "not a CSV file"),
        ("_row,meter\nCANARY7391,M1\n", "not a CSV file"),
        ("_row,meter\n2,M1\n2,M1\n", "repeated or missing row numbers"),
        (None, "not a CSV file"),
    ],
    ids=["without numbers", "a number that is none", "a row twice", "no file"],
)
def test_a_file_that_names_no_rows_is_refused_and_not_shown(
    installation: SampleHome, tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "rows.csv"
    if text is not None:
        file.write_text(text)
    opened_home = installation.open()
    with pytest.raises(ConfigurationError, match=said) as refused:
        suggest(opened_home, opened_home.contract("readings"), untold, file)
    assert "CANARY" not in str(refused.value)
