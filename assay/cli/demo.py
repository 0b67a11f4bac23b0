"""`assay demo`."""

from __future__ import annotations

import typer


def demo() -> None:
    """Three data sets, from source to action, on real data. Example: `assay demo`"""
    from assay.contracts.extras import require

    require("demo", "`assay demo`")
    from assay.demo.tour import tour

    if not tour():
        raise typer.Exit(1)
