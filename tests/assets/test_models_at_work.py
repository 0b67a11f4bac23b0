"""Models at work: chosen, watched by what came true, and put back when they are worse."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from assay.assets.io.home import account
from assay.assets.io.models import CARD
from assay.assets.io.registry.triggers import MEASURE
from assay.assets.services import acts, monitor, review, trace
from assay.assets.services.predict import opened
from assay.assets.stages import outcomes
from assay.assets.stages.drift import measure_drift
from assay.assets.stages.drift_decision import override, replayed
from assay.assets.stages.features import make_features
from assay.assets.stages.model import compared, retrain_if_due
from assay.contracts.errors import (
    ActionError,
    AdmissionError,
    ConfigurationError,
    DriftError,
    FeatureError,
)
from assay.lineage.trace import trace_of
from assay.pipelines.admit.acts import ActKind
from tests.assets.copied_homes import copied
from tests.assets.test_act import delivered, learning, taken
from tests.conftest import SampleHome, setting, yaml_text
from tests.forked import forked

CANARY = {"share": 0.5, "outcomes": 100}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def first_model(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    """One model in service, trained on 1.0.0. Only to be copied."""
    home = SampleHome(tmp_path_factory.mktemp("first"))
    learning(home)
    delivered(home, 1)
    assert taken(home).details["outcome"] == "in service"
    return home


@pytest.fixture(scope="module")
def canary(first_model: SampleHome, tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    """A second model in canary, trained on 1.1.0. Only to be copied."""
    home = copied(first_model, tmp_path_factory.mktemp("canary"))
    with_challenger(home)
    return home


@pytest.fixture(scope="module")
def with_features(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    """A version with its features, of which nothing has been measured yet. Only to be copied."""
    home = SampleHome(tmp_path_factory.mktemp("features"))
    learning(home)
    delivered(home, 1)
    home.published()
    make_features(home.run())
    return home


@pytest.fixture
def served(first_model: SampleHome, tmp_path: Path) -> SampleHome:
    """One model in service, trained on 1.0.0."""
    return copied(first_model, tmp_path)


@pytest.fixture
def challenged(canary: SampleHome, tmp_path: Path) -> SampleHome:
    """A model in service, trained on 1.0.0, and one in canary, trained on 1.1.0."""
    return copied(canary, tmp_path)


def rows(count: int = 600) -> pl.DataFrame:
    return pl.DataFrame({"x": [n * 37 % 1000 / 100 for n in range(count)]})


def came_true(
    installation: SampleHome,
    tmp_path: Path,
    told: pl.DataFrame,
    *,
    right: bool,
    only: str | None = None,
) -> list[monitor.Switched]:
    """Outcomes of predictions: what the models said, or its opposite, for one model's or all."""
    truth = (pl.col("score") > 0.5) if right else (pl.col("score") <= 0.5)
    mine = told if only is None else told.filter(pl.col("model_version") == only)
    file = tmp_path / f"outcomes-{len(list(tmp_path.iterdir()))}.csv"
    mine.select("traceparent", truth.cast(pl.Int8).alias("label")).write_csv(file)
    outcomes.take_outcomes(installation.open(), "high", file)
    return monitor.review(installation.open(), "high")


def without_retrain(data: dict[str, Any]) -> None:
    data["customProperties"] = [
        entry for entry in data["customProperties"] if entry["property"] != "assay.retrain"
    ]


def with_challenger(installation: SampleHome) -> None:
    learning(installation, canary=CANARY)
    delivered(installation, 2)
    taken(installation)
    override(installation.open(), "readings", "retrain", "a canary is wanted")
    again = retrain_if_due(installation.run())
    assert again is not None
    assert again.details["outcome"] == "in canary"


def aliases(installation: SampleHome) -> dict[str, str]:
    return {
        alias: str(version)
        for alias, version in installation.open()
        .models._client.get_registered_model("high")
        .aliases.items()
    }


