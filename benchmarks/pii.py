"""Personal data found, and not found, beside Presidio with the same types in one run.

Run: `make benchmark-pii`, which makes an environment for Presidio, or `python benchmarks/pii.py --presidio PATH/TO/python`; without it Presidio is left out, and
said so. The labelled corpora are looked for in ../shared/data/pii and left out where they are not.
Scores: spans that overlap by half or more (intersection over union), by kind; Wilson's 95 % interval for recall. The seeded corpus has 2,000 positives a kind in sentences
that no pattern was tuned on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from assay.assets.io import presidio as presidio_io
from assay.assets.io import rampart
from assay.pipelines.admit import special_categories, split_values
from assay.pipelines.admit.personal import disguises, plain, spans, undisguised
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.frames import ROW

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "pii"
FIVE = ("email", "card", "iban", "phone", "ip_address")
LABELS = {
    "EMAIL_ADDRESS": "email", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "IBAN": "iban", "PHONE_NUMBER": "phone", "IP_ADDRESS": "ip_address", "US_SSN": "national_id",
    "PERSON": "name", "STREET_ADDRESS": "address", "ADDRESS": "address",
}  # fmt: skip
Span = tuple[str, int, int]
console = Console(width=240)

# -- the seeded corpus ---------------------------------------------------------------------------

TEMPLATES = [
    "Hi team, the record we discussed is {}; could someone look at it before Friday?", "{} was entered twice, please remove one.", "Ticket 48213: customer wrote \"{}\" into the remarks.",
    "Forwarded as received -> {} <- end of note", "As agreed in the meeting of 2024-03-11, {} replaces the old one.", "Noted: {}.", "old value: n/a; new value: {}; changed by batch 7",
    "She spelled it out over the line: {}, and I read it back.", "{}", "Lieferung 17/2 zu {} konnte nicht zugeordnet werden", "pas de réponse pour {} depuis trois jours", "(see {})",
]  # fmt: skip


def _card(chance: random.Random) -> str:
    from stdnum import luhn

    start, length, groups = chance.choice(
        [
            ("4", 16, (4, 4, 4, 4)),
            ("51", 16, (4, 4, 4, 4)),
            ("55", 16, (4, 4, 4, 4)),
            ("2345", 16, (4, 4, 4, 4)),
            ("37", 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)),
            ("36", 14, (4, 6, 4)),
            ("3530", 16, (4, 4, 4, 4)),
        ]
    )
    body = start + "".join(str(chance.randint(0, 9)) for _ in range(length - len(start) - 1))
    return _grouped(body + luhn.calc_check_digit(body), groups, chance)


def _grouped(digits: str, groups: tuple[int, ...], chance: random.Random) -> str:
    mark, parts, at = chance.choice(["", " ", "-"]), [], 0
    for size in groups:
        parts.append(digits[at : at + size])
        at += size
    return mark.join(parts)


def _iban(chance: random.Random) -> str:
    country, shape = chance.choice(
        [
            ("DE", "n" * 18),
            ("GB", "aaaa" + "n" * 14),
            ("FR", "n" * 10 + "c" * 11 + "nn"),
            ("NL", "aaaa" + "n" * 10),
            ("ES", "n" * 20),
            ("IT", "a" + "n" * 10 + "c" * 12),
            ("CH", "nnnnn" + "c" * 12),
            ("PL", "n" * 24),
        ]
    )
    while True:
        from stdnum import iban
        from stdnum.iso7064 import mod_97_10

        body = "".join(
            chance.choice(
                {"n": "0123456789", "a": "ABCDEFGHJKLMNPRSTUVWXYZ", "c": "0123456789ABCDEFGHJK"}[
                    kind
                ]
            )
            for kind in shape
        )
        number = country + mod_97_10.calc_check_digits(body + country) + body
        if iban.is_valid(number, check_country=False):
            return (
                " ".join(number[at : at + 4] for at in range(0, len(number), 4))
                if chance.random() < 0.5
                else number
            )


def _phone(chance: random.Random) -> str:
    import phonenumbers

    while True:
        region = chance.choice(
            ["US", "GB", "DE", "FR", "ES", "IT", "NL", "AU", "IN", "BR", "SE", "JP"]
        )
        example = str(
            phonenumbers.example_number_for_type(region, chance.choice([0, 1])).national_number
        )
        changed = example[:-4] + f"{chance.randint(0, 9999):04d}"
        number = phonenumbers.parse(changed, region)
        if phonenumbers.is_valid_number(number):
            written = [
                phonenumbers.PhoneNumberFormat.INTERNATIONAL,
                phonenumbers.PhoneNumberFormat.E164,
            ]
            return phonenumbers.format_number(number, chance.choice(written))


def _email(chance: random.Random) -> str:
    names, hosts = (
        ["ann", "bob.lee", "j-p.müller", "c_d+news", "x99", "maria.de.la.cruz", "李.wei", "O.Neil"],
        ["example.com", "mail.example.co.uk", "uni-köln.example", "a.b.c.example.org", "firma.de"],
    )
    return f"{chance.choice(names)}{chance.randint(0, 9999)}@{chance.choice(hosts)}"


def _ip(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return ".".join(str(chance.randint(1, 254)) for _ in range(4))
    groups = [f"{chance.randint(0, 0xFFFF):x}" for _ in range(8)]
    return (
        ":".join(groups)
        if chance.random() < 0.6
        else ":".join(groups[:3]) + "::" + ":".join(groups[6:])
    )


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": _email,
    "card": _card,
    "iban": _iban,
    "phone": _phone,
    "ip_address": _ip,
}


def seeded(a_kind: int, seed: int = 20240601) -> list[tuple[str, list[Span]]]:
    """`a_kind` sentences for each kind, with where the value stands."""
    chance, made = random.Random(seed), []
    for kind, maker in MAKERS.items():
        for _ in range(a_kind):
            value, template = maker(chance), chance.choice(TEMPLATES)
            at = template.index("{}")
            made.append((template.format(value), [(kind, at, at + len(value))]))
    return made


def labelled(half: int | None = None) -> list[tuple[str, list[Span]]]:
    """Presidio's own sentences, or those of one half of their templates."""
    made = []
    for name in ("synth_v2.json", "generated_small.json"):
        for one in json.loads((SHARED / "presidio" / name).read_text()):
            if (
                half is not None
                and zlib.crc32(f"{name[0]}{one['template_id']}".encode()) % 2 != half
            ):
                continue
            made.append(
                (
                    one["full_text"],
                    [
                        (LABELS[s["entity_type"]], s["start_position"], s["end_position"])
                        for s in one["spans"]
                        if s["entity_type"] in LABELS
                    ],
                )
            )
    return made


