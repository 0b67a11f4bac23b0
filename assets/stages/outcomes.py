"""Predictions and outcomes of the models in service: kept, read, and joined."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl

from assay.assets.io.contract_folder import problem_of, readable
from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry.database import Json
from assay.assets.io.user_files import read_table
from assay.contracts.errors import ActionError, EvidenceError, Where, shown
from assay.contracts.model import Contract
from assay.contracts.settings import Retrain

PARENT, SCORE, LABEL, MODEL, TRIED = "traceparent", "score", "label", "model_version", "challenger"


def keeps_model(installation: Installation, name: str) -> tuple[Contract, Retrain]:
    """The contract that keeps a model, by the model's name or the data set's.

    Raises: ActionError: there is none. ContractError(s): the data set of that name has a contract that cannot be read.
    """
    contract = installation.contracts.get(name)
    if contract is not None and contract.retrain:
        return contract, contract.retrain
    kept = [
        (contract, contract.retrain)
        for contract in readable(installation.contracts).values()
        if contract.retrain
    ]
    for contract, policy in kept:
        if name == policy.model:
            return contract, policy
    models = ", ".join(policy.model for _, policy in kept)
    remedy = f"Choose one of {models}" if kept else "Add assay.retrain to a contract"
    unreadable = [
        each for each in installation.contracts if problem_of(installation.contracts, each)
    ]
    if unreadable:
        remedy += f", or fix what cannot be read: the contract of {', '.join(unreadable)}"
    raise ActionError(f"no contract declares a model named '{name}'", remedy)


def keep_predictions(
    installation: Installation,
    name: str,
    trace_id: str,
    frame: pl.DataFrame,
    challenger: str | None,
) -> str:
    """Keep a batch's scores with the names by which outcomes will speak of them, and which
    challenger was tried then; the rows themselves are not kept.

    Returns: the file's SHA-256.
    """
    folder = installation.lake.staging(name, f"predictions-{trace_id}")
    staged = folder / "part.parquet"
    frame.select(PARENT, SCORE, MODEL, pl.lit(challenger, pl.String).alias(TRIED)).write_parquet(
        staged
    )
    digest = sha256(staged)
    installation.lake.move_file(
        staged, installation.lake.folder(name, "predictions") / f"{trace_id}-{digest[:12]}.parquet"
    )
    installation.lake.clear(name, f"predictions-{trace_id}")
    return digest


def take_outcomes(installation: Installation, name: str, file: Path) -> Json:
    """Keep what came true: a file with `traceparent` (or `trace_id`) and `label` (0 or 1, true or
    false), and `prediction` where Assay did not make it.

    Of two outcomes that speak of one prediction the later counts; what says nothing new is kept
    once.
    Returns: rows, how many belong to predictions that are known, how many count for nothing, how
        many correct an earlier outcome, whether anything is new.
    Raises: ActionError: it cannot be read, lacks a column, or says nothing of any prediction.
    """
    contract, policy = keeps_model(installation, name)
    frame = _read_outcomes(file)
    predictions = _predictions(installation, contract.name)
    given = frame.join(
        predictions.select(PARENT, pl.lit(True).alias("given")), on=PARENT, how="left"
    )
    lost = given.filter(pl.col("given").is_null() & pl.col(SCORE).is_null()).height
    if lost == frame.height:
        raise ActionError(
            f"none of the {lost:,} rows of the file matches a prediction by Assay",
            f"Keep the column `{PARENT}` that `assay models predict` wrote, or add a column `prediction` to the file",
            Where(file=shown(file)),
        )
    kept = _kept(installation, contract.name)
    with_earlier = frame.join(kept, on=PARENT, how="left", suffix="_before")
    earlier = pl.col(f"{LABEL}_before")
    corrected = with_earlier.filter(earlier.is_not_null(), pl.col(LABEL) != earlier).height
    return {
        "dataset": contract.name,
        "model": policy.model,
        "rows": frame.height,
        "known": given["given"].count(),
        "lost": lost,
        "corrected": corrected,
        "new": _keep_outcomes(installation, contract.name, frame, corrects=bool(corrected)),
    }


def _keep_outcomes(
    installation: Installation, name: str, frame: pl.DataFrame, *, corrects: bool
) -> bool:
    """Keep outcomes as a file that is named by their digest. Returns: whether they are new."""
    lake, registry = installation.lake, installation.registry
    before = registry.outcomes.all(name)
    digest = hashlib.sha256(frame.sort(PARENT).write_csv().encode()).hexdigest()
    if corrects and any(row.digest == digest for row in before):
        # said before, contradicted since, and said again
        digest = hashlib.sha256(f"{digest} after {before[-1].digest}".encode()).hexdigest()
    staging = f"outcomes-{digest[:12]}"
    staged = lake.staging(name, staging) / "part.parquet"
    serving = registry.models.serving(name)
    champion = serving["champion"].version if "champion" in serving else None
    frame.with_columns(pl.lit(champion, pl.String).alias(MODEL)).write_parquet(staged)
    target = lake.folder(name, "outcomes") / f"{digest}.parquet"
    if not target.exists():  # it is where a process was killed before it noted them
        lake.move_file(staged, target)
    lake.clear(name, staging)
    return registry.outcomes.keep(name, digest, frame.height, sha256(target))


def _read_outcomes(file: Path) -> pl.DataFrame:
    raw = _with_columns_needed(read_table(file), file)
    text = pl.col(LABEL).cast(pl.String).str.to_lowercase()
    label = (
        pl.when(text.is_in(["1", "1.0", "true"]))
        .then(1)
        .when(text.is_in(["0", "0.0", "false"]))
        .then(0)
        .cast(pl.Int8)
    )
    given = pl.col("prediction") if "prediction" in raw.columns else pl.lit(None)
    score = given.cast(pl.Float64, strict=False)
    is_wrong = given.is_not_null() & ~score.is_between(0, 1).fill_null(False)
    frame = raw.select(
        pl.col(PARENT).cast(pl.String).str.strip_chars(),
        label.alias(LABEL),
        score.alias(SCORE),
        is_wrong.alias("wrong"),
    ).with_row_index("row", 2)
    for problem, wrong, remedy in _OUTCOME_RULES:
        broken = frame.filter(wrong)
        if broken.height:
            raise ActionError(
                f"{broken.height:,} row(s) have {problem}",
                remedy,
                Where(file=shown(file), row=broken["row"][0]),
            )
    return frame.drop("row", "wrong").unique(PARENT, keep="last", maintain_order=True)


_OUTCOME_RULES = (
    (
        "no trace id",
        pl.col(PARENT).is_null() | (pl.col(PARENT) == ""),
        f"Give `{PARENT}` as `assay models predict` wrote it",
    ),
    (
        "a label other than 0 or 1",
        pl.col(LABEL).is_null(),
        "Correct it, or remove the row",
    ),
    (
        "a prediction that is not a number from 0 to 1",
        pl.col("wrong"),
        "Correct it, or leave it empty for a prediction by Assay",
    ),
    (
        "two labels for one prediction",
        pl.col(LABEL).n_unique().over(PARENT) > 1,
        "Keep the right one",
    ),
)
"""What is wrong with a row of a file of outcomes, how it shows, and what to do."""


def _with_columns_needed(raw: pl.DataFrame, file: Path) -> pl.DataFrame:
    """The table with `traceparent` and `label`. Raises: ActionError: it lacks one of them."""
    if "trace_id" in raw.columns and PARENT not in raw.columns:
        raw = raw.rename({"trace_id": PARENT})
    missing = [name for name in (PARENT, LABEL) if name not in raw.columns]
    if missing:
        remedy = f"Give `{PARENT}` as `assay models predict` wrote it, and `{LABEL}`, which is 0 or 1, separated by a comma"
        raise ActionError(
            f"it lacks the column '{missing[0]}' among its {raw.width} columns",
            remedy,
            Where(file=shown(file)),
        )
    return raw


def _predictions(installation: Installation, name: str) -> pl.DataFrame:
    """Every prediction that was given. Raises: EvidenceError: a file is not what its name states."""
    parts = [
        pl.DataFrame(
            schema={PARENT: pl.String, SCORE: pl.Float64, MODEL: pl.String, TRIED: pl.String}
        )
    ]
    for file in sorted(installation.lake.folder(name, "predictions").glob("*.parquet")):
        if not sha256(file).startswith(file.stem.rpartition("-")[2]):
            raise EvidenceError(
                "a stored file of predictions has changed",
                "Restore it from a backup",
                Where(file=f"predictions/{file.name}", dataset=name),
            )
        parts.append(pl.read_parquet(file))
    return pl.concat(parts, how="diagonal")  # files of before 2026-11-28 do not state who was tried


def _kept(installation: Installation, name: str) -> pl.DataFrame:
    """What came true, by prediction, with the score where it was handed in.

    Raises: EvidenceError: a file is not what was kept.
    """
    parts = [
        pl.DataFrame(
            schema={PARENT: pl.String, LABEL: pl.Int8, SCORE: pl.Float64, MODEL: pl.String}
        )
    ]
    for row in installation.registry.outcomes.all(name):
        file = installation.lake.folder(name, "outcomes") / f"{row.digest}.parquet"
        if not file.is_file() or sha256(file) != row.file_sha256:
            raise EvidenceError(
                "a stored file of outcomes has changed",
                "Restore it from a backup",
                Where(file=f"outcomes/{file.name}", dataset=name),
            )
        parts.append(pl.read_parquet(file))
    return pl.concat(parts).unique(PARENT, keep="last", maintain_order=True)


def _outcomes(installation: Installation, name: str) -> pl.DataFrame:
    """Labels with the score and the model they speak of, and the challenger that was tried then.

    Raises: EvidenceError: a file is not what was kept.
    """
    joined = _kept(installation, name).join(
        _predictions(installation, name),
        on=PARENT,
        how="left",
        suffix="_given",
        maintain_order="left",
    )
    given = pl.col(f"{SCORE}_given").is_not_null()
    model = pl.when(given).then(f"{MODEL}_given").otherwise(MODEL).alias(MODEL)
    return joined.select(
        PARENT, LABEL, pl.coalesce(f"{SCORE}_given", SCORE).alias(SCORE), model, TRIED
    ).drop_nulls([LABEL, SCORE, MODEL])


def live(
    installation: Installation, name: str, version: str, beside: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(labels, scores) of one model where outcomes have arrived.

    Args: beside: a challenger; then only of predictions that were given while it was tried.
    """
    mine = _outcomes(installation, name).filter(
        pl.col(MODEL) == version, pl.lit(True) if beside is None else pl.col(TRIED) == beside
    )
    return mine[LABEL].to_numpy(), mine[SCORE].to_numpy()
