"""The job by which stewards decide a review in the web UI."""

import dagster as dg

from assay.assets.config import plain_schema, read_settings
from assay.assets.io.installation import Installation
from assay.assets.resources import failures_told
from assay.assets.stages.review import submit


class Decision(dg.Config):
    """What a steward pastes: the review's number, and what `assay review sign` printed. The private key never comes here."""

    review: int
    signed: str


@dg.op(
    config_schema=plain_schema(Decision),
    description="Checks a signed decision and keeps it, if it counts.",
)
def decide(context: dg.OpExecutionContext) -> None:
    """One decision."""
    with failures_told():
        config = read_settings(Decision, context)
        standing = submit(Installation.open(), config.review, config.signed)
    said = f"{standing.decision}" + (
        f"; it still needs a {' and a '.join(standing.missing)}-level approval"
        if standing.missing
        else ""
    )
    context.log.info(f"review {config.review}: {said}")
    context.add_output_metadata(
        {
            "review": config.review,
            "decision": standing.decision,
            "by": ", ".join(each.approver for each in standing.by),
            "missing": ", ".join(standing.missing) or "nothing",
        }
    )


@dg.job(
    description="Decide a review: paste what `assay review sign NUMBER approve|reject --why … --key …` printed."
)
def review() -> None:
    """Where stewards decide."""
    decide()