# -- finding ------------------------------------------------------------------------------------------


def by_assay(
    texts: list[str], kinds: tuple[str, ...] | None = None, model: str = ""
) -> tuple[list[list[Span]], float]:
    """The spans of each text, and the seconds the search took, with a language model's where one is
    named.
    """
    frame = pl.LazyFrame({ROW: range(len(texts)), "text": texts})
    started = time.perf_counter()
    plans = spans(frame, ["text"], kinds=kinds)
    if model:
        plans += presidio_io.spans(frame, ["text"], model)
    *first, worn = run_together([*plans, disguises(frame, ["text"])])
    found = pl.concat([*first, *run_together(undisguised(frame, worn))]).unique(
        [ROW, "kind", "value"]
    )
    seconds = time.perf_counter() - started
    read = pl.DataFrame({"text": texts}).select(plain(pl.col("text")))["text"].to_list()
    placed: list[list[Span]] = [[] for _ in texts]
    for row, kind, value in found.select(
        ROW, "kind", "value"
    ).iter_rows():  # a benchmark's tally, not a table's
        at = read[row].find(value)
        while at >= 0:
            placed[row].append((kind, at, at + len(value)))
            at = read[row].find(value, at + 1)
    return [_longest(each) for each in placed], seconds


def _longest(placed: list[Span]) -> list[Span]:
    """Without those within a longer one of the same kind, which is what redaction replaces."""
    return [
        one
        for one in placed
        if not any(
            other != one and other[0] == one[0] and other[1] <= one[1] and one[2] <= other[2]
            for other in placed
        )
    ]


