"""A value that is written across two columns of one row is found; two numbers that stand beside each other are not one."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from assay.pipelines.admit.split_values import halves, looks, pairs, signed, signs, stem_of
from assay.pipelines.core.frames import ROW


def found(table: dict[str, list[str | None]]) -> set[tuple[int, str, str, str]]:
    frame = pl.LazyFrame(
        {ROW: range(len(next(iter(table.values())))), **table},
        schema={ROW: pl.Int64, **dict.fromkeys(table, pl.String)},
    )
    asked = signed(
        pairs(list(table)), signs(frame, list(table)).collect(engine="streaming").row(0, named=True)
    )
    plans = halves(frame, asked, pl.collect_all(looks(frame, asked), engine="streaming"))
    return {
        row[:4] for plan in pl.collect_all(plans, engine="streaming") for row in plan.iter_rows()
    }


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("4111 1111", "1111 1111", "card"), ("4111", "111111111111", "card"), ("4111-1111-1111-", "1111", "card"), ("37828224", "6310005", "card"),
        ("DE89 3704 0044", "0532 0130 00", "iban"), ("DE", "89370400440532013000", "iban"), ("GB82WEST", "12345698765432", "iban"),
        ("ann.lee@", "example.com", "email"), ("ann.lee", "@example.com", "email"), ("ann@exam", "ple.com", "email"), ("ann.lee", "example.com", "email"),
        ("+49 30", "901820", "phone"), ("+49", "30 901820", "phone"), ("(020)", "7946 0958", "phone"), ("0049", "30 901820", "phone"),
    ],
)  # fmt: skip
def test_both_halves_are_told(left: str, right: str, kind: str) -> None:
    assert found({"q7": [left], "q8": [right]}) == {(0, "q7", kind, left), (0, "q8", kind, right)}


def test_a_phone_number_of_plain_digits_needs_a_name_that_says_so() -> None:
    assert found({"q7": ["030"], "q8": ["901820"]}) == set()
    assert {kind for _, _, kind, _ in found({"area_code": ["030"], "number": ["901820"]})} == {
        "phone"
    }
    assert {
        kind for _, _, kind, _ in found({"phone_a": ["030"], "note": ["x"], "phone_b": ["901820"]})
    } == {"phone"}


def test_columns_that_belong_together_need_not_stand_beside_each_other() -> None:
    assert [stem_of(name) for name in ("card_a", "CardPart2", "mail_left", "card", "batch")] == [
        "card",
        "card",
        "mail",
        "card",
        "batch",
    ]
    assert found({"card_a": ["4111 1111"], "note": ["x"], "card_b": ["1111 1111"]}) == {
        (0, "card_a", "card", "4111 1111"),
        (0, "card_b", "card", "1111 1111"),
    }


@pytest.mark.parametrize(
    "table",
    [
        {"mail": ["ann@example.com"], "note": ["foo"]}, {"site": ["acme"], "domain": ["acme.com"]}, {"host": ["web01"], "domain": ["example.com"]}, {"name": ["readme"], "file": ["notes.txt"]},
        {"phone": ["+49 30 901820"], "quantity": ["500"]}, {"card": ["4111111111111111"], "cvv": ["123"]}, {"status": ["active"], "homepage": ["example.org"]},
        {"country": ["DE"], "order": ["12345678901234567890"]}, {"x": [None], "y": ["1111"]}, {"x": ["1.5"], "y": ["2.5"]}, {"x": ["2024-01-01"], "y": ["10:00:00"]},
    ],
)  # fmt: skip
def test_what_stands_by_itself_is_no_half(table: dict[str, list[str | None]]) -> None:
    assert found(table) == set()


def test_ids_and_measurements_side_by_side_are_no_alarm() -> None:
    chance, rows = random.Random(3), 20_000
    table: dict[str, list[str | None]] = {
        "order": [f"{chance.randint(0, 10**8):08d}" for _ in range(rows)], "batch": [f"4{chance.randint(0, 10**7):07d}" for _ in range(rows)],
        "line": [f"{chance.randint(0, 10**8):08d}" for _ in range(rows)], "delta": [f"{chance.randint(-99, 99):+d}" for _ in range(rows)],
        "count": [str(chance.randint(1, 10**7)) for _ in range(rows)], "land": [chance.choice(["DE", "FR", "NO"]) for _ in range(rows)],
        "ref": [f"{chance.randint(0, 10**18):018d}" for _ in range(rows)], "kind_of": [chance.choice(["red", "blue"]) for _ in range(rows)],
        "home": [f"x{chance.randint(1, 99)}.example.com" for _ in range(rows)],
    }  # fmt: skip
    assert len({row for row, *_ in found(table)}) < rows / 1000


def test_one_card_among_many_numbers_is_found_where_most_are_cards() -> None:
    chance = random.Random(1)
    bodies = [f"4{chance.randint(0, 10**14 - 1):014d}" for _ in range(50)]
    numbers = [body + luhn.calc_check_digit(body) for body in bodies]
    told = found({"a": [n[:8] for n in numbers], "b": [n[8:] for n in numbers]})
    assert {row for row, *_ in told} == set(range(50))


@given(st.lists(st.from_regex(r"[+-]?[0-9]{1,18}", fullmatch=True) | st.none(), max_size=5))
def test_of_whole_numbers_the_signs_are_seen_without_regular_expressions(
    cells: list[str | None],
) -> None:
    frame = pl.LazyFrame(
        {ROW: range(len(cells)), "x": cells}, schema={ROW: pl.Int64, "x": pl.String}
    )
    full, short = (
        signs(frame, ["x"], numbers).collect().row(0, named=True) for numbers in ([], ["x"])
    )
    digits, plus = (
        next(name for name in full if name.startswith(f"x {start}"))
        for start in ("^[ ()", r"^(?:\+|")
    )
    assert short[digits] >= full[digits]  # `+49` counts too; the second look leaves it out
    assert (short[plus] > 0) or not full[plus]
    assert {name: count for name, count in short.items() if name not in (digits, plus)} == {
        name: count for name, count in full.items() if name not in (digits, plus)
    }


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-1100, 1100) | st.none(), max_size=5)
)
def test_of_numbers_that_are_no_text_the_signs_are_those_of_their_text(
    cells: list[int | None],
) -> None:
    frame = pl.LazyFrame(
        {ROW: range(len(cells)), "x": cells}, schema={ROW: pl.Int64, "x": pl.Int64}
    )
    assert (
        signs(frame, ["x"], ["x"])
        .collect()
        .equals(signs(frame.cast({"x": pl.String}), ["x"], ["x"]).collect())
    )
