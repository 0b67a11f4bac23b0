"""A seed -> synthetic support tickets with planted faults and personal values, and the record of
what was planted where.

Belongs here: making the tickets, and counting how much of the planted was found. Stays out: finding
it (pipelines/admit). No one real is in it: names are Faker's, e-mail domains are reserved (RFC
2606), phone numbers come from ranges that regulators keep free for fiction, cards and IBANs are
random digits with valid checksums.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import polars as pl
from stdnum import luhn

from assay.demo.personal_values import personal_values
from assay.demo.ticket_data import BROKEN, CATEGORIES, CLOSINGS, PERSONAL, PLAIN, PRODUCTS, TYPOS

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
_START = datetime(2026, 1, 1, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Planted:
    """What is in the file: readable data rows, and how many of them hold each fault; lines that
    are no record; personal values by kind.
    """

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
    """Write `support_tickets.csv`, and next to it `support_tickets.planted.parquet` and
    `support_tickets.planted.json`.

    The same arguments and versions of the libraries give the same bytes.

    Args:
        folder: is there already.
        rows: readable data rows, 100 or more, duplicates among them; 7 unreadable lines come on
            top.
    Returns: what was planted. The Parquet file holds one row a personal value: `row` (record number
        in the CSV, the header is 1, an unreadable line counts), `column`, `kind`, `value` (as
        written in the cell).
    """
    rng = Random(seed)  # noqa: S311  # made-up data, the same for each seed; nothing secret
    repeats = round(rows * 0.01)
    tickets = _tickets(rng, personal_values(rng, seed), rows - repeats)
    written = _with_repeats(rng, tickets, repeats)
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


def _with_repeats(rng: Random, tickets: Sequence[_Ticket], repeats: int) -> list[_Ticket]:
    """The tickets in their order, some of them twice: a duplicate is anywhere after its original."""
    places = [(float(number), number) for number in range(len(tickets))]
    places += [
        (rng.uniform(number + 0.5, len(tickets)), number)
        for number in rng.sample(range(len(tickets)), repeats)
    ]
    return [tickets[number] for _, number in sorted(places)]


def found_of_planted(planted: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Count, by kind, how many planted values were found: in the same row and column, as the same
    kind, equal or one inside the other.

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
    return (
        numbered.join(hits, on="planted_value", how="left")
        .group_by("kind")
        .agg(*counts)
        .with_columns((pl.col("planted") - pl.col("found")).alias("missed"))
        .sort("kind")
        .collect()
    )


# -- the file ----------------------------------------------------------------------


def _write_csv(path: Path, tickets: Sequence[_Ticket]) -> pl.DataFrame:
    """Write the records, the broken lines spread among them, and return the planted values with
    their record numbers.
    """
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
        # between 3 and 60, so that 50 times a value is an outlier by any rule, and no other is
        minutes = round(min(max(rng.gammavariate(4, 5), 3), 60), 1)
        if number in outliers:
            minutes *= 50
        priority = rng.choices(("low", "normal", "high"), (25, 60, 15))[0]
        satisfaction = ""
        if number not in no_satisfaction:
            satisfaction = str(rng.choices(range(1, 6), (8, 10, 22, 35, 25))[0])
        cells = (
            f"TCK-{number + 1:06d}",
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            *own.values(),
            TYPOS[category] if number in typos else category,
            priority,
            "" if number in no_minutes else f"{minutes:g}",
            satisfaction,
            message,
        )
        planted = _planted_values(own, within)
        tickets.append(_Ticket(cells, planted, number in typos, number in outliers))
    return tickets


def _planted_values(
    own: dict[str, str], within: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str, str], ...]:
    """A ticket's personal values: those of its columns, and those within its message."""
    return (
        *((column, KINDS[column], value) for column, value in own.items() if value),
        *(("message", kind, value) for kind, value in within),
    )


def _message(
    rng: Random, pools: dict[str, list[str]], own: dict[str, str]
) -> tuple[str, list[tuple[str, str]]]:
    """One to four sentences; three messages in ten hold one or two personal values, one in eight
    something that only looks like one.
    """
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


def _order_number(rng: Random, _: dict[str, list[str]]) -> str:
    """Sixteen digits that look like a card and fail its checksum."""
    body = rng.choice("3456") + "".join(rng.choices("0123456789", k=14))
    return body + str((int(luhn.calc_check_digit(body)) + rng.randint(1, 9)) % 10)


def _no_iban(rng: Random, pools: dict[str, list[str]]) -> str:
    """An IBAN whose check digits are off: 98 minus a remainder leaves 02 to 98, and any other of
    these is wrong.
    """
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
