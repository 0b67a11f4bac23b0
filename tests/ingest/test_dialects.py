"""Text whose writing nobody states is read as its header and rows fit, or refused with the setting to write; a header is never a row."""

from __future__ import annotations

import csv
import io

import pytest

from assay.assets.io.decode.task import Undecodable
from assay.pipelines.ingest.split_lines import records_of
from assay.pipelines.ingest.structure import Marks
from assay.pipelines.ingest.table_shape import footer_records, header_lines, joined_names
from tests.ingest.test_hostile_text import AUTO, decoded

Table = tuple[tuple[str, ...], list[tuple[str | None, ...]]]

HEADERS = ["name", "card number", "first;last", "last, first", "a|b", "x: y", "start time of day"]
VALUES = {
    "words": ["Ann", "Bob", "Cid"],
    "two words": ["Ann Smith", "Bob Jones", "Cid Roe"],
    "more or fewer words": ["Ann", "Bob J Jones", "Cid Roe"],
    "groups of digits": ["4111 1111 1111 1111", "4222 1111 2222 1111", "4333 1111 1111 3333"],
    "names with a comma": ["Smith, Ann", "Jones, Bob", "Roe, Cid"],
    "lists": ["a;b", "c;d", "e;f"],
    "pipes": ["a|b", "c|d", "e|f"],
    "tabs": ["a\tb", "c\td", "e\tf"],
    "times of day": ["10:00", "11:30", "12:45"],
    "days": ["12 May 1990", "13 June 1991", "1 July 2000"],
    "prose": ["one, two; three | four", "none", "a: b"],
    "decimal commas": ["1,5", "2,75", "3,25"],
    "money": ["$1,234.50", "$2.00", "$3,000.00"],
}
BEFORE, AFTER = ["id"], ["city", "note text"]


def read(text: str | bytes, **options: object) -> Table:
    """The columns and rows; every record is one of the rows."""
    content = text if isinstance(text, bytes) else text.encode()
    done, rows, unreadable = decoded(content, **(AUTO | options))
    assert unreadable.height == 0
    return done.columns, rows.rows()


def table(columns: int, header: str, values: list[str]) -> list[list[str]]:
    """A table of one to four columns, of which one has the header and values."""
    names = [*BEFORE[: columns - 1], header, *AFTER[: max(0, columns - 2)]]
    rest = ["New York", "fine, really"][: max(0, columns - 2)]
    rows = [
        [*([str(number)] if columns > 1 else []), value, *rest]
        for number, value in enumerate(values, start=1)
    ]
    return [names, *rows]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_a_sound_file_is_split_at_its_delimiter_whatever_its_cells_hold(
    columns: int, delimiter: str
) -> None:
    for header in HEADERS:
        for values in VALUES.values():
            if columns == 1 and any(mark in header for mark in ",;|"):
                continue  # another delimiter in the header and the rows: nobody can tell
            rows = table(columns, header, values)
            stream = io.StringIO(newline="")
            csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
            wanted = tuple(rows[0]), [tuple(row) for row in rows[1:]]
            assert read(stream.getvalue()) == wanted, stream.getvalue()


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("name;city,country\nAnn;Paris,France\nBob;Rome,Italy\n", ["','", "';'"]),
        ("a|b;c\nd|e;f\ng|h;i\n", ["';'", "'|'"]),
        ("phone number\n555 1234\n555 2345\n", ["' '", "a single column"]),
        ("comment\n1,x\n2,y\n3,z\n", ["','", "a single column"]),
    ],
)
def test_where_two_dialects_fit_equally_the_user_is_asked(text: str, candidates: list[str]) -> None:
    with pytest.raises(Undecodable) as refused:
        decoded(text.encode(), **AUTO)
    assert all(candidate in refused.value.problem for candidate in candidates)
    assert "`delimiter`" in refused.value.remedy
    assert "--delimiter" in refused.value.remedy


def test_the_stated_delimiter_wins() -> None:
    text = "name;city,country\nAnn;Paris,France\n"
    assert read(text, delimiter=";")[0] == ("name", "city,country")
    assert read(text, delimiter=",")[0] == ("name;city", "country")


