"""Sketches of versions, kept next to them: a folder a version and policy, named by what they were
made with.

Belongs here: writing and reading them, checked against their digests. Stays out: making and
comparing them (pipelines/drift).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.disk import sha256
from assay.contracts.features import Target
from assay.contracts.settings import DriftPolicy
from assay.pipelines.drift.sketch import Kind, Sketch
from assay.pipelines.drift.summaries import CATEGORY, NUMBERS

FACTS, SAMPLE, NUMBERS_FILE, CATEGORIES_FILE = (
    "facts.json",
    "sample.parquet",
    "numbers.parquet",
    "categories.parquet",
)
_LAYOUT = 1


def made_with(policy: DriftPolicy, kinds: Mapping[str, Kind], target: Target | None) -> str:
    """A name for what a sketch depends on next to the rows: sketches of one name can be compared."""
    settings = {
        "layout": _LAYOUT,
        "kinds": dict(sorted(kinds.items())),
        "rows": policy.sample_rows,
        "seed": policy.seed,
        "texts": policy.texts.model_dump() if policy.texts else None,
        "slices": sorted({part.column for part in policy.slices}),
        "newest": policy.newest.column if policy.newest else None,
        "target": target.model_dump() if target else None,
        "polars": pl.__version__,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def write(folder: Path, sketch: Sketch) -> dict[str, str]:
    """Write a sketch into an empty folder. Returns: file -> SHA-256."""
    facts: dict[str, Any] = {
        "rows": sketch.rows,
        "schema": dict(sketch.schema),
        "missing": dict(sketch.missing),
        "bucketed": sorted(sketch.bucketed),
        "label": sketch.label,
        "newest": sketch.newest,
        "numbers": list(sketch.numbers),
        "categories": list(sketch.categories),
        "texts": list(sketch.texts),
    }
    (folder / FACTS).write_text(json.dumps(facts, sort_keys=True))
    _stacked(sketch.numbers, NUMBERS).write_parquet(folder / NUMBERS_FILE)
    _stacked(sketch.categories, CATEGORY).write_parquet(folder / CATEGORIES_FILE)
    sketch.sample.write_parquet(folder / SAMPLE)
    for number, vectors in enumerate(sketch.texts.values()):
        vectors.write_parquet(folder / f"texts-{number}.parquet")
    return {file.name: sha256(file) for file in sorted(folder.iterdir())}


def read(folder: Path, digests: Mapping[str, str]) -> Sketch | None:
    """A sketch as it was written; None if a file is gone or is not what was written, so that it
    has to be rebuilt.
    """
    if not all(
        (folder / name).is_file() and sha256(folder / name) == digest
        for name, digest in digests.items()
    ):
        return None
    facts = json.loads((folder / FACTS).read_text())
    numbers, categories = (
        {name: frame.filter(pl.col("column") == name).drop("column") for name in facts[part]}
        for part, frame in (
            ("numbers", pl.read_parquet(folder / NUMBERS_FILE)),
            ("categories", pl.read_parquet(folder / CATEGORIES_FILE)),
        )
    )
    texts = {
        name: pl.read_parquet(folder / f"texts-{number}.parquet")
        for number, name in enumerate(facts["texts"])
    }
    label = (facts["label"][0], facts["label"][1]) if facts["label"] else None
    return Sketch(
        facts["rows"],
        facts["schema"],
        facts["missing"],
        numbers,
        categories,
        pl.read_parquet(folder / SAMPLE),
        texts,
        frozenset(facts["bucketed"]),
        label,
        facts["newest"],
    )


def _stacked(frames: Mapping[str, pl.DataFrame], schema: Mapping[str, Any]) -> pl.DataFrame:
    parts = [frame.select(pl.lit(name).alias("column"), *schema) for name, frame in frames.items()]
    return pl.concat(parts) if parts else pl.DataFrame(schema={"column": pl.String, **schema})
