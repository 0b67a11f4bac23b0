"""Which GraphQL requests reach Dagster: every operation of a document counts, however it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dagster_graphql.schema import create_schema

from assay.contracts.stewards import ROLES, Role
from assay.web.graphql_guard import (
    MAX_QUERY_CHARACTERS,
    Checked,
    Refusal,
    check_body,
    check_websocket_text,
)
from assay.web.mutations import MUTATIONS as ALLOWED
from assay.web.mutations import REFUSED_MUTATIONS, SUBSCRIPTIONS

SCHEMA = create_schema().graphql_schema
MUTATIONS = sorted(SCHEMA.mutation_type.fields) if SCHEMA.mutation_type else []


def send(query: Any, role: Role = "administrator", **more: Any) -> bytes | Refusal:
    checked = check_body(json.dumps({"query": query, **more}).encode(), role)
    return checked.body if isinstance(checked, Checked) else checked


def start(query: Any, role: Role = "administrator", **more: Any) -> str | Refusal:
    message = {"type": "start", "id": "1", "payload": {"query": query, **more}}
    return check_websocket_text(json.dumps(message), role)


def test_every_mutation_of_the_schema_is_either_allowed_or_refused() -> None:
    assert len(MUTATIONS) == 41
    assert set(MUTATIONS) == set(ALLOWED) | set(REFUSED_MUTATIONS)
    assert not set(ALLOWED) & set(REFUSED_MUTATIONS)


def test_every_subscription_of_the_schema_has_a_role() -> None:
    assert SCHEMA.subscription_type is not None
    assert set(SUBSCRIPTIONS) == set(SCHEMA.subscription_type.fields)


VIEWER = {"setNuxSeen"}
STEWARD = VIEWER | {
    "launchRun",
    "launchPipelineExecution",
    "launchMultipleRuns",
    "launchRunReexecution",
    "launchPipelineReexecution",
    "launchPartitionBackfill",
    "terminateRun",
    "terminateRuns",
    "terminatePipelineExecution",
    "cancelPartitionBackfill",
}
OPERATOR = STEWARD | {
    "startSchedule",
    "stopRunningSchedule",
    "resetSchedule",
    "startSensor",
    "stopSensor",
    "resetSensor",
    "resumePartitionBackfill",
    "reexecutePartitionBackfill",
    "scheduleDryRun",
    "sensorDryRun",
    "freeConcurrencySlots",
    "freeConcurrencySlotsForRun",
    "setAutoMaterializePaused",
}
ADMINISTRATOR = OPERATOR | {
    "setConcurrencyLimit",
    "deleteConcurrencyLimit",
    "reloadRepositoryLocation",
    "reloadWorkspace",
    "addDynamicPartition",
    "deleteDynamicPartitions",
    "setSensorCursor",
}
BY_ROLE = dict(zip(ROLES, (VIEWER, STEWARD, OPERATOR, ADMINISTRATOR), strict=True))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_passes_for_the_roles_that_have_it(mutation: str, role: Role) -> None:
    passed = send(f"mutation {{ {mutation} {{ __typename }} }}", role)
    assert isinstance(passed, bytes) is (mutation in BY_ROLE[role])
    if isinstance(passed, Refusal):
        assert passed.status == 403


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("mutation", ["launchRun", "startSchedule", "setSensorCursor"])
def test_a_role_is_checked_however_a_mutation_is_written(mutation: str, role: Role) -> None:
    for spelling in SPELLINGS.values():
        passed = send(spelling.replace("NAME", mutation), role)
        has_fragment = "..." in spelling
        assert isinstance(passed, bytes) is (mutation in BY_ROLE[role] and not has_fragment)


@pytest.mark.parametrize("role", ROLES)
def test_a_subscription_opens_for_the_roles_that_have_it(role: Role) -> None:
    opened = {
        name
        for name in SUBSCRIPTIONS
        if isinstance(start(f"subscription {{ {name} {{ __typename }} }}", role), str)
    }
    assert opened == {
        "viewer": {"locationStateChangeEvents"},
        "steward": {"locationStateChangeEvents", "pipelineRunLogs"},
    }.get(role, set(SUBSCRIPTIONS))


def test_the_mutations_of_a_request_are_named_for_the_record() -> None:
    query = "mutation A { later: launchRun { __typename } setNuxSeen } query B { version }"
    checked = check_body(json.dumps({"query": query}).encode(), "steward")
    assert isinstance(checked, Checked)
    assert checked.mutations == ("launchRun", "setNuxSeen")


REFUSED_TO_EVERYBODY = [
    "wipeAssets",
    "deleteRun",
    "deletePipelineRun",
    "reportRunlessAssetEvents",
    "reportAssetCheckEvaluations",
    "shutdownRepositoryLocation",
    "setAppManagedComponent",
    "deleteAppManagedComponent",
    "refreshComponentState",
    "logTelemetry",
]


def test_what_forges_or_destroys_evidence_is_refused_to_everybody() -> None:
    assert sorted(REFUSED_MUTATIONS) == sorted(REFUSED_TO_EVERYBODY)


SPELLINGS = {
    "alone": "mutation { NAME { __typename } }",
    "with a name": "mutation Harmless { NAME { __typename } }",
    "under an alias": "mutation { setNuxSeen: NAME { __typename } }",
    "after an allowed one": "mutation { setNuxSeen NAME { __typename } }",
    "in a second operation": "query A { version } mutation B { NAME { __typename } }",
    "behind a directive": "mutation($yes: Boolean!) { NAME @include(if: $yes) { __typename } }",
    "after a comment": "# query\nmutation{#\nNAME{__typename}}",
    "in an inline fragment": "mutation { ... { NAME { __typename } } }",
    "in a typed inline fragment": "mutation { ... on Mutation { NAME { __typename } } }",
    "in a fragment": "mutation { ...F } fragment F on Mutation { NAME { __typename } }",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("mutation", [*REFUSED_TO_EVERYBODY, "aMutationOfTomorrow"])
def test_a_refused_mutation_is_refused_however_it_is_written(mutation: str, spelling: str) -> None:
    query = SPELLINGS[spelling].replace("NAME", mutation)
    for name in (None, "A", "B", "Harmless"):
        refusal = send(query, operationName=name)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 403


@pytest.mark.parametrize("mutation", sorted(ALLOWED))
def test_an_allowed_mutation_passes_and_only_over_http(mutation: str) -> None:
    query = f"mutation M {{ again: {mutation} {{ __typename ...F }} __typename }} fragment F on X {{ y }}"
    passed = send(query, variables={"x": 1}, operationName="M", extensions={"persistedQuery": 1})
    assert isinstance(passed, bytes)
    assert json.loads(passed) == {"query": query, "variables": {"x": 1}, "operationName": "M"}
    assert isinstance(start(query), Refusal)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'"text"',
        b"7",
        b"\xff",
        b'{"query": ',
        b"query=mutation",
        b"[]",
        b'[{"query": "{version}"}]',
        b'[{"query": "{version}"}, {"query": "mutation{wipeAssets{__typename}}"}]',
        b"[" * 100_000,
        b'{"query": ' + b"[" * 100_000,
        b'{"id": ' + b"9" * 5_000 + b"}",
        b"{}",
        b'{"query": null}',
        b'{"query": ["{version}"]}',
        b'{"query": {"a": 1}}',
        b'{"id": "stored", "documentId": "stored"}',
        b'{"query": "{version}", "variables": "{}"}',
        b'{"query": "{version}", "variables": []}',
        b'{"query": "{version}", "operationName": 1}',
        b'{"query": "{version"}',
        b'{"query": ""}',
        b'{"query": "subscription { pipelineRunLogs(runId: 1) { __typename } }"}',
        b'{"query": "type Query { a: Int }"}',
        b'{"query": "extend type Query { a: Int } { version }"}',
        b'{"query": "' + b"{a" * 20_000 + b'"}',
        b'{"query": "{' + b" a" * 100_000 + b'}"}',
        b'{"query": "{version}' + b" " * MAX_QUERY_CHARACTERS + b'"}',
    ],
    ids=lambda body: body[:40].decode("latin-1") + f" ({len(body)})",
)
def test_bodies_that_are_not_one_operation_are_refused(body: bytes) -> None:
    refusal = check_body(body, "administrator")
    assert isinstance(refusal, Refusal)
    assert 400 <= refusal.status < 500


def test_a_key_that_comes_twice_reaches_dagster_as_it_was_read() -> None:
    passed = check_body(
        b'{"query": "mutation{wipeAssets{__typename}}", "query": "{version}"}', "administrator"
    )
    assert isinstance(passed, Checked)
    assert json.loads(passed.body)["query"] == "{version}"
    assert isinstance(
        check_body(
            b'{"query": "{version}", "query": "mutation{wipeAssets{__typename}}"}', "administrator"
        ),
        Refusal,
    )


def test_a_refusal_quotes_nothing_of_the_request() -> None:
    for query in ("{ secret4711", "mutation { secret4711 }", "type secret4711 { a: Int }"):
        refusal = send(query)
        assert isinstance(refusal, Refusal)
        assert "secret4711" not in refusal.reason


SUBSCRIPTION = 'subscription S { pipelineRunLogs(runId: "a") { __typename } }'


def test_a_subscription_passes_a_websocket() -> None:
    passed = start(SUBSCRIPTION, variables={"a": 1}, operationName="S")
    assert not isinstance(passed, Refusal)
    payload = json.loads(passed)["payload"]
    assert payload["query"] == SUBSCRIPTION
    assert payload["variables"] == {"a": 1}
    for message in ({"type": "connection_init", "payload": {}}, {"type": "stop", "id": "1"}):
        assert not isinstance(check_websocket_text(json.dumps(message), "administrator"), Refusal)


@pytest.mark.parametrize("kind", ["start", "subscribe", "START", "query", "", None, 7, ["start"]])
@pytest.mark.parametrize(
    "query",
    [
        "mutation { setNuxSeen }",
        "mutation { wipeAssets { __typename } }",
        "{ version }",
        f"{SUBSCRIPTION} mutation M {{ setNuxSeen }}",
        "",
        None,
    ],
)
def test_a_websocket_takes_no_other_operation_or_message(kind: Any, query: Any) -> None:
    message = {"type": kind, "id": "1", "payload": {"query": query, "operationName": "S"}}
    assert isinstance(check_websocket_text(json.dumps(message), "administrator"), Refusal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"type": "start"}',
        '{"type": "start", "payload": []}',
        "[" * 99_999,
        '{"type": "stop", "id": {}}',
        "\ud800",
    ],
)
def test_websocket_messages_that_are_not_of_the_protocol_are_refused(text: str) -> None:
    assert isinstance(check_websocket_text(text, "administrator"), Refusal)
