"""Cells that contradict the other columns -> what most rows with the same say.

Belongs here: dependencies between columns, named or found, and what they say of one cell. Stays
out: values alone (typos.py).
Every dependency A → B is a witness: the group of rows with the same A states what B is. A cell
changes where all witnesses that can say something agree against it, and there are two of them, or
nothing is there, or what is there is a misspelling. A wrong A misleads its witness, and the
others then disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assay.contracts.steps import Dependencies
from assay.pipelines.clean.step_spec import Columns, Effect, Kind, unclear
from assay.pipelines.core.fitting import Fitted, Learning
from assay.pipelines.core.frames import ROW

NESTED = ("object", "array", "map", "vector")
SAMPLE = 20_000  # rows among which dependencies are looked for
_ROUNDS = 3
_MARK = "\x1f"  # between the values of several columns
_LEAST = 20  # rows that must bear a found dependency out
# share of a group that must agree, in all groups but those of one row in twenty: a dependency holds
# everywhere
_PURE = 0.6
_SIMILAR, _SIMILAR_TO_TWO = 0.34, 0.5  # letters of a misspelling that may be wrong
_COARSE = 2_000  # values of a column that may be what exceptions have in common
_EXCEPTIONS = pl.Schema({"decides": pl.String, "column": pl.String, "value": pl.String})
_CELLS, _SAYS, _WAS, _WRONG = "_cells", "_says_", "_was_", "_wrong_"


@dataclass(frozen=True)
class Witness:
    """A dependency and what its groups say: `group` (the values of `given`) -> `value`."""

    given: tuple[str, ...]
    decides: str
    says: pl.DataFrame

    @property
    def prediction(self) -> pl.Expr:
        """What the row's group states; null where it gives no information."""
        return group(self.given).replace_strict(
            self.says["group"], self.says["value"], default=None, return_dtype=pl.String
        )


def group(given: Sequence[str]) -> pl.Expr:
    """The values that a group shares, as one text; null where one is missing."""
    return pl.concat_str([pl.col(name) for name in given], separator=_MARK)


# -- learning -------------------------------------------------------------------------------


def _fit(step: Dependencies, rows: pl.LazyFrame, columns: Columns) -> Learning:
    names = [name for name in columns if columns[name].logical_type not in NESTED]
    count = (yield {"count": rows.select(pl.len())})["count"].item()
    sample = (yield {"sample": sampled(rows, count).select(names)})["sample"]
    pairs = [(one.given, one.decides) for one in step.dependencies] or [
        ((given,), decides)
        for given, decides in found_in(sample.select(step.columns or names), step)
    ]
    if not pairs:
        return Fitted({"dependencies": []})
    tables = yield {
        f"{index}": _groups(rows, given, decides, step)
        for index, (given, decides) in enumerate(pairs)
    }
    fitted = Fitted(
        {"dependencies": [{"given": list(given), "decides": decides} for given, decides in pairs]},
        {f"groups_{index}": table for index, table in tables.items()},
    )
    return Fitted(
        fitted.values,
        {**fitted.tables, "exceptions": _exceptions(sample, _witnesses(fitted), step.support)},
    )


def _exceptions(sample: pl.DataFrame, witnesses: Sequence[Witness], support: int) -> pl.DataFrame:
    """The values of other columns with which a dependency does not hold: most of their rows
    contradict it, so that these are no mistakes.
    """
    decided = list(dict.fromkeys(witness.decides for witness in witnesses))
    witnessed = (
        _with_witnesses(sample, witnesses, decided, {}).filter(
            pl.any_horizontal(_WRONG + name for name in decided)
        )
        if decided
        else sample.clear()
    )
    found = [pl.DataFrame(schema=_EXCEPTIONS)]
    for column in (
        name
        for name in sample.columns
        if witnessed.height and 2 <= sample[name].n_unique() <= _COARSE
    ):
        wrong = (
            witnessed.drop_nulls(column)
            .group_by(pl.col(column).alias("value"))
            .agg(pl.col(_WRONG + name).sum().alias(name) for name in decided)
        )
        counted = wrong.join(
            sample.group_by(pl.col(column).alias("value")).agg(pl.len().alias("_rows")), on="value"
        )
        long = counted.unpivot(
            decided, index=["value", "_rows"], variable_name="decides", value_name="_wrong"
        )
        most = long.filter(
            (pl.col("_wrong") >= support) & (2 * pl.col("_wrong") >= pl.col("_rows"))
        ).sort("decides", "value")
        found.append(most.select("decides", pl.lit(column).alias("column"), "value"))
    return pl.concat(found)


