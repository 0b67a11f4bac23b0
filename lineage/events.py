"""Stage facts -> OpenLineage run events.

Belongs here: the standard's words for what happened. Pure. Stays out: sending (emit.py).
"""

from __future__ import annotations

from functools import cache

from openlineage.client import event_v2, facet_v2
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    tags_dataset,
)
from openlineage.client.uuid import generate_static_uuid

from assay.lineage.facts import StageFact, Table

NAMESPACE = "assay"
PRODUCER = "urn:assay:0.1"


def events(fact: StageFact) -> tuple[event_v2.RunEvent, event_v2.RunEvent]:
    """START and the terminal event of one stage.

    The same fact always gives the same run id, so a second sending is harmless.
    """
    run = event_v2.Run(runId=_run_id(fact), facets=_run_facets(fact))
    job = _job(fact)
    start = event_v2.RunEvent(
        eventTime=fact.started_at,
        eventType=event_v2.RunState.START,
        run=run,
        job=job,
        producer=PRODUCER,
    )
    end = event_v2.RunEvent(
        eventTime=fact.ended_at,
        eventType=event_v2.RunState(fact.outcome),
        run=run,
        job=job,
        inputs=[_input(table) for table in fact.inputs],
        outputs=[_output(table) for table in fact.outputs],
        producer=PRODUCER,
    )
    return start, end


def _job(fact: StageFact) -> event_v2.Job:
    kind = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="ASSAY", jobType="STAGE", producer=PRODUCER
    )
    name = f"{fact.dataset}.{fact.stage}"
    return event_v2.Job(namespace=NAMESPACE, name=name, facets={"jobType": kind})


def _input(table: Table) -> event_v2.InputDataset:
    return event_v2.InputDataset(
        namespace=NAMESPACE,
        name=table.name,
        facets=_facets(table),
        inputFacets=_input_facets(table),
    )


def _output(table: Table) -> event_v2.OutputDataset:
    return event_v2.OutputDataset(
        namespace=NAMESPACE,
        name=table.name,
        facets=_facets(table),
        outputFacets=_output_facets(table),
    )


def _run_id(fact: StageFact) -> str:
    from datetime import datetime

    return str(
        generate_static_uuid(
            datetime.fromisoformat(fact.started_at),
            f"{fact.run_id}/{fact.dataset}/{fact.stage}".encode(),
        )
    )


def _run_facets(fact: StageFact) -> dict[str, facet_v2.RunFacet]:
    facets: dict[str, facet_v2.RunFacet] = {
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(runId=fact.run_id),
            job=parent_run.Job(namespace=NAMESPACE, name=fact.dataset),
            producer=PRODUCER,
        ),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=_polars_version(), name="polars", producer=PRODUCER
        ),
    }
    if fact.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=fact.error, programmingLanguage="python", producer=PRODUCER
        )
    return facets


@cache
def _polars_version() -> str:
    from importlib.metadata import version

    return version("polars")


def _facets(table: Table) -> dict[str, facet_v2.DatasetFacet]:
    facets: dict[str, facet_v2.DatasetFacet] = {}
    if table.columns:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
            for name, kind in table.columns
        ]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
    if table.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=table.version, producer=PRODUCER
        )
    if table.tags:
        tags = [
            tags_dataset.TagsDatasetFacetFields(key=key, value=value, source="CONTRACT")
            for key, value in sorted(table.tags.items())
        ]
        facets["tags"] = tags_dataset.TagsDatasetFacet(tags=tags, producer=PRODUCER)
    if table.lineage:
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
            fields={
                column: column_lineage_dataset.Fields(
                    inputFields=[
                        _input_field(column, *source, masked=column in table.masked)
                        for source in sources
                    ]
                )
                for column, sources in table.lineage.items()
            },
            producer=PRODUCER,
        )
    return facets


def _input_field(
    column: str, table: str, field: str, *, masked: bool
) -> column_lineage_dataset.InputField:
    """Where a column comes from; one that holds treated values is never shown as identical."""
    is_same = field == column and not masked
    step = column_lineage_dataset.Transformation(
        type="DIRECT", subtype="IDENTITY" if is_same else "TRANSFORMATION", masking=masked
    )
    return column_lineage_dataset.InputField(
        namespace=NAMESPACE, name=table, field=field, transformations=[step]
    )


def _input_facets(table: Table) -> dict[str, facet_v2.InputDatasetFacet]:
    """Assertions are on the table that was evaluated. What could not be evaluated is no success."""
    if not table.assertions:
        return {}
    assertions = [
        data_quality_assertions_dataset.Assertion(
            assertion=a.name,
            success=bool(a.success),
            column=a.column,
            severity={"error": "error", "warning": "warn", "info": "warn"}[a.severity],
        )
        for a in table.assertions
    ]
    return {
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=assertions, producer=PRODUCER
        )
    }


def _output_facets(table: Table) -> dict[str, facet_v2.OutputDatasetFacet]:
    if table.rows is None:
        return {}
    return {
        "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=table.rows, producer=PRODUCER
        )
    }
