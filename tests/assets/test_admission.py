"""What admission finds in a whole delivery, on the way that every delivery goes."""

from __future__ import annotations

import base64
import csv
import io
import json
import random

import pytest
from stdnum import iban, luhn
from stdnum.iso7064 import mod_97_10

from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import certain_rules, refine
from assay.contracts.errors import AdmissionError
from tests.conftest import SampleHome, columns, setting

PLACES = ("note", "q7", "doc", "enc", "left", "right")
TEXT = columns(
    {"name": "meter", "logicalType": "string", "required": True},
    *({"name": name, "logicalType": "string"} for name in PLACES),
)


EVERY_CELL, VALUES_FIRST, IN_PARTS = (
    "every cell is searched",
    "different values first",
    "two columns at a time",
)


@pytest.fixture(autouse=True, params=[EVERY_CELL, VALUES_FIRST, IN_PARTS])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways that a table is looked at; its height and its width decide."""
    if request.param == VALUES_FIRST:
        for module in ("search", "profile_pass"):
            monkeypatch.setattr(f"assay.assets.stages.{module}.MANY_ROWS", 1)
    if request.param == IN_PARTS:
        monkeypatch.setattr("assay.assets.stages.search._WIDTH", 2)
        monkeypatch.setattr("assay.pipelines.core.engine._PLANS_AT_ONCE", 3)


def delivered(rows: list[dict[str, str]], places: tuple[str, ...] = PLACES) -> str:
    held = io.StringIO()
    writer = csv.DictWriter(held, ["meter", *places], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"meter": f"M{n}", **row} for n, row in enumerate(rows))
    return held.getvalue()


def canary(n: int, chance: random.Random) -> tuple[str, str]:
    """A value, and where it is cut in two."""
    word = "".join(chance.choice("bcdfghklmn") + chance.choice("aeiou") for _ in range(4))
    card = f"4{chance.randint(0, 10**14 - 1):014d}"
    account = f"{chance.randint(0, 10**18 - 1):018d}"
    number = f"DE{mod_97_10.calc_check_digits(account + 'DE')}{account}"
    assert iban.is_valid(number, check_country=False)
    return [
        (f"{word}.{n}@canary.example", f"{word}.{n}"),
        (card + luhn.calc_check_digit(card), card[:8]),
        (number, number[:12]),
        (f"+49 30 90{chance.randint(0, 9999):04d}", "+49 30"),
    ][n % 4]


def test_200_planted_values_are_found_wherever_they_hide(installation: SampleHome) -> None:
    """Promise D3."""
    chance, rows, kinds = random.Random(7), [], ("email", "card", "iban", "phone")
    for n in range(200):
        value, head = canary(n, chance)
        rows.append(
            [
                {"note": f"then {value} called"},
                {"q7": f"x;{value};y"},
                {"doc": json.dumps({"a": [{"b": {"c": value}}]})},
                {"enc": base64.b64encode(f"note: {value} end".encode()).decode()},
                {"left": head, "right": value.removeprefix(head)},
            ][n // 4 % 5]
        )
    treated = {place: {"kind": "other", "treatment": "redact"} for place in PLACES}
    installation.promise(
        TEXT,
        lambda data: data["schema"][0].update(quality=[]),
        setting("privacy", sensitivity="personal", lawful_basis="contract", columns=treated),
    )
    installation.deliver(delivered(rows))
    found = {
        (row - 2, kind)
        for row, kind in admit(installation.run()).found.select("_row", "kind").iter_rows()
    }
    missed = [
        n for n in range(200) if (n, kinds[n % 4]) not in found and (n, "unscanned") not in found
    ]
    assert missed == []


def test_half_a_card_in_each_of_two_columns_holds_the_version(installation: SampleHome) -> None:
    halves = columns(
        {"name": "meter", "logicalType": "string"},
        {"name": "card_a", "logicalType": "string"},
        {"name": "card_b", "logicalType": "integer"},
    )
    installation.promise(halves, lambda data: data["schema"][0].update(quality=[]))
    installation.deliver(
        delivered([{"card_a": "4111 1111", "card_b": "11111111"}, {}], ("card_a", "card_b"))
    )
    with pytest.raises(
        AdmissionError,
        match=r"column 'card_a' holds card in 1 rows, undeclared; column 'card_b' holds card in 1 rows, undeclared",
    ):
        admit(installation.run())


CARDS = ("4111111111111111", "5500005555555559", "340000000000009")
NOT_CARDS = ("4111111111111112", "5500005555555550", "1732982400000", "12.5")


@pytest.mark.parametrize("type_", ["integer", "number"])
@pytest.mark.parametrize("written", ["{}", "{}.0", " +{} "])
@pytest.mark.parametrize(("cells", "is_held"), [(CARDS, True), ((CARDS[0], *NOT_CARDS), False)])
def test_columns_of_numbers_are_searched(
    installation: SampleHome, type_: str, written: str, cells: tuple[str, ...], is_held: bool
) -> None:
    numbers = columns(
        {"name": "meter", "logicalType": "string"}, {"name": "ref", "logicalType": type_}
    )
    installation.promise(numbers, lambda data: data["schema"][0].update(quality=[]))
    rows = [{"ref": written.format(cell) if "." not in cell else cell} for cell in cells]
    installation.deliver(delivered([*rows, {}], ("ref",)))
    if not is_held:
        assert admit(installation.run()).found.is_empty()
        return
    with pytest.raises(AdmissionError, match=r"column 'ref' holds card in 3 rows, undeclared"):
        admit(installation.run())


@pytest.mark.parametrize(("last", "quarantined"), [("M3", 0), ("M1", 1), ("M01", 0)])
def test_a_key_that_repeats_is_caught_whatever_is_known_of_it(
    installation: SampleHome, last: str, quarantined: int
) -> None:
    keyed = columns(
        {"name": "meter", "logicalType": "string", "unique": True},
        {"name": "number", "logicalType": "integer", "unique": True},
    )
    installation.promise(keyed, lambda data: data["schema"][0].update(quality=[]))
    installation.deliver(
        f"meter,number\nM1,1\nM2,\n,2\n,\n{last},3\nM4,{'03' if quarantined else '4'}\n"
    )
    run = installation.run()
    admission = admit(run)
    refined = refine(run, admission)
    assert refined.accounting.quarantined_by == (
        {"meter_unique": 1, "number_unique": 1} if quarantined else {}
    )
    proven = {"meter_unique", "number_unique"} & certain_rules(run.contract, admission)
    assert not (quarantined and proven)
