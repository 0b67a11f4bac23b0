"""Every type ODCS promises: of exactly that width, read strictly, at any depth; what is not written as it is found, never guessed."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.declared_rules import read_schema
from assay.contracts.document import Document
from assay.contracts.formats import pattern_problem, string_formats
from assay.contracts.model import Column
from assay.contracts.types import dtype, read, readable
from tests.conftest import columns, contract


def column(logical_type: str, **more: Any) -> Column:
    """One column, as a contract promises it."""
    return contract(columns({"name": "x", "logicalType": logical_type, **more})).columns[0]


def values(promised: Column, *texts: str | None) -> list[Any]:
    """What the texts are read as; the type is always the promised one, and what was not read is known."""
    frame = pl.LazyFrame({"x": list(texts)}, schema={"x": pl.String})
    got = frame.select(read(promised), ~readable(promised, read(promised)).alias("unread")).collect(
        engine="streaming"
    )
    assert got["x"].dtype == dtype(promised)
    if promised.logical_type not in ("object", "array", "map"):  # those can be read in part
        assert got["unread"].to_list() == [
            text is not None and value is None
            for text, value in zip(texts, got["x"].to_list(), strict=True)
        ]
    return [
        value if not lost else "unread"
        for value, lost in zip(got["x"].to_list(), got["unread"].to_list(), strict=True)
    ]


@pytest.mark.parametrize(
    ("promise", "fits", "does_not"),
    [
        ({"logicalTypeOptions": {"format": "i8"}}, ["-128", "127"], ["-129", "128"]),
        ({"logicalTypeOptions": {"format": "i16"}}, ["-32768", "32767"], ["-32769", "32768"]),
        (
            {"logicalTypeOptions": {"format": "i32"}},
            ["-2147483648", "2147483647"],
            ["-2147483649", "2147483648"],
        ),
        (
            {"logicalTypeOptions": {"format": "i64"}},
            ["-9223372036854775808", "9223372036854775807"],
            ["-9223372036854775809", "9223372036854775808"],
        ),
        ({"logicalTypeOptions": {"format": "u8"}}, ["0", "255"], ["-1", "256"]),
        ({"logicalTypeOptions": {"format": "u16"}}, ["0", "65535"], ["-1", "65536"]),
        ({"logicalTypeOptions": {"format": "u32"}}, ["0", "4294967295"], ["-1", "4294967296"]),
        (
            {"logicalTypeOptions": {"format": "u64"}},
            ["0", "18446744073709551615"],
            ["-1", "18446744073709551616"],
        ),
        ({"physicalType": "smallint"}, ["32767"], ["32768"]),
        ({"physicalType": "BIGINT"}, ["9223372036854775807"], ["1.5", "1e400", "٣", ""]),
    ],
)
def test_integers_have_exactly_the_promised_width(
    promise: dict[str, Any], fits: list[str], does_not: list[str]
) -> None:
    promised = column("integer", **promise)
    assert [int(value) for value in values(promised, *fits)] == [int(text) for text in fits]
    assert values(promised, *does_not) == ["unread"] * len(does_not)


@pytest.mark.parametrize("width", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
def test_whole_numbers_written_as_fractions_are_read_as_integers(width: str) -> None:
    promised = column("integer", logicalTypeOptions={"format": width})
    assert values(promised, "1.0", "+4.000", "7.", "1e2", "1.2E+1") == [1, 4, 7, 100, 12]
    assert values(promised, "1.5", "5e-1", "1e16", "1.0x", ".0", "300.0e9") == (
        ["unread"] * 5 + [300 * 10**9 if width in ("i64", "u64") else "unread"]
    )


@given(st.integers(min_value=-(2**70), max_value=2**70))
def test_an_integer_is_read_as_itself_or_not_at_all(number: int) -> None:
    (got,) = values(Column(name="x", logical_type="integer"), str(number))
    assert got == (number if -(2**63) <= number < 2**63 else "unread")


def test_a_decimal_is_never_rounded() -> None:
    got = values(
        column("number", physicalType="decimal(5,2)"),
        "123.45",
        "-0.5",
        "1.230",
        "1.234",
        "1234.5",
        "",
        "-",
        "1e2",
    )
    assert [str(value) for value in got] == [
        "123.45",
        "-0.50",
        "1.23",
        "unread",
        "unread",
        "unread",
        "unread",
        "unread",
    ]


@pytest.mark.parametrize("text", ["1e999", "-1e999", "NaN", "inf", "1,5", "0x10"])
def test_what_is_no_number_of_this_width_is_not_read(text: str) -> None:
    assert values(column("number"), text) == ["unread"]
    assert values(column("number", logicalTypeOptions={"format": "f32"}), "1e39", "1.5") == [
        "unread",
        1.5,
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_shortest_text(number: float) -> None:
    assert values(Column(name="x", logical_type="number"), repr(number)) == [number]


def test_times_are_kept_as_text_that_sorts() -> None:
    assert values(column("time"), "9:05", "09:05", "23:59:59.5", "24:00", None) == [
        "09:05:00",
        "09:05:00",
        "23:59:59.500",
        "unread",
        None,
    ]


def test_a_timestamp_without_zone_refuses_one() -> None:
    got = values(
        column("timestamp", logicalTypeOptions={"timezone": False}),
        "2013-02-28T10:11:12.5",
        "2013-02-28 10:11:12Z",
    )
    assert [str(value) for value in got] == ["2013-02-28 10:11:12.500000", "unread"]
    assert (
        str(
            values(
                column("timestamp", logicalTypeOptions={"format": "yyyy-MM-dd'T'HH:mm:ss.SSS"}),
                "2013-02-28T10:11:12.123",
            )[0]
        )
        == "2013-02-28 10:11:12.123000+00:00"
    )


def test_a_vector_has_its_dimensions_and_a_number_in_each() -> None:
    promised = column("vector", logicalTypeOptions={"dimensions": 2, "elementType": "float64"})
    assert values(
        promised, "[1,2.5]", "[1]", "[1,2,3]", "[1,null]", '["a",2]', "{}", "[[1],2]", "no", None
    ) == [[1.0, 2.5], *["unread"] * 7, None]
    bits = column("vector", logicalTypeOptions={"dimensions": 2, "elementType": "binary"})
    assert values(bits, "[0,1]", "[0,2]") == [[0, 1], "unread"]


ORDER = {
    "properties": [
        {"name": "sku", "logicalType": "string"},
        {"name": "count", "logicalType": "integer", "logicalTypeOptions": {"format": "i8"}},
        {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
    ]
}


READ_OBJECTS = {
    '{"sku":"a","count":1,"tags":["x"],"more":9}': {"sku": "a", "count": 1, "tags": ["x"]},
    '{"count":null}': {"sku": None, "count": None, "tags": None},
    '{"sku":5}': {"sku": "5", "count": None, "tags": None},
}
NO_SUCH_OBJECTS = [
    '{"count":"many"}', '{"count":300}', '{"tags":5}', '{"tags":[{"x":1}]}', '{"sku":{"a":1}}',
    "[1]", "5", "{", "",
]  # fmt: skip


def test_an_object_is_read_whole_or_known_not_to_be() -> None:
    order = column("object", **ORDER)
    assert values(order, *READ_OBJECTS, *NO_SUCH_OBJECTS) == [
        *READ_OBJECTS.values(),
        *["unread"] * len(NO_SUCH_OBJECTS),
    ]
    assert values(order, NO_SUCH_OBJECTS[0]) == ["unread"]  # where no other row is read


def test_arrays_of_objects_and_maps_are_read_to_their_leaves() -> None:
    orders = column("array", items={"logicalType": "object", **ORDER})
    assert values(orders, '[{"count":1},{"count":2}]', '[{"count":1},{"count":999}]', "[]") == [
        [{"sku": None, "count": 1, "tags": None}, {"sku": None, "count": 2, "tags": None}], "unread", [],
    ]  # fmt: skip
    stock = column(
        "map", map={"key": {"logicalType": "string"}, "value": {"logicalType": "integer"}}
    )
    assert values(stock, '{"a":1,"b":2}', '{"a":"x"}', "[1]") == [
        [{"key": "a", "value": 1}, {"key": "b", "value": 2}],
        "unread",
        "unread",
    ]


@pytest.mark.parametrize(
    ("format_", "good", "bad"),
    [
        ("email", ["a@b.co", "a.b+c@d-e.example.org"], ["a@b", "a b@c.de", "@b.co", "a@b..co"]),
        (
            "uuid",
            ["123e4567-e89b-12d3-a456-426614174000"],
            ["123e4567e89b12d3a456426614174000", "g23e4567-e89b-12d3-a456-426614174000"],
        ),
        ("uri", ["https://example.com/x", "urn:isbn:1"], ["example.com", "http://a b"]),
        ("hostname", ["example.com", "a-b.c"], ["-a.b", "a..b", "x" * 64 + ".com"]),
        ("ipv4", ["0.0.0.0", "255.255.255.255"], ["256.1.1.1", "1.1.1", "1.1.1.1.1"]),
        (
            "ipv6",
            ["::", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "fe80::"],
            ["1::2::3", "1:2:3:4:5:6:7", "12345::", ":1", "1:2:3:4:5:6:7:8:9"],
        ),
        ("byte", ["", "aGk=", "aGk4"], ["a", "aGk==", "a-k="]),
        ("binary", ["", "0aFF"], ["0", "xy"]),
    ],
)
def test_string_formats(format_: str, good: list[str], bad: list[str]) -> None:
    assert pl.Series(good).str.contains(string_formats()[format_]).all()
    assert not pl.Series(bad).str.contains(string_formats()[format_]).any()


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{2}$",
        r"^\d{4}-\d{2}$",
        "(?:a|b)+",
        "(?i)x",
        r"\p{L}+",
        "[a-z&&[^b]]",
        "(a+)+$",
        "(?P<n>x)",
    ],
)
def test_a_pattern_that_runs_in_linear_time_is_taken(pattern: str) -> None:
    assert pattern_problem(pattern) is None
    pl.Series(["a" * 50_000 + "!"]).str.contains(pattern)  # returns, whatever the pattern


@pytest.mark.parametrize(
    "pattern",
    ["[", "(?=x)", "(?<!x)", r"(a)\1", r"\Z", "a{1000}{1000}", "(?a)x", "(a{999}){999}{9}", "*"],
)
def test_a_pattern_that_cannot_run_is_refused_before_it_runs(pattern: str) -> None:
    assert pattern_problem(pattern)


@given(st.text("ab[](){}*+?^$|\\.-&1,:P<i", max_size=12))
def test_whatever_pattern_is_taken_runs(pattern: str) -> None:
    if pattern_problem(pattern) is None:
        pl.Series(["ab"]).str.contains(pattern)


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        ("Name", "name", "differ only in case"),
        ("É", "é", "differ only in case"),
        ("straße", "STRASSE", "differ only in case"),
        ("\u212a", "k", "differ only in case"),
        ("name", "name", "twice"),
        ("a", "b\x00", "files cannot store"),
        ("a", "b\ud800", "files cannot store"),
    ],
)
def test_names_that_readers_of_tables_confuse_are_refused_at_every_depth(
    first: str, second: str, problem: str
) -> None:
    fields = [{"name": name, "logicalType": "string"} for name in (first, second)]
    nested = {"name": "x", "logicalType": "object", "properties": fields}
    listed = {"name": "x", "logicalType": "array", "items": {**nested, "name": "item"}}
    for properties in (fields, [nested], [listed]):
        collected = read_schema(Document({"properties": properties}, "x"), (), 0.0)
        assert [each for each in map(str, collected.problems) if problem in each]
