"""Contract -> what Dagster shows of a data set, as plain data.

The table schema, and one check a rule under its own name.

The fields are those of dagster.TableColumn and dagster.AssetCheckSpec, filled as
assets/dagster/metadata fills them.
"""

from __future__ import annotations

from assay.contracts.column_types import column_type
from assay.contracts.exports.promised import as_json
from assay.contracts.model import Contract


def dagster(contract: Contract) -> str:
    """The schema and the checks as JSON."""
    columns = [
        {
            "name": column.name,
            "type": str(column_type(column)),
            "description": column.description,
            "constraints": {"nullable": not column.required, "unique": column.unique},
            "tags": {"classification": column.classification} if column.classification else {},
        }
        for column in contract.published_columns
    ]
    checks = [
        {
            "name": rule.name,
            "asset_key": [contract.name, "cleaned"],
            "description": rule.description,
            "blocking": rule.severity == "error",
            "metadata": {
                "dimension": rule.dimension,
                "severity": rule.severity,
                "allowed": str(rule.bound),
            },
        }
        for rule in contract.rules
    ]
    return as_json(
        {
            "asset_key": [contract.name, "published"],
            "table_schema": {"columns": columns},
            "check_specs": checks,
        }
    )
