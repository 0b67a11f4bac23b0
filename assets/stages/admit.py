"""Admit, done: the profile pass over landed rows -> verdict, and everything the apply pass needs."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from assay.assets.io.license_files import license_beside
from assay.assets.io.registry.versions import Version
from assay.assets.io.sources import locate
from assay.assets.stages import fitted, review_state
from assay.assets.stages.handlings import decisions_of
from assay.assets.stages.ingest import landed_in, landed_rows, names_of, receipt_of
from assay.assets.stages.run import Run, stage
from assay.assets.stages.search import FOUND_SCHEMA, MANY_ROWS, few_values, searched
from assay.contracts.errors import AdmissionError, EvidenceError, SourceError, Where
from assay.contracts.location import ELSEWHERE, kind_of
from assay.contracts.model import Contract
from assay.contracts.settings import Window
from assay.contracts.types import read
from assay.lineage import partition_tree
from assay.lineage.facts import Table
from assay.pipelines.admit import personal
from assay.pipelines.admit.license import (
    held_against,
    judge_license,
    looser,
    no_freer,
    rows_not_allowed,
)
from assay.pipelines.admit.treat import treatments
from assay.pipelines.admit.verdict import decide
from assay.pipelines.clean import steps
from assay.pipelines.clean.duplicates import parts_of
from assay.pipelines.core.engine import run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import LicenseVerdict, Verdict
from assay.pipelines.draft.license import UNKNOWN
from assay.pipelines.publish import partitions
from assay.pipelines.publish.naming import CONTENT_EDITION, Inputs
from assay.pipelines.validate.evaluate import kept_by_all, without_repeats
from assay.pipelines.validate.quarantine import decisions_digest

Learned = TypeVar("Learned")
_LICENCE_TEXT = re.compile(
    r"(licen[cs]e|copying|readme|source|datapackage)(\.(md|txt|rst|html|json))?", re.IGNORECASE
)


@dataclass(frozen=True)
class Admission:
    """What the profile pass found and decided. `found` holds personal values of this run; it lies in its staging folder."""

    verdict: Verdict
    inputs: Inputs
    rows_in_window: int
    fitted: tuple[Fitted, ...]
    """What each cleaning step has learned."""
    found: pl.DataFrame
    barred: dict[str, str]
    """Licences that rows name and that do not allow every purpose -> why."""
    kept_by_all: tuple[str, ...] = ()
    """Rules that every value of the source keeps, as it came."""
    published: Version | None = None
    decided_by: str = "policy"
    approvals: tuple[str, ...] = ()
    """The signed decisions of the stewards, as they signed them."""


def admit(run: Run) -> Admission:
    """Decide whether the landed rows may be used.

    Raises: AdmissionError: the licence refuses, or a person must decide (or has refused).
    """
    installation, contract = run.installation, run.contract
    receipt = landed_in(run)
    with stage(run, "admitted") as noted:
        window = next_window(run, receipt.digest)
        inputs = _inputs(run, receipt.digest, window)
        already = published_of(run, inputs)
        if already is not None:
            return _again(run, inputs, already)
        review_state.check_policies(installation)
        license_verdict = _inherited(run, _licensed(run), inputs)
        admission = _profile(run, inputs, window, license_verdict)
        admission = _reviewed(run, admission)
        _keep(installation.lake.staging(contract.name, run.run_id), admission)
        noted.inputs.append(Table(name=f"{contract.name}/landed", version=receipt.digest))
        noted.outputs.append(
            Table(
                name=f"{contract.name}/admitted",
                rows=admission.rows_in_window,
                tags={"license": license_verdict.expression},
            )
        )
    return admission


def pending_review(run: Run) -> dict[str, Any] | None:
    """The review that this run's data wait for, or passed: of their own inputs, or of a changed policy that holds up everything. None where nobody was asked."""
    installation, digest = run.installation, landed_in(run).digest
    about = {
        review_state.STEWARDS: installation.stewards.digest,
        review_state.POLICIES: installation.policy.digest,
        run.contract.name: _inputs(run, digest, next_window(run, digest)).key,
    }
    told = [
        review_state.describe_review(installation, row)
        for row in installation.registry.reviews.all()
        if about.get(row.dataset) == row.input_key
    ]
    waiting = [each for each in told if each["decision"] != "approved"]
    return next(
        iter(waiting or [each for each in told if each["dataset"] == run.contract.name]), None
    )


