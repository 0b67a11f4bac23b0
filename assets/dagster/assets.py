"""What every asset of a data set shares: key, group, owners, tags."""

import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast, get_args

import dagster as dg
from pydantic import Field

from assay.assets.dagster import metadata
from assay.assets.dagster.resources import InstallationResource, failures_told
from assay.assets.dagster.run_config import plain_schema, read_settings
from assay.assets.io.registry import Row
from assay.assets.services.diff import note_changes
from assay.assets.services.quarantine import listed
from assay.assets.stages.act import Acted
from assay.assets.stages.admit import Admission, admission_of, admit, pending_review
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.drift import measure_drift, report_file
from assay.assets.stages.features import make_features
from assay.assets.stages.index import rebuild_if_due
from assay.assets.stages.ingest import land
from assay.assets.stages.model import retrain_if_due
from assay.assets.stages.publish import already, publish_parts
from assay.assets.stages.quality import assess
from assay.assets.stages.run import Run
from assay.assets.stages.statement import Part
from assay.contracts.errors import AdmissionError, PublicationError
from assay.contracts.features import Features, Wanted
from assay.contracts.model import Contract
from assay.pipelines.publish.partitions import accounting, checks, describe_partitions, name_format
from assay.pipelines.validate.sieve import Sample


class Window(dg.Config):
    """Which part of the source to publish; the next one due unless said."""

    window: str | None = None


WINDOW = plain_schema(Window)


def partitions_of(contract: Contract) -> dict[str, Any]:
    """What makes an asset partitioned, where its data set is: the partitions, and how a backfill goes over them."""
    wanted = contract.source.partitions
    if wanted is None:
        return {}
    kind = dg.MonthlyPartitionsDefinition if wanted.by == "month" else dg.DailyPartitionsDefinition
    made = kind(
        start_date=wanted.start,
        end_date=wanted.end,
        fmt=name_format(wanted),
        timezone="UTC",
        end_offset=0 if wanted.end else 1,
    )
    together = wanted.backfill == "together"
    return {
        "partitions_def": made,
        "backfill_policy": dg.BackfillPolicy.single_run()
        if together
        else dg.BackfillPolicy.multi_run(),
    }


def follows(contract: Contract) -> dg.AutomationCondition[Any]:
    """When what is made from versions runs by itself: after each; of a partitioned data set also while some partitions have not come yet."""
    eager = dg.AutomationCondition.eager()
    return (
        eager.without(~dg.AutomationCondition.any_deps_missing())
        if contract.source.partitions
        else eager
    )


def window_of(context: dg.AssetExecutionContext) -> str | None:
    """What the run is to take: the partitions that Dagster names, or what its configuration says."""
    if context.has_partition_key or context.has_partition_key_range:
        return describe_partitions(context.partition_keys)
    return read_settings(Window, context.op_execution_context).window


def key(contract: Contract, stage: str) -> dg.AssetKey:
    """The asset of one stage."""
    return dg.AssetKey([contract.name, stage])


def owners(contract: Contract) -> list[str]:
    """Owners that Dagster takes: teams, and e-mail addresses of the public network. One of another form stays with the contract and the evidence."""
    return [owner for owner in contract.owners if _taken(owner)]


def _taken(owner: str) -> bool:
    """Dagster's own judgement: what it refuses ends the load of every data set."""
    try:
        dg.AssetSpec("owned", owners=[owner])
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


def tags(contract: Contract) -> dict[str, str]:
    """Licence, sensitivity and region as Dagster tags: at most 63 characters of its alphabet."""
    said = {
        "license": contract.license.expression,
        "sensitivity": contract.privacy.sensitivity,
        "region": contract.privacy.region,
        "origin": contract.source.origin,
    }
    return {
        f"assay/{name}": re.sub(r"[^A-Za-z0-9_.-]", "-", value)[:63].strip("-_.")
        for name, value in said.items()
    }


