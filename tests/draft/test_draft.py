"""A draft promises what every row bears out, with head-room and a reason, and never holds a personal value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.contracts.licenses import Recognised
from assay.contracts.load import load
from assay.contracts.policy import license_policy
from assay.pipelines.admit.names import key_hint, perhaps_personal, personal_hint
from assay.pipelines.core.engine import held_in_memory
from assay.pipelines.draft.license import (
    UNKNOWN,
    LicenseFound,
    about_file,
    license_found,
    license_of_prose,
    license_of_text,
)
from assay.pipelines.draft.profile import Profile, profile
from assay.pipelines.draft.propose import Draft, draft
from assay.pipelines.draft.round_numbers import head_room
from assay.pipelines.draft.settings import Origin
from assay.pipelines.draft.writer import Comment, Flow, WithReason
from assay.pipelines.draft.writer import yaml as written

ORIGIN = Origin("inbox/readings.csv", "csv", "0" * 64)
CC0 = LicenseFound("CC0-1.0", "LICENSE", "found in LICENSE")


def measured(**columns: list[str | None]) -> Profile:
    rows = len(next(iter(columns.values())))
    frame = pl.LazyFrame(
        {"_row": range(1, rows + 1), **columns},
        schema={"_row": pl.Int64, **dict.fromkeys(columns, pl.String)},
    )
    with held_in_memory(frame, rows * len(columns)) as held:  # as `assay new` does
        return profile(held, list(columns))


def drafted(**columns: list[str | None]) -> Draft:
    done = draft(measured(**columns), "readings", ORIGIN, CC0, "ann@example.com")
    load(done.text, "readings.odcs.yaml")
    return done


def promised(done: Draft, name: str) -> dict[str, Any]:
    return next(
        column
        for column in yaml.safe_load(done.text)["schema"][0]["properties"]
        if column["name"] == name
    )


def setting(done: Draft, name: str) -> Any:
    return next(
        (
            entry["value"]
            for entry in yaml.safe_load(done.text)["customProperties"]
            if entry["property"] == f"assay.{name}"
        ),
        None,
    )


# -- types ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "30"], "integer"),
        (["1", "2.5", "1e-7"], "number"),
        (["true", "False", "TRUE"], "boolean"),
        (["yes", "no", "yes"], "string"),
        (["1", "0", "1"], "integer"),
        (["2024-02-29", "2023-01-01", None], "date"),
        (["2024-02-30", "2023-01-01", None], "string"),
        (["2024-02-29T10:00:00Z", "2024-02-29 10:00:00+02:00", None], "timestamp"),
        (["00501", "10001", "94105"], "string"),
        (["12345678901234567890", "1", "2"], "string"),
        (["0.5", "123456789012345678901", "2"], "string"),
        (["1", "2", "x"], "string"),
        ([None, None, None], "string"),
    ],
)
def test_the_type_is_the_one_all_rows_are_written_as(values: list[str | None], kind: str) -> None:
    assert promised(drafted(x=values), "x")["logicalType"] == kind


def test_a_date_in_another_order_is_read_where_no_row_doubts_it() -> None:
    assert promised(drafted(x=["31/12/2023", "01/02/2024"]), "x")["logicalTypeOptions"] == {
        "format": "dd/MM/yyyy"
    }
    assert promised(drafted(x=["01/12/2023", "01/02/2024"]), "x")["logicalType"] == "string"


def test_a_timestamp_says_whether_its_rows_say_a_zone() -> None:
    assert promised(drafted(x=["2024-01-01 10:00:00"]), "x")["logicalTypeOptions"] == {
        "timezone": False
    }
    assert promised(drafted(x=["2024-01-01T10:00:00Z"]), "x")["logicalTypeOptions"] == {
        "timezone": True
    }


@pytest.mark.parametrize(
    ("values", "kind", "options"),
    [
        (["3/14/2024", "11/2/2024"], "date", {"format": "M/d/yyyy"}),
        (["14/3/2024", "2/11/2024"], "date", {"format": "d/M/yyyy"}),
        (["14.03.2024", "02.11.2024"], "date", {"format": "dd.MM.yyyy"}),
        (["2024-1-5", "2024-11-12"], "date", {"format": "yyyy-M-d"}),
        (["Mar 4, 2024", "Nov 12, 2024"], "date", {"format": "MMM d, yyyy"}),
        (["4 March 2024", "12 November 2024"], "date", {"format": "d MMMM yyyy"}),
        (["04-MAR-24", "12-NOV-99"], "date", {"format": "dd-MMM-yy"}),
        (["1/1/01", "4/2/15", "12/31/99"], "date", {"format": "M/d/yy"}),
        (["3/14/2024 9:26", "11/2/2024 14:05"], "timestamp", {"format": "M/d/yyyy H:mm", "timezone": False}),
        (["3/14/2024 9:26 PM", "11/2/2024 12:05 AM"], "timestamp", {"format": "M/d/yyyy h:mm a", "timezone": False}),
        (["14.03.2024 09:26:30", "02.11.2024 14:05:00"], "timestamp", {"format": "dd.MM.yyyy HH:mm:ss", "timezone": False}),
        (["2024-03-01 10:00:00+00", "2024-03-01 10:00:00.5+00"], "timestamp", {"timezone": True}),
        (["20240301T1000Z", "20240301T1100Z"], "timestamp", {"timezone": True}),
        (["2024-03-01T10:00", "2024-03-01T11:00"], "timestamp", {"timezone": False}),
        (["07:05", "23:10:59"], "time", None),
        (["0001-01-01", "9999-12-31"], "date", None),
    ],
)  # fmt: skip
def test_dates_and_times_are_recognised_as_people_write_them(
    values: list[str], kind: str, options: dict[str, Any] | None
) -> None:
    column = promised(drafted(x=[*values, None, "NA"]), "x")
    assert (column["logicalType"], column.get("logicalTypeOptions")) == (kind, options)
    assert column["customProperties"][0]["value"] == ["NA"]


@pytest.mark.parametrize(
    "values",
    [
        ["1/2/2024", "3/4/2024"],
        ["1/2/24", "3/4/24"],
        ["24-01-06", "24-01-07"],
    ],
)
def test_where_nothing_tells_day_month_and_year_apart_dates_are_text(values: list[str]) -> None:
    done = drafted(x=values)
    assert promised(done, "x")["logicalType"] == "string"
    assert "cannot be distinguished" in done.text


WRITTEN = {
    "integer": ["1", "-2", "30"],
    "number": ["0.5", "2.25", "-1.5"],
    "boolean": ["true", "false", "true"],
    "date": ["2024-02-29", "2023-01-01", "2022-01-01"],
    "timestamp": ["2024-02-29T10:00Z", "2023-01-01T10:00Z", "2022-01-01T10:00Z"],
    "date in another form": ["31/12/2023", "01/02/2024", "02/02/2024"],
    "time": ["07:05", "08:05", "09:05"],
}


@pytest.mark.parametrize("spelling", ["NA", "\\N", "?", "-", "null", "#N/A", "inf", "n/a", "."])
def test_what_stands_for_nothing_counts_in_a_column_of_another_type_alone(spelling: str) -> None:
    texts = {"country": ["DE", "NA", "-", "?"], "z": ["1", "x", "y", "."]}
    written = {name: [*values, spelling] for name, values in WRITTEN.items()}
    profiled = measured(**written, **texts)
    assert profiled.null_values == dict.fromkeys(WRITTEN, (spelling,))
    assert {column.name: (column.kind, column.given) for column in profiled.columns} == {
        **{name: (name.removesuffix(" in another form"), 3) for name in WRITTEN},
        "country": ("string", 4),
        "z": ("string", 4),
    }


def test_a_mark_that_is_no_word_counts_in_text_once_a_typed_column_has_it() -> None:
    done = measured(x=["1", "\\N", "3"], y=["a", "\\N", "b"], z=["#N/A", "x", "y"])
    assert done.null_values == {"x": ("\\N",), "y": ("\\N",)}
    assert measured(y=["a", "\\N", "b"]).null_values == {}


def test_a_float_that_is_not_finite_leaves_its_column_a_number_without_personal_data() -> None:
    done = drafted(x=["41234567890.5", "inf", "-inf", "41234567891.25"])
    assert (promised(done, "x")["logicalType"], done.personal) == ("number", {})
    assert promised(done, "x")["customProperties"] == [
        {"property": "assay.null_values", "vendor": "assay", "value": ["-inf", "inf"]}
    ]


def test_what_is_null_in_one_column_is_a_value_in_another() -> None:
    done = drafted(x=["1", "NA", "3"], country=["DE", "NA", "FR"])
    assert promised(done, "country")["required"] is True
    assert "required" not in promised(done, "x")
    assert "options" not in setting(done, "source")


# -- promises ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "limits"),
    [
        ((1, 4983), (0, 10_000)),
        ((1987, 2013), (1960, 2040)),
        ((-5, -1), (-9, 0)),
        ((-3, 5), (-11, 13)),
        ((0.25, 0.75), (0.0, 1.3)),
        ((7, 7), (0, 14)),
        ((0, 0), (0, 1)),
    ],
)
def test_ranges_have_round_head_room_and_keep_their_sign(
    seen: tuple[float, float], limits: tuple[float, float]
) -> None:
    assert head_room(*seen) == pytest.approx(limits)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_ranges_hold_what_was_seen_and_fit_their_type(one: int, other: int) -> None:
    low, high = min(one, other), max(one, other)
    least, most = head_room(low, high)
    assert least is None or (-(2**63) <= least <= low and (low < 0 or least >= 0))
    assert most is None or (high <= most < 2**63 and (high > 0 or most <= 0 or low == 0))


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_ranges_of_floats_hold_what_was_seen(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    least, most = head_room(low, high)
    assert least is None or least <= low
    assert most is None or high <= most


def test_an_enumeration_is_promised_where_few_values_come_often() -> None:
    done = drafted(x=["day", "night"] * 20, y=[f"word {i}" for i in range(40)])
    assert promised(done, "x")["enum"] == [{"value": "day"}, {"value": "night"}]
    assert "2 distinct values in 40 rows" in done.text
    assert "enum" not in promised(done, "y")


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (["ABC", "XYZ", "KLM"], "^[A-Z]{3}$"),
        (["TCK-1", "TCK-22", "TCK-333"], "^[A-Z]{3}-[0-9]+$"),
        (["N10156", "N102UW", "XX"], "^[A-Z0-9]+$"),
        (["ab.1", "cd.2"], "^[a-z]{2}\\.[0-9]+$"),
    ],
)
def test_one_shape_becomes_a_pattern_with_head_room(values: list[str], pattern: str) -> None:
    assert promised(drafted(x=values), "x")["logicalTypeOptions"] == {"pattern": pattern}


def test_text_of_many_shapes_has_a_longest_length() -> None:
    assert promised(drafted(x=["Some words", "more, and more"]), "x")["logicalTypeOptions"] == {
        "maxLength": 30
    }


def test_uuids_and_links_have_their_format() -> None:
    done = drafted(u=["123e4567-e89b-12d3-a456-426614174000"], l=["https://example.com/a?b=1"])
    assert promised(done, "u")["logicalTypeOptions"] == {"format": "uuid"}
    assert promised(done, "l")["logicalTypeOptions"] == {"format": "uri"}


# -- keys -------------------------------------------------------------------------------------


def test_a_key_is_a_code_and_never_a_measure() -> None:
    many = [str(i) for i in range(40)]
    assert drafted(weight=[f"{i}.5" for i in range(40)], meter_id=many).keys == ("meter_id",)
    assert (
        drafted(
            weight=[str(i * 977 % 8191) for i in range(40)], label=["some words " + i for i in many]
        ).keys
        == ()
    )


def test_a_composite_is_as_small_as_can_be() -> None:
    stations, hours = ["A", "B"] * 10, [f"2024-01-{1 + i // 2:02d} 00:00:00" for i in range(20)]
    done = drafted(temperature=[str(i % 7) for i in range(20)], station=stations, at=hours)
    assert done.keys == ("station", "at")
    assert [
        promised(done, name).get("primaryKeyPosition") for name in ("temperature", "station", "at")
    ] == [None, 1, 2]


def test_exact_repetitions_are_removed_and_do_not_hide_the_key() -> None:
    done = drafted(id=["1", "2", "2", "3"], x=["a b", "c d", "c d", "e, f"])
    assert done.keys == ("id",)
    assert setting(done, "cleaning") == [{"step": "deduplicate"}]
    assert "1 of 4 rows repeat another" in done.text
    assert setting(drafted(id=["1", "2"]), "cleaning") is None


@pytest.mark.parametrize(
    ("columns", "is_key"),
    [(("day", "energy"), True), (("energy", "day"), False)],
    ids=["first column", "later column"],
)
def test_a_unique_date_is_a_key_in_the_first_column_only(
    columns: tuple[str, ...], is_key: bool
) -> None:
    values = {
        "day": [f"2024-01-{day:02}" for day in range(1, 25)],
        "energy": [f"{day % 7}.5" for day in range(1, 25)],
    }
    done = drafted(**{name: values[name] for name in columns})
    assert bool(promised(done, "day").get("primaryKey")) is is_key


def test_a_step_that_invents_values_is_only_suggested() -> None:
    done = drafted(x=[None, *(str(i) for i in range(40))])
    assert setting(done, "cleaning") is None
    assert "perhaps {step: fill_missing" in done.text


# -- personal data --------------------------------------------------------------------------


SECRET = {
    "email": [f"ann{i}@example.com" for i in range(30)],
    "last_name": ["Zyxwvu", "Qponml"] * 15,
    "birth_date": ["1971-03-04", "1982-05-06"] * 15,
    "note": ["call zoe@example.org today", "nothing here"] * 15,
    "name": ["Hjkl Bnmq", "Rtyu Vbnm"] * 15,
    "client_ip": ["203.0.113.7", "198.51.100.9"] * 15,
}


def test_personal_columns_are_treated_and_no_value_of_theirs_is_in_the_draft() -> None:
    done = drafted(**SECRET)
    treated = {
        name: (one["kind"], one["treatment"])
        for name, one in setting(done, "privacy")["columns"].items()
    }
    assert treated == {
        "email": ("email", "token"), "last_name": ("name", "token"), "birth_date": ("birth_date", "token"), "note": ("other", "redact"),
        "name": ("name", "token"), "client_ip": ("ip_address", "token"),
    }  # fmt: skip
    for values in SECRET.values():
        for value in set(values):
            for word in value.split():
                assert word in ("call", "today", "nothing", "here") or word not in done.text
    assert "email in 30 of 30 rows (100 %)" in done.text
    assert promised(done, "birth_date") == {
        "name": "birth_date",
        "logicalType": "string",
        "required": True,
        "classification": "personal",
    }


def test_a_single_address_in_ten_thousand_rows_is_found() -> None:
    done = drafted(note=["a word"] * 9_999 + ["mail ann@example.com please"])
    assert done.personal["note"].treatment == "redact"
    assert "enum" not in promised(done, "note")


@pytest.mark.parametrize("written_as", ["{}", "{}.0", "+{}"])
def test_cards_are_found_in_columns_of_numbers(written_as: str) -> None:
    cards = ["4111111111111111", "5500005555555559", "340000000000009"]
    done = drafted(ref=[*(written_as.format(card) for card in cards), None])
    assert setting(done, "privacy")["columns"] == {"ref": {"kind": "card", "treatment": "token"}}


def test_nothing_is_promised_of_a_column_that_is_dropped() -> None:
    prose = "We sat down in the garden and talk to Maria Garcia about it"
    done = drafted(note=[f"{prose} {n}" for n in range(40)])  # which loads the draft
    assert setting(done, "privacy")["columns"] == {"note": {"kind": "other", "treatment": "drop"}}
    assert set(promised(done, "note")) == {"name", "logicalType", "classification"}


def test_what_may_be_personal_is_asked_and_its_values_are_not_written() -> None:
    done = drafted(id=[str(i) for i in range(60)], name=["Hjkl", "Bnmq"] * 30)
    assert done.personal == {}
    assert "'name' may be personal" in done.open_questions
    assert "Hjkl" not in done.text
    assert set(promised(done, "name")) == {"name", "logicalType", "required"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CustomerEmail", "email"),
        ("fname", "name"),
        ("DOB", "birth_date"),
        ("zip", None),
        ("shipment", None),
        ("ship", None),
        ("hotel", None),
    ],
)
def test_names_of_columns_are_hints(name: str, kind: str | None) -> None:
    assert personal_hint(name) == kind


def test_a_brewery_has_a_name_and_is_no_person() -> None:
    assert perhaps_personal("brewery_name") is None
    assert (perhaps_personal("name"), perhaps_personal("addr")) == ("name", "address")
    assert [
        key_hint(name) for name in ("tailnum", "customerId", "Order No", "id", "objectid", "decode")
    ] == [True] * 5 + [False]


# -- licences ---------------------------------------------------------------------------------


POLICY = license_policy()


@pytest.mark.parametrize(
    ("text", "expression", "limits"),
    [
        ("Licensed under CC BY 4.0.", "CC-BY-4.0", ()),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", "CC-BY-NC-SA-4.0", ()),
        ("the project is licenced under cc-by-nc", "CC-BY-NC-4.0", ()),
        ("| file | CC0-1.0 |", "CC0-1.0", ()),
        ("Apache License\nVersion 2.0, January 2004", "Apache-2.0", ()),
        ("MIT License\n\nPermission is hereby granted", "MIT", ()),
        ("SPDX-License-Identifier: CC-BY-4.0 OR MIT", "CC-BY-4.0 OR MIT", ()),
        ("Data from MITRE and the SUMMIT", None, ()),
        ("Used in research on ferns for purposes of teaching", None, ()),
        ("For research purposes only.", "LicenseRef-Research-Only", ()),
        ("You may use them for non-commercial purposes only.", "LicenseRef-Non-Commercial", ()),
        ("code MIT, data ODbL", "MIT AND ODbL-1.0", ()),
        ("A long text.\n\nSee https://creativecommons.org/licenses/by-nc/4.0/ for the terms.", "CC-BY-NC-4.0", ()),
        ("repository Apache-2.0; upstream states no licence", "Apache-2.0", ()),
        ("CC BY 4.0 except the images", "CC-BY-4.0", ("except",)),
        ("The texts are not under CC0.", "CC0-1.0", ("not",)),
        ("---\nlicense: cc-by-nc-4.0\n---\nA table of MIT students", "CC-BY-NC-4.0 AND MIT", ()),
        ("---\nlicense:\n- cc-by-4.0\n- other\n---\n", "CC-BY-4.0 AND LicenseRef-unknown", ()),
        ("nothing at all", None, ()),
    ],
)  # fmt: skip
def test_the_licences_of_a_longer_text_are_read(
    text: str, expression: str | None, limits: tuple[str, ...]
) -> None:
    read = license_of_prose(text, POLICY)
    assert (read and read.expression) == expression
    assert (read.unread if read else ()) == limits


@pytest.mark.parametrize(
    ("text", "expression", "is_whole"),
    [
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC-BY-NC-SA-4.0", True),
        ("cc by nc 4.0", "CC-BY-NC-4.0", True),
        ("Copyright (c) 2024 The Club\n\nThese data are licensed under CC BY 4.0.", "CC-BY-4.0", True),
        ("SPDX-FileCopyrightText: us\nSPDX-License-Identifier: CC-BY-4.0\n", "CC-BY-4.0", True),
        ("SPDX-License-Identifier: CC-BY-4.0\nNo training.", "CC-BY-4.0 AND LicenseRef-No-Training", False),
        ("Copyright 2024 us, non-commercial use only\nMIT", "LicenseRef-Non-Commercial AND MIT", False),
        ("CC BY 4.0\n\nAsk us before you use the images.", "CC-BY-4.0", False),
        ("ask us", None, False),
        ("See the terms for details.", None, False),
    ],
)  # fmt: skip
def test_the_text_of_a_licence_is_read_as_a_whole(
    text: str, expression: str | None, is_whole: bool
) -> None:
    read = license_of_text(text, POLICY)
    assert read is not None
    assert (read.expression, read.is_whole) == (expression, is_whole)


@pytest.mark.parametrize(
    "more", ["", "\nNot for the training of models.", "\nThe images are ours."]
)
def test_the_whole_text_of_a_licence_is_known_and_what_is_added_to_it_is_not(more: str) -> None:
    text = Path(__file__).parents[2].joinpath("LICENSE").read_text(encoding="utf-8")
    read = license_of_text(text + more, POLICY)
    assert read is not None
    assert (read.expression or "").startswith("Apache-2.0")
    assert read.is_whole == (more == "")


def test_a_text_is_not_quoted_where_it_may_name_a_person() -> None:
    read = license_of_text("CC BY 4.0. Ask Jane Doe, jane@example.com, not Joe.", POLICY)
    assert read is not None
    assert set(read.unread) <= {"not", "other words"}


def test_a_line_about_the_file_counts_before_the_rest() -> None:
    text = "| `a.csv` | CC0-1.0 |\n| `b.csv` | CC BY 4.0 |"
    of_one, of_all = (
        license_of_prose(about_file(text, name, POLICY), POLICY) for name in ("b.csv", "c.csv")
    )
    assert of_one is not None
    assert of_all is not None
    assert (of_one.expression, of_all.expression) == ("CC-BY-4.0", "CC0-1.0 AND CC-BY-4.0")


def test_a_line_that_names_the_file_and_no_licence_hides_none() -> None:
    text = "`a.csv` holds the training data, without derivatives.\n\nAll are CC BY-NC 4.0."
    read = license_of_prose(about_file(text, "a.csv", POLICY), POLICY)
    assert read is not None
    assert read.expression == "CC-BY-NC-4.0"


def test_a_doubtful_licence_is_unknown_and_says_why() -> None:
    several = license_found("README.md", Recognised("MIT AND ODbL-1.0", "text", several=True))
    assert (several.expression, several.why) == (UNKNOWN, "README.md names several: MIT, ODbL-1.0")
    denied = license_found("SOURCE.md", Recognised("Apache-2.0", "text"), denial="no licence")
    assert (denied.expression, denied.why) == (
        UNKNOWN,
        "SOURCE.md names Apache-2.0, but states 'no licence'",
    )
    limited = license_found("LICENSE", Recognised("MIT", "text", ("except the images",)))
    assert limited.expression == UNKNOWN
    assert "'except the images' is not known" in limited.why
    assert license_of_prose("hello", POLICY) is None


def test_an_unknown_licence_and_owner_are_asked_for() -> None:
    done = draft(
        measured(x=["1"]),
        "x",
        ORIGIN,
        LicenseFound(UNKNOWN, "none", "no licence lies next to the file"),
        None,
    )
    assert "# Assay refuses to publish until this is answered" in done.text
    assert len(done.open_questions) == 3
    with pytest.raises(Exception, match="names no owner"):
        load(done.text, "x.odcs.yaml")


# -- the whole --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "naïve",
        'quo"te',
        "yes",
        "1st",
        "a: b",
        "#x",
        "null",
        "back\\slash",
        "new\nline",
        "🦊x",
    ],
)
def test_any_column_name_survives(name: str) -> None:
    assert promised(drafted(**{name: ["1", "2"]}), name)["logicalType"] == "integer"


def test_a_table_of_no_rows_is_drafted() -> None:
    assert promised(drafted(x=[]), "x") == {"name": "x", "logicalType": "string"}


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.one_of(
            st.text(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
        ),
        min_size=1,
    )
)
def test_what_is_written_reads_back(data: dict[str, Any]) -> None:
    surrogate = any(
        "\ud800" <= character <= "\udfff"
        for key, value in data.items()
        for character in key + str(value)
    )
    if surrogate:
        return
    nested = {
        "flow": Flow(data),
        "said": {key: WithReason(value, "because\nso") for key, value in data.items()},
        "list": [data, Comment("here")],
        "why": Comment("x"),
    }
    assert yaml.safe_load(written(nested)) == {"flow": data, "said": data, "list": [data]}


def test_reasons_and_comments_stand_where_they_belong() -> None:
    data = {
        "first": Comment("before the first"),
        "kept": WithReason("yes", "a word that YAML reads as true"),
        "steps": WithReason(
            [WithReason(Flow({"step": "x"}), "why"), Comment("after the steps")], "all"
        ),
        "table": [{"name": "a", "note": Comment("about a"), "columns": {"b": 0.0000001}}],
        "nested": {"value": 1, "last": Comment("after the value")},
        "end": Comment("after everything"),
    }
    assert written(data) == (
        "# before the first\n"
        'kept: "yes"  # a word that YAML reads as true\n'
        "steps:  # all\n"
        "  - {step: x}  # why\n"
        "  # after the steps\n"
        "table:\n"
        "  # about a\n"
        "  - name: a\n"
        "    columns:\n"
        "      b: 0.0000001\n"
        "nested:\n"
        "  value: 1\n"
        "  # after the value\n"
        "# after everything\n"
    )


@pytest.mark.parametrize(
    ("cells", "is_hinted"),
    [
        (["41,64", "1.234,50", "7", "-0,5"] * 5, True),
        (["1,234", "2,500", "9,999", "1,000"] * 5, False),  # may be thousands
        (["41.64", "1234.50", "7", "-0.5"] * 5, False),
        (["41,64", "see note", "none", "later"] * 5, False),
    ],
)
def test_a_decimal_comma_is_proposed_and_never_assumed(cells: list[str], is_hinted: bool) -> None:
    text = drafted(amount=[f"{cell}" for cell in cells], place=[str(n) for n in range(20)]).text
    assert ("perhaps numbers with a decimal comma" in text) is is_hinted


def test_nothing_is_written_as_null() -> None:
    assert written({"step": Flow({"unicode": None})}) == "step: {unicode: null}\n"


@pytest.mark.parametrize(
    ("values", "is_listed"),
    [
        (["red", "green"], True),
        (["red", " green"], False),
        (["red", "light  green"], False),
        (["red", "gru\u0308n"], False),
    ],
)
def test_values_that_normalizing_changes_are_not_listed(values: list[str], is_listed: bool) -> None:
    rows = [str(number) for number in range(40)]
    column = promised(drafted(number=rows, colour=values * 20), "colour")
    assert ("enum" in column) is is_listed
