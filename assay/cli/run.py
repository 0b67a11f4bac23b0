"""`assay run`."""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Data sets to run; all of them unless named.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="The window of the source to publish, or the partition, or FIRST..LAST; what is due unless named."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Where features are made: auto, polars, gpu or ray-gpu; the contract's engine unless named."
        ),
    ] = None,
) -> None:
    """Take data sets the whole way, from source to action.

    Examples: `assay run`, `assay run flights`, `assay run flights --window 2013-jun-aug`, `assay run meters --window 2013-01..2013-12`
    """
    from typing import get_args

    from assay.contracts.features import Wanted
    from assay.running import run_all

    if engine is not None and engine not in get_args(Wanted):
        raise typer.BadParameter(f"choose {', '.join(get_args(Wanted))}", param_hint="--engine")
    if not run_all(datasets or [], window, engine):
        raise typer.Exit(1)
