"""The environment variables of each service of the web UI: credentials of sources are the code
server's, the secret of signing in is the web server's. Pure, but for reading dagster.yaml.

Imports nothing heavy: the supervisor uses it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CODE_SERVER, WEB_SERVER = "code-server", "web-server"
_SIGN_IN = "ASSAY_OIDC_"
_NAMES = frozenset(
    {
        # the installation
        "ASSAY_ACTOR",
        "ASSAY_CONTRACTS",
        "ASSAY_DEBUG",
        "ASSAY_HOME",
        "ASSAY_REGION",
        "ASSAY_REGISTRY_URL",
        "ASSAY_STEWARDS",
        "DAGSTER_HOME",
        # the system
        "DO_NOT_TRACK",
        "HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "OMP_NUM_THREADS",
        "PATH",
        "SHELL",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
        # connections of Python: certificates, and the proxy on the way to the sign-in provider
        "ALL_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
_PREFIXES = ("LC_", "LD_", "DYLD_", "PYTHON", "PG")  # PG: the registry's Postgres


def environment_of(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that a service starts with.

    Only the code server, whose children run data sets, gets what is not listed here; what
    dagster.yaml names is the other services' too, since they open Dagster's storages.
    """
    named = set(_named_in(Path(given.get("DAGSTER_HOME", "")) / "dagster.yaml"))
    return {
        name: value
        for name, value in given.items()
        if _is_for(service, name) or (name in named and not name.startswith(_SIGN_IN))
    }


def _is_for(service: str, name: str) -> bool:
    if name.startswith(_SIGN_IN):
        return service == WEB_SERVER
    if service == CODE_SERVER:
        return True
    return name.upper() in _NAMES or name.startswith(_PREFIXES)


def _named_in(settings: Path) -> Iterator[str]:
    """The variables that Dagster's settings read (`env: NAME`)."""
    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        yield from _named(yaml.safe_load(settings.read_text(encoding="utf-8")))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("env"), str):
            yield value["env"]
        parts = list(value.values())
    else:
        parts = value if isinstance(value, list) else []
    for part in parts:
        yield from _named(part)
