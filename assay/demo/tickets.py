"""A seed -> synthetic support tickets with planted faults and personal values, and the record of what was planted where.

Belongs here: making the tickets, and counting how much of the planted was found. Stays out: finding it (pipelines/admit).
Nobody real is in it: names are Faker's, e-mail domains are reserved (RFC 2606), phone numbers come from ranges that regulators
keep free for fiction, cards and IBANs are random digits with valid checksums.
"""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import phonenumbers
import polars as pl
from faker import Faker
from phonenumbers import PhoneNumberFormat
from stdnum import luhn

COLUMNS = (
    "ticket_id",
    "created_at",
    "customer_name",
    "email",
    "phone",
    "card_number",
    "iban",
    "category",
    "priority",
    "handle_minutes",
    "satisfaction",
    "message",
)
KINDS = {
    "customer_name": "name",
    "email": "email",
    "phone": "phone",
    "card_number": "card",
    "iban": "iban",
}
PLANTED_SCHEMA = {"row": pl.Int64, "column": pl.String, "kind": pl.String, "value": pl.String}
_POOL = 4_000
_START = datetime(2026, 1, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Planted:
    """What stands in the file: readable data rows, and how many of them hold each fault; lines that are no record; personal values by kind."""

    rows_written: int
    unreadable: int
    duplicates: int
    nulls: dict[str, int]
    typos: int
    outliers: int
    values: dict[str, int]


class _Ticket(NamedTuple):
    cells: tuple[str, ...]
    planted: tuple[tuple[str, str, str], ...]  # column, kind, value
    typo: bool
    outlier: bool


def generate(folder: Path, *, rows: int = 50_000, seed: int = 2026) -> Planted:
    """Write `support_tickets.csv`, and beside it `support_tickets.planted.parquet` and `support_tickets.planted.json`.

    The same arguments and versions of the libraries give the same bytes.

    Args:
        folder: is there already.
        rows: readable data rows, 100 or more, duplicates among them; 7 unreadable lines come on top.
    Returns: what was planted. The Parquet file holds one row a personal value: `row` (record number in the CSV, the header is 1,
        an unreadable line counts), `column`, `kind`, `value` (as written in the cell).
    """
    rng = Random(seed)  # noqa: S311  # made-up data, the same for each seed; nothing secret
    repeats = round(rows * 0.01)
    tickets = _tickets(rng, _pools(rng, seed), rows - repeats)
    # a duplicate stands anywhere after the row it repeats
    later = [
        (rng.uniform(source + 0.5, len(tickets)), source)
        for source in rng.sample(range(len(tickets)), repeats)
    ]
    order = [
        source
        for _, source in sorted(
            [*((float(number), number) for number in range(len(tickets))), *later]
        )
    ]
    written = [tickets[source] for source in order]

    planted_frame = _write_csv(folder / "support_tickets.csv", written)
    planted_frame.write_parquet(folder / "support_tickets.planted.parquet")
    planted = Planted(
        rows_written=rows,
        unreadable=len(BROKEN),
        duplicates=repeats,
        nulls={
            column: sum(not ticket.cells[COLUMNS.index(column)] for ticket in written)
            for column in ("handle_minutes", "satisfaction")
        },
        typos=sum(ticket.typo for ticket in written),
        outliers=sum(ticket.outlier for ticket in written),
        values=dict(sorted(Counter(planted_frame["kind"]).items())),
    )
    (folder / "support_tickets.planted.json").write_text(
        json.dumps(asdict(planted), indent=2) + "\n", encoding="utf-8"
    )
    return planted


def found_of_planted(planted: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Count, by kind, how many planted values were found: in the same row and column, as the same kind, equal or one inside the other.

    Args:
        planted, found: `row`, `column`, `kind`, `value`.
    Returns: `kind`, `planted`, `found`, `missed`, ordered by kind.
    """
    numbered = planted.lazy().with_row_index("planted_value")
    candidates = (
        found.lazy()
        .select(
            pl.col("row").cast(pl.Int64), "column", "kind", pl.col("value").alias("found_value")
        )
        .filter(pl.col("found_value") != "")
    )
    alike = pl.col("value").str.contains(pl.col("found_value"), literal=True) | pl.col(
        "found_value"
    ).str.contains(pl.col("value"), literal=True)
    hits = (
        numbered.join(candidates, on=["row", "column", "kind"])
        .filter(alike)
        .select(pl.col("planted_value").unique(), pl.lit(True).alias("hit"))
    )
    counts = (
        pl.len().cast(pl.Int64).alias("planted"),
        pl.col("hit").is_not_null().sum().cast(pl.Int64).alias("found"),
    )
    counted = numbered.join(hits, on="planted_value", how="left").group_by("kind").agg(*counts)
    return (
        counted.with_columns((pl.col("planted") - pl.col("found")).alias("missed"))
        .sort("kind")
        .collect()
    )


# -- the file ----------------------------------------------------------------------

# none is a record of twelve cells to a strict reader (DuckDB forgives an empty thirteenth, 2026-11), nor to one that forgives quotes;
# every quote is closed, so no line swallows the next
BROKEN = (
    "TCK-900001,2026-02-01T10:00:00Z,,,,",
    "TCK-900002,2026-02-02T10:00:00Z,,,,,,billing,normal,12.5,4,Too many cells,one more,and another",
    'TCK-900003,2026-02-03T10:00:00Z,,,,,,billing,normal,12.5,4,"They said "no refund, ever" to me"',
    "export interrupted",
    "TCK-900005,2026-02-05T10:00:00Z,,,,,,delivery,low,7,,The parcel is wet, and so is the box",
    'TCK-900006,2026-02-06T10:00:00Z,,,,,,other,"high"er, "still",9,3,Where is it',
    "TCK-900007;2026-02-07T10:00:00Z;;;;;;technical;normal;3.5;5;Wrong delimiter",
)


def _write_csv(path: Path, tickets: Sequence[_Ticket]) -> pl.DataFrame:
    """Write the records, the broken lines spread among them, and return the planted values with their record numbers."""
    broken = {
        (number + 1) * len(tickets) // (len(BROKEN) + 1): line for number, line in enumerate(BROKEN)
    }
    planted: list[tuple[int, str, str, str]] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        record = 1
        for number, ticket in enumerate(tickets):
            if number in broken:
                file.write(broken[number] + "\n")
                record += 1
            record += 1
            writer.writerow(ticket.cells)
            planted += [(record, *value) for value in ticket.planted]
    return pl.DataFrame(planted, schema=PLANTED_SCHEMA, orient="row")


# -- tickets -----------------------------------------------------------------------

CATEGORIES = ("billing", "delivery", "account", "technical", "other")
TYPOS = {
    "billing": "biling",
    "delivery": "delivry",
    "account": "acount",
    "technical": "techincal",
    "other": "othr",
}


def _tickets(rng: Random, pools: dict[str, list[str]], count: int) -> list[_Ticket]:
    def some(share: float, among: Sequence[int] = range(count)) -> frozenset[int]:
        return frozenset(rng.sample(among, round(count * share)))

    no_minutes, no_satisfaction, typos = some(0.03), some(0.25), some(0.01)
    outliers = some(0.003, [number for number in range(count) if number not in no_minutes])
    absent = {"phone": some(0.2), "card_number": some(0.5), "iban": some(0.5)}
    tickets, moment = [], _START
    for number in range(count):
        moment += timedelta(seconds=rng.randint(20, 480))
        own = {
            column: "" if number in absent.get(column, ()) else rng.choice(pools[kind])
            for column, kind in KINDS.items()
        }
        message, within = _message(rng, pools, own)
        category = rng.choices(CATEGORIES, (30, 25, 20, 20, 5))[0]
        # between 3 and 60, so that 50 times a value is an outlier by any rule, and no other value is
        minutes = round(min(max(rng.gammavariate(4, 5), 3), 60), 1)
        cells = (
            f"TCK-{number + 1:06d}",
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            *own.values(),
            TYPOS[category] if number in typos else category,
            rng.choices(("low", "normal", "high"), (25, 60, 15))[0],
            "" if number in no_minutes else f"{minutes * (50 if number in outliers else 1):g}",
            ""
            if number in no_satisfaction
            else str(rng.choices(range(1, 6), (8, 10, 22, 35, 25))[0]),
            message,
        )
        planted = (
            *((column, KINDS[column], value) for column, value in own.items() if value),
            *(("message", kind, value) for kind, value in within),
        )
        tickets.append(_Ticket(cells, planted, number in typos, number in outliers))
    return tickets


def _message(
    rng: Random, pools: dict[str, list[str]], own: dict[str, str]
) -> tuple[str, list[tuple[str, str]]]:
    """One to four sentences; three messages in ten hold one or two personal values, one in eight something that only looks like one."""
    values: list[tuple[str, str]] = []
    sentences = []
    if rng.random() < 0.3:
        for kind, template in rng.sample(PERSONAL, rng.choices((1, 2), (80, 20))[0]):
            column = next(column for column, name in KINDS.items() if name == kind)
            value = own[column] if own[column] and rng.random() < 0.6 else rng.choice(pools[kind])
            values.append((kind, value))
            sentences.append(template.format(value))
    if rng.random() < 0.125:
        template, decoy = rng.choice(DECOYS)
        sentences.append(template.format(decoy(rng, pools)))
    plain = rng.randint(0 if sentences else 1, 4 - len(sentences))
    sentences += [
        text.format(
            product=rng.choice(PRODUCTS), order=rng.randint(10_000, 99_999), n=rng.randint(2, 9)
        )
        for text in rng.sample(PLAIN, plain)
    ]
    rng.shuffle(sentences)
    sentences.sort(key=lambda sentence: sentence.startswith(CLOSINGS))
    return ("\n" if rng.random() < 0.04 else " ").join(sentences), values


# -- what customers write ----------------------------------------------------------

PRODUCTS = (
    "kettle",
    "desk lamp",
    "rain jacket",
    "Nordic Harbor backpack",
    "headphones",
    "coffee grinder",
    "Blue Ridge tent",
    "keyboard",
)
PLAIN = (
    "The {product} arrived broken.",
    "Where is order SO-{order}, please?",
    "I was charged twice for the {product}, and nobody can tell me why.",
    "Your courier left the parcel in the rain.",
    "I cannot log in since the last update.",
    "The app closes itself after {n} seconds.",
    "Please cancel order SO-{order}.",
    "I have been waiting for {n} weeks now.",
    'The tracking page says "delivered", but nothing is here.',
    "My voucher does not work.",
    "The invoice shows the wrong amount, the wrong date and the wrong address.",
    "How do I return the {product}?",
    "I would like a refund.",
    "The {product} is not the colour I ordered.",
    'Support told me "just restart it", which did not help.',
    "Can you change the delivery address?",
    "The password mail never arrives.",
    "One of {n} pieces is missing.",
    "The box was open when it came.",
    "Thank you for the quick answer!",
    "I still get the newsletter, although I unsubscribed {n} times.",
    "The {product} makes a strange noise.",
    "Payment failed, yet the money is gone.",
    "Is the {product} back in stock soon?",
    "Your last agent was very kind.",
    "I need an invoice with VAT for order SO-{order}.",
    "The discount was not applied.",
    "Delivery was promised for Friday, today is Tuesday.",
    "The manual is only in Finnish.",
    "I want to close my account.",
    "The second screw, the long one, does not fit.",
    "Checkout hangs at step {n}.",
    "Dear Support Team, this is the third time I write.",
    "Nothing urgent, take your time.",
)
PERSONAL = (
    ("email", "You can reach me at {}."),
    ("email", "Please send the invoice to {} instead."),
    ("email", "My new address is {}, the old one is gone."),
    ("email", "I registered with <{}> last year."),
    ("phone", "Call me on {} after five."),
    ("phone", "My number is {}, leave a message."),
    ("phone", "The courier should ring {} first."),
    ("phone", "Text {} when it ships!"),
    ("card", "I paid with card {} on Monday."),
    ("card", "Card number {}, if that helps."),
    ("card", "You charged {} twice."),
    ("iban", "Please refund to {}."),
    ("iban", "My IBAN is {}, thanks."),
    ("iban", "The money should go to account {} and not to the old one."),
    ("name", "My name is {}."),
    ("name", "Please call {} about this."),
    ("name", "I spoke with {} last week and nothing happened."),
    ("name", "The parcel was handed to {} next door."),
    ("name", "My colleague {} has the same problem."),
    ("name", "It is a gift for {}, so please hurry."),
    ("name", "Ask for {} at the reception."),
    ("name", "Regards, {}"),
    ("name", "Best wishes, {}"),
    ("name", "Thanks, {}"),
)
CLOSINGS = ("Regards, ", "Best wishes, ", "Thanks, ")


def _order_number(rng: Random, _: dict[str, list[str]]) -> str:
    """Sixteen digits that look like a card and fail its checksum."""
    body = rng.choice("3456") + "".join(rng.choices("0123456789", k=14))
    return body + str((int(luhn.calc_check_digit(body)) + rng.randint(1, 9)) % 10)


def _no_iban(rng: Random, pools: dict[str, list[str]]) -> str:
    """An IBAN whose check digits are off: 98 minus a remainder leaves 02 to 98, and any other of these is wrong."""
    iban = rng.choice(pools["iban"])
    return f"{iban[:2]}{(int(iban[2:4]) - 2 + rng.randint(1, 96)) % 97 + 2:02d}{iban[4:]}"


DECOYS: tuple[tuple[str, Callable[[Random, dict[str, list[str]]], str]], ...] = (
    ("The order number is {}.", _order_number),
    ("Reference {} is printed on the box.", _order_number),
    ("The transfer form says {}, which the bank refuses.", _no_iban),
    (
        "I use version {} of the app.",
        lambda rng, _: (
            f"{rng.randint(1, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}.{rng.randint(1000, 9999)}"
        ),
    ),
    (
        "It was bought on {}.",
        lambda rng, _: (
            f"{rng.randint(2019, 2025)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        ),
    ),
    (
        "The form only shows {} where my address should be.",
        lambda rng, _: f"{rng.choice('abcdef')}@{rng.choice('uvwxyz')}",
    ),
    ("The meeting point was 51.{} north.", lambda rng, _: str(rng.randint(1000, 9999))),
)


# -- pools: Faker and checksums are slow by the call -----------------------------------

_NAME_LOCALES = (
    "en_US",
    "en_GB",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_PT",
    "sv_SE",
    "da_DK",
    "fi_FI",
)
_IBAN_LOCALES = (
    "en_GB",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_PT",
    "de_AT",
    "de_CH",
    "fi_FI",
    "no_NO",
    "da_DK",
    "nl_BE",
)
_DOMAINS = (
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "post.example.org",
    "familie.example",
    "shop-mail.test",
)
# kept free for films and books by NANPA, Ofcom, Bundesnetzagentur, ARCEP, PTS and ACMA: region, prefix, digits to add
_FICTIONAL_PHONES = (
    *(
        ("US", f"{area}55501", 2)
        for area in (202, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 808, 904)
    ),
    *(
        ("GB", prefix, 3)
        for prefix in (
            "0207946 0",
            "0113496 0",
            "0114496 0",
            "0121496 0",
            "0131496 0",
            "0141496 0",
            "0161496 0",
            "0191498 0",
            "0289649 6",
            "0292018 0",
        )
    ),
    *(
        ("DE", prefix, 3)
        for prefix in ("03023125", "06990009", "04066969", "02214710", "08999998", "01713920")
    ),
    *(("FR", prefix, 4) for prefix in ("019900", "026191", "035301", "046571", "053649")),
    *(("SE", prefix, 2) for prefix in ("03139006", "04062804", "08465004", "07017406")),
    *(("AU", prefix, 4) for prefix in ("025550", "035550", "075550", "085550")),
)
_ISSUERS = (
    *(("4", length) for length in (13, 16, 16, 16, 16, 19)),  # Visa
    *((prefix, 16) for prefix in ("51", "52", "53", "54", "55", "2221", "2720")),  # Mastercard
    *((prefix, 15) for prefix in ("34", "37")),  # American Express
    *((prefix, 16) for prefix in ("6011", "65")),  # Discover
    *((prefix, 14) for prefix in ("36", "38")),  # Diners Club
    *((prefix, 16) for prefix in ("3528", "3589")),  # JCB
    *(("6759", length) for length in (16, 18, 19)),  # Maestro
    *(("62", length) for length in (16, 17, 19)),  # UnionPay
)


def _pools(rng: Random, seed: int) -> dict[str, list[str]]:
    names, ibans = [], []
    for locale in _NAME_LOCALES:
        faker = Faker(locale)
        faker.seed_instance(seed)
        names += [
            f"{faker.first_name()} {faker.last_name()}" for _ in range(_POOL // len(_NAME_LOCALES))
        ]
    for locale in _IBAN_LOCALES:
        faker = Faker(locale)
        faker.seed_instance(seed)
        ibans += [_iban(rng, faker.iban()) for _ in range(_POOL // len(_IBAN_LOCALES))]
    return {
        "name": names,
        "email": [_email(rng, name) for name in names],
        "phone": [_phone(rng) for _ in range(_POOL)],
        "card": [_card(rng) for _ in range(_POOL)],
        "iban": ibans,
    }


def _email(rng: Random, name: str) -> str:
    words = [
        "".join(
            letter
            for letter in unicodedata.normalize("NFKD", word)
            if letter.isascii() and letter.isalpha()
        ).lower()
        for word in name.split()
    ]
    first, last = words[0], words[-1]
    local = rng.choice(
        (
            f"{first}.{last}",
            f"{first[:1]}.{last}",
            f"{last}{rng.randint(1, 99)}",
            f"{first}_{last}",
            f"{first}+shop",
        )
    )
    return f"{local}@{rng.choice(_DOMAINS)}"


def _phone(rng: Random) -> str:
    region, prefix, digits = rng.choice(_FICTIONAL_PHONES)
    number = phonenumbers.parse(prefix + "".join(rng.choices("0123456789", k=digits)), region)
    written = rng.choices(
        (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL),
        (60, 15, 25),
    )[0]
    return phonenumbers.format_number(number, written)


def _card(rng: Random) -> str:
    prefix, length = rng.choice(_ISSUERS)
    body = prefix + "".join(rng.choices("0123456789", k=length - len(prefix) - 1))
    return _grouped(
        body + str(luhn.calc_check_digit(body)), rng.choices(("", " ", "-"), (50, 35, 15))[0]
    )


def _grouped(digits: str, separator: str) -> str:
    """In fours, or as American Express and Diners Club print theirs."""
    cuts = {15: (4, 10), 14: (4, 10)}.get(len(digits), tuple(range(4, len(digits), 4)))
    return separator.join(
        digits[start:end] for start, end in zip((0, *cuts), (*cuts, len(digits)), strict=True)
    )


def _iban(rng: Random, iban: str) -> str:
    return (
        " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
        if rng.random() < 0.4
        else iban
    )
