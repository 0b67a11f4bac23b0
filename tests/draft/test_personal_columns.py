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


IDENTIFIERS = [str(number) for number in range(100, 140)]
CODES = dict.fromkeys(("cvv", "CVC2", "cc_cvc", "card_cvv_code", "cc_csc", "security_code", "card_pin", "debit_card_pin_no", "pin_number", "card_verification_value"), IDENTIFIERS)  # fmt: skip
CARDS = {"card_number": ["4111111111111111", "5500005555555559"] * 20}


@pytest.mark.parametrize("name", CODES)
def test_codes_that_protect_a_card_are_replaced(name: str) -> None:
    assert treatments(**{name: CODES[name]}, **CARDS)[name] == ("secret", "token")


@pytest.mark.parametrize("name", ["error_code", "country_code", "pin_count", "no_of_pins", "csc"])
def test_other_codes_stay_next_to_a_card(name: str) -> None:
    assert name not in treatments(**{name: IDENTIFIERS}, **CARDS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Expires", ["08/2018", "11/2022"]),
        ("cc_expiredate", ["2010-06-25", "2011-02-01"]),
        ("card_expiry", ["0824", "1125"]),
        ("expiration_date", ["08/24", "11/25"]),
        ("exp_month", ["7", "11"]),
        ("valid_thru", ["08/24", "11/25"]),
    ],
)
def test_the_last_day_of_a_card_is_replaced_next_to_its_number(
    name: str, values: list[str | None]
) -> None:
    assert treatments(**{name: values * 20}, **CARDS)[name] == ("other", "token")
    assert name not in treatments(**{name: values * 20}, status=["open", "closed"] * 20)


@pytest.mark.parametrize(
    "name", ["Apartment", "apt_no", "street_number", "house_no", "HouseNumber"]
)
def test_a_part_of_an_address_is_replaced_next_to_the_rest(name: str) -> None:
    assert treatments(**{name: IDENTIFIERS}, **PLACES)[name] == ("address", "token")
    assert name not in treatments(**{name: IDENTIFIERS})


@pytest.mark.parametrize("name", ["Birth Month", "birth_day", "day_of_birth", "month_of_birth"])
def test_month_and_day_of_birth_are_replaced_next_to_persons_and_the_year_stays(name: str) -> None:
    table = {name: ["2", "11"] * 20, "birth_year": ["1974", "1990"] * 20}
    assert treatments(**table, **PERSONS).keys() - PERSONS.keys() == {name}


@pytest.mark.parametrize(
    "name",
    ["user_id", "CustomerID", "employee_no", "emp_id", "student_number", "member_key", "driver_ref",
     "passengerid", "voter_code", "client_uuid"],
)  # fmt: skip
def test_numbers_of_persons_are_replaced(name: str) -> None:
    assert treatments(**{name: IDENTIFIERS}) == {name: ("other", "token")}


@pytest.mark.parametrize(
    "name",
    ["order_id", "product_key", "store_no", "users", "n_customers", "user_agent", "station_id"],
)
def test_numbers_of_things_and_counts_of_persons_stay(name: str) -> None:
    assert treatments(**{name: IDENTIFIERS}) == {}


@pytest.mark.parametrize(
    "things", ["faa", "IATA", "elevation_m", "magnitude", "hazard_type", "station", "river_name"]
)
def test_where_a_thing_is_and_what_it_is_called_stays(things: str) -> None:
    table = {
        things: IDENTIFIERS,
        "name": ["Hall of Ann Smith", *[f"CORNER {n}" for n in range(39)]],
        "lat": [f"40.{n}" for n in range(100, 140)],
        "lon": [f"-73.{n}" for n in range(100, 140)],
    }
    assert treatments(**table) == {}
    persons: dict[str, dict[str, list[str | None]]] = {
        "their mail": PERSONS,
        "their address": {"home_address": [*CAPITALS]},
        "their age": {"age": ["17", "65"] * 20},
        "their trips": {"pickup_zone": ["A1", "B2"] * 20},
    }
    for table_of_persons in persons.values():
        assert {"name", "lat", "lon"} <= treatments(**table, **table_of_persons).keys()


@pytest.mark.parametrize("name", ["location", "locationone", "geo_point", "Lat_Long", "position"])
def test_points_with_few_digits_are_points_by_the_name_of_their_column(name: str) -> None:
    pairs: list[str | None] = [f"({n}.5, -76.0{n})" for n in range(10, 50)]
    assert treatments(**{name: pairs}) == {name: ("coordinates", "token")}
    assert treatments(interval_95=pairs) == {}


@pytest.mark.parametrize(
    ("shares", "treatment"), [((8, 0), "drop"), ((2, 6), "redact")], ids=["names", "numbers"]
)
def test_lists_and_objects_are_treated_as_prose(shares: tuple[int, int], treatment: str) -> None:
    names, cards = shares
    values = ['[{"who":"Maria Garcia"}]'] * names + ['[{"card":"4111111111111111"}]'] * cards
    nested: list[str | None] = [*values, *["[]"] * (40 - len(values))]
    assert treatments(spans=nested) == {"spans": ("other", treatment)}


def test_empty_cells_do_not_count_against_an_address() -> None:
    line: list[str | None] = ["Flat 4, 12 Miller Street"] * 5 + [" "] * 35
    assert treatments(address_two=line, **PLACES)["address_two"] == ("address", "token")
