"""Search the landed rows for personal data, and list every personal value in them.

What a column's distinct values show is derived from them if they are few; only
columns in which those give reason are searched cell by cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assay.assets.io import parquet_stats, presidio
from assay.assets.stages.ingest import landed_folder, receipt_of
from assay.assets.stages.run import Run
from assay.contracts.model import Column, Contract
from assay.contracts.types import read, readable
from assay.pipelines.admit import (
    encoded_text,
    number_columns,
    personal,
    special_categories,
    split_values,
)
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.core.engine import held_in_memory, is_held_in_memory, run_together
from assay.pipelines.core.frames import ROW

FOUND_SCHEMA = {
    ROW: pl.Int64,
    "column": pl.String,
    "kind": pl.String,
    "value": pl.String,
    "confidence": pl.Float64,
}
Few = Mapping[str, pl.Series]
"""Column -> its different values, where they are few."""
MANY_ROWS = 100_000
"""Below, looking at every cell costs less than looking first at what the rows have in common."""
_MOST = 10_000
_WIDTH = 250
"""Columns that are planned together."""


def few_values(run: Run, digest: str) -> Few:
    """The different values of the landed columns that hold few; none of a table so small that it
    does not pay.
    """
    receipt = receipt_of(run, digest)
    if receipt.rows < MANY_ROWS:
        return {}
    undeclared = [
        name for name in run.contract.column_names if name not in run.contract.privacy.columns
    ]
    return parquet_stats.few_values(landed_folder(run, digest) / "rows.parquet", undeclared, _MOST)


def searched(
    run: Run, rows: pl.LazyFrame, few_of: Few, *beside: pl.LazyFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Every personal value in the rows, and what the plans `beside` gave in the same pass.

    Args:
        few_of: the different values of columns that hold few, in these rows and perhaps in others
            of the same source.
    """
    contract = run.contract
    hints = _hints_of_few(contract, rows.collect_schema(), few_of)
    targets = _targets(contract, rows.collect_schema(), few_of, hints)
    first, results_beside = _looked_at_in_parts(run, rows, targets, beside)
    pairs = split_values.signed(
        split_values.pairs(targets.joinable),
        {**hints.signs, **first.signs, **_signs_of_odd_cells(rows, targets, first)},
    )
    findings = pl.concat([pl.DataFrame(schema=FOUND_SCHEMA), *first.findings])
    more = _second_look(contract, rows, targets, first, pairs, findings)
    findings = pl.concat([findings, *(frame.cast(pl.Schema(FOUND_SCHEMA)) for frame in more)])
    different = encoded_text.without_superseded(findings).unique(
        subset=[ROW, "column", "kind", "value"], maintain_order=False
    )
    return different.sort("column", "kind", ROW, "value"), results_beside


# -- which columns ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Targets:
    """The columns that are searched cell by cell, by how they are searched."""

    special: list[str]
    """Columns that may be of a special category."""
    declared: dict[str, str]
    """Column that the contract declares to be personal -> the kind of its values."""
    texts: list[str]
    joinable: list[str]
    """Columns that may hold one half of a value whose other half is in the next column."""
    counted: list[str]
    """Of these, the ones whose signs are not known from their different values."""
    numbers: list[str]
    """Of these again, the ones that hold numbers."""
    undeclared_numbers: list[str]
    """Columns of numbers that the contract does not declare to be personal."""
    misplaced: dict[str, pl.Expr]
    """Column of another type -> where a cell cannot be read as its type."""
    spelled: list[str]
    """Texts that are first asked whether their cells hold anything but words: that takes a pass of
    its own, which pays where the rows are in memory, or other columns need no search.
    """

    def part(self, columns: Collection[str]) -> _Targets:
        """Those of some columns."""

        def kept(names: list[str]) -> list[str]:
            return [name for name in names if name in columns]

        return _Targets(
            special=kept(self.special),
            declared={name: self.declared[name] for name in kept([*self.declared])},
            texts=kept(self.texts),
            joinable=kept(self.joinable),
            counted=kept(self.counted),
            numbers=kept(self.numbers),
            undeclared_numbers=kept(self.undeclared_numbers),
            misplaced={name: self.misplaced[name] for name in kept([*self.misplaced])},
            spelled=kept(self.spelled),
        )


