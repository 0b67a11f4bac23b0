"""Admit, done: the profile pass over landed rows -> verdict, and everything the apply pass needs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from assets.hands.beside import license_beside
from assets.hands.registry import Row
from assets.hands.sources import locate
from assets.stages import review
from assets.stages.ingest import landed_in, landed_rows
from assets.stages.run import Run, stage
from contracts.errors import AdmissionError, SourceError, Where
from contracts.location import kind_of
from contracts.model import Contract
from contracts.settings import Window
from contracts.types import read
from lineage.facts import Table
from pipelines.admit import personal
from pipelines.admit.license import held_against, judge_license, looser, rows_not_allowed
from pipelines.admit.verdict import decide
from pipelines.clean import duplicates, steps
from pipelines.clean.types import typed
from pipelines.draft.license import UNKNOWN
from pipelines.engine import run_together
from pipelines.frames import ROW, LicenseVerdict, Verdict
from pipelines.publish.naming import Inputs

FOUND_SCHEMA = {ROW: pl.Int64, "column": pl.String, "kind": pl.String, "value": pl.String, "confidence": pl.Float64}


@dataclass(frozen=True)
class Admission:
    """What the profile pass found and decided. `found` and `repeated` hold rows of this run; they lie in its staging folder."""

    verdict: Verdict
    inputs: Inputs
    rows_in_window: int
    fitted: dict[str, Any]
    found: pl.DataFrame
    repeated: pl.Series
    barred: dict[str, str]
    """Licences that rows name and that do not allow every purpose -> why."""
    published: Row | None = None
    decided_by: str = "policy"
    approvals: tuple[str, ...] = ()
    """The signed decisions of the stewards, as they signed them."""


def admit(run: Run) -> Admission:
    """Decide whether the landed rows may be used.

    Raises: AdmissionError: the licence refuses, or a person must decide (or has refused).
    """
    office, contract = run.office, run.contract
    receipt = landed_in(run)
    with stage(run, "admitted") as noted:
        window = next_window(run, receipt.digest)
        inputs = _inputs(run, receipt.digest, window)
        already = office.registry.by_inputs(contract.name, inputs.key)
        if already is not None:
            return _again(run, inputs, already)
        review.check_policy(office)
        license_verdict = _inherited(run, _licensed(run), inputs)
        admission = _profile(run, inputs, window, license_verdict)
        admission = _reviewed(run, admission)
        _keep(office.lake.staging(contract.name, run.run_id), admission)
        noted.inputs.append(Table(name=f"{contract.name}/landed", version=receipt.digest))
        noted.outputs.append(Table(name=f"{contract.name}/admitted", rows=admission.rows_in_window, tags={"license": license_verdict.expression}))
    return admission


def next_window(run: Run, digest: str) -> Window | None:
    """The window to publish: the one asked for, else the first not yet published from these bytes, else the last.

    Raises: SourceError: the contract has no window of that name.
    """
    windows = run.contract.source.windows
    if windows is None:
        if run.window is not None:
            raise SourceError(f"the contract has no window '{run.window}'", "Run without a window, or add `windows` to assay.source")
        return None
    if run.window is not None:
        named = [window for window in windows.each if window.name == run.window]
        if not named:
            raise SourceError(f"the contract has no window '{run.window}'", f"Choose one of {', '.join(w.name for w in windows.each)}")
        return named[0]
    for window in windows.each:
        if run.office.registry.by_inputs(run.contract.name, _inputs(run, digest, window).key) is None:
            return window
    return windows.each[-1]


def _inputs(run: Run, digest: str, window: Window | None) -> Inputs:
    return Inputs(run.contract.name, digest, window.name if window else None, run.contract.digest, run.office.policy.digest, version("assay"), _related(run))


def _related(run: Run) -> dict[str, str]:
    """The newest version of each data set that a relationship points to or the data are derived from, where it has one."""
    named = {rule.argument.dataset for rule in run.contract.rules if rule.kind == "relationship"} - {run.contract.table} | set(run.contract.source.derived_from)
    return {name: versions[-1]["version"] for name in sorted(named) if (versions := run.office.registry.versions(name))}


def _licensed(run: Run) -> LicenseVerdict:
    """The verdict on the contract's licence, held against the text that lies beside the source, if there is one."""
    wanted, policy, today = run.contract.license, run.office.policy, run.office.clock().date()
    verdict = judge_license(wanted, policy, today)
    if kind_of(run.contract.source.location) in ("http", "cloud", "postgres"):
        return verdict  # nothing lies beside it here
    path = locate(run.contract, run.office.home.roots)
    root = next((root for root in run.office.home.roots if path.is_relative_to(root)), None)  # a package's files have their licence elsewhere
    found = license_beside(path, root) if root else None
    return verdict if found is None or found.expression == UNKNOWN else held_against(verdict, wanted, found.expression, found.evidence, policy, today)


