"""The contracts of an installation by name, each read when it is needed.

Belongs here: which file declares which data set, reading one document, what is wrong with the others.
Stays out: what a contract means (contracts/), where the folder is (home.py).
A document that cannot be read disables its own data set and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from assay.assets.io.failures import must_stop, unexpected
from assay.assets.io.home import HOW_TO_GET_ONE, Home, contract_files, contract_text, read_contract
from assay.contracts.declared_name import declared_name
from assay.contracts.errors import AssayError, ConfigurationError, ContractError, Where, shown
from assay.contracts.model import Contract
from assay.contracts.problems import suggestion

_SUFFIX = ".odcs.yaml"
_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_FIRST_BYTES = 65_536


class ContractFolder(Mapping[str, Contract]):
    """The contracts below a folder, in order of path. Names are known at once; a document is read when it is needed.

    Of a name whose document cannot be read, or that two documents declare, `[name]` raises an AssayError. A name that
    no document declares is a KeyError, as in any mapping.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._contracts: dict[str, Contract] = {}
        self._errors: dict[str, AssayError] = {}

    def __getitem__(self, name: str) -> Contract:
        files = self._files[name]
        if name in self._errors:
            raise self._errors[name]
        if name not in self._contracts:
            try:
                self._contracts[name] = self._read(name, files)
            except BaseException as error:
                if must_stop(error):
                    raise
                failure = unexpected(self._home.root, error, name, "reading its contract")
                self._errors[name] = failure
                if failure is error:
                    raise
                raise failure from error
        return self._contracts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def _read(self, name: str, files: list[Path]) -> Contract:
        if len(files) > 1:
            raise ConfigurationError(
                f"'{name}' is also the name in {shown(files[0])}",
                "Give one of them another `name`",
                Where(file=shown(files[1])),
            )
        contract = read_contract(files[0])
        if contract.name != name:
            raise ContractError(
                f"the name of the document is '{contract.name}', but another line begins with `name: {name}`",
                "If that line is the name, correct it; if it is part of a text, indent it",
                Where(file=shown(files[0])),
                "assay.name",
            )
        return contract

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        """Name -> the files that declare it."""
        folder = self._home.contracts
        declared: dict[str, list[Path]] = {}
        nameless: list[Path] = []
        for file in contract_files(folder):
            name = _declared_in(file)
            if name is None:
                nameless.append(file)
            else:
                declared.setdefault(name, []).append(file)
        for file in nameless:
            name = file.name.removesuffix(_SUFFIX)
            # a guess takes nothing away from a document that declares the name
            is_free = _NAME.fullmatch(name) and name not in declared
            declared[name if is_free else str(file.relative_to(folder))] = [file]
        return dict(sorted(declared.items(), key=lambda entry: entry[1][0]))


def _declared_in(file: Path) -> str | None:
    """The data set that a file declares; None if the file does not tell."""
    try:
        name = declared_name(contract_text(file)) or read_contract(file).name
    except BaseException as error:
        if must_stop(error):
            raise
        name = declared_name(_beginning(file)) or ""
    return name if _NAME.fullmatch(name) else None


def _beginning(file: Path) -> str:
    """The first characters of a file that cannot be read as a contract."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_FIRST_BYTES)
    except (OSError, ValueError):
        return ""
    is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if is_utf_16 else "utf-8", errors="replace")


def named(contracts: Mapping[str, Contract], name: str) -> Contract:
    """One of the contracts, by its name. Raises: ConfigurationError: the name is not known."""
    try:
        return contracts[name]
    except KeyError:
        raise no_contract(name, contracts) from None


def check_name(contracts: Mapping[str, Contract], name: str) -> str:
    """The name, where a contract declares it; the contract is not read. Raises: ConfigurationError: none does."""
    if name not in contracts:
        raise no_contract(name, contracts)
    return name


def no_contract(name: str, contracts: Mapping[str, Contract]) -> ConfigurationError:
    """The error that no contract has a name, with the names that are near."""
    others = f"Choose one of {', '.join(contracts)}" if contracts else HOW_TO_GET_ONE
    return ConfigurationError("no contract has that name", suggestion(name, contracts, others))


def find(contracts: Mapping[str, Contract], name: str) -> Contract | None:
    """A contract by name; None if there is none, or where it cannot be read."""
    try:
        return contracts.get(name)
    except AssayError:
        return None


def readable(contracts: Mapping[str, Contract]) -> dict[str, Contract]:
    """Every contract that can be read."""
    return {name: contract for name in contracts if (contract := find(contracts, name))}


def problem_of(contracts: Mapping[str, Contract], name: str) -> AssayError | None:
    """Why the contract of that name cannot be read; None if it can, or if there is none."""
    try:
        contracts.get(name)
    except AssayError as error:
        return error
    return None
