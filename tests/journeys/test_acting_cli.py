"""Drift, models and traces at the command line: what is not there is said in one line."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Assay


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "99"], "there is no decision 99"),
        (["drift", "show", "readings"], "the contract declares no comparison"),
        (["drift", "done", "1", "--why", "x"], "there is no trigger 1"),
        (["models", "list", "nobody"], "no contract declares a model named 'nobody'"),
        (["why", "hello"], "this is not a trace id"),
        (["why", "4bf92f3577b34da6a3ce929d0e0e4736"], "no record has the trace"),
        (["outcomes", "readings", "nothing.csv"], "no contract declares a model named 'readings'"),
        (
            ["predict", "readings", "rows.csv", "--purpose", "analytics", "--output", "scores.csv"],
            "no contract declares a model named 'readings'",
        ),
    ],
)
def test_what_is_not_there_is_one_message_and_exit_code_1(
    assay: Assay, arguments: list[str], said: str
) -> None:
    code, out, err = assay(*arguments)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("assay: ")
    assert said in line


def test_nothing_that_waits_is_said_so(assay: Assay) -> None:
    assert assay("drift", "triggers") == (0, "No trigger is open.\n", "")
