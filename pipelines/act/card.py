"""What is known of a trained model -> its model card, in Markdown.

Belongs here: the words. Stays out: where it is kept. Source of the headings: Mitchell et al. (2019), Model cards for model reporting, FAT*.
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
        facts: what it was made from: data set, version, licence, obligations, filter rules, trace id and so on.
        features: the model's inputs, in order.
    """
    # MLflow's list of versions shows the beginning of this line alone
    title = f"# {'Accepted' if judgement.accepted else 'Refused'}: {policy.model}, of {facts['dataset']}@{facts['dataset_version']}"
    lines = [
        title,
        "",
        f"**{'Accepted' if judgement.accepted else 'Refused'}:** {judgement.reason}.",
        "",
        "## Made from",
        "",
        "| | |",
        "|---|---|",
    ]
    lines += [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in facts.items()]
    parameters = (
        ", ".join(f"{name}={value}" for name, value in policy.trainer.parameters.items())
        or "scikit-learn's own"
    )
    lines += [
        "",
        "## Trained",
        "",
        f"Trainer {policy.trainer.name}, parameters {parameters}, seed {policy.seed}, on {len(features)} features: {', '.join(features)}.",
    ]
    lines += [
        f"The earlier {100 * (1 - policy.holdout):g} % of the rows by time taught it; it was judged on the {found.rows:,} that came after.",
        "",
        "## Measured",
        "",
    ]
    lines += [f"| on | rows | {found.metric} | in service |", "|---|---|---|---|"]
    interval = (
        f"{found.candidate.value:.4f} ({found.candidate.low:.4f} to {found.candidate.high:.4f})"
    )
    lines.append(
        f"| all held-back rows | {found.rows:,} | {interval} | {_number(found.champion.value if found.champion else None)} |"
    )
    lines += [
        f"| {_cell(part.name)} | {part.rows:,} | {_number(part.candidate)} | {_number(part.champion)} |"
        for part in found.slices
    ]
    lines += [
        "",
        f"Calibration error {_number(found.calibration)}"
        + (
            ""
            if found.champion_calibration is None
            else f", {_number(found.champion_calibration)} in service"
        )
        + ".",
    ]
    for gap in found.gaps:
        lines.append(
            f"Between {gap.groups} groups of {gap.column}: share selected differs by {_number(gap.selection)}, share found of the positive by {_number(gap.opportunity)}."
        )
    return "\n".join([*lines, ""])


def _number(value: Any) -> str:
    return "—" if value is None or value != value else f"{value:.4f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def numbers(found: Evaluation) -> dict[str, float]:
    """What MLflow keeps as metrics: all that is a number."""
    told: dict[str, float | None] = {
        found.metric: found.candidate.value, f"{found.metric}_low": found.candidate.low, f"{found.metric}_high": found.candidate.high, "calibration_error": found.calibration,
    }  # fmt: skip
    if found.champion and found.better:
        told |= {
            f"champion_{found.metric}": found.champion.value,
            "better_by": found.better.value,
            "better_by_low": found.better.low,
            "better_by_high": found.better.high,
        }
    for number, part in enumerate(found.slices):
        told[f"slice_{number}_{found.metric}"] = part.candidate
    for gap in found.gaps:
        told |= {
            f"selection_gap_{gap.column}": gap.selection,
            f"opportunity_gap_{gap.column}": gap.opportunity,
        }
    return {name: value for name, value in told.items() if value is not None and value == value}
