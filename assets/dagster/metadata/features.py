"""Metadata of a feature table."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assay.assets.dagster.metadata.tables import Metadata, markdown, render_value
from assay.contracts.errors import FeatureError
from assay.contracts.features import Features
from assay.contracts.model import Contract
from assay.contracts.types import dtype


def featured(
    contract: Contract, version: str, details: Mapping[str, Any], *, new: bool
) -> Metadata:
    """A feature table: its columns, what each is derived from, by which engine and how far from the
    CPU; what it gives away, and what was not selected.
    """
    if contract.features is None:
        raise FeatureError(
            f"the contract of {contract.name} declares no features", "Add assay.features to it"
        )
    parity = details["parity"]
    metadata: Metadata = {
        "dagster/row_count": details["rows"],
        "version": version,
        "engine": details["engine"],
        "features": len(details["features"]),
        "new": new,
        "training_rows": details["training_rows"],
        "dagster/column_schema": _schema(contract, contract.features, details),
        "dagster/column_lineage": _lineage(contract, contract.features, details),
        "greatest_difference": float(parity["greatest"]),
        "fallbacks": sum(column["fallback"] is not None for column in parity["columns"]),
        "made_from": _engine_table(details),
        "parity": f"on {parity['rows']:,} rows, tolerance {parity['tolerance']:g}",
        "evidence": f"evidence/{contract.name}/features/{version}.dsse.json",
    }
    dropped = [
        (score["feature"], score["select"], render_value(score["score"]), score["because"])
        for score in details["scores"]
        if not score["kept"]
    ]
    if dropped:
        headers = ["feature", "selection", "score", "because"]
        metadata["left_out_by_selection"] = markdown(headers, dropped)
    if details["proxies"]:
        proxies = [
            (proxy["feature"], proxy["column"], proxy["skill"]) for proxy in details["proxies"]
        ]
        metadata["proxies"] = markdown(["feature", "predicts", "skill"], proxies)
    return metadata


def _schema(contract: Contract, features: Features, details: Mapping[str, Any]) -> dg.TableSchema:
    classes = details["classes"]
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type=kind,
                description=description,
                tags={"classification": classes[name]} if name in classes else {},
            )
            for name, (kind, description) in dict(_columns(contract, features, details)).items()
        ]
    )


def _columns(
    contract: Contract, features: Features, details: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each column with its type, and in words what it is derived from.

    Dagster's open-source UI keeps column lineage and does not draw it, so the schema describes it.
    """
    types = {column.name: str(dtype(column)) for column in contract.published_columns}
    yield features.order_by, (types[features.order_by], "the time of the row, as published")
    for name, feature in details["from"].items():
        sources = ", ".join(feature["columns"])
        yield name, (feature["type"], f"{feature['transform']} of {sources}")
    target = features.target
    if target:
        yield target.name, ("Int8", f"the target: {target.column} above {target.above:g}")


def _lineage(
    contract: Contract, features: Features, details: Mapping[str, Any]
) -> dg.TableColumnLineage:
    sources = {
        features.order_by: [features.order_by],
        **{name: feature["columns"] for name, feature in details["from"].items()},
    }
    if features.target:
        sources[features.target.name] = [features.target.column]
    return dg.TableColumnLineage(
        {
            column: [_column_dependency(contract, source) for source in columns]
            for column, columns in sources.items()
        }
    )


def _column_dependency(contract: Contract, source: str) -> dg.TableColumnDep:
    dataset, _, column = source.partition(".")
    own = not column or source in contract.column_names
    return dg.TableColumnDep(
        asset_key=dg.AssetKey([contract.name if own else dataset, "published"]),
        column_name=source if own else column,
    )


def _engine_table(details: Mapping[str, Any]) -> dg.MarkdownMetadataValue:
    """What made each feature, and how far its values are from the CPU's."""
    rows = []
    for column in details["parity"]["columns"]:
        feature = details["from"][column["feature"]]
        rows.append(
            (
                column["feature"],
                feature["transform"],
                ", ".join(feature["columns"]),
                column["engine"],
                f"{column['difference']:.3g}",
                column["fallback"] or "",
            )
        )
    difference = "difference from the CPU"
    headers = [
        "feature",
        "transform",
        "from",
        "engine",
        difference,
        "why the requested engine was not used",
    ]
    return markdown(headers, rows)
