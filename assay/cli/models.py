"""`assay models`, `assay predict` and `assay outcomes`: models compared, switched, used, judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, Why
from assay.cli.render import ABSENT, console, escape, number_cell, print_result, table
from assay.contracts.errors import ActionError, Where, shown

if TYPE_CHECKING:
    import polars as pl

    from assay.assets.io.installation import Installation
    from assay.assets.io.registry_triggers import Role
    from assay.assets.services.monitor import Switched
    from assay.assets.services.predict import Served
    from assay.contracts.model import Contract
    from assay.contracts.settings import Retrain

models_app = typer.Typer(
    name="models",
    help="Models: who serves, who served, who is better.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
Model = Annotated[str, typer.Argument(help="A model, or the data set it is made from.")]
CONFIDENCE = 0.95


@models_app.command("list")
def models_list(
    name: Annotated[
        str | None, typer.Argument(help="A model, or its data set; all of them unless named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every version of a model: what it was made from, how it was judged, whether it serves. Example: `assay models list flights-late`"""
    print_result(list_models(name), as_json, show_models)


def list_models(name: str | None) -> list[dict[str, Any]]:
    """Every version of one model, or of all."""
    installation = open_installation()
    if name:
        return [_model(installation, name)]
    contracts = installation.contracts.values()
    return [_model(installation, contract.name) for contract in contracts if contract.retrain]


def _model(installation: Installation, name: str) -> dict[str, Any]:
    """One model: its versions, and how it was switched."""
    from assay.assets.stages.outcomes import keeps_model

    contract, policy = keeps_model(installation, name)
    registry = installation.registry
    roles = {row["version"]: role for role, row in registry.serving(contract.name).items()}
    keys = ("at", "role", "version", "by", "reason")
    return {
        "model": policy.model,
        "dataset": contract.name,
        "metric": policy.metric,
        "versions": [
            _model_version(installation, contract, policy, version, roles)
            for version in installation.models.versions(policy.model)
        ],
        "switches": [{key: row[key] for key in keys} for row in registry.services(contract.name)],
    }


def _model_version(
    installation: Installation,
    contract: Contract,
    policy: Retrain,
    version: dict[str, Any],
    roles: Mapping[str, str],
) -> dict[str, Any]:
    from assay.assets.io.models import REFUSED
    from assay.assets.stages.outcomes import live
    from assay.pipelines.drift.scores import interval

    tags = version["tags"]
    labels, scores = live(installation, contract.name, version["version"])
    live_value = None
    if len(labels):
        estimate = interval(
            policy.metric, labels, scores, resamples=200, confidence=CONFIDENCE, seed=policy.seed
        )
        is_nan = estimate.value != estimate.value
        live_value = None if is_nan else estimate.value
    return {
        "version": version["version"],
        "role": roles.get(version["version"]),
        "dataset_version": tags.get("dataset_version"),
        "metrics": version["metrics"],
        "license": tags.get("license"),
        "obligations": tags.get("obligations"),
        "trace_id": tags.get("trace_id"),
        "refused": tags.get(REFUSED),
        "outcomes": len(labels),
        "live": live_value,
    }


def show_models(data: list[dict[str, Any]]) -> None:
    """Print versions of models, and the switches."""
    for model in data:
        _show_model_versions(model)
        grid = table("Switches", "at", "role", "version", "by", "because")
        for switch in model["switches"]:
            grid.add_row(
                switch["at"][:19],
                switch["role"],
                switch["version"] or "nobody",
                switch["by"],
                escape(switch["reason"]),
            )
        console().print(grid if model["switches"] else "Nobody has served yet.")