def _inherited(run: Run, verdict: LicenseVerdict, inputs: Inputs) -> LicenseVerdict:
    """The verdict with what the data it was derived from demand: their obligations, and a refusal where the contract is looser than they are.

    Raises: AdmissionError: one of them has not been published, so nobody can tell what it demands.
    """
    office, contract = run.office, run.contract
    admitted: dict[str, LicenseVerdict] = {}
    for name in contract.source.derived_from:
        if name not in inputs.related:
            raise AdmissionError(f"it is derived from {name}, which has not been published", f"Publish that first: assay run {name}", Where(file=contract.file))
        admitted[name] = verdict_from(office.statement(office.version(name, inputs.related[name]))["predicate"]["admission"]["verdict"]).license
    reasons = looser(contract.license, {name: each.expression for name, each in admitted.items()}, office.policy)
    if reasons:
        return replace(verdict, outcome="refused", reasons=reasons)
    each = [verdict, *admitted.values()]
    return replace(verdict, obligations=tuple(dict.fromkeys(o for v in each for o in v.obligations)), attribution=tuple(dict.fromkeys(a for v in each for a in v.attribution)))


def window_of(contract: Contract, name: str | None) -> Window | None:
    """The contract's window of that name."""
    windows = contract.source.windows
    return next(window for window in windows.each if window.name == name) if windows and name else None


def window_rows(run: Run, digest: str, window: Window | None) -> pl.LazyFrame:
    """The landed rows of one window."""
    rows = landed_rows(run, digest)
    windows = run.contract.source.windows
    if window is None or windows is None:
        return rows
    at = read(run.contract.column(windows.column))
    return rows.filter(at.is_between(window.start, window.end, closed="left"))


def _profile(run: Run, inputs: Inputs, window: Window | None, license_verdict: LicenseVerdict) -> Admission:
    """The first pass: one streaming scan for counts, personal data, suspects of repetition, and what cleaning is fitted on."""
    contract = run.contract
    rows = window_rows(run, inputs.source_digest, window)
    fitter = steps.fit(contract.cleaning)
    measured = typed(rows, contract).select(pl.len().alias("rows"), *([fitter] if fitter is not None else []))
    named = rows.select(pl.col(contract.license.column).drop_nulls().unique().sort().alias("license")) if contract.license.column else pl.LazyFrame({"license": []})
    found, (numbers, suspected, licenses) = _searched(rows, contract, measured, duplicates.suspects(rows, contract.column_names), named)
    barred = rows_not_allowed(contract.license, licenses["license"].to_list(), run.office.policy)
    repeated = pl.Series(ROW, [], pl.Int64)
    if suspected.height and any(step.step == "deduplicate" for step in contract.cleaning):
        repeated = run_together([duplicates.repeated(rows, contract.column_names, suspected)])[0][ROW]
    verdict = decide(license_verdict, personal.findings(found, list(contract.privacy.columns)))
    fitted = numbers.to_dicts()[0]
    return Admission(verdict, inputs, fitted["rows"], fitted.get("fitted") or {}, found, repeated, barred)


