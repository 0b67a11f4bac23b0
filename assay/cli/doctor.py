"""`assay doctor`: what this machine offers to Assay, and what is wrong with the home.

Parts that are not installed are no error.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.options import AsJson
from assay.cli.render import escape, print_line, print_result, show_progress
from assay.contracts.errors import AssayError, EvidenceError
from assay.contracts.extras import EXTRAS, is_installed

if TYPE_CHECKING:
    from assay.assets.io.home import Home

_MOST_EXAMPLES = 3

EXAMPLES = ("assay doctor", "assay doctor --fix")


def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Restrict files to their owner, and write a lost public key again."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine and installation: files, keys, clock, optional packages.

    Exit code 1 if something must be fixed.
    """
    with show_progress("examining the installation"):
        parts = examine(fix=fix)
    print_result(parts, as_json, show_doctor)
    if any(part["wrong"] for part in parts.values()):
        raise typer.Exit(1)


def show_doctor(data: dict[str, dict[str, Any]]) -> None:
    """Print a line a part."""
    for name, part in data.items():
        mark = "[red]✗[/]" if part["wrong"] else "[green]✓[/]" if part["there"] else "[dim]–[/]"
        print_line(f"{mark} {name:<13} {escape(part['said'])}")


def examine(*, fix: bool = False) -> dict[str, Any]:
    """Each part with whether it is there, and what that means; `wrong` where something must be
    done.

    Args:
        fix: take the rights of group and others from the files of the home, and write a lost public
            key again.
    """
    from assay.assets.io.home import home

    current = home()
    fix = fix and not _home(current).get("wrong")  # a home of a newer layout is not changed
    parts = {
        "home": _home(current),
        "files": _modes(current, fix=fix),
        **_registry_and_engines(current, fix=fix),
        **_extras(),
    }
    return {name: {"wrong": False, **part} for name, part in parts.items()}


def _registry_and_engines(current: Home, *, fix: bool) -> dict[str, dict[str, Any]]:
    """What the registry states about the home, and the engines; unknown without the extra `data`."""
    if not is_installed("data"):
        unknown = {"there": False, "said": "unknown: this needs the extra `data`"}
        return dict.fromkeys(("keys", "clock", "edition", "polars", "gpu", "ray-gpu"), unknown)
    return {
        "keys": _keys(current, fix=fix),
        "clock": _clock(current),
        "edition": _edition(current),
        **_engines(),
    }


def _engines() -> dict[str, dict[str, Any]]:
    """What features and checks can run on."""
    from assay.pipelines.core.engine import why_no_gpu, why_no_ray

    no_gpu, no_ray = why_no_gpu(), why_no_ray()
    polars = f"{_version('polars')}, streaming: features, checks and everything else run on it"
    if no_gpu:
        gpu = f"no GPU: {no_gpu}; `engine: auto` uses Polars"
    else:
        gpu = f"cudf-polars {_version('cudf-polars-cu13')}: `engine: auto` uses it"
    ray = f"no cluster: {no_ray}" if no_ray else f"ray {_version('ray')}"
    return {
        "polars": {"there": True, "said": polars},
        "gpu": {"there": no_gpu is None, "said": gpu},
        "ray-gpu": {"there": no_ray is None, "said": ray},
    }


def _extras() -> dict[str, dict[str, Any]]:
    """Which extras are installed; of `gpu` and `ray` the engines tell more."""
    parts = {}
    for extra in EXTRAS:
        if extra in ("gpu", "ray"):
            continue
        there = is_installed(extra)
        text = "installed" if there else f"not installed: the extra `{extra}`"
        parts[extra] = {"there": there, "said": text}
    return parts


def _home(current: Home) -> dict[str, Any]:
    try:
        current.check_layout()
        layout = current.layout
    except AssayError as error:
        return _wrong(str(error))
    if current.is_made:
        return _good(str(current.home) + ("" if current.is_writable else ", read-only"))
    if layout is not None:
        return _good(f"{current.home} has layout {layout}: the next run upgrades it")
    return {"there": False, "said": f"{current.home} does not exist yet: the first run creates it"}


