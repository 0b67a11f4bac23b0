"""A process that takes one data set from landed to published, for tests that kill it. Prints `ready` when its imports are done.

With ASSAY_TEST_MARKS, whoever watches its system calls sees it look for `/reached/<point>` at each named point.
"""

import os
import signal
import uuid

import openlineage.client  # noqa: F401  # imports take seconds; the kill should fall into the work
import pandera.polars  # noqa: F401

import assay.assets.stages.publish as publishing
from assay.assets.io.installation import Installation
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.publish import finish, publish
from assay.assets.stages.run import Run


def leave_marks() -> None:
    """Leave a trace of each named point, and wait for the tracer."""
    named = publishing.reached

    def reached(point: str) -> None:
        os.path.exists(f"/reached/{point}")  # noqa: PTH110  # one plain call of stat
        named(point)

    publishing.reached = reached
    os.kill(os.getpid(), signal.SIGSTOP)


def publish_readings() -> None:
    """Take the readings the whole way."""
    print("ready", flush=True)
    if os.environ.get("ASSAY_TEST_MARKS"):
        leave_marks()
    opened_home = Installation.open()
    opened_home.deliver_outbox()
    run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()))
    admission = admit(run)
    if admission.published is None:
        row = publish(run, admission, refine(run, admission)).row
    else:
        finish(run)
        row = admission.published
    print(row.version, flush=True)


def print_key() -> None:
    """Open the home, and print the public key's number."""
    opened_home = Installation.open()
    opened_home.keys.check()
    print(opened_home.keys.public().keyid)


if __name__ == "__main__":
    publish_readings()
