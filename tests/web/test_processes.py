"""How `assay ui` begins and ends: one a home, and nothing of it is left, whoever ends what."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.contracts.errors import ConfigurationError
from assay.web.processes import descendants, end_descendants
from assay.web.serve import Place, new_link

DRIVER = Path(__file__).with_name("processes_driver.py")
MARK = "ASSAY_HOME"  # every service gets it
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def processes_of(home: Path) -> list[int]:
    """Every process that was started for this home, whoever its parent is now; those that have ended do not count."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={home}\0".encode() in (folder / "environ").read_bytes():
                pids.append(int(folder.name))
    return pids


def wait_for(condition: Callable[[], object], within_s: float) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s} s"
        time.sleep(0.05)


class Ui:
    """One that runs."""

    def __init__(self, home: Path, *, ignore_interrupts: bool = False) -> None:
        self.home, self.port = home, free_port()

        def ignore() -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

        self.process = subprocess.Popen(
            [sys.executable, str(DRIVER), "ui", str(home), str(self.port)],
            env={**os.environ, MARK: str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=ignore if ignore_interrupts else None,
        )

    def is_up(self) -> bool:
        """Itself, the supervisor, two services, their two orphans."""
        return len(processes_of(self.home)) == 6

    @property
    def supervisor(self) -> int:
        """The only child."""
        parents = (
            Path("/proc") / str(self.process.pid) / "task" / str(self.process.pid) / "children"
        ).read_text()
        return int(parents.split()[0])


@pytest.fixture
def ui(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ui]:
    started = Ui(tmp_path / "home", ignore_interrupts=getattr(request, "param", False))
    try:
        wait_for(started.is_up, 20)
        yield started
    finally:
        for pid in processes_of(started.home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        started.process.communicate()


def test_kill_9_leaves_nothing_behind(ui: Ui) -> None:
    ui.process.kill()
    ui.process.wait()
    wait_for(lambda: not processes_of(ui.home), 5)
    wait_for(lambda: ui_place(ui).url() is None, 2)
    with ui_place(ui).claim():  # the home is free again
        pass


def test_kill_9_of_the_whole_group_leaves_nothing_behind(ui: Ui) -> None:
    os.killpg(ui.process.pid, signal.SIGKILL)
    ui.process.wait()
    wait_for(lambda: not processes_of(ui.home), 5)


@pytest.mark.parametrize("ui", [False, True], indirect=True, ids=["in front", "in the background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_a_signal_ends_everything(
    ui: Ui, number: signal.Signals, send: Callable[[int, int], None]
) -> None:
    send(ui.process.pid, number)
    assert ui.process.wait(12) == 0
    assert processes_of(ui.home) == []
    assert "Traceback" not in ui.process.communicate()[1]


def test_a_second_signal_hurries(ui: Ui) -> None:
    begin = time.monotonic()
    ui.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    ui.process.send_signal(signal.SIGINT)
    assert ui.process.wait(4) == 0
    assert time.monotonic() - begin < 4
    assert processes_of(ui.home) == []


def test_a_supervisor_that_is_killed_takes_everything_with_it(ui: Ui) -> None:
    os.kill(ui.supervisor, signal.SIGKILL)
    assert ui.process.wait(10) == 1
    assert processes_of(ui.home) == []
    assert "was stopped (SIGKILL)" in ui.process.communicate()[1]


def test_a_service_that_ends_closes_the_ui_with_a_sentence(ui: Ui) -> None:
    service = next(
        pid
        for pid in descendants(ui.supervisor)
        if b"orphan" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    )
    os.kill(service, signal.SIGKILL)
    assert ui.process.wait(12) == 1
    assert processes_of(ui.home) == []
    error = ui.process.communicate()[1]
    assert "has ended (SIGKILL)" in error
    assert ".log" in error


def test_a_second_one_is_refused_and_names_the_first(ui: Ui) -> None:
    second = Ui(ui.home)
    out, error = second.process.communicate(timeout=10)
    assert second.process.returncode == 1
    assert out == ""
    assert error.count("\n") == 1
    assert f"http://127.0.0.1:{ui.port}" in error
    assert ui.is_up()


def test_of_many_at_once_one_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    many = [Ui(home) for _ in range(4)]
    try:
        wait_for(lambda: sum(one.process.poll() is None for one in many) == 1, 20)
        assert sorted(one.process.returncode or 0 for one in many) == [0, 1, 1, 1]
    finally:
        for one in many:
            one.process.kill()
            one.process.communicate()
        wait_for(lambda: not processes_of(home), 10)


def test_a_port_that_is_taken_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [sys.executable, str(DRIVER), "ui", str(tmp_path), str(other.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert done.stderr.count("\n") == 1


def ui_place(ui: Ui) -> Place:
    return Place(ui.home / "ui")


def test_a_new_link_is_of_the_one_that_runs(ui: Ui) -> None:
    link = new_link(ui.home)
    address, _, token = link.partition("/sign-in?token=")
    assert address == f"http://127.0.0.1:{ui.port}"
    assert ui_place(ui).links.use(token)


def test_the_first_link_is_printed_and_kept_nowhere(ui: Ui) -> None:
    ui.process.terminate()
    out, _ = ui.process.communicate(timeout=12)
    token = out.partition("token=")[2].split()[0]
    for file in (ui.home / "ui").rglob("*"):
        assert token not in file.name
        assert not file.is_file() or token.encode() not in file.read_bytes()


@pytest.mark.parametrize("left", [None, "", "{", json.dumps({"url": "http://127.0.0.1:1"})])
def test_without_one_that_runs_there_is_no_link(tmp_path: Path, left: str | None) -> None:
    place = Place(tmp_path / "ui")
    if left is not None:
        place.folder.mkdir()
        place.lock.write_text(left)
    with pytest.raises(ConfigurationError, match="no web UI runs on this home"):
        new_link(tmp_path)


def test_descendants_are_ended_though_they_start_others() -> None:
    """A process that starts one more whenever it is looked at is caught too."""
    code = "import subprocess, sys, time\nfor _ in range(50):\n    subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(99)'])\n    time.sleep(0.02)"
    inner = f"""
import subprocess, sys, time
from assay.web.processes import adopt_orphans, descendants, end_descendants
import os
adopt_orphans()
subprocess.Popen([sys.executable, "-S", "-c", {code!r}])
time.sleep(0.3)
end_descendants(0.0)
print(descendants(os.getpid()))
"""
    done = subprocess.run(
        [sys.executable, "-c", inner], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "[]\n"


def test_ending_nothing_is_nothing() -> None:
    assert end_descendants.__doc__
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from assay.web.processes import end_descendants; end_descendants(5.0)",
        ],
        check=True,
        timeout=5,
    )
    assert done.returncode == 0
