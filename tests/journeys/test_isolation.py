"""What goes wrong with one data set is one sentence about it, and the others go on: no traceback, and no library's text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from tests.conftest import GOOD, SampleHome, named
from tests.journeys.conftest import Assay

SECRET = "ann.canary@example.com"


class PanicException(BaseException):
    """As pyo3 raises it: no Exception."""


@pytest.fixture
def two(installation: SampleHome) -> SampleHome:
    """Two data sets, alpha and beta, of one source."""
    for name in ("alpha", "beta"):
        installation.promise(named(name), file=f"{name}.odcs.yaml")
    (installation.contracts / "readings.odcs.yaml").unlink()
    return installation


def failing(
    error: Callable[[], BaseException], name: str = "alpha", at: int = 0
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function that raises where it is about that data set, else does what it did."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            subject = arguments[at]
            subject = getattr(subject, "contract", subject)
            if getattr(subject, "name", subject) == name:
                raise error()
            return original(*arguments, **more)

        return call

    return around


PLACES = {
    "in its partitions": ("assay.running._windows", 1),
    "in building its definitions": ("assay.assets.dagster.definitions.definitions_of", 0),
    "in landing": ("assay.assets.dagster.assets.land", 0),
    "in admission": ("assay.assets.dagster.assets.admit", 0),
    "in cleaning": ("assay.assets.dagster.assets.refine", 0),
    "in publication": ("assay.assets.dagster.assets.publish_parts", 0),
    "in Dagster": ("assay.assets.dagster.instance.execute", 2),
}


@pytest.mark.parametrize(
    "error",
    [lambda: ValueError(SECRET), lambda: PanicException(SECRET)],
    ids=["an exception", "a Rust panic"],
)
@pytest.mark.parametrize("place", PLACES)
def test_an_unexpected_failure_is_one_sentence_and_the_other_data_set_runs(
    assay: Assay,
    two: SampleHome,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    error: Callable[[], BaseException],
) -> None:
    import importlib

    target, at = PLACES[place]
    module, _, function = target.rpartition(".")
    original = getattr(importlib.import_module(module), function)
    monkeypatch.setattr(target, failing(error, at=at)(original))
    code, out, err = assay("run", "alpha", "beta")
    assert code == 1
    assert "1 of 2 data sets succeeded; failed: alpha" in out
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert type(error()).__name__ in lines[0]
    assert "Run again; if it happens again, report it with the log" in lines[0]
    assert "Traceback" not in out + err
    assert SECRET not in out + err
    assert "1.0.0: First version" in out
    assert json.loads(assay("status", "--json")[1])[1]["versions"] == ["1.0.0"]
    log = re.search(r"logs/([A-Za-z]+-[0-9a-f]{12}\.log)", lines[0])
    assert log
    file = two.root / "logs" / log[1]
    assert file.stat().st_mode & 0o077 == 0
    assert SECRET not in file.read_text()
    assert "test_isolation.py" in file.read_text()
    for kept in two.root.rglob("*"):
        if kept.is_file() and "inbox" not in kept.parts:
            assert SECRET.encode() not in kept.read_bytes(), kept


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("show", "alpha"),
        ("verify", "--all"),
        ("run",),
        ("review", "list"),
        ("expire", "--dry-run"),
    ],
)
def test_no_command_ends_in_a_traceback(
    assay: Assay, two: SampleHome, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    from assay.assets.io.installation import Installation

    def broken(*_: Any, **__: Any) -> Any:
        raise PanicException(SECRET)

    monkeypatch.setattr(Installation, "open", broken)
    code, out, err = assay(*words)
    assert code == 1
    assert "an unexpected PanicException" in err
    assert "Traceback" not in out + err
    assert SECRET not in out + err
    monkeypatch.setenv("ASSAY_DEBUG", "1")
    with pytest.raises(PanicException):
        assay(*words)


def test_ctrl_c_is_no_failure_of_a_data_set(
    assay: Assay, two: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.running._windows", stopped)
    code, out, err = assay("run")
    assert code == 130
    assert "succeeded" not in out
    assert "Traceback" not in out + err


def test_a_damaged_log_of_one_data_set_is_told_and_the_other_is_published_and_verified(
    assay: Assay, two: SampleHome
) -> None:
    assert assay("run")[0] == 0
    log = two.root / "lake" / "alpha" / "versions" / "_delta_log" / f"{0:020}.json"
    log.write_text("{bro")
    two.deliver(GOOD + "M4,4,day\n")
    code, out, err = assay("run", "alpha", "beta")
    assert code == 0  # both are published; what other engines read of alpha comes later
    assert "2 of 2 data sets succeeded." in out
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert "alpha: delta is not delivered yet" in line
    assert "_delta_log/00000000000000000000.json" in line
    alpha, beta = json.loads(assay("status", "--json")[1])
    assert (alpha["versions"], beta["versions"], beta["late"]) == (
        ["1.0.0", "1.1.0"],
        ["1.0.0", "1.1.0"],
        [],
    )
    (late,) = alpha["late"]
    assert (late["kind"], late["tries"], late["error"]) == ("delta", 1, "EvidenceError")
    assert late["since"] < late["next_try"]
    assert "cannot be read" in late["reason"]
    assert "Not delivered yet" in assay("status")[1]
    code, out, err = assay("verify", "--all")
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert "data set 'alpha'" in line
    assert "✓ beta@1.1.0" in out
    assert "are not as signed" in out
    assert assay("verify", "beta")[0] == 0
    assert assay("show", "alpha")[0] == 0
    entries = json.loads(assay("verify", "--all", "--json")[1])
    assert [entry["dataset"] for entry in entries if "problem" in entry] == ["alpha"]


@pytest.mark.parametrize("sensor", ["reaper", "triggers"])
def test_a_sensor_skips_what_fails_about_one_data_set(
    two: SampleHome, monkeypatch: pytest.MonkeyPatch, sensor: str
) -> None:
    from assay.assets.dagster import sensors
    from assay.assets.io.installation import Installation

    for name, value in two.environment.items():
        monkeypatch.setenv(name, value)
    looked: list[str] = []

    def about(_: Any, subject: Any) -> Any:
        name = getattr(subject, "name", subject)
        looked.append(name)
        if name == "alpha":
            raise PanicException(SECRET)
        return []

    monkeypatch.setattr(sensors, "due_to_go", about)
    monkeypatch.setattr(sensors, "_watched", about)
    opened_home = two.open()
    trained = {
        name: each.model_copy(update={"retrain": True})
        for name, each in opened_home.contracts.items()
    }
    monkeypatch.setattr(
        Installation, "open", staticmethod(lambda: replace(opened_home, contracts=trained))
    )
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance) as context,
    ):
        told = (
            sensors.reaper(context) if sensor == "reaper" else sensors._looked(context, frozenset())
        )
    text = str(told.skip_reason)
    assert looked == ["alpha", "beta"]
    assert "data set 'alpha'" in text
    assert SECRET not in text


def test_a_sensor_that_cannot_open_the_installation_says_so(
    two: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.dagster import sensors
    from assay.assets.io.installation import Installation

    for name, value in two.environment.items():
        monkeypatch.setenv(name, value)

    def broken(*_: Any, **__: Any) -> Any:
        raise PanicException(SECRET)

    monkeypatch.setattr(Installation, "open", broken)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance) as context,
    ):
        told = [str(sensors.reaper(context).skip_reason)]
        definition = sensors.trigger_sensor([dg.define_asset_job("any", selection="*")])
        told.append(str(definition(context).skip_reason))
    assert all("an unexpected PanicException" in each and SECRET not in each for each in told)


def test_definitions_of_one_data_set_that_cannot_be_built_leave_the_others_in_the_web_ui(
    two: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.dagster import definitions

    for name, value in two.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        definitions, "landed", failing(lambda: ValueError(SECRET))(definitions.landed)
    )
    groups = {spec.group_name for spec in definitions.build_definitions().resolve_all_asset_specs()}
    assert groups == {"beta"}