def _targets(
    contract: Contract, schema: Mapping[str, pl.DataType], few_of: Few, hints: _Hints
) -> _Targets:
    texts = [name for name in _text_columns(contract) if name not in hints.quiet]
    columns = [column.name for column in contract.columns if column.name not in hints.quiet]
    misplaced = {
        name: unreadable
        for name, unreadable in _misplaced(schema, contract, texts).items()
        if name not in hints.quiet
    }
    joinable = _joinable_columns(contract, schema)
    counted = [name for name in joinable if name not in few_of]
    numbers = _number_columns(contract, schema)
    return _Targets(
        special=[name for name in columns if name in texts or not schema[name].is_nested()],
        declared={name: each.kind for name, each in contract.privacy.columns.items()},
        texts=texts,
        joinable=joinable,
        counted=counted,
        numbers=[name for name in counted if name in misplaced or schema[name].is_integer()],
        undeclared_numbers=[
            name for name in columns if name in numbers and name not in contract.privacy.columns
        ],
        misplaced=misplaced,
        spelled=texts if few_of or is_held_in_memory() else [],
    )


def _text_columns(contract: Contract) -> list[str]:
    return [column.name for column in contract.columns if _may_hold_text(column)]


def _may_hold_text(column: Column) -> bool:
    """Whether it is text or may hold some: arrays and vectors of numbers hold none."""
    if column.logical_type == "array" and column.fields:
        return any(_may_hold_text(item) for item in column.fields)
    return column.logical_type in ("string", "object", "map", "array")


def _number_columns(contract: Contract, schema: Mapping[str, pl.DataType]) -> list[str]:
    return [
        column.name
        for column in contract.columns
        if column.logical_type in ("integer", "number")
        and column.name in schema
        and (schema[column.name] == pl.String or schema[column.name].is_numeric())
    ]


def _joinable_columns(contract: Contract, schema: Mapping[str, pl.DataType]) -> list[str]:
    return [
        column.name
        for column in contract.columns
        if not column.fields
        and column.logical_type in ("string", "integer")
        and (schema[column.name] == pl.String or schema[column.name].is_integer())
    ]


# -- the passes ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FirstLook:
    """What the first pass saw: findings that are certain, and reasons to look a second time."""

    disguised: pl.DataFrame
    unread: pl.DataFrame
    """The count of cells that cannot be read as their column's type."""
    signs: dict[str, int]
    long_numbers: pl.DataFrame
    """The count of numbers of columns in which they may be of persons."""
    findings: list[pl.DataFrame]
    special: list[pl.DataFrame]
    encoded: list[pl.DataFrame]


def _looked_at_in_parts(
    run: Run, rows: pl.LazyFrame, targets: _Targets, beside: Sequence[pl.LazyFrame]
) -> tuple[_FirstLook, list[pl.DataFrame]]:
    """The first look, of a wide table at some columns after the others.

    To plan one search costs 2 ms where the table has 3,000 columns, and each column has several.
    """
    columns = run.contract.column_names
    if len(columns) <= _WIDTH:
        return _first_look(run, rows, targets, beside)
    height, *results_beside = run_together([rows.select(pl.len()), *beside])
    looks = []
    for start in range(0, len(columns), _WIDTH):
        names = columns[start : start + _WIDTH]
        with held_in_memory(rows.select(ROW, *names), height.item() * len(names)) as part:
            looks.append(_first_look(run, part, targets.part(set(names)), ())[0])
    return _joined(looks), results_beside


