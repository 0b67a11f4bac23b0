"""An act that persons sign: what it does, its digest, and how many persons it needs.

Belongs here: acts as data. Stays out: planning and carrying out (assets/services/act_kinds.py), whose
signature counts (review.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.contracts.model import Contract, Severity
from assay.contracts.settings import Approvals, ApprovedAct
from assay.pipelines.validate.metrics import CLEANING

ActKind = Literal[
    "release rows",
    "discard rows",
    "promote model",
    "roll back model",
    "roll back index",
    "move reference",
]
Persons = Literal[1, 2]
_SETTINGS: dict[ActKind, ApprovedAct] = {
    "release rows": "release",
    "promote model": "models",
    "roll back model": "models",
    "roll back index": "indexes",
    "move reference": "references",
}
"""The word by which a contract has two persons sign; discarding needs two without it."""


@dataclass(frozen=True)
class Act:
    """What was requested.

    Args:
        effect: exactly what changes, from which state to which.
        nonce: random, so that a signature fits one request only.
    """

    dataset: str
    kind: ActKind
    effect: Mapping[str, Any]
    why: str
    nonce: str

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: what persons sign."""
        fields = [self.dataset, self.kind, self.effect, self.why, self.nonce]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def persons_of(act: Act, contract: Contract | None) -> Persons:
    """How many persons sign an act; two where no contract says otherwise."""
    if contract is None:
        return 2
    return persons_needed(act.kind, severities_of(act, contract), contract.approvals)


def persons_needed(
    kind: ActKind, severities: Collection[Severity], approvals: Approvals
) -> Persons:
    """How many persons sign an act.

    Args:
        severities: of the rules that it overrules.
    """
    loses_data = kind == "discard rows"
    is_requested = _SETTINGS.get(kind) in approvals.two_persons
    return 2 if loses_data or "error" in severities or is_requested else 1


def severities_of(act: Act, contract: Contract) -> set[Severity]:
    """The severities of the rules that a release overrules. A cleaning step has none; a rule that
    the contract no longer has counts as `error`.
    """
    severities = {rule.name: rule.severity for rule in contract.rules}
    return {
        severities.get(reason, "error")
        for reason in act.effect.get("covers", {})
        if not reason.startswith(CLEANING)
    }


def describe_act(act: Act) -> str:
    """What an act does, in one sentence."""
    effect, name = act.effect, act.dataset
    match act.kind:
        case "release rows":
            rules = ", ".join(effect["covers"])
            return f"release {_rows(effect, name)} although they broke {rules}"
        case "discard rows":
            return f"discard the values of {_rows(effect, name)}"
        case "move reference":
            return _describe_move(name, effect)
        case "roll back index":
            was, now = effect["from"], effect["to"]
            return f"put build {now} of the index of {name} in service in place of build {was}"
        case "promote model" | "roll back model":
            before = f" in place of version {effect['from']}" if effect["from"] else ""
            return f"put version {effect['to']} of {effect['model']} in service{before}"


def _rows(effect: Mapping[str, Any], name: str) -> str:
    numbers = ", ".join(map(str, effect["chosen"]))
    chosen = f"row {numbers}" if numbers else f"rule {effect['rule']}"
    count, run = f"{effect['rows']:,}", effect["run_id"][:8]
    return f"{count} quarantined rows of {name} ({chosen}, run {run})"


def _describe_move(name: str, effect: Mapping[str, Any]) -> str:
    reference, was, now = effect["reference"], effect["from"], effect["to"]
    if now is None:
        return f"delete {reference} of {name}, which points to {was}"
    return f"move {reference} of {name} {f'from {was} ' if was else ''}to {now}"
