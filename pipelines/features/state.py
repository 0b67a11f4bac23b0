"""What features have learned, as data: JSON and tables, bound to the version they were fitted on.

Belongs here: its shape, and turning it into JSON and back. Stays out: files
(assets/stages/features.py), using it (table.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from assay.contracts.errors import FeatureError
from assay.contracts.features import Features
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.features.selection import Score

FORMAT = 2


@dataclass(frozen=True)
class Bound:
    """A version of a data set, and the SHA-256 over its signed manifest."""

    dataset: str
    version: str
    digest: str


@dataclass(frozen=True)
class State:
    """Everything that makes features of later rows what they were in the batch.

    Args:
        features: the contract's settings.
        types: the columns that are read, with their types.
        before: the time, in microseconds or units of the ordering number, from which on no row was
            fitted on; None if all were.
        last: that of the last training row; None if rows are ordered by no such thing.
        training_rows: how many rows were fitted on.
        fitted: what each transform has learned.
        made: every feature in order, before selection.
        kept: the features that selection left.
        version: what it was fitted on; None in memory only.
        others: the versions of other data sets that rows are joined to.
    """

    features: Features
    types: Mapping[str, str]
    before: int | None
    last: int | None
    training_rows: int
    fitted: tuple[Fitted, ...]
    made: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    version: Bound | None = None
    others: tuple[Bound, ...] = field(default=())

    def as_json(self) -> str:
        """All but the tables."""
        data = {
            "format": FORMAT,
            "features": self.features.model_dump(mode="json"),
            "types": dict(self.types),
            "before": self.before,
            "last": self.last,
            "training_rows": self.training_rows,
            "fitted": [dict(fitted.values) for fitted in self.fitted],
            "made": self.made,
            "kept": self.kept,
            "scores": [asdict(score) for score in self.scores],
            "version": asdict(self.version) if self.version else None,
            "others": [asdict(other) for other in self.others],
        }
        return json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables by a name that sorts, such as `03.groups`."""
        return {
            f"{place:02}.{name}": table
            for place, one in enumerate(self.fitted)
            for name, table in one.tables.items()
        }


def from_json(text: str, tables: Mapping[str, pl.DataFrame]) -> State:
    """What `as_json` and `tables` gave. Raises: FeatureError: it is of another format."""
    data: dict[str, Any] = json.loads(text)
    if data.get("format") != FORMAT:
        raise FeatureError(
            f"the state of these features has format {data.get('format')}, but this release supports format {FORMAT}",
            "Publish a new version: assay run NAME",
        )
    tables_of: list[dict[str, pl.DataFrame]] = [{} for _ in data["fitted"]]
    for name, table in tables.items():
        place, _, own = name.partition(".")
        tables_of[int(place)][own] = table
    return State(
        features=Features.model_validate(data["features"]),
        types=data["types"],
        before=data["before"],
        last=data["last"],
        training_rows=data["training_rows"],
        fitted=tuple(map(Fitted, data["fitted"], tables_of)),
        made=tuple(data["made"]),
        kept=tuple(data["kept"]),
        scores=tuple(Score(**score) for score in data["scores"]),
        version=Bound(**data["version"]) if data["version"] else None,
        others=tuple(Bound(**other) for other in data["others"]),
    )