def next_window(run: Run, digest: str) -> Window | None:
    """The window to publish: the one asked for, else the first not yet published from these bytes, else the last.

    Raises: SourceError: the contract has no window of that name.
    """
    windows = run.contract.source.windows
    if run.contract.source.partitions and run.window:
        return window_of(run.contract, run.window)
    if windows is None:
        if run.window is not None:
            raise SourceError(
                "the contract has no window of that name",
                "Run without a window, or add `windows` to assay.source",
            )
        return None
    if run.window is not None:
        named = [window for window in windows.each if window.name == run.window]
        if not named:
            raise SourceError(
                "the contract has no window of that name",
                f"Choose one of {', '.join(w.name for w in windows.each)}",
            )
        return named[0]
    for window in windows.each:
        if (
            run.installation.registry.versions.of_inputs(
                run.contract.name, _inputs(run, digest, window).key
            )
            is None
        ):
            return window
    return windows.each[-1]


def published_of(run: Run, inputs: Inputs) -> Version | None:
    """The version that holds what these inputs give, if there is one: of a partition, only the one that `latest` points to."""
    installation, name = run.installation, run.contract.name
    if run.partition is None:
        return installation.registry.versions.of_inputs(name, inputs.key)
    row = installation.registry.references.resolve(name)
    if row is None:
        return None
    predicate = installation.signed_statement(row)["predicate"]
    if "partition_tree" in predicate:
        read = installation.partition_reader(name)
        part = partition_tree.find(predicate["partition_tree"]["root"], run.partition, read) or {}
    else:
        part = predicate.get("partitions", {}).get(run.partition, {})
    return row if part.get("key") == inputs.key else None


def inputs_of(run: Run, digest: str) -> Inputs:
    """What decides the run's partition, from a source of that digest."""
    return _inputs(run, digest, window_of(run.contract, run.window))


def window_counts(run: Run, digest: str, form: str) -> dict[str, int]:
    """The landed rows of each partition, by the name that its time is written as."""
    column = run.contract.partition_column
    if column is None:
        return {}
    named = landed_rows(run, digest).select(
        read(column).cast(pl.Datetime("us", "UTC")).dt.strftime(form).alias("name")
    )
    (counted,) = run_together([named.group_by("name").len()])
    return dict(counted.iter_rows())


def _inputs(run: Run, digest: str, window: Window | None) -> Inputs:
    part = window.name if window else None
    decisions = decisions_digest(decisions_of(run.installation, run.contract.name, digest, part))
    return Inputs(
        run.contract.name,
        digest,
        part,
        run.contract.digest,
        run.installation.policy.digest,
        CONTENT_EDITION,
        _related(run, digest),
        decisions,
    )


def _related(run: Run, digest: str) -> dict[str, str]:
    """The version that `latest` points to of each data set that a relationship names or the data are derived from, where it has one.

    Of the data set that is the source it is the version that was read.
    """
    named = {
        rule.argument.dataset for rule in run.contract.rules if rule.kind == "relationship"
    } - {run.contract.table} | set(run.contract.source.derived_from)
    newest = {
        name: row.version
        for name in named
        if (row := run.installation.registry.references.resolve(name))
    }
    source = receipt_of(run, digest).upstream if run.contract.source.upstream else None
    return dict(
        sorted({**newest, **({source["dataset"]: source["version"]} if source else {})}.items())
    )


def _licensed(run: Run) -> LicenseVerdict:
    """The verdict on the contract's licence, held against the text that lies beside the source, if there is one."""
    wanted, policy, today = (
        run.contract.license,
        run.installation.policy,
        run.installation.clock().date(),
    )
    verdict = judge_license(wanted, policy, today)
    if kind_of(run.contract.source.location) in ELSEWHERE:
        return verdict  # nothing lies beside it here
    path = locate(run.contract, run.installation.home.roots)
    root = next(
        (root for root in run.installation.home.roots if path.is_relative_to(root)), None
    )  # a package's files have their licence elsewhere
    found = license_beside(path, root) if root else None
    if found is None or found.expression == UNKNOWN:
        return verdict
    evidence = _shown_text(run, found.evidence, path.name)
    return held_against(verdict, wanted, found.expression, evidence, policy, today)


def _shown_text(run: Run, name: str, beside: str) -> str:
    """The name of a licence's text as it may be shown: as it is where every such text has it, or the contract names the file it belongs to."""
    is_named = kind_of(run.contract.source.location) != "glob" and name == f"{beside}.license"
    if is_named or _LICENCE_TEXT.fullmatch(name):
        return name
    return names_of(run).labels("file", [name])[0]


