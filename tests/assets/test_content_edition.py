"""What is published for the same source and contract stays byte for byte the same within one content edition.

`golden/content.json` holds the digests of the published files of small data sets: one for each cleaning step, each
format of a source, and one with every type. `python -m tests.assets.test_content_edition` writes it anew, for a change
that is meant: then raise CONTENT_EDITION in pipelines/publish/naming.py, and say in the changelog what is published again.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
import xlsxwriter

from assay.assets.stages.statement import deciding_files
from assay.contracts.model import LogicalType
from assay.contracts.settings import Source
from assay.lineage import evidence
from assay.pipelines.clean import steps
from assay.pipelines.publish.naming import CONTENT_EDITION
from tests.conftest import Edit, SampleHome, columns, named, setting

GOLDEN = Path(__file__).parents[1] / "golden" / "content.json"
REGENERATE = "python -m tests.assets.test_content_edition"
MEASURED = ("small", "x", "y", "day", "word", "group", "yes", "stamp")
ROWS = [
    ("1", "1.5", "2", "2024-05-01", "the quick brown fox jumps over it", "a", "true", "1 kg"),
    ("1", "1.5", "2", "2024-05-01", "the quick brown fox jumps over it", "a", "true", "1 kg"),
    ("2", "", "4", "2024-05-02", "The quick  brown fox jumps over it!", "a", "true", "2,000"),
    ("3", "3.5", "6", "2024-05-03", "the quick brown fax jumps over it", "a", "false", "03.05.2024"),
    ("4", "4.5", "8", "", "caf\u00e9 &amp; cr\u00e8me \u2019s mornings are quiet", "b", "true", "2024-05-03"),
    ("5", "5.5", "10", "2024-05-05", "see https://example.org/page for more of it", "b", "true", "-"),
    ("", "900", "12", "2024-05-06", "a short text about the weather today", "b", "", "3 kg"),
    ("7", "7.5", "14", "2024-05-07", "berlin", "b", "true", "4 kg"),
    ("8", "8.5", "16", "2024-05-08", "berlin", "a", "true", "5 kg"),
    ("9", "9.5", "18", "2024-05-09", "berlim", "a", "true", "6 kg"),
    ("10", "10.5", "-50", "2024-05-10", "berlin", "a", "false", "7 kg"),
    ("11", "n/a", "22", "2024-05-11", "", "b", "true", "8kg"),
    ("12", "12.5", "24", "2024-05-12", "Der schnelle braune Fuchs springt heute", "b", "true", "9 kg"),
    ("12", "12.5", "24", "2024-05-13", "subscribe to our letter", "b", "true", "10 kg"),
    ("13", "13.5", "26", "2024-05-14", "subscribe to our letter", "b", "true", "11 kg"),
]  # fmt: skip
COLUMNS = [
    {"name": "small", "logicalType": "integer"},
    {"name": "x", "logicalType": "number"},
    {"name": "y", "logicalType": "number"},
    {"name": "day", "logicalType": "date"},
    {"name": "word", "logicalType": "string"},
    {"name": "group", "logicalType": "string"},
    {"name": "yes", "logicalType": "boolean"},
    {"name": "stamp", "logicalType": "string"},
]
PLACES = ("city", "land", "code", "day", "note", "spare")
_CITIES = (("berlin", "de"), ("paris", "fr"), ("roma", "it"))
PLACE_ROWS = [
    *(
        (
            *_CITIES[number % 3],
            f"UT{number:06}",
            "2024-05-01",
            f"call {number}\nall rights reserved",
            "",
        )
        for number in range(100, 140)
    ),
    ("berlim", "de", "UT000140", "2024-05-01", "call 140", ""),
    ("roma", "", "UT000141", "2024-05-01", "call 141", ""),
    ("paris", "fr", "UTx000142", "2024-05-01", "call 142", ""),
    ("", "paris", "fr", "UT000143", "2024-05-01", "call 143"),
]
"""Places with a misspelling, a land that is missing, a code in another form, and a row that has moved by a column."""
PLACE_COLUMNS = [
    {"name": name, "logicalType": "date" if name == "day" else "string"} for name in PLACES
]
STEPS: dict[str, dict[str, Any]] = {
    "deduplicate": {},
    "deduplicate_by_key": {"columns": ["small"], "keep": "most_complete"},
    "near_duplicates": {"certainty": 0.5, "at_least": 2},
    "near_duplicate_texts": {"column": "word", "similarity": 0.8, "words": 2, "seed": 0},
    "fill_missing": {"columns": ["small", "x"], "method": "median", "by": ["group"]},
    "drop_missing": {"columns": ["day", "yes"], "missing": "any"},
    "outliers": {"columns": ["x", "y"], "method": "iqr", "factor": 1.5, "action": "cap"},
    "normalize": {"columns": ["word"], "unicode": "NFKC", "entities": True, "quotes": True, "case": "lower"},
    "placeholders": {"columns": ["x", "stamp"], "values": ["n/a", "-"]},
    "synonyms": {"columns": ["group"], "values": {"a": "first"}},
    "rewrite": {"columns": ["stamp"], "pattern": "([0-9]) ?kg", "to": "${1} kilogram", "unclear": "flag"},
    "numbers": {"columns": ["stamp"], "decimal": ".", "thousands": ",", "units": {"kg": 1000}, "unclear": "flag"},
    "times": {"columns": ["stamp"], "formats": ["dd.MM.yyyy"], "unclear": "flag"},
    "typos": {"columns": ["city"]},
    "shapes": {"columns": ["code"]},
    "dependencies": {"dependencies": [{"given": ["city"], "decides": "land"}]},
    "noise": {"columns": ["word"], "urls": True},
    "boilerplate": {"columns": ["note"]},
    "language": {"columns": ["word"], "keep": ["en"], "confidence": 0.5, "action": "set_aside"},
    "text_quality": {"columns": ["word"], "min_words": 2, "action": "set_aside"},
    "align": {},
}  # fmt: skip
"""Each cleaning step, with settings by which it changes or removes something here."""
ON_PLACES = ("typos", "shapes", "dependencies", "boilerplate", "align")

ORDER = {"logicalType": "object", "properties": [{"name": "id", "logicalType": "integer"}]}
TYPES: list[tuple[dict[str, Any], str]] = [
    *(({"name": f"i_{kind}", "logicalType": "integer", "logicalTypeOptions": {"format": kind}}, "7") for kind in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")),
    ({"name": "f_32", "logicalType": "number", "logicalTypeOptions": {"format": "f32"}}, "0.1"),
    ({"name": "f_64", "logicalType": "number"}, "0.1"),
    ({"name": "exact", "logicalType": "number", "physicalType": "decimal(9,2)"}, "12.30"),
    ({"name": "text", "logicalType": "string"}, "caf\u00e9"),
    ({"name": "yes", "logicalType": "boolean"}, "true"),
    ({"name": "day", "logicalType": "date"}, "2024-05-01"),
    ({"name": "clock", "logicalType": "time"}, "9:05"),
    ({"name": "at", "logicalType": "timestamp"}, "2024-05-01T10:00:00+02:00"),
    ({"name": "order", **ORDER}, '{"id": 3}'),
    ({"name": "orders", "logicalType": "array", "items": {"name": "each", **ORDER}}, '[{"id": 3}, {"id": 4}]'),
    ({"name": "counts", "logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "integer"}}}, '{"a": 1}'),
    ({"name": "place", "logicalType": "vector", "logicalTypeOptions": {"dimensions": 2, "elementType": "float32"}}, "[0.5, 1]"),
]  # fmt: skip
"""Each type, with a text of it."""


def csv_text(names: list[str], rows: list[tuple[str, ...]]) -> str:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    return "\n".join([",".join(names), *quoted]) + "\n"


FRAME = pl.DataFrame(
    {"meter": ["M1", "M2", "M3"], "energy_kwh": [1.5, 0.1, 1 / 3], "tariff": ["day", None, "night"]}
)


def _workbook(file: Path) -> None:
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("S")
        for row, cells in enumerate([FRAME.columns, *FRAME.rows()]):
            sheet.write_row(row, 0, cells)


def _database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE readings (meter TEXT, energy_kwh REAL, tariff TEXT)")
        connection.executemany("INSERT INTO readings VALUES (?, ?, ?)", FRAME.rows())


def _packed(file: Path) -> None:
    with gzip.GzipFile(file, "wb", mtime=0) as stream:
        stream.write(FRAME.write_csv().encode())


def _documents(folder: Path) -> None:
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nA text about {name}.\n")


TEXTS = columns(
    {"name": "name", "logicalType": "string"}, {"name": "text", "logicalType": "string"}
)
FORMATS: dict[str, tuple[str, str, Callable[[Path], object], list[Edit]]] = {
    "csv": ("readings.csv", "csv", FRAME.write_csv, []),
    "csv in gzip": ("readings.csv.gz", "csv", _packed, []),
    "json": ("readings.json", "json", FRAME.write_json, []),
    "jsonl": ("readings.jsonl", "jsonl", FRAME.write_ndjson, []),
    "parquet": ("readings.parquet", "parquet", FRAME.write_parquet, []),
    "arrow": ("readings.arrow", "arrow", FRAME.write_ipc, []),
    "excel": ("readings.xlsx", "excel", _workbook, []),
    "sql": ("readings.db", "sql", _database, [setting("source", options={"table": "readings"})]),
    "documents": ("texts", "documents", _documents, [TEXTS]),
}
"""Name of the case -> file below the inbox, the contract's `format`, how the file is made, and what else the contract says."""


