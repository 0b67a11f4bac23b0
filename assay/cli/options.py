"""Arguments, options and help texts that several command groups share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _require_reason(why: str) -> str:
    """The reason. Raises: ConfigurationError: it holds personal data."""
    if not why.strip():
        raise typer.BadParameter("give a reason")
    from assay.pipelines.admit.reasons import checked_reason

    return checked_reason(why)


Why = Annotated[
    str,
    typer.Option(
        help="The reason; recorded with the decision and in the audit log.",
        callback=_require_reason,
    ),
]
SignatureKey = Annotated[
    Path | None,
    typer.Option(
        "--key", help="Your private key, to sign the request too; it is read, never copied."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Dataset = Annotated[str, typer.Argument(help="A data set.")]
DatasetOrVersion = Annotated[str, typer.Argument(help="NAME or NAME@VERSION.")]


def examples(*commands: str) -> str:
    """The examples at the end of a help page, each on a line of its own."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    return "  \n".join([title, *(f"`{command}`" for command in commands)])


def command_group(name: str, summary: str, *commands: str, **settings: Any) -> typer.Typer:
    """A group of commands under one noun.

    Args:
        summary: one sentence for the help pages.
        commands: examples at the end of the group's help page.
        settings: further settings of Typer.
    """
    return typer.Typer(
        name=name,
        help=summary,
        epilog=examples(*commands),
        no_args_is_help=not settings.get("invoke_without_command", False),
        rich_markup_mode="markdown",
        **settings,
    )


def split_name(name: str) -> tuple[str, str | None]:
    """Split NAME@VERSION into both; the version of a plain NAME is None."""
    dataset, _, version = name.partition("@")
    return dataset, version or None
