"""YAML text -> plain data with the line of every key.

Belongs here: reading YAML as data: safe tags only, size and depth limits, duplicate keys refused.
Stays out: what the keys mean (load.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from contracts.errors import ContractError, ContractErrors, Where

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_NODES = 100_000  # aliases are expanded below, so a bomb of them ends here

Path = tuple[str | int, ...]


class _Timeless(yaml.CSafeLoader):
    """The safe loader without YAML 1.1's dates: ODCS dates are text, and its JSON schema says so."""


_Timeless.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"] for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """A YAML document as data, and where each of its keys and items stands."""

    data: Any
    file: str
    positions: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def where(self, path: Path) -> Where:
        """The line of `path`, or of its nearest parent that stands in the text."""
        while path and path not in self.positions:
            path = path[:-1]
        line, column = self.positions.get(path, (1, 1))
        return Where(file=self.file, line=line, column=column)


def parse(text: str, file: str) -> Document:
    """Read one YAML document.

    Args:
        text: the document, at most 1 MB, at most 50 levels deep and 100,000 nodes once aliases are followed.
        file: its name, for messages.
    Raises: ContractError(s): no YAML, an unsafe tag, too large, too deep, a key said twice.
    """
    if len(text) > MAX_BYTES:
        raise ContractError(f"the document has {len(text):,} characters", f"Keep it under {MAX_BYTES:,}", Where(file=file))
    loader = _Timeless(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise ContractError("the document is empty", "Write a data contract into it (`apiVersion: v3.2.0`, `kind: DataContract`, …)", Where(file=file, line=1))
        walk = _Walk(loader, file)
        data = walk.read(root, (), 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Where(file=file, line=mark.line + 1 if mark else None, column=mark.column + 1 if mark else None)
        raise ContractError(f"this is no YAML: {error.problem or error.context}", "Mend the syntax at that place", place) from None
    except yaml.reader.ReaderError as error:
        raise ContractError(f"character {error.position + 1} cannot stand in YAML: {error.reason}", "Save the document as UTF-8 text", Where(file=file)) from None
    finally:
        loader.dispose()
    if walk.problems:
        raise ContractErrors(tuple(walk.problems))
    return Document(data, file, walk.positions)


class _Walk:
    """Node tree -> data, keeping positions; yaml's own constructor forgets them and lets a second key win in silence."""

    def __init__(self, loader: _Timeless, file: str) -> None:
        self.loader, self.file = loader, file
        self.positions: dict[Path, tuple[int, int]] = {}
        self.problems: list[ContractError] = []
        self.nodes = 0

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.nodes += 1
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        here = Where(file=self.file, line=line, column=column)
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise ContractError(f"the document is deeper than {MAX_DEPTH} levels or larger than {MAX_NODES:,} nodes", "Flatten it, and write aliases out", here)
        self.positions.setdefault(path, (line, column))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise ContractError(f"the tag {node.tag} is not data", "Leave it out", here)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self.loader.construct_object(node)  # scalars; raises on an unsafe tag

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            mark = key_node.start_mark
            here = Where(file=self.file, line=mark.line + 1, column=mark.column + 1)
            if key is None or key_node.tag == "tag:yaml.org,2002:merge":
                self.problems.append(ContractError("a key is no plain word", "Write the key out as text", here))
                continue
            if key in result:
                self.problems.append(ContractError(f"the key '{key}' stands here a second time", "Keep one of the two", here))
            self.positions[(*path, key)] = (here.line or 1, here.column or 1)
            result[key] = self.read(value_node, (*path, key), depth + 1)
        return result
