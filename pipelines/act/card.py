"""What is known of a trained model -> its model card, in Markdown.

Belongs here: the words. Stays out: where it is kept. Source of the headings: Mitchell et al.
(2019), Model cards for model reporting, FAT*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.contracts.settings import Retrain
from assay.pipelines.act.retrain import Evaluation
from assay.pipelines.core.frames import Judgement


def card(
    facts: Mapping[str, str],
    *,
    policy: Retrain,
    features: Sequence[str],
    evaluation: Evaluation,
    judgement: Judgement,
) -> str:
    """The card of one version of a model.

    Args:
        facts: what it was trained on: data set, version, licence, obligations, filter rules, trace
            id and so on.
        features: the model's inputs, in order.
    """
    # MLflow's list of versions shows the beginning of this line alone
    outcome = "Accepted" if judgement.accepted else "Refused"
    lines = [
        f"# {outcome}: {policy.model}, of {facts['dataset']}@{facts['dataset_version']}",
        "",
        f"**{outcome}:** {judgement.reason}.",
        "",
        *_made_from(facts),
        *_trained(policy, features, evaluation.rows),
        *_measured(evaluation),
        "",
    ]
    return "\n".join(lines)


def _made_from(facts: Mapping[str, str]) -> list[str]:
    rows = [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in facts.items()]
    return ["## Made from", "", "| | |", "|---|---|", *rows, ""]


def _trained(policy: Retrain, features: Sequence[str], held_back: int) -> list[str]:
    settings = [f"{name}={value}" for name, value in policy.trainer.parameters.items()]
    parameters = ", ".join(settings) or "scikit-learn's own"
    inputs = f"{len(features)} features: {', '.join(features)}"
    return [
        "## Trained",
        "",
        f"Trainer {policy.trainer.name}, parameters {parameters}, seed {policy.seed}, on {inputs}.",
        f"The earlier {100 * (1 - policy.holdout):g} % of the rows by time trained it; it was evaluated on the {held_back:,} that came after.",
        "",
    ]


def _measured(evaluation: Evaluation) -> list[str]:
    value = evaluation.candidate
    interval = f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    champion = _number(evaluation.champion.value if evaluation.champion else None)
    slices = [
        f"| {_cell(part.name)} | {part.rows:,} | {_number(part.candidate)} | {_number(part.champion)} |"
        for part in evaluation.slices
    ]
    error = f"Calibration error {_number(evaluation.calibration)}"
    if evaluation.champion_calibration is not None:
        error = f"{error}, {_number(evaluation.champion_calibration)} in service"
    gaps = [
        f"Between {gap.groups} groups of {gap.column}: share selected differs by {_number(gap.selection)}, share found of the positive by {_number(gap.opportunity)}."
        for gap in evaluation.gaps
    ]
    return [
        "## Measured",
        "",
        f"| on | rows | {evaluation.metric} | in service |",
        "|---|---|---|---|",
        f"| all held-back rows | {evaluation.rows:,} | {interval} | {champion} |",
        *slices,
        "",
        f"{error}.",
        *gaps,
    ]


def _number(value: Any) -> str:
    return "—" if value is None or value != value else f"{value:.4f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def numbers(evaluation: Evaluation) -> dict[str, float]:
    """What MLflow keeps as metrics: all that is a number."""
    values: dict[str, float | None] = {
        evaluation.metric: evaluation.candidate.value,
        f"{evaluation.metric}_low": evaluation.candidate.low,
        f"{evaluation.metric}_high": evaluation.candidate.high,
        "calibration_error": evaluation.calibration,
    }
    if evaluation.champion and evaluation.better:
        values |= {
            f"champion_{evaluation.metric}": evaluation.champion.value,
            "better_by": evaluation.better.value,
            "better_by_low": evaluation.better.low,
            "better_by_high": evaluation.better.high,
        }
    for number, part in enumerate(evaluation.slices):
        values[f"slice_{number}_{evaluation.metric}"] = part.candidate
    for gap in evaluation.gaps:
        values |= {
            f"selection_gap_{gap.column}": gap.selection,
            f"opportunity_gap_{gap.column}": gap.opportunity,
        }
    return {name: value for name, value in values.items() if value is not None and value == value}
