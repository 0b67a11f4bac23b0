"""`assay models`: versions of models listed, compared, switched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.opening import open_installation
from assay.cli.options import AsJson, SignatureKey, Why, command_group, examples
from assay.cli.render import (
    ABSENT,
    console,
    escape,
    number_cell,
    print_result,
    show_progress,
    table,
)
from assay.contracts.errors import ActionError, Where

if TYPE_CHECKING:
    from assay.assets.io.installation import Installation
    from assay.assets.io.registry.models import Role
    from assay.assets.services.monitor import Switched
    from assay.contracts.model import Contract
    from assay.contracts.settings import Retrain

models_app = command_group(
    "models",
    "List, compare, promote and roll back models; predict with them.",
    "assay models list",
    "assay models compare flights-late",
)
Model = Annotated[str, typer.Argument(help="A model, or the data set it is trained on.")]
CONFIDENCE = 0.95


@models_app.command("list", epilog=examples("assay models list", "assay models list flights-late"))
def models_list(
    name: Annotated[
        str | None, typer.Argument(help="A model, or its data set. [default: all]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of a model: data, evaluation, role."""
    with show_progress("reading the models"):
        models = list_models(name)
    print_result(models, as_json, show_models)


def list_models(name: str | None) -> list[dict[str, Any]]:
    """Every version of one model, or of all."""
    from assay.assets.io.contract_folder import readable

    installation = open_installation()
    if name:
        return [_model(installation, name)]
    contracts = readable(installation.contracts).values()
    return [_model(installation, contract.name) for contract in contracts if contract.retrain]


def _model(installation: Installation, name: str) -> dict[str, Any]:
    """One model: its versions, and how it was switched."""
    from assay.assets.stages.outcomes import keeps_model

    contract, policy = keeps_model(installation, name)
    registry = installation.registry
    roles = {row.version: role for role, row in registry.models.serving(contract.name).items()}
    keys = ("at", "role", "version", "by", "reason")
    return {
        "model": policy.model,
        "dataset": contract.name,
        "metric": policy.metric,
        "versions": [
            _model_version(installation, contract, policy, version, roles)
            for version in installation.models.versions(policy.model)
        ],
        "switches": [
            {key: getattr(row, key) for key in keys}
            for row in registry.models.switches(contract.name)
        ],
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
                switch["version"] or "no version",
                switch["by"],
                escape(switch["reason"]),
            )
        console().print(grid if model["switches"] else "No version has been in service yet.")


def _show_model_versions(model: dict[str, Any]) -> None:
    grid = table(
        f"{model['model']} (from {model['dataset']})",
        "version",
        "role",
        "data",
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


@models_app.command(
    "compare",
    epilog=examples("assay models compare flights-late", "assay models compare flights-late 3 2"),
)
def models_compare(
    name: Model,
    first: Annotated[
        str, typer.Argument(help="A version's number, `champion` or `challenger`.")
    ] = "challenger",
    second: Annotated[str, typer.Argument(help="What it is compared with.")] = "champion",
    as_json: AsJson = False,
) -> None:
    """Compare two versions of a model on held-back rows and on outcomes."""
    with show_progress("comparing the models"):
        comparison = compare_models(name, first, second)
    print_result(comparison, as_json, show_compared)


def compare_models(name: str, first: str, second: str) -> dict[str, Any]:
    """Two versions of a model: on the same held-back rows, and by outcomes if both have some."""
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
    """Two versions by the outcomes that have arrived for each; None if one has no outcomes."""
    from assay.assets.stages.outcomes import live
    from assay.pipelines.drift.scores import interval, unpaired

    challenger = installation.registry.models.serving(dataset).get("challenger")
    in_canary = challenger.version if challenger else None
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
    serving = installation.registry.models.serving(dataset)
    if role not in serving:
        remedy = f"List the versions: assay models list {dataset}"
        raise ActionError(f"there is no {name}", remedy, Where(dataset=dataset))
    return str(serving[role].version)


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


@models_app.command(
    "promote",
    epilog=examples('assay models promote flights-late challenger --why "two weeks in canary"'),
)
def models_promote(
    name: Model,
    version: Annotated[str, typer.Argument(help="A version's number, or `challenger`.")],
    why: Why,
    key: SignatureKey = None,
) -> None:
    """Request that a version serves; it does once stewards have signed the request."""
    with show_progress("loading the model"):
        outcome = promote(name, version, why, key)
    print(outcome)


def promote(name: str, version: str, why: str, key: Path | None) -> str:
    """Request that a version serves, and describe what follows."""
    from assay.assets.stages.outcomes import keeps_model
    from assay.reading import request

    installation = open_installation()
    dataset = keeps_model(installation, name)[0].name
    wish = {"to": _version_number(installation, dataset, version)}
    return request(installation, dataset, "promote model", wish, why, key)


@models_app.command(
    "rollback", epilog=examples('assay models rollback flights-late --why "complaints from Newark"')
)
def models_rollback(name: Model, why: Why, key: SignatureKey = None) -> None:
    """Request that the previous champion serves again; it does once stewards have signed."""
    with show_progress("loading the model"):
        outcome = roll_back(name, why, key)
    print(outcome)


def roll_back(name: str, why: str, key: Path | None) -> str:
    """Request that the previous champion serves again, and describe what follows."""
    from assay.assets.stages.outcomes import keeps_model
    from assay.reading import request

    installation = open_installation()
    dataset = keeps_model(installation, name)[0].name
    return request(installation, dataset, "roll back model", {}, why, key)


def describe_switches(switches: Sequence[Switched]) -> str:
    """A line for each switch. Raises: ActionError: there are no switches, another user was first."""
    if not switches:
        raise ActionError(
            "another user switched the model in the meantime", "Look again: assay models list"
        )
    from assay.assets.services.monitor import describe_switch

    return "\n".join(map(describe_switch, switches))
