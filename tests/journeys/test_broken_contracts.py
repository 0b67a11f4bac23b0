"""A contract that cannot be read disables its own data set, visibly, and no other."""

from __future__ import annotations

import json
import os
import re
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


@pytest.fixture(scope="module")
def two_as_published(tmp_path_factory: pytest.TempPathFactory) -> SampleHome:
    """Two data sets, alpha and beta, of one source, each published once."""
    made = SampleHome(tmp_path_factory.mktemp("two"))
    made.deliver(GOOD)
    publish_each(made, "alpha", "beta")
    return made


@pytest.fixture
def two(two_as_published: SampleHome, installation: SampleHome) -> SampleHome:
    """A copy of it, for one test."""
    shutil.rmtree(installation.contracts.parent)
    return two_as_published.copy_to(installation.contracts.parent)


def publish_each(installation: SampleHome, *names: str) -> None:
    """Publish data sets of these names, and remove the contract of the readings."""
    for name in names:
        installation.promise(named(name), file=f"{name}.odcs.yaml")
    (installation.contracts / "readings.odcs.yaml").unlink()
    for name in names:
        installation.published(name)


def text_of(declared: str, **changes: Any) -> str:
    """The contract of a data set as YAML, with other values for some keys; None removes one."""
    data = {**document(named(declared)), **changes}
    return yaml.safe_dump({key: value for key, value in data.items() if value is not None})


def replaced_by(content: Callable[[str], str | bytes]) -> Callable[[Path, str], None]:
    def replace(file: Path, name: str) -> None:
        written = content(name)
        file.write_bytes(written.encode() if isinstance(written, str) else written)

    return replace


def a_folder(file: Path, _: str) -> None:
    file.unlink()
    file.mkdir()


def a_dangling_link(file: Path, _: str) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere.yaml"))


def without_permission(file: Path, _: str) -> None:
    file.chmod(0)


