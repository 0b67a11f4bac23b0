"""Dates and times are read as they are written, or not at all: no year is guessed, no digit cut."""

from __future__ import annotations

from typing import Any

import pytest

from assay.contracts.date_formats import date_format
from assay.contracts.errors import ContractError
from tests.contracts.test_types import column, values

UNREAD = "unread"


def texts_of(promised: Any, *texts: str) -> list[str]:
    return [str(value) for value in values(promised, *texts)]


# -- dates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-01-06", "2024-01-06"), ("20240106", "2024-01-06"), (" 2024-01-06 ", "2024-01-06"),
        ("0001-01-01", "0001-01-01"), ("9999-12-31", "9999-12-31"), ("0024-01-06", "0024-01-06"),
        ("24-01-06", UNREAD), ("240106", UNREAD), ("2024-1-6", UNREAD), ("+2024-01-06", UNREAD), ("02024-01-06", UNREAD), ("+2024-1-06", UNREAD),
        ("12024-01-06", UNREAD), ("0000-01-01", UNREAD), ("-001-01-01", UNREAD), ("2024-02-30", UNREAD), ("2024-0106", UNREAD), ("2024- 1-06", UNREAD),
    ],
)  # fmt: skip
def test_a_date_has_a_year_of_four_digits(text: str, day: str) -> None:
    assert texts_of(column("date"), text) == [day]
    assert texts_of(column("date"), "2024-05-05", text) == ["2024-05-05", day]


@pytest.mark.parametrize(
    ("form", "text", "day"),
    [
        ("dd.MM.yyyy", "28.02.2013", "2013-02-28"),
        ("yyyyMMdd", "20130228", "2013-02-28"),
        ("dd/MM/yyyy", "06/01/24", UNREAD),
        ("dd/MM/yyyy", "6/1/2024", UNREAD),
        ("d/M/yyyy", "6/1/2024", "2024-01-06"),
        ("d/M/yyyy", "06/01/2024", "2024-01-06"),
        ("d/M/yyyy", "6/1/24", UNREAD),
        ("M/d/yyyy", "3/14/2024", "2024-03-14"),
        ("MMM d, yyyy", "Mar 4, 2024", "2024-03-04"),
        ("MMMM d yyyy", "march 4 2024", "2024-03-04"),
        ("d-MMM-yy", "4-Mar-69", "2069-03-04"),
        ("d-MMM-yy", "4-Mar-70", "1970-03-04"),
        ("d/M/yy", "4/3/2024", UNREAD),
        ("dd/MM/yyyy", "31/12/9999", "9999-12-31"),
        ("dd/MM/yyyy", "01/01/0001", "0001-01-01"),
        ("EEE, d MMM yyyy", "Mon, 4 Mar 2024", "2024-03-04"),
        ("EEE, d MMM yyyy", "Tue, 4 Mar 2024", UNREAD),
        ("yyyy'y'DDD", "2024y060", "2024-02-29"),
    ],
)
def test_a_declared_format_says_how_many_digits_there_are(form: str, text: str, day: str) -> None:
    promised = column("date", logicalTypeOptions={"format": form})
    assert texts_of(promised, text, "x") == [day, UNREAD]


# -- timestamps ---------------------------------------------------------------------------------

ISO = [
    ("2024-03-01 10:00:00", "2024-03-01 10:00:00+00:00"),
    ("2024-03-01T10:00:00Z", "2024-03-01 10:00:00+00:00"),
    ("2024-03-01 10:00:00+00", "2024-03-01 10:00:00+00:00"),
    ("2024-03-01 10:00:00-0330", "2024-03-01 13:30:00+00:00"),
    ("2024-03-01 10:00:00.25+05:45", "2024-03-01 04:15:00.250000+00:00"),
    ("2024-03-01 10:00:00+00:19:32", "2024-03-01 09:40:28+00:00"),
    ("2024-03-01 10:00:00 +02:00", "2024-03-01 08:00:00+00:00"),
    ("2024-03-01T10:00Z", "2024-03-01 10:00:00+00:00"),
    ("2024-03-01T10:00", "2024-03-01 10:00:00+00:00"),
    ("2024-03-01t10:00z", "2024-03-01 10:00:00+00:00"),
    ("20240301T100000Z", "2024-03-01 10:00:00+00:00"),
    ("20240301T1000+0530", "2024-03-01 04:30:00+00:00"),
    ("20240301T100000.5", "2024-03-01 10:00:00.500000+00:00"),
    ("2024-03-01T10:00:00,25", "2024-03-01 10:00:00.250000+00:00"),
    ("2024-03-01T10:00:00.123456", "2024-03-01 10:00:00.123456+00:00"),
    ("2024-03-01T10:00:00.123456000", "2024-03-01 10:00:00.123456+00:00"),
    ("2024-03-01T10:00:00.1234567", UNREAD),
    ("2024-03-01T10:00:00.123456789Z", UNREAD),
    ("0001-01-01T00:00:00", "0001-01-01 00:00:00+00:00"),
    ("9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999+00:00"),
    ("0001-01-01T00:00:00+14:00", UNREAD),
    ("9999-12-31T23:59:59-01:00", UNREAD),
    ("24-01-06 10:00:00", UNREAD),
    ("+2024-01-06 1:00:00", UNREAD),
    ("2024-03-01T24:00:00", UNREAD),
    ("2024-03-01T23:59:60Z", UNREAD),
    ("2024-03-01T1:00:00", UNREAD),
    ("2024-03-01T10:00:00+25:00", UNREAD),
    ("2024-03-01", UNREAD),
    ("infinity", UNREAD),
    ("0044-03-15 10:00:00 BC", UNREAD),
]


