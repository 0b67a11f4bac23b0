"""Near-duplicate records found without examples, beside the scores of others on the same sets.

Run: `python benchmarks/duplicates.py`. The sets are looked for in ../shared/data/duplicates and left out where they are not. Nothing is tuned for any of them: the step
`near_duplicates` as a contract writes it without settings; two tables are linked by the same machinery. With `--rows N …` made-up tables of N rows instead, of records and of
texts (`near_duplicate_texts`), each in a process of its own, for time and memory: what grows tenfold where the rows do is not quadratic.
Tables: precision, recall, F1 over pairs, after closing found pairs into groups (one table); the share of true pairs among the candidates. Pairs: F1 of the matches on the
rows with `split` = test, the threshold, and how much the words of the whole record count, chosen on train and valid; the weights are learned on all pairs without a label. Beside it the F1 over all
pairs by five folds, ours and that of the shared words alone (token Jaccard), as a test set with 14 matches says little.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from assay.contracts.steps import NearDuplicates, NearDuplicateTexts
from assay.pipelines.clean import record_matching as linkage
from assay.pipelines.clean.blocking import nearest, normal
from assay.pipelines.clean.near_records import RECORDS
from assay.pipelines.clean.near_texts import TEXTS
from assay.pipelines.clean.step_spec import Kind
from assay.pipelines.core.engine import run
from assay.pipelines.core.frames import ROW

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "duplicates"
STEP = NearDuplicates(step="near_duplicates")
REFERENCE = {
    "restaurants": ".881 / .929 / .904 token Jaccard, best threshold", "febrl1": "1.000 / .998 / .999 token Jaccard, best threshold",
    "dblp_acm": ".989 / .992 / .991 token Jaccard, best threshold", "restaurants_two_tables": ".788 / 1.000 / .881 pyJedAI, best; .438 / .944 / .598 token Jaccard",
    "fodors_zagats": "1.000 token Jaccard", "beer": ".897 token Jaccard", "dblp_acm pairs": ".932 token Jaccard", "dblp_acm_dirty": ".931 token Jaccard",
}  # fmt: skip
Pairs = set[tuple[int, int]]
console = Console(width=170)


def peak_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scored(found: Pairs, true: Pairs) -> str:
    """Precision, recall, F1."""
    right = len(found & true)
    precision, recall = right / max(len(found), 1), right / len(true)
    return f"{precision:.3f} / {recall:.3f} / {2 * precision * recall / max(precision + recall, 1e-9):.3f}"


# -- tables ---------------------------------------------------------------------------------------


def one_table(name: str) -> tuple[pl.DataFrame, Pairs]:
    """Records without their key, and the true pairs by place."""
    table, truth = (
        pl.read_parquet(SHARED / name / "table.parquet"),
        pl.read_parquet(SHARED / name / "gt_pairs.parquet"),
    )
    key, *columns = table.columns
    at = {value: number for number, value in enumerate(table[key])}
    return table.select(columns), {
        (min(at[a], at[b]), max(at[a], at[b])) for a, b in truth.iter_rows()
    }


def two_tables(name: str) -> tuple[pl.DataFrame, Pairs, int]:
    """Records of both, one below the other, the true pairs by place, and how many are the first's."""
    first, second, truth = (
        pl.read_parquet(SHARED / name / f"{part}.parquet") for part in ("A", "B", "gt")
    )
    return (
        pl.concat([first, second]).drop("id"),
        {(int(a), int(b) + first.height) for a, b in truth.iter_rows()},
        first.height,
    )


def grouped(records: pl.DataFrame, kind: Kind = RECORDS, step: Any = STEP) -> Pairs:
    """The step, as a contract runs it: every pair of each group."""
    learning = kind.fit(
        step,
        records.with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64)).lazy(),
        dict.fromkeys(records.columns),
    )  # type: ignore[arg-type]  # names will do
    try:
        plans = next(learning)
        while True:
            plans = learning.send({name: run(plan) for name, plan in plans.items()})
    except StopIteration as done:
        groups = done.value.tables["clusters"].group_by("cluster").agg(pl.col(ROW).sort())[ROW]
        return {pair for group in groups for pair in combinations(group, 2)}


