"""Models at work, watched: predictions that were given, outcomes that arrived -> how good the ones in service are, and who serves from then on.

Belongs here: keeping predictions and outcomes, judging by them, promoting and rolling back. Stays out: training (model.py), predicting (predict.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from assay.assets.io.disk import sha256
from assay.assets.io.installation import Installation
from assay.assets.io.registry import Row
from assay.assets.io.registry_triggers import Role
from assay.assets.io.user_files import read_table
from assay.contracts.errors import ActionError, EvidenceError, Where, shown
from assay.contracts.model import Contract
from assay.contracts.settings import Canary, DriftPolicy, Performance, Retrain
from assay.pipelines.act.judge import Standing, judge_canary
from assay.pipelines.drift.measure import Claim
from assay.pipelines.drift.scores import interval, performance, prediction_drift

PARENT, SCORE, LABEL, MODEL, TRIED = "traceparent", "score", "label", "model_version", "challenger"
FEWEST = 50
_ENDED, _BACK = "ended", "rolled_back_from"


@dataclass(frozen=True)
class Switched:
    """What judging by outcomes changed: who went and who came, and why."""

    model: str
    role: Role
    before: str | None
    now: str | None
    reason: str


def keeps_model(installation: Installation, name: str) -> tuple[Contract, Retrain]:
    """The contract that keeps a model, by the model's name or the data set's. Raises: ActionError: there is none."""
    kept = [
        (contract, contract.retrain)
        for contract in installation.contracts.values()
        if contract.retrain
    ]
    for contract, policy in kept:
        if name in (policy.model, contract.name):
            return contract, policy
    raise ActionError(
        f"no contract keeps a model named '{name}'",
        f"Choose one of {', '.join(policy.model for _, policy in kept)}"
        if kept
        else "Add assay.retrain to a contract",
    )


# -- what is kept ----------------------------------------------------------------------


def keep_predictions(
    installation: Installation,
    name: str,
    trace_id: str,
    frame: pl.DataFrame,
    challenger: str | None,
) -> str:
    """Keep a batch's scores with the names by which outcomes will speak of them, and which challenger was tried then; the rows themselves are not kept.

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


def take_outcomes(installation: Installation, name: str, file: Path) -> Row:
    """Keep what came true: a file with `traceparent` (or `trace_id`) and `label` (0 or 1, true or false), and `prediction` where Assay did not make it.

    Of two outcomes that speak of one prediction the later counts; what says nothing new is kept once.
    Returns: rows, how many belong to predictions that are known, how many count for nothing, how many correct what was said before, whether anything is new.
    Raises: ActionError: it cannot be read, lacks a column, or says nothing of any prediction.
    """
    contract, policy = keeps_model(installation, name)
    frame = _read_outcomes(file)
    serving = installation.registry.serving(contract.name)
    given = frame.join(
        _predictions(installation, contract.name).select(PARENT, pl.lit(True).alias("given")),
        on=PARENT,
        how="left",
    )
    known, lost = (
        given["given"].count(),
        given.filter(pl.col("given").is_null() & pl.col(SCORE).is_null()).height,
    )
    if lost == frame.height:
        raise ActionError(
            f"none of its {lost:,} row(s) speaks of a prediction that Assay gave",
            f"Give `{PARENT}` as `assay predict` wrote it, or `prediction` beside the label",
            Where(file=shown(file)),
        )
    before = installation.registry.outcomes(contract.name)
    told = frame.join(_kept(installation, contract.name), on=PARENT, how="left", suffix="_before")
    corrected = told.filter(
        pl.col(f"{LABEL}_before").is_not_null(), pl.col(LABEL) != pl.col(f"{LABEL}_before")
    ).height
    digest = hashlib.sha256(frame.sort(PARENT).write_csv().encode()).hexdigest()
    if corrected and any(
        row["digest"] == digest for row in before
    ):  # said before, contradicted since, and said again
        digest = hashlib.sha256(f"{digest} after {before[-1]['digest']}".encode()).hexdigest()
    staged = installation.lake.staging(contract.name, f"outcomes-{digest[:12]}") / "part.parquet"
    frame.with_columns(
        pl.lit(serving["champion"]["version"] if "champion" in serving else None, pl.String).alias(
            MODEL
        )
    ).write_parquet(staged)
    target = installation.lake.folder(contract.name, "outcomes") / f"{digest}.parquet"
    if not target.exists():  # it is where a process was killed before it noted them
        installation.lake.move_file(staged, target)
    installation.lake.clear(contract.name, f"outcomes-{digest[:12]}")
    new = installation.registry.keep_outcomes(contract.name, digest, frame.height, sha256(target))
    return {
        "dataset": contract.name,
        "model": policy.model,
        "rows": frame.height,
        "known": known,
        "lost": lost,
        "corrected": corrected,
        "new": new,
    }


