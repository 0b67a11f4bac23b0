"""What YAML reads as something else than text is refused as its author wrote it."""

from __future__ import annotations

import pytest

from assay.contracts.errors import ContractError, ContractErrors
from assay.contracts.load import load
from tests.contracts.test_mistakes import RIGHT


def listing(written: str, under: str) -> str:
    """The contract with a word listed as a value of `tariff`."""
    enum = "enum: [{value: day}, {value: night}]"
    assert enum in RIGHT
    check = (
        "quality: [{metric: invalidValues, mustBe: 0, "
        f"arguments: {{validValues: [day, {written}]}}}}]"
    )
    return RIGHT.replace(enum, enum.replace("night", written) if under == "enum" else check)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("NO", "False"),
        ("no", "False"),
        ("off", "False"),
        ("On", "True"),
        ("yes", "True"),
        ("0x1F", "31"),
        ("017", "15"),
        ("1_000", "1000"),
        ("12", None),
        ("1.50", "1.5"),
    ],
)
@pytest.mark.parametrize("listed", ["enum", "validValues"])
def test_a_word_without_quotes_is_refused_as_it_is_written(
    written: str, read_as: str | None, listed: str
) -> None:
    with pytest.raises((ContractError, ContractErrors)) as refused:
        load(listing(written, listed), "readings.odcs.yaml")
    shown = f"{written} (YAML reads it as {read_as})" if read_as else written
    assert f"{listed} lists {shown} for 'tariff'" in str(refused.value)
    assert f"Put it in quotes: '{written}'" in str(refused.value)


@pytest.mark.parametrize("listed", ["enum", "validValues"])
def test_in_quotes_it_is_a_text(listed: str) -> None:
    rules = load(listing("'NO'", listed), "readings.odcs.yaml").rules
    assert any("NO" in (rule.argument or ()) for rule in rules if isinstance(rule.argument, tuple))


def test_a_name_without_quotes_says_so_too() -> None:
    with pytest.raises((ContractError, ContractErrors), match="Put it in quotes: 'no'"):
        load(RIGHT.replace("name: tariff", "name: no"), "readings.odcs.yaml")
