"""Named points of a stage, where a test kills or stops the process.

Belongs here: the points. Stays out: everything else. Nothing happens at them in service.
"""

from __future__ import annotations

import os
import signal


def reached(point: str) -> None:
    """A named point where a test kills the process, as a power cut would, or stops it, as a frozen
    machine is; set by ASSAY_CRASH_AT and ASSAY_STOP_AT, never in service.
    """
    for variable, sent in (("ASSAY_CRASH_AT", signal.SIGKILL), ("ASSAY_STOP_AT", signal.SIGSTOP)):
        if os.environ.get(variable) == point:
            os.kill(os.getpid(), sent)
