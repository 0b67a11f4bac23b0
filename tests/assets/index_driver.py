"""A process that rebuilds one data set's index if that is due, for tests that kill it. Prints `ready` when its imports are done."""

import uuid

import lancedb  # noqa: F401  # their imports take seconds; the kill should fall into the work
import sklearn.feature_extraction.text
import sklearn.utils.extmath  # noqa: F401

from assay.assets.io.installation import Installation
from assay.assets.stages.index import rebuild_if_due
from assay.assets.stages.run import Run

print("ready", flush=True)
opened_home = Installation.open()
acted = rebuild_if_due(Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4())))
print(acted.details["outcome"] if acted else "nothing due", flush=True)