def test_a_model_is_registered_with_all_that_it_comes_from(served: SampleHome) -> None:
    opened_home = served.open()
    (version,) = opened_home.models.versions("high")
    tags = version["tags"]
    assert (tags["dataset_version"], tags["license"], tags["obligations"], tags["purpose"]) == (
        "1.0.0",
        "CC0-1.0",
        "none",
        "training",
    )
    assert "at_required" in tags["filter_rules"]
    statement = opened_home.statement(opened_home.version("readings"))
    assert all(subject["digest"]["sha256"] in tags["files"] for subject in statement["subject"])
    assert {"roc_auc", "roc_auc_low", "roc_auc_high", "calibration_error"} <= set(
        version["metrics"]
    )
    card = Path(opened_home.models._client.download_artifacts(version["run_id"], CARD)).read_text()
    assert "**Accepted:**" in card
    assert tags["trace_id"] in card
    assert aliases(served) == {"champion": "1"}
    told = [entry["told"] for entry in trace.why(opened_home, tags["trace_id"])["entries"]]
    assert [each["filter_rules"] for each in told if "filter_rules" in each] == [
        tags["filter_rules"].split(", ")
    ]


def test_a_version_that_was_not_admitted_for_training_teaches_nothing(
    installation: SampleHome,
) -> None:
    learning(installation)
    contract = (installation.contracts / "readings.odcs.yaml").read_text()
    installation.promise(
        *learned(installation), setting("license", purposes=["analytics"]), without_retrain
    )
    delivered(installation, 1)
    installation.published()
    measure_drift(installation.run())
    (installation.contracts / "readings.odcs.yaml").write_text(
        contract
    )  # training is requested now, but that version was not admitted for it
    override(installation.open(), "readings", "retrain", "why not", "1.0.0")
    with pytest.raises(AdmissionError, match="not admitted for 'training'"):
        retrain_if_due(installation.run())
    opened_home = installation.open()
    assert [(use.kind, use.allowed) for use in opened_home.registry.uses.all("readings")] == [
        ("training", False)
    ]
    assert opened_home.registry.models.serving("readings") == {}
    assert [row.action for row in opened_home.registry.triggers.waiting()] == ["retrain"]


def test_predictions_are_recorded_under_the_callers_trace(
    served: SampleHome, tmp_path: Path
) -> None:
    opened_home = served.open()
    told = opened("high", "analytics", opened_home).predict(rows(3), trace=PARENT)
    assert told.columns == ["traceparent", "score", "model_version"]
    (entry,) = trace.why(opened_home, PARENT)["entries"]
    again = opened("high", "analytics", opened_home).predict(rows(3), trace=PARENT)
    names = [*told["traceparent"], *again["traceparent"]]
    assert len(set(names)) == 6  # outcomes can tell them apart
    assert {trace_of(name) for name in names} == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert (
        entry["kind"],
        entry["version"],
        entry["told"]["purpose"],
        entry["told"]["model_version"],
        entry["told"]["rows"],
    ) == ("prediction", "1.0.0", "analytics", "1", 3)
    used = trace.used_by(opened_home, "readings", "1.0.0")
    assert used["serving"] == {"champion": "1"}
    assert [use["kind"] for use in used["uses"]] == ["training", "prediction", "prediction"]
    opened_home.deliver_outbox()
    events = [
        json.loads(line)
        for line in (served.root / "lineage" / "events.ndjson").read_text().splitlines()
    ]
    assert any(
        event["job"]["name"] == "readings.predicted" and event["outputs"] for event in events
    )


def test_a_purpose_that_nobody_admitted_is_refused_and_the_refusal_kept(served: SampleHome) -> None:
    opened_home = served.open()
    with pytest.raises(AdmissionError, match="not admitted for 'redistribution'"):
        opened("high", "redistribution", opened_home).predict(rows(3))
    assert [use.allowed for use in opened_home.registry.uses.all("readings")] == [True, False]
    assert not list(opened_home.lake.folder("readings", "predictions").glob("*"))


def test_a_frame_of_another_library_is_refused_before_anything_is_recorded(
    served: SampleHome,
) -> None:
    opened_home = served.open()
    with pytest.raises(
        FeatureError,
        match=r"`frame` is a pandas\.DataFrame, not a Polars frame\. .* pl\.from_pandas",
    ):
        opened("high", "analytics", opened_home).predict(rows(3).to_pandas())
    assert [use.kind for use in opened_home.registry.uses.all("readings")] == ["training"]


@pytest.mark.parametrize("text", ["", None])
def test_without_a_trace_there_is_a_new_one(text: str | None) -> None:
    assert len(trace_of(text)) == 32
    assert trace_of(text) != trace_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "ff-" + "a" * 32 + "-00f067aa0ba902b7-01",
        "a" * 31,
    ],
)
def test_what_is_no_trace_id_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a trace id"):
        trace_of(text)


