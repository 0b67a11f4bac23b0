"""When data have moved, a model is trained, once, and the old one stays if the new one is worse."""

from __future__ import annotations

import random
from typing import Any

import pytest

from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.drift import measure_drift, report_file
from assay.assets.stages.features import feature_frame, feature_state, make_features
from assay.assets.stages.model import retrain_if_due
from assay.assets.stages.publish import publish
from assay.contracts.errors import EvidenceError
from tests.conftest import SampleHome, columns, setting

DRIFT = {
    "columns": ["x"], "numerical": {"method": "wasserstein", "threshold": 0.1}, "categorical": {"method": "jensenshannon", "threshold": 0.1},
    "share": 0.5, "missing_change_pct": 5, "volume_change_pct": 50,
}  # fmt: skip


# few trees: how large a model is changes nothing of how it is kept, compared and served
SMALL = {"parameters": {"max_iter": 10}}


def learning(installation: SampleHome, *more: dict[str, Any], **retrain: Any) -> None:
    """Promise x and y, where y above 5 is what a model learns from x, and from what `more` transforms make."""
    installation.promise(
        columns(
            {"name": "at", "logicalType": "timestamp", "required": True},
            {"name": "x", "logicalType": "number", "required": True},
            {"name": "y", "logicalType": "number", "required": True},
        ),
        setting(
            "features",
            order_by="at",
            target={"name": "high", "column": "y", "above": 5},
            transforms=[{"transform": "scale", "columns": ["x"]}, *more],
        ),
        setting("drift", **DRIFT),
        setting(
            "retrain",
            **{
                "model": "high",
                "holdout": 0.25,
                "tolerance": 0.01,
                "resamples": 100,
                "trainer": SMALL,
                **retrain,
            },
        ),
    )


def delivered(
    installation: SampleHome, seed: int, *, shift: float = 0.0, noise_before: int = 0
) -> None:
    """600 rows in time order; the target of the first `noise_before` is noise, so that a model learns nothing from them."""
    chance = random.Random(seed)
    lines = []
    for minute in range(600):
        x = chance.uniform(0, 10) + shift
        y = chance.uniform(0, 10) if minute < noise_before else x - shift
        lines.append(
            f"2026-01-{1 + minute // 100:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z,{x:.4f},{y:.4f}"
        )
    installation.deliver("at,x,y\n" + "\n".join(sorted(lines)) + "\n")


def taken(installation: SampleHome) -> Any:
    """The whole way of one delivery. Returns: what came of a trigger, or None."""
    run = installation.run()
    admission = admit(run)
    if admission.published is None:
        publish(run, admission, refine(run, admission))
    make_features(run)
    measure_drift(run)
    return retrain_if_due(run)


def test_drift_retrains_once_and_a_worse_candidate_leaves_the_champion_in_service(
    installation: SampleHome,
) -> None:
    learning(installation)
    delivered(installation, 1)
    first = taken(installation)
    assert first.details["outcome"] == "in service"
    assert taken(installation) is None  # the same delivery again: nothing is due
    delivered(installation, 2)
    assert taken(installation) is None  # other rows of the same distribution: stable
    opened_home = installation.open()
    stable = opened_home.registry.derived.get("readings", "1.1.0", "drift")
    assert stable is not None
    assert stable["verdict"] == "stable"
    delivered(installation, 3, shift=0.001, noise_before=450)
    installation.open().registry.triggers.request(
        "readings", "1.2.0", "retrain", "a steward asked for it"
    )
    worse = taken(installation)
    assert worse.details["outcome"] == "refused"
    assert worse.details["candidate"] < worse.details["in_service"] > 0.99
    assert (
        installation.open()
        .registry.models.serving("readings")["champion"]
        .details["dataset_version"]
        == "1.0.0"
    )
    assert [
        (t.version, t.outcome["outcome"])
        for t in installation.open().registry.triggers.all("readings")
        if t.action == "retrain"
    ] == [
        ("1.0.0", "in service"),
        ("1.2.0", "refused"),
    ]


