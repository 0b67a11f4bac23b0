"""What a delivery brings beside its rows is shown to nobody: names of files, objects, members, sheets and columns, queries of addresses, marks of personal columns.

Each way is gone by the stages themselves, with the lineage that is sent and what Dagster would show; a few go by the command line in tests/journeys.
"""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from assay.assets.dagster import metadata
from assay.assets.io.home import Home
from assay.assets.io.names import LABEL, numbered, suffix_of
from assay.assets.services import new
from assay.assets.services.new_source import given_source
from assay.assets.stages.ingest import land, receipt_of
from assay.contracts.errors import AssayError
from tests.conftest import GOOD, Edit, SampleHome, columns, named, setting
from tests.leaks import holding

CANARY = "zora.quint@canary.example"
HEADER = ["meter", "energy_kwh", "tariff"]
ROWS = [["M1", "1", "day"], ["M2", "2", "night"]]
Writer = Callable[[Path, list[str], list[list[str]]], None]


def _csv(file: Path, header: list[str], rows: list[list[str]]) -> None:
    file.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))


def _jsonl(file: Path, header: list[str], rows: list[list[str]]) -> None:
    file.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows))


def _json(file: Path, header: list[str], rows: list[list[str]]) -> None:
    file.write_text(json.dumps([dict(zip(header, row, strict=True)) for row in rows]))


def _table(header: list[str], rows: list[list[str]]) -> pa.Table:
    return pa.table(
        [pa.array([row[at] for row in rows]) for at in range(len(header))], names=header
    )


