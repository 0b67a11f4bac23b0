"""Models in MLflow: who is champion, who challenges, and files that are what they were.

Belongs here: the MLflow store, model files as skops. Stays out: training and evaluating
(pipelines/act). MLflow's own loading and logging keep state for the whole process; the client gets
everything as arguments instead.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import polars as pl

from assay.assets.io.disk import alone, sha256, sync_file, sync_folder
from assay.contracts.errors import ActionError, ConfigurationError, Where
from assay.pipelines.core.threads import threads_for

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILE, DIGEST = "model.skops", "assay.sha256"
# What skops does not trust by itself in trees and in what prepares columns. Trusted only in a file
# whose digest was checked first.
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "numpy.dtype",
)
TRIGGER, REFUSED = "assay.trigger", "assay.rejected"
_UNFINISHED = ".unfinished-"
CARD = "card.md"
_WHO_SERVES = (
    "Kept by Assay. The aliases `champion` and `challenger` name the versions in service; they follow Assay's registry. Change them with `assay models promote` or `assay models rollback`, "
    "not here. A version with the tag `assay.rejected` was refused or rolled back, for the reason in the tag."
)


@dataclass(frozen=True)
class Served:
    """A version of a model, loaded, and the data set's version it was trained on."""

    version: str
    dataset_version: str
    model: Any
    metrics: dict[str, float]


def _without_credentials(uri: str) -> str:
    """A server's address whose user and password MLflow takes from the environment instead: its
    errors repeat the address.

    Raises: ConfigurationError: it has a query or fragment, which no server of MLflow reads.
    """
    url = urlsplit(uri)
    if url.scheme not in ("http", "https"):
        return uri
    if url.query or url.fragment:
        remedy = "Remove what follows the path; put a token in MLFLOW_TRACKING_TOKEN"
        raise ConfigurationError(
            "the address of the MLflow server has a query or fragment",
            remedy,
            Where(file="ASSAY_MLFLOW_URI"),
        )
    userinfo, _, host = url.netloc.rpartition("@")
    if userinfo:
        user, _, password = userinfo.partition(":")
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(user)
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
    return url._replace(netloc=host).geturl()


