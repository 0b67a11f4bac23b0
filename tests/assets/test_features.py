"""Features of published versions: made once, signed, opened for a purpose, and the same for later rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import assay
from assay.assets.io.signing_keys import PUBLIC, public_key
from assay.assets.services.verify import verify
from assay.assets.stages.act import carried
from assay.assets.stages.features import FeatureTable, feature_frame, make_features
from assay.contracts.errors import (
    AdmissionError,
    ConfigurationError,
    ContractError,
    EvidenceError,
    FeatureError,
)
from assay.lineage import features as evidence
from assay.pipelines.core import engine
from tests.assets.copied_homes import copied
from tests.conftest import Edit, SampleHome, columns, contract, named, setting

COLUMNS = columns(
    {"name": "at", "logicalType": "timestamp", "required": True}, {"name": "k", "logicalType": "string"}, {"name": "x", "logicalType": "number"},
    {"name": "y", "logicalType": "number"},
)  # fmt: skip
TRANSFORMS: list[dict[str, Any]] = [
    {"transform": "scale", "columns": ["x"]}, {"transform": "target", "columns": ["k"]}, {"transform": "frequency", "columns": ["k"]},
    {"transform": "window", "by": ["k"], "columns": ["y"], "span": "6h", "functions": ["mean"]}, {"transform": "group", "by": ["k"], "columns": ["x"]},
    {"transform": "lag", "by": ["k"], "columns": ["x"]}, {"transform": "tfidf", "column": "k", "most": 2, "analyzer": "char"},
]  # fmt: skip


def wanted(*transforms: dict[str, Any], **more: Any) -> Edit:
    return setting(
        "features",
        order_by="at",
        holdout=0.25,
        target={"name": "high", "column": "y", "above": 5},
        transforms=list(transforms or TRANSFORMS),
        **more,
    )


def delivered(installation: SampleHome, rows: int = 200) -> None:
    lines = [
        f"{(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=17 * n)).isoformat()},k{n * 7 % 4},{n * 31 % 97 / 7:.3f},{n * 13 % 11}"
        for n in range(rows)
    ]
    installation.deliver("at,k,x,y\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def first_version(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    """A version that features can be made of. Only to be copied."""
    home = SampleHome(tmp_path_factory.mktemp("first_version"))
    home.promise(COLUMNS, wanted())
    delivered(home)
    home.published()
    return home


@pytest.fixture(scope="module")
def first_features(
    first_version: SampleHome, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SampleHome, FeatureTable]:
    """A version and its features. Only to be copied."""
    home = copied(first_version, tmp_path_factory.mktemp("first_features"))
    return home, make_features(home.run())


@pytest.fixture
def published(
    first_version: SampleHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SampleHome:
    """A version that features can be made of, and the environment that `assay.features` opens."""
    return entered(copied(first_version, tmp_path), monkeypatch)


@pytest.fixture
def featured(
    first_features: tuple[SampleHome, FeatureTable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SampleHome:
    """A version and its features, and the environment that `assay.features` opens."""
    return entered(copied(first_features[0], tmp_path), monkeypatch)


def entered(home: SampleHome, monkeypatch: pytest.MonkeyPatch) -> SampleHome:
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.mark.usefixtures("featured")
def test_later_rows_get_what_the_batch_got_bit_by_bit(
    first_features: tuple[SampleHome, FeatureTable],
) -> None:
    made = first_features[1]
    features = assay.features("readings", "1.0.0")
    rows = assay.open("readings", purpose="training").collect()
    batch = features.rows.select(features.names).collect()
    assert made.details["features"] == list(features.names)
    assert_frame_equal(features.transform(rows), batch, check_exact=True)
    alone = pl.concat(
        features.transform(rows[n : n + 1], history=rows[:n]) for n in range(0, rows.height, 9)
    )
    assert_frame_equal(alone, batch.gather_every(9), check_exact=True)
    with pytest.raises(FeatureError, match="the data frame lacks k"):
        features.transform(rows.drop("k"))


def test_frames_of_other_libraries_and_features_of_no_contract_are_told_with_what_helps(
    published: SampleHome,
) -> None:
    published.promise(COLUMNS)
    with pytest.raises(
        FeatureError, match=r"Add assay\.features to its contract, then: assay run readings"
    ):
        assay.features("readings")
    published.promise(COLUMNS, wanted())
    with pytest.raises(FeatureError, match="Create them: assay run readings"):
        assay.features("readings")
    delivered(published, rows=210)
    published.published()
    with pytest.raises(
        FeatureError,
        match=r"version 1\.0\.0 has no features\. .*Open 1\.1\.0: features exist for the version that `latest` points to",
    ):
        assay.features("readings", "1.0.0")
    make_features(published.run())
    features, rows = (
        assay.features("readings"),
        assay.open("readings", purpose="training").collect(),
    )
    for other, kind in (
        (rows.to_pandas(), "pandas.DataFrame"),
        (rows.to_arrow(), "pyarrow.Table"),
        (rows.to_dicts(), "list"),
        (None, "NoneType"),
    ):
        with pytest.raises(
            FeatureError, match=rf"`frame` is a {kind}, not a Polars frame\. .* pl\.from_pandas"
        ):
            features.transform(other)
    with pytest.raises(FeatureError, match="`history` is a list"):
        features.transform(rows, history=rows.to_dicts())


def test_the_evidence_tells_engine_difference_and_what_each_feature_is_made_from(
    featured: SampleHome, first_features: tuple[SampleHome, FeatureTable]
) -> None:
    details = first_features[1].details
    opened_home = featured.open()
    text = (
        opened_home.home.root / "evidence" / "readings" / "features" / "1.0.0.dsse.json"
    ).read_text()
    statement = evidence.opened(text, opened_home.keys.public())
    said = statement["predicate"]
    assert set(evidence.digests(statement)) == {
        "part-00000.parquet",
        "state.json",
        *(f"_state/{n}.parquet" for n in ("01.k", "02.k", "04.groups")),
    }
    assert (said["engine"], said["training_rows"], said["holdout"]) == ("polars", 150, 0.25)
    assert {
        column["feature"]: (column["engine"], column["fallback"])
        for column in said["parity"]["columns"]
    } == dict.fromkeys(details["features"], ("polars", None))
    assert said["parity"]["greatest"] <= said["parity"]["tolerance"]
    assert said["from"]["k_target"]["columns"] == ["k", "at", "y"]
    checked = verify(
        opened_home.home.root,
        "readings",
        "1.0.0",
        public_key(opened_home.home.root / "keys" / PUBLIC),
    ).checked
    assert "digests of 5 file(s) of its features" in checked


def test_a_column_may_be_called_what_no_file_can(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    odd = columns(
        {"name": "at", "logicalType": "timestamp", "required": True},
        {"name": "up/../down", "logicalType": "string"},
    )
    installation.promise(
        odd,
        setting(
            "features",
            order_by="at",
            transforms=[{"transform": "label", "columns": ["up/../down"]}],
        ),
    )
    installation.deliver("at,up/../down\n2026-01-01T00:00:00Z,b\n2026-01-02T00:00:00Z,a\n")
    installation.published()
    make_features(installation.run())
    rows = assay.open("readings", purpose="training").collect()
    assert assay.features("readings").transform(rows).to_series().to_list() == [1, 0]


@pytest.mark.parametrize("name", ["part-00000.parquet", "state.json", "_state/01.k.parquet"])
def test_a_touched_file_is_not_opened_and_not_verified(name: str, featured: SampleHome) -> None:
    opened_home = featured.open()
    file = opened_home.lake.folder("readings", "features") / "1.0.0" / name
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(EvidenceError, match="feature file"):
        assay.features("readings")
    with pytest.raises(EvidenceError, match="feature file"):
        verify(
            opened_home.home.root,
            "readings",
            "1.0.0",
            public_key(opened_home.home.root / "keys" / PUBLIC),
        )


def test_another_purpose_is_refused_and_recorded(featured: SampleHome) -> None:
    with pytest.raises(AdmissionError, match="not admitted for 'retrieval'"):
        assay.features("readings", purpose="retrieval")
    assert [
        (use.purpose, use.allowed) for use in featured.open().registry.uses.all("readings")
    ] == [("retrieval", False)]


# -- classes and leaks -----------------------------------------------------------------------------------


PERSONAL = {"columns": {"k": {"kind": "other", "treatment": "token"}}, "sensitivity": "personal"}


def test_features_of_a_personal_column_need_a_purpose_that_allows_them() -> None:
    with pytest.raises(
        ContractError,
        match=r"features are computed from 'k' \(personal\), which assay.features does not allow for any purpose",
    ):
        contract(COLUMNS, setting("privacy", **PERSONAL), wanted())
    allowed = contract(
        COLUMNS, setting("privacy", **PERSONAL), wanted(allows={"personal": ["training"]})
    )
    assert allowed.classes == {"k": "personal"}


def test_features_carry_the_class_and_are_opened_for_what_allows_it(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    installation.promise(
        COLUMNS,
        setting("privacy", **PERSONAL),
        wanted(allows={"personal": ["training"]}, proxy_above=0.0),
    )
    delivered(installation)
    installation.published()
    details = make_features(installation.run()).details
    assert details["classes"] == dict.fromkeys(
        [name for name in details["features"] if name != "x_scaled"], "personal"
    )
    assert {proxy["column"] for proxy in details["proxies"]} == {"k"}
    assert details["proxies"][0]["feature"] in (
        "k_frequency",
        "k_tfidf_1",
        "x_mean_by_k",
        "k_target",
    )
    assert assay.features("readings", purpose="training").version == "1.0.0"
    with pytest.raises(AdmissionError, match="is personal, which is not allowed for 'analytics'"):
        assay.features("readings", purpose="analytics")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (
            wanted({"transform": "log", "columns": ["y"]}),
            "the label would leak into the features",
        ),
        (
            wanted({"transform": "tfidf", "column": "x"}),
            "needs texts, but 'x' is declared as number",
        ),
        (wanted({"transform": "calendar", "columns": ["x"], "parts": ["hour"]}), "needs times"),
        (wanted({"transform": "window", "columns": ["x"], "span": 7}), "a span does not fit 'at'"),
        (
            wanted({"transform": "window", "columns": ["x"], "span": "7 days"}),
            "write a span of time",
        ),
        (wanted({"transform": "log", "columns": ["x_scaled"]}), "the contract does not declare"),
        (wanted({"transform": "wavelet", "columns": ["x"]}), "'wavelet' is not known"),
        (wanted({"transform": "ratio", "of": ["x"], "two": "y"}), "Did you mean"),
        (
            setting("features", order_by="k", transforms=[{"transform": "lag", "columns": ["x"]}]),
            "rows are ordered by 'k', which the contract declares as string",
        ),
        (
            setting(
                "features", order_by="at", transforms=[{"transform": "target", "columns": ["k"]}]
            ),
            "requires a `target`",
        ),
        (
            wanted(
                {
                    "transform": "bin",
                    "columns": ["x"],
                    "method": "edges",
                    "edges": [1, float("inf")],
                }
            ),
            "finite number",
        ),
    ],
)
def test_a_mistake_in_features_is_told_before_anything_runs(edit: Edit, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        contract(COLUMNS, edit)


def test_features_see_no_row_that_the_model_is_judged_on() -> None:
    retrain = setting("retrain", model="m", holdout=0.5, tolerance=0.01)
    with pytest.raises(
        ContractError,
        match="features are fitted on all but 25% of the rows, but the model is evaluated on 50%",
    ):
        contract(COLUMNS, wanted(), retrain)
    assert (
        contract(
            COLUMNS,
            wanted({"transform": "log", "columns": ["x"]}),
            setting("features", holdout=None),
            retrain,
        ).holdout
        == 0.5
    )


# -- other data sets ---------------------------------------------------------------------------------------


def test_rows_are_joined_to_the_version_that_was_there_when_features_were_made(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    weather = columns(
        {"name": "when", "logicalType": "timestamp", "required": True},
        {"name": "wind", "logicalType": "number"},
    )
    source = setting("source", location="inbox/weather.csv")
    installation.promise(
        COLUMNS,
        wanted({"transform": "as_of", "dataset": "weather", "columns": ["wind"], "time": "when"}),
    )
    terms = setting("license", expression="CC-BY-4.0", holder="the weather office")
    installation.promise(named("weather"), weather, source, terms, file="weather.odcs.yaml")
    delivered(installation)
    (installation.root / "inbox" / "weather.csv").write_text(
        "when,wind\n2026-01-01T00:00:00Z,1\n2026-01-02T00:00:00Z,2\n"
    )
    installation.published()
    installation.published("weather")
    details = make_features(installation.run()).details
    opened_home = installation.open()
    assert (
        carried(opened_home, opened_home.contract("readings"), "1.0.0")["license"]
        == "CC0-1.0 AND CC-BY-4.0"
    )
    assert (
        "the weather office"
        in carried(opened_home, opened_home.contract("readings"), "1.0.0")["attribution"]
    )
    assert [(each["dataset"], each["version"]) for each in details["others"]] == [
        ("weather", "1.0.0")
    ]
    assert details["from"]["weather_wind"]["columns"] == ["at", "weather.wind"]
    before = assay.features("readings").rows.collect()
    (installation.root / "inbox" / "weather.csv").write_text(
        "when,wind\n2026-01-01T00:00:00Z,7\n2026-01-02T00:00:00Z,8\n"
    )
    installation.published("weather")
    rows = assay.open("readings", purpose="training").collect()
    assert_frame_equal(
        assay.features("readings").transform(rows), before.select("weather_wind"), check_exact=True
    )


def test_rows_are_not_joined_to_what_was_not_admitted_for_the_purpose(
    installation: SampleHome,
) -> None:
    weather = columns(
        {"name": "when", "logicalType": "timestamp", "required": True},
        {"name": "wind", "logicalType": "number"},
    )
    installation.promise(
        COLUMNS,
        wanted({"transform": "as_of", "dataset": "weather", "columns": ["wind"], "time": "when"}),
    )
    installation.promise(
        named("weather"),
        weather,
        setting("source", location="inbox/weather.csv"),
        setting("license", purposes=["analytics"]),
        file="weather.odcs.yaml",
    )
    delivered(installation)
    (installation.root / "inbox" / "weather.csv").write_text(
        "when,wind\n2026-01-01T00:00:00Z,1\n2026-01-02T00:00:00Z,2\n"
    )
    installation.published()
    installation.published("weather")
    with pytest.raises(
        AdmissionError, match=r"weather@1\.0\.0, which was not admitted for 'training'"
    ):
        make_features(installation.run())


# -- engines ---------------------------------------------------------------------------------------------------


def test_a_gpu_that_is_demanded_and_not_there_makes_nothing(published: SampleHome) -> None:
    if engine.why_no_gpu() is None:
        pytest.skip("a GPU is here")
    with pytest.raises(ConfigurationError, match="the engine 'gpu' is required"):
        make_features(published.run(), "gpu")
    assert published.open().registry.derived.get("readings", "1.0.0", "features") is None
    assert make_features(published.run(), "auto").details["engine"] == "polars"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU engine that is Polars underneath, and refuses what calls Python, as cudf-polars does."""
    streaming = engine.run

    def run(plan: pl.LazyFrame, on: engine.Engine = "polars") -> pl.DataFrame:
        if on == "gpu" and "python" in plan.explain(optimized=True).lower():
            raise pl.exceptions.ComputeError("NotImplementedError: a Python function")
        return streaming(plan)

    monkeypatch.setattr(engine, "choose", lambda _: "gpu")
    monkeypatch.setattr(engine, "run", run)


