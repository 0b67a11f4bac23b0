"""Errors found and repaired in dirty tables with a clean copy: python benchmarks/errors.py [--labelled 20] [FOLDER] [SET …]

Each table is drafted as `assay new` would, cleaned by the steps that `assay clean suggest` proposes, and held against its clean copy, cell by cell; nothing is
set by hand for a table, and the tables' names and columns are not known to the code. But the steps' defaults were chosen while looking at the errors of these very
tables (hospital, beers, tax and some of data.gov's), so the figures are not those of tables that nobody has seen. Privacy settings of the draft are left out: no
person is in these tables.

With `--labelled N`, N rows a table, which the code chooses as `assay clean suggest --ask` does, are given as their clean copy says, as `--corrected` hands them in; the scores
are those of all other rows.

With `--clean-copies` the clean copies are cleaned too: every change there is wrong, and is counted as `changed_in_clean`. `broken_by` counts the broken cells by step.

`names` are made: right names of Faker's lists, a few often and many rarely, with and without a code that goes with each, and a slip in one cell of 200; chosen after the code was written.

How it is counted (the convention of Raha and Baran): all is text, HTML unescaped, white space squeezed and stripped, columns aligned by position.
Flagged is a cell that a step changed, or noted by its column's name, or whose row a step noted or took out that looks at that column alone. The draft's rules hold on the
dirty rows by how it is made, so they flag nothing. A change is right when the new value is the clean one. `broken` are correct cells silently changed.
"""

from __future__ import annotations

import argparse
import html
import importlib
import json
import random
import time
import zlib
from collections import Counter
from pathlib import Path

import polars as pl
import yaml

from assay.contracts.load import load
from assay.contracts.model import Contract
from assay.pipelines.clean import steps, suggest
from assay.pipelines.clean.trials import fit_in_memory
from assay.pipelines.core.engine import run
from assay.pipelines.core.frames import CHANGED, FLAGGED_BY, REMOVED_BY, ROW, SET_ASIDE_BY
from assay.pipelines.draft.license import LicenseFound
from assay.pipelines.draft.null_values import without
from assay.pipelines.draft.profile import profile
from assay.pipelines.draft.propose import draft
from assay.pipelines.draft.settings import Origin

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "errors"
SETS = (
    "hospital",
    "beers",
    "tax",
    "dgov/numeric_outliers",
    "dgov/typos",
    "dgov/fd_violations",
    "dgov/mixed",
    "names",
)
NAMES = [
    (of, locale)
    for of in ("last_names", "first_names")
    for locale in ("en_US", "de_DE", "es_ES", "cs_CZ", "it_IT", "fr_FR", "pt_BR", "sv_SE")
]
REFERENCE = {
    "hospital": "detection .72 Raha, 1.00 Rotom (20 labelled rows each); repair .59–.62 Baran, .17 HoloClean",
    "beers": "detection .99 Raha, .99 Rotom; repair .91–.97 Baran, .00 HoloClean",
    "tax": "detection .91 Raha, .99 Rotom (on the full table)",
}


def main(folder: Path, sets: list[str], labelled: int, clean_copies: bool) -> None:
    """Measure every set, and print a line a set and the plain mean."""
    scores = []
    for name in sets:
        started, total = time.perf_counter(), Counter[Key]()
        for table in _name_tables() if name == "names" else _tables(folder / name):
            total += measured(*table, labelled)
            if clean_copies:
                total += _changed_in_clean(table[1])
        scores.append(_scores(total))
        print(
            json.dumps(
                {
                    "set": name,
                    "labelled": labelled,
                    **scores[-1],
                    **{key: count for key, count in total.items() if isinstance(key, str)},
                    "broken_by": {key[1]: n for key, n in total.items() if isinstance(key, tuple)},
                    "seconds": round(time.perf_counter() - started, 1),
                    "reference": REFERENCE.get(name, "none published"),
                }
            ),
            flush=True,
        )
    print(
        json.dumps(
            {
                "set": "plain mean",
                **{
                    key: round(sum(one[key] for one in scores) / len(scores), 4)
                    for key in scores[0]
                },
            }
        )
    )


