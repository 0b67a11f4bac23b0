"""Two versions' files -> how they differ, counted by DuckDB, which spills to disk what does not fit
its memory.

Belongs here: the joins. Stays out: which files (assets/services/diff.py), words (assay/). No value of
a row leaves it but keys that were requested.
Source: DuckDB hash joins and aggregates out of core; `IS NOT DISTINCT FROM` treats null as a value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEMORY = "1GiB"
EXACT_ROWS = 1_000_000
"""Up to so many rows, distinct values are counted exactly."""
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
)
_TIMES = ("DATE", "TIMESTAMP", "TIME")


@dataclass(frozen=True)
class Changes:
    """Rows by key: those only the new side has, those only the old one has, and those that both
    have with other values.

    `changed` is None without a key.
    """

    added: int
    removed: int
    changed: int | None
    columns: Mapping[str, int] = field(default_factory=dict)
    """Column -> in how many of the changed rows it differs."""
    keys: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """A sample of keys, where one was requested."""


@contextmanager
def _opened(old: Sequence[Path], new: Sequence[Path], like: Sequence[Path]) -> Iterator[Any]:
    """A DuckDB with the views `a`, the old side, and `b`; a side without files has the columns of
    `like`.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="assay-diff-") as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        }
        with duckdb.connect(config=config) as connection:
            for name, files in (("a", old), ("b", new)):
                listed = ", ".join(_text(str(file)) for file in (files or like))
                nothing = "" if files else " LIMIT 0"
                connection.execute(
                    f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}]){nothing}"  # noqa: S608  # names are quoted or ours, paths are literals
                )
            yield connection


def compare(
    old: Sequence[Path],
    new: Sequence[Path],
    like: Sequence[Path],
    columns: Sequence[str],
    key: Sequence[str],
    sample: int = 0,
) -> Changes | None:
    """Count how rows differ in the columns that both sides have.

    Args:
        key: distinguishes rows; without one, equal rows are paired, and what is left was added or
            removed.
        sample: how many keys of each kind of change to return, the smallest first.
    Returns: None if the key does not tell the rows of a side apart.
    """
    if not columns:
        return None
    with _opened(old, new, like) as connection:
        if not key:
            return _as_multisets(connection, columns)
        named = ", ".join(map(_name, key))
        if any(
            _single_row(connection, f"SELECT count(*) - count(DISTINCT ({named},)) FROM {side}")  # noqa: S608  # names are quoted or ours, paths are literals
            for side in "ab"
        ):
            return None
        return _by_key(connection, columns, key, sample)


def _as_multisets(connection: Any, columns: Sequence[str]) -> Changes:
    named = ", ".join(map(_name, columns))
    sides = f"SELECT {named}, 1 AS _n FROM b UNION ALL SELECT {named}, -1 FROM a"  # noqa: S608  # names are quoted or ours, paths are literals
    groups = f"SELECT sum(_n) AS _n FROM ({sides}) GROUP BY {named}"  # noqa: S608  # names are quoted or ours, paths are literals
    added, removed = connection.execute(
        f"SELECT coalesce(sum(greatest(_n, 0)), 0), coalesce(-sum(least(_n, 0)), 0) FROM ({groups})"  # noqa: S608  # names are quoted or ours, paths are literals
    ).fetchone()
    return Changes(int(added), int(removed), None)


