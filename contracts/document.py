"""YAML text -> plain data with the line of every key.

Belongs here: reading YAML as data: safe tags only, size and depth limits, duplicate keys refused.
Stays out: what the keys mean (load.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from assay.contracts.errors import ContractError, ContractErrors, Where

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
_STR, _MAP, _SEQ, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq", "merge"))
MAX_NODES = 100_000  # aliases are expanded below, so a bomb of them ends here
MAX_DIGITS = 38
"""Of a whole number: no data type holds more, and Python refuses to print 4,301."""
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_MAX_NUMBER = 200  # characters of a number as it is written; reading more would take long

Path = tuple[str | int, ...]


class _Timeless(yaml.CSafeLoader):
    """The safe loader without YAML 1.1's dates.

    ODCS dates are text, and its JSON schema states it.
    """


_Timeless.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Mark(Protocol):
    """A place in the text, counted from 0, of PyYAML's or of libyaml's reader."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True)
class Document:
    """A YAML document as data, and where each of its keys and items stands."""

    data: Any
    file: str
    positions: dict[Path, tuple[int, int]] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    """The texts without quotes that YAML reads as something else, such as `NO` as false."""

    def unquoted(self, *paths: Path) -> str | None:
        """What is at the first of these places, where it would be text in quotes."""
        return next((self.written[path] for path in paths if path in self.written), None)

    def where(self, path: Path) -> Where:
        """The line of `path`, or of its nearest parent that is in the text."""
        while path and path not in self.positions:
            path = path[:-1]
        line, column = self.positions.get(path, (1, 1))
        return Where(file=self.file, line=line, column=column)


def parse(text: str, file: str) -> Document:
    """Read one YAML document.

    Args:
        text: the document, at most 1 MB, at most 50 levels deep and 100,000 nodes once aliases are
            followed.
        file: its name, for messages.
    Raises: ContractError(s): no YAML, an unsafe tag, too large, too deep, a key said twice.
    """
    if len(text) > MAX_BYTES:
        raise ContractError(
            f"the document has {len(text):,} characters",
            f"Keep it under {MAX_BYTES:,}",
            Where(file=file),
            "yaml.size",
        )
    loader = _Timeless(text)
    try:
        return _read(loader, text, file)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from None
    except yaml.reader.ReaderError as error:
        raise ContractError(
            f"character {error.position + 1} is not allowed in YAML: {error.reason}",
            "Save the document as UTF-8 text",
            Where(file=file),
            "yaml.syntax",
        ) from None
    finally:
        loader.dispose()


def _read(loader: _Timeless, text: str, file: str) -> Document:
    _check_depth(text, file)
    root = loader.get_single_node()
    if root is None:
        raise ContractError(
            "the document is empty",
            "Write a data contract into it (`apiVersion: v3.2.0`, `kind: DataContract`, …)",
            Where(file=file, line=1),
            "yaml.syntax",
        )
    walk = _Walk(loader, file)
    data = walk.read(root, (), 0)
    if walk.problems:
        raise ContractErrors(tuple(walk.problems))
    return Document(data, file, walk.positions, walk.written)


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> ContractError:
    mark = error.problem_mark or error.context_mark
    return ContractError(
        f"this is not valid YAML: {error.problem or error.context}",
        "Fix the syntax at that place",
        _where(file, mark) if mark else Where(file=file),
        "yaml.syntax",
    )


def _where(file: str, mark: _Mark) -> Where:
    return Where(file=file, line=mark.line + 1, column=mark.column + 1)


def yaml_events(text: str) -> Iterator[yaml.Event]:
    """The parts of a document in order, aliases as they stand.

    Raises: YAMLError: the text is not YAML.
    """
    yield from yaml.parse(text, Loader=_Timeless)


def _check_depth(text: str, file: str) -> None:
    """Refuse text that nests too deep before libyaml composes it.

    Its composer calls itself for each level and ends the process.

    Raises: ContractError: it is too deep. MarkedYAMLError, ReaderError: it is not YAML.
    """
    depth = 0
    for event in yaml_events(text):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH + 1:
                mark = event.start_mark
                where = _where(file, mark) if mark else Where(file=file)
                problem = f"the document is nested deeper than {MAX_DEPTH} levels"
                raise ContractError(problem, "Flatten it", where, "yaml.size")


class _Walk:
    """Node tree -> data, keeping positions.

    PyYAML's own constructor forgets them and lets a second key win in silence.
    """

    def __init__(self, loader: _Timeless, file: str) -> None:
        self.loader, self.file = loader, file
        self.positions: dict[Path, tuple[int, int]] = {}
        self.written: dict[Path, str] = {}
        self.problems: list[ContractError] = []
        self.nodes = 0

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self.nodes += 1
        mark = node.start_mark
        self.positions.setdefault(path, (mark.line + 1, mark.column + 1))
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise ContractError(
                f"the document is nested deeper than {MAX_DEPTH} levels, "
                f"or has more than {MAX_NODES:,} values with its aliases written out",
                "Flatten it, remove aliases, or split it into several files",
                _where(self.file, mark),
                "yaml.size",
            )
        if isinstance(node, yaml.ScalarNode):
            if node.tag != _STR and node.value:
                self.written[path] = node.value
            if node.tag in (_INT, _FLOAT):
                return self._number(node)
            return (
                node.value if node.tag == _STR else self.loader.construct_object(node)
            )  # raises on an unsafe tag
        if node.tag not in (_MAP, _SEQ):
            raise ContractError(
                f"the YAML tag {node.tag} is not allowed: a contract contains plain values",
                "Remove it",
                _where(self.file, mark),
                "yaml.tag",
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        return [self.read(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]

    def _number(self, node: yaml.ScalarNode) -> int | float | None:
        """A number; None, and a problem, where it is one that nothing can hold.

        `.inf` and `.nan` are for settings to refuse.
        """
        where, text = _where(self.file, node.start_mark), node.value
        too_long = len(text) > _MAX_NUMBER
        try:
            number: int | float = 0 if too_long else self.loader.construct_object(node)
        except (ValueError, OverflowError):
            self._refuse(
                "this is not a number that can be read",
                "Write it in decimal digits, or in quotes if it is text",
                where,
            )
            return None
        if too_long or (isinstance(number, int) and abs(number) >= 10**MAX_DIGITS):
            remedy = f"Write at most {MAX_DIGITS} digits, or put it in quotes if it is text"
            self._refuse(
                f"a number is written with {len(text):,} characters and is too large", remedy, where
            )
            return None
        if isinstance(number, float) and math.isinf(number) and "inf" not in text.lower():
            self._refuse("the number is too large", "Write a number below 1.0e+308", where)
            return None
        return number

    def _refuse(self, problem: str, remedy: str, where: Where) -> None:
        self.problems.append(ContractError(problem, remedy, where, "yaml.number"))

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE:
                self.problems.append(
                    ContractError(
                        "the name of a setting is not text",
                        "Put it in quotes",
                        _where(self.file, mark),
                        "yaml.key",
                    )
                )
                continue
            key = key_node.value
            if key in result:
                self.problems.append(
                    ContractError(
                        f"the key '{key}' is repeated here",
                        "Keep one of the two",
                        _where(self.file, mark),
                        "yaml.duplicate_key",
                    )
                )
            inner = (*path, key)
            self.positions[inner] = (mark.line + 1, mark.column + 1)
            result[key] = self.read(value_node, inner, depth + 1)
        return result
