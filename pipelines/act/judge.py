"""A candidate's score and the score of what is in service -> accepted or not.

Belongs here: the one comparison, for models and indexes alike. Stays out: measuring (retrain.py, retrieve.py), switching over.
"""

from __future__ import annotations

import math

from pipelines.frames import Judgement


def judge(metric: str, candidate: float, in_service: float | None, *, tolerance: float, floor: float | None = None) -> Judgement:
    """Accept a candidate that is not worse than what is in service by more than `tolerance`, and reaches `floor` where there is one.

    A score that is no number is never accepted.
    """
    if math.isnan(candidate):
        return Judgement(False, metric, candidate, in_service, f"its {metric} could not be measured")
    said = f"{metric} {candidate:.4f}"
    if floor is not None and candidate < floor:
        return Judgement(False, metric, candidate, in_service, f"{said} is under the floor of {floor:g}")
    if in_service is None:
        return Judgement(True, metric, candidate, None, f"{said}, and nothing was in service")
    accepted = candidate >= in_service - tolerance
    verdict = "not worse than" if accepted else "worse than"
    return Judgement(
        accepted,
        metric,
        candidate,
        in_service,
        f"{said} is {verdict} {in_service:.4f} in service, within {tolerance:g}" if accepted else f"{said} is {verdict} {in_service:.4f} in service by more than {tolerance:g}",
    )