SOUND = [("1", "ann", "2.5"), ("2", "bob", "3.5")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sep=;\nid;name;price\n1;ann;2.5\n2;bob;3.5\n", {"header_row": "2", "delimiter": ";"}),
        ("sep=\t\nid\tname\tprice\n1\tann\t2.5\n2\tbob\t3.5\n", {"header_row": "2"}),
        ("\ufeffsep=|\r\nid|name|price\r\n1|ann|2.5\r\n2|bob|3.5\r\n", {"delimiter": "|"}),
        ("Prices of 2024\n\nid,name,price\n1,ann,2.5\n2,bob,3.5\n", {"header_row": "3"}),
        ("Prices\nby, me\nid,name,price\n1,ann,2.5\n2,bob,3.5\n", {"header_row": "3"}),
        ("Prices,,\nfrom,2024,\nid,name,price\n1,ann,2.5\n2,bob,3.5\n", {"header_row": "3"}),
        ("# a, b\n# c\nid,name,price\n1,ann,2.5\n# d\n2,bob,3.5\n", {"comment": "#"}),
        ("// by me\nid,name,price\n1,ann,2.5\n2,bob,3.5\n", {"header_row": "2"}),
        ("\n\r\n\nid,name,price\n1,ann,2.5\n2,bob,3.5\n", {"header": "first line"}),
        ("id,name,price\n1,ann,2.5\n2,bob,3.5\n\nTotal,,6\n", {"footer": "1"}),
        ("id,name,price\n1,ann,2.5\n2,bob,3.5\n,Summe:,6\nQuelle: ich,,\n", {"footer": "2"}),
        ("id,name,price\n1,ann,2.5\n2,bob,3.5\n(2 rows)\n", {"footer": "1"}),
        ("id,name,price\n1,ann,2.5\n2,bob,3.5\n\n\nmade by hand\n", {"footer": "1"}),
    ],
)
def test_what_stands_around_the_table_is_no_row_and_is_reported(
    text: str, found: dict[str, str]
) -> None:
    done, rows, unreadable = decoded(text.encode(), **AUTO)
    assert (done.columns, rows.rows()) == (("id", "name", "price"), SOUND)
    assert unreadable.height == 0
    assert {name: done.found.get(name) for name in found} == found


def test_what_was_found_reads_the_file_the_same_when_it_is_stated() -> None:
    text = "Prices\n\nid;name;price\n# a\n1;ann;2.5\n2;bob;3.5\n\nTotal;;6\n".encode("utf-16")
    stated = {"delimiter": ";", "encoding": "utf-16", "header_row": 3, "comment": "#", "footer": 1}
    done, rows, _ = decoded(text, **stated)
    assert (done.columns, rows.rows()) == (("id", "name", "price"), SOUND)
    large = text.decode("utf-16").replace("1;ann;2.5\n2;bob;3.5\n", "1;ann;2.5\n" * 120_000)
    assert decoded(large.encode(), **(stated | {"encoding": "utf-8"}))[1].height == 120_000


