"""The assets `cleaned` and `published`: one pass over the rows, then a version, or a reason why not."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from assay.assets import metadata
from assay.assets.common import WINDOW, key, owners, partitions_of, tags, window_of
from assay.assets.io.registry import Row
from assay.assets.resources import InstallationResource, failures_told
from assay.assets.stages.admit import admission_of
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.diff import note_changes
from assay.assets.stages.publish import already, publish_parts
from assay.assets.stages.quality import assess
from assay.assets.stages.quarantine import listed
from assay.assets.stages.statement import Part
from assay.contracts.model import Contract
from assay.pipelines.publish.partitions import accounting, checks
from assay.pipelines.validate.sieve import Sample


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
            assert row is not None  # every part was published before, or is now
            predicate = run.installation.statement(row)["predicate"]
            changes = note_changes(run.installation, row)
            docs = run.installation.registry.derived(contract.name, row["version"], "data_docs")
            pages = metadata.documented(docs) if docs else {}
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
