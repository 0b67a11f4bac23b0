"""Metadata of deliveries: what landed, whether it was admitted, and reviews of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assay.assets.dagster.metadata.tables import Metadata, markdown
from assay.assets.stages.ingest import Landed
from assay.pipelines.core.frames import Receipt
from assay.pipelines.ingest.renamed_columns import describe_undeclared

MOST_FILES = 100
"""Files that are shown; the receipt and the evidence have all of them."""
STATES = {
    "open": "held",
    "approved": "approved",
    "rejected": "rejected",
    "done": "done",
    "void": "void",
}


def undeclared_columns(places: Sequence[int]) -> Metadata:
    """The columns that the contract does not declare, by their places."""
    return {"undeclared_columns": describe_undeclared(places)} if places else {}


def landed(receipt: Receipt, *, unchanged: bool) -> Metadata:
    """What landed."""
    metadata: Metadata = {
        "dagster/row_count": receipt.rows,
        "unreadable_lines": receipt.unreadable,
        "source": receipt.location,
        "sha256": receipt.digest,
        "size_bytes": receipt.size_bytes,
        "unchanged": unchanged,
        "files": len(receipt.files) or 1,
    }
    if receipt.late:
        metadata["late_rows"] = receipt.late
    if receipt.missed:
        metadata["missed_rows"] = receipt.missed
    if receipt.found:
        metadata["found"] = dict(receipt.found)
    if receipt.files:
        rows = [
            (file.name, f"{file.first:,} to {file.last:,}", f"{file.rows:,}", file.unreadable)
            for file in receipt.files[:MOST_FILES]
        ]
        headers = ["file", "records", "rows", "unreadable"]
        metadata["records_of_files"] = markdown(headers, rows)
    return metadata


def landed_parts(parts: Mapping[str, Landed]) -> Metadata:
    """What landed, partition by partition, in one run."""
    receipts = [part.receipt for part in parts.values()]
    rows = [
        (
            name,
            f"{part.receipt.rows:,}",
            part.receipt.unreadable,
            part.receipt.location,
            "yes" if part.unchanged else "no",
        )
        for name, part in parts.items()
    ]
    headers = ["partition", "rows", "unreadable", "source", "unchanged"]
    return {
        "dagster/row_count": sum(receipt.rows for receipt in receipts),
        "unreadable_lines": sum(receipt.unreadable for receipt in receipts),
        "unchanged": all(part.unchanged for part in parts.values()),
        "partitions": markdown(headers, rows),
    }


def admitted(verdict: Mapping[str, Any], decided_by: str) -> Metadata:
    """The verdict, and which columns hold which personal data; never a value."""
    license = verdict["license"]
    findings = [
        (
            finding["column"],
            finding["kind"],
            f"{finding['rows']:,}",
            "yes" if finding["declared"] else "**no**",
        )
        for finding in verdict["findings"]
    ]
    reasons = [(reason,) for reason in (*license["reasons"], *verdict["reasons"])]
    return {
        "verdict": verdict["outcome"],
        "decided_by": decided_by,
        "license": license["expression"],
        "license_verdict": license["outcome"],
        "reasons": markdown(["reason"], reasons),
        "personal_data": markdown(["column", "kind", "rows", "declared"], findings),
        "obligations": ", ".join(license["obligations"]) or "none",
    }


def reviewed(review: Mapping[str, Any]) -> Metadata:
    """A review, shown where the data set is: its state, why, who decided until when, what to do."""
    decisions = [
        (decision["approver"], decision["decision"], decision["why"], decision["expires_at"])
        for decision in review["by"]
    ]
    # as code: Markdown would take a placeholder such as <NAME> for an element, and show nothing
    samples = [
        (sample["column"], *(f"`{sample[side].replace('`', ' ')}`" for side in ("before", "after")))
        for sample in review["samples"]
    ]
    return {
        "state": STATES[review["decision"]],
        "review": review["id"],
        "about": review["dataset"],
        "asked_by": review["asked_by"],
        "reasons": markdown(["reason"], [(reason,) for reason in review["reasons"]]),
        "replacements": markdown(["column", "before", "after"], samples),
        "decisions": markdown(["who", "decision", "why", "holds until"], decisions),
        "what_to_do": dg.MetadataValue.md(_what_to_do(review)),
    }


def _what_to_do(review: Mapping[str, Any]) -> str:
    """What a steward does about a review, in Markdown."""
    match review["decision"]:
        case "approved":
            return "Nothing: the decision is valid until the given day."
        case "rejected":
            return "Fix what the review lists, and run again."
        case "done" | "void":
            return "Nothing: the request has ended."
    levels = " and of the ".join(review["missing"])
    command = f'assay review sign {review["id"]} approve --key KEYFILE --why "…"'
    return (
        f"It needs a decision of the {levels} level: sign it (`reject` in place of `approve` ends"
        f" it), and paste what is printed into the job `review`.\n\n`{command}`"
    )
