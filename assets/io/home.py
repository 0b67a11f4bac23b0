"""Where this installation keeps things, from the environment.

Belongs here: reading ASSAY_* and laying out paths. Stays out: what is in them.
"""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from assay.contracts.document import MAX_BYTES
from assay.contracts.errors import (
    AdmissionError,
    AssayError,
    ConfigurationError,
    ContractError,
    Where,
    shown,
)
from assay.contracts.load import load
from assay.contracts.model import Contract
from assay.contracts.stewards import StewardPolicy, steward_policy

_MAX_CONTRACT = 4 * MAX_BYTES  # UTF-8 takes up to four bytes for a character
MARK, LAYOUT = "assay.home", 6
SERVICE = "service "
"""Before the name of what acts unattended: no person's name begins so."""
READ_ONLY = "the home is read-only, so this action cannot be recorded"
READ_ONLY_REMEDY = (
    "Give this user write access; `assay verify`, `assay show` and `assay status` only read"
)
SHIPPED_STEWARDS = Path(__file__).parents[2] / "contracts" / "policies" / "stewards.yaml"
PROJECT_CONTRACTS = Path("contracts")
SHIPPED_CONTRACTS = Path(__file__).parents[2] / "contracts" / "datasets"


def account() -> str:
    """The operating system's name of the user of this process; its number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Home(BaseSettings):
    """ASSAY_HOME and its neighbours. Every part has a default that needs no server.

    ASSAY_HOME: the folder (./.assay). ASSAY_CONTRACTS: a folder of *.odcs.yaml (./contracts).
    ASSAY_REGISTRY_URL: SQLAlchemy URL (SQLite in the home). ASSAY_LINEAGE_URL: an OpenLineage backend (a file in the home).
    ASSAY_MLFLOW_URI: an MLflow server (a store in the home). ASSAY_STEWARDS: who may approve (the shipped list, which is empty).
    ASSAY_REGION: where the home lies, such as `eu` or `eu-de`; a contract that names another region is refused; unless set, nothing is compared with it.
    ASSAY_PRESIDIO_MODEL: a spaCy model, by package or folder, with which Presidio looks for persons and places in text (none: a dictionary does).
    ASSAY_ACTOR: the name of an unattended service, under which it is recorded (the user's account).
    ASSAY_SOURCE_ROOTS: further folders, separated by ':', from which sources may be read.
    ASSAY_SOURCE_HOSTS: hosts (`name`, `name:port`), separated by ',', that sources may be fetched from, and webhooks sent to, though their address is not public.
    ASSAY_EMBEDDING_HOSTS: hosts (`name`, `name:port`), separated by ',', that the passages of an index may be sent to for their vectors (none).
    ASSAY_EMBEDDING_KEY: the bearer token that they get.
    ASSAY_SOURCE_MAX_BYTES: the most that one source may hold (50 GiB).
    """

    model_config = SettingsConfigDict(env_prefix="ASSAY_", frozen=True)

    home: Path = Path(".assay")
    contracts: Path = PROJECT_CONTRACTS
    registry_url: str = ""
    lineage_url: AnyHttpUrl | None = None
    mlflow_uri: str = ""
    source_roots: str = ""
    source_hosts: str = ""
    embedding_hosts: str = ""
    embedding_key: SecretStr = SecretStr("")
    source_max_bytes: int = Field(default=50 * 2**30, gt=0)
    stewards: Path = SHIPPED_STEWARDS
    region: str = Field(default="", pattern=r"^$|^[a-z]{2}(-[a-z0-9-]+)?$")
    presidio_model: str = ""
    actor: str = Field(default="", max_length=100)

    @property
    def actor_name(self) -> str:
        """Under which name this process is recorded: the service that ASSAY_ACTOR names, or else the
        person whom the stewards' file lists under this account, or else the account.

        Raises: ConfigurationError: a person would act under the name of a service, and could
            approve what the service requested.
        """
        user = account()
        try:
            person = self.read_policy().by_account(user)
        except AssayError:  # the file is described where it is needed
            person = None
        if not self.actor:
            return person.name if person else user
        if person is not None:
            raise ConfigurationError(
                f"ASSAY_ACTOR names a service, and the account '{user}' is a person's",
                "Unset it, or run the service under an account of its own",
                Where(file="ASSAY_ACTOR"),
            )
        return f"{SERVICE}{self.actor}"

    @property
    def root(self) -> Path:
        """The home, absolute."""
        return self.home.resolve()

    @property
    def layout(self) -> int | None:
        """The number of the layout that the home's mark names; None if there is no mark.

        Raises: ConfigurationError: the mark cannot be read, or is no number.
        """
        mark = self.root / MARK
        try:
            text = mark.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise ConfigurationError(
                "the home is not a folder", "Set ASSAY_HOME to a folder", Where(file=str(self.home))
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the home's layout file cannot be read ({type(error).__name__})",
                "Restore it from your backup",
                Where(file=MARK),
            ) from None
        if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
            raise ConfigurationError(
                "the home's layout file contains no layout number",
                "Restore it from your backup",
                Where(file=MARK),
            )
        return int(text)

    def check_layout(self) -> None:
        """Whether this Assay knows the home's layout. Raises: ConfigurationError: it is a newer one, or its mark cannot be read."""
        layout = self.layout
        if layout is not None and layout > LAYOUT:
            raise ConfigurationError(
                f"this home has layout {layout}, but this Assay supports layouts up to {LAYOUT}",
                "Open it with the newer Assay that created it; nothing was changed",
                Where(file=MARK),
            )

    @property
    def is_made(self) -> bool:
        """Whether there is an installation, laid out as today; opening one that is not makes what it lacks."""
        try:
            return self.layout == LAYOUT
        except ConfigurationError:
            return False

    @property
    def is_writable(self) -> bool:
        """Whether files can be written into the home; of one that is not there yet, whether it could be created."""
        place = self.root
        while not place.exists() and place != place.parent:
            place = place.parent
        return os.access(place, os.W_OK)

    def check_writable(self) -> None:
        """Raises: ConfigurationError: nothing can be written into the home."""
        if not self.is_writable:
            raise ConfigurationError(READ_ONLY, READ_ONLY_REMEDY, Where(file=str(self.home)))

    @property
    def lake(self) -> Path:
        """Tables of every data set."""
        return self.root / "lake"

    @property
    def registry(self) -> str:
        """SQLAlchemy URL of the registry."""
        return self.registry_url or f"sqlite:///{self.root / 'registry.db'}"

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders that sources may be read from."""
        return (
            self.root,
            *(Path(part).resolve() for part in self.source_roots.split(os.pathsep) if part),
        )

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts that sources may be fetched from wherever they lie."""
        return _hosts(self.source_hosts)

    @property
    def embedders(self) -> frozenset[str]:
        """Hosts that passages may be sent to."""
        return _hosts(self.embedding_hosts)

    @property
    def drafts(self) -> Path:
        """Where a drafted contract goes: next to the others of this project."""
        if "contracts" in self.model_fields_set:
            return self.contracts
        folders = {file.parent for file in contract_files(self.contracts)}
        return folders.pop() if len(folders) == 1 else self.contracts / "datasets"

    def check_region(self, contract: Contract) -> None:
        """Whether the data may lie here. Raises: AdmissionError: the contract's region is another one."""
        wanted, here = contract.privacy.region, self.region
        if here and wanted != "global" and here != wanted and not here.startswith(f"{wanted}-"):
            where = Where(file=contract.file, dataset=contract.name)
            raise AdmissionError(
                f"the data must stay in '{wanted}', but this home is in '{here}'",
                "Run it in that region, or change `region` in assay.privacy",
                where,
            )

    def read_policy(self) -> StewardPolicy:
        """Who may approve. Raises: ContractError(s): the file cannot be read, or is wrong."""
        return steward_policy(contract_text(self.stewards), shown(self.stewards))

    def contract_paths(self) -> list[Path]:
        """The files of the contracts, in order of path. Raises: ConfigurationError: there is none."""
        files = contract_files(self.contracts)
        if not files:
            raise ConfigurationError(NO_CONTRACT, HOW_TO_GET_ONE, Where(file=shown(self.contracts)))
        return files


NO_CONTRACT = "there is no contract (*.odcs.yaml) here"
HOW_TO_GET_ONE = (
    "Draft one with `assay new FILE`, or set ASSAY_CONTRACTS to the folder of your contracts"
)


def contract_files(folder: Path) -> list[Path]:
    """The contracts in a folder and in the folders below it, by path; hidden folders are left out.

    Raises: ConfigurationError: the folder cannot be listed.
    """
    try:
        files = sorted(folder.rglob("*.odcs.yaml"))
    except (OSError, ValueError) as error:
        problem = f"the folder cannot be listed ({type(error).__name__})"
        raise ConfigurationError(
            problem, "Choose another folder", Where(file=str(folder))
        ) from None
    return [
        file
        for file in files
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]


def _hosts(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def read_contract(file: Path) -> Contract:
    """One contract from its file. Raises: ContractError(s), or one where the file cannot be read."""
    return load(contract_text(file), shown(file))


def contract_text(file: Path) -> str:
    """A contract's text. Raises: ContractError: the file cannot be read."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_CONTRACT + 1)
        if len(content) > _MAX_CONTRACT:
            problem, remedy = (
                f"the file has more than {_MAX_CONTRACT:,} bytes",
                f"Keep it under {MAX_BYTES:,} characters",
            )
            raise ContractError(problem, remedy, Where(file=shown(file)), "yaml.size")
        return content.decode("utf-8")
    except (OSError, ValueError) as error:
        raise ContractError(
            f"it cannot be read ({type(error).__name__})",
            "Give the path of an ODCS document in UTF-8",
            Where(file=shown(file)),
            "assay.file",
        ) from None


def home() -> Home:
    """The installation as the environment describes it. Raises: ConfigurationError: a variable is wrong."""
    try:
        return Home()
    except ValidationError as errors:
        first = errors.errors(include_url=False, include_input=False)[0]
        raise ConfigurationError(
            f"ASSAY_{str(first['loc'][0]).upper()} is not valid: {first['msg']}",
            "Correct the environment variable",
        ) from None
