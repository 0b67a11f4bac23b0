"""Locations: the word in a contract -> which kind of place it is, and what cannot be said of it.

Belongs here: distinguishing kinds of place by their text, and what of it may be shown. Stays out:
going there (assets/io/sources).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from assay.contracts.data_files import table

Kind = Literal[
    "assay",
    "path",
    "glob",
    "package",
    "module",
    "http",
    "cloud",
    "postgres",
    "mysql",
    "sqlite",
    "duckdb",
]
SERVERS = ("postgres", "mysql")
DATABASES = (*SERVERS, "sqlite", "duckdb")
ELSEWHERE = ("assay", "http", "cloud", *SERVERS)
"""Kinds of place that are not files of this machine that anyone may look at."""
_WATCHED = ("path", "glob", "package", "sqlite", "duckdb")
"""Kinds of place whose files can be watched."""
CLOUDS = ("s3", "gs", "az")
_DATASET = re.compile(r"assay:([A-Za-z0-9_]{1,100})(?:@([A-Za-z0-9][A-Za-z0-9._-]{0,99}))?")
_LONGEST: dict[Kind, int] = {"http": 8_000, "cloud": 1_200, "module": 500}
_LONGEST_PATH, _LONGEST_PART = 2_000, 255
"""In bytes: what object stores, web servers and file systems take, with room for the home's own
path."""
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)", re.DOTALL)
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`<>]+")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@]*)(:[0-9]*)?")
_PARAMETERS = re.compile(r";[^/]*")
_CLOUD_QUERY = re.compile(r"\?[A-Za-z0-9_.~%-]+=")
"""What follows a `?` in a signed address; in an object's name or a glob, hardly anything does."""
_NAMED = {
    "package": (r"[^\W\d]\w*", "package:NAME/PATH"),
    "module": (r"[^\W\d]\w*(\.[^\W\d]\w*)*", "module:NAME#ATTRIBUTE"),
}
"""Kinds of place inside Python: what a name looks like, and how the place is written."""
HIDDEN_QUERY = "?…"
_MAILBOX = re.compile(r"[^/@\s]+(@|%40)[^/@\s]+\.[A-Za-z]{2,}")
_KEY_IN_PATH = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.{16})([A-Za-z_-]+[0-9]+){3,}[A-Za-z_-]*")
"""A part of a path that gives access by itself: letters of both cases and digits, mixed, as the
webhooks of chats and links to shared files have them."""
_OPTIONS = {
    "sheet": ("excel",),
    "header_row": ("csv", "excel"),
    "header_lines": ("csv",),
    "comment": ("csv",),
    "footer": ("csv",),
    "table": ("sql",),
    "query": ("sql",),
    "watermark": ("sql",),
}


def kind_of(location: str) -> Kind:
    """The kind of place a location names. Raises: ValueError: a scheme no one here can go to."""
    match = _SCHEME.match(location)
    scheme = match[1].lower() if match else ""
    if "://" in location:
        if scheme in ("http", "https"):
            return "http"
        if scheme in CLOUDS:
            return "cloud"
        raise ValueError(
            f"`location` has the scheme '{scheme[:20]}': write https://, s3://, gs:// or az://, "
            "or a path"
        )
    if scheme in ("assay", "package", "module", *DATABASES):
        return scheme  # type: ignore[return-value]  # the words of Kind
    if scheme in ("http", "https", "file", "ftp", "gopher", "data", *CLOUDS):
        wanted = scheme if scheme in ("http", "https", *CLOUDS) else "https"
        raise ValueError(
            f"`location` starts with '{scheme}:' but is not an address: write {wanted}://, or a path"
        )
    return "glob" if any(mark in location for mark in "*?[") else "path"


def problem_of(location: str, format: str, arrival: bool) -> str | None:
    """What is wrong with a location, for this format; None if nothing is."""
    try:
        kind = kind_of(location)
    except ValueError as error:
        return str(error)
    if problem := _unreachable(location, kind):
        return problem
    if (format == "sql") != (kind in DATABASES):
        return (
            "the format `sql` belongs to postgres:NAME, mysql:NAME, sqlite:PATH and duckdb:PATH, "
            "and only to them"
        )
    if kind == "assay":
        return _problem_of_dataset(location, format)
    if arrival and kind not in _WATCHED:
        return (
            "`arrival` watches files on this machine; "
            "give a `schedule` for a source that is elsewhere"
        )
    if kind == "http":
        return _problem_of_url(location)
    if kind == "cloud":
        return _problem_of_object(location)
    return _problem_of_connection(location, kind) if kind in SERVERS else None