def _name_tables() -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Tables of a list of names each, once alone and once with a code, with slips and without."""
    tables = []
    for of, locale in NAMES:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        rng = random.Random(f"{of} {locale}")
        listed = rng.sample(names := sorted(set(getattr(provider, of))), min(len(names), 1_500))
        weights = [1 / rank for rank in range(1, len(listed) + 1)]
        right = rng.choices(listed, weights, k=6_000)
        written = [_slip(name, rng) if rng.random() < 0.005 else name for name in right]
        codes = [f"{zlib.crc32(name.encode()):x}" for name in right]
        for more in ({}, {"code": codes}):
            clean, dirty = ({"name": values, **more} for values in (right, written))
            tables.append((pl.DataFrame(dirty), pl.DataFrame(clean)))
    return tables


def _slip(name: str, rng: random.Random) -> str:
    """The name with a letter lost, doubled, changed, or swapped with the next one."""
    at = rng.randrange(len(name))
    here, after = name[at], name[at + 1 :]
    other = rng.choice("abcdefghijklmnopqrstuvwxyz")
    return name[:at] + rng.choice(
        [after, here + here + after, other + after, after[:1] + here + after[1:]]
    )


def _tables(folder: Path) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    if (folder / "dirty.csv").exists():
        return [
            tuple(
                pl.read_csv(folder / f"{which}.csv", infer_schema=False, empty_string_is_null=False)
                for which in ("dirty", "clean")
            )
        ]  # type: ignore[list-item]
    return [
        (pl.read_parquet(one / "dirty.parquet"), pl.read_parquet(one / "clean.parquet"))
        for one in sorted(folder.iterdir())
        if one.is_dir()
    ]


def drafted(rows: pl.LazyFrame, names: list[str]) -> tuple[Contract, pl.LazyFrame]:
    """The contract that `assay new` drafts, and the rows as they land by it."""
    seen = profile(rows, names)
    text = draft(
        seen,
        "table",
        Origin("table.csv", "csv", "0" * 64),
        LicenseFound("CC0-1.0", "none", "said"),
        "bench@example.com",
    ).text
    document = yaml.safe_load(text)
    for column in document["schema"][0]["properties"]:
        column.pop("classification", None)
    for entry in document["customProperties"]:
        if entry["property"] == "assay.privacy":
            entry["value"].pop("columns", None)
    return load(yaml.safe_dump(document, sort_keys=False), "table.odcs.yaml"), without(
        rows, seen.null_values
    )


Key = str | tuple[str, str]
"""What is counted, or `broken` with the step that broke it."""


def _changed_in_clean(clean: pl.DataFrame) -> Counter[Key]:
    """How many cells of a table without errors are changed, and of how many."""
    counts = measured(clean, clean)
    return Counter(changed_in_clean=counts["changed"], cells_in_clean=counts["right"])


def measured(dirty: pl.DataFrame, clean: pl.DataFrame, labelled: int = 0) -> Counter[Key]:
    """Count the cells of one table: errors, flagged, found, changed, repaired, right, broken; of the rows that nobody has put right."""
    names = [f"c{index}" for index in range(dirty.width)]
    dirty, clean = (
        frame.rename(dict(zip(frame.columns, names, strict=True))).select(
            pl.col(names).cast(pl.String)
        )
        for frame in (dirty, clean)
    )
    rows = _numbered(dirty)
    contract, landed = drafted(rows.lazy(), names)
    asked = (
        suggest.rows_to_correct(landed, contract, count=labelled)[ROW]
        if labelled
        else pl.Series(dtype=pl.Int64)
    )
    right = _numbered(clean).filter(pl.col(ROW).is_in(asked.implode())) if labelled else None
    proposed = [proposal.step for proposal in suggest.suggested(landed, contract, right=right)]
    contract = contract.model_copy(
        update={"cleaning": tuple(sorted(proposed, key=lambda step: step.phase == "value"))}
    )
    fitted = fit_in_memory(steps.fitting(landed, landed, contract))
    on_text = {
        index: one for index, one in enumerate(fitted) if contract.cleaning[index].phase == "text"
    }
    *_, (_, frame) = steps.stages(landed, contract, on_text, read_too=False)
    after, judged = run(frame), run(steps.repaired(landed, contract, fitted))
    alone = {
        name: [
            steps.label(index, step)
            for index, step in enumerate(contract.cleaning)
            if step.reads == (name,)
        ]
        for name in names
    }
    marks = [mark for mark in after.columns if mark.startswith(CHANGED)]
    counts: Counter[Key] = Counter()
    unseen = ~rows[ROW].is_in(asked.implode())
    judged = judged.filter(unseen)
    for name in names:
        was, wanted, now = (_plain(frame[name].filter(unseen)) for frame in (dirty, clean, after))
        wrong, changed = was != wanted, was != now
        out = (
            judged[REMOVED_BY].is_in(alone[name]) | judged[SET_ASIDE_BY].is_in(alone[name])
        ).fill_null(False)
        flagged = (
            changed
            | out
            | judged[FLAGGED_BY]
            .list.eval(pl.element().is_in(alone[name]) | pl.element().str.ends_with(f": {name}"))
            .list.any()
            .fill_null(False)
        )
        counts += Counter(
            errors=wrong.sum(), flagged=flagged.sum(), found=(flagged & wrong).sum(), changed=changed.sum(), repaired=(changed & (now == wanted)).sum(),
            right=(~wrong).sum(), broken=(changed & ~wrong).sum(),
        )  # fmt: skip
        for mark in (mark for mark in marks if steps.what(mark)[1] == name):
            by = ("broken", steps.what(mark)[0].split(" ")[-1])
            counts[by] += int((after[mark].filter(unseen) & changed & ~wrong).sum())
    return counts


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows as they land: numbered from 2, null where there is nothing."""
    return (
        frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
        .with_row_index(ROW, 2)
        .with_columns(pl.col(ROW).cast(pl.Int64))
    )


def _plain(values: pl.Series) -> pl.Series:
    unescaped = pl.Series([html.unescape(value) for value in values.fill_null("")], dtype=pl.String)
    return unescaped.str.replace_all(r"\s+", " ").str.strip_chars()


def _scores(counts: Counter[Key]) -> dict[str, float]:
    detection = (
        _ratio(counts["found"], counts["flagged"]),
        _ratio(counts["found"], counts["errors"]),
    )
    repair = (
        _ratio(counts["repaired"], counts["changed"]),
        _ratio(counts["repaired"], counts["errors"]),
    )
    named = {
        f"{what}_{key}": round(value, 4)
        for what, both in (("detection", detection), ("repair", repair))
        for key, value in zip(("precision", "recall", "f1"), (*both, _harmonic(*both)), strict=True)
    }
    return {**named, "broken_share": round(_ratio(counts["broken"], counts["right"]), 6)}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", type=int, default=0)
    parser.add_argument("--clean-copies", action="store_true")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    said = parser.parse_args()
    main(said.folder, said.sets, said.labelled, said.clean_copies)