def _joined(looks: Sequence[_FirstLook]) -> _FirstLook:
    def wide(counts: Iterable[pl.DataFrame]) -> pl.DataFrame:
        return pl.DataFrame([count for row in counts for count in row.drop(ROW)])

    return _FirstLook(
        disguised=wide(look.disguised for look in looks),
        unread=wide(look.unread for look in looks),
        signs={sign: count for look in looks for sign, count in look.signs.items()},
        long_numbers=wide(look.long_numbers for look in looks),
        findings=[frame for look in looks for frame in look.findings],
        special=[
            wide(look.special[0] for look in looks),
            *(frame for look in looks for frame in look.special[1:]),
        ],
        encoded=[frame for look in looks for frame in look.encoded],
    )


def _first_look(
    run: Run, rows: pl.LazyFrame, targets: _Targets, beside: Sequence[pl.LazyFrame]
) -> tuple[_FirstLook, list[pl.DataFrame]]:
    """Search every cell once, with the plans `beside` in the same pass."""
    texts, model = targets.texts, run.installation.home.presidio_model
    unread = rows.select(
        pl.lit(0).alias(ROW),
        *(unreadable.sum().alias(name) for name, unreadable in targets.misplaced.items()),
    )
    signs = split_values.signs(rows, targets.counted, targets.numbers)
    numbers = number_columns.worth_a_search(rows, rows.collect_schema(), targets.undeclared_numbers)
    spans = [
        *personal.spans(
            rows,
            texts,
            of_words=_columns_of_words(rows, targets.spelled),
            regions=_phone_regions(run.contract),
        ),
        *encoded_text.escaped(rows, texts, _phone_regions(run.contract)),
        *personal.declared_values(rows, targets.declared),
        *(presidio.spans(rows, texts, model) if model else []),
    ]
    special = special_categories.looks(rows, targets.special, texts)
    encoded = personal.encoded(rows, texts)
    disguises = personal.disguises(rows, texts)
    results = run_together([*beside, disguises, unread, signs, numbers, *spans, *special, *encoded])
    results_beside, results = results[: len(beside)], results[len(beside) :]
    disguised, unread_cells, sign_counts, long_numbers, *searches = results
    look = _FirstLook(
        disguised=disguised,
        unread=unread_cells,
        signs=sign_counts.row(0, named=True),
        long_numbers=long_numbers,
        findings=searches[: len(spans)],
        special=searches[len(spans) : len(spans) + len(special)],
        encoded=searches[len(spans) + len(special) :],
    )
    return look, results_beside


def _phone_regions(contract: Contract) -> PhoneRegions:
    return PhoneRegions(contract.privacy.region, contract.privacy.phone_regions)


def _columns_of_words(rows: pl.LazyFrame, texts: list[str]) -> list[str]:
    """The columns among `texts` that hold nothing but words."""
    if not texts:
        return []
    (marks,) = run_together([personal.marks(rows, texts)])
    return [name for name in texts if name in marks.columns and not marks[name].item()]


def _signs_of_odd_cells(rows: pl.LazyFrame, targets: _Targets, first: _FirstLook) -> dict[str, int]:
    """The signs of number columns in which not every cell was a number: they are looked for in
    full.
    """
    odd = [
        name for name in targets.numbers if name in targets.misplaced and first.unread[name].item()
    ]
    if not odd:
        return {}
    return run_together([split_values.signs(rows, odd)])[0].row(0, named=True)


def _second_look(
    contract: Contract,
    rows: pl.LazyFrame,
    targets: _Targets,
    first: _FirstLook,
    pairs: list[split_values.Pair],
    findings: pl.DataFrame,
) -> list[pl.DataFrame]:
    """Find what only a second look can tell, where the first gives reason to it.

    What hides in base 64 or behind other characters, what is in a column of numbers or of another
    type or half in one column and half in the next, which rows make a column special, and where free text
    names someone.
    """
    treatments, regions = contract.privacy.columns, _phone_regions(contract)
    schema = rows.collect_schema()
    redacted = [column for column in treatments if treatments[column].treatment == "redact"]
    return run_together(
        [
            *personal.mentions(rows, redacted, personal.whole_names(findings)),
            *personal.within(
                pl.concat([pl.DataFrame(schema=personal.HIDDEN), *first.encoded]), regions
            ),
            *personal.undisguised(rows, first.disguised, regions),
            *(
                plan
                for name in targets.undeclared_numbers
                if (given := first.long_numbers[name].item())
                for plan in number_columns.spans(
                    rows, schema[name], name, number_columns.MOST * given, regions
                )
            ),
            *special_categories.holding(rows, targets.texts, first.special),
            *split_values.halves(rows, pairs, run_together(split_values.looks(rows, pairs))),
            *(
                plan
                for name, unreadable in targets.misplaced.items()
                if first.unread[name].sum()
                for plan in personal.spans(rows.filter(unreadable), [name], regions=regions)
            ),
        ]
    )


