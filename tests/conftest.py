"""What every test may use: a small contract, and an installation of its own."""

from __future__ import annotations

import copy
import gc
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import settings as hypothesis_settings

os.environ.setdefault("DO_NOT_TRACK", "1")

from assay.assets.io import private
from assay.assets.io.home import Home
from assay.assets.io.installation import Installation, utc_now
from assay.assets.io.names import look_up
from assay.assets.io.signing_keys import new_private
from assay.assets.stages.admit import admit
from assay.assets.stages.clean_validate import refine
from assay.assets.stages.publish import Published, end_as_already_published, publish
from assay.assets.stages.run import Run
from assay.contracts.load import load
from assay.contracts.model import Contract

# what a property costs depends on what else the machine does; a test says nothing about time
hypothesis_settings.register_profile("assay", deadline=None)
hypothesis_settings.load_profile("assay")

READINGS: dict[str, Any] = {
    "apiVersion": "v3.2.0", "kind": "DataContract", "id": "readings", "name": "readings", "version": "1.0.0", "status": "active",
    "team": {"name": "meters", "members": [{"username": "meters@example.com", "role": "owner"}]},
    "schema": [{
        "name": "readings", "physicalType": "table",
        "customProperties": [{"property": "assay.tolerance_pct", "value": 50, "vendor": "assay"}],
        "properties": [
            {"name": "meter", "logicalType": "string", "required": True, "logicalTypeOptions": {"pattern": "^M[0-9]+$"}},
            {"name": "energy_kwh", "logicalType": "number", "logicalTypeOptions": {"minimum": 0}},
            {"name": "tariff", "logicalType": "string", "enum": [{"value": "day"}, {"value": "night"}]},
        ],
        "quality": [{"name": "enough_rows", "metric": "rowCount", "mustBeGreaterThan": 1}],
    }],
    "customProperties": [
        {"property": "assay.source", "vendor": "assay", "value": {"origin": "internal", "location": "inbox/readings.csv", "format": "csv"}},
        {"property": "assay.license", "vendor": "assay", "value": {"expression": "CC0-1.0", "holder": "us", "evidence": "none", "purposes": ["analytics", "training"], "commercial": True}},
        {"property": "assay.privacy", "vendor": "assay", "value": {"sensitivity": "internal", "region": "eu", "lawful_basis": "none needed"}},
        {"property": "assay.cleaning", "vendor": "assay", "value": [{"step": "deduplicate"}]},
        {"property": "assay.retention", "vendor": "assay", "value": {"landed": "P30D", "quarantine": "P30D", "versions": "P365D"}},
    ],
}  # fmt: skip
GOOD = "meter,energy_kwh,tariff\nM1,1.5,day\nM2,2.5,night\nM3,3.5,day\n"

Edit = Callable[[dict[str, Any]], None]
LONG = ("journeys", "assets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that of several workers none waits for the other at the end: journeys, then assets, then what takes milliseconds."""
    items.sort(
        key=lambda item: (
            LONG.index(item.path.parent.name) if item.path.parent.name in LONG else len(LONG)
        )
    )


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays for the whole session: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def document(*edits: Edit) -> dict[str, Any]:
    """The small contract as data, edited."""
    data = copy.deepcopy(READINGS)
    for edit in edits:
        edit(data)
    return data


def yaml_text(data: Any) -> str:
    """YAML, written by the library's C code: thousands of contracts are."""
    return yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False)


def contract(*edits: Edit) -> Contract:
    """The small contract, edited."""
    return load(yaml_text(document(*edits)), "readings.odcs.yaml")


def setting(name: str, **values: Any) -> Edit:
    """Change keys of one assay.* property, adding it if it is not there; `_=value` replaces the whole."""

    def edit(data: dict[str, Any]) -> None:
        for entry in data["customProperties"]:
            if entry["property"] == f"assay.{name}":
                break
        else:
            entry = {"property": f"assay.{name}", "vendor": "assay", "value": {}}
            data["customProperties"].append(entry)
        if "_" in values:
            entry["value"] = values["_"]
        else:
            entry["value"] = {**entry["value"], **values}

    return edit


def named(name: str) -> Edit:
    """Give the contract and its table another name."""

    def edit(data: dict[str, Any]) -> None:
        data.update(name=name, id=name)
        data["schema"][0]["name"] = name

    return edit


def columns(*properties: dict[str, Any]) -> Edit:
    """Promise other columns."""

    def edit(data: dict[str, Any]) -> None:
        data["schema"][0]["properties"] = copy.deepcopy(list(properties))

    return edit