def test_a_challenger_serves_its_share_and_is_promoted_by_what_came_true(
    challenged: SampleHome, tmp_path: Path
) -> None:
    assert aliases(challenged) == {"champion": "1", "challenger": "2"}
    told = opened("high", "analytics", challenged.open()).predict(rows())
    share = (told["model_version"] == "2").mean()
    assert share == pytest.approx(0.5, abs=0.07)
    assert (
        compared(challenged.open(), *outcomes.keeps_model(challenged.open(), "high"), "2", "1")[
            "evaluation"
        ]["better"]["value"]
        > -0.01
    )
    (switch,) = came_true(challenged, tmp_path, told, right=True)
    assert (switch.role, switch.before, switch.now) == ("champion", "1", "2")
    assert aliases(challenged) == {"champion": "2"}


def test_a_challenger_of_which_little_is_known_goes_on_being_tried_and_says_so(
    challenged: SampleHome, tmp_path: Path
) -> None:
    told = opened("high", "analytics", challenged.open()).predict(rows())
    assert came_true(challenged, tmp_path, told.head(60), right=True) == []
    assert "stays in canary: " in str(monitor.in_canary(challenged.open(), "high"))
    assert "100 and 50 are needed" in str(monitor.in_canary(challenged.open(), "high"))
    assert aliases(challenged) == {"champion": "1", "challenger": "2"}
    # both are right but for one row in 40: some hundred outcomes cannot tell a hundredth apart
    nearly = told.with_columns(
        score=pl.when(pl.int_range(pl.len()) % 40 == 0).then(1 - pl.col("score")).otherwise("score")
    )
    assert came_true(challenged, tmp_path, nearly, right=True) == []
    said = monitor.in_canary(challenged.open(), "high")
    assert said is not None
    assert said.startswith("version 2 of high stays in canary: roc_auc 0.")
    assert said.endswith("undecided yet")


def test_how_the_champion_did_before_a_challenger_was_tried_does_not_speak_for_the_challenger(
    served: SampleHome, tmp_path: Path
) -> None:
    before = opened("high", "analytics", served.open()).predict(rows())
    with_challenger(served)
    assert came_true(served, tmp_path, before, right=False) == []
    assert "0 outcomes have arrived for it, 0 for the champion" in str(
        monitor.in_canary(served.open(), "high")
    )
    during = opened("high", "analytics", served.open()).predict(rows())
    (switch,) = came_true(served, tmp_path, during, right=True)
    assert switch.reason.startswith("promoted from canary: roc_auc 1.0000 over ")
    assert "1.0000 of the champion over " in switch.reason


def test_the_champion_before_is_the_one_that_this_one_took_the_place_of(
    installation: SampleHome,
) -> None:
    learning(installation)
    registry = installation.open().registry

    def champion(version: str, **details: Any) -> None:
        registry.switch("readings", "high", {"champion": (version, details)}, "as it came")

    def before() -> str | None:
        row = monitor.predecessor(installation.open(), "readings")
        return row.version if row else None

    champion("1")
    assert before() is None
    champion("2")
    champion("1", rolled_back_from="2")
    assert before() is None
    for version in ("2", "3", "2", "5"):
        champion(version)
    assert before() == "2"
    champion("2", rolled_back_from="5")
    assert before() == "3"


def test_a_challenger_that_a_newer_one_overtakes_says_so(challenged: SampleHome) -> None:
    override(challenged.open(), "readings", "retrain", "once more")
    assert retrain_if_due(challenged.run()) is not None
    assert aliases(challenged) == {"champion": "1", "challenger": "3"}
    refused = {
        version["version"]: version["tags"].get("assay.rejected")
        for version in challenged.open().models.versions("high")
    }
    assert refused == {
        "1": None,
        "2": "replaced in canary: version 3, trained on 1.1.0, is tried instead",
        "3": None,
    }


def test_a_challenger_that_turns_bad_is_rolled_back(challenged: SampleHome, tmp_path: Path) -> None:
    told = opened("high", "analytics", challenged.open()).predict(rows())
    came_true(challenged, tmp_path, told, right=True, only="1")
    (switch,) = came_true(challenged, tmp_path, told, right=False, only="2")
    assert (switch.role, switch.before, switch.now) == ("challenger", "2", None)
    assert aliases(challenged) == {"champion": "1"}
    assert (
        "rolled back in canary"
        in challenged.open().models.versions("high")[1]["tags"]["assay.rejected"]
    )
    assert set(
        opened("high", "analytics", challenged.open()).predict(rows(50))["model_version"]
    ) == {"1"}


