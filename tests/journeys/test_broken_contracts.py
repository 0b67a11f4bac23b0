"""A contract that cannot be read disables its own data set, visibly, and no other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

import assay as api
from assay.assets.io import contract_folder
from assay.assets.io.home import Home
from assay.contracts.declared_name import declared_name
from assay.contracts.errors import AssayError, ConfigurationError, ContractError
from tests.conftest import GOOD, SampleHome, document, named, setting
from tests.journeys.conftest import Assay


@pytest.fixture
def two(installation: SampleHome) -> SampleHome:
    """Two data sets, alpha and beta, of one source, each published once."""
    for name in ("alpha", "beta"):
        installation.promise(named(name), file=f"{name}.odcs.yaml")
    (installation.contracts / "readings.odcs.yaml").unlink()
    for name in ("alpha", "beta"):
        installation.published(name)
    return installation


def text_of(declared: str, **changes: Any) -> str:
    """The contract of a data set as YAML, with other values for some keys; None removes one."""
    data = {**document(named(declared)), **changes}
    return yaml.safe_dump({key: value for key, value in data.items() if value is not None})


def replaced_by(content: str | bytes) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return replace


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_dangling_link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere.yaml"))


def without_permission(file: Path) -> None:
    file.chmod(0)


BOMB = "\n".join(
    [
        "name: alpha",
        "l0: &l0 [x, x, x, x, x, x, x, x, x, x]",
        *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)),
    ]
)
KINDS: dict[str, Callable[[Path], None]] = {
    "invalid YAML": replaced_by("name: alpha\nkind: [\n"),
    "a list": replaced_by("- name: alpha\n- kind: DataContract\n"),
    "a text": replaced_by("alpha\n"),
    "UTF-16": replaced_by(text_of("alpha").encode("utf-16")),
    "bytes": replaced_by(bytes(range(256))),
    "an unknown setting": replaced_by(text_of("alpha", surprise=1)),
    "no schema": replaced_by(text_of("alpha", schema=None)),
    "no name": replaced_by(text_of("alpha", name=None)),
    "no file that may be read": without_permission,
    "an empty file": replaced_by(""),
    "a folder": a_folder,
    "a dangling link": a_dangling_link,
    "20 MB": replaced_by(text_of("alpha") + "# filler\n" * 2_300_000),
    "an alias bomb": replaced_by(BOMB),
    "very deep": replaced_by("name: alpha\ndeep: " + "[" * 50_000),
}


def no_permission_for_root(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Root reads every file; have it refused this one as others are."""
    if os.geteuid() == 0:
        original = Path.open

        def guarded(self: Path, *arguments: Any, **more: Any) -> Any:
            if self.resolve() == file.resolve():
                raise PermissionError(13, "Permission denied")
            return original(self, *arguments, **more)

        monkeypatch.setattr(Path, "open", guarded)


def descriptions() -> dict[str, str]:
    """The assets of the web UI with what they say."""
    from assay.assets.dagster.definitions import build_definitions

    specs = build_definitions().resolve_all_asset_specs()
    return {spec.key.to_user_string(): spec.description or "" for spec in specs}


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_contract_disables_its_own_data_set_alone(
    assay: Assay, two: SampleHome, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = two.contracts / "alpha.odcs.yaml"
    KINDS[kind](file)
    if kind == "no file that may be read":
        no_permission_for_root(monkeypatch, file)
    two.deliver(GOOD + "M4,4,day\n")

    for name in ("alpha", "beta"):  # what is published opens as before
        assert api.open(name, purpose="analytics").collect().height == 3
    code, out, err = assay("run")
    assert code == 1
    assert "1 of 2 data sets succeeded; failed: alpha" in out
    assert "alpha.odcs.yaml" in err
    assert "Traceback" not in out + err
    assert assay("check")[0] == 1

    alpha, beta = json.loads(assay("status", "--json")[1])
    assert (alpha["versions"], beta["versions"]) == (["1.0.0"], ["1.0.0", "1.1.0"])
    assert beta["contract_problem"] is None
    assert "alpha.odcs.yaml" in alpha["contract_problem"]["place"]
    assert alpha["contract_problem"]["problem"]
    assert alpha["contract_problem"]["remedy"]

    shown = descriptions()
    assert {"beta/landed", "beta/published", "alpha/contract"} <= set(shown)
    assert "alpha.odcs.yaml" in shown["alpha/contract"]
    assert [name for name in shown if name.startswith("alpha")] == ["alpha/contract"]


def test_commands_about_one_data_set_go_on_next_to_a_broken_contract(
    assay: Assay, two: SampleHome
) -> None:
    (two.contracts / "alpha.odcs.yaml").write_text("name: alpha\nkind: [\n")
    code, _, err = assay("run", "beta")
    assert (code, err) == (0, "")
    for words in (("show", "beta"), ("profile", "beta"), ("show", "alpha"), ("refs", "list")):
        assert assay(*words)[0] == 0, words
    assert assay("check", str(two.contracts / "beta.odcs.yaml"))[0] == 0
    code, out, _ = assay("status")
    assert code == 0
    assert "Contracts that cannot be read" in out
    assert assay("run", "alpha")[0] == 1


def test_sensors_go_on_next_to_a_broken_contract_and_name_it(assay: Assay, two: SampleHome) -> None:
    from assay.assets.dagster import sensors

    (two.contracts / "alpha.odcs.yaml").write_text("name: alpha\nkind: [\n")
    left = two.open().lake.staging("beta", "dead")
    left.joinpath("rows").write_bytes(b"x")
    os.utime(left, (0, 0))
    os.utime(left / "rows", (0, 0))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance) as context,
    ):
        data = sensors.reaper.evaluate_tick(context)
    names = [
        request.tags[sensors.DATASET]
        for request in data.run_requests or []
        if sensors.DATASET in request.tags
    ]
    assert names == ["beta"]
    code, out, err = assay("expire")
    assert code == 1
    assert "beta: none expired" in out
    assert "the contract of alpha cannot be read" in err
    assert assay("expire", "beta")[0] == 0


