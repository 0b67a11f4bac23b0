"""`assay show`: a version's data card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.cli.options import AsJson, DatasetOrVersion, split_name
from assay.cli.render import console, count_cell, escape, print_result, table

EXAMPLES = ("assay show flights", "assay show flights@1.0.0 --json")
ROW_COUNTS = ("rows_in", "published", "quarantined", "removed")
PASSED = {True: "yes", False: "no", None: "unknown"}


def show(name: DatasetOrVersion, as_json: AsJson = False) -> None:
    """Show a version's data card: source, licence, rows, quality, checks, evidence."""
    from assay.reading import card

    print_result(card(*split_name(name)), as_json, show_card)


def show_card(data: dict[str, Any]) -> None:
    """Print a data card."""
    facts = table(f"{data['dataset']}@{data['version']}", "", "")
    for name, value in _facts(data):
        facts.add_row(name, escape(str(value)))
    console().print(facts)
    _show_partitions(data["partitions"])
    _show_left(data["rows"])
    _show_groups(data["bias"])
    _show_quarantine_decisions(data["quarantine_decisions"])
    _show_personal_data(data["personal_data"])
    _show_checks(data["checks"])


def _facts(data: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Each line of the card, by its name."""
    yield "published", f"{data['published_at'][:19]} UTC — {data['note']}"
    yield "changes", data["changes"]
    yield "references", ", ".join(data["references"]) or "none"
    if data["expired_at"]:
        yield "expired", data["expired_at"][:10]
    yield from _source_facts(data["source"])
    yield from _license_facts(data["license"])
    basis = f"region {data['region']}, lawful basis: {data['lawful_basis']}"
    if article_9_basis := data.get("article_9_basis"):
        basis += f", article 9 basis: {article_9_basis}"
    yield "sensitivity", f"{data['sensitivity']}, {basis}"
    yield "owners", ", ".join(data["owners"])
    yield "contract", f"{data['contract']['file']} {data['contract']['version']}"
    yield "sampling", data["sampling"]
    yield "rows", describe_rows(data["rows"])
    if late := data.get("late_rows"):
        yield "late rows", f"{late['late']:,} read, {late['missed']:,} came too late to be read"
    yield "quality", ", ".join(_describe_measure(*measure) for measure in data["quality"].items())
    kept = (f"{layer} {days}" for layer, days in data["retention"].items() if days)
    yield "retention", ", ".join(kept)
    yield "built from it", ", ".join(data["made"]) or "nothing yet"
    version = f"{data['dataset']}@{data['version']}"
    docs = data["made"].get("data_docs", {}).get("index")
    yield "data docs", docs or f"not created yet: assay contracts docs {version}"
    yield "evidence", f"{data['evidence']['file']} — verify it: assay verify {version}"
    yield "trace id", data["trace_id"]


def _source_facts(source: dict[str, Any]) -> Iterator[tuple[str, object]]:
    from assay.pipelines.ingest.renamed_columns import describe_undeclared
    from assay.pipelines.validate.far_years import describe_far_years

    window = f", window {source['window']}" if source["window"] else ""
    upstream = source.get("upstream")
    version = f", which was {upstream['dataset']}@{upstream['version']}" if upstream else ""
    yield "source", f"{source['location']}{window}{version}"
    if places := source.get("undeclared_columns"):
        yield "undeclared columns", describe_undeclared(places)
    for name, years in source.get("far_years", {}).items():
        yield "far years", describe_far_years(name, years)
    yield "source sha256", source["sha256"]
    if reading := source.get("reading"):
        yield "read as", ", ".join(f"{name} {value!r}" for name, value in reading.items())


def _license_facts(license: dict[str, Any]) -> Iterator[tuple[str, object]]:
    verdict = f"{license['verdict']} for {', '.join(license['purposes'])}"
    yield "licence", f"{license['expression']}: {verdict} (decided by {license['decided_by']})"
    yield "holder", license["holder"]
    yield "obligations", ", ".join(license["obligations"]) or "none"
    yield "attribution", "\n".join(license["attribution"]) or "none"


def describe_rows(rows: dict[str, Any]) -> str:
    """The account of a version's rows, in one line."""
    return (
        f"{rows['rows_in']:,} in = {rows['published']:,} published"
        f" + {rows['quarantined']:,} quarantined + {rows['removed']:,} removed"
    )


def _describe_measure(name: str, value: Any) -> str:
    unit = " %" if name.endswith("_pct") and value != "unknown" else ""
    return f"{name.removesuffix('_pct').replace('_', ' ')} {value}{unit}"


def _show_partitions(partitions: dict[str, dict[str, Any]]) -> None:
    if not partitions:
        return
    headers = ("name", "rows in", "published", "quarantined", "removed", "published in")
    grid = table("Partitions", *headers)
    for name, rows in partitions.items():
        counts = (count_cell(rows[count]) for count in ROW_COUNTS)
        grid.add_row(name, *counts, rows["made_in"])
    console().print(grid)


def _show_left(rows: dict[str, Any]) -> None:
    left = [
        *(("removed", step, count) for step, count in rows["removed_by"].items()),
        *(("quarantined", rule, count) for rule, count in rows["quarantined_by"].items()),
    ]
    if not left:
        return
    grid = table("Rows that left", "", "by", "rows")
    for kind, by, count in left:
        grid.add_row(kind, by, count_cell(count))
    console().print(grid)


def _show_groups(bias: list[dict[str, Any]]) -> None:
    """Groups of people and their outcome."""
    if not bias:
        return
    grid = table("Groups", "column", "group", "rows", "share %", "outcome %")
    for entry in bias:
        for group in entry["groups"]:
            outcome = "unknown" if group["label_pct"] is None else f"{group['label_pct']:g}"
            grid.add_row(
                entry["column"],
                escape(str(group["value"])),
                count_cell(group["rows"]),
                f"{group['share_pct']:g}",
                outcome,
            )
        if entry["suppressed"]:
            suppressed = f"({entry['suppressed']} groups too small to be named)"
            grid.add_row(entry["column"], suppressed, "", "", "")
    console().print(grid)


def _show_quarantine_decisions(decisions: list[dict[str, Any]]) -> None:
    """The decisions about quarantined rows that the version applied."""
    if not decisions:
        return
    grid = table("Decisions about quarantined rows", "", "of", "rows", "by", "why")
    for decision in decisions:
        chosen = decision["rule"] or f"rows {', '.join(map(str, decision['chosen']))}"
        grid.add_row(
            decision["action"],
            escape(chosen),
            count_cell(decision["taken"]),
            decision["by"],
            escape(decision["why"]),
        )
    console().print(grid)


def _show_personal_data(findings: list[dict[str, Any]]) -> None:
    if not findings:
        return
    grid = table("Personal data detected", "column", "kind", "rows", "declared", "treatment")
    for finding in findings:
        grid.add_row(
            finding["column"],
            finding["kind"],
            count_cell(finding["rows"]),
            "yes" if finding["declared"] else "no",
            finding["treatment"],
        )
    console().print(grid)


def _show_checks(checks: list[dict[str, Any]]) -> None:
    broken = [check for check in checks if check["failing"] or check["passed"] is not True]
    passed = sum(check["passed"] is True for check in checks)
    title = f"Checks: {passed} of {len(checks)} passed"
    if not broken:
        console().print(title, style="bold", highlight=False)
        return
    title += "; these quarantined or reported rows:"
    grid = table(title, "rule", "severity", "failing rows", "allowed", "passed")
    for check in broken:
        grid.add_row(
            check["rule"],
            check["severity"],
            count_cell(check["failing"]),
            check["bound"],
            PASSED[check["passed"]],
        )
    console().print(grid)
