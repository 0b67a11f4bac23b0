"""What each trainer may be told, by name.

Belongs here: names, so that a contract is checked without scikit-learn, whose import takes longer than the whole check. Stays out: the models (pipelines/act/retrain.py).
A test holds the names against scikit-learn's own.
"""

from __future__ import annotations

from typing import Literal

TrainerName = Literal[
    "gradient_boosting",
    "random_forest",
    "extra_trees",
    "logistic_regression",
    "decision_tree",
    "naive_bayes",
]

_TREE = frozenset([
    "ccp_alpha", "class_weight", "criterion", "max_depth", "max_features", "max_leaf_nodes", "min_impurity_decrease", "min_samples_leaf", "min_samples_split",
    "min_weight_fraction_leaf", "monotonic_cst",
])  # fmt: skip
_FOREST = _TREE | {
    "bootstrap",
    "max_samples",
    "n_estimators",
    "n_jobs",
    "oob_score",
    "verbose",
    "warm_start",
}
PARAMETERS: dict[TrainerName, frozenset[str]] = {
    "gradient_boosting": frozenset([
        "categorical_features", "class_weight", "early_stopping", "interaction_cst", "l2_regularization", "learning_rate", "loss", "max_bins", "max_depth", "max_features",
        "max_iter", "max_leaf_nodes", "min_samples_leaf", "monotonic_cst", "n_iter_no_change", "scoring", "tol", "validation_fraction", "verbose", "warm_start",
    ]),
    "random_forest": _FOREST,
    "extra_trees": _FOREST,
    "logistic_regression": frozenset([
        "C", "class_weight", "dual", "fit_intercept", "intercept_scaling", "l1_ratio", "max_iter", "n_jobs", "penalty", "solver", "tol", "verbose", "warm_start",
    ]),
    "decision_tree": _TREE | {"splitter"},
    "naive_bayes": frozenset(["priors", "var_smoothing"]),
}  # fmt: skip
"""Without `random_state`, which is the contract's `seed`."""
