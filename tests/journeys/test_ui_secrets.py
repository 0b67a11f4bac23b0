"""The services of `assay ui`, really: who knows which secret, where one could appear, and who can reach the code server."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.assets.io.private import open_places
from tests.conftest import GOOD, SampleHome, named, setting
from tests.web_ui import ROOT, WebUi, environment_of, processes_of, wait_for, web_ui

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def canary(number: int) -> str:
    return f"canary{number:02}x4711"


IN_THE_ENVIRONMENT = {
    "ASSAY_CONNECTION_SHOP": f"postgresql://shop:{canary(1)}@127.0.0.1:9/shop",
    "ASSAY_LINEAGE_URL": f"http://lineage:{canary(2)}@127.0.0.1:9/",
    "ASSAY_MLFLOW_URI": f"http://mlflow:{canary(3)}@127.0.0.1:9/",
    "ASSAY_EMBEDDING_KEY": canary(4),
    "AWS_SECRET_ACCESS_KEY": canary(5),
    "AWS_SESSION_TOKEN": canary(6),
    "AZURE_STORAGE_ACCOUNT_KEY": canary(7),
    "AZURE_STORAGE_SAS_TOKEN": canary(8),
    "GOOGLE_SERVICE_ACCOUNT_KEY": canary(9),
    "MLFLOW_TRACKING_PASSWORD": canary(10),
    "GITHUB_TOKEN": canary(11),
    "MY_OWN_API_KEY": canary(12),
    "DATABASE_URL": f"mysql://root:{canary(13)}@127.0.0.1:9/x",
}
OF_SIGNING_IN = {
    "ASSAY_OIDC_ISSUER": "http://localhost:9",
    "ASSAY_OIDC_CLIENT_ID": "assay",
    "ASSAY_OIDC_CLIENT_SECRET": canary(14),
}
OF_DAGSTER = {"A_TOKEN_OF_DAGSTER": f"/nowhere/{canary(15)}"}
IN_DAGSTER_YAML = canary(16)
IN_RUN_CONFIGS = [canary(17), canary(18), canary(19), canary(20)]
CANARIES = [canary(number) for number in range(1, 21)]

LAUNCH = """mutation($job: String!, $config: RunConfigData!, $tags: [ExecutionTag!]) { launchRun(executionParams: {
  selector: {repositoryLocationName: "assay", repositoryName: "__repository__", jobName: $job}, runConfigData: $config
  executionMetadata: {tags: $tags} }) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message stack }
  ... on RunConfigValidationInvalid { errors { message reason ... on RuntimeMismatchConfigError { valueRep } } } } }"""
METADATA = "metadataEntries { label description ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } ... on MarkdownMetadataEntry { mdStr } ... on PathMetadataEntry { path } ... on UrlMetadataEntry { url } }"
ERROR = "error { message stack className cause { message stack } }"
QUERIES = (
    "{ instance { info hasInfo daemonHealth { allDaemonStatuses { lastHeartbeatErrors { message stack } } } runQueueConfig { tagConcurrencyLimitsYaml } concurrencyLimits { concurrencyKey } } }",
    "{ version shouldShowNux utilizedEnvVarsOrError(repositorySelector: {repositoryName: \"__repository__\", repositoryLocationName: \"assay\"}) { ... on EnvVarWithConsumersList { results { envVarName } } } }",
    "{ workspaceOrError { ... on Workspace { locationEntries { displayMetadata { key value } locationOrLoadError { ... on RepositoryLocation { environmentPath } ... on PythonError { message stack } } } } } }",
    "{ allTopLevelResourceDetailsOrError(repositorySelector: {repositoryName: \"__repository__\", repositoryLocationName: \"assay\"}) { ... on ResourceDetailsList { results { name description configuredValues { key value type } configFields { name defaultValueAsJson } } } } }",
    f"{{ runsOrError {{ ... on Runs {{ results {{ runId status runConfigYaml runConfig tags {{ key value }} eventConnection {{ events {{ ... on MessageEvent {{ message level stepKey }} ... on ExecutionStepFailureEvent {{ {ERROR} failureMetadata {{ {METADATA} }} }} ... on RunFailureEvent {{ {ERROR} }} ... on MaterializationEvent {{ {METADATA} }} }} }} }} }} }} }}",
    f"{{ assetsOrError {{ ... on AssetConnection {{ nodes {{ definition {{ description metadataEntries {{ label }} }} assetMaterializations {{ {METADATA} }} assetObservations {{ {METADATA} }} }} }} }} }}",
    "{ sensorsOrError(repositorySelector: {repositoryName: \"__repository__\", repositoryLocationName: \"assay\"}) { ... on Sensors { results { name sensorState { ticks { error { message stack } skipReason cursor } } } } } }",
)  # fmt: skip


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUi]:
    folder = tmp_path_factory.mktemp("secrets")
    installation = SampleHome(folder)
    installation.open()
    installation.deliver(GOOD)
    shop = setting("source", location="postgres:SHOP", format="sql", options={"table": "orders"})
    installation.promise(named("shop"), shop, file="shop.odcs.yaml")
    dagster = installation.root / "dagster"
    dagster.mkdir(mode=0o700)
    text = (ROOT / "dagster.yaml").read_text().replace("      - key: assay/dataset\n", f"      - key: {IN_DAGSTER_YAML}\n        limit: 9\n      - key: assay/dataset\n")  # fmt: skip
    text += (
        "secrets:\n  custom:\n    module: dagster._core.secrets.env_file\n    class: EnvFileLoader\n"
        "    config: {base_dir: {env: A_TOKEN_OF_DAGSTER}}\n"
    )
    assert IN_DAGSTER_YAML in text
    (dagster / "dagster.yaml").write_text(text)
    given = IN_THE_ENVIRONMENT | OF_SIGNING_IN | OF_DAGSTER
    with web_ui(installation, **given) as started:
        wait_for(started.has_definitions)
        yield started


@pytest.fixture(scope="module")
def answers(ui: WebUi) -> list[str]:
    """Whatever Dagster answers after two runs, of which one fails at its source, and wrong launches."""
    given: list[str] = []
    for config in (
        {"ops": {"handle": {"config": {"dataset": {"env": "MY_OWN_API_KEY"}, "action": "x"}}}},
        {"ops": {"handle": {"config": {"dataset": "readings", "action": IN_RUN_CONFIGS[0]}}}},
        {"ops": {"handle": {"config": {"dataset": {IN_RUN_CONFIGS[1]: IN_RUN_CONFIGS[1]}}}}},
        {"resources": {"io_manager": {"config": {"base_dir": IN_RUN_CONFIGS[2]}}}},
        f"ops: [{IN_RUN_CONFIGS[3]}",
    ):
        variables = {"job": "quarantine", "config": config, "tags": []}
        given.append(ui.graphql(LAUNCH, variables).text)
        assert "LaunchRunSuccess" not in given[-1]
    for job, status in (("readings", "SUCCESS"), ("shop", "FAILURE")):
        launched = ui.graphql(LAUNCH, {"job": job, "config": {}, "tags": []})
        run = launched.data["data"]["launchRun"]["run"]["runId"]
        assert ended(ui, run) == status
        given.append(ui.graphql(f'{{ logsForRun(runId: "{run}") {{ ... on EventConnection {{ events {{ ... on MessageEvent {{ message }} }} }} }} }}').text)  # fmt: skip
        given += [log.text for log in captured(ui, run)]
        given.append(debug_dump(ui, run))
    given += [ui.graphql(query).text for query in QUERIES]
    return given


def ended(ui: WebUi, run: str) -> str:
    query = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}'

    def end() -> str | None:
        status = str(ui.graphql(query).data["data"]["runOrError"]["status"])
        return status if status in ("SUCCESS", "FAILURE") else None

    return wait_for(end, 120)


def captured(ui: WebUi, run: str) -> list[Any]:
    """What a run printed, by every key under which Dagster keeps it."""
    query = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ eventConnection {{ events {{ ... on LogsCapturedEvent {{ fileKey }} }} }} }} }} }}'
    events = ui.graphql(query).data["data"]["runOrError"]["eventConnection"]["events"]
    keys = [event["fileKey"] for event in events if event.get("fileKey")]
    assert keys
    paths = [f"/logs/{run}/compute_logs/{key}.{kind}" for key in keys for kind in ("out", "err")]
    logs = [ui.request("GET", path, Cookie=ui.cookie) for path in paths]
    assert {log.status for log in logs} <= {200, 404}
    return logs


def debug_dump(ui: WebUi, run: str) -> str:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", ui.port, timeout=60)
    connection.request("GET", f"/download_debug/{run}", headers={"Cookie": ui.cookie})
    text = gzip.decompress(connection.getresponse().read()).decode()
    connection.close()
    assert run in text
    return text


def command_of(pid: int) -> str:
    return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")


def service(ui: WebUi, module: str) -> list[int]:
    pids = [pid for pid in processes_of(ui.installation.root) if module in command_of(pid)]
    assert pids, module
    return pids


@pytest.mark.parametrize("number", range(1, 21))
def test_no_answer_holds_a_secret(answers: list[str], number: int) -> None:
    assert len(answers) > 15
    assert [answer[:200] for answer in answers if canary(number) in answer] == []


def test_no_file_of_the_home_holds_a_secret(ui: WebUi, answers: list[str]) -> None:
    """Registry, audit log, Dagster's databases, logs of the services: only dagster.yaml has its own."""
    settings = ui.installation.root / "dagster" / "dagster.yaml"
    for file in ui.installation.root.rglob("*"):
        if file.is_file() and file != settings:
            content = file.read_bytes()
            assert [each for each in CANARIES if each.encode() in content] == [], file


