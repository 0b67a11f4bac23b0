"""The `assay.*` custom properties: what Assay needs to know of a data set that ODCS has no word for.

Belongs here: their shapes, one class a property; a key that no class knows is an error.
Stays out: reading YAML (load.py), doing anything (pipelines/).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts.extract import extract, table_name
from contracts.location import kind_of, misplaced, problem_of

Purpose = Literal["analytics", "training", "fine-tuning", "retrieval", "evaluation", "redistribution"]
PersonalKind = Literal[
    "email", "phone", "name", "address", "birth_date", "coordinates", "url", "ip_address", "mac_address", "national_id", "passport", "tax_number", "license_plate",
    "card", "iban", "bank_account", "crypto_address", "medical_record", "medical_code", "health", "religion", "politics", "trade_union", "ethnicity", "sexual_life",
    "genetic", "biometric", "secret", "confidential", "unscanned", "other",
]  # fmt: skip
SensitiveClass = Literal["personal", "special category", "health", "trade secret", "secret"]
CLASSES: dict[PersonalKind, SensitiveClass] = {
    "medical_record": "health", "medical_code": "health", "health": "health", "religion": "special category", "politics": "special category", "trade_union": "special category",
    "ethnicity": "special category", "sexual_life": "special category", "genetic": "special category", "biometric": "special category", "confidential": "trade secret", "secret": "secret",
}  # fmt: skip
"""The class of a kind where it is more than personal."""
SENSITIVITIES = ("public", "internal", "personal", "special category", "health", "trade secret", "secret")
"""From the least to the most."""
CONFIDENTIAL = ("personal", "special category", "health", "trade secret", "secret")
"""Classifications of columns that need a treatment."""
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """The base of every property: frozen, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _day_is_utc(value: object) -> object:
    return f"{value}T00:00:00Z" if isinstance(value, str) and len(value) == len("2013-01-01") else value


Instant = Annotated[AwareDatetime, BeforeValidator(_day_is_utc)]
"""A time with its zone; a day alone begins in UTC."""