def test_a_steward_may_promote_what_was_refused_and_the_record_says_so(
    challenged: SampleHome, tmp_path: Path
) -> None:
    told = opened("high", "analytics", challenged.open()).predict(rows())
    came_true(challenged, tmp_path, told, right=True, only="1")
    came_true(challenged, tmp_path, told, right=False, only="2")
    contract, policy = outcomes.keeps_model(challenged.open(), "high")
    (switch,) = monitor.promote(challenged.open(), contract, policy, "2", "the labels were wrong")
    assert switch.reason.startswith(
        "the labels were wrong (refused earlier: rolled back in canary: roc_auc 0.0"
    )
    assert challenged.open().registry.models.switches("readings")[-1].reason == switch.reason
    assert aliases(challenged) == {"champion": "2"}
    assert challenged.open().models.refusal("high", "2") is None


def test_a_champion_that_falls_gives_way_to_the_one_before_and_only_once(
    challenged: SampleHome, tmp_path: Path
) -> None:
    contract, policy = outcomes.keeps_model(challenged.open(), "high")
    monitor.promote(challenged.open(), contract, policy, "2", "a steward knows better")
    told = opened("high", "analytics", challenged.open()).predict(rows())
    (switch,) = came_true(challenged, tmp_path, told, right=False)
    assert (switch.role, switch.before, switch.now) == ("champion", "2", "1")
    assert switch.reason.startswith("rolled back: roc_auc 0.0")
    assert monitor.review(challenged.open(), "high") == []
    assert aliases(challenged) == {"champion": "1"}


def test_outcomes_count_once_and_drift_hears_of_them(served: SampleHome, tmp_path: Path) -> None:
    told = opened("high", "analytics", served.open()).predict(rows())
    came_true(served, tmp_path, told, right=False)
    file = tmp_path / "again.csv"
    told.select(
        "traceparent", (pl.col("score") <= 0.5).cast(pl.Int8).alias("label")
    ).reverse().write_csv(file)
    assert outcomes.take_outcomes(served.open(), "high", file)["new"] is False
    delivered(served, 2)
    taken(served)
    drift = served.open().registry.derived.get("readings", "1.1.0", "drift")
    assert drift is not None
    assert drift["verdict"] == "drifted"
    measured = {
        m["column"]: m["drifted"]
        for m in drift["measurements"]
        if m["column"] in ("performance", "predictions")
    }
    assert measured == {"performance": True, "predictions": False}


