"""Contracts and evidence -> what Dagster shows: table schemas, numbers that plot, Markdown tables, check results. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assay.assets.io.versions import LATEST
from assay.assets.stages.drift import BEFORE
from assay.assets.stages.ingest import Landed
from assay.contracts.errors import FeatureError
from assay.contracts.model import Contract, Rule
from assay.contracts.types import dtype
from assay.pipelines.drift.measure import ALL_COLUMNS
from assay.pipelines.frames import Receipt

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
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required, unique=column.unique
                ),
                tags={"classification": column.classification} if column.classification else {},
            )
            for column in contract.published_columns
        ]
    )


def column_lineage(
    upstream: Sequence[str], lineage: Mapping[str, Iterable[str]]
) -> dg.TableColumnLineage:
    """Column -> the columns of one upstream asset it was made from."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(list(upstream)), column_name=field)
                for field in fields
            ]
            for column, fields in lineage.items()
        }
    )


def markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; bars in cells are escaped."""
    lines = [
        list(headers),
        ["---"] * len(headers),
        *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


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
    """One check, evaluated. What could not be judged is not passed."""
    return dg.AssetCheckResult(
        check_name=check["rule"],
        asset_key=dg.AssetKey([contract.name, "cleaned"]),
        passed=check["passed"] is True,
        severity=dg.AssetCheckSeverity.ERROR
        if check["severity"] == "error"
        else dg.AssetCheckSeverity.WARN,
        description=check["description"]
        if check["passed"] is not None
        else f"unknown: {check['description']} could not be judged",
        metadata={
            "failing_rows": check["failing"],
            "rows": check["total"],
            "allowed": check["bound"],
            "dimension": check["dimension"],
        },
    )


def landed(receipt: Receipt, *, unchanged: bool) -> Metadata:
    """What landed."""
    return {
        "dagster/row_count": receipt.rows, "unreadable_lines": receipt.unreadable, "source": receipt.location, "sha256": receipt.digest,
        "size_bytes": receipt.size_bytes, "unchanged": unchanged, "files": len(receipt.files) or 1, **({"found": dict(receipt.found)} if receipt.found else {}),
        **({"records_of_files": markdown(["file", "records", "rows", "unreadable"], [(f.name, f"{f.first:,} to {f.last:,}", f"{f.rows:,}", f.unreadable) for f in receipt.files[:_FILES]])} if receipt.files else {}),
    }  # fmt: skip


def landed_parts(done: Mapping[str, Landed]) -> Metadata:
    """What landed, partition by partition, in one run."""
    rows = [
        (
            name,
            f"{each.receipt.rows:,}",
            each.receipt.unreadable,
            each.receipt.location,
            "yes" if each.unchanged else "no",
        )
        for name, each in done.items()
    ]
    return {
        "dagster/row_count": sum(each.receipt.rows for each in done.values()), "unreadable_lines": sum(each.receipt.unreadable for each in done.values()),
        "unchanged": all(each.unchanged for each in done.values()), "partitions": markdown(["partition", "rows", "unreadable", "source", "unchanged"], rows),
    }  # fmt: skip


def admitted(verdict: Mapping[str, Any], decided_by: str) -> Metadata:
    """The verdict, and what personal data was found where; never a value."""
    findings = [
        (f["column"], f["kind"], f"{f['rows']:,}", "yes" if f["declared"] else "**no**")
        for f in verdict["findings"]
    ]
    return {
        "verdict": verdict["outcome"], "decided_by": decided_by, "license": verdict["license"]["expression"], "license_verdict": verdict["license"]["outcome"],
        "reasons": markdown(["reason"], [(reason,) for reason in (*verdict["license"]["reasons"], *verdict["reasons"])]),
        "personal_data": markdown(["column", "kind", "rows", "declared"], findings), "obligations": ", ".join(verdict["license"]["obligations"]) or "none",
    }  # fmt: skip


def reviewed(told: Mapping[str, Any]) -> Metadata:
    """A review on the page of what it is about: where it stands, why, who decided until when, and what to do."""
    number, decision = told["id"], told["decision"]
    state = {"open": "held", "approved": "approved", "rejected": "rejected"}[decision]
    command = f'assay review sign {number} approve --key KEYFILE --why "…"'
    todo = {
        "open": f"It needs a decision of the {' and of the '.join(told['missing'])} level: sign it (`reject` in place of `approve` ends it), and paste what is printed into the job `review`.\n\n"
        f"`{command}`",
        "approved": "Nothing: it holds until the day that is given.",
        "rejected": "Change what the review names, and run again.",
    }
    return {
        "state": state, "review": number, "about": told["dataset"], "asked_by": told["asked_by"], "reasons": markdown(["reason"], [(reason,) for reason in told["reasons"]]),
        "decisions": markdown(["who", "decision", "why", "holds until"], [(each["approver"], each["decision"], each["why"], each["expires_at"]) for each in told["by"]]),
        "what_to_do": dg.MetadataValue.md(todo[decision]),
    }  # fmt: skip


def cleaned(
    accounting: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
    samples: Mapping[str, Sequence[Sequence[Any]]] | None = None,
) -> Metadata:
    """Where every row went, rates that plot over time, and a few of the cells that each step changed."""
    rows_in = accounting["rows_in"] or 1
    by = [
        *((f"removed: {step}", n) for step, n in accounting["removed_by"].items()),
        *((f"quarantined: {rule}", n) for rule, n in accounting["quarantined_by"].items()),
    ]
    return {
        "dagster/row_count": accounting["published"], "rows_in": accounting["rows_in"], "quarantined": accounting["quarantined"], "removed": accounting["removed"],
        "quarantine_rate_pct": round(100.0 * accounting["quarantined"] / rows_in, 4), "removed_rate_pct": round(100.0 * accounting["removed"] / rows_in, 4),
        "coverage_pct": round(100.0 * accounting["published"] / rows_in, 4), "checks_passed_pct": round(100.0 * sum(c["passed"] is True for c in checks) / (len(checks) or 1), 2),
        "where_rows_went": markdown(["step or rule", "rows"], [(name, f"{n:,}") for name, n in by]),
        "rules_broken": markdown(["rule", "severity", "rows", "allowed"], [(c["rule"], c["severity"], f"{c['failing']:,}", c["bound"]) for c in checks if c["failing"]]),
        **({"cells_changed": markdown(["step", "row", "column", "before", "after"], [(step, *map(_cell, cell)) for step, cells in samples.items() for cell in cells])} if samples else {}),
    }  # fmt: skip


def _cell(value: object) -> str:
    """A value in a table's cell."""
    return "—" if value is None else " ".join(str(value).split())[:80]