def test_a_service_is_started_with_what_it_needs(ui: WebUi, answers: list[str]) -> None:
    sources = [canary(number) for number in range(1, 14)]
    for module, knows in (
        ("assay.web.web_server", [canary(14), canary(15)]),
        ("dagster._daemon", [canary(15)]),
        ("dagster code-server", [*sources, canary(15)]),
    ):
        for pid in service(ui, module):
            environment = environment_of(pid).decode()
            assert [each for each in CANARIES if each in environment] == knows, module


def test_what_the_services_write_is_their_owners(ui: WebUi, answers: list[str]) -> None:
    inbox = {".", "inbox", "inbox/readings.csv", "dagster/dagster.yaml"}  # the test's own
    assert set(open_places(ui.installation.root)) <= inbox


# -- the code server ---------------------------------------------------------------------------------


def open_sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    for entry in (Path("/proc") / str(pid) / "fd").iterdir():
        target = ""
        with contextlib.suppress(OSError):  # it has been closed since
            target = str(entry.readlink())
        if target.startswith("socket:["):
            found.add(target.removeprefix("socket:[").removesuffix("]"))
    return found


def listening_tcp() -> dict[str, int]:
    """Inode -> port of every TCP socket of this machine that listens."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in Path(table).read_text().splitlines()[1:]:
            parts = row.split()
            if parts[3] == "0A":
                found[parts[9]] = int(parts[1].rpartition(":")[2], 16)
    return found


def listening_unix() -> dict[str, Path]:
    """Inode -> path of every unix socket of this machine that listens."""
    rows = [row.split() for row in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return {
        row[6]: Path(row[7])
        for row in rows
        if len(row) > 7 and row[3] == "00010000" and row[7].startswith("/")
    }


def test_only_the_web_server_listens_on_a_port(ui: WebUi) -> None:
    tcp = listening_tcp()
    ports = {
        (module, tcp[inode])
        for pid in processes_of(ui.installation.root)
        for inode in open_sockets(pid) & set(tcp)
        for module in [command_of(pid)]
    }
    assert {port for _, port in ports} == {ui.port}
    assert [command for command, _ in ports if "code-server" in command or "grpc" in command] == []


def test_the_code_server_listens_where_only_its_owner_comes(ui: WebUi) -> None:
    unix = listening_unix()
    found = {
        unix[inode]
        for pid in processes_of(ui.installation.root)
        for inode in open_sockets(pid) & set(unix)
    }
    assert found
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert path.stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account")
def test_another_account_does_not_reach_the_code_server(ui: WebUi) -> None:
    (path,) = {
        word
        for pid in service(ui, "dagster code-server")
        for word in command_of(pid).split()
        if word.endswith("code.sock")
    }
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(path)
    code = "import os, socket, sys; os.setuid(65534); socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    command = [sys.executable, "-S", "-c", code, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


# -- two daemons -------------------------------------------------------------------------------------


def test_a_second_daemon_that_somebody_starts_by_hand_is_refused(ui: WebUi) -> None:
    environment = {**ui.installation.environment, **OF_DAGSTER}
    environment["DAGSTER_HOME"] = str(ui.installation.root / "dagster")
    workspace = ui.installation.contracts.parent / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=90, cwd=ROOT
    )
    assert done.returncode != 0
    assert "a daemon already runs on this Dagster instance" in done.stdout + done.stderr
    assert len(service(ui, "dagster._daemon")) == 1  # the first goes on
