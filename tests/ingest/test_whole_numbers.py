"""Whole numbers are landed as numbers only where these tell how they were written, and nobody downstream can tell the difference."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.assets.io.decode import delimited
from assay.assets.io.decode.task import ROWS, Task
from assay.assets.io.sources.read_result import rows_in
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.publish import publish
from assay.contracts.types import read
from assay.pipelines.clean import steps
from assay.pipelines.core.frames import ROW
from assay.pipelines.ingest.whole_numbers import likely_whole, text_bytes
from tests.conftest import SampleHome, columns, contract, setting
from tests.contracts.test_types import column
from tests.ingest.test_hostile_text import fuzz

WRITTEN = [
    "0",
    "7",
    "-7",
    "10",
    "-100",
    "007",
    "+7",
    "-0",
    " 7",
    "7 ",
    "7.0",
    "1e3",
    "",
    "x",
    "0x1",
    "٣",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
]


@pytest.fixture(autouse=True)
def _small_files_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polars reads files of any size, as it reads large ones otherwise."""
    monkeypatch.setattr(delimited, "_SMALL", 0)


def landed(text: str) -> tuple[pl.DataFrame, dict[str, pl.DataType]]:
    """The rows as text, and the types that they were kept in."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "x.csv").write_text(text, newline="")
        delimited.decode(Task("delimited", str(folder / "x.csv"), made))
        return rows_in(folder).drop(ROW).collect(), dict(pl.read_parquet_schema(folder / ROWS))


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 19).map(lambda n: 10**n // 2),
            st.integers(-1100, 1100),
        ),
        max_size=30,
    )
)
def test_the_text_of_numbers_is_as_long_as_they_are_written(numbers: list[int | None]) -> None:
    texts = [None if number is None else f"ü{number}" for number in numbers]
    frame = pl.DataFrame({"n": numbers, "t": texts}, schema={"n": pl.Int64, "t": pl.String})
    assert text_bytes(frame) == sum(
        2 * len(str(number)) + 2 for number in numbers if number is not None
    )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(WRITTEN), st.sampled_from(WRITTEN[:5])), min_size=1, max_size=6
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_every_cell_comes_back_as_it_was_written(
    table: list[tuple[str, str]], end: str, ended: bool
) -> None:
    text = end.join(["a,b", *(",".join(row) for row in table)]) + (end if ended else "")
    rows, _ = landed(text)
    assert rows.rows() == [tuple(cell or None for cell in row) for row in table]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns_of_plain_numbers_are_kept_as_numbers(end: str) -> None:
    rows, kept = landed(
        end.join(["id,name,zip,share", "1,x,08605,0.5", "-20,y,08606,1", ",z,08607,2", ""])
    )
    assert kept == {"id": pl.Int64, "name": pl.String, "zip": pl.String, "share": pl.String}
    assert rows["id"].to_list() == ["1", "-20", None]


@pytest.mark.parametrize("late", ["007", "+7", "-0", "x", "7.5", "99999999999999999999", " 7"])
def test_one_cell_far_below_that_is_written_otherwise_makes_its_file_text(late: str) -> None:
    rows, kept = landed(
        "id,n\n" + "".join(f"{number},7\n" for number in range(20_000)) + f"20000,{late}\n"
    )
    assert set(kept.values()) == {pl.String}
    assert rows["n"][-1] == late
    assert rows["n"][:-1].unique().to_list() == ["7"]


def test_a_longer_cell_cannot_hide_behind_a_shorter_one() -> None:
    """No text of a number is shorter than its plain form, so what is lost in one cell is made up for by no other."""
    rows, _ = landed("n\n" + "\n".join(["1"] * 10_000 + ["1000", "01", "-1", "+1"]) + "\n")
    assert rows["n"].tail(4).to_list() == ["1000", "01", "-1", "+1"]


def test_quotes_and_words_for_nothing_leave_text() -> None:
    assert set(landed('a,b\n1,"x"\n2,"y"\n')[1].values()) == {pl.String}


def test_mutated_files_are_read_or_refused_and_no_record_is_lost_by_the_fast_reader_either() -> (
    None
):
    fuzz(seed=3, count=300)


@pytest.mark.soak
def test_ten_thousand_mutated_files_by_the_fast_reader() -> None:
    """H1."""
    fuzz(seed=4, count=10_000)


def test_a_sample_without_any_number_says_nothing() -> None:
    assert likely_whole(
        pl.DataFrame(
            {"a": ["1", None], "b": [None, None], "c": ["1", "1.0"]},
            schema=dict.fromkeys("abc", pl.String),
        )
    ) == ["a"]


# -- read as what is promised ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        *(
            ("integer", {"logicalTypeOptions": {"format": width}})
            for width in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
        ),
        *(
            ("number", {"physicalType": kind})
            for kind in ("float", "double", "decimal(5,2)", "decimal(38,0)")
        ),
    ],
)
@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-70000, 70000)),
        max_size=10,
    )
)
def test_numbers_are_read_as_their_text_would_be(
    kind: str, more: dict[str, object], numbers: list[int | None]
) -> None:
    promised = column(kind, **more)
    whole = pl.Series("x", numbers, pl.Int64)
    assert (
        whole.to_frame()
        .select(read(promised))
        .equals(whole.cast(pl.String).to_frame().select(read(promised)))
    )


def test_what_somebody_asks_the_text_of_stays_text() -> None:
    promised = contract(
        columns(
            *(
                {"name": name, "logicalType": kind}
                for name, kind in [
                    ("a", "integer"),
                    ("b", "number"),
                    ("c", "integer"),
                    ("d", "string"),
                    ("e", "date"),
                ]
            )
        ),
        setting("cleaning", _=[{"step": "deduplicate"}, {"step": "normalize", "columns": ["c"]}]),
    )
    assert steps.as_numbers(promised) == {"a", "b"}
    every = contract(
        columns({"name": "a", "logicalType": "integer"}),
        setting("cleaning", _=[{"step": "near_duplicates"}]),
    )
    assert steps.as_numbers(every) == set()


# -- the whole way ----------------------------------------------------------------------------


def test_versions_and_what_is_set_aside_are_the_same_whether_landed_as_numbers_or_as_text(
    tmp_path: Path,
) -> None:
    chance = random.Random(4)
    lines = [
        f"M{number},{chance.choice(['1', '22', '-3', '4000', ''])},day,{chance.choice([5, -128, 127, 300])},{number % 50 or ''}"
        for number in range(60_000)
    ]
    lines += lines[:7]
    told = []
    for number, last in enumerate(["M999999,1,day,5,8", "M999999,1,day,5,08"]):
        installation = SampleHome(tmp_path / str(number))
        installation.promise(
            lambda data: data["schema"][0]["properties"].extend(
                [
                    {
                        "name": "small",
                        "logicalType": "integer",
                        "logicalTypeOptions": {"format": "i8"},
                    },
                    {"name": "place", "logicalType": "string"},
                ]
            ),
            lambda data: data["schema"][0].update(
                customProperties=[{"property": "assay.tolerance_pct", "value": 100}], quality=[]
            ),
            setting(
                "cleaning",
                _=[
                    {"step": "deduplicate"},
                    {"step": "fill_missing", "columns": ["energy_kwh"], "method": "median"},
                ],
            ),
            setting("license", purposes=["analytics"]),
        )
        installation.deliver(
            "meter,energy_kwh,tariff,small,place\n" + "\n".join([*lines, last]) + "\n"
        )
        run = installation.run()
        admission = admit(run)
        landing = pl.read_parquet_schema(
            next((installation.root / "lake" / "readings" / "landed").glob("*/rows.parquet"))
        )
        assert (landing["small"] == pl.Int64) is (number == 0)
        done = publish(run, admission, refine(run, admission))
        opened_home = installation.open()
        aside = pl.read_parquet(
            installation.root / "lake" / "readings" / "quarantine" / "*.parquet"
        )
        told.append(
            [
                opened_home.scan(done.row).sort("meter").collect(),
                aside.sort(ROW),
                admission.verdict.findings,
            ]
        )
    (published, aside, found), (published_text, aside_text, found_text) = told
    assert aside.filter(pl.col("small") == "300").height > 10_000
    assert aside.equals(aside_text)
    assert found == found_text
    assert published["place"].dtype == pl.String
    assert published[:-1].equals(published_text[:-1])
    assert (published["place"][-1], published_text["place"][-1]) == ("8", "08")