def without_rules(data: dict[str, Any]) -> None:
    """Every row is published: what a step changes shows in the file."""
    data["schema"][0]["quality"] = []


def cases(home: SampleHome) -> dict[str, tuple[Edit, ...]]:
    """Each data set: its source is put into the inbox, and its contract is returned as edits."""
    inbox = home.root / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "measured.csv").write_text(csv_text(list(MEASURED), ROWS))
    (inbox / "places.csv").write_text(csv_text(list(PLACES), PLACE_ROWS))
    names = [column["name"] for column, _ in TYPES]
    (inbox / "types.csv").write_text(csv_text(names, [tuple(text for _, text in TYPES)]))
    made: dict[str, tuple[Edit, ...]] = {
        "every type": (
            columns(*(column for column, _ in TYPES)),
            setting("source", location="inbox/types.csv"),
            setting("cleaning", _=[]),
        )
    }
    tables = {"measured": COLUMNS, "places": PLACE_COLUMNS}
    for step, keys in {"no step": None, "no step on places": None, **STEPS}.items():
        table = "places" if step.endswith("places") or step in ON_PLACES else "measured"
        made[step if keys is None else f"step {step}"] = (
            columns(*tables[table]),
            setting("source", location=f"inbox/{table}.csv"),
            setting("cleaning", _=[] if keys is None else [{"step": step, **keys}]),
        )
    for case, (name, format, make, more) in FORMATS.items():
        make(inbox / name)
        places = {"sql": f"sqlite:inbox/{name}", "documents": f"inbox/{name}/*.md"}
        place = places.get(format, f"inbox/{name}")
        made[f"format {case}"] = (*more, setting("source", location=place, format=format))
    return made


