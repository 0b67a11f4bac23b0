"""Old spellings of commands: they work as before, and no help page lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from assay.cli import index, lineage, predict, review, sources, versions

OLD_SPELLINGS: dict[str, tuple[str, Callable[..., Any]]] = {
    "explain": ("versions explain", versions.explain),
    "profile": ("versions profile", versions.profile),
    "diff": ("versions diff", versions.diff),
    "rollback": ("versions rollback", versions.rollback),
    "expire": ("versions expire", versions.expire),
    "used-by": ("lineage used-by", lineage.used_by),
    "why": ("lineage trace", lineage.trace),
    "reveal": ("sources reveal", sources.reveal),
    "replay": ("review replay", review.replay),
    "predict": ("models predict", predict.predict),
    "outcomes": ("models outcomes", predict.outcomes),
    "search": ("index search", index.search),
}
"""Each old spelling with the command it is today, and the function behind both."""


def add_old_spellings(app: typer.Typer) -> None:
    """Add each old spelling as a hidden command."""
    for old, (new, function) in OLD_SPELLINGS.items():
        app.command(old, hidden=True, epilog=f"Today's spelling: `assay {new}`.")(function)