def asset(
    contract: Contract,
    stage: str,
    after: Sequence[str] = (),
    beyond: Sequence[dg.AssetKey] = (),
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`@dg.asset` with what every asset of a data set says. `after` names the stages before it, `beyond` assets of other data sets."""
    shared: dict[str, Any] = {
        "key": key(contract, stage),
        "deps": [*(key(contract, before) for before in after), *beyond],
        "group_name": contract.name,
        "owners": owners(contract),
        "tags": tags(contract),
    }
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(**shared, **more)
    return decorator


def landed(contract: Contract) -> dg.AssetsDefinition:
    """The source's bytes as an immutable table; lines that could not be read are kept with their reason."""

    source = contract.source.upstream
    beyond = [dg.AssetKey([source[0], "published"])] if source else []

    @asset(
        contract,
        "landed",
        beyond=beyond,
        kinds={"duckdb", "parquet"},
        description=f"What came from {contract.source.shown_location}, as it came.",
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _landed(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            _, parts = installation.parts(contract, context.run.run_id, window_of(context))
            done = [land(part) for part in parts]
        shown = (
            metadata.landed(done[-1].receipt, unchanged=done[-1].unchanged)
            if len(done) == 1
            else metadata.landed_parts({str(p.window): d for p, d in zip(parts, done, strict=True)})
        )
        return dg.MaterializeResult(
            metadata=shown,
            data_version=dg.DataVersion(done[-1].receipt.digest) if len(done) == 1 else None,
        )

    return _landed


def admitted(contract: Contract) -> dg.AssetsDefinition:
    """The verdict on licence and personal data."""

    @asset(
        contract,
        "admitted",
        after=["landed"],
        kinds={"polars"},
        description="Licence and personal data: admitted, held for review, or refused.",
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _admitted(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            _, parts = installation.parts(contract, context.run.run_id, window_of(context))
            found = [_admit(context, contract, part) for part in parts]
            passed = pending_review(parts[-1]) if found[-1].approvals else None
        newest = found[-1]
        windows = [str(each.inputs.window) for each in found if each.inputs.window]
        reviewed = (
            {name: value for name, value in metadata.reviewed(passed).items() if name != "reasons"}
            if passed
            else {}
        )
        return dg.MaterializeResult(
            metadata={
                **reviewed, **metadata.admitted(asdict(newest.verdict), newest.decided_by),
                "window": describe_partitions(windows) if windows else "all", "rows": sum(each.rows_in_window for each in found),
            },
            data_version=dg.DataVersion(newest.inputs.key) if len(found) == 1 else None,
        )  # fmt: skip

    return _admitted


def _admit(context: dg.AssetExecutionContext, contract: Contract, run: Run) -> Admission:
    """Admit one run's rows; a failed asset has no page of its own, so a review that it waits for stands on it as an observation."""
    try:
        return admit(run)
    except AdmissionError:
        waiting = pending_review(run)
        if waiting is not None:
            context.log_event(
                dg.AssetObservation(
                    asset_key=key(contract, "admitted"), metadata=metadata.reviewed(waiting)
                )
            )
        raise


def cleaned_and_published(contract: Contract) -> dg.AssetsDefinition:
    """The admitted rows, repaired and judged by every rule; then the version with its evidence."""
    shared: dict[str, Any] = {
        "group_name": contract.name,
        "owners": owners(contract),
        "tags": tags(contract),
    }
    cleaned = dg.AssetSpec(
        key(contract, "cleaned"),
        deps=[key(contract, "admitted")],
        kinds={"polars", "pandera"},
        description="Repaired and judged; each row that left, with its step or rule.",
        **shared,
    )
    published = dg.AssetSpec(
        key(contract, "published"),
        deps=[cleaned.key],
        kinds={"deltalake", "parquet"},
        description=contract.description,
        metadata={"dagster/column_schema": metadata.table_schema(contract)},
        **shared,
    )

    @dg.multi_asset(
        name=f"{contract.name}__publish",
        specs=[cleaned, published],
        check_specs=[metadata.check_spec(contract, rule) for rule in contract.rules],
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _publish(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        with failures_told():
            run, parts = installation.parts(contract, context.run.run_id, window_of(context))
            admissions = [admission_of(part) for part in parts]
            waiting = [
                (part, admission)
                for part, admission in zip(parts, admissions, strict=True)
                if admission.published is None
            ]
            for part, admission in zip(parts, admissions, strict=True):
                if admission.published is not None:
                    then = (
                        ", and `latest` is there again"
                        if already(part, admission.published)
                        else ""
                    )
                    context.log.info(
                        f"{part.window or contract.name} is already published as {admission.published['version']}{then}"
                    )
            row: Row | None = admissions[-1].published
            if waiting:
                made = [
                    Part(part, admission, assess(part, admission, refine(part, admission)))
                    for part, admission in waiting
                ]
                yield _cleaned(
                    contract,
                    *_added(made),
                    {step: cells for part in made for step, cells in part.refined.samples.items()},
                )
                row = publish_parts(run, made).row
            elif row is not None:
                predicate = run.installation.statement(row)["predicate"]
                yield _cleaned(contract, predicate["accounting"], predicate["checks"])
            if row is None:
                raise PublicationError("no part of the run was published", "Run again")
            predicate = run.installation.statement(row)["predicate"]
            changes = note_changes(run.installation, row)
            docs = run.installation.registry.derived(contract.name, row["version"], "data_docs")
            pages = metadata.documented(docs) if docs else {}
        run.installation.settle()
        references = run.installation.registry.references(contract.name)
        about = metadata.published(
            contract,
            predicate,
            new=bool(waiting) and row["run_id"] == run.run_id,
            changes=changes,
            references=references,
        )
        clock_doubt = run.installation.registry.clock_doubt()
        if clock_doubt is not None:
            context.log.warning(f"nothing expired: {clock_doubt}")
        waits: dict[str, Any] = (
            {"not_expired": f"nothing expired: {clock_doubt}"} if clock_doubt else {}
        )
        yield dg.MaterializeResult(
            asset_key=published.key, data_version=dg.DataVersion(row["input_key"]) if len(parts) == 1 else None,
            metadata=about | metadata.quarantined(listed(run.installation, [contract.name])) | pages | waits,
        )  # fmt: skip

    return _publish


def _added(parts: list[Part]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row account and the checks of what was judged, all partitions together."""
    judged = [
        {
            "accounting": asdict(part.refined.accounting),
            "checks": {check.rule: asdict(check) for check in part.refined.checks},
        }
        for part in parts
    ]
    return accounting(judged), checks([asdict(check) for check in parts[-1].refined.checks], judged)


def _cleaned(
    contract: Contract,
    accounting: dict[str, Any],
    checks: list[dict[str, Any]],
    samples: dict[str, list[Sample]] | None = None,
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
    results = [metadata.check_result(contract, check) for check in checks]
    return dg.MaterializeResult(
        asset_key=key(contract, "cleaned"),
        metadata=metadata.cleaned(accounting, checks, samples),
        check_results=results,
    )


POOL = "gpu"
"""One slot a device: `dagster instance concurrency set gpu N`; the default is one."""


class Engine(dg.Config):
    """Where to make the features; the contract's engine unless said."""

    engine: str | None = Field(
        default=None, pattern=f"^({'|'.join(get_args(Wanted))})$"
    )  # Dagster takes no Literal


def features(contract: Contract) -> dg.AssetsDefinition:
    """The feature table of the newest version, with the state that inference needs."""

    @asset(
        contract,
        "features",
        after=["published"],
        kinds={"polars", "deltalake"},
        automation_condition=follows(contract),
        description="Features of the newest version.",
        config_schema=plain_schema(Engine),
        pool=POOL if contract.features and _takes_a_device(contract.features) else None,
    )
    def _features(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            engine = read_settings(Engine, context.op_execution_context).engine
            made = make_features(run, cast("Wanted | None", engine))
        run.installation.settle()
        return dg.MaterializeResult(
            metadata=metadata.featured(contract, made.version, made.details, new=made.new),
            data_version=dg.DataVersion(made.details["digests"]["part-00000.parquet"]),
        )

    return _features


def _takes_a_device(wanted: Features) -> bool:
    """Whether a run may use a GPU, as far as what is installed says; trying one would take seconds of every load."""
    return wanted.engine in ("gpu", "ray-gpu") or (
        wanted.engine == "auto" and importlib.util.find_spec("cudf_polars") is not None
    )


def drift(contract: Contract) -> dg.AssetsDefinition:
    """The newest version against the one before: a verdict, scores that plot, a report."""

    @asset(
        contract,
        "drift",
        after=["published"],
        kinds={"evidently", "polars"},
        automation_condition=follows(contract),
        description="How far the newest version has moved from those that the contract names, and what was decided about it.",
    )
    def _drift(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            done = measure_drift(run)
        run.installation.settle()
        report = report_file(run.installation.home.root, contract.name, done.version)
        decisions = run.installation.registry.decisions(contract.name)
        return dg.MaterializeResult(
            metadata=metadata.drifted(
                done.version,
                done.details,
                done.decision,
                decisions,
                report if report.exists() else None,
            )
        )

    return _drift


def model(contract: Contract) -> dg.AssetsDefinition:
    """A model trained on the newest version when drift asks for it, judged against the champion."""
    after = ["features", "drift"] if contract.drift else ["features"]

    @asset(
        contract,
        "model",
        after=after,
        automation_condition=follows(contract),
        output_required=False,
        kinds={"scikitlearn", "mlflow"},
        description="The candidate and its judgement; the champion stays if it is better.",
    )
    def _model(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            acted = retrain_if_due(run)
        run.installation.settle()
        if acted is None:
            context.log.info("nothing is due")
            return
        card = run.installation.models.card(acted.details["model"], acted.details["model_version"])
        yield _result(acted, metadata.modelled(acted.details, card))

    return _model


def index(contract: Contract) -> dg.AssetsDefinition:
    """The retrieval index, rebuilt when documents have changed, judged by the contract's questions."""

    @asset(
        contract,
        "index",
        after=["published"],
        automation_condition=follows(contract),
        output_required=False,
        kinds={"lancedb", "scikitlearn"},
        description="The candidate index and its judgement; the one in service stays if it is better.",
    )
    def _index(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run.run_id)
        with failures_told():
            acted = rebuild_if_due(run)
        run.installation.settle()
        if acted is None:
            context.log.info("nothing is due")
            return
        yield _result(acted, metadata.indexed(acted.details))

    return _index


def _result(acted: Acted, told: metadata.Metadata) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
    return dg.MaterializeResult(
        metadata=told, data_version=dg.DataVersion(f"{acted.version}/{acted.details['outcome']}")
    )
