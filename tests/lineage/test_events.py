"""What a stage remembers becomes OpenLineage events that the standard's own schema accepts, the same ones each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assay.lineage.emit import emit, file_client
from assay.lineage.events import events
from assay.lineage.facts import Assertion, StageFact, Table

FACT = StageFact(
    run_id="0199c1d2-0000-7000-8000-000000000000",
    dataset="readings",
    stage="published",
    outcome="COMPLETE",
    started_at="2026-01-01T00:00:00.000000+00:00",
    ended_at="2026-01-01T00:00:01.500000+00:00",
    inputs=(
        Table(
            name="readings/cleaned",
            assertions=(
                Assertion(
                    name="meter_required",
                    success=None,
                    column="meter",
                    severity="error",
                    failing=0,
                    total=0,
                ),
            ),
        ),
    ),
    outputs=(
        Table(
            name="readings/published",
            version="1.0.0",
            columns=(("meter", "String"),),
            rows=3,
            lineage={"meter": (("readings/cleaned", "meter"),)},
            tags={"license": "CC0-1.0"},
        ),
    ),
)


def sent(folder: Path, *facts: StageFact) -> list[dict[str, Any]]:
    client = file_client(folder / "lineage" / "events.ndjson")
    emit(client, facts)
    client.close()
    return [
        json.loads(line) for line in (folder / "lineage" / "events.ndjson").read_text().splitlines()
    ]


def test_a_stage_starts_and_ends_in_one_run_below_its_parent(tmp_path: Path) -> None:
    start, end = sent(tmp_path, FACT)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"]
    assert end["run"]["facets"]["parent"]["run"]["runId"] == FACT.run_id
    assert end["job"]["name"] == "readings.published"


def test_the_output_says_schema_version_rows_lineage_and_licence(tmp_path: Path) -> None:
    (output,) = sent(tmp_path, FACT)[1]["outputs"]
    assert output["facets"]["version"]["datasetVersion"] == "1.0.0"
    assert output["facets"]["schema"]["fields"] == [
        {"fields": [], "name": "meter", "type": "String"}
    ]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    (field,) = output["facets"]["columnLineage"]["fields"]["meter"]["inputFields"]
    assert (field["name"], field["field"], field["transformations"][0]["subtype"]) == (
        "readings/cleaned",
        "meter",
        "IDENTITY",
    )
    assert output["facets"]["tags"]["tags"] == [
        {"key": "license", "value": "CC0-1.0", "source": "CONTRACT"}
    ]


def test_a_masked_column_is_never_shown_as_identical(tmp_path: Path) -> None:
    sources = {"email": (("readings/landed", "email"),), "meter": (("readings/landed", "meter"),)}
    cleaned = Table(name="readings/cleaned", lineage=sources, masked=("email",))
    (output,) = sent(tmp_path, FACT.model_copy(update={"outputs": (cleaned,)}))[1]["outputs"]
    fields = output["facets"]["columnLineage"]["fields"]
    steps = {name: fields[name]["inputFields"][0]["transformations"] for name in fields}
    assert steps == {
        "email": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}],
        "meter": [{"type": "DIRECT", "subtype": "IDENTITY", "masking": False}],
    }


def test_a_fact_of_an_earlier_release_has_no_masked_columns() -> None:
    data = FACT.as_json()
    for table in (*data["inputs"], *data["outputs"]):
        del table["masked"]
    assert StageFact.model_validate(data) == FACT


def test_what_could_not_be_judged_is_told_as_no_success(tmp_path: Path) -> None:
    (given,) = sent(tmp_path, FACT)[1]["inputs"]
    assert given["inputFacets"]["dataQualityAssertions"]["assertions"][0]["success"] is False


def test_a_second_sending_carries_the_same_run() -> None:
    assert events(FACT)[0].run.runId == events(FACT)[0].run.runId
    assert (
        events(FACT)[0].run.runId
        != events(FACT.model_copy(update={"stage": "cleaned"}))[0].run.runId
    )


def test_a_failure_tells_why(tmp_path: Path) -> None:
    _, end = sent(
        tmp_path, FACT.model_copy(update={"outcome": "FAIL", "error": "column 'meter': …"})
    )
    assert end["eventType"] == "FAIL"
    assert end["run"]["facets"]["errorMessage"]["message"] == "column 'meter': …"


def test_the_official_schema_accepts_the_events(tmp_path: Path) -> None:
    from jsonschema import Draft202012Validator

    schemas = Path(__file__).parents[3] / "shared" / "specs" / "openlineage"
    found = sorted(schemas.rglob("OpenLineage.json"))
    if not found:
        pytest.skip("the official OpenLineage schema does not lie next to this checkout")
    validator = Draft202012Validator(json.loads(found[0].read_text()))
    for event in sent(tmp_path, FACT):
        assert list(validator.iter_errors(event)) == []