def _inherited(run: Run, verdict: LicenseVerdict, inputs: Inputs) -> LicenseVerdict:
    """The verdict with what the data it was derived from demand: their obligations, and a refusal where the contract is looser than they are.

    Raises: AdmissionError: one of them has not been published, so nobody can tell what it demands.
    """
    installation, contract = run.installation, run.contract
    admitted: dict[str, LicenseVerdict] = {}
    for name in contract.source.inherits:
        if name not in inputs.related:
            raise AdmissionError(
                f"it is derived from {name}, which has not been published",
                f"Publish that first: assay run {name}",
                Where(file=contract.file),
            )
        admitted[name] = verdict_from(
            installation.statement(installation.version(name, inputs.related[name]))["predicate"][
                "admission"
            ]["verdict"]
        ).license
    reasons = looser(
        contract.license,
        {name: each.expression for name, each in admitted.items()},
        installation.policy,
    )
    if reasons:
        return replace(verdict, outcome="refused", reasons=reasons)
    if contract.source.upstream:
        name = contract.source.upstream[0]
        named = f"{name}@{inputs.related[name]}"
        verdict = no_freer(
            verdict,
            contract.license,
            admitted[name].expression,
            named,
            installation.policy,
            installation.clock().date(),
        )
    each = [verdict, *admitted.values()]
    return replace(
        verdict,
        obligations=tuple(dict.fromkeys(o for v in each for o in v.obligations)),
        attribution=tuple(dict.fromkeys(a for v in each for a in v.attribution)),
    )


def window_of(contract: Contract, name: str | None) -> Window | None:
    """The contract's window of that name, or the span of that partition."""
    windows, partitioned = contract.source.windows, contract.source.partitions
    if partitioned and name:
        return partitions.window(partitioned, name)
    return (
        next(window for window in windows.each if window.name == name) if windows and name else None
    )


def window_rows(run: Run, digest: str, window: Window | None) -> pl.LazyFrame:
    """The landed rows of one window; all of them where they came in a file of their own."""
    rows = landed_rows(run, digest)
    if window is None or run.own_source:
        return rows
    return rows.filter(_within(run.contract, window))


def _within(contract: Contract, window: Window) -> pl.Expr:
    windows = contract.source.windows
    column = contract.column(windows.column) if windows else contract.partition_column
    if column is None:
        raise SourceError(
            "no column says which rows are of which window",
            "Give one `partitioned: true`, or `windows` to assay.source",
            Where(file=contract.file),
        )
    return (
        read(column)
        .cast(pl.Datetime("us", "UTC"))
        .is_between(window.start, window.end, closed="left")
    )


def treated_rows(run: Run, inputs: Inputs, found: pl.DataFrame) -> pl.LazyFrame:
    """The admitted rows as text, each personal column replaced as the contract says.

    Args:
        found: what the scan found in columns to be redacted; where it is empty, nothing in them is replaced.
    """
    contract, keys = run.contract, run.installation.keys
    rows = window_rows(run, inputs.source_digest, window_of(contract, inputs.window))
    return rows.with_columns(
        treatments(
            contract.privacy,
            found,
            keys.pseudonymizer(contract.license.purposes[0]),
            keys.keyed_hash(),
        ).values()
    )


def _profile(
    run: Run, inputs: Inputs, window: Window | None, license_verdict: LicenseVerdict
) -> Admission:
    """The first pass: one streaming scan for counts, personal data, and what cleaning is fitted on."""
    contract = run.contract
    rows = window_rows(run, inputs.source_digest, window)
    counted = rows.select(pl.len().alias("rows"))
    named = (
        rows.select(pl.col(contract.license.column).drop_nulls().unique().sort().alias("license"))
        if contract.license.column
        else pl.LazyFrame({"license": []})
    )
    strays = rows.select(
        (~_within(contract, window)).sum().alias("strays")
        if run.own_source and window
        else pl.lit(0).alias("strays")
    )
    landed, few = receipt_of(run, inputs.source_digest).rows, few_values(run, inputs.source_digest)
    # what is redacted is only known after the search; without it, cleaning learns in the same pass
    redacts = any(
        treatment.treatment == "redact" for treatment in contract.privacy.columns.values()
    )
    none = pl.DataFrame(schema=FOUND_SCHEMA)
    known = fitted.kept(run)
    early = (
        _Learner(steps.fitting(treated_rows(run, inputs, none), rows, contract, known))
        if not redacts
        else None
    )
    keys = _Learner(
        without_repeats(
            rows, contract, contract.rules if landed >= MANY_ROWS else (), parts_of(landed)
        )
    )
    found, (count, licenses, strayed, *learned) = searched(
        run, rows, few, counted, named, strays, *(early.plans if early else [])
    )
    if strayed.height and strayed["strays"][0]:
        raise SourceError(
            f"{strayed['strays'][0]:,} of its rows are not of {run.window}",
            "Deliver them with the partition they belong to",
            Where(file=contract.source.shown_location),
        )
    fitter = early or _Learner(
        steps.fitting(treated_rows(run, inputs, found), rows, contract, known)
    )
    if early and early.plans:
        early.send(learned)
    for learner in (fitter, keys):  # one after the other: each may sort millions of hashes
        while learner.plans:
            learner.send(run_together(learner.plans))
    barred = rows_not_allowed(
        contract.license, licenses["license"].to_list(), run.installation.policy
    )
    verdict = decide(license_verdict, personal.findings(found, list(contract.privacy.columns)))
    return Admission(
        verdict,
        inputs,
        count.item(),
        fitter.done,
        found,
        barred,
        kept_by_all(contract.rules, contract, few) + keys.done,
    )


