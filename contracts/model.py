"""The contract as data: columns, rules and settings, frozen.

Belongs here: what a contract says. Stays out: how it is read (load.py), what its rules mean on a frame (rules.py).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from contracts.settings import CleaningStep, DriftPolicy, Features, Index, License, Privacy, Retention, Retrain, Source

LogicalType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
Severity = Literal["error", "warning", "info"]
RuleKind = Literal[
    "required",
    "type",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "enum",
    "unique",
    "nullValues",
    "missingValues",
    "invalidValues",
    "duplicateValues",
    "rowCount",
]
Comparison = Literal["mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"]


class Frozen(BaseModel):
    """Data that never changes and knows its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Frozen):
    """One promised column. `classification` is the ODCS field; `personal` columns have a treatment in `assay.privacy`."""

    name: str
    logical_type: LogicalType
    physical_type: str | None = None
    description: str | None = None
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    classification: str | None = None


class Bound(Frozen):
    """How much is allowed: the failing rows (or the row count) compared with a number, in rows or percent of all rows."""

    comparison: Comparison
    value: float | tuple[float, float]
    unit: Literal["rows", "percent"] = "rows"

    def holds(self, count: int, total: int) -> bool | None:
        """Whether `count` of `total` rows is allowed; None (unknown) where a percentage of no rows is asked."""
        if self.unit == "percent":
            if total == 0:
                return None
            measured = 100.0 * count / total
        else:
            measured = float(count)
        low, high = self.value if isinstance(self.value, tuple) else (self.value, self.value)
        match self.comparison:
            case "mustBe":
                return measured == low
            case "mustNotBe":
                return measured != low
            case "mustBeGreaterThan":
                return measured > low
            case "mustBeGreaterOrEqualTo":
                return measured >= low
            case "mustBeLessThan":
                return measured < low
            case "mustBeLessOrEqualTo":
                return measured <= low
            case "mustBeBetween":
                return low <= measured <= high
            case "mustNotBeBetween":
                return not low <= measured <= high

    def __str__(self) -> str:
        words = {
            "mustBe": "=",
            "mustNotBe": "≠",
            "mustBeGreaterThan": ">",
            "mustBeGreaterOrEqualTo": "≥",
            "mustBeLessThan": "<",
            "mustBeLessOrEqualTo": "≤",
            "mustBeBetween": "between",
            "mustNotBeBetween": "not between",
        }
        value = " and ".join(f"{v:g}" for v in self.value) if isinstance(self.value, tuple) else f"{self.value:g}"
        return f"{words[self.comparison]} {value} {'%' if self.unit == 'percent' else 'rows'}"


class Rule(Frozen):
    """One promise about rows. Its name is the same in Dagster, OpenLineage, and reports.

    A broken rule of severity `error` sets its rows aside, and beyond `bound` stops publication; `warning` and `info` only report.
    """

    name: str
    kind: RuleKind
    columns: tuple[str, ...] = ()
    argument: Any = None
    severity: Severity = "error"
    dimension: str = "conformity"
    description: str = ""
    bound: Bound

    @property
    def splits_rows(self) -> bool:
        """Whether the rule can say of one row that it breaks it; a row count cannot."""
        return self.kind != "rowCount"


class Contract(Frozen):
    """One data set's contract: everything else is compiled from this."""

    name: str
    version: str
    status: str
    domain: str | None
    description: str
    owners: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    source: Source
    license: License
    privacy: Privacy
    retention: Retention
    cleaning: tuple[CleaningStep, ...] = ()
    features: Features | None = None
    drift: DriftPolicy | None = None
    retrain: Retrain | None = None
    index: Index | None = None
    digest: str
    file: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """The promised columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def published_columns(self) -> tuple[Column, ...]:
        """The columns a version holds: all but the ones that admission drops."""
        dropped = {name for name, treatment in self.privacy.columns.items() if treatment.treatment == "drop"}
        return tuple(column for column in self.columns if column.name not in dropped)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if the contract has none."""
        return next(column for column in self.columns if column.name == name)
