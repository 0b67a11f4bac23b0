"""The commands about drift, models and traces.

Belongs here: parsing and printing of these. Stays out: everything else that the command line does (cli.py). Nothing heavy is imported at the top.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.options import AsJson, Why

Dataset = Annotated[str, typer.Argument(help="A data set.")]
Model = Annotated[str, typer.Argument(help="A model, or the data set it is made from.")]

drift_app = typer.Typer(
    name="drift",
    help="How versions have moved, and what was decided about it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
models_app = typer.Typer(
    name="models",
    help="Models: who serves, who served, who is better.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(drift_app)
    app.add_typer(models_app)
    for name, command in (
        ("replay", replay),
        ("predict", predict),
        ("outcomes", outcomes),
        ("why", why),
        ("used-by", used_by),
    ):
        app.command(name)(command)


@drift_app.command("show")
def drift_show(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")], as_json: AsJson = False
) -> None:
    """What was measured of a version, and what was decided. Example: `assay drift show flights`"""
    from assay.models import drift
    from assay.show_models import show_drift

    _print(drift(*_named(name)), as_json, show_drift)


@drift_app.command("decisions")
def drift_decisions(name: Dataset, as_json: AsJson = False) -> None:
    """Every decision with its reason, the oldest first. Example: `assay drift decisions flights`"""
    from assay.models import decisions
    from assay.show_models import show_decisions

    _print(decisions(name), as_json, show_decisions)


@drift_app.command("override")
def drift_override(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")],
    action: Annotated[str, typer.Argument(help="retrain, rebuild, hold, alert or ignore")],
    why: Why,
) -> None:
    """Decide about a version yourself. Example: `assay drift override flights retrain --why "the schedule changed in June"`"""
    from assay.models import overridden

    print(overridden(*_named(name), action, why))


@drift_app.command("triggers")
def drift_triggers(as_json: AsJson = False) -> None:
    """What waits to be done, and who is to do it. Example: `assay drift triggers`"""
    from assay.models import waiting
    from assay.show_models import show_triggers

    _print(waiting(), as_json, show_triggers)


@drift_app.command("done")
def drift_done(
    number: Annotated[
        int, typer.Argument(help="The trigger's number, from `assay drift triggers`.")
    ],
    why: Why,
) -> None:
    """Close a trigger that was carried out elsewhere. Example: `assay drift done 7 --why "retrained by the platform team, run 4711"`"""
    from assay.models import closed

    print(closed(number, why))


def replay(
    decision: Annotated[
        int, typer.Argument(help="The decision's number, from `assay drift decisions`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a decision again from what was kept with it. Exit code 1 where it comes out otherwise. Example: `assay replay 3`"""
    from assay.models import replayed
    from assay.show_models import show_replay

    told = replayed(decision)
    _print(told, as_json, show_replay)
    raise typer.Exit(0 if told["same"] and told["evidence_is_kept"] else 1)


@models_app.command("list")
def models_list(
    name: Annotated[
        str | None, typer.Argument(help="A model, or its data set; all of them unless named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every version of a model: what it was made from, how it was judged, whether it serves. Example: `assay models list flights-late`"""
    from assay.models import listed
    from assay.show_models import show_models

    _print(listed(name), as_json, show_models)


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
    from assay.models import compared
    from assay.show_models import show_compared

    _print(compared(name, first, second), as_json, show_compared)


@models_app.command("promote")
def models_promote(
    name: Model,
    version: Annotated[str, typer.Argument(help="A version's number, or `challenger`.")],
    why: Why,
) -> None:
    """Put a version in service. Example: `assay models promote flights-late challenger --why "two weeks in canary"`"""
    from assay.models import promoted

    print(promoted(name, version, why))


@models_app.command("rollback")
def models_rollback(name: Model, why: Why) -> None:
    """Put the champion before this one back. Example: `assay models rollback flights-late --why "complaints from Newark"`"""
    from assay.models import rolled_back

    print(rolled_back(name, why))


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
    from assay.models import predicted

    print(predicted(name, file, purpose, output, trace, history))


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
    from assay.models import taken

    print(taken(name, file))


def why(
    trace: Annotated[str, typer.Argument(help="A W3C traceparent, a trace id, or a run's id.")],
    as_json: AsJson = False,
) -> None:
    """What a trace led to: reads, trainings, predictions, versions, with data versions, filter rules and purposes. Example: `assay why 4bf92f3577b34da6a3ce929d0e0e4736`"""
    from assay.models import traced
    from assay.show_models import show_trace

    _print(traced(trace), as_json, show_trace)


def used_by(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")], as_json: AsJson = False
) -> None:
    """What was made from a version, and who used it for what. Example: `assay used-by flights@1.0.0`"""
    from assay.models import users
    from assay.show_models import show_users

    _print(users(*_named(name)), as_json, show_users)


def _named(name: str) -> tuple[str, str | None]:
    dataset, _, version = name.partition("@")
    return dataset, version or None


def _print(data: Any, as_json: bool, as_text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)