def test_a_shift_is_drift_with_a_report_and_a_better_model(installation: SampleHome) -> None:
    learning(installation)
    delivered(installation, 1)
    taken(installation)
    delivered(installation, 2, shift=4.0)
    second = taken(installation)
    opened_home = installation.open()
    drift = opened_home.registry.derived.get("readings", "1.1.0", "drift")
    assert drift is not None
    assert (drift["verdict"], drift["reference"], drift["intent"]["action"]) == (
        "drifted",
        "1.0.0",
        "retrain",
    )
    assert "wasserstein" in report_file(opened_home.home.root, "readings", "1.1.0").read_text()
    assert second.details["outcome"] == "in service"
    service = opened_home.registry.in_service("readings", "model")
    assert service is not None
    assert service.version == "1.1.0"


def test_touched_features_are_not_trained_on(installation: SampleHome) -> None:
    learning(installation)
    delivered(installation, 1)
    run = installation.run()
    admission = admit(run)
    publish(run, admission, refine(run, admission))
    made = make_features(run)
    assert make_features(run).new is False
    opened_home = installation.open()
    assert feature_frame(opened_home, "readings", made.version).collect().columns == [
        "at",
        "x_scaled",
        "high",
    ]
    assert set(feature_state(opened_home, "readings", made.version).fitted[0].values["x"]) == {
        "middle",
        "width",
    }
    file = opened_home.lake.folder("readings", "features") / made.version / "state.json"
    file.write_text(file.read_text().replace("1", "2"))
    with pytest.raises(EvidenceError, match="feature file"):
        feature_state(opened_home, "readings", made.version)


def test_the_pages_of_drift_and_model_say_what_was_decided_why_and_how_the_candidate_did(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from assay.assets.dagster.definitions import build_definitions

    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    learning(installation, slices=[{"column": "x", "above": 5}])
    pages: list[dict[str, Any]] = []
    with dg.DagsterInstance.ephemeral() as instance:
        for seed, shift in ((1, 0.0), (2, 3.0)):
            delivered(installation, seed, shift=shift)
            result = (
                build_definitions()
                .resolve_job_def("readings")
                .execute_in_process(instance=instance)
            )
            made = {
                event.asset_key.path[1]: event.step_materialization_data.materialization.metadata
                for event in result.get_asset_materialization_events()
            }
            pages.append(
                {
                    stage: {name: value.value for name, value in metadata.items()}
                    for stage, metadata in made.items()
                }
            )
    first, second = pages
    assert (
        first["drift"]["decided_because"]
        == "No model is in service, so this is the first. (rule: first)"
    )
    drift, model = second["drift"], second["model"]
    assert (drift["verdict"], drift["decision"], drift["replay_with"]) == (
        "drifted",
        "retrain",
        "`assay review replay 2`",
    )
    assert (
        drift["decided_because"] == "The data have drifted. (rule: drift)"
    )  # the verdict's reasons are told once, beside it
    assert "| x | the version before | wasserstein |" in drift["measurements"]
    assert "| all rows | the version before | volume_change_pct |" in drift["measurements"]
    assert drift["wasserstein/x"] > 0.1
    assert drift["volume_change_pct/all rows"] == 0.0
    assert [line.split(" | ")[3] for line in drift["decisions"].splitlines()[2:]] == [
        "retrain",
        "retrain",
    ]
    assert model["asked_because"].startswith("The data have drifted: 1 of 1 columns moved")
    assert model["roc_auc"] > 0.9
    assert model["better_by"] == pytest.approx(model["roc_auc"] - model["in_service"])
    assert "| all held-back rows | 150 |" in model["judged_on"]
    assert "| x > 5 | 1" in model["judged_on"]
    assert model["model_card"].startswith("# Accepted: high, of readings@1.1.0\n")
    assert (first["model"]["judged_against"], model["judged_against"]) == ("nobody", "version 1")
    assert (
        model["trace"]
        == f"`assay lineage trace {installation.open().models.versions('high')[-1]['tags']['trace_id']}`"
    )
    assert not [
        name
        for page in (drift, model)
        for name, value in page.items()
        if isinstance(value, dict | list)
    ]  # nobody reads JSON on a page