def table_row(name: str) -> list[str]:
    """Measure one set."""
    records, true, sides = (
        (*one_table(name), None) if (SHARED / name / "table.parquet").exists() else two_tables(name)
    )
    texts = records.select(normal(column).alias(column) for column in records.columns)
    side = None if sides is None else np.arange(records.height) >= sides
    candidates = nearest(texts, texts.columns, side)
    kept = len(set(candidates.select("left", "right").iter_rows()) & true) / len(true)
    started = time.perf_counter()
    if side is None:
        found = grouped(records)
    else:
        found = set(
            linkage.links(
                texts, texts.columns, certainty=STEP.certainty, at_least=STEP.at_least, sides=side
            )
            .select("left", "right")
            .iter_rows()
        )
    seconds = time.perf_counter() - started
    return [
        name,
        f"{records.height:,}",
        scored(found, true),
        f"{kept:.4f}",
        f"{candidates.height:,}",
        f"{seconds:.1f}",
        f"{peak_mb():.0f}",
        REFERENCE[name],
    ]


# -- labelled pairs ---------------------------------------------------------------------------------


def pairs_row(file: Path) -> list[str]:
    """Measure one set of labelled pairs."""
    labelled = pl.read_parquet(file)
    sides = [[json.loads(text) for text in labelled[side]] for side in ("left", "right")]
    columns = [
        name
        for name in dict.fromkeys(key for side in sides for record in side for key in record)
        if name != "class"
    ]  # `class` is the answer in disguise
    records = pl.DataFrame(
        [{name: record.get(name) for name in columns} for side in sides for record in side],
        schema=dict.fromkeys(columns, pl.String),
    )
    texts = records.select(normal(column).alias(column) for column in columns).with_columns(
        pl.concat_str(columns, separator=" ").alias("whole")
    )
    started = time.perf_counter()
    each = texts.unique(maintain_order=True).with_row_index("at")
    at = texts.join(each, on=texts.columns, how="left", maintain_order="left")["at"]
    pairs = pl.DataFrame({"left": at[: labelled.height], "right": at[labelled.height :]})
    levels = linkage.compared(each, pairs, texts.columns)
    likeness = shared_words(each, pairs)
    nearest_pairs = linkage.mutual(pairs, likeness)
    evidence = linkage.learned(levels[nearest_pairs], levels[~nearest_pairs]).evidence(levels)
    label, test = labelled["label"].to_numpy() == 1, (labelled["split"] == "test").to_numpy()
    # how much the words of the whole count beside its cells, and the threshold, are chosen on train and valid
    choices = [
        (weight, least)
        for weight in (0, 1, 10, 100)
        for least in np.unique(evidence[~test] + weight * likeness[~test])
    ]
    weight, least = max(
        choices,
        key=lambda choice: _f1(
            evidence[~test] + choice[0] * likeness[~test] >= choice[1], label[~test]
        ),
    )
    reached = _f1(evidence[test] + weight * likeness[test] >= least, label[test])
    name = file.stem if file.stem != "dblp_acm" else "dblp_acm pairs"
    folds = (
        across_folds([evidence + weight * likeness for weight in (0, 1, 10, 100)], label),
        across_folds([likeness], label),
    )
    return [
        name,
        f"{labelled.height:,}",
        f"{reached:.3f}; by folds {folds[0]:.3f}, {folds[1]:.3f}",
        "",
        "",
        f"{time.perf_counter() - started:.1f}",
        f"{peak_mb():.0f}",
        REFERENCE[name],
    ]


def shared_words(records: pl.DataFrame, pairs: pl.DataFrame) -> np.ndarray:
    """The share of words that two records have in common, of all that either has: what blocking measures where pairs are not given."""
    words = records["whole"].str.split(" ").list.unique()
    both = pl.DataFrame(
        {"left": words.gather(pairs["left"]), "right": words.gather(pairs["right"])}
    )
    common = pl.col("left").list.set_intersection("right").list.len()
    return (
        both.select(common / (pl.col("left").list.len() + pl.col("right").list.len() - common))
        .to_series()
        .to_numpy()
    )


def across_folds(scores: list[np.ndarray], label: np.ndarray) -> float:
    """F1 over all pairs, each judged by a score and a threshold chosen on four fifths of the others: the few matches of one test set are a matter of luck."""
    fold, found = (
        np.random.default_rng(0).integers(0, 5, len(label)),
        np.zeros(len(label), dtype=bool),
    )
    for number in range(5):
        seen = fold != number
        choices = [
            (score, least)
            for score in scores
            for least in np.quantile(score[seen], np.linspace(0, 1, 1_001))
        ]
        score, least = max(
            choices, key=lambda choice: _f1(choice[0][seen] >= choice[1], label[seen])
        )
        found[~seen] = score[~seen] >= least
    return _f1(found, label)


