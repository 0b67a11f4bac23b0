"""`assay ui`, really: the printed link signs a steward in, a second origin in Chromium changes nothing, kill -9 leaves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.chromium import chromium, needs_chromium
from tests.conftest import GOOD, SampleHome
from tests.web_ui import ROOT, WebUi, free_port, is_stopped, processes_of, wait_for, web_ui

START = "mutation{setAutoMaterializePaused(paused:false)}"  # a new home has it paused
IS_PAUSED = "{ instance { autoMaterializePaused } }"
SECRET = "value-of-a-variable-4711"
LAUNCH = """mutation($job: String!, $config: RunConfigData!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "assay", repositoryName: "__repository__", jobName: $job}
    runConfigData: $config
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message reason ... on RuntimeMismatchConfigError { valueRep } } }
    ... on PythonError { message }
  }
}"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUi]:
    """One for all tests of this file; the last test kills it."""
    made = SampleHome(tmp_path_factory.mktemp("web"))
    made.deliver(GOOD)
    with web_ui(made, ASSAY_TEST_SECRET=SECRET, ASSAY_STOP_AT="before the commit") as started:
        wait_for(started.has_definitions)
        yield started


def is_paused(ui: WebUi) -> bool:
    return bool(ui.graphql(IS_PAUSED).data["data"]["instance"]["autoMaterializePaused"])


def test_the_link_signs_in_once(ui: WebUi) -> None:
    assert ui.cookie.startswith(f"assay_session_{ui.port}=")
    assert ui.request("GET", ui.link).status == 401
    assert ui.request("GET", "/", Cookie=ui.cookie).status == 200
    for path in ("/", "/graphql", "/server_info", "/logs/a/b.out"):
        assert ui.request("GET", path).status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/graphql",
        "//graphql",
        "/x/../graphql",
        "/%67raphql",
        "/%2567raphql",
        "/graphql/",
        "/graphql/.",
        "/GRAPHQL",
        "/graphql;x",
        "/.//graphql",
        "\\graphql",
    ],
)
def test_a_mutation_comes_in_no_other_spelling(ui: WebUi, path: str) -> None:
    body = json.dumps({"query": START}).encode()
    answers = [ui.request("GET", f"{path}?query={START}", **ui.headers)]
    if path != "/graphql":
        answers.append(ui.request("POST", path, body, **ui.headers))
    answers.append(ui.request("POST", path, body, **{**ui.headers, "Content-Type": "text/plain"}))
    answers.append(
        ui.request("POST", path, body, **{**ui.headers, "Origin": "https://evil.example"})
    )
    assert all(400 <= answer.status < 500 for answer in answers)
    assert is_paused(ui)


@pytest.mark.parametrize(
    "path",
    [
        "/report_asset_check/a?check_name=b&passed=true",
        "//report_asset_materialization/a",
        "/%72eport_asset_observation/a",
        "/x/../report_asset_check/a",
    ],
)
def test_no_evidence_is_reported(ui: WebUi, path: str) -> None:
    assert ui.request("POST", path, b"{}", **ui.headers).status in (404, 405)


CONFIGS: list[Any] = [
    {"ops": {"handle": {"config": {"dataset": {"env": "ASSAY_TEST_SECRET"}, "action": "replay"}}}},
    "ops: {handle: {config: {action: replay, dataset: {env: ASSAY_TEST_SECRET}}}}",
    {"resources": {"io_manager": {"config": {"base_dir": {"env": "ASSAY_TEST_SECRET"}}}}},
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_run_reads_no_environment_variable(ui: WebUi, config: Any) -> None:
    answer = ui.graphql(LAUNCH, {"job": "quarantine", "config": config})
    assert answer.status == 403
    assert "environment variable" in answer.data["errors"][0]["message"]


@pytest.mark.parametrize(
    "config",
    [
        {"dataset": "readings", "action": SECRET},
        {"dataset": {"a": SECRET}, "action": "replay"},
        {"dataset": "readings", "action": "replay", "rows": SECRET},
        {"dataset": "readings", "action": "replay", "rows": [SECRET]},
    ],
)
def test_a_wrong_value_is_not_quoted(ui: WebUi, config: dict[str, Any]) -> None:
    answer = ui.graphql(
        LAUNCH, {"job": "quarantine", "config": {"ops": {"handle": {"config": config}}}}
    )
    launched = answer.data["data"]["launchRun"]
    assert launched["__typename"] == "RunConfigValidationInvalid"
    assert "ops.handle.config" in launched["errors"][0]["message"]
    assert SECRET not in answer.text


def test_a_second_one_names_the_first_and_a_new_link_works(ui: WebUi) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "assay.cli", "ui", *arguments]
        return subprocess.run(
            command,
            env=ui.installation.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            cwd=ROOT,
        )

    second = call("--port", str(free_port()))
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr.startswith("assay: ")
    assert ui.url in second.stderr
    assert second.stderr.count("\n") == 1
    fresh = call("--link")
    assert fresh.stdout.startswith(f"{ui.url}/sign-in?token=")
    assert ui.request("GET", fresh.stdout.strip().removeprefix(ui.url)).status == 303


