"""Locations: the word in a contract -> which kind of place it is, and what cannot be said of it.

Belongs here: telling kinds of place apart by their text, and what of it may be shown. Stays out: going there (assets/hands/sources).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["path", "glob", "package", "module", "http", "cloud", "postgres", "mysql", "sqlite", "duckdb"]
SERVERS = ("postgres", "mysql")
DATABASES = (*SERVERS, "sqlite", "duckdb")
ELSEWHERE = ("http", "cloud", *SERVERS)
"""Kinds of place that are not on this machine."""
CLOUDS = ("s3", "gs", "az")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`<>]+")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]*)(:[0-9]*)?")
_PARAMETERS = re.compile(r";[^/]*")
_CLOUD_QUERY = re.compile(r"\?[A-Za-z0-9_.~%-]+=")
"""What follows a `?` in a signed address; in an object's name or a glob, hardly anything does."""
HIDDEN_QUERY = "?…"
_CREDENTIAL = re.compile(
    r"(.*[_-])?(sig|signature|token|secret|key|apikey|password|passwd|pwd|auth|authorization)"
    r"|x-(amz|goog)-.+|(aws|google)accesskeyid|accesskey|jwt|credential"
)
"""Query parameters by which signed addresses and keys of services are known. Azure signs with `sig`."""
_OPTIONS = {"sheet": ("excel",), "header_row": ("excel",), "table": ("sql",), "query": ("sql",), "watermark": ("sql",)}


def kind_of(location: str) -> Kind:
    """The kind of place a location names. Raises: ValueError: a scheme nobody here can go to."""
    found = _SCHEME.match(location)
    scheme = found[1].lower() if found else ""
    if "://" in location:
        if scheme in ("http", "https"):
            return "http"
        if scheme in CLOUDS:
            return "cloud"
        raise ValueError(f"`location` has the scheme '{scheme[:20]}': write https://, s3://, gs:// or az://, or a path")
    if scheme in ("package", "module", *DATABASES):
        return scheme  # type: ignore[return-value]  # the words of Kind
    if scheme in ("http", "https", "file", "ftp", "gopher", "data", *CLOUDS):
        raise ValueError(f"`location` starts with '{scheme}:' and is no address: write {scheme if scheme in ('http', 'https', *CLOUDS) else 'https'}://, or a path")
    return "glob" if any(mark in location for mark in "*?[") else "path"


def problem_of(location: str, format: str, arrival: bool) -> str | None:
    """What is wrong with a location, for this format; None where nothing is."""
    try:
        kind = kind_of(location)
    except ValueError as error:
        return str(error)
    if (format == "sql") != (kind in DATABASES):
        return "the format `sql` belongs to postgres:NAME, mysql:NAME, sqlite:PATH and duckdb:PATH, and only to them"
    if arrival and kind not in ("path", "glob", "package", "sqlite", "duckdb"):
        return "`arrival` watches files on this machine; give a `schedule` for a source that is elsewhere"
    if kind == "http":
        return _problem_of_url(location)
    if kind == "cloud" and ("@" in urlsplit(location).netloc or _CLOUD_QUERY.search(location)):
        return "`location` holds a user or a query: the store's credentials belong in the environment"
    if kind == "cloud" and not urlsplit(location).path.strip("/"):
        return "`location` names a bucket and no object: write s3://BUCKET/PATH, with or without `*`"
    if kind in SERVERS and not re.fullmatch(r"[a-z]+:[A-Z][A-Z0-9_]*", location):
        return f"`location` names no connection: write {kind}:NAME in A-Z, 0-9 and _, and set ASSAY_CONNECTION_NAME"
    return None


def displayed(location: str) -> str:
    """A location as it may be shown, recorded and signed: one line, without what may be a secret.

    Of an address the user, password, query, fragment and parameters are left out: `https://host/path?…`.
    """
    found = _ADDRESS.fullmatch(location)
    if found is None:
        return one_line(location)
    scheme, authority, path, rest = found.groups()
    _, _, host = authority.rpartition("@")
    if _HOST.fullmatch(host) is None:
        return f"{scheme}://…"
    if scheme.lower() in CLOUDS and not _CLOUD_QUERY.search(path + rest):
        return one_line(f"{scheme}://{host}{path}{rest}")  # a glob, or a mark in an object's name
    plain = _PARAMETERS.sub("", path)
    hidden = HIDDEN_QUERY if rest or plain != path else ""
    return one_line(f"{scheme}://{host}{plain}{hidden}")


def host_of(address: str) -> str:
    """An address as far as its host: what follows may be a key, as with the webhooks of chats."""
    found = _ADDRESS.fullmatch(displayed(address))
    return f"{found[1]}://{found[2]}/…" if found else "…"


def scrubbed(text: str) -> str:
    """A text in which each address stands as it may be shown, such as a library's own words."""
    return _IN_TEXT.sub(lambda address: displayed(address[0]), text)


def one_line(text: str) -> str:
    """A text as one line: what no reader sees, or a terminal obeys, is written as its escape."""
    if text.isprintable():
        return text
    letters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(letters)


def secrets_in(address: str) -> tuple[str, ...]:
    """The names of an address's query parameters that look like credentials."""
    found = _ADDRESS.fullmatch(address)
    query = found[4].partition("?")[2].partition("#")[0] if found else ""
    names = (part.partition("=")[0].lower() for part in query.split("&"))
    return tuple(name for name in names if _CREDENTIAL.fullmatch(name))


def misplaced(format: str, options: Collection[str]) -> str | None:
    """An option that does not belong to the format, or one that it lacks."""
    for option, formats in _OPTIONS.items():
        if option in options and format not in formats:
            return f"the option `{option}` belongs to the format {' or '.join(formats)}"
    if format == "sql" and ("table" in options) == ("query" in options):
        return "a database needs either `table` or `query` under `options`"
    return None


def _problem_of_url(location: str) -> str | None:
    try:
        url = urlsplit(location)
        host, _ = url.hostname, url.port
    except ValueError:
        return "`location` is no address: check its host and port"
    if not host:
        return "`location` names no host"
    if "@" in url.netloc:
        return "`location` holds a user or password: credentials do not belong in a contract"
    if re.search(r"[\x00-\x20\x7f\\]", location):
        return "`location` holds blanks, control characters or backslashes: write them as %20 and the like"
    return None
