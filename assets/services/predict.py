"""Score rows for a purpose with the models in service, the use recorded before the first score.

Belongs here: which model scores which row, and what is remembered. Stays out: evaluating by outcomes
(monitor.py), files that people hand in (assay/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assay.assets.io import models as stored
from assay.assets.io.installation import Installation
from assay.assets.io.private import private_files
from assay.assets.io.registry.models import Role, ServingModel
from assay.assets.services.inference import given
from assay.assets.stages.features import feature_state, state_others
from assay.assets.stages.outcomes import MODEL, PARENT, SCORE, keep_predictions, keeps_model
from assay.contracts.errors import ActionError, AdmissionError, Where
from assay.contracts.model import Contract
from assay.contracts.settings import Retrain
from assay.contracts.types import dtype
from assay.lineage.facts import StageFact, Table
from assay.lineage.trace import trace_of, traceparents
from assay.pipelines.act import retrain
from assay.pipelines.features import privacy, table


@dataclass(frozen=True)
class Served:
    """A model in service, opened for a purpose: it keeps to the champion and challenger of the
    moment it was opened.
    """

    installation: Installation
    contract: Contract
    policy: Retrain
    purpose: str
    serving: Mapping[Role, ServingModel]
    models: Mapping[Role, stored.Served]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.policy.model

    @property
    def version(self) -> str:
        """The champion's version in MLflow."""
        return self.models["champion"].version

    @property
    def looks_back(self) -> tuple[str, ...]:
        """The features that are computed from earlier rows."""
        settings = [
            feature_state(self.installation, self.contract.name, model.dataset_version).features
            for model in self.models.values()
        ]
        return tuple(
            dict.fromkeys(
                name
                for features in settings
                for transform in features.transforms
                if transform.only_the_past
                for name in transform.makes
            )
        )

    @private_files()
    def predict(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        history: pl.DataFrame | pl.LazyFrame | None = None,
        trace: str | None = None,
    ) -> pl.DataFrame:
        """Score rows as a version has them.

        Args:
            frame: with the columns that the features are derived from; more are not looked at.
            history: rows from before, where features look back.
            trace: a W3C `traceparent` or trace id that this belongs to; a new one by default.
        Returns: for each row, in order: `traceparent`, by which `assay models outcomes` will know it;
            `score`, how probable the target is; `model_version`.
            A share of the rows, by hash of that name, is the challenger's while there is one.
        Raises: AdmissionError: the data were not admitted for the purpose; the refusal is recorded.
            FeatureError: a column is missing, or it is no frame of Polars.
        """
        started, trace_id = self.installation.registry.now(), trace_of(trace)
        rows = given(frame, "frame").collect()
        earlier = given(history, "history") if history is not None else None
        self._record(trace_id, rows.height)
        names = traceparents(trace_id, rows.height)
        scores, versions = self._scored(rows, earlier, self._roles(names))
        predictions = pl.DataFrame(
            {PARENT: names, SCORE: scores, MODEL: versions.astype(str)},
            schema={PARENT: pl.String, SCORE: pl.Float64, MODEL: pl.String},
        )
        if predictions.height:
            challenger = self.serving.get("challenger")
            keep_predictions(
                self.installation,
                self.contract.name,
                trace_id,
                predictions,
                challenger.version if challenger else None,
            )
        self._record_prediction(trace_id, started, rows.height)
        return predictions

    def _scored(
        self, rows: pl.DataFrame, earlier: pl.LazyFrame | None, roles: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """For each row its score, and the version of the model that gave it."""
        scores = np.zeros(rows.height)
        versions = np.full(rows.height, self.version, dtype=object)
        for role, model in self.models.items():
            mine = roles == role
            if not mine.any():
                continue
            state = feature_state(self.installation, self.contract.name, model.dataset_version)
            others = state_others(self.installation, state)
            features = table.transform(rows.lazy(), state, history=earlier, others=others)
            own = features.collect().filter(pl.Series(mine))  # windows see every row
            scores[mine] = retrain.chances(model.model, own, own.columns)
            versions[mine] = model.version
        return scores, versions

    def _roles(self, names: list[str]) -> np.ndarray[Any, Any]:
        challenger = self.serving.get("challenger")
        if challenger is None or not names:
            return np.full(len(names), "champion", dtype=object)
        share = float(challenger.details["share"])
        drawn = pl.Series(names).hash(0).to_numpy() / 2.0**64
        return np.where(drawn < share, "challenger", "champion").astype(object)

    def _record(self, trace_id: str, rows: int) -> None:
        """Record the use of each model.

        Raises: AdmissionError: one may not be used for the purpose; that is recorded too.
        """
        for role, row in self.serving.items():
            self._record_model(role, row, trace_id, rows)

    def _record_model(self, role: Role, row: ServingModel, trace_id: str, rows: int) -> None:
        registry, name = self.installation.registry, self.contract.name
        version = row.details["dataset_version"]
        statement = self.installation.statement(self.installation.version(name, version))
        predicate = statement["predicate"]
        admission = predicate["admission"]
        errors = {check["rule"] for check in predicate["checks"] if check["severity"] == "error"}
        state = feature_state(self.installation, name, version)
        classes = (registry.derived.get(name, version, "features") or {})["classes"]
        refused = privacy.refused(classes, state.features.allows, self.purpose)
        allowed = self.purpose in admission["purposes"] and not refused
        registry.uses.record(
            name,
            version,
            self.purpose,
            allowed=allowed,
            kind="prediction",
            trace_id=trace_id,
            details={
                "model": self.name,
                "model_version": row.version,
                "role": role,
                "rows": rows,
                "filter_rules": sorted(errors),
                "license": admission["verdict"]["license"]["expression"],
            },
        )
        self._refuse(version, refused, None if allowed else admission["purposes"])

    def _refuse(
        self, version: str, refused: Mapping[str, str], purposes: Sequence[str] | None
    ) -> None:
        """Refuse what was recorded as not allowed.

        Raises: AdmissionError: a feature is `refused`, or only other `purposes` are allowed.
        """
        for feature, kind in refused.items():
            raise AdmissionError(
                f"{self.name} uses the feature '{feature}', which is {kind} and not allowed for '{self.purpose}'",
                "Use it for another purpose",
                Where(dataset=self.contract.name),
            )
        if purposes is not None:
            raise AdmissionError(
                f"{self.name} was trained on {self.contract.name}@{version}, which was not admitted for '{self.purpose}'",
                f"Use it for {' or '.join(purposes)}",
                Where(dataset=self.contract.name),
            )

    def _record_prediction(self, trace_id: str, started: str, rows: int) -> None:
        name = self.contract.name
        fact = StageFact(
            run_id=trace_id,
            dataset=name,
            stage="predicted",
            outcome="COMPLETE",
            started_at=started,
            ended_at=self.installation.registry.now(),
            inputs=tuple(
                Table(name=f"{name}/model", version=row.version, tags={"role": role})
                for role, row in self.serving.items()
            ),
            outputs=(Table(name=f"{name}/predictions", version=trace_id, rows=rows),),
        )
        self.installation.registry.outbox.post("lineage", name, fact.as_json())


def opened(name: str, purpose: str, installation: Installation | None = None) -> Served:
    """A model in service, by its name or its data set's.

    Raises: ActionError: no contract keeps it, none serves, or its file is not what was registered.
    """
    installation = installation or Installation.open()
    installation.registry.check_writable()
    contract, policy = keeps_model(installation, name)
    serving = installation.registry.models.serving(contract.name)
    if "champion" not in serving:
        raise ActionError(
            f"no version of {policy.model} is in service",
            f"Train one: assay run {contract.name}",
            Where(dataset=contract.name),
        )
    models = {
        role: installation.models.served(policy.model, row.version) for role, row in serving.items()
    }
    return Served(installation, contract, policy, purpose, serving, models)


def as_promised(contract: Contract, frame: pl.DataFrame) -> pl.DataFrame:
    """Text as a CSV file has it -> the contract's types; what is not in its column's form is
    missing.

    Columns that no one declared are left out.
    """
    promised = {column.name: dtype(column) for column in contract.published_columns}
    return frame.select(_typed(name, promised[name]) for name in frame.columns if name in promised)


def _typed(name: str, kind: Any) -> pl.Expr:
    text = pl.col(name)
    if kind == pl.Boolean:
        return (
            text.str.to_lowercase()
            .replace_strict(
                {"true": True, "false": False, "1": True, "0": False},
                default=None,
                return_dtype=pl.Boolean,
            )
            .alias(name)
        )
    if isinstance(kind, pl.Datetime):
        return text.str.to_datetime(
            time_unit=kind.time_unit, time_zone=kind.time_zone, strict=False
        )
    if kind == pl.Date:
        return text.str.to_date(strict=False)
    return (
        text.cast(kind, strict=False)
        if not isinstance(kind, pl.DataType) or not kind.is_nested()
        else text
    )