def _show_model_versions(model: dict[str, Any]) -> None:
    grid = table(
        f"{model['model']} (from {model['dataset']})",
        "version",
        "role",
        "of",
        model["metric"],
        "better by",
        "outcomes",
        "live",
        "refused",
    )
    for version in model["versions"]:
        metrics = version["metrics"]
        better = ABSENT
        if "better_by" in metrics:
            bounds = (metrics["better_by_low"], metrics["better_by_high"])
            better = _describe_difference(metrics["better_by"], *bounds)
        grid.add_row(
            version["version"],
            version["role"] or ABSENT,
            version["dataset_version"] or ABSENT,
            number_cell(metrics.get(model["metric"])),
            better,
            f"{version['outcomes']:,}",
            number_cell(version["live"]),
            escape(version["refused"] or ABSENT),
        )
    console().print(grid)


def _describe_difference(value: float, low: float, high: float) -> str:
    return f"{value:+.4f} ({low:+.4f} to {high:+.4f})"


@models_app.command("compare")
def models_compare(
    name: Model,
    first: Annotated[
        str, typer.Argument(help="A version's number, `champion` or `challenger`.")
    ] = "challenger",
    second: Annotated[str, typer.Argument(help="What it is compared with.")] = "champion",
    as_json: AsJson = False,
) -> None:
    """Two versions beside each other: on the same held-back rows, and by the outcomes that have arrived for each, with significance.

    Examples: `assay models compare flights-late`, `assay models compare flights-late 3 2`
    """
    print_result(compare_models(name, first, second), as_json, show_compared)


def compare_models(name: str, first: str, second: str) -> dict[str, Any]:
    """Two versions of a model: on the same held-back rows, and by outcomes where both have some."""
    from assay.assets.stages.model import compared
    from assay.assets.stages.outcomes import keeps_model

    installation = open_installation()
    contract, policy = keeps_model(installation, name)
    versions = [_version_number(installation, contract.name, name) for name in (first, second)]
    comparison: dict[str, Any] = {
        "model": policy.model,
        "metric": policy.metric,
        "versions": versions,
        "held_back": compared(installation, contract, policy, *versions),
    }
    live = _compare_live(installation, contract.name, policy, versions)
    return {**comparison, "live": live} if live else comparison


def _compare_live(
    installation: Installation, dataset: str, policy: Retrain, versions: Sequence[str]
) -> dict[str, Any] | None:
    """Two versions by the outcomes that have arrived for each; None where one has none."""
    from assay.assets.stages.outcomes import live
    from assay.pipelines.drift.scores import interval, unpaired

    challenger = installation.registry.serving(dataset).get("challenger")
    in_canary = challenger["version"] if challenger else None
    tried = in_canary if in_canary in versions else None
    outcomes = [live(installation, dataset, version, tried) for version in versions]
    if not all(len(labels) for labels, _ in outcomes):
        return None
    first, second = (
        interval(
            policy.metric,
            labels,
            scores,
            resamples=policy.resamples,
            confidence=CONFIDENCE,
            seed=policy.seed,
        )
        for labels, scores in outcomes
    )
    better_by, _, p_value = unpaired(first, second)
    return {
        "outcomes": [len(labels) for labels, _ in outcomes],
        "values": [first.value, second.value],
        "better_by": better_by,
        "p_value": p_value,
    }


def _version_number(installation: Installation, dataset: str, name: str) -> str:
    """The number of the version that serves in a role; another name is a number already."""
    if name not in ("champion", "challenger"):
        return name
    role: Role = "champion" if name == "champion" else "challenger"
    serving = installation.registry.serving(dataset)
    if role not in serving:
        remedy = f"See `assay models list {dataset}`"
        raise ActionError(f"there is no {name}", remedy, Where(dataset=dataset))
    return str(serving[role]["version"])


