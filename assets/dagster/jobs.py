"""Jobs: the whole way of one data set, what stewards decide in the web UI, and what sensors request."""

from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field

from assay.assets.dagster import metadata
from assay.assets.dagster.asset_base import key, owners
from assay.assets.dagster.resources import failures_told, opened_for
from assay.assets.dagster.run_config import plain_schema, read_settings
from assay.assets.io.installation import Installation
from assay.assets.io.registry.triggers import MEASURE
from assay.assets.services import docs, monitor
from assay.assets.services import quarantine as stage
from assay.assets.services.acts import request, settle
from assay.assets.services.owned import check_owner
from assay.assets.services.review import review_of, submit
from assay.assets.stages import quarantine_record
from assay.assets.stages.expire import due_to_go, expire
from assay.assets.stages.review_state import describe_review
from assay.contracts.model import Contract
from assay.pipelines.admit.acts import ActKind

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )  # what define_asset_job returns; not exported

STEWARDS = "team:stewards"
"""The owner of the jobs that every steward may start."""
STAGES = {MEASURE: "drift", "retrain": "model", "rebuild": "index"}
"""The action of a trigger -> the asset whose run carries it out."""


class Decision(dg.Config):
    """What a steward pastes: the review's number, and what `assay review sign` printed. The private key never comes here."""

    review: int
    signed: str


@dg.op(
    config_schema=plain_schema(Decision),
    description="Checks a signed decision, and records it if it is valid.",
)
def decide(context: dg.OpExecutionContext) -> None:
    """One decision."""
    with failures_told():
        config = read_settings(Decision, context)
        installation = opened_for(context.run)
        settle(installation)
        standing = submit(installation, config.review, config.signed)
    state = f"{standing.decision}" + (
        f"; it still needs a {' and a '.join(standing.missing)}-level approval"
        if standing.missing
        else ""
    )
    context.log.info(f"review {config.review}: {state}")
    context.add_output_metadata(
        {
            "review": config.review,
            "decision": standing.decision,
            "by": ", ".join(each.approver for each in standing.by),
            "missing": ", ".join(standing.missing) or "nothing",
        }
    )


@dg.job(
    owners=[STEWARDS],
    description="Decide a review: paste what `assay review sign NUMBER approve|reject --why … --key …` printed.",
)
def review() -> None:
    """Where stewards decide."""
    decide()


class Handling(dg.Config):
    """What a steward decides: of which run's rows (the newest by default), which rule or which rows, and why."""

    dataset: str
    action: Literal["release", "discard", "replay", "expire"]
    run: str | None = None
    rule: str | None = None
    rows: list[int] = Field(default_factory=list)
    why: str = ""


@dg.op(
    config_schema=plain_schema(Handling),
    description="Requests the release or discard of quarantined rows, validates them against the current contract, or removes expired rows.",
)
def handle(context: dg.OpExecutionContext) -> None:
    """One decision, or one look."""
    with failures_told():
        config = read_settings(Handling, context)
        installation = opened_for(context.run)
        name = installation.contract(config.dataset).name
        check_owner(installation, name)
        match config.action:
            case "replay":
                found = stage.replay(installation, name, config.run)
                context.add_output_metadata(metadata.replayed(found))
            case "expire":
                gone = quarantine_record.expire(installation, [name])
                context.add_output_metadata(
                    {"expired": len(gone), "rows": sum(each["rows"] for each in gone)}
                )
            case "release" | "discard":
                context.add_output_metadata(_request(installation, name, config))
        context.log_event(
            dg.AssetObservation(
                dg.AssetKey([name, "cleaned"]),
                metadata=metadata.quarantined(stage.listed(installation, [name])),
            )
        )


def _request(installation: Installation, name: str, config: Handling) -> dict[str, Any]:
    """Request a release or discard; it waits for signatures in the job `review`."""
    kind: ActKind = "release rows" if config.action == "release" else "discard rows"
    wish = {"run_id": config.run, "rule": config.rule, "chosen": config.rows}
    kept = request(installation, name, kind, wish, config.why)
    row = review_of(installation, kept.review_id)
    return dict(metadata.reviewed(describe_review(installation, row)))


@dg.job(
    owners=[STEWARDS],
    description="Request the release or discard of quarantined rows of your data sets, or replay or expire them, as `assay quarantine` does.",
)
def quarantine() -> None:
    """Where stewards decide."""
    handle()


class Pages(dg.Config):
    """Of which version (the newest by default), and of how many rows, drawn with which seed."""

    dataset: str
    version: str | None = None
    sample_rows: int = 50_000
    seed: int = 0


