"""The web UI below a path, behind a proxy with TLS: what is passed on, and whose headers count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import httpx2
import pytest
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from starlette.responses import JSONResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from websockets.sync.client import connect

from assay.contracts.stewards import Person, StewardPolicy, Subject
from assay.web import front as front_module
from assay.web.dagster_app import AssayProcessContext, dagster_app
from assay.web.front import Front
from assay.web.people import Identity, People
from assay.web.provider import Provider, ProviderSettings
from assay.web.sign_in import Links
from tests.chromium import chromium, needs_chromium, photograph
from tests.web.served import NGINX, certificate, documented_server, nginx, served, trusting
from tests.web_ui import free_port, wait_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the mock uses parts of Authlib that will go
    import oidc_provider_mock

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the mock
PORT, PUBLIC = 3458, "https://assay.example.com"
PROXY, SOMEBODY = 4711, 4712
ANN = Identity("ann@example.com", "provider")
FORWARDED = {
    "X-Forwarded-Host": "assay.example.com",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/governance",
}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """What reached Dagster."""
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    await JSONResponse({"path": scope["path"], "headers": headers})(scope, receive, send)


def policy(issuer: str) -> StewardPolicy:
    subjects = (Subject(issuer=issuer, subject="ann-4711"),)
    return StewardPolicy(
        valid_days=30,
        persons=(Person(name="ann@example.com", role="operator", subjects=subjects),),
    )


def front_at(folder: Path, url: str, issuer: str = "https://id.example.com", **more: Any) -> Front:
    settings = ProviderSettings.model_validate(
        {"issuer": issuer, "client_id": "assay", "client_secret": "of the test"}
    )
    people = People(lambda: [policy(issuer)])
    given = {"dagster": echo, "port": PORT} | more
    return Front(
        links=Links(folder / "links"),
        people=people,
        record=lambda *_: None,
        provider=Provider(settings, url),
        **given,
    )


@pytest.fixture(params=["", "/governance", "/a/b-c_d"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def front(tmp_path: Path, prefix: str) -> Front:
    return front_at(tmp_path, PUBLIC + prefix)


def visitor(front: Front, base: str = PUBLIC, user: int | None = None) -> TestClient:
    client = TestClient(front, base, follow_redirects=False)
    client.headers["Cookie"] = f"{front.cookie}={front.sessions.begin(ANN, user)}"
    return client


def test_every_page_is_below_the_path(front: Front, prefix: str) -> None:
    client = visitor(front)
    for path in ("/", "/assets", "/_next/a.js"):
        assert client.get(f"{prefix}{path}").json()["path"] == f"{prefix}{path}"
    page = client.get(f"{prefix}/sign-out").text
    assert f"action='{prefix}/sign-out'" in page
    stranger = TestClient(front, PUBLIC, follow_redirects=False)
    page = stranger.get(f"{prefix}/", headers={"Accept": "text/html"}).text
    assert f"href='{prefix}/sign-in'" in page


@pytest.mark.parametrize("front", ["/governance"], indirect=["front"])
@pytest.mark.parametrize("prefix", ["/governance"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 303),
        ("/governance", 303),
        ("/graphql", 404),
        ("/assets", 404),
        ("/sign-in", 404),
        ("/sign-out", 404),
        ("/governancex/assets", 404),
        ("/%67overnance/assets", 404),
        ("/governance/../assets", 404),
        ("/governance/%2e%2e/graphql", 404),
        ("/governance/%67raphql", 404),
        ("/governance//graphql", 404),
        ("/governance/governance/graphql", 200),  # a page of Dagster's, which has no such route
    ],
)
def test_nothing_else_is_outside_of_it(front: Front, path: str, status: int) -> None:
    answer = visitor(front).get(path)
    assert answer.status_code == status, answer.text
    if status == 303:
        assert answer.headers["location"] == "/governance/"


def test_the_session_belongs_to_the_path(front: Front, prefix: str) -> None:
    """Another application below another path of the host does not get the cookie."""
    client = TestClient(front, f"http://127.0.0.1:{PORT}", follow_redirects=False)
    answer = client.get(f"{prefix}/sign-in?token={front.links.create()}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{prefix}/")
    cookie = answer.headers["set-cookie"].lower()
    assert f"path={prefix or '/'};" in cookie.replace("path=/; ", "path=/;") + ";"
    assert "secure" not in cookie  # http, on this machine
    assert client.get(f"{prefix}/assets").status_code == 200
    headers = {"Origin": f"http://127.0.0.1:{PORT}"}
    assert client.post(f"{prefix}/sign-out", headers=headers).status_code == 200
    assert client.get(f"{prefix}/assets").status_code == 401


def test_a_one_time_link_is_of_this_machine(front: Front, prefix: str) -> None:
    client = TestClient(front, PUBLIC, follow_redirects=False)
    link = f"{prefix}/sign-in?token={front.links.create()}"
    assert client.get(link).status_code == 403
    own = TestClient(front, f"http://127.0.0.1:{PORT}", follow_redirects=False)
    assert own.get(link).status_code == 303


def test_who_signs_in_with_the_provider_is_sent_to_the_public_address(
    front: Front, prefix: str
) -> None:
    """The provider knows that address alone, and the cookie of a sign-in is of one host."""
    own = TestClient(front, f"http://127.0.0.1:{PORT}", follow_redirects=False)
    answer = own.get(f"{prefix}/sign-in")
    assert answer.headers["location"] == f"{PUBLIC}{prefix}/sign-in"


# -- headers that a proxy sets, and others send ------------------------------------------------------

IDENTITY = (
    "Authorization",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Remote-User",
    "Remote-User",
    "X-User",
    "X-Email",
    "X-Webauth-User",
    "X-Goog-Authenticated-User-Email",
    "X-Ms-Client-Principal-Name",
    "X-Amzn-Oidc-Identity",
    "Cf-Access-Authenticated-User-Email",
    "X-Dagster-User-Email",
    "Dagster-Cloud-User",
)
ROUTE = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Server", "X-Forwarded-Port")


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The user at the other end of every connection."""
    at_the_other_end: list[int | None] = [SOMEBODY]
    monkeypatch.setattr(front_module, "user_of", lambda *_: at_the_other_end[0])
    return at_the_other_end


