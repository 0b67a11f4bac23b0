"""Parquet lands as text that reads back exactly; a file that is none is refused in one clear sentence, and never ends the process."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.assets.io.decode import arrow
from assay.assets.io.decode.parquet import decode
from assay.assets.io.decode.task import Decoded, Task, Undecodable
from assay.assets.io.sources.read_result import rows_in
from assay.assets.stages.ingest import land
from assay.contracts.model import Column
from assay.contracts.types import read, readable
from tests.conftest import SampleHome, columns, setting

MALFORMED = Path(__file__).parents[2].parent / "shared" / "data" / "malformed" / "parquet" / "data"


def landed(path: Path, folder: Path, **options: Any) -> tuple[Decoded, pl.DataFrame]:
    done = decode(Task("parquet", str(path), str(folder), options))
    return done, rows_in(folder).collect()


def texts(values: pa.Array, tmp_path: Path, **options: Any) -> list[str | None]:
    pq.write_table(pa.table({"x": values}), tmp_path / "x.parquet")
    return landed(tmp_path / "x.parquet", tmp_path, **options)[1]["x"].to_list()


@pytest.mark.parametrize(
    ("values", "as_text"),
    [
        (
            pa.array([2**63 - 1, -(2**63), None]),
            ["9223372036854775807", "-9223372036854775808", None],
        ),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (
            pa.array([0.1, -0.0, 1e-300, math.inf, math.nan]),
            ["0.1", "-0.0", "1e-300", "inf", "NaN"],
        ),
        (pa.array([0.1, math.nan], pa.float32()), ["0.1", "NaN"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([dt.date(2024, 2, 29), dt.date(1, 1, 1)]), ["2024-02-29", "0001-01-01"]),
        (pa.array([dt.datetime(2024, 7, 1, 1, 2, 3, 456789)]), ["2024-07-01T01:02:03.456789"]),
        (
            pa.array([dt.datetime(2024, 7, 1, 1, 2, 3)], pa.timestamp("us", "Europe/Berlin")),
            ["2024-07-01T01:02:03+00:00"],
        ),
        (pa.array([dt.time(1, 2, 3, 4)]), ["01:02:03.000004"]),
        (pa.array([Decimal("1.50"), Decimal("-0.01")]), ["1.50", "-0.01"]),
        (pa.array([b"\xff\x00", b""], pa.binary()), ["ff00", ""]),
        (pa.array([[1, 2], [], None]), ["[1,2]", "[]", None]),
        (pa.array([{"a": 1, "b": 'x"'}]), ['{"a":1,"b":"x\\""}']),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), ['{"k":1}']),
        (pa.array(["", " a\x00ü", None]), ["", " a\x00ü", None]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_every_type_lands_as_text(
    values: pa.Array, as_text: list[str | None], tmp_path: Path
) -> None:
    assert texts(values, tmp_path) == as_text


WIDE: list[tuple[str, pa.Array]] = [
    ("price", pa.array([Decimal("9" * 39)], pa.decimal256(39, 0))),
    ("price", pa.array([Decimal("9" * 76)], pa.decimal256(76, 0))),
    ("order", pa.array([{"price": Decimal("1" * 45)}], pa.struct([("price", pa.decimal256(45, 0))]))),
    ("prices", pa.array([[Decimal("1" * 45)]], pa.list_(pa.decimal256(45, 0)))),
]  # fmt: skip


def written(kind: str, name: str, values: pa.Array, tmp_path: Path) -> Path:
    table, path = pa.table({"id": [1], name: values}), tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize(("name", "values"), WIDE)
def test_decimals_that_would_be_rounded_are_refused_with_their_column(
    kind: str, name: str, values: pa.Array, tmp_path: Path
) -> None:
    path = written(kind, name, values, tmp_path)
    decoder = arrow.decode if kind == "arrow" else decode
    with pytest.raises(Undecodable, match=f"the column '{name}' has decimals of"):
        decoder(Task(kind, str(path), str(tmp_path)))


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
@pytest.mark.parametrize("scale", [0, 10, 38])
@pytest.mark.parametrize("width", [pa.decimal128, pa.decimal256])
def test_decimals_of_38_digits_land_exactly(
    kind: str, scale: int, width: Any, tmp_path: Path
) -> None:
    most = Decimal((1, (9,) * 38, -scale))
    path = written(kind, "price", pa.array([most], width(38, scale)), tmp_path)
    decoder = arrow.decode if kind == "arrow" else decode
    decoder(Task(kind, str(path), str(tmp_path)))
    (text,) = rows_in(tmp_path).collect()["price"]
    assert Decimal(text) == most
    promised = Column(name="price", logical_type="number", physical_type=f"decimal(38,{scale})")
    assert pl.DataFrame({"price": [text]}).select(read(promised)).item() == most


def test_rows_are_counted_from_one_in_the_files_order(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": range(5_000)}), tmp_path / "x.parquet", row_group_size=1_000)
    done, rows = landed(tmp_path / "x.parquet", tmp_path)
    assert (done.rows, done.unreadable, done.columns) == (5_000, 0, ("n",))
    assert rows.columns == ["_row", "n"]
    assert rows.select((pl.col("_row") == pl.col("n").cast(pl.Int64) + 1).all()).item()


def test_text_that_stands_for_nothing_is_null(tmp_path: Path) -> None:
    assert texts(pa.array([1.5, math.nan, None]), tmp_path, null_values=("NaN", "?")) == [
        "1.5",
        None,
        None,
    ]
    assert texts(pa.array(["?", "", "a'b"]), tmp_path, null_values=("?", "a'b")) == [None, "", None]


def test_a_name_with_wildcards_and_folders_that_look_like_partitions_are_just_names(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "year=2024"
    folder.mkdir()
    pq.write_table(pa.table({'a "b"': [1]}), folder / "x[1]*.parquet")
    assert landed(folder / "x[1]*.parquet", tmp_path)[0].columns == ('a "b"',)


def round_trip(
    values: list[Any], kind: pa.DataType, column: Column
) -> tuple[list[Any], list[bool]]:
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table({"x": pa.array(values, kind)}), Path(folder) / "x.parquet")
        rows = landed(Path(folder) / "x.parquet", Path(folder))[1].lazy()
        got = rows.select(read(column), unread=~readable(column, read(column))).collect()
    return got["x"].to_list(), got["unread"].to_list()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.none() | st.sampled_from([-(2**63), 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1),
        min_size=1,
    )
)
def test_integers_come_back_exactly(values: list[int | None]) -> None:
    assert round_trip(values, pa.int64(), Column(name="x", logical_type="integer")) == (
        values,
        [False] * len(values),
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.floats()
        | st.sampled_from(
            [math.inf, -math.inf, math.nan, -0.0, 1e-300, 5e-324, 1.7976931348623157e308]
        ),
        min_size=1,
    )
)
def test_floats_come_back_to_the_bit_and_what_is_no_number_is_unreadable(
    values: list[float],
) -> None:
    got, unreadable = round_trip(values, pa.float64(), Column(name="x", logical_type="number"))
    assert unreadable == [not math.isfinite(value) for value in values]
    assert [repr(value) for value in got if value is not None] == [
        repr(value) for value in values if math.isfinite(value)
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.none() | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)), min_size=1),
    st.sampled_from([None, "UTC", "America/New_York"]),
)
def test_timestamps_come_back_to_the_microsecond(
    values: list[dt.datetime | None], zone: str | None
) -> None:
    zoned = [value and (value.replace(tzinfo=dt.UTC) if zone else value) for value in values]
    column = Column(name="x", logical_type="timestamp", timezone=zone is not None)
    assert round_trip(zoned, pa.timestamp("us", zone), column) == (zoned, [False] * len(values))


NANOSECONDS = pa.array([1_577_934_245_123_456_789, 1_000, None], pa.timestamp("ns"))
FIRST_ROW = pa.array([0, 1, 3], pa.int32())


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("x", NANOSECONDS),
        ("x.list.element", pa.ListArray.from_arrays(FIRST_ROW, NANOSECONDS)),
        ("x.at", pa.StructArray.from_arrays([NANOSECONDS], ["at"])),
    ],
)
def test_int96_with_nanoseconds_is_refused_with_its_column(
    path: str, values: pa.Array, tmp_path: Path
) -> None:
    file = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": values}), file, use_deprecated_int96_timestamps=True)
    with pytest.raises(Undecodable, match=f"the column '{path}' has INT96 timestamps with nanosec"):
        decode(Task("parquet", str(file), str(tmp_path)))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2020-01-02T03:04:05.000001", "9999-12-31T23:59:59.999999"])  # fmt: skip
def test_int96_with_microseconds_lands_exactly(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    values = pa.array([dt.datetime.fromisoformat(text), None], pa.timestamp("us"))
    pq.write_table(pa.table({"x": values}), file, use_deprecated_int96_timestamps=True)
    assert landed(file, tmp_path)[1]["x"].to_list() == [text, None]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_timestamp_of_any_unit_is_read_and_a_nanosecond_is_never_cut(
    unit: str, zone: str | None
) -> None:
    column = Column(name="x", logical_type="timestamp", timezone=zone is not None)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    whole = dt.datetime(2024, 3, 1, 10, 0, 0, tzinfo=dt.UTC if zone else None)
    ticks = 1_709_287_200 * per_second
    finer = [ticks + 1] if unit == "ns" else []
    values, unread = round_trip([ticks, *finer], pa.timestamp(unit, zone), column)
    assert (values, unread) == ([whole, *(None for _ in finer)], [False, *(True for _ in finer)])


def test_a_timestamp_after_the_year_9999_is_not_read() -> None:
    column = Column(name="x", logical_type="timestamp", timezone=False)
    far = 300_000_000_000_000  # milliseconds: the year 11476
    assert round_trip([far], pa.timestamp("ms"), column) == ([None], [True])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.decimals(-(10**15), 10**15, places=4, allow_nan=False), min_size=1))
def test_decimals_come_back_exactly(values: list[Decimal | None]) -> None:
    assert round_trip(
        values,
        pa.decimal128(20, 4),
        Column(name="x", logical_type="number", physical_type="decimal(20,4)"),
    ) == (values, [False] * len(values))


# -- what is refused ------------------------------------------------------------------------


def whole_file(tmp_path: Path) -> bytes:
    pq.write_table(pa.table({"x": list(range(1_000))}), tmp_path / "whole.parquet")
    return (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("cut", [0, 3, 4, 100, -1, -8, -50])
def test_a_truncated_file_is_refused(cut: int, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(whole_file(tmp_path)[:cut])
    with pytest.raises(Undecodable, match=r"cannot be read as Parquet .*Get it again"):
        landed(tmp_path / "x.parquet", tmp_path)


def test_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("meter,energy\nM1,1\n" * 10)
    with pytest.raises(Undecodable, match="cannot be read as Parquet"):
        landed(tmp_path / "x.parquet", tmp_path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["x", "x"], "the same name .columns 1 and 2;"),
        (["x", "X"], "the same name .columns 1 and 2;"),
        (["_row", "x"], "column 1 is named `_row`, which is reserved for Assay"),
        (["", "x"], "without a name"),
        ([], "no columns|cannot be read as Parquet"),
    ],
)
def test_names_that_cannot_be_kept_apart_are_refused(
    names: list[str], says: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table([pa.array([1])] * len(names), names=names), tmp_path / "x.parquet")
    with pytest.raises(Undecodable, match=says):
        landed(tmp_path / "x.parquet", tmp_path)


def test_names_inside_a_nested_column_may_repeat_those_outside(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [{"b": 1, "_row": [1]}], "b": [2]}), tmp_path / "x.parquet")
    assert landed(tmp_path / "x.parquet", tmp_path)[1].row(0) == (1, '{"b":1,"_row":[1]}', "2")


@pytest.mark.skipif(not MALFORMED.is_dir(), reason="the shared malformed files are not here")
def test_every_malformed_file_lands_or_is_refused(tmp_path: Path) -> None:
    refused = set()
    files = sorted(file for file in MALFORMED.rglob("*") if file.is_file())
    for index, file in enumerate(files):
        folder = tmp_path / str(index)
        folder.mkdir()
        try:
            landed(file, folder)
        except Undecodable:
            refused.add(file.name)
    parquet = [file for file in files if file.suffix == ".parquet"]
    assert {file.name for file in files} - {file.name for file in parquet} <= refused
    assert refused & {file.name for file in parquet} == {
        "byte_stream_split_extended.gzip.parquet",
        "large_string_map.brotli.parquet",
        "map_no_value.parquet",
    }


@pytest.mark.skipif(not MALFORMED.is_dir(), reason="the shared malformed files are not here")
def test_what_other_readers_lose_in_silence_lands_whole(tmp_path: Path) -> None:
    assert landed(MALFORMED / "repeated_no_annotation.parquet", tmp_path)[0].rows == 6


# -- through the stage ----------------------------------------------------------------------


def test_a_contract_lands_parquet(installation: SampleHome) -> None:
    installation.promise(
        columns({"name": "n", "logicalType": "integer"}),
        setting("source", location="inbox/readings.parquet", format="parquet"),
    )
    pq.write_table(
        pa.table({"n": [1, 2], "more": ["a", None]}),
        installation.root / "inbox" / "readings.parquet",
    )
    receipt = land(installation.run()).receipt
    assert (receipt.rows, receipt.unreadable, receipt.columns) == (2, 0, ("n", "more"))
