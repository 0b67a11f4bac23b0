"""The contract as data: columns, rules and settings, frozen.

Belongs here: what a contract states. Stays out: how it is read (load.py), what its rules mean on a
frame (rules.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from assay.contracts.features import Features
from assay.contracts.formats import is_binary
from assay.contracts.settings import (
    CLASSES,
    CONFIDENTIAL,
    SENSITIVITIES,
    Approvals,
    Bias,
    DriftPolicy,
    Index,
    License,
    Privacy,
    Retention,
    Retrain,
    SensitiveClass,
    Source,
)
from assay.contracts.steps import CleaningStep

Level = Literal["first", "second"]
"""Of approval: ODCS' firstLevelApprovers and secondLevelApprovers."""
LEVELS: tuple[Level, ...] = ("first", "second")
LogicalType = Literal[
    "string",
    "integer",
    "number",
    "boolean",
    "date",
    "timestamp",
    "time",
    "object",
    "array",
    "map",
    "vector",
]
Severity = Literal["error", "warning", "info"]
RuleKind = Literal[
    # what the schema promises of a column
    "required",
    "type",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "unique",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "normalized",
    # what a relationship promises
    "relationship",
    # what quality promises
    "nullValues",
    "missingValues",
    "invalidValues",
    "duplicateValues",
    "rowCount",
    "sql",
    # what assay.privacy promises
    "anonymity",
    # what a custom check of the engine `assay`, or an agreement on service, promises
    "metric",
]
TABLE_KINDS: frozenset[str] = frozenset({"rowCount", "sql", "anonymity", "metric"})
MetricName = Literal[
    "noiseRate",
    "duplicateRate",
    "coverage",
    "errorRate",
    "completeness",
    "freshness",
    "stability",
    "smallestShare",
    "balance",
    "labelShare",
    "parityDifference",
    "impactRatio",
]
Comparison = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]
OPERATORS: tuple[Comparison, ...] = get_args(Comparison)


class Frozen(BaseModel):
    """Data that never changes and knows its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """One declared column, or what a nested one consists of.

    `classification` is the ODCS field; `personal` columns have a treatment in `assay.privacy`.
    """

    name: str
    logical_type: LogicalType
    physical_type: str | None = None
    physical_name: str | None = None
    """The column's name in the source, where it is another."""
    null_values: tuple[str, ...] = ()
    """Texts of the source that represent nothing in this column."""
    description: str | None = None
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    partition_position: int | None = None
    """The place of a column that ODCS calls `partitioned` among the others that are."""
    classification: str | None = None
    format: str | None = None
    timezone: bool = True
    dimensions: int | None = None
    element_type: str = "float32"
    embedding_model: str | None = None
    embedding_version: str | None = None
    """Of a vector: which model it is declared to come from."""
    fields: tuple[Column, ...] = ()
    """What an object holds; for an array its items, for a map its key and its value."""

    @property
    def is_binary(self) -> bool:
        """Whether it holds bytes, which sources deliver as hexadecimal text."""
        return is_binary(self.logical_type, self.physical_type)

    @property
    def is_text(self) -> bool:
        """Whether it holds text as it came, which is always readable."""
        return self.logical_type == "string" and not self.is_binary


_COMPARED: dict[Comparison, Callable[[float, float, float], bool]] = {
    "mustBe": lambda measured, low, _: measured == low,
    "mustNotBe": lambda measured, low, _: measured != low,
    "mustBeGreaterThan": lambda measured, low, _: measured > low,
    "mustBeGreaterOrEqualTo": lambda measured, low, _: measured >= low,
    "mustBeLessThan": lambda measured, low, _: measured < low,
    "mustBeLessOrEqualTo": lambda measured, low, _: measured <= low,
    "mustBeBetween": lambda measured, low, high: low <= measured <= high,
    "mustNotBeBetween": lambda measured, low, high: not low <= measured <= high,
}
"""Each comparison of a measured number with one number, or with the lower and the higher of two."""
_SYMBOLS: dict[Comparison, str] = {
    "mustBe": "=",
    "mustNotBe": "≠",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": "≥",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "≤",
    "mustBeBetween": "between",
    "mustNotBeBetween": "not between",
}


class Bound(Frozen):
    """How much is allowed.

    The failing rows (or the row count, or what a query returns) compared with a number, in rows or
    percent of all rows.
    """

    comparison: Comparison
    value: float | tuple[float, float]
    unit: Literal["rows", "percent", "value"] = "rows"

    def holds(self, count: float, total: int) -> bool | None:
        """Whether `count` of `total` rows is allowed; None for a percentage of no rows."""
        if self.unit != "percent":
            measured = float(count)
        elif total == 0:
            return None
        else:
            measured = 100.0 * count / total
        low, high = self.value if isinstance(self.value, tuple) else (self.value, self.value)
        return _COMPARED[self.comparison](measured, low, high)

    @property
    def is_a_limit(self) -> bool:
        """Whether it bounds failing rows from above, down to none.

        Only then is a failing row wrong, and not merely counted.
        """
        low = self.value[0] if isinstance(self.value, tuple) else self.value
        return self.comparison in ("mustBeLessThan", "mustBeLessOrEqualTo") or (
            self.comparison in ("mustBe", "mustBeBetween") and low == 0
        )

    def __str__(self) -> str:
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        value = " and ".join(f"{number:g}" for number in numbers)
        unit = {"percent": " %", "rows": " rows", "value": ""}[self.unit]
        return f"{_SYMBOLS[self.comparison]} {value}{unit}"