def published(
    contract: Contract,
    predicate: Mapping[str, Any],
    *,
    new: bool,
    changes: Mapping[str, Any] | None,
    references: Mapping[str, Mapping[str, Any]],
) -> Metadata:
    """The version, its evidence and its schema; what changed since the one before; where every reference points."""
    upstream = [contract.name, "cleaned"]
    return {
        "dagster/row_count": predicate["accounting"]["published"], "dagster/column_schema": table_schema(contract),
        "dagster/column_lineage": column_lineage(upstream, {c["name"]: [c["name"]] for c in predicate["schema"]}),
        "version": predicate["version"], "new": new, "note": predicate["note"], "sequence": predicate["sequence"], "latest": references[LATEST]["version"],
        "latest_because": references[LATEST]["reason"],
        "evidence": f"evidence/{contract.name}/{predicate['version']}.dsse.json", "verify_with": dg.MetadataValue.md(f"`assay verify {contract.name}@{predicate['version']}`"),
        "obligations": ", ".join(predicate["admission"]["verdict"]["license"]["obligations"]) or "none",
        **quality(predicate), "data_docs": dg.MetadataValue.md(f"`assay contracts docs {contract.name}@{predicate['version']}`, or the job `data_docs`"),
        "references": markdown(["reference", "version", "moved", "by", "because"], [(n, r["version"], r["at"][:19], r["actor"] or "—", r["reason"]) for n, r in references.items()]),
        **({"changes": changes["note"], **{f"rows_{kind}": changes[kind] for kind in ("added", "removed", "changed") if changes[kind] is not None}} if changes else {}),
        **_partition_table(predicate.get("partitions", {})),
    }  # fmt: skip


