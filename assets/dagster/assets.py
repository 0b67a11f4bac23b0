"""The assets of a data set, in the order of the data: landed, admitted, published, and what follows."""

import importlib.util
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, cast, get_args

import dagster as dg
from pydantic import Field

from assay.assets.dagster import metadata
from assay.assets.dagster.asset_base import (
    WINDOW,
    asset,
    follows,
    key,
    owners,
    partitions_of,
    tags,
    window_of,
)
from assay.assets.dagster.resources import InstallationResource, failures_told
from assay.assets.dagster.run_config import plain_schema, read_settings
from assay.assets.io.registry.versions import Version
from assay.assets.services.diff import note_changes
from assay.assets.services.quarantine import listed
from assay.assets.stages.act import Acted
from assay.assets.stages.admit import Admission, admission_of, admit, pending_review
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.drift import measure_drift, report_file
from assay.assets.stages.features import make_features
from assay.assets.stages.index import rebuild_if_due
from assay.assets.stages.ingest import land, undeclared_places
from assay.assets.stages.model import retrain_if_due
from assay.assets.stages.part import Part
from assay.assets.stages.partition_statement import evaluated
from assay.assets.stages.publish import end_as_already_published, publish_parts
from assay.assets.stages.quality import assess
from assay.assets.stages.run import Run
from assay.assets.stages.whole_version import WholeVersion
from assay.contracts.errors import AdmissionError
from assay.contracts.features import Features, Wanted
from assay.contracts.model import Contract
from assay.pipelines.publish.partitions import accounting, describe_partitions
from assay.pipelines.validate.sieve import Sample