def _searched(rows: pl.LazyFrame, contract: Contract, *beside: pl.LazyFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Every personal value in the rows, and what the plans `beside` gave in the same pass."""
    texts = [column.name for column in contract.columns if column.logical_type == "string" or column.fields]
    misplaced = _misplaced(rows, contract, texts)
    counted = rows.select(pl.lit(0).alias(ROW), *(unread.sum().alias(name) for name, unread in misplaced.items()))
    searched = [*personal.spans(rows, texts), *personal.declared_values(rows, contract.privacy)]
    first = run_together([*beside, personal.disguises(rows, texts), counted, *searched, *personal.encoded(rows, texts)])
    disguised, unread, *found = first[len(beside) :]
    found, hidden = found[: len(searched)], pl.concat([pl.DataFrame(schema=personal.HIDDEN), *found[len(searched) :]])
    whole = pl.concat([pl.DataFrame(schema=FOUND_SCHEMA), *found])
    # what only a second look can tell, where the first gives reason to it: what hides in base 64 or behind other characters, what stands in a
    # column of another type, and where free text names somebody from a name column
    redacted = [column for column, treatment in contract.privacy.columns.items() if treatment.treatment == "redact"]
    second = run_together(
        [
            *personal.mentions(rows, redacted, personal.whole_names(whole)),
            *personal.within(hidden),
            *personal.undisguised(rows, disguised),
            *(plan for name, at in misplaced.items() if unread[name].sum() for plan in personal.spans(rows.filter(at), [name])),
        ]
    )
    everything = pl.concat([whole, *(each.cast(pl.Schema(FOUND_SCHEMA)) for each in second)])
    return everything.unique(subset=[ROW, "column", "kind", "value"], maintain_order=False).sort("column", "kind", ROW, "value"), first[: len(beside)]


def _misplaced(rows: pl.LazyFrame, contract: Contract, texts: list[str]) -> dict[str, pl.Expr]:
    """Where columns of other types cannot be read as theirs: those cells are set aside as they came."""
    schema = rows.collect_schema()
    others = [column for column in contract.columns if column.name not in texts and schema.get(column.name) == pl.String]
    return {column.name: pl.col(column.name).is_not_null() & read(column).is_null() for column in others}


def found_again(run: Run, row: Row) -> pl.DataFrame:
    """What the scan finds in the landed rows of a version: `_row`, `column`, `kind`, `value`. Holds personal values: use it and let it go."""
    return _searched(window_rows(run, row["source_digest"], window_of(run.contract, row["window"])), run.contract)[0]


def _reviewed(run: Run, admission: Admission) -> Admission:
    """Let the verdict stand, or find what a person decided. Raises: AdmissionError: refused, or nobody has decided yet."""
    contract, verdict = run.contract, admission.verdict
    where = Where(file=contract.file, dataset=contract.name)
    if verdict.outcome == "refused":
        raise AdmissionError(f"the licence refuses: {'; '.join(verdict.reasons)}", "Drop the purpose from assay.license, or get another licence from the holder", where)
    if verdict.outcome == "admitted":
        return admission
    row = run.office.registry.ask(contract.name, admission.inputs.key, list(verdict.reasons))
    now = review.stands(run.office, row)
    said = "; ".join(f"{each.approver}: {each.why}" for each in now.by)
    if now.decision == "approved":
        return replace(admission, decided_by=said, approvals=tuple(review.envelopes(run.office, row)))
    if now.decision == "rejected":
        raise AdmissionError(f"rejected by {said}", "Change what the review names, and run again", where)
    raise AdmissionError(
        f"held for review: {'; '.join(verdict.reasons)}", f"Declare the column under assay.privacy, or let two stewards decide: assay review show {row['id']}", where
    )


# -- between two stages of one run, which may be two processes ----------------------------


def _keep(folder: Path, admission: Admission) -> None:
    admission.found.write_parquet(folder / "found.parquet")
    admission.repeated.to_frame(ROW).write_parquet(folder / "repeated.parquet")
    (folder / "admission.json").write_text(
        json.dumps(
            {
                "verdict": asdict(admission.verdict),
                "inputs": asdict(admission.inputs),
                "rows": admission.rows_in_window,
                "fitted": admission.fitted,
                "decided_by": admission.decided_by,
                "barred": admission.barred,
                "approvals": admission.approvals,
            }
        )
    )


def admission_of(run: Run) -> Admission:
    """What this run's admission found; admits now where the run has not."""
    folder = run.office.lake.folder(run.contract.name, "staging") / run.run_id
    file = folder / "admission.json"
    if not file.exists():
        return admit(run)
    data = json.loads(file.read_text())
    return Admission(
        verdict=verdict_from(data["verdict"]),
        inputs=Inputs(**data["inputs"]),
        rows_in_window=data["rows"],
        fitted=data["fitted"],
        found=pl.read_parquet(folder / "found.parquet"),
        repeated=pl.read_parquet(folder / "repeated.parquet")[ROW],
        barred=data["barred"],
        approvals=tuple(data["approvals"]),
        decided_by=data["decided_by"],
    )


def verdict_from(data: dict[str, Any]) -> Verdict:
    """A verdict from its JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Verdict).validate_python(data)


def _again(run: Run, inputs: Inputs, row: Row) -> Admission:
    """The same inputs were published before: the verdict is the one in the evidence."""
    predicate = run.office.statement(row)["predicate"]
    return Admission(
        verdict_from(predicate["admission"]["verdict"]), inputs, predicate["accounting"]["rows_in"], {}, pl.DataFrame(schema=FOUND_SCHEMA), pl.Series(ROW, [], pl.Int64), {}, row
    )
