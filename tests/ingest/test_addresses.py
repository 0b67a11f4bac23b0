"""A location may be many files, a web address, an object store; bytes come from where the contract says and from nowhere else."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io import work_progress
from assay.assets.io.names import LABEL
from assay.assets.io.sources import gather, web
from assay.assets.io.sources.hosts import is_public
from assay.assets.io.sources.places import Memory, Place, Sink, matches
from assay.assets.io.sources.web import Network, download
from assay.assets.stages.ingest import land, landed_rows, unreadable_records
from assay.contracts.errors import AdmissionError, AssayError, ContractError, SourceError, Where
from tests.conftest import GOOD, SampleHome, contract, setting

HEADER = "meter,energy_kwh,tariff\n"


def deliver(installation: SampleHome, **files: str | bytes) -> None:
    inbox = installation.root / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (inbox / name.replace("_", ".")).write_bytes(
            text.encode() if isinstance(text, str) else text
        )


def landed(installation: SampleHome) -> tuple[pl.DataFrame, dict[str, tuple[int, int]]]:
    run = installation.run()
    receipt = land(run).receipt
    return landed_rows(run, receipt.digest).collect(), {
        file.name: (file.first, file.last) for file in receipt.files
    }


def names_in(installation: SampleHome, error: AssayError) -> list[str | None]:
    """The names behind the labels that an error shows."""
    return [installation.name_of(found[0]) for found in LABEL.finditer(str(error))]


# -- many files -------------------------------------------------------------------------------


def test_a_glob_lands_its_files_as_one_table_and_each_record_keeps_its_file(
    installation: SampleHome,
) -> None:
    (installation.root / "inbox" / "readings.csv").unlink()
    deliver(
        installation,
        b_csv=HEADER + "M3,3,day\n",
        a_csv=HEADER + "M1,1,day\nM2\nM2,2,night\n",
        c_txt="no matter",
        _hidden_csv="no matter",
    )
    installation.promise(setting("source", location="inbox/*.csv"))
    run = installation.run()
    receipt = land(run).receipt
    assert [
        (installation.name_of(f.name), f.rows, f.unreadable, f.first, f.last) for f in receipt.files
    ] == [("a.csv", 2, 1, 1, 4), ("b.csv", 1, 0, 5, 6)]
    assert landed_rows(run, receipt.digest).collect().rows() == [
        (2, "M1", "1", "day"),
        (4, "M2", "2", "night"),
        (6, "M3", "3", "day"),
    ]
    assert unreadable_records(run, receipt.digest)["record"].to_list() == [3]
    assert land(installation.run()).unchanged


def test_columns_are_unified_and_a_required_one_must_be_in_each_file(
    installation: SampleHome,
) -> None:
    installation.promise(setting("source", location="inbox/*.csv"))
    deliver(installation, more_csv="extra,meter,energy_kwh\nx,M9,9\n")
    rows, _ = landed(installation)
    assert rows.columns == ["_row", "extra", "meter", "energy_kwh", "tariff"]
    assert rows.row(0) == (2, "x", "M9", "9", None)
    deliver(installation, zz_csv="energy_kwh,tariff\n1,day\n")
    with pytest.raises(
        SourceError, match=r"'file-[0-9a-f]{12}\.csv'.*lacks the required column 'meter'"
    ) as refused:
        land(installation.run())
    assert "zz.csv" in names_in(installation, refused.value)


def test_files_that_cannot_be_read_are_named(installation: SampleHome) -> None:
    installation.promise(setting("source", location="inbox/*.csv"))
    deliver(installation, bad_csv="", worse_csv="")
    with pytest.raises(
        SourceError,
        match=r"'file-.*empty.*these cannot be read either: .*'file-.*assay sources reveal file-",
    ) as refused:
        land(installation.run())
    assert set(names_in(installation, refused.value)) == {"bad.csv", "worse.csv"}


def test_the_evidence_says_which_records_came_from_which_file(installation: SampleHome) -> None:
    installation.promise(setting("source", location="inbox/*.csv"))
    deliver(installation, second_csv=HEADER + "M7,7,day\nM8,8,day\n")
    files = installation.predicate(installation.published())["source_files"]
    assert [
        (installation.name_of(file["name"]), file["first"], file["last"]) for file in files
    ] == [("readings.csv", 1, 4), ("second.csv", 5, 7)]


@pytest.mark.parametrize(("pattern", "path", "same"), [
    ("a/*.csv", "a/b.csv", True), ("a/*.csv", "a/b/c.csv", False), ("a/**/*.csv", "a/b/c.csv", True), ("a/**/*.csv", "a/c.csv", True),
    ("a/*", "a/.hidden", False), ("*/x-?.csv", "b/x-1.csv", True), ("*.csv", "b.txt", False),
])  # fmt: skip
def test_what_a_glob_means(pattern: str, path: str, same: bool) -> None:
    assert matches(pattern, path) is same


def test_a_link_out_of_the_roots_is_refused(installation: SampleHome, tmp_path: Path) -> None:
    installation.promise(setting("source", location="inbox/*.csv"))
    (tmp_path / "outside.csv").write_text(GOOD)
    (installation.root / "inbox" / "link.csv").symlink_to(tmp_path / "outside.csv")
    with pytest.raises(SourceError, match="link to outside"):
        land(installation.run())
    installation.promise(setting("source", location="inbox/*/../../../*.csv"))
    with pytest.raises(SourceError, match="leads out"):
        land(installation.run())


def test_a_sensor_sees_a_file_that_comes_to_a_glob_or_changes(installation: SampleHome) -> None:
    wanted = contract(setting("source", location="inbox/*.csv"))
    roots = installation.open().home.roots
    seen = gather.source_fingerprint(wanted, roots)
    assert seen == gather.source_fingerprint(wanted, roots)
    deliver(installation, second_csv=GOOD)
    second = gather.source_fingerprint(wanted, roots)
    deliver(installation, second_csv=GOOD + "M4,4,day\n")
    assert len({seen, second, gather.source_fingerprint(wanted, roots)}) == 3
    assert (
        gather.source_fingerprint(contract(setting("source", location="inbox/*.json")), roots)
        is None
    )


def test_what_is_being_done_is_told(installation: SampleHome) -> None:
    installation.promise(setting("source", location="inbox/*.csv"))
    deliver(installation, second_csv=GOOD)
    told: list[str] = []
    with work_progress.progress_shown_by(told.append):
        land(installation.run())
    assert sorted(told) == ["1 of 2 files read", "2 of 2 files read"]


# -- the web: what is refused (promise H10) -----------------------------------------------------


REFUSED = [
    "127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "017700000001", "0x7f000001", "0x7f.0.0.1", "127.0.0.01", "0.0.0.0", "0", "10.0.0.8", "172.16.3.4", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "[fc00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1",
    "255.255.255.255", "198.18.0.1", "localhost", "localhost.", "127.0.0.1.", "2852039166", "0xa9fea9fe", "[fec0::1]", "[ff02::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", REFUSED)
def test_no_private_address_is_connected_to_however_it_is_written(
    installation: SampleHome, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_headers", lambda *_, **__: pytest.fail("it was about to connect"))
    installation.promise(setting("source", location=f"http://{host}/readings.csv"))
    with pytest.raises(SourceError, match=r"not fetched|cannot be found"):
        land(installation.run())


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://example.com/x.csv", "data:text/csv,a", "http:example.com/x", "https://user:word@example.com/x.csv", "https:///x.csv",
    "https://example.com:99999/x", "https://exa mple.com/x", "https://example.com\\@127.0.0.1/x", "jar:http://x/!y", "s3://bucket", "postgres:lower", "dict://127.0.0.1:6379/",
])  # fmt: skip
def test_what_is_no_address_is_refused_in_the_contract(location: str) -> None:
    if location.startswith("jar:"):
        with pytest.raises(ContractError, match="jar"):
            contract(setting("source", location=location))
        return
    with pytest.raises(ContractError, match=r"assay\.source"):
        contract(
            setting(
                "source",
                location=location,
                format="sql" if location.startswith("postgres") else "csv",
                options={"table": "t"} if location.startswith("postgres") else {},
            )
        )


def test_public_addresses_are_public() -> None:
    assert [
        is_public(ip)
        for ip in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "not an address")
    ] == [True, True, False]


class Server:
    """A web server of our own; `answer` is what it says next."""

    def __init__(self) -> None:
        outer = self
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda _: None

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_port}"
        self.url = f"http://{self.host}/readings.csv"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def reply(
    status: int, body: bytes = b"", **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def allow(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("ASSAY_SOURCE_HOSTS", f" elsewhere.example , {server.host}")


def sink(tmp_path: Path, limit: int = 10**9) -> Sink:
    return Sink(tmp_path / "fetched", limit, Where(file="x"))


def place(tmp_path: Path, *hosts: str) -> Place:
    return Place((tmp_path,), tmp_path, hosts=frozenset(hosts))


def test_a_name_that_leads_home_is_refused_unless_every_address_is_public(
    tmp_path: Path, server: Server
) -> None:
    for found in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], ["169.254.169.254"]):
        with pytest.raises(SourceError, match="not public"):
            download(
                f"http://rebind.example:{server.http.server_port}/",
                sink(tmp_path),
                place(tmp_path),
                network=Network(lambda *_, found=found: found),
            )
    assert server.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its mind between the check and the connection (DNS rebinding) is asked once: what connects never looks a name up again."""
    answers = iter([["127.0.0.1"], ["10.9.9.9"]])
    server.answer = reply(200, GOOD.encode())
    here = place(tmp_path, f"rebind.example:{server.http.server_port}")
    done = download(
        f"http://rebind.example:{server.http.server_port}/",
        sink(tmp_path),
        here,
        network=Network(lambda *_: next(answers)),
    )
    assert done is not None
    assert server.asked[0][1]["host"] == f"rebind.example:{server.http.server_port}"
    assert next(answers) == ["10.9.9.9"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//127.0.0.1:9/x",
    ],
)
def test_a_redirect_is_checked_like_the_address_itself(
    installation: SampleHome, server: Server, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    allow(monkeypatch, server)
    monkeypatch.setenv(
        "ASSAY_SOURCE_HOSTS", f"{server.host},127.0.0.1:1,127.0.0.1:9"
    )  # what a contract may name, somebody's redirect may not
    server.answer = reply(302, Location=target)
    installation.promise(setting("source", location=server.url))
    with pytest.raises(SourceError, match=r"not fetched|cannot be fetched"):
        land(installation.run())


# -- the web: what works ------------------------------------------------------------------------


def test_an_allowed_host_is_fetched_once_and_asked_whether_it_changed(
    installation: SampleHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, server)
    installation.promise(setting("source", location=server.url))
    server.answer = reply(
        200, GOOD.encode(), ETag='"one"', Last_Modified="Mon, 23 Nov 2026 10:00:00 GMT"
    )
    assert land(installation.run()).receipt.rows == 3
    server.answer = reply(304)
    assert land(
        installation.run()
    ).unchanged  # another opening of the same home: what was seen survives the process
    assert (server.asked[1][1]["if-none-match"], server.asked[1][1]["if-modified-since"]) == (
        '"one"',
        "Mon, 23 Nov 2026 10:00:00 GMT",
    )
    server.answer = reply(200, (GOOD + "M4,1,day\n").encode(), ETag='"two"')
    done = land(installation.run())
    assert (done.unchanged, done.receipt.rows) == (False, 4)
    assert not any(
        GOOD.encode()[:10] in file.read_bytes()
        for file in (installation.root / "cache").rglob("*.json")
    )


def test_what_the_server_reserves_holds_until_it_does_no_more(
    installation: SampleHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, server)
    installation.promise(
        setting("source", location=server.url), setting("license", purposes=["training"])
    )
    server.answer = reply(200, GOOD.encode(), TDM_Reservation="1")
    with pytest.raises(AdmissionError, match="the response's headers next to the source reserves"):
        installation.published()
    server.answer = reply(200, GOOD.encode())
    assert installation.published().row.version == "1.0.0"


def test_what_the_lake_has_lost_is_fetched_again(
    installation: SampleHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, server)
    installation.promise(setting("source", location=server.url))
    server.answer = reply(200, GOOD.encode(), ETag='"one"')
    land(installation.run())
    installation.promise(setting("source", location=server.url, options={"null_values": ["day"]}))
    assert not land(installation.run()).unchanged
    assert "if-none-match" not in server.asked[1][1]


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path, server: Server) -> None:
    body = os.urandom(300_000)

    def answer(request: BaseHTTPRequestHandler) -> None:
        begins = int(request.headers.get("Range", "bytes=0-")[6:-1])
        rest = body[begins:]
        request.send_response(206 if begins else 200)
        request.send_header("ETag", '"one"')
        request.send_header("Content-Length", str(len(rest)))
        if begins:
            request.send_header("Content-Range", f"bytes {begins}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        request.wfile.write(rest[:150_000])
        request.close_connection = True

    server.answer = answer
    to = sink(tmp_path)
    done = download(
        server.url, to, place(tmp_path, server.host), network=Network(pause=lambda _: None)
    )
    assert to.path.read_bytes() == body
    assert done is not None
    assert done.digest == gather.sha256(to.path)
    assert server.asked[1][1]["if-range"] == '"one"'


def test_a_download_that_changed_meanwhile_begins_anew(tmp_path: Path, server: Server) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        second = len(server.asked) > 1
        request.send_response(200)
        request.send_header("ETag", '"two"' if second else '"one"')
        request.send_header("Content-Length", "6")
        request.end_headers()
        request.wfile.write(b"newer!" if second else b"old")
        request.close_connection = True

    server.answer = answer
    to = sink(tmp_path)
    download(server.url, to, place(tmp_path, server.host), network=Network(pause=lambda _: None))
    assert to.path.read_bytes() == b"newer!"


def test_a_busy_server_is_asked_again_a_few_times_and_a_refusal_is_not(
    tmp_path: Path, server: Server
) -> None:
    waits: list[float] = []
    server.answer = reply(503)
    with pytest.raises(SourceError, match=r"in 4 tries: the server answers 503"):
        download(
            server.url,
            sink(tmp_path),
            place(tmp_path, server.host),
            network=Network(pause=waits.append),
        )
    assert waits == [1.0, 2.0, 4.0]
    server.answer = reply(404)
    with pytest.raises(SourceError, match="answers 404"):
        download(server.url, sink(tmp_path), place(tmp_path, server.host))
    assert len(server.asked) == 5


def test_more_bytes_than_allowed_are_not_taken_announced_or_not(
    tmp_path: Path, server: Server
) -> None:
    server.answer = reply(200, b"x" * 5_000)
    with pytest.raises(SourceError, match="larger than 1,000 bytes"):
        download(server.url, sink(tmp_path, 1_000), place(tmp_path, server.host))

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(b"x" * 5_000)
        request.close_connection = True

    server.answer = endless
    with pytest.raises(SourceError, match="larger than 1,000 bytes"):
        download(server.url, sink(tmp_path, 1_000), place(tmp_path, server.host))


def test_redirects_are_followed_a_few_times(tmp_path: Path, server: Server) -> None:
    server.answer = lambda request: (
        reply(302, Location="/b")(request)
        if request.path == "/readings.csv"
        else reply(200, b"a,b\n")(request)
    )
    assert download(server.url, sink(tmp_path), place(tmp_path, server.host)) is not None
    server.answer = reply(302, Location="/again")
    with pytest.raises(SourceError, match="more than 5 times"):
        download(server.url, sink(tmp_path), place(tmp_path, server.host))


def test_a_packed_file_is_unpacked_after_it_was_fetched(
    installation: SampleHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, server)
    installation.promise(setting("source", location=f"http://{server.host}/readings.csv.gz"))
    server.answer = reply(200, gzip.compress(GOOD.encode()))
    assert landed(installation)[0].height == 3


def test_an_address_is_remembered_without_being_written_down(tmp_path: Path) -> None:
    from assay.assets.io.sources.places import Seen

    memory = Memory(tmp_path)
    memory.keep("https://example.com/x?token=abc", Seen("d" * 64, 3, '"e"'))
    assert memory.recall("https://example.com/x?token=abc") == Seen("d" * 64, 3, '"e"')
    assert memory.recall("https://example.com/y") is None
    assert not any("token" in file.read_text() for file in tmp_path.rglob("*.json"))
    memory.keep("https://example.com/z", Seen("d" * 64, 3))
    assert memory.recall("https://example.com/z") is None  # nothing to tell a change by
