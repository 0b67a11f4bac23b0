"""A version's checked statement, and what was derived from it -> its data card.

Belongs here: the attributes every version has, each from its evidence; what no one measured states
`unknown`. Stays out: printing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = "unknown"


def card(
    statement: Mapping[str, Any],
    *,
    published_at: str,
    drift: Mapping[str, Any] | None,
    made: Mapping[str, Any],
    references: Sequence[str] = (),
    expired_at: str | None = None,
    changes: str | None = None,
) -> dict[str, Any]:
    """Gather the card.

    Args:
        statement: checked, as lineage.evidence.opened returns it.
        drift: the details of the drift measured on this version, if any.
        made: kind -> details of what was derived from the version (features, model, index).
        references: the names that point to it now.
        changes: how its rows differ from the version before, in one line; None if no one has
            compared them.
    """
    predicate = statement["predicate"]
    return {
        "dataset": predicate["dataset"],
        "version": predicate["version"],
        "published_at": published_at,
        "note": predicate["note"],
        "changes": changes or UNKNOWN,
        "references": list(references),
        "expired_at": expired_at,
        **_origin(predicate),
        **_admission(predicate["admission"]),
        **_contract(predicate["contract"]),
        **_rows_and_quality(predicate, drift),
        "schema": predicate["schema"],
        "retention": predicate["retention"],
        "made": dict(made),
        "evidence": _evidence(statement),
        "trace_id": predicate["run_id"],
    }


def _origin(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """Where the rows come from."""
    inputs = predicate["inputs"]
    source = {
        "location": inputs["location"],
        "sha256": inputs["source_digest"],
        "window": inputs["window"],
    }
    stated = ("undeclared_columns", "far_years", "upstream", "reading")
    source |= {name: predicate[name] for name in stated if name in predicate}
    partitions = {
        name: {**part["accounting"], "made_in": part["made_in"]}
        for name, part in predicate.get("partitions", {}).items()
    }
    return {"partitions": partitions, "source": source}


_STATED = ("article_9_basis", "confirmed_by")
"""Facts that a person has stated for some data sets."""


def _admission(admission: Mapping[str, Any]) -> dict[str, Any]:
    """What one may do with the data, and which of them are personal."""
    license_verdict, treatments = admission["verdict"]["license"], admission["treatments"]
    return {
        "license": {
            "expression": license_verdict["expression"],
            "verdict": license_verdict["outcome"],
            "holder": admission["holder"],
            "evidence": admission["evidence"],
            "purposes": admission["purposes"],
            "obligations": license_verdict["obligations"],
            "attribution": license_verdict.get("attribution", []),
            "decided_by": admission["decided_by"],
        },
        "sensitivity": admission["sensitivity"],
        "lawful_basis": admission["lawful_basis"],
        **{name: admission[name] for name in _STATED if name in admission},
        "region": admission["region"],
        "personal_data": [
            {**finding, "treatment": treatments.get(finding["column"], "none")}
            for finding in admission["verdict"]["findings"]
        ],
    }


def _contract(contract: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "owners": contract["owners"],
        "contract": {
            "version": contract["version"],
            "file": contract["file"],
            "digest": contract["digest"],
        },
    }


def _rows_and_quality(
    predicate: Mapping[str, Any], drift: Mapping[str, Any] | None
) -> dict[str, Any]:
    """How many rows there are, which of all they are, and how good."""
    window, quality = predicate["inputs"]["window"], predicate.get("quality", {})
    is_one_window = window and not predicate.get("partitions")
    return {
        "rows": dict(predicate["accounting"]),
        "sampling": f"all rows of the window {window}" if is_one_window else "all rows",
        "quality": _quality(predicate["accounting"], predicate, drift),
        "bias": quality.get("bias", []),
        "quality_by_column": quality.get("columns", []),
        "quarantine_decisions": predicate.get("quarantine_decisions", {}).get("said", []),
        "checks": predicate["checks"],
        **_late_rows(predicate.get("watermark", {})),
    }


def _late_rows(watermark: Mapping[str, Any]) -> dict[str, Any]:
    """Of a growing source: the rows that came late, and those that came too late to be read."""
    if "late" not in watermark:
        return {}
    return {"late_rows": {name: watermark[name] for name in ("late", "missed")}}


def _evidence(statement: Mapping[str, Any]) -> dict[str, Any]:
    predicate = statement["predicate"]
    return {
        "file": f"evidence/{predicate['dataset']}/{predicate['version']}.dsse.json",
        "files": [subject["name"] for subject in statement["subject"]],
        "code_digest": predicate["inputs"]["code_digest"],
    }


def _quality(
    rows: Mapping[str, Any], predicate: Mapping[str, Any], drift: Mapping[str, Any] | None
) -> dict[str, Any]:
    # versions of an earlier Assay were not measured
    measured, checks = predicate.get("quality", {}), predicate["checks"]
    passed = sum(check["passed"] is True for check in checks)
    ages = measured.get("freshness_hours", {}).items()
    shares = {
        "coverage_pct": _share(rows["published"], rows["rows_in"]),
        "error_rate_pct": _share(rows["quarantined"], rows["rows_in"]),
    }
    if measured:
        shares = {name: _value(measured, name) for name in shares}
    return {
        **shares,
        "noise_rate_pct": _value(measured, "noise_rate_pct"),
        "duplicate_rate_pct": _value(measured, "duplicate_rate_pct"),
        "completeness_pct": _value(measured, "completeness_pct"),
        "checks_passed": f"{passed} of {len(checks)}",
        "drift": drift["verdict"] if drift else UNKNOWN,
        "freshness": ", ".join(f"{name} {age:,.1f} h" for name, age in ages) or UNKNOWN,
        "stability_psi": _value(measured, "stability_psi"),
        "bias": "; ".join(map(_bias, measured.get("bias", []))) or UNKNOWN,
    }


def _value(measured: Mapping[str, Any], name: str) -> float | str:
    value: float | None = measured.get(name)
    return UNKNOWN if value is None else value


def _share(count: int, rows_in: int) -> float | str:
    return round(100.0 * count / rows_in, 4) if rows_in else UNKNOWN


def _bias(measured: Mapping[str, Any]) -> str:
    titles = {
        "smallest_share_pct": "smallest share %",
        "balance": "balance",
        "parity_difference": "parity difference",
        "impact_ratio": "impact ratio",
    }
    values = {name: measured[name] for name in titles}
    texts = [
        f"{title} {UNKNOWN if values[name] is None else f'{values[name]:g}'}"
        for name, title in titles.items()
    ]
    return f"{measured['column']}: {', '.join(texts)}"
