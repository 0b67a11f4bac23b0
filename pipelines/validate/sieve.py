"""Repaired rows on their way to the version: those that leave are handed over with their reason,
the others go on, and everything is counted.

Belongs here: what is done to each batch of the one pass. Stays out: repairing (clean/), what a rule
means (split.py), files (the caller's sinks).
Polars works a shared plan out again for every sink, so the pass has one sink, and what leaves is
taken out of the stream as it goes by.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import polars as pl
import polars.selectors as cs

from assay.contracts.model import Contract
from assay.pipelines.admit.names import perhaps_personal
from assay.pipelines.clean.steps import what
from assay.pipelines.core.frames import (
    CHANGED,
    FLAGGED_BY,
    REASONS,
    RECEIVED,
    REMOVED_BY,
    ROW,
    SET_ASIDE_BY,
)
from assay.pipelines.validate.key_texts import Elsewhere
from assay.pipelines.validate.split import KEPT, count_breaking_rows, judged, split

Take = Callable[[pl.DataFrame], None]
BARRED = "_barred_by"  # why the row's own licence does not allow what is wanted
SAMPLES = 5  # changed cells of each step that are shown
Sample = tuple[int, str, str | None, str | None]
"""Row, column, the text as received and what is published of it."""
ROWS_AT_ONCE = 500_000  # what pandera is given: fewer calls, and still little memory


class Sieve:
    """One pass over one version's rows.

    Args:
        quarantine, remove: take what leaves, batch by batch and in no order: `_row`, `_reasons` or
            `_removed_by`, and the text as received.
        flag: takes `_row` and `_flagged_by` of what was noted.
        certain: rules that no row can break, and that are not asked.
        elsewhere: looks keys up in the other partitions of the version; None if there are none.
        pandera_check: looks at the rows that stay, as they will be published, and raises where it disagrees.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        quarantine: Take,
        remove: Take,
        flag: Take,
        pandera_check: Take,
        certain: Collection[str] = (),
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._contract, self._names = (
            contract,
            [column.name for column in contract.published_columns],
        )
        self._rules = [rule for rule in contract.rules if rule.name not in certain]
        self._received = [
            pl.col(RECEIVED + name).cast(pl.String).alias(name) for name in self._names
        ]
        self._quarantine, self._remove, self._flag, self._pandera_check = (
            quarantine,
            remove,
            flag,
            pandera_check,
        )
        self._lock, self._gathered, self._waiting = threading.Lock(), list[pl.DataFrame](), 0
        self._one_at_a_time = (
            threading.Lock()
        )  # one at a time, while other batches are sorted: pandera's settings are the process's
        self.counts: Counter[str] = Counter(dict.fromkeys(certain, 0))
        """`rows` evaluated, and the rows that break each rule."""
        self.changed: Counter[tuple[str, str]] = Counter()
        """(step, column) -> cells it gave another value."""
        self._shown = {
            c.name
            for c in contract.published_columns
            if not c.classification and not c.is_binary and not perhaps_personal(c.name)
        } - set(contract.privacy.columns)
        self._samples: dict[str, list[Sample]] = {}

    def plan(self, repaired: pl.LazyFrame, related: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
        """The rows to publish. Running the plan is the pass; call `finish` after it.

        Args:
            repaired: as `steps.repaired` makes it, with `_barred_by`.
            related: data set -> its newest version; the table itself is what stays of `repaired`, and
            the other partitions where they are given under its name.
        """
        stays = pl.all_horizontal(
            pl.col(mark).is_null() for mark in (REMOVED_BY, SET_ASIDE_BY, BARRED)
        )
        verdicts = judged(
            repaired,
            self._rules,
            {**related, self._contract.table: self._own_rows(repaired.filter(stays), related)},
            stays,
            self._elsewhere,
        )
        seen = cs.by_name(
            ROW,
            *self._names,
            *(RECEIVED + name for name in self._names),
            REMOVED_BY,
            SET_ASIDE_BY,
            FLAGGED_BY,
            BARRED,
        ) | cs.starts_with(KEPT, CHANGED)
        return verdicts.select(seen).map_batches(
            self._sort, streamable=True, schema=verdicts.select(self._names).collect_schema()
        )

    def _own_rows(self, rows: pl.LazyFrame, related: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
        """The table that a relationship to itself points to, other partitions among it."""
        others = related.get(self._contract.table)
        if others is None:
            return rows
        return pl.concat([rows.select(self._names), others.select(self._names)])

    def finish(self) -> None:
        """Show pandera what it has not seen yet."""
        self._show_pandera(1)

    @property
    def cells_changed(self) -> dict[str, dict[str, int]]:
        """Step -> column -> cells it gave another value, where there are any."""
        cells_by_step: dict[str, dict[str, int]] = {}
        for (step, column), cells in sorted(self.changed.items()):
            if cells:
                cells_by_step.setdefault(step, {})[column] = cells
        return cells_by_step

    @property
    def samples(self) -> dict[str, list[Sample]]:
        """Step -> the first few cells that it changed, by row; none of personal columns."""
        return {step: list(cells) for step, cells in sorted(self._samples.items())}

    def _sample(self, batch: pl.DataFrame, mark: str) -> list[Sample]:
        """The first rows of the batch whose cell was changed: as received, and as it will be
        published.
        """
        _, column = what(mark)
        cells = (
            batch.filter(mark)
            .select(ROW, pl.col(RECEIVED + column).cast(pl.String), pl.col(column).cast(pl.String))
            .bottom_k(SAMPLES, by=ROW)
            .sort(ROW)
        )
        return [(row, column, before, after) for row, before, after in cells.iter_rows()]

    def _sort(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Hand over what leaves, count, and let the rest go on."""
        leaves = batch.select(
            removed=pl.col(REMOVED_BY).is_not_null(),
            aside=pl.col(REMOVED_BY).is_null()
            & (pl.col(SET_ASIDE_BY).is_not_null() | pl.col(BARRED).is_not_null()),
        )
        stays = ~(leaves["removed"] | leaves["aside"])
        self._hand_over(batch, leaves["removed"], leaves["aside"])
        counts, parts = (
            count_breaking_rows(batch, stays),
            split(batch, self._rules, stays, self._names),
        )
        if parts.set_aside.height:
            self._quarantine(parts.set_aside.select(ROW, REASONS, *self._received))
        kept = parts.kept
        marks = [name for name in batch.columns if name.startswith(CHANGED)]
        sums = batch.select(pl.col(marks).sum()).row(0, named=True) if marks else {}
        samples = [
            (what(mark)[0], self._sample(batch, mark))
            for mark, cells in sums.items()
            if cells and what(mark)[1] in self._shown
        ]
        with self._lock:
            self.changed.update({what(mark): cells for mark, cells in sums.items()})
            for step, cells in samples:
                self._samples[step] = sorted(
                    [*self._samples.get(step, []), *cells], key=lambda cell: cell[:2]
                )[:SAMPLES]
            self.counts.update(counts)
            self._gathered.append(kept)
            self._waiting += kept.height
        self._show_pandera(ROWS_AT_ONCE)
        return kept

    def _hand_over(self, batch: pl.DataFrame, removed: pl.Series, aside: pl.Series) -> None:
        """What cleaning and row licences take out, or note."""
        if removed.any():
            self._remove(batch.filter(removed).select(ROW, REMOVED_BY, *self._received))
        if aside.any():
            why = pl.concat_list(
                "cleaning: " + pl.col(SET_ASIDE_BY), "license: " + pl.col(BARRED)
            ).list.drop_nulls()
            self._quarantine(batch.filter(aside).select(ROW, why.alias(REASONS), *self._received))
        noted = batch.filter(pl.col(FLAGGED_BY).list.len() > 0)
        if noted.height:
            self._flag(noted.select(ROW, FLAGGED_BY))

    def _show_pandera(self, least: int) -> None:
        """Show pandera the rows that it has not seen, where there are at least so many."""
        with self._lock:
            if self._waiting < least:
                return
            seen, self._gathered, self._waiting = pl.concat(self._gathered, rechunk=False), [], 0
        with self._one_at_a_time:
            self._pandera_check(seen)