def show_compared(data: dict[str, Any]) -> None:
    """Print two versions next to each other."""
    first, second = data["versions"]
    held_back = data["held_back"]
    evaluation = held_back["evaluation"]
    grid = table(
        f"{data['model']}: version {first} against {second}",
        "on",
        "rows",
        f"{data['metric']} of {first}",
        f"of {second}",
        "better by",
    )
    better = evaluation["better"]
    grid.add_row(
        f"held-back rows of {held_back['dataset_version']}",
        f"{held_back['rows']:,}",
        number_cell(evaluation["candidate"]["value"]),
        number_cell(evaluation["champion"]["value"]),
        _describe_difference(better["value"], better["low"], better["high"]),
    )
    for part in evaluation["slices"]:
        scores = (number_cell(part["candidate"]), number_cell(part["champion"]))
        grid.add_row(escape(part["name"]), f"{part['rows']:,}", *scores, "")
    if "live" in data:
        live = data["live"]
        grid.add_row(
            "outcomes",
            " / ".join(f"{count:,}" for count in live["outcomes"]),
            *(number_cell(value) for value in live["values"]),
            f"{live['better_by']:+.4f} (p {live['p_value']:.2g})",
        )
    console().print(grid)


@models_app.command("promote")
def models_promote(
    name: Model,
    version: Annotated[str, typer.Argument(help="A version's number, or `challenger`.")],
    why: Why,
) -> None:
    """Put a version in service. Example: `assay models promote flights-late challenger --why "two weeks in canary"`"""
    print(promote(name, version, why))


def promote(name: str, version: str, why: str) -> str:
    """Put a version in service, and describe who serves now."""
    from assay.assets.services import monitor
    from assay.assets.stages.outcomes import keeps_model

    installation = open_installation()
    contract, policy = keeps_model(installation, name)
    number = _version_number(installation, contract.name, version)
    return _describe_switches(monitor.promote(installation, contract, policy, number, why))


@models_app.command("rollback")
def models_rollback(name: Model, why: Why) -> None:
    """Put the champion before this one back. Example: `assay models rollback flights-late --why "complaints from Newark"`"""
    print(roll_back(name, why))


def roll_back(name: str, why: str) -> str:
    """Put the champion before this one back, and describe who serves now."""
    from assay.assets.services import monitor
    from assay.assets.stages.outcomes import keeps_model

    installation = open_installation()
    contract, policy = keeps_model(installation, name)
    return _describe_switches(monitor.roll_back(installation, contract, policy, why))


def _describe_switches(switches: Sequence[Switched]) -> str:
    """A line a switch. Raises: ActionError: there is none, because another one came first."""
    if not switches:
        raise ActionError("somebody else has switched meanwhile", "Look again: assay models list")
    return "\n".join(
        f"{switch.model}: the {switch.role} was version {switch.before or ABSENT},"
        f" and is {switch.now or 'nobody'}: {switch.reason}"
        for switch in switches
    )


def predict(
    name: Model,
    file: Annotated[
        Path,
        typer.Argument(
            help="Rows as CSV or Parquet, with the columns that the features are made from."
        ),
    ],
    purpose: Annotated[
        str, typer.Option(help="What for: one of the purposes that the data were admitted for.")
    ],
    output: Annotated[
        Path, typer.Option(help="Where the scores go: .csv or .parquet, a row for each row.")
    ],
    trace: Annotated[
        str | None,
        typer.Option(
            help="A W3C traceparent or trace id that this belongs to.", envvar="TRACEPARENT"
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Rows from before these, in a file of the same form: what windows and lags look back at."
        ),
    ] = None,
) -> None:
    """Score rows by the model in service, and record the use. Example: `assay predict flights-late june.csv --purpose analytics --output scores.csv`"""
    print(score_file(name, file, purpose, output, trace, history))


def score_file(
    name: str,
    file: Path,
    purpose: str,
    output: Path,
    trace: str | None,
    history: Path | None = None,
) -> str:
    """Score the rows of a file into another, and describe what was scored.

    Args:
        output: ends in .csv or .parquet. history: the rows from before these.
    """
    from assay.assets.services.predict import opened

    if output.suffix not in (".csv", ".parquet"):
        raise ActionError(
            "scores are written as CSV or Parquet",
            "Name a file that ends in .csv or .parquet",
            Where(file=shown(output)),
        )
    served = opened(name, purpose)
    rows = _rows(served.contract, file)
    earlier = _rows(served.contract, history) if history else None
    scores = served.predict(rows, history=earlier, trace=trace)
    _write_scores(scores, output)
    served.installation.settle()
    summary = _describe_scores(served, scores)
    looks_back = () if history else served.looks_back
    if not looks_back:
        return summary
    examples = f"{looks_back[0]}{', …' if looks_back[1:] else ''}"
    hint = "saw these rows only: give those from before with --history"
    return f"{summary}\n{len(looks_back)} of its features look back ({examples}) and {hint}"


