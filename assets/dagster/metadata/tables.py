"""What all metadata consist of: Markdown tables, cells, table schemas, column lineage."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from assay.contracts.model import Column, Contract
from assay.contracts.types import dtype

Metadata = dict[str, Any]
WIDEST_CELL = 80


def markdown(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; bars in cells are escaped."""
    lines = [
        list(headers),
        ["---"] * len(headers),
        *([str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


def table_schema(contract: Contract) -> dg.TableSchema:
    """The declared columns, with their constraints; privacy class and treatment as tags."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(dtype(column)),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required, unique=column.unique
                ),
                tags=_column_tags(contract, column),
            )
            for column in contract.published_columns
        ]
    )


def _column_tags(contract: Contract, column: Column) -> dict[str, str]:
    treatment = contract.privacy.columns.get(column.name)
    tags = {"classification": column.classification, "treatment": treatment and treatment.treatment}
    return {key: value for key, value in tags.items() if value}


def column_lineage(
    upstream: Sequence[str], lineage: Mapping[str, Iterable[str]]
) -> dg.TableColumnLineage:
    """Column -> the columns of one upstream asset it was derived from."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(list(upstream)), column_name=field)
                for field in fields
            ]
            for column, fields in lineage.items()
        }
    )


def render_cell(value: object) -> str:
    """A value of a row, in one line."""
    return "—" if value is None else " ".join(str(value).split())[:WIDEST_CELL]


def render_value(value: object) -> str:
    """A measurement; None is one that could not be taken."""
    if value is None:
        return "unknown"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def render_score(score: float | None) -> str:
    """A score to four decimals, or a dash."""
    return "—" if score is None else f"{score:.4f}"


def plotted(numbers: Mapping[str, float | None]) -> Metadata:
    """Numbers that plot; what could not be measured has no point."""
    return {name: float(value) for name, value in numbers.items() if value is not None}
