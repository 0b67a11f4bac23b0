"""Contract -> an OpenLineage DatasetEvent.

The schema, ownership, documentation and tags of the published data set.

Assertions stay out: the standard's facet asks of each whether it succeeded, which no one knows
before a run (lineage/events.py sends them then).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from assay.contracts.column_types import column_type
from assay.contracts.exports.promised import as_json
from assay.contracts.model import Column, Contract

if TYPE_CHECKING:
    from openlineage.client.facet_v2 import DatasetFacet, schema_dataset, tags_dataset

NAMESPACE = "assay"
PRODUCER = "urn:assay:0.1"
NO_TIME = "1970-01-01T00:00:00Z"  # the standard demands a time, and a contract happens at none


def openlineage(contract: Contract, *, event_time: str = NO_TIME) -> str:
    """The event as JSON. Whoever sends it states `event_time`, ISO 8601 with a zone."""
    from openlineage.client import event_v2
    from openlineage.client.serde import Serde

    dataset = event_v2.StaticDataset(
        namespace=NAMESPACE, name=f"{contract.name}/published", facets=_facets(contract)
    )
    event = event_v2.DatasetEvent(eventTime=event_time, dataset=dataset, producer=PRODUCER)
    return as_json(json.loads(Serde.to_json(event)))


def _facets(contract: Contract) -> dict[str, DatasetFacet]:
    from openlineage.client.facet_v2 import (
        documentation_dataset,
        ownership_dataset,
        schema_dataset,
        tags_dataset,
    )

    columns = enumerate(contract.published_columns, start=1)
    owners = [ownership_dataset.Owner(name=owner, type="OWNER") for owner in contract.owners]
    facets: dict[str, DatasetFacet] = {
        "schema": schema_dataset.SchemaDatasetFacet(
            fields=[_field(column, place) for place, column in columns], producer=PRODUCER
        ),
        "ownership": ownership_dataset.OwnershipDatasetFacet(owners=owners, producer=PRODUCER),
        "tags": tags_dataset.TagsDatasetFacet(tags=_tags(contract), producer=PRODUCER),
    }
    texts = (contract.description, contract.usage, contract.limitations)
    documentation = "\n\n".join(text for text in texts if text)
    if documentation:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            description=documentation, contentType="text/markdown", producer=PRODUCER
        )
    return facets


def _tags(contract: Contract) -> list[tags_dataset.TagsDatasetFacetFields]:
    """What the contract states about the data set, and the classes and treatments of its columns."""
    from openlineage.client.facet_v2 import tags_dataset

    of_dataset = {
        "contract_version": contract.version,
        "contract_digest": contract.digest,
        "license": contract.license.expression,
        "sensitivity": contract.privacy.sensitivity,
        "region": contract.privacy.region,
        "retention": contract.retention.versions,
    }
    tags = [
        tags_dataset.TagsDatasetFacetFields(key=key, value=value, source="CONTRACT")
        for key, value in of_dataset.items()
    ]
    for column in contract.published_columns:
        treatment = contract.privacy.columns.get(column.name)
        of_column = {
            "classification": column.classification,
            "treatment": treatment and treatment.treatment,
        }
        tags += [
            tags_dataset.TagsDatasetFacetFields(
                key=key, value=value, source="CONTRACT", field=column.name
            )
            for key, value in of_column.items()
            if value
        ]
    return tags


def _field(column: Column, place: int | None = None) -> schema_dataset.SchemaDatasetFacetFields:
    from openlineage.client.facet_v2 import schema_dataset

    nested = [_field(field) for field in column.fields]
    return schema_dataset.SchemaDatasetFacetFields(
        name=column.name,
        type=str(column_type(column)),
        description=column.description,
        ordinal_position=place,
        fields=nested,
    )