def featured(
    contract: Contract, version: str, details: Mapping[str, Any], *, new: bool
) -> Metadata:
    """A feature table: its columns, what each is made from, by which engine and how far from the CPU; what it gives away, and what was not selected."""
    wanted, parity, of = contract.features, details["parity"], details["from"]
    if wanted is None:
        raise FeatureError(
            f"the contract of {contract.name} names no features", "Add assay.features to it"
        )
    named = {
        wanted.order_by: [wanted.order_by],
        **{name: each["columns"] for name, each in of.items()},
        **({wanted.target.name: [wanted.target.column]} if wanted.target else {}),
    }
    deps = {
        column: [_feature_dep(contract, source) for source in sources]
        for column, sources in named.items()
    }
    engines = [
        (
            c["feature"],
            of[c["feature"]]["transform"],
            ", ".join(of[c["feature"]]["columns"]),
            c["engine"],
            f"{c['difference']:.3g}",
            c["fallback"] or "",
        )
        for c in parity["columns"]
    ]
    # Dagster's open-source UI keeps column lineage and does not draw it, so the schema says in words what each column is made from
    said = {
        name: (each["type"], f"{each['transform']} of {', '.join(each['columns'])}")
        for name, each in of.items()
    }
    promised = {column.name: str(dtype(column)) for column in contract.published_columns}
    said = {
        wanted.order_by: (promised[wanted.order_by], "the time of the row, as published"),
        **said,
    }
    if wanted.target:
        said[wanted.target.name] = (
            "Int8",
            f"the target: {wanted.target.column} above {wanted.target.above:g}",
        )
    columns = [
        dg.TableColumn(
            name,
            type=kind,
            description=words,
            tags={"classification": details["classes"][name]} if name in details["classes"] else {},
        )
        for name, (kind, words) in said.items()
    ]
    dropped = [
        (s["feature"], s["select"], _render_value(s["score"]), s["because"])
        for s in details["scores"]
        if not s["kept"]
    ]
    return {
        "dagster/row_count": details["rows"], "version": version, "engine": details["engine"], "features": len(details["features"]), "new": new,
        "training_rows": details["training_rows"], "dagster/column_schema": dg.TableSchema(columns), "dagster/column_lineage": dg.TableColumnLineage(deps),
        "greatest_difference": float(parity["greatest"]), "fallbacks": sum(c["fallback"] is not None for c in parity["columns"]),
        "made_from": markdown(["feature", "transform", "from", "engine", "difference from the CPU", "why not the engine asked for"], engines),
        "parity": f"on {parity['rows']:,} rows, tolerance {parity['tolerance']:g}", "evidence": f"evidence/{contract.name}/features/{version}.dsse.json",
        **({"left_out_by_selection": markdown(["feature", "selection", "score", "because"], dropped)} if dropped else {}),
        **({"proxies": markdown(["feature", "predicts", "skill"], [(p["feature"], p["column"], p["skill"]) for p in details["proxies"]])} if details["proxies"] else {}),
    }  # fmt: skip


def _feature_dep(contract: Contract, source: str) -> dg.TableColumnDep:
    dataset, _, column = source.partition(".")
    own = not column or source in contract.column_names
    return dg.TableColumnDep(
        asset_key=dg.AssetKey([contract.name if own else dataset, "published"]),
        column_name=source if own else column,
    )


_DRIFTED: Mapping[bool | None, str] = {True: "**drifted**", False: "stable", None: "unknown"}
_DECISIONS = 20  # shown; `assay drift decisions` has all of them


def drifted(
    version: str,
    details: Mapping[str, Any],
    decision: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
    report: Path | None,
) -> Metadata:
    """The verdict on a version and why, what was decided and by which rule, each score as a number that plots, and the decisions so far.

    Args:
        decision: about this version, as its measurements had it. decisions: all about the data set, stewards' too, the oldest first.
    """
    rows = [
        (
            _part(m),
            m["against"],
            m["method"],
            _score(m["score"]),
            f"{m['threshold']:g}",
            "" if m.get("p_value") is None else f"{m['p_value']:.2g}",
            _DRIFTED[m["drifted"]],
            m["note"],
        )
        for m in sorted(
            details["measurements"], key=lambda m: {True: 0, None: 1, False: 2}[m["drifted"]]
        )
    ]
    # the name says all that is compared, so that one comparison plots on over the versions, whatever else is measured of one of them
    scores = {
        f"{m['method']}/{_part(m)}"
        + ("" if m["against"] == BEFORE else f" against {m['against']}"): float(m["score"])
        for m in details["measurements"]
        if m["score"] is not None
    }
    number, evidence = decision.get("id"), decision["situation"]["evidence"]
    told = [
        (d["id"], d["version"], d["at"][:16], d["action"], d["rule"], _own_words(d), d["by"])
        for d in reversed(decisions[-_DECISIONS:])
    ]
    return {
        "verdict": details["verdict"], "version": version, "reference": details["reference"] or "none", "reasons": markdown(["why this verdict"], [(each,) for each in details["reasons"]]),
        "decision": decision["action"], "decided_because": f"{_own_words(decision)} (rule: {decision['rule']})",
        "measurements": markdown(["column", "against", "method", "score", "threshold", "p", "verdict", "note"], rows),
        **({"changes_of_regime": markdown(["change"], [(each,) for each in details["changes"]])} if details.get("changes") else {}),
        "decisions": markdown(["number", "version", "at", "action", "rule", "because", "by"], told), "evidence": f"sha256 {evidence[:16]}…",
        **({"replay_with": dg.MetadataValue.md(f"`assay replay {number}`")} if number else {}), **({"report": dg.MetadataValue.path(report)} if report else {}), **scores,
    }  # fmt: skip


