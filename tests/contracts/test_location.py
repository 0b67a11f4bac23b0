"""What of a location may be shown: everything its author wrote, but for what may be a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from assay.checking import check_contracts
from assay.cli.contracts import compare_contracts, export_contract
from assay.contracts.exports import FORMATS as EXPORTS
from assay.contracts.load import lint
from assay.contracts.location import displayed, host_of, scrubbed, secrets_in
from assay.reports import FORMATS, render
from tests.conftest import Edit, document, setting

TOKEN = "Canary7Qz3TokenAbc"

SHOWN = [
    ("https://host/p?sig=T", "https://host/p?…"), ("https://host:8443/a/b.csv", "https://host:8443/a/b.csv"), ("https://u:p@host/a#T", "https://host/a?…"),
    ("https://host/a;s=T/b", "https://host/a/b?…"), ("https://u:p/ss@host/x", "https://…"), ("https://[::1]:80/x?y", "https://[::1]:80/x?…"), ("https://[bad?x", "https://…"),
    ("s3://bucket/x-?.csv", "s3://bucket/x-?.csv"), ("s3://bucket/month=20??-01/*.csv", "s3://bucket/month=20??-01/*.csv"), ("s3://K:S@bucket/x", "s3://bucket/x"),
    ("az://c/d.csv?sv=1&sig=T", "az://c/d.csv?…"), ("inbox/*.csv", "inbox/*.csv"), ("inbox/x?.csv", "inbox/x?.csv"), ("postgres:NAME", "postgres:NAME"),
    ("inbox/zora.quint@canary.example.csv", "inbox/…"), ("s3://bucket/zora@canary.example/x.csv", "s3://bucket/…/x.csv"), ("https://host/zora%40canary.example/x.csv", "https://host/…/x.csv"),
    ("https://host/s/aB3dE5fG7hJ9kL1m/x.csv", "https://host/s/…/x.csv"), ("https://host/0199c1d2-0000-7000/YellowTaxi2024-01.csv", "https://host/0199c1d2-0000-7000/YellowTaxi2024-01.csv"),
    ("inbox/aB3dE5fG7hJ9kL1m.csv", "inbox/aB3dE5fG7hJ9kL1m.csv"), ("module:a.b#C", "module:a.b#C"), ("a\nb\x1b[3m\u202e", "a\\nb\\x1b[3m\\u202e"),
]  # fmt: skip


@pytest.mark.parametrize(("location", "shown"), SHOWN)
def test_what_may_be_a_secret_is_left_out_of_a_location(location: str, shown: str) -> None:
    assert displayed(location) == shown
    assert displayed(shown) == shown


@pytest.mark.parametrize(("address", "shown"), [
    ("https://hooks.example.com/services/T1/B2/xyz", "https://hooks.example.com/…"), ("http://u:p@h:80/x?y", "http://h:80/…"), ("nonsense", "…"),
])  # fmt: skip
def test_of_a_webhook_only_the_host_is_shown(address: str, shown: str) -> None:
    assert host_of(address) == shown


def test_addresses_in_the_words_of_a_library_are_cut() -> None:
    assert (
        scrubbed("no answer of https://u:p@h/x?y=1 (see 'http://a/b?c')")
        == "no answer of https://h/x?… (see 'http://a/b?…')"
    )


@pytest.mark.parametrize(("query", "names"), [
    ("sig=x", ("sig",)), ("a=1&X-Amz-Signature=x", ("x-amz-signature",)), ("access_token=x", ("access_token",)), ("api-key=x&b=2", ("api-key",)), ("id=5&month=2026-01", ()),
    ("", ()), ("monkey=1&design=2", ()),
])  # fmt: skip
def test_credentials_in_a_query_are_known_by_their_names(
    query: str, names: tuple[str, ...]
) -> None:
    assert secrets_in(f"https://host/x?{query}") == names


LOCATIONS: list[tuple[str, Edit]] = [
    ("signed", setting("source", location=f"https://host/x.csv?sig={TOKEN}")),
    ("user", setting("source", location=f"https://u:{TOKEN}@host/x.csv")),
    ("another scheme", setting("source", location=f"ftp://u:{TOKEN}@host/x.csv?t={TOKEN}")),
    ("no scheme", setting("source", location=f"https:u:{TOKEN}@host/x.csv")),
    ("store", setting("source", location=f"az://container/x.csv?sv=1&sig={TOKEN}")),
    ("store with a user", setting("source", location=f"s3://key:{TOKEN}@bucket/x.csv")),
    ("database", setting("source", location=f"postgres://u:{TOKEN}@host/db", format="sql", options={"table": "t"})),
    ("connection", setting("source", location=f"postgres:{TOKEN}", format="sql", options={"table": "t"})),
    ("bad port", setting("source", location=f"https://host:{TOKEN}/x.csv")),
    ("a list", setting("source", location=[f"https://host/x.csv?sig={TOKEN}"])),
    ("a mapping", setting("source", location={f"https://host/x.csv?sig={TOKEN}": 1})),
    ("a wrong format", setting("source", location=f"https://host/x.csv?sig={TOKEN}", format=f"https://u:{TOKEN}@h")),
    ("webhook", setting("drift", acting={"webhook": {"url": f"https://h/services/{TOKEN}", "secret": "KEY"}})),
    ("webhook with a user", setting("drift", acting={"webhook": {"url": f"https://u:{TOKEN}@h/x", "secret": "KEY"}})),
    ("webhook with its secret", setting("drift", acting={"webhook": {"url": "https://h/x", "secret": TOKEN}})),
    ("embedding", setting("index", text="meter", key="meter", dimensions=8, embedding={"method": "endpoint", "model": "m", "url": f"https://h/x?api-key={TOKEN}"})),
]  # fmt: skip


@pytest.mark.parametrize(
    "edit", [edit for _, edit in LOCATIONS], ids=[name for name, _ in LOCATIONS]
)
def test_no_report_repeats_a_secret_of_a_contract(tmp_path: Path, edit: Edit) -> None:
    file = tmp_path / "readings.odcs.yaml"
    file.write_text(yaml.safe_dump(document(edit), sort_keys=False))
    outcome = check_contracts([file])
    for name in FORMATS:
        assert TOKEN not in render(outcome, name), name


def test_a_credential_in_an_address_is_warned_of_with_where_it_belongs(tmp_path: Path) -> None:
    file = tmp_path / "readings.odcs.yaml"
    file.write_text(
        yaml.safe_dump(
            document(setting("source", location=f"https://host/x.csv?a=1&sig={TOKEN}")),
            sort_keys=False,
        )
    )
    (problem,) = [
        each for each in check_contracts([file]).contracts[0].problems if each.id == "assay.secret"
    ]
    assert (problem.severity, "(`sig`)" in problem.problem, "environment" in problem.remedy) == (
        "warning",
        True,
        True,
    )


@pytest.mark.parametrize("to", EXPORTS)
def test_no_export_repeats_the_query_of_an_address(tmp_path: Path, to: str) -> None:
    file = tmp_path / "readings.odcs.yaml"
    location = f"https://host/x.csv?sig={TOKEN}"
    file.write_text(
        yaml.safe_dump(
            document(setting("source", location=location, sha256="0" * 64)), sort_keys=False
        )
    )
    assert TOKEN not in export_contract(str(file), to)


DRIFT = {
    "columns": ["energy_kwh"], "numerical": {"method": "psi", "threshold": 1}, "categorical": {"method": "psi", "threshold": 1}, "share": 1,
    "missing_change_pct": 1, "volume_change_pct": 1,
}  # fmt: skip


def test_a_comparison_repeats_no_secret_and_the_digest_changes_with_it(tmp_path: Path) -> None:
    files, digests = [], set()
    for number, word in enumerate((TOKEN, TOKEN[::-1])):
        webhook = {"webhook": {"url": f"https://hooks.example.com/{word}", "secret": "KEY"}}
        edits = (
            setting("source", location=f"https://host/{number}.csv?sig={word}"),
            setting("drift", acting=webhook, **DRIFT),
        )
        files.append(tmp_path / f"{number}.odcs.yaml")
        files[-1].write_text(yaml.safe_dump(document(*edits), sort_keys=False))
        linted = lint(files[-1].read_text(), files[-1].name)
        assert linted.errors == ()
        digests.add(linted.contract.digest if linted.contract else "")
    told = str(compare_contracts(*map(str, files)))
    assert "https://host/0.csv?…" in told
    assert not [word for word in (TOKEN, TOKEN[::-1]) if word in told]
    assert len(digests) == 2
