"""`assay new` drafts from whatever `assay run` reads; what cannot be read is one sentence, and no contract."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import sqlite3
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import polars as pl
import pytest

from assay.contracts.load import load
from assay.contracts.location import Kind
from assay.contracts.settings import Source
from tests.conftest import SampleHome, setting
from tests.journeys.conftest import Assay

FORMATS = get_args(Source.model_fields["format"].annotation)
KINDS = get_args(Kind)
ROWS = 30
TABLE = pl.DataFrame({"meter": [f"M{n}" for n in range(ROWS)], "kwh": [n / 4 for n in range(ROWS)]})
CSV = TABLE.write_csv()
Arguments = tuple[str, ...]
Maker = Callable[[Path, pytest.FixtureRequest, pytest.MonkeyPatch], Arguments]


def excel(frame: pl.DataFrame, file: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(file) as book:
        frame.write_excel(book)


def sqlite_file(file: Path, *tables: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (meter TEXT, kwh REAL)")
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", TABLE.rows())


WRITTEN: dict[str, Callable[[Path], Any]] = {
    "csv": lambda folder: (folder / "table.csv").write_text(CSV),
    "json": lambda folder: (folder / "table.json").write_text(json.dumps(TABLE.to_dicts())),
    "jsonl": lambda folder: TABLE.write_ndjson(folder / "table.jsonl"),
    "parquet": lambda folder: TABLE.write_parquet(folder / "table.parquet"),
    "arrow": lambda folder: TABLE.write_ipc(folder / "table.arrow"),
    "excel": lambda folder: excel(TABLE, folder / "table.xlsx"),
    "sql": lambda folder: sqlite_file(folder / "table.db", "readings"),
    "documents": lambda folder: [
        (folder / f"page_{n}.md").write_text(f"# Meters {n}\nHow to read them.\n") for n in range(3)
    ],
}
"""Each format -> how one source of it is written; a format that is missing here fails the test."""


def drafted(assay: Assay, installation: SampleHome, *arguments: str) -> Any:
    """The contract that the command drafts."""
    folder = installation.root / "drafts"
    given = ("--license", "CC0-1.0", "--owner", "ann@example.com", "--name", "drafted")
    code, out, err = assay("new", *arguments, *given, "--output", str(folder))
    assert code == 0, out + err
    return load((folder / "drafted.odcs.yaml").read_text(encoding="utf-8"), "drafted.odcs.yaml")


def refused(assay: Assay, installation: SampleHome, *arguments: str) -> str:
    """The one sentence with which the command refuses to draft."""
    folder = installation.root / "drafts"
    code, out, err = assay("new", *arguments, "--output", str(folder))
    assert code == 1, out + err
    assert "Traceback" not in out + err
    assert "unexpected" not in out + err
    assert not list(folder.glob("*")), "nothing may be drafted"
    (line,) = [line for line in err.splitlines() if line.strip()]
    return line


@pytest.fixture
def folder(installation: SampleHome) -> Path:
    made = installation.root / "inbox" / "new"
    made.mkdir()
    return made


# -- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_that_a_run_reads_is_drafted(
    format: str, folder: Path, assay: Assay, installation: SampleHome
) -> None:
    WRITTEN[format](folder)
    files = list(folder.iterdir())
    given = str(folder if format == "documents" else files[0])
    contract = drafted(assay, installation, given)
    assert contract.source.format == format
    expected = {"name", "text", "encoding"} if format == "documents" else {"meter", "kwh"}
    assert {column.name for column in contract.columns} == expected


# -- kinds of places ------------------------------------------------------------------------------


def upstream(_: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    request.getfixturevalue("installation").published()
    return ("assay:readings",)


def package(folder: Path, _: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    site = folder.parents[2] / "site-packages" / "meters_on_disk"
    site.mkdir(parents=True)
    (site / "__init__.py").write_text("")
    (site / "table.csv").write_text(CSV)
    monkeypatch.syspath_prepend(site.parent)
    return ("package:meters_on_disk/table.csv",)


def module(folder: Path, _: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    site = folder.parents[2] / "site-packages"
    site.mkdir(parents=True)
    (site / "meters_in_code.py").write_text('PAGES = {"a": "How to read.", "b": "Where to."}\n')
    monkeypatch.syspath_prepend(site)
    return ("module:meters_in_code#PAGES",)


def several(folder: Path, _: pytest.FixtureRequest, __: pytest.MonkeyPatch) -> Arguments:
    for number in range(3):
        (folder / f"part_{number}.csv").write_text(CSV)
    return (str(folder / "part_*.csv"),)


def address(_: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    host = request.getfixturevalue("web_server")
    monkeypatch.setenv("ASSAY_SOURCE_HOSTS", host)
    return (f"http://{host}/table.csv",)


def bucket(_: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Arguments:
    store = request.getfixturevalue("object_store")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    store.make("meters")
    store.put("meters", "2024/table.csv", CSV.encode())
    return ("s3://meters/2024/*.csv",)


def in_sqlite(folder: Path, _: pytest.FixtureRequest, __: pytest.MonkeyPatch) -> Arguments:
    sqlite_file(folder / "table.db", "readings", "others")
    return (f"sqlite:{folder / 'table.db'}", "--table", "readings")


def in_duckdb(folder: Path, _: pytest.FixtureRequest, __: pytest.MonkeyPatch) -> Arguments:
    import duckdb

    (folder / "table.csv").write_text(CSV)
    with closing(duckdb.connect(str(folder / "table.duckdb"))) as connection:
        connection.execute(f"CREATE TABLE readings AS FROM '{folder / 'table.csv'}'")
    return (f"duckdb:{folder / 'table.duckdb'}",)


def on_server(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Arguments:
    """A table of its own on a server that answers; skipped, saying so, where none does."""
    if kind == "postgres":
        driver = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
        server = os.environ.get("ASSAY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
        at = server
    else:
        driver = pytest.importorskip("pymysql", reason="the extra `mysql` is not installed")
        server = os.environ.get("ASSAY_TEST_MYSQL", "mysql://root@127.0.0.1:3306")
        at = f"{server}/meters"
    parts = urlsplit(server)
    try:
        if kind == "postgres":
            connection = driver.connect(server, autocommit=True, connect_timeout=3)
        else:
            connection = driver.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=parts.username,
                password=parts.password or "",
                autocommit=True,
                connect_timeout=3,
            )
    except driver.Error:
        pytest.skip(f"no {kind} server answers")
    schema = f"new_{uuid.uuid4().hex[:12]}"
    cursor = connection.cursor()
    cursor.execute(f"CREATE SCHEMA {schema}")
    drop = f"DROP SCHEMA {schema}" + " CASCADE" * (kind == "postgres")
    request.addfinalizer(connection.close)
    request.addfinalizer(lambda: cursor.execute(drop))
    cursor.execute(f"CREATE TABLE {schema}.readings (meter VARCHAR(40), kwh DOUBLE PRECISION)")
    for meter, kwh in TABLE.rows():
        cursor.execute(f"INSERT INTO {schema}.readings VALUES ('{meter}', {kwh})")
    monkeypatch.setenv("ASSAY_CONNECTION_METERS", at.replace("/meters", f"/{schema}"))
    return (f"{kind}:METERS", "--table", f"{schema}.readings")


PLACES: dict[str, Maker] = {
    "assay": upstream,
    "path": lambda folder, _, __: (WRITTEN["csv"](folder), (str(folder / "table.csv"),))[1],
    "glob": several,
    "package": package,
    "module": module,
    "http": address,
    "cloud": bucket,
    "sqlite": in_sqlite,
    "duckdb": in_duckdb,
    "postgres": lambda _, request, patch: on_server("postgres", request, patch),
    "mysql": lambda _, request, patch: on_server("mysql", request, patch),
}
"""Each kind of place -> what is given to the command; a kind that is missing here fails the test."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_place_that_a_run_reads_is_drafted(
    kind: str,
    folder: Path,
    assay: Assay,
    installation: SampleHome,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from assay.contracts.location import kind_of

    arguments = PLACES[kind](folder, request, monkeypatch)
    contract = drafted(assay, installation, *arguments)
    assert kind_of(contract.source.location) == kind
    assert len(contract.columns) >= 2


