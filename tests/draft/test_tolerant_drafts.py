"""A draft states what is plainly meant: a few errors do not become rules, and its rules hold on later data."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest

from assay.pipelines.draft.limits import limits
from tests.draft.test_draft import drafted, measured, promised, setting

ROWS = 400
NUMBERS = [str(n) for n in range(ROWS)]
WRITTEN = {
    "integer": [str(n * 7 % 90) for n in range(ROWS)],
    "number": [f"{n * 7 % 90}.5" for n in range(ROWS)],
    "boolean": [("true", "false")[n % 2] for n in range(ROWS)],
    "date": [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in range(ROWS)],
    "timestamp": [f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}T10:00:00Z" for n in range(ROWS)],
    "time": [f"{n % 24:02d}:{n % 60:02d}" for n in range(ROWS)],
    "date in another form": [f"{1 + n % 28:02d}/{1 + n % 12:02d}/2024" for n in range(ROWS)],
}


def with_errors(values: list[str], *errors: str) -> list[str]:
    """The values, with errors in place of some, far from each other."""
    spoilt = list(values)
    for number, error in enumerate(errors):
        spoilt[(37 * number + 11) % len(values)] = error
    return spoilt


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("errors", [["twelve"], ["twelve", "a few", "many", "x"]])
def test_a_few_other_texts_do_not_turn_a_typed_column_into_text(
    kind: str, errors: list[str]
) -> None:
    done = drafted(x=with_errors(WRITTEN[kind], *errors))
    assert promised(done, "x")["logicalType"] == kind.removesuffix(" in another form")
    assert f"except in {len(errors)} of {ROWS} rows" in done.text


def test_numbers_of_which_a_few_have_a_letter_are_codes() -> None:
    column = promised(drafted(house=with_errors(WRITTEN["integer"], "12A", "7b")), "house")
    assert column["logicalType"] == "string"


@pytest.mark.parametrize("kind", ["integer", "number", "date"])
def test_a_column_with_many_other_texts_is_text(kind: str) -> None:
    done = drafted(x=with_errors(WRITTEN[kind], *(f"word {n}" for n in range(ROWS // 10))))
    assert promised(done, "x")["logicalType"] == "string"


@pytest.mark.parametrize(
    ("other", "most"), [("%d/%d/2024", 28), ("%d.%d.2024", 28), ("2024-%d-%d", 12)]
)
def test_two_orders_of_dates_are_no_pattern(other: str, most: int) -> None:
    plain = WRITTEN["date in another form"]
    days = [
        value if n % 2 else other % (1 + n % most, 13 + n % 10) for n, value in enumerate(plain)
    ]
    column = promised(drafted(x=days), "x")
    assert column["logicalType"] == "string"
    assert "pattern" not in column.get("logicalTypeOptions", {})


def test_rare_values_are_not_members_of_a_vocabulary() -> None:
    countries = ["DE", "FR", "CZ", "AT"] * (ROWS // 4)
    done = drafted(n=NUMBERS, x=with_errors(countries, "XX", "ZZ", "99"))
    values = [entry["value"] for entry in promised(done, "x")["enum"]]
    assert values == ["AT", "CZ", "DE", "FR"]
    assert "3 others in 3 rows: check them" in done.text


@pytest.mark.parametrize("order", [sorted, lambda values: sorted(values, reverse=True)])
def test_a_vocabulary_that_grows_is_not_closed(order: Any) -> None:
    done = drafted(n=NUMBERS, x=order(["red", "green", "blue", "white"] * (ROWS // 4)))
    assert "enum" not in promised(done, "x")
    assert "write `enum` if there are no others" in done.text


@pytest.mark.parametrize("sentinel", ["9999999.99", "-9999999", "1e12"])
def test_a_sentinel_is_no_limit(sentinel: str) -> None:
    values = [f"{n * 977 % 5_000}.25" for n in range(ROWS)]
    options = promised(drafted(amount=with_errors(values, sentinel, sentinel)), "amount")[
        "logicalTypeOptions"
    ]
    assert options == {"minimum": 0.0, "maximum": 10_000.0}


def test_a_long_tail_has_no_limit() -> None:
    values = ["0"] * (ROWS - 4) + ["5", "70", "900", "20000"]
    options = promised(drafted(gain=values[::3] + values[1::3] + values[2::3]), "gain")
    assert "maximum" not in options.get("logicalTypeOptions", {})


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("order_id", [str(1_000 + n) for n in range(ROWS)], set()),
        ("reading", [str(100 + 3 * n) for n in range(ROWS)], {"minimum"}),
        ("zip", [str(10_000 + n * 97 % 80_000) for n in range(ROWS)], set()),
        ("total", [str(n * 7 % 90) for n in range(ROWS)], {"minimum"}),
        ("quantity", [str(n * 7 % 90) for n in range(ROWS)], {"minimum", "maximum"}),
    ],
)
def test_what_grows_or_is_a_code_has_no_maximum(
    name: str, values: list[str], expected: set[str]
) -> None:
    (column,) = measured(**{name: values}).columns
    assert set(limits(column, ROWS)) == expected


@pytest.mark.parametrize(
    ("name", "least", "most", "expected"),
    [
        ("flag", 0, 1, (0, 1)),
        ("day", 1, 28, (1, 31)),
        ("day_of_month", 3, 19, (1, 31)),
        ("month", 1, 9, (1, 12)),
        ("hour", 5, 23, (0, 23)),
        ("weekday", 1, 6, (0, 7)),
        ("humidity", 20, 97, (0, 100)),
    ],
)
def test_natural_ranges(name: str, least: int, most: int, expected: tuple[int, int]) -> None:
    values = [str(least + n * 7 % (most - least + 1)) for n in range(ROWS)]
    (column,) = measured(**{name: values}).columns
    found = limits(column, ROWS)
    assert (found["minimum"].value, found["maximum"].value) == expected


def test_a_few_doubled_ids_leave_the_key_to_one_column() -> None:
    ids = [f"O{n:05d}" for n in range(600)]
    ids[585:] = ids[:15]
    days = [f"2024-01-{1 + n % 28:02d}" for n in range(600)]
    done = drafted(order_id=ids, ordered=days, amount=[f"{n}.5" for n in range(600)])
    assert done.keys == ("order_id",)
    assert "names every row but 15" in done.text
    tolerance = next(iter(promised_schema(done)["customProperties"]))
    assert tolerance["value"] == 5


def promised_schema(done: Any) -> Any:
    import yaml

    return yaml.safe_load(done.text)["schema"][0]


def test_columns_that_merely_happen_to_be_unique_are_no_key() -> None:
    chance = random.Random(1)
    first = date(2024, 1, 1)
    days = [str(first + timedelta(day)) for day in chance.sample(range(1_000), 60)]
    codes = [str(n * 37 % 53) for n in range(60)]
    assert drafted(weight=[f"{n}.5" for n in range(60)], day=days, batch_no=codes).keys == ()


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([f"ORD-{n:06d}" for n in range(ROWS)], "^[A-Z]{3}-[0-9]{6}$"),
        ([f"ORD-{n + 1000}" for n in range(ROWS)], "^[A-Z]{3}-[0-9]+$"),
        ([f"{1 + n % 9}/{1 + n % 28}/2025 seen" for n in range(ROWS)], None),
        ([f"w{'abcdefgh'[n % 8]}rd" for n in range(ROWS)], None),
    ],
)
def test_a_pattern_counts_digits_only_where_zeros_pad_them(
    values: list[str], pattern: str | None
) -> None:
    options = promised(drafted(x=values), "x").get("logicalTypeOptions", {})
    assert options.get("pattern") == pattern


def test_dates_without_zeros_so_far_are_read_with_one_digit_and_two() -> None:
    days = [f"{10 + n % 3}/{13 + n % 15}/2025" for n in range(ROWS)]
    assert promised(drafted(x=days), "x")["logicalTypeOptions"] == {"format": "M/d/yyyy"}


@pytest.mark.parametrize("name", ["zip", "postal_code", "customer_id", "phone", "year"])
def test_no_median_is_proposed_for_a_code(name: str) -> None:
    values: list[str | None] = [str(10_000 + n * 97 % 80_000) for n in range(ROWS)]
    done = drafted(**{name: [None, *values]})
    assert "fill_missing" not in done.text
    assert setting(done, "cleaning") is None