def _write_scores(scores: pl.DataFrame, output: Path) -> None:
    from assay.assets.io.private import users_files

    try:
        with users_files():
            if output.suffix == ".parquet":
                scores.write_parquet(output)
            else:
                scores.write_csv(output)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if isinstance(error, FileNotFoundError):
            reason = "there is no such folder"
        raise ActionError(
            f"it cannot be written ({reason})",
            "Name a file this user may write",
            Where(file=shown(output)),
        ) from None


def _describe_scores(served: Served, scores: pl.DataFrame) -> str:
    by_version = scores.group_by("model_version").len().sort("model_version").rows()
    versions = ", ".join(f"{rows:,} by version {version}" for version, rows in by_version)
    trace_id = scores["traceparent"][0].split("-")[1]
    return (
        f"{scores.height:,} rows scored by {served.name} ({versions}). Trace: assay why {trace_id}"
    )


def _rows(contract: Contract, file: Path) -> pl.DataFrame:
    """The rows of a file, in the contract's types.

    Raises: ActionError: a value is not in its column's form; left out, it would be scored as if it
        were missing.
    """
    import polars as pl

    from assay.assets.io.user_files import read_table
    from assay.assets.services.predict import as_promised

    frame = read_table(file, contract.source.options.null_values)
    if file.suffix == ".parquet":
        return frame
    typed = as_promised(contract, frame)
    filled = [pl.col(name).str.strip_chars().fill_null("") != "" for name in typed.columns]
    lost = frame.select(
        (has_value & typed[name].is_null()).alias(name)
        for has_value, name in zip(filled, typed.columns, strict=True)
    ).with_row_index("row", 2)
    for name in typed.columns:
        wrong = lost.filter(name)
        if wrong.height:
            where = Where(file=shown(file), row=wrong["row"][0], field=name, dataset=contract.name)
            raise ActionError(
                f"{wrong.height:,} value(s) are no {typed.schema[name]}",
                "Mend them, or leave them empty",
                where,
            )
    return typed


def outcomes(
    name: Model,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet: `traceparent` as `assay predict` wrote it, `label` 0 or 1, and `prediction` if made elsewhere."
        ),
    ],
) -> None:
    """Take what came true, and judge the models in service by it. Example: `assay outcomes flights-late june-arrivals.csv`"""
    print(take_outcomes(name, file))


def take_outcomes(name: str, file: Path) -> str:
    """Keep outcomes, judge the models in service by them, and describe what followed."""
    from assay.assets.services import monitor
    from assay.assets.stages import outcomes

    installation = open_installation()
    taken = outcomes.take_outcomes(installation, name, file)
    switches = monitor.review(installation, name)
    lines = ["; ".join(_describe_outcomes(taken))]
    if switches:
        lines.append(_describe_switches(switches))
    elif waits := monitor.in_canary(installation, name):
        lines.append(waits)
    return "\n".join(lines)


def _describe_outcomes(taken: dict[str, Any]) -> Iterator[str]:
    for_ours = f"{taken['known']:,} of them for predictions that Assay gave"
    yield f"{taken['rows']:,} outcome(s) for {taken['model']}, {for_ours}"
    if taken["lost"]:
        yield f"{taken['lost']:,} speak of predictions that nobody knows, and count for nothing"
    if taken["corrected"]:
        yield f"{taken['corrected']:,} correct what was said before"
    if not taken["new"]:
        yield "all were known before"