class ModelStore:
    """An MLflow store: SQLite and files in a folder, or the server at `uri`."""

    def __init__(self, folder: Path, uri: str | None = None) -> None:
        self.folder = folder.resolve()
        self._database = self.folder / "mlflow.db"
        self._own = f"sqlite:///{self._database}"
        self.uri = _without_credentials(uri) if uri else self._own

    @cached_property
    def _client(self) -> MlflowClient:
        os.environ.update(
            MLFLOW_DISABLE_TELEMETRY="true",
            DO_NOT_TRACK="1",
            MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
            MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
            MLFLOW_LOGGING_LEVEL="ERROR",  # read on import; it reports each table it makes
        )
        from mlflow import MlflowClient

        self.folder.mkdir(parents=True, exist_ok=True)
        if self.uri == self._own and not self._database.exists():
            self._make_tables()
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _make_tables(self) -> None:
        """Create MLflow's tables elsewhere, and put them in place whole: MLflow creates them in
        some fifty steps, and a process killed between two leaves what none can use again.
        """
        with alone(self.folder):
            for left in self.folder.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            if self._database.exists():
                return
            new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
            created, whole = new / "made.db", new / "whole.db"
            create_tables(created)
            shutil.copyfile(created, whole)  # MLflow keeps connections to the other
            sync_file(whole)
            whole.replace(self._database)
            sync_folder(self.folder)
            shutil.rmtree(new)

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        return str(
            self._client.create_experiment(
                name, artifact_location=(self.folder / "artifacts").as_uri()
            )
        )

    def served(self, name: str, number: str) -> Served:
        """A version of a model, loaded.

        Raises: ActionError: there is none, or its file is gone or is not what was registered; it is
            not loaded.
        """
        from mlflow.exceptions import MlflowException

        try:
            version = self._client.get_model_version(name, number)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise ActionError(
                    f"{name} has no version {number}",
                    f"See `assay models list {name}`",
                    Where(file=f"models/{name}"),
                ) from None
            raise
        return self._served(version)

    def _served(self, version: Any) -> Served:
        # first, because a version that Assay did not register has neither digest nor the tags below
        model = self._loaded(version)
        metrics = self._client.get_run(str(version.run_id)).data.metrics
        return Served(str(version.version), version.tags["dataset_version"], model, dict(metrics))

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Every version of a model, the oldest first: number, tags, metrics, whether it was
        refused.
        """
        versions = sorted(
            self._client.search_model_versions(f"name='{name}'"),
            key=lambda version: int(version.version),
        )
        return [
            {
                "version": str(v.version),
                "tags": dict(v.tags),
                "metrics": dict(self._client.get_run(str(v.run_id)).data.metrics),
                "run_id": str(v.run_id),
            }
            for v in versions
        ]

    def proposed(self, name: str, trigger: str) -> str | None:
        """The version that was registered for a trigger before the process was killed."""
        versions = self._client.search_model_versions(f"name='{name}'")
        return next(
            (str(version.version) for version in versions if version.tags.get(TRIGGER) == trigger),
            None,
        )

    def judged(self, name: str, number: str, metrics: Mapping[str, float], card: str) -> None:
        """Write next to a registered version what was measured of it, and its card."""
        run_id = str(self._client.get_model_version(name, number).run_id)
        self._log(run_id, metrics, {})
        self._client.log_text(run_id, card, CARD)
        self._client.update_model_version(name, number, description=card)

    def card(self, name: str, number: str) -> str:
        """A version's model card, as `judged` wrote it."""
        return str(self._client.get_model_version(name, number).description or "")

    def alias(self, name: str, aliases: Mapping[str, str | None]) -> None:
        """Have MLflow's aliases state who serves; no such version is called refused any longer.

        Safe to repeat.
        """
        current = dict(self._client.get_registered_model(name).aliases)
        for alias, version in aliases.items():
            if version is None:
                if alias in current:
                    self._client.delete_registered_model_alias(name, alias)
                continue
            if str(current.get(alias)) != version:
                self._client.set_registered_model_alias(name, alias, version)
            if self.refusal(name, version):
                self._client.delete_model_version_tag(name, version, REFUSED)

    def refuse(self, name: str, version: str, reason: str) -> None:
        """Say on a version why it does not serve."""
        self._client.set_model_version_tag(name, version, REFUSED, reason)

    def refusal(self, name: str, version: str) -> str | None:
        """Why a version was refused, or rolled back; None of one that was not, or was put in
        service since.
        """
        return self._client.get_model_version(name, version).tags.get(REFUSED)

    def _loaded(self, version: Any) -> Any:
        import skops.io

        where = Where(file=f"models/{version.name}/{version.version}/{FILE}")
        content = self._content(version)  # read once, so that what is loaded is what was checked
        if hashlib.sha256(content).hexdigest() != version.tags.get(DIGEST):
            raise ActionError(
                "the model's file differs from the registered one",
                "Restore it from a backup, or train again",
                where,
            )
        return skops.io.loads(content, trusted=list(TRUSTED))

    def _content(self, version: Any) -> bytes:
        """The model's file from wherever its run keeps it, this disk or a server's; empty if it is
        gone.
        """
        path = f"model/{FILE}"
        if not version.run_id or path not in (
            kept.path for kept in self._client.list_artifacts(version.run_id, "model")
        ):
            return b""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            return Path(self._client.download_artifacts(version.run_id, path, folder)).read_bytes()

    def propose(
        self,
        name: str,
        model: Any,
        *,
        columns: Sequence[str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        sample: pl.DataFrame,
    ) -> str:
        """Log a run and register its model. Whether it serves is recorded elsewhere.

        Args:
            columns: the features in the model's order.
            tags: say `dataset_version`, and whatever else explains the model.
            sample: a few rows of features, from which MLflow knows the signature.
        Returns: the model's version in MLflow.
        Raises: ActionError: the model holds a type that may not be loaded again.
        """
        experiment = self._experiment(name)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            saved = Path(folder) / "model"
            # before the run, so that a model refused here leaves none open
            digest = self._save(model, saved, columns, sample)
            run_name = f"{tags['dataset']}@{tags['dataset_version']}"
            run = self._client.create_run(experiment, run_name=run_name, tags=dict(tags))
            run_id = run.info.run_id
            self._log(run_id, metrics, model.get_params())
            self._client.log_artifacts(run_id, str(saved), "model")
        self._client.set_terminated(run_id)
        source = f"{run.info.artifact_uri}/model"
        self._ensure_registered(name)
        version = self._client.create_model_version(
            name, source=source, run_id=run_id, tags={**tags, DIGEST: digest}
        )
        return str(version.version)

    def _log(self, run_id: str, metrics: Mapping[str, float], params: Mapping[str, Any]) -> None:
        """Log metrics, and those parameters that are plain values, in one transaction."""
        from mlflow.entities import Metric, Param

        now_ms = int(time.time() * 1_000)
        self._client.log_batch(
            run_id,
            metrics=[Metric(key, value, now_ms, 0) for key, value in metrics.items()],
            params=[
                Param(key, str(value))
                for key, value in params.items()
                if value is None or isinstance(value, bool | int | float | str)
            ],
        )

    def _ensure_registered(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name, description=_WHO_SERVES)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _save(self, model: Any, folder: Path, columns: Sequence[str], sample: pl.DataFrame) -> str:
        from mlflow.exceptions import MlflowException
        from mlflow.models import infer_signature
        from mlflow.sklearn import save_model

        rows = sample.select(pl.col(list(columns)).cast(pl.Float64))
        with threads_for(rows.height):
            predicted = model.predict(rows.to_numpy())
        signature = infer_signature(rows.to_pandas(), predicted)
        try:
            save_model(
                model,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED),
                signature=signature,
                pip_requirements=["scikit-learn", "skops"],
            )
        except MlflowException:  # it loads what it saved, and trusts no other type
            _refuse_untrusted(model)
            raise
        return sha256(folder / FILE)


def create_tables(database: Path) -> None:
    """Have MLflow create its tables in a file that does not exist yet: by 67 migrations, which take
    1.3 s of a processor (3.17.2).
    """
    from mlflow import MlflowClient

    uri = f"sqlite:///{database}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    client.search_registered_models(max_results=1)


def _refuse_untrusted(model: Any) -> None:
    """Raise ActionError if a model holds a type that may not be loaded."""
    import skops.io

    types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    untrusted = sorted(set(types) - set(TRUSTED))
    if untrusted:
        raise ActionError(
            f"the model contains the type {untrusted[0]}, which is not safe to load",
            "Use a trainer whose models contain only types of scikit-learn",
        )
