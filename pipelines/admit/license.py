"""SPDX expression, policy and purposes -> what the licence allows, with the clause.

Belongs here: reading expressions and applying the policy. Stays out: what a licence says (contracts/policies/licenses.yaml).
"""

from __future__ import annotations

from typing import Any, Literal

from contracts.policy import LicensePolicy
from contracts.settings import License
from pipelines.frames import LicenseVerdict

Outcome = Literal["allowed", "review", "refused"]
_RANK: dict[Outcome, int] = {"allowed": 0, "review": 1, "refused": 2}


def judge_license(wanted: License, policy: LicensePolicy) -> LicenseVerdict:
    """Decide whether the licence allows every wanted purpose.

    `A AND B` takes the strictest of both, `A OR B` the loosest: the licensee chooses. What nobody has read is held for review,
    never allowed.
    Source: SPDX specification 2.3, annex D (licence expressions).
    """
    from license_expression import ExpressionError, get_spdx_licensing

    try:
        tree = get_spdx_licensing().parse(wanted.expression, validate=False, strict=False)
    except ExpressionError:
        tree = None
    if tree is None:
        reason = f"'{wanted.expression}' is no SPDX licence expression"
        return LicenseVerdict("review", wanted.expression, (reason,), ())
    outcome, reasons, obligations = _judge(tree, wanted, policy)
    return LicenseVerdict(outcome, tree.render(), tuple(dict.fromkeys(reasons)), tuple(dict.fromkeys(obligations)))


def _judge(node: Any, wanted: License, policy: LicensePolicy) -> tuple[Outcome, list[str], list[str]]:
    if not hasattr(node, "operator") or not getattr(node, "args", ()):
        return _judge_one(node.render(), wanted, policy)
    parts = [_judge(part, wanted, policy) for part in node.args]
    if node.operator.strip() == "OR":
        return min(parts, key=lambda part: _RANK[part[0]])
    strictest: Outcome = max((part[0] for part in parts), key=lambda outcome: _RANK[outcome])
    return strictest, [r for part in parts for r in part[1]], [o for part in parts for o in part[2]]


def _judge_one(key: str, wanted: License, policy: LicensePolicy) -> tuple[Outcome, list[str], list[str]]:
    terms = policy.licenses.get(key)
    if terms is None:
        return "review", [f"nobody has read '{key}' for the policy yet"], []
    refused = [f"'{key}' does not allow {purpose} ({terms.source})" for purpose in wanted.purposes if purpose not in terms.uses]
    if wanted.commercial and not terms.commercial:
        refused.append(f"'{key}' does not allow commercial use ({terms.source})")
    return ("refused", refused, []) if refused else ("allowed", [f"'{key}' allows {', '.join(wanted.purposes)}"], list(terms.obligations))