def _part(measurement: Mapping[str, Any]) -> str:
    """What was measured: a column, or all rows, or either in a slice."""
    name = "all rows" if measurement["column"] == ALL_COLUMNS else measurement["column"]
    return f"{name} [{measurement['part']}]" if measurement["part"] else str(name)


def _own_words(decision: Mapping[str, Any]) -> str:
    """A decision's reason without the verdict's reasons, which it repeats."""
    said = "; ".join(reason.rstrip(".") for reason in decision["situation"]["reasons"])
    return str(decision["reason"]).replace(f": {said}.", ".") if said else str(decision["reason"])


def _score(score: float | None) -> str:
    return "—" if score is None else f"{score:.4f}"


def modelled(details: Mapping[str, Any], card: str) -> Metadata:
    """A candidate: what came of it and why, how it did beside the champion, in slices and between groups, what it carries, and its card."""
    found = details["evaluation"]
    mine, theirs, better = found["candidate"], found["champion"] or {}, found["better"] or {}
    judged = [
        ("all held-back rows", f"{found['rows']:,}", _range(mine), _range(theirs)),
        *(
            (p["name"], f"{p['rows']:,}", _score(p["candidate"]), _score(p["champion"]))
            for p in found["slices"]
        ),
    ]
    gaps = [
        (gap["column"], gap["groups"], what, _score(gap[what]), _score(gap[f"champion_{what}"]))
        for gap in found["gaps"] for what in ("selection", "opportunity")
    ]  # fmt: skip
    numbers = {
        details["metric"]: details["candidate"], "in_service": details["in_service"], "better_by": better.get("value"), "better_by_low": better.get("low"), "better_by_high": better.get("high"),
        "calibration_error": found["calibration"], "calibration_error_in_service": found["champion_calibration"],
    }  # fmt: skip
    return {
        **_acted(details), "model": details["model"], "model_version": details["model_version"], "judged_against": f"version {details['replaced']}" if details["replaced"] else "nobody",
        "trained_rows": details["trained_rows"], "judged_rows": details["judged_rows"], "judged_on": markdown(["on", "rows", details["metric"], "in service"], judged),
        **({"between_groups": markdown(["column", "groups", "difference in", "of it", "in service"], gaps)} if gaps else {}),
        "trace": dg.MetadataValue.md(f"`assay why {details['trace_id']}`"), "model_card": dg.MetadataValue.md(card), **_plotted(numbers),
    }  # fmt: skip


def indexed(details: Mapping[str, Any]) -> Metadata:
    """A candidate index: what came of it and why, how it answered beside the one in service, what was built anew, what it carries."""
    mine, theirs, changed, embedder = (
        details["measured"],
        details["measured_in_service"] or {},
        details["changed"],
        details["embedder"],
    )
    answers = ("recall", "ndcg", "mrr", "citations", "p50_ms", "p95_ms")
    judged = [
        (name, _render_value(mine[name]), _render_value(theirs[name]) if theirs else "—")
        for name in answers
    ]
    work = ", ".join(f"{changed[kind]:,} {kind}" for kind in ("added", "changed", "removed"))
    return {
        **_acted(details), "dagster/row_count": details["chunks"], "build": details["build"], "documents": details["documents"], "passages": details["chunks"], "bytes": details["bytes"],
        "judged_by": markdown([f"{mine['questions']:,} questions, k = {mine['k']}", "of it", "in service"], judged),
        "built_from": f"documents: {work}; passages: {changed['carried']:,} carried over, {changed['embedded']:,} embedded",
        "embedder": ", ".join(f"{name} {str(value)[:16]}" for name, value in embedder.items() if isinstance(value, str | int)), **_plotted({name: mine[name] for name in answers}),
    }  # fmt: skip


