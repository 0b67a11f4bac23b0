"""Promise D6: 300 personal values go through every failing path, and none is found in anything Assay writes but the landed rows.

Everything is decoded before it is searched: Parquet, SQLite cell by cell, what is compressed in them, base 64 in signed envelopes.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import polars as pl
import pytest
from stdnum import luhn

from assets.stages.admit import admit
from assets.stages.refine import refine
from contracts.errors import AssayError
from tests.conftest import Edit, Installation, columns, setting
from tests.journeys.conftest import Assay
from tests.leaks import holding

ROOT = Path(__file__).parents[2]


def canaries(count: int, seed: int) -> list[dict[str, str]]:
    """Persons who do not exist, each with three values that are found nowhere else."""
    chance = random.Random(seed)
    made = []
    for _ in range(count // 3):
        word = "".join(chance.choice("bcdfghklmnprstvz") + chance.choice("aeiou") for _ in range(5))
        body = "4" + "".join(str(chance.randint(0, 9)) for _ in range(14))
        made.append({"name": f"Zz{word} Canary{word}", "email": f"{word}@canary.example", "card": body + luhn.calc_check_digit(body)})
    return made


PERSONS = canaries(300, seed=11)
VALUES = [value for person in PERSONS for value in person.values()]

PROMISED = columns(
    {"name": "meter", "logicalType": "string", "required": True, "logicalTypeOptions": {"pattern": "^M[0-9]+$"}},
    {"name": "energy_kwh", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
    {"name": "customer_name", "logicalType": "string", "classification": "personal"},
    {"name": "email", "logicalType": "string", "classification": "personal", "unique": True},
    {"name": "card", "logicalType": "string", "classification": "personal"},
    {"name": "message", "logicalType": "string", "classification": "personal"},
)
TREATED = setting(
    "privacy", sensitivity="personal", lawful_basis="contract",
    columns={
        "customer_name": {"kind": "name", "treatment": "token"}, "email": {"kind": "email", "treatment": "hash"}, "card": {"kind": "card", "treatment": "mask", "keep_last": 4},
        "message": {"kind": "other", "treatment": "redact"},
    },
)  # fmt: skip


def delivery(*, energy: str = "1.5", broken: bool = False, repeat: int = 1) -> str:
    lines = ["meter,energy_kwh,customer_name,email,card,message"]
    for n, person in enumerate(PERSONS * repeat):
        value = energy.format(**person) if n % 2 else "2"
        lines.append(f'M{n},{value},{person["name"]},{person["email"]},{person["card"]},"I am {person["name"]}, write to {person["email"]}, charge {person["card"]}"')
    if broken:
        lines.append(f'M1,1,"{PERSONS[0]["name"]}"x,{PERSONS[0]["email"]},{PERSONS[0]["card"]},too,many,cells')
    return "\n".join([*lines, ""])


def leaks(root: Path) -> set[str]:
    """Where any canary stands."""
    return holding(root, VALUES)


SQL = {"name": "sums_up", "type": "sql", "query": "SELECT sum(CAST(customer_name AS INTEGER)) FROM {object}", "mustBe": 0, "severity": "error"}
PATHS: list[tuple[str, tuple[Edit, ...], str, int, str]] = [
    ("published", (), delivery(), 0, "100 in = 100 kept"),
    ("undeclared", (setting("privacy", columns={}), lambda data: [p.pop("classification", None) for p in data["schema"][0]["properties"]]), delivery(), 1, "undeclared"),
    ("too many rows break a rule", (lambda data: data["schema"][0]["properties"][5].update(logicalTypeOptions={"maxLength": 3}),), delivery(), 1, "break it"),
    ("a number is a person", (), delivery(energy="{email}"), 1, "column 'energy_kwh' holds email"),
    ("a number is no number", (), delivery(energy="x"), 0, "50 quarantined"),
    ("a line that nobody can read", (), delivery(broken=True), 0, "1 unreadable lines"),
    ("repeated", (), delivery(repeat=2), 0, "quarantined"),
    ("a query that fails on the values", (lambda data: data["schema"][0]["quality"].append(SQL),), delivery(), 1, "sums_up"),
    ("a licence that refuses", (setting("license", expression="CC-BY-NC-4.0"),), delivery(), 1, "does not allow commercial use"),
    ("not anonymous", (setting("privacy", anonymity={"quasi_identifiers": ["customer_name"], "k": 5}),), delivery(), 1, "k_anonymity"),
    ("a column that is gone", (lambda data: data["schema"][0]["properties"].append({"name": "gone", "logicalType": "string"}),), delivery(), 1, "gone"),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "source", "code", "says"), [path[1:] for path in PATHS], ids=[path[0] for path in PATHS])
def test_no_personal_value_is_in_anything_that_is_written(assay: Assay, installation: Installation, edits: tuple[Edit, ...], source: str, code: int, says: str) -> None:
    installation.promise(PROMISED, TREATED, *edits)
    installation.deliver(source)
    ended, out, err = assay("run", "readings")
    assert (ended, says in out + err) == (code, True), out + err
    assert not [value for value in VALUES if value in out + err]
    assert leaks(installation.root) == set()


def test_a_process_of_its_own_shows_no_person_either_up_to_its_end(installation: Installation) -> None:
    """The path on which another's error knows the values, with whatever is still written while the interpreter ends."""
    installation.promise(PROMISED, TREATED, lambda data: data["schema"][0]["quality"].append(SQL))
    installation.deliver(delivery())
    environment = {**installation.environment, "DAGSTER_HOME": str(installation.root / "dagster")}
    done = subprocess.run([sys.executable, "-m", "assay.cli", "run", "readings"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "sums_up" in done.stderr) == (1, True), done.stderr
    assert not [value for value in VALUES if value in done.stdout + done.stderr]
    assert leaks(installation.root) == set()


def test_the_search_would_find_them(assay: Assay, installation: Installation) -> None:
    installation.promise(PROMISED, TREATED)
    installation.deliver(delivery())
    assert assay("run", "readings")[0] == 0
    folder = installation.root / "reports"
    folder.mkdir(exist_ok=True)
    hidden = json.dumps({"x": VALUES[0]}).encode()
    (folder / "plain.txt").write_bytes(hidden)
    (folder / "zipped").write_bytes(gzip.compress(hidden))
    (folder / "encoded").write_text(base64.b64encode(hidden * 3).decode())
    pl.DataFrame({"x": [VALUES[0]]}).write_parquet(folder / "x.parquet")
    with sqlite3.connect(folder / "x.db") as connection:
        connection.execute("CREATE TABLE t (x BLOB)")
        connection.execute("INSERT INTO t VALUES (?)", (zlib.compress(hidden),))
    assert leaks(installation.root) == {f"reports/{name}" for name in ("plain.txt", "zipped", "encoded", "x.parquet", "x.db:t")}


def test_what_pandera_refuses_is_told_without_values(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that let everything pass leave the refusing to pandera, whose own message would show the values."""
    installation.promise(PROMISED, TREATED, lambda data: data["schema"][0]["properties"][5].update(logicalTypeOptions={"maxLength": 3}))
    installation.deliver(delivery())
    monkeypatch.setattr("pipelines.validate.split.keeps", lambda rule, stays: pl.lit(True))
    started = installation.run()
    with pytest.raises(AssayError) as refused:
        refine(started, admit(started))
    assert not [value for value in VALUES if value in str(refused.value) + repr(refused.value)]
    assert leaks(installation.root) == set()


def test_reports_of_a_version_show_no_person(assay: Assay, installation: Installation) -> None:
    installation.promise(PROMISED, TREATED)
    installation.deliver(delivery())
    assert assay("run", "readings")[0] == 0
    for arguments in (["contracts", "docs", "readings"], ["show", "readings", "--json"], ["verify", "--all"], ["status", "--json"], ["check"]):
        code, out, err = assay(*arguments)
        assert code == 0, err
        assert not [value for value in VALUES if value in out + err]
    assert leaks(installation.root) == set()
