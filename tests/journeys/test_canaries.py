"""Promise D6: 300 personal values go through every failing path, and none is found in anything Assay writes but the landed rows.

Everything is decoded before it is searched: Parquet, SQLite cell by cell, what is compressed in them, base 64 in signed envelopes.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from stdnum import luhn

from assay.assets.io.models import ModelStore
from assay.assets.io.names import Names
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.contracts.errors import AssayError
from tests.conftest import Edit, SampleHome, columns, named, setting
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
        made.append(
            {
                "name": f"Zz{word} Canary{word}",
                "email": f"{word}@canary.example",
                "card": body + luhn.calc_check_digit(body),
            }
        )
    return made


PERSONS = canaries(300, seed=11)
VALUES = [value for person in PERSONS for value in person.values()]

PROMISED = columns(
    {
        "name": "meter",
        "logicalType": "string",
        "required": True,
        "logicalTypeOptions": {"pattern": "^M[0-9]+$"},
    },
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
        lines.append(
            f'M{n},{value},{person["name"]},{person["email"]},{person["card"]},"I am {person["name"]}, write to {person["email"]}, charge {person["card"]}"'
        )
    if broken:
        lines.append(
            f'M1,1,"{PERSONS[0]["name"]}"x,{PERSONS[0]["email"]},{PERSONS[0]["card"]},too,many,cells'
        )
    return "\n".join([*lines, ""])


def leaks(root: Path) -> set[str]:
    """Where any canary stands."""
    return holding(root, VALUES)


SQL = {
    "name": "sums_up",
    "type": "sql",
    "query": "SELECT sum(CAST(customer_name AS INTEGER)) FROM {object}",
    "mustBe": 0,
    "severity": "error",
}
PATHS: list[tuple[str, tuple[Edit, ...], str, int, str]] = [
    ("published", (), delivery(), 0, "100 in = 100 kept"),
    ("undeclared", (setting("privacy", columns={}), lambda data: [p.pop("classification", None) for p in data["schema"][0]["properties"]]), delivery(), 1, "undeclared"),
    ("too many rows break a rule", (lambda data: data["schema"][0]["properties"][5].update(logicalTypeOptions={"maxLength": 3}),), delivery(), 1, "break it"),
    ("a number is a person", (), delivery(energy="{email}"), 1, "column 'energy_kwh' holds email"),
    ("a number is no number", (), delivery(energy="x"), 0, "50 quarantined"),
    ("a line that nobody can read", (), delivery(broken=True), 0, "1 unreadable records"),
    ("repeated", (), delivery(repeat=2), 0, "quarantined"),
    ("a query that fails on the values", (lambda data: data["schema"][0]["quality"].append(SQL),), delivery(), 1, "sums_up"),
    ("a licence that refuses", (setting("license", expression="CC-BY-NC-4.0"),), delivery(), 1, "does not allow commercial use"),
    ("not anonymous", (setting("privacy", anonymity={"quasi_identifiers": ["customer_name"], "k": 5}),), delivery(), 1, "k_anonymity"),
    ("a column that is missing", (lambda data: data["schema"][0]["properties"].append({"name": "gone", "logicalType": "string"}),), delivery(), 1, "gone"),
]  # fmt: skip


def promise_every_path(installation: SampleHome) -> list[str]:
    """Have data sets that each go another way, and their deliveries. Returns: their names."""
    (installation.contracts / "readings.odcs.yaml").unlink()
    names = [f"path_{number}" for number in range(len(PATHS))]
    for name, (_, edits, source, _, _) in zip(names, PATHS, strict=True):
        (installation.root / "inbox" / f"{name}.csv").write_text(source)
        place = setting("source", location=f"inbox/{name}.csv")
        installation.promise(
            PROMISED, TREATED, *edits, named(name), place, file=f"{name}.odcs.yaml"
        )
    return names


def test_no_personal_value_is_in_anything_that_is_written(
    assay: Assay, installation: SampleHome
) -> None:
    """Nor in what the terminal shows of the runs, and of the first data set's version."""
    names = promise_every_path(installation)
    shown = ""
    for name, (path, _, _, code, says) in zip(names, PATHS, strict=True):
        ended, out, err = assay("run", name)
        assert (ended, says in out + err) == (code, True), (path, out + err)
        shown += out + err
    published = names[0]
    for arguments in (
        ("contracts", "docs", published),
        ("show", published, "--json"),
        ("verify", "--all"),
        ("status", "--json"),
        ("check", str(installation.contracts / f"{published}.odcs.yaml")),
    ):
        code, out, err = assay(*arguments)
        assert code == 0, err
        shown += out + err
    assert not [value for value in VALUES if value in shown]
    assert leaks(installation.root) == set()


