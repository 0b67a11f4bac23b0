"""What holds for every kind of repair, whatever it is: no row is lost, and what was learned does the same to the same row, in any order, in any batch, today and later.

A new kind joins with a strategy in ANY; a test fails until it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from assay.assets.stages import fitted as kept
from assay.contracts.model import Contract
from assay.contracts.steps import CleaningStep
from assay.pipelines.clean import steps
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import FLAGGED_BY, REMOVED_BY, ROW, SET_ASIDE_BY
from tests.clean.test_steps import learned, promising, text

COLUMNS = {
    "small": "integer",
    "x": "number",
    "y": "number",
    "day": "date",
    "word": "string",
    "group": "string",
    "yes": "boolean",
}
NUMBERS = ("x", "y", "small")
CELLS = {
    "small": st.integers(-128, 127).map(str),
    "x": st.floats(-1e300, 1e300).map(str) | st.sampled_from(["0", "1", "1000", "none"]),
    "y": st.integers(-3, 3).map(str),
    "day": st.dates().map(str),
    "word": st.sampled_from(
        [
            "the quick brown fox",
            "the quick brown fax",
            "The quick  brown fox!",
            "jumps over it",
            "",
            "é",
        ]
    ),
    "group": st.sampled_from(["a", "b"]),
    "yes": st.booleans().map(str),
}
Rows = Sequence[tuple[str | None, ...]]
ROWS = st.lists(st.tuples(*(st.none() | cell for cell in CELLS.values())), max_size=14)

_any = st.sampled_from(list(COLUMNS))
_some = st.lists(_any, min_size=1, max_size=3, unique=True)
_numbers = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3, unique=True)
_two_numbers = st.lists(st.sampled_from(NUMBERS), min_size=2, max_size=3, unique=True)
_two = st.lists(_any, min_size=2, max_size=2, unique=True)
_action = st.sampled_from(["remove", "set_aside", "flag"])
_seed = st.integers(0, 3)


def _step(name: str, **keys: st.SearchStrategy[object]) -> st.SearchStrategy[CleaningStep]:
    adapter: TypeAdapter[CleaningStep] = TypeAdapter(CleaningStep)
    return st.fixed_dictionaries({"step": st.just(name), **keys}).map(adapter.validate_python)


_unclear = st.sampled_from(["leave", "flag", "set_aside"])
_dependency = _two.map(lambda pair: {"given": [pair[0]], "decides": pair[1]})
_by = st.sampled_from([(), ("group",), ("group", "yes")])
ANY: dict[str, st.SearchStrategy[CleaningStep]] = {
    "deduplicate": _step("deduplicate", action=_action),
    "deduplicate_by_key": _step("deduplicate_by_key", columns=_some, keep=st.sampled_from(["first", "last", "most_complete"]), action=_action)
    | _step("deduplicate_by_key", columns=_some, keep=st.sampled_from(["max", "min"]), keep_by=_any, action=_action),
    "near_duplicates": _step("near_duplicates", keep=st.sampled_from(["first", "last", "most_complete"]), certainty=st.just(0.5), at_least=st.integers(1, 3), action=_action),
    "near_duplicate_texts": _step("near_duplicate_texts", column=st.just("word"), similarity=st.sampled_from([0.3, 0.8, 1]), words=st.integers(1, 3), seed=_seed, action=_action),
    "fill_missing": _step("fill_missing", columns=_numbers, method=st.sampled_from(["mean", "median"]), by=_by)
    | _step("fill_missing", columns=st.lists(st.sampled_from(["small", "x", "day", "word"]), min_size=1, unique=True), method=st.just("mode"), by=_by)
    | _step("fill_missing", columns=st.just(["small", "x"]), method=st.just("constant"), value=st.sampled_from([0, 1, -7]))
    | _step("fill_missing", columns=st.just(["small", "x"]), method=st.sampled_from(["forward", "backward", "interpolate"]), by=_by, order_by=st.sampled_from(["day", "y"]))
    | _step("fill_missing", columns=_two_numbers, method=st.just("iterative"), seed=_seed),
    "drop_missing": _step("drop_missing", columns=_some, missing=st.sampled_from(["any", "all"]), action=_action),
    "outliers": _step("outliers", columns=_numbers, method=st.sampled_from(["iqr", "z_score", "modified_z_score"]), factor=st.sampled_from([0.5, 1.5]), action=_action | st.just("cap"))
    | _step("outliers", columns=_numbers, method=st.just("constant"), share=st.sampled_from([None, 0.5]), action=_action | st.just("cap"))
    | _step("outliers", columns=_numbers, method=st.just("isolation_forest"), trees=st.just(5), share=st.sampled_from([None, 0.2]), seed=_seed, action=_action)
    | _step("outliers", columns=_numbers, method=st.just("local_outlier_factor"), neighbours=st.sampled_from([1, 3]), share=st.sampled_from([None, 0.2]), seed=_seed, action=_action),
    "normalize": _step("normalize", columns=_some, unicode=st.sampled_from([None, "NFC", "NFKC"]), entities=st.booleans(), quotes=st.booleans(), case=st.sampled_from([None, "upper", "lower", "title"])),
    "placeholders": _step("placeholders", columns=_some, values=st.sampled_from([["none"], ["0", "a"]])),
    "synonyms": _step("synonyms", columns=_some, values=st.sampled_from([{"a": "b"}, {"é": "e", "0": "1"}])),
    "rewrite": _step("rewrite", columns=_some, pattern=st.sampled_from(["^0", "a+$", "(.)e", ""]), to=st.sampled_from([None, "", "a", "b${1}"]), unclear=_unclear),
    "numbers": _step("numbers", columns=_some, decimal=st.just("."), thousands=st.sampled_from([None, ","]), units=st.sampled_from([{}, {"e": 2}]), unclear=_unclear),
    "times": _step("times", columns=_some, formats=st.sampled_from([[], ["yyyy-MM-dd"]]), unclear=_unclear),
    "typos": _step("typos", support=st.just(2), ratio=st.just(1.5), unclear=_unclear),
    "shapes": _step("shapes", columns=_some, share=st.sampled_from([0.3, 0.7]), unclear=_unclear),
    "dependencies": _step("dependencies", dependencies=st.lists(_dependency, min_size=1, max_size=4), support=st.just(2), unclear=_unclear)
    | _step("dependencies", support=st.just(2), strength=st.just(0.1)),
    "noise": _step("noise", columns=_some, urls=st.booleans()),
    "boilerplate": _step("boilerplate", columns=st.just(["word"]), share=st.just(0.2), support=st.just(2)),
    "language": _step("language", columns=st.just(["word"]), keep=st.just(["en"]), confidence=st.just(0.5), action=st.sampled_from(["set_aside", "flag"])),
    "text_quality": _step("text_quality", columns=st.just(["word"]), min_words=st.just(2), action=st.sampled_from(["set_aside", "flag"])),
    "align": _step("align", support=st.just(2), unclear=_unclear),
}  # fmt: skip
PHASES = [
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
]  # tables are small as they are, and making them smaller takes minutes
A_LIST = st.lists(st.one_of(list(ANY.values())), min_size=1, max_size=4).map(
    lambda given: tuple(sorted(given, key=lambda step: step.phase))
)
few = settings(
    max_examples=20,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def promised(done: Sequence[CleaningStep]) -> Contract:
    """A contract cleaned by these steps; `small` is an integer of eight bits."""
    whole = promising(*done, **COLUMNS)
    return whole.model_copy(
        update={
            "columns": tuple(
                c.model_copy(update={"format": "i8"}) if c.name == "small" else c
                for c in whole.columns
            )
        }
    )


def frame(rows: Rows) -> pl.LazyFrame:
    """The rows as a source writes them."""
    return text(rows, list(COLUMNS))


def done(rows: pl.LazyFrame, to: Contract, fitted: Sequence[Fitted]) -> pl.DataFrame:
    """The rows cleaned."""
    return steps.repaired(rows, to, fitted).collect()


def test_every_kind_is_tested_here() -> None:
    assert set(ANY) == set(steps.KINDS)


@few
@given(ROWS, A_LIST)
def test_every_row_stays_or_leaves_by_one_step(
    rows: Rows, listed: tuple[CleaningStep, ...]
) -> None:
    contract = promised(listed)
    there = pl.col(REMOVED_BY).is_null() & pl.col(SET_ASIDE_BY).is_null()
    before = len(rows)
    for name, after in steps.stages(
        frame(rows), contract, dict(enumerate(learned(frame(rows), contract)))
    ):
        by_it = [
            pl.col(mark).eq_missing(pl.lit(name)).sum().alias(mark)
            for mark in (REMOVED_BY, SET_ASIDE_BY)
        ]
        counts = (
            after.select(pl.len().alias("rows"), there.sum().alias("stay"), *by_it)
            .collect()
            .row(0, named=True)
        )
        assert counts["rows"] == len(rows)
        assert before == counts["stay"] + counts[REMOVED_BY] + counts[SET_ASIDE_BY]
        before = counts["stay"]


@few
@given(ROWS, A_LIST)
def test_columns_keep_their_types(rows: Rows, listed: tuple[CleaningStep, ...]) -> None:
    contract = promised(listed)
    names = list(COLUMNS)
    cleaned = done(frame(rows), contract, learned(frame(rows), contract))
    assert (
        cleaned.select(names).schema
        == done(frame(rows), contract.model_copy(update={"cleaning": ()}), ()).select(names).schema
    )


@few
@given(ROWS, A_LIST)
def test_a_step_done_twice_does_nothing_the_second_time(
    rows: Rows, listed: tuple[CleaningStep, ...]
) -> None:
    contract = promised(listed)
    fitted = learned(frame(rows), contract)
    labels = {steps.label(index, step): index for index, step in enumerate(listed)}
    for name, after in steps.stages(frame(rows), contract, dict(enumerate(fitted))):
        if name in labels:
            index = labels[name]
            effect = steps.KINDS[listed[index].step].effect(
                listed[index], fitted[index], steps.promised(contract)
            )
            staying = after.filter(pl.col(REMOVED_BY).is_null() & pl.col(SET_ASIDE_BY).is_null())
            helped = staying.with_columns(**effect.helpers)
            twice = helped.with_columns(**effect.changes)
            assert (
                twice.select(list(COLUMNS))
                .collect()
                .equals(staying.select(list(COLUMNS)).collect())
            )
            for leaves in (effect.removes, effect.sets_aside):
                assert leaves is None or helped.filter(leaves).collect().is_empty()


@few
@given(ROWS, A_LIST, st.randoms(use_true_random=False), st.integers(0, 14))
def test_neither_order_nor_batches_matter(
    rows: Rows, listed: tuple[CleaningStep, ...], chance: object, cut: int
) -> None:
    contract, whole = promised(listed), frame(rows).collect()
    shuffled = whole.sample(fraction=1, shuffle=True, seed=chance.randint(0, 99))  # type: ignore[attr-defined]  # hypothesis' Random
    fitted = learned(whole.lazy(), contract)
    cleaned = done(whole.lazy(), contract, fitted)
    assert (
        done(shuffled.lazy(), contract, learned(shuffled.lazy(), contract))
        .sort(ROW)
        .equals(cleaned)
    )
    parts = [part for part in (whole.head(cut), whole.slice(cut)) if part.height]
    if parts:
        assert pl.concat(done(part.lazy(), contract, fitted) for part in parts).equals(cleaned)


@few
@given(rows=ROWS, listed=A_LIST)
def test_what_was_learned_survives_being_kept(
    rows: Rows, listed: tuple[CleaningStep, ...], tmp_path: Path
) -> None:
    contract = promised(listed)
    fitted = learned(frame(rows), contract)
    for file in (tmp_path / "fitted").glob("*"):
        file.unlink()
    kept.write(tmp_path / "fitted", fitted)
    read = kept.read(tmp_path / "fitted")
    assert [dict(one.values) for one in read] == [dict(one.values) for one in fitted]
    assert done(frame(rows), contract, read).equals(done(frame(rows), contract, fitted))


@pytest.mark.parametrize("kind", ANY)
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_table_without_rows_and_one_of_a_single_row_pass(kind: str, data: st.DataObject) -> None:
    contract = promised([data.draw(ANY[kind])])
    for rows in (
        [],
        [("1", "2", "3", "2024-05-01", "word", "a", "true")],
        [(None,) * len(COLUMNS)],
    ):
        assert done(frame(rows), contract, learned(frame(rows), contract)).height == len(rows)
    assert FLAGGED_BY in done(frame([]), contract, learned(frame([]), contract)).columns


@pytest.mark.parametrize(
    "name", ["len", "rows", "most", "left", "right", "value", "group", "column", "count", "kept"]
)
@pytest.mark.parametrize(
    "step",
    [
        {"step": "typos", "support": 2, "ratio": 1.5},
        {"step": "dependencies", "support": 2, "strength": 0.1},
        {"step": "near_duplicates", "certainty": 0.5},
        {"step": "align"},
    ],
)
def test_a_column_may_be_called_what_counts_and_pairs_are_called(
    step: dict[str, object], name: str
) -> None:
    rows = [
        ("berlin", "de"),
        ("berlin", "de"),
        ("berlin", "de"),
        ("berlim", "de"),
        ("paris", "fr"),
        ("paris", "fr"),
        ("paris", "fr"),
        ("roma", "it"),
        ("roma", "it"),
        ("roma", "fr"),
    ]
    found = []
    for called in ("city", name):
        contract = promising(
            TypeAdapter[CleaningStep](CleaningStep).validate_python(step),
            **{called: "string", "land": "string"},
        )
        cells = text(rows, [called, "land"])
        found.append(
            done(cells, contract, learned(cells, contract)).select(
                pl.col(called).alias("city"), "land", pl.col(REMOVED_BY).is_null()
            )
        )
    assert found[0].equals(found[1])
