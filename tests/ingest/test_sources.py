"""A source lands whole, once, with every unreadable line kept; or is refused in one clear sentence."""

from __future__ import annotations

import zipfile

import polars as pl
import pytest

from assay.assets.io import sources
from assay.assets.stages.ingest import land, landed_rows, unreadable_records
from assay.contracts.errors import SourceError
from tests.conftest import GOOD, SampleHome, columns, setting


def landed(installation: SampleHome, text: str | bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    installation.deliver(text)
    run = installation.run()
    digest = land(run).receipt.digest
    return landed_rows(run, digest).collect(), unreadable_records(run, digest)


def test_rows_land_as_text_with_their_record_numbers(installation: SampleHome) -> None:
    rows, unreadable = landed(installation, GOOD)
    assert rows.rows() == [
        (2, "M1", "1.5", "day"),
        (3, "M2", "2.5", "night"),
        (4, "M3", "3.5", "day"),
    ]
    assert unreadable.height == 0


def test_the_same_bytes_are_not_landed_twice(installation: SampleHome) -> None:
    assert land(installation.run()).unchanged is False
    assert land(installation.run()).unchanged is True
    installation.deliver(GOOD + "M4,1,day\n")
    assert land(installation.run()).unchanged is False


def test_of_a_file_as_large_as_one_that_landed_the_digest_says_whether_it_is_read(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    reader = sources.read
    monkeypatch.setattr(
        sources,
        "read",
        lambda contract, fetched, folder, labels: (
            read.append(fetched.digest),
            reader(contract, fetched, folder, labels),
        )[1],
    )
    for text in (GOOD, GOOD, GOOD.replace("1.5", "1.6")):
        installation.deliver(text)
        land(installation.run())
    first, other = read
    assert first != other


def test_a_read_that_fails_leaves_nothing_behind_that_stops_the_next(
    installation: SampleHome,
) -> None:
    run = installation.run()
    installation.deliver("")
    with pytest.raises(SourceError, match="empty"):
        land(run)
    installation.deliver(GOOD)
    assert land(run).receipt.rows == 3


@pytest.mark.parametrize(
    ("body", "kept", "unreadable"),
    [
        ("M1,1,day\nM2,2\nM3,3,day\n", [2, 4], {3: "missing columns"}),
        ("M1,1,day\nM2,2,day,extra\nM3,3,day\n", [2, 4], {3: "too many columns"}),
        ('M1,1,day\n"M"2,2,day\nM3,3,day\n', [2, 4], {3: "unquoted value"}),
        (b"M1,1,day\nM\xff,2,day\nM3,3,day\n", [2, 4], {3: "invalid encoding"}),
        ('M1,1,day\nM2,2,"day\nM3,3,day\nM4,4,day\n', [2, 4, 5], {3: "unclosed quote"}),
        ('M1,1,day\nM2,"2,day\nM3,3,day\n', [2, 4], {3: "unclosed quote"}),
        ('M1,1,"a\n\nb"\nM2,2,day', [2, 3], {}),
        ("M1,1,day\n\nM2,2,day\n\n", [2, 3], {}),
        ("M1,1,day\nM2\nM3,3\nM4,4,day\n", [2, 5], {3: "missing columns", 4: "missing columns"}),
    ],
)
def test_unreadable_lines_are_kept_with_their_reason(
    installation: SampleHome, body: str | bytes, kept: list[int], unreadable: dict[int, str]
) -> None:
    text = b"meter,energy_kwh,tariff\n" + (body if isinstance(body, bytes) else body.encode())
    rows, bad = landed(installation, text)
    assert rows["_row"].to_list() == kept
    assert dict(bad.iter_rows()) == unreadable


def test_windows_line_ends_are_read(installation: SampleHome) -> None:
    rows, unreadable = landed(installation, GOOD.replace("\n", "\r\n"))
    assert (rows.height, unreadable.height) == (3, 0)


@pytest.mark.parametrize("ends", ["\n\n\n\n", "\r\r\r\r", "\n\r\n\r"])
def test_any_line_end_ends_a_line_and_they_may_be_mixed(
    installation: SampleHome, ends: str
) -> None:
    lines = GOOD.splitlines()
    rows, unreadable = landed(
        installation, "".join(line + end for line, end in zip(lines, ends, strict=True))
    )
    assert (rows["_row"].to_list(), unreadable.height) == ([2, 3, 4], 0)


def test_a_zip_of_one_file_is_read_and_its_name_is_not_trusted(installation: SampleHome) -> None:
    installation.promise(setting("source", location="inbox/readings.zip"))
    (installation.root / "inbox").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(installation.root / "inbox" / "readings.zip", "w") as archive:
        archive.writestr("../../escape.csv", GOOD)
    assert land(installation.run()).receipt.rows == 3
    assert not list(installation.root.parent.rglob("escape.csv"))


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("inbox/nothing.csv", "does not exist"),
        ("../outside.csv", "is outside"),
        ("/etc/passwd", "is outside"),
        ("package:no_such_package/x.csv", "no package"),
        ("package:polars/../../x.csv", "leads outside the package"),
        ("module:no_such_module#x", "no module"),
    ],
)
def test_a_source_that_cannot_be_had_is_refused_with_a_remedy(
    installation: SampleHome, location: str, says: str
) -> None:
    installation.promise(setting("source", location=location))
    with pytest.raises(SourceError, match=says):
        land(installation.run())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("meter,energy_kwh\nM1,1\n", "lacks the declared column 'tariff'"),
        (
            "meter,energy_kwh,tarif\nM1,1,day\n",
            "Column 3 of the delivery may be this column under another name",
        ),
        ("meter,meter,energy_kwh,tariff\n", "the same name"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_not_what_was_promised_is_refused(
    installation: SampleHome, text: str | bytes, says: str
) -> None:
    installation.deliver(text)
    with pytest.raises(SourceError, match=says):
        land(installation.run())


def test_a_wrong_checksum_is_refused(installation: SampleHome) -> None:
    installation.promise(setting("source", sha256="0" * 64))
    with pytest.raises(SourceError, match="checksum"):
        land(installation.run())


def test_documents_are_parsed_and_never_run(installation: SampleHome) -> None:
    text = columns(
        {"name": "name", "logicalType": "string"}, {"name": "text", "logicalType": "string"}
    )
    installation.promise(
        text, setting("source", location="module:pydoc_data.topics#topics", format="documents")
    )
    assert land(installation.run()).receipt.columns == ("name", "text")
    installation.promise(
        setting("source", location="module:pydoc_data.topics#topics", format="documents")
    )
    with pytest.raises(SourceError, match="lacks the declared column 'meter'"):
        land(installation.run())


def test_a_column_promised_later_is_there_because_everything_was_landed(
    installation: SampleHome,
) -> None:
    installation.promise(columns({"name": "meter", "logicalType": "string"}))
    land(installation.run())
    installation.promise()
    run = installation.run()
    done = land(run)
    assert done.unchanged
    assert landed_rows(run, done.receipt.digest).collect().columns == [
        "_row",
        "meter",
        "energy_kwh",
        "tariff",
    ]


def test_the_same_bytes_read_with_other_options_are_landed_beside(installation: SampleHome) -> None:
    first = installation.run()
    land(first)
    installation.promise(setting("source", options={"null_values": ["day"]}))
    run = installation.run()
    done = land(run)
    assert not done.unchanged
    assert landed_rows(run, done.receipt.digest).collect()["tariff"].to_list() == [
        None,
        "night",
        None,
    ]
    assert landed_rows(first, done.receipt.digest).collect()["tariff"].to_list() == [
        "day",
        "night",
        "day",
    ]