@dg.op(
    config_schema=plain_schema(Pages),
    description="Great Expectations' Data Docs of a version: the contract's suite, run on a sample of it.",
)
def make_data_docs(context: dg.OpExecutionContext) -> None:
    """The pages, linked from the asset."""
    with failures_told():
        config = read_settings(Pages, context)
        made = docs.document(
            opened_for(context.run),
            config.dataset,
            config.version,
            sample_rows=config.sample_rows,
            seed=config.seed,
        )
    context.log_event(
        dg.AssetObservation(
            dg.AssetKey([config.dataset, "published"]), metadata=metadata.documented(made)
        )
    )
    context.add_output_metadata(metadata.documented(made))


@dg.job(
    owners=[STEWARDS],
    description="Create Great Expectations Data Docs of a published version, and link them from its asset.",
)
def data_docs() -> None:
    """Where stewards get the pages."""
    make_data_docs()


class OneDataSet(dg.Config):
    """The data set that it is about."""

    dataset: str


@dg.op(
    config_schema=plain_schema(OneDataSet),
    description="Expires versions that are older than their contract allows, and removes files that no version needs.",
)
def expire_due(context: dg.OpExecutionContext) -> None:
    """Let expire what is due of one data set."""
    with failures_told():
        config = read_settings(OneDataSet, context)
        installation = opened_for(context.run)
        going = due_to_go(installation, config.dataset)
        closed = expire(installation, config.dataset)
    context.add_output_metadata(
        {"expired": ", ".join(closed) or "none", "removed": ", ".join(set(going) - set(closed))}
    )


@dg.job(
    description="Expire the versions of a data set that are older than its contract allows; the sensor `reaper` requests it."
)
def expire_versions() -> None:
    """Where versions expire."""
    expire_due()


@dg.op(
    description="Delivers what is still open for committed versions: evidence, logs, lineage, webhooks."
)
def deliver(context: dg.OpExecutionContext) -> None:
    """Deliver what is due; what cannot be delivered stays, with its reason."""
    with failures_told():
        late = opened_for(context.run).deliver_outbox()
    for reason in late:
        context.log.warning(f"not delivered yet: {reason}")
    context.add_output_metadata({"not_delivered": len(late)})


@dg.job(description="Try failed deliveries again; the sensor `reaper` requests it when it is due.")
def deliver_outbox() -> None:
    """Where late deliveries are repeated."""
    deliver()


@dg.op(
    config_schema=plain_schema(OneDataSet),
    description="Evaluates the models in service with the outcomes that have arrived: promotes a challenger, or rolls back a model that became worse.",
)
def judge(context: dg.OpExecutionContext) -> None:
    """Judge the models of one data set."""
    with failures_told():
        config = read_settings(OneDataSet, context)
        installation = opened_for(context.run)
        switched = monitor.review(installation, config.dataset)
        standing = monitor.in_canary(installation, config.dataset)
    if standing:
        context.log_event(dg.AssetObservation([config.dataset, "model"], description=standing))
    reasons = [f"{each.model}: {each.reason}" for each in switched]
    context.add_output_metadata({"switched": "; ".join(reasons) or "nothing"})


@dg.job(
    description="Evaluate a data set's models with the outcomes that have arrived; the sensor `triggers` requests it when there are new ones."
)
def judge_models() -> None:
    """Where models are promoted and rolled back."""
    judge()


STEWARDS_JOBS = (review, quarantine, data_docs)
SENSORS_JOBS = (expire_versions, deliver_outbox, judge_models)


def has_stage(contract: Contract, stage: str) -> bool:
    """Whether a data set has the asset that carries out an action: drift, model or index."""
    wanted = {"drift": contract.drift, "model": contract.retrain, "index": contract.index}
    return bool(wanted[stage])


def job(contract: Contract) -> "UnresolvedAssetJobDefinition":
    """The whole way of one data set."""
    return dg.define_asset_job(
        contract.name,
        selection=dg.AssetSelection.groups(contract.name),
        owners=owners(contract),
        description=f"Every stage of {contract.name}, from its source to action.",
        tags={"assay/dataset": contract.name},
    )


def act_job(contract: Contract) -> "UnresolvedAssetJobDefinition | None":
    """The job in which a data set's triggers are carried out, where it has any."""
    stages = [key(contract, stage) for stage in STAGES.values() if has_stage(contract, stage)]
    if not stages:
        return None
    return dg.define_asset_job(
        f"{contract.name}_act",
        selection=dg.AssetSelection.assets(*stages),
        owners=owners(contract),
        description=f"What follows from a version of {contract.name}: drift, model, index.",
    )
