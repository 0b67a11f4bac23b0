"""What nobody signed is an error: a file that is gone, changed or one too many, and a commit of the Delta log that is not ours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.assets.io import delta_log
from assay.assets.io.outbox_handlers import HANDLERS
from assay.assets.stages import quarantine_record
from assay.assets.stages.features import make_features
from assay.contracts.errors import EvidenceError, QualityError
from assay.verifying import verify
from tests.conftest import SampleHome, columns, setting

COLUMNS = columns(
    {"name": "at", "logicalType": "timestamp", "required": True},
    {
        "name": "meter",
        "logicalType": "string",
        "required": True,
        "logicalTypeOptions": {"pattern": "^M[0-9]+$"},
    },
    {"name": "kwh", "logicalType": "number"},
)
FEATURES = setting(
    "features", order_by="at", transforms=[{"transform": "label", "columns": ["meter"]}]
)
FIRST = (
    "at,meter,kwh\n"
    + "".join(f"2026-01-0{n}T00:00:00Z,M{n % 2},{n}\n" for n in range(1, 8))
    + "2026-01-08T00:00:00Z,x,1\n2026-01-01T00:00:00Z,M1,1\n"
)
TABLE = "lake/readings/versions"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two versions, features of both, and rows of every layer; made once."""
    folder = tmp_path_factory.mktemp("whole")
    made = SampleHome(folder)
    made.promise(COLUMNS, FEATURES)
    for more in ("", "2026-01-09T00:00:00Z,M1,9\n"):
        made.deliver(FIRST + more)
        made.published()
        make_features(made.run())
    return folder


@pytest.fixture
def home(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SampleHome:
    """A copy of it, which the environment names."""
    shutil.copytree(whole, tmp_path / "copy")
    copy = SampleHome.__new__(SampleHome)
    copy.root, copy.contracts, copy.registry_url = (
        tmp_path / "copy" / "home",
        tmp_path / "copy" / "contracts",
        "",
    )
    copy.stewards = tmp_path / "copy" / "stewards.yaml"
    for name, value in copy.environment.items():
        monkeypatch.setenv(name, value)
    return copy


def problems(installation: SampleHome, **where: Any) -> list[str]:
    """What `assay verify --all` finds."""
    named = {"where": None, "key": None} | where
    return [
        entry["problem"]
        for entry in verify(None, named["where"], named["key"])
        if "problem" in entry
    ]


def test_what_is_as_signed_has_no_problem(home: SampleHome) -> None:
    assert problems(home) == []
    assert problems(home, where=home.root) == []


# -- files that are gone, changed, or one too many -----------------------------------------------------


FILES = {
    "published": f"{TABLE}/*/part-00000.parquet",
    "learned values": f"{TABLE}/*/_fitted/values.json",
    "learned table": f"{TABLE}/*/_fitted/*.parquet",
    "quarantine": "lake/readings/quarantine/*.parquet",
    "removed": "lake/readings/removed/*.parquet",
    "flagged": "lake/readings/flagged/*.parquet",
    "features": "lake/readings/features/*/part-00000.parquet",
    "state of features": "lake/readings/features/*/state.json",
    "evidence": "evidence/readings/*.dsse.json",
    "evidence of features": "evidence/readings/features/*.dsse.json",
    "first commit": f"{TABLE}/_delta_log/{0:020}.json",
    "newest commit": f"{TABLE}/_delta_log/{1:020}.json",
    "newest commit of features": f"lake/readings/features/_delta_log/{1:020}.json",
}


def changed_byte(content: bytes) -> bytes:
    place = content.find(b'"size":')
    place = place + len(b'"size":') if place >= 0 else len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "emptied": lambda file: file.write_bytes(b""),
    "halved": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "one byte changed": lambda file: file.write_bytes(changed_byte(file.read_bytes())),
    "a folder in its place": lambda file: (file.unlink(), file.mkdir()),
    "not text": lambda file: file.write_bytes(b"\xff\xfe\x00\x80" * 9),
}
HARMLESS = {("newest commit of features", "deleted")}
"""The log of features may lag behind: they are written before it."""


