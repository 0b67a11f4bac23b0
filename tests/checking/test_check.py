"""`assay check` and `assay contracts` on a repository with a published version: what changed, what it breaks, what it would quarantine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.publish import publish
from assay.cli import app
from assay.contracts.errors import ConfigurationError, ContractError
from tests.conftest import Edit, SampleHome, columns, document, named, setting


class Repository:
    """A git repository with one contract, and an installation that published a version of it."""

    def __init__(self, installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> None:
        self.installation, self.root = installation, installation.contracts.parent
        self.file = installation.contracts / "readings.odcs.yaml"
        for name, value in (
            ("ASSAY_HOME", installation.root),
            ("ASSAY_CONTRACTS", installation.contracts),
        ):
            monkeypatch.setenv(name, str(value))
        monkeypatch.chdir(self.root)
        self.git("init", "-q", "-b", "main")
        self.commit()

    def git(self, *arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.email=t@example.com", "-c", "user.name=t", *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
        )

    def commit(self) -> None:
        self.git("add", "contracts")
        self.git("commit", "-q", "-m", "contracts")

    def write(self, *edits: Edit) -> None:
        self.file.write_text(yaml.safe_dump(document(*edits), sort_keys=False))

    def check(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(app, ["check", *arguments, "--format", "json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def repository(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(installation, monkeypatch)


def publish_readings(installation: SampleHome) -> None:
    run = installation.run()
    admission = admit(run)
    publish(run, admission, refine(run, admission))


def minimum(limit: float) -> Edit:
    return lambda data: data["schema"][0]["properties"][1].update(
        logicalTypeOptions={"minimum": limit}
    )


def version(number: str) -> Edit:
    return lambda data: data.update(version=number)


def test_nothing_changed_has_nothing_to_say(repository: Repository) -> None:
    code, told = repository.check("--base", "HEAD")
    assert (code, told["contracts"][0]["problems"], told["base"]) == (0, [], "HEAD")


def test_a_changed_rule_is_tried_on_the_newest_version_and_says_who_is_hit(
    repository: Repository,
) -> None:
    import assay

    publish_readings(repository.installation)
    assert assay.open("readings", purpose="training").collect().height == 3
    repository.write(
        minimum(2), version("2.0.0"), lambda data: data["schema"][0].pop("customProperties")
    )
    code, told = repository.check("--base", "main")
    (rule,) = [rule for rule in told["contracts"][0]["rules"] if rule["id"] == "energy_kwh_minimum"]
    assert code == 1
    assert (rule["version"], rule["passed"], rule["failing"], rule["total"], rule["rows"]) == (
        "1.0.0",
        False,
        1,
        3,
        [1],
    )
    assert [consumer.partition(" ")[2] for consumer in rule["consumers"]] == ["(training)"]
    assert {problem["id"] for problem in told["contracts"][0]["problems"]} == {
        "change.minimum_changed",
        "change.tolerance_changed",
    }


def test_without_an_installation_there_is_nothing_to_try_it_on(repository: Repository) -> None:
    repository.write(minimum(2), version("2.0.0"))
    code, told = repository.check("--base", "HEAD")
    assert (code, told["contracts"][0]["rules"]) == (0, [])
    assert not (repository.installation.root / "registry.db").exists()


def test_a_query_and_a_count_are_tried_too_and_what_cannot_be_is_unknown(
    repository: Repository,
) -> None:
    publish_readings(repository.installation)
    asked = {
        "name": "mean",
        "type": "sql",
        "query": "SELECT avg(energy_kwh) FROM ${table}",
        "mustBeLessThan": 2,
    }
    repository.write(
        version("2.0.0"),
        lambda data: data["schema"][0]["quality"].append(asked),
        lambda data: data["schema"][0]["properties"].append(
            {"name": "site", "logicalType": "integer", "required": True}
        ),
    )
    _, told = repository.check("--base", "HEAD")
    rules = {
        rule["id"]: (rule["passed"], rule["measured"]) for rule in told["contracts"][0]["rules"]
    }
    assert rules == {"mean": (False, 2.5), "site_type": (None, None), "site_required": (None, None)}


def test_a_breaking_change_needs_its_version(repository: Repository) -> None:
    repository.write(setting("privacy", region="us"))
    code, told = repository.check("--base", "HEAD")
    assert (
        code,
        [(each["id"], each["severity"]) for each in told["contracts"][0]["problems"]],
    ) == (1, [("change.version", "error"), ("change.region_changed", "warning")])
    repository.write(setting("privacy", region="us"), version("2.0.0"))
    assert repository.check("--base", "HEAD")[0] == 0
    assert repository.check("--base", "HEAD", "--fail-on", "warning")[0] == 1


def test_the_base_is_where_the_branches_parted(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "feature")
    repository.git("checkout", "-q", "main")
    repository.write(setting("privacy", region="us"), version("2.0.0"))
    repository.commit()
    repository.git("checkout", "-q", "feature")
    assert (
        repository.check("--base", "main")[1]["contracts"][0]["problems"] == []
    )  # what others did on main is not ours


def test_a_removed_contract_takes_its_promise_back_and_a_moved_one_does_not(
    repository: Repository,
) -> None:
    moved = repository.installation.contracts / "meters" / "readings.odcs.yaml"
    moved.parent.mkdir()
    repository.file.rename(moved)
    repository.git("add", "-A")
    assert repository.check("contracts", "--base", "HEAD")[1]["contracts"][0]["problems"] == []
    moved.unlink()
    (repository.installation.contracts / "other.odcs.yaml").write_text(
        yaml.safe_dump(
            document(
                lambda data: data.update(name="other", id="other"),
                columns({"name": "a", "logicalType": "string"}),
            )
        )
    )
    code, told = repository.check("contracts", "--base", "HEAD")
    gone = [
        problem["id"]
        for contract in told["contracts"]
        for problem in contract["problems"]
        if contract["file"].endswith("readings.odcs.yaml")
    ]
    assert (code, gone) == (1, ["change.contract_removed"])


@pytest.mark.parametrize("base", ["nowhere", "--exec=x", "HEAD; touch x", ""])
def test_a_revision_that_git_does_not_know_is_one_clear_error(
    repository: Repository, base: str
) -> None:
    with pytest.raises(ConfigurationError, match="git has no revision"):
        repository.check(f"--base={base}")


def test_outside_of_git_is_one_clear_error(
    repository: Repository,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(elsewhere.parent))
    (elsewhere / "a.odcs.yaml").write_text(repository.file.read_text())
    with pytest.raises(ConfigurationError, match="are not in a git work tree"):
        repository.check(str(elsewhere), "--base", "HEAD")


def test_two_contracts_of_one_name_and_a_relationship_to_nobody_are_told(
    repository: Repository,
) -> None:
    text = yaml.safe_dump(
        document(
            lambda data: data["schema"][0]["properties"][0].update(
                relationships=[{"to": "redings.meter"}]
            )
        ),
        sort_keys=False,
    )
    (repository.installation.contracts / "second.odcs.yaml").write_text(text)
    code, told = repository.check()
    found = [
        (problem["id"], problem["severity"], problem["problem"])
        for contract in told["contracts"]
        for problem in contract["problems"]
    ]
    assert code == 1
    assert (
        "assay.relationship",
        "warning",
        "the relationship points to 'redings', which no contract here describes",
    ) in found
    assert [each[0] for each in found].count("assay.name") == 1


def test_formats_go_to_files_and_several_at_once(repository: Repository, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app,
        [
            "check",
            "--format",
            "text",
            "--format",
            f"sarif={tmp_path / 'out' / 'a.sarif'}",
            "--format",
            f"junit={tmp_path / 'j.xml'}",
        ],
    )
    assert result.stdout.startswith("1 contract, 0 errors, 0 warnings in ")
    assert json.loads((tmp_path / "out" / "a.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "j.xml").read_text().startswith("<?xml")


@pytest.mark.parametrize("arguments", [["--format", "yaml"], ["--fail-on", "info"], ["--bse", "x"]])
def test_wrong_usage_is_exit_code_2(repository: Repository, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["check", *arguments]).exit_code == 2


# -- assay contracts ------------------------------------------------------------------------------


def test_diff_classifies_and_its_exit_code_says_whether_the_version_does(
    repository: Repository, tmp_path: Path
) -> None:
    new = tmp_path / "new.odcs.yaml"
    new.write_text(yaml.safe_dump(document(minimum(1))))
    result = CliRunner().invoke(
        app, ["contracts", "diff", "HEAD:contracts/readings.odcs.yaml", str(new), "--json"]
    )
    told = json.loads(result.stdout)
    assert (
        result.exit_code,
        told["level"],
        told["demanded_version"],
        [change["kind"] for change in told["changes"]],
    ) == (1, "major", "2.0.0", ["minimum_changed"])
    new.write_text(yaml.safe_dump(document(minimum(1), version("2.0.0"))))
    assert (
        CliRunner().invoke(app, ["contracts", "diff", str(repository.file), str(new)]).exit_code
        == 0
    )


def test_upgrade_rewrites_in_place_only_when_told(repository: Repository, tmp_path: Path) -> None:
    old = tmp_path / "old.odcs.yaml"
    old.write_text(
        "apiVersion: v3.1.0  # old\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: draft\n"
    )
    assert (
        "apiVersion: v3.2.0  # old"
        in CliRunner().invoke(app, ["contracts", "upgrade", str(old)]).stdout
    )
    assert "v3.1.0" in old.read_text()
    assert CliRunner().invoke(app, ["contracts", "upgrade", str(old), "--write"]).exit_code == 0
    assert old.read_text().startswith("apiVersion: v3.2.0  # old\n")


def test_export_goes_by_name_or_by_file(repository: Repository, tmp_path: Path) -> None:
    by_name = (
        CliRunner().invoke(app, ["contracts", "export", "readings", "--to", "jsonschema"]).stdout
    )
    CliRunner().invoke(
        app,
        [
            "contracts",
            "export",
            str(repository.file),
            "--to",
            "jsonschema",
            "--output",
            str(tmp_path / "schema.json"),
        ],
    )
    assert json.loads(by_name) == json.loads((tmp_path / "schema.json").read_text())
    error = (
        CliRunner().invoke(app, ["contracts", "export", "readings", "--to", "jsonschem"]).exception
    )
    assert isinstance(error, ContractError)
    assert "Did you mean 'jsonschema'" in str(error)


def test_what_the_policies_say_of_a_contract_is_told_at_its_line(repository: Repository) -> None:
    repository.write(
        setting("license", expression="CC-BY-NC-4.0"),
        setting("privacy", columns={"meter": {"kind": "medical_record", "treatment": "token"}}),
        setting("source", derived_from=["elsewhere"]),
    )
    code, told = repository.check()
    found = {problem["id"]: problem for problem in told["contracts"][0]["problems"]}
    assert code == 1
    assert {name: problem["severity"] for name, problem in found.items()} == {
        "policy.license": "error", "policy.sensitivity": "warning", "policy.minimisation": "info", "policy.derived": "warning",
    }  # fmt: skip
    assert "section 2(a)(1)" in found["policy.license"]["problem"]


def test_a_contract_that_is_looser_than_what_it_is_made_from_fails_at_its_line(
    repository: Repository,
) -> None:
    repository.write(setting("license", expression="CC-BY-SA-4.0"))
    made = document(named("made"), setting("source", derived_from=["readings"]))
    (repository.installation.contracts / "made.odcs.yaml").write_text(
        yaml.safe_dump(made, sort_keys=False)
    )
    code, told = repository.check()
    (problem, *_) = next(each for each in told["contracts"] if each["name"] == "made")["problems"]
    assert (code, problem["id"]) == (1, "policy.derived")
    assert "requires attribution" in problem["problem"]


@pytest.mark.parametrize(
    ("edit", "code", "says"),
    [
        ({}, 0, None),
        ({"dataset": "wether"}, 0, "rows are joined to 'wether', which no contract here describes"),
        ({"columns": ["wind"]}, 1, "rows are joined to 'weather', which declares no 'wind'"),
        (
            {"time": "tariff"},
            1,
            "rows are joined by 'tariff' of 'weather', which the contract declares as string, not as a time",
        ),
    ],
)
def test_what_features_ask_of_another_data_set_is_held_against_its_contract(
    repository: Repository, edit: dict[str, Any], code: int, says: str | None
) -> None:
    join = {
        "transform": "as_of",
        "dataset": "weather",
        "columns": ["energy_kwh"],
        "time": "at",
        **edit,
    }
    repository.write(
        columns({"name": "at", "logicalType": "timestamp", "required": True}),
        setting("features", order_by="at", transforms=[join]),
    )
    other = document(
        named("weather"),
        columns(
            {"name": "at", "logicalType": "timestamp"},
            {"name": "tariff", "logicalType": "string"},
            {"name": "energy_kwh", "logicalType": "number"},
        ),
    )
    (repository.installation.contracts / "weather.odcs.yaml").write_text(
        yaml.safe_dump(other, sort_keys=False)
    )
    exit_code, told = repository.check()
    problems = [
        problem
        for each in told["contracts"]
        if each["name"] == "readings"
        for problem in each["problems"]
        if problem["id"] == "assay.features"
    ]
    assert (exit_code, [problem["problem"] for problem in problems]) == (
        code,
        [says] if says else [],
    )


def remove_column(name: str) -> Edit:
    def edit(data: dict[str, Any]) -> None:
        table = data["schema"][0]
        table["properties"] = [each for each in table["properties"] if each["name"] != name]

    return edit


def rename_column(name: str, to: str) -> Edit:
    def edit(data: dict[str, Any]) -> None:
        for column in data["schema"][0]["properties"]:
            if column["name"] == name:
                column["name"] = to

    return edit


def retype_column(name: str, logical_type: str) -> Edit:
    def edit(data: dict[str, Any]) -> None:
        for column in data["schema"][0]["properties"]:
            if column["name"] == name:
                column.pop("enum", None)
                column["logicalType"] = logical_type

    return edit


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (remove_column("tariff"), "change.column_removed"),
        (rename_column("tariff", "rate"), "change.column_renamed"),
        (retype_column("tariff", "integer"), "change.type_changed"),
    ],
)
def test_a_change_that_breaks_consumers_names_the_readers(
    repository: Repository, change: Edit, kind: str
) -> None:
    import assay

    publish_readings(repository.installation)
    assay.open("readings", purpose="training").collect()
    repository.write(change, version("2.0.0"))
    _, report = repository.check("--base", "main")
    (problem,) = [each for each in report["contracts"][0]["problems"] if each["id"] == kind]
    (reader,) = problem["details"]["readers"]
    assert reader.endswith(" (training)")
    assert problem["problem"].endswith(f"; it is read by {reader}")


def test_a_removed_contract_names_the_readers(repository: Repository) -> None:
    import assay

    publish_readings(repository.installation)
    assay.open("readings", purpose="training").collect()
    other = document(named("other"))
    (repository.installation.contracts / "other.odcs.yaml").write_text(yaml.safe_dump(other))
    repository.file.unlink()
    _, report = repository.check("contracts", "--base", "main")
    problems = [each for contract in report["contracts"] for each in contract["problems"]]
    (removed,) = [each for each in problems if each["id"] == "change.contract_removed"]
    assert removed["problem"].endswith(" (training)")


def test_a_change_that_breaks_producers_only_names_no_reader(repository: Repository) -> None:
    import assay

    publish_readings(repository.installation)
    assay.open("readings", purpose="training").collect()
    repository.write(minimum(0.5), version("2.0.0"))
    _, report = repository.check("--base", "main")
    assert report["contracts"][0]["problems"]
    assert all("readers" not in each["details"] for each in report["contracts"][0]["problems"])


def test_a_column_without_readers_is_removed_without_a_name(repository: Repository) -> None:
    publish_readings(repository.installation)
    repository.write(remove_column("tariff"), version("2.0.0"))
    _, report = repository.check("--base", "main")
    removed = [each["problem"] for each in report["contracts"][0]["problems"]]
    assert "readings.tariff: the column is removed" in removed


def test_unused_personal_columns_are_one_note(repository: Repository) -> None:
    treated = {"kind": "other", "treatment": "token"}
    repository.write(
        setting("privacy", columns={"meter": treated, "tariff": treated}),
        lambda data: [each.pop("enum", None) for each in data["schema"][0]["properties"]],
        lambda data: [
            each.pop("logicalTypeOptions", None) for each in data["schema"][0]["properties"]
        ],
    )
    _, report = repository.check()
    notes = [
        each["problem"]
        for each in report["contracts"][0]["problems"]
        if each["id"] == "policy.minimisation"
    ]
    assert [note.partition(": ")[2] for note in notes] == ["'meter', 'tariff'"]