def _read_outcomes(file: Path) -> pl.DataFrame:
    where = Where(file=shown(file))
    raw = read_table(file)
    raw = (
        raw.rename({"trace_id": PARENT})
        if "trace_id" in raw.columns and PARENT not in raw.columns
        else raw
    )
    missing = [name for name in (PARENT, LABEL) if name not in raw.columns]
    if missing:
        remedy = f"Give `{PARENT}` as `assay predict` wrote it, and `{LABEL}`, which is 0 or 1, with a comma between"
        raise ActionError(
            f"it lacks the column '{missing[0]}' among its {raw.width}", remedy, where
        )
    said = pl.col(LABEL).cast(pl.String).str.to_lowercase()
    label = (
        pl.when(said.is_in(["1", "1.0", "true"]))
        .then(1)
        .when(said.is_in(["0", "0.0", "false"]))
        .then(0)
        .cast(pl.Int8)
    )
    given = pl.col("prediction") if "prediction" in raw.columns else pl.lit(None)
    score = given.cast(pl.Float64, strict=False)
    frame = raw.select(
        pl.col(PARENT).cast(pl.String).str.strip_chars(), label.alias(LABEL), score.alias(SCORE), (given.is_not_null() & ~score.is_between(0, 1).fill_null(False)).alias("wrong")
    ).with_row_index("row", 2)  # fmt: skip
    for rule, wrong, remedy in (
        (
            "no trace id",
            pl.col(PARENT).is_null() | (pl.col(PARENT) == ""),
            f"Give `{PARENT}` as `assay predict` wrote it",
        ),
        (
            "a label that is neither 0 nor 1",
            pl.col(LABEL).is_null(),
            "Mend it, or leave the row out",
        ),
        (
            "a prediction that is no number from 0 to 1",
            pl.col("wrong"),
            "Mend it, or leave it empty for a prediction that Assay gave",
        ),
        (
            "two labels for one prediction",
            pl.col(LABEL).n_unique().over(PARENT) > 1,
            "Keep the one that came true",
        ),
    ):
        if (found := frame.filter(wrong)).height:
            raise ActionError(
                f"{found.height:,} row(s) have {rule}",
                remedy,
                Where(file=shown(file), row=found["row"][0]),
            )
    return frame.drop("row", "wrong").unique(PARENT, keep="last", maintain_order=True)


def _predictions(installation: Installation, name: str) -> pl.DataFrame:
    """Every prediction that was given. Raises: EvidenceError: a file is not what its name says."""
    parts = [
        pl.DataFrame(
            schema={PARENT: pl.String, SCORE: pl.Float64, MODEL: pl.String, TRIED: pl.String}
        )
    ]
    for file in sorted(installation.lake.folder(name, "predictions").glob("*.parquet")):
        if not sha256(file).startswith(file.stem.rpartition("-")[2]):
            raise EvidenceError(
                "a file of predictions is not what was kept",
                "Restore it from a backup",
                Where(file=f"predictions/{file.name}", dataset=name),
            )
        parts.append(pl.read_parquet(file))
    return pl.concat(parts, how="diagonal")  # files of before 2026-11-28 do not say who was tried


def _kept(installation: Installation, name: str) -> pl.DataFrame:
    """What came true, by prediction, with the score where it was handed in. Raises: EvidenceError: a file is not what was kept."""
    parts = [
        pl.DataFrame(
            schema={PARENT: pl.String, LABEL: pl.Int8, SCORE: pl.Float64, MODEL: pl.String}
        )
    ]
    for row in installation.registry.outcomes(name):
        file = installation.lake.folder(name, "outcomes") / f"{row['digest']}.parquet"
        if not file.is_file() or sha256(file) != row["file_sha256"]:
            raise EvidenceError(
                "a file of outcomes is not what was kept",
                "Restore it from a backup",
                Where(file=f"outcomes/{file.name}", dataset=name),
            )
        parts.append(pl.read_parquet(file))
    return pl.concat(parts).unique(PARENT, keep="last", maintain_order=True)


def _outcomes(installation: Installation, name: str) -> pl.DataFrame:
    """Labels with the score and the model they speak of, and the challenger that was tried then. Raises: EvidenceError: a file is not what was kept."""
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


# -- judging by it ---------------------------------------------------------------------


