"""The `assay.*` custom properties: what Assay needs to know of a data set that ODCS has no word for.

Belongs here: their shapes, one class a property; a key that no class knows is an error.
Stays out: reading YAML (load.py), doing anything (pipelines/).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from assay.contracts.extract import extract, table_name
from assay.contracts.location import displayed, kind_of, misplaced, problem_of, secrets_in, upstream
from assay.contracts.trainers import TrainerName, parameters_of

Purpose = Literal[
    "analytics", "training", "fine-tuning", "retrieval", "evaluation", "redistribution"
]
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
SENSITIVITIES = (
    "public",
    "internal",
    "personal",
    "special category",
    "health",
    "trade secret",
    "secret",
)
"""From the least to the most."""
CONFIDENTIAL = ("personal", "special category", "health", "trade secret", "secret")
"""Classifications of columns that need a treatment."""
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """The base of every property: frozen, strict about keys, and without numbers that are none or endless."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _day_is_utc(value: object) -> object:
    return (
        f"{value}T00:00:00Z"
        if isinstance(value, str) and len(value) == len("2013-01-01")
        else value
    )


def _has_a_day_in_utc(at: datetime) -> datetime:
    try:
        at.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time lies between the years 1 and 9999 in UTC") from None
    return at


Instant = Annotated[AwareDatetime, BeforeValidator(_day_is_utc), AfterValidator(_has_a_day_in_utc)]
"""A time with its zone; a day alone begins in UTC."""


class Window(Settings):
    """Rows of the source that make one version: `start` <= the windowed column < `end`, times in UTC."""

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
            if at and not 1900 <= at.astimezone(UTC).year <= 2200:
                raise ValueError(
                    "`start` and `end` of partitions lie between the years 1900 and 2200"
                )
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
    text inside a Python module), `https://…`, `s3://…`, `gs://…`, `az://…`, a database (`postgres:NAME`, `mysql:NAME`, `sqlite:PATH`, `duckdb:PATH`),
    another data set of the installation (`assay:NAME`, `assay:NAME@VERSION`), or a path or glob: `inbox/…` of ASSAY_HOME, or below a folder of ASSAY_SOURCE_ROOTS.
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
    """The data sets of this installation that it was made from: their licences and obligations are inherited."""

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
                    f"a version of another data set is taken whole, and `{name}` does not belong to it"
                )

    @property
    def upstream(self) -> tuple[str, str | None] | None:
        """The data set that is the source, and which version or reference of it; None where the source is something else."""
        return upstream(self.location)

    @property
    def inherits(self) -> tuple[str, ...]:
        """Every data set whose licence and obligations hold for this one."""
        named = (self.upstream[0],) if self.upstream else ()
        return tuple(dict.fromkeys([*named, *self.derived_from]))


class License(Settings):
    """What the holder allows, as an SPDX expression or a name that the policy reads, and what we want to do: for gain, or in academic research.

    Where rows have licences of their own, `column` says which column names them: a row whose licence does not allow every purpose is set aside.
    """

    expression: str = Field(min_length=1, max_length=4_000)
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
            raise ValueError(
                "`to` belongs to `generalize`, and only to it: year, month, area or band"
            )
        if (self.to == "area") != (self.keep_first > 0) or (self.to == "band") != (self.width > 0):
            raise ValueError(
                "`area` needs `keep_first`, `band` needs `width`, and nothing else does"
            )
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

    sensitivity: Literal[
        "public", "internal", "personal", "special category", "health", "trade secret", "secret"
    ]
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z0-9-]+)?$|^global$")
    lawful_basis: Literal[
        "none needed",
        "consent",
        "contract",
        "legal obligation",
        "vital interests",
        "public task",
        "legitimate interests",
    ]
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


MAX_DAYS = 365_000
"""The longest period that a contract may name: 1,000 years. A date cannot hold ten times as much."""


def _iso_days(text: str) -> str:
    if not re.fullmatch(r"P[0-9]+D", text):
        raise ValueError("write a number of days in ISO 8601, such as P30D")
    if len(text) > 10 or int(text[1:-1]) > MAX_DAYS:
        raise ValueError(f"a period is at most 1,000 years: write P{MAX_DAYS}D to keep everything")
    return text


