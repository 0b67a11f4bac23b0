"""Names and addresses in text: by lists, by what stands around them, by the shapes of many countries."""

from __future__ import annotations

import polars as pl
import pytest

from assay.pipelines.admit.detect import finder
from assay.pipelines.admit.detectors import detectors
from assay.pipelines.admit.token_labels import TokenLabel, labelled_spans
from assay.pipelines.core.frames import ROW

IN_TEXT = [each for each in detectors() if each.kind in ("name", "address")]


def longest(text: str, kind: str) -> set[str]:
    """The values of a kind that are in no longer one."""
    frame = pl.DataFrame({ROW: [0], "cell": [text]}, schema_overrides={ROW: pl.Int64})
    values = set(finder(IN_TEXT)(frame).filter(kind=kind)["value"].drop_nulls().to_list())
    return {value for value in values if not any(value in other != value for other in values)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("She met Łukasz Żółkiewski in May.", "Łukasz Żółkiewski"),
        ("Ich heiße Friederike Sonnleitner und wohne hier", "Friederike Sonnleitner"),
        ("me llamo Guadalupe Etxebarria, gracias", "Guadalupe Etxebarria"),
        ("je m'appelle Solène Guivarc'h", "Solène Guivarc'h"),
        ("the report was written by Xochitl Quispe last week", "Xochitl Quispe"),
        ("Dear Mrs. Oyelaran, your parcel", "Oyelaran"),
        ("my colleague Henrietta will call", "Henrietta"),
        ("ask for henrietta lacroix at the desk", "henrietta lacroix"),
        ("Henrietta's mother called", "Henrietta"),
        ("Kind regards\nOliver Stone", "Oliver Stone"),
        ("a letter from Colonel Nathaniel P. Barlow arrived", "Nathaniel P. Barlow"),
    ],
)  # fmt: skip
def test_a_name_is_found_whole(text: str, name: str) -> None:
    assert longest(text, "name") == {name}


@pytest.mark.parametrize(
    "text",
    [
        "We flew from San Francisco to New Orleans", "George Washington University Hospital", "the Dave Matthews Band played",
        "Super Bowl Sunday", "Classic Red Lager", "The Great Gatsby", "He reads the Financial Times", "Contact Customer Service today",
        "St. Louis Cardinals", "Victoria Station is closed", "born in Orlando", "German Democratic Republic", "this is New York",
        "Lake Superior is deep", "Monday Morning Meeting", "Data Quality Report", "Los Angeles and Las Vegas", "Microsoft Word",
    ],
)  # fmt: skip
def test_titles_places_companies_and_products_are_no_names(text: str) -> None:
    assert longest(text, "name") == set()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("I live at 12 Larch Street, Springfield, IL 62704 now", "12 Larch Street, Springfield, IL 62704"),
        ("ship to 4 Elm Rd Suite 12, Bath BA1 2LT please", "4 Elm Rd Suite 12, Bath BA1 2LT"),
        ("Sie wohnt in der Lindenstraße 14, 10969 Berlin.", "Lindenstraße 14, 10969 Berlin"),
        ("il habite 12 bis", None),
        ("12, rue de la République, 69002 Lyon", "12, rue de la République, 69002 Lyon"),
        ("vive en Calle de Alcalá 45, 28014 Madrid", "Calle de Alcalá 45, 28014 Madrid"),
        ("Via Garibaldi 7, 20121 Milano", "Via Garibaldi 7, 20121 Milano"),
        ("Keizersgracht 123, 1015 CJ Amsterdam", "Keizersgracht 123, 1015 CJ Amsterdam"),
        ("ul. Długa 5, 00-238 Warszawa", "ul. Długa 5, 00-238 Warszawa"),
        ("Andrássy út 22, Budapest", "Andrássy út 22"),
        ("P.O. Box 1234", "P.O. Box 1234"),
        ("333 MILLER STREET", "333 MILLER STREET"),
        ("my address is 77 Birch Ave\n Apt. 5\n Salem, OR 97301", "77 Birch Ave\n Apt. 5\n Salem, OR 97301"),
        ("the corner of Pine Street and Sixth Avenue", "the corner of Pine Street and Sixth Avenue"),
    ],
)  # fmt: skip
def test_the_parts_of_an_address_are_one_finding(text: str, address: str | None) -> None:
    assert longest(text, "address") == ({address} if address else set())


@pytest.mark.parametrize(
    "text",
    ["in 1995 The Band played", "Room for 12 people", "version 2 of Python 3", "Section 4 of Act 12", "June 12 1995", "20 Million Miles to Earth"],
)  # fmt: skip
def test_numbers_next_to_words_are_no_address(text: str) -> None:
    assert longest(text, "address") == set()


def _labels(text: str, *parts: tuple[str, str]) -> list[TokenLabel]:
    return [
        TokenLabel(label, 0.9, text.index(part), text.index(part) + len(part))
        for part, label in parts
    ]


def test_labels_of_parts_of_words_make_whole_names_with_initials() -> None:
    text = "was Jildau S. Bouts here"
    labels = _labels(text, ("Jil", "GIVEN_NAME"), ("dau", "GIVEN_NAME"), ("Bouts", "SURNAME"))
    assert [(kind, value) for kind, value, _ in labelled_spans(text, labels)] == [
        ("name", "Jildau S. Bouts")
    ]


@pytest.mark.parametrize(
    ("text", "part", "label"),
    [("France is near", "France", "SURNAME"), ("by helicopter", "helicopter", "SURNAME"), ("x@fleckens.hu", "fleckens", "SURNAME"), ("Wolters Group", "Wolters", "SURNAME"), ("in 62704", "62704", "ZIP_CODE")],
)  # fmt: skip
def test_what_a_model_takes_for_a_name_is_none_where_the_words_tell_otherwise(
    text: str, part: str, label: str
) -> None:
    assert labelled_spans(text, _labels(text, (part, label))) == []


def test_a_model_adds_nothing_within_an_address_that_is_known() -> None:
    text = "at 4 Elm Rd"
    labels = _labels(text, ("4", "BUILDING_NUMBER"), ("Elm Rd", "STREET_NAME"))
    assert [value for _, value, _ in labelled_spans(text, labels)] == ["4 Elm Rd"]
    assert labelled_spans(text, labels, ["4 Elm Rd"]) == []