ATTACKS = """<!doctype html><title>evil</title>
<img src="%(url)s/graphql?query=%(start)s"><img src="%(url)s/sign-out">
<script src="%(url)s/graphql?query=%(start)s"></script>
<iframe name="a"></iframe><iframe name="b"></iframe><iframe name="c"></iframe><iframe src="%(url)s/"></iframe>
<form id="text" method="post" target="a" enctype="text/plain" action="%(url)s/graphql"><input name='{"query":"%(start)s","x":"' value='"}'></form>
<form id="plain" method="post" target="b" action="%(url)s/graphql?query=%(start)s"><input name="query" value="%(start)s"></form>
<form id="parts" method="post" target="c" enctype="multipart/form-data" action="%(url)s/graphql"><input name="query" value="%(start)s"></form>
<form id="out" method="post" target="a" action="%(url)s/sign-out"></form>
<script>
const body = JSON.stringify({query: "%(start)s"}), results = {};
const call = (name, options) => fetch("%(url)s/graphql", {method: "POST", body, credentials: "include", ...options})
  .then(answer => results[name] = answer.status + answer.type, () => results[name] = "blocked");
const json = {"Content-Type": "application/json"};
const socket = new Promise(done => {
  const opened = new WebSocket("%(url)s/graphql".replace("http", "ws"), "graphql-ws");
  opened.onopen = () => { opened.send(JSON.stringify({type: "start", id: "1", payload: {query: "%(start)s"}})); results.socket = "open"; };
  opened.onclose = () => done();
});
for (const id of ["text", "plain", "parts", "out"]) document.getElementById(id).submit();
navigator.sendBeacon("%(url)s/graphql", new Blob([body], {type: "text/plain"}));
window.finished = Promise.all([
  call("text", {mode: "no-cors", headers: {"Content-Type": "text/plain"}}), call("json", {headers: json}),
  call("simple", {}), call("opaque", {mode: "no-cors", headers: json}), socket,
]).then(() => new Promise(done => setTimeout(() => done(results), 1000)));
</script>"""


@contextmanager
def second_origin(page: str) -> Iterator[int]:
    """A server of another origin with this page. Yields: its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def own_fetch(query: str) -> str:
    return f"""fetch("/graphql", {{method: "POST", headers: {{"Content-Type": "application/json"}}, body: JSON.stringify({{query: {json.dumps(query)}}})}}).then(answer => answer.json())"""


@needs_chromium
def test_a_second_origin_in_a_browser_changes_nothing_and_the_own_page_works(ui: WebUi) -> None:
    command = [sys.executable, "-m", "assay.cli", "ui", "--link"]
    link = subprocess.run(
        command,
        env=ui.installation.environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.strip()
    with chromium() as browser:
        context = browser.new_context()
        own = context.new_page()
        own.goto(f"{ui.url}/assets")
        assert "assay ui --link" in own.content()
        frames: list[str] = []
        own.on(
            "websocket",
            lambda opened: opened.on("framereceived", lambda frame: frames.append(str(frame))),
        )
        own.goto(link)
        own.goto(f"{ui.url}/assets")
        own.get_by_text("readings").first.wait_for(timeout=30_000)
        wait_for(
            lambda: (
                [frame for frame in frames if "connection_ack" in frame]
                or own.wait_for_timeout(100)
            ),
            15,
        )

        for host in ("127.0.0.1", "localhost"):
            with second_origin(ATTACKS % {"url": ui.url, "start": START}) as port:
                evil = context.new_page()
                evil.goto(f"http://{host}:{port}/")
                results = evil.evaluate("window.finished")
                evil.close()
            assert results == dict.fromkeys(("json", "simple", "text", "opaque"), "blocked")
            assert own.evaluate(own_fetch(IS_PAUSED)) == {
                "data": {"instance": {"autoMaterializePaused": True}}
            }

        # the same, sent by the own page, is carried out
        assert own.evaluate(own_fetch(START)) == {"data": {"setAutoMaterializePaused": False}}
        assert own.evaluate(own_fetch(START.replace("false", "true"))) == {
            "data": {"setAutoMaterializePaused": True}
        }


@needs_chromium
def test_a_foreign_name_that_comes_to_point_here_is_answered_nothing(ui: WebUi) -> None:
    """DNS rebinding: for the browser, the page of the foreign name and the web UI are one origin."""
    with chromium("--host-resolver-rules=MAP rebind.example 127.0.0.1") as browser:
        page = browser.new_context().new_page()
        answer = page.goto(f"http://rebind.example:{ui.port}/")
        assert answer is not None
        assert answer.status == 421
        # the page that the foreign name's own server gave before the name pointed here
        page.route("**/evil", lambda route: route.fulfill(content_type="text/html", body="evil"))
        page.goto(f"http://rebind.example:{ui.port}/evil")
        statuses = page.evaluate(
            """query => Promise.all(["/graphql", "/sign-in", "/"].map(path => fetch(path, {
                method: path == "/graphql" ? "POST" : "GET",
                headers: {"Content-Type": "application/json"},
                body: path == "/graphql" ? JSON.stringify({query}) : undefined,
            }).then(answer => answer.status, () => "blocked")))""",
            START,
        )
        assert set(statuses) <= {421, "blocked"}  # newer browsers block it themselves
    assert is_paused(ui)


def test_no_log_holds_the_token_or_the_secret(ui: WebUi) -> None:
    token = ui.link.partition("token=")[2]
    cookie = ui.cookie.partition("=")[2]
    for file in ui.installation.root.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            for secret in (token, cookie, SECRET):
                assert secret.encode() not in content, file


def test_kill_9_in_the_middle_of_a_run_leaves_no_process(ui: WebUi) -> None:
    answer = ui.graphql(LAUNCH, {"job": "readings", "config": {}})
    assert answer.data["data"]["launchRun"]["__typename"] == "LaunchRunSuccess", answer.text
    home = ui.installation.root
    wait_for(lambda: any(is_stopped(pid) for pid in processes_of(home)), 90)
    ui.process.kill()
    ui.process.wait()
    wait_for(lambda: not processes_of(home), 6)
