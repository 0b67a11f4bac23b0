"""A database's table or query is a source: streamed within one snapshot, landed by its content, and of a growing table only what is new."""

from __future__ import annotations

import os
import sqlite3
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from assay.assets.io.sources.overlap import Records, overlap_start
from assay.assets.stages.ingest import land, landed_rows
from assay.assets.stages.publish import Published
from assay.contracts.errors import AssayError, ContractError, SourceError
from assay.contracts.extract import extract
from tests.conftest import SampleHome, contract, setting
from tests.ingest.test_exact_values import DIGITS, exact_columns, published_exactly

ROWS = "('M1', 1.5, 'day', '2026-01-01'), ('M2', 0.1, NULL, '2026-01-02'), ('M3', 3, 'a \"quoted\",\nnight', '2026-01-03')"


@dataclass
class Database:
    """One database with a table `readings`, and how a contract names it."""

    location: str
    table: str
    run: Callable[[str], Any]

    def source(self, **options: Any) -> Any:
        return setting(
            "source",
            location=self.location,
            format="sql",
            options={"table": self.table, **options} if "query" not in options else options,
        )

    def add(self, rows: str) -> None:
        self.run(f"INSERT INTO {self.table} VALUES {rows}")


def _sqlite(file: Path, query: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(query)


def _duckdb(file: Path, query: str) -> None:
    import duckdb

    with closing(duckdb.connect(str(file))) as connection:
        connection.execute(query)


@contextmanager
def _mysql(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    pymysql = pytest.importorskip("pymysql", reason="the extra `mysql` is not installed")
    address = os.environ.get("ASSAY_TEST_MYSQL", "mysql://root@127.0.0.1:3306")
    server = urlsplit(address)
    try:
        connection = pymysql.connect(
            host=server.hostname,
            port=server.port,
            user=server.username,
            password=server.password or "",
            autocommit=True,
            connect_timeout=3,
        )
    except pymysql.MySQLError:
        pytest.skip("no MySQL or MariaDB answers at ASSAY_TEST_MYSQL")
    schema = f"sources_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("ASSAY_CONNECTION_METERS", f"{address}/{schema}")
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        try:
            cursor.execute(f"USE {schema}")
            made = Database("mysql:METERS", f"{schema}.readings", cursor.execute)
            made.run(
                "CREATE TABLE readings (meter VARCHAR(40), energy_kwh DOUBLE PRECISION, tariff VARCHAR(40), read_on DATE)"
            )
            made.add(ROWS)
            yield made
        finally:
            cursor.execute(f"DROP DATABASE {schema}")


@pytest.fixture(params=["sqlite", "duckdb", "postgres", "mysql"])
def database(
    request: pytest.FixtureRequest, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """The same table in each kind of database; a server is skipped, saying so, where none answers."""
    if request.param == "mysql":
        with _mysql(monkeypatch) as made:
            yield made
        return
    if request.param != "postgres":
        file = installation.root / "inbox" / f"store.{request.param}"
        run = {"sqlite": _sqlite, "duckdb": _duckdb}[request.param]
        made = Database(
            f"{request.param}:inbox/{file.name}", "readings", lambda query: run(file, query)
        )
        made.run(
            "CREATE TABLE readings (meter VARCHAR, energy_kwh DOUBLE PRECISION, tariff VARCHAR, read_on DATE)"
        )
        made.add(ROWS)
        yield made
        return
    psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    server = os.environ.get("ASSAY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("no Postgres answers at ASSAY_TEST_POSTGRES")
    schema = f"sources_{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("ASSAY_CONNECTION_METERS", server)
    with closing(connection):
        connection.execute(f"CREATE SCHEMA {schema}")
        try:
            made = Database("postgres:METERS", f"{schema}.readings", connection.execute)
            made.run(
                f"CREATE TABLE {schema}.readings (meter VARCHAR, energy_kwh DOUBLE PRECISION, tariff VARCHAR, read_on DATE)"
            )
            made.add(ROWS)
            yield made
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


def rows_of(installation: SampleHome) -> list[tuple[Any, ...]]:
    run = installation.run()
    return landed_rows(run, land(run).receipt.digest).collect().rows()


def test_a_table_lands_as_text_with_its_nulls_its_quotes_and_its_line_breaks(
    installation: SampleHome, database: Database
) -> None:
    installation.promise(database.source())
    (first, second, third) = rows_of(installation)
    assert first[:2] == (1, "M1")
    assert float(first[2]) == 1.5
    assert (second[2], second[3], third[3]) == ("0.1", None, 'a "quoted",\nnight')
    assert [row[4] for row in (first, second, third)] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert land(installation.run()).unchanged  # the same rows have the same digest


def test_an_empty_text_is_not_a_null(installation: SampleHome, database: Database) -> None:
    database.add("('M4', 1, '', '2026-01-04')")
    installation.promise(database.source())
    assert [row[3] for row in rows_of(installation)][-1] == ""
    installation.promise(database.source(null_values=[""]))
    assert [row[3] for row in rows_of(installation)][-1] is None


def test_a_query_narrows_what_comes(installation: SampleHome, database: Database) -> None:
    query = f"SELECT meter, energy_kwh * 2 AS energy_kwh, upper(tariff) AS tariff FROM {database.table} WHERE tariff IS NOT NULL ORDER BY meter DESC"
    installation.promise(database.source(query=query))
    assert [(row[1], float(row[2])) for row in rows_of(installation)] == [("M3", 6.0), ("M1", 3.0)]


def reached(installation: SampleHome, published: Published) -> Any:
    """The mark in the evidence, which is sealed: the contract does not say what the column holds."""
    mark = installation.predicate(published)["watermark"]
    assert mark.keys() == {"column", "sealed", "late", "missed"}
    return installation.open().keys.unseal(mark["sealed"], "the watermark 'read_on' of readings")


def test_of_a_growing_table_only_what_is_new_is_published(
    installation: SampleHome, database: Database
) -> None:
    installation.promise(database.source(watermark={"column": "read_on"}))
    first = installation.published()
    assert reached(installation, first) == "2026-01-03"
    again = installation.published()
    assert (again.new, again.row.version) == (
        False,
        first.row.version,
    )  # nothing new: nothing is published
    database.add("('M5', 5, 'day', '2026-01-05'), ('M6', 6, 'night', '2026-01-04')")
    second = installation.published()
    assert (second.new, second.row.rows) == (True, 2)
    assert reached(installation, second) == "2026-01-05"
    assert installation.published().new is False


def test_a_run_that_publishes_nothing_does_not_move_the_mark(
    installation: SampleHome, database: Database
) -> None:
    installation.promise(database.source(watermark={"column": "read_on", "start": "2026-01-01"}))
    assert len(rows_of(installation)) == 2  # landed, and not published
    assert len(rows_of(installation)) == 2
    installation.promise(
        database.source(watermark={"column": "read_on", "start": "2026-01-02"}),
        setting("license", expression="CC-BY-ND-4.0"),
    )
    with pytest.raises(AssayError):
        installation.published()
    installation.promise(database.source(watermark={"column": "read_on"}))
    assert installation.published().row.rows == 2  # M3's tariff is none that is promised


def test_rows_that_nobody_can_place_stop_the_run(
    installation: SampleHome, database: Database
) -> None:
    database.add("('M9', 1, 'day', NULL)")
    installation.promise(database.source(watermark={"column": "read_on"}))
    with pytest.raises(SourceError, match="1 rows have no value in 'read_on'"):
        land(installation.run())
    installation.promise(database.source(watermark={"column": "seen_at"}))
    with pytest.raises(SourceError, match="no column 'seen_at'"):
        land(installation.run())


def test_what_the_database_refuses_is_told_without_its_words(
    installation: SampleHome, database: Database
) -> None:
    installation.promise(
        setting("source", location=database.location, format="sql", options={"table": "secret_tbl"})
    )
    with pytest.raises(SourceError, match="the database rejected the query") as refused:
        land(installation.run())
    assert "secret_tbl" not in str(refused.value)


def test_hostile_names_are_names(installation: SampleHome, database: Database) -> None:
    """Promise H8: a table is never SQL."""
    for table in ('x"; DROP TABLE readings; --', "readings WHERE 1=1", "%s", "readings--", 'a".b'):
        installation.promise(
            setting("source", location=database.location, format="sql", options={"table": table})
        )
        with pytest.raises(SourceError, match="rejected the query"):
            land(installation.run())
    installation.promise(database.source())
    assert len(rows_of(installation)) == 3


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_connection_that_is_not_set_or_does_not_answer_is_told_without_its_password(
    installation: SampleHome, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.promise(
        setting("source", location=f"{kind}:NOWHERE", format="sql", options={"table": "t"})
    )
    monkeypatch.delenv("ASSAY_CONNECTION_NOWHERE", raising=False)
    with pytest.raises(SourceError, match="ASSAY_CONNECTION_NOWHERE is not set"):
        land(installation.run())
    monkeypatch.setenv(
        "ASSAY_CONNECTION_NOWHERE",
        f"{'postgresql' if kind == 'postgres' else kind}://someone:hunter2@127.0.0.1:9/x",
    )
    with pytest.raises(SourceError, match="cannot be reached") as refused:
        land(installation.run())
    assert "hunter2" not in f"{refused.value!r} {refused.value.__cause__!r}"


def test_a_duckdb_file_cannot_reach_other_files(installation: SampleHome, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\nsecret\n")
    file = installation.root / "inbox" / "store.duckdb"
    _duckdb(file, f"CREATE VIEW v AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    installation.promise(
        setting(
            "source", location="duckdb:inbox/store.duckdb", format="sql", options={"table": "v"}
        )
    )
    with pytest.raises(SourceError, match="rejected the query"):
        land(installation.run())


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_that_is_no_database_is_refused(installation: SampleHome, kind: str) -> None:
    (installation.root / "inbox" / "x.db").write_bytes(b"meter,energy\n" * 100)
    installation.promise(
        setting("source", location=f"{kind}:inbox/x.db", format="sql", options={"table": "t"})
    )
    with pytest.raises(SourceError, match="rejected the query"):
        land(installation.run())
    installation.promise(
        setting("source", location=f"{kind}:../x.db", format="sql", options={"table": "t"})
    )
    with pytest.raises(SourceError, match="is outside"):
        land(installation.run())


def test_the_types_of_sqlite_are_those_of_each_cell(installation: SampleHome) -> None:
    file = installation.root / "inbox" / "mixed.db"
    _sqlite(file, "CREATE TABLE t (meter, energy_kwh, tariff)")
    _sqlite(
        file,
        "INSERT INTO t VALUES (1, 0.1, x'00ff'), ('two', 9007199254740993, NULL), (3.0, 1e300, '')",
    )
    installation.promise(
        setting("source", location="sqlite:inbox/mixed.db", format="sql", options={"table": "t"})
    )
    assert rows_of(installation) == [
        (1, "1", "0.1", "00ff"),
        (2, "two", "9007199254740993", None),
        (3, "3.0", "1e+300", ""),
    ]


def test_the_types_of_postgres_are_written_as_the_contract_reads_them(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    server = os.environ.get("ASSAY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("no Postgres answers at ASSAY_TEST_POSTGRES")
    monkeypatch.setenv("ASSAY_CONNECTION_METERS", server)
    query = "SELECT 't' = 't' AS meter, CAST('2026-01-02 03:04:05.678901+02' AS TIMESTAMPTZ) AS energy_kwh, CAST('12345678901234567890.12' AS DECIMAL(30, 2)) AS tariff, CAST('2026-01-02 03:04:05' AS TIMESTAMP) AS at"
    installation.promise(
        setting("source", location="postgres:METERS", format="sql", options={"query": query})
    )
    assert rows_of(installation) == [
        (
            1,
            "true",
            "2026-01-02T01:04:05.678901+00:00",
            "12345678901234567890.12",
            "2026-01-02T03:04:05",
        )
    ]


def test_the_types_of_mysql_are_written_as_the_contract_reads_them(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _mysql(monkeypatch) as made:
        made.run(
            "CREATE TABLE t (meter FLOAT, energy_kwh TIMESTAMP(6), tariff DECIMAL(30, 2), at DATETIME, raw VARBINARY(4), note VARCHAR(20))"
        )
        made.run("SET time_zone = '+02:00'")
        made.run(
            "INSERT INTO t VALUES (0.1, '2026-01-02 03:04:05.678901', 12345678901234567890.12, '2026-01-02 03:04:05', x'00ff', '100 % für'), (NULL, NULL, NULL, NULL, NULL, '')"
        )
        installation.promise(
            setting(
                "source",
                location=made.location,
                format="sql",
                options={
                    "query": "SELECT * FROM t WHERE note LIKE '%%' ORDER BY note DESC",
                    "watermark": {"column": "note", "start": "!"},
                },
            )
        )
        (row,) = rows_of(installation)
    assert row[2:] == (
        "2026-01-02T01:04:05.678901+00:00",
        "12345678901234567890.12",
        "2026-01-02T03:04:05",
        "00ff",
        "100 % für",
    )
    assert struct.pack("f", float(row[1])) == struct.pack("f", 0.1)


BYTES = {"sqlite": "BLOB", "duckdb": "BLOB", "postgres": "BYTEA", "mysql": "VARBINARY(9)"}
BYTE_VALUE = {"duckdb": "unhex('00ff0a')", "postgres": "decode('00ff0a', 'hex')"}


def test_numbers_of_38_digits_and_bytes_are_published_exactly(
    installation: SampleHome, database: Database
) -> None:
    kind = database.location.partition(":")[0]
    number, value = ("TEXT", f"'{DIGITS}'") if kind == "sqlite" else ("DECIMAL(38, 10)", DIGITS)
    database.run(
        f"CREATE TABLE {database.table}_x (meter VARCHAR(9), amount {number}, raw {BYTES[kind]})"
    )
    raw = BYTE_VALUE.get(kind, "x'00ff0a'")
    database.run(
        f"INSERT INTO {database.table}_x VALUES ('M1', {value}, {raw}), ('M2', NULL, NULL)"
    )
    installation.promise(database.source(table=f"{database.table}_x"), exact_columns)
    assert published_exactly(installation)


# -- near a watermark -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "first", "later", "read", "next_one"),
    [
        (
            "TIMESTAMP",
            ["2026-01-01 10:00:00", "2026-01-01 10:00:01"],
            ["2026-01-01 10:00:01", "2026-01-01 10:00:02", "2026-01-01 09:59:59.5"],
            [3, 4, 5],
            "2026-01-01 10:00:02",
        ),
        ("INTEGER", ["5000"], ["5000", "5001", "4900"], [3, 4, 5], "5001"),
    ],
)
def test_rows_of_the_mark_itself_and_late_rows_are_read_once(
    database: Database,
    installation: SampleHome,
    kind: str,
    first: list[str],
    later: list[str],
    read: list[int],
    next_one: str,
) -> None:
    database.run(
        f"CREATE TABLE {database.table}_t (meter VARCHAR(9), energy_kwh INTEGER, tariff VARCHAR(9), read_at {kind})"
    )

    def add(start: int, values: list[str]) -> None:
        rows = ", ".join(f"('M{start + n}', 1, NULL, '{at}')" for n, at in enumerate(values))
        database.run(f"INSERT INTO {database.table}_t VALUES {rows}")

    installation.promise(
        database.source(table=f"{database.table}_t", watermark={"column": "read_at"}),
        lambda data: data["schema"][0].update(quality=[]),
    )
    add(1, first)
    installation.published()
    add(3, later)
    taken = published_meters(installation)
    assert [f"M{number}" for number in read] == [
        name for name in taken if name in {f"M{n}" for n in read}
    ]
    opened = installation.open()
    watermark = opened.statement(opened.version("readings"))["predicate"]["watermark"]
    late = len(taken) - 1
    assert (watermark["late"], watermark["missed"]) == (late, 3 - len(taken))
    add(6, [next_one])
    assert published_meters(installation) == ["M6"]


def published_meters(installation: SampleHome) -> list[str]:
    """The meters of the version that is published now, in order."""
    row = installation.published().row
    return sorted(installation.open().scan(row).collect()["meter"].to_list())


@pytest.mark.parametrize(
    ("value", "overlap", "start"),
    [
        ("2026-01-01T10:00:01", None, "2026-01-01T09:00:01"),
        ("2026-01-01 00:00:00.123456+02", None, "2025-12-31 23:00:00.123456+02"),
        ("2026-01-01T10:00:01Z", 1.5, "2026-01-01T09:59:59Z"),
        ("2026-01-01", None, "2025-12-31"),
        ("2026-01-10", 200_000, "2026-01-07"),
        ("0001-01-01T00:00:00", None, "0001-01-01T00:00:00"),
        (5_000, None, 4_000),
        (5_000, 0, 5_000),
        (0.5, 0.25, 0.25),
        ("5000", None, "4000"),
        ("5000.25", None, "4000.25"),
        ("1000", None, "1000"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", None, "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("", None, ""),
    ],
)
def test_an_overlap_begins_before_the_mark_in_its_own_spelling(
    value: Any, overlap: float | None, start: Any
) -> None:
    assert overlap_start(value, overlap) == start


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_records_are_told_apart_whatever_the_chunks_and_line_breaks_in_them(size: int) -> None:
    text = b'"a","b"\n"1","x\n\ry"\n"2",\n"1","x\n\ry"\n"2",""\n'
    first = Records(b"salt", {}, keeps=True)
    first.write(text[start : start + size] for start in range(0, len(text), size))
    assert first.header == b'"a","b"\n'
    assert len(first.new) == 4
    assert sorted(first.digests.values()) == [1, 1, 2]
    again = Records(b"salt", dict(first.digests), keeps=True)
    again.write([text, b'"2",\n'])
    assert again.new == [b'"2",\n']


# -- what a query may say ---------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["postgres", "mysql", "sqlite", "duckdb"])
@pytest.mark.parametrize("query", [
    "SELECT pg_read_file('/etc/passwd') FROM t", "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM pg_authid", "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.tables", "SELECT * FROM t; DROP TABLE t", "DROP TABLE t", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "SELECT * INTO x FROM t",
    "SELECT * FROM generate_series(1, 1000000000)", "COPY t TO '/tmp/x'", "SELECT load_extension('x') FROM t", "SELECT lo_import('/etc/passwd') FROM t", "SELECT current_user FROM t",
    "SELECT * FROM t FOR UPDATE", "ATTACH 'x' AS y", "PRAGMA database_list", "SELECT * FROM dblink('x', 'y') AS t(a INT)", "SELECT pg_sleep(100) FROM t", "", "nonsense",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r", "SELECT getenv('HOME') FROM t", "CALL x()", "SET x = 1", "SELECT load_file('/etc/passwd') FROM t", "SELECT * FROM mysql.user", "SELECT * FROM t INTO OUTFILE '/tmp/x'", "SELECT * FROM a.b.c", "VALUES (1)",
])  # fmt: skip
def test_a_query_that_is_no_plain_select_is_refused(dialect: str, query: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]"):
        extract(query, dialect)


def test_a_server_s_variables_are_not_read() -> None:
    with pytest.raises(ValueError, match="contracts must not use"):
        extract("SELECT @@version FROM t", "mysql")


def test_names_are_quoted_as_the_database_folds_them() -> None:
    assert (
        extract('SELECT Id, "Amount" FROM Sales.Orders o WHERE Id > 3', "postgres")
        == 'SELECT "id", "Amount" FROM "sales"."orders" AS "o" WHERE "id" > 3'
    )


@pytest.mark.parametrize(("values", "says"), [
    ({"location": "postgres:X", "format": "csv"}, "belongs to postgres"),
    ({"location": "inbox/x.csv", "format": "sql", "options": {"table": "t"}}, "belongs to postgres"),
    ({"location": "postgres:X", "format": "sql"}, "either `table` or `query`"),
    ({"location": "postgres:X", "format": "sql", "options": {"table": "t", "query": "SELECT 1"}}, "either `table` or `query`"),
    ({"location": "inbox/x.csv", "format": "csv", "options": {"watermark": {"column": "a"}}}, "belongs to the format sql"),
    ({"location": "postgres:X", "format": "sql", "options": {"table": "pg_catalog.pg_authid"}}, "tables of the database system are not allowed"),
    ({"location": "postgres:X", "format": "sql", "options": {"table": "a.b.c"}}, "`table`"),
    ({"location": "postgres:X", "format": "sql", "options": {"query": "DROP TABLE t"}}, "not a SELECT"),
    ({"location": "s3://b/x.csv", "format": "csv", "arrival": True}, "watches files on this machine"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused_in_the_contract(
    values: dict[str, Any], says: str
) -> None:
    with pytest.raises(ContractError, match=says):
        contract(setting("source", **values))
