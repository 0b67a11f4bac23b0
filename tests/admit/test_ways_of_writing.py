"""Each kind is found as people of many countries write it; numbers of other kinds are left alone."""

from __future__ import annotations

import random

import polars as pl
import pytest

from assay.pipelines.admit import encoded_text, personal
from assay.pipelines.admit.detectors import PhoneRegions
from assay.pipelines.admit.personal import spans
from assay.pipelines.core.frames import ROW


def found(*texts: str) -> set[tuple[str, str]]:
    frame = pl.LazyFrame({ROW: range(len(texts)), "m": texts})
    (findings,) = pl.collect_all(spans(frame, ["m"]))
    return set(findings.select("kind", "value").iter_rows())


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("de89370400440532013000", "iban", "de89370400440532013000"),
        ("my iban is Gb82 west 1234 5698 7654 32 okay", "iban", "Gb82 west 1234 5698 7654 32"),
        ("CH31 4151 4H37 4JKH E0G6 E; thanks", "iban", "CH31 4151 4H37 4JKH E0G6 E"),
        ("139 1099 8888", "phone", "139 1099 8888"),
        ("138-0013-8000", "phone", "138-0013-8000"),
        ("ring 98765 43210 later", "phone", "98765 43210"),
        ("090-1234-5678", "phone", "090-1234-5678"),
        ("(11) 91234-5678", "phone", "(11) 91234-5678"),
        ("+49 30 901820 ext. 12", "phone", "+49 30 901820 ext. 12"),
        ("https://wa.me/+4930901820", "phone", "+4930901820"),
        ("https://example.com/2010/09/17?call=+4930901820", "phone", "+4930901820"),
        ("+1.2025550123", "phone", "+1.2025550123"),
        ("at 48.850000, 2.350123", "coordinates", "48.850000, 2.350123"),
        ("(202) 555-0123 x45", "phone", "(202) 555-0123 x45"),
        ("001-825-741-0957", "phone", "001-825-741-0957"),
        ("电话：13910998888", "phone", "13910998888"),
        ("whatsapp 9876543210", "phone", "9876543210"),
        ("PAN abcde1234f", "national_id", "abcde1234f"),
        ("Aadhaar no 1234 5678 9012", "national_id", "1234 5678 9012"),
        ("ssn is 123-45-6789", "national_id", "123-45-6789"),
        ("account HDFC0001234567", "bank_account", "HDFC0001234567"),
        ("a/c no. SB-12345678", "bank_account", "SB-12345678"),
        ("account number 12 345 678 is closed", "bank_account", "12 345 678"),
        ("my password is hunter2!", "secret", "hunter2"),
        ("password Tr0ub4dor&3", "secret", "Tr0ub4dor&3"),
        ("Passwort ist geheim$99, danke", "secret", "geheim$99"),
        ("4111 11** **** 1111", "card", "4111 11** **** 1111"),
        ("XXXX-XXXX-XXXX-1234", "card", "XXXX-XXXX-XXXX-1234"),
        ("Visa ending in 4242", "card", "ending in 4242"),
        ("4111.1111.1111.1111", "card", "4111.1111.1111.1111"),
        ("meet at 52.52001, 13.40495", "coordinates", "52.52001, 13.40495"),
        ("POINT(13.40495 52.52001)", "coordinates", "13.40495 52.52001"),
        ("52.5200° N, 13.4050° E", "coordinates", "52.5200° N, 13.4050° E"),
        ("52°31'12\"N 13°24'18\"E", "coordinates", "52°31'12\"N 13°24'18\"E"),
        ('{"lat": 52.52, "lng": 13.40495}', "coordinates", "13.40495"),
    ],
)  # fmt: skip
def test_it_is_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "0.4111111111111111", "[0.4012888888881881, -1.4111111111111111e-05]", "x=.4111111111111111;", "0,4111111111111111",
        "0.05 0.123456 0.98765432", "12.34567, 45.67891, 78.91234", "60000-70000", "1 234 567 890", "612 345 678 inhabitants", "2024-03-11 10:00",
        "password is required.", "the password must be changed", "password reset-link", "account since 2024-05-01", "the account of May 2024",
        "between 0.51234, 0.49876", "XXXXXXXX", "**** note ****", "visa for 2 months", "DE89 3704 0044 0532 0130 01", "pan with lid",
        "17c7869a-0512-2345-6789-902053258100", "{0A1B2C3D-0201-5550-1230-020155501230}", "urn:uuid:17c7869a-0512-2345-6789-902053258100",
        "http://www.example.com/pg/07352/842521-59.stm", "https://example.com/news/2010/09/17/15382976-wire.html", "https://example.com/05/27/10/4-hurt",
        "+3.140000; -3.140000", "3.140000, -2.500000", "+20000000", "+20000004", "the categories Lu, Ll, Lt, Lm, Lo, Nl",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert found(text) == set()


def test_floats_are_no_cards() -> None:
    chance = random.Random(3)
    texts = [str([chance.random() * 10**n for n in range(8)]) for _ in range(500)]
    assert found(*texts) == set()


def test_a_list_of_long_numbers_is_no_list_of_cards() -> None:
    chance = random.Random(5)
    texts = [str([chance.randint(10**15, 10**16) for _ in range(5)]) for _ in range(200)]
    assert found(*texts) == set()


@pytest.mark.parametrize(
    ("region", "text", "count"),
    [
        ("cn", "13910998888", 1), ("eu-de", "ring 15112345678 or 030901820", 2), ("in", "reach 9845012345", 1),
        ("us", "order 2053258100", 0), ("global", "13910998888", 0), ("eu", "13910998888", 0), ("cn", "20910998888", 0),
    ],
)  # fmt: skip
def test_the_region_of_the_contract_tells_phone_numbers(region: str, text: str, count: int) -> None:
    frame = pl.LazyFrame({ROW: [0], "m": [text]})
    (findings,) = pl.collect_all(spans(frame, ["m"], regions=PhoneRegions(region)))
    assert findings["kind"].to_list() == ["phone"] * count


@pytest.mark.parametrize(("column", "count"), [("german", 1), ("other", 0)])
def test_a_column_has_phone_numbers_of_its_own_country(column: str, count: int) -> None:
    frame = pl.LazyFrame({ROW: [0], column: ["ring 15112345678"]})
    regions = PhoneRegions("eu", {"german": "de"})
    (findings,) = pl.collect_all(spans(frame, [column], regions=regions))
    assert findings["kind"].to_list() == ["phone"] * count


@pytest.mark.parametrize(
    "text", ["ring%2015112345678", "ring \\u0031\\u003511 2345678", "ring １５１１２３４５６７８"]
)
def test_the_region_tells_phone_numbers_that_are_encoded_too(text: str) -> None:
    frame = pl.LazyFrame({ROW: [0], "m": [text]}, schema_overrides={ROW: pl.Int64})
    (worn,) = pl.collect_all([personal.disguises(frame, ["m"])])
    plans = [
        *encoded_text.escaped(frame, ["m"], PhoneRegions("eu-de")),
        *personal.undisguised(frame, worn, PhoneRegions("eu-de")),
    ]
    kinds = pl.concat(pl.collect_all(plans))["kind"].to_list()
    assert kinds == ["phone"]
