"""Which requests pass before their content is looked at: host, path, method, origin, type."""

from __future__ import annotations

import pytest

from assay.web.graphql_guard import MAX_BODY_BYTES, Refusal
from assay.web.request_guard import (
    RequestFacts,
    check_host,
    check_json,
    check_method,
    check_origin,
    check_path,
    check_reader,
    own_hosts,
)

HOST = ("host", "127.0.0.1:3000")


def facts(method: str = "GET", path: str = "/", *headers: tuple[str, str]) -> RequestFacts:
    return RequestFacts(method, path, headers)


def status(refusal: Refusal | None) -> int:
    return refusal.status if refusal else 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000"]
)
def test_our_own_names_pass(host: str) -> None:
    assert check_host(facts("GET", "/", ("host", host)), own_hosts(3000)) is None


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("host", ""),),
        (("host", "evil.example"),),
        (("host", "evil.example:3000"),),
        (("host", "127.0.0.1"),),
        (("host", "127.0.0.1:3001"),),
        (("host", "127.0.0.2:3000"),),
        (("host", "127.0.0.1:3000.evil.example"),),
        (("host", "localhost.evil.example:3000"),),
        (("host", "127.0.0.1:3000@evil.example"),),
        (("host", "127.0.0.1:3000, evil.example"),),
        (("host", " 127.0.0.1:3000"),),
        (HOST, ("host", "evil.example")),
        (("x-forwarded-host", "127.0.0.1:3000"),),
    ],
)
def test_other_hosts_are_misdirected(headers: tuple[tuple[str, str], ...]) -> None:
    assert status(check_host(facts("GET", "/", *headers), own_hosts(3000))) == 421


OFF = [
    "/report_asset_materialization/a",
    "/report_asset_check/a",
    "/report_asset_observation/a/b",
    "/notebook",
    "/dagit/notebook",
    "/graphiql",
]


def spellings(path: str) -> list[str]:
    first, rest = path[1], path[2:]
    return [
        path,
        f"{path}/",
        f"/{path}",
        f"//{path[1:]}",
        f"/.{path}",
        f"/a/..{path}",
        f"/%2e%2e{path}",
        f"/%{ord(first):02x}{rest}",
        f"/%25{ord(first):02x}{rest}",
        path.upper(),
        path.title(),
        path.replace("/", "%2f"),
        path.replace("/", "\\"),
        f"{path};a=b",
        f"/\\{path}",
        f"/%252525{ord(first):02x}{rest}",
        f" {path}",
    ]


@pytest.mark.parametrize("path", [spelling for path in OFF for spelling in spellings(path)])
def test_routes_that_are_off_are_off_in_every_spelling(path: str) -> None:
    assert status(check_path(facts("GET", path))) == 404


@pytest.mark.parametrize("path", [s for s in spellings("/graphql") if s != "/graphql"])
def test_graphql_has_one_spelling(path: str) -> None:
    assert status(check_path(facts("POST", path))) == 404 or check_method(facts("POST", path))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/assets",
        "/assets/notebook",
        "/runs/graphql",
        "/locations/assay@x/jobs/quarantine",
        "/_next/static/a.js",
        "/logs/a/b.out",
        "/server_info",
        "/assets/a%2Fb",
    ],
)
def test_dagsters_own_pages_pass(path: str) -> None:
    assert check_path(facts("GET", path)) is None
    assert check_method(facts("GET", path)) is None


@pytest.mark.parametrize(
    "method",
    ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "QUERY"],
)
def test_graphql_takes_a_post_only(method: str) -> None:
    assert status(check_method(facts(method, "/graphql"))) == 405


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path", ["/", "/assets", "/logs/a", "/report_asset_check/a", "/graphql/", "/sign-in"]
)
def test_nothing_else_is_written_to(method: str, path: str) -> None:
    assert status(check_method(facts(method, path))) == 405


