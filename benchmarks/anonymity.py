"""k, l and t of seeded tables, held against pyCANON's: `make benchmark-anonymity`, which makes an environment for it, since it pins an older pandas.

Whole numbers and categories of at least two values, without nulls: pyCANON divides by nothing where there is one value, and takes no nulls.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from typing import Any

import polars as pl

from assay.contracts.model import Measure
from assay.pipelines.core.engine import run_together
from assay.pipelines.validate.anonymity import measured

BY = ("area", "age")
ASKED = [
    ("k", None, False),
    ("l", "disease", False),
    ("t", "disease", False),
    ("t", "salary", True),
]
THEIRS = """
import json, sys
import pandas as pd
from pycanon import anonymity
for line in sys.stdin:
    table = pd.DataFrame(json.loads(line))
    by = ["area", "age"]
    print(json.dumps([
        int(anonymity.k_anonymity(table, by)), int(anonymity.l_diversity(table, by, ["disease"])),
        float(anonymity.t_closeness(table, by, ["disease"])), float(anonymity.t_closeness(table, by, ["salary"])),
    ]))
"""


def tables(count: int) -> list[dict[str, list[Any]]]:
    """Small tables, so that every kind of class occurs: alone, uniform, mixed."""
    chance, made = random.Random(7), []
    while len(made) < count:
        rows = chance.randint(2, 40)
        table = {
            "area": [chance.choice("ABC") for _ in range(rows)],
            "age": [chance.choice(["2*", "3*"]) for _ in range(rows)],
            "disease": [
                chance.choice(["flu", "gastritis", "bronchitis", "none"]) for _ in range(rows)
            ],
            "salary": [chance.randint(3, 11) for _ in range(rows)],
        }
        if len(set(table["disease"])) > 1 and len(set(table["salary"])) > 1:
            made.append(table)
    return made


def main() -> None:
    """Both, over the same tables. Raises: SystemExit: they differ."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument(
        "--pycanon", required=True, help="the Python of an environment with pycanon"
    )
    options.add_argument("--tables", type=int, default=500)
    given = options.parse_args()
    made = tables(given.tables)
    done = subprocess.run(
        [given.pycanon, "-c", THEIRS],
        input="".join(json.dumps(each) + "\n" for each in made),
        capture_output=True,
        text=True,
        check=True,
    )
    measures = [
        Measure.model_validate(
            {"what": what, "quasi_identifiers": BY, "sensitive": sensitive, "numeric": numeric}
        )
        for what, sensitive, numeric in ASKED
    ]
    differ = []
    for number, (table, line) in enumerate(zip(made, done.stdout.splitlines(), strict=True)):
        ours = [
            answer.item()
            for answer in run_together(
                [measured(pl.LazyFrame(table), measure) for measure in measures]
            )
        ]
        differ += [
            (number, what, sensitive, mine, its)
            for (what, sensitive, _), mine, its in zip(ASKED, ours, json.loads(line), strict=True)
            if abs(mine - its) > 1e-9
        ]
    print(
        f"{given.tables} tables, {len(ASKED)} measures each: {len(differ)} differ from pyCANON's {differ[:5] or ''}"
    )
    if differ:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