def landed(contract: Contract) -> dg.AssetsDefinition:
    """The source's bytes as an immutable table; lines that could not be read are kept with their
    reason.
    """

    source = contract.source.upstream
    beyond = [dg.AssetKey([source[0], "published"])] if source else []

    @asset(
        contract,
        "landed",
        beyond=beyond,
        kinds={"duckdb", "parquet"},
        description=f"The delivery from {contract.source.shown_location}, unchanged.",
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _landed(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        with failures_told():
            _, parts = installation.parts(contract, context.run, window_of(context))
            done = [land(part) for part in parts]
        shown = (
            metadata.landed(done[-1].receipt, unchanged=done[-1].unchanged)
            if len(done) == 1
            else metadata.landed_parts({str(p.window): d for p, d in zip(parts, done, strict=True)})
        )
        undeclared = undeclared_places(contract, done[-1].receipt.columns)
        return dg.MaterializeResult(
            metadata=shown | metadata.undeclared_columns(undeclared),
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
            _, parts = installation.parts(contract, context.run, window_of(context))
            admissions = [_admit(context, contract, part) for part in parts]
            newest = admissions[-1]
            review = pending_review(parts[-1]) if newest.approvals else None
        shown = metadata.reviewed(review) if review else {}
        shown.pop("reasons", None)  # the verdict's own are shown
        windows = [str(part.inputs.window) for part in admissions if part.inputs.window]
        shown |= metadata.admitted(asdict(newest.verdict), newest.decided_by)
        shown["window"] = describe_partitions(windows) if windows else "all"
        shown["rows"] = sum(part.rows_in_window for part in admissions)
        return dg.MaterializeResult(
            metadata=shown,
            data_version=dg.DataVersion(newest.inputs.key) if len(parts) == 1 else None,
        )

    return _admitted


def _admit(context: dg.AssetExecutionContext, contract: Contract, run: Run) -> Admission:
    """Admit one run's rows; a failed asset has no page of its own, so a review that it waits for
    stands on it as an observation.
    """
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
    """The admitted rows, repaired and evaluated by every rule; then the version with its evidence."""

    @dg.multi_asset(
        name=f"{contract.name}__publish",
        specs=list(_publication_specs(contract)),
        check_specs=[metadata.check_spec(contract, rule) for rule in contract.rules],
        config_schema=WINDOW,
        **partitions_of(contract),
    )
    def _publish(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        with failures_told():
            run, parts = installation.parts(contract, context.run, window_of(context))
            admissions = [admission_of(part) for part in parts]
            earlier = [
                _published_before(context, part, admission.published)
                for part, admission in zip(parts, admissions, strict=True)
                if admission.published is not None
            ]
            if len(earlier) < len(parts):
                judged = _judged(parts, admissions)
                whole = evaluated(run, judged) if contract.source.partitions else None
                yield _cleaned(contract, *_added(judged, whole), _samples(judged))
                row = publish_parts(run, judged, whole).row
                new = row.run_id == run.run_id
            else:
                row, new = earlier[-1], False
                predicate = run.installation.statement(row)["predicate"]
                yield _cleaned(contract, predicate["accounting"], predicate["checks"])
            shown = _describe_publication(run, row, new=new)
        run.installation.deliver_outbox()
        yield dg.MaterializeResult(
            asset_key=key(contract, "published"),
            data_version=dg.DataVersion(row.input_key) if len(parts) == 1 else None,
            metadata=shown | _describe_clock_doubt(context, run),
        )

    return _publish


def _publication_specs(contract: Contract) -> Iterator[dg.AssetSpec]:
    """The two assets that one step makes: the cleaned rows, and the published version."""
    shared: dict[str, Any] = {
        "group_name": contract.name,
        "owners": owners(contract),
        "tags": tags(contract),
    }
    yield dg.AssetSpec(
        key(contract, "cleaned"),
        deps=[key(contract, "admitted")],
        kinds={"polars", "pandera"},
        description="Cleaned and validated rows; each row that left, with its step or rule.",
        **shared,
    )
    yield dg.AssetSpec(
        key(contract, "published"),
        deps=[key(contract, "cleaned")],
        kinds={"deltalake", "parquet"},
        description=contract.description,
        metadata={"dagster/column_schema": metadata.table_schema(contract)},
        **shared,
    )


def _published_before(context: dg.AssetExecutionContext, part: Run, row: Version) -> Version:
    """Note in the run's log that this part was published before. Returns: its version."""
    moved_back = ", and `latest` is there again" if end_as_already_published(part, row) else ""
    name = part.window or part.contract.name
    context.log.info(f"{name} is already published as {row.version}{moved_back}")
    return row


def _describe_publication(run: Run, row: Version, *, new: bool) -> metadata.Metadata:
    """What Dagster shows of a version, its changes, its quarantine and its pages."""
    installation, contract = run.installation, run.contract
    docs = installation.registry.derived.get(contract.name, row.version, "data_docs")
    shown = metadata.published(
        contract,
        installation.statement(row)["predicate"],
        new=new,
        changes=note_changes(installation, row),
        references=installation.registry.references.all(contract.name),
    )
    shown |= metadata.quarantined(listed(installation, [contract.name]))
    return shown | (metadata.documented(docs) if docs else {})


def _describe_clock_doubt(context: dg.AssetExecutionContext, run: Run) -> metadata.Metadata:
    """That nothing expired, where the clock is in doubt; also as a warning in the run's log."""
    clock_doubt = run.installation.registry.clock_doubts.doubt()
    if clock_doubt is None:
        return {}
    text = f"nothing expired: {clock_doubt}"
    context.log.warning(text)
    return {"not_expired": text}


def _samples(parts: list[Part]) -> dict[str, list[Sample]]:
    """A few of the cells that each step changed, by step; the last part's, if several have some."""
    return {step: cells for part in parts for step, cells in part.refined.samples.items()}


def _judged(parts: list[Run], admissions: list[Admission]) -> list[Part]:
    """The parts that were not published before, with their rows evaluated, one after the other."""
    new = [
        (part, admission)
        for part, admission in zip(parts, admissions, strict=True)
        if admission.published is None
    ]
    together = [str(admission.inputs.window) for _, admission in new]
    return [
        Part(part, admission, assess(part, admission, refine(part, admission, together)))
        for part, admission in new
    ]


def _added(
    parts: list[Part], whole: WholeVersion | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row account of what was evaluated, and the checks of the version that it makes."""
    accounts = [{"accounting": asdict(part.refined.accounting)} for part in parts]
    checks = whole.checks if whole else parts[-1].refined.checks
    return accounting(accounts), [asdict(check) for check in checks]


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
    """Where to make the features; the contract's engine by default."""

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
        run = installation.run(contract, context.run)
        with failures_told():
            engine = read_settings(Engine, context.op_execution_context).engine
            table = make_features(run, cast("Wanted | None", engine))
        run.installation.deliver_outbox()
        return dg.MaterializeResult(
            metadata=metadata.featured(contract, table.version, table.details, new=table.new),
            data_version=dg.DataVersion(table.details["digests"]["part-00000.parquet"]),
        )

    return _features


def _takes_a_device(wanted: Features) -> bool:
    """Whether a run may use a GPU, as far as what is installed says; trying one would take seconds
    of every load.
    """
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
        description="How the newest version differs from those that the contract names, and what was decided about it.",
    )
    def _drift(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run)
        with failures_told():
            done = measure_drift(run)
        run.installation.deliver_outbox()
        report = report_file(run.installation.home.root, contract.name, done.version)
        decisions = run.installation.registry.decisions.all(contract.name)
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
    """A model trained on the newest version when drift asks for it, evaluated against the champion."""
    after = ["features", "drift"] if contract.drift else ["features"]

    @asset(
        contract,
        "model",
        after=after,
        automation_condition=follows(contract),
        output_required=False,
        kinds={"scikitlearn", "mlflow"},
        description="The candidate and its evaluation; the champion stays if it is better.",
    )
    def _model(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run)
        with failures_told():
            acted = retrain_if_due(run)
        run.installation.deliver_outbox()
        if acted is None:
            context.log.info("nothing is due")
            return
        card = run.installation.models.card(acted.details["model"], acted.details["model_version"])
        yield _result(acted, metadata.modelled(acted.details, card))

    return _model


def index(contract: Contract) -> dg.AssetsDefinition:
    """The retrieval index, rebuilt when documents have changed, evaluated by the contract's questions."""

    @asset(
        contract,
        "index",
        after=["published"],
        automation_condition=follows(contract),
        output_required=False,
        kinds={"lancedb", "scikitlearn"},
        description="The candidate index and its evaluation; the one in service stays if it is better.",
    )
    def _index(
        context: dg.AssetExecutionContext, installation: InstallationResource
    ) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = installation.run(contract, context.run)
        with failures_told():
            acted = rebuild_if_due(run)
        run.installation.deliver_outbox()
        if acted is None:
            context.log.info("nothing is due")
            return
        yield _result(acted, metadata.indexed(acted.details))

    return _index


def _result(acted: Acted, shown: metadata.Metadata) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
    return dg.MaterializeResult(
        metadata=shown, data_version=dg.DataVersion(f"{acted.version}/{acted.details['outcome']}")
    )
