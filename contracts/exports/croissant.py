"""Contract -> Croissant 1.1 (JSON-LD of data sets for machine learning), with the responsible-AI
vocabulary 1.0.

What no one said is left out: no bias, no digest is made up. Sources:
http://mlcommons.org/croissant/1.1, http://mlcommons.org/croissant/RAI/1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from assay.contracts.column_types import width
from assay.contracts.data_files import table
from assay.contracts.exports.promised import as_json
from assay.contracts.formats import decimal
from assay.contracts.location import HIDDEN_QUERY, kind_of
from assay.contracts.model import Column, Contract
from assay.contracts.settings import Source
from assay.contracts.steps import FillMissing

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
        files: of one published version. Without them the source is described where the contract
            knows its digest, else a version's files by their pattern.
    """
    distribution = list(_distribution(contract, files))
    keywords = (contract.domain, contract.source.origin, *contract.license.purposes)
    data: Node = {
        "@context": table("exports/croissant_context.json"),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": contract.name,
        "description": contract.description,
        "version": contract.version,
        "license": _license(contract.license.expression),
        "creator": {"@type": "sc:Organization", "name": contract.license.holder},
        "keywords": [keyword for keyword in keywords if keyword],
        **_responsible(contract),
        "distribution": distribution,
        "recordSet": [_rows(contract, distribution[-1])],
    }
    return as_json({key: value for key, value in data.items() if value not in ("", [], None)})


def _license(expression: str) -> str:
    """The page of a single licence; an expression or a licence of one's own as it is."""
    if not SPDX_ID.fullmatch(expression) or expression.startswith("LicenseRef-"):
        return expression
    return f"https://spdx.org/licenses/{expression}.html"


def _distribution(contract: Contract, files: Sequence[PublishedFile]) -> Iterator[Node]:
    """The last node is the one that fields are read from."""
    for file in files:
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.size} B",
            "encodingFormat": PARQUET,
            "sha256": file.sha256,
        }
    source = contract.source
    if not files and source.sha256 and source.format in MEDIA_TYPES and _is_plain_file(source):
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


def _is_plain_file(source: Source) -> bool:
    """Whether the source is one file as it is.

    An archive would need a node of its own, and the name of what it holds.
    """
    is_archive = source.location.endswith((".zip", ".gz", ".bz2", ".xz", ".zst"))
    return not is_archive and kind_of(source.location) in ("path", "package", "http")


def _rows(contract: Contract, source: Node) -> Node:
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "field": [
            _field(column, f"rows/{column.name}", source, column.name)
            for column in contract.published_columns
        ],
    }


def _field(column: Column, id: str, source: Node, top: str) -> Node:
    """A field, and what it nests; it is read from the column `top`."""
    inner, shape = _unwrapped(column)
    node: Node = {"@type": "cr:Field", "@id": id, "name": column.name}
    if column.description:
        node["description"] = column.description
    if shape:
        node |= {"isArray": True, "arrayShape": ",".join(str(size) for size in shape)}
    if inner.logical_type in ("object", "map"):
        parts = [_field(field, f"{id}/{field.name}", source, top) for field in inner.fields]
        return node | {"subField": parts}
    file = "fileObject" if source["@type"] == "cr:FileObject" else "fileSet"
    reference = {file: {"@id": source["@id"]}, "extract": {"column": top}}
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
        case "number" if decimal(column.physical_type):
            return "sc:Float"
        case "number":
            name = column.format or (column.physical_type or "").lower().strip()
            return "cr:Float32" if name in ("f32", "float32", "real") else "cr:Float64"
        case "vector":
            return ELEMENTS[column.element_type]
        case _:
            return TYPES[column.logical_type]


# -- responsible AI --------------------------------------------------------------------


def _responsible(contract: Contract) -> Node:
    source, windows = contract.source, contract.source.windows
    fills = [step for step in contract.cleaning if isinstance(step, FillMissing)]
    others = [step for step in contract.cleaning if not isinstance(step, FillMissing)]
    use_cases = (contract.usage, f"Wanted for: {', '.join(contract.license.purposes)}.")
    node: Node = {
        "rai:dataCollection": f"{source.origin.capitalize()} data, "
        f"delivered as {source.format} from {source.shown_location}.",
        "rai:dataLimitations": contract.limitations,
        "rai:dataUseCases": [text for text in use_cases if text],
        "rai:personalSensitiveInformation": _personal(contract),
        "rai:dataPreprocessingProtocol": [step.description for step in others],
        "rai:dataImputationProtocol": " ".join(step.description for step in fills),
        "rai:dataReleaseMaintenancePlan": _maintenance(contract),
    }
    if windows:
        node["rai:dataCollectionTimeFrame"] = [
            min(window.start for window in windows.each).isoformat(),
            max(window.end for window in windows.each).isoformat(),
        ]
    return node


def _maintenance(contract: Contract) -> str:
    kept = f"Versions are kept for {contract.retention.versions}."
    schedule = contract.source.schedule
    return f"{kept} New data are looked for on the schedule '{schedule}'." if schedule else kept


def _personal(contract: Contract) -> list[str]:
    privacy = contract.privacy
    return [
        f"The data set is {privacy.sensitivity}; lawful basis: {privacy.lawful_basis}; "
        f"region: {privacy.region}.",
        *(
            f"{name}: {treatment.kind.replace('_', ' ')}, {_DONE[treatment.treatment]}."
            for name, treatment in privacy.columns.items()
        ),
    ]


_DONE = {
    "token": "replaced by a keyed token",
    "hash": "replaced by a keyed hash",
    "generalize": "made coarser",
    "mask": "masked",
    "redact": "redacted in the text",
    "drop": "not published",
}
