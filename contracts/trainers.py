"""The parameters that a contract may give each trainer, by name.

Belongs here: names, so that a contract is checked without scikit-learn, whose import takes longer
than the whole check. Stays out: the models (pipelines/act/retrain.py).
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from assay.contracts.data_files import table

TrainerName = Literal[
    "gradient_boosting",
    "random_forest",
    "extra_trees",
    "logistic_regression",
    "decision_tree",
    "naive_bayes",
]


@cache
def parameters_of(trainer: TrainerName) -> frozenset[str]:
    """The parameters that a contract may give a trainer."""
    return frozenset(table("words/trainers.yaml")[trainer])
