"""What this machine has for Assay, and what is wrong with the home, a line each. Parts that are not there are no error: everything but Polars is optional.

Belongs here: looking, and narrowing modes. Stays out: printing (show.py), installing.
"""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from assay.contracts.errors import AssayError, EvidenceError

if TYPE_CHECKING:
    from assay.assets.io.home import Home

_PARTS = {
    "presidio": "presidio_analyzer",
    "cloud": "obstore",
    "postgres": "psycopg",
    "mysql": "pymysql",
}
"""Extras, each by a module that it brings."""
_SHOWN = 3


def looked_at(*, fix: bool = False) -> dict[str, Any]:
    """Each part with whether it is there, and what that means; `wrong` where something must be done.

    Args:
        fix: take the rights of group and others from what lies in the home, and write a lost public key again.
    """
    from assay.assets.io.home import home
    from assay.pipelines.engine import why_no_gpu, why_no_ray

    where = home()
    fix = fix and not _home(where).get("wrong")  # a home of a newer layout is not changed
    no_gpu, no_ray = why_no_gpu(), why_no_ray()
    parts = {
        "home": _home(where),
        "files": _modes(where, fix=fix),
        "keys": _keys(where, fix=fix),
        "clock": _clock(where),
        "edition": _edition(where),
        "polars": {
            "there": True,
            "said": f"{_version('polars')}, streaming: features, checks and everything else run on it",
        },
        "gpu": {
            "there": no_gpu is None,
            "said": f"no GPU: {no_gpu}; `engine: auto` takes Polars"
            if no_gpu
            else f"cudf-polars {_version('cudf-polars-cu13')}: `engine: auto` takes it",
        },
        "ray-gpu": {
            "there": no_ray is None,
            "said": f"no cluster: {no_ray}" if no_ray else f"ray {_version('ray')}",
        },
    }
    for extra, module in _PARTS.items():
        there = importlib.util.find_spec(module) is not None
        parts[extra] = {
            "there": there,
            "said": "installed" if there else f"not installed: the extra `{extra}`",
        }
    return {name: {"wrong": False, **part} for name, part in parts.items()}


def _home(where: Home) -> dict[str, Any]:
    try:
        where.check_layout()
        layout = where.layout
    except AssayError as error:
        return _wrong(str(error))
    if where.is_made:
        return {
            "there": True,
            "said": str(where.home) + ("" if where.is_writable else ", read-only"),
        }
    if layout is not None:
        return {
            "there": True,
            "said": f"{where.home} has layout {layout}: the next run takes it over",
        }
    return {"there": False, "said": f"{where.home} is not made yet: the first run makes it"}


def _modes(where: Home, *, fix: bool) -> dict[str, Any]:
    """Whether others than the owner have rights in the home."""
    from assay.assets.io.private import narrow, open_places

    if fix:
        narrowed = narrow(where.root)
        if narrowed.left_open:
            return _wrong(
                f"{len(narrowed.left_open):,} place(s) stay open to other users, such as {_first_places(narrowed.left_open)}: their owner must close them"
            )
        closed = f"{len(narrowed.closed):,} place(s) closed to other users, such as {_first_places(narrowed.closed)}"
        return {"there": True, "said": closed if narrowed.closed else "for their owner only"}
    places = open_places(where.root)
    if places:
        return _wrong(
            f"{len(places):,} place(s) below the home are open to other users, such as {_first_places(places)}. Close them: assay doctor --fix"
        )
    return {"there": where.root.exists(), "said": "for their owner only"}


def _keys(where: Home, *, fix: bool) -> dict[str, Any]:
    """Whether the keys are those the installation began with."""
    from assay.assets.io.installation import utc_now
    from assay.assets.io.keys import Keys
    from assay.assets.io.registry import Registry

    try:
        where.check_layout()
        if where.layout is None and not (where.root / "keys").exists():
            return {"there": False, "said": "not made yet"}
        keys = Keys(
            where.root / "keys", Registry(where.registry, utc_now, where.actor).key_fingerprints
        )
        restored = fix and keys.restore_public()
        keys.check()
    except AssayError as error:
        return _wrong(str(error))
    return {
        "there": True,
        "said": "assay.pub.json is written again from the signing key"
        if restored
        else "those the installation began with",
    }


def _clock(where: Home) -> dict[str, Any]:
    """Whether the clock is in doubt."""
    from assay.assets.io.clock_doubts import REMEDY
    from assay.assets.io.installation import utc_now
    from assay.assets.io.registry import Registry

    try:
        where.check_layout()
        registry = Registry(where.registry, utc_now, where.actor)
        reason = registry.clock_doubt() if registry.usage() != "none" else None
    except AssayError as error:
        return _wrong(str(error))
    return _wrong(f"{reason}. {REMEDY}") if reason else {"there": True, "said": "not in doubt"}


def _edition(where: Home) -> dict[str, Any]:
    """The content edition, and the data sets that the next run publishes again because their newest version is of another."""
    from assay.assets.io.installation import Installation
    from assay.pipelines.publish.naming import CONTENT_EDITION

    if not where.is_made:
        return {"there": True, "said": f"{CONTENT_EDITION}; nothing is published yet"}
    other: list[str] = []
    try:
        installation = Installation.open(where)
        for name in installation.registry.published_names():
            row = installation.version(name)
            with suppress(EvidenceError):  # `assay verify` reports damaged evidence
                inputs = installation.statement(row)["predicate"]["inputs"]
                other += [name] if inputs["code_version"] != CONTENT_EDITION else []
    except AssayError as error:
        return _wrong(str(error))
    again = f"the next run publishes again: {', '.join(other)}"
    return {
        "there": True,
        "said": f"{CONTENT_EDITION}; {again if other else 'an upgrade made nothing due'}",
    }


def _wrong(text: str) -> dict[str, Any]:
    return {"there": False, "wrong": True, "said": text}


def _first_places(places: tuple[str, ...] | list[str]) -> str:
    return ", ".join(places[:_SHOWN]) + (", …" if len(places) > _SHOWN else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
