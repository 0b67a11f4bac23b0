"""Rules about the table are evaluated on all partitions of a version, not on the one delivered."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io.key_index import FILE, KeyIndex, Publication
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.part import Part
from assay.assets.stages.partition_base import Base
from assay.assets.stages.partition_runs import parts
from assay.assets.stages.publish import publish_parts
from assay.assets.stages.quality import assess
from assay.assets.stages.run import Run
from assay.contracts.errors import PublicationError, QualityError
from assay.pipelines.validate.key_texts import key_texts
from tests.assets.decided_rows import decide_rows
from tests.assets.test_partitions import as_before_references, deliver, take, verified
from tests.conftest import Edit, SampleHome, columns, setting

SOURCE = setting(
    "source",
    location="inbox/{partition}.csv",
    partitions={"by": "month", "start": "2013-01-01", "end": "2013-05-01"},
)


COUNTED: dict[str, Any] = {
    "name": "same_n",
    "metric": "duplicateValues",
    "arguments": {"properties": ["n"]},
    "mustBe": 0,
    "severity": "warning",
}


def orders(*quality: dict[str, Any], **number: Any) -> tuple[Edit, ...]:
    """Orders by months, each with an id of its own."""
    return (
        columns(
            {"name": "id", "logicalType": "integer", "primaryKey": True},
            {"name": "on", "logicalType": "date", "required": True, "partitioned": True},
            {"name": "n", "logicalType": "integer", **number},
        ),
        lambda data: data["schema"][0].update(quality=list(quality)),
        SOURCE,
    )


def month(name: str, *rows: tuple[int | str, int | str]) -> str:
    return "id,on,n\n" + "".join(f"{id},{name}-0{1 + k},{n}\n" for k, (id, n) in enumerate(rows))


def taken(home: SampleHome, name: str, *rows: tuple[int | str, int | str]) -> str:
    """Deliver a month and publish it. Returns: the version."""
    deliver(home, name, month(name, *rows))
    return take(home, name)[-1]


def ids(home: SampleHome) -> list[int]:
    opened = home.open()
    rows = opened.scan(opened.version("readings")).collect()
    return sorted(rows["id"].to_list())


def check(home: SampleHome, rule: str) -> dict[str, Any]:
    opened = home.open()
    predicate = opened.statement(opened.version("readings"))["predicate"]
    found: dict[str, Any] = next(each for each in predicate["checks"] if each["rule"] == rule)
    return found


# -- keys ---------------------------------------------------------------------------------------


def test_a_key_of_another_partition_is_quarantined_and_a_partition_replaces_its_own(
    installation: SampleHome,
) -> None:
    installation.promise(*orders())
    taken(installation, "2013-01", (1, 0), (2, 0))
    taken(installation, "2013-02", (1, 0), (3, 0))
    assert ids(installation) == [1, 2, 3]
    assert check(installation, "id_key")["failing"] == 1
    taken(installation, "2013-02", (3, 1), (4, 1))
    assert ids(installation) == [1, 2, 3, 4]
    assert check(installation, "id_key")["failing"] == 0
    taken(installation, "2013-01", (2, 1))  # 1 is free again
    taken(installation, "2013-03", (1, 0), (5, 0))
    assert ids(installation) == [1, 2, 3, 4, 5]
    verified(installation)


def test_keys_of_personal_columns_are_kept_as_digests_only(installation: SampleHome) -> None:
    installation.promise(*orders())
    taken(installation, "2013-01", (4711471147, 0))
    for file in (installation.root / "lake" / "readings" / "keys").iterdir():
        assert b"4711471147" not in file.read_bytes()


@pytest.mark.parametrize("loss", ["removed", "damaged", "of an earlier release"])
def test_an_index_that_is_lost_is_built_again(installation: SampleHome, loss: str) -> None:
    installation.promise(*orders())
    taken(installation, "2013-01", (1, 0), (2, 0))
    file = installation.root / "lake" / "readings" / FILE
    if loss == "damaged":
        file.write_bytes(b"no database" * 1_000)
    else:
        file.unlink()
    if loss == "of an earlier release":
        as_before_references(installation)
    taken(installation, "2013-02", (1, 0), (3, 0))
    assert ids(installation) == [1, 2, 3]


def test_a_released_row_may_repeat_a_key_and_counts(installation: SampleHome) -> None:
    installation.promise(*orders({"name": "rows", "metric": "rowCount", "mustBeLessOrEqualTo": 4}))
    taken(installation, "2013-01", (1, 0), (2, 0))
    taken(installation, "2013-02", (1, 0), (3, 0))
    opened = installation.open()
    decide_rows(opened, rule="id_key", why="both are right")
    take(installation, "2013-02")
    assert ids(installation) == [1, 1, 2, 3]
    assert check(installation, "rows")["measured"] == 4
    assert check(installation, "id_key")["failing"] == 0
    with pytest.raises(
        QualityError, match="in all partitions together, the number of rows is 5, allowed ≤ 4"
    ):
        taken(installation, "2013-03", (4, 0))


def test_moving_a_key_within_one_run_repeats_nothing(installation: SampleHome) -> None:
    installation.promise(*orders())
    taken(installation, "2013-01", (1, 0), (2, 0))
    taken(installation, "2013-02", (3, 0), (4, 0))
    deliver(installation, "2013-01", month("2013-01", (3, 0), (2, 0)))
    deliver(installation, "2013-02", month("2013-02", (1, 0), (4, 0), (2, 0)))
    opened = installation.open()
    run = Run(opened, opened.contract("readings"), str(uuid.uuid4()), "2013-01..2013-02")
    both = [(part, admit(part)) for part in parts(run)]
    together = [str(admission.inputs.window) for _, admission in both]
    judged = [
        Part(part, admission, assess(part, admission, refine(part, admission, together)))
        for part, admission in both
    ]
    publish_parts(run, judged)
    assert ids(installation) == [1, 2, 3, 4]


def test_of_two_runs_at_once_the_later_does_not_repeat_a_key(installation: SampleHome) -> None:
    installation.promise(*orders())
    for name in ("2013-01", "2013-02"):
        deliver(installation, name, month(name, (1, 0), (int(name[-1]) * 10, 0)))
    opened = installation.open()
    waiting = []
    for name in ("2013-01", "2013-02"):
        (run,) = parts(Run(opened, opened.contract("readings"), str(uuid.uuid4()), name))
        admission = admit(run)
        waiting.append((run, Part(run, admission, refine(run, admission))))
    publish_parts(waiting[0][0], [waiting[0][1]])
    with pytest.raises(PublicationError, match="was published in the meantime"):
        publish_parts(waiting[1][0], [waiting[1][1]])
    assert ids(installation) == [1, 10]
    assert take(installation, "2013-02")[-1] == "1.1.0"
    assert ids(installation) == [1, 10, 20]


def test_keys_of_a_run_that_died_are_free_and_a_rollback_brings_its_own_back(
    installation: SampleHome,
) -> None:
    installation.promise(*orders())
    taken(installation, "2013-01", (1, 0), (2, 0))
    deliver(installation, "2013-02", month("2013-02", (7, 0)))
    opened = installation.open()
    (died,) = parts(Run(opened, opened.contract("readings"), str(uuid.uuid4()), "2013-02"))
    admission = admit(died)
    assess(died, admission, refine(died, admission))  # its keys are in the index, and no version's
    taken(installation, "2013-01", (7, 1), (2, 1))
    assert ids(installation) == [2, 7]
    installation.open().registry.references.roll_back("readings", "latest", "one was right")
    taken(installation, "2013-03", (1, 0), (7, 0))
    assert ids(installation) == [1, 2, 7]
    assert check(installation, "id_key")["failing"] == 1


def test_a_row_may_point_to_a_row_of_another_partition(installation: SampleHome) -> None:
    installation.promise(*orders(relationships=[{"to": "readings.id"}]))
    taken(installation, "2013-01", (1, ""), (2, 1))
    taken(installation, "2013-02", (3, 2), (4, 9))
    assert ids(installation) == [1, 2, 3]


def test_one_more_partition_reads_nothing_of_the_others(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.promise(*orders(COUNTED))
    taken(installation, "2013-01", (1, 7), (2, 8))

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("every partition was read")

    monkeypatch.setattr(Base, "parts", refused)
    taken(installation, "2013-02", (3, 7), (4, 7))
    assert check(installation, "same_n")["measured"] == 2


# -- tables -------------------------------------------------------------------------------------


def test_checks_and_quality_describe_every_partition(installation: SampleHome) -> None:
    rows_rule = {"name": "rows", "metric": "rowCount", "mustBeGreaterThan": 0}
    query = "SELECT sum(n) FROM readings"
    sum_rule = {"name": "sum", "type": "sql", "query": query, "mustBeLessThan": 99}
    installation.promise(*orders(rows_rule, sum_rule, COUNTED))
    deliveries: list[tuple[str, list[tuple[int | str, int | str]]]] = [
        ("2013-01", [(1, 1), (2, 2)]),
        ("2013-02", [(3, 1), (4, 3)]),
        ("2013-02", [(3, "")]),
        ("2013-03", [(5, 9), (6, 2)]),
    ]
    measured: list[list[float]] = []
    for name, rows in deliveries:
        taken(installation, name, *rows)
        measured.append(
            [check(installation, rule)["measured"] for rule in ("rows", "sum", "same_n")]
        )
    assert measured == [[2, 3, 0], [4, 7, 1], [3, 3, 0], [5, 14, 1]]
    opened = installation.open()
    predicate = opened.statement(opened.version("readings"))["predicate"]
    completeness = {
        each["column"]: each["completeness_pct"] for each in predicate["quality"]["columns"]
    }
    assert completeness == {"id": 100.0, "on": 100.0, "n": 80.0}
    verified(installation)


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {"type": "sql", "query": "SELECT sum(n) FROM readings", "mustBeLessThan": 10},
            "in all partitions together, its query returns 11, allowed < 10",
        ),
        (
            {"metric": "rowCount", "mustBeLessThan": 4},
            "in all partitions together, the number of rows is 4, allowed < 4",
        ),
    ],
)
def test_a_version_that_breaks_a_rule_of_the_table_is_not_published(
    installation: SampleHome, rule: dict[str, Any], problem: str
) -> None:
    installation.promise(*orders({"name": "whole", **rule}))
    taken(installation, "2013-01", (1, 1), (2, 2))
    with pytest.raises(QualityError, match=problem):
        taken(installation, "2013-02", (3, 4), (4, 4))
    assert ids(installation) == [1, 2]
    assert len(installation.open().registry.versions.all("readings")) == 1


# -- the index, and the text of a key -------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "same"),
    [
        (["a", "b", "a", None, ""], [0, 2]),
        ([1, 2, 1], [0, 2]),
        ([0.0, -0.0, 1.5], [0, 1]),
        ([Decimal("1.10"), Decimal("1.1"), Decimal("2.00")], [0, 1]),
        ([True, False, True], [0, 2]),
        ([date(2024, 1, 1), date(1, 1, 1), date(2024, 1, 1)], [0, 2]),
        ([datetime(2024, 1, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 1, 1)], [0, 2]),
        ([b"a", b"\xff", b"a"], [0, 2]),
        ([[1, 2], [1], [1, 2]], [0, 2]),
        ([{"x": 1}, {"x": 2}, {"x": 1}], [0, 2]),
    ],
)
def test_equal_keys_of_any_type_have_one_text(values: list[Any], same: list[int]) -> None:
    frame = pl.DataFrame({"k": values})
    texts = key_texts(frame, ["k"]).to_list()
    assert [place for place, text in enumerate(texts) if text == texts[same[0]]] == same
    assert len({*texts}) == len(texts) - 1
    assert texts.count(None) == values.count(None)


def test_keys_of_several_columns_are_told_apart() -> None:
    frame = pl.DataFrame({"a": ["x", "x1", None, None], "b": ["1:y", ":y", "", None]})
    assert len({*key_texts(frame, ["a", "b"]).to_list()}) == 4


@pytest.fixture
def index(tmp_path: Path) -> Callable[[], KeyIndex]:
    return lambda: KeyIndex(tmp_path / "keys" / "index.db", "readings", b"s" * 32)


def test_only_live_publications_count(index: Callable[[], KeyIndex]) -> None:
    keys = index()
    old, new = (Publication(folder, "2013-01", "run") for folder in ("old", "new"))
    one, two = (key for key in keys.digests(pl.Series(["1", "2"])) if key)
    keys.add(["id"], old, [one, two])
    keys.add(["id"], new, [two])
    assert keys.held(["id"], [one, two], lambda each: each == new) == {two}
    assert keys.held(["id"], [one, two], lambda _: True) == {one, two}
    assert keys.held(["other"], [one], lambda _: True) == set()
    assert keys.shared(["id"], ["old", "new"]) == 1
    keys.add(["id"], new, [one])  # what it had before is replaced
    assert keys.keys_of(["id"], "new") == {one}
    keys.remove_folders(["old"])
    assert keys.held(["id"], [one, two], lambda _: True) == {one}
    assert not keys.has(["id"], "old")
    keys.close()
    again = index()
    assert again.has(["id"], "new")
