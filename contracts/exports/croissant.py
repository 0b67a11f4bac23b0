"""Contract -> Croissant 1.1 (JSON-LD of data sets for machine learning), with the responsible-AI vocabulary 1.0.

What nobody said is left out: no bias, no digest is made up. Sources: http://mlcommons.org/croissant/1.1, http://mlcommons.org/croissant/RAI/1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from assay.contracts.data_files import table
from assay.contracts.exports.promised import as_json
from assay.contracts.formats import decimal
from assay.contracts.location import HIDDEN_QUERY, kind_of
from assay.contracts.model import Column, Contract
from assay.contracts.steps import FillMissing
from assay.contracts.types import width

CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
PARQUET = "application/x-parquet"  # as Croissant writes it; IANA registers vnd.apache.parquet
MEDIA_TYPES = {
    "csv": "text/csv",
    "parquet": PARQUET,
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "ndjson": "application/jsonlines",
}
SPDX_ID = re.compile(r"[A-Za-z0-9.+-]+")
ELEMENTS = {
    "float64": "cr:Float64",
    "float32": "cr:Float32",
    "float16": "cr:Float16",
    "bfloat16": "cr:Float32",
    "int8": "cr:Int8",
    "uint8": "cr:UInt8",
    "binary": "cr:UInt8",
}
TYPES = {
    "string": "sc:Text",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
    "time": "sc:Time",
}
Node = dict[str, Any]


class PublishedFile(Protocol):
    """One Parquet file of a version; `sha256` is the digest of its bytes, `size` their number."""

    path: str
    sha256: str
    size: int


def croissant(contract: Contract, *, files: Sequence[PublishedFile] = ()) -> str:
    """The metadata as JSON-LD.

    Args:
        files: of one published version. Without them the source is described where the contract knows its digest, else a version's files by their pattern.
    """
    distribution = list(_distribution(contract, files))
    data: Node = {
        "@context": table("exports/croissant_context.json"),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": contract.name,
        "description": contract.description,
        "version": contract.version,
        "license": _license(contract.license.expression),
        "creator": {"@type": "sc:Organization", "name": contract.license.holder},
        "keywords": [
            word
            for word in (contract.domain, contract.source.origin, *contract.license.purposes)
            if word
        ],
        **_responsible(contract),
        "distribution": distribution,
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "field": [
                    _field(column, f"rows/{column.name}", distribution[-1], [column.name], contract)
                    for column in contract.published_columns
                ],
            }
        ],
    }
    return as_json({key: value for key, value in data.items() if value not in ("", [], None)})


def _license(expression: str) -> str:
    """The page of a single licence; an expression or a licence of one's own is told as it is."""
    return (
        f"https://spdx.org/licenses/{expression}.html"
        if SPDX_ID.fullmatch(expression) and not expression.startswith("LicenseRef-")
        else expression
    )


def _distribution(contract: Contract, files: Sequence[PublishedFile]) -> Iterator[Node]:
    """The last node is the one that fields are read from."""
    for file in files:
        yield {
            "@type": "cr:FileObject", "@id": file.path, "name": file.path, "contentUrl": file.path, "contentSize": f"{file.size} B", "encodingFormat": PARQUET, "sha256": file.sha256,
        }  # fmt: skip
    source = contract.source
    plain = not source.location.endswith((".zip", ".gz", ".bz2", ".xz", ".zst")) and kind_of(
        source.location
    ) in (
        "path",
        "package",
        "http",
    )  # an archive would need a node of its own, and the name of what it holds
    if not files and source.sha256 and source.format in MEDIA_TYPES and plain:
        yield {
            "@type": "cr:FileObject",
            "@id": "source",
            "name": "source",
            "contentUrl": source.shown_location.removesuffix(HIDDEN_QUERY),
            "encodingFormat": MEDIA_TYPES[source.format],
            "sha256": source.sha256,
        }
    elif len(files) != 1:
        yield {
            "@type": "cr:FileSet",
            "@id": "version",
            "name": "version",
            "includes": "**/*.parquet",
            "encodingFormat": PARQUET,
        }


