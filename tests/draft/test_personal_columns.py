"""What a draft proposes for columns that hold personal data, and for those that only seem to."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from assay.pipelines.core.engine import held_in_memory
from assay.pipelines.core.frames import ROW
from assay.pipelines.draft.personal_columns import doubtful_columns, personal_columns
from assay.pipelines.draft.profile import Profile, profile

CAPITALS = [f"{n} MILLER STREET" if n % 3 else f"{n} BWAY" for n in range(100, 140)]
POINTS = [f"POINT (-73.{n} 40.7{n})" for n in range(100, 140)]
PERSONS = {"email": [f"p{n}@example.com" for n in range(40)]}
PLACES = {"incident_address": CAPITALS}
PROSE = "The crew went to the corner again and found nothing at all"


def profiled(**columns: list[str | None]) -> Profile:
    rows = len(next(iter(columns.values())))
    frame = pl.LazyFrame({ROW: range(rows), **columns})
    with held_in_memory(frame, rows * len(columns)) as held:
        return profile(held, list(columns))


def treatments(**columns: list[str | None]) -> dict[str, tuple[str, str]]:
    found = personal_columns(profiled(**columns))
    return {name: (one.kind, one.treatment) for name, one in found.items()}


WHOLE: dict[str, tuple[str, list[str | None]]] = {
    "incident_address": ("address", CAPITALS),
    "address": ("address", ["OLD MILL", "TOWN HALL"] * 20),
    "street_name": ("address", ["BROADWAY", "5 AVE"] * 20),
    "cross_street_1": ("address", ["BROADWAY", "5 AVE"] * 20),
    "bldgaddressone": ("address", ["LBBY", "FLOOR 2"] * 20),
    "landmark": ("address", ["CENTRAL PARK", "CITY HALL"] * 20),
    "location": ("coordinates", POINTS),
    "place": ("coordinates", [f"(40.7{n}, -73.9{n})" for n in range(100, 140)]),
    "shape": ("coordinates", [f'{{"type": "Point", "coordinates": [{n}.5, 4.2]}}' for n in range(40)]),
    "latitude": ("coordinates", [f"40.7{n}" for n in range(100, 140)]),
    "x_coordinate_state_plane": ("coordinates", [str(980_000 + n) for n in range(40)]),
    "Easting": ("coordinates", [f"{500_000 + n}.5" for n in range(40)]),
    "name": ("name", ["Hall of Ann Smith", *[f"CORNER SHOP {n}" for n in range(39)]]),
    "provider": ("name", ["House of Maria Garcia", *["CITY LIGHTS"] * 39]),
    "PhoneNumber": ("phone", [f"555{n}0199" for n in range(1000, 1040)]),
    "remark": ("address", [f"{n} Miller Street" for n in range(40)]),
}  # fmt: skip
PLAIN: dict[str, list[str | None]] = {
    "FLAG_PHONE": ["0", "1"],
    "FLAG_EMAIL": ["Y", "N"],
    "has_mobile": ["true", "false"],
    "home_address": ["yes", "no"],
    "customer_name": ["given", "missing"],
    "Num_Credit_Card": ["0", "9"],
    "n_phone": ["12", "345"],
    "calls_by_phone": ["0.5", "12.25"],
    "credit_card": ["Visa", "MasterCard"],
    "phone": ["Android", "Symbian"],
    "email": ["daily", "weekly"],
    "Yearly Income - Person": ["$29,278", "$59,613"],
    "birthday": ["1", "31"],
    "address": ["https://example.com/a", "https://example.com/b"],
}


@pytest.fixture(scope="module")
def whole() -> Profile:
    return profiled(**{name: values for name, (_, values) in WHOLE.items()})


@pytest.fixture(scope="module")
def plain() -> Profile:
    return profiled(**{name: values * 20 for name, values in PLAIN.items()})


def alone(table: Profile, name: str) -> dict[str, tuple[str, str]]:
    """What is proposed for one column where it is the only one of its table."""
    column = next(c for c in table.columns if c.name == name)
    found = personal_columns(replace(table, columns=(column,)))
    return {name: (one.kind, one.treatment) for name, one in found.items()}


@pytest.mark.parametrize("name", WHOLE)
def test_a_column_that_is_personal_as_a_whole_is_replaced_as_a_whole(
    whole: Profile, name: str
) -> None:
    assert alone(whole, name) == {name: (WHOLE[name][0], "token")}


@pytest.mark.parametrize("name", PLAIN)
def test_flags_counts_and_categories_named_like_personal_data_are_not_personal(
    plain: Profile, name: str
) -> None:
    assert alone(plain, name) == {}


@pytest.mark.parametrize(
    ("name", "values", "treated_with_persons", "treated_with_places"),
    [
        ("name", ["HJKL", "BNMQ"], True, True),
        ("provider", ["HJKL", "BNMQ"], True, True),
        ("x", ["987654.5", "987655.5"], False, True),
        ("status", ["open", "closed"], False, False),
    ],
)
def test_some_names_of_columns_count_next_to_personal_columns(
    name: str, values: list[str | None], *, treated_with_persons: bool, treated_with_places: bool
) -> None:
    column = {name: values * 20}
    assert name not in treatments(**column)
    assert (name in treatments(**column, **PERSONS)) == treated_with_persons
    assert (name in treatments(**column, **PLACES)) == treated_with_places


@pytest.mark.parametrize(
    ("kind", "seen", "others"),
    [
        ("name", "Hall of Maria Garcia", "Springfield {}"),
        ("phone", "01/22/20199", "01/22/20{}"),  # a date with a digit too many
    ],
)
def test_short_texts_in_which_little_is_seen_stay_and_are_reported(
    kind: str, seen: str, others: str
) -> None:
    table = profiled(column=[seen, *[others.format(n) for n in range(10, 49)]])
    treated = personal_columns(table)
    assert treated == {}
    assert doubtful_columns(table, treated) == {"column": f"{kind} in 1 of 40 rows (2 %)"}


@pytest.mark.parametrize(
    ("mentioned", "treatment"),
    [
        (["mail ann@example.com for it"] * 20, "redact"),  # a form of its own is not missed
        (["talk to Maria Garcia about it"], "redact"),
        (["talk to Maria Garcia about it"] * 10, "drop"),  # more names are there than are seen
    ],
)
def test_prose_is_redacted_unless_too_much_of_it_would_be_missed(
    mentioned: list[str], treatment: str
) -> None:
    note = [*(f"{PROSE}, {text}" for text in mentioned), *[PROSE] * (40 - len(mentioned))]
    assert treatments(note=note) == {"note": ("other", treatment)}