def _parquet(file: Path, header: list[str], rows: list[list[str]]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(_table(header, rows), file)


def _arrow(file: Path, header: list[str], rows: list[list[str]]) -> None:
    table = _table(header, rows)
    with pa.OSFile(str(file), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def _workbook(file: Path, header: list[str], rows: list[list[str]], *sheets: str) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(str(file)) as book:
        for name in sheets or ("Data",):
            sheet = book.add_worksheet(name)
            for at, row in enumerate([header, *rows]):
                sheet.write_row(at, 0, row)


WRITERS: dict[str, tuple[str, Writer]] = {
    "csv": (".csv", _csv), "jsonl": (".jsonl", _jsonl), "json": (".json", _json), "parquet": (".parquet", _parquet), "arrow": (".arrow", _arrow),
    "excel": (".xlsx", _workbook),
}  # fmt: skip


def zipped(**members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def taken_in(installation: SampleHome, name: str = "readings") -> str:
    """Take the delivery the whole way, or until it is refused. Returns: everything that was said, and what Dagster would show."""
    told = []
    run = installation.run(name=name)
    try:
        landed = land(run)
        told.append(str(metadata.landed(landed.receipt, unchanged=landed.unchanged)))
        told.append(json.dumps(installation.predicate(installation.published(name))))
    except AssayError as error:
        chain: BaseException | None = error
        while chain is not None:
            told += [str(chain), repr(chain)]
            chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    told += installation.open().deliver_outbox()
    return "\n".join(told)


def inbox(installation: SampleHome) -> Path:
    folder = installation.root / "inbox" / "people"
    folder.mkdir(parents=True)
    return folder


def assert_nowhere(installation: SampleHome, told: str, *words: str) -> None:
    assert [word for word in (words or (CANARY,)) if word in told] == [], told
    assert holding(installation.root, words or (CANARY,)) == set()


# -- names of files, objects and members ---------------------------------------------------------


def set_up(installation: SampleHome, name: str, *edits: Edit) -> Path:
    """A data set of that name, whose contract looks into a folder of its own. Returns: the folder."""
    folder = installation.root / "inbox" / name
    folder.mkdir(parents=True)
    installation.promise(named(name), *edits, file=f"{name}.odcs.yaml")
    return folder


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken"])
@pytest.mark.parametrize("alone", [False, True], ids=["of several", "alone"])
def test_a_delivered_file_is_known_by_a_label(
    installation: SampleHome, alone: bool, broken: bool
) -> None:
    told = {}
    for format, (suffix, write) in WRITERS.items():
        location = f"inbox/{format}/*{suffix}"
        folder = set_up(installation, format, setting("source", location=location, format=format))
        write(folder / f"{CANARY}{suffix}", HEADER, ROWS)
        if not alone:
            write(folder / f"plain{suffix}", HEADER, ROWS)
        if broken:
            (folder / f"{CANARY}{suffix}").write_bytes(b"")
        told[format] = taken_in(installation, format)
        if not alone:
            labels = LABEL.finditer(told[format])
            names = {installation.name_of(label[0], format) for label in labels}
            assert f"{CANARY}{suffix}" in names, format
    assert_nowhere(installation, "\n".join(told.values()))


PACKED: dict[str, tuple[str, bytes]] = {
    "zip": ("x.zip", zipped(**{f"{CANARY}.csv": GOOD, "b.csv": GOOD})),
    "zip of a broken one": ("x.zip", zipped(**{f"{CANARY}.csv": "", "b.csv": GOOD})),
    "zip of one": ("x.zip", zipped(**{f"{CANARY}.csv": GOOD})),
    "zip in a folder": ("x.zip", zipped(**{f"{CANARY}/a.csv": GOOD, f"{CANARY}/b.csv": GOOD})),
    "zip in a zip": ("x.zip", zipped(**{f"{CANARY}.zip": "PK"})),
    "zip that is none": (f"{CANARY}.zip", b"PK\x03\x04" + bytes(40)),
    "gzip": (f"{CANARY}.csv.gz", gzip.compress(GOOD.encode())),
    "gzip cut off": (f"{CANARY}.csv.gz", gzip.compress(GOOD.encode())[:-9]),
    "gzip with its name in it": ("x.csv.gz", gzip.compress(GOOD.encode())[:3] + b"\x08" + gzip.compress(GOOD.encode())[4:10] + CANARY.encode() + b"\0" + gzip.compress(GOOD.encode())[10:]),
    "tar": ("x.tar.gz", tarred(f"{CANARY}.csv", GOOD)),
}  # fmt: skip


def test_a_member_of_an_archive_is_known_by_a_label(installation: SampleHome) -> None:
    told = []
    for kind, (name, content) in PACKED.items():
        dataset = kind.replace(" ", "_")
        location = f"inbox/{dataset}/*"
        folder = set_up(installation, dataset, setting("source", location=location))
        (folder / name).write_bytes(content)
        told.append(taken_in(installation, dataset))
    assert_nowhere(installation, "\n".join(told))


LICENSE_FILES = {
    "license": f"{CANARY}.csv.license",
    "licenses": f"LICENSE-{CANARY}",
    "readme": f"README.{CANARY}",
}


def test_the_name_of_a_licence_beside_a_file_is_repeated_nowhere(installation: SampleHome) -> None:
    for dataset, name in LICENSE_FILES.items():
        location = f"inbox/{dataset}/*.csv"
        folder = set_up(installation, dataset, setting("source", location=location))
        (folder / f"{CANARY}.csv").write_text(GOOD)
        (folder / name).write_text("License: CC-BY-NC-4.0\n")
        told = taken_in(installation, dataset)
        assert "next to the source states 'CC-BY-NC-4.0'" in told
        assert CANARY not in told
    assert_nowhere(installation, "")


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "\x1b[31mred",
        "\u202egnp.exe",
        "tab\t",
        "'quoted' \"twice\"",
        "<script>alert(1)",
        "x" * 200,
        "b\udcffytes",
        "[bold]markup",
    ],
)
def test_a_name_that_no_terminal_should_see_is_one_harmless_line(
    installation: SampleHome, name: str
) -> None:
    folder = inbox(installation)
    (folder / f"{name}.csv").write_text("")
    (folder / "plain.csv").write_text(GOOD)
    installation.promise(setting("source", location="inbox/people/*.csv"))
    with pytest.raises(AssayError) as refused:
        land(installation.run())
    (label,) = LABEL.finditer(str(refused.value.where))
    assert str(refused.value).isprintable()
    assert installation.name_of(label[0]) == f"{name}.csv"
    assert name not in str(refused.value)


def test_a_label_is_the_same_in_each_run_and_another_elsewhere(
    installation: SampleHome, tmp_path: Path
) -> None:
    other = SampleHome(tmp_path / "elsewhere")
    labels = []
    for each in (installation, installation, other):
        names = each.create().keys.derived("names")
        labels.append(metadata_label(names, each))
    assert labels[0] == labels[1] != labels[2]


def metadata_label(key: bytes, installation: SampleHome) -> str:
    from assay.assets.io.names import Names

    return Names(key, installation.root / "lake" / "readings" / "landed").label("file", "a.csv")


def test_names_are_kept_for_their_owner_alone_and_once(installation: SampleHome) -> None:
    folder = inbox(installation)
    for name in (CANARY, "plain"):
        (folder / f"{name}.csv").write_text(GOOD)
    installation.promise(setting("source", location="inbox/people/*.csv"))
    for _ in range(2):
        land(installation.run())
    store = installation.root / "lake" / "readings" / "landed" / "names.ndjson"
    assert store.stat().st_mode & 0o077 == 0
    assert len(store.read_text().splitlines()) == 2


@pytest.mark.parametrize(("name", "suffix"), [
    ("a.csv", ".csv"), ("a.b.CSV.gz", ".csv.gz"), ("a.zip", ".zip"), ("a.quint", ""), ("a.quint.gz", ".gz"), (".csv", ""), ("a", ""), ("x/y.parquet", ".parquet"),
])  # fmt: skip
def test_a_label_ends_as_a_reader_knows_it_and_in_nothing_else(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
    assert numbered("file", [name]) == [f"file-00001{suffix}"]


def test_a_receipt_of_an_earlier_release_is_read_without_names(installation: SampleHome) -> None:
    folder = inbox(installation)
    for name in (CANARY, "plain"):
        (folder / f"{name}.csv").write_text(GOOD)
    installation.promise(setting("source", location="inbox/people/*.csv"))
    run = installation.run()
    digest = land(run).receipt.digest
    (file,) = (installation.root / "lake" / "readings" / "landed").glob("*/receipt.json")
    data = json.loads(file.read_text())
    del data["labelled"]
    data["files"][1]["name"], data["location"] = (
        f"{CANARY}.csv",
        f"https://u:{CANARY}@host/x.zip?sig={CANARY}",
    )
    file.write_text(json.dumps(data))
    receipt = receipt_of(run, digest)
    assert CANARY not in str(receipt)
    assert installation.name_of(receipt.files[1].name) == f"{CANARY}.csv"


# -- sheets and columns ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"sheet": "Data"}, {"sheet": "Zora Quint", "header_row": 9}],
    ids=["none named", "another named", "no header"],
)
def test_no_sheet_is_named_that_the_contract_does_not_name(
    installation: SampleHome, options: dict[str, Any]
) -> None:
    _workbook(inbox(installation) / "x.xlsx", HEADER, ROWS, "Zora Quint", "Canary Quint")
    installation.promise(
        setting("source", location="inbox/people/x.xlsx", format="excel", options=options)
    )
    words = ["Canary Quint"] if "Zora Quint" in options.values() else ["Zora Quint", "Canary Quint"]
    assert_nowhere(installation, taken_in(installation), *words)


HEADERS: dict[str, list[str]] = {
    "twice": [CANARY, CANARY, "x"],
    "in two cases": [CANARY, CANARY.upper(), "x"],
    "beside an own one": [CANARY, "_row", "x"],
    "instead of the names": [CANARY, "M1", "day"],
    "more than is promised": [*HEADER, CANARY],
    "nearly a promised one": ["meter", "energy_kwh", f"tariff{CANARY}"],
    "without a name": [CANARY, "", "x"],
}


@pytest.mark.parametrize("format", WRITERS)
def test_a_cell_of_the_header_is_repeated_nowhere(installation: SampleHome, format: str) -> None:
    suffix, write = WRITERS[format]
    told = []
    for kind, header in HEADERS.items():
        dataset = kind.replace(" ", "_")
        location = f"inbox/{dataset}/x{suffix}"
        folder = set_up(installation, dataset, setting("source", location=location, format=format))
        row = ["M1", "1", "day", "x"][: len(header)]
        write(folder / f"x{suffix}", header, [row, row])
        told.append(taken_in(installation, dataset))
    assert_nowhere(installation, "\n".join(told), CANARY, CANARY.upper())


SECOND_HEADERS = {
    "another_case": [*HEADER, CANARY.upper()],
    "lacks_it": HEADER,
    "lacks_a_required_one": [CANARY, "meter", "tariff"],
}


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet", "excel"])
def test_a_column_of_one_of_several_files_is_repeated_nowhere(
    installation: SampleHome, format: str
) -> None:
    suffix, write = WRITERS[format]
    told = []
    for dataset, second in SECOND_HEADERS.items():
        location = f"inbox/{dataset}/*{suffix}"
        folder = set_up(installation, dataset, setting("source", location=location, format=format))
        for name, header in (("a", [*HEADER, CANARY]), ("b", second)):
            rows = [["M1", "1", "day", "x"], ["M2", "2", "night", "x"]]
            write(folder / f"{name}{suffix}", header, [row[: len(header)] for row in rows])
        told.append(taken_in(installation, dataset))
    assert_nowhere(installation, "\n".join(told), CANARY, CANARY.upper())


@pytest.mark.parametrize(
    "options", [{"header": "auto"}, {"header": "auto", "delimiter": "auto", "quote": "auto"}]
)
def test_what_is_found_of_a_header_holds_none_of_its_cells(
    installation: SampleHome, options: dict[str, str]
) -> None:
    installation.deliver(
        "meter,energy_kwh,tariff,zora_quint,zora_quint\nM1,1,day,x,y\nM2,2,night,x,y\nM3,3,day,x,y\n"
    )
    installation.promise(setting("source", options=options))
    told = taken_in(installation)
    assert "column 5" in told
    assert_nowhere(installation, told, "zora_quint")


ROW_OF_DATA = [f"+49 30 90182{at}" for at in range(10)]


def drafted(file: Path) -> str:
    """The draft of a file's contract and what was reported meanwhile, or why there is none."""
    told: list[str] = []
    try:
        home = Home(home=file.parent / "home", source_roots=str(file.parent))
        given = given_source(str(file), home)
        done = new.drafted(given, "calls", home, license=None, owner=None, progress=told.append)
    except AssayError as refused:
        return str(refused)
    return "\n".join([*told, done.draft.text, str(done.problems)])


@pytest.mark.parametrize("format", WRITERS)
def test_a_first_row_in_the_place_of_a_header_is_in_no_draft(tmp_path: Path, format: str) -> None:
    suffix, write = WRITERS[format]
    header, *rows = ([number, f"note {at}"] for at, number in enumerate(ROW_OF_DATA))
    write(tmp_path / f"calls{suffix}", header, rows)
    told = drafted(tmp_path / f"calls{suffix}")
    expected = "column_1" if format == "csv" else "the name of column 1 is personal data (phone)"
    assert (expected in told, ROW_OF_DATA[0] in told) == (True, False), told


# -- personal values in rows -------------------------------------------------------------------

PERSONAL: dict[str, dict[str, Any]] = {
    "who": {"kind": "name", "treatment": "token"},
    "email": {"kind": "email", "treatment": "hash"},
    "card": {"kind": "card", "treatment": "mask", "keep_last": 4},
    "note": {"kind": "other", "treatment": "redact"},
}
CARD = "4539578763621486"


def test_personal_values_of_any_format_stay_in_the_landed_rows(installation: SampleHome) -> None:
    """Of three rows one is quarantined; a second data set declares nothing."""
    personal = [
        {"name": name, "logicalType": "string", "classification": "personal"} for name in PERSONAL
    ]
    meter = {"name": "meter", "logicalType": "string", "logicalTypeOptions": {"pattern": "^M"}}
    privacy = setting("privacy", sensitivity="personal", lawful_basis="contract", columns=PERSONAL)
    cells = ["Zora Quint", CANARY, CARD, f"I am Zora Quint; {CANARY}; {CARD}"]
    told = []
    for format, (suffix, write) in WRITERS.items():
        source = setting("source", location=f"inbox/{format}/x{suffix}", format=format)
        folder = set_up(installation, format, columns(meter, *personal), privacy, source)
        rows = [[meter_number, *cells] for meter_number in ("M1", "M2", "x")]
        write(folder / f"x{suffix}", ["meter", *PERSONAL], rows)
        told.append(taken_in(installation, format))
        assert '"quarantined": 1' in told[-1], told[-1]
    source = setting("source", location="inbox/csv/x.csv", format="csv")
    undeclared = [
        {key: value for key, value in each.items() if key != "classification"} for each in personal
    ]
    installation.promise(named("held"), columns(meter, *undeclared), source, file="held.odcs.yaml")
    told.append(taken_in(installation, "held"))
    assert_nowhere(installation, "\n".join(told), CANARY, CARD, "Zora Quint")


# -- databases --------------------------------------------------------------------------------


def database(installation: SampleHome, query: str, *more: str) -> None:
    with closing(sqlite3.connect(inbox(installation) / "x.db")) as connection, connection:
        for each in (query, *more):
            connection.execute(each)


def growing(*edits: Edit, column: str) -> tuple[Edit, ...]:
    options = {"table": "t", "watermark": {"column": column}}
    return (
        setting("source", location="sqlite:inbox/people/x.db", format="sql", options=options),
        *edits,
    )


MARKS: dict[str, tuple[str, list[Any]]] = {
    "text": ("TEXT", [f"a{CANARY}", f"b{CANARY}", f"c{CANARY}"]),
    "integer": ("INTEGER", [77123456789012001, 77123456789012002, 77123456789012003]),
    "time": ("TEXT", ["1977-01-01T00:00:01.123451", "1977-01-01T00:00:01.123452", "1977-01-01T00:00:01.123453"]),
    "number": ("REAL", [77123456.125, 77123456.25, 77123456.5]),
}  # fmt: skip


@pytest.mark.parametrize("declared", [True, False], ids=["classified", "not declared"])
@pytest.mark.parametrize("kind", MARKS)
def test_the_mark_of_a_personal_column_is_sealed_and_goes_on(
    installation: SampleHome, kind: str, declared: bool
) -> None:
    type_, values = MARKS[kind]
    insert = "INSERT INTO t VALUES ('M1', 1, 'day', ?)"
    database(
        installation, f"CREATE TABLE t (meter TEXT, energy_kwh REAL, tariff TEXT, who {type_})"
    )
    with (
        closing(sqlite3.connect(installation.root / "inbox" / "people" / "x.db")) as connection,
        connection,
    ):
        connection.executemany(insert, [[value] for value in values[:2]])
    personal: tuple[Edit, ...] = (
        lambda data: data["schema"][0]["properties"].append(
            {"name": "who", "logicalType": "string", "classification": "personal"}
        ),
        setting(
            "privacy",
            sensitivity="personal",
            lawful_basis="contract",
            columns={"who": {"kind": "other", "treatment": "drop"}},
        ),
    )
    no_cleaning = setting("cleaning", _=[])
    installation.promise(*growing(*(personal if declared else ()), no_cleaning, column="who"))
    first = installation.published()
    assert first.row.rows == 2
    told = json.dumps(installation.predicate(first))
    with (
        closing(sqlite3.connect(installation.root / "inbox" / "people" / "x.db")) as connection,
        connection,
    ):
        connection.executemany(insert, [[values[2]]] * 2)
    second = installation.published()
    told += json.dumps(installation.predicate(second))
    assert second.row.rows == 2
    installation.open().deliver_outbox()
    assert_nowhere(installation, told, *map(str, values))


def test_the_mark_of_a_public_column_is_told(installation: SampleHome) -> None:
    database(
        installation,
        "CREATE TABLE t (meter TEXT, energy_kwh REAL, tariff TEXT)",
        "INSERT INTO t VALUES ('M1', 7, 'day'), ('M2', 8, 'day')",
    )
    installation.promise(*growing(column="energy_kwh"))
    assert installation.predicate(installation.published())["watermark"] == {
        "column": "energy_kwh",
        "value": 8.0,
        "late": 0,
        "missed": 0,
    }


def test_a_mark_that_was_sealed_elsewhere_is_refused_in_one_sentence(
    installation: SampleHome,
) -> None:
    keys = installation.open().keys
    sealed = keys.seal("x", "the watermark 'who' of readings")
    assert len(keys.seal("y" * 60, "a")) == len(keys.seal("", "a"))
    for text, about in (
        (sealed, "the watermark 'who' of others"),
        ("no base 64", "x"),
        ("AAAA", "x"),
    ):
        with pytest.raises(AssayError, match="cannot be decrypted with this key"):
            keys.unseal(text, about)


@pytest.mark.parametrize(
    "names", [[CANARY, "x"], [CANARY, CANARY.upper()], ["meter", "energy_kwh", "tariff", CANARY]]
)
def test_a_column_of_a_database_is_repeated_nowhere(
    installation: SampleHome, names: list[str]
) -> None:
    cells = ", ".join(f'1 AS "{name}"' for name in names)
    database(installation, f"CREATE VIEW t AS SELECT {cells}")
    installation.promise(
        setting("source", location="sqlite:inbox/people/x.db", format="sql", options={"table": "t"})
    )
    assert_nowhere(installation, taken_in(installation), CANARY, CANARY.upper())


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
@pytest.mark.parametrize(
    "url",
    [
        "{}://u:CanaryPw7@127.0.0.1:1/db",
        "{}://u:Canary@Pw7@h:1/db",
        "{}://CanaryPw7:xx/db?password=CanaryPw7",
        "CanaryPw7",
    ],
)
def test_a_password_of_a_connection_is_repeated_nowhere(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch, kind: str, url: str
) -> None:
    monkeypatch.setenv(
        "ASSAY_CONNECTION_METERS", url.format("postgresql" if kind == "postgres" else kind)
    )
    installation.promise(
        setting("source", location=f"{kind}:METERS", format="sql", options={"table": "t"})
    )
    told = taken_in(installation)
    assert "ASSAY_CONNECTION_METERS" in told
    assert_nowhere(installation, told, "CanaryPw7", "Canary@Pw7", "Pw7")


# -- addresses --------------------------------------------------------------------------------

TOKEN = "Canary7Qz3TokenAbc"


@pytest.fixture
def server() -> Iterator[str]:
    """A server that answers by the name of the file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].rpartition("/")[2]
            body = (
                zipped(**{"a.csv": GOOD, f"{CANARY}.csv": GOOD})
                if name.endswith(".zip")
                else b""
                if "empty" in name
                else GOOD.encode()
            )
            self.send_response(
                {
                    "gone.csv": 404,
                    "closed.csv": 403,
                    "moved.csv": 302,
                    "away.csv": 302,
                    "odd.csv": 302,
                }.get(name, 200)
            )
            where = {
                "moved.csv": f"/readings.csv?token={TOKEN}",
                "away.csv": f"http://169.254.169.254/{TOKEN}?t={TOKEN}",
                "odd.csv": f"ftp://u:{TOKEN}@h/",
            }
            if name in where:
                self.send_header("Location", where[name])
            if name == "bad-header.csv":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nno header at all\r\n")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()
    thread.join()


NAMES = [
    "readings.csv",
    "gone.csv",
    "closed.csv",
    "moved.csv",
    "away.csv",
    "odd.csv",
    "empty.csv",
    "all.zip",
    "bad-header.csv",
]
SIGNED = f"?sig={TOKEN}"
FETCHED = [
    *((name, SIGNED, {}) for name in NAMES),
    ("readings.csv", SIGNED, {"sha256": "0" * 64}),
    ("readings.csv", f"?a=b&x={TOKEN}#{TOKEN}", {}),
    ("gone.csv", f";session={TOKEN}", {}),
]


@pytest.mark.parametrize(("name", "query", "checksum"), FETCHED)
def test_the_query_of_an_address_is_repeated_nowhere(
    installation: SampleHome,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    query: str,
    checksum: dict[str, str],
) -> None:
    monkeypatch.setenv("ASSAY_SOURCE_HOSTS", server)
    installation.promise(setting("source", location=f"http://{server}/{name}{query}", **checksum))
    told = taken_in(installation) + "".join(capfd.readouterr())
    assert f"http://{server}/{name}?…" in told
    assert_nowhere(installation, told, TOKEN, CANARY)


def test_a_server_that_does_not_answer_is_told_without_the_query(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.assets.io.sources.web.TRIES", 1)
    monkeypatch.setenv("ASSAY_SOURCE_HOSTS", "127.0.0.1:1")
    installation.promise(setting("source", location=f"http://127.0.0.1:1/x.csv?sig={TOKEN}"))
    assert_nowhere(installation, taken_in(installation), TOKEN)


# -- the system's own words -------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".md"])
def test_a_file_that_cannot_be_opened_is_told_without_its_name(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """The tests may run as a user who may read everything, so the system is made to refuse."""
    file = inbox(installation) / f"{CANARY}{suffix}"
    file.write_text(GOOD)
    closed = PermissionError(13, "Permission denied", str(file))

    def refuse(*_: Any, **__: Any) -> Any:
        raise closed

    for place in (
        "assay.assets.io.sources.gather.sha256",
        "assay.assets.io.sources.archives.gzip.open",
        "assay.assets.io.sources.texts._decoded",
        "assay.assets.io.sources.fork_server.subprocess.Popen",
    ):
        monkeypatch.setattr(place, refuse)
    format = "documents" if suffix == ".md" else "csv"
    installation.promise(setting("source", location="inbox/people/*", format=format))
    told = taken_in(installation)
    assert "cannot be read" in told
    assert_nowhere(installation, told)


def test_columns_of_evidence_are_those_of_the_contract(installation: SampleHome) -> None:
    installation.promise(columns(*({"name": name, "logicalType": "string"} for name in HEADER)))
    installation.deliver(f"meter,{CANARY},energy_kwh,tariff\nM1,x,1,day\nM2,x,1,day\n")
    taken_in(installation)
    events = (installation.root / "lineage" / "events.ndjson").read_text()
    assert "column 2" in events
    assert (
        pl.read_parquet(
            next((installation.root / "lake" / "readings" / "versions").rglob("*.parquet"))
        ).columns
        == HEADER
    )


# -- lineage of treated columns ----------------------------------------------------------------

TREATMENTS: dict[str, dict[str, Any]] = {
    "token": {"kind": "email", "treatment": "token"},
    "hash": {"kind": "email", "treatment": "hash"},
    "mask": {"kind": "card", "treatment": "mask", "keep_last": 4},
    "year": {"kind": "birth_date", "treatment": "generalize", "to": "year"},
    "band": {"kind": "other", "treatment": "generalize", "to": "band", "width": 10},
    "redact": {"kind": "other", "treatment": "redact"},
    "drop": {"kind": "other", "treatment": "drop"},
}


def test_the_lineage_of_a_treated_column_says_that_it_is_masked(installation: SampleHome) -> None:
    personal = [
        {"name": name, "logicalType": "string", "classification": "personal"} for name in TREATMENTS
    ]
    plain = {"name": "meter", "logicalType": "string"}
    installation.promise(
        columns(plain, *personal),
        setting("privacy", sensitivity="personal", lawful_basis="contract", columns=TREATMENTS),
    )
    cells = ["M1", CANARY, CANARY, "4111111111111111", "1984-05-17", "37", "a note", "secret"]
    header = ",".join(["meter", *TREATMENTS])
    installation.deliver("\n".join([header, ",".join(cells), ",".join(["M2", *cells[1:]]), ""]))
    taken_in(installation)
    lines = (installation.root / "lineage" / "events.ndjson").read_text().splitlines()
    steps = [
        (event["job"]["name"].partition(".")[2], column, step)
        for event in map(json.loads, lines)
        for output in event["outputs"]
        for column, field in output["facets"].get("columnLineage", {"fields": {}})["fields"].items()
        for source in field["inputFields"]
        for step in source["transformations"]
    ]
    published = [name for name in TREATMENTS if name != "drop"]
    assert {
        (stage, column): (step["subtype"], step["masking"]) for stage, column, step in steps
    } == {
        **{(stage, "meter"): ("IDENTITY", False) for stage in ("cleaned", "published")},
        **{
            (stage, name): ("TRANSFORMATION", True)
            for stage in ("cleaned", "published")
            for name in published
        },
    }
    schema = metadata.tables.table_schema(installation.open().contract("readings"))
    shown = {column.name: dict(column.tags or {}).get("treatment") for column in schema.columns}
    assert shown == {
        "meter": None,
        **{name: TREATMENTS[name]["treatment"] for name in published},
    }
