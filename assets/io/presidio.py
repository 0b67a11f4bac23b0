"""Persons and places in free text, found by a language model: Presidio with a spaCy model, or the
model that the extra `presidio` ships (rampart.py), where someone installed and named one.

Belongs here: loading the model, once a process, and asking it. Stays out: what is found without one
(pipelines/admit).
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from assay.assets.io import rampart
from assay.assets.io.work_progress import Show, shown_here
from assay.contracts.errors import ConfigurationError, Where, shown
from assay.contracts.extras import missing_extra
from assay.pipelines.admit.detect import finder
from assay.pipelines.admit.detectors import detectors
from assay.pipelines.admit.token_labels import labelled_spans
from assay.pipelines.core.frames import ROW

KINDS = {"PERSON": "name", "LOCATION": "address"}
_EVERY_S = 1.0
Item = TypeVar("Item")
_SAID = Where(file="ASSAY_PRESIDIO_MODEL")
_FOUND = pl.List(pl.Struct({"kind": pl.String, "value": pl.String, "confidence": pl.Float64}))


def spans(frame: pl.LazyFrame, columns: Sequence[str], model: str) -> list[pl.LazyFrame]:
    """Plan the search, one for each column, as pipelines.admit.personal.spans gives it.

    Args:
        model: the spaCy model's package, or its folder.
    Raises: ConfigurationError: Presidio is not installed (MissingExtraError), or there is no such model.
    """
    # the plan runs in other threads, which do not know who shows the progress of this one
    ask = partial(analyzer(model), show=shown_here())
    return [
        frame.select(ROW, pl.col(column).cast(pl.String).alias("text"))
        .drop_nulls("text")
        .select(
            ROW,
            pl.lit(column).alias("column"),
            pl.col("text").map_batches(ask, return_dtype=_FOUND).alias("found"),
        )
        .filter(pl.col("found").list.len() > 0)
        .explode("found", empty_as_null=False)
        .unnest("found")
        for column in columns
    ]


@cache
def analyzer(model: str) -> Callable[..., pl.Series]:
    """Texts, and what shows the progress (`show`) -> what the model states about each text.

    Raises: ConfigurationError: Presidio is not installed (MissingExtraError), or there is no such model.
    """
    if model == rampart.NAME:
        rampart.load_model()  # here, as an error within a plan loses its sentence
        return _by_rampart
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise missing_extra("a model for Presidio", "presidio", _SAID, "or unset the variable")
    nlp, engine = _engine(model)

    def find(texts: pl.Series, show: Show) -> pl.Series:
        cells = texts.to_list()
        answers = engine.analyze_iterator(cells, language=nlp.lang, entities=list(KINDS))
        findings = [
            [
                {
                    "kind": KINDS[finding.entity_type],
                    "value": text[finding.start : finding.end],
                    "confidence": float(finding.score),
                }
                for finding in answer
            ]
            for text, answer in report_progress(zip(cells, answers, strict=True), show)
        ]
        return pl.Series(findings, dtype=_FOUND)

    return find


def _by_rampart(texts: pl.Series, show: Show) -> pl.Series:
    """What Rampart finds in each text; a repeated text is passed to it once."""
    cells = texts.drop_nulls().unique(maintain_order=True).to_list()
    by_shape = _addresses_by_shape(cells)
    findings: dict[str | None, list[dict[str, object]]] = {None: []}
    labelled = rampart.label_texts(cells)
    for at, labels in report_progress(labelled, show):
        findings[cells[at]] = [
            {"kind": kind, "value": value, "confidence": confidence}
            for kind, value, confidence in labelled_spans(cells[at], labels, by_shape.get(at, ()))
        ]
    return pl.Series([findings[text] for text in texts.to_list()], dtype=_FOUND)


def _addresses_by_shape(cells: list[str]) -> dict[int, list[str]]:
    """The addresses that are found without a model, by the place of their text."""
    frame = pl.DataFrame({ROW: range(len(cells)), "cell": cells}, schema_overrides={ROW: pl.Int64})
    addresses = [detector for detector in detectors() if detector.kind == "address"]
    found = finder(addresses)(frame).group_by(ROW).agg("value")
    return dict(zip(found[ROW].to_list(), found["value"].to_list(), strict=True))


def report_progress(items: Iterable[Item], show: Show) -> Iterator[Item]:
    """The items, with a word every second of how many there were."""
    last = time.monotonic()
    for count, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= _EVERY_S:
            last = time.monotonic()
            show(f"{count:,} texts read by the language model")


def _engine(model: str) -> tuple[Any, Any]:
    """The spaCy model, and what asks it, batch by batch.

    Raises: ConfigurationError: there is no such model.
    """
    import spacy
    from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    try:
        nlp = spacy.load(model)
    except (OSError, ValueError) as error:
        name = shown(Path(model))
        raise ConfigurationError(
            f"the spaCy model '{name}' cannot be loaded ({type(error).__name__})",
            "Install it, or give the folder of a model",
            _SAID,
        ) from None
    engine = SpacyNlpEngine(models=[{"lang_code": nlp.lang, "model_name": model}])
    engine.nlp = {nlp.lang: nlp}  # its own loading would fetch a model that is not there
    languages = [nlp.lang]
    registry = RecognizerRegistry(
        recognizers=[SpacyRecognizer(supported_language=nlp.lang)], supported_languages=languages
    )
    analyzer_engine = AnalyzerEngine(
        registry=registry, nlp_engine=engine, supported_languages=languages
    )
    return nlp, BatchAnalyzerEngine(analyzer_engine)
