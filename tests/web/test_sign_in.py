"""One-time links and sessions: used once, for a time, by whoever has them."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.web.peers import user_of
from assay.web.people import Identity
from assay.web.sign_in import LINK_LIFE_S, SESSION_LIFE_S, Links, Sessions, seconds_since_boot

ANN, BO = Identity("ann", "link"), Identity("bo@example.com", "provider")


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(tmp_path: Path, clock: Clock) -> Links:
    return Links(tmp_path / "ui" / "links", clock)


def test_a_link_works_once(links: Links) -> None:
    token = links.create()
    assert links.use(token)
    assert not links.use(token)


def test_of_many_that_use_a_link_at_once_one_is_let_in(links: Links) -> None:
    token = links.create()
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: links.use(token), range(64))) == 1


def test_another_process_of_the_home_makes_links_too(links: Links, clock: Clock) -> None:
    assert links.use(Links(links.folder, clock).create())


@pytest.mark.parametrize(
    ("age_s", "works"),
    [(0, True), (LINK_LIFE_S - 1, True), (LINK_LIFE_S + 1, False), (-3600, False)],
)
def test_a_link_has_its_time(links: Links, clock: Clock, age_s: float, works: bool) -> None:
    token = links.create()
    clock.now += age_s
    assert links.use(token) is works
    assert not links.use(token)


@pytest.mark.parametrize(
    "token",
    ["", "a", "../" * 10, "A" * 43, "A" * 44, "A" * 42 + "\n", "é" * 43, "A" * 100_000, "."],
)
def test_what_is_no_token_lets_nobody_in(links: Links, token: str) -> None:
    links.create()
    assert not links.use(token)


def test_the_disk_keeps_no_token_and_nobody_else_reads_it(links: Links) -> None:
    token = links.create()
    (file,) = links.folder.iterdir()
    assert token not in file.name
    assert file.read_bytes() == b""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(links.folder.stat().st_mode) == 0o700


def test_old_links_are_swept(links: Links, clock: Clock) -> None:
    links.create()
    clock.now += LINK_LIFE_S + 5
    token = links.create()
    assert len(list(links.folder.iterdir())) == 1
    links.sweep(everything=True)
    assert not links.use(token)


def test_a_session_ends_after_its_time_or_when_it_is_ended() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    key, other = sessions.begin(ANN), sessions.begin(BO)
    assert key != other
    assert sessions.identity_of(key) == ANN
    sessions.end(key)
    assert sessions.identity_of(key) is None
    assert sessions.identity_of(other) == BO
    clock.now += SESSION_LIFE_S + 1
    assert sessions.identity_of(other) is None


def test_a_session_ends_though_the_clock_goes_back_or_the_machine_sleeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Sessions().clock is seconds_since_boot
    assert abs(seconds_since_boot() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")  # as on macOS
    assert abs(seconds_since_boot() - time.monotonic()) < 1


@pytest.mark.parametrize("key", ["", "guess", "é"])
def test_nobody_guesses_a_session(key: str) -> None:
    sessions = Sessions()
    sessions.begin(ANN)
    assert sessions.identity_of(key) is None


def test_a_session_is_of_one_user() -> None:
    sessions = Sessions()
    key = sessions.begin(ANN, 1000)
    assert sessions.identity_of(key, 1000) == ANN
    for other in (None, 0, 1001):
        assert sessions.identity_of(key, other) is None


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system does not tell")
def test_the_user_of_a_connection_is_who_made_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        code = (
            "import os, socket, sys; os.geteuid() or os.setuid(65534); "
            "s = socket.socket(); s.connect(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
        )
        command = [sys.executable, "-S", "-c", code, str(server.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            connection, client = server.accept()
            with connection:
                user = user_of(client, server.getsockname())
            process.communicate()
    assert user == (os.geteuid() or 65534)


@pytest.mark.parametrize(
    "address", [None, ("127.0.0.1", 1), ("::1", 80), ("testclient", 50000), ("127.0.0.1", 99_999)]
)
def test_of_other_addresses_the_user_is_not_told(address: tuple[str, int] | None) -> None:
    assert user_of(address, ("127.0.0.1", 3000)) is None
