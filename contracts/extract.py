"""A contract's query for what a database hands over -> the same query, let through word by word, in
that database's dialect.

Belongs here: the allow-list for extracts. Stays out: the allow-list for rules (sql.py, whose words
these are), running it (assets/io/sources/databases.py).
"""

from __future__ import annotations

import re
from typing import Any

from assay.contracts.sql import MAX_CHARACTERS, allowed_nodes, describe_node, scalar_types

NO_EXTRACT = (
    "Write one plain SELECT over tables, "
    "such as `SELECT id, amount FROM sales.orders WHERE amount > 0`"
)
_INTERNAL = re.compile(
    r"^(pg_|sqlite_|duckdb_|(information_schema|performance_schema|mysql|sys)$)", re.IGNORECASE
)


def extract(query: str, dialect: str) -> str:
    """Let a contract's query through: one SELECT over named tables, with ordinary functions only.

    Args:
        dialect: postgres, mysql, sqlite or duckdb; the query is read and written in it, each name
            quoted as that database would fold it.
    Raises: ValueError: it is no such query.
    """
    from sqlglot import exp
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

    if len(query) > MAX_CHARACTERS:
        raise _refuse(
            f"the query has {len(query):,} characters", f"Keep it under {MAX_CHARACTERS:,}"
        )
    tree = _parsed(query, dialect)
    try:
        tree = normalize_identifiers(tree, dialect=dialect)
        nodes = list(tree.walk())
        if not isinstance(tree, exp.Query) or isinstance(tree, exp.Subquery):
            raise _refuse(f"the query is not a SELECT, but {describe_node(tree)}", NO_EXTRACT)
        for node in nodes:
            _check(node)
        if dialect == "mysql" and tree.args.get("order") and not tree.args.get("limit"):
            tree = tree.limit(
                2**64 - 1
            )  # without a limit MariaDB forgets the order of a query within a query
        return str(tree.sql(dialect=dialect, identify=True, comments=False))
    except RecursionError:
        raise _refuse("the query is nested too deep", "Nest it less deeply") from None


def table_name(table: str) -> str:
    """A table, `name` or `schema.name`, as SQL writes it.

    Raises: ValueError: it is none, or one of the database's own.
    """
    parts = table.split(".")
    if (
        len(parts) > 2
        or not all(parts)
        or "\x00" in table
        or any(_INTERNAL.match(part) for part in parts)
    ):
        raise ValueError(
            f"`table` is '{table[:60]}': write `name` or `schema.name`; "
            "tables of the database system are not allowed"
        )
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def _parsed(query: str, dialect: str) -> Any:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        statements = sqlglot.parse(query, dialect=dialect)
    except SqlglotError:
        raise _refuse("the query cannot be parsed", NO_EXTRACT) from None
    except RecursionError:
        raise _refuse("the query is nested too deep", "Nest it less deeply") from None
    if len(statements) != 1 or statements[0] is None:
        count = sum(statement is not None for statement in statements)
        raise _refuse(f"there are {count} statements", NO_EXTRACT)
    return statements[0]


def _check(node: Any) -> None:
    from sqlglot import exp

    if type(node) not in allowed_nodes() and not isinstance(node, exp.DataTypeParam):
        raise _refuse(
            f"the query uses {describe_node(node)}, which contracts must not use",
            NO_EXTRACT,
        )
    if isinstance(node, exp.With) and node.args.get("recursive"):
        raise _refuse("the query is recursive", "Write it without recursion, which might never end")
    if isinstance(node, exp.Cast) and node.to.this not in scalar_types():
        raise _refuse(
            f"the query casts to {str(node.to)[:60]}",
            "Cast to a number, text, boolean, date or timestamp",
        )
    if isinstance(node, exp.Table):
        if not isinstance(node.this, exp.Identifier) or node.args.get("catalog"):
            raise _refuse(
                f"the query reads '{str(node)[:60]}'",
                "A query may read tables and views by name, with or without their schema",
            )
        if any(_INTERNAL.match(name) for name in (node.name, node.db)) or any(
            mark in node.name for mark in "/\\*:"
        ):
            raise _refuse(
                f"the query reads '{str(node)[:60]}'",
                "The database's system tables and files are not allowed",
            )


def _refuse(problem: str, remedy: str) -> ValueError:
    return ValueError(f"{problem}: {remedy[0].lower()}{remedy[1:]}")