def by_presidio(
    python: str, texts: list[str], *, names: bool = False
) -> tuple[list[list[Span]], float]:
    """The same by Presidio, in an environment of its own; `names` asks its language model too."""
    done = subprocess.run(
        [python, str(Path(__file__).with_name("pii_presidio.py")), *(["--names"] if names else [])],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    return [[(kind, start, end) for kind, start, end in each] for each in answer["spans"]], answer[
        "seconds"
    ]


# -- scoring --------------------------------------------------------------------------------------------


def _overlap(a: Span, b: Span) -> bool:
    shared = min(a[2], b[2]) - max(a[1], b[1])
    return a[0] == b[0] and shared / (max(a[2], b[2]) - min(a[1], b[1])) >= 0.5


def _wilson(hits: int, of: int) -> tuple[float, float]:
    if not of:
        return 0.0, 1.0
    z, share = 1.96, hits / of
    middle, half = (
        (share + z * z / (2 * of)) / (1 + z * z / of),
        z * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5 / (1 + z * z / of),
    )
    return max(0.0, middle - half), min(1.0, middle + half)


def score(wanted: list[list[Span]], found: list[list[Span]], kind: str) -> dict[str, float]:
    """Recall with its interval, precision, F1 and F2 of one kind."""
    hits = of = right = told = 0
    for want, got in zip(wanted, found, strict=True):
        want, got = [s for s in want if s[0] == kind], [s for s in got if s[0] == kind]
        of, told = of + len(want), told + len(got)
        hits += sum(any(_overlap(w, g) for g in got) for w in want)
        right += sum(any(_overlap(w, g) for w in want) for g in got)
    recall, precision = hits / of if of else 0.0, right / told if told else 0.0
    low, high = _wilson(hits, of)

    def f(beta: float) -> float:
        weighed = beta * beta * precision + recall
        return (1 + beta * beta) * precision * recall / weighed if weighed else 0.0

    return {
        "of": of,
        "recall": recall,
        "low": low,
        "high": high,
        "precision": precision,
        "f1": f(1),
        "f2": f(2),
    }


def tell(
    title: str,
    corpus: list[tuple[str, list[Span]]],
    presidio: str | None,
    only: tuple[str, ...] | None = None,
) -> None:
    """One corpus, both tools, a line a kind."""
    texts, wanted = [text for text, _ in corpus], [found for _, found in corpus]
    answers = {"Assay": by_assay(texts, only)[0]}
    if only is None and importlib.util.find_spec(rampart.PACKAGE):
        answers["with the extra"] = by_assay(texts, model=rampart.NAME)[0]
    if presidio:
        answers["Presidio"] = by_presidio(presidio, texts, names=only is None)[0]
    made = Table(
        "kind",
        "of",
        *(
            f"{tool} {what}"
            for tool in answers
            for what in ("recall [95 %]", "precision", "F1", "F2")
        ),
        title=title,
    )
    for kind in dict.fromkeys(kind for found in wanted for kind, _, _ in found):
        cells = []
        for found in answers.values():
            s = score(wanted, found, kind)
            cells += [
                f"{s['recall']:.3f} [{s['low']:.3f}, {s['high']:.3f}]",
                f"{s['precision']:.3f}",
                f"{s['f1']:.3f}",
                f"{s['f2']:.3f}",
            ]
        made.add_row(kind, f"{s['of']:.0f}", *cells)
    console.print(made)


def throughput(presidio: str | None) -> None:
    """MB/s with five kinds, where one sentence in ten holds a value and where nearly all do; Presidio gets a part of the same sentences."""
    for title, a_kind, without in (
        ("one sentence in ten holds a value", 4_000, 180_000),
        ("every sentence holds a value", 20_000, 0),
    ):
        texts = [text for text, _ in seeded(a_kind)] + [
            f"{' '.join(TEMPLATES).format(*['it'] * 99)} {n}" for n in range(without)
        ]
        random.Random(1).shuffle(texts)
        size = sum(len(text.encode()) for text in texts) / 1e6
        assay = size / min(by_assay(texts, FIVE)[1] for _ in range(2))
        console.print(
            f"throughput, {title}: Assay {assay:.0f} MB/s with the five kinds, {size / by_assay(texts)[1]:.0f} MB/s with every kind, over {size:.0f} MB",
            highlight=False,
        )
        if presidio:
            few = texts[:: max(1, len(texts) // 3_000)]
            there = sum(len(text.encode()) for text in few) / 1e6 / by_presidio(presidio, few)[1]
            console.print(
                f"    Presidio {there:.3f} MB/s with the five kinds and two more: Assay is {assay / there:.0f} × as fast",
                highlight=False,
            )


def false_alarms(rows: int = 100_000) -> tuple[int, str]:
    """Rows of ids, codes and measurements in which there is nothing personal: in how many something is found, and a line that tells."""
    chance = random.Random(3)
    table = {
        "order": [f"{chance.randint(0, 10**10):010d}" for _ in range(rows)], "batch": [str(chance.randint(10**15, 10**16 - 1)) for _ in range(rows)],
        "digest": [f"{chance.getrandbits(256):064x}" for _ in range(rows)], "uuid": [f"{chance.getrandbits(128):032x}" for _ in range(rows)],
        "reading": [f"{chance.gauss(0, 1000):.6f}" for _ in range(rows)], "at": [f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d} {chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:00" for _ in range(rows)],
        "part": [f"{chance.choice('ABCXYZ')}{chance.randint(100, 999)}-{chance.randint(1000, 9999)}/{chance.randint(1, 9)}" for _ in range(rows)],
        "item": [f"{chance.randint(0, 10**8):08d}" for _ in range(rows)], "lot": [f"4{chance.randint(0, 10**7):07d}" for _ in range(rows)],
        "range": [f"{chance.randint(1, 999)}-{chance.randint(1, 99999)}" for _ in range(rows)], "version": [f"{chance.randint(0, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 99)}" for _ in range(rows)],
    }  # fmt: skip
    frame = pl.LazyFrame({ROW: range(rows), **table})
    pairs = split_values.signed(
        split_values.pairs(list(table)),
        run_together([split_values.signs(frame, list(table))])[0].row(0, named=True),
    )
    halves = split_values.halves(frame, pairs, run_together(split_values.looks(frame, pairs)))
    held = special_categories.holding(
        frame, list(table), run_together(special_categories.looks(frame, list(table), list(table)))
    )
    found = pl.concat(
        [
            each.cast({ROW: pl.Int64})
            for each in run_together([*spans(frame, list(table)), *halves, *held])
        ]
    )
    alarmed = found[ROW].n_unique()
    by = (
        found.group_by("column", "kind")
        .agg(pl.col(ROW).n_unique().alias("rows"))
        .sort("rows", descending=True)
        .head(6)
        .rows()
    )
    return (
        alarmed,
        f"false alarms: {alarmed:,} of {rows:,} rows ({100 * alarmed / rows:.3f} %) over {len(table)} columns of clean values; {by}",
    )


INFORMATION = {"Full_Name": "name", "Street_Address": "address", "Credit_Debit_Card_Number": "card", "Email_Address": "email", "Phone_Number": "phone", "IP_Address_v4": "ip_address", "IP_Address_v6": "ip_address", "US_Social_Security_Number": "national_id"}  # fmt: skip


def columns() -> None:
    """datahub's labelled columns: a column is of a kind where at least a fifth of its first 1,000 values are."""
    labels = json.loads((SHARED / "datahub" / "labels.json").read_text())
    gaps = json.loads((SHARED / "datahub" / "label_gaps.json").read_text())["columns"]
    kinds = sorted(set(INFORMATION.values()))
    counts = {kind: [0, 0, 0] for kind in kinds}  # right, told, of
    missed, wrong = [], []
    for name, labelled_columns in labels.items():
        table = pl.read_csv(
            SHARED / "datahub" / "tables" / f"{name}.csv",
            infer_schema=False,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
        )
        for column in table.columns:
            values = table[column].drop_nulls().head(1_000)
            label = INFORMATION.get(labelled_columns.get(column, ""))
            found = pl.concat(
                run_together(
                    spans(pl.LazyFrame({ROW: range(values.len()), column: values}), [column])
                )
            )
            shares = (
                found.group_by("kind")
                .agg(pl.col(ROW).n_unique() / max(1, values.len()))
                .filter(pl.col(ROW) >= 0.2)
                .sort(ROW, descending=True)
            )
            told = shares["kind"][0] if shares.height else None
            if label:
                counts[label][2] += 1
                if told != label:
                    missed.append(f"{name}.{column} ({label}, told {told})")
            if told in counts and (label or column not in gaps.get(name, [])):
                counts[told][1] += 1
                counts[told][0] += told == label
                if told != label:
                    wrong.append(f"{name}.{column} ({told})")
    f1 = [2 * right / (told + of) if told + of else 0.0 for right, told, of in counts.values()]
    console.print(
        f"columns: macro-F1 {sum(f1) / len(f1):.3f} over {len(kinds)} kinds (age and gender are not kinds of ours); {dict(zip(kinds, (tuple(c) for c in counts.values()), strict=True))} as (right, told, labelled)",
        highlight=False,
    )
    console.print(
        f"         missed: {', '.join(missed) or 'none'}; wrongly told: {', '.join(wrong) or 'none'}",
        highlight=False,
    )


def main() -> None:
    """Everything, in one run."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--presidio", help="the Python of an environment with presidio-analyzer")
    options.add_argument("--a-kind", type=int, default=2_000)
    given = options.parse_args()
    if not given.presidio:
        console.print("Presidio is left out: give --presidio PATH/TO/python")
    tell(f"Seeded sentences, {given.a_kind:,} a kind", seeded(given.a_kind), given.presidio, FIVE)
    if SHARED.is_dir():
        tell(
            "Presidio's labelled sentences (synth_v2, generated_small)", labelled(), given.presidio
        )
        for half in (0, 1):
            tell(f"The same, half {half + 1} of the templates", labelled(half), given.presidio)
        columns()
    console.print(false_alarms()[1], highlight=False)
    throughput(given.presidio)


if __name__ == "__main__":
    main()
