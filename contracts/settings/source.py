"""`assay.source`: where the data come from, and how they are written there."""

from __future__ import annotations

from datetime import UTC
from typing import Literal

from pydantic import (
    Field,
    model_validator,
)

from assay.contracts.extract import extract, table_name
from assay.contracts.location import displayed, kind_of, misplaced, problem_of, upstream
from assay.contracts.settings.base import Instant, Settings


class Window(Settings):
    """Rows of the source that make one version.

    `start` <= the windowed column < `end`, times in UTC.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=100)
    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.start >= self.end:
            raise ValueError("`end` must come after `start`")
        return self


class Windows(Settings):
    """A source that grows in time is published window by window, in this order."""

    column: str
    each: tuple[Window, ...] = Field(min_length=1)


PARTITION = "{partition}"
"""Stands in a location for the name of a partition."""


class Partitions(Settings):
    """A source that comes month by month or day by day.

    Each is a partition of one data set, taken by itself, and a version holds all of them.

    The column is the one that the schema calls `partitioned`. A `location` with `{partition}` in it
    names a file for each: 2013-03, or 2013-03-31.
    """

    by: Literal["month", "day"]
    start: Instant
    end: Instant | None = None
    backfill: Literal["each", "together"] = "each"
    """Whether a backfill makes a run and a version of each partition, or one of all of them."""

    @model_validator(mode="after")
    def _begins_a_partition(self) -> Partitions:
        for at in (self.start, self.end):
            if at and not 1900 <= at.astimezone(UTC).year <= 2200:
                raise ValueError(
                    "`start` and `end` of partitions must be between the years 1900 and 2200"
                )
            if at and (at.utctimetuple()[3:6] != (0, 0, 0) or (self.by == "month" and at.day != 1)):
                raise ValueError(f"`start` and `end` must be the beginning of a {self.by} in UTC")
        if self.end and self.start >= self.end:
            raise ValueError("`end` must come after `start`")
        return self


class Watermark(Settings):
    """A column that only grows.

    A run takes the rows beyond what the last published version reached, the first one those beyond
    `start`. Rows up to `overlap` behind it are read again, and those that were not read before are
    taken too: they have the same value, or were committed late.
    """

    column: str = Field(min_length=1)
    start: str | int | float | None = None
    overlap: float | None = Field(default=None, ge=0)
    """Seconds where the column is a time, otherwise a number; 3,600 or 1,000 by default."""


class CsvOptions(Settings):
    """How text is written.

    What is not said here is RFC 4180 in UTF-8 with a header; `auto` has it found, and the receipt
    tells what was.
    """

    delimiter: str = Field(default=",", pattern=r"^([\x01-\x09\x0b\x0c\x0e-\x7f]|auto)$")
    quote: str = Field(default='"', pattern=r"^([\x01-\x09\x0b\x0c\x0e-\x7f]|auto|none)$")
    escape: str | None = Field(default=None, pattern=r"^([\x00-\x09\x0b\x0c\x0e-\x7f]|auto)$")
    """The character before a quote inside quotes; another quote by default."""
    encoding: str = Field(default="utf-8", min_length=1)
    header: bool | Literal["auto"] = True
    """Without one the columns are `column_1`, `column_2` and so on; `auto` also gives names to
    columns that have none or one that is taken."""
    null_values: tuple[str, ...] = ()
    members: str | None = None
    """Of an archive: which files in it, as a glob over their names; all of them by default."""
    sheet: str | None = None
    """Of a workbook: which sheet; the only one by default."""
    header_row: int = Field(default=1, ge=1, le=1000)
    """Of a workbook: which row holds the column names, counted from 1. Of text: which line does, or
    holds the first row where there are none; blank lines before it need not be counted."""
    header_lines: int = Field(default=1, ge=1, le=10)
    """Of text: how many lines the names take; they are joined."""
    comment: str | None = Field(default=None, pattern=r"^[\x21-\x7e]$")
    """Of text: lines that begin with it are no records."""
    footer: int = Field(default=0, ge=0, le=1000)
    """Of text: how many lines at the end are no records, such as totals."""
    table: str | None = None
    query: str | None = None
    """Of a database: what is read, a table (`schema.table`) or a query."""
    watermark: Watermark | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> CsvOptions:
        given = (self.delimiter, self.quote, self.comment)
        marks = [mark for mark in given if mark not in ("auto", "none", None)]
        if len(set(marks)) < len(marks) or self.escape == self.delimiter != "auto":
            raise ValueError("delimiter, quote, escape and comment must differ")
        return self


class Source(Settings):
    """Where the data come from.

    `location` is `package:NAME/PATH` (a file inside an installed package), `module:NAME#ATTRIBUTE`
    (a mapping of name to text inside a Python module), `https://…`, `s3://…`, `gs://…`, `az://…`, a
    database (`postgres:NAME`, `mysql:NAME`, `sqlite:PATH`, `duckdb:PATH`), another data set of the
    installation (`assay:NAME`, `assay:NAME@VERSION`), or a path or glob: `inbox/…` of ASSAY_HOME,
    or below a folder of ASSAY_SOURCE_ROOTS.
    """

    origin: Literal["internal", "external", "synthetic"]
    location: str = Field(min_length=1)
    format: Literal["csv", "json", "jsonl", "parquet", "documents", "arrow", "excel", "sql"]
    options: CsvOptions = CsvOptions()
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    schedule: str | None = Field(default=None, max_length=200)
    arrival: bool = False
    windows: Windows | None = None
    partitions: Partitions | None = None
    derived_from: tuple[str, ...] = ()
    """The data sets of this installation that it was derived from: their licences and obligations are
    inherited."""

    @property
    def shown_location(self) -> str:
        """The location without what may be a secret; everything that is shown or kept has this."""
        return displayed(self.location)

    @model_validator(mode="after")
    def _agrees(self) -> Source:
        if problem := problem_of(self.location, self.format, self.arrival) or misplaced(
            self.format, self.options.model_fields_set
        ):
            raise ValueError(problem)
        if self.upstream is not None:
            self._takes_a_version_whole()
        if self.options.query is not None:
            extract(self.options.query, kind_of(self.location))
        if self.options.table is not None:
            table_name(self.options.table)
        return self

    def _takes_a_version_whole(self) -> None:
        given = {
            "windows": self.windows,
            "partitions": self.partitions,
            "sha256": self.sha256,
            "options": self.options.model_fields_set,
        }
        for name, value in given.items():
            if value:
                raise ValueError(
                    f"a version of another data set is read whole, so `{name}` is not allowed"
                )

    @property
    def upstream(self) -> tuple[str, str | None] | None:
        """The data set that is the source, and which version or reference of it.

        None if the source is something else.
        """
        return upstream(self.location)

    @property
    def inherits(self) -> tuple[str, ...]:
        """Every data set whose licence and obligations hold for this one."""
        named = (self.upstream[0],) if self.upstream else ()
        return tuple(dict.fromkeys([*named, *self.derived_from]))
