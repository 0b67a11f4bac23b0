"""The front before Dagster's real webserver, on an instance of its own: who is answered what, and what changes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.asset_daemon import get_auto_materialize_paused, set_auto_materialize_paused
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from assay.contracts.errors import ConfigurationError
from assay.contracts.stewards import ROLES, Person, Role, StewardPolicy, role_includes
from assay.web.dagster_app import AssayProcessContext, checked_config, dagster_app, without_quotes
from assay.web.front import Front
from assay.web.graphql_guard import MAX_BODY_BYTES
from assay.web.mutations import MUTATIONS, REFUSED_MUTATIONS
from assay.web.people import Identity, People, Visitor
from assay.web.sign_in import SESSION_LIFE_S, Links, Sessions

PORT = 3456
URL = f"http://127.0.0.1:{PORT}"
SOCKET = f"ws://127.0.0.1:{PORT}/graphql"
OURS = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
PAUSE = "mutation { setAutoMaterializePaused(paused: true) }"


POLICY = StewardPolicy(
    valid_days=30,
    persons=tuple(Person(name=f"{role}@example.com", role=role) for role in ROLES),
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def dagster(instance: dg.DagsterInstance) -> Iterator[Any]:
    with AssayProcessContext(
        instance, workspace_load_target=EmptyWorkspaceTarget(), version=dg.__version__
    ) as workspace:
        yield dagster_app(workspace)


Recorded = list[tuple[Visitor, tuple[str, ...], str]]


@pytest.fixture
def recorded() -> Recorded:
    return []


@pytest.fixture
def front(dagster: Any, recorded: Recorded, tmp_path: Path) -> Front:
    return Front(
        dagster,
        PORT,
        Links(tmp_path / "links"),
        People(lambda: [POLICY]),
        lambda *request: recorded.append(request),
        sessions=Sessions(Clock()),
        user="ann",
    )


@pytest.fixture
def stranger(front: Front) -> TestClient:
    return TestClient(front, URL, follow_redirects=False)


@pytest.fixture
def steward(front: Front, stranger: TestClient) -> TestClient:
    assert stranger.get(f"/sign-in?token={front.links.create()}").status_code == 303
    return stranger


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> Role:
    return request.param


@pytest.fixture
def visitor(front: Front, stranger: TestClient, role: Role) -> TestClient:
    """A person of that role, signed in by a provider."""
    return signed_in(front, stranger, f"{role}@example.com")


def signed_in(front: Front, client: TestClient, name: str) -> TestClient:
    client.cookies.set(front.cookie, front.sessions.begin(Identity(name, "provider")))
    return client


def is_paused(instance: dg.DagsterInstance) -> bool:
    return get_auto_materialize_paused(instance)


@pytest.fixture(autouse=True)
def nothing_changes_unless_a_test_says_so(
    instance: dg.DagsterInstance, request: pytest.FixtureRequest
) -> Iterator[None]:
    set_auto_materialize_paused(instance, False)
    yield
    assert is_paused(instance) is ("changes" in request.keywords)


# -- without a session ----------------------------------------------------------------------

PATHS = [
    "/",
    "/graphql",
    "/server_info",
    "/assets",
    "/logs/a/b.out",
    "/download_debug/a",
    "/notebook",
    "/favicon.png",
    "/report_asset_check/a",
    "/sign-out",
    "/_next/a",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_answered_without_a_session(
    stranger: TestClient, path: str, method: str
) -> None:
    answer = stranger.request(method, path, headers=OURS | {"Content-Type": "application/json"})
    assert answer.status_code == 401
    if method != "HEAD":
        assert "assay ui --link" in answer.json()["errors"][0]["message"]


def test_people_get_a_page_that_says_what_to_do(stranger: TestClient) -> None:
    answer = stranger.get("/assets", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert "<code>assay ui --link</code>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, 'x"; y="'])
def test_a_made_up_cookie_is_no_session(stranger: TestClient, cookie: str) -> None:
    for name in (f"assay_session_{PORT}", "assay_session_3000", "session"):
        answer = stranger.get("/", headers={"Cookie": f"{name}={cookie}"})
        assert answer.status_code == 401


# -- signing in and out ------------------------------------------------------------------------


def test_the_link_signs_in_once(front: Front, stranger: TestClient) -> None:
    link = f"/sign-in?token={front.links.create()}"
    answer = stranger.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"assay_session_{PORT}=")
    for part in ("httponly", "samesite=strict", "path=/"):
        assert part in cookie
    assert "domain" not in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.get(link).status_code == 303  # signed in already
    assert TestClient(front, URL).get(link).status_code == 401


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("POST", {}),
        ("OPTIONS", {}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"X-Moz": "prefetch"}),
        ("GET", {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site"}),
        ("GET", {"Sec-Fetch-Dest": "empty"}),
        ("GET", {"Host": "evil.example"}),
    ],
)
def test_what_nobody_opened_leaves_the_link_as_it_is(
    front: Front, stranger: TestClient, method: str, headers: dict[str, str]
) -> None:
    link = f"/sign-in?token={front.links.create()}"
    answer = stranger.request(method, link, headers=headers)
    assert answer.status_code in (403, 405, 421)
    assert "set-cookie" not in answer.headers
    assert stranger.get(link).status_code == 303


def test_a_link_on_another_sites_page_leads_to_a_page_with_one_more_click(
    front: Front, stranger: TestClient
) -> None:
    """The browser would not send a strict cookie along with the redirect."""
    answer = stranger.get(
        f"/sign-in?token={front.links.create()}", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 200
    assert "href=" in answer.text
    assert "refresh" not in answer.text
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("query", ["", "?token=", "?token=" + "A" * 43, "?token=a&token=b"])
def test_a_wrong_link_says_how_to_get_a_right_one(stranger: TestClient, query: str) -> None:
    answer = stranger.get(f"/sign-in{query}", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "assay ui --link" in answer.text


def test_signing_out_takes_a_click_on_our_own_page(front: Front, steward: TestClient) -> None:
    assert "ann" in steward.get("/sign-out").text
    assert steward.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
    kept = steward.cookies[front.cookie]
    assert steward.post("/sign-out", headers=OURS).status_code == 200
    assert steward.get("/", headers={"Cookie": f"{front.cookie}={kept}"}).status_code == 401


def test_a_session_ends_after_eight_hours(front: Front, steward: TestClient) -> None:
    clock = front.sessions.clock
    assert isinstance(clock, Clock)
    clock.now += SESSION_LIFE_S + 1
    assert steward.get("/").status_code == 401


def test_a_token_is_in_no_log(
    front: Front, stranger: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = front.links.create()
    for name in ("uvicorn", "starlette", "dagster", "dagster-webserver"):
        caplog.set_level(logging.DEBUG, name)
    stranger.get(f"/sign-in?token={token}")
    logged = [
        record.getMessage() for record in caplog.records if not record.name.startswith("http")
    ]
    assert token not in "".join(logged)


# -- with a session --------------------------------------------------------------------------------


def ask(
    client: TestClient, query: str, variables: dict[str, Any] | None = None, **headers: str
) -> Any:
    body = {"query": query, "variables": variables or {}}
    return client.post("/graphql", json=body, headers=OURS | headers)


def test_a_signed_in_person_reads_dagsters_pages(steward: TestClient) -> None:
    page = steward.get("/")
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    assert ask(steward, "{ version }").json() == {"data": {"version": dg.__version__}}
    assert steward.get("/server_info").json()["dagster_version"] == dg.__version__


def test_every_answer_forbids_frames_and_keeps_addresses_to_itself(steward: TestClient) -> None:
    for answer in (
        steward.get("/"),
        steward.get("/nothing"),
        ask(steward, "{ version }"),
        steward.get("/notebook"),
        steward.get("/favicon.png"),
    ):
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"]


@pytest.mark.changes
def test_an_allowed_mutation_is_carried_out(steward: TestClient) -> None:
    assert ask(steward, PAUSE).json() == {"data": {"setAutoMaterializePaused": True}}


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a link": ("GET", {"params": {"query": PAUSE}}),
    "a link, for pages": ("GET", {"params": {"query": PAUSE}, "headers": {"Accept": "text/html"}}),
    "a picture of another site": ("GET", {"params": {"query": PAUSE}, "headers": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}}),
    "HEAD": ("HEAD", {"params": {"query": PAUSE}}),
    "PUT": ("PUT", {"json": {"query": PAUSE}, "headers": OURS}),
    "a form": ("POST", {"data": {"query": PAUSE}, "headers": OURS}),
    "a form in parts": ("POST", {"files": {"query": (None, PAUSE)}, "headers": OURS}),
    "plain text": ("POST", {"content": json.dumps({"query": PAUSE}), "headers": OURS | {"Content-Type": "text/plain"}}),
    "no type": ("POST", {"content": json.dumps({"query": PAUSE}), "headers": OURS}),
    "graphql's own type": ("POST", {"content": PAUSE, "headers": OURS | {"Content-Type": "application/graphql"}}),
    "the query in the address": ("POST", {"params": {"query": PAUSE}, "headers": OURS | {"Content-Type": "application/json"}}),
    "the query in the address, beside a body": ("POST", {"params": {"query": PAUSE}, "json": {"query": "{ version }"}, "headers": OURS}),
    "a batch": ("POST", {"json": [{"query": PAUSE}], "headers": OURS}),
    "no Origin": ("POST", {"json": {"query": PAUSE}}),
    "a foreign Origin": ("POST", {"json": {"query": PAUSE}, "headers": {"Origin": "https://evil.example"}}),
    "our other name": ("POST", {"json": {"query": PAUSE}, "headers": {"Origin": f"http://localhost:{PORT}"}}),
    "another port": ("POST", {"json": {"query": PAUSE}, "headers": {"Origin": "http://127.0.0.1:3457"}}),
    "a foreign Host": ("POST", {"json": {"query": PAUSE}, "headers": OURS | {"Host": "evil.example"}}),
    "a rebound name": ("POST", {"json": {"query": PAUSE}, "headers": {"Host": f"evil.example:{PORT}", "Origin": f"http://evil.example:{PORT}"}}),
    "packed": ("POST", {"json": {"query": PAUSE}, "headers": OURS | {"Content-Encoding": "gzip"}}),
    "too long": ("POST", {"json": {"query": PAUSE + "#" * MAX_BODY_BYTES}, "headers": OURS}),
}  # fmt: skip


@pytest.mark.parametrize("way", REQUESTS)
def test_a_mutation_comes_by_no_other_way(steward: TestClient, way: str) -> None:
    method, request = REQUESTS[way]
    answer = steward.request(method, "/graphql", **request)
    if way == "the query in the address, beside a body":
        assert answer.json()["data"] == {"version": dg.__version__}
    else:
        assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/graphql/",
        "/GraphQL",
        "/%67raphql",
        "/graphql%2f",
        "/graphql;a",
        "/graphql%3Fa",
        "/x/graphql",
    ],
)
def test_a_mutation_goes_to_one_address(steward: TestClient, path: str) -> None:
    answer = steward.post(path, json={"query": PAUSE}, headers=OURS)
    assert answer.status_code in (404, 405)


def test_a_body_in_pieces_is_counted(steward: TestClient) -> None:
    pieces = (b'{"query": "{version}", "x": "', *[b"x" * 2**16] * 40, b'"}')
    headers = OURS | {"Content-Type": "application/json"}
    assert steward.post("/graphql", content=iter(pieces), headers=headers).status_code == 413


@pytest.mark.parametrize("mutation", sorted(REFUSED_MUTATIONS))
def test_refused_mutations_are_refused_with_a_reason(steward: TestClient, mutation: str) -> None:
    answer = ask(steward, f"mutation {{ {mutation} {{ __typename }} }}")
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert f"`{mutation}` is not allowed for any user" in error["message"]


@pytest.mark.parametrize("mutation", sorted(MUTATIONS))
def test_allowed_mutations_reach_dagster(steward: TestClient, mutation: str) -> None:
    """Dagster itself says that the arguments are missing, or that there is no such field in it."""
    answer = ask(steward, f"mutation {{ {mutation}(noSuchArgument: 1) {{ __typename }} }}")
    assert answer.status_code == 400
    assert "noSuchArgument" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/report_asset_materialization/a",
        "/report_asset_check/a?check_name=b&passed=true",
        "/report_asset_observation/a",
        "/REPORT_ASSET_CHECK/a",
    ],
)
def test_evidence_is_not_reported_over_http(
    steward: TestClient, instance: dg.DagsterInstance, path: str
) -> None:
    for method in ("GET", "POST"):
        assert steward.request(method, path, headers=OURS, json={}).status_code in (404, 405)
    assert instance.get_asset_keys() == []


@pytest.mark.parametrize(
    "path", ["/notebook?path=a.ipynb&repoLocName=a", "/dagit/notebook", "/graphiql", "/Notebook/"]
)
def test_notebooks_and_the_console_are_off(steward: TestClient, path: str) -> None:
    assert steward.get(path).status_code == 404


def test_dagsters_own_permissions_are_less_what_is_refused(steward: TestClient) -> None:
    answer = ask(steward, "{ permissions { permission value disabledReason } }").json()
    enabled = {each["permission"]: each["value"] for each in answer["data"]["permissions"]}
    off = {name for name, value in enabled.items() if not value}
    assert off == {
        "wipe_assets",
        "delete_pipeline_run",
        "report_runless_asset_events",
        "edit_app_managed_components",
        "refresh_component_state",
    }


# -- roles -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mutation", [*MUTATIONS, *REFUSED_MUTATIONS])
def test_a_mutation_reaches_dagster_for_its_roles_alone(
    visitor: TestClient, role: Role, mutation: str, recorded: Recorded
) -> None:
    answer = ask(visitor, f"mutation {{ {mutation}(noSuchArgument: 1) {{ __typename }} }}")
    passes = mutation in MUTATIONS and role_includes(role, MUTATIONS[mutation])
    assert answer.status_code == (400 if passes else 403)
    assert [(who.name, what) for who, what, _ in recorded] == (
        [(f"{role}@example.com", (mutation,))] if passes else []
    )


def test_the_pages_know_what_a_role_may_do(visitor: TestClient, role: Role) -> None:
    answer = ask(visitor, "{ permissions { permission value disabledReason } }").json()
    given = {each["permission"]: each for each in answer["data"]["permissions"]}
    enabled = {name for name, each in given.items() if each["value"]}
    operator = {
        "launch_pipeline_execution",
        "launch_pipeline_reexecution",
        "terminate_pipeline_execution",
        "launch_partition_backfill",
        "cancel_partition_backfill",
        "start_schedule",
        "stop_running_schedule",
        "schedule_dry_run",
        "edit_sensor",
        "sensor_dry_run",
        "toggle_auto_materialize",
        "edit_concurrency_limit",
    }
    administrator = operator | {
        "update_sensor_cursor",
        "reload_repository_location",
        "reload_workspace",
        "edit_dynamic_partitions",
    }
    assert enabled == {"operator": operator, "administrator": administrator}.get(role, set())
    for each in given.values():
        if not each["value"]:
            assert "role" in each["disabledReason"] or "evidence" in each["disabledReason"]


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/logs/a/b/compute_logs/c.out", "operator"),
        ("/dagit/logs/a", "operator"),
        ("/%6cogs/a", "operator"),
        ("/download_debug/a", "administrator"),
        ("/DOWNLOAD_DEBUG/a", "administrator"),
    ],
)
def test_what_a_run_printed_is_read_by_some_roles(
    front: Front, role: Role, path: str, least: Role
) -> None:
    client = TestClient(front, URL, raise_server_exceptions=False)  # Dagster has no such run
    visitor = signed_in(front, client, f"{role}@example.com")
    assert (visitor.get(path).status_code == 403) is not role_includes(role, least)


def test_a_person_whom_the_file_does_not_name_has_no_role(
    front: Front, stranger: TestClient
) -> None:
    visitor = signed_in(front, stranger, "eve@example.com")
    assert visitor.get("/").status_code == 403
    assert ask(visitor, "{ version }").status_code == 403
    with (
        pytest.raises(WebSocketDenialResponse),
        visitor.websocket_connect(SOCKET, ["graphql-ws"], headers=OURS),
    ):
        pass


def test_a_role_that_is_taken_away_ends_within_a_second(
    front: Front, stranger: TestClient, instance: dg.DagsterInstance
) -> None:
    clock, policy = Clock(), [POLICY]
    front.people = People(lambda: policy, clock)
    visitor = signed_in(front, stranger, "operator@example.com")
    assert ask(visitor, "{ version }").status_code == 200
    policy[0] = StewardPolicy(
        valid_days=30, persons=(Person(name="operator@example.com", role="viewer"),)
    )
    clock.now += 1
    assert ask(visitor, PAUSE).status_code == 403
    assert visitor.get("/").status_code == 200
    policy[0] = StewardPolicy(valid_days=30)
    clock.now += 1
    assert visitor.get("/").status_code == 403
    assert not is_paused(instance)


def test_a_role_counts_once_two_persons_have_adopted_it(front: Front, stranger: TestClient) -> None:
    adopted = StewardPolicy(valid_days=30, persons=(Person(name="bo@example.com"),))
    filed = StewardPolicy(
        valid_days=30, persons=(Person(name="bo@example.com", role="administrator"),)
    )
    front.people = People(lambda: [filed, adopted])
    visitor = signed_in(front, stranger, "bo@example.com")
    assert visitor.get("/").status_code == 200
    assert ask(visitor, PAUSE).status_code == 403


def test_what_cannot_be_recorded_is_not_done(
    front: Front, steward: TestClient, instance: dg.DagsterInstance
) -> None:
    def fails(*_: object) -> None:
        raise ConfigurationError("the registry cannot be written", "Free some space")

    front.record = fails
    assert ask(steward, PAUSE).status_code == 503
    assert not is_paused(instance)
    assert ask(steward, "{ version }").status_code == 200  # reading needs no record


@pytest.mark.changes
def test_a_mutation_is_on_record_before_it_is_done(
    front: Front, steward: TestClient, instance: dg.DagsterInstance
) -> None:
    before = []
    front.record = lambda who, what, digest: before.append(
        (who, what, len(digest), is_paused(instance))
    )
    assert ask(steward, PAUSE).status_code == 200
    assert before == [(Visitor("ann", "administrator"), ("setAutoMaterializePaused",), 64, False)]
    assert is_paused(instance)


# -- websockets ------------------------------------------------------------------------------------

SUBSCRIPTION = "subscription { locationStateChangeEvents { event { message } } }"


def test_a_subscription_is_answered(steward: TestClient) -> None:
    with steward.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        socket.send_json({"type": "connection_init", "payload": {}})
        assert socket.receive_json() == {"type": "connection_ack"}
        socket.send_json(
            {"type": "start", "id": "1", "payload": {"query": SUBSCRIPTION, "variables": {}}}
        )
        socket.send_json(
            {
                "type": "start",
                "id": "2",
                "payload": {"query": "subscription { capturedLogs(no: 1) { __typename } }"},
            }
        )
        assert socket.receive_json()["type"] == "error"
        socket.send_json({"type": "stop", "id": "1"})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": URL, "Host": "evil.example"},
        {"Origin": URL, "Cookie": "a=b"},
    ],
)
def test_a_websocket_needs_session_host_and_origin(
    steward: TestClient, headers: dict[str, str]
) -> None:
    if "Cookie" in headers:
        steward.cookies.clear()
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        steward.websocket_connect(SOCKET, ["graphql-ws"], headers=headers),
    ):
        pass
    assert refused.value.status_code in (401, 403, 421)


@pytest.mark.parametrize("path", ["/", "/graphql/", "/GRAPHQL", "/other"])
def test_there_is_one_websocket(steward: TestClient, path: str) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        steward.websocket_connect(
            f"ws://127.0.0.1:{PORT}{path}", ["graphql-ws"], headers={"Origin": URL}
        ),
    ):
        pass
    assert refused.value.status_code == 404


@pytest.mark.parametrize("protocols", [None, ["graphql-transport-ws"], ["other"]])
def test_a_websocket_offers_the_protocol_that_is_checked(
    steward: TestClient, protocols: list[str] | None
) -> None:
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        steward.websocket_connect(SOCKET, protocols, headers={"Origin": URL}),
    ):
        pass
    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "message",
    [
        {"type": "start", "id": "1", "payload": {"query": PAUSE}},
        {"type": "subscribe", "id": "1", "payload": {"query": PAUSE}},
        {
            "type": "start",
            "id": "1",
            "payload": {
                "query": f"{SUBSCRIPTION} mutation M {{ setAutoMaterializePaused(paused: true) }}",
                "operationName": "M",
            },
        },
        {"type": "start", "id": "1", "payload": {"query": "{ version }"}},
        [{"type": "start"}],
    ],
)
def test_a_websocket_that_sends_anything_else_is_closed(steward: TestClient, message: Any) -> None:
    with steward.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        socket.send_json({"type": "connection_init"})
        socket.receive_json()
        socket.send_json(message)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_a_subscription_of_a_higher_role_is_refused_and_the_connection_stays_open(
    front: Front, stranger: TestClient
) -> None:
    viewer = signed_in(front, stranger, "viewer@example.com")
    events = 'subscription { pipelineRunLogs(runId: "a") { __typename } }'
    with viewer.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        socket.send_json({"type": "start", "id": "7", "payload": {"query": events}})
        reason = "The subscription `pipelineRunLogs` needs the role steward; yours is viewer."
        refused = {"type": "error", "id": "7", "payload": {"message": reason}}
        assert socket.receive_json() == refused
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}


def test_a_websocket_ends_with_its_session(front: Front, steward: TestClient) -> None:
    clock = front.sessions.clock
    assert isinstance(clock, Clock)
    with steward.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        clock.now += SESSION_LIFE_S + 1
        socket.send_json({"type": "connection_init"})
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


PERSON = "operator@example.com"


def without_role(policy: list[StewardPolicy], role: Role | None) -> None:
    person = (Person(name=PERSON, role=role),) if role else ()
    policy[0] = StewardPolicy(valid_days=30, persons=person)


ENDS: dict[str, Callable[[Front, TestClient, list[StewardPolicy]], object]] = {
    "signed out": lambda front, client, _: client.post("/sign-out", headers=OURS),
    "eight hours": lambda front, *_: setattr(front.sessions.clock, "now", 1e9),
    "not in the file": lambda front, client, policy: without_role(policy, None),
    "a lower role": lambda front, client, policy: without_role(policy, "steward"),
    "no file": lambda front, client, policy: policy.clear(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "with a subscription"])
def test_an_open_websocket_ends_within_a_second(
    front: Front, stranger: TestClient, end: str, is_busy: bool
) -> None:
    """Although neither side sends anything."""
    policy = [POLICY]

    def read() -> list[StewardPolicy]:
        if not policy:
            raise ConfigurationError("the stewards' file cannot be read", "Restore it")
        return policy

    front.people = People(read)
    visitor = signed_in(front, stranger, PERSON)
    with visitor.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}
        if is_busy:
            socket.send_json({"type": "start", "id": "1", "payload": {"query": SUBSCRIPTION}})
        ENDS[end](front, visitor, policy)
        begin = time.monotonic()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert time.monotonic() - begin < 1
        assert closed.value.code == 1008
    assert visitor.get("/logs/a/b.out").status_code in (401, 403)


def test_an_open_websocket_goes_on_with_a_higher_role(front: Front, stranger: TestClient) -> None:
    policy = [POLICY]
    front.people = People(lambda: policy)
    visitor = signed_in(front, stranger, PERSON)
    with visitor.websocket_connect(SOCKET, ["graphql-ws"], headers={"Origin": URL}) as socket:
        without_role(policy, "administrator")
        time.sleep(1)
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json() == {"type": "connection_ack"}


# -- configurations of runs --------------------------------------------------------------------------

SELECTOR = {
    "repositoryLocationName": "assay",
    "repositoryName": "__repository__",
    "pipelineName": "quarantine",
    "jobName": "quarantine",
}
READS_ENV: dict[str, Any] = {
    "an object": {"ops": {"handle": {"config": {"dataset": {"env": "SECRET_NAME"}}}}},
    "in a list": {"ops": {"a": {"config": {"rows": [1, {"env": "SECRET_NAME"}]}}}},
    "at the top": {"env": "SECRET_NAME"},
    "of a resource": {
        "resources": {"io_manager": {"config": {"base_dir": {"env": "SECRET_NAME"}}}}
    },
    "YAML": "ops:\n  handle:\n    config:\n      dataset:\n        env: SECRET_NAME\n",
    "YAML on one line": "ops: {handle: {config: {dataset: {env: SECRET_NAME}}}}",
    "escaped": 'ops: {handle: {config: {dataset: {"\\x65nv": SECRET_NAME}}}}',
    "by an anchor": "a: &a {env: SECRET_NAME}\nops: {handle: {config: {dataset: *a}}}",
    "merged": "a: &a {env: SECRET_NAME}\nops: {handle: {config: {dataset: {<<: *a}}}}",
    "JSON": '{"ops": {"handle": {"config": {"dataset": {"env": "SECRET_NAME"}}}}}',
    "an explicit key": "ops:\n  ? handle\n  : config: {dataset: {? env : SECRET_NAME}}",
}
WRONG: dict[str, Any] = {
    "no YAML": "ops: [SECRET_NAME",
    "a list": ["SECRET_NAME"],
    "a text": "SECRET_NAME",
    "a tag": "a: !!python/object/apply:os.getenv [SECRET_NAME]",
    "deep": "[" * 5_000,
    "deep in objects": "{a: " * 70 + "SECRET_NAME" + "}" * 70,
}
LAUNCHES = {
    "launchRun": "mutation($c: RunConfigData!, $s: JobOrPipelineSelector!) { launchRun(executionParams: {selector: $s, runConfigData: $c}) { __typename } }",
    "launchPipelineExecution": "mutation($c: RunConfigData!, $s: JobOrPipelineSelector!) { launchPipelineExecution(executionParams: {selector: $s, runConfigData: $c}) { __typename } }",
    "launchMultipleRuns": "mutation($c: RunConfigData!, $s: JobOrPipelineSelector!) { launchMultipleRuns(executionParamsList: [{selector: $s, runConfigData: $c}]) { __typename } }",
    "launchRunReexecution": "mutation($c: RunConfigData!, $s: JobOrPipelineSelector!) { launchRunReexecution(executionParams: {selector: $s, runConfigData: $c}) { __typename } }",
    "launchPipelineReexecution": "mutation($c: RunConfigData!, $s: JobOrPipelineSelector!) { launchPipelineReexecution(executionParams: {selector: $s, runConfigData: $c}) { __typename } }",
    "launchPartitionBackfill": "mutation($c: RunConfigData!) { launchPartitionBackfill(backfillParams: {allPartitions: true, runConfigData: $c}) { __typename } }",
    "isPipelineConfigValid": "query($c: RunConfigData!, $p: PipelineSelector!) { isPipelineConfigValid(pipeline: $p, mode: \"default\", runConfigData: $c) { __typename } }",
    "executionPlanOrError": "query($c: RunConfigData!, $p: PipelineSelector!) { executionPlanOrError(pipeline: $p, mode: \"default\", runConfigData: $c) { __typename } }",
}  # fmt: skip


def variables_of(query: str, config: Any) -> dict[str, Any]:
    pipeline = {
        key: SELECTOR[key] for key in ("repositoryLocationName", "repositoryName", "pipelineName")
    }
    given = {"c": config, "s": SELECTOR, "p": pipeline}
    return {name: value for name, value in given.items() if f"${name}:" in query}


@pytest.mark.parametrize("launch", LAUNCHES)
@pytest.mark.parametrize("form", READS_ENV)
def test_a_configuration_that_reads_the_environment_is_refused(
    steward: TestClient, instance: dg.DagsterInstance, form: str, launch: str
) -> None:
    answer = ask(steward, LAUNCHES[launch], variables_of(LAUNCHES[launch], READS_ENV[form]))
    assert answer.status_code == 403
    (error,) = answer.json()["errors"]
    assert "environment variable (`env`), which is refused" in error["message"]
    assert "SECRET_NAME" not in answer.text
    assert instance.get_runs_count() == 0


@pytest.mark.parametrize("form", WRONG)
def test_a_configuration_that_is_none_is_not_quoted(steward: TestClient, form: str) -> None:
    answer = ask(steward, LAUNCHES["launchRun"], variables_of(LAUNCHES["launchRun"], WRONG[form]))
    assert answer.status_code == 403
    assert "SECRET_NAME" not in answer.text


@pytest.mark.parametrize(
    "literal",
    [
        '{ops: {handle: {config: {dataset: {env: "SECRET_NAME"}}}}}',
        '"ops: {a: {config: {b: {env: SECRET_NAME}}}}"',
        '"""\na:\n  env: SECRET_NAME\n"""',
        "{a: [[{env: SECRET_NAME}]]}",
    ],
)
def test_a_literal_in_the_query_is_looked_at_too(steward: TestClient, literal: str) -> None:
    selector = '{repositoryLocationName: "a", repositoryName: "b", jobName: "c"}'
    answer = ask(
        steward,
        f"mutation {{ launchRun(executionParams: {{selector: {selector}, runConfigData: {literal}}}) {{ __typename }} }}",
    )
    assert answer.status_code in (400, 403)
    assert "which is refused" in answer.json()["errors"][0]["message"]
    assert "SECRET_NAME" not in answer.text


def test_a_variables_default_is_looked_at_too(steward: TestClient) -> None:
    query = LAUNCHES["launchRun"].replace(
        "$c: RunConfigData!", '$c: RunConfigData = {a: {env: "SECRET_NAME"}}'
    )
    answer = ask(steward, query, {"s": SELECTOR})
    assert "which is refused" in answer.json()["errors"][0]["message"]


def test_a_right_configuration_reaches_dagster(steward: TestClient) -> None:
    config = {
        "ops": {
            "handle": {
                "config": {"dataset": "t", "why": "env: the word alone", "tags": [{"key": "env"}]}
            }
        }
    }
    answer = ask(steward, LAUNCHES["launchRun"], variables_of(LAUNCHES["launchRun"], config))
    assert (
        answer.json()["data"]["launchRun"]["__typename"] != "LaunchRunSuccess"
    )  # there is no code location here
    assert answer.status_code == 200
    assert checked_config("a: {b: 1}") == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query($a: Int!) { runsOrError(limit: $a) { __typename } }", {"a": "SECRET_NAME"}),
        (
            "query($a: Boolean) { permissions { permission @include(if: $a) } }",
            {"a": "SECRET_NAME"},
        ),
        ('{ runsOrError(limit: "SECRET_NAME") { __typename } }', {}),
        (
            "query($a: RunsFilter) { runsOrError(filter: $a) { __typename } }",
            {"a": {"statuses": ["SECRET_NAME"]}},
        ),
        (
            "query($a: RunsFilter) { runsOrError(filter: $a) { __typename } }",
            {"a": {"SECRET_NAME": 1}},
        ),
    ],
)
def test_values_that_do_not_fit_are_not_quoted(
    steward: TestClient, query: str, variables: dict[str, Any]
) -> None:
    answer = ask(steward, query, variables)
    assert answer.json()["errors"]
    assert "SECRET_NAME" not in answer.text.replace('"SECRET_NAME": 1', "")


def test_a_message_about_names_stays_whole() -> None:
    message = "Cannot query field 'a' on type 'Query'."
    assert without_quotes(message) == message