@pytest.mark.parametrize("which", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_that_is_accounted_for_is_looked_at(
    home: SampleHome, which: str, damage: str
) -> None:
    files = sorted(home.root.glob(FILES[which]))
    assert files, "there is no such file: the test must be adapted"
    DAMAGES[damage](files[0])
    told = problems(home)
    if (which, damage) in HARMLESS:
        return
    assert told
    assert all("readings" in each for each in told)
    assert "unexpected" not in "".join(told)
    assert str(home.root) not in "".join(told)


@pytest.mark.parametrize("which", FILES)
def test_a_file_beside_those_that_are_signed_is_an_error(home: SampleHome, which: str) -> None:
    file = sorted(home.root.glob(FILES[which]))[0]
    extra = file.with_name(
        f"other{''.join(file.suffixes[-2:])}" if "evidence" in which else f"other{file.suffix}"
    )
    shutil.copyfile(file, extra)
    told = problems(home)
    if which == "evidence of features":
        return  # nothing reads a statement about features of a version that there is not
    assert any(extra.name in each for each in told), told


@pytest.mark.parametrize(
    ("path", "is_folder"),
    [
        ("versions/evil.parquet", False),
        ("versions/.evil.parquet", False),
        ("versions/evil", True),
        ("versions/_evil", True),
        ("versions/more/deep/evil.parquet", False),
        ("features/evil.parquet", False),
        ("features/9.9.9/part-00000.parquet", False),
        ("quarantine/evil.parquet", False),
        ("quarantine/00000000-0000-4000-8000-000000000000.parquet", False),
        ("removed/00000000-0000-4000-8000-000000000000.parquet", False),
        ("flagged/folder", True),
        ("removed/notes.txt", False),
    ],
)
def test_a_file_or_folder_that_no_evidence_lists_is_named(
    home: SampleHome, path: str, is_folder: bool
) -> None:
    extra = home.root / "lake" / "readings" / path
    extra.parent.mkdir(parents=True, exist_ok=True)
    if is_folder:
        extra.mkdir()
    else:
        extra.write_bytes(b"PAR1")
    (told,) = problems(home)
    assert "/".join(Path(path).parts[:2]) in told
    assert "data set 'readings'" in told


@pytest.mark.parametrize("parts", ["_fitted", "_state", "_other", "_other/deep"])
@pytest.mark.parametrize("layer", ["versions", "features"])
def test_inside_the_folder_of_a_version_only_files_count(
    home: SampleHome, layer: str, parts: str
) -> None:
    lake = home.root / "lake" / "readings"
    version = sorted(lake.glob(f"{layer}/*/part-00000.parquet"))[0].parent
    (version / parts).mkdir(parents=True, exist_ok=True)
    assert problems(home) == []
    (version / parts / "evil.parquet").write_bytes(b"PAR1")
    path = f"{version.relative_to(lake)}/{parts}/evil.parquet"
    assert any(path in problem for problem in problems(home))


def test_what_a_killed_run_left_is_no_error_for_a_day(home: SampleHome) -> None:
    import os

    left = home.root / TABLE / "0123456789abcdef-7"
    left.mkdir()
    (left / "part-00000.parquet").write_bytes(b"PAR1")
    (home.root / TABLE / "_delta_log" / f"{2:020}.json#1").write_text("{")
    emptied = home.root / "lake" / "readings" / "quarantine" / ".run.new.emptied"
    emptied.write_bytes(b"PAR1")
    assert problems(home) == []
    os.utime(left, (0, 0))
    (told,) = problems(home)
    assert "assay versions expire readings" in told


# -- the quarantine's end --------------------------------------------------------------------------------


def later(installation: SampleHome, days: int = 31) -> None:
    installation.clock = staticmethod(lambda: datetime.now(UTC) + timedelta(days=days))


def checked(installation: SampleHome) -> str:
    return "\n".join(line for entry in verify(None, None, None) for line in entry["checked"])


def test_a_quarantine_that_expired_is_signed_for_and_no_error(
    home: SampleHome, tmp_path: Path
) -> None:
    later(home)
    assert len(quarantine_record.expire(home.open(), ["readings"])) == 2
    assert not list((home.root / "lake/readings/quarantine").iterdir())
    assert problems(home) == []
    assert "expired on" in checked(home)
    assert problems(home, where=home.root) == []  # a copy, without the registry
    for file in (home.root / "evidence/readings/quarantine").glob("*.expired.json"):
        file.write_bytes(changed_byte(file.read_bytes()))
    assert len(problems(home)) == 2


def test_a_statement_of_expiry_excuses_its_own_file_alone(home: SampleHome) -> None:
    later(home)
    first = min((home.root / "lake/readings/quarantine").iterdir())
    content = first.read_bytes()
    quarantine_record.expire(home.open(), ["readings"])
    first.write_bytes(content)
    assert problems(home) == []  # not removed yet
    signed = sorted((home.root / "evidence/readings/quarantine").glob("*.expired.json"))
    signed[0].write_text(signed[1].read_text())
    first.unlink()
    assert any("belongs to another file" in each for each in problems(home, where=home.root))


def test_an_expiry_that_was_interrupted_goes_on_and_is_no_error_meanwhile(
    home: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(home)

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setitem(HANDLERS, "quarantine_expiry", fail)
    quarantine_record.expire(home.open(), ["readings"])
    files = list((home.root / "lake/readings/quarantine").glob("*.parquet"))
    assert len(files) == 2  # recorded, not signed yet, so not removed
    assert problems(home) == []
    monkeypatch.undo()
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    later(home, days=32)
    home.open().deliver_outbox()
    assert not list((home.root / "lake/readings/quarantine").glob("*.parquet"))
    assert problems(home) == []


def test_what_expired_under_an_earlier_release_is_excused_by_the_registry_and_signed_later(
    home: SampleHome,
) -> None:
    later(home)
    quarantine_record.expire(home.open(), ["readings"])
    for file in (home.root / "evidence/readings/quarantine").glob("*.expired.json"):
        file.unlink()
    assert problems(home) == []
    assert "by the registry's record" in checked(home)
    assert len(problems(home, where=home.root)) == 2
    quarantine_record.expire(home.open(), ["readings"])
    assert problems(home, where=home.root) == []


def test_a_registry_that_calls_a_quarantine_expired_without_a_log_entry_excuses_nothing(
    home: SampleHome,
) -> None:
    import sqlalchemy as sa

    with home.open().registry.database.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE quarantines SET expired_at = '2026-01-01T00:00:00+00:00'")
        )
    for file in (home.root / "lake/readings/quarantine").iterdir():
        file.unlink()
    quarantine_record.expire(home.open(), ["readings"])
    assert len(problems(home)) == 2


@pytest.mark.parametrize("damage", ["deleted", "emptied", "one byte changed"])
def test_the_quarantine_of_a_run_that_published_nothing_is_looked_at_too(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    installation.published()
    installation.deliver("meter,energy_kwh,tariff\nx,1,day\ny,1,day\nM1,1,day\n")
    with pytest.raises(QualityError):
        installation.published()
    assert problems(installation) == []
    (file,) = [
        file
        for file in (installation.root / "lake/readings/quarantine").iterdir()
        if pl.read_parquet(file).height
    ]
    DAMAGES[damage](file)
    (told,) = problems(installation)
    assert f"readings/quarantine/{file.name}" in told


# -- the Delta log ----------------------------------------------------------------------------------------


Actions = list[dict[str, Any]]


def rewritten(table: Path, number: int, change: Callable[[Actions], Any]) -> None:
    """Change the actions of one commit; what the change returns, if anything, takes their place."""
    file = table / "_delta_log" / f"{number:020}.json"
    actions = [json.loads(line) for line in file.read_text().splitlines()]
    changed = change(actions)
    file.write_text(
        "\n".join(
            json.dumps(action) for action in (changed if isinstance(changed, list) else actions)
        )
    )


def the(actions: Actions, kind: str) -> dict[str, Any]:
    return next(action[kind] for action in actions if kind in action)


def without(kind: str) -> Callable[[Actions], Actions]:
    return lambda actions: [action for action in actions if kind not in action]


def mapped(actions: Actions) -> None:
    the(actions, "metaData")["configuration"]["delta.columnMapping.mode"] = "name"


def renamed(actions: Actions) -> None:
    metadata = the(actions, "metaData")
    metadata["schemaString"] = metadata["schemaString"].replace('"kwh"', '"kwx"')


def retyped(actions: Actions) -> None:
    metadata = the(actions, "metaData")
    metadata["schemaString"] = metadata["schemaString"].replace('"double"', '"string"')


CHANGES: dict[str, tuple[int, Callable[[Actions], Any]]] = {
    "another file": (1, lambda actions: the(actions, "add").update(path="evil.parquet")),
    "one file more": (1, lambda actions: [*actions, {"add": {**the(actions, "add"), "path": "evil.parquet"}}]),
    "a file outside": (1, lambda actions: the(actions, "add").update(path="file:///tmp/evil.parquet")),
    "no file": (1, without("add")),
    "the old file stays": (1, without("remove")),
    "another file is removed": (1, lambda actions: the(actions, "remove").update(path="other.parquet")),
    "another size": (1, lambda actions: the(actions, "add").update(size=1)),
    "other rows": (1, lambda actions: the(actions, "add").update(stats='{"numRecords": 1}')),
    "statistics of values": (1, lambda actions: the(actions, "add").update(stats='{"numRecords": 8, "minValues": {"kwh": 5}, "maxValues": {"kwh": 5}}')),
    "no statistics": (1, lambda actions: the(actions, "add").update(stats=None)),
    "statistics that are none": (1, lambda actions: the(actions, "add").update(stats="{bro")),
    "deleted rows": (1, lambda actions: the(actions, "add").update(deletionVector={"storageType": "u", "pathOrInlineDv": "x", "sizeInBytes": 1, "cardinality": 1})),
    "values of a partition": (1, lambda actions: the(actions, "add").update(partitionValues={"kwh": "1"})),
    "another application": (1, lambda actions: the(actions, "txn").update(appId="other")),
    "no application": (1, without("txn")),
    "a later sequence": (1, lambda actions: the(actions, "txn").update(version=3)),
    "an earlier sequence": (1, lambda actions: the(actions, "txn").update(version=1)),
    "a sequence that is text": (1, lambda actions: the(actions, "txn").update(version="2")),
    "renamed columns": (0, renamed),
    "columns of another type": (0, retyped),
    "columns under other names": (0, mapped),
    "partitions": (0, lambda actions: the(actions, "metaData").update(partitionColumns=["kwh"])),
    "another format": (0, lambda actions: the(actions, "metaData").update(format={"provider": "csv"})),
    "no columns": (0, without("metaData")),
    "no protocol": (0, without("protocol")),
    "a newer protocol": (0, lambda actions: the(actions, "protocol").update(minReaderVersion=2)),
    "a protocol with features": (0, lambda actions: the(actions, "protocol").update(minReaderVersion=3, minWriterVersion=7, readerFeatures=["columnMapping"], writerFeatures=["columnMapping"])),
    "the protocol again": (1, lambda actions: [*actions, {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}]),
    "an unknown action": (1, lambda actions: [*actions, {"domainMetadata": {"domain": "x", "configuration": "", "removed": False}}]),
    "two actions in one": (1, lambda actions: [*actions[:-1], {**actions[-1], "add": the(actions, "add")}]),
    "an action twice": (1, lambda actions: [*actions, actions[-1]]),
    "an action that is a list": (1, lambda actions: [*actions, {"add": []}]),
    "a path that is a number": (1, lambda actions: the(actions, "add").update(path=1)),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_commit_that_says_something_else_is_named(home: SampleHome, change: str) -> None:
    number, how = CHANGES[change]
    rewritten(home.root / TABLE, number, how)
    (told,) = problems(home)
    assert "data set 'readings'" in told
    assert f"_delta_log/{number:020}.json" in told
    assert "unexpected" not in told


def test_a_key_that_is_written_twice_is_named(home: SampleHome) -> None:
    file = home.root / TABLE / "_delta_log" / f"{1:020}.json"
    file.write_text(file.read_text().replace('"size":', '"path":"evil.parquet","size":', 1))
    (told,) = problems(home)
    assert "cannot be read" in told


def foreign(table: Path) -> str:
    add = the(
        [
            json.loads(line)
            for line in (table / "_delta_log" / f"{1:020}.json").read_text().splitlines()
        ],
        "add",
    )
    return json.dumps({"add": {**add, "path": "evil.parquet"}})


def moved(table: Path, *, first: int) -> None:
    """Make room for a commit of that number."""
    for number in range(1, first - 1, -1):
        (table / "_delta_log" / f"{number:020}.json").rename(
            table / "_delta_log" / f"{number + 1:020}.json"
        )


@pytest.mark.parametrize("number", [0, 1, 2], ids=["before", "between", "after"])
@pytest.mark.parametrize("which", ["versions", "features"])
def test_a_commit_that_is_not_ours_is_named_wherever_it_lies(
    home: SampleHome, number: int, which: str
) -> None:
    table = home.root / "lake" / "readings" / which
    text = foreign(table)
    moved(table, first=number)
    (table / "_delta_log" / f"{number:020}.json").write_text(text)
    (told,) = problems(home)
    assert f"{which}/_delta_log/{number:020}.json" in told


@pytest.mark.parametrize(
    "action",
    [
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["timestampNtz"],
                "writerFeatures": ["timestampNtz"],
            }
        },
        {"commitInfo": {"operation": "VACUUM"}},
        {"txn": {"appId": "assay", "version": 3}},
        {"txn": {"appId": "assay", "version": 2}},
        {"txn": {"appId": "assay", "version": -1}},
        {"metaData": {"id": "x", "schemaString": "{}"}},
    ],
    ids=[
        "protocol",
        "nothing",
        "a version to come",
        "a version again",
        "a negative version",
        "columns",
    ],
)
def test_a_commit_without_files_that_is_not_ours_is_named_too(
    home: SampleHome, action: dict[str, Any]
) -> None:
    (home.root / TABLE / "_delta_log" / f"{2:020}.json").write_text(json.dumps(action))
    (told,) = problems(home)
    assert f"{2:020}.json" in told


@pytest.mark.parametrize(
    "name",
    [
        f"{1:020}.checkpoint.parquet", f"{99:020}.checkpoint.parquet", f"{1:020}.checkpoint.0000000001.0000000001.parquet", "_last_checkpoint", f"{0:020}.{1:020}.compacted.json",
        f"{1:020}.crc", "1.json", f"{5:020}.json", "_sidecars", "notes.txt", ".hidden",
    ],
)  # fmt: skip
def test_a_file_of_the_log_that_is_not_ours_is_named(home: SampleHome, name: str) -> None:
    (home.root / TABLE / "_delta_log" / name).write_text('{"version":1,"size":1}')
    (told,) = problems(home)
    assert "_delta_log/" in told
    assert "data set 'readings'" in told


def test_a_checkpoint_of_another_writer_is_named(home: SampleHome) -> None:
    from deltalake import DeltaTable

    DeltaTable(str(home.root / TABLE)).create_checkpoint()
    (told,) = problems(home)
    assert "checkpoint" in told


# -- checkpoints of our own, and time ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_log(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[int, delta_log.Expected]]:
    """A table of 101 versions, whose log has the checkpoint that the library writes at each hundredth."""
    from assay.assets.io.lake import Lake

    root = tmp_path_factory.mktemp("long")
    lake, table = Lake(root), root / "long" / "versions"
    frame = pl.DataFrame({"a": [1]})
    expected = {}
    for sequence in range(1, 102):
        file = table / f"f{sequence}" / "p.parquet"
        file.parent.mkdir(parents=True)
        frame.write_parquet(file)
        size = file.stat().st_size
        lake.commit_delta(
            table, sequence, [(f"f{sequence}/p.parquet", size, 1)], frame.schema, "a note"
        )
        schema = delta_log.schema_of(frame.to_arrow().schema)
        expected[sequence] = delta_log.Expected(
            f"1.{sequence}.0", {f"f{sequence}/p.parquet": (size, 1)}, schema
        )
    return table, expected


def test_the_checkpoints_of_the_library_are_compared_too(
    long_log: tuple[Path, dict[int, delta_log.Expected]], tmp_path: Path
) -> None:
    table, expected = long_log
    assert delta_log.check(table, expected, complete=True) == 101
    copy = shutil.copytree(table, tmp_path / "long" / "versions")
    (checkpoint,) = (copy / "_delta_log").glob("*.checkpoint.parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(checkpoint)
    changed = [
        {**row, "add": {**row["add"], "path": "f1/p.parquet"}} if row["add"] else row
        for row in rows.to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(changed, schema=rows.schema), checkpoint)
    with pytest.raises(EvidenceError, match="contradicts the commits"):
        delta_log.check(copy, expected, complete=True)
    checkpoint.write_bytes(b"PAR1")
    with pytest.raises(EvidenceError, match="cannot be read"):
        delta_log.check(copy, expected, complete=True)
    checkpoint.unlink()
    with pytest.raises(EvidenceError, match="_last_checkpoint"):
        delta_log.check(copy, expected, complete=True)


def test_a_log_of_many_versions_is_compared_in_a_second_or_so(
    long_log: tuple[Path, dict[int, delta_log.Expected]],
) -> None:
    import time

    table, expected = long_log
    since = time.process_time()
    delta_log.check(table, expected, complete=True)
    assert time.process_time() - since < 1.0  # a hundred; each is read once


# -- delivering into a damaged log --------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1], ids=["first", "newest"])
@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage != "one byte changed"])
def test_a_damaged_log_delays_its_own_commit_and_nothing_else(
    home: SampleHome, capfd: pytest.CaptureFixture[str], which: int, damage: str
) -> None:
    log = home.root / TABLE / "_delta_log"
    DAMAGES[damage](log / f"{which:020}.json")
    home.deliver(FIRST + "2026-01-09T00:00:00Z,M1,9\n2026-01-10T00:00:00Z,M2,9\n")
    made = home.published()
    assert made.row.version == "1.2.0"
    assert home.open().scan(made.row).collect().height == 9
    assert (home.root / "evidence/readings/1.2.0.dsse.json").is_file()
    waiting = home.open().registry.outbox.pending()
    if (which, damage) == (1, "deleted"):
        assert waiting == []  # to the log itself, a version is missing at its end; verify tells
    else:
        assert [(entry.kind, entry.tries, entry.error) for entry in waiting] == [
            ("delta", 1, "EvidenceError")
        ]
        assert "_delta_log" in waiting[0].reason
    assert any("_delta_log" in each for each in problems(home))
    assert "panicked" not in capfd.readouterr().err