Days = Annotated[str, AfterValidator(_iso_days)]


class Method(Settings):
    """One of Evidently's statistical tests, with its threshold; both always said, because its defaults change with size."""

    method: Literal["ks", "wasserstein", "psi", "jensenshannon", "chisquare", "kl_div", "hellinger"]
    threshold: float = Field(gt=0)

    @property
    def gives_p_value(self) -> bool:
        """Whether it drifts below its threshold, which is then a false-alarm rate, and not above it."""
        return self.method in ("ks", "chisquare")


class PublishedVersion(Settings):
    """A version that stays the measure until somebody moves it: a reference such as `baseline`, or a number."""

    version: str = Field(min_length=1)


class SlidingWindow(Settings):
    """The last so many versions before the newest, taken together."""

    last: int = Field(ge=2, le=24)


Against = Literal["previous"] | PublishedVersion | SlidingWindow


class Texts(Settings):
    """Columns of running text: hashed words as vectors, and a classifier that tries to tell the two sides apart.

    `threshold` is its area under the curve on texts it has not seen: 0.5 says that nobody could tell.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    threshold: float = Field(default=0.6, gt=0.5, le=1)
    dimensions: int = Field(default=512, ge=64, le=4096)
    sample_rows: int = Field(default=2_000, ge=100, le=20_000)


class Newest(Settings):
    """A version's newest time may be at most so old when it is published."""

    column: str
    within_hours: float = Field(gt=0)


class Slice(Outcome):
    """Rows that are looked at by themselves as well."""

    @property
    def name(self) -> str:
        """As reports call it."""
        return (
            f"{self.column} > {self.above:g}"
            if self.above is not None
            else f"{self.column} = {self.equals}"
        )


class Performance(Settings):
    """What the model in service must still reach where outcomes have arrived: its score when it was judged, less `drop`, and `floor` where there is one.

    Fewer than `least` outcomes say nothing. A fall is told only where the whole 95 % interval lies below. `metric` is that of `assay.retrain` unless said;
    a metric of order (`roc_auc`) does not see that everything has become likelier, `accuracy` (of what is likelier than not) does.
    """

    metric: Literal["roc_auc", "average_precision", "accuracy"] | None = None
    drop: float = Field(default=0.05, gt=0, lt=1)
    floor: Share | None = None
    least: int = Field(default=200, ge=50)


class Webhook(Settings):
    """Somebody else's system that acts: a POST with a signed body. `secret` names the environment variable that holds the key; no contract holds it."""

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    secret: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class Acting(Settings):
    """What follows from drift, and how often it may.

    A version that drifted counts once `k` of the last `of` versions have; a column of `critical` counts at once, alone.
    After an action nothing more happens for `cool_down`, and in a calendar month (UTC) no more than `monthly_budget` actions.
    `by` names who acts: Assay itself, a Dagster job of this installation, or a webhook.
    """

    k: int = Field(default=1, ge=1, le=24)
    of: int = Field(default=1, ge=1, le=24)
    cool_down: Days = "P0D"
    monthly_budget: int | None = Field(default=None, ge=0)
    critical: tuple[str, ...] = ()
    do: Literal["act", "alert"] = "act"
    job: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")
    webhook: Webhook | None = None

    @model_validator(mode="after")
    def _possible(self) -> Acting:
        if self.k > self.of:
            raise ValueError("`k` of the last `of` versions cannot be more than all of them")
        if self.job and self.webhook:
            raise ValueError("one acts: `job` or `webhook`")
        return self


