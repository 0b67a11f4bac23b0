"""Documents are cut at headings and sentences, without loss, into passages that can be found again at their place."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipelines.act.passages import Format, documents, passages

MARKDOWN = """Before any heading.

# Engines

An engine turns fuel into work. Dr. Otto built one in 1876.

## Starting

Turn the key. Wait!

```sh
# this is no heading
start --now
```

# Brakes

They stop it.
"""


def cut(
    text: str,
    *,
    form: Format = "markdown",
    most: int = 200,
    overlap: int = 0,
    title: str | None = None,
) -> pl.DataFrame:
    table = pl.DataFrame({"key": ["d"], "title": [title], "text": [text]})
    return passages(
        documents(table, key="key", text="text", title="title"),
        form=form,
        most=most,
        overlap=overlap,
    )


def said(made: pl.DataFrame) -> list[str]:
    return [text[lead:] for text, lead in made.select("text", "lead").iter_rows()]


def test_a_section_is_a_passage_under_the_headings_over_it() -> None:
    made = cut(MARKDOWN)
    assert made["heading"].to_list() == ["", "Engines", "Engines > Starting", "Brakes"]
    assert (
        said(made)[1] == "# Engines\n\nAn engine turns fuel into work. Dr. Otto built one in 1876."
    )
    assert made["text"].to_list()[2].startswith("Engines\n## Starting\n")


def test_a_long_section_ends_at_sentences_and_what_follows_still_says_its_heading() -> None:
    made = cut(MARKDOWN, most=45).filter(pl.col("heading") == "Engines")
    assert made["text"].to_list() == [
        "# Engines\n\nAn engine turns fuel into work.",
        "Engines\nDr. Otto built one in 1876.",
    ]


def test_code_is_cut_at_lines_and_a_mark_in_it_is_no_heading() -> None:
    made = cut(MARKDOWN, most=30).filter(pl.col("heading") == "Engines > Starting")
    assert said(made) == [
        "## Starting\n\nTurn the key.",
        "Wait!\n\n```sh",
        "# this is no heading",
        "start --now\n```",
    ]


def test_underlined_lines_are_headings_of_plain_text_and_rank_as_their_marks_appear() -> None:
    text = "Engines\n*******\n\nOne.\n\nStarting\n========\n\nTwo.\n\nBrakes\n******\n\nThree."
    assert cut(text, form="text")["heading"].to_list() == [
        "Engines",
        "Engines > Starting",
        "Brakes",
    ]
    assert cut("No heading, says\n---\n\nthe short line.", form="text")["heading"].to_list() == [""]


def test_an_overlap_is_whole_sentences_at_the_end_of_the_passage_before() -> None:
    text = "Aaaa aaaa. Bbbb bbbb. Cccc cccc. Dddd dddd. Eeee eeee."
    assert said(cut(text, form="text", most=32, overlap=12)) == [
        "Aaaa aaaa. Bbbb bbbb. Cccc cccc.",
        "Cccc cccc. Dddd dddd. Eeee eeee.",
    ]
    assert said(cut(text, form="text", most=32)) == [
        "Aaaa aaaa. Bbbb bbbb. Cccc cccc.",
        "Dddd dddd. Eeee eeee.",
    ]


def test_the_title_stands_before_what_does_not_begin_with_it() -> None:
    assert cut("Some words.", title="On engines")["text"].to_list() == ["On engines\nSome words."]
    assert cut("On engines. Some words.", title="On engines")["lead"].to_list() == [0]


def test_an_id_stays_while_its_words_do() -> None:
    before = cut("# A\n\nFirst words.\n\n# B\n\nOther words.\n\n# B\n\nOther words.")
    after = cut(
        "# New\n\nIn front.\n\n# A\n\nFirst words.\n\n# B\n\nOther words.\n\n# B\n\nOther words."
    )
    assert before["passage"].n_unique() == 3  # the same words twice are two passages
    assert set(before["passage"]) < set(after["passage"])
    assert before["digest"].to_list()[1:] == after["digest"].to_list()[2:]


@pytest.mark.parametrize("text", ["", "   \n", None])
def test_a_row_without_text_is_no_document(text: str | None) -> None:
    assert documents(
        pl.DataFrame({"key": ["d"], "text": [text]}, schema={"key": pl.String, "text": pl.String}),
        key="key",
        text="text",
        title=None,
    ).is_empty()


def test_a_digest_tells_titles_texts_and_licences_apart() -> None:
    rows = pl.DataFrame(
        {
            "key": [1, 2, 3, 4],
            "title": ["a", "ab", "a", None],
            "text": ["bc", "c", "bc", "abc"],
            "license": ["MIT", "MIT", "CC0-1.0", "MIT"],
        }
    )
    made = documents(rows, key="key", text="text", title="title", license="license")
    assert made["digest"].n_unique() == 4
    assert made["document"].to_list() == ["1", "2", "3", "4"]


PIECES = ["# H\n", "## I\n\n", "word ", "A sentence. ", "\n\n", "```\ncode x\n```\n", "- item\n", "> quoted. Yes.\n", "H\n===\n", "    indented\n", "[a]: http://b\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "\r", "\t", "\0", "é。字", "x" * 70, "<b>html</b>\n"]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.sampled_from(["text", "markdown"]),
    st.integers(20, 80),
    st.integers(0, 10),
)
def test_nothing_but_white_space_is_lost_and_every_passage_stands_at_its_place(
    text: str, form: Format, most: int, overlap: int
) -> None:
    made = cut(text, form=form, most=most, overlap=overlap)
    spans = made.select("start", "end").rows()
    assert [text[start:end] for start, end in spans] == said(made)
    assert all(0 < end - start <= most and text[start:end].strip() for start, end in spans)
    assert spans == sorted(spans)
    covered: set[int] = {place for start, end in spans for place in range(start, end)}
    assert not "".join(letter for place, letter in enumerate(text) if place not in covered).strip()
    assert made["passage"].n_unique() == made.height
    assert made["place"].to_list() == list(range(made.height))