class Window(Settings):
    """Rows of the source that make one version: `start` <= the windowed column < `end`, times in UTC."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
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
    """A source that comes month by month or day by day: each is a partition of one data set, taken by itself, and a version holds all of them.

    The column is the one that the schema calls `partitioned`. A `location` with `{partition}` in it names a file for each: 2013-03, or 2013-03-31.
    """

    by: Literal["month", "day"]
    start: Instant
    end: Instant | None = None
    backfill: Literal["each", "together"] = "each"
    """Whether a backfill makes a run and a version of each partition, or one of all of them."""

    @model_validator(mode="after")
    def _begins_a_partition(self) -> Partitions:
        for at in (self.start, self.end):
            if at and (at.utctimetuple()[3:6] != (0, 0, 0) or (self.by == "month" and at.day != 1)):
                raise ValueError(f"`start` and `end` are the beginning of a {self.by} in UTC")
        if self.end and self.start >= self.end:
            raise ValueError("`end` must come after `start`")
        return self


class Watermark(Settings):
    """A column that only grows: a run takes the rows beyond what the last published version reached, the first one those beyond `start`."""

    column: str = Field(min_length=1)
    start: str | int | float | None = None


class CsvOptions(Settings):
    """How text is written. What is not said here is RFC 4180 in UTF-8 with a header; `auto` has it found, and the receipt tells what was."""

    delimiter: str = Field(default=",", pattern=r"^([\x01-\x09\x0b\x0c\x0e-\x7f]|auto)$")
    quote: str = Field(default='"', pattern=r"^([\x01-\x09\x0b\x0c\x0e-\x7f]|auto|none)$")
    escape: str | None = Field(default=None, pattern=r"^([\x00-\x09\x0b\x0c\x0e-\x7f]|auto)$")
    """The character before a quote inside quotes; another quote unless said."""
    encoding: str = Field(default="utf-8", min_length=1)
    header: bool | Literal["auto"] = True
    """Without one the columns are `column_1`, `column_2` and so on; `auto` also gives names to columns that have none or one that is taken."""
    null_values: tuple[str, ...] = ()
    members: str | None = None
    """Of an archive: which files in it, as a glob over their names; all of them unless said."""
    sheet: str | None = None
    """Of a workbook: which sheet; the only one unless said."""
    header_row: int = Field(default=1, ge=1, le=1000)
    """Of a workbook: which row holds the column names, counted from 1."""
    table: str | None = None
    query: str | None = None
    """Of a database: what is read, a table (`schema.table`) or a query."""
    watermark: Watermark | None = None

    @model_validator(mode="after")
    def _told_apart(self) -> CsvOptions:
        said = [mark for mark in (self.delimiter, self.quote) if mark not in ("auto", "none")]
        if len(set(said)) < len(said) or self.escape == self.delimiter != "auto":
            raise ValueError("delimiter, quote and escape must be told apart")
        return self


class Source(Settings):
    """Where the data come from.

    `location` is `package:NAME/PATH` (a file inside an installed package), `module:NAME#ATTRIBUTE` (a mapping of name to
    text inside a Python module), `https://…`, `s3://…`, `gs://…`, `az://…`, a database (`postgres:NAME`, `sqlite:PATH`, `duckdb:PATH`),
    or a path or glob; a relative path is looked up below ASSAY_HOME, then below each folder of ASSAY_SOURCE_ROOTS.
    """

    origin: Literal["internal", "external", "synthetic"]
    location: str = Field(min_length=1)
    format: Literal["csv", "json", "jsonl", "parquet", "documents", "arrow", "excel", "sql"]
    options: CsvOptions = CsvOptions()
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    schedule: str | None = None
    arrival: bool = False
    windows: Windows | None = None
    partitions: Partitions | None = None
    derived_from: tuple[str, ...] = ()
    """The data sets of this installation that it was made from: their licences and obligations are inherited."""

    @model_validator(mode="after")
    def _agrees(self) -> Source:
        if problem := problem_of(self.location, self.format, self.arrival) or misplaced(self.format, self.options.model_fields_set):
            raise ValueError(problem)
        if self.options.query is not None:
            extract(self.options.query, kind_of(self.location))
        if self.options.table is not None:
            table_name(self.options.table)
        return self


class License(Settings):
    """What the holder allows, as an SPDX expression or a name that the policy reads, and what we want to do: for gain, or in academic research.

    Where rows have licences of their own, `column` says which column names them: a row whose licence does not allow every purpose is set aside.
    """

    expression: str = Field(min_length=1)
    holder: str
    evidence: str
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    commercial: bool = False
    academic: bool = False
    until: date | None = None
    """The last day it holds."""
    column: str | None = None


class Treatment(Settings):
    """What admission does to one personal column before anything else sees it."""

    kind: PersonalKind
    treatment: Literal["token", "hash", "mask", "generalize", "redact", "drop"]
    keep_last: int = Field(default=0, ge=0, le=4)
    """Mask: how many characters at the end stay readable."""
    to: Literal["year", "month", "area", "band"] | None = None
    """Generalize: a date to its year or month, a code to its first characters (`keep_first`), a number to a band (`width`)."""
    keep_first: int = Field(default=0, ge=0, le=5)
    width: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _said_whole(self) -> Treatment:
        if (self.treatment == "generalize") != (self.to is not None):
            raise ValueError("`to` belongs to `generalize`, and only to it: year, month, area or band")
        if (self.to == "area") != (self.keep_first > 0) or (self.to == "band") != (self.width > 0):
            raise ValueError("`area` needs `keep_first`, `band` needs `width`, and nothing else does")
        return self


class Anonymity(Settings):
    """What a version must not fall below, over columns by which a person could be told apart together.

    Source: k, Samarati and Sweeney (1998); l (distinct), Machanavajjhala et al. (2007); t, Li et al. (2007).
    """

    quasi_identifiers: tuple[str, ...] = Field(min_length=1)
    k: int = Field(ge=2)
    sensitive: tuple[str, ...] = ()
    l: int | None = Field(default=None, ge=2)  # noqa: E741  # the literature's own name
    t: float | None = Field(default=None, gt=0, le=1)

    @model_validator(mode="after")
    def _has_what_it_measures(self) -> Anonymity:
        if bool(self.sensitive) != (self.l is not None or self.t is not None):
            raise ValueError("`l` and `t` speak of `sensitive` columns: give both, or neither")
        if set(self.sensitive) & set(self.quasi_identifiers):
            raise ValueError("a column is a quasi-identifier or sensitive, not both")
        return self


class Privacy(Settings):
    """Sensitivity of the whole, and the treatment of each personal column."""

    sensitivity: Literal["public", "internal", "personal", "special category", "health", "trade secret", "secret"]
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z0-9-]+)?$|^global$")
    lawful_basis: Literal["none needed", "consent", "contract", "legal obligation", "vital interests", "public task", "legitimate interests"]
    columns: dict[str, Treatment] = Field(default_factory=dict)
    anonymity: Anonymity | None = None


class Outcome(Settings):
    """What counts as the outcome in a row: a column above a number, or equal to a value."""

    column: str
    above: float | None = None
    equals: str | float | bool | None = None

    @model_validator(mode="after")
    def _said_once(self) -> Outcome:
        if (self.above is None) == (self.equals is None):
            raise ValueError("say either `above` or `equals`")
        return self


class Bias(Settings):
    """Groups whose representation, and whose share of the outcome, each version is measured on.

    A group of fewer than `smallest` rows is neither named nor counted in a measure: somebody in it could be told apart.
    """

    groups: tuple[str, ...] = Field(min_length=1)
    label: Outcome | None = None
    smallest: int = Field(default=10, ge=2)


class Method(Settings):
    """One of Evidently's statistical tests, with its threshold; both always said, because its defaults change with size."""

    method: Literal["ks", "wasserstein", "psi", "jensenshannon", "chisquare", "kl_div", "hellinger"]
    threshold: float = Field(gt=0)