class Rule(Frozen):
    """One promise about rows. Its name is the same in Dagster, OpenLineage, and every report.

    A broken rule of severity `error` sets its rows aside, and beyond `bound` stops publication;
    `warning` and `info` only report. `path` leads from the column into what it nests: names of
    fields, and `[]` for every item of an array or entry of a map.
    """

    name: str
    kind: RuleKind
    columns: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    argument: Any = None
    severity: Severity = "error"
    dimension: str = "conformity"
    description: str = ""
    bound: Bound
    line: int | None = None
    part: Column | None = Field(default=None, exclude=True, repr=False)
    """The column, or the part of one, whose values the rule evaluates: its type is theirs."""

    @property
    def judges_rows(self) -> bool:
        """Whether the rule can say of one row that it breaks it; a row count and a query cannot."""
        return self.kind not in TABLE_KINDS

    @property
    def splits_rows(self) -> bool:
        """Whether the rows that break it are quarantined.

        Not where the rule asks for at least so many of them.
        """
        return self.judges_rows and self.severity == "error" and self.bound.is_a_limit


class Relationship(Frozen):
    """What a rule of kind `relationship` points to: columns of another data set's newest."""

    dataset: str
    columns: tuple[str, ...]


class Measure(Frozen):
    """What a rule of kind `anonymity` measures.

    `k` of the quasi-identifiers, or `l` or `t` of one sensitive column next to them.
    """

    what: Literal["k", "l", "t"]
    quasi_identifiers: tuple[str, ...]
    sensitive: str | None = None
    numeric: bool = False


class Metric(Frozen):
    """What a rule of kind `metric` measures.

    A quality metric, of one column where it has one (the group, of bias).
    """

    name: MetricName
    column: str | None = None


class Contract(Frozen):
    """One data set's contract: everything else is compiled from this."""

    name: str
    version: str
    status: str
    domain: str | None
    description: str
    usage: str = ""
    limitations: str = ""
    owners: tuple[str, ...]
    approvers: dict[Level, tuple[str, ...]] = Field(default_factory=dict)
    """Who decides what the policies leave to people, by level; a level that is not here is open to
    every steward of that level."""
    table: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    source: Source
    license: License
    privacy: Privacy
    retention: Retention
    cleaning: tuple[CleaningStep, ...] = ()
    bias: Bias | None = None
    features: Features | None = None
    drift: DriftPolicy | None = None
    retrain: Retrain | None = None
    index: Index | None = None
    approvals: Approvals = Approvals()
    digest: str
    file: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """The declared columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def published_columns(self) -> tuple[Column, ...]:
        """The columns a version holds: all but the ones that admission drops."""
        dropped = {
            name
            for name, treatment in self.privacy.columns.items()
            if treatment.treatment == "drop"
        }
        return tuple(column for column in self.columns if column.name not in dropped)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The published columns that distinguish rows; none where the contract names none."""
        return tuple(column.name for column in self.published_columns if column.primary_key)

    @property
    def partition_column(self) -> Column | None:
        """The column by whose time the data set is partitioned.

        The first that the schema calls so.
        """
        partitioned = [column for column in self.columns if column.partition_position is not None]
        return min(partitioned, key=lambda column: column.partition_position or 0, default=None)

    @property
    def classes(self) -> dict[str, SensitiveClass]:
        """Columns that are personal or more, with their class.

        As they are classified, or by what their treatment states they hold, whichever is more.
        """
        classes: dict[str, SensitiveClass] = {
            name: CLASSES.get(treatment.kind, "personal")
            for name, treatment in self.privacy.columns.items()
        }
        for column in self.columns:
            if column.classification in CONFIDENTIAL:
                declared = cast("SensitiveClass", column.classification)
                by_treatment = classes.get(column.name, declared)
                classes[column.name] = max(declared, by_treatment, key=SENSITIVITIES.index)
        return classes

    @property
    def holdout(self) -> float | None:
        """The share of the rows, the latest, that features are not fitted on.

        As they say, or what the model is evaluated on.
        """
        of_features = self.features.holdout if self.features else None
        return of_features or (self.retrain.holdout if self.retrain else None)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if the contract has none."""
        return next(column for column in self.columns if column.name == name)