@pytest.mark.parametrize("header", [*IDENTITY, *ROUTE, *FORWARDED])
@pytest.mark.parametrize("sender", [PROXY, SOMEBODY])
def test_no_header_makes_somebody_of_a_stranger(
    tmp_path: Path, user: list[int | None], header: str, sender: int
) -> None:
    front = front_at(tmp_path, f"{PUBLIC}/governance", proxy=PROXY)
    user[0] = sender
    value = FORWARDED.get(header, "ann@example.com")
    stranger = TestClient(front, PUBLIC, follow_redirects=False)
    answer = stranger.get("/governance/", headers={header: value})
    assert answer.status_code in (401, 403)


@pytest.mark.parametrize("prefix", ["/governance"])
def test_dagster_gets_the_headers_that_it_needs_and_no_others(front: Front, prefix: str) -> None:
    sent = dict.fromkeys([*IDENTITY, *ROUTE, *FORWARDED], "eve@example.com")
    got = visitor(front).get("/governance/assets", headers=sent | {"Accept": "text/html"}).json()
    assert got["headers"]["accept"] == "text/html"
    assert "cookie" not in got["headers"]
    assert "eve@example.com" not in str(got)


@pytest.mark.parametrize("proxy", [None, PROXY])
@pytest.mark.parametrize("header", FORWARDED)
def test_forwarded_headers_of_somebody_else_are_ignored(
    tmp_path: Path, user: list[int | None], header: str, proxy: int | None
) -> None:
    """As if they were not there: on this machine's own address, where no proxy is."""
    front = front_at(tmp_path, f"{PUBLIC}/governance", proxy=proxy)
    client = visitor(front, f"http://127.0.0.1:{PORT}", SOMEBODY)
    spoofed = {header: {"X-Forwarded-Proto": "http"}.get(header, FORWARDED[header])}
    assert client.get("/governance/assets", headers=spoofed).json()["path"] == "/governance/assets"
    assert client.get("/assets", headers=spoofed).status_code == 404
    elsewhere = visitor(front, "http://evil.example", SOMEBODY)
    assert elsewhere.get("/governance/assets", headers=spoofed).status_code == 421