@pytest.mark.parametrize("first", [text for text, _ in ISO])
def test_a_timestamp_in_iso_8601_is_one_moment_whatever_comes_before_it(first: str) -> None:
    texts, moments = zip(*ISO, strict=True)
    assert texts_of(column("timestamp"), first, *texts)[1:] == list(moments)


def test_a_timestamp_without_zone_refuses_an_offset() -> None:
    without = column("timestamp", logicalTypeOptions={"timezone": False})
    texts = ["2024-03-01T10:00", "2024-03-01T10:00Z", "20240301T100000+01", "0999-03-01 10:00:00"]
    assert texts_of(without, *texts) == ["2024-03-01 10:00:00", UNREAD, UNREAD, "0999-03-01 10:00:00"]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("M/d/yyyy H:mm", "3/14/2024 9:26", "2024-03-14 09:26:00+00:00"),
        ("M/d/yyyy h:mm a", "3/14/2024 12:05 am", "2024-03-14 00:05:00+00:00"),
        ("M/d/yyyy h:mm a", "3/14/2024 13:05 PM", UNREAD),
        ("dd.MM.yyyy HH:mm:ss", "14.03.24 09:26:00", UNREAD),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-03-14T09:26:00Z", "2024-03-14 09:26:00+00:00"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-03-14T09:26:00+02:00", "2024-03-14 07:26:00+00:00"),
        ("yyyy-MM-dd HH:mm:ssx", "2024-03-14 09:26:00-03", "2024-03-14 12:26:00+00:00"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-03-14 09:26:00.125", "2024-03-14 09:26:00.125000+00:00"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-03-14 09:26:00.1", UNREAD),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2024-03-14 09:26:00.000001000", "2024-03-14 09:26:00.000001+00:00"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2024-03-14 09:26:00.000001001", UNREAD),
        ("yyyyMMddHHmmssSSS", "20240314092600125", "2024-03-14 09:26:00.125000+00:00"),
    ],
)  # fmt: skip
def test_a_timestamp_in_a_declared_format(form: str, text: str, moment: str) -> None:
    assert texts_of(column("timestamp", logicalTypeOptions={"format": form}), text) == [moment]


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("07:05", "07:05:00"), ("7:05", "07:05:00"), ("T07:05", "07:05:00"), ("T070500", "07:05:00"), ("23:59:59,5", "23:59:59.500"),
        ("23:59:59.123456789", "23:59:59.123456789"), ("23:59:59.1234567891", UNREAD), ("24:00", UNREAD), ("23:59:60", UNREAD), ("0705", UNREAD),
    ],
)  # fmt: skip
def test_a_time_of_day_keeps_its_nanoseconds(text: str, clock: str) -> None:
    assert texts_of(column("time"), text) == [clock]


# -- what no format can mean ----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["yyyy-QQ", "dd.MM.yyyy SS", "VV", "YYYY-MM-dd", "D/M/yyyy"])
def test_letters_that_cannot_be_read_are_named(form: str) -> None:
    with pytest.raises(ValueError, match=r"'[A-Z]+'"):
        date_format(form)


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("date", {"format": "dd.MM"}, "has no year"),
        ("date", {"format": "yyyy"}, "has no month"),
        ("timestamp", {"format": "MM/yyyy HH:mm"}, "has no day"),
        ("time", {"format": "mm:ss"}, "has no hour"),
        ("timestamp", {"format": "yyyy-MM-dd HH:mmXXX", "timezone": False}, "has an offset"),
        ("date", {"format": "YYYY-MM-dd"}, "has 'YYYY', which Assay does not support"),
    ],
)
def test_a_format_that_reads_no_value_is_refused(
    kind: str, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ContractError, match=problem):
        column(kind, logicalTypeOptions=options)