class DriftPolicy(Settings):
    """What a new version is compared with, by which tests, and from where on it counts as drift.

    False alarms: the p-values of one comparison are corrected together. A test that gives a p-value drifts where its corrected one is at most its threshold;
    a distance, a share of missing values, of new or vanished categories where it is beyond its threshold and its corrected p-value is at most `alpha`.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    numerical: Method
    categorical: Method
    methods: dict[str, Method] = Field(default_factory=dict)
    """Columns with a test of their own."""
    texts: Texts | None = None
    against: tuple[Against, ...] = Field(default=("previous",), min_length=1)
    share: Share
    missing_change_pct: float = Field(gt=0, le=100)
    volume_change_pct: float = Field(gt=0)
    label_change_pct: float = Field(default=5, gt=0, le=100)
    """How far the share of the features' target may move, in percentage points."""
    new_categories: bool = True
    vanished_categories: bool = True
    schema_changes: bool = True
    newest: Newest | None = None
    slices: tuple[Slice, ...] = ()
    predictions: Method = Method(method="jensenshannon", threshold=0.1)
    performance: Performance = Performance()
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    correction: Literal["benjamini-hochberg", "bonferroni", "none"] = "benjamini-hochberg"
    sample_rows: int = Field(default=50_000, ge=100)
    seed: int = 0
    acting: Acting = Acting()

    @model_validator(mode="after")
    def _suited(self) -> DriftPolicy:
        if self.numerical.method == "chisquare":
            raise ValueError("`chisquare` compares categories, not numbers")
        if self.categorical.method in ("ks", "wasserstein"):
            raise ValueError(f"`{self.categorical.method}` compares numbers, not categories")
        if self.predictions.method == "chisquare":
            raise ValueError("`predictions` are numbers, which `chisquare` does not compare")
        for name in (*self.methods, *self.acting.critical):
            if name not in self.columns:
                raise ValueError(
                    f"'{name}' is given a test or called critical, and is not among `columns`"
                )
        return self

    def method(self, column: str, kind: Literal["numerical", "categorical"]) -> Method:
        """The test of a column."""
        return self.methods.get(column) or (
            self.numerical if kind == "numerical" else self.categorical
        )