def alias_bomb(name: str) -> str:
    levels = (f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    return "\n".join([f"name: {name}", "l0: &l0 [x, x, x, x, x, x, x, x, x, x]", *levels])


KINDS: dict[str, Callable[[Path, str], None]] = {
    "invalid_yaml": replaced_by(lambda name: f"name: {name}\nkind: [\n"),
    "a_list": replaced_by(lambda name: f"- name: {name}\n- kind: DataContract\n"),
    "a_text": replaced_by(lambda name: f"{name}\n"),
    "utf_16": replaced_by(lambda name: text_of(name).encode("utf-16")),
    "bytes": replaced_by(lambda _: bytes(range(256))),
    "an_unknown_setting": replaced_by(lambda name: text_of(name, surprise=1)),
    "no_schema": replaced_by(lambda name: text_of(name, schema=None)),
    "no_name": replaced_by(lambda name: text_of(name, name=None)),
    "no_file_that_may_be_read": without_permission,
    "an_empty_file": replaced_by(lambda _: ""),
    "a_folder": a_folder,
    "a_dangling_link": a_dangling_link,
    "twenty_mb": replaced_by(lambda name: text_of(name) + "# filler\n" * 2_300_000),
    "an_alias_bomb": replaced_by(alias_bomb),
    "very_deep": replaced_by(lambda name: f"name: {name}\ndeep: " + "[" * 50_000),
}
"""How a contract is broken, by the name of its data set."""


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


def test_broken_contracts_of_every_kind_disable_their_own_data_sets_alone(
    assay: Assay, installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_each(installation, *KINDS, "beta")
    for name, break_contract in KINDS.items():
        break_contract(installation.contracts / f"{name}.odcs.yaml", name)
    unreadable = installation.contracts / "no_file_that_may_be_read.odcs.yaml"
    no_permission_for_root(monkeypatch, unreadable)
    installation.deliver(GOOD + "M4,4,day\n")

    for name in (*KINDS, "beta"):  # what is published opens as before
        assert api.open(name, purpose="analytics").collect().height == 3, name
    code, out, err = assay("run")
    assert code == 1
    summary = out[out.index(f"1 of {len(KINDS) + 1} data sets succeeded; failed: ") :]
    assert set(re.findall(r"\w+", summary.partition("failed: ")[2])) == set(KINDS)
    assert [name for name in KINDS if f"{name}.odcs.yaml" not in err] == []
    assert "Traceback" not in out + err
    code, out, err = assay("check")
    assert code == 1
    assert [name for name in KINDS if f"{name}.odcs.yaml" not in out + err] == []
    check_status(json.loads(assay("status", "--json")[1]))

    shown = descriptions()
    assert {"beta/landed", "beta/published"} <= set(shown)
    for name in KINDS:
        assert f"{name}.odcs.yaml" in shown[f"{name}/contract"]
        assert [each for each in shown if each.startswith(f"{name}/")] == [f"{name}/contract"]


def check_status(entries: list[dict[str, Any]]) -> None:
    """Every broken contract is told with its place, and the other has a new version."""
    status = {entry["dataset"]: entry for entry in entries}
    assert set(status) == {*KINDS, "beta"}
    assert status["beta"]["versions"] == ["1.0.0", "1.1.0"]
    assert status["beta"]["contract_problem"] is None
    for name in KINDS:
        problem = status[name]["contract_problem"]
        assert status[name]["versions"] == ["1.0.0"], name
        assert f"{name}.odcs.yaml" in problem["place"]
        assert problem["problem"]
        assert problem["remedy"]


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


def refer_to_alpha() -> dict[str, dict[str, Any]]:
    """Further data sets that refer to alpha, by name."""
    source = setting("source", location="assay:alpha", format="parquet")
    related = document(named("related"))
    related["schema"][0]["properties"][0]["relationships"] = [{"to": "alpha.meter"}]
    return {
        "copied": document(named("copied"), source),
        "derived": document(named("derived"), setting("source", derived_from=["alpha"])),
        "related": related,
    }


def test_contracts_that_refer_to_a_broken_one_fail_themselves_and_name_it(
    assay: Assay, two: SampleHome
) -> None:
    referring = refer_to_alpha()
    for name, data in referring.items():
        (two.contracts / f"{name}.odcs.yaml").write_text(yaml.safe_dump(data))
    code, out, err = assay("run", *referring)
    assert code == 0, out + err
    (two.contracts / "alpha.odcs.yaml").write_text("name: alpha\nkind: [\n")
    two.deliver(GOOD + "M4,4,day\n")
    code, _, err = assay("run", *referring, "beta")
    assert code == 1
    lines = [line for line in err.splitlines() if line.strip()]
    for line, name in zip(lines, referring, strict=True):
        assert f"data set '{name}'" in line
        assert "it refers to 'alpha', but the contract of that data set cannot be read: " in line
        assert "alpha.odcs.yaml:" in line
    status = {entry["dataset"]: entry for entry in json.loads(assay("status", "--json")[1])}
    assert status["beta"]["versions"] == ["1.0.0", "1.1.0"]
    assert {tuple(status[name]["versions"]) for name in referring} == {("1.0.0",)}


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
    with pytest.raises(AssayError, match="lists no purpose"):
        api.open("alpha", purpose="analytics")


def test_a_command_reads_the_contracts_it_needs_and_no_other(
    assay: Assay, two: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.promise(named("gamma"), setting("source", derived_from=["alpha"]), file="gamma.odcs.yaml")
    read: set[str] = set()
    original = contract_folder.read_contract

    def noted(file: Path) -> Any:
        read.add(file.name.removesuffix(".odcs.yaml"))
        return original(file)

    monkeypatch.setattr(contract_folder, "read_contract", noted)
    needed = {
        ("run", "alpha"): {"alpha"},
        ("run", "gamma"): {"alpha", "gamma"},
        ("show", "beta"): set(),
        ("profile", "beta"): {"beta"},
    }
    for words, expected in needed.items():
        read.clear()
        assert assay(*words)[0] == 0, words
        assert read == expected, words


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
