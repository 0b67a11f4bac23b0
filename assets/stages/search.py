"""The search for personal data, done: the landed rows -> every personal value in them.

What can be told from a column's different values is told from them, where they are few; only columns in which those give reason are searched cell by cell.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from assay.assets.io import parquet_stats, presidio
from assay.assets.stages.ingest import landed_folder, receipt_of
from assay.assets.stages.run import Run
from assay.contracts.model import Contract
from assay.contracts.types import read
from assay.pipelines.admit import personal, special_categories, split_values
from assay.pipelines.core.engine import run_together
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


def few_values(run: Run, digest: str) -> Few:
    """The different values of the landed columns that hold few; none of a table so small that it does not pay."""
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
        few_of: the different values of columns that hold few, in these rows and perhaps in others of the same source.
    """
    contract, model = run.contract, run.installation.home.presidio_model
    schema = rows.collect_schema()
    columns = [column.name for column in contract.columns]
    texts = [
        column.name
        for column in contract.columns
        if column.logical_type == "string" or column.fields
    ]
    plain = [
        c.name
        for c in contract.columns
        if not c.fields
        and c.logical_type in ("string", "integer")
        and (schema[c.name] == pl.String or schema[c.name].is_integer())
    ]
    asked = _Asked(contract, few_of, texts, plain)
    columns, texts = (
        [name for name in names if name not in asked.quiet] for names in (columns, texts)
    )
    misplaced = {
        name: at
        for name, at in _misplaced(schema, contract, texts).items()
        if name not in asked.quiet
    }
    counted = rows.select(
        pl.lit(0).alias(ROW), *(unread.sum().alias(name) for name, unread in misplaced.items())
    )
    numbers = [
        name
        for name in plain
        if name not in few_of and (name in misplaced or schema[name].is_integer())
    ]
    told_signs = split_values.signs(rows, [name for name in plain if name not in few_of], numbers)
    marked = run_together([personal.marks(rows, texts)])[0] if few_of and texts else pl.DataFrame()
    of_words = [name for name in texts if name in marked.columns and not marked[name].item()]
    spans = [
        *personal.spans(rows, texts, of_words=of_words),
        *personal.declared_values(rows, contract.privacy),
        *(presidio.spans(rows, texts, model) if model else []),
    ]
    looks = special_categories.looks(
        rows, [name for name in columns if name in texts or not schema[name].is_nested()], texts
    )
    first = run_together(
        [
            *beside,
            personal.disguises(rows, texts),
            counted,
            told_signs,
            *spans,
            *looks,
            *personal.encoded(rows, texts),
        ]
    )
    disguised, unread, seen, *found = first[len(beside) :]
    found, told, encoded = (
        found[: len(spans)],
        found[len(spans) : len(spans) + len(looks)],
        found[len(spans) + len(looks) :],
    )
    odd = [
        name for name in numbers if name in misplaced and unread[name].item()
    ]  # not every cell was a number, so their signs are looked for in full
    again = run_together([split_values.signs(rows, odd)])[0].row(0, named=True) if odd else {}
    pairs = split_values.signed(
        split_values.pairs(plain), {**asked.signs, **seen.row(0, named=True), **again}
    )
    whole = pl.concat([pl.DataFrame(schema=FOUND_SCHEMA), *found])
    # what only a second look can tell, where the first gives reason to it: what hides in base 64 or behind other characters, what stands in a
    # column of another type or half in one column and half in the next, which rows make a column special, and where free text names somebody
    redacted = [
        column
        for column, treatment in contract.privacy.columns.items()
        if treatment.treatment == "redact"
    ]
    second = run_together(
        [
            *personal.mentions(rows, redacted, personal.whole_names(whole)),
            *personal.within(pl.concat([pl.DataFrame(schema=personal.HIDDEN), *encoded])),
            *personal.undisguised(rows, disguised),
            *special_categories.holding(rows, texts, told),
            *split_values.halves(rows, pairs, run_together(split_values.looks(rows, pairs))),
            *(
                plan
                for name, at in misplaced.items()
                if unread[name].sum()
                for plan in personal.spans(rows.filter(at), [name])
            ),
        ]
    )
    everything = pl.concat([whole, *(each.cast(pl.Schema(FOUND_SCHEMA)) for each in second)])
    return everything.unique(subset=[ROW, "column", "kind", "value"], maintain_order=False).sort(
        "column", "kind", ROW, "value"
    ), first[: len(beside)]


class _Asked:
    """What the different values of columns say: `quiet` are the columns in which nothing can be found, `signs` what `pieces.signs` would count in theirs."""

    def __init__(self, contract: Contract, few_of: Few, texts: list[str], plain: list[str]) -> None:
        given = {name: values.drop_nulls() for name, values in few_of.items()}
        frames = {
            name: pl.LazyFrame({ROW: pl.int_range(len(values), eager=True), name: values})
            for name, values in given.items()
        }
        plans: list[tuple[str, pl.LazyFrame]] = []
        for name, frame in frames.items():
            if name in texts:
                looks = special_categories.looks(frame, [name], [name])
                plans += [
                    (name, plan)
                    for plan in (
                        *personal.spans(frame, [name], alone=False),
                        *personal.encoded(frame, [name]),
                        *looks[1:],
                    )
                ]
                plans += [
                    (name, _any(plan))
                    for plan in (
                        personal.disguises(frame, [name]),
                        looks[0].select(ROW, f"{name} mentioned"),
                    )
                ]
            else:
                plans += [
                    (name, frame.filter(at))
                    for at in _misplaced(frame.collect_schema(), contract, texts).values()
                ]
                plans += [(name, plan) for plan in special_categories.looks(frame, [name], [])[1:]]
        answers = run_together([plan for _, plan in plans])
        loud = {name for (name, _), answer in zip(plans, answers, strict=True) if answer.height}
        self.quiet = set(frames) - loud
        signs = run_together(
            [split_values.signs(frames[name], [name]) for name in plain if name in frames]
        )
        self.signs: dict[str, int] = {
            sign: cells for each in signs for sign, cells in each.row(0, named=True).items()
        }


def _any(counts: pl.LazyFrame) -> pl.LazyFrame:
    """The one row of counts, if any of them is not zero."""
    return counts.filter(pl.any_horizontal(pl.exclude(ROW) > 0))


def _misplaced(
    schema: Mapping[str, pl.DataType], contract: Contract, texts: list[str]
) -> dict[str, pl.Expr]:
    """Where columns of other types cannot be read as theirs: those cells are set aside as they came."""
    others = [
        column
        for column in contract.columns
        if column.name not in texts and schema.get(column.name) in (pl.String, pl.Int64)
    ]
    return {
        column.name: pl.col(column.name).is_not_null() & read(column).is_null() for column in others
    }
