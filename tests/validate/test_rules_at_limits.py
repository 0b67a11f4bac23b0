"""Every kind of rule runs on every type at its limits, and every engine agrees with exact arithmetic."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.contracts.exports import export
from assay.contracts.model import Contract
from assay.contracts.rules import keeps
from assay.pipelines.clean.types import typed
from assay.pipelines.core.frames import ROW
from assay.pipelines.validate.pandera_check import PanderaCheck
from assay.pipelines.validate.split import judged, split
from tests.conftest import columns, contract

Option = tuple[str, Any]


@dataclass(frozen=True)
class Kind:
    """A type, its values as text (all of them are read), and what rules compare with."""

    promised: dict[str, Any]
    texts: Sequence[str]
    value: Callable[[str], Any]
    limits: Sequence[Any] = ()
    steps: Sequence[Any] = ()
    lists: Sequence[Sequence[Any]] = ()
    others: Sequence[Option] = ()
    limit: Callable[[Any], Any] = lambda written: written
    formatted: bool = True

    @property
    def rules(self) -> list[Option]:
        """Each rule of the kind: its name and what it compares with."""
        limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        return [
            *((name, limit) for name in limits for limit in self.limits),
            *(("multipleOf", step) for step in self.steps),
            *((name, list(values)) for name in ("enum", "validValues") for values in self.lists),
            *(("missingValues", list(values)) for values in self.lists),
            *self.others,
        ]


def integer(width: str, low: int, high: int) -> Kind:
    around = [low - 1, low, low + 1, high - 1, high, high + 1]
    return Kind(
        {"logicalType": "integer", "logicalTypeOptions": {"format": width}},
        [str(value) for value in dict.fromkeys((low, high, 0, 1, 6, 7, high - 1))],
        int,
        limits=[*around, 0, 0.5, 2**53 + 1, -(2**64), 2**64, 10**30, 1e300],
        steps=[1, 2, 3, high, 2**63, 10**37 + 1, 0.5, 0.3, 1e-10],
        lists=[[low, high], [0], [7, high + 1], [low - 1]],
        limit=exact,
    )


def exact(number: Any) -> Any:
    if isinstance(number, float) and math.isinf(number):
        return number
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def decimal(digits: int, point: int) -> Kind:
    most = Decimal((0, (9,) * digits, -point))
    unit = Decimal(1).scaleb(-point)
    values = [most, most.copy_negate(), Decimal(0), unit]
    return Kind(
        {"logicalType": "number", "physicalType": f"decimal({digits},{point})"},
        [f"{value:f}" for value in values],
        lambda text: Fraction(text),
        limits=[0, 0.01, 99.99, 1, -1, 1e-40, 10**37, 10**37 * 2, 1e300, -1e300, 0.5],
        steps=[1, 0.01, 3, 0.25, 10**37, 10**37 + 1, 1e-40],
        lists=[[0], [0.01, 99.99], [10**37 + 1]],
        limit=exact,
    )


INTEGERS = {
    **{f"i{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 32, 64)},
    **{f"u{bits}": (0, 2**bits - 1) for bits in (8, 64)},
}
FRACTIONS = [
    "0", "0.1", "0.3", "0.30000000000000004", "-2.5", "1000000.005", "123456789.12", "1e15",
    "1e22", "1e23", "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "4503599627370497.5",
]  # fmt: skip
TEXTS = ["", "a", "ab", "abc", "12", "٣", "é", "a,b", "a\nb", "x" * 300, "a@b.example", "127.0.0.1"]
FIRST, LAST = "0001-01-01", "9999-12-31"
KINDS = {
    **{width: integer(width, *span) for width, span in INTEGERS.items()},
    **{
        f"decimal({digits},{point})": decimal(digits, point)
        for digits, point in ((38, 0), (38, 38), (38, 10), (4, 2), (1, 0))
    },
    "f64": Kind(
        {"logicalType": "number"},
        FRACTIONS,
        lambda text: Fraction(repr(float(text))),
        limits=[0, 0.1, 0.3, 1e15, 10**22, 1.7976931348623157e308, 5e-324, 10**37 + 10],
        steps=[0.01, 0.1, 1e-10, 5, 0.5, 1e300, 5e-324, 10**37 + 1, 7e-30],
        lists=[[0, 0.5], [0.1, 1], [10**22]],
        limit=exact,
    ),
    "f32": Kind(
        {"logicalType": "number", "logicalTypeOptions": {"format": "f32"}},
        ["0", "0.1", "0.3", "16777216", "3.4028235e38", "-3.4028235e38", "1e-45", "999999.9", "1234567.9"],
        lambda text: Fraction(str(np.float32(text))),
        limits=[0, 0.1, 1e-45, 3.4028235e38, -3.4028235e38, 1e300],
        steps=[0.1, 0.01, 5, 1e30],
        lists=[[0, 0.5], [0.1]],
        limit=lambda number: number if abs(number) > 3.5e38 else Fraction(str(np.float32(number))),
    ),
    "string": Kind(
        {"logicalType": "string"},
        TEXTS,
        str,
        lists=[[""], ["a", "ab"], TEXTS],
        others=[
            *((name, length) for name in ("minLength", "maxLength") for length in (0, 1, 2, 2**31, 10**30)),
            *(("pattern", text) for text in (".*", "^$", "^[^,;]*$", r"[\s\S]*", r"^\d+$", r"^\w+$", "^.*$")),
            *(("validPattern", text) for text in (".*", "^[a-z]+$")),
            *(("format", name) for name in ("email", "uuid", "uri", "hostname", "ipv4", "ipv6", "byte", "binary")),
        ],
    ),
    "boolean": Kind(
        {"logicalType": "boolean"},
        ["true", "false"],
        lambda text: text == "true",
        lists=[[True], [False], [True, False]],
    ),
    "date": Kind(
        {"logicalType": "date"},
        [FIRST, "2024-02-29", LAST],
        date.fromisoformat,
        limits=[FIRST, "2024-02-29", LAST],
        lists=[[FIRST, LAST], ["2024-02-29"]],
        limit=date.fromisoformat,
    ),
    "timestamp": Kind(
        {"logicalType": "timestamp"},
        [f"{FIRST}T00:00:00Z", "2024-02-29T12:00:00Z", f"{LAST}T23:59:59.999999Z"],
        lambda text: datetime.fromisoformat(text).astimezone(UTC),
        limits=[f"{FIRST}T00:00:00Z", "2024-02-29T12:00:00Z", f"{LAST}T23:59:59.999999Z"],
        lists=[[f"{LAST}T23:59:59.999999Z"], [f"{FIRST}T00:00:00Z", "2024-02-29T12:00:00Z"]],
        limit=lambda text: datetime.fromisoformat(text).astimezone(UTC),
    ),
    "timestamp without zone": Kind(
        {"logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}},
        [f"{FIRST}T00:00:00", "2024-02-29T12:00:00", f"{LAST}T23:59:59.999999"],
        datetime.fromisoformat,
        limits=[f"{FIRST}T00:00:00", f"{LAST}T23:59:59.999999"],
        lists=[[f"{LAST}T23:59:59.999999"]],
        limit=datetime.fromisoformat,
    ),
    "time": Kind(
        {"logicalType": "time"},
        ["00:00:00", "12:30:00", "23:59:59"],
        str,
        limits=["00:00:00", "12:30:00", "23:59:59"],
        lists=[["00:00:00", "23:59:59"]],
    ),
}  # fmt: skip
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}


def promised_column(name: str, kind: Kind, rule: Option) -> dict[str, Any]:
    option, argument = rule
    column = {"name": name, **kind.promised}
    match option:
        case "enum":
            return {**column, "enum": [{"value": value} for value in argument]}
        case "validValues" | "validPattern" | "missingValues":
            metric = "missingValues" if option == "missingValues" else "invalidValues"
            key = "pattern" if option == "validPattern" else option
            check = {"metric": metric, "arguments": {key: argument}, "mustBe": 0}
            return {**column, "quality": [check]}
    options = {**kind.promised.get("logicalTypeOptions", {}), option: argument}
    return {**column, "logicalTypeOptions": options}


def keeps_it(kind: Kind, rule: Option, text: str | None) -> bool | None:
    """Whether a value keeps a rule by exact arithmetic; None where it is not decided here."""
    option, argument = rule
    if text is None:
        return True
    value = kind.value(text)
    if option in COMPARED:
        return COMPARED[option](value, kind.limit(argument))
    match option:
        case "multipleOf":
            return (value / exact(argument)).denominator == 1
        case "enum" | "validValues" | "missingValues":
            is_listed = value in [kind.limit(one) for one in argument]
            return is_listed != (option == "missingValues")
        case "minLength":
            return len(value) >= argument
        case "maxLength":
            return len(value) <= argument
        case "pattern" | "validPattern":
            return re.search(argument.replace("$", r"\Z"), value, re.ASCII) is not None
    return None


def without_table_rules(data: dict[str, Any]) -> None:
    del data["schema"][0]["quality"]


def promise(kind: Kind) -> Contract:
    every = [promised_column(f"c{i}", kind, rule) for i, rule in enumerate(kind.rules)]
    return contract(columns(*every), without_table_rules)


def script(promised: Contract, to: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(export(promised, to), names)  # the product's own text
    return names


def broken_by_pandera(schema: Any, rows: pl.DataFrame) -> set[tuple[str, int]]:
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:
        with config_context(
            validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA
        ):
            schema.validate(rows, lazy=True)
    except SchemaErrors as errors:
        return set(errors.failure_cases.select("check", "index").iter_rows())
    return set()


@pytest.mark.parametrize("name", KINDS)
def test_every_rule_runs_at_the_limits_of_its_type(name: str) -> None:
    kind = KINDS[name]
    promised = promise(kind)
    gate = PanderaCheck(promised)  # every rule has a value that breaks it, or holds by definition
    texts = [*kind.texts, None]
    raw = pl.LazyFrame(
        {ROW: range(len(texts)), **dict.fromkeys(promised.column_names, texts)},
        schema_overrides=dict.fromkeys(promised.column_names, pl.String),
    )
    rows = judged(typed(raw, promised), promised.rules).collect()
    expressions = {rule.name: rule for rule in promised.rules if rule.kind != "type"}
    verdicts = {
        rule.columns[0]: rows.select(keeps(rule)).to_series().to_list()
        for rule in expressions.values()
    }
    expected = {
        f"c{i}": [keeps_it(kind, rule, text) for text in texts] for i, rule in enumerate(kind.rules)
    }
    assert (
        rows.select(
            f"_was_read_{name}"
            for name in promised.column_names
            if name + "_type" in {rule.name for rule in promised.rules}
        )
        .to_numpy()
        .all()
    )
    for column, rule in zip(expected, kind.rules, strict=True):
        if None not in expected[column]:
            assert verdicts[column] == expected[column], (rule, texts)
    parts = split(rows, promised.rules, kept=promised.column_names)
    gate.check(parts.kept)
    assert parts.kept.height + parts.set_aside.height == len(texts)
    values = rows.select(promised.column_names)
    broken = {
        (rule.name, place)
        for rule in expressions.values()
        for place, kept in enumerate(verdicts[rule.columns[0]])
        if not kept
    }
    assert broken_by_pandera(gate.schema, values) == broken
    assert broken_by_pandera(script(promised, "pandera")["schema"], values) == broken
    exported = values.select(
        expression.alias(name) for name, expression in script(promised, "polars")["RULES"].items()
    )
    for rule in expressions.values():
        assert exported[f"readings.{rule.name}"].to_list() == verdicts[rule.columns[0]], rule.name
