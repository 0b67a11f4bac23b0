"""Contract SQL -> the same SQL, let through word by word.

Belongs here: the allow-list. Stays out: running it (assets/io/sql.py, which locks DuckDB as the
second wall). A contract is data, and may be hostile: what is not known to be harmless is refused,
and what runs is written again from what was checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from assay.contracts.data_files import lines
from assay.contracts.errors import NOWHERE, ContractError, Where
from assay.contracts.problems import suggestion

MAX_CHARACTERS = 10_000
TABLE_WORDS = ("table", "object", "model", "schema")
COLUMN_WORDS = ("column", "property", "field")
NO_QUERY = (
    "Write one SELECT that returns one number, such as `SELECT COUNT(*) FROM ${table} WHERE …`"
)


Refuse = Callable[[str, str], ContractError]


def checked(
    query: str,
    *,
    table: str,
    columns: Collection[str],
    others: Mapping[str, Collection[str]] | None = None,
    column: str | None = None,
    where: Where = NOWHERE,
) -> str:
    """Let a contract's query through.

    Args:
        query: SQL in DuckDB's dialect. `${table}` and `${column}` represent the names below, as do
            the words ODCS uses for them.
        table: the data set's own table; `others` are further ones, each with its columns.
        column: what `${column}` means, where the check is under a property.
    Returns: the query in DuckDB's dialect, written from the parsed tree, with every name quoted.
    Raises: ContractError: it is no single SELECT of one value, or has a word that is not on the
    list.
    """

    def refuse(problem: str, remedy: str) -> ContractError:
        return ContractError(problem, remedy, where, "assay.sql")

    if len(query) > MAX_CHARACTERS:
        raise refuse(
            f"the query has {len(query):,} characters", f"Keep it under {MAX_CHARACTERS:,}"
        )
    tables = {table: columns, **(others or {})}
    text = _filled(query, table, column, refuse)
    tree = _parsed(text, refuse)
    _walk(tree, tables, refuse)
    try:
        return str(tree.sql(dialect="duckdb", identify=True, comments=False))
    except RecursionError:
        raise refuse("the query is nested too deep", "Nest it less deeply") from None


def _filled(query: str, table: str, column: str | None, refuse: Refuse) -> str:
    """Put quoted names where their placeholders stand: a name is never SQL."""

    def name(placeholder: re.Match[str]) -> str:
        meaning = placeholder[1]
        if meaning in TABLE_WORDS:
            return _quoted(table)
        if meaning in COLUMN_WORDS and column is not None:
            return _quoted(column)
        meanings = TABLE_WORDS + (COLUMN_WORDS if column is not None else ())
        choices = ", ".join(f"${{{other}}}" for other in meanings)
        raise refuse(
            f"the query has a placeholder `{meaning[:60]}`",
            suggestion(meaning, meanings, f"Use {choices}"),
        )

    return re.sub(r"\$?\{\s*([^{}]*?)\s*\}", name, query)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parsed(text: str, refuse: Refuse) -> Any:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except SqlglotError as error:
        first = getattr(error, "errors", None) or [{}]
        place = ""
        if first[0].get("line"):
            place = f" in line {first[0]['line']}, column {first[0]['col']}"
        raise refuse(f"the query cannot be parsed{place}", NO_QUERY) from None
    except RecursionError:
        raise refuse("the query is nested too deep", "Nest it less deeply") from None
    if len(statements) != 1 or statements[0] is None:
        count = sum(statement is not None for statement in statements)
        raise refuse(f"there are {count} statements", NO_QUERY)
    return statements[0]


@cache
def allowed_nodes() -> frozenset[type]:
    """The kinds of node that a query may hold, as far as this version of sqlglot has them."""
    from sqlglot import exp

    names = lines("words/sql_nodes.txt")
    return frozenset(getattr(exp, name) for name in names if hasattr(exp, name))


def _walk(tree: Any, tables: Mapping[str, Collection[str]], refuse: Refuse) -> None:
    """Refuse a tree with anything in it that is not known to be harmless."""
    from sqlglot import exp

    if not isinstance(tree, exp.Query) or isinstance(tree, exp.Subquery):
        raise refuse(f"the query is not a SELECT, but {describe_node(tree)}", NO_QUERY)
    for node in tree.walk():
        _check_node(node, refuse)
    _check_tables(tree, tables, refuse)
    _check_columns(tree, tables, refuse)
    selected = tree.selects
    if len(selected) != 1 or isinstance(selected[0], exp.Star):
        count = len(selected) if len(selected) != 1 else "all"
        raise refuse(f"the query returns {count} columns", NO_QUERY)


def _check_node(node: Any, refuse: Refuse) -> None:
    from sqlglot import exp

    if type(node) not in allowed_nodes():
        raise refuse(
            f"the query uses {describe_node(node)}, which contracts must not use",
            NO_QUERY,
        )
    if isinstance(node, exp.With) and node.args.get("recursive"):
        raise refuse("the query is recursive", "Write it without recursion, which might never end")
    if isinstance(node, exp.Cast) and node.to.this not in scalar_types():
        raise refuse(
            f"the query casts to {str(node.to)[:60]}",
            "Cast to a number, text, boolean, date or timestamp",
        )


def _check_tables(tree: Any, tables: Mapping[str, Collection[str]], refuse: Refuse) -> None:
    """Refuse a table that is not valid of ours, and none that the query makes itself."""
    from sqlglot import exp

    allowed = {name.casefold() for name in tables}
    allowed |= {part.alias.casefold() for part in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        is_plain = isinstance(table.this, exp.Identifier)
        is_elsewhere = table.args.get("db") or table.args.get("catalog")
        if not is_plain or is_elsewhere or table.name.casefold() not in allowed:
            names = ", ".join(f"`{name}`" for name in tables)
            raise refuse(
                f"the query reads '{str(table)[:60]}'",
                suggestion(table.name, tables, f"A query may read {names}"),
            )


def _check_columns(tree: Any, tables: Mapping[str, Collection[str]], refuse: Refuse) -> None:
    """Refuse a column that is neither declared nor a name that the query gives."""
    from sqlglot import exp

    promised = {name for columns in tables.values() for name in columns}
    allowed = {name.casefold() for name in promised} | _aliases(tree)
    for column in tree.find_all(exp.Column):
        if not isinstance(column.this, exp.Star) and column.name.casefold() not in allowed:
            raise refuse(
                f"the query names the column '{column.name[:60]}', which the contract does not declare",
                suggestion(column.name, promised, "Declare it, or remove it here"),
            )


def _aliases(tree: Any) -> set[str]:
    """The names that a query gives to its parts."""
    from sqlglot import exp

    nodes = list(tree.find_all(exp.Alias, exp.TableAlias, exp.Subquery, exp.Table))
    names = {node.alias for node in nodes}
    for node in nodes:
        if isinstance(node, exp.TableAlias):
            names |= {column.name for column in node.columns}
    return {name.casefold() for name in names}


@cache
def scalar_types() -> frozenset[Any]:
    """The types that a query may cast to."""
    from sqlglot import exp

    names = lines("words/sql_types.txt")
    return frozenset(getattr(exp.DataType.Type, name) for name in names)


def describe_node(node: Any) -> str:
    """A node in words: a function by its name, anything else by its kind."""
    from sqlglot import exp

    if isinstance(node, exp.Func):
        name = (
            node.name if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) else node.sql_name()
        )
        return f"the function {str(name)[:60]}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper()
