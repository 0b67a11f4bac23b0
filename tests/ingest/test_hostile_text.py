"""No delimited text crashes the gate: each record is read, or set aside with its number and a reason, and none is lost."""

from __future__ import annotations

import csv
import io
import json
import random
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.assets.io.decode import delimited
from assay.assets.io.decode.task import UNREADABLE, Decoded, Task, Undecodable
from assay.assets.io.sources.read_result import rows_in
from assay.pipelines.core.frames import ROW
from assay.pipelines.ingest.structure import Marks, Sorter, well_formed

MALFORMED = Path(__file__).parents[2].parent / "shared" / "data" / "malformed"
CELL = st.text(st.sampled_from("ab1 \",;\n\r'\\ü€\x00|\t"), max_size=6)
SEEDS = (
    b"id,name,note\n1,ann,x\n2,bob,y\n3,cid,z\n",
    b'id,name,note\r\n1,"ann, b",x\r\n2,"b ""ob""",y\r\n3,"line\r\nbreak",z\r\n',
    "id;name;note\n1;ännchen;€ 5\n2;bøb;ç\n".encode("cp1252"),
    "\ufeffid,name,note\n1,ä,x\n2,ö,y\n".encode(),
    "id\tname\tnote\n1\tä\tx\n2\tö\ty\n".encode("utf-16"),
    b"id,name,note\r1,a,x\r2,b,y\r",
)
PIECES = (
    b"\x00",
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\\",
    b";",
    b"\n\n",
    b'"\n',
    b',"',
    b"x" * 1_000,
    "ü".encode("utf-16"),
)
AUTO = {
    "delimiter": "auto",
    "quote": "auto",
    "escape": "auto",
    "encoding": "auto",
    "header": "auto",
}


def decoded(text: bytes, **options: object) -> tuple[Decoded, pl.DataFrame, pl.DataFrame]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "x.csv").write_bytes(text)
        done = delimited.decode(Task("delimited", str(folder / "x.csv"), made, dict(options)))
        return done, rows_in(folder).drop(ROW).collect(), pl.read_parquet(folder / UNREADABLE)


def mutated(generator: random.Random) -> bytes:
    text = bytearray(generator.choice(SEEDS) * generator.choice((1, 1, 1, 3)))
    for _ in range(generator.randint(1, 8)):
        at = generator.randrange(len(text) + 1)
        match generator.randrange(4):
            case 0:
                text[at:at] = generator.choice(PIECES)
            case 1:
                del text[at : at + generator.randint(1, 9)]
            case 2:
                text[at : at + 1] = bytes([generator.randrange(256)])
            case _:
                text[at:at] = text[generator.randrange(len(text) + 1) :][:20]
    return bytes(text)


def nothing_is_lost(text: bytes, **options: object) -> None:
    try:
        done, rows, unreadable = decoded(text, **options)
    except Undecodable:
        return
    assert (rows.height, unreadable.height, tuple(rows.columns)) == (
        done.rows,
        done.unreadable,
        done.columns,
    )
    records = unreadable["record"].to_list()
    assert records == sorted(set(records))
    assert all(
        done.header < record <= done.header + done.rows + done.unreadable for record in records
    )
    assert unreadable["reason"].null_count() == 0
    if not options:  # every byte that is not a mark of the format stands in a row, in a record set aside, or in the header
        kept = (
            "".join(cell or "" for row in rows.rows() for cell in row)
            + "".join(unreadable["text"])
            + "".join(done.columns)
        )
        counted = {
            letter: text.decode("utf-8", "replace").count(letter)
            for letter in "abcdefghijklmnopqrstuvwxyz0123456789"
        }
        assert {letter: kept.count(letter) for letter in counted} == counted


def fuzz(seed: int, count: int) -> None:
    generator = random.Random(seed)
    for number in range(count):
        nothing_is_lost(mutated(generator), **(AUTO if number % 2 else {}))


def test_mutated_files_are_read_or_refused_and_no_record_is_lost() -> None:
    fuzz(seed=1, count=500)


@pytest.mark.soak
def test_ten_thousand_mutated_files() -> None:
    fuzz(seed=2, count=10_000)


@pytest.mark.skipif(not MALFORMED.is_dir(), reason="the shared malformed files are not here")
def test_every_malformed_file_is_read_or_refused() -> None:
    refused = []
    for file in sorted(
        [*MALFORMED.glob("csv_spectrum/csvs/*.csv"), *MALFORMED.glob("frictionless/data/**/*.csv")]
    ):
        try:
            decoded(file.read_bytes(), **AUTO)
        except Undecodable:
            refused.append(file.name)
        nothing_is_lost(
            file.read_bytes(),
            encoding="latin-1"
            if file.name in ("latin1.csv", "location_coordinates.csv")
            else "utf-8",
        )
    assert refused == ["empty.csv"]


