"""Each kind of doubt: reported where it is planted, and not on columns like it that are right."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from assay.pipelines.core.engine import held_in_memory
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.doubts.doubt import Doubt, rounded_up
from assay.pipelines.draft.doubts.find_doubts import COLUMN_KINDS, TABLE_KINDS, find_doubts
from assay.pipelines.draft.profile import profile

TODAY = date(2026, 12, 1)
ROWS = 400
Cells = Sequence[str | None]


def doubts_of(hidden: Sequence[str] = (), **columns: Cells) -> list[Doubt]:
    table = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_row_index(ROW, 2)
    with held_in_memory(table.lazy(), table.height * len(columns)) as rows:
        return find_doubts(rows, profile(rows, list(columns)), hidden, TODAY)


def kinds_of(**columns: Cells) -> set[tuple[str, tuple[str, ...]]]:
    return {(doubt.kind, doubt.columns) for doubt in doubts_of(**columns)}


def planted(cells: Sequence[str], *errors: str) -> list[str]:
    """The cells with errors in the middle, ten rows apart."""
    dirty = list(cells)
    for number, error in enumerate(errors):
        dirty[100 + 10 * number] = error
    return dirty


def column(make: Callable[[random.Random, int], str], seed: int = 3) -> list[str]:
    draw = random.Random(seed)
    return [make(draw, row) for row in range(ROWS)]


def luhn(prefix: str, body: str) -> str:
    from stdnum import luhn as check

    return body + check.calc_check_digit(prefix + body)


NUMBERS = column(lambda draw, _: str(draw.randint(18, 90)))
PRICES = column(lambda draw, _: f"{draw.uniform(1, 500):.2f}")
CODES = column(lambda draw, row: f"AB-{1000 + row}")
DATES = column(lambda draw, _: str(date(2020, 1, 1) + timedelta(days=draw.randint(0, 1500))))
COUNTRIES = column(
    lambda draw, _: draw.choice(["DE", "FR", "IT", "ES", "NL", "BE", "PL", "SE", "DK", "AT"])
)
MAILS = column(lambda draw, row: f"a{row}@example.com")
NPIS = column(lambda draw, _: luhn("80840", f"1{draw.randint(0, 99_999_999):08}"))
WORDS = column(lambda draw, _: draw.choice(["copper", "silver", "nickel", "cobalt"]))
LINKS = column(lambda draw, row: f"https://example.com/{row}")
ZIPS = column(lambda draw, _: f"{draw.randint(10_000, 99_999)}")
FLAGS = column(lambda draw, _: draw.choice(("yes", "no")))

PLANTED: Mapping[str, tuple[str, list[str], tuple[str, ...]]] = {
    "repeated keys": ("order_id", CODES, ("AB-1000", "AB-1001")),
    "text in numbers": ("amount", PRICES, ("twelve", "12 apples")),
    "numbers in text": ("metal", WORDS, ("12345", "7")),
    "mixed dates": ("day", DATES, ("31/12/2021", "Jan 5, 2021")),
    "invalid codes": ("country", COUNTRIES, ("QQ", "ZZ")),
    "invalid format": ("contact", MAILS, ("a@@example.com", "example.com")),
    "failing check digits": ("npi", NPIS, ("1234567890", "1000000001")),
    "misspelt values": ("metal", WORDS, ("coppper", "silvr")),
    "case variants": ("metal", WORDS, ("COPPER", "Silver")),
    "outer blanks": ("metal", WORDS, (" copper", "silver ")),
    "damaged text": ("metal", WORDS, ("co\u200bpper", "nickÃ©l")),
    "placeholders": ("metal", WORDS, ("N/A", "?")),
    "mixed flags": ("paid", FLAGS, ("Y", "1")),
    "invalid postal codes": ("zip_code", ZIPS, ("1234", "ABCDE")),
    "odd shapes": ("code", CODES, ("ABX1", "99-AB-1")),
    "far numbers": ("age_of_wall", NUMBERS, ("5000", "4000")),
    "reserved numbers": ("score", NUMBERS, ("9999", "9999")),
    "wrong signs": ("price", PRICES, ("-250.00", "-310.50")),
    "impossible quantities": ("latitude", NUMBERS, ("120", "-95")),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_errors_are_doubted_with_their_count(kind: str) -> None:
    name, cells, errors = PLANTED[kind]
    table = {"weight": PRICES[::-1], name: planted(cells, *errors)}
    of_kind = [doubt for doubt in doubts_of(**table) if doubt.kind == kind]
    assert [doubt.columns for doubt in of_kind] == [(name,)]
    assert of_kind[0].count == len(errors)
    assert of_kind[0].rows == ROWS
    assert of_kind[0].tolerance_pct == 0.5


@pytest.mark.parametrize("kind", PLANTED)
def test_the_same_columns_without_errors_are_not_doubted(kind: str) -> None:
    name, cells, _ = PLANTED[kind]
    assert doubts_of(**{name: cells}) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_no_value_of_a_hidden_column_is_shown(kind: str) -> None:
    name, cells, errors = PLANTED[kind]
    for doubt in doubts_of(hidden=[name], **{name: planted(cells, *errors)}):
        assert doubt.example not in set(errors) - {"9999", "?"}  # which are their own shapes


def test_keys_that_are_missing_are_doubted() -> None:
    cells: list[str | None] = [*CODES[:-3], None, None, None]
    assert ("missing keys", ("order_id",)) in kinds_of(order_id=cells, metal=WORDS)


def test_ids_drawn_at_random_are_no_keys() -> None:
    cells = column(lambda draw, _: str(draw.randint(0, 10_000)))
    assert kinds_of(metal=WORDS, customer_id=cells) == set()


def test_rows_repeated_as_a_whole_are_no_repeated_keys() -> None:
    twice = [*CODES[:-1], CODES[0]]
    assert kinds_of(order_id=twice, metal=[*WORDS[:-1], WORDS[0]]) == set()


def test_numbers_left_out_of_a_sequence_are_doubted() -> None:
    cells = [str(row + (row > 200)) for row in range(ROWS)]
    (doubt,) = doubts_of(order_id=cells, metal=WORDS)
    assert (doubt.kind, doubt.count) == ("gaps in a sequence", 1)


def test_a_number_outside_a_scale_is_doubted() -> None:
    scale = [str(1 + row % 5) for row in range(1_000)]
    assert kinds_of(rating=scale) == set()
    assert kinds_of(rating=[*scale[:-1], "6"]) == {("off scale", ("rating",))}


def test_the_date_that_is_out_of_order_with_several_is_the_suspect() -> None:
    middle = [date.fromisoformat(day) + timedelta(days=9) for day in DATES]
    last = [str(day + timedelta(days=9)) for day in middle]
    middle[9] = middle[9].replace(year=2019)
    doubts = kinds_of(begun=DATES, sent=list(map(str, middle)), billed=[*last])
    assert ("dates in the wrong order", ("begun", "sent")) in doubts
    middle[10] += timedelta(days=60)
    doubts = kinds_of(begun=DATES, sent=list(map(str, middle)), billed=[*last])
    assert ("dates in the wrong order", ("sent",)) in doubts


def test_values_missing_in_few_rows_are_one_doubt() -> None:
    once: list[str | None] = [None, *PRICES[1:]]
    twice: list[str | None] = [*WORDS[:-2], None, None]
    (doubt,) = doubts_of(price=once, metal=twice, age=NUMBERS)
    assert (doubt.kind, doubt.columns, doubt.count) == ("rarely missing", ("price", "metal"), 3)


def test_values_missing_in_many_rows_are_usual() -> None:
    assert (
        kinds_of(
            price=[None if row % 10 == 0 else cell for row, cell in enumerate(PRICES)], metal=WORDS
        )
        == set()
    )


def test_a_rare_member_among_even_ones_is_doubted() -> None:
    names = [f"{name} side" for name in ("north", "south", "east", "west", "middle")]
    draw = random.Random(3)
    cells = [draw.choice(names) for _ in range(1_000)]
    cells[500] = "banana"
    assert ("rare members", ("quarter",)) in kinds_of(quarter=cells)


def test_a_long_tail_of_frequencies_has_no_rare_members() -> None:
    names = [f"maker {'abcdefgh'[n]}" for n in range(8)]
    cells = [name for n, name in enumerate(names) for _ in range(3_000 // 3**n or 1)]
    assert kinds_of(maker=cells) == set()


def test_short_codes_that_are_alike_are_no_misspellings() -> None:
    cells = [code for code in ("ATL", "BOS", "LAX", "ORD", "MCO") for _ in range(200)]
    kinds = {kind for kind, _ in kinds_of(dest=[*cells, "LEX", "BOI", "ORF"])}
    assert "misspelt values" not in kinds


def test_one_far_number_in_many_rows_is_usual() -> None:
    near = [str(100 + row % 900) for row in range(2_000)]
    assert kinds_of(distance=[*near, *["4983"] * 20]) == set()


@pytest.mark.parametrize("spread", [1.0, 1.5])
def test_a_long_tail_of_amounts_has_no_far_numbers(spread: float) -> None:
    cells = column(lambda draw, _: f"{draw.lognormvariate(3, spread):.2f}")
    assert kinds_of(income=cells) == set()


def test_dates_in_the_wrong_order_are_doubted() -> None:
    start = [date.fromisoformat(day) for day in DATES]
    end = [day + timedelta(days=1 + row % 9) for row, day in enumerate(start)]
    end[7] = start[7] - timedelta(days=30)
    doubt = ("dates in the wrong order", ("admitted", "discharged"))
    assert doubt in kinds_of(admitted=DATES, discharged=list(map(str, end)))


def test_dates_drawn_apart_have_no_order() -> None:
    other = column(
        lambda draw, _: str(date(2020, 1, 1) + timedelta(days=draw.randint(0, 1500))), seed=9
    )
    assert kinds_of(one_day=DATES, other_day=other) == set()


def test_days_after_today_and_far_years_are_doubted() -> None:
    cells = planted(DATES, "2031-05-01", "1024-01-06")
    assert kinds_of(day=cells) == {("future dates", ("day",)), ("far years", ("day",))}


@pytest.mark.parametrize("sign", ["+", "*"])
def test_parts_that_disagree_with_their_result_are_doubted(sign: str) -> None:
    left = [float(price) for price in PRICES]
    right = [float(number) for number in NUMBERS]
    result = [a + b if sign == "+" else a * b for a, b in zip(left, right, strict=True)]
    result[5] += 40
    total = [f"{number:.2f}" for number in result]
    doubts = kinds_of(net=PRICES, tax=NUMBERS, total=total)
    assert ("disagreeing sums", ("net", "tax", "total")) in doubts


def test_crossed_bounds_are_doubted() -> None:
    high = [str(int(number) + 5) for number in NUMBERS]
    high[9] = "3"
    doubts = kinds_of(min_load=NUMBERS, max_load=high)
    assert ("crossed bounds", ("min_load", "max_load")) in doubts


def test_a_cell_that_contradicts_its_group_is_doubted() -> None:
    draw = random.Random(3)
    cities = {f"Town {n}": f"Region {n % 7}" for n in range(20)}
    towns = [draw.choice(list(cities)) for _ in range(ROWS)]
    regions = [cities[town] for town in towns]
    assert kinds_of(town=towns, region=regions) == set()
    regions[11], regions[200] = "Region 3" if regions[11] != "Region 3" else "Region 4", "Region 1"
    assert ("contradicting rows", ("region",)) in kinds_of(town=towns, region=regions)


@pytest.mark.parametrize(
    "late",
    [
        pytest.param([str(10 * int(number)) for number in NUMBERS[300:]], id="another unit"),
        pytest.param([None] * 100, id="no value"),
        pytest.param([f"no. {number} x" for number in NUMBERS[300:]], id="another shape"),
    ],
)
def test_a_column_that_changes_partway_is_doubted(late: Cells) -> None:
    kinds = {kind for kind, _ in kinds_of(load=[*NUMBERS[:300], *late], metal=WORDS)}
    assert kinds & {"shifted columns", "mixed dates"} or "text in numbers" in kinds


def test_a_sorted_column_does_not_change_partway() -> None:
    assert kinds_of(load=sorted(NUMBERS, key=int), metal=WORDS) == set()


def test_constant_columns_are_one_note() -> None:
    doubts = doubts_of(year=["2013"] * ROWS, unit=["kg"] * ROWS, metal=WORDS)
    assert [(doubt.kind, doubt.columns) for doubt in doubts] == [
        ("constant columns", ("year", "unit"))
    ]
    assert not doubts[0].is_warning


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([None] * 30, id="nothing"),
        pytest.param([""] * 30, id="empty"),
        pytest.param(["   "] * 30, id="blanks"),
        pytest.param(["nan", "inf", "-inf", "1e400"] * 10, id="numbers that are none"),
        pytest.param(["9" * 400] * 30, id="long numbers"),
        pytest.param(["x" * 100_000] * 30, id="long text"),
        pytest.param(["\x00\ud7ff\U0010ffff"] * 30, id="odd characters"),
        pytest.param(["0000-00-00", "9999-99-99"] * 20, id="dates that are none"),
        pytest.param(["1"], id="one row"),
        pytest.param([], id="no row"),
    ],
)
def test_no_content_stops_the_look(cells: Cells) -> None:
    for doubt in doubts_of(cell=cells, day=cells, **{"a.b $": cells}):
        assert 0 < doubt.count <= max(doubt.rows, len(cells))


def test_every_kind_is_tested() -> None:
    by_hand = {
        "gaps in a sequence",
        "off scale",
        "missing keys",
        "rare members",
        "mixed phone numbers",
    }
    assert set(COLUMN_KINDS) == set(PLANTED) | by_hand
    assert len(TABLE_KINDS) == 10


@pytest.mark.parametrize(
    ("percent", "rounded"),
    [(0, 0), (0.0123, 0.013), (0.5, 0.5), (1.01, 1.1), (33.4, 34), (100, 100)],
)
def test_tolerances_are_rounded_up(percent: float, rounded: float) -> None:
    assert rounded_up(percent) == pytest.approx(rounded)