def refers_to_alpha(kind: str) -> dict[str, Any]:
    """A third data set that refers to alpha."""
    if kind == "its source":
        return document(named("gamma"), setting("source", location="assay:alpha", format="parquet"))
    if kind == "derived from":
        return document(named("gamma"), setting("source", derived_from=["alpha"]))
    data = document(named("gamma"))
    data["schema"][0]["properties"][0]["relationships"] = [{"to": "alpha.meter"}]
    return data


@pytest.mark.parametrize("kind", ["its source", "derived from", "a relationship"])
def test_a_contract_that_refers_to_a_broken_one_fails_itself_and_names_it(
    assay: Assay, two: SampleHome, kind: str
) -> None:
    data = refers_to_alpha(kind)
    (two.contracts / "gamma.odcs.yaml").write_text(yaml.safe_dump(data))
    assert assay("run", "gamma")[0] == 0, assay("run", "gamma")
    (two.contracts / "alpha.odcs.yaml").write_text("name: alpha\nkind: [\n")
    two.deliver(GOOD + "M4,4,day\n")
    code, _, err = assay("run", "gamma", "beta")
    assert code == 1
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert "data set 'gamma'" in line
    assert "it refers to 'alpha', whose contract cannot be read: " in line
    assert "alpha.odcs.yaml:" in line
    assert json.loads(assay("status", "--json")[1])[1]["versions"] == ["1.0.0", "1.1.0"]


def test_two_files_that_declare_one_name_disable_that_name_alone(
    assay: Assay, two: SampleHome
) -> None:
    (two.contracts / "alpha.odcs.yaml").write_text(text_of("beta"))
    two.promise(named("gamma"), file="gamma.odcs.yaml")
    code, out, err = assay("run")
    assert code == 1
    assert "1 of 2 data sets succeeded; failed: beta" in out
    assert "'beta' is also the name in" in err
    status = {entry["dataset"]: entry for entry in json.loads(assay("status", "--json")[1])}
    assert "is also the name" in status["beta"]["contract_problem"]["problem"]
    assert status["alpha"]["contract_problem"]["problem"] == "no contract describes it"
    assert status["gamma"]["contract_problem"] is None
    assert api.open("beta", purpose="analytics").collect().height == 3


def test_what_is_published_opens_without_any_contract(assay: Assay, two: SampleHome) -> None:
    shutil.rmtree(two.contracts)
    assert api.open("alpha", purpose="analytics").collect().height == 3
    with pytest.raises(AssayError, match="was not admitted for 'retrieval'"):
        api.open("alpha", purpose="retrieval")
    for words in (("show", "alpha"), ("profile", "alpha"), ("verify", "--all"), ("refs", "list")):
        assert assay(*words)[0] == 0, words
    alpha, _ = json.loads(assay("status", "--json")[1])
    assert alpha["contract_problem"]["problem"] == "no contract describes it"
    code, _, err = assay("run")
    assert code == 1
    assert "there is no contract" in err
    code, _, err = assay("show", "gamma")
    assert code == 1
    assert "no contract has that name" in err