def _by_key(connection: Any, columns: Sequence[str], key: Sequence[str], sample: int) -> Changes:
    others = [name for name in columns if name not in key]
    differs = {name: f"(a.{_name(name)} IS DISTINCT FROM b.{_name(name)})" for name in others}
    any_differs = " OR ".join(differs.values()) or "false"
    counts = [
        f"count(*) FILTER ({any_differs})",
        *(f"count(*) FILTER ({condition})" for condition in differs.values()),
        "count(*)",
    ]
    changed, *by_column, both = connection.execute(
        f"SELECT {', '.join(counts)} FROM {_joined('JOIN', key)}"  # noqa: S608  # names are quoted or ours, paths are literals
    ).fetchone()
    rows = {side: _single_row(connection, f"SELECT count(*) FROM {side}") for side in "ab"}  # noqa: S608  # names are quoted or ours, paths are literals
    keys = {}
    if sample:
        kinds = (
            ("added", "b", "RIGHT JOIN", "a._here IS NULL"),
            ("removed", "a", "LEFT JOIN", "b._here IS NULL"),
            ("changed", "b", "JOIN", any_differs),
        )
        for kind, side, join, condition in kinds:
            joined = f"{_joined(join, key)} WHERE {condition}"
            keys[kind] = _sample_keys(connection, side, joined, key, sample)
    changed_columns = {name: count for name, count in zip(others, by_column, strict=True) if count}
    by_count = dict(sorted(changed_columns.items(), key=lambda item: -item[1]))
    return Changes(rows["b"] - both, rows["a"] - both, changed, by_count, keys)


def _joined(join: str, key: Sequence[str]) -> str:
    """SQL: both sides by their key; `_here` is null where a side lacks the row."""
    same = " AND ".join(f"a.{_name(name)} IS NOT DISTINCT FROM b.{_name(name)}" for name in key)
    old, new = (f"(SELECT *, true AS _here FROM {side}) AS {side}" for side in "ab")  # noqa: S608  # names are quoted or ours, paths are literals
    return f"{old} {join} {new} ON {same}"


def _sample_keys(
    connection: Any, side: str, joined: str, key: Sequence[str], sample: int
) -> list[dict[str, Any]]:
    """The smallest keys of the joined rows."""
    chosen = ", ".join(f"{side}.{_name(name)}" for name in key)
    rows = connection.execute(
        f"SELECT {chosen} FROM {joined} ORDER BY {chosen} LIMIT {int(sample)}"  # noqa: S608  # names are quoted or ours, paths are literals
    ).fetchall()
    return [dict(zip(key, map(_plain, row), strict=True)) for row in rows]


def statistics(files: Sequence[Path]) -> dict[str, dict[str, float | int | str | None]]:
    """Of each column: nulls and distinct values; of numbers also mean, standard deviation and
    limits, of times limits, of texts the mean length.

    The distinct values are counted exactly up to EXACT_ROWS rows (`distinct`). A larger table gets
    an estimate under another name (`distinct_about`), which is off by a few percent.
    """
    with _opened(files, files, files) as connection:
        is_small = _single_row(connection, "SELECT count(*) FROM a") <= EXACT_ROWS
        types = {row[0]: str(row[1]) for row in connection.execute("DESCRIBE a").fetchall()}
        measures = [
            (name, what, sql)
            for name, kind in types.items()
            for what, sql in _measures(_name(name), kind, exact=is_small).items()
        ]
        answers = connection.execute(
            f"SELECT {', '.join(sql for _, _, sql in measures)} FROM a"  # noqa: S608  # names are quoted or ours, paths are literals
        ).fetchone()
    columns: dict[str, dict[str, float | int | str | None]] = {name: {} for name in types}
    for (name, measure, _), answer in zip(measures, answers, strict=True):
        columns[name][measure] = round(answer, 6) if isinstance(answer, float) else _plain(answer)
    return columns


def _measures(column: str, kind: str, *, exact: bool) -> dict[str, str]:
    counts = {"nulls": f"count(*) - count({column})"}
    distinct = {"distinct_about": f"approx_count_distinct({column})"}
    if exact:
        distinct = {"distinct": f"count(DISTINCT {column})"}
    if kind.startswith(_NUMBERS) and "[" not in kind:
        double = f"{column}::DOUBLE"
        return {
            **counts,
            **distinct,
            "mean": f"avg({double})",
            "sd": f"stddev_pop({double})",
            "min": f"min({double})",
            "max": f"max({double})",
        }
    if kind.startswith(_TIMES) and "[" not in kind:
        return {
            **counts,
            **distinct,
            "min": f"min({column})::VARCHAR",
            "max": f"max({column})::VARCHAR",
        }
    if kind == "VARCHAR":
        return {
            **counts,
            **distinct,
            "mean_length": f"avg(length({column}))",
        }
    return counts


def _single_row(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