class SampleHome:
    """A home of its own, with one contract and one source."""

    def __init__(self, folder: Path, registry_url: str = "") -> None:
        self.root, self.contracts, self.registry_url = (
            folder / "home",
            folder / "contracts",
            registry_url,
        )
        self.contracts.mkdir(parents=True)
        self.stewards = folder / "stewards.yaml"
        self._appointed: list[dict[str, Any]] = []
        self.appoint()
        self.promise()

    def copy_to(self, folder: Path) -> SampleHome:
        """Copy everything, for a test that changes it."""
        shutil.copytree(self.contracts.parent, folder, symlinks=True, dirs_exist_ok=True)
        copied = copy.copy(self)
        copied.root, copied.contracts = folder / "home", folder / "contracts"
        copied.stewards, copied._appointed = folder / "stewards.yaml", [*self._appointed]
        return copied

    def appoint(
        self,
        name: str = "",
        *levels: str,
        accounts: tuple[str, ...] = (),
        valid_days: int = 30,
        **more: Any,
    ) -> Path:
        """Make a steward of somebody. Returns: their private key's file."""
        file = self.contracts.parent / f"{name or 'nobody'}.pem"
        if name:
            self._appointed.append(
                {
                    "name": name,
                    "levels": list(levels),
                    "accounts": list(accounts),
                    "key": new_private(file),
                    **more,
                }
            )
        self.stewards.write_text(yaml_text({"valid_days": valid_days, "stewards": self._appointed}))
        return file

    def promise(self, *edits: Edit, file: str = "readings.odcs.yaml") -> None:
        """Write a contract."""
        (self.contracts / file).write_text(yaml_text(document(*edits)))

    def deliver(self, text: str | bytes) -> None:
        """Put the source where the contract looks for it."""
        inbox = self.root / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / "readings.csv").write_bytes(text.encode() if isinstance(text, str) else text)

    clock: Callable[[], datetime] = staticmethod(utc_now)

    def later(self, age: timedelta) -> None:
        """Have that much time pass, and the time confirmed by a person: an installation that rested for long is in doubt of its clock."""
        self.clock = lambda: datetime.now(UTC) + age
        self.open().registry.clock_doubts.confirm(self.clock().date(), "compared")

    def open(self) -> Installation:
        """Open it; a new one is a copy of one that was created before, its keys included."""
        if self.registry_url == "" and self.clock is utc_now and _is_new(self):
            shutil.copytree(Path(_created_home().name) / "home", self.root, dirs_exist_ok=True)
        return self.create()

    def create(self) -> Installation:
        """Open it; a new one is created as a user's would be, with keys of its own."""
        return Installation.open(
            Home(
                home=self.root,
                contracts=self.contracts,
                registry_url=self.registry_url,
                stewards=self.stewards,
            ),
            self.clock,
        )

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """What the tables of the registry hold."""
        with self.open().registry.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def run(self, run_id: str | None = None, name: str = "readings") -> Run:
        """A new run, over the readings unless named."""
        opened_home = self.open()
        return Run(opened_home, opened_home.contract(name), run_id or str(uuid.uuid4()))

    def published(self, name: str = "readings") -> Published:
        """The whole way, to a version."""
        run = self.run(name=name)
        admission = admit(run)
        if admission.published is not None:
            end_as_already_published(run, admission.published)
            return Published(admission.published, new=False)
        return publish(run, admission, refine(run, admission))

    def predicate(self, published: Published) -> dict[str, Any]:
        """What the version's evidence says."""
        return dict(self.open().statement(published.row)["predicate"])

    def name_of(self, label: str, dataset: str = "readings") -> str | None:
        """The name behind the label of a delivered file, object or member."""
        return look_up(self.root / "lake" / dataset / "landed", label.rpartition("/")[2])

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs to open it."""
        return {
            **os.environ,
            "ASSAY_HOME": str(self.root),
            "ASSAY_CONTRACTS": str(self.contracts),
            "ASSAY_REGISTRY_URL": self.registry_url,
            "ASSAY_STEWARDS": str(self.stewards),
        }


def _is_new(home: SampleHome) -> bool:
    """Whether it has contracts, and of a home at most an inbox with files."""
    there = {entry.name for entry in home.root.iterdir()} if home.root.is_dir() else set()
    return there <= {"inbox"} and any(home.contracts.glob("*.odcs.yaml"))


@cache
def _created_home() -> tempfile.TemporaryDirectory[str]:
    """A folder with a home that was created and not used; it goes when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="assay-created-home-")
    SampleHome(Path(folder.name)).create().registry.database.engine.dispose()
    return folder


@pytest.fixture
def installation(tmp_path: Path) -> SampleHome:
    """An installation with a good delivery waiting."""
    made = SampleHome(tmp_path)
    made.deliver(GOOD)
    return made


@pytest.fixture(params=["sqlite", "postgres"])
def either_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SampleHome]:
    """The same installation on SQLite and on Postgres; the latter is skipped, saying so, where no server answers."""
    if request.param == "sqlite":
        made = SampleHome(tmp_path)
        made.deliver(GOOD)
        yield made
        return
    psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    server = os.environ.get("ASSAY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip("no Postgres answers at ASSAY_TEST_POSTGRES")
    schema = f"assay_{uuid.uuid4().hex[:12]}"
    connection.execute(f"CREATE SCHEMA {schema}")
    try:
        made = SampleHome(
            tmp_path,
            f"{server.replace('postgresql://', 'postgresql+psycopg://')}?options=-csearch_path%3D{schema}",
        )
        made.deliver(GOOD)
        yield made
    finally:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.close()


@pytest.fixture
def usual_umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The umask that most users have, whatever tests before this one did to their process."""
    monkeypatch.setattr(private, "_umask", private._Umask())
    before = os.umask(0o022)
    yield
    os.umask(before)


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[Path]:
    """A disk of this size; skips where it cannot be mounted."""
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