def test_a_log_that_was_removed_is_written_again_with_the_next_version(home: SampleHome) -> None:
    from deltalake import DeltaTable

    log = home.root / TABLE / "_delta_log"
    shutil.rmtree(log)
    assert any("the Delta log has no commit of 1.0.0" in each for each in problems(home))
    home.deliver(FIRST + "2026-01-09T00:00:00Z,M1,9\n2026-01-10T00:00:00Z,M2,9\n")
    home.published()
    assert problems(home) == []
    rows = [
        DeltaTable(str(log.parent), version=number).to_pyarrow_dataset().count_rows()
        for number in range(3)
    ]
    assert rows == [7, 8, 9]


def test_columns_of_timestamps_without_a_zone_may_come_later(
    installation: SampleHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deltalake import DeltaTable

    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    installation.published()
    seen = {"name": "seen", "logicalType": "timestamp", "logicalTypeOptions": {"timezone": False}}
    installation.promise(
        lambda data: (data.update(version="1.1.0"), data["schema"][0]["properties"].append(seen))
    )
    installation.deliver(
        "meter,energy_kwh,tariff,seen\nM1,1.5,day,2026-01-01T00:00:00\nM2,2.5,night,2026-01-02T00:00:00\n"
    )
    installation.published()
    assert problems(installation) == []
    table = installation.root / TABLE
    assert [field.name for field in DeltaTable(str(table)).schema().fields][-1] == "seen"
    (table / "_delta_log" / f"{2:020}.json").unlink()  # the step that let them in, alone
    assert any(f"{1:020}.json" in each for each in problems(installation))
