"""A candidate and what is in service -> accepted or not.

Belongs here: the comparison by one score, for indexes, that of models by all that was measured of
them, and that by what came true. Stays out: measuring (retrain.py, retrieve.py), switching over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from assay.contracts.settings import Canary, Retrain
from assay.pipelines.act.retrain import FEWEST, Evaluation
from assay.pipelines.core.frames import Judgement
from assay.pipelines.drift.scores import Interval, at_any_time, unpaired


def judge(
    metric: str,
    candidate: float,
    in_service: float | None,
    *,
    tolerance: float,
    floor: float | None = None,
) -> Judgement:
    """Accept a candidate that is not worse than what is in service by more than `tolerance`, and
    reaches `floor` where there is one.

    A score that is no number is never accepted.
    """
    if math.isnan(candidate):
        return Judgement(
            False, metric, candidate, in_service, f"its {metric} could not be measured"
        )
    summary = f"{metric} {candidate:.4f}"
    if floor is not None and candidate < floor:
        return Judgement(
            False, metric, candidate, in_service, f"{summary} is under the floor of {floor:g}"
        )
    if in_service is None:
        return Judgement(True, metric, candidate, None, f"{summary}, and nothing was in service")
    accepted = candidate >= in_service - tolerance
    verdict = "not worse than" if accepted else "worse than"
    return Judgement(
        accepted,
        metric,
        candidate,
        in_service,
        f"{summary} is {verdict} {in_service:.4f} in service, within {tolerance:g}"
        if accepted
        else f"{summary} is {verdict} {in_service:.4f} in service by more than {tolerance:g}",
    )


def judge_model(evaluation: Evaluation, policy: Retrain) -> Judgement:
    """Accept a model unless it is worse than the champion in anything that the contract asks for;
    every reason against it is named.

    Worse is: by more than the tolerance on all held-back rows (the interval of the difference is
    given next to it); by more than `slice_tolerance` in a slice of enough rows; a gap between
    groups, or an error of calibration, beyond what is allowed and not smaller than the champion's.
    """
    candidate, champion = (
        evaluation.candidate.value,
        evaluation.champion.value if evaluation.champion else None,
    )
    if math.isnan(candidate):
        return Judgement(
            False,
            evaluation.metric,
            candidate,
            champion,
            f"its {evaluation.metric} could not be measured: the held-back rows are all of one class",
        )
    against = [
        *_worse_on_all_rows(evaluation, policy),
        *_worse_in_slices(evaluation, policy),
        *_unfair(evaluation, policy),
        *_uncalibrated(evaluation, policy),
    ]
    reason = "; ".join([_describe_scores(evaluation), *against])
    return Judgement(not against, evaluation.metric, candidate, champion, reason)


def _is_comparable(evaluation: Evaluation) -> bool:
    """Whether both have a score on the same rows."""
    return (
        evaluation.better is not None
        and evaluation.champion is not None
        and not math.isnan(evaluation.champion.value)
    )


def _describe_scores(evaluation: Evaluation) -> str:
    score = evaluation.candidate
    text = f"{evaluation.metric} {score.value:.4f} ({score.low:.4f} to {score.high:.4f})"
    if evaluation.champion is None:
        return f"{text}, and nothing was in service"
    if evaluation.better is None or not _is_comparable(evaluation):
        return text
    apart = evaluation.better
    return (
        f"{text}, {apart.value:+.4f} ({apart.low:+.4f} to {apart.high:+.4f})"
        f" against {evaluation.champion.value:.4f} in service"
    )


def _worse_on_all_rows(evaluation: Evaluation, policy: Retrain) -> Iterator[str]:
    worse = evaluation.better is not None and evaluation.better.value < -policy.tolerance
    if worse and _is_comparable(evaluation):
        yield f"worse by more than {policy.tolerance:g}"


def _worse_in_slices(evaluation: Evaluation, policy: Retrain) -> Iterator[str]:
    for part in evaluation.slices:
        if part.rows < FEWEST or part.champion is None:
            continue
        if part.candidate < part.champion - policy.slice_tolerance:
            yield f"in the slice {part.name} {part.candidate:.4f}, where the one in service has {part.champion:.4f}"


def _unfair(evaluation: Evaluation, policy: Retrain) -> Iterator[str]:
    """Gaps between groups beyond what is allowed, unless the champion's are as great."""
    for gap in evaluation.gaps if policy.fairness else ():
        for kind, value, theirs in (
            ("selection", gap.selection, gap.champion_selection),
            ("opportunity", gap.opportunity, gap.champion_opportunity),
        ):
            allowed = getattr(policy.fairness, kind)
            if allowed is None or value is None or value <= allowed:
                continue
            if theirs is None or value > theirs:
                yield f"{kind} differs by {value:.2f} between groups of {gap.column}, {allowed:g} is allowed"


def _uncalibrated(evaluation: Evaluation, policy: Retrain) -> Iterator[str]:
    """An error of calibration beyond what is allowed, unless the champion's is as great."""
    if policy.calibration is None or not evaluation.calibration > policy.calibration:
        return
    if (
        evaluation.champion_calibration is None
        or evaluation.calibration > evaluation.champion_calibration
    ):
        yield f"its calibration error is {evaluation.calibration:.3f}, {policy.calibration:g} is allowed"


@dataclass(frozen=True)
class Standing:
    """What becomes of a challenger by the outcomes that have arrived, and why."""

    verdict: Literal["promoted", "rolled back", "undecided"]
    reason: str


def judge_canary(
    challenger: Interval,
    champion: Interval,
    outcomes: tuple[int, int],
    policy: Retrain,
    canary: Canary,
) -> Standing:
    """Promote a challenger that is surely not worse by more than the tolerance, roll back one that
    surely is, and wait for more outcomes otherwise, up to the limit.

    Args: challenger, champion: their metric with a 95 % interval, each over outcomes of its own, so
    many.
    Sure is what an interval states that may be looked at with every delivery of outcomes
    (`at_any_time`, with the policy's confidence).
    """
    apart, error, _ = unpaired(challenger, champion)
    mine, theirs = outcomes
    summary = f"{policy.metric} {challenger.value:.4f} over {mine:,} outcomes, {champion.value:.4f} of the champion over {theirs:,}"
    worse = f"worse by more than {policy.tolerance:g}"
    if math.isfinite(apart):
        reach = at_any_time(error, mine, canary.outcomes, policy.confidence)
        summary = f"{summary}: {apart:+.4f} ({apart - reach:+.4f} to {apart + reach:+.4f})"
        if apart - reach >= -policy.tolerance:
            return Standing("promoted", summary)
        if apart + reach < -policy.tolerance:
            return Standing("rolled back", f"{summary}, {worse}")
    if mine < canary.limit:
        return Standing("undecided", f"{summary}, undecided yet")
    if apart >= -policy.tolerance:
        return Standing(
            "promoted", f"{summary}, undecided by {canary.limit:,} outcomes and itself not {worse}"
        )
    return Standing(
        "rolled back",
        f"{summary}, undecided by {canary.limit:,} outcomes and itself {worse if math.isfinite(apart) else 'no number'}",
    )
