"""The mutations and subscriptions of the pinned Dagster schema: which role may send which, and the
mutations that are refused to everyone.

A test fails when the schema has one that is in no table.
"""

from __future__ import annotations

from assay.contracts.stewards import Role

_BY_ROLE: dict[Role, tuple[str, ...]] = {
    "viewer": (
        "setNuxSeen",  # the page remembers that it has greeted
    ),
    # runs; Dagster itself checks whether a steward owns the data set
    "steward": (
        "launchRun",
        "launchPipelineExecution",
        "launchMultipleRuns",
        "launchRunReexecution",
        "launchPipelineReexecution",
        "launchPartitionBackfill",
        "cancelPartitionBackfill",
        "terminateRun",
        "terminateRuns",
        "terminatePipelineExecution",
    ),
    # schedules, sensors and automation; dry runs execute code
    "operator": (
        "resumePartitionBackfill",
        "reexecutePartitionBackfill",
        "startSchedule",
        "stopRunningSchedule",
        "resetSchedule",
        "scheduleDryRun",
        "startSensor",
        "stopSensor",
        "resetSensor",
        "sensorDryRun",
        "setAutoMaterializePaused",
        "freeConcurrencySlots",
        "freeConcurrencySlotsForRun",
    ),
    # what changes which data are taken: a cursor can skip some or take some twice
    "administrator": (
        "setSensorCursor",
        "addDynamicPartition",
        "deleteDynamicPartitions",
        "setConcurrencyLimit",
        "deleteConcurrencyLimit",
        "reloadRepositoryLocation",
        "reloadWorkspace",
    ),
}
MUTATIONS: dict[str, Role] = {name: role for role, names in _BY_ROLE.items() for name in names}
"""Mutation -> the least role that may send it."""
SUBSCRIPTIONS: dict[str, Role] = {
    "locationStateChangeEvents": "viewer",
    "pipelineRunLogs": "steward",
    "capturedLogs": "operator",
}
"""Subscription -> the least role that may open it."""


_EVIDENCE = "evidence is never removed or written through the web UI"
_CODE = "the definitions come from the contracts, never from the web UI"
REFUSED_MUTATIONS = {
    "wipeAssets": _EVIDENCE,
    "deleteRun": _EVIDENCE,
    "deletePipelineRun": _EVIDENCE,
    "reportRunlessAssetEvents": _EVIDENCE,
    "reportAssetCheckEvaluations": _EVIDENCE,
    "shutdownRepositoryLocation": "stopping `assay ui` ends the code server",
    "setAppManagedComponent": _CODE,
    "deleteAppManagedComponent": _CODE,
    "refreshComponentState": _CODE,
    "logTelemetry": "Assay sends no telemetry",
}
