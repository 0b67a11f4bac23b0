"""What the webserver of test_mutations_executed.py runs: Assay's definitions of two data sets, and one of everything else that Dagster's mutations are about. Loaded by a code server of its own."""

import dagster as dg

from assay.assets.dagster.definitions import build_definitions

STEWARD, OTHER = "steward@example.com", "other@example.com"
colours = dg.DynamicPartitionsDefinition(name="colours")
days = dg.StaticPartitionsDefinition(["monday", "tuesday"])


SECRET = "value-of-a-resource-4711"


class Mailbox(dg.ConfigurableResource):  # type: ignore[type-arg]  # of nothing but itself
    """Has a password in its settings, as code of a user may."""

    password: str


@dg.asset(partitions_def=days, owners=[STEWARD])
def owned_by_day() -> None:
    """Of the steward."""


@dg.asset(partitions_def=days, owners=[OTHER])
def others_by_day() -> None:
    """Of somebody else."""


@dg.asset(partitions_def=colours, owners=[STEWARD], pool="presses")
def coloured() -> None:
    """One for each colour."""


look = dg.define_asset_job("look", [owned_by_day], owners=[STEWARD], partitions_def=days)


@dg.schedule(job=look, cron_schedule="0 0 * * *")
def nightly() -> dg.RunRequest:
    """Would start `look`."""
    return dg.RunRequest(partition_key="monday")


@dg.sensor(job=look)
def watching() -> dg.SkipReason:
    """Sees nothing."""
    return dg.SkipReason("nothing new")


defs = dg.Definitions.merge(
    build_definitions(),
    dg.Definitions(
        assets=[owned_by_day, others_by_day, coloured],
        jobs=[look],
        schedules=[nightly],
        sensors=[watching],
        resources={"mailbox": Mailbox(password=SECRET)},
    ),
)
