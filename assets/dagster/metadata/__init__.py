"""Contracts and evidence -> what Dagster shows: table schemas, numbers that plot, Markdown tables,
check results.

Pure.
"""

from assay.assets.dagster.metadata.candidates import indexed, modelled
from assay.assets.dagster.metadata.deliveries import (
    admitted,
    landed,
    landed_parts,
    reviewed,
    undeclared_columns,
)
from assay.assets.dagster.metadata.drift import drifted
from assay.assets.dagster.metadata.features import featured
from assay.assets.dagster.metadata.tables import Metadata, table_schema
from assay.assets.dagster.metadata.versions import (
    check_result,
    check_spec,
    cleaned,
    documented,
    published,
    quarantined,
    replayed,
)

__all__ = [
    "Metadata",
    "admitted",
    "check_result",
    "check_spec",
    "cleaned",
    "documented",
    "drifted",
    "featured",
    "indexed",
    "landed",
    "landed_parts",
    "modelled",
    "published",
    "quarantined",
    "replayed",
    "reviewed",
    "table_schema",
    "undeclared_columns",
]
