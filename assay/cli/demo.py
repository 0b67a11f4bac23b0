"""`assay demo`."""

from __future__ import annotations

import typer

EXAMPLES = ("assay demo",)


def demo() -> None:
    """Publish three sample data sets, from source to action."""
    from assay.contracts.extras import require

    require("demo", "`assay demo`")
    from assay.demo.tour import tour

    if not tour():
        raise typer.Exit(1)
