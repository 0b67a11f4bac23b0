"""What a long piece of work is at, for whoever shows it.

Belongs here: passing the words on, in this process. Stays out: showing them (assay/).
"""

from __future__ import annotations

from collections.abc import Callable

LISTENERS: list[Callable[[str], None]] = []


def tell(doing: str) -> None:
    """Say what is being done, such as `3 of 20 files read`. Nothing personal."""
    for listener in list(LISTENERS):
        listener(doing)
