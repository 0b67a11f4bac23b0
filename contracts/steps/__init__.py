"""The cleaning steps that a contract can name under `assay.cleaning`: their shapes, one module a subject.

Belongs here: what can be asked. Stays out: doing it (pipelines/clean, one module a subject too).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.steps.base import Step
from contracts.steps.duplicates import Deduplicate, DeduplicateByKey, NearDuplicates, NearDuplicateTexts
from contracts.steps.missing import DropMissing, FillMissing
from contracts.steps.outliers import Outliers

CleaningStep = Annotated[Deduplicate | DeduplicateByKey | NearDuplicates | NearDuplicateTexts | FillMissing | DropMissing | Outliers, Field(discriminator="step")]

__all__ = ["CleaningStep", "Deduplicate", "DeduplicateByKey", "DropMissing", "FillMissing", "NearDuplicateTexts", "NearDuplicates", "Outliers", "Step"]