@pytest.mark.skipif(not MALFORMED.is_dir(), reason="the shared malformed files are not here")
def test_the_csv_spectrum_is_read_as_its_answers_say() -> None:
    for file in sorted((MALFORMED / "csv_spectrum" / "csvs").glob("*.csv")):
        answer = json.loads(
            (MALFORMED / "csv_spectrum" / "json" / f"{file.stem}.json")
            .read_bytes()
            .decode("utf-8", "replace")
        )
        _, rows, _ = decoded(file.read_bytes(), delimiter="auto", encoding="auto")
        wanted = [
            {name: value or None for name, value in row.items()}
            for row in (answer if isinstance(answer, list) else [answer])
        ]
        if file.stem != "location_coordinates":  # its answer is in another encoding than the file
            assert rows.to_dicts() == wanted, file.name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "id;näme\n1;ä\n".encode("cp1252"),
            {"encoding": "cp1252", "delimiter": ";", "header": "first line"},
        ),
        ("id\tname\n1\tä\n".encode("utf-16"), {"encoding": "utf-16", "delimiter": "\t"}),
        (
            "id\tname\n1\tä\n2\tb\n".encode("utf-16-le"),
            {"encoding": "utf-16-le", "delimiter": "\t"},
        ),
        ("\ufeffid|name\n1|ä\n".encode(), {"encoding": "utf-8", "delimiter": "|"}),
        (b"id,name\n1,'a,b'\n2,'c,d'\n3,'e'\n", {"quote": "'"}),
        (b'id,name\n1,"a \\"b\\", c"\n2,"d"\n3,"e"\n', {"escape": "\\"}),
        (b"1,2013-01-01,x\n2,2013-01-02,y\n", {"header": "none"}),
        (b"year,2013,2014\nx,1,2\n", {"header": "first line"}),
        (b"id,,id\n1,2,3\n", {"renamed": "column 2; column 3"}),
        (
            b"id,name,tag\n1,a,x\n2,b,y\n3,c,z\n".replace(b"id,name", b"idname"),
            {"renamed": "an incomplete first line of 2 names; column 3"},
        ),
    ],
)
def test_how_a_file_is_written_is_found_and_told(text: bytes, found: dict[str, str]) -> None:
    done, rows, unreadable = decoded(text, **AUTO)
    assert {name: done.found[name] for name in found} == found
    assert (unreadable.height, rows.null_count().sum_horizontal().item()) == (0, 0)


def test_what_the_contract_states_is_used_though_the_file_looks_otherwise() -> None:
    done, rows, _ = decoded(b"a;b\n1;2\n")
    assert (done.columns, rows.rows(), done.found) == (("a;b",), [("1;2",)], {})


def test_lines_of_another_encoding_are_set_aside_and_the_rest_is_read() -> None:
    text = "id,name\n1,ä\n2,ö\n".encode() + "3,ü\n".encode("cp1252") + "4,ß\n".encode()
    done, rows, unreadable = decoded(text, **AUTO)
    assert (done.found["encoding"], rows["id"].to_list()) == ("utf-8", ["1", "2", "4"])
    assert unreadable.select("record", "reason").rows() == [(4, "invalid encoding")]


def test_a_cell_of_a_million_characters_and_one_quote_too_many_cost_one_record() -> None:
    text = b"id,name\n1," + b"x" * 10**6 + b'\n2,"never closed\n' + b"3,y\n" * 200_000
    _, rows, unreadable = decoded(text)
    assert (rows.height, rows["name"].str.len_chars().max()) == (200_001, 10**6)
    assert unreadable.select("record", "reason").rows() == [(3, "unclosed quote")]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    nothing_is_lost(text, **AUTO)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(",;\t|"),
    st.booleans(),
)
def test_what_a_writer_wrote_comes_back(
    table: list[list[str]], end: str, delimiter: str, all_quoted: bool
) -> None:
    columns = len(table[0])
    table = [[*row, *[""] * columns][:columns] for row in table]
    breaks = any(
        mark in cell for row in table for cell in row for mark in "\r\n"
    )  # Python quotes only the line end that it writes
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter=delimiter,
        lineterminator=end,
        quoting=csv.QUOTE_ALL if all_quoted or breaks else csv.QUOTE_MINIMAL,
    )
    writer.writerows([[f"c{place}" for place in range(columns)], *table])
    done, rows, unreadable = decoded(stream.getvalue().encode(), delimiter=delimiter)
    assert rows.rows() == [tuple(cell or None for cell in row) for row in table]
    assert (done.rows, unreadable.height) == (len(table), 0)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab,"\n\r'), max_size=40), st.integers(1, 12))
def test_the_proof_and_the_sorting_agree_however_the_bytes_are_cut(text: str, size: int) -> None:
    whole = text.encode()
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    proof = well_formed(chunks, Marks())
    assert proof == well_formed([whole], Marks())
    if proof is None or not proof.has(2):
        return
    done = Sorter(Marks(), 2).sort(whole, last=True)
    too_long = [flaw for flaw in done.flaws if flaw.reason == "too many columns"]
    if not too_long:
        assert (done.rows, done.flaws) == (proof.records, ())


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from('ab,"\n\r\\'), max_size=40),
    st.integers(1, 12),
    st.sampled_from([None, "\\"]),
)
@example(
    text=',"\r"\r\\', size=1, escape=None
)  # a record of two lines, each ended by a carriage return alone
def test_sorting_in_pieces_gives_what_sorting_at_once_gives(
    text: str, size: int, escape: str | None
) -> None:
    whole, sorter = text.encode(), Sorter(Marks(escape=escape), 2)
    at_once = sorter.sort(whole, last=True)
    good, rows, flaws, held, records = b"", 0, [], b"", 0
    for at in range(0, len(whole) + size, size):
        done = sorter.sort(held + whole[at : at + size], last=at + size >= len(whole))
        held = (held + whole[at : at + size])[done.used :]
        flaws += [(records + flaw.record, flaw.reason, flaw.text) for flaw in done.flaws]
        good, rows, records = (
            good + done.good,
            rows + done.rows,
            records + done.rows + len(done.flaws),
        )
        if at + size >= len(whole):
            break
    assert (good, rows, flaws) == (
        at_once.good,
        at_once.rows,
        [(flaw.record, flaw.reason, flaw.text) for flaw in at_once.flaws],
    )
