"""What is read through the front: nothing without a session, values of runs by some roles only, files of the home by no path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from assay.contracts.stewards import ROLES, Person, Role, StewardPolicy, role_includes
from assay.web.dagster_app import AssayProcessContext, dagster_app
from assay.web.front import Front
from assay.web.graphql_guard import Refusal, check_body
from assay.web.people import Identity, People
from assay.web.provider import Provider, ProviderSettings
from assay.web.sign_in import Links
from assay.web.withheld import EMPTY_FIELDS, REFUSED_FIELDS
from tests.conftest import GOOD, SampleHome

PORT = 3460
URL = f"http://127.0.0.1:{PORT}"
SECRET = "value-of-a-run-4711"
POLICY = StewardPolicy(
    valid_days=30,
    persons=tuple(Person(name=f"{role}@example.com", role=role) for role in ROLES),
)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def workspace(instance: dg.DagsterInstance) -> Iterator[AssayProcessContext]:
    with AssayProcessContext(
        instance, workspace_load_target=EmptyWorkspaceTarget(), version=dg.__version__
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def front(workspace: AssayProcessContext, tmp_path_factory: pytest.TempPathFactory) -> Front:
    return front_below("", workspace, tmp_path_factory.mktemp("links"))


def front_below(prefix: str, workspace: AssayProcessContext, folder: Path) -> Front:
    """With a provider, so that everything that a stranger could reach is there."""
    given = {"issuer": "http://localhost:9", "client_id": "assay"}
    provider = Provider(ProviderSettings.model_validate(given), URL + prefix)
    app, people = dagster_app(workspace, prefix), People(lambda: [POLICY])
    return Front(app, PORT, Links(folder / "links"), people, lambda *_: None, provider)


def visitor(front: Front, role: Role) -> TestClient:
    client = TestClient(front, URL, follow_redirects=False, raise_server_exceptions=False)
    session = front.sessions.begin(Identity(f"{role}@example.com", "provider"))
    client.headers["Cookie"] = f"{front.cookie}={session}"
    return client


# -- without a session -------------------------------------------------------------------------------

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
ALIKE = {"path": "a/b.out", "run_id": "a", "asset_key": "a"}


def routes_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, type]]:
    """Every route of an application, with an example of its path, and whatever lies below it."""
    for route in routes:
        if isinstance(route, Mount):
            yield f"{prefix}{route.path}/a.js", Mount
            yield from routes_of(list(route.routes or []), f"{prefix}{route.path}")
        else:
            assert isinstance(route, Route | WebSocketRoute), f"{route} is of a new kind"
            path = route.path.replace(":path", "").replace(":str", "")
            yield f"{prefix}{path.format(**ALIKE)}", type(route)


@pytest.mark.parametrize("prefix", ["", "/governance"])
def test_no_route_of_the_application_answers_a_stranger(
    workspace: AssayProcessContext, tmp_path: Path, prefix: str
) -> None:
    front = front_below(prefix, workspace, tmp_path)
    found = set(routes_of(front.dagster.routes))  # type: ignore[attr-defined]  # Starlette's
    kinds = {kind for _, kind in found}
    assert kinds == {Mount, Route, WebSocketRoute}
    assert len(found) > 20
    stranger = TestClient(front, URL, follow_redirects=False)
    for path, _ in found:
        for method in METHODS:
            answer = stranger.request(method, path, headers={"Origin": URL})
            is_top = prefix and path == "/" and method in ("GET", "HEAD")
            if is_top:  # leads to our own path, and shows nothing
                assert (answer.status_code, answer.text) == (303, "")
            else:
                outside = not path.startswith(f"{prefix}/")
                assert answer.status_code == (404 if outside else 401), (method, path)
                assert len(answer.content) < 300
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            stranger.websocket_connect(
                f"ws://127.0.0.1:{PORT}{path}", ["graphql-ws"], headers={"Origin": URL}
            ),
        ):
            pass
        assert refused.value.status_code in (401, 404)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/callback"])
@pytest.mark.parametrize("method", METHODS)
def test_what_a_stranger_may_open_begins_a_sign_in_and_nothing_else(
    front: Front, path: str, method: str
) -> None:
    stranger = TestClient(front, URL, follow_redirects=False)
    answer = stranger.request(method, path)
    assert answer.status_code in (403, 405, 502)  # this provider does not answer
    assert front.cookie not in answer.headers.get("set-cookie", "")


# -- values of runs ----------------------------------------------------------------------------------

QUERIES = {
    ("Query", "logsForRun"): '{ logsForRun(runId: "RUN") { ... on EventConnection { events { ... on MessageEvent { message } } } } }',
    ("Run", "eventConnection"): '{ runOrError(runId: "RUN") { ... on Run { eventConnection { events { ... on MessageEvent { message } } } } } }',
    ("PartitionBackfill", "logEvents"): '{ partitionBackfillOrError(backfillId: "BACKFILL") { ... on PartitionBackfill { logEvents { events { message } } } } }',
    ("Query", "capturedLogs"): '{ capturedLogs(logKey: ["RUN", "compute_logs", "a"]) { stdout } }',
    ("Query", "capturedLogsMetadata"): '{ capturedLogsMetadata(logKey: ["RUN", "compute_logs", "a"]) { stdoutLocation } }',
    ("Run", "capturedLogs"): '{ runOrError(runId: "RUN") { ... on Run { capturedLogs(fileKey: "a") { stdout } } } }',
    ("Query", "utilizedEnvVarsOrError"): '{ utilizedEnvVarsOrError(repositorySelector: {repositoryName: "a", repositoryLocationName: "b"}) { __typename } }',
}  # fmt: skip
SPELLINGS = {
    "plain": lambda query: query,
    "alias": lambda query: query.replace("{ ", "{ harmless: ", 1),
    "fragment": lambda query: f"query {{ ...F }} fragment F on Query {query}",
    "inline": lambda query: f"{{ ... {query} }}",
}


@pytest.fixture(scope="module")
def run(instance: dg.DagsterInstance) -> str:
    """A run whose configuration, events and output hold a value."""
    config = {"ops": {"a": {"config": {"b": SECRET}}}}
    created = create_run_for_test(instance, "a_job", run_config=config)
    instance.report_engine_event(SECRET, created)
    key = [created.run_id, "compute_logs", "a"]
    with instance.compute_log_manager.open_log_stream(  # type: ignore[union-attr]  # local
        key, dg._core.storage.compute_log_manager.ComputeIOType.STDOUT
    ) as stream:
        assert stream is not None
        stream.write(SECRET)
    return created.run_id


def ask(client: TestClient, query: str) -> Any:
    return client.post("/graphql", json={"query": query}, headers={"Origin": URL})


def test_every_field_that_is_refused_has_a_query_here() -> None:
    assert set(QUERIES) | {("InstigationTick", "logEvents")} == set(REFUSED_FIELDS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", QUERIES, ids=".".join)
def test_events_and_output_of_a_run_are_read_by_some_roles(
    front: Front, run: str, field: tuple[str, str], spelling: str, role: Role
) -> None:
    query = SPELLINGS[spelling](QUERIES[field].replace("RUN", run))
    answer = ask(visitor(front, role), query)
    if role_includes(role, REFUSED_FIELDS[field]):
        assert answer.status_code != 403, answer.text
        is_value = field[1] in ("logsForRun", "eventConnection", "capturedLogs")
        assert (SECRET in answer.text) is is_value or "BACKFILL" in query
    elif field == ("PartitionBackfill", "logEvents"):
        assert "message" not in answer.json()["data"]  # there is no such backfill
    else:
        assert answer.status_code == 403
        assert f"needs the role {REFUSED_FIELDS[field]}" in answer.text
        assert SECRET not in answer.text


@pytest.mark.parametrize("role", ROLES)
def test_the_configuration_of_a_run_is_empty_for_viewers(
    front: Front, run: str, role: Role
) -> None:
    query = (
        f'{{ runOrError(runId: "{run}") {{ ... on Run {{ runConfig runConfigYaml status }} }} }}'
    )
    answer = ask(visitor(front, role), query)
    assert (SECRET in answer.text) is (role != "viewer")
    shown = answer.json()["data"]["runOrError"]
    assert shown["status"] == "NOT_STARTED"
    assert role != "viewer" or (shown["runConfig"], shown["runConfigYaml"]) == ({}, "")


def test_what_configures_resources_is_shown_to_nobody() -> None:
    nobodys = {field for field, (reader, _) in EMPTY_FIELDS.items() if reader is None}
    assert ("ConfiguredValue", "value") in nobodys


@pytest.mark.parametrize("role", ROLES)
def test_dagsters_settings_are_shown_to_nobody(front: Front, role: Role) -> None:
    answer = ask(visitor(front, role), "{ instance { info hasInfo } }").json()
    assert answer["data"]["instance"] == {"info": None, "hasInfo": False}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { types { name } } }",
        "{ harmless: __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ version ...F } fragment F on Query { __schema { types { name } } }",
        "{ ... on Query { __schema { types { name } } } }",
        "mutation { setNuxSeen __schema { types { name } } }",
    ],
)
def test_the_schema_is_not_shown(query: str, role: Role) -> None:
    refusal = check_body(
        f'{{"query": "{query.replace(chr(34), chr(92) + chr(34))}"}}'.encode(), role
    )
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/logs/../../assay.home",
        "/logs/%2e%2e/%2e%2e/secret.txt",
        "/logs/..%2f..%2fsecret.txt",
        "/logs/a/../../../secret.txt",
        "/logs//etc/passwd",
        "/logs/%2fetc/passwd",
        "/logs/....//....//secret.txt",
        "/logs/..\\..\\secret.txt",
        "/_next/../../../../secret.txt",
        "/_next/%2e%2e/%2e%2e/%2e%2e/secret.txt",
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_no_path_leads_to_other_files(
    front: Front, instance: dg.DagsterInstance, path: str, role: Role
) -> None:
    for folder in (Path(instance.root_directory), *Path(instance.root_directory).parents[:2]):
        (folder / "secret.txt").write_text(SECRET)
    answer = visitor(front, role).get(path)
    assert SECRET not in answer.text
    assert "root:" not in answer.text
    assert answer.status_code in (200, 400, 403, 404, 500)
    if answer.status_code == 200:  # Dagster's page for every other address
        assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account")
def test_another_account_of_the_machine_opens_no_file_of_a_home() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # pytest's own folders let nobody in
        installation = SampleHome(Path(folder))
        installation.open()
        installation.deliver(GOOD)
        installation.published()
        installation.stewards.chmod(0o644)  # whatever mode earlier tests have files made with
        files = [str(file) for file in installation.root.rglob("*") if file.is_file()]
        assert any(file.endswith(".parquet") for file in files)
        assert opened_by_somebody_else([*files, str(installation.stewards)]) == [
            str(installation.stewards)  # it lies outside of the home, and is the one that opens
        ]


def opened_by_somebody_else(files: list[str]) -> list[str]:
    """Of these files, those that the account with the number 65534 can open."""
    code = """
import json, os, sys
os.setuid(65534)
opened = []
for name in sys.stdin.read().splitlines():
    try:
        open(name, "rb").close(); opened.append(name)
    except OSError:
        pass
print(json.dumps(opened))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        input="\n".join(files),
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))