ORIGINS = {
    "127.0.0.1:3000": "http://127.0.0.1:3000",
    "localhost:3000": "http://localhost:3000",
    "assay.example.com": "https://assay.example.com",
}


@pytest.mark.parametrize(("origin", "passes"), [("https", True), ("http", False)])
def test_behind_a_proxy_the_origin_is_the_public_address(origin: str, passes: bool) -> None:
    headers = (("host", "assay.example.com"), ("origin", f"{origin}://assay.example.com"))
    assert (check_origin(facts("POST", "/graphql", *headers), ORIGINS) is None) is passes


@pytest.mark.parametrize("site", [(), (("sec-fetch-site", "same-origin"),)])
def test_a_post_of_our_own_page_passes(site: tuple[tuple[str, str], ...]) -> None:
    assert (
        check_origin(
            facts("POST", "/graphql", HOST, ("origin", "http://127.0.0.1:3000"), *site), ORIGINS
        )
        is None
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("origin", "null"),),
        (("origin", ""),),
        (("origin", "https://evil.example"),),
        (("origin", "http://evil.example:3000"),),
        (("origin", "http://127.0.0.1"),),
        (("origin", "http://127.0.0.1:3001"),),
        (("origin", "https://127.0.0.1:3000"),),
        (("origin", "http://localhost:3000"),),
        (("origin", "http://127.0.0.1:3000.evil.example"),),
        (("origin", "http://127.0.0.1:3000 http://evil.example"),),
        (("origin", "http://127.0.0.1:3000"), ("origin", "https://evil.example")),
        (("referer", "http://127.0.0.1:3000/"),),
        (("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-site")),
        (("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "cross-site")),
        (("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "none")),
    ],
)
def test_a_post_from_elsewhere_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert status(check_origin(facts("POST", "/graphql", HOST, *headers), ORIGINS)) == 403


@pytest.mark.parametrize(
    ("site", "mode", "dest", "expected"),
    [
        (None, None, None, 200),
        ("none", "navigate", "document", 200),
        ("same-origin", "cors", "empty", 200),
        ("cross-site", "navigate", "document", 200),
        ("same-site", "navigate", "document", 200),
        ("cross-site", "no-cors", "image", 403),
        ("same-site", "no-cors", "script", 403),
        ("same-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "no-cors", "empty", 403),
    ],
)
def test_other_sites_may_link_but_not_embed(
    site: str | None, mode: str | None, dest: str | None, expected: int
) -> None:
    values = (("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest))
    headers = [(name, value) for name, value in values if value]
    assert status(check_reader(facts("GET", "/logs/a.out", HOST, *headers))) == expected


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
)
def test_json_passes(kind: str) -> None:
    assert (
        check_json(facts("POST", "/graphql", ("content-type", kind), ("content-length", "10")))
        is None
    )


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("content-type", ""),),
        (("content-type", "text/plain"),),
        (("content-type", "text/plain; application/json"),),
        (("content-type", "text/plain;charset=application/json"),),
        (("content-type", "application/x-www-form-urlencoded"),),
        (("content-type", "multipart/form-data; boundary=application/json"),),
        (("content-type", "application/graphql"),),
        (("content-type", "application/jsonp"),),
        (("content-type", "application/json, text/plain"),),
        (("content-type", "application/json"), ("content-type", "text/plain")),
        (("content-type", "application/json"), ("content-encoding", "gzip")),
    ],
)
def test_other_types_of_body_are_refused(headers: tuple[tuple[str, str], ...]) -> None:
    assert status(check_json(facts("POST", "/graphql", *headers))) == 415


@pytest.mark.parametrize("length", [str(MAX_BODY_BYTES + 1), "9" * 5_000, "-1", "ten", "²"])
def test_a_body_that_is_too_long_is_refused(length: str) -> None:
    headers = (("content-type", "application/json"), ("content-length", length))
    assert status(check_json(facts("POST", "/graphql", *headers))) == 413