@pytest.mark.usefixtures("stand_in")
def test_features_that_fall_back_stand_beside_the_others_in_the_same_rows(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    installation.promise(COLUMNS, wanted(fallback="allow"))
    delivered(installation)
    installation.published()
    details = make_features(installation.run()).details
    by_engine = {column["feature"]: column["engine"] for column in details["parity"]["columns"]}
    assert {name for name, on in by_engine.items() if on == "polars"} == {
        "k_tfidf_1",
        "k_tfidf_2",
        "x_lag1_by_k",
        "y_mean_6h_by_k",
    }
    assert all(
        "a Python function" in column["fallback"]
        for column in details["parity"]["columns"]
        if column["engine"] == "polars"
    )
    made = feature_frame(installation.open(), "readings", "1.0.0").collect()
    assert made.columns == ["at", *details["features"], "high"]
    rows = assay.open("readings", purpose="training").collect()
    assert_frame_equal(
        assay.features("readings").transform(rows),
        made.select(details["features"]),
        check_exact=True,
    )


@pytest.mark.usefixtures("stand_in")
def test_windows_and_lags_run_in_the_arrays_of_the_device_and_are_no_fallback(
    published: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The strictest library of the standard stands for CuPy."""
    monkeypatch.setattr(engine, "companion_engines", lambda _: ("cupy",))
    monkeypatch.setattr(engine, "arrays", lambda on: array_api_strict if on == "cupy" else np)
    published.promise(COLUMNS, wanted(*TRANSFORMS[:-1]))
    details = make_features(published.run()).details
    by_engine = {column["feature"]: column["engine"] for column in details["parity"]["columns"]}
    assert {name for name, on in by_engine.items() if on == "cupy"} == {
        "x_lag1_by_k",
        "y_mean_6h_by_k",
    }
    assert set(by_engine.values()) == {"cupy", "gpu"}
    assert {column["fallback"] for column in details["parity"]["columns"]} == {None}
    made = feature_frame(published.open(), "readings", "1.0.0").collect()
    assert made.columns == ["at", *details["features"], "high"]
    rows = assay.open("readings", purpose="training").collect()
    assert_frame_equal(
        assay.features("readings").transform(rows),
        made.select(details["features"]),
        check_exact=True,
    )


@pytest.mark.usefixtures("stand_in")
def test_without_leave_to_fall_back_nothing_is_made(published: SampleHome) -> None:
    with pytest.raises(
        ConfigurationError, match="the engine 'gpu' cannot run the transform 'window'"
    ):
        make_features(published.run())
    assert published.open().registry.derived.get("readings", "1.0.0", "features") is None


# -- in the web UI ----------------------------------------------------------------------------------------------


def test_the_asset_shows_schema_lineage_engine_and_parity_and_takes_an_engine(
    published: SampleHome,
) -> None:
    import dagster as dg

    from assay.assets.dagster.definitions import build_definitions

    job = build_definitions().resolve_job_def("readings")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            run_config={"ops": {"readings__features": {"config": {"engine": "polars"}}}},
        )
        if engine.why_no_gpu() is not None:
            asked = [
                job.execute_in_process(
                    instance=instance,
                    raise_on_error=False,
                    run_config={"ops": {"readings__features": {"config": config}}},
                )
                for config in ({"engine": "gpu"}, {"engine": "auto"}, {})
            ]
            assert [each.success for each in asked] == [
                False,
                True,
                True,
            ]  # made before; but a GPU that is not there is never said to have been used
    made = next(
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key.path[1] == "features"
    ).step_materialization_data.materialization.metadata
    assert (
        made["engine"].value,
        made["greatest_difference"].value,
        made["fallbacks"].value,
        made["training_rows"].value,
    ) == ("polars", 0.0, 0, 150)
    schema = made["dagster/column_schema"].value.columns
    table = feature_frame(published.open(), "readings", "1.0.0").collect_schema()
    assert [(column.name, column.type) for column in schema] == [
        (name, str(kind)) for name, kind in table.items()
    ]  # all of the table, its time and target too
    assert {column.name: column.description for column in schema}[
        "y_mean_6h_by_k"
    ] == "window of at, k, y"
    lineage = made["dagster/column_lineage"].value.deps_by_column
    assert {dep.column_name for dep in lineage["y_mean_6h_by_k"]} == {"at", "k", "y"}
    assert "| k_target | target | k, at, y | polars | 0 |" in made["made_from"].value


def test_what_may_take_a_device_is_in_the_pool(published: SampleHome) -> None:
    from assay.assets.dagster.definitions import build_definitions

    def pools() -> set[str]:
        return {
            key for definition in build_definitions().assets or () for key in definition.op.pools
        }  # type: ignore[union-attr]  # assets alone

    assert pools() == (set() if engine.why_no_gpu() == "cudf-polars is not installed" else {"gpu"})
    published.promise(COLUMNS, wanted(engine="gpu"))
    assert pools() == {"gpu"}


def test_the_doctor_says_in_one_line_whether_there_is_a_gpu(published: SampleHome) -> None:
    from typer.testing import CliRunner

    from assay.cli import app

    CliRunner().invoke(app, ["doctor", "--fix"])  # the test process may have written open files
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if " gpu " in line]
    assert ("no GPU: " in line) == (engine.why_no_gpu() is not None)
    wrong = CliRunner().invoke(app, ["run", "readings", "--engine", "abacus"])
    assert wrong.exit_code == 2
