"""What a long piece of work is doing, for whoever shows it.

Belongs here: passing the words on to the run that the work belongs to. Stays out: showing them (assay/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Show = Callable[[str], None]
_show: ContextVar[Show | None] = ContextVar("assay_work_progress", default=None)


@contextmanager
def progress_shown_by(show: Show) -> Iterator[None]:
    """Pass what work inside the block reports to `show`; work in other threads reports elsewhere.

    A thread that the work starts needs a copy of its context: `contextvars.copy_context().run`.
    """
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def shown_here() -> Show:
    """What shows the progress of this context, for work that goes on in another thread."""
    return _show.get() or (lambda _: None)


def report_progress(doing: str) -> None:
    """Report what is being done, such as `3 of 20 files read`. Nothing personal."""
    show = _show.get()
    if show is not None:
        show(doing)