def _f1(found: np.ndarray, true: np.ndarray) -> float:
    right = (found & true).sum()
    return float(2 * right / max(found.sum() + true.sum(), 1))


# -- many rows ----------------------------------------------------------------------------------------


def made_up_records(rows: int) -> tuple[pl.DataFrame, Pairs]:
    """People, one in ten told twice with one letter wrong and one cell empty."""
    from faker import Faker

    fake, chance = Faker(["en_US", "de_DE"]), random.Random(0)
    Faker.seed(0)
    words = [
        [fake.name() for _ in range(5_000)],
        [fake.street_address() for _ in range(5_000)],
        [fake.city() for _ in range(2_000)],
    ]
    people = [
        [
            f"{chance.choice(words[0])} {chance.choice(words[0]).split()[-1]}",
            chance.choice(words[1]),
            chance.choice(words[2]),
            str(chance.randrange(10**9)),
        ]
        for _ in range(rows * 10 // 11)
    ]
    true: Pairs = set()
    for at in range(len(people) // 10):
        again = list(people[at])
        letter, empty = chance.randrange(len(again[0])), chance.randrange(1, 4)
        again[0], again[empty] = again[0][:letter] + "x" + again[0][letter + 1 :], ""
        true.add((at, len(people)))
        people.append(again)
    return pl.DataFrame(people, schema=["name", "street", "city", "phone"], orient="row"), true


def made_up_texts(rows: int) -> tuple[pl.DataFrame, Pairs]:
    """Texts of 60 words, of which few are frequent and most rare (Zipf, exponent 1.2); one in ten told twice with one word changed."""
    chance, once = np.random.default_rng(0), rows * 10 // 11
    words = np.minimum(chance.zipf(1.2, size=(once, 60)), 50_000)
    again = words[: once // 10].copy()
    again[np.arange(len(again)), chance.integers(0, 60, len(again))] = 50_001
    texts = pl.DataFrame({"text": np.concatenate([words, again])}).select(
        pl.col("text").cast(pl.List(pl.String)).list.join(" ")
    )
    return texts, {(at, once + at) for at in range(len(again))}


MADE_UP = {
    "records": (made_up_records, RECORDS, STEP),
    "texts": (made_up_texts, TEXTS, NearDuplicateTexts(step="near_duplicate_texts", column="text")),
}  # fmt: skip


def many_row(what: str, rows: int) -> list[str]:
    """Measure a made-up table; the memory is told as it was before, with the table alone, and at its peak."""
    make, kind, step = MADE_UP[what]
    made, true = make(rows)
    before, started, used = peak_mb(), time.perf_counter(), time.process_time()
    found = grouped(made, kind, step)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return [
        what,
        f"{made.height:,}",
        scored(found, true),
        f"{seconds:.1f}",
        f"{used:.1f}",
        f"{used / made.height * 1e6:.0f}",
        f"{before:.0f}",
        f"{peak_mb():.0f}",
    ]


def print_many(sizes: list[int]) -> None:
    """Measure both kinds at every size, each in a process of its own, so that the peak is its own."""
    table = Table(
        "made up", "rows", "P / R / F1", "s", "s of CPU", "µs of CPU a row", "MB before", "peak MB"
    )
    for what in MADE_UP:
        for rows in sizes:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                table.add_row(*alone.submit(many_row, what, rows).result())
    console.print(table)


def main() -> None:
    """Print what was measured."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="*", default=[])
    wanted = arguments.parse_args()
    if wanted.rows:
        print_many(wanted.rows)
        return
    table = Table(
        "set",
        "rows or pairs",
        "P / R / F1, or test F1",
        "kept by blocking",
        "candidates",
        "s",
        "peak MB",
        "reference",
    )
    for name in ("restaurants", "febrl1", "dblp_acm", "restaurants_two_tables"):
        if (SHARED / name).exists():
            table.add_row(*table_row(name))
    for file in sorted((SHARED / "pairs").glob("*.parquet")):
        table.add_row(*pairs_row(file))
    console.print(table)


if __name__ == "__main__":
    main()