def test_a_process_of_its_own_shows_no_person_either_up_to_its_end(
    installation: SampleHome,
) -> None:
    """The path on which another's error knows the values, with whatever is still written while the interpreter ends."""
    installation.promise(PROMISED, TREATED, lambda data: data["schema"][0]["quality"].append(SQL))
    installation.deliver(delivery())
    environment = {**installation.environment, "DAGSTER_HOME": str(installation.root / "dagster")}
    done = subprocess.run(
        [sys.executable, "-m", "assay.cli", "run", "readings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "sums_up" in done.stderr) == (1, True), done.stderr
    assert not [value for value in VALUES if value in done.stdout + done.stderr]
    assert leaks(installation.root) == set()


def test_what_pandera_refuses_is_told_without_values(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that let everything pass leave the refusing to pandera, whose own message would show the values."""
    installation.promise(
        PROMISED,
        TREATED,
        lambda data: data["schema"][0]["properties"][5].update(logicalTypeOptions={"maxLength": 3}),
    )
    installation.deliver(delivery())
    monkeypatch.setattr("assay.pipelines.validate.split.keeps", lambda rule, stays: pl.lit(True))
    started = installation.run()
    with pytest.raises(AssayError) as refused:
        refine(started, admit(started))
    assert not [value for value in VALUES if value in str(refused.value) + repr(refused.value)]
    assert leaks(installation.root) == set()


FILE = "zora.quint@canary.example.csv"


@pytest.mark.parametrize(
    "text", ["meter,energy_kwh,tariff\nM1,1,day\n", ""], ids=["whole", "broken"]
)
def test_the_name_of_a_delivered_file_is_a_label_that_stewards_look_up(
    assay: Assay, installation: SampleHome, text: str
) -> None:
    (installation.root / "inbox" / FILE).write_text(text)
    installation.promise(setting("source", location="inbox/*.csv"))
    code, out, err = assay("run", "readings")
    assert code == (0 if text else 1), err
    told = out + err
    for arguments in (["show", "readings", "--json"], ["status", "--json"], ["verify", "--all"]):
        told += "".join(map(str, assay(*arguments)))
    label = Names(installation.open().keys.derived("names"), installation.root).label("file", FILE)
    assert (FILE in told, holding(installation.root, [FILE])) == (False, set())
    code, out, err = assay("reveal", label, "--why", "ask for it again")
    assert (code, out.strip()) == (0, FILE), err
    assert json.loads(assay("reveal", f"'inbox/x.zip/{label}'", "--why", "again", "--json")[1]) == {
        "label": label,
        "dataset": "readings",
        "name": FILE,
    }
    with sqlite3.connect(installation.root / "registry.db") as connection:
        entries = connection.execute(
            "SELECT actor, details FROM ledger WHERE action = 'name revealed' ORDER BY sequence"
        ).fetchall()
    assert [json.loads(details) for _, details in entries] == [
        {"label": label, "why": why} for why in ("ask for it again", "again")
    ]
    assert holding(installation.root, [FILE]) == set()


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("file-000000000000.csv", "keeps no name"),
        ("readings.csv", "this is not the label of a file"),
        ("../file-x", "this is not the label of a file"),
    ],
)
def test_what_is_no_label_reveals_nothing(
    assay: Assay, installation: SampleHome, label: str, says: str
) -> None:
    code, out, err = assay("reveal", label, "--why", "x")
    assert (code, out, says in err) == (1, "", True), err
    assert assay("reveal", label)[0] == 2


PASSWORD = "CanaryPw7"
URLS = [
    ("ASSAY_REGISTRY_URL", "postgresql+psycopg://u:{}@127.0.0.1:1/db"), ("ASSAY_REGISTRY_URL", "postgresql+psycopg://u:pa@{}@h/db"), ("ASSAY_REGISTRY_URL", "postgres//u:{}@h"),
    ("ASSAY_LINEAGE_URL", "http://u:{}@127.0.0.1:1/x?token={}"), ("ASSAY_LINEAGE_URL", "ftp://u:{}@h"), ("ASSAY_MLFLOW_URI", "http://u:{}@127.0.0.1:1/?token={}"),
    ("ASSAY_SOURCE_MAX_BYTES", "{}"), ("ASSAY_EMBEDDING_KEY", "{}"),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "url"), URLS)
def test_no_password_of_a_setting_is_repeated(
    assay: Assay, installation: SampleHome, monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    monkeypatch.setenv(variable, url.replace("{}", PASSWORD))
    told = "".join(map(str, (*assay("status"), *assay("doctor"), *assay("status", "--json"))))
    assert PASSWORD not in told
    assert "Traceback" not in told
    assert holding(installation.root, [PASSWORD]) == set() if installation.root.exists() else True


def test_the_password_of_a_model_store_is_given_to_mlflow_and_repeated_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    store = ModelStore(tmp_path, f"http://u:{PASSWORD}%20@127.0.0.1:1/x")
    assert (
        store.uri,
        os.environ["MLFLOW_TRACKING_USERNAME"],
        os.environ["MLFLOW_TRACKING_PASSWORD"],
    ) == ("http://127.0.0.1:1/x", "u", f"{PASSWORD} ")
    with pytest.raises(AssayError, match="query or fragment") as refused:
        ModelStore(tmp_path, f"http://127.0.0.1:1/x?token={PASSWORD}")
    assert PASSWORD not in str(refused.value)
