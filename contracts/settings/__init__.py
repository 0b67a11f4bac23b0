"""The `assay.*` custom properties.

What Assay needs to know of a data set that ODCS has no word for.

Belongs here: their shapes, one class a property, one module a subject; a key that no class knows is
an error. Stays out: reading YAML (load.py), doing anything (pipelines/).
"""

from __future__ import annotations

from assay.contracts.settings.approvals import PROD, Approvals, ApprovedAct
from assay.contracts.settings.base import MAX_DAYS, Days, Instant, Settings, Share
from assay.contracts.settings.bias import Bias, Outcome, Slice
from assay.contracts.settings.drift import (
    Acting,
    Against,
    DriftPolicy,
    Method,
    Newest,
    Performance,
    PublishedVersion,
    SlidingWindow,
    Texts,
    Webhook,
)
from assay.contracts.settings.index import (
    Embedding,
    EndpointEmbedding,
    FittedEmbedding,
    Index,
    ModelEmbedding,
    Question,
    Rerank,
    StemmedLanguage,
)
from assay.contracts.settings.license import License, Purpose
from assay.contracts.settings.privacy import (
    CLASSES,
    CONFIDENTIAL,
    SENSITIVITIES,
    UNANSWERED,
    Anonymity,
    PersonalKind,
    Privacy,
    SensitiveClass,
    Treatment,
)
from assay.contracts.settings.retention import Retention
from assay.contracts.settings.retraining import Canary, Fairness, Retrain, Trainer
from assay.contracts.settings.source import (
    PARTITION,
    CsvOptions,
    Partitions,
    Source,
    Watermark,
    Window,
    Windows,
)

__all__ = [
    "CLASSES",
    "CONFIDENTIAL",
    "MAX_DAYS",
    "PARTITION",
    "PROD",
    "SENSITIVITIES",
    "UNANSWERED",
    "Acting",
    "Against",
    "Anonymity",
    "Approvals",
    "ApprovedAct",
    "Bias",
    "Canary",
    "CsvOptions",
    "Days",
    "DriftPolicy",
    "Embedding",
    "EndpointEmbedding",
    "Fairness",
    "FittedEmbedding",
    "Index",
    "Instant",
    "License",
    "Method",
    "ModelEmbedding",
    "Newest",
    "Outcome",
    "Partitions",
    "Performance",
    "PersonalKind",
    "Privacy",
    "PublishedVersion",
    "Purpose",
    "Question",
    "Rerank",
    "Retention",
    "Retrain",
    "SensitiveClass",
    "Settings",
    "Share",
    "Slice",
    "SlidingWindow",
    "Source",
    "StemmedLanguage",
    "Texts",
    "Trainer",
    "Treatment",
    "Watermark",
    "Webhook",
    "Window",
    "Windows",
]
