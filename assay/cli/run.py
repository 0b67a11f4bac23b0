"""`assay run`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = (
    "assay run",
    "assay run flights",
    "assay run flights --window 2013-jun-aug",
    "assay run meters --window 2013-01..2013-12",
)


def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Data sets to run. [default: all]")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="The window or partition to publish, or FIRST..LAST. [default: what is due]"
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Compute features with auto, polars, gpu or ray-gpu. [default: the contract's engine]"
        ),
    ] = None,
) -> None:
    """Run data sets from the source to a published version, and act on drift."""
    from typing import get_args

    from assay.contracts.features import Wanted
    from assay.running import run_all

    if engine is not None and engine not in get_args(Wanted):
        raise typer.BadParameter(f"choose {', '.join(get_args(Wanted))}", param_hint="--engine")
    if not run_all(datasets or [], window, engine):
        raise typer.Exit(1)
