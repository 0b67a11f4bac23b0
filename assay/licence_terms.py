"""What the licence policy states about licences, for `assay licences`: plain data to print."""

from __future__ import annotations

from typing import Any

from assay.contracts.policy import license_policy
from assay.pipelines.admit.license import Row, matrix


def licence_terms(names: list[str]) -> list[dict[str, Any]]:
    """One entry a licence: its terms, and for each purpose the outcome without and with gain; of `names` as well how they were read."""
    policy = license_policy()
    read = {name: policy.recognise(name) for name in names}
    asked = [
        {"asked": name, "read": each.expression, "how": each.how, "doubt": each.doubt}
        for name, each in read.items()
    ]
    rows = matrix(policy, list(read))
    if not read:
        return [_license_row(row) for row in rows]
    return [
        {**how, **_license_row(row), "license": how["read"] or row.license}
        for how, row in zip(asked, rows, strict=True)
    ]


def _license_row(row: Row) -> dict[str, Any]:
    terms = row.terms
    barred = {
        "no derivatives": not terms.derivatives,
        "no redistribution": not terms.redistribution,
    }
    conditions = [*terms.obligations, *(name for name, holds in barred.items() if holds)]
    return {
        "license": row.license,
        "use": terms.use,
        "terms": conditions,
        "training": terms.training,
        "outcomes": row.outcomes,
        "source": terms.source,
    }