def _field(column: Column, id: str, source: Node, path: list[str], contract: Contract) -> Node:
    inner, shape = _unwrapped(column)
    reference = {
        "fileObject" if source["@type"] == "cr:FileObject" else "fileSet": {"@id": source["@id"]},
        "extract": {"column": path[0]},
    }
    node: Node = {"@type": "cr:Field", "@id": id, "name": column.name}
    if column.description:
        node["description"] = column.description
    node |= {"isArray": True, "arrayShape": ",".join(str(size) for size in shape)} if shape else {}
    if inner.logical_type in ("object", "map"):
        return node | {
            "subField": [
                _field(field, f"{id}/{field.name}", source, path, contract)
                for field in inner.fields
            ]
        }
    return node | {"dataType": _type(inner), "source": reference}


def _unwrapped(column: Column) -> tuple[Column, tuple[int, ...]]:
    """What lies inside arrays, and their sizes from the outside in; -1 for any."""
    match column.logical_type:
        case "array":
            inner, shape = _unwrapped(column.fields[0])
            return inner, (-1, *shape)
        case "map":  # a version keeps it as a list of entries
            return column, (-1,)
        case "vector":
            return column, (column.dimensions or -1,)
        case _:
            return column, ()


def _type(column: Column) -> str:
    match column.logical_type:
        case "integer":
            name = width(column)
            return f"cr:{'Int' if name[0] == 'i' else 'UInt'}{name[1:]}"
        case "number":
            single = (column.format or (column.physical_type or "").lower().strip()) in (
                "f32",
                "float32",
                "real",
            )
            return (
                "sc:Float"
                if decimal(column.physical_type)
                else "cr:Float32"
                if single
                else "cr:Float64"
            )
        case "vector":
            return ELEMENTS[column.element_type]
        case _:
            return TYPES[column.logical_type]


# -- responsible AI --------------------------------------------------------------------


def _responsible(contract: Contract) -> Node:
    source, windows = contract.source, contract.source.windows
    node: Node = {
        "rai:dataCollection": f"{source.origin.capitalize()} data, delivered as {source.format} from {source.shown_location}.",
        "rai:dataLimitations": contract.limitations,
        "rai:dataUseCases": [
            text
            for text in (contract.usage, f"Wanted for: {', '.join(contract.license.purposes)}.")
            if text
        ],
        "rai:personalSensitiveInformation": _personal(contract),
        "rai:dataPreprocessingProtocol": [
            step.description for step in contract.cleaning if not isinstance(step, FillMissing)
        ],
        "rai:dataImputationProtocol": " ".join(
            step.description for step in contract.cleaning if isinstance(step, FillMissing)
        ),
        "rai:dataReleaseMaintenancePlan": f"Versions are kept for {contract.retention.versions}."
        + (
            f" New data are looked for on the schedule '{source.schedule}'."
            if source.schedule
            else ""
        ),
    }
    if windows:
        node["rai:dataCollectionTimeFrame"] = [
            min(w.start for w in windows.each).isoformat(),
            max(w.end for w in windows.each).isoformat(),
        ]
    return node


def _personal(contract: Contract) -> list[str]:
    privacy = contract.privacy
    told = [
        f"The data set is {privacy.sensitivity}; lawful basis: {privacy.lawful_basis}; region: {privacy.region}."
    ]
    return told + [
        f"{name}: {treatment.kind.replace('_', ' ')}, {_DONE[treatment.treatment]}."
        for name, treatment in privacy.columns.items()
    ]


_DONE = {
    "token": "replaced by a keyed token",
    "hash": "replaced by a keyed hash",
    "generalize": "made coarser",
    "mask": "masked",
    "redact": "redacted in the text",
    "drop": "not published",
}