def test_the_headers_of_the_named_proxy_count(tmp_path: Path, user: list[int | None]) -> None:
    front = front_at(tmp_path, f"{PUBLIC}/governance", proxy=PROXY)
    user[0] = PROXY
    client = visitor(front, "http://upstream", PROXY)  # Host is the proxy's own name for us
    answer = client.get("/assets/a%20b", headers=FORWARDED)
    assert answer.json()["path"] == "/governance/assets/a b"
    kept = client.get("/governance/assets", headers=FORWARDED)  # the path was not removed
    assert kept.json()["path"] == "/governance/assets"
    origin = {"Origin": PUBLIC, "Content-Type": "application/json"}
    asked = client.post("/graphql", json={"query": "{ version }"}, headers=FORWARDED | origin)
    assert asked.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Forwarded-Proto": "http"}, 403),
        ({"X-Forwarded-Host": "evil.example"}, 421),
        ({"X-Forwarded-Host": f"127.0.0.1:{PORT}"}, 421),
        ({"X-Forwarded-Host": "assay.example.com, evil.example"}, 400),
        ({"X-Forwarded-Prefix": "/other"}, 404),
        ({"X-Forwarded-Prefix": ""}, 404),
    ],
)
def test_what_the_proxy_forwards_is_for_the_public_address(
    tmp_path: Path, user: list[int | None], headers: dict[str, str], status: int
) -> None:
    """A client's own header that a proxy passes on opens nothing: no other name, no plain http."""
    front = front_at(tmp_path, f"{PUBLIC}/governance", proxy=PROXY)
    user[0] = PROXY
    client = visitor(front, f"http://127.0.0.1:{PORT}", PROXY)
    assert client.get("/assets", headers=FORWARDED | headers).status_code == status
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect(
            "/graphql", ["graphql-ws"], headers=FORWARDED | {"Origin": PUBLIC} | headers
        ),
    ):
        pass
    assert refused.value.status_code == status


def test_nobody_reaches_the_public_address_past_the_named_proxy(
    tmp_path: Path, user: list[int | None]
) -> None:
    front = front_at(tmp_path, f"{PUBLIC}/governance", proxy=PROXY)
    for other in (SOMEBODY, None):
        user[0] = other
        assert visitor(front, PUBLIC, other).get("/governance/assets").status_code == 403
    user[0] = SOMEBODY  # who works on the machine itself
    own = visitor(front, f"http://127.0.0.1:{PORT}", SOMEBODY)
    assert own.get("/governance/assets").status_code == 200


# -- nginx -------------------------------------------------------------------------------------------


@dataclass
class Site:
    """The web UI behind nginx: its address, the direct one, and a client's settings of TLS."""

    url: str
    port: int
    front: Front
    trusts: Any

    def browser(self) -> httpx2.Client:
        return httpx2.Client(verify=self.trusts)

    @contextmanager
    def signed_in(self) -> Iterator[httpx2.Client]:
        """A browser that has come by the provider."""
        with self.browser() as browser:
            at_provider = browser.get(f"{self.url}/sign-in").headers["location"]
            back = httpx2.post(at_provider, data={"sub": "ann-4711"}).headers["location"]
            assert back.startswith(f"{self.url}/sign-in/callback?")
            answer = browser.get(back)
            assert answer.status_code == 303, answer.text
            assert answer.headers["location"] == "/governance/"
            cookie = answer.headers["set-cookie"].lower()
            assert all(part in cookie for part in ("secure", "httponly", "path=/governance"))
            yield browser