def _modes(current: Home, *, fix: bool) -> dict[str, Any]:
    """Whether others than the owner have rights in the home."""
    from assay.assets.io.private import narrow, open_places

    if not fix:
        places = open_places(current.root)
        if places:
            problem = f"{len(places):,} file(s) or folder(s) of the home are open to other users"
            return _wrong(
                f"{problem}, such as {_examples(places)}. Restrict them: assay doctor --fix"
            )
        return {"there": current.root.exists(), "said": "only their owner can read them"}
    narrowed = narrow(current.root)
    if narrowed.left_open:
        problem = f"{len(narrowed.left_open):,} file(s) or folder(s) stay open to other users"
        examples = _examples(narrowed.left_open)
        return _wrong(f"{problem}, such as {examples}: their owner must run `assay doctor --fix`")
    if narrowed.closed:
        closed = f"{len(narrowed.closed):,} file(s) or folder(s) restricted to their owner"
        return _good(f"{closed}, such as {_examples(narrowed.closed)}")
    return _good("only their owner can read them")


def _keys(current: Home, *, fix: bool) -> dict[str, Any]:
    """Whether the keys are those that the installation was created with."""
    from assay.assets.io.installation import utc_now
    from assay.assets.io.registry import Registry
    from assay.assets.io.signing_keys import Keys

    try:
        current.check_layout()
        folder = current.root / "keys"
        if current.layout is None and not folder.exists():
            return {"there": False, "said": "not made yet"}
        registry = Registry(current.registry, utc_now, current.actor_name)
        keys = Keys(folder, registry.keys.fingerprints)
        restored = fix and keys.restore_public()
        keys.check()
    except AssayError as error:
        return _wrong(str(error))
    if restored:
        return _good("assay.pub.json was written again from the signing key")
    return _good("the keys of this installation, unchanged")


def _clock(current: Home) -> dict[str, Any]:
    """Whether the clock is in doubt."""
    from assay.assets.io.installation import utc_now
    from assay.assets.io.registry import Registry
    from assay.assets.io.registry.clock_doubts import REMEDY

    try:
        current.check_layout()
        registry = Registry(current.registry, utc_now, current.actor_name)
        reason = registry.clock_doubts.doubt() if registry.usage() != "none" else None
    except AssayError as error:
        return _wrong(str(error))
    return _wrong(f"{reason}. {REMEDY}") if reason else _good("not in doubt")


def _good(text: str) -> dict[str, Any]:
    return {"there": True, "said": text}


def _edition(current: Home) -> dict[str, Any]:
    """The content edition, and the data sets that the next run publishes again because their newest version is of another."""
    from assay.assets.io.installation import Installation
    from assay.pipelines.publish.naming import CONTENT_EDITION

    if not current.is_made:
        return {"there": True, "said": f"{CONTENT_EDITION}; nothing is published yet"}
    other: list[str] = []
    try:
        installation = Installation.open(current)
        for name in installation.registry.versions.names():
            row = installation.version(name)
            with suppress(EvidenceError):  # `assay verify` reports damaged evidence
                inputs = installation.statement(row)["predicate"]["inputs"]
                other += [name] if inputs["code_version"] != CONTENT_EDITION else []
    except AssayError as error:
        return _wrong(str(error))
    again = f"the next run publishes again: {', '.join(other)}"
    return {
        "there": True,
        "said": f"{CONTENT_EDITION}; {again if other else 'every newest version was published with it'}",
    }


def _wrong(text: str) -> dict[str, Any]:
    return {"there": False, "wrong": True, "said": text}


def _examples(places: Sequence[str]) -> str:
    more = ", …" if len(places) > _MOST_EXAMPLES else ""
    return ", ".join(places[:_MOST_EXAMPLES]) + more


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
