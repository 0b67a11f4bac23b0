"""What users and files depend on stays: options, settings, ids of checks, keys of evidence and of JSON answers.

`golden/surface.json` holds what was there; each name in it must still be there. New names may come.
`python -m tests.test_surface` writes the file anew, for a change that is meant and stands in the changelog.
"""

from __future__ import annotations

import ast
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "surface.json"
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
CHECK_ID = re.compile(r"^(assay|odcs)\.[a-z_]+$")


def command_line() -> list[str]:
    """Every command with its arguments and options, hidden aliases included."""
    from assay.cli import app

    return sorted(_commands("assay", typer.main.get_command(app)))


def _commands(path: str, command: Any) -> Iterator[str]:
    for parameter in command.params:
        for spelling in parameter.opts:
            yield f"{path} {spelling}"
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", inner)


def settings() -> list[str]:
    """Every key of every `assay.*` property, of each cleaning step, and of each transform."""
    from pydantic import TypeAdapter

    from assay.contracts.properties import PROPERTIES
    from assay.contracts.steps import CleaningStep

    schemas = {name: TypeAdapter(model).json_schema() for name, model in PROPERTIES.items()}
    schemas["assay.cleaning"] = TypeAdapter(CleaningStep).json_schema()
    keys = set()
    for name, schema in schemas.items():
        for definition in (schema, *schema.get("$defs", {}).values()):
            keys |= {f"{name}{_kind(definition)}.{key}" for key in definition.get("properties", {})}
    return sorted(keys)


def _kind(definition: dict[str, Any]) -> str:
    """Which step or transform these keys belong to, by the word that a contract writes."""
    properties = definition.get("properties", {})
    constants = [properties.get(key, {}).get("const") for key in ("transform", "step")]
    return "".join(f" {constant}" for constant in constants if constant)


def check_ids() -> list[str]:
    """The ids of mistakes in contracts, as they stand in reports."""
    ids = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and CHECK_ID.match(node.value)
                ):
                    ids.add(node.value)
    return sorted(ids)


def rules() -> list[str]:
    """The names of the rules that the demo's contracts come to: they stand in evidence, and in Dagster."""
    from assay.contracts.load import load

    names = set()
    for file in sorted((ROOT / "contracts" / "datasets").glob("*.odcs.yaml")):
        contract = load(file.read_text(encoding="utf-8"), file.name)
        names |= {f"{contract.name}.{rule.name}" for rule in contract.rules}
    return sorted(names)


def answers() -> dict[str, list[str]]:
    """The keys of a version's evidence, and of what `show`, `status` and `verify` answer as JSON."""
    from assay import reading, verifying
    from tests.conftest import GOOD, SampleHome

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        installation = SampleHome(Path(folder))
        installation.deliver(GOOD + "x,1,day\nM1,1.5,day\n")
        for name, value in installation.environment.items():
            patch.setenv(name, value)
        predicate = installation.predicate(installation.published())
        return {
            "evidence": sorted(_keys(predicate)),
            "show": sorted(_keys(reading.card("readings", None))),
            "status": sorted(_keys(reading.status())),
            "verify": sorted(_keys(verifying.verify(("readings", "1.0.0"), None, None))),
        }


def _keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}{key}"
            yield from _keys(inner, f"{path}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, path)


def surface() -> dict[str, list[str]]:
    """All of it, part by part."""
    parts = {
        "command line": command_line(),
        "settings": settings(),
        "check ids": check_ids(),
        "rules": rules(),
    }
    return {**parts, **{f"keys of {name}": sorted(set(keys)) for name, keys in answers().items()}}


@pytest.fixture(scope="module")
def today() -> dict[str, list[str]]:
    return surface()


@pytest.mark.parametrize("part", sorted(json.loads(GOLDEN.read_text())) if GOLDEN.exists() else [])
def test_nothing_that_users_depend_on_is_gone(part: str, today: dict[str, list[str]]) -> None:
    before = json.loads(GOLDEN.read_text())[part]
    assert before, "an empty list proves nothing"
    assert sorted(set(before) - set(today[part])) == []


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(surface(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
