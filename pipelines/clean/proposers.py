"""A sample of rows -> proposals, one proposer a kind of step.

Belongs here: what in a column speaks for a step. Stays out: trying it (trials.py), the steps
themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import (
    Dependencies,
    Noise,
    Normalize,
    Numbers,
    Outliers,
    Placeholders,
    Rewrite,
    Shapes,
    Times,
    Typos,
)
from assay.contracts.steps.texts import Align
from assay.pipelines.clean import examples, steps
from assay.pipelines.clean.dependencies import NESTED, found_in
from assay.pipelines.clean.trials import (
    Proposal,
    describe_trial,
    fit_in_memory,
    proposal_of,
    propose_where_few,
    text_columns,
    trial,
)
from assay.pipelines.core.package_data import read_lines

_FEW_MARKS = 0.1  # share of a column's cells above which marks alone are no slip
_UNIT = r"^[+-]?[0-9][0-9.,]*\s*([^0-9\s.,+-][^0-9]*)$"
_PLAIN = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_SPELLING_PARTS: tuple[Mapping[str, Any], ...] = (
    {"unicode": "NFC"},
    {"whitespace": True},
    {"invisible": True},
    {"entities": True},
    {"mojibake": True},
    {"quotes": True},
)


# -- spelling --------------------------------------------------------------------------------


def _spelling(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """The parts of normalizing that change something."""
    nothing = Normalize(step="normalize", unicode=None, whitespace=False, invisible=False)
    useful: dict[str, Any] = {}
    names: set[str] = set()
    for part in _SPELLING_PARTS:
        make = partial(_with_columns, nothing.model_copy(update=part))
        for proposal in propose_where_few(sample, table, make, text_columns(table), ""):
            useful |= part
            names |= set(proposal.cells)
    if not useful:
        return []
    columns = tuple(name for name in text_columns(table) if name in names)
    step = nothing.model_copy(update={**useful, "columns": columns})
    return [proposal_of(sample, table, step, "other ways to write the same text")]


def _with_columns(step: Normalize, columns: tuple[str, ...]) -> Normalize:
    return step.model_copy(update={"columns": columns})


def _noise(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    return propose_where_few(
        sample,
        table,
        lambda columns: Noise(step="noise", columns=columns),
        text_columns(table),
        "markup or repeated punctuation",
        few=0.2,
    )


def _placeholders(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    used = {name: _markers_in(sample[name], sample.height) for name in text_columns(table)}
    names = tuple(name for name, markers in used.items() if markers)
    if not names:
        return []
    seen = set().union(*used.values())
    values = tuple(marker for marker in _missing_markers() if marker in seen)
    step = Placeholders(step="placeholders", columns=names, values=values)
    return [proposal_of(sample, table, step, "placeholders for missing values")]


def _missing_markers() -> tuple[str, ...]:
    return read_lines("clean/missing_markers.txt")


def _markers_in(text: pl.Series, rows: int) -> list[str]:
    """The markers of missing values that some of the cells are, and not most."""
    bare = text.str.strip_chars()
    return [marker for marker in _missing_markers() if 0 < (bare == marker).sum() <= 0.5 * rows]


def _cells_of_punctuation(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Marks alone where all else is words, such as `***`: wrong, and no one knows what stood there.

    Where there are several kinds of marks, they may be a scale.
    """
    columns: dict[str, list[str]] = {}
    for name in text_columns(table):
        text = sample[name].drop_nulls()
        marks = text.filter(~text.str.contains(r"[\pL\pN]") & (text.str.strip_chars() != ""))
        if 0 < marks.len() <= _FEW_MARKS * text.len() and marks.n_unique() == 1:
            columns.setdefault(marks[0], []).append(name)
    rewrites = (
        Rewrite(step="rewrite", columns=tuple(names), pattern=f"^{examples.literal(mark)}$")
        for mark, names in columns.items()
    )
    return [proposal_of(sample, table, step, "nothing but punctuation") for step in rewrites]


# -- numbers and times -----------------------------------------------------------------------