def _problem_of_object(location: str) -> str | None:
    """What is wrong with an address in an object store."""
    url = urlsplit(location)
    if "@" in url.netloc or _CLOUD_QUERY.search(location):
        return "`location` contains a user or a query: the store's credentials belong in the environment"
    if not url.path.strip("/"):
        return "`location` has a bucket but no object: write s3://BUCKET/PATH, with or without `*`"
    if not re.fullmatch(r"[A-Za-z0-9$_][A-Za-z0-9._-]*", url.netloc):
        return "`location` has no bucket: write its name in letters, digits, `.`, `_` and `-`"
    return None


def _problem_of_connection(location: str, kind: Kind) -> str | None:
    """What is wrong with the name of a database server's connection."""
    if re.fullmatch(r"[a-z]+:[A-Z][A-Z0-9_]*", location):
        return None
    return (
        f"`location` has no connection: write {kind}:NAME in A-Z, 0-9 and _, "
        "and set ASSAY_CONNECTION_NAME"
    )


def displayed(location: str) -> str:
    """A location as it may be shown, recorded and signed: one line, without what may be a secret.

    Of an address the user, password, query, fragment and parameters are left out:
    `https://host/path?…`. So are parts of a path that hold a mail address or look like a key.
    """
    match = _ADDRESS.fullmatch(location)
    if match is None:
        return one_line(_shown_path(location))
    scheme, authority, path, rest = match.groups()
    _, _, host = authority.rpartition("@")
    if _HOST.fullmatch(host) is None:
        return f"{scheme}://…"
    if scheme.lower() in CLOUDS and not _CLOUD_QUERY.search(path + rest):
        # a glob, or a mark in an object's name
        return one_line(f"{scheme}://{host}{_shown_path(path + rest)}")
    plain = _PARAMETERS.sub("", path)
    hidden = HIDDEN_QUERY if rest or plain != path else ""
    return one_line(f"{scheme}://{host}{_shown_path(plain, keys=True)}{hidden}")


def _shown_path(path: str, *, keys: bool = False) -> str:
    """A path without the parts that hold a mail address, or look like a key."""
    return "/".join(
        "…" if _MAILBOX.search(part) or (keys and _KEY_IN_PATH.fullmatch(part)) else part
        for part in path.split("/")
    )


def host_of(address: str) -> str:
    """An address as far as its host: what follows may be a key, as with the webhooks of chats."""
    match = _ADDRESS.fullmatch(displayed(address))
    return f"{match[1]}://{match[2]}/…" if match else "…"


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
    match = _ADDRESS.fullmatch(address)
    query = match[4].partition("?")[2].partition("#")[0] if match else ""
    names = (part.partition("=")[0].lower() for part in query.split("&"))
    return tuple(name for name in names if _credential().fullmatch(name))


@cache
def _credential() -> re.Pattern[str]:
    return re.compile("|".join(table("words/credentials.yaml")))


def _unreachable(location: str, kind: Kind) -> str | None:
    """Why no file system or server can hold a place of this name.

    It is too long, or holds what no name can.
    """
    if any(letter < " " or letter == "\x7f" for letter in location):
        return "`location` contains a null or another control character"
    try:
        size = len(location.encode())
    except UnicodeEncodeError:
        return "`location` contains half of a surrogate pair, which is not allowed in names"
    longest = _LONGEST.get(kind, _LONGEST_PATH)
    if size > longest:
        return f"`location` has {size:,} bytes: write at most {longest:,}"
    if kind not in ELSEWHERE and any(
        len(part.encode()) > _LONGEST_PART for part in location.split("/")
    ):
        return f"a folder or file in `location` has a name of more than {_LONGEST_PART} bytes"
    if kind in ("package", "module"):
        top = location.partition(":")[2].partition("/")[0].partition("#")[0]
        name, form = _NAMED[kind]
        if not re.fullmatch(name, top):
            return f"`location` has no {kind}: write {form}"
    return None


def upstream(location: str) -> tuple[str, str | None] | None:
    """The data set that `assay:NAME` or `assay:NAME@VERSION` names, with the version or reference.

    None for another kind of place.
    """
    named = _DATASET.fullmatch(location)
    return (named[1], named[2]) if named else None


def _problem_of_dataset(location: str, format: str) -> str | None:
    if upstream(location) is None:
        return (
            "`location` has no data set: "
            "write assay:NAME, assay:NAME@VERSION or assay:NAME@REFERENCE"
        )
    if format != "parquet":
        return "another data set is read as published: write `format: parquet`"
    return None


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
        return "`location` is not an address: check its host and port"
    if not host:
        return "`location` names no host"
    if "@" in url.netloc:
        return "`location` contains a user or password: credentials do not belong in a contract"
    if re.search(r"[\x00-\x20\x7f\\]", location):
        return (
            "`location` contains blanks, control characters or backslashes: "
            "write them as %20 and the like"
        )
    return None