@pytest.mark.parametrize("text", ["a,b\n1,2\n# 3,4\n", "tag,n\n#red,1\n#blue,2\n"])
def test_a_mark_of_comments_that_stands_in_values_is_no_comment(text: str) -> None:
    assert len(read(text)[1]) == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("#id\tname\n1\tann\n", ("#id", "name")),
        ("#,name\n1,ann\n", ("#", "name")),
        ("id,2019,2020\nann,1,2\n", ("id", "2019", "2020")),
        ("id,1,2,3\n7,.1,.2,.3\n8,.1,.2,.3\n", ("id", "1", "2", "3")),
        ("2019,2020\n1,2\n3,4\n", ("2019", "2020")),
        ("time,temp\ns,°C\n0,20.1\n1,20.2\n", ("time s", "temp °C")),
        (
            ",2019,,2020,\nland,Q1,Q2,Q1,Q2\nNO,1,2,3,4\nSE,2,3,4,5\n",
            ("land", "2019 Q1", "2019 Q2", "2020 Q1", "2020 Q2"),
        ),
        ("id name price\n1,ann,2.5\n2,bob,3.5\n3,cid,4.5\n", ("id", "name", "price")),
        ("id;name;price\n1|ann|2.5\n2|bob|3.5\n3|cid|4.5\n", ("id", "name", "price")),
        ("id|amount\n---|---\n1|5\n2|6\n", ("id", "amount")),
        ("NA,1\n3,2\n4,5\n", ("column_1", "column_2")),
        ("red,circle\nblue,square\nred,square\n", ("column_1", "column_2")),
        (
            "28/01/2018,00:00,$74.69\n29/01/2018,00:15,$29.81\n",
            ("column_1", "column_2", "column_3"),
        ),
    ],
)
def test_the_names_are_those_of_the_header_and_it_is_no_row(
    text: str, names: tuple[str, ...]
) -> None:
    columns, rows = read(text)
    assert columns == names
    assert not any(set(row) & set(names) - {"#"} for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        "Title,\nname,city\nAnn,Oslo\nBob,Rome\n",
        "Title,,\nname,city,land\nAnn,Oslo,NO\nBob,Rome,IT\n",
        "foo,12,3\n1,2,3\n4,5,6\n",
    ],
)
def test_where_the_header_is_unclear_the_user_is_asked(text: str) -> None:
    with pytest.raises(Undecodable, match="line 1 may be names of columns or values") as refused:
        decoded(text.encode(), **AUTO)
    assert "header" in refused.value.remedy


@pytest.mark.parametrize("second", ["city,pop\nOslo,3\nRome,4\n", "a,b,c,d\nx,1,2,3\ny,1,2,3\n"])
def test_several_tables_in_one_file_are_named_with_their_line(second: str) -> None:
    with pytest.raises(Undecodable, match="several tables: another one starts on line 5"):
        decoded(f"id,name\n1,a\n2,b\n\n{second}".encode(), **AUTO)


@pytest.mark.parametrize("options", [AUTO, {}], ids=["found", "stated"])
@pytest.mark.parametrize("rows", [2, 200_000])
def test_a_header_that_is_repeated_is_set_aside_with_its_reason(
    rows: int, options: dict[str, str]
) -> None:
    part = "id,name\n" + "".join(f"{number},a\n" for number in range(rows))
    _, kept, unreadable = decoded((part + "\n" + part).encode(), **options)
    assert kept.height == 2 * rows
    assert unreadable.rows() == [(rows + 2, "the header again", "id,name")]


@pytest.mark.parametrize(
    "bad", ['2,"b', '2,"b" c', '"2,b', '2,""b', '2,b"', '"2"x,"b"', "2,'b"], ids=repr
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_stray_quote_costs_at_most_its_own_record(bad: str, place: str) -> None:
    lines = ["1,a", '3,"c, d"', '4,"e\nf"', "5,g"]
    lines.insert({"first": 0, "middle": 2, "last": 4}[place], bad)
    _, rows, unreadable = decoded(("id,v\n" + "\n".join(lines) + "\n").encode(), **AUTO)
    good = [row for row in rows.rows() if "2" not in str(row[0])]
    assert good == [("1", "a"), ("3", "c, d"), ("4", "e\nf"), ("5", "g")]
    assert rows.height + unreadable.height == 5
    assert set(unreadable["reason"]) <= {"unclosed quote", "unquoted value", "missing columns"}


@pytest.mark.parametrize(
    ("tail", "footer"),
    [
        (["1,a,2", "2,b,3"], 0),
        (["1,a,2", "Total,,5"], 1),
        (["1,a,2", "Total,,5", "2,b,3"], 0),
        (["1,a,2", "", "a remark"], 1),
        (["1,a,2", "a cut ro"], 0),
        (["1,a,2", "Totally,b,3"], 0),
    ],
)
def test_a_footer_sums_up_or_stands_apart(tail: list[str], footer: int) -> None:
    records = records_of(["id,name,n", "0,z,1", *tail], Marks())
    assert footer_records(records, 3) == footer


def test_one_bad_value_below_the_header_is_no_second_header_line() -> None:
    assert header_lines(records_of(["city,n", "Oslo,many", "Rome,3", "Paris,4"], Marks()), 2) == 1


def test_names_above_several_columns_go_to_each_of_them() -> None:
    assert joined_names([["", "a", ""], ["x", "y", "z"]]) == ["x", "a y", "a z"]
