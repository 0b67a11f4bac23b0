"""Personal values are found as written and confirmed; what only looks like one is left alone; what replaces them cannot be undone."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.hands.keys import Keys
from contracts.settings import Privacy
from pipelines.admit.personal import mentions, spans, whole_names
from pipelines.admit.treat import mask, redact, treatments
from pipelines.frames import ROW


def found(text: str | None) -> set[tuple[str, str]]:
    frame = pl.LazyFrame({ROW: [1], "m": [text]}, schema={ROW: pl.Int64, "m": pl.String})
    return set(pl.concat(pl.collect_all(spans(frame, ["m"]))).select("kind", "value").unique().iter_rows())


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("write to ann.b+c@mail.example.co.uk, please", "email", "ann.b+c@mail.example.co.uk"),
        ("jörg@bücher.example", "email", "jörg@bücher.example"),
        ("IBAN DE89 3704 0044 0532 0130 00 OK", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432.", "iban", "GB82WEST12345698765432"),
        ("NO9386011117947", "iban", "NO9386011117947"),
        ("card 4111-1111-1111-1111 thanks", "card", "4111-1111-1111-1111"),
        ("378282246310005", "card", "378282246310005"),
        ("call +49 30 901820 now", "phone", "+49 30 901820"),
        ("(020) 7946 0958", "phone", "(020) 7946 0958"),
        ("My name is Anna Lena Schmidt and", "name", "Anna Lena Schmidt"),
        ("regards, Jean de la Tour", "name", "Jean de la Tour"),
    ],
)
def test_it_is_found_as_written(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "order 1234567812345678",
        "DE89 3704 0044 0532 0130 01",
        "a@b",
        "version 3.11.7",
        "2013-01-01 10:00:00",
        "π = 3.14159265358979",
        "the doctor. OR Patterns",
        "x" * 10_000,
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str | None) -> None:
    assert found(text) == set()


def test_a_name_from_a_name_column_is_found_in_the_middle_of_a_sentence() -> None:
    people = pl.DataFrame({"kind": ["name", "name", "email"], "value": ["Ann Lee", "Cher", "a@b.cd"]})
    frame = pl.LazyFrame({ROW: [7, 8], "m": ["yesterday Ann Lee wrote", "Cher sang"]})
    assert whole_names(people) == ["Ann Lee"]
    assert [row for plan in mentions(frame, ["m"], whole_names(people)) for row in plan.collect().rows()] == [(7, "m", "name", "Ann Lee", 0.7)]


@given(st.text(max_size=40), st.integers(0, 4))
def test_a_mask_shows_at_most_the_end(text: str, keep: int) -> None:
    masked = pl.DataFrame({"x": [text]}, schema={"x": pl.String}).select(mask(pl.col("x"), keep)).item()
    assert len(masked) == len(text)
    shown = sum(a == b for a, b in zip(text, masked, strict=True) if a.isalpha() or a.isdigit())
    assert shown <= keep


def test_the_longest_value_is_replaced_first() -> None:
    values = {"Ann Lee": "<NAME>", "Ann Lee Smith": "<NAME>", "a@b.cd": "<EMAIL>"}
    text = pl.DataFrame({"x": ["Ann Lee Smith a@b.cd, Ann Lee"]}).select(redact(pl.col("x"), values)).item()
    assert text == "<NAME> <EMAIL>, <NAME>"


@pytest.fixture
def keys(tmp_path) -> Keys:  # type: ignore[no-untyped-def]
    made = Keys(tmp_path / "keys")
    made.create()
    return made


def test_tokens_are_stable_within_a_purpose_and_differ_across(keys: Keys) -> None:
    values = pl.Series(["ann@example.com", "bob@example.com", None, "ann@example.com"])
    here, again, elsewhere = (keys.pseudonymizer(purpose)(values, "email").to_list() for purpose in ("analytics", "analytics", "training"))
    assert here == again
    assert here[0] == here[3] != here[1]
    assert here[2] is None
    assert not set(filter(None, here)) & set(filter(None, elsewhere))
    assert here[0].startswith("email_")


def test_keys_are_the_owners_alone_and_a_lost_one_is_not_replaced(keys: Keys) -> None:
    from contracts.errors import ConfigurationError

    assert {file.stat().st_mode & 0o077 for file in keys.folder.iterdir()} == {0}
    (keys.folder / "pseudonym.key").unlink()
    with pytest.raises(ConfigurationError, match="Restore it"):
        keys.pseudonymizer("analytics")


def test_nothing_personal_is_left_in_treated_columns(keys: Keys) -> None:
    columns = {
        "who": {"kind": "name", "treatment": "token"},
        "card": {"kind": "card", "treatment": "mask", "keep_last": 4},
        "text": {"kind": "other", "treatment": "redact"},
        "gone": {"kind": "other", "treatment": "drop"},
    }
    privacy = Privacy.model_validate({"sensitivity": "personal", "region": "eu", "lawful_basis": "contract", "columns": columns})
    frame = pl.DataFrame({ROW: [1], "who": ["Ann Lee"], "card": ["4111 1111 1111 1111"], "text": ["I am a@b.cd, not 12"], "gone": ["x"]})
    values = pl.DataFrame({"column": ["text"], "kind": ["email"], "value": ["a@b.cd"]})
    made: Callable[..., pl.DataFrame] = frame.with_columns
    treated = made(**treatments(privacy, values, keys.pseudonymizer("analytics")))
    assert treated["card"].item() == "**** **** **** 1111"
    assert treated["text"].item() == "I am <EMAIL>, not 12"
    assert treated["who"].item().startswith("name_")