def _numbers(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of numbers some of which have a unit, or several spellings of one."""
    columns: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for name in text_columns(table):
        factors = _units(sample[name].drop_nulls().str.strip_chars())
        if factors:
            columns.setdefault(tuple(sorted(factors.items())), []).append(name)
    numbers = (
        Numbers(step="numbers", columns=tuple(names), units=dict(factors))
        for factors, names in columns.items()
    )
    return [proposal_of(sample, table, step, "numbers with a unit") for step in numbers]


def _units(text: pl.Series) -> dict[str, float]:
    """The units of a column of numbers where they are not written alike, and count the same; none
    where there are none, or where it is not known what they count.
    """
    unit = text.str.extract(_UNIT).str.strip_chars().str.to_lowercase()
    plain = text.str.contains(_PLAIN)
    spellings = sorted(unit.drop_nulls().unique().to_list())
    mixed = len(spellings) > 1 or (spellings and plain.any())
    if (
        not mixed
        or unit.count() < 0.1 * text.len()
        or len(spellings) > 10
        or (unit.count() + plain.sum()) < 0.95 * text.len()
        or len({spelling[0] for spelling in spellings}) > 1
    ):
        return {}
    if spellings != ["%"] or not plain.any():
        return dict.fromkeys(spellings, 1.0)
    value = text.str.extract(r"^([+-]?[0-9.]+)").cast(pl.Float64, strict=False)
    ratio = _ratio(value.filter(unit.is_not_null()).median(), value.filter(plain).median())
    if 0.2 <= ratio <= 5:
        return {"%": 1.0}
    return {"%": 0.01} if 20 <= ratio <= 500 else {}


def _ratio(numerator: object, denominator: object) -> float:
    if not (isinstance(numerator, float) and isinstance(denominator, float)):
        return 0.0
    return numerator / denominator if denominator else 0.0


def _times(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    names = [name for name in text_columns(table) if _has_several_formats(sample, table, name)]
    return propose_where_few(
        sample,
        table,
        lambda columns: Times(step="times", columns=columns),
        names,
        "dates in several formats",
        few=1,
    )


def _has_several_formats(sample: pl.DataFrame, table: Contract, name: str) -> bool:
    """Whether a column is of dates in several formats, most of which the step can read."""
    step = Times(step="times", columns=(name,))
    rows = sample.lazy()
    contract = table.model_copy(update={"cleaning": (step,)})
    (fitted,) = fit_in_memory(steps.fitting(rows, rows, contract))
    if len(fitted.values[name]) < 2:
        return False
    outcome, given = trial(sample, table, step), sample[name].count()
    few_doubts = outcome.doubted.get(name, 0) <= 0.1 * given
    return outcome.changed.get(name, 0) >= 0.5 * given and few_doubts


# -- what only other cells tell --------------------------------------------------------------


def _align(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    step = Align(step="align")
    outcome = trial(sample, table, step)
    cells = sum(outcome.changed.values())
    few = cells <= 0.2 * sample.height * max(1, len(outcome.changed))
    if not cells or not few or outcome.aside > 0.05 * sample.height:
        return []
    reason = describe_trial(sample, outcome, "values in the wrong column")
    return [Proposal(step, reason, outcome.changed)]


def _typos(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    return propose_where_few(
        sample,
        table,
        lambda columns: Typos(step="typos", columns=columns),
        text_columns(table),
        "rare spellings of frequent values",
    )


def _dependencies(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    plain = [column.name for column in table.columns if column.logical_type not in NESTED]
    pairs = found_in(sample.select(plain), Dependencies(step="dependencies"))
    if not pairs:
        return []
    step = Dependencies.model_validate(
        {
            "step": "dependencies",
            "dependencies": [{"given": [given], "decides": decides} for given, decides in pairs],
        }
    )
    outcome = trial(sample, table, step)
    if not outcome.changed and not outcome.doubted:
        return []
    what = f"values that contradict other rows ({_describe_pairs(pairs)})"
    reason = describe_trial(sample, outcome, what)
    return [Proposal(step, reason, outcome.changed, outcome.doubted)]


def _describe_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Which columns decide which, the first few of them."""
    decided = {
        given: [other for _, other in group]
        for given, group in itertools.groupby(pairs, key=lambda pair: pair[0])
    }
    return "; ".join(
        f"'{given}' decides {', '.join(map(repr, others))}"
        for given, others in list(decided.items())[:4]
    )


def _shapes(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of codes: values with digits, or of one length."""
    codes = [name for name in text_columns(table) if _is_code(sample[name].drop_nulls())]
    return propose_where_few(
        sample,
        table,
        lambda columns: Shapes(step="shapes", columns=columns),
        codes,
        "values of another form than most",
        few=0.3,
    )


def _is_code(text: pl.Series) -> bool:
    """Whether a column is of codes: mostly with digits, and mostly not plain numbers."""
    return _share(text, _PLAIN) <= 0.5 and _share(text, "[0-9]") >= 0.7


def _share(text: pl.Series, pattern: str) -> float:
    """The share of the texts that match."""
    return int(text.str.contains(pattern).sum()) / text.len() if text.len() else 0.0


# -- values ----------------------------------------------------------------------------------


def constants(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of one number, but for a few that vary around it on both sides, each rarely.

    Of amounts there would be more on one side, and of codes each would be frequent. Zero is left
    out: where nothing mostly happens, what happens is no mistake.
    """
    names = [
        column.name for column in table.columns if column.logical_type in ("integer", "number")
    ]
    scattered = ((name, _scatter_about_constant(sample[name])) for name in names)
    return [
        Proposal(
            Outliers(step="outliers", columns=(name,), method="constant", action="flag"),
            f"nearly all of '{name}' are {scatter[0]:g}, and {scatter[1]:,} vary around it on both sides",
            doubts={name: scatter[1]},
        )
        for name, scatter in scattered
        if scatter
    ]


def _scatter_about_constant(text: pl.Series) -> tuple[float, int] | None:
    """The number that nearly all cells are, and how many vary around it on both sides; None if
    it is no such column.
    """
    values = text.str.strip_chars().cast(pl.Float64, strict=False).drop_nulls().drop_nans()
    counts = values.value_counts(sort=True)
    if counts.height < 2:
        return None
    usual, others = float(counts[text.name][0]), counts[1:]
    allowed = Outliers(
        step="outliers", columns=(text.name,), method="constant", action="flag"
    ).others
    if not usual or counts["count"][0] < (1 - allowed) * values.len():
        return None
    sides = (pl.col(text.name) < usual, pl.col(text.name) > usual)
    below, above = (int(others.filter(side)["count"].sum()) for side in sides)
    most_frequent = int(others["count"].max())  # type: ignore[arg-type]  # a count
    enough = 0.2 * (below + above)
    if min(below, above) >= enough and most_frequent <= max(2, enough):
        return usual, below + above
    return None


Propose = Callable[[pl.DataFrame, Contract], list[Proposal]]
ON_TEXT: tuple[Propose, ...] = (
    _spelling,
    _noise,
    _placeholders,
    _cells_of_punctuation,
    _numbers,
    _times,
    _align,
    _typos,
    _dependencies,
    _shapes,
)
"""In the order in which their steps are done; each sees what those before it leave."""
