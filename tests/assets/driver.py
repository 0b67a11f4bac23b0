"""A process that takes one data set from landed to published, for tests that kill it. Prints `ready` when its imports are done.

With ASSAY_TEST_MARKS, whoever watches its system calls sees it look for `/reached/<point>` at each named point.
"""

import os
import sys
import uuid

import pandera.polars  # noqa: F401  # its import takes seconds; the kill should fall into the work

import assay.assets.stages.publish as publishing
from assay.assets.io.installation import Installation
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.publish import finish, publish
from assay.assets.stages.run import Run

if os.environ.get("ASSAY_TEST_MARKS"):
    named = publishing.reached

    def reached(point: str) -> None:
        """Leave a trace, and go on."""
        os.path.exists(f"/reached/{point}")  # noqa: PTH110  # one plain call of stat
        named(point)

    publishing.reached = reached

print("ready", flush=True)
opened_home = Installation.open()
opened_home.settle()
run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()))
admission = admit(run)
if admission.published is None:
    row = publish(run, admission, refine(run, admission)).row
else:
    finish(run)
    row = admission.published
print(row.version, flush=True)
sys.exit(0)
