"""What a run reports while it works reaches whoever started it, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable

import dagster as dg
import pytest

from assay.assets.dagster.definitions import definitions_of
from assay.assets.dagster.instance import Happening, execute
from assay.assets.io.sources.places import together
from assay.assets.io.work_progress import progress_shown_by, report_progress
from tests.conftest import SampleHome, named


def in_threads(*work: Callable[[], None]) -> None:
    """Do each piece of work in a thread of its own, all at once; raises what one of them raised."""
    errors: list[BaseException] = []

    def guarded(piece: Callable[[], None]) -> None:
        try:
            piece()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(piece,)) for piece in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_progress_of_one_thread_is_not_shown_in_another() -> None:
    seen: dict[str, list[str]] = {"alpha": [], "beta": []}
    both_there = threading.Barrier(2, timeout=60)

    def work(name: str) -> None:
        with progress_shown_by(seen[name].append):
            both_there.wait()
            report_progress(f"1 of 2 of {name}")
            both_there.wait()
            report_progress(f"2 of 2 of {name}")
        report_progress("after the run")

    in_threads(lambda: work("alpha"), lambda: work("beta"))
    assert seen == {name: [f"1 of 2 of {name}", f"2 of 2 of {name}"] for name in ("alpha", "beta")}


def test_work_that_a_run_does_in_several_threads_is_shown_to_that_run() -> None:
    seen: list[str] = []
    with progress_shown_by(seen.append):
        together(lambda number: report_progress(f"file {number}"), [1, 2, 3])
    assert sorted(seen) == ["file 1", "file 2", "file 3"]
    together(lambda number: report_progress(f"file {number}"), [4])
    assert len(seen) == 3


def test_an_inner_run_does_not_end_the_progress_of_the_outer() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with progress_shown_by(outer.append):
        with progress_shown_by(inner.append):
            report_progress("inner")
        report_progress("outer")
    assert (outer, inner) == (["outer"], ["inner"])


def test_two_runs_at_once_report_their_own_stages_alone(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    (installation.contracts / "readings.odcs.yaml").unlink()
    names = ("alpha", "beta")
    for name in names:
        installation.promise(named(name), file=f"{name}.odcs.yaml")
    installation.open()
    events: dict[str, list[Happening]] = {name: [] for name in names}
    both_there = threading.Barrier(2, timeout=120)

    def run(name: str) -> None:
        def on_event(happening: Happening) -> None:
            if not events[name]:
                both_there.wait()  # neither ends before the other has begun
            events[name].append(happening)

        definitions = definitions_of(installation.open().contract(name))
        with dg.DagsterInstance.ephemeral() as instance:
            execute(instance, definitions, name, None, None, on_event)

    in_threads(lambda: run("alpha"), lambda: run("beta"))
    for name in names:
        made = [each.asset for each in events[name] if each.what == "made"]
        stages = ("landed", "admitted", "cleaned", "published")
        assert made == [f"{name}/{stage}" for stage in stages]
        assert all(each.asset.startswith(name) for each in events[name])
