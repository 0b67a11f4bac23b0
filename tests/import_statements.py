"""The import statements of Assay's code that need a package, by the package's name."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")


def import_statements() -> dict[str, list[str]]:
    """Package -> every statement that imports it or a part of it, wherever it is in the code."""
    statements: dict[str, set[str]] = defaultdict(set)
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                for package, statement in _imports(node):
                    statements[package].add(statement)
    ours = {*sys.stdlib_module_names, "assay"}
    return {name: sorted(texts) for name, texts in statements.items() if name not in ours}


def _imports(node: ast.AST) -> list[tuple[str, str]]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
        return [(name.partition(".")[0], f"import {name}") for name in names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [(node.module.partition(".")[0], ast.unparse(node))]
    return []
