"""Signing in with a real OpenID Connect provider: who comes in, and every fault of the way."""

from __future__ import annotations

import base64
import hmac
import json
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from assay.assets.io.home import account
from assay.contracts.errors import ConfigurationError
from assay.contracts.stewards import Person, StewardPolicy, Subject
from assay.web.front import Front
from assay.web.people import VISITOR, People
from assay.web.provider import Provider, ProviderSettings, provider_settings
from assay.web.sign_in import Links

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the mock uses parts of Authlib that will go
    import oidc_provider_mock
    from oidc_provider_mock._app import OpenIDCode

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the mock
PORT = 3457
URL = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def issuer(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a provider; `life` of its tokens by indirect parameter."""
    life = getattr(request, "param", timedelta(hours=1))
    with oidc_provider_mock.run_server_in_thread(access_token_max_age=life) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def front(issuer: str, tmp_path: Path) -> Front:
    async def dagster(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(f"{scope[VISITOR].name}, {scope[VISITOR].role}")(
            scope, receive, send
        )

    ann = Person(
        name="ann@example.com",
        role="operator",
        subjects=(Subject(issuer=f"{issuer}/", subject="ann-4711"),),
    )
    policy = StewardPolicy(valid_days=30, persons=(ann,))
    settings = ProviderSettings.model_validate(
        {"issuer": issuer, "client_id": "assay", "client_secret": "of the test"}
    )
    return Front(
        dagster,
        PORT,
        Links(tmp_path / "links"),
        People(lambda: [policy]),
        lambda *_: None,
        Provider(settings, URL),
    )


@pytest.fixture
def browser(front: Front) -> TestClient:
    return TestClient(front, URL, follow_redirects=False)


def at_provider(browser: TestClient) -> str:
    """Press *Sign in*. Returns: where the browser is sent."""
    answer = browser.get("/sign-in")
    assert answer.status_code == 302
    return str(answer.headers["location"])


def consent(address: str, subject: str = "ann-4711") -> str:
    """Sign in at the provider. Returns: where it sends the browser back."""
    answer = httpx2.post(address, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert back.netloc == f"127.0.0.1:{PORT}"
    return f"{back.path}?{back.query}"


def changed(address: str, **parameters: str) -> str:
    """The address with other parameters."""
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | parameters
    return parts._replace(query=urlencode(query)).geturl()


def test_a_person_signs_in_and_is_who_the_file_says(browser: TestClient) -> None:
    page = browser.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, "href='/sign-in'" in page.text) == (401, True)
    address = at_provider(browser)
    sent = parse_qs(urlsplit(address).query)
    assert sent["code_challenge_method"] == ["S256"]
    assert sent["redirect_uri"] == [f"{URL}/sign-in/callback"]
    assert {"state", "nonce", "code_challenge"} <= set(sent)
    answer = browser.get(consent(address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/").text == "ann@example.com, operator"
    assert TestClient(browser.app, URL).get("/").status_code == 401


def test_who_comes_back_from_another_site_goes_on_without_a_click(browser: TestClient) -> None:
    """The browser does not send a strict cookie along with a redirect of another site."""
    back = consent(at_provider(browser))
    answer = browser.get(back, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert "http-equiv='refresh' content='0; url=/'" in answer.text
    assert browser.get("/").text == "ann@example.com, operator"


def test_the_session_ends_with_signing_out(browser: TestClient) -> None:
    browser.get(consent(at_provider(browser)))
    assert "ann@example.com" in browser.get("/sign-out").text
    headers = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/sign-out", headers=headers).status_code == 200
    assert browser.get("/").status_code == 401


def test_a_person_whom_the_file_does_not_name_is_not_signed_in(browser: TestClient) -> None:
    back = consent(at_provider(browser), "eve-<1>")
    answer = browser.get(back, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "<code>eve-&lt;1&gt;</code>" in answer.text  # what an administrator writes into the file
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize("state", ["", "forged", None])
def test_a_state_that_this_browser_did_not_begin_with_is_refused(
    browser: TestClient, state: str | None
) -> None:
    address = consent(at_provider(browser))
    stranger = TestClient(browser.app, URL, follow_redirects=False)
    assert stranger.get(address).status_code == 403  # another browser's answer
    forged = changed(address, state=state) if state is not None else "/sign-in/callback"
    assert browser.get(forged).status_code == 403
    assert browser.get("/").status_code == 401


def test_a_code_is_used_once(browser: TestClient) -> None:
    address = consent(at_provider(browser))
    assert browser.get(address).status_code == 303
    browser.cookies.clear()
    assert browser.get(address).status_code == 403
    code = parse_qs(urlsplit(address).query)["code"][0]
    again = changed(consent(at_provider(browser)), code=code)
    assert browser.get(again).status_code == 403
    assert browser.get("/").status_code == 401


def test_a_token_with_another_nonce_is_refused(browser: TestClient) -> None:
    address = changed(at_provider(browser), nonce="of somebody else")
    assert browser.get(consent(address)).status_code == 403
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize("issuer", [timedelta(hours=-1)], indirect=True)
def test_an_expired_token_is_refused(browser: TestClient) -> None:
    assert browser.get(consent(at_provider(browser))).status_code == 403
    assert browser.get("/").status_code == 401


def unsigned(token: str) -> str:
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}."


def signed_with_a_password(token: str) -> str:
    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{token.split('.')[1]}"
    digest = hmac.new(b"of the test", signed.encode(), "sha256").digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def of_another_person(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{_encoded(claims | {'sub': 'ann-4711'})}.{signature}"


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@pytest.mark.parametrize("forge", [unsigned, signed_with_a_password, of_another_person])
def test_a_token_that_the_provider_has_not_signed_is_refused(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, forge: Callable[[str], str]
) -> None:
    right = OpenIDCode.encode_id_token
    monkeypatch.setattr(OpenIDCode, "encode_id_token", lambda *given: forge(right(*given)))
    subject = "eve-1" if forge is of_another_person else "ann-4711"
    assert browser.get(consent(at_provider(browser), subject)).status_code == 403
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize("claim", [{"iss": "https://evil.example"}, {"aud": "another client"}])
def test_a_token_for_another_place_is_refused(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, claim: dict[str, str]
) -> None:
    right = OpenIDCode.get_jwt_config
    monkeypatch.setattr(
        OpenIDCode, "get_jwt_config", lambda self, grant, client=None: right(self, grant) | claim
    )
    assert browser.get(consent(at_provider(browser))).status_code == 403
    assert browser.get("/").status_code == 401


def test_a_provider_that_does_not_answer_is_said_so(browser: TestClient, front: Front) -> None:
    settings = ProviderSettings.model_validate(
        {"issuer": "http://localhost:9", "client_id": "assay"}
    )
    front.provider = Provider(settings, URL)
    answer = browser.get("/sign-in", headers={"Accept": "text/html"})
    assert answer.status_code == 502
    assert "does not answer" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {name: "ann@example.com"}
        for name in ("X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Auth-Request-Email")
    ],
)
def test_no_header_says_who_one_is(browser: TestClient, headers: dict[str, str]) -> None:
    assert browser.get("/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ISSUER": "https://id.example.com"}, "must be set together"),
        ({"CLIENT_ID": "assay"}, "must be set together"),
        ({"ISSUER": "http://id.example.com", "CLIENT_ID": "assay"}, "must begin with https://"),
        ({"URL": "http://assay.example.com"}, "must begin with https://"),
        ({"URL": "https://assay.example.com"}, "need ASSAY_OIDC_ISSUER"),
        ({"PROXY_ACCOUNT": "nobody"}, "need ASSAY_OIDC_ISSUER"),
        ({"PROXY_ACCOUNT": "no-such-account"}, "ASSAY_OIDC_PROXY_ACCOUNT: this machine has no"),
        ({"PROXY_ACCOUNT": account()}, "another account than the web UI"),
        ({"URL": "https://assay.example.com/a b"}, "letters, digits"),
        ({"URL": "https://assay.example.com/a%2fb"}, "letters, digits"),
        ({"URL": "https://assay.example.com/'onclick='"}, "letters, digits"),
        ({"URL": "https://assay.example.com//evil.example"}, "letters, digits"),
        ({"URL": "https://ann@assay.example.com"}, "without user, query and fragment"),
        ({"URL": "https://assay.example.com/?a=b"}, "without user, query and fragment"),
        ({"ISSUER": "id.example.com", "CLIENT_ID": "assay"}, "valid URL"),
    ],
)
def test_settings_that_are_wrong_stop_the_web_ui(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], problem: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ASSAY_OIDC_{name}", value)
    with pytest.raises(ConfigurationError, match=problem):
        provider_settings()
