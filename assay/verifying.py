"""Everything signed, compared with what is there, for `assay verify`: plain data to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.assets.io.failures import must_stop, noted, unexpected
from assay.assets.io.home import home
from assay.assets.io.signing_keys import PUBLIC, public_key
from assay.assets.services.accounted import check_data_set, parts_not_evaluated
from assay.assets.services.signed import Signed, read_signed
from assay.assets.services.verify import evidence_file
from assay.assets.services.verify import verify as verify_version
from assay.contracts.errors import AssayError, EvidenceError, Where
from assay.contracts.extras import is_installed, missing_extra

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from assay.assets.io.installation import Installation

Result = dict[str, Any]


def verify(
    named: tuple[str, str | None] | None, where: Path | None, key: Path | None
) -> list[Result]:
    """What was checked of each version; `problem` where something is not as signed, and `unknown`
    where something cannot be checked without an extra.

    One damaged data set never keeps the others from being checked.
    Args:
        named: a data set, and a version of it; None for everything.
        where: a copy of another installation, which is checked without a registry.
    Raises: EvidenceError: there is no such evidence. ConfigurationError: the key cannot be read.
    """
    root = where.resolve() if where else home().root
    home().model_copy(update={"home": root}).check_layout()
    everything = named is None and where is None
    installation = _installation(where, is_needed=everything)
    if everything and installation is not None:
        with noted(root, [], None, "finishing what a crash left"):
            installation.deliver_outbox()  # evidence of a registered version may still have to be written
    wanted = _wanted(root, named)
    results: list[Result] = []
    if wanted:
        public = _public_key(root, key, installation)
        for name in dict.fromkeys(name for name, _ in wanted):
            versions = [version for other, version in wanted if other == name]
            results += _DataSet(root, name, public, installation, where is not None).results(
                versions
            )
    if everything:
        results.append(_registry(installation, wanted))
    return results


def _installation(where: Path | None, *, is_needed: bool) -> Installation | None:
    """The registry's side of the data sets, where it can be opened: the files verify without it.

    Args:
        is_needed: whether an installation that cannot be opened is an error.
    """
    if not is_installed("data") or not (is_needed or (where is None and home().is_made)):
        return None
    from assay.assets.io.installation import Installation

    try:
        return Installation.open()
    except AssayError:
        if is_needed:
            raise
        return None


def _public_key(root: Path, key: Path | None, installation: Installation | None) -> Key:
    """The key that must have signed; the registry remembers which one its home began with."""
    if key is None and installation is not None:
        return installation.keys.public()
    return public_key(key or root / "keys" / PUBLIC)


def _wanted(root: Path, named: tuple[str, str | None] | None) -> list[tuple[str, str]]:
    """The versions that are to be verified, by their evidence."""
    if named and named[1]:
        evidence_file(root, named[0], named[1])
        return [(named[0], named[1])]
    pattern = f"{named[0] if named else '*'}/*.dsse.json"
    files = sorted((root / "evidence").glob(pattern))
    if not files and named:
        remedy = "See `assay status` for what is published"
        raise EvidenceError(f"no evidence is stored for {named[0]}", remedy)
    return [(file.parent.name, file.name.removesuffix(".dsse.json")) for file in files]


@dataclass
class _DataSet:
    """One data set on its way through; whatever fails is noted, and the next check goes on."""

    root: Path
    name: str
    public: Key
    installation: Installation | None
    is_copy: bool
    """Whether it is in a copy of a home, for which there is no registry."""

    def results(self, versions: Sequence[str]) -> list[Result]:
        """Each version, then the data set as a whole."""
        recorded = self._recorded_expiries()
        signed: Signed | None = None

        def read() -> Iterable[str]:
            nonlocal signed
            signed = read_signed(self.root, self.name, self.public, recorded)
            return []

        first = self._attempt("", read)
        if signed is None:
            return [first]
        results = [self._version(version, signed) for version in versions]
        damaged = set(signed.damaged)
        if not damaged & set(versions):  # else the damage is named, and nothing can be compared
            results.append(self._attempt("", lambda: self._whole(signed)))
            if unknown := self._unknown():
                results[-1]["unknown"] = unknown
        return results

    def _recorded_expiries(self) -> dict[str, str] | None:
        """The quarantine files that the registry calls expired; None if there is no registry."""
        if self.installation is None:
            return None
        from assay.assets.services.quarantine_evidence import recorded_expiries

        return recorded_expiries(self.installation, self.name)

    def _unknown(self) -> list[str]:
        """What cannot be compared here without the extra `data`."""
        parts = list(parts_not_evaluated())
        if parts and not self.is_copy:
            parts.append(str(missing_extra("comparing the quarantine with the registry", "data")))
        return parts

    def _version(self, version: str, signed: Signed) -> Result:
        def check() -> Iterable[str]:
            return verify_version(self.root, self.name, version, self.public, signed).checked

        return self._attempt(version, check)

    def _whole(self, signed: Signed) -> Iterable[str]:
        if self.installation is None:
            return check_data_set(signed)
        from assay.assets.services.quarantine_evidence import check_kept

        runs = self.installation.registry.runs.ids(self.name)
        return [*check_data_set(signed, runs), *check_kept(self.installation, signed)]

    def _attempt(self, version: str, check: Callable[[], Iterable[str]]) -> Result:
        result: Result = {"dataset": self.name, "version": version, "checked": []}
        try:
            return {**result, "checked": list(check())}
        except BaseException as error:
            if must_stop(error):
                raise
            place = f"verifying {self.name}@{version}" if version else f"verifying {self.name}"
            root = self.root if self.installation else None  # nothing is written into a copy
            return {**result, "problem": str(unexpected(root, error, self.name, place))}


def _registry(installation: Installation | None, verified: Sequence[tuple[str, str]]) -> Result:
    """Compare the registry's versions and its audit log with the evidence."""
    result: Result = {"dataset": "audit log", "version": "", "checked": []}
    if installation is None:
        otherwise = "or verify the files alone with --home FOLDER"
        missing = missing_extra("comparing the audit log", "data", otherwise=otherwise)
        return {**result, "unknown": [str(missing)]}
    try:
        return {**result, "checked": _check_registry(installation, set(verified))}
    except EvidenceError as error:
        return {**result, "problem": str(error)}


def _check_registry(installation: Installation, verified: set[tuple[str, str]]) -> list[str]:
    names = dict.fromkeys([*installation.contracts, *sorted({name for name, _ in verified})])
    rows = [row for name in names for row in installation.registry.versions.all(name)]
    registered = {(row.dataset, row.version) for row in rows}
    for name, version in sorted(registered - verified):
        problem = f"{name}@{version} is registered, but its evidence is missing"
        raise EvidenceError(problem, "Run `assay run`, which writes it again from the registry")
    for name, version in sorted(verified - registered):
        problem = f"there is signed evidence of {name}@{version}, but no entry in the registry"
        raise EvidenceError(problem, "Restore the registry from a backup", Where(dataset=name))
    entries, head = installation.registry.ledger.check()
    heads = installation.registry.ledger.heads()
    for row in rows:
        if installation.statement(row)["predicate"].get("audit_head", head) not in heads:
            problem = f"the audit log lacks an entry that {row.version} was signed after"
            remedy = "It was shortened or rewritten: restore the registry from a backup"
            raise EvidenceError(problem, remedy, Where(dataset=row.dataset))
    evidence = f"{len(registered)} registered version(s) have evidence"
    return [f"{entries} entries, head {head[:16]}…", evidence]
