"""The cleaning steps that a contract can name under `assay.cleaning`: their shapes, one module a subject.

Belongs here: what can be asked. Stays out: doing it (pipelines/clean, one module a subject too).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from contracts.steps.base import Step
from contracts.steps.duplicates import Deduplicate
from contracts.steps.missing import FillMissing
from contracts.steps.outliers import Outliers

CleaningStep = Annotated[Deduplicate | FillMissing | Outliers, Field(discriminator="step")]

__all__ = ["CleaningStep", "Deduplicate", "FillMissing", "Outliers", "Step"]