class DriftPolicy(Settings):
    """What is compared with the previous version, and from where on it counts as drift."""

    columns: tuple[str, ...] = Field(min_length=1)
    numerical: Method
    categorical: Method
    share: Share
    missing_change_pct: float = Field(gt=0, le=100)
    volume_change_pct: float = Field(gt=0)
    new_categories: bool = True
    sample_rows: int = Field(default=50_000, ge=100)
    seed: int = 0

    @model_validator(mode="after")
    def _suited(self) -> DriftPolicy:
        if self.numerical.method == "chisquare":
            raise ValueError("`chisquare` compares categories, not numbers")
        if self.categorical.method in ("ks", "wasserstein"):
            raise ValueError(f"`{self.categorical.method}` compares numbers, not categories")
        return self


class Retrain(Settings):
    """What to train when the data have drifted, how to judge it, and when the old model stays."""

    model: str = Field(pattern=r"^[a-z0-9_-]+$")
    metric: Literal["roc_auc", "average_precision"] = "roc_auc"
    holdout: Annotated[float, Field(gt=0, lt=1)]
    tolerance: float = Field(ge=0)
    seed: int = 0


class Index(Settings):
    """What to rebuild when documents have changed, how to judge it, and when the old index stays."""

    key: str
    text: str
    chunk_chars: int = Field(ge=200, le=10_000)
    dimensions: int = Field(ge=8, le=2048)
    questions: int = Field(ge=10)
    floor: Share
    tolerance: Share
    seed: int = 0


def _iso_days(text: str) -> str:
    if not (text.startswith("P") and text.endswith("D") and text[1:-1].isdigit()):
        raise ValueError("write a number of days in ISO 8601, such as P30D")
    return text


Days = Annotated[str, AfterValidator(_iso_days)]


class Retention(Settings):
    """How long each layer lives, and the column by which a person can ask to be erased."""

    landed: Days
    quarantine: Days
    versions: Days
    subject_key: str | None = None
