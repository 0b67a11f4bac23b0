"""`assay models predict` and `assay models outcomes`: rows scored by the model in service, and their true labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.models import Model, describe_switches, models_app
from assay.cli.opening import open_installation
from assay.cli.options import examples
from assay.cli.render import show_progress
from assay.contracts.errors import ActionError, Where, shown

if TYPE_CHECKING:
    import polars as pl

    from assay.assets.services.predict import Served
    from assay.contracts.model import Contract


@models_app.command(
    epilog=examples(
        "assay models predict flights-late june.csv --purpose analytics --output scores.csv"
    )
)
def predict(
    name: Model,
    file: Annotated[
        Path,
        typer.Argument(help="Rows as CSV or Parquet, with the columns that the features use."),
    ],
    purpose: Annotated[
        str, typer.Option(help="One of the purposes that the data were admitted for.")
    ],
    output: Annotated[
        Path, typer.Option(help="The file for the scores, .csv or .parquet: one row for each row.")
    ],
    trace: Annotated[
        str | None,
        typer.Option(help="The W3C traceparent or trace id of the caller.", envvar="TRACEPARENT"),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="Earlier rows, in a file of the same form, for windows and lags."),
    ] = None,
) -> None:
    """Score rows with the model in service, and record the use."""
    with show_progress("scoring the rows"):
        scored = score_file(name, file, purpose, output, trace, history)
    print(scored)


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
    served.installation.deliver_outbox()
    summary = _describe_scores(served, scores)
    looks_back = () if history else served.looks_back
    if not looks_back:
        return summary
    examples = f"{looks_back[0]}{', …' if looks_back[1:] else ''}"
    hint = "used these rows only: give earlier rows with --history"
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
            reason = "the folder does not exist"
        raise ActionError(
            f"it cannot be written ({reason})",
            "Name a file this user may write",
            Where(file=shown(output)),
        ) from None


def _describe_scores(served: Served, scores: pl.DataFrame) -> str:
    by_version = scores.group_by("model_version").len().sort("model_version").rows()
    versions = ", ".join(f"{rows:,} by version {version}" for version, rows in by_version)
    trace_id = scores["traceparent"][0].split("-")[1]
    return f"{scores.height:,} rows scored by {served.name} ({versions}). Trace: assay lineage trace {trace_id}"


def _rows(contract: Contract, file: Path) -> pl.DataFrame:
    """The rows of a file, in the contract's types.

    Raises: ActionError: a value cannot be read in its column's type; it would be scored as if it
        were missing.
    """
    import polars as pl

    from assay.assets.io.user_files import read_table
    from assay.assets.services.predict import as_promised
    from assay.pipelines.ingest.declared_columns import declared_rows, source_names

    read = read_table(file, contract.source.options.null_values)
    names = source_names(contract.columns, read.columns)
    frame = declared_rows(read.lazy(), contract.columns, names).collect()
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
                f"{wrong.height:,} value(s) cannot be read as {typed.schema[name]}",
                "Correct them, or leave them empty",
                where,
            )
    return typed


@models_app.command(epilog=examples("assay models outcomes flights-late june-arrivals.csv"))
def outcomes(
    name: Model,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet: `traceparent` as `assay models predict` wrote it, `label` 0 or 1, and `prediction` if another system predicted."
        ),
    ],
) -> None:
    """Take true labels, and evaluate the models in service with them."""
    with show_progress("evaluating the models"):
        taken = take_outcomes(name, file)
    print(taken)


def take_outcomes(name: str, file: Path) -> str:
    """Record outcomes, evaluate the models in service with them, and describe what followed."""
    from assay.assets.services import monitor
    from assay.assets.stages import outcomes

    installation = open_installation()
    taken = outcomes.take_outcomes(installation, name, file)
    switches = monitor.review(installation, name)
    lines = ["; ".join(_describe_outcomes(taken))]
    if switches:
        lines.append(describe_switches(switches))
    elif waits := monitor.in_canary(installation, name):
        lines.append(waits)
    return "\n".join(lines)


def _describe_outcomes(taken: dict[str, Any]) -> Iterator[str]:
    for_ours = f"{taken['known']:,} of them for predictions by Assay"
    yield f"{taken['rows']:,} outcome(s) for {taken['model']}, {for_ours}"
    if taken["lost"]:
        yield f"{taken['lost']:,} belong to no recorded prediction and are ignored"
    if taken["corrected"]:
        yield f"{taken['corrected']:,} correct an earlier outcome"
    if not taken["new"]:
        yield "all were recorded before"
