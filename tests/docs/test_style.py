"""How pages read: short paragraphs, current words, examples that the code accepts."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from assay.contracts.load import load
from assay.contracts.properties import PROPERTIES
from assay.contracts.steps import CleaningStep
from tests.docs.page_blocks import FENCE, ROOT, blocks

PAGES = [
    "CHANGELOG.md",
    "benchmarks/RESULTS.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))),
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
LONGEST = 80
IDIOM = re.compile(
    r"\b(?:told|stands|somebody|nobody|whom|beside|anew|mend|mended|set aside|whatever happens"
    r"|is none|unless said|what it is to)\b",
    re.I,
)
ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
HEADINGS_AND_TABLES = ("#", "|", "![")
INLINE = re.compile(r"`(assay\.[a-z]+\([^`]*\))")


def prose(page: str) -> str:
    return FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


def paragraphs(text: str) -> Iterator[str]:
    """Each paragraph and list item on one line; no headings, tables and pictures."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins = not line.strip() or line.startswith(HEADINGS_AND_TABLES) or ITEM.match(line)
        if begins and paragraph:
            yield " ".join(paragraph)
            paragraph = []
        if line.strip() and not line.startswith(HEADINGS_AND_TABLES):
            paragraph.append(ITEM.sub("", line).strip())


def test_paragraphs_and_items_are_separated() -> None:
    text = "# A\none\ntwo\n\n- three\n- four\n  five\n\n| a | b |\n"
    assert list(paragraphs(text)) == ["one two", "three", "four five"]


@pytest.mark.parametrize("page", PAGES)
def test_paragraphs_are_short(page: str) -> None:
    long = [text for text in paragraphs(prose(page)) if len(text.split()) > LONGEST]
    assert long == []


@pytest.mark.parametrize("page", PAGES)
def test_words_are_current(page: str) -> None:
    without_code = re.sub(r"`[^`]*`", "", prose(page))
    assert [match[0] for match in IDIOM.finditer(without_code)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_a_page_begins_with_its_title_and_its_use(page: str) -> None:
    title, *rest = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert title.startswith("# ")
    assert rest[0]
    assert not rest[0].startswith(HEADINGS_AND_TABLES)


def examples(page: str) -> Iterator[Any]:
    for block in blocks(page):
        if block.language == "yaml":
            yield yaml.safe_load(block.body)


def properties(value: Any) -> Iterator[tuple[str, Any]]:
    """Every `assay.*` property in an example."""
    if isinstance(value, list):
        for item in value:
            yield from properties(item)
    if isinstance(value, dict):
        if value.get("property") in PROPERTIES and "vendor" in value:
            yield value["property"], value["value"]
        yield from properties(value.get("customProperties"))


@pytest.mark.parametrize("page", PAGES)
def test_settings_in_examples_are_valid(page: str) -> None:
    for example in examples(page):
        if isinstance(example, dict) and "apiVersion" in example:
            load(yaml.safe_dump(example, sort_keys=False), page)
        for name, value in properties(example):
            TypeAdapter(PROPERTIES[name]).validate_python(value)
        for step in example if isinstance(example, list) else []:
            if "step" in step:
                TypeAdapter(CleaningStep).validate_python(step)


@pytest.mark.parametrize("page", PAGES)
def test_python_calls_in_sentences_fit_the_api(page: str) -> None:
    import assay

    for call in INLINE.findall(prose(page)):
        node = ast.parse(call.replace("…", "None"), mode="eval").body
        while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name):
                break
            node = node.func.value
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Attribute)
        arguments = {keyword.arg: None for keyword in node.keywords}
        inspect.signature(getattr(assay, node.func.attr)).bind(*node.args, **arguments)


def test_there_are_pages() -> None:
    assert len(PAGES) > 25
    assert Path(ROOT / "docs" / "index.md").exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_commands_is_run_by_a_test(page: str) -> None:
    runners = (ROOT / "tests/journeys/test_demo.py", ROOT / "tests/docs/test_tutorials.py")
    named = any(f'"{page}"' in file.read_text(encoding="utf-8") for file in runners)
    runnable = [block for block in blocks(page) if block.is_run and block.commands.strip()]
    assert named or not runnable


COMMAND = re.compile(r"`(assay [^`]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{2,}|…")


def unknown_part(command: str) -> str | None:
    """The first word of a command line that the command line does not know."""
    import typer.main

    from assay.cli import app

    node: Any = typer.main.get_command(app)
    words = [word for word in command.split()[1:] if not PLACEHOLDER.search(word)]
    for word in words:
        if word.startswith("--"):
            options = {name for parameter in node.params for name in parameter.opts}
            if word not in options | {"--help"}:
                return word
        elif hasattr(node, "commands"):
            choices = [name for name in word.split("|") if name not in node.commands]
            if choices or node.commands[word.split("|")[0]].hidden:
                return word
            node = node.commands[word.split("|")[0]]
    return None


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_sentences_exist(page: str) -> None:
    if page == "docs/reference/names.md":
        pytest.skip("it lists old names")
    commands = COMMAND.findall(prose(page))
    assert {command: part for command in commands if (part := unknown_part(command))} == {}


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("assay explain flights@1.0.0", "explain"),
        ("assay run --now", "--now"),
        ("assay versions merge a b", "merge"),
        ("assay versions explain NAME@VERSION --row N", None),
    ],
)
def test_what_the_command_line_does_not_know_is_named(command: str, part: str | None) -> None:
    assert unknown_part(command) == part
