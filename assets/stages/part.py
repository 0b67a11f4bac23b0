"""A part of a version on its way: one partition, or all of a data set that has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assay.assets.stages.admit import Admission
from assay.assets.stages.clean_validate import Refined
from assay.assets.stages.published_keys import attempt_of
from assay.assets.stages.run import Run
from assay.lineage.evidence import PublishedFile


@dataclass(frozen=True)
class Part:
    """One partition on its way into a version, or all of a data set that has none. `files` and `set_aside` fill as they are moved to where they stay."""

    run: Run
    admission: Admission
    refined: Refined
    files: list[PublishedFile] = field(default_factory=list)
    set_aside: dict[str, Any] = field(default_factory=dict)

    @property
    def attempt(self) -> str:
        """The folder below `versions/` that is this attempt's own."""
        return attempt_of(self.run, self.admission)