class _Learner(Generic[Learned]):
    """Something that learns from the rows, stopped wherever it waits for a pass: `plans` are what it waits for, none once it is `done`."""

    def __init__(
        self, learning: Generator[Sequence[pl.LazyFrame], list[pl.DataFrame], Learned]
    ) -> None:
        self._learning = learning
        self.done: Learned
        self.plans: Sequence[pl.LazyFrame] = []
        self.send(None)

    def send(self, frames: list[pl.DataFrame] | None) -> None:
        """Hand in what the plans gave."""
        try:
            self.plans = self._learning.send(frames)  # type: ignore[arg-type]  # a generator is started with None
        except StopIteration as learned:
            self.plans, self.done = [], learned.value


def found_again(run: Run, row: Version) -> pl.DataFrame:
    """What the scan finds in the landed rows of a version: `_row`, `column`, `kind`, `value`. Holds personal values: use it and let it go."""
    return searched(
        run,
        window_rows(run, row.source_digest, window_of(run.contract, row.window)),
        few_values(run, row.source_digest),
    )[0]


def _reviewed(run: Run, admission: Admission) -> Admission:
    """Let the verdict stand, or find what a person decided. Raises: AdmissionError: refused, or nobody has decided yet."""
    contract, verdict = run.contract, admission.verdict
    where = Where(file=contract.file, dataset=contract.name)
    if verdict.outcome == "refused":
        raise AdmissionError(
            f"the licence refuses: {'; '.join(verdict.reasons)}",
            "Drop the purpose from assay.license, or get another licence from the holder",
            where,
        )
    if verdict.outcome == "admitted":
        return admission
    row = run.installation.registry.reviews.request(
        contract.name, admission.inputs.key, list(verdict.reasons)
    )
    now = review_state.stands(run.installation, row)
    said = "; ".join(f"{each.approver}: {each.why}" for each in now.by)
    if now.decision == "approved":
        return replace(
            admission,
            decided_by=said,
            approvals=tuple(review_state.envelopes(run.installation, row)),
        )
    if now.decision == "rejected":
        raise AdmissionError(
            f"rejected by {said}", "Change what the review names, and run again", where
        )
    raise AdmissionError(
        f"held for review: {'; '.join(verdict.reasons)}",
        f"Declare the column under assay.privacy, or let two stewards decide: assay review show {row.id}",
        where,
    )


# -- between two stages of one run, which may be two processes ----------------------------


def _keep(folder: Path, admission: Admission) -> None:
    admission.found.write_parquet(folder / "found.parquet")
    fitted.write(folder / fitted.FOLDER, admission.fitted)
    (folder / "admission.json").write_text(
        json.dumps(
            {
                "verdict": asdict(admission.verdict),
                "inputs": asdict(admission.inputs),
                "rows": admission.rows_in_window,
                "decided_by": admission.decided_by,
                "barred": admission.barred,
                "kept_by_all": admission.kept_by_all,
                "approvals": admission.approvals,
            }
        )
    )


def admission_of(run: Run) -> Admission:
    """What this run's admission found; admits now where the run has not."""
    folder = run.installation.lake.folder(run.contract.name, "staging") / run.run_id
    file = folder / "admission.json"
    if not file.exists():
        return admit(run)
    data = json.loads(file.read_text())
    return Admission(
        verdict=verdict_from(data["verdict"]),
        inputs=Inputs(**data["inputs"]),
        rows_in_window=data["rows"],
        fitted=fitted.read(folder / fitted.FOLDER),
        found=pl.read_parquet(folder / "found.parquet"),
        barred=data["barred"],
        kept_by_all=tuple(data["kept_by_all"]),
        approvals=tuple(data["approvals"]),
        decided_by=data["decided_by"],
    )


def verdict_from(data: dict[str, Any]) -> Verdict:
    """A verdict from its JSON."""
    from pydantic import TypeAdapter

    return TypeAdapter(Verdict).validate_python(data)


def _again(run: Run, inputs: Inputs, row: Version) -> Admission:
    """The same inputs were published before: the verdict is the one in the evidence. Raises: EvidenceError: that version can be opened no longer."""
    if row.expired_at:
        raise EvidenceError(
            f"this source was published as {row.version}, which expired on {row.expired_at[:10]}",
            "Deliver what is newer, or promise a new contract version",
        )
    predicate = run.installation.statement(row)["predicate"]
    return Admission(
        verdict_from(predicate["admission"]["verdict"]),
        inputs,
        predicate["accounting"]["rows_in"],
        (),
        pl.DataFrame(schema=FOUND_SCHEMA),
        {},
        published=row,
    )
