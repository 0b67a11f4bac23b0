"""What an installation consists of when it is opened, and what may be done about what it lacks.

Belongs here: reading the home's mark, keys, registry and traces of published data without writing;
deciding whether it is new, whole, of an earlier layout, or has lost something. Stays out: creating
and recording (installation.py). Nothing that an installation has lost is created again: new keys
could neither continue its evidence nor its pseudonyms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.assets.io.home import LAYOUT, MARK, Home
from assay.assets.io.registry import Registry
from assay.assets.io.registry.migrate import LAYOUT as TABLES
from assay.assets.io.signing_keys import FILES, Keys
from assay.contracts.errors import ConfigurationError, Where

Step = Literal["create", "take over", "open"]


@dataclass(frozen=True)
class HomeState:
    """What is there.

    Args:
        layout: the number in the home's mark; None if there is no mark.
        registry: `none`: it has no tables; `empty`: nothing was recorded but the keys; `used`: more
            was.
        fingerprints: of the keys, as the registry keeps them.
        published: a place where data were published; None if there is none, or where the mark is
            there.
        missing_keys: names of key files that are not there.
        tables: the number of the layout of the registry's tables; None if there are none.
    """

    layout: int | None
    registry: Literal["none", "empty", "used"]
    fingerprints: Mapping[str, str]
    published: str | None
    missing_keys: tuple[str, ...]
    tables: int | None = TABLES


def read_state(home: Home, registry: Registry, keys: Keys) -> HomeState:
    """Look at the home without changing it.

    Raises: ConfigurationError: it or its registry is of a newer layout, or its mark cannot be read.
    """
    home.check_layout()  # before its registry is touched
    tables = registry.layout()
    used, fingerprints = registry.usage(), registry.keys.fingerprints()
    # the mark comes last: whoever creates this home at the same moment writes it before anything
    # else is recorded
    published = None if home.layout is not None else _published(home.root)
    return HomeState(home.layout, used, fingerprints, published, tuple(keys.missing), tables)


def _published(root: Path) -> str | None:
    for pattern in ("evidence/*/*.dsse.json", "lake/*/versions/*", "lake/*/landed/*"):
        for place in root.glob(pattern):
            return str(place.relative_to(root))
    return None


def next_step(state: HomeState) -> Step:
    """What opening the home does: create it (or finish what an interrupted first start began), take
    an earlier layout over, or only open it.

    Raises: ConfigurationError: it has lost its mark, its registry or a key.
    """
    lost = [f"keys/{name}" for name in FILES if name in state.missing_keys]
    if state.layout is None:
        if state.registry == "used" or state.published:
            raise _lost(
                [MARK, *(["the registry's tables"] if state.registry == "none" else []), *lost]
            )
        if state.fingerprints and lost:
            raise _lost(lost)
        return "create"
    if state.registry == "none":
        raise _lost(["the registry's tables", *lost])
    is_older = state.layout < LAYOUT or state.tables != TABLES
    if is_older or set(state.fingerprints) != {"signing.pem", "pseudonym.key"}:
        if lost:
            raise _lost(lost)
        return "take over"
    return "open"


def _lost(places: list[str]) -> ConfigurationError:
    listed = places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"
    remedy = f"Restore {'it' if len(places) == 1 else 'them'} from your backup; Assay does not create them again"
    if places == [MARK]:
        remedy += f"; or, if no newer Assay has opened this home, write {LAYOUT} into {MARK}"
    return ConfigurationError(
        f"this home is not new, and {listed} {'is' if len(places) == 1 else 'are'} missing",
        remedy,
        Where(file=places[0] if "/" in places[0] or places[0] == MARK else None),
    )
