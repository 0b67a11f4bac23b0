"""The mutations of the pinned Dagster schema: those that a signed-in person may send, and those
that are refused to everybody.

A test fails when the schema has a mutation that is in neither table.
"""

ALLOWED_MUTATIONS = frozenset(
    {
        # launch and end runs
        "launchRun",
        "launchPipelineExecution",
        "launchMultipleRuns",
        "launchRunReexecution",
        "launchPipelineReexecution",
        "launchPartitionBackfill",
        "resumePartitionBackfill",
        "reexecutePartitionBackfill",
        "cancelPartitionBackfill",
        "terminateRun",
        "terminateRuns",
        "terminatePipelineExecution",
        # schedules, sensors, automation
        "startSchedule",
        "stopRunningSchedule",
        "resetSchedule",
        "scheduleDryRun",
        "startSensor",
        "stopSensor",
        "resetSensor",
        "sensorDryRun",
        "setSensorCursor",
        "setAutoMaterializePaused",
        # limits and slots
        "setConcurrencyLimit",
        "deleteConcurrencyLimit",
        "freeConcurrencySlots",
        "freeConcurrencySlotsForRun",
        # definitions
        "reloadRepositoryLocation",
        "reloadWorkspace",
        "addDynamicPartition",
        "deleteDynamicPartitions",
        # the page remembers that it has greeted
        "setNuxSeen",
    }
)

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
