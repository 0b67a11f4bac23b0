"""Promise D6 whole: 3,999 personal values, and names, headers, marks and addresses that hold others, go every way that data can take; none is in anything that Assay writes or shows but the landed rows."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io.names import suffix_of
from tests.conftest import Edit, SampleHome, named, setting
from tests.journeys.conftest import Assay
from tests.journeys.test_canaries import PROMISED, SQL, TREATED, canaries
from tests.leaks import holding, texts

pytestmark = pytest.mark.soak
COUNT = 3_999
COLUMNS = ["meter", "energy_kwh", "customer_name", "email", "card", "message"]
PLAIN = "The meter in the kitchen was read by a neighbour during the cold winter."
Person = dict[str, str]
Row = dict[str, str]


class Words:
    """Further canaries: a word that is found nowhere else for each place that it is planted in."""

    def __init__(self) -> None:
        self._chance, self.all = random.Random(5), list[str]()

    def new(self) -> str:
        """A word, which is remembered."""
        letters = (
            self._chance.choice("bcdfghklmnprstvz" if at % 2 else "aeiou") for at in range(12)
        )
        self.all.append("".join(letters))
        return self.all[-1]

    def mailbox(self) -> str:
        """An address of its own."""
        return f"{self.new()}@canary.example"

    def key(self) -> str:
        """What looks like a key in an address."""
        self.all.append(f"{self.new()}Q7{self.new()}Z3x9Y".title())
        return self.all[-1]


def rows(persons: list[Person], *, energy: str = "1.5") -> list[Row]:
    """A row a person; every tenth has no meter that the contract allows."""
    return [
        {
            "meter": f"M{at}" if at % 10 else "none",
            "energy_kwh": energy.format(**person) if at % 2 else "2",
            "customer_name": person["name"],
            "email": person["email"],
            "card": person["card"],
            "message": f"I am {person['name']}, write to {person['email']}, charge {person['card']}. {PLAIN}",
        }
        for at, person in enumerate(persons)
    ]


def as_csv(table: list[Row], *, header: bool = True, names: list[str] | None = None) -> bytes:
    lines = [",".join(names or COLUMNS)] if header else []
    lines += [",".join(f'"{row[name]}"' for name in COLUMNS) for row in table]
    return ("\n".join(lines) + "\n").encode()


def as_jsonl(table: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table).encode()


def as_parquet(table: list[Row], write: str = "write_parquet") -> bytes:
    buffer = io.BytesIO()
    getattr(pl.DataFrame(table), write)(buffer)
    return buffer.getvalue()


def as_workbook(table: list[Row], sheet: str) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        page = book.add_worksheet(sheet[:31])
        for at, cells in enumerate([COLUMNS, *([row[name] for name in COLUMNS] for row in table)]):
            page.write_row(at, 0, cells)
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Ways:
    """Data sets that each go another way: how each is set up, and what its run is expected to end with."""

    def __init__(self, home: SampleHome, words: Words, table: list[Row]) -> None:
        self.home, self.words, self.table = home, words, table
        self.expected: dict[str, int] = {}
        (home.contracts / "readings.odcs.yaml").unlink()

    def add(
        self, name: str, source: dict[str, Any], *edits: Edit, files: dict[str, bytes] | None = None, code: int = 0
    ) -> None:  # fmt: skip
        """Promise a data set, and deliver its files into a folder of its own."""
        folder = self.home.root / "inbox" / name
        folder.mkdir(parents=True)
        for file, content in (files or {}).items():
            (folder / file).write_bytes(content)
        place = setting("source", **{"format": "csv", **source})
        self.home.promise(PROMISED, TREATED, *edits, named(name), place, file=f"{name}.odcs.yaml")
        self.expected[name] = code

    def files(self) -> None:
        """Every format, under names that are personal."""
        table, word = self.table, self.words.mailbox
        half = len(table) // 2
        written = {
            "csv": as_csv(table), "jsonl": as_jsonl(table), "json": json.dumps(table).encode(), "parquet": as_parquet(table), "arrow": as_parquet(table, "write_ipc"),
            "excel": as_workbook(table, self.words.new()),
        }  # fmt: skip
        for format, content in written.items():
            source = {"location": f"inbox/{format}/*", "format": format}
            self.add(format, source, files={f"{word()}.{format}": content})
        packed = {
            "zip": zipped(**{f"{word()}.csv": as_csv(table[:half]), f"{word()}/x.csv": as_csv(table[half:])}), "gz": gzip.compress(as_csv(table)), "bz2": bz2.compress(as_csv(table)),
        }  # fmt: skip
        for kind, content in packed.items():
            name = f"{word()}.csv.{kind}" if kind != "zip" else f"{word()}.zip"
            self.add(kind, {"location": f"inbox/{kind}/*"}, files={name: content})
        two = {f"{word()}.csv": as_csv(part) for part in (table[:half], table[half:])}
        self.add("several", {"location": "inbox/several/*.csv"}, files=two)
        exact = f"{word()}.csv"
        self.add("exact", {"location": f"inbox/exact/{exact}"}, files={exact: as_csv(table)})
        alone = {"x.csv": as_csv(table, header=False)}
        options = {"header": False}
        renamed: Edit = lambda data: [column.update(physicalName=f"column_{at}") for at, column in enumerate(data["schema"][0]["properties"], start=1)]  # fmt: skip  # noqa: E731
        self.add("headerless", {"location": "inbox/headerless/x.csv", "options": options}, renamed, files=alone)  # fmt: skip

    def refused(self) -> None:
        """Deliveries that cannot be read, that break rules, or that nothing allows."""
        table, word = self.table, self.words.mailbox
        broken = {
            "no_header": ("csv", as_csv(table, header=False)), "header_twice": ("csv", as_csv(table, names=[*COLUMNS[:4], *[word()] * 2])), "header_more": ("csv", as_csv(table, names=[*COLUMNS[:5], word()])),
            "cut_parquet": ("parquet", as_parquet(table)[:-20]), "cut_json": ("json", json.dumps(table).encode()[:-9]), "no_book": ("excel", as_csv(table)),
            "cut_gz": ("csv", gzip.compress(as_csv(table))[:-200]), "no_text": ("csv", as_parquet(table)),
        }  # fmt: skip
        for name, (format, content) in broken.items():
            suffix = ".csv.gz" if name == "cut_gz" else ""
            source = {"location": f"inbox/{name}/*", "format": format}
            self.add(name, source, files={f"{word()}{suffix}": content}, code=1)
        csv = {"x.csv": as_csv(table)}
        unclassified: Edit = lambda data: [column.pop("classification", None) for column in data["schema"][0]["properties"]]  # fmt: skip  # noqa: E731
        strict: Edit = lambda data: data["schema"][0]["properties"][5].update(logicalTypeOptions={"maxLength": 3})  # fmt: skip  # noqa: E731
        failing: Edit = lambda data: data["schema"][0]["quality"].append(SQL)  # noqa: E731
        ways: dict[str, tuple[Edit, ...]] = {
            "held": (setting("privacy", columns={}), unclassified), "breaks_a_rule": (strict,), "query_fails": (failing,), "licence": (setting("license", expression="CC-BY-NC-4.0"),),
            "not_anonymous": (setting("privacy", anonymity={"quasi_identifiers": ["customer_name"], "k": 5}),),
        }  # fmt: skip
        for name, edits in ways.items():
            self.add(name, {"location": f"inbox/{name}/x.csv"}, *edits, files=csv, code=1)
        persons = canaries(3 * len(table), seed=11)
        number = {"x.csv": as_csv(rows(persons, energy="{email}"))}
        self.add("a_number", {"location": "inbox/a_number/x.csv"}, files=number, code=1)

    def databases(self) -> None:
        """Tables that grow, by a column that is personal."""
        for kind, connect in (("sqlite", sqlite3.connect), ("duckdb", _duckdb)):
            options = {"table": "t", "watermark": {"column": "email"}}
            location = f"{kind}:inbox/{kind}/x.db"
            self.add(kind, {"location": location, "format": "sql", "options": options})
            with closing(connect(self.home.root / "inbox" / kind / "x.db")) as connection:
                connection.execute(
                    f"CREATE TABLE t ({', '.join(f'{name} TEXT' for name in COLUMNS)})"
                )
                cells = [[row[name] for name in COLUMNS] for row in self.table]
                connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 6)})", cells)
                connection.commit()

    def addresses(self, server: str) -> None:
        """Addresses with what may be a secret in every part."""
        word, key = self.words.new, self.words.key
        for name, path in {
            "web": f"{key()}/x.csv;s={word()}?sig={word()}#{word()}", "web_person": f"{self.words.mailbox()}/x.csv?{word()}", "web_zip": f"x.zip?sig={word()}", "web_moved": f"moved.csv?sig={word()}",
        }.items():  # fmt: skip
            self.add(name, {"location": f"http://{server}/{path}"})
        self.add("web_gone", {"location": f"http://{server}/{key()}/gone.csv?sig={word()}"}, code=1)
        user = f"http://{word()}:{word()}@{server}/x.csv"
        self.add("web_user", {"location": user}, code=1)


def _duckdb(file: Path) -> Any:
    import duckdb

    return duckdb.connect(str(file))


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def table() -> list[Row]:
    return rows(canaries(COUNT, seed=11))


@pytest.fixture
def server(words: Words, table: list[Row]) -> Iterator[str]:
    """A server whose answers hold canaries: in headers, in redirects, in the reasons of refusals."""
    said, there, member = words.new(), words.key(), words.mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.partition("?")[0].partition(";")[0].rpartition("/")[2]
            status = {"gone.csv": 404, "moved.csv": 302}.get(name, 200)
            self.send_response(status, said)
            self.send_header("Location", f"/{there}/x.csv?token={there}")
            self.send_header("Content-Disposition", f'attachment; filename="{said}.csv"')
            self.send_header("X-User", said)
            is_zip = name.endswith(".zip")
            content = as_csv(table)
            body = zipped(**{f"{member}.csv": content, "b.csv": content}) if is_zip else content
            body = said.encode() if status != 200 else body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()
    thread.join()


def learning(name: str) -> Edit:
    """Features, drift, a model and treated columns."""
    from tests.assets.test_act import DRIFT, SMALL

    def edit(data: dict[str, Any]) -> None:
        for change in (
            setting("features", order_by="at", target={"name": "high", "column": "y", "above": 5}, transforms=[{"transform": "scale", "columns": ["x"]}]),
            setting("drift", **{**DRIFT, "columns": ["x"]}),
            setting("retrain", model=f"{name}_high", holdout=0.25, tolerance=0.01, resamples=100, trainer=SMALL),
        ):  # fmt: skip
            change(data)
        numbers = [{"name": "x", "logicalType": "number"}, {"name": "y", "logicalType": "number"}]
        time = {"name": "at", "logicalType": "timestamp", "required": True}
        data["schema"][0]["properties"] += [time, *numbers]

    return edit


def indexed(data: dict[str, Any]) -> None:
    """An index of the messages."""
    from tests.assets.test_index import POLICY

    data["schema"][0]["properties"][0].update(primaryKey=True)
    setting("license", purposes=["retrieval", "analytics"])(data)
    setting("index", **{**POLICY, "key": "meter", "text": "message", "floor": 0})(data)


def measured(table: list[Row], shift: float) -> bytes:
    chance = random.Random(shift)
    lines = [",".join([*COLUMNS, "at", "x", "y"])]
    for at, row in enumerate(table):
        y = 10 * chance.random()
        cells = [*(f'"{row[name]}"' for name in COLUMNS), f"2026-01-01T{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z", f"{y + shift:.3f}", f"{y:.3f}"]  # fmt: skip
        lines.append(",".join(cells))
    return ("\n".join(lines) + "\n").encode()


LOOKS: list[Callable[[str], tuple[str, ...]]] = [
    lambda name: ("show", name, "--json"), lambda name: ("profile", name), lambda name: ("explain", name, "--row", "11"), lambda name: ("contracts", "docs", name),
    lambda name: ("quarantine", "list", name), lambda name: ("quarantine", "show", name), lambda name: ("clean", "suggest", name),
]  # fmt: skip
DRAFTED = ["csv", "jsonl", "json", "parquet", "arrow", "excel", "zip", "gz", "headerless", "no_header", "header_twice", "header_more", "cut_gz"]  # fmt: skip
WHOLE = [
    ("status",), ("status", "--json"), ("verify", "--all"), ("doctor",), ("review", "list"), ("review", "show", "1"), ("quarantine", "list"), ("drift", "triggers"), ("models", "list"), ("check",),
]  # fmt: skip


def test_no_value_on_any_path_is_in_anything_but_the_landed_rows(
    assay: Assay, installation: SampleHome, words: Words, table: list[Row], server: str,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("ASSAY_SOURCE_HOSTS", server)
    ways = Ways(installation, words, table)
    ways.files()
    ways.refused()
    ways.databases()
    ways.addresses(server)
    ways.add("learns", {"location": "inbox/learns/x.csv"}, learning("learns"), files={"x.csv": measured(table, 0)})  # fmt: skip
    ways.add("indexed", {"location": "inbox/indexed/x.csv"}, indexed, files={"x.csv": as_csv(table)})  # fmt: skip
    shown: dict[str, str] = {}

    def call(*arguments: str) -> int:
        code, out, err = assay(*arguments)
        assert "Traceback" not in out + err, (arguments, err)
        shown[" ".join(arguments)] = out + err
        return code

    ended = {name: call("run", name) for name in ways.expected}
    (installation.root / "inbox" / "learns" / "x.csv").write_bytes(measured(table, 7))
    call("run", "learns")
    with closing(sqlite3.connect(installation.root / "inbox" / "sqlite" / "x.db")) as connection:
        connection.execute("UPDATE t SET email = 'zz' || email")
        connection.commit()
    call("run", "sqlite")
    for name in (name for name, code in ended.items() if code == 0):
        for look in LOOKS if name in ("csv", "several", "learns") else LOOKS[:1]:
            call(*look(name))
    for arguments in WHOLE:
        call(*arguments)
    call("diff", "learns@1.0.0", "learns@1.1.0", "--key", "meter", "--rows", "5")
    call("drift", "show", "learns")
    assert call("search", "indexed", "who writes about a charge", "--purpose", "retrieval") == 0
    drafts = tmp_path / "drafts"
    monkeypatch.setenv("ASSAY_CONTRACTS", str(drafts))
    drafts.mkdir()
    for name in DRAFTED:
        delivered = min((installation.root / "inbox" / name).iterdir())
        given = tmp_path / f"{name}{suffix_of(delivered.name)}"
        given.write_bytes(delivered.read_bytes())
        call("new", str(given))
    values = [value for person in canaries(COUNT, seed=11) for value in person.values()]
    values += words.all
    assert len(values) >= COUNT
    (tmp_path / "shown").mkdir()
    for number, text in enumerate(shown.values()):
        (tmp_path / "shown" / f"{number}.txt").write_text(text)
    looked_at = [where for where, _ in texts(installation.root)]
    assert len(looked_at) > 100
    commands = list(shown)
    leaks = {
        "shown": [commands[int(where.partition(".")[0])] for where in holding(tmp_path / "shown", values)],
        "drafts": sorted(holding(drafts, values)),
        "home": sorted(holding(installation.root, values)),
    }  # fmt: skip
    assert leaks == {"shown": [], "drafts": [], "home": []}
    assert ended == ways.expected, {name: shown[f"run {name}"][-300:] for name in ended if ended[name] != ways.expected[name]}  # fmt: skip
