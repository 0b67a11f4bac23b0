"""The transforms and selections that a contract can name under `assay.features`.

Their shapes, one module a family.

Belongs here: what can be asked. Stays out: doing it (pipelines/features, one module a family too).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assay.contracts.transforms.base import Transform
from assay.contracts.transforms.categories import (
    Cross,
    Embedding,
    Frequency,
    Hash,
    Label,
    OneHot,
    Ordinal,
    TargetMean,
)
from assay.contracts.transforms.numbers import (
    Bin,
    Difference,
    Log,
    Polynomial,
    Power,
    Quantile,
    Ratio,
    Scale,
)
from assay.contracts.transforms.rows import AsOf, Group, Lag, Window
from assay.contracts.transforms.selection import (
    ByChiSquared,
    ByCorrelation,
    ByMutualInformation,
    ByVariance,
    Recursive,
)
from assay.contracts.transforms.texts import NgramHash, TextStatistics, Tfidf
from assay.contracts.transforms.times import Calendar, Cyclical

AnyTransform = Annotated[
    Scale
    | Quantile
    | Log
    | Power
    | Bin
    | Polynomial
    | Ratio
    | Difference
    | OneHot
    | Label
    | Ordinal
    | Frequency
    | TargetMean
    | Hash
    | Cross
    | Embedding
    | Calendar
    | Cyclical
    | TextStatistics
    | Tfidf
    | NgramHash
    | Group
    | Window
    | Lag
    | AsOf,
    Field(discriminator="transform"),
]
AnySelection = Annotated[
    ByVariance | ByCorrelation | ByMutualInformation | ByChiSquared | Recursive,
    Field(discriminator="select"),
]

__all__ = [
    "AnySelection",
    "AnyTransform",
    "AsOf",
    "Bin",
    "ByChiSquared",
    "ByCorrelation",
    "ByMutualInformation",
    "ByVariance",
    "Calendar",
    "Cross",
    "Cyclical",
    "Difference",
    "Embedding",
    "Frequency",
    "Group",
    "Hash",
    "Label",
    "Lag",
    "Log",
    "NgramHash",
    "OneHot",
    "Ordinal",
    "Polynomial",
    "Power",
    "Quantile",
    "Ratio",
    "Recursive",
    "Scale",
    "TargetMean",
    "TextStatistics",
    "Tfidf",
    "Transform",
    "Window",
]