def configured(heading: str, port: int, upstream: int, chain: Path, key: Path) -> str:
    """The documented configuration with the names of this test."""
    text = documented_server(heading)
    for shown, used in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:3000", f"127.0.0.1:{upstream}"),
        ("/etc/ssl/assay.pem", str(chain)),
        ("/etc/ssl/assay.key", str(key)),
        ("server_name assay.example.com", "server_name localhost"),
        (" assay.example.com;", f" localhost:{port};"),
    ):
        assert shown in text, shown
        text = text.replace(shown, used)
    return text


KEEPS, REMOVES = (
    "## Put a reverse proxy in front",
    "### If the proxy removes the path or changes the Host header",
)


@pytest.fixture(params=[KEEPS, REMOVES], ids=["keeps the path", "removes the path"], scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Dagster's real webserver in the front, behind nginx as the how-to configures it."""
    if NGINX is None:
        pytest.skip("nginx is not installed here")
    removes = request.param == REMOVES
    if removes and os.geteuid() != 0:
        pytest.skip("nginx cannot run under another account here")
    folder = tmp_path_factory.mktemp("nginx")
    port, upstream = free_port(), free_port()
    (folder / "dagster").mkdir()
    chain, key = certificate(folder)
    url = f"https://localhost:{port}/governance"
    with (
        oidc_provider_mock.run_server_in_thread() as provider,
        dg.DagsterInstance.local_temp(str(folder / "dagster")) as instance,
        AssayProcessContext(
            instance, workspace_load_target=EmptyWorkspaceTarget(), version=dg.__version__
        ) as workspace,
    ):
        front = front_at(
            folder,
            url,
            f"http://localhost:{provider.server_port}",
            dagster=dagster_app(workspace, "/governance"),
            port=upstream,
            proxy=33 if removes else None,  # www-data
        )
        with (
            served(front, upstream),
            nginx(folder, configured(request.param, port, upstream, chain, key), port),
        ):
            yield Site(url, upstream, front, trusting(chain))


def test_people_sign_in_and_work_through_nginx(site: Site) -> None:
    with site.browser() as stranger:
        assert stranger.get(f"{site.url}/").status_code == 401
        top = stranger.get(site.url)
        assert top.headers["location"] == f"{site.url}/"
    with site.signed_in() as browser:
        page = browser.get(f"{site.url}/")
        assert (page.status_code, '"pathPrefix": "/governance"' in page.text) == (200, True)
        script = page.text.partition('src="/governance/_next/')[2].partition('"')[0]
        assert browser.get(f"{site.url}/_next/{script}").status_code == 200
        origin = {"Origin": site.url.removesuffix("/governance")}
        asked = browser.post(f"{site.url}/graphql", json={"query": "{ version }"}, headers=origin)
        assert asked.json() == {"data": {"version": dg.__version__}}
        elsewhere = {"Origin": "https://evil.example"}
        refused = browser.post(
            f"{site.url}/graphql", json={"query": "{ version }"}, headers=elsewhere
        )
        assert refused.status_code == 403


def test_a_websocket_passes_nginx_and_ends_with_the_session(site: Site) -> None:
    with site.signed_in() as browser:
        origin = site.url.removesuffix("/governance")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with connect(
            f"{site.url.replace('https', 'wss')}/graphql",
            ssl=site.trusts,
            origin=origin,  # type: ignore[arg-type]  # a text
            subprotocols=["graphql-ws"],  # type: ignore[list-item]  # a text
            additional_headers={"Cookie": cookie},
        ) as socket:
            socket.send(json.dumps({"type": "connection_init"}))
            assert json.loads(socket.recv(10)) == {"type": "connection_ack"}
            assert (
                browser.post(f"{site.url}/sign-out", headers={"Origin": origin}).status_code == 200
            )
            with pytest.raises(Exception, match="1008"):
                socket.recv(1.5)


@needs_chromium
def test_dagsters_own_pages_work_below_the_path(site: Site) -> None:
    """In a browser: scripts, queries and the websocket all come through nginx, below the path."""
    answers: list[tuple[str, int]] = []
    frames: list[str] = []
    with chromium() as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.goto(f"{site.url}/assets")
        page.get_by_role("link", name="Sign in").click()
        page.get_by_placeholder("sub").fill("ann-4711")
        page.on("response", lambda answer: answers.append((answer.url, answer.status)))
        page.on(
            "websocket",
            lambda opened: opened.on(
                "framereceived", lambda frame: frames.append(f"{opened.url} {frame}")
            ),
        )
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url(f"{site.url}/**")  # though the provider is another site
        page.get_by_text("Runs").first.click()
        page.wait_for_url(f"{site.url}/runs**")
        ws = f"{site.url.replace('https', 'wss')}/graphql"
        wait_for(
            lambda: (
                [each for each in frames if each.startswith(ws) and "connection_ack" in each]
                or page.wait_for_timeout(100)
            ),
            20,
        )
        photograph(page, f"below-the-path-{site.port}")
        ours = [(url, status) for url, status in answers if "/oauth2/" not in url]
        assert len(ours) > 20
        assert [each for each in ours if not each[0].startswith((f"{site.url}/", "data:"))] == []
        assert [each for each in ours if each[1] >= 400] == []
        page.goto(f"{site.url}/sign-out")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in").wait_for()


def test_a_client_cannot_speak_for_nginx(site: Site) -> None:
    """Neither through nginx, nor past it."""
    spoofed = {"X-Forwarded-Host": f"127.0.0.1:{site.port}", "X-Forwarded-Proto": "http"}
    with site.browser() as stranger:
        for headers in (spoofed, {"Host": f"127.0.0.1:{site.port}"}):
            link = f"{site.url}/sign-in?token={site.front.links.create()}"
            assert stranger.get(link, headers=headers).status_code in (403, 421)
            answer = stranger.get(f"{site.url}/", headers=headers)
            assert answer.status_code in (401, 403, 421)
    if site.front.proxy is not None:
        host = urlsplit(site.url).netloc
        past = httpx2.get(f"http://127.0.0.1:{site.port}/governance/", headers={"Host": host})
        assert past.status_code == 403
        forwarded = FORWARDED | {"X-Forwarded-Host": host}
        assert httpx2.get(f"http://127.0.0.1:{site.port}/", headers=forwarded).status_code == 303
        other = httpx2.get(f"http://127.0.0.1:{site.port}/assets", headers=forwarded)
        assert other.status_code == 404


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account")
def test_a_session_that_began_behind_the_proxy_is_no_other_accounts(site: Site) -> None:
    """A cookie that leaks to another account of the machine opens nothing there."""
    with site.signed_in() as browser:
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    code = (
        "import os, socket, sys; os.setuid(65534)\n"
        "client = socket.socket(); client.connect(('127.0.0.1', int(sys.argv[1])))\n"
        "client.sendall(sys.argv[2].encode()); print(client.recv(99).split()[1].decode())"
    )
    request = (
        f"GET /governance/ HTTP/1.0\r\nHost: 127.0.0.1:{site.port}\r\nCookie: {cookie}\r\n\r\n"
    )
    command = [sys.executable, "-S", "-c", code, str(site.port), request]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "401\n"


def test_the_provider_gets_the_public_return_address(site: Site) -> None:
    with site.browser() as browser:
        sent = parse_qs(urlsplit(browser.get(f"{site.url}/sign-in").headers["location"]).query)
    assert sent["redirect_uri"] == [f"{site.url}/sign-in/callback"]
