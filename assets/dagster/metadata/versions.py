"""Metadata of versions: how rows were cleaned and checked, what was published, what waits aside."""

from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

import dagster as dg

from assay.assets.dagster.metadata.quality import quality
from assay.assets.dagster.metadata.tables import (
    Metadata,
    column_lineage,
    markdown,
    render_cell,
    table_schema,
)
from assay.assets.io.registry.references import LATEST, Reference
from assay.contracts.model import Contract, Rule
from assay.pipelines.validate.far_years import describe_far_years

PARTITIONS_SHOWN = 100
"""Dagster keeps the table of partitions for each version; the data card has all of them."""
COUNTS = ("rows_in", "published", "quarantined", "removed")


def check_spec(contract: Contract, rule: Rule) -> dg.AssetCheckSpec:
    """One rule as a Dagster asset check, under the same name."""
    metadata = {"dimension": rule.dimension, "severity": rule.severity, "allowed": str(rule.bound)}
    return dg.AssetCheckSpec(
        rule.name,
        asset=dg.AssetKey([contract.name, "cleaned"]),
        description=rule.description,
        metadata=metadata,
        blocking=rule.severity == "error",
    )


def check_result(contract: Contract, check: Mapping[str, Any]) -> dg.AssetCheckResult:
    """One check, evaluated. What could not be evaluated is not passed."""
    is_error = check["severity"] == "error"
    description = check["description"]
    if check["passed"] is None:
        description = f"unknown: {description} could not be evaluated"
    return dg.AssetCheckResult(
        check_name=check["rule"],
        asset_key=dg.AssetKey([contract.name, "cleaned"]),
        passed=check["passed"] is True,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=description,
        metadata={
            "failing_rows": check["failing"],
            "rows": check["total"],
            "allowed": check["bound"],
            "dimension": check["dimension"],
        },
    )


def cleaned(
    accounting: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
    samples: Mapping[str, Sequence[Sequence[Any]]] | None = None,
) -> Metadata:
    """Where every row went, rates that plot over time, and a few cells that each step changed."""
    rows_in = accounting["rows_in"] or 1
    passed = sum(check["passed"] is True for check in checks)
    left = [
        *((f"removed: {step}", f"{rows:,}") for step, rows in accounting["removed_by"].items()),
        *(
            (f"quarantined: {rule}", f"{rows:,}")
            for rule, rows in accounting["quarantined_by"].items()
        ),
    ]
    broken = [
        (check["rule"], check["severity"], f"{check['failing']:,}", check["bound"])
        for check in checks
        if check["failing"]
    ]
    metadata: Metadata = {
        "dagster/row_count": accounting["published"],
        "rows_in": accounting["rows_in"],
        "quarantined": accounting["quarantined"],
        "removed": accounting["removed"],
        "quarantine_rate_pct": round(100.0 * accounting["quarantined"] / rows_in, 4),
        "removed_rate_pct": round(100.0 * accounting["removed"] / rows_in, 4),
        "coverage_pct": round(100.0 * accounting["published"] / rows_in, 4),
        "checks_passed_pct": round(100.0 * passed / (len(checks) or 1), 2),
        "where_rows_went": markdown(["step or rule", "rows"], left),
        "rules_broken": markdown(["rule", "severity", "rows", "allowed"], broken),
    }
    if samples:
        cells = [(step, *map(render_cell, cell)) for step in samples for cell in samples[step]]
        headers = ["step", "row", "column", "before", "after"]
        metadata["cells_changed"] = markdown(headers, cells)
    return metadata


