"""Landed rows -> the cleaning steps they give reason for, each with what it would do.

Belongs here: trying steps on a sample, and which of what they do speaks for them. Stays out: the steps themselves, patterns (examples.py), writing contracts (pipelines/draft, contracts/upgrade.py).
A step is proposed for what it does to few cells: one that would change most of a column has misunderstood it, unless the column is of numbers with units.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assay.contracts.model import Contract
from assay.contracts.steps import (
    CleaningStep,
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
from assay.pipelines.clean.dependencies import found_in, sampled
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import CHANGED, FLAGGED_BY, ROW, SET_ASIDE_BY
from assay.pipelines.core.package_data import read_lines

FEW = 0.4  # share of a column's cells above which a correction is none
ASKED = (
    20  # rows that somebody is asked to put right: as many as those who compare methods allow them
)
_EXAMPLES = 3
_FEW_MARKS = 0.1  # share of a column's cells above which marks alone are no slip
_UNIT = r"^[+-]?[0-9][0-9.,]*\s*([^0-9\s.,+-][^0-9]*)$"
_PLAIN = r"^[+-]?[0-9]+(\.[0-9]+)?$"


@dataclass(frozen=True)
class Proposal:
    """A step, as a contract writes it, and the reason. `cells` counts by column what it would change in the sample, `doubts` what it would only note."""

    step: CleaningStep
    reason: str
    cells: Mapping[str, int] = field(default_factory=dict)
    doubts: Mapping[str, int] = field(default_factory=dict)

    @property
    def as_yaml(self) -> dict[str, Any]:
        """The step as data, without what is said anyway."""
        return self.step.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class Trial:
    """What a step did to the sample."""

    changed: Mapping[str, int]
    doubted: Mapping[str, int]
    aside: int
    after: pl.LazyFrame
    examples: Mapping[str, Sequence[tuple[str | None, str | None]]]


def rows_to_correct(
    rows: pl.LazyFrame, contract: Contract, hidden: Collection[str] = (), count: int = ASKED
) -> pl.DataFrame:
    """So many rows that show most of how values are written, for somebody to put right: `_row` and the columns that are not hidden."""
    names = [name for name in contract.column_names if name not in hidden]
    sample = run(sampled(rows, run(rows.select(pl.len())).item()).select(ROW, *names).sort(ROW))
    return sample.filter(pl.col(ROW).is_in(examples.most_varied_rows(sample, names, count)))


def suggested(
    rows: pl.LazyFrame,
    contract: Contract,
    hidden: Collection[str] = (),
    right: pl.DataFrame | None = None,
) -> list[Proposal]:
    """The steps that a sample of the rows speaks for, in the order they would be done; each is tried on what those before it leave.

    Args:
        rows: `_row` and the contract's columns as text, as they landed.
        hidden: columns of which nothing is shown and that are left as they are: personal ones.
        right: `_row` and columns of some rows as they should be. They teach patterns, and a correction that spoils more of them than it puts right is not proposed for its column.
    """
    count = run(rows.select(pl.len())).item()
    names = [name for name in contract.column_names if name not in hidden]
    if not names:
        return []
    sample = run(sampled(rows, count).select(ROW, *names))
    if right is not None:
        read = run(rows.filter(pl.col(ROW).is_in(right[ROW].implode())).select(ROW, *names))
        sample = pl.concat([sample, read]).unique(ROW, keep="first", maintain_order=True)
    table = contract.model_copy(
        update={
            "columns": tuple(c for c in contract.columns if c.name in names),
            "cleaning": (),
            "rules": tuple(r for r in contract.rules if set(r.columns) <= set(names)),
        }
    )
    found: list[Proposal] = []
    for propose in (
        _spelling,
        _noise,
        _placeholders,
        _marks,
        _numbers,
        _times,
        _align,
        _typos,
        _dependencies,
        _shapes,
    ):
        for one in propose(sample, table):
            proposal = one if right is None else _borne_out(sample, table, one, right)
            if proposal:
                found.append(proposal)
                sample = _applied(sample, table, proposal.step)
    taught = [] if right is None else _taught(sample, table, right)
    return [
        *found,
        *taught,
        *_constants(sample, table),
    ]  # what works on values comes after what works on text


def _texts(table: Contract) -> list[str]:
    return [column.name for column in table.columns if column.logical_type == "string"]


def trial(sample: pl.DataFrame, table: Contract, step: CleaningStep) -> Trial:
    """Let a step learn from the sample and work on it."""
    done = table.model_copy(update={"cleaning": (step,)})
    lazy = sample.lazy()
    fitted = learned(steps.fitting(lazy, lazy, done))
    name = steps.label(0, step)
    *_, (_, frame) = steps.stages(lazy, done, dict(enumerate(fitted)), read_too=False)
    after = frame.collect()
    marks = [mark for mark in after.columns if mark.startswith(CHANGED)]
    changed = {steps.what(mark)[1]: int(after[mark].sum()) for mark in marks}
    flags = after[FLAGGED_BY].explode(empty_as_null=False).value_counts()
    doubted = {
        flag.removeprefix(f"{name}: "): count
        for flag, count in flags.iter_rows()
        if flag is not None and flag.startswith(f"{name}: ")
    }
    examples = {
        column: _examples(sample, after, steps.changed(name, column), column)
        for column, cells in changed.items()
        if cells
    }
    return Trial(
        {c: n for c, n in changed.items() if n},
        doubted,
        after[SET_ASIDE_BY].count(),
        after.select(sample.columns).lazy(),
        examples,
    )


def learned(fitting: steps.Fitting) -> tuple[Fitted, ...]:
    """Let steps learn, in memory."""
    plans = next_plans(fitting, None)
    while isinstance(plans, list):
        plans = next_plans(fitting, run_together(plans))
    return plans


def next_plans(
    fitting: steps.Fitting, frames: Sequence[pl.DataFrame] | None
) -> list[pl.LazyFrame] | tuple[Fitted, ...]:
    """The plans that the steps wait for, or what they have learned."""
    try:
        return list(fitting.send(frames))  # type: ignore[arg-type]  # a generator is started with None
    except StopIteration as done:
        return tuple(done.value)


def _examples(
    before: pl.DataFrame, after: pl.DataFrame, mark: str, column: str
) -> list[tuple[str | None, str | None]]:
    pairs = pl.DataFrame({"before": before[column], "after": after[column]}).filter(after[mark])
    return list(pairs.unique(maintain_order=True).head(_EXAMPLES).iter_rows())


def _applied(sample: pl.DataFrame, table: Contract, step: CleaningStep) -> pl.DataFrame:
    return trial(sample, table, step).after.collect()


def _reason(sample: pl.DataFrame, tried: Trial, what: str) -> str:
    """What the step would do, in words: the columns it does most to, and a few cells."""
    cells = sum(tried.changed.values())
    most = sorted(tried.changed, key=lambda column: (-tried.changed[column], column))
    shown = "; ".join(
        f"'{column}' {' , '.join(f'{old!r} → {new!r}' for old, new in tried.examples[column][:1])}"
        for column in most[:3]
    )
    doubts = (
        f"{sum(tried.doubted.values()):,} cells more look wrong, and could be noted"
        if tried.doubted
        else ""
    )
    seen = (
        f"{cells:,} cells of {sample.height:,} rows {what}, such as {shown}"
        if cells
        else f"{what}: none could be put right"
    )
    return "; ".join(part for part in (seen, doubts) if part)


def _tried(
    sample: pl.DataFrame,
    table: Contract,
    make: Callable[[tuple[str, ...]], CleaningStep],
    names: Sequence[str],
    what: str,
    few: float = FEW,
) -> list[Proposal]:
    """The step on those of the columns where it does something, to few cells."""
    if not names:
        return []
    first = trial(sample, table, make(tuple(names)))
    given = {name: sample[name].count() for name in names}
    chosen = [
        name
        for name in names
        if 0 < first.changed.get(name, 0) + first.doubted.get(name, 0) <= few * given[name]
    ]
    if not chosen:
        return []
    tried = trial(sample, table, make(tuple(chosen)))
    return (
        [Proposal(make(tuple(chosen)), _reason(sample, tried, what), tried.changed, tried.doubted)]
        if tried.changed or tried.doubted
        else []
    )


# -- what somebody has put right ------------------------------------------------------------------


def _compare_cells(
    sample: pl.DataFrame, after: pl.DataFrame, right: pl.DataFrame, name: str
) -> pl.DataFrame:
    """The cells of a column that somebody has read: `was`, `now` and `right`."""
    both = sample.select(ROW, pl.col(name).alias("was")).join(
        after.select(ROW, pl.col(name).alias("now")), on=ROW
    )
    return both.join(right.select(ROW, pl.col(name).alias("right")), on=ROW).sort(ROW)


def _borne_out(
    sample: pl.DataFrame, table: Contract, proposal: Proposal, right: pl.DataFrame
) -> Proposal | None:
    """The proposal without the columns of which it spoils more cells than it puts right; None where nothing is left of it."""
    after = trial(sample, table, proposal.step).after.collect()
    spoilt = set()
    for name in proposal.cells.keys() & set(right.columns):
        read = _compare_cells(sample, after, right, name)
        now, was = (read[side].eq_missing(read["right"]).sum() for side in ("now", "was"))
        spoilt |= {name} if now < was else set()
    if not spoilt:
        return proposal
    if isinstance(proposal.step, Dependencies):
        left: dict[str, Any] = {
            "dependencies": tuple(
                one for one in proposal.step.dependencies if one.decides not in spoilt
            )
        }
    else:
        left = {
            "columns": tuple(
                name for name in getattr(proposal.step, "columns", ()) if name not in spoilt
            )
        }
    if not any(left.values()):
        return None
    step = proposal.step.model_copy(update=left)
    tried = trial(sample, table, step)
    return Proposal(
        step,
        _reason(
            sample, tried, "would change, in columns where the rows that were put right bear it out"
        ),
        tried.changed,
        tried.doubted,
    )


def _taught(sample: pl.DataFrame, table: Contract, right: pl.DataFrame) -> list[Proposal]:
    """What the rows that somebody has put right teach beyond the steps before: a pattern a step, the columns that share it together."""
    columns: dict[tuple[str, str | None], list[str]] = {}
    for name in (name for name in table.column_names if name in right.columns):
        read = _compare_cells(sample, sample, right, name)
        for step in examples.rewrites(name, read["was"], read["right"]):
            columns.setdefault((step.pattern, step.to), []).append(name)
    found = []
    for (pattern, to), names in columns.items():
        step = Rewrite(step="rewrite", columns=tuple(names), pattern=pattern, to=to)
        tried = trial(sample, table, step)
        found.append(
            Proposal(
                step,
                _reason(sample, tried, "are written as those that somebody has put right"),
                tried.changed,
                tried.doubted,
            )
        )
        sample = tried.after.collect()
    return found


# -- one a kind of step -------------------------------------------------------------------------


def _spelling(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """The parts of normalizing that change something."""
    nothing = Normalize(step="normalize", unicode=None, whitespace=False, invisible=False)
    parts: list[dict[str, Any]] = [
        {"unicode": "NFC"},
        {"whitespace": True},
        {"invisible": True},
        {"entities": True},
        {"mojibake": True},
        {"quotes": True},
    ]
    useful: dict[str, Any] = {}
    names: set[str] = set()
    for part in parts:
        for proposal in _tried(
            sample,
            table,
            lambda columns, part=part: nothing.model_copy(update={**part, "columns": columns}),  # type: ignore[misc]  # mypy cannot tell a lambda's default
            _texts(table),
            "",
        ):
            useful |= part
            names |= set(proposal.cells)
    if not useful:
        return []
    step = nothing.model_copy(
        update={**useful, "columns": tuple(name for name in _texts(table) if name in names)}
    )
    tried = trial(sample, table, step)
    return [Proposal(step, _reason(sample, tried, "are written in another way"), tried.changed)]


def _noise(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    return _tried(
        sample,
        table,
        lambda columns: Noise(step="noise", columns=columns),
        _texts(table),
        "hold markup or repeated punctuation",
        few=0.2,
    )


def _placeholders(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    markers = read_lines("clean/missing_markers.txt")
    used = {
        name: [
            word
            for word in markers
            if 0 < (sample[name].str.strip_chars() == word).sum() <= 0.5 * sample.height
        ]
        for name in _texts(table)
    }
    words = tuple(word for word in markers if any(word in those for those in used.values()))
    names = tuple(name for name, those in used.items() if those)
    if not names:
        return []
    step = Placeholders(step="placeholders", columns=names, values=words)
    tried = trial(sample, table, step)
    return [Proposal(step, _reason(sample, tried, "say that there is nothing"), tried.changed)]


def _marks(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Marks alone where all else is words, such as `***`: wrong, and nobody knows what stood there. Where there are several kinds of marks, they may be a scale."""
    columns: dict[str, list[str]] = {}
    for name in _texts(table):
        text = sample[name].drop_nulls()
        marks = text.filter(~text.str.contains(r"[\pL\pN]") & (text.str.strip_chars() != ""))
        if 0 < marks.len() <= _FEW_MARKS * text.len() and marks.n_unique() == 1:
            columns.setdefault(marks[0], []).append(name)
    steps_ = [
        Rewrite(step="rewrite", columns=tuple(names), pattern=f"^{examples.literal(mark)}$")
        for mark, names in columns.items()
    ]
    return [
        Proposal(step, _reason(sample, tried, "hold marks alone"), tried.changed, tried.doubted)
        for step in steps_
        for tried in (trial(sample, table, step),)
    ]


