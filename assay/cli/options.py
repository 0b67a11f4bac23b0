"""Arguments and options that several command groups share."""

from __future__ import annotations

from typing import Annotated

import typer


def _require_reason(why: str) -> str:
    """The reason. Raises: ConfigurationError: it holds personal data."""
    if not why.strip():
        raise typer.BadParameter("a decision needs a reason")
    from assay.pipelines.admit.reasons import checked_reason

    return checked_reason(why)


Why = Annotated[
    str,
    typer.Option(
        help="The reason; it is kept with the decision, and in the audit log.",
        callback=_require_reason,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Dataset = Annotated[str, typer.Argument(help="A data set.")]
DatasetOrVersion = Annotated[str, typer.Argument(help="NAME or NAME@VERSION")]


def split_name(name: str) -> tuple[str, str | None]:
    """Split NAME@VERSION into both; the version of a plain NAME is None."""
    dataset, _, version = name.partition("@")
    return dataset, version or None