def test_a_draft_of_a_published_version_is_a_recorded_use(
    assay: Assay, installation: SampleHome
) -> None:
    installation.published()
    drafted(assay, installation, "assay:readings")
    (use,) = installation.open().registry.uses.all("readings")
    assert (use.purpose, use.allowed) == ("analytics", True)


def test_a_version_that_is_not_admitted_for_analytics_is_not_drafted(
    assay: Assay, installation: SampleHome
) -> None:
    installation.promise(setting("license", purposes=["redistribution"]))
    installation.published()
    assert "was not admitted for 'analytics'" in refused(assay, installation, "assay:readings")


@pytest.fixture
def web_server() -> Iterator[str]:
    """The host of a server that delivers the table."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CSV.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def object_store() -> Iterator[Any]:
    """S3, as moto speaks it."""
    pytest.importorskip("obstore", reason="the extra `cloud` is not installed")
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    from tests.ingest.test_clouds import Amazon

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, number = server.get_host_and_port()
    yield Amazon(f"http://{host}:{number}")
    server.stop()


# -- folders, archives, databases ---------------------------------------------------------------------


def test_a_folder_is_the_pattern_of_its_data(
    folder: Path, assay: Assay, installation: SampleHome
) -> None:
    (folder / "a.csv").write_text(CSV)
    (folder / "b.csv").write_text(CSV.replace("M", "N"))
    (folder / "README.md").write_text("Meters of the town.")
    contract = drafted(assay, installation, str(folder))
    assert contract.source.location == "inbox/new/*.csv"
    assert contract.source.sha256 is None
    rule = next(rule for rule in contract.rules if rule.name == "enough_rows")
    assert rule.bound.value == ROWS  # half of both files


def test_a_folder_of_several_formats_names_the_patterns_to_choose_from(
    folder: Path, assay: Assay, installation: SampleHome
) -> None:
    WRITTEN["csv"](folder)
    WRITTEN["parquet"](folder)
    line = refused(assay, installation, str(folder))
    assert "several kinds" in line
    assert "/*.csv' or" in line


@pytest.mark.parametrize("suffix", ["zip", "gz"])
def test_archives_are_drafted_with_all_their_members(
    suffix: str, folder: Path, assay: Assay, installation: SampleHome
) -> None:
    file = folder / f"table.csv.{suffix}"
    if suffix == "gz":
        file.write_bytes(gzip.compress(CSV.encode()))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("2023.csv", CSV)
            archive.writestr("2024.csv", CSV.replace("M", "N"))
    contract = drafted(assay, installation, str(file))
    rule = next(rule for rule in contract.rules if rule.name == "enough_rows")
    assert rule.bound.value == (ROWS if suffix == "zip" else 10)


def test_a_database_of_several_tables_lists_them(
    folder: Path, assay: Assay, installation: SampleHome
) -> None:
    sqlite_file(folder / "shop.db", "orders", "customers")
    line = refused(assay, installation, str(folder / "shop.db"))
    assert "2 tables: customers, orders. Choose one with --table" in line
    contract = drafted(assay, installation, str(folder / "shop.db"), "--table", "orders")
    assert contract.source.location == "sqlite:inbox/new/shop.db"
    assert contract.source.options.table == "orders"


def test_what_is_drafted_from_a_database_and_a_pattern_is_published(
    folder: Path, assay: Assay, installation: SampleHome
) -> None:
    sqlite_file(folder / "shop.db", "orders")
    (folder / "a.csv").write_text(CSV)
    (folder / "b.csv").write_text(CSV.replace("M", "N"))
    for name, given in {"orders": "shop.db", "parts": "*.csv"}.items():
        options = ("--license", "CC0-1.0", "--owner", "a@example.com", "--name", name)
        code, out, err = assay("new", str(folder / given), *options)
        assert code == 0, out + err
        contract = next(Path(os.environ["ASSAY_CONTRACTS"]).rglob(f"{name}.odcs.yaml"))
        contract.write_text(contract.read_text().replace("TODO", "Ann Example"))
        code, out, err = assay("run", name)
        assert code == 0, out + err


# -- what cannot be read ------------------------------------------------------------------------------


def encrypted_zip() -> bytes:
    """A zip whose member is marked as encrypted."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("table.csv", CSV)
    content = bytearray(stream.getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    return bytes(content)


UNREADABLE = {
    "image": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "pdf": b"%PDF-1.7\n" + bytes(range(256)) * 8,
    "database cut short": b"SQLite format 3\x00" + bytes(40),
    "empty": b"",
    "encrypted zip": encrypted_zip(),
    "zip cut short": encrypted_zip()[:60],
    "empty zip": b"PK\x05\x06" + bytes(18),
    "web page": b"<!-- 404 -->\n<html><head><title>Not found</title></head></html>",
    "page of a server": b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>",
    "parquet cut short": b"PAR1" + bytes(100),
    "null bytes": bytes(5_000),
    **{
        f"noise {size} {seed}": random.Random(seed).randbytes(size)
        for size in (60, 500, 5_000, 200_000)
        for seed in range(5)
    },
}


@pytest.mark.parametrize("ending", ["csv", "dat"])
@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_data_is_one_sentence_and_no_contract(
    content: bytes, ending: str, folder: Path, assay: Assay, installation: SampleHome
) -> None:
    (folder / f"table.{ending}").write_bytes(content)
    assert refused(assay, installation, str(folder / f"table.{ending}")).count(". ") <= 2


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("inbox/nothing.csv", "the file does not exist"),
        ("inbox/nothing-*.csv", "no file matches the pattern"),
        ("ftp://example.com/x.csv", "has the scheme 'ftp'"),
        ("https://", "names no host"),
        ("s3://bucket", "no object"),
        ("postgres:lower", "has no connection"),
        ("postgres:NOWHERE", "ASSAY_CONNECTION_NOWHERE"),
        ("sqlite:nothing.db", "the database file does not exist"),
        ("package:nosuchpackage/x.csv", "no package 'nosuchpackage'"),
        ("module:nosuchmodule#X", "no module 'nosuchmodule'"),
        ("assay:nothing", "nothing"),
    ],
)
def test_a_source_that_is_not_there_is_one_sentence(
    given: str, problem: str, assay: Assay, installation: SampleHome
) -> None:
    assert problem in refused(assay, installation, given)


@pytest.mark.parametrize("names", [[], ["README.md", "LICENSE"], [".hidden.csv"]])
def test_a_folder_without_data_is_one_sentence(
    names: list[str], folder: Path, assay: Assay, installation: SampleHome
) -> None:
    for name in names:
        (folder / name).write_text("x")
    if names == ["README.md", "LICENSE"]:
        (folder / "NOTES.txt").write_text("x")
    assert "no data files" in refused(assay, installation, str(folder))
