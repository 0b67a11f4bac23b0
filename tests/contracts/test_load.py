"""A contract is read whole or refused with everything that is wrong, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.contracts.document import MAX_BYTES, parse
from assay.contracts.errors import AssayError, ContractError, ContractErrors
from assay.contracts.load import lint, load
from assay.contracts.model import Contract
from tests.conftest import columns, contract, setting

SHIPPED = sorted((Path(__file__).parents[2] / "contracts" / "datasets").glob("*.odcs.yaml"))
FLIGHTS = next(file for file in SHIPPED if file.name.startswith("flights")).read_text()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_every_shipped_contract_loads(file: Path) -> None:
    assert load(file.read_text(), file.name).owners


@pytest.mark.parametrize(
    ("written", "instead", "line", "says"),
    [
        (
            "required: true, logicalTypeOptions: {minimum: 2013",
            "requird: true, logicalTypeOptions: {minimum: 2013",
            26,
            "Did you mean 'required'",
        ),
        ("domain: aviation", "doman: aviation", 7, "Did you mean 'domain'"),
        ("property: assay.drift", "property: assay.drfit", 127, "Did you mean 'assay.drift'"),
        ("holdout: 0.2", "holdout: 2", 141, "less than 1"),
        (
            "columns: [air_time], method: median",
            "columns: [airtime], method: median",
            98,
            "Did you mean 'air_time'",
        ),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.2", 1, "v3.2.0"),
        ("metric: rowCount", "metric: rowsCount", 62, "Did you mean 'rowCount'"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_a_remedy(
    written: str, instead: str, line: int, says: str
) -> None:
    assert written in FLIGHTS
    with pytest.raises(ContractError) as error:
        load(FLIGHTS.replace(written, instead, 1), "flights.odcs.yaml")
    assert f"flights.odcs.yaml:{line}:" in str(error.value)
    assert says in str(error.value)


def test_all_mistakes_are_told_at_once() -> None:
    text = FLIGHTS.replace("domain:", "doman:").replace("factor: 1.5", "faktor: 1.5")
    with pytest.raises(AssayError) as first:
        load(text, "f")
    assert "doman" in str(first.value)  # the standard's errors come before our settings are read
    with pytest.raises(ContractErrors) as both:
        load(
            FLIGHTS.replace("factor: 1.5", "faktor: 1.5").replace("action: cap", "action: cup"), "f"
        )
    assert len(both.value.problems) == 2  # the unknown key, and the one that is missing for it


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a: [1", "not valid YAML"),
        ("a: 1\na: 2", "is repeated here"),
        ("a: !!python/object/apply:os.system [echo]", "is not allowed: a contract contains plain values"),
        ("a: !!python/name:os.system x", "not valid YAML"),
        ("x" * (MAX_BYTES + 1), "characters"),
        ("[" * 60 + "]" * 60, "deeper"),
        ("a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", "more than 100,000 values"),
        ("- 1", "not a mapping"),
    ],
)  # fmt: skip
def test_yaml_is_data_and_nothing_else(text: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        load(text, "c.yaml")


def test_dates_stay_text_as_the_standard_has_them() -> None:
    assert parse("a: 2013-01-01", "c").data == {"a": "2013-01-01"}


def test_what_a_draft_leaves_to_a_person_is_a_warning_where_it_stands() -> None:
    found = lint(FLIGHTS.replace("description:", "tags: [TODO]\ndescription:", 1), "f").problems
    assert [(problem.id, problem.severity, problem.path) for problem in found] == [
        ("assay.todo", "warning", "tags[0]")
    ]


def test_the_digest_is_of_what_is_said_and_not_of_how_it_is_written() -> None:
    assert load(FLIGHTS + "\n# a comment\n", "f").digest == load(FLIGHTS, "f").digest
    assert load(FLIGHTS.replace("1.5", "1.6"), "f").digest != load(FLIGHTS, "f").digest


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (columns({"name": "email", "logicalType": "string", "classification": "personal"}), "states no treatment"),
        (columns({"name": "_row", "logicalType": "string"}), "is reserved for Assay"),
        (columns({"name": "a", "logicalType": "string"}, {"name": "a", "logicalType": "string"}), "twice"),
        (columns({"name": "a", "logicalType": "vector"}), "has no dimensions"),
        (columns({"name": "a", "logicalType": "string", "logicalTypeOptions": {"pattern": "(?=x)"}}), "looks around"),
        (columns({"name": "a", "logicalType": "string", "logicalTypeOptions": {"pattern": "("}}), "no regular expression"),
        (columns({"name": "a", "logicalType": "string", "quality": [{"metric": "nullValues", "mustBe": 0, "unit": "furlongs"}]}), "unit"),
        (setting("retention", landed="forever"), "ISO 8601"),
        (setting("source", windows={"column": "day", "each": [{"name": "w", "start": "2013-02-01", "end": "2013-01-01"}]}), "must come after"),
        (setting("features", transforms=[{"transform": "scale", "columns": ["nope"]}], order_by="meter"), "which the contract does not declare"),
        (setting("cleaning", _=[{"step": "outliers", "columns": ["meter"], "factor": 2, "action": "cap"}]), "needs numbers"),
        (setting("cleaning", _=[{"step": "fill_missing", "columns": ["energy_kwh"], "method": "constant", "value": "x"}]), "another type"),
        (setting("features", order_by="meter", transforms=[{"transform": "scale", "columns": ["tariff"]}]), "needs numbers"),
        (setting("features", order_by="meter", transforms=[{"transform": "cross", "columns": ["tariff"]}]), "at least 2"),
        (setting("features", order_by="meter", transforms=[{"transform": "log", "columns": ["energy_kwh"], "keep": False}]), "would have no feature"),
        (setting("features", order_by="meter", holdout=0.2, transforms=[{"transform": "scale", "columns": ["energy_kwh"]}]), "rows are ordered by 'meter', which the contract declares as string"),
        (setting("retrain", model="m", holdout=0.2, tolerance=0, trainer={"parameters": {"max_itr": 5}}), "has no parameter 'max_itr'"),
        (lambda data: (setting("retrain", model="m", holdout=0.2, tolerance=0)(data), setting("license", purposes=["analytics"])(data)), "does not list the purpose 'training'"),
        (setting("privacy", columns={"meter": {"kind": "other", "treatment": "drop"}}), "a rule names the column 'meter', which admission drops"),
        (setting("drift", columns=["meter"], numerical={"method": "chisquare", "threshold": 1}, categorical={"method": "psi", "threshold": 1}, share=1, missing_change_pct=1, volume_change_pct=1), "compares categories"),
        (lambda data: data.pop("team"), "no owner"),
        (lambda data: data["schema"].append(data["schema"][0]), "2 schema objects"),
        (lambda data: data["customProperties"].pop(0), "assay.source"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(edit, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ContractError, match=says):
        contract(edit)


@pytest.mark.parametrize(
    "transform",
    [{"transform": "calendar", "parts": ["hour"]}, {"transform": "cyclical", "part": "hour"}],
)
def test_a_time_without_a_zone_is_on_no_zones_clock(transform: dict[str, object]) -> None:
    def asked(zone: bool) -> Contract:
        at = {"name": "at", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": zone}}
        return contract(
            columns(at),
            setting(
                "features",
                order_by="at",
                transforms=[{**transform, "columns": ["at"], "time_zone": "America/New_York"}],
            ),
        )

    assert asked(zone=True).features
    with pytest.raises(ContractError, match=r"'at' .* declared without a zone"):
        asked(zone=False)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"step": "fill_missing", "columns": ["meter"], "method": "mean"}, "needs numbers"),
        (
            {
                "step": "fill_missing",
                "columns": ["energy_kwh"],
                "method": "iterative",
                "using": ["tariff"],
            },
            "needs numbers",
        ),
        ({"step": "fill_missing", "columns": ["energy_kwh"], "method": "iterative"}, "two or more"),
        (
            {
                "step": "fill_missing",
                "columns": ["energy_kwh"],
                "method": "constant",
                "value": True,
            },
            "another type or width: number",
        ),
        (
            {
                "step": "fill_missing",
                "columns": ["energy_kwh"],
                "method": "interpolate",
                "order_by": "tariff",
            },
            "interpolates over 'tariff'",
        ),
        (
            {"step": "fill_missing", "columns": ["energy_kwh"], "method": "forward"},
            "`order_by` is required with",
        ),
        (
            {
                "step": "fill_missing",
                "columns": ["energy_kwh"],
                "method": "forward",
                "order_by": "meter",
                "fit": "first",
            },
            "learns nothing",
        ),
        (
            {
                "step": "fill_missing",
                "columns": ["energy_kwh"],
                "method": "median",
                "by": ["energy_kwh"],
            },
            "cannot be in `by`",
        ),
        (
            {
                "step": "outliers",
                "columns": ["energy_kwh"],
                "method": "isolation_forest",
                "action": "cap",
            },
            "without `factor` or `action: cap`",
        ),
        (
            {"step": "outliers", "columns": ["energy_kwh"], "share": 0.1, "action": "flag"},
            "`share` is only allowed with",
        ),
        ({"step": "near_duplicate_texts", "column": "energy_kwh"}, "compares texts"),
        (
            {"step": "deduplicate_by_key", "columns": ["meter"], "keep": "max"},
            "`keep_by` is required with",
        ),
        (
            {"step": "deduplicate_by_key", "columns": ["nope"]},
            "which the contract does not declare",
        ),
        ({"step": "deduplicate", "fit": "first"}, "fit"),
    ],
)
def test_a_step_that_cannot_work_is_refused(step: dict[str, object], says: str) -> None:
    with pytest.raises(ContractError, match=says):
        contract(setting("cleaning", _=[step]))


@pytest.mark.parametrize(
    ("value", "column", "fitting"),
    [
        (127, {"logicalType": "integer", "physicalType": "tinyint"}, True),
        (128, {"logicalType": "integer", "physicalType": "tinyint"}, False),
        (-1, {"logicalType": "integer", "logicalTypeOptions": {"format": "u8"}}, False),
        (1.5, {"logicalType": "integer"}, False),
        ("2024-05-01", {"logicalType": "date"}, True),
        ("May", {"logicalType": "date"}, False),
        (False, {"logicalType": "boolean"}, True),
        (0, {"logicalType": "boolean"}, False),
    ],
)
def test_a_constant_is_a_value_of_its_column(
    value: object, column: dict[str, object], fitting: bool
) -> None:
    promise = [
        columns({"name": "c", **column}),
        setting(
            "cleaning",
            _=[{"step": "fill_missing", "columns": ["c"], "method": "constant", "value": value}],
        ),
    ]
    if fitting:
        assert contract(*promise).cleaning
    else:
        with pytest.raises(ContractError, match="another type or width"):
            contract(*promise)