def test_what_came_true_may_be_corrected_and_corrected_back(
    served: SampleHome, tmp_path: Path
) -> None:
    (name,) = opened("high", "analytics", served.open()).predict(rows(1))["traceparent"]
    said = []
    for label in (0, 1, 1, 0, 0):
        (tmp_path / "outcomes.csv").write_text(f"traceparent,label\n{name},{label}\nunknown,1\n")
        told = outcomes.take_outcomes(served.open(), "high", tmp_path / "outcomes.csv")
        said.append(
            (
                told["new"],
                told["corrected"],
                told["known"],
                told["lost"],
                outcomes.live(served.open(), "readings", "1")[0].tolist(),
            )
        )
    assert said == [
        (True, 0, 1, 1, [0]),
        (True, 1, 1, 1, [1]),
        (False, 0, 1, 1, [1]),
        (True, 1, 1, 1, [0]),
        (False, 0, 1, 1, [0]),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("traceparent,y\na,1\n", "lacks the column 'label' among its 2"),
        ("traceparent,label\na,1\nb,maybe\n", "row 3: 1 row.* a label other than 0 or 1"),
        ("traceparent,label\na,1\n,1\n", "row 3: 1 row.* no trace id"),
        ("traceparent,label\na,1\nb,1\na,0\n", "row 2: 2 row.* two labels for one prediction"),
        (
            "traceparent,label,prediction\na,1,0.5\nb,1,7.5\n",
            "row 3: 1 row.* not a number from 0 to 1",
        ),
        ("traceparent,label,prediction\na,1,high\n", "row 2: 1 row.* not a number from 0 to 1"),
        (
            "traceparent,label\na,1\n",
            "none of the 1 rows of the file matches a prediction by Assay",
        ),
        ("traceparent,label\n", "has no rows"),
        ("traceparent,label\na,1,2\n", "a row has more cells than the header"),
        ("", "the file is empty"),
    ],
)
def test_outcomes_that_are_none_are_refused(
    served: SampleHome, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_text(text)
    with pytest.raises(ActionError, match=said):
        outcomes.take_outcomes(served.open(), "high", file)


def test_a_value_that_is_not_in_its_columns_form_is_refused_and_not_scored_as_missing(
    served: SampleHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.cli.predict import score_file

    monkeypatch.setenv("ASSAY_HOME", str(served.root))
    monkeypatch.setenv("ASSAY_CONTRACTS", str(served.environment["ASSAY_CONTRACTS"]))
    (tmp_path / "rows.csv").write_text('x\n1.5\n""\n')
    assert score_file(
        "high", tmp_path / "rows.csv", "analytics", tmp_path / "scores.csv", None
    ).startswith("2 rows scored by high (2 by version 1)")
    (tmp_path / "rows.csv").write_text("x\n1.5\n3\nmany\n")
    for output, said in (
        (
            "scores.csv",
            "rows.csv, data set 'readings', row 4, column 'x': 1 value.* cannot be read as Float64",
        ),
        ("scores.xlsx", "scores.xlsx: .* written as CSV or Parquet"),
    ):
        with pytest.raises(ActionError, match=said):
            score_file("high", tmp_path / "rows.csv", "analytics", tmp_path / output, None)
    (tmp_path / "none.csv").write_text("x\n")
    with pytest.raises(ActionError, match="has no rows"):
        score_file("high", tmp_path / "none.csv", "analytics", tmp_path / "scores.csv", None)


def test_what_looks_back_sees_the_rows_from_before_or_it_is_said(
    installation: SampleHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.cli.predict import score_file

    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    learning(installation, {"transform": "lag", "columns": ["x"]})
    delivered(installation, 1)
    assert taken(installation).details["outcome"] == "in service"
    before, later, scores = tmp_path / "before.csv", tmp_path / "later.csv", tmp_path / "scores.csv"
    before.write_text("at,x,y\n2026-02-01T00:00:00Z,1,9\n")
    later.write_text("at,x,y\n2026-02-01T01:00:00Z,1,\n")
    said = score_file("high", later, "analytics", scores, None)
    assert said.endswith(
        "\n1 of its features look back (x_lag1) and used these rows only: give earlier rows with --history"
    )
    assert "look back" not in score_file("high", later, "analytics", scores, None, before)
    rows, past = (
        pl.read_csv(file, schema={"at": pl.Datetime("us", "UTC"), "x": pl.Float64, "y": pl.Float64})
        for file in (later, before)
    )
    assert pl.read_csv(scores)["score"].item() == pytest.approx(
        opened("high", "analytics", installation.open()).predict(rows, history=past)["score"].item()
    )


# -- decisions -----------------------------------------------------------------------------


def test_a_decision_names_its_evidence_and_comes_out_the_same_again(served: SampleHome) -> None:
    opened_home = served.open()
    (decision,) = opened_home.registry.decisions.all("readings")
    assert (decision.action, decision.rule) == ("retrain", "first")
    again = replayed(opened_home, decision.id)
    assert (again["same"], again["evidence_is_kept"]) == (True, True)
    opened_home.deliver_outbox()
    events = [
        json.loads(line)
        for line in (served.root / "lineage" / "events.ndjson").read_text().splitlines()
    ]
    (event,) = [
        event
        for event in events
        if event["job"]["name"] == "readings.decided" and event["eventType"] == "COMPLETE"
    ]
    tags = {tag["key"]: tag["value"] for tag in event["outputs"][0]["facets"]["tags"]["tags"]}
    assert tags["evidence"] == decision.situation["evidence"]
    assert tags["decision"] == str(decision.id)


def test_measurements_that_were_changed_afterwards_are_noticed(served: SampleHome) -> None:
    opened_home = served.open()
    kept = opened_home.registry.derived.get("readings", "1.0.0", "drift")
    opened_home.registry.derived.keep(
        "readings", "1.0.0", "drift", {**(kept or {}), "verdict": "stable"}
    )
    again = replayed(opened_home, 1)
    assert (again["same"], again["evidence_is_kept"]) == (True, False)


def test_a_steward_overrides_with_a_reason_and_the_same_version_is_trained_again(
    served: SampleHome,
) -> None:
    opened_home = served.open()
    with pytest.raises(DriftError, match="needs a reason"):
        override(opened_home, "readings", "retrain", "  ")
    with pytest.raises(DriftError, match="declares no index"):
        override(opened_home, "readings", "rebuild", "why not")
    assert override(opened_home, "readings", "hold", "holidays").action == "hold"
    decision = override(opened_home, "readings", "retrain", "the meters were calibrated")
    assert (decision.rule, decision.by, decision.cause) == (
        "override",
        account(),
        "override 2",
    )
    again = retrain_if_due(served.run())
    assert again is not None
    assert again.details["dataset_version"] == "1.0.0"
    assert [row.cause for row in opened_home.registry.decisions.all("readings")] == [
        "measured",
        "override 1",
        "override 2",
    ]
    assert [
        (row.version, row.details["model_version"])
        for row in opened_home.registry.derived.trainings("readings")
    ] == [("1.0.0", "1"), ("1.0.0", "2")]
    for version in opened_home.models.versions("high"):  # the trace of each tells of that one
        told = [
            entry["told"]
            for entry in trace.why(opened_home, version["tags"]["trace_id"])["entries"]
            if entry["kind"] == "model"
        ]
        assert [each["model_version"] for each in told] == [version["version"]]
    assert (
        trace.used_by(opened_home, "readings", "1.0.0")["made"]["model"].count(
            "after its evaluation"
        )
        == 2
    )


def test_a_named_reference_stays_the_measure_and_versions_are_not_read_again(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning(installation)
    installation.promise(*learned(installation, against=[{"version": "baseline"}, {"last": 2}]))
    delivered(installation, 1)
    taken(installation)
    opened_home = installation.open()
    assert (
        "assay refs set"
        in opened_home.registry.derived.get("readings", "1.0.0", "drift")["reasons"][0]
    )  # type: ignore[index]  # it was measured
    opened_home.registry.references.point(
        "readings", "baseline", "1.0.0", "the model learned from it"
    )
    for seed, shift in ((2, 1.5), (3, 3.0)):
        delivered(installation, seed, shift=shift)
        run = installation.run()
        installation.published()
        make_features(run)
        read: list[str] = []
        scan = type(opened_home).scan
        monkeypatch.setattr(
            type(opened_home),
            "scan",
            lambda self, row, scan=scan, read=read: (read.append(row.version), scan(self, row))[1],
        )
        drifted = measure_drift(run)
        monkeypatch.setattr(type(opened_home), "scan", scan)
        assert read == [drifted.version]
    assert drifted.details["against"] == ["1.0.0", "1.1.0"]
    scores = {
        m["against"]: m["score"]
        for m in drifted.details["measurements"]
        if m["method"] == "wasserstein"
    }
    assert scores["baseline"] > scores["the last 2 versions"] > 0.1


def learned(installation: SampleHome, **drift: Any) -> list[Any]:
    """The same contract with other drift settings."""
    import yaml

    known = yaml.safe_load((installation.contracts / "readings.odcs.yaml").read_text())
    properties = {
        entry["property"].removeprefix("assay."): entry["value"]
        for entry in known["customProperties"]
    }
    return [
        lambda data: data["schema"][0].update(known["schema"][0]),
        *(
            setting(name, _=value)
            for name, value in properties.items()
            if name in ("features", "retrain")
        ),
        setting("drift", _={**properties["drift"], **drift}),
    ]


# -- once ------------------------------------------------------------------------------------


def test_publishing_raises_the_trigger_that_measuring_closes(installation: SampleHome) -> None:
    learning(installation)
    delivered(installation, 1)
    installation.published()
    opened_home = installation.open()
    (due,) = opened_home.registry.triggers.due("readings", MEASURE)
    assert due.version == "1.0.0"
    measure_drift(installation.run())
    assert opened_home.registry.triggers.due("readings", MEASURE) == []
    assert [row.action for row in opened_home.registry.triggers.waiting()] == ["retrain"]


def test_a_version_that_is_published_while_another_is_measured_goes_on_waiting(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning(installation)
    delivered(installation, 1)
    installation.published()

    def meanwhile(at: str) -> None:
        if at == "before the decision":
            delivered(installation, 2)
            installation.published()

    monkeypatch.setattr("assay.assets.stages.drift.reached", meanwhile)
    measure_drift(installation.run())
    assert [
        (row.version, row.action) for row in installation.open().registry.triggers.waiting()
    ] == [
        ("1.1.0", "measure"),
        ("1.0.0", "retrain"),
    ]


def test_what_one_process_holds_another_leaves_alone_until_it_is_gone(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_home = installation.open()
    opened_home.registry.triggers.request("readings", "1.0.0", "retrain", "why")
    opened_home.registry.triggers.request("readings", "1.0.0", "retrain", "why again")
    (trigger,) = opened_home.registry.triggers.due("readings", "retrain")
    with opened_home.registry.triggers.holding(trigger, "one") as mine:
        assert mine
        with opened_home.registry.triggers.holding(trigger, "two") as also:
            assert not also
        monkeypatch.setattr(
            "assay.assets.io.registry.triggers.why_lost", lambda row, now: "its process has ended"
        )
        with opened_home.registry.triggers.holding(trigger, "three") as now:
            assert now
            assert (
                opened_home.registry.switch(
                    "readings",
                    "high",
                    {},
                    "late",
                    closing=[(trigger, {"outcome": "late"})],
                    holder="one",
                )
                is False
            )
            assert (
                opened_home.registry.switch(
                    "readings",
                    "high",
                    {},
                    "done",
                    closing=[(trigger, {"outcome": "done"})],
                    holder="three",
                )
                is True
            )
    assert opened_home.registry.triggers.get(trigger.id).outcome == {"outcome": "done"}


class Killed(BaseException):
    """The process is gone: nothing after this moment happens."""


POINTS = [
    "before the decision",
    "after the decision",
    "trained",
    "registered",
    "before the switch",
    "after the switch",
]


def killed_at(point: str, home: SampleHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Act on the delivery, and die at this point."""

    def killed(at: str) -> None:
        if at == point:
            raise Killed

    for module in ("drift", "model"):
        monkeypatch.setattr(f"assay.assets.stages.{module}.reached", killed)
    with pytest.raises(Killed):
        taken(home)
    for module in ("drift", "model"):
        monkeypatch.setattr(f"assay.assets.stages.{module}.reached", lambda at: None)
    serving = home.open().registry.models.serving("readings")
    assert set(serving) == ({"champion"} if point == "after the switch" else set())


def happened_once(home: SampleHome) -> None:
    """Act on the delivery twice more: all in all it has one decision, one model and one switch."""
    taken(home)
    assert taken(home) is None
    opened_home = home.open()
    registry = opened_home.registry
    assert [(row.action, row.cause) for row in registry.decisions.all("readings")] == [
        ("retrain", "measured")
    ]
    triggers = registry.triggers.all("readings")
    assert [(row.action, row.outcome["outcome"]) for row in triggers] == [
        ("measure", "unknown"),
        ("retrain", "in service"),
    ]
    assert [version["version"] for version in opened_home.models.versions("high")] == ["1"]
    assert [row.version for row in registry.models.switches("readings")] == ["1"]
    opened_home.deliver_outbox()
    assert aliases(home) == {"champion": "1"}


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_the_action_happens_exactly_once(
    with_features: SampleHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    home = copied(with_features, tmp_path)
    killed_at(point, home, monkeypatch)
    happened_once(home)


def test_killed_at_every_point_one_after_the_other_the_action_happens_exactly_once(
    either_registry: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning(either_registry)
    delivered(either_registry, 1)
    for point in POINTS:
        killed_at(point, either_registry, monkeypatch)
    happened_once(either_registry)


def test_scores_that_cannot_be_written_and_drift_that_is_not_asked_for_are_told_as_they_are(
    served: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.cli import drift, predict

    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    rows = served.root / "rows.csv"
    rows.write_text("at,x,y\n2026-02-01T00:00:00Z,7.5,\n")
    with pytest.raises(ActionError, match=r"it cannot be written \(the folder does not exist"):
        predict.score_file("high", rows, "analytics", served.root / "missing" / "scores.csv", None)
    served.promise()
    with pytest.raises(DriftError, match=r"declares no comparison.* Add assay\.drift"):
        drift.read_drift("readings", None)


def test_a_trace_tells_when_the_model_was_made_and_an_old_judgement_from_who_serves(
    served: SampleHome,
) -> None:
    opened_home = served.open()
    made = next(
        entry
        for entry in trace.why(
            opened_home, opened_home.models.versions("high")[0]["tags"]["trace_id"]
        )["entries"]
        if entry["kind"] == "model"
    )
    assert made["at"] is not None
    told = trace.used_by(opened_home, "readings", "1.0.0")
    assert (told["made"]["model"], told["serving"]) == (
        "high version 1: in service after its evaluation",
        {"champion": "1"},
    )


def switched(installation: SampleHome, kind: ActKind, wish: dict[str, Any], *names: str) -> str:
    """Request a switch, and sign it. Returns: the state after the last signature."""
    request = acts.request(installation.open(), "readings", kind, wish, "a steward knows better")
    number, state = request.review_id, "open"
    for name in names:
        key = installation.contracts.parent / f"{name}.pem"
        text = review.sign(installation.open(), number, "approve", "compared", key)
        state = review.submit(installation.open(), number, text).decision
    return state


def champion_of(installation: SampleHome) -> str:
    return installation.open().registry.models.serving("readings")["champion"].version


@pytest.mark.parametrize("two", [False, True], ids=["one person", "two persons"])
def test_a_model_is_promoted_and_rolled_back_once_it_is_signed_for(
    challenged: SampleHome, two: bool
) -> None:
    for name, level in (("ann", "first"), ("bob", "second")):
        challenged.appoint(name, level)
    if two:
        file = challenged.contracts / "readings.odcs.yaml"
        data = yaml.safe_load(file.read_text())
        setting("approvals", two_persons=["models"])(data)
        file.write_text(yaml_text(data))
    before = len(challenged.open().registry.models.switches("readings"))
    last = ["bob"] if two else []
    assert switched(challenged, "promote model", {"to": "2"}) == "open"
    assert champion_of(challenged) == "1"
    if two:
        assert switched(challenged, "promote model", {"to": "2"}, "ann") == "open"
        assert champion_of(challenged) == "1"
    signers = last or ["ann"]
    assert switched(challenged, "promote model", {"to": "2"}, *signers) == "done"
    assert (champion_of(challenged), aliases(challenged)) == ("2", {"champion": "2"})
    assert switched(challenged, "roll back model", {}, "ann", *last) == "done"
    assert (champion_of(challenged), aliases(challenged)) == ("1", {"champion": "1"})
    # the champion, the end of the canary, and back
    assert len(challenged.open().registry.models.switches("readings")) == before + 3


def test_a_promotion_is_void_once_another_model_serves(challenged: SampleHome) -> None:
    challenged.appoint("ann", "first")
    assert switched(challenged, "promote model", {"to": "2"}) == "open"
    contract, policy = outcomes.keeps_model(challenged.open(), "high")
    monitor.promote(challenged.open(), contract, policy, "2", "the canary was good")
    monitor.roll_back(challenged.open(), contract, policy, "it was not")
    key = challenged.contracts.parent / "ann.pem"
    with pytest.raises(AdmissionError, match="request 1 is void: what it was about has changed"):
        review.sign(challenged.open(), 1, "approve", "compared", key)
    assert champion_of(challenged) == "1"


@pytest.mark.parametrize("point", ["act signed", "act prepared", "act carried out"])
def test_a_promotion_that_was_killed_is_made_once_by_the_next_command(
    challenged: SampleHome, point: str
) -> None:
    challenged.appoint("ann", "first")
    switched(challenged, "promote model", {"to": "2"})
    key = challenged.contracts.parent / "ann.pem"
    file = challenged.contracts.parent / "ann.dsse.json"
    file.write_text(review.sign(challenged.open(), 1, "approve", "compared", key))
    environment = {**challenged.environment, "ASSAY_TEST_SIGNATURE": str(file)}
    driver = "tests.assets.signed_act_driver"
    with forked(f"{driver}:submit_last", {**environment, "ASSAY_CRASH_AT": point}) as process:
        assert process.wait(120) == -signal.SIGKILL
    assert champion_of(challenged) == ("2" if point == "act carried out" else "1")
    for _ in range(2):
        with forked(f"{driver}:next_command", environment) as process:
            assert process.wait(120) == 0, process.communicate()
    challenged.open().deliver_outbox()
    assert aliases(challenged) == {"champion": "2"}
    switches = challenged.open().registry.models.switches("readings")
    assert [each.version for each in switches if each.role == "champion"] == ["1", "2"]
