"""The assets `cleaned` and `published`: one pass over the rows, then a version, or a reason why not."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from assets import metadata
from assets.common import Window, key, owners, tags
from assets.resources import OfficeResource, failures_told
from assets.stages.admit import admission_of
from assets.stages.assess import assess
from assets.stages.publish import publish
from assets.stages.quarantine import listed
from assets.stages.refine import refine
from contracts.model import Contract


def cleaned_and_published(contract: Contract) -> dg.AssetsDefinition:
    """The admitted rows, repaired and judged by every rule; then the version with its evidence."""
    shared: dict[str, Any] = {"group_name": contract.name, "owners": owners(contract), "tags": tags(contract)}
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

    @dg.multi_asset(name=f"{contract.name}__publish", specs=[cleaned, published], check_specs=[metadata.check_spec(contract, rule) for rule in contract.rules])
    def _publish(context: dg.AssetExecutionContext, config: Window, office: OfficeResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # no value
        run = office.run(contract, context.run.run_id, config.window)
        with failures_told():
            admission = admission_of(run)
            row = admission.published
            if row is None:
                refined = assess(run, admission, refine(run, admission))
                yield _cleaned(contract, asdict(refined.accounting), [asdict(check) for check in refined.checks])
                row = publish(run, admission, refined).row
            else:
                context.log.info(f"already published as {row['version']}")
                predicate = run.office.statement(row)["predicate"]
                yield _cleaned(contract, predicate["accounting"], predicate["checks"])
            predicate = run.office.statement(row)["predicate"]
            made = run.office.registry.derived(contract.name, row["version"], "data_docs")
            pages = metadata.documented(made) if made else {}
        yield dg.MaterializeResult(
            asset_key=published.key, data_version=dg.DataVersion(row["input_key"]),
            metadata=metadata.published(contract, predicate, new=row["run_id"] == run.run_id) | metadata.quarantined(listed(run.office, [contract.name])) | pages,
        )  # fmt: skip

    return _publish


def _cleaned(contract: Contract, accounting: dict[str, Any], checks: list[dict[str, Any]]) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
    results = [metadata.check_result(contract, check) for check in checks]
    return dg.MaterializeResult(asset_key=key(contract, "cleaned"), metadata=metadata.cleaned(accounting, checks), check_results=results)