def sampled(rows: pl.LazyFrame, count: int) -> pl.LazyFrame:
    """About `SAMPLE` of the rows, the same ones whatever their order."""
    return (
        rows
        if count <= SAMPLE
        else rows.filter(pl.col(ROW).hash(seed=0) % -(-count // SAMPLE) == 0)
    )


def _groups(
    rows: pl.LazyFrame, given: Sequence[str], decides: str, step: Dependencies
) -> pl.LazyFrame:
    """What each group with a clear majority states; where most say nothing, neither does it."""
    counted = (
        rows.select(group(given).alias("group"), pl.col(decides).alias("value"))
        .drop_nulls("group")
        .group_by("group", "value")
        .len()
    )
    most = counted.group_by("group").agg(
        pl.col("value").sort_by("len", "value", descending=[True, False]).first(),
        most=pl.col("len").max(),
        rows=pl.col("len").sum(),
    )
    clear = (
        (pl.col("most") >= step.support)
        & (pl.col("most") >= step.confidence * pl.col("rows"))
        & (2 * pl.col("most") > pl.col("rows"))
    )
    return most.filter(clear & pl.col("value").is_not_null()).select("group", "value").sort("group")


def found_in(sample: pl.DataFrame, step: Dependencies) -> list[tuple[str, str]]:
    """Pairs of columns of which the first decides the second, beyond what the second's most
    frequent value would.
    """
    sizes = {name: sample[name].n_unique() for name in sample.columns}
    pairs = []
    for given in (name for name, size in sizes.items() if 2 <= size <= sample.height / 2):
        for decides in (
            name for name, size in sizes.items() if name != given and 2 <= size <= sample.height / 2
        ):
            if strength(sample, given, decides, step.support) >= step.strength:
                pairs.append((given, decides))
    return pairs


def strength(sample: pl.DataFrame, given: str, decides: str, support: int) -> float:
    """How much of `decides` is witnessed by `given`: 0 for no more than its most frequent value
    tells, 1 for all of it.

    Only groups of at least `support` rows count; values that no group has for its majority are
    mistakes, and do not.
    Source: Goodman and Kruskal (1954), their lambda, J. Am. Stat. Assoc. 49, 732.
    """
    counts = (
        sample.select(pl.col(given).alias("given"), pl.col(decides).alias("decides"))
        .drop_nulls("given")
        .group_by("given", "decides")
        .len()
    )
    counts = counts.filter(pl.col("len").sum().over("given") >= support)
    tops = (
        counts.sort("len", "decides", descending=[True, False], nulls_last=True)
        .group_by("given", maintain_order=True)
        .first()
    )
    sound = counts.join(tops.select("decides").unique(), on="decides", how="semi", nulls_equal=True)
    rows, witnessed, all_rows = (int(frame["len"].sum()) for frame in (sound, tops, counts))
    by_value = sound.group_by("decides").agg(pl.col("len").sum())["len"].to_list()
    usual = max(by_value, default=0)
    by_group = counts.group_by("given").agg(most=pl.col("len").max(), rows=pl.col("len").sum())
    impure = int(by_group.filter(pl.col("most") < _PURE * pl.col("rows"))["rows"].sum())
    if (
        rows < 0.7 * all_rows
        or impure > 0.05 * all_rows
        or tops.height < 3
        or rows - usual < _LEAST
    ):
        return 0.0
    return (witnessed - usual) / (rows - usual)


# -- doing ----------------------------------------------------------------------------------


def _witnesses(fitted: Fitted) -> list[Witness]:
    return [
        Witness(tuple(one["given"]), one["decides"], fitted.tables[f"groups_{index}"])
        for index, one in enumerate(fitted.values["dependencies"])
    ]


def _effect(step: Dependencies, fitted: Fitted, _: Columns) -> Effect:
    witnesses = [witness for witness in _witnesses(fitted) if witness.says.height]
    decided = list(dict.fromkeys(witness.decides for witness in witnesses))
    if not decided:
        return Effect()
    named = list(
        dict.fromkeys([*(name for witness in witnesses for name in witness.given), *decided])
    )
    shape = pl.Struct(
        {**dict.fromkeys(decided, pl.String()), **{_WRONG + name: pl.Boolean() for name in decided}}
    )
    except_for = _excepted(fitted)
    named = list(
        dict.fromkeys([*named, *(column for columns in except_for.values() for column in columns)])
    )
    cells = pl.struct(named).map_batches(
        _repairer(witnesses, decided, except_for), return_dtype=shape, is_elementwise=True
    )
    doubts = {name: pl.col(_CELLS).struct.field(_WRONG + name) for name in decided}
    return Effect(
        {name: pl.col(_CELLS).struct.field(name) for name in decided},
        helpers={_CELLS: cells},
        **unclear(step, doubts),
    )


Exceptions = Mapping[str, Mapping[str, pl.Series]]
"""Decided column -> other column -> the values of it with which nothing is decided."""


def _excepted(fitted: Fitted) -> Exceptions:
    out: dict[str, dict[str, pl.Series]] = {}
    for (decides, column), values in fitted.tables["exceptions"].group_by(
        "decides", "column", maintain_order=True
    ):
        out.setdefault(str(decides), {})[str(column)] = values["value"]
    return out


def _repairer(
    witnesses: Sequence[Witness], decided: Sequence[str], except_for: Exceptions
) -> Callable[[pl.Series], pl.Series]:
    known = {
        name: pl.concat([w.says["value"] for w in witnesses if w.decides == name]).unique()
        for name in decided
    }

    def repair(values: pl.Series) -> pl.Series:
        rows = values.struct.unnest()
        witnessed = _with_witnesses(rows, witnesses, decided, except_for)
        suspicious = witnessed.select(
            pl.any_horizontal(pl.col(_WRONG + name) for name in decided)
        ).to_series()
        if not suspicious.any():
            return rows.select(
                *decided, *(pl.lit(False).alias(_WRONG + name) for name in decided)
            ).to_struct(values.name)
        numbered = rows.with_row_index("_at")
        mended = _repair_until_stable(
            numbered.filter(suspicious), witnesses, decided, except_for, known
        )
        calm = numbered.filter(~suspicious).select(
            "_at", *decided, *(pl.lit(False).alias(_WRONG + name) for name in decided)
        )
        return (
            pl.concat([calm, mended.select(calm.columns)])
            .sort("_at")
            .drop("_at")
            .to_struct(values.name)
        )

    return repair


def _with_witnesses(
    rows: pl.DataFrame, witnesses: Sequence[Witness], decided: Sequence[str], except_for: Exceptions
) -> pl.DataFrame:
    """Next to each decided column what its witnesses say of it: `_says_` it should be, with how many
    saying so, and `_wrong_` where all that say something are against it.
    """
    predictions: dict[str, pl.Expr] = {}
    for name in decided:
        says = [witness.prediction for witness in witnesses if witness.decides == name]
        agree = pl.min_horizontal(says) == pl.max_horizontal(says)
        excepted = [
            pl.col(column).is_in(values.implode()).fill_null(False)
            for column, values in except_for.get(name, {}).items()
            if column != name
        ]
        predictions[_SAYS + name] = pl.when(
            agree & ~pl.any_horizontal(excepted) if excepted else agree
        ).then(pl.coalesce(says))
        predictions["_count_" + name] = pl.sum_horizontal(one.is_not_null() for one in says)
    witnessed = rows.with_columns(value.alias(key) for key, value in predictions.items())
    return witnessed.with_columns(
        (pl.col(_SAYS + name).is_not_null() & pl.col(name).ne_missing(pl.col(_SAYS + name))).alias(
            _WRONG + name
        )
        for name in decided
    )


def _repair_until_stable(
    rows: pl.DataFrame,
    witnesses: Sequence[Witness],
    decided: Sequence[str],
    except_for: Exceptions,
    known: Mapping[str, pl.Series],
) -> pl.DataFrame:
    """The rows repaired until nothing changes; a row that does not come to rest stays as it was."""

    def changes_in(witnessed: pl.DataFrame) -> dict[str, pl.Series]:
        return {
            name: _change(witnessed, name, known[name], except_for.get(name, {}).get(name))
            for name in decided
        }

    was = rows.select("_at", *(pl.col(name).alias(_WAS + name) for name in decided))
    for _ in range(_ROUNDS):
        witnessed = _with_witnesses(rows, witnesses, decided, except_for)
        rows = rows.with_columns(
            pl.when(change).then(witnessed[_SAYS + name]).otherwise(pl.col(name)).alias(name)
            for name, change in changes_in(witnessed).items()
        )
    witnessed = _with_witnesses(rows, witnesses, decided, except_for)
    restless = pl.Series(
        np.logical_or.reduce([change.to_numpy() for change in changes_in(witnessed).values()])
    )
    rows = rows.join(was, on="_at", how="left", maintain_order="left")
    back = restless | _contradicted(rows, witnessed, decided)
    rows = rows.with_columns(
        pl.when(back).then(pl.col(_WAS + name)).otherwise(pl.col(name)).alias(name)
        for name in decided
    )
    final = _with_witnesses(rows, witnesses, decided, except_for)
    return rows.with_columns(_stray_cells(final, decided, except_for, known))


def _contradicted(rows: pl.DataFrame, witnessed: pl.DataFrame, decided: Sequence[str]) -> pl.Series:
    """True where a cell that was changed is contradicted."""
    touched = {name: rows[name].ne_missing(rows[_WAS + name]) for name in decided}
    return witnessed.select(
        pl.any_horizontal(pl.lit(touched[name]) & pl.col(_WRONG + name) for name in decided)
    ).to_series()


def _stray_cells(
    final: pl.DataFrame,
    decided: Sequence[str],
    except_for: Exceptions,
    known: Mapping[str, pl.Series],
) -> list[pl.Series]:
    """The cells that are contradicted, stay, and are called wrong: only where the cell alone is,
    and its value is none that the groups know. Else another cell may be.
    """
    alone = final.select(pl.sum_horizontal(_WRONG + name for name in decided) == 1).to_series()
    stray = []
    for name in decided:
        exempt = except_for.get(name, {}).get(name, pl.Series(dtype=pl.String))
        is_exempt = final[name].is_in(exempt.implode()).fill_null(False)
        several = final["_count_" + name] >= 2
        is_wrong = alone & final[_WRONG + name] & several & _is_stray(final[name], known[name])
        stray.append((is_wrong & ~is_exempt).alias(_WRONG + name))
    return stray


def _change(
    witnessed: pl.DataFrame, name: str, known: pl.Series, exempt: pl.Series | None
) -> pl.Series:
    """True where the cell becomes what is said of it: nothing is there or marks that no group
    has, a misspelling does, or two witnesses agree against a value that belongs to other groups.

    Args:
        known: what some group says. exempt: values that mostly contradict, and so are no strangers
            in the wrong group.
    """
    wrong = witnessed[_WRONG + name]
    if not wrong.any():
        return wrong
    value, several = witnessed[name], witnessed["_count_" + name] >= 2
    displaced = (
        several
        & ~_is_stray(value, known)
        & (~value.is_in(exempt.implode()).fill_null(False) if exempt is not None else True)
    )
    nothing = value.is_null() | (_is_stray(value, known) & ~value.str.contains(r"[\pL\pN]"))
    return wrong & (nothing | _misspelt(value, witnessed[_SAYS + name], several, known) | displaced)


def _is_stray(values: pl.Series, known: pl.Series) -> pl.Series:
    return values.is_not_null() & ~values.is_in(known.implode())


def _misspelt(
    values: pl.Series, meant: pl.Series, several: pl.Series, known: pl.Series
) -> pl.Series:
    """True where a value is a misspelling of what is meant: no group has it, and few letters
    differ, more where two witnesses agree. Two numbers are two numbers.
    """
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import cpdist

    ours, theirs = values.fill_null(""), meant.fill_null("")
    letters = pl.Series(cpdist(ours.to_list(), theirs.to_list(), scorer=OSA.distance))
    longest = pl.select(pl.max_horizontal(ours.str.len_chars(), theirs.str.len_chars())).to_series()
    stray = _is_stray(values, known)
    few = stray & (
        (letters <= _SIMILAR * longest)
        | (several & (letters <= _SIMILAR_TO_TWO * longest))
        | (letters == 1)
    )
    numbers = ours.str.contains("^[0-9.]+$") & theirs.str.contains("^[0-9.]+$")
    return (ours != "") & ~numbers & few


DEPENDENCIES = Kind(_fit, _effect, corrects=True)