def _numbers(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of numbers some of which have a unit, or several spellings of one."""
    units: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for name in _texts(table):
        factors = _units(sample[name].drop_nulls().str.strip_chars())
        if factors:
            units.setdefault(tuple(sorted(factors.items())), []).append(name)
    found = []
    for factors_of, names in units.items():
        step = Numbers(step="numbers", columns=tuple(names), units=dict(factors_of))
        tried = trial(sample, table, step)
        found.append(
            Proposal(
                step,
                _reason(sample, tried, "have a unit beside a number"),
                tried.changed,
                tried.doubted,
            )
        )
    return found


def _units(text: pl.Series) -> dict[str, float]:
    """The units of a column of numbers where they are not written alike, and count the same; none where there are none, or where nobody can tell what they count."""
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
    return {"%": 1.0} if 0.2 <= ratio <= 5 else {"%": 0.01} if 20 <= ratio <= 500 else {}


def _ratio(one: object, other: object) -> float:
    return (
        float(one) / float(other)
        if isinstance(one, float) and isinstance(other, float) and other
        else 0.0
    )


def _times(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    found: list[str] = []
    for name in _texts(table):
        fitted = learned(
            steps.fitting(
                sample.lazy(),
                sample.lazy(),
                table.model_copy(update={"cleaning": (Times(step="times", columns=(name,)),)}),
            )
        )
        if len(fitted[0].values[name]) > 1:
            tried = trial(sample, table, Times(step="times", columns=(name,)))
            found += [name] * (
                tried.changed.get(name, 0) >= 0.5 * sample[name].count()
                and tried.doubted.get(name, 0) <= 0.1 * sample[name].count()
            )
    return (
        _tried(
            sample,
            table,
            lambda columns: Times(step="times", columns=columns),
            found,
            "are dates in several formats",
            few=1,
        )
        if found
        else []
    )


def _align(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    step = Align(step="align")
    tried = trial(sample, table, step)
    cells = sum(tried.changed.values())
    return (
        [Proposal(step, _reason(sample, tried, "stand in the wrong column"), tried.changed)]
        if 0 < cells <= 0.2 * sample.height * max(1, len(tried.changed))
        and tried.aside <= 0.05 * sample.height
        else []
    )


def _typos(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    return _tried(
        sample,
        table,
        lambda columns: Typos(step="typos", columns=columns),
        _texts(table),
        "are a rare spelling of a frequent value",
    )


def _dependencies(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    step = Dependencies(step="dependencies")
    plain = [
        column.name
        for column in table.columns
        if column.logical_type not in ("object", "array", "map", "vector")
    ]
    pairs = found_in(sample.select(plain), step)
    if not pairs:
        return []
    named = Dependencies.model_validate(
        {
            "step": "dependencies",
            "dependencies": [{"given": [given], "decides": decides} for given, decides in pairs],
        }
    )
    tried = trial(sample, table, named)
    if not tried.changed and not tried.doubted:
        return []
    decided = {
        given: [other for _, other in those]
        for given, those in itertools.groupby(pairs, key=lambda pair: pair[0])
    }
    said = "; ".join(
        f"'{given}' decides {', '.join(map(repr, those))}"
        for given, those in list(decided.items())[:4]
    )
    return [
        Proposal(
            named,
            f"{_reason(sample, tried, 'contradict what most rows with the same say')} ({said})",
            tried.changed,
            tried.doubted,
        )
    ]


def _shapes(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of codes: values with digits, or of one length."""
    codes = [name for name in _texts(table) if _is_code(sample[name].drop_nulls())]
    return _tried(
        sample,
        table,
        lambda columns: Shapes(step="shapes", columns=columns),
        codes,
        "lack the form of the others",
        few=0.3,
    )


def _constants(sample: pl.DataFrame, table: Contract) -> list[Proposal]:
    """Columns of one number, but for a few that scatter about it on both sides, each rarely: of amounts there would be more on one side, and of codes each would be frequent.

    Zero is left out: where nothing mostly happens, what happens is no mistake.
    """
    found = []
    for name in (
        column.name for column in table.columns if column.logical_type in ("integer", "number")
    ):
        values = (
            sample[name].str.strip_chars().cast(pl.Float64, strict=False).drop_nulls().drop_nans()
        )
        counts = values.value_counts(sort=True)
        step = Outliers(step="outliers", columns=(name,), method="constant", action="flag")
        if (
            counts.height < 2
            or not counts[name][0]
            or counts["count"][0] < (1 - step.others) * values.len()
        ):
            continue
        usual, others = counts[name][0], counts[1:]
        below, above = (
            int(others.filter(side)["count"].sum())
            for side in (pl.col(name) < usual, pl.col(name) > usual)
        )
        most_frequent = int(others["count"].max())  # type: ignore[arg-type]  # a count
        enough = 0.2 * (below + above)
        if min(below, above) >= enough and most_frequent <= max(2, enough):
            found.append(
                Proposal(
                    step,
                    f"nearly all of '{name}' are {usual:g}, and {below + above:,} scatter about it on both sides",
                    doubts={name: below + above},
                )
            )
    return found


def _is_code(text: pl.Series) -> bool:
    if not text.len() or float(text.str.contains(_PLAIN).mean() or 0) > 0.5:  # type: ignore[arg-type]  # the mean of true and false
        return False
    return float(text.str.contains("[0-9]").mean() or 0) >= 0.7  # type: ignore[arg-type]  # the mean of true and false
