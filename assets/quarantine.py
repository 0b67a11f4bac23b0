"""The jobs by which stewards decide about quarantined rows, and have Data Docs made, in the web UI."""

from typing import Literal

import dagster as dg
from pydantic import Field

from assay.assets import metadata
from assay.assets.config import plain_schema, read_settings
from assay.assets.io.installation import Installation
from assay.assets.resources import failures_told
from assay.assets.stages import docs
from assay.assets.stages import quarantine as stage


class Handling(dg.Config):
    """What a steward decides: of which run's rows (the newest unless named), which rule or which rows, and why."""

    dataset: str
    action: Literal["release", "discard", "replay", "expire"]
    run: str | None = None
    rule: str | None = None
    rows: list[int] = Field(default_factory=list)
    why: str = ""


@dg.op(
    config_schema=plain_schema(Handling),
    description="Releases or discards quarantined rows, holds them against today's contract, or removes what has expired.",
)
def handle(context: dg.OpExecutionContext) -> None:
    """One decision, or one look."""
    with failures_told():
        config = read_settings(Handling, context)
        installation = Installation.open()
        name = installation.contract(config.dataset).name
        match config.action:
            case "replay":
                found = stage.replay(installation, name, config.run)
                context.add_output_metadata(metadata.replayed(found))
            case "expire":
                gone = stage.expire(installation, [name])
                context.add_output_metadata(
                    {"expired": len(gone), "rows": sum(each["rows"] for each in gone)}
                )
            case "release" | "discard":
                kept = stage.decide(
                    installation,
                    name,
                    config.action,
                    run_id=config.run,
                    rule=config.rule,
                    rows=config.rows,
                    why=config.why,
                )
                context.add_output_metadata(
                    {
                        "decision": kept["id"],
                        "rows": kept["rows"],
                        "by": kept["by"],
                        "why": kept["why"],
                    }
                )
        context.log_event(
            dg.AssetObservation(
                dg.AssetKey([name, "cleaned"]),
                metadata=metadata.quarantined(stage.listed(installation, [name])),
            )
        )


@dg.job(
    description="Decide about quarantined rows: release, discard, replay or expire, as `assay quarantine` does."
)
def quarantine() -> None:
    """Where stewards decide."""
    handle()


class Pages(dg.Config):
    """Of which version (the newest unless named), and of how many rows, drawn with which seed."""

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
            Installation.open(),
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
    description="Make Great Expectations' Data Docs of a published version, and link them from its asset."
)
def data_docs() -> None:
    """Where stewards get the pages."""
    make_data_docs()
