"""A version's checked statement, and what was made from it -> its data card.

Belongs here: the attributes every version has, each from its evidence; what nobody measured says `unknown`. Stays out: printing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = "unknown"


def card(
    statement: Mapping[str, Any], *, published_at: str, drift: Mapping[str, Any] | None, made: Mapping[str, Any],
    references: Sequence[str] = (), expired_at: str | None = None, changes: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Gather the card.

    Args:
        statement: checked, as lineage.evidence.opened returns it.
        drift: the details of the drift measured on this version, if any.
        made: kind -> details of what was made from the version (features, model, index).
        references: the names that point to it now.
        changes: how its rows differ from the version before, in one line; None where nobody has compared them.
    """
    predicate = statement["predicate"]
    admission, rows = predicate["admission"], predicate["accounting"]
    license_verdict = admission["verdict"]["license"]
    return {
        "dataset": predicate["dataset"],
        "version": predicate["version"],
        "published_at": published_at,
        "note": predicate["note"],
        "changes": changes or UNKNOWN,
        "references": list(references),
        "expired_at": expired_at,
        "partitions": {name: {**part["accounting"], "made_in": part["made_in"]} for name, part in predicate.get("partitions", {}).items()},
        "source": {"location": predicate["inputs"]["location"], "sha256": predicate["inputs"]["source_digest"], "window": predicate["inputs"]["window"], **({"upstream": predicate["upstream"]} if "upstream" in predicate else {})},
        "license": {
            "expression": license_verdict["expression"], "verdict": license_verdict["outcome"], "holder": admission["holder"], "evidence": admission["evidence"],
            "purposes": admission["purposes"], "obligations": license_verdict["obligations"], "attribution": license_verdict.get("attribution", []),
            "decided_by": admission["decided_by"],
        },
        "sensitivity": admission["sensitivity"],
        "lawful_basis": admission["lawful_basis"],
        "region": admission["region"],
        "personal_data": [{**finding, "treatment": admission["treatments"].get(finding["column"], "none")} for finding in admission["verdict"]["findings"]],
        "owners": predicate["contract"]["owners"],
        "contract": {"version": predicate["contract"]["version"], "file": predicate["contract"]["file"], "digest": predicate["contract"]["digest"]},
        "rows": dict(rows),
        "sampling": f"all rows of the window {predicate['inputs']['window']}" if predicate["inputs"]["window"] and not predicate.get("partitions") else "all rows",
        "quality": _quality(rows, predicate, drift),
        "bias": predicate.get("quality", {}).get("bias", []),
        "quality_by_column": predicate.get("quality", {}).get("columns", []),
        "quarantine_decisions": predicate.get("quarantine_decisions", {}).get("said", []),
        "checks": predicate["checks"],
        "schema": predicate["schema"],
        "retention": predicate["retention"],
        "made": dict(made),
        "evidence": {"file": f"evidence/{predicate['dataset']}/{predicate['version']}.dsse.json", "files": [subject["name"] for subject in statement["subject"]], "code_digest": predicate["inputs"]["code_digest"]},
        "trace_id": predicate["run_id"],
    }  # fmt: skip


def _quality(
    rows: Mapping[str, Any], predicate: Mapping[str, Any], drift: Mapping[str, Any] | None
) -> dict[str, Any]:
    found, checks = (
        predicate.get("quality", {}),
        predicate["checks"],
    )  # versions of an earlier Assay were not measured

    def value_or_unknown(name: str) -> float | str:
        value = found.get(name)
        return UNKNOWN if value is None else value

    return {
        "coverage_pct": value_or_unknown("coverage_pct")
        if found
        else _share(rows["published"], rows["rows_in"]),
        "error_rate_pct": value_or_unknown("error_rate_pct")
        if found
        else _share(rows["quarantined"], rows["rows_in"]),
        **{
            name: value_or_unknown(name)
            for name in ("noise_rate_pct", "duplicate_rate_pct", "completeness_pct")
        },
        "checks_passed": f"{sum(check['passed'] is True for check in checks)} of {len(checks)}",
        "drift": drift["verdict"] if drift else UNKNOWN,
        "freshness": ", ".join(
            f"{name} {age:,.1f} h" for name, age in found.get("freshness_hours", {}).items()
        )
        or UNKNOWN,
        "stability_psi": value_or_unknown("stability_psi"),
        "bias": "; ".join(_bias(each) for each in found.get("bias", [])) or UNKNOWN,
    }


def _share(count: int, rows_in: int) -> float | str:
    return round(100.0 * count / rows_in, 4) if rows_in else UNKNOWN


def _bias(each: Mapping[str, Any]) -> str:
    words = {
        "smallest_share_pct": "smallest share %",
        "balance": "balance",
        "parity_difference": "parity difference",
        "impact_ratio": "impact ratio",
    }
    return f"{each['column']}: " + ", ".join(
        f"{said} {UNKNOWN if each[name] is None else f'{each[name]:g}'}"
        for name, said in words.items()
    )