def published(
    contract: Contract,
    predicate: Mapping[str, Any],
    *,
    new: bool,
    changes: Mapping[str, Any] | None,
    references: Mapping[str, Reference],
) -> Metadata:
    """The version, its evidence and schema; what changed since the one before; its references."""
    version = f"{contract.name}@{predicate['version']}"
    own_columns = {column["name"]: [column["name"]] for column in predicate["schema"]}
    obligations = predicate["admission"]["verdict"]["license"]["obligations"]
    docs = f"`assay contracts docs {version}`, or the job `data_docs`"
    return {
        "dagster/row_count": predicate["accounting"]["published"],
        "dagster/column_schema": table_schema(contract),
        "dagster/column_lineage": column_lineage([contract.name, "cleaned"], own_columns),
        "version": predicate["version"],
        "new": new,
        "note": predicate["note"],
        "sequence": predicate["sequence"],
        "latest": references[LATEST].version,
        "latest_because": references[LATEST].reason,
        "evidence": f"evidence/{contract.name}/{predicate['version']}.dsse.json",
        "verify_with": dg.MetadataValue.md(f"`assay verify {version}`"),
        "obligations": ", ".join(obligations) or "none",
        **quality(predicate),
        **_far_years(predicate.get("far_years", {})),
        "data_docs": dg.MetadataValue.md(docs),
        "references": _reference_table(references),
        **_changes(changes),
        **_partition_table(predicate.get("partitions", {})),
    }


def _far_years(years: Mapping[str, Sequence[int]]) -> Metadata:
    """The years that a person should look at, in a sentence; the first few of each column."""
    if not years:
        return {}
    return {"far_years": "; ".join(starmap(describe_far_years, years.items()))}


def _reference_table(
    references: Mapping[str, Reference],
) -> dg.MarkdownMetadataValue:
    rows = [
        (name, row.version, row.at[:19], row.actor or "—", row.reason)
        for name, row in references.items()
    ]
    return markdown(["reference", "version", "moved", "by", "because"], rows)


def _changes(changes: Mapping[str, Any] | None) -> Metadata:
    """What changed since the version before, as a sentence and as numbers that plot."""
    if not changes:
        return {}
    counts = {
        f"rows_{kind}": changes[kind]
        for kind in ("added", "removed", "changed")
        if changes[kind] is not None
    }
    return {"changes": changes["note"], **counts}


def _partition_table(partitions: Mapping[str, Mapping[str, Any]]) -> Metadata:
    """Where the rows of each partition went, and which version made it; of very many, the last ones."""
    if not partitions:
        return {}
    rows = [
        (name, *(f"{entry['accounting'][count]:,}" for count in COUNTS), entry["made_in"])
        for name, entry in list(partitions.items())[-PARTITIONS_SHOWN:]
    ]
    return {"partitions": markdown(["partition", *COUNTS, "made in"], rows)}


def documented(pages: Mapping[str, Any]) -> Metadata:
    """Where the Data Docs are.

    A path, to be copied: browsers follow no link from a web page to a file.
    """
    return {
        "data_docs": dg.MetadataValue.path(pages["index"]),
        "version": pages["version"],
        "rows_sampled": pages["rows"],
    }


def quarantined(entries: Sequence[Mapping[str, Any]]) -> Metadata:
    """What waits in the quarantine."""
    kept = [entry for entry in entries if entry["expired_at"] is None]
    rows = [
        (
            entry["run_id"],
            entry["kept_at"][:16],
            *(f"{entry[state]:,}" for state in ("rows", "open", "released", "discarded")),
            (entry["expires_at"] or "unknown")[:10],
        )
        for entry in kept
    ]
    waiting = {
        f"quarantine_{state}": sum(entry[state] for entry in kept[-1:])
        for state in ("open", "released", "discarded")
    }
    headers = ["run", "kept", "rows", "open", "released", "discarded", "expires"]
    return {**waiting, "quarantine": markdown(headers, rows)}


def replayed(replay: Mapping[str, Any]) -> Metadata:
    """Which of the quarantined rows would pass today's contract."""
    reasons = [
        (reason["reason"], f"{reason['rows']:,}", f"{reason['would_pass']:,}")
        for reason in replay["reasons"]
    ]
    return {
        "open": replay["open"],
        "would_pass": replay["would_pass"],
        "by_reason": markdown(["reason", "rows", "would pass"], reasons),
    }