def test_without_a_contract_the_evidence_decides_which_values_are_shown(
    assay: Assay, installation: SampleHome
) -> None:
    def tariff_is_confidential(data: dict[str, Any]) -> None:
        data["schema"][0]["properties"][2]["classification"] = "confidential"

    installation.promise(tariff_is_confidential)
    installation.published()
    shutil.rmtree(installation.contracts)
    code, out, err = assay("profile", "readings", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["hidden"] == ["tariff"]


def test_a_version_whose_evidence_names_no_purpose_is_refused(
    assay: Assay, two: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.io.installation import Installation

    original = Installation.statement

    def without_purposes(self: Installation, row: Any) -> dict[str, Any]:
        statement = original(self, row)
        del statement["predicate"]["admission"]["purposes"]
        return statement

    monkeypatch.setattr(Installation, "statement", without_purposes)
    with pytest.raises(AssayError, match="names no purpose that it was admitted for"):
        api.open("alpha", purpose="analytics")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "alpha"), ["alpha"]),
        (("run", "gamma"), ["alpha", "gamma"]),
        (("show", "beta"), []),
        (("profile", "beta"), ["beta"]),
    ],
)
def test_a_command_reads_the_contracts_it_needs_and_no_other(
    assay: Assay,
    two: SampleHome,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    expected: list[str],
) -> None:
    two.promise(named("gamma"), setting("source", derived_from=["alpha"]), file="gamma.odcs.yaml")
    read: list[str] = []
    original = contract_folder.read_contract

    def noted(file: Path) -> Any:
        read.append(file.name.removesuffix(".odcs.yaml"))
        return original(file)

    monkeypatch.setattr(contract_folder, "read_contract", noted)
    assert assay(*words)[0] == 0
    assert sorted(set(read)) == expected


NAMES: dict[str, tuple[str, str | None]] = {
    "plain": ("kind: X\nname: alpha\n", "alpha"),
    "quoted": ("name: 'alpha'  # ours\n", "alpha"),
    "in double quotes": ('"name": "alpha"\n', "alpha"),
    "JSON": ('{"schema": [{"name": "rows"}], "name": "alpha"}', "alpha"),
    "after an inner name": ("schema:\n  - name: rows\nname: alpha\n", "alpha"),
    "after aliases": ("a: &a [1]\nb: *a\nname: alpha\n", "alpha"),
    "in a text at the margin": ('description: "\nname: beta\n"\n"name": alpha\n', "alpha"),
    "with Windows line ends": ("kind: X\r\nname: alpha\r\n", "alpha"),
    "before a fault": ("name: alpha\nkind: [\n", "alpha"),
    "an inner one alone": ("schema:\n  - name: rows\n", None),
    "a list": ("- name: alpha\n", None),
    "none": ("", None),
    "a number": ("name: 7\n", "7"),
    "a mapping": ("name: {a: b}\n", None),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_declared_name_is_the_documents_own(case: str) -> None:
    text, name = NAMES[case]
    assert declared_name(text) == name


def test_a_guessed_name_takes_nothing_from_the_contract_that_declares_it(tmp_path: Path) -> None:
    (tmp_path / "right.odcs.yaml").write_text(text_of("alpha"))
    (tmp_path / "alpha.odcs.yaml").write_bytes(b"\xff\x00")
    folder = contract_folder.ContractFolder(Home(home=tmp_path / "home", contracts=tmp_path))
    assert list(folder) == ["alpha.odcs.yaml", "alpha"]
    assert folder["alpha"].name == "alpha"
    with pytest.raises(ContractError, match="cannot be read"):
        folder["alpha.odcs.yaml"]
    with pytest.raises(KeyError):
        folder["beta"]


def test_an_unexpected_fault_in_reading_one_contract_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", "beta"):
        (tmp_path / f"{name}.odcs.yaml").write_text(text_of(name))
    original = contract_folder.read_contract

    def failing(file: Path) -> Any:
        if file.name.startswith("alpha"):
            raise RecursionError
        return original(file)

    monkeypatch.setattr(contract_folder, "read_contract", failing)
    folder = contract_folder.ContractFolder(Home(home=tmp_path / "home", contracts=tmp_path))
    assert list(contract_folder.readable(folder)) == ["beta"]
    problem = contract_folder.problem_of(folder, "alpha")
    assert problem is not None
    assert "an unexpected RecursionError" in problem.problem


def test_a_new_home_is_not_made_without_a_contract(tmp_path: Path) -> None:
    from assay.assets.io.installation import Installation

    where = Home(home=tmp_path / "home", contracts=tmp_path / "contracts")
    with pytest.raises(ConfigurationError, match="there is no contract"):
        Installation.open(where)
    assert not (tmp_path / "home").exists()
