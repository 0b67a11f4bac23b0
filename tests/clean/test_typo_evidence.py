"""Right values stay, however near they are to frequent ones; slips are put right where other cells
show that they are slips.
"""

from __future__ import annotations

import importlib
import random
import zlib
from collections.abc import Sequence

import polars as pl
import pytest

from assay.contracts.steps import Typos
from assay.pipelines.clean import steps
from assay.pipelines.clean.trials import fit_in_memory
from assay.pipelines.clean.typo_evidence import (
    Candidate,
    Population,
    context_log_odds,
    prior_log_odds,
    probability,
)
from assay.pipelines.core.fitting import EXPECTED_PRECISION, Fitted
from tests.clean.test_steps import promising, text

RIGHT = {
    "town": ("JACKSONVILLE", "DAWSONVILLE", "JACKSONVILEL"),
    "street": ("Wellington Street", "Darlington Street", "Wellingtn Street"),
    "last name": ("Henderson", "Anderson", "Hendreson"),
    "species": ("Picea glauca", "Picea glehnii", "Picea gluaca"),
    "product": ("Paracetamol", "Propacetamol", "Paracetmaol"),
    "written in Cyrillic": ("Александров", "Александровск", "Алексанрдов"),
}  # fmt: skip
"""A frequent value, a rare one that is right, a slip of the frequent one."""


def learned(
    step: Typos, kinds: dict[str, str] | None = None, **columns: Sequence[object]
) -> Fitted:
    types = {name: (kinds or {}).get(name, "string") for name in columns}
    rows = text(list(zip(*columns.values(), strict=True)), list(columns))
    (fitted,) = fit_in_memory(steps.fitting(rows, rows, promising(step, **types)))
    return fitted


def changes(fitted: Fitted, column: str) -> dict[str, str | None]:
    rows = fitted.tables["typos"].filter(pl.col("column") == column)
    return dict(rows.select("value", "meant").iter_rows())


@pytest.mark.parametrize(("usual", "right", "slip"), RIGHT.values(), ids=list(RIGHT))
@pytest.mark.parametrize("repeated", [1, 3, 9])
def test_a_rare_value_in_company_of_its_own_is_right(
    usual: str, right: str, slip: str, repeated: int
) -> None:
    others = ["Springfield"] * 200
    values = [usual] * 300 + others + [right] * repeated + [slip]
    codes = ["11111"] * 300 + ["22222"] * 200 + ["33333"] * repeated + ["11111"]
    fitted = learned(Typos(step="typos", columns=("x",)), x=values, code=codes)
    assert changes(fitted, "x").get(right) is None
    assert changes(fitted, "x")[slip] == usual


def names(of: str, locale: str) -> list[str]:
    """Right names of one language, in an order of their own."""
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    listed = sorted(set(getattr(provider, of)))
    return random.Random(7).sample(listed, min(len(listed), 900))


def drawn(listed: Sequence[str], rows: int) -> list[str]:
    """Rows of names, the first ones often and the last ones rarely."""
    weights = [1 / rank for rank in range(1, len(listed) + 1)]
    return random.Random(8).choices(listed, weights, k=rows)


LISTS = [
    ("last_names", "en_US"),
    ("first_names", "en_US"),
    ("last_names", "de_DE"),
    ("first_names", "es_ES"),
    ("last_names", "cs_CZ"),
]


@pytest.mark.parametrize(("of", "locale"), LISTS)
@pytest.mark.parametrize("rows", [2_000, 12_000])
def test_columns_of_many_right_names_are_left(of: str, locale: str, rows: int) -> None:
    fitted = learned(Typos(step="typos"), x=drawn(names(of, locale), rows))
    assert [meant for meant in changes(fitted, "x").values() if meant] == []


@pytest.mark.parametrize(("of", "locale"), LISTS)
def test_slips_among_many_names_are_put_right_where_another_column_shows_them(
    of: str, locale: str
) -> None:
    right = drawn(names(of, locale), 4_000)
    codes = [f"{zlib.crc32(name.encode()):x}" for name in right]
    rng = random.Random(9)
    slipped = {row for row in range(4_000) if rng.random() < 0.01 and len(right[row]) > 3}
    values = [
        name[:2] + name[3] + name[2] + name[4:] if row in slipped else name
        for row, name in enumerate(right)
    ]
    changed = changes(learned(Typos(step="typos", columns=("x",)), x=values, code=codes), "x")
    written = {values[row]: right[row] for row in slipped if values[row] != right[row]}
    put_right = {value: meant for value, meant in changed.items() if meant}
    assert put_right.items() <= written.items()
    assert len(put_right) >= 5


def test_more_rows_of_the_same_do_not_make_a_right_value_wrong() -> None:
    values = (["Portland"] * 60 + ["Cortland"] * 2) * 20
    codes = (["97201"] * 60 + ["13045"] * 2) * 20
    assert changes(learned(Typos(step="typos"), x=values, code=codes), "x") == {}


def test_the_expected_precision_is_that_of_the_changes() -> None:
    values = ["birmingham"] * 200 + ["sheffield"] * 200 + ["birminghxm", "shefifeld"]
    precision = learned(Typos(step="typos"), x=values).values[EXPECTED_PRECISION]
    assert 0.98 <= precision < 1
    assert EXPECTED_PRECISION not in learned(Typos(step="typos"), x=values[:-2]).values


def test_a_change_less_sure_than_the_step_asks_for_is_noted() -> None:
    values = ["birmingham"] * 200 + ["birminghxm"] * 4
    assert changes(learned(Typos(step="typos", confidence=0.5), x=values), "x") == {
        "birminghxm": "birmingham"
    }
    assert changes(learned(Typos(step="typos", confidence=0.99), x=values), "x") == {
        "birminghxm": None
    }


def test_chance_explains_candidates_where_frequent_values_are_alike() -> None:
    one = [Candidate("Mariah", "Maria", 1, 1)]
    apart = Population(rare={1: 500}, frequent={1: 50}, pairs={1: 2_450}, like={})
    alike = Population(rare={1: 500}, frequent={1: 50}, pairs={1: 2_450}, like={(1, 1): 20})
    few = Population(rare={1: 1}, frequent={1: 2}, pairs={1: 2}, like={})
    likely = [probability(*prior_log_odds(one, group), 0) for group in (few, apart, alike)]
    assert likely == pytest.approx([0.99, 0.02, 0.02], abs=0.001)


@pytest.mark.parametrize(
    ("context", "speaks"),
    [("same", "for"), ("other", "against"), ("none", "not"), ("unique", "not")],
)
def test_other_columns_speak_for_and_against(context: str, speaks: str) -> None:
    own = {"same": "11111", "other": "33333", "none": None, "unique": "77777"}[context]
    zips = [f"u{n}" for n in range(300)] if context == "unique" else ["11111"] * 300
    pairs = pl.DataFrame({"value": ["usual"] * 300 + ["rare"], "context": [*zips, own]})
    everything = pl.Series("context", [*zips, own, *["22222"] * 500])
    counted = pairs.drop_nulls().group_by("value", "context").len("rows")
    totals = everything.drop_nulls().value_counts(name="rows")
    odds = context_log_odds(counted, totals, [Candidate("rare", "usual", 1, 1)]).get("rare", 0.0)
    assert {"for": odds > 3, "against": odds < -3, "not": abs(odds) < 0.1}[speaks]
