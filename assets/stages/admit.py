"""Admit landed rows: decide whether they may be used, and keep what the apply pass needs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.registry.versions import Version
from assay.assets.stages import fitted, review_state
from assay.assets.stages.ingest import landed_in
from assay.assets.stages.license_verdict import license_verdict
from assay.assets.stages.profile_pass import Profile, profile_rows
from assay.assets.stages.review_samples import keep_samples
from assay.assets.stages.run import Run, stage
from assay.assets.stages.run_inputs import inputs_of_window, next_window, published_of
from assay.assets.stages.search import FOUND_SCHEMA, few_values, searched
from assay.assets.stages.verdict_json import verdict_from
from assay.assets.stages.window_rows import window_of, window_rows
from assay.contracts.errors import AdmissionError, EvidenceError, Where
from assay.lineage.facts import Table
from assay.pipelines.admit import personal
from assay.pipelines.admit.facts import missing_article_9_basis, unanswered
from assay.pipelines.admit.license import rows_not_allowed
from assay.pipelines.admit.verdict import decide
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import LicenseVerdict, Verdict
from assay.pipelines.publish.naming import Inputs


@dataclass(frozen=True)
class Admission:
    """What the profile pass found and decided.

    `found` holds personal values of this run; it is in its staging folder.
    """

    verdict: Verdict
    inputs: Inputs
    rows_in_window: int
    fitted: tuple[Fitted, ...]
    """What each cleaning step has learned."""
    found: pl.DataFrame
    barred: dict[str, str]
    """Licences that rows name and that do not allow every purpose -> why."""
    kept_by_all: tuple[str, ...] = ()
    """Rules that every value of the source keeps, unchanged."""
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
        inputs = inputs_of_window(run, receipt.digest, window)
        published = published_of(run, inputs)
        if published is not None:
            return _published_admission(run, inputs, published)
        review_state.check_policies(installation)
        license_terms = license_verdict(run, inputs)
        admission = _profiled(run, inputs, profile_rows(run, inputs, window), license_terms)
        admission = _reviewed(run, admission)
        _keep(installation.lake.staging(contract.name, run.run_id), admission)
        noted.inputs.append(Table(name=f"{contract.name}/landed", version=receipt.digest))
        noted.outputs.append(
            Table(
                name=f"{contract.name}/admitted",
                rows=admission.rows_in_window,
                tags={"license": license_terms.expression},
            )
        )
    return admission


def _profiled(
    run: Run, inputs: Inputs, profile: Profile, license_terms: LicenseVerdict
) -> Admission:
    """The admission that the licence and the profile of the rows give, before anyone reviews it."""
    contract = run.contract
    personal_columns = list(contract.privacy.columns)
    return Admission(
        verdict=decide(
            license_terms,
            personal.findings(profile.found, personal_columns),
            unanswered=unanswered(contract.license, contract.privacy),
            forbidden=missing_article_9_basis(contract.privacy),
        ),
        inputs=inputs,
        rows_in_window=profile.rows,
        fitted=profile.fitted,
        found=profile.found,
        barred=rows_not_allowed(contract.license, profile.row_licenses, run.installation.policy),
        kept_by_all=profile.kept_by_all,
    )


def pending_review(run: Run) -> dict[str, Any] | None:
    """The review that this run's data wait for, or passed: of their own inputs, or of a changed
    policy that holds up everything.

    None if no one was asked.
    """
    installation, digest = run.installation, landed_in(run).digest
    input_keys = {
        review_state.STEWARDS: installation.stewards.digest,
        review_state.POLICIES: installation.policy.digest,
        run.contract.name: inputs_of_window(run, digest, next_window(run, digest)).key,
    }
    reviews = [
        review_state.describe_review(installation, row)
        for row in installation.registry.reviews.all()
        if input_keys.get(row.dataset) == row.input_key
    ]
    waiting = [review for review in reviews if review["decision"] != "approved"]
    of_own_inputs = [review for review in reviews if review["dataset"] == run.contract.name]
    return next(iter(waiting or of_own_inputs), None)


def found_again(run: Run, row: Version) -> pl.DataFrame:
    """What the scan finds in the landed rows of a version: `_row`, `column`, `kind`, `value`.

    Holds personal values: use it and let it go.
    """
    return searched(
        run,
        window_rows(run, row.source_digest, window_of(run.contract, row.window)),
        few_values(run, row.source_digest),
    )[0]


def _reviewed(run: Run, admission: Admission) -> Admission:
    """Let the verdict stand, or find what a person decided.

    Raises: AdmissionError: refused, a fact of the contract is not stated, or no one has decided
        yet.
    """
    contract, verdict = run.contract, admission.verdict
    where = Where(file=contract.file, dataset=contract.name)
    if verdict.outcome == "refused":
        raise _refusal(verdict, where)
    if verdict.outcome == "admitted":
        return admission
    if any(unanswered(contract.license, contract.privacy)):
        raise AdmissionError(
            f"held: {'; '.join(verdict.reasons)}",
            "State it in the contract; stewards cannot approve it before",
            where,
        )
    row = run.installation.registry.reviews.request(
        contract.name, admission.inputs.key, list(verdict.reasons)
    )
    keep_samples(run, admission.inputs, admission.found, row)
    now = review_state.stands(run.installation, row)
    decided_by = "; ".join(f"{approval.approver}: {approval.why}" for approval in now.by)
    if now.decision == "approved":
        return replace(
            admission,
            decided_by=decided_by,
            approvals=tuple(review_state.envelopes(run.installation, row)),
        )
    if now.decision == "rejected":
        raise AdmissionError(
            f"rejected by {decided_by}", "Fix what the review lists, and run again", where
        )
    raise AdmissionError(
        f"held for review: {'; '.join(verdict.reasons)}",
        "Declare the column under assay.privacy, or ask two stewards to decide:"
        f" assay review show {row.id}",
        where,
    )


def _refusal(verdict: Verdict, where: Where) -> AdmissionError:
    """Why the data may not be used, and what would change that."""
    reasons = "; ".join(verdict.reasons)
    if verdict.license.outcome == "refused":
        remedy = "Drop the purpose from assay.license, or get another licence from the holder"
        return AdmissionError(f"the licence refuses: {reasons}", remedy, where)
    remedy = (
        "State the basis of GDPR article 9(2) as `article_9_basis` under assay.privacy, or write"
        " `treatment: drop`"
    )
    return AdmissionError(f"refused: {reasons}", remedy, where)


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


def _published_admission(run: Run, inputs: Inputs, row: Version) -> Admission:
    """The same inputs were published before: the verdict is the one in the evidence.

    Raises: EvidenceError: that version can be opened no longer.
    """
    if row.expired_at:
        raise EvidenceError(
            f"this source was published as {row.version}, which expired on {row.expired_at[:10]}",
            "Deliver newer data, or raise the contract's version",
        )
    predicate = run.installation.statement(row)["predicate"]
    return Admission(
        verdict=verdict_from(predicate["admission"]["verdict"]),
        inputs=inputs,
        rows_in_window=predicate["accounting"]["rows_in"],
        fitted=(),
        found=pl.DataFrame(schema=FOUND_SCHEMA),
        barred={},
        published=row,
    )