class Trainer(Settings):
    """A model of scikit-learn's, by a name from the list, with its parameters."""

    name: TrainerName = "gradient_boosting"
    parameters: dict[str, bool | int | float | str | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_such_parameters(self) -> Trainer:
        allowed = parameters_of(self.name)
        if unknown := sorted(set(self.parameters) - allowed):
            raise ValueError(
                f"{self.name} has no parameter '{unknown[0]}', but {', '.join(sorted(allowed))}"
            )
        return self


class Fairness(Settings):
    """Columns whose groups a model must not treat too differently: the largest differences between groups that are allowed, as shares.

    `selection`: of those it says yes to (demographic parity). `opportunity`: of those it finds among the positive (Hardt et al., 2016).
    A group of fewer than `smallest` judged rows is left out.
    """

    groups: tuple[str, ...] = Field(min_length=1)
    selection: Share | None = None
    opportunity: Share | None = None
    smallest: int = Field(default=50, ge=10)


class Canary(Settings):
    """A challenger that was not worse serves this share of predictions first, and is judged by what came true of them.

    From `outcomes` of its own on, it is promoted or rolled back once the interval of its difference from the champion says so. Where `most` have not decided it
    (ten times `outcomes`, unless said), the difference itself does.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    outcomes: int = Field(default=200, ge=50)
    most: int | None = None

    @model_validator(mode="after")
    def _most_is_no_less(self) -> Canary:
        if self.most is not None and self.most < self.outcomes:
            raise ValueError(f"most is {self.most}, which is less than outcomes, {self.outcomes}")
        return self

    @property
    def limit(self) -> int:
        """Of outcomes: by then it is decided."""
        return self.most or 10 * self.outcomes


class Retrain(Settings):
    """What to train when the data have drifted, how to judge it, and when the old model stays.

    A challenger is refused where it is worse than the champion on the same held-back rows by more than `tolerance`; in a slice by more than `slice_tolerance`.
    The interval of the difference has `confidence`. `calibration`: the largest expected calibration error allowed.
    """

    model: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=100)
    trainer: Trainer = Trainer()
    metric: Literal["roc_auc", "average_precision"] = "roc_auc"
    holdout: Annotated[float, Field(gt=0, lt=1)]
    tolerance: float = Field(ge=0)
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    resamples: int = Field(default=500, ge=100, le=10_000)
    slices: tuple[Slice, ...] = ()
    slice_tolerance: float = Field(default=0.05, ge=0)
    fairness: Fairness | None = None
    calibration: Share | None = None
    canary: Canary | None = None
    seed: int = 0


class Question(Settings):
    """What somebody may ask, and the documents, by key, that answer it."""

    ask: str = Field(min_length=3)
    documents: tuple[str, ...] = Field(min_length=1)


class FittedEmbedding(Settings):
    """A space fitted to the documents themselves: nothing from outside is needed.

    It stays while the documents change, so that unchanged ones keep their vectors, and is fitted anew once more than the share `refit` of the passages has changed since.
    """

    method: Literal["fitted"] = "fitted"
    refit: Share = 0.2


class ModelEmbedding(Settings):
    """A model of sentence-transformers in a folder below ASSAY_HOME or ASSAY_SOURCE_ROOTS; some models want words before a question or a passage."""

    method: Literal["sentence-transformers"]
    model: str = Field(min_length=1)
    before_question: str = ""
    before_passage: str = ""
    batch: int = Field(default=64, ge=1, le=1024)


class EndpointEmbedding(Settings):
    """An HTTP endpoint that speaks as OpenAI's does (`POST {model, input}`). The passages leave the installation, so it must allow the host: ASSAY_EMBEDDING_HOSTS."""

    method: Literal["endpoint"]
    url: str = Field(pattern=r"^https?://[^\s@]+$")
    model: str = Field(min_length=1)
    batch: int = Field(default=64, ge=1, le=2048)

    @model_validator(mode="after")
    def _holds_no_key(self) -> EndpointEmbedding:
        if names := secrets_in(self.url):
            raise ValueError(
                f"`url` holds a credential (`{names[0]}`): it belongs in ASSAY_EMBEDDING_KEY"
            )
        return self


Embedding = Annotated[
    FittedEmbedding | ModelEmbedding | EndpointEmbedding, Field(discriminator="method")
]


class Rerank(Settings):
    """How full text and vectors become one order: LanceDB's rerankers, over the `look_at` best of each. `cross-encoder` reads a model from a folder."""

    method: Literal["rrf", "mrr", "linear", "cross-encoder"] = "rrf"
    model: str | None = None
    look_at: int = Field(default=100, ge=10, le=1000)

    @model_validator(mode="after")
    def _has_its_model(self) -> Rerank:
        if (self.method == "cross-encoder") != (self.model is not None):
            raise ValueError("`model` belongs to `cross-encoder`, and only to it")
        return self


class Index(Settings):
    """What to rebuild when documents have changed, how to judge it, and when the old index stays.

    `questions` are asked of the candidate and of the index in service: so many made from the documents themselves, or the contract's own.
    The candidate is refused where its `metric` at `k` is under `floor`, or under that of the index in service by more than `tolerance`, where less than the share
    `citations` of what it answers stands word for word at the place it names, or where one question in twenty takes longer than `p95_ms`.
    """

    key: str
    text: str
    title: str | None = None
    format: Literal["text", "markdown"] = "text"
    language: Literal["arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian", "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish"] = "english"  # fmt: skip
    chunk_chars: int = Field(ge=200, le=10_000)
    overlap_chars: int = Field(default=0, ge=0, le=5_000)
    embedding: Embedding = FittedEmbedding()
    dimensions: int = Field(ge=8, le=4096)
    vector: str | None = None
    """The contract's column of type vector that says which model and how many dimensions there must be."""
    reranker: Rerank = Rerank()
    questions: Annotated[int, Field(ge=10)] | Annotated[tuple[Question, ...], Field(min_length=1)]
    k: int = Field(default=10, ge=1, le=100)
    metric: Literal["recall", "ndcg", "mrr"] = "recall"
    floor: Share
    tolerance: Share
    citations: Share = 1.0
    p95_ms: float | None = Field(default=None, gt=0)
    keep: int = Field(default=3, ge=1, le=100)
    """How many builds stay on the disk, the one in service among them, to roll back to."""
    seed: int = 0

    @model_validator(mode="after")
    def _overlaps_less_than_half(self) -> Index:
        if 2 * self.overlap_chars > self.chunk_chars:
            raise ValueError("`overlap_chars` is at most half of `chunk_chars`")
        return self


class Retention(Settings):
    """How long each layer lives, and the column by which a person can ask to be erased."""

    landed: Days
    quarantine: Days
    versions: Days
    subject_key: str | None = None