# -- what the different values of a column tell ------------------------------------------------


@dataclass(frozen=True)
class _Hints:
    """What the different values of columns that hold few tell of all their cells."""

    quiet: set[str]
    """The columns in which nothing can be found."""
    signs: dict[str, int]
    """What `split_values.signs` would count in theirs."""


def _hints_of_few(contract: Contract, schema: Mapping[str, pl.DataType], few_of: Few) -> _Hints:
    frames = {
        name: pl.LazyFrame({ROW: pl.int_range(len(values), eager=True), name: values})
        for name, values in ((name, values.drop_nulls()) for name, values in few_of.items())
    }
    texts = _text_columns(contract)
    plans: list[tuple[str, pl.LazyFrame]] = []
    for name, frame in frames.items():
        searches = (
            _text_searches(frame, name, _phone_regions(contract))
            if name in texts
            else _value_searches(frame, name, contract, texts)
        )
        plans += [(name, search) for search in searches]
    answers = run_together([plan for _, plan in plans])
    loud = {name for (name, _), answer in zip(plans, answers, strict=True) if answer.height}
    joinable = [name for name in _joinable_columns(contract, schema) if name in frames]
    counts = run_together([split_values.signs(frames[name], [name]) for name in joinable])
    return _Hints(
        quiet=set(frames) - loud,
        signs={sign: cells for row in counts for sign, cells in row.row(0, named=True).items()},
    )


def _text_searches(values: pl.LazyFrame, name: str, regions: PhoneRegions) -> list[pl.LazyFrame]:
    """Plans that give no row where no text among the values gives reason to search its column."""
    mentioned, *special = special_categories.looks(values, [name], [name])
    return [
        *personal.spans(values, [name], alone=False, regions=regions),
        *encoded_text.escaped(values, [name], regions),
        *personal.encoded(values, [name]),
        *special,
        _any(personal.disguises(values, [name])),
        _any(mentioned.select(ROW, f"{name} mentioned")),
    ]


def _value_searches(
    values: pl.LazyFrame, name: str, contract: Contract, texts: list[str]
) -> list[pl.LazyFrame]:
    """Plans that give no row where no value of another type gives reason to search its column."""
    misplaced = _misplaced(values.collect_schema(), contract, texts)
    _, *special = special_categories.looks(values, [name], [])
    schema = values.collect_schema()
    return [
        *(values.filter(unreadable) for unreadable in misplaced.values()),
        *special,
        *(
            plan
            for number in _number_columns(contract, schema)
            for plan in number_columns.spans(
                values, schema[number], number, 1, _phone_regions(contract)
            )
        ),
    ]


def _any(counts: pl.LazyFrame) -> pl.LazyFrame:
    """The one row of counts, if any of them is not zero."""
    return counts.filter(pl.any_horizontal(pl.exclude(ROW) > 0))


def _misplaced(
    schema: Mapping[str, pl.DataType], contract: Contract, texts: list[str]
) -> dict[str, pl.Expr]:
    """Where columns of other types cannot be read as theirs: those cells are quarantined as they
    came.
    """
    others = [
        column
        for column in contract.columns
        if column.name not in texts and schema.get(column.name) in (pl.String, pl.Int64)
    ]
    return {column.name: ~readable(column, read(column)) for column in others}