def _acted(details: Mapping[str, Any]) -> Metadata:
    """What models and indexes share: what came of the candidate and why, why it was made, what it was made from and has to carry."""
    asked = details.get("asked_because")
    return {
        "outcome": details["outcome"], "reason": details["reason"], **({"asked_because": asked} if asked else {}), "metric": details["metric"], "dataset_version": details["dataset_version"],
        "license": details["license"], "obligations": details["obligations"], "attribution": details["attribution"],
    }  # fmt: skip


def _plotted(numbers: Mapping[str, float | None]) -> Metadata:
    """Numbers that plot; what could not be measured has no point."""
    return {name: float(value) for name, value in numbers.items() if value is not None}


def _range(interval: Mapping[str, float | None]) -> str:
    value, low, high = (interval.get(name) for name in ("value", "low", "high"))
    return "—" if value is None else f"{value:.4f} ({_score(low)} to {_score(high)})"


def quality(predicate: Mapping[str, Any]) -> Metadata:
    """The quality metrics: the main ones as numbers that plot, columns and groups as tables. What is unknown has no point to plot."""
    found = predicate.get("quality")
    if found is None:
        return {}
    numbers = {name: found[name] for name in MAIN} | {
        f"error_rate_{name}_pct": rate for name, rate in found["error_rates_pct"].items()
    }
    numbers |= {f"freshness_{name}_hours": age for name, age in found["freshness_hours"].items()}
    for each in found["bias"]:
        numbers |= {
            f"{each['column']}_{name}": each[name]
            for name in ("smallest_share_pct", "balance", "parity_difference", "impact_ratio")
        }
    columns = [
        (
            c["column"],
            *(
                _render_value(c[name])
                for name in ("completeness_pct", "error_rate_pct", "changed_pct", "stability_psi")
            ),
        )
        for c in found["columns"]
    ]
    groups = [
        (
            each["column"],
            _render_value(g["value"]),
            f"{g['rows']:,}",
            _render_value(g["share_pct"]),
            _render_value(g["label_pct"]),
        )
        for each in found["bias"]
        for g in each["groups"]
    ]
    return {
        **{name: float(value) for name, value in numbers.items() if value is not None},
        "quality_by_column": markdown(
            ["column", "completeness %", "error rate %", "changed %", "stability index"], columns
        ),
        **(
            {"bias_by_group": markdown(["column", "group", "rows", "share %", "outcome %"], groups)}
            if groups
            else {}
        ),
    }


MAIN = (
    "noise_rate_pct",
    "duplicate_rate_pct",
    "coverage_pct",
    "error_rate_pct",
    "completeness_pct",
    "stability_psi",
    "stable_columns_pct",
)
"""The metrics that every version has, as far as they are known."""


def _render_value(value: object) -> str:
    return (
        "unknown" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    )


def quarantined(entries: Sequence[Mapping[str, Any]]) -> Metadata:
    """What waits in the quarantine."""
    there = [entry for entry in entries if entry["expired_at"] is None]
    rows = [
        (
            e["run_id"],
            e["kept_at"][:16],
            *(f"{e[s]:,}" for s in ("rows", "open", "released", "discarded")),
            (e["expires_at"] or "unknown")[:10],
        )
        for e in there
    ]
    waiting = {
        f"quarantine_{state}": sum(entry[state] for entry in there[-1:])
        for state in ("open", "released", "discarded")
    }
    return {
        **waiting,
        "quarantine": markdown(
            ["run", "kept", "rows", "open", "released", "discarded", "expires"], rows
        ),
    }


def replayed(found: Mapping[str, Any]) -> Metadata:
    """What today's contract says of quarantined rows."""
    reasons = [
        (each["reason"], f"{each['rows']:,}", f"{each['would_pass']:,}")
        for each in found["reasons"]
    ]
    return {
        "open": found["open"],
        "would_pass": found["would_pass"],
        "by_reason": markdown(["reason", "rows", "would pass"], reasons),
    }


def documented(made: Mapping[str, Any]) -> Metadata:
    """Where the Data Docs lie. A path, to be copied: a browser follows no link from a page of the web to a file."""
    return {
        "data_docs": dg.MetadataValue.path(made["index"]),
        "version": made["version"],
        "rows_sampled": made["rows"],
    }


def _partition_table(partitions: Mapping[str, Mapping[str, Any]]) -> Metadata:
    """Where the rows of each partition went, and which version made it."""
    counts = ("rows_in", "published", "quarantined", "removed")
    rows = [
        (name, *(f"{each['accounting'][count]:,}" for count in counts), each["made_in"])
        for name, each in partitions.items()
    ]
    return {"partitions": markdown(["partition", *counts, "made in"], rows)} if rows else {}
