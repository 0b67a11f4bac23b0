"""A process that measures the newest version of readings, decides, and trains, for tests that kill it. Prints `ready` when its imports are done.

With the argument `serves` it loads the model in service instead, and prints its version, of those that there are.
"""

import sys
import uuid

from assay.assets.io.installation import Installation

if sys.argv[1:] == ["serves"]:
    opened_home = Installation.open()
    version = opened_home.registry.models.serving("readings")["champion"].version
    assert opened_home.models.served("high", version).model is not None
    print(
        version,
        "of",
        *(each["version"] for each in opened_home.models.versions("high")),
        flush=True,
    )
    sys.exit(0)

# their imports take seconds; the kill should fall into the work
import evidently.legacy.calculations.stattests  # noqa: F401
import mlflow.sklearn  # noqa: F401
import sklearn.ensemble  # noqa: F401
import skops.io  # noqa: F401

from assay.assets.stages.drift import measure_drift
from assay.assets.stages.features import make_features
from assay.assets.stages.model import retrain_if_due
from assay.assets.stages.run import Run

print("ready", flush=True)
opened_home = Installation.open()
opened_home.deliver_outbox()
run = Run(opened_home, opened_home.contract("readings"), str(uuid.uuid4()))
make_features(run)
measure_drift(run)
retrain_if_due(run)
opened_home.deliver_outbox()
print("done", flush=True)
sys.exit(0)
