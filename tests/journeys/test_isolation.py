"""What goes wrong with one data set is one sentence about it, and the others go on: no traceback, and no library's text."""

from __future__ import annotations

import importlib
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


Errors = dict[str, Callable[[], BaseException]]


def failing(errors: Errors, at: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function that raises where it is about one of these data sets, else does what it did."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            subject = arguments[at]
            subject = getattr(subject, "contract", subject)
            error = errors.get(getattr(subject, "name", subject))
            if error is not None:
                raise error()
            return original(*arguments, **more)

        return call

    return around


PLACES = {
    "partitions": ("assay.running._windows", 1),
    "definitions": ("assay.assets.dagster.definitions.definitions_of", 0),
    "landing": ("assay.assets.dagster.assets.land", 0),
    "admission": ("assay.assets.dagster.assets.admit", 0),
    "cleaning": ("assay.assets.dagster.assets.refine", 0),
    "publication": ("assay.assets.dagster.assets.publish_parts", 0),
    "dagster": ("assay.assets.dagster.instance.execute", 2),
}
"""Where a data set fails, by the first word of its name; the second is how."""
ERRORS: Errors = {
    "exception": lambda: ValueError(SECRET),
    "panic": lambda: PanicException(SECRET),
}


def test_unexpected_failures_are_one_sentence_each_and_the_other_data_set_runs(
    assay: Assay, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {f"{place}_{kind}": kind for place in PLACES for kind in ERRORS}
    for name in (*broken, "sound"):
        installation.promise(named(name), file=f"{name}.odcs.yaml")
    (installation.contracts / "readings.odcs.yaml").unlink()
    for place, (target, at) in PLACES.items():
        module, _, function = target.rpartition(".")
        original = getattr(importlib.import_module(module), function)
        errors = {f"{place}_{kind}": error for kind, error in ERRORS.items()}
        monkeypatch.setattr(target, failing(errors, at)(original))
    code, out, err = assay("run", *broken, "sound")
    assert code == 1
    summary = f"1 of {len(broken) + 1} data sets succeeded; failed: {', '.join(broken)}"
    assert summary in " ".join(out.split())
    assert "Traceback" not in out + err
    assert SECRET not in out + err
    lines = [line for line in err.splitlines() if line.strip()]
    for (name, kind), line in zip(broken.items(), lines, strict=True):
        assert type(ERRORS[kind]()).__name__ in line, name
        check_log(installation, line)
    assert "1.0.0: First version" in out
    status = {entry["dataset"]: entry for entry in json.loads(assay("status", "--json")[1])}
    published = [name for name, entry in status.items() if entry["versions"]]
    assert (published, status["sound"]["versions"]) == (["sound"], ["1.0.0"])
    for kept in installation.root.rglob("*"):
        if kept.is_file() and "inbox" not in kept.parts:
            assert SECRET.encode() not in kept.read_bytes(), kept


def check_log(installation: SampleHome, line: str) -> None:
    """The sentence names a log, which is its owner's and holds the place without the value."""
    assert "Run again; if it happens again, report it with the log" in line
    log = re.search(r"logs/([A-Za-z]+-[0-9a-f]{12}\.log)", line)
    assert log, line
    file = installation.root / "logs" / log[1]
    assert file.stat().st_mode & 0o077 == 0
    assert SECRET not in file.read_text()
    assert "test_isolation.py" in file.read_text()


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
    assert "differ from their evidence" in out
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
        definitions, "landed", failing({"alpha": lambda: ValueError(SECRET)})(definitions.landed)
    )
    groups = {spec.group_name for spec in definitions.build_definitions().resolve_all_asset_specs()}
    assert groups == {"beta"}
