"""Presidio finds persons and places by a language model, where one is named; where it is named and missing, that is an error."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl
import pytest

from assay.assets.io import presidio
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
    with pytest.raises(ConfigurationError, match="presidio-analyzer is not installed"):
        admit(installation.run())


def test_unless_a_model_is_named_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_PRESIDIO_MODEL", raising=False)
    assert Home().presidio_model == ""