def live(
    installation: Installation, name: str, version: str, beside: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(labels, scores) of one model where outcomes have arrived. Args: beside: a challenger; then only of predictions that were given while it was tried."""
    mine = _outcomes(installation, name).filter(
        pl.col(MODEL) == version, pl.lit(True) if beside is None else pl.col(TRIED) == beside
    )
    return mine[LABEL].to_numpy(), mine[SCORE].to_numpy()


def claims(installation: Installation, contract: Contract, policy: DriftPolicy) -> list[Claim]:
    """What the model in service adds to a version's drift: its predictions, and its performance."""
    champion = (
        installation.registry.serving(contract.name).get("champion") if contract.retrain else None
    )
    if champion is None or contract.retrain is None:
        return []
    found = []
    given = _predictions(installation, contract.name).filter(pl.col(MODEL) == champion["version"])
    judged = champion["details"].get("judged_scores")
    if given.height >= FEWEST and judged:
        found.append(
            prediction_drift(np.asarray(judged), given[SCORE].to_numpy(), policy.predictions)
        )
    claim = _performance(installation, contract, contract.retrain, policy.performance, champion)
    return [*found, claim] if claim else found


def _performance(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    bounds: Performance,
    serving: Row,
) -> Claim | None:
    """How one that serves does where outcomes have arrived; None where none have."""
    metric = bounds.metric or policy.metric
    labels, scores = live(installation, contract.name, serving["version"])
    if not len(labels):
        return None
    return performance(
        labels,
        scores,
        metric=metric,
        judged_at=serving["details"].get("judged", {}).get(metric),
        policy=bounds,
        seed=policy.seed,
    )


def judged_by(installation: Installation, contract: Contract) -> str:
    """What `review` judges by, as a digest: while it is the same, looking again changes nothing."""
    serving = {
        role: row["version"] for role, row in installation.registry.serving(contract.name).items()
    }
    outcomes = [row["digest"] for row in installation.registry.outcomes(contract.name)]
    predictions = sorted(
        file.name
        for file in installation.lake.folder(contract.name, "predictions").glob("*.parquet")
    )
    bounds = [each.model_dump_json() for each in (contract.retrain, contract.drift) if each]
    return hashlib.sha256(json.dumps([serving, outcomes, predictions, bounds]).encode()).hexdigest()


def review(installation: Installation, name: str) -> list[Switched]:
    """Judge who serves by the outcomes that have arrived: promote a challenger, roll back what has fallen. Safe to repeat."""
    contract, policy = keeps_model(installation, name)
    bounds = contract.drift.performance if contract.drift else Performance()
    return [
        *_review_challenger(installation, contract, policy, bounds),
        *_review_champion(installation, contract, policy, bounds),
    ]


def _review_challenger(
    installation: Installation, contract: Contract, policy: Retrain, bounds: Performance
) -> list[Switched]:
    serving = installation.registry.serving(contract.name)
    challenger, champion = serving.get("challenger"), serving.get("champion")
    if challenger is None or champion is None or policy.canary is None:
        return []
    fallen = _performance(installation, contract, policy, bounds, challenger)
    if fallen and fallen.beyond:
        return _end_canary(
            installation,
            contract,
            policy,
            challenger,
            f"rolled back in canary: {fallen.told.note}, at least {fallen.told.threshold:.4f} is asked for",
        )
    standing = _standing(
        installation, contract, policy, policy.canary, challenger["version"], champion["version"]
    )
    if standing.verdict == "rolled back":
        return _end_canary(
            installation, contract, policy, challenger, f"rolled back in canary: {standing.reason}"
        )
    return (
        promote(
            installation,
            contract,
            policy,
            challenger["version"],
            f"promoted from canary: {standing.reason}",
        )
        if standing.verdict == "promoted"
        else []
    )


def _standing(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    canary: Canary,
    challenger: str,
    champion: str,
) -> Standing:
    """How a challenger stands by what came true for it and for the champion while it was tried: how the champion did before is another time's."""
    outcomes = [
        live(installation, contract.name, version, beside=challenger)
        for version in (challenger, champion)
    ]
    mine, theirs = (len(labels) for labels, _ in outcomes)
    if mine < canary.outcomes or theirs < FEWEST:
        return Standing(
            "undecided",
            f"{mine:,} outcomes have arrived for it and {theirs:,} for the champion, {canary.outcomes:,} and {FEWEST:,} are needed",
        )
    measured = [
        interval(policy.metric, *each, resamples=200, confidence=0.95, seed=policy.seed)
        for each in outcomes
    ]
    return judge_canary(measured[0], measured[1], (mine, theirs), policy, canary)


def in_canary(installation: Installation, name: str) -> str | None:
    """Which challenger is still tried and how it stands, in words; None where none is."""
    contract, policy = keeps_model(installation, name)
    serving = installation.registry.serving(contract.name)
    if policy.canary is None or not {"challenger", "champion"} <= set(serving):
        return None
    version = serving["challenger"]["version"]
    standing = _standing(
        installation, contract, policy, policy.canary, version, serving["champion"]["version"]
    )
    return f"version {version} of {policy.model} stays in canary: {standing.reason}"


def _end_canary(
    installation: Installation, contract: Contract, policy: Retrain, challenger: Row, reason: str
) -> list[Switched]:
    version = challenger["version"]
    done = installation.registry.switch(
        contract.name,
        policy.model,
        {"challenger": (None, {_ENDED: version})},
        reason,
        expected={"challenger": version},
        refused={version: reason},
    )
    installation.settle()
    return [Switched(policy.model, "challenger", version, None, reason)] if done else []


def promote(
    installation: Installation, contract: Contract, policy: Retrain, version: str, reason: str
) -> list[Switched]:
    """Make a version champion, and end a canary of it; where it had been refused, the reason of that is told with this one. Raises: ActionError: nothing is known of it."""
    serving = installation.registry.serving(contract.name)
    last = next(
        (
            row["details"]
            for row in reversed(installation.registry.services(contract.name))
            if row["version"] == version
        ),
        None,
    )
    details = {
        key: value
        for key, value in (last or _of_training(installation, contract, version)).items()
        if key != _BACK
    }
    before = serving["champion"]["version"] if "champion" in serving else None
    if before == version:
        raise ActionError(
            f"version {version} of {policy.model} is champion already",
            "Nothing to do",
            Where(dataset=contract.name),
        )
    roles: dict[Role, tuple[str | None, Row | None]] = {"champion": (version, details)}
    expected: dict[Role, str | None] = {"champion": before}
    if "challenger" in serving:
        roles["challenger"] = (None, {_ENDED: serving["challenger"]["version"]})
    if serving.get("challenger", {}).get("version") != version and (
        refusal := installation.models.refusal(policy.model, version)
    ):
        reason = f"{reason} (before it was refused: {refusal})"
    done = installation.registry.switch(
        contract.name, policy.model, roles, reason, expected=expected
    )
    installation.settle()
    return [Switched(policy.model, "champion", before, version, reason)] if done else []


def _of_training(installation: Installation, contract: Contract, version: str) -> Row:
    found: Row | None = next(
        (
            each["details"]
            for each in installation.registry.trainings(contract.name)
            if each["details"].get("model_version") == version
        ),
        None,
    )
    if found is None:
        raise ActionError(
            f"nothing is known of version {version}",
            f"See `assay models list {contract.name}`",
            Where(dataset=contract.name),
        )
    return found


def _review_champion(
    installation: Installation, contract: Contract, policy: Retrain, bounds: Performance
) -> list[Switched]:
    champion = installation.registry.serving(contract.name).get("champion")
    if champion is None or not champion["details"].get("replaced"):
        return []  # nobody to go back to: the drift of the next version tells of the fall
    fallen = _performance(installation, contract, policy, bounds, champion)
    if fallen is None or not fallen.beyond or not predecessor(installation, contract.name):
        return []
    return roll_back(
        installation,
        contract,
        policy,
        f"rolled back: {fallen.told.note}, at least {fallen.told.threshold:.4f} is asked for",
    )


def predecessor(installation: Installation, name: str) -> Row | None:
    """The switch that made the champion before this one: each switch adds one to those that are there, each rolling back takes off those that came after."""
    stack = list[Row]()
    for row in installation.registry.services(name):
        if row["role"] != "champion" or not row["version"]:
            continue
        if row["details"].get(_BACK):
            while stack and stack[-1]["version"] != row["version"]:
                stack.pop()
        if not stack or stack[-1]["version"] != row["version"]:
            stack.append(row)
    return stack[-2] if len(stack) > 1 else None


def roll_back(
    installation: Installation, contract: Contract, policy: Retrain, reason: str
) -> list[Switched]:
    """Put the champion before this one back. Raises: ActionError: there was none."""
    now, before = (
        installation.registry.serving(contract.name).get("champion"),
        predecessor(installation, contract.name),
    )
    if now is None or before is None:
        raise ActionError(
            f"nothing served before the champion of {policy.model}",
            "Train another: assay drift override NAME retrain --why …",
            Where(dataset=contract.name),
        )
    details = {**before["details"], _BACK: now["version"], "replaced": None}
    done = installation.registry.switch(
        contract.name,
        policy.model,
        {"champion": (before["version"], details)},
        reason,
        expected={"champion": now["version"]},
        refused={now["version"]: reason},
    )
    installation.settle()
    return (
        [Switched(policy.model, "champion", now["version"], before["version"], reason)]
        if done
        else []
    )
