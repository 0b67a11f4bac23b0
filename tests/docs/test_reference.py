"""The generated reference names everything that the code has, each with a meaning."""

from __future__ import annotations

import pytest

from tools.site import command_line, lists, settings
from tools.site.docstrings import in_sections
from tools.site.tables import meanings, table


def keys_of_settings() -> set[tuple[str, str, str]]:
    return {
        (name, model["title"], key)
        for name, schema in settings.schemas().items()
        for model in settings.models(schema)
        for key in model["properties"]
    }


def test_every_setting_has_a_meaning() -> None:
    texts = meanings("settings")
    keys = keys_of_settings()
    assert len(keys) > 300
    assert {place for place in keys if not settings.meaning(texts, *place)} == set()


def test_no_meaning_is_left_over() -> None:
    keys = keys_of_settings()
    texts = meanings("settings")
    common = texts.pop("common")
    described = {
        (name, model, key)
        for name, models in texts.items()
        for model, of_model in models.items()
        for key in of_model
    }
    in_models = {place for place in described if place[1] != "common"}
    assert in_models - keys == set()
    shared = {key for name, model, key in described if model == "common"} | set(common)
    assert shared - {key for _, _, key in keys} == set()


@pytest.mark.parametrize(
    ("described", "in_code"),
    [
        (lambda: set(meanings("checks")), lists.check_ids),
        (lambda: set(meanings("metrics")), lambda: set(lists.metric_names())),
        (lambda: set(meanings("environment")["settings"]), lambda: set(lists.variables())),
        (
            lambda: set(meanings("evidence")),
            lambda: {key.split(".")[0] for key in lists.evidence_keys()},
        ),
    ],
    ids=["findings", "metrics", "environment", "evidence"],
)
def test_a_list_has_what_the_code_has_and_nothing_else(described, in_code) -> None:  # type: ignore[no-untyped-def]
    assert described() == in_code()


def test_variables_that_the_code_names_are_described() -> None:
    texts = meanings("environment")
    named = {text for text in lists.strings_in_code() if text.startswith("ASSAY_")}
    whole = {text for text in named if not text.endswith("_") and text.isidentifier()}
    described = {*texts["settings"], *texts["others"]}
    assert whole - described - lists.SWITCHES_OF_TESTS == set()


def test_the_command_line_is_complete_and_has_no_aliases() -> None:
    page = command_line.page()
    assert "## assay run\n" in page
    assert "### assay models rollback\n" in page
    assert "`--window`" in page


def test_a_table_keeps_each_row_on_one_line() -> None:
    rendered = table(("a", "b"), [("x | y", "two\nlines")])
    assert rendered.splitlines()[2] == "| x \\| y | two lines |"


def test_sections_of_docstrings_on_one_line_become_sections() -> None:
    text = (
        "What it does.\n\nReturns: a frame,\n    whole. \nRaises: OneError: why. TwoError: how.\n"
    )
    assert "Returns:\n    a frame, whole.\n" in in_sections(text)
    assert "Raises:\n    OneError: why.\n    TwoError: how.\n" in in_sections(text)


def test_two_parameters_on_one_line_become_two() -> None:
    text = "What it does.\n\nArgs:\n    name, version: as for `open`."
    assert "    name: as for `open`.\n    version: as for `open`." in in_sections(text)
