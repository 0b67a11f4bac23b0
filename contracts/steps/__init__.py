"""The cleaning steps that a contract can name under `assay.cleaning`.

Their shapes, one module a subject.

Belongs here: what can be asked. Stays out: doing it (pipelines/clean, one module a subject too).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from assay.contracts.steps.base import Step
from assay.contracts.steps.corrections import (
    Dependencies,
    Normalize,
    Numbers,
    Placeholders,
    Rewrite,
    Shapes,
    Synonyms,
    Times,
    Typos,
)
from assay.contracts.steps.duplicates import (
    Deduplicate,
    DeduplicateByKey,
    NearDuplicates,
    NearDuplicateTexts,
)
from assay.contracts.steps.missing import DropMissing, FillMissing
from assay.contracts.steps.outliers import Outliers
from assay.contracts.steps.texts import Align, Boilerplate, Language, Noise, TextQuality

CleaningStep = Annotated[
    Deduplicate
    | DeduplicateByKey
    | NearDuplicates
    | NearDuplicateTexts
    | FillMissing
    | DropMissing
    | Outliers
    | Normalize
    | Placeholders
    | Synonyms
    | Rewrite
    | Numbers
    | Times
    | Typos
    | Shapes
    | Dependencies
    | Noise
    | Boilerplate
    | Language
    | TextQuality
    | Align,
    Field(discriminator="step"),
]

__all__ = [
    "Align",
    "Boilerplate",
    "CleaningStep",
    "Deduplicate",
    "DeduplicateByKey",
    "Dependencies",
    "DropMissing",
    "FillMissing",
    "Language",
    "NearDuplicateTexts",
    "NearDuplicates",
    "Noise",
    "Normalize",
    "Numbers",
    "Outliers",
    "Placeholders",
    "Rewrite",
    "Shapes",
    "Step",
    "Synonyms",
    "TextQuality",
    "Times",
    "Typos",
]
