"""Pipelines: the work, frames in and frames out. The stages are in the data's order.

Belongs here: deciders and transforms: frames, contracts, numbers, a clock's time and a seed go in;
plans, verdicts and intents come out.
Stays out: Dagster, disk, network, the clock itself, secrets. May touch: contracts/.
"""

STAGES = ("ingest", "admit", "clean", "validate", "publish", "features", "drift", "act")
