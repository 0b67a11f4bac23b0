"""How anonymous a version is, as the literature counts it; and the floor that refuses."""

from __future__ import annotations

import polars as pl
import pytest

from assay.contracts.errors import ContractError, ContractErrors, QualityError
from assay.contracts.model import Measure
from assay.pipelines.validate.anonymity import measured
from tests.conftest import SampleHome, columns, contract, setting

# Li, Li and Venkatasubramanian (2007), table 2: a 3-diverse version of nine patients
PATIENTS = pl.DataFrame(
    {
        "zip": ["476**"] * 3 + ["4790*"] * 3 + ["476**"] * 3,
        "age": ["2*"] * 3 + ["≥40"] * 3 + ["3*"] * 3,
        "salary": [3, 4, 5, 6, 11, 8, 7, 9, 10],
        "disease": [
            "gastric ulcer",
            "gastritis",
            "stomach cancer",
            "gastritis",
            "flu",
            "bronchitis",
            "bronchitis",
            "pneumonia",
            "stomach cancer",
        ],
    }
)


def value(
    what: str,
    sensitive: str | None = None,
    *,
    numeric: bool = False,
    by: tuple[str, ...] = ("zip", "age"),
    rows: pl.DataFrame = PATIENTS,
) -> float | None:
    found: float | None = (
        measured(
            rows.lazy(),
            Measure.model_validate(
                {"what": what, "quasi_identifiers": by, "sensitive": sensitive, "numeric": numeric}
            ),
        )
        .collect()
        .item()
    )
    return found


def test_k_is_the_smallest_class_and_l_the_fewest_values_within_one() -> None:
    assert value("k") == 3
    assert value("k", by=("zip", "age", "salary")) == 1
    assert value("l", "disease") == 3
    assert value("l", "disease", rows=PATIENTS.with_columns(disease=pl.lit("flu"))) == 1


def test_t_of_ordered_values_is_the_earth_mover_s_distance_of_the_paper() -> None:
    assert value("t", "salary", numeric=True) == pytest.approx(
        0.375
    )  # the paper's example: D({3k, 4k, 5k}, all nine) = 0.375


def test_t_of_categories_is_half_the_sum_of_differences() -> None:
    # {gastric ulcer, gastritis, stomach cancer} within a third each; over all 1, 2 and 2 of 9
    assert value("t", "disease") == pytest.approx((2 / 9 + 1 / 9 + 1 / 9 + 4 / 9) / 2)


def test_a_null_is_a_value_and_no_rows_have_no_measure() -> None:
    some = PATIENTS.with_columns(age=pl.when(pl.col("salary") == 3).then(None).otherwise("age"))
    assert value("k", rows=some) == 1
    assert value("k", rows=PATIENTS.clear()) is None


ANONYMOUS = columns(
    {"name": "zip", "logicalType": "string"}, {"name": "score", "logicalType": "integer"}
)


@pytest.mark.parametrize(("floor", "broken"), [({"k": 2}, None), ({"k": 3}, "k_anonymity"), ({"k": 2, "sensitive": ["score"], "l": 2}, "score_l_diversity"), ({"k": 2, "sensitive": ["score"], "t": 0.01}, "score_t_closeness")])  # fmt: skip
def test_a_version_below_the_contract_s_floor_is_refused(
    installation: SampleHome, floor: dict[str, object], broken: str | None
) -> None:
    installation.promise(
        ANONYMOUS,
        setting("privacy", anonymity={"quasi_identifiers": ["zip"], **floor}),
        setting("cleaning", _=[]),
    )
    installation.deliver("zip,score\n10,1\n10,1\n20,2\n20,3\n")
    if broken is None:
        predicate = installation.predicate(installation.published())
        assert {
            check["rule"]: (check["passed"], check["measured"]) for check in predicate["checks"]
        }["k_anonymity"] == (True, 2)
        return
    with pytest.raises(QualityError, match=broken):
        installation.published()


@pytest.mark.parametrize("wrong", [{"quasi_identifiers": ["nowhere"], "k": 2}, {"quasi_identifiers": ["zip"], "k": 1}, {"quasi_identifiers": ["zip"], "k": 2, "l": 2}, {"quasi_identifiers": ["zip"], "k": 2, "sensitive": ["zip"], "l": 2}])  # fmt: skip
def test_a_floor_that_cannot_be_measured_is_refused_in_the_contract(
    wrong: dict[str, object],
) -> None:
    with pytest.raises((ContractError, ContractErrors)):
        contract(ANONYMOUS, setting("privacy", anonymity=wrong))
