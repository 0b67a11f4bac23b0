"""Contracts and evidence -> what Dagster shows: table schemas, numbers that plot, Markdown tables, check results. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from contracts.model import Contract, Rule
from contracts.types import dtype
from pipelines.frames import Receipt

Metadata = dict[str, Any]
_FILES = 100  # shown; the receipt and the evidence have all of them


def table_schema(contract: Contract) -> dg.TableSchema:
    """The promised columns, with their constraints, and the privacy class as a tag."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(dtype(column)),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=column.unique),
                tags={"classification": column.classification} if column.classification else {},
            )
            for column in contract.published_columns
        ]
    )


def column_lineage(upstream: Sequence[str], lineage: Mapping[str, Iterable[str]]) -> dg.TableColumnLineage:
    """Column -> the columns of one upstream asset it was made from."""
    return dg.TableColumnLineage({column: [dg.TableColumnDep(asset_key=dg.AssetKey(list(upstream)), column_name=field) for field in fields] for column, fields in lineage.items()})


def markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; bars in cells are escaped."""
    lines = [list(headers), ["---"] * len(headers), *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows)]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


def check_spec(contract: Contract, rule: Rule) -> dg.AssetCheckSpec:
    """One rule as a Dagster asset check, under the same name."""
    metadata = {"dimension": rule.dimension, "severity": rule.severity, "allowed": str(rule.bound)}
    return dg.AssetCheckSpec(rule.name, asset=dg.AssetKey([contract.name, "cleaned"]), description=rule.description, metadata=metadata, blocking=rule.severity == "error")


def check_result(contract: Contract, check: Mapping[str, Any]) -> dg.AssetCheckResult:
    """One check, evaluated. What could not be judged is not passed."""
    return dg.AssetCheckResult(
        check_name=check["rule"],
        asset_key=dg.AssetKey([contract.name, "cleaned"]),
        passed=check["passed"] is True,
        severity=dg.AssetCheckSeverity.ERROR if check["severity"] == "error" else dg.AssetCheckSeverity.WARN,
        description=check["description"] if check["passed"] is not None else f"unknown: {check['description']} could not be judged",
        metadata={"failing_rows": check["failing"], "rows": check["total"], "allowed": check["bound"], "dimension": check["dimension"]},
    )


def landed(receipt: Receipt, *, unchanged: bool) -> Metadata:
    """What landed."""
    return {
        "dagster/row_count": receipt.rows, "unreadable_lines": receipt.unreadable, "source": receipt.location, "sha256": receipt.digest,
        "size_bytes": receipt.size_bytes, "unchanged": unchanged, "files": len(receipt.files) or 1, **({"found": dict(receipt.found)} if receipt.found else {}),
        **({"records_of_files": markdown(["file", "records", "rows", "unreadable"], [(f.name, f"{f.first:,} to {f.last:,}", f"{f.rows:,}", f.unreadable) for f in receipt.files[:_FILES]])} if receipt.files else {}),
    }  # fmt: skip


def admitted(verdict: Mapping[str, Any], decided_by: str) -> Metadata:
    """The verdict, and what personal data was found where; never a value."""
    findings = [(f["column"], f["kind"], f"{f['rows']:,}", "yes" if f["declared"] else "**no**") for f in verdict["findings"]]
    return {
        "verdict": verdict["outcome"], "decided_by": decided_by, "license": verdict["license"]["expression"], "license_verdict": verdict["license"]["outcome"],
        "reasons": markdown(["reason"], [(reason,) for reason in (*verdict["license"]["reasons"], *verdict["reasons"])]),
        "personal_data": markdown(["column", "kind", "rows", "declared"], findings), "obligations": ", ".join(verdict["license"]["obligations"]) or "none",
    }  # fmt: skip


def cleaned(accounting: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> Metadata:
    """Where every row went, and rates that plot over time."""
    rows_in = accounting["rows_in"] or 1
    by = [*((f"removed: {step}", n) for step, n in accounting["removed_by"].items()), *((f"quarantined: {rule}", n) for rule, n in accounting["quarantined_by"].items())]
    return {
        "dagster/row_count": accounting["published"], "rows_in": accounting["rows_in"], "quarantined": accounting["quarantined"], "removed": accounting["removed"],
        "quarantine_rate_pct": round(100.0 * accounting["quarantined"] / rows_in, 4), "removed_rate_pct": round(100.0 * accounting["removed"] / rows_in, 4),
        "coverage_pct": round(100.0 * accounting["published"] / rows_in, 4), "checks_passed_pct": round(100.0 * sum(c["passed"] is True for c in checks) / (len(checks) or 1), 2),
        "where_rows_went": markdown(["step or rule", "rows"], [(name, f"{n:,}") for name, n in by]),
        "rules_broken": markdown(["rule", "severity", "rows", "allowed"], [(c["rule"], c["severity"], f"{c['failing']:,}", c["bound"]) for c in checks if c["failing"]]),
    }  # fmt: skip


def published(contract: Contract, predicate: Mapping[str, Any], *, new: bool) -> Metadata:
    """The version, its evidence and its schema."""
    upstream = [contract.name, "cleaned"]
    return {
        "dagster/row_count": predicate["accounting"]["published"], "dagster/column_schema": table_schema(contract),
        "dagster/column_lineage": column_lineage(upstream, {c["name"]: [c["name"]] for c in predicate["schema"]}),
        "version": predicate["version"], "new": new, "note": predicate["note"], "sequence": predicate["sequence"],
        "evidence": f"evidence/{contract.name}/{predicate['version']}.dsse.json", "verify_with": dg.MetadataValue.md(f"`assay verify {contract.name}@{predicate['version']}`"),
        "obligations": ", ".join(predicate["admission"]["verdict"]["license"]["obligations"]) or "none",
    }  # fmt: skip