def published(folder: Path) -> dict[str, list[str]]:
    """Case -> the digests of the files that are published of it."""
    home = SampleHome(folder)
    (home.contracts / "readings.odcs.yaml").unlink()
    digests = {}
    for case, edits in cases(home).items():
        name = case.replace(" ", "_")
        home.promise(named(name), without_rules, *edits, file=f"{name}.odcs.yaml")
        version = home.published(name)
        files = evidence.files(home.open().statement(version.row))
        digests[case] = sorted(file.sha256 for file in files)
    return digests


def content(folder: Path) -> dict[str, Any]:
    """What the golden file holds."""
    return {
        "edition": CONTENT_EDITION,
        "polars": pl.__version__,
        "published": published(folder),
    }


def test_every_step_type_and_format_is_among_the_cases() -> None:
    assert set(STEPS) == set(steps.KINDS)
    formats = get_args(Source.model_fields["format"].annotation)
    assert {format for _, format, _, _ in FORMATS.values()} == set(formats)
    types = {column["logicalType"] for column, _ in TYPES}
    assert types == set(get_args(LogicalType))


def test_what_is_published_changes_only_with_the_content_edition(tmp_path: Path) -> None:
    golden, today = json.loads(GOLDEN.read_text()), content(tmp_path)
    if golden["edition"] != today["edition"]:
        pytest.fail(
            f"CONTENT_EDITION is {today['edition']}, and the digests are of {golden['edition']}. "
            f"Make them again: {REGENERATE}"
        )
    before, now = golden["published"], today["published"]
    assert sorted(before) == sorted(now), f"Make the digests again: {REGENERATE}"
    changed = [case for case in now if now[case] != before[case]]
    polars = f" (with polars {today['polars']}; before it was {golden['polars']})"
    if changed:
        pytest.fail(
            f"Other files than before are published of: {', '.join(changed)}"
            f"{polars if today['polars'] != golden['polars'] else ''}. "
            "Existing data sets are published again only where the edition is raised: "
            f"raise CONTENT_EDITION in pipelines/publish/naming.py, then: {REGENERATE}"
        )


def test_each_step_changes_what_is_published() -> None:
    """Else a changed step would not show."""
    digests = json.loads(GOLDEN.read_text())["published"]
    plain = [digests["no step"], digests["no step on places"]]
    assert [step for step in STEPS if digests[f"step {step}"] in plain] == []


def test_the_first_edition_keeps_the_keys_of_homes_that_are_there() -> None:
    """Up to release 0.1.0 a key held the package's version: with the same text in its place nothing is published again."""
    from assay.pipelines.publish.naming import Inputs

    key = "19c50925dd7e3e4186eb9c14882e86a30b804675f94c0deee16aa7f1503c6ba9"
    assert Inputs("readings", "s", None, "c", "p", "0.1.0").key == key


@pytest.mark.parametrize("name", ["words.txt", "units.yaml", "schema.json", "code.py"])
def test_the_digest_of_the_code_covers_its_data_files_and_no_contract(
    tmp_path: Path, name: str
) -> None:
    import shutil

    from assay.assets.stages import statement

    root = Path(statement.__file__).parents[2]
    for part in statement._DECIDING:
        source, target = root / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    relative = [str(file.relative_to(root)) for file in deciding_files(root)]
    assert [str(file.relative_to(tmp_path)) for file in deciding_files(tmp_path)] == relative
    (tmp_path / "contracts" / "policies" / name).write_text("x")
    (tmp_path / "contracts" / "mine.odcs.yaml").write_text("x")
    added = {str(file.relative_to(tmp_path)) for file in deciding_files(tmp_path)} - set(relative)
    assert added == {f"contracts/policies/{name}"}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(content(Path(folder)), indent=1, sort_keys=True)
    GOLDEN.write_text(text + "\n")
