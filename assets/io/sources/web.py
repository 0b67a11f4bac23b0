"""HTTP(S): an address -> its bytes in a file, from an address that was checked and from no other.

Belongs here: connecting, redirects, going on after a break, asking whether anything changed. Stays
out: which addresses are public (hosts.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from assay.assets.io.sources.hosts import Resolve, addresses, is_allowed, resolve
from assay.assets.io.sources.places import CHUNK, Place, Seen, Sink, too_large
from assay.assets.io.work_progress import report_progress
from assay.contracts.errors import SourceError, Where
from assay.contracts.location import kind_of, problem_of

TRIES, REDIRECTS = 4, 5
CONNECT_S, READ_S, WHOLE_S = 10.0, 30.0, 6 * 3600.0
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Network:
    """How names are looked up and time passes; tests have their own."""

    look_up: Resolve = resolve
    pause: Callable[[float], None] = time.sleep


class _Broken(Exception):
    """The connection failed, or the server was busy: another try may help."""


def download(
    url: str, sink: Sink, place: Place, seen: Seen | None = None, network: Network = Network()
) -> Seen | None:
    """Stream an address into the sink.

    Args:
        seen: what an earlier run saw; the server is asked whether that still holds.
    Returns: what was seen now, with the digest of the bytes; None if nothing has changed.
    Raises: SourceError: the address is not public, the server refuses, or the bytes do not come
        whole in a few tries.
    """
    first = problem = None
    started = time.monotonic()
    for attempt in range(TRIES):
        if attempt:
            network.pause(2.0 ** (attempt - 1))
        try:
            with _opened(
                url, place, network, sink, first or seen, resuming=first is not None
            ) as response:
                if response.status == 304:
                    return None
                first = _begun(response, sink, first)
                sink.write(_receive(response, sink, started))
                _check_whole(response, sink)
                return replace(first, digest=sink.digest, size_bytes=sink.size)
        except _Broken as error:
            problem = str(error)
    raise SourceError(
        f"the source could not be fetched in {TRIES} tries: {problem}",
        "Run again later; if it happens again, check the server",
        sink.where,
    )


def _begun(response: Any, sink: Sink, before: Seen | None) -> Seen:
    """Compare the response with what was received before: resume it, or start again."""
    now = Seen(
        "",
        0,
        response.headers.get("ETag"),
        response.headers.get("Last-Modified"),
        response.headers.get("TDM-Reservation"),
        "TDM-Policy" in response.headers,
    )
    if response.status == 206 and before is not None:
        starts = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        if starts and int(starts[1]) == sink.size and before.etag == (now.etag or before.etag):
            return before
        sink.restart()
        raise _Broken("the server sent a different byte range than the one requested")
    sink.restart()
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > sink.limit:
        raise too_large(sink.limit, sink.where)
    return now


def _receive(response: Any, sink: Sink, started: float) -> Iterator[bytes]:
    import urllib3

    try:
        for chunk in response.stream(CHUNK, decode_content=False):
            if time.monotonic() - started > WHOLE_S:
                raise SourceError(
                    f"the source takes longer than {WHOLE_S / 3600:g} hours",
                    "Fetch it from a faster server, or in parts",
                    sink.where,
                )
            report_progress(f"{sink.size / 1e6:,.0f} MB fetched")
            yield chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _Broken(f"the connection broke ({type(error).__name__})") from error


def _check_whole(response: Any, sink: Sink) -> None:
    total = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if total and int(total[1]) != sink.size:
        raise _Broken(f"{sink.size:,} bytes arrived, and the server announced {int(total[1]):,}")


def _opened(
    url: str, place: Place, network: Network, sink: Sink, seen: Seen | None, *, resuming: bool
) -> Any:
    """The response to trust: redirects followed, each to an address that is checked first."""
    origin = urlsplit(url)
    here = origin
    for _ in range(REDIRECTS + 1):
        response = _request(
            here,
            place,
            network,
            sink,
            seen,
            resuming=resuming,
            at_origin=_host(here) == _host(origin),
        )
        if response.status not in _REDIRECTS:
            return _answered(response, sink.where)
        target = urljoin(here.geturl(), response.headers.get("Location", ""))
        response.close()
        here = _next(target, here, sink.where)
    raise SourceError(
        f"the source redirects more than {REDIRECTS} times",
        "Give the address it ends at",
        sink.where,
    )


def _next(target: str, here: SplitResult, where: Where) -> SplitResult:
    """Where a redirect leads. Raises: SourceError: to an address that cannot be fetched, or from https to http."""
    try:
        is_usable = kind_of(target) == "http" and problem_of(target, "csv", False) is None
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SourceError(
            "the source redirects to an address that cannot be fetched",
            "Set `location` to the address of the file itself",
            where,
        )
    there = urlsplit(target)
    if here.scheme.lower() == "https" and there.scheme.lower() != "https":
        raise SourceError(
            "the source redirects from https to http",
            "Give an address that uses https throughout, redirects included",
            where,
        )
    return there


def _host(url: SplitResult) -> tuple[str, int]:
    return (url.hostname or "").lower(), url.port or (443 if url.scheme.lower() == "https" else 80)


def _request(
    url: SplitResult,
    place: Place,
    network: Network,
    sink: Sink,
    seen: Seen | None,
    *,
    resuming: bool,
    at_origin: bool,
) -> Any:
    """One request to one checked address.

    A host that the installation allows may be named by the contract, and not by someone else's
    redirect.
    """
    import urllib3

    host, port = _host(url)
    allowed = at_origin and is_allowed(host, port, place.hosts)
    broken: Exception | None = None
    for address in addresses(
        host, port, allowed=allowed, where=sink.where, look_up=network.look_up
    ):
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            return pool(url.scheme, host, address, port, CONNECT_S, READ_S).urlopen(
                "GET",
                path,
                headers=_headers(url, sink, seen, resuming=resuming),
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.SSLError:
            raise SourceError(
                "the server's certificate is not valid for its name",
                "Check the certificate; nothing is fetched without a valid one",
                sink.where,
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            broken = error
    raise _Broken(f"no connection ({type(broken).__name__})") from broken


def pool(scheme: str, host: str, address: str, port: int, connect_s: float, read_s: float) -> Any:
    """Connections to one address, for a host that its certificate must name."""
    import urllib3

    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=connect_s, read=read_s),
        "retries": False,
        "maxsize": 1,
    }
    if scheme.lower() == "https":
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            cert_reqs="CERT_REQUIRED",
            server_hostname=host,
            assert_hostname=host,
            **options,
        )
    return urllib3.HTTPConnectionPool(address, port, **options)


def _headers(url: SplitResult, sink: Sink, seen: Seen | None, *, resuming: bool) -> dict[str, str]:
    host, port = _host(url)
    bare = f"[{host}]" if ":" in host else host
    headers = {
        "Host": bare if port in (80, 443) else f"{bare}:{port}",
        "User-Agent": "assay",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
    }
    if seen is None:
        return headers
    if resuming:
        # a weak ETag does not guarantee the same bytes, so If-Range must not carry one
        is_strong = seen.etag is not None and not seen.etag.startswith("W/")
        validator = (seen.etag if is_strong else None) or seen.modified
        if validator and sink.size:
            headers |= {"Range": f"bytes={sink.size}-", "If-Range": validator}
        return headers
    if seen.etag:
        headers["If-None-Match"] = seen.etag
    if seen.modified:
        headers["If-Modified-Since"] = seen.modified
    return headers


def _answered(response: Any, where: Where) -> Any:
    status = response.status
    if status in (200, 206, 304):
        return response
    response.close()
    if status in _BUSY:
        raise _Broken(f"the server answers {status}")
    remedy = (
        "Check that it may be read without logging in"
        if status in (401, 403)
        else "Check `location` under assay.source"
    )
    raise SourceError(f"the server answers {status}", remedy, where)
