"""A candidate and what is in service -> accepted or not.

Belongs here: the comparison by one score, for indexes, that of models by all that was measured of them, and that by what came true. Stays out: measuring (retrain.py,
retrieve.py), switching over.
"""

from __future__ import annotations

import math
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
    """Accept a candidate that is not worse than what is in service by more than `tolerance`, and reaches `floor` where there is one.

    A score that is no number is never accepted.
    """
    if math.isnan(candidate):
        return Judgement(
            False, metric, candidate, in_service, f"its {metric} could not be measured"
        )
    said = f"{metric} {candidate:.4f}"
    if floor is not None and candidate < floor:
        return Judgement(
            False, metric, candidate, in_service, f"{said} is under the floor of {floor:g}"
        )
    if in_service is None:
        return Judgement(True, metric, candidate, None, f"{said}, and nothing was in service")
    accepted = candidate >= in_service - tolerance
    verdict = "not worse than" if accepted else "worse than"
    return Judgement(
        accepted,
        metric,
        candidate,
        in_service,
        f"{said} is {verdict} {in_service:.4f} in service, within {tolerance:g}"
        if accepted
        else f"{said} is {verdict} {in_service:.4f} in service by more than {tolerance:g}",
    )


def judge_model(found: Evaluation, policy: Retrain) -> Judgement:
    """Accept a model unless it is worse than the champion in anything that the contract asks for; every reason against it is told.

    Worse is: by more than the tolerance on all held-back rows (the interval of the difference is told beside it); by more than `slice_tolerance` in a slice of enough rows; a gap between groups, or an error of calibration, beyond what is allowed and not smaller than the champion's.
    """
    candidate, champion = found.candidate.value, found.champion.value if found.champion else None
    if math.isnan(candidate):
        return Judgement(
            False,
            found.metric,
            candidate,
            champion,
            f"its {found.metric} could not be measured: the held-back rows are all of one class",
        )
    said = (
        f"{found.metric} {candidate:.4f} ({found.candidate.low:.4f} to {found.candidate.high:.4f})"
    )
    against = []
    if found.better is not None and champion is not None and not math.isnan(champion):
        apart = f"{found.better.value:+.4f} ({found.better.low:+.4f} to {found.better.high:+.4f}) against {champion:.4f} in service"
        if found.better.value < -policy.tolerance:
            against.append(f"worse by more than {policy.tolerance:g}")
        said = f"{said}, {apart}"
    elif found.champion is None:
        said = f"{said}, and nothing was in service"
    for part in found.slices:
        if (
            part.rows >= FEWEST
            and part.champion is not None
            and part.candidate < part.champion - policy.slice_tolerance
        ):
            against.append(
                f"in the slice {part.name} {part.candidate:.4f}, where the one in service has {part.champion:.4f}"
            )
    for gap in found.gaps if policy.fairness else ():
        for kind, value, theirs in (
            ("selection", gap.selection, gap.champion_selection),
            ("opportunity", gap.opportunity, gap.champion_opportunity),
        ):
            allowed = getattr(policy.fairness, kind)
            if (
                allowed is not None
                and value is not None
                and value > allowed
                and (theirs is None or value > theirs)
            ):
                against.append(
                    f"{kind} differs by {value:.2f} between groups of {gap.column}, {allowed:g} is allowed"
                )
    if (
        policy.calibration is not None
        and found.calibration > policy.calibration
        and (found.champion_calibration is None or found.calibration > found.champion_calibration)
    ):
        against.append(
            f"its calibration error is {found.calibration:.3f}, {policy.calibration:g} is allowed"
        )
    return Judgement(not against, found.metric, candidate, champion, "; ".join([said, *against]))


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
    """Promote a challenger that is surely not worse by more than the tolerance, roll back one that surely is, and wait for more outcomes otherwise, up to the limit.

    Args: challenger, champion: their metric with a 95 % interval, each over outcomes of its own, so many.
    Sure is what an interval says that may be looked at with every delivery of outcomes (`at_any_time`, with the policy's confidence).
    """
    apart, error, _ = unpaired(challenger, champion)
    mine, theirs = outcomes
    said = f"{policy.metric} {challenger.value:.4f} over {mine:,} outcomes, {champion.value:.4f} of the champion over {theirs:,}"
    worse = f"worse by more than {policy.tolerance:g}"
    if math.isfinite(apart):
        reach = at_any_time(error, mine, canary.outcomes, policy.confidence)
        said = f"{said}: {apart:+.4f} ({apart - reach:+.4f} to {apart + reach:+.4f})"
        if apart - reach >= -policy.tolerance:
            return Standing("promoted", said)
        if apart + reach < -policy.tolerance:
            return Standing("rolled back", f"{said}, {worse}")
    if mine < canary.limit:
        return Standing("undecided", f"{said}, undecided yet")
    if apart >= -policy.tolerance:
        return Standing(
            "promoted", f"{said}, undecided by {canary.limit:,} outcomes and itself not {worse}"
        )
    return Standing(
        "rolled back",
        f"{said}, undecided by {canary.limit:,} outcomes and itself {worse if math.isfinite(apart) else 'no number'}",
    )
