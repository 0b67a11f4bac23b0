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
    found: Evaluation,
    judgement: Judgement,
) -> str:
    """The card of one version of a model.

    Args:
        facts: what it was made from: data set, version, licence, obligations, filter rules, trace
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
        *_trained(policy, features, found.rows),
        *_measured(found),
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
        f"The earlier {100 * (1 - policy.holdout):g} % of the rows by time taught it; it was judged on the {held_back:,} that came after.",
        "",
    ]


def _measured(found: Evaluation) -> list[str]:
    value = found.candidate
    interval = f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    champion = _number(found.champion.value if found.champion else None)
    slices = [
        f"| {_cell(part.name)} | {part.rows:,} | {_number(part.candidate)} | {_number(part.champion)} |"
        for part in found.slices
    ]
    error = f"Calibration error {_number(found.calibration)}"
    if found.champion_calibration is not None:
        error = f"{error}, {_number(found.champion_calibration)} in service"
    gaps = [
        f"Between {gap.groups} groups of {gap.column}: share selected differs by {_number(gap.selection)}, share found of the positive by {_number(gap.opportunity)}."
        for gap in found.gaps
    ]
    return [
        "## Measured",
        "",
        f"| on | rows | {found.metric} | in service |",
        "|---|---|---|---|",
        f"| all held-back rows | {found.rows:,} | {interval} | {champion} |",
        *slices,
        "",
        f"{error}.",
        *gaps,
    ]


def _number(value: Any) -> str:
    return "—" if value is None or value != value else f"{value:.4f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def numbers(found: Evaluation) -> dict[str, float]:
    """What MLflow keeps as metrics: all that is a number."""
    values: dict[str, float | None] = {
        found.metric: found.candidate.value,
        f"{found.metric}_low": found.candidate.low,
        f"{found.metric}_high": found.candidate.high,
        "calibration_error": found.calibration,
    }
    if found.champion and found.better:
        values |= {
            f"champion_{found.metric}": found.champion.value,
            "better_by": found.better.value,
            "better_by_low": found.better.low,
            "better_by_high": found.better.high,
        }
    for number, part in enumerate(found.slices):
        values[f"slice_{number}_{found.metric}"] = part.candidate
    for gap in found.gaps:
        values |= {
            f"selection_gap_{gap.column}": gap.selection,
            f"opportunity_gap_{gap.column}": gap.opportunity,
        }
    return {name: value for name, value in values.items() if value is not None and value == value}
