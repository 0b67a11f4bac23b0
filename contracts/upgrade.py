"""Older contracts -> ODCS v3.2.0: documents of v3.0 and v3.1, and the Data Contract Specification that ODCS has replaced.

Belongs here: saying the same in newer words, and losing nothing. Stays out: whether it is a good contract (load.py).
Works on any mapping and list, so that plain data and ruamel's commented text go the same way.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from assay.contracts.document import parse
from assay.contracts.errors import ContractError, Where
from assay.contracts.problems import as_error, key_path
from assay.contracts.standard import LATEST, VERSIONS, refused_keys, schema_problems

Mapping = dict[str, Any]  # ruamel's commented mappings are dicts too
METRICS = {
    **{metric: metric for metric in ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")},
    "nullCheck": "nullValues", "duplicateCount": "duplicateValues", "uniqueCheck": "duplicateValues", "countCheck": "rowCount", "validValues": "invalidValues",
}  # fmt: skip
"""Rules of v3.0 that mean what a metric means now."""
NONE_UNLESS_SAID = ("nullValues", "duplicateValues", "invalidValues")
OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)


def upgraded(data: Mapping) -> tuple[Mapping, list[str]]:
    """The document in ODCS v3.2.0, changed in place, with a line for each thing changed; nothing where it is that already.

    What the standard no longer has a key for is kept as a custom property of the same thing.
    """
    notes: list[str] = []
    if "dataContractSpecification" in data:
        data = _Specification(data).converted()
        notes.append(
            f"turned from a Data Contract Specification into ODCS {LATEST}; its comments are not carried over"
        )
    elif data.get("apiVersion") == LATEST or data.get("apiVersion") not in VERSIONS:
        return data, []
    else:
        if data["apiVersion"] < "v3.1.0":
            notes += _from_3_0(data)
        notes += _typed(data)
    if data.get("apiVersion") != LATEST:
        notes.insert(0, f"apiVersion: {data['apiVersion']} → {LATEST}")
        data["apiVersion"] = LATEST
    return data, [*notes, *_park(data)]


def rewritten(text: str, file: str) -> tuple[str, list[str]]:
    """The document's text upgraded, with its comments, order and quotes kept; byte for byte the same where there is nothing to do.

    Raises: ContractError: it is no document that can be upgraded.
    """
    document = parse(text, file)  # refuses what is not data before another reader sees it
    is_specification = (
        isinstance(document.data, dict) and "dataContractSpecification" in document.data
    )
    errors = (
        []
        if is_specification
        else [problem for problem in schema_problems(document) if problem.severity == "error"]
    )
    if errors:
        raise as_error(errors)
    yaml = _round_trip(text)
    try:
        data, notes = upgraded(yaml.load(text))
    except (
        AttributeError,
        TypeError,
        ValueError,
        KeyError,
    ):  # no schema says what a Specification's parts must be
        raise ContractError(
            "this Data Contract Specification is not written as it should be",
            "Mend it first: models, fields and definitions are mappings",
            Where(file=file),
        ) from None
    if not notes:
        return text, []
    out = io.StringIO()
    yaml.dump(data, out)
    return _laid_out(text, out.getvalue()), notes


def changed(text: str, file: str, change: Callable[[Any], None]) -> str:
    """The document's text after a change to its data, with comments, order and quotes kept.

    Raises: ContractError: it is no document.
    """
    parse(text, file)
    yaml, out = _round_trip(text), io.StringIO()
    data = yaml.load(text)
    change(data)
    yaml.dump(data, out)
    return _laid_out(text, out.getvalue())


def _round_trip(text: str) -> Any:
    """A reader and writer of YAML that keeps comments, quotes, and how far the text indents its lists."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 10_000
    sequence = re.search(r"^( *)\w[^\n]*:\s*\n( *)- ", text, re.MULTILINE)
    dash = len(sequence[2]) - len(sequence[1]) if sequence else 2
    yaml.indent(mapping=2, sequence=dash + 2, offset=dash)
    yaml.constructor.yaml_constructors["tag:yaml.org,2002:timestamp"] = (
        yaml.constructor.yaml_constructors["tag:yaml.org,2002:str"]
    )
    return yaml


def _laid_out(text: str, made: str) -> str:
    """The new text, with every line that only ruamel's layout changed as it was; ruamel's own where that would say something else."""
    old, new = text.splitlines(), made.splitlines()
    kept = list(new)
    for block in difflib.SequenceMatcher(
        None, [line.strip() for line in old], [line.strip() for line in new], autojunk=False
    ).get_matching_blocks():
        kept[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    merged = "\n".join(kept) + "\n"
    try:
        return merged if parse(merged, "").data == parse(made, "").data else made
    except ContractError:
        return made


# -- from version 3.0 -------------------------------------------------------------------------


def _from_3_0(data: Mapping) -> list[str]:
    notes = []
    if isinstance(data.get("team"), list):
        data["team"] = type(data)({"members": data["team"]})
        notes.append("team: its list is now `members`")
    for server in data.get("servers") or []:
        if "staging_dir" in server:
            server["stagingDir"] = server.pop("staging_dir")
            notes.append("servers: staging_dir → stagingDir")
        if isinstance(server.get("schema"), int):
            server["schema"] = str(server["schema"])
            notes.append("servers: the schema is text now")
    notes += _custom_properties(data)
    for thing, name in _things(data):
        notes += _options(thing, name)
        for check in thing.get("quality") or []:
            if "metric" not in check and (
                "rule" in check or check.get("type", "library") == "library"
            ):
                notes += _metric(check, name)
            elif check.get("type") == "sql" and not any(
                operator in check for operator in OPERATORS
            ):
                notes += _as_text(check, name, "a query that is compared with nothing")
    return notes


def _custom_properties(node: Any) -> list[str]:
    """A custom property has a name and a value now; before, it could have neither."""
    notes = []
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        notes += _custom_properties(part)
    if isinstance(node, dict) and isinstance(node.get("customProperties"), list):
        for entry in (each for each in node["customProperties"] if isinstance(each, dict)):
            for key, value in (("property", "unnamed"), ("value", None)):
                if key not in entry:
                    entry[key] = value
                    notes.append(f"customProperties: `{key}` is asked for now; it says {value}")
    return notes


def _things(data: Mapping) -> Iterator[tuple[Mapping, str]]:
    """Every schema object and property, at any depth, with its name."""

    def below(thing: Mapping, name: str) -> Iterator[tuple[Mapping, str]]:
        yield thing, name
        inner = [(part, f"{name}.{part.get('name', '')}") for part in thing.get("properties") or []]
        inner += [(thing["items"], f"{name}[]")] if isinstance(thing.get("items"), dict) else []
        for part, path in inner:
            yield from below(part, path)

    for each in data.get("schema") or []:
        yield from below(each, each.get("name", ""))


def _typed(data: Mapping) -> list[str]:
    """The schema of v3.2.0 asks every property for its logical type."""
    notes = []
    for thing, name in _things(data):
        if "." in name and "logicalType" not in thing:
            word = re.split(r"[^a-z_]", str(thing.get("physicalType", "")).lower())[0]
            thing["logicalType"] = TYPES.get(word, "string")
            notes.append(
                f"{name}: logicalType {thing['logicalType']}, read from its physical type; check it"
            )
    return notes


def _options(thing: Mapping, name: str) -> list[str]:
    """An exclusive limit is a limit of its own now, and no flag beside one."""
    options, notes = thing.get("logicalTypeOptions") or {}, []
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(options.get(exclusive), bool):
            if options.pop(exclusive) and limit in options:
                options[exclusive] = options.pop(limit)
            notes.append(f"{name}: {exclusive} holds the limit itself")
    if not options and "logicalTypeOptions" in thing:
        del thing["logicalTypeOptions"]
    return notes


def _metric(check: Mapping, name: str) -> list[str]:
    rule = check.get("rule")
    compared = [operator for operator in OPERATORS if operator in check]
    metric = METRICS.get(str(rule))
    if metric is None or len(compared) > 1 or (not compared and metric not in NONE_UNLESS_SAID):
        return _as_text(check, name, f"the rule `{rule}`")
    check["metric"] = metric
    check.pop("rule")
    if metric == "invalidValues" and "arguments" not in check:
        valid = check.pop("validValues", None)
        if valid is None:
            return _as_text(check, name, f"the rule `{rule}` without its values")
        check["arguments"] = type(check)({"validValues": valid})
    if not compared:
        check["mustBe"] = 0
    return [f"{name}: the rule `{rule}` is the metric `{metric}` now"]


def _as_text(check: Mapping, name: str, what: str) -> list[str]:
    """What no metric means becomes prose for people, with all it said kept beside."""
    check["type"] = "text"
    check.setdefault(
        "description",
        str(
            check.get("rule") or check.get("query") or check.get("name") or "a check of version 3.0"
        ),
    )
    return [f"{name}: {what} has no word in {LATEST}; it is kept as text, which nobody checks"]


# -- what has no key now -------------------------------------------------------------------------


HOLDERS = frozenset(
    {
        "schema",
        "properties",
        "items",
        "quality",
        "team",
        "members",
        "roles",
        "servers",
        "support",
        "slaProperties",
        "relationships",
        "description",
        "key",
        "value",
    }
)
"""What has custom properties of its own, by the key it stands under."""


def _park(data: Mapping) -> list[str]:
    """Move keys that the standard refuses into the custom properties of the nearest thing that has some."""
    notes: list[str] = []
    while refused := refused_keys(data):  # a key moved away may show that another is refused
        for path, key in refused:
            steps = len(path)
            while steps and not (
                _under(path[:steps]) in HOLDERS and isinstance(_at(data, path[:steps]), dict)
            ):
                steps -= 1
            holder = _at(data, path[:steps])
            value = _at(data, path).pop(key)
            holder.setdefault("customProperties", []).append(
                type(holder)({"property": key_path((*path[steps:], key)), "value": value})
            )
            notes.append(f"{key_path((*path, key))}: kept as a custom property")
    return notes


def _under(path: tuple[str | int, ...]) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _at(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


# -- from the Data Contract Specification ------------------------------------------------------------

TYPES = {
    "string": "string", "text": "string", "varchar": "string", "bytes": "string", "json": "string", "variant": "string", "number": "number", "decimal": "number", "numeric": "number",
    "float": "number", "double": "number", "int": "integer", "integer": "integer", "long": "integer", "bigint": "integer", "boolean": "boolean", "timestamp": "timestamp",
    "timestamp_tz": "timestamp", "timestamp_ntz": "timestamp", "date": "date", "time": "time", "array": "array", "map": "map", "object": "object", "record": "object", "struct": "object",
}  # fmt: skip
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": LIMITS,
    "number": LIMITS,
}
SAME = (
    "title",
    "description",
    "required",
    "unique",
    "classification",
    "tags",
    "quality",
    "examples",
)


class _Specification:
    """One Data Contract Specification. `$ref` is followed, and kept as an authoritative definition."""

    def __init__(self, data: Mapping) -> None:
        self.data = data

    def converted(self) -> Mapping:
        data, info = self.data, dict(self.data.get("info") or {})
        title = str(info.pop("title", data.get("id", "contract")))
        made: Mapping = {
            "apiVersion": LATEST, "kind": "DataContract", "id": data.get("id", title), "name": title, "version": str(info.pop("version", "0.0.1")), "status": info.pop("status", "draft"),
        }  # fmt: skip
        terms = dict(data.get("terms") or {})
        description = {
            "purpose": info.pop("description", None),
            "usage": terms.pop("usage", None),
            "limitations": terms.pop("limitations", None),
        }
        made["description"] = {
            key: value for key, value in description.items() if value is not None
        } or None
        owner, contact = info.pop("owner", None), info.pop("contact", None) or {}
        made["team"] = {"name": owner} if owner else None
        if contact.get("email"):
            made["support"] = [
                {"channel": contact.get("name") or "contact", "url": f"mailto:{contact['email']}"}
            ]
        made["tags"] = data.get("tags")
        made["servers"] = [
            {"server": name, **server} for name, server in (data.get("servers") or {}).items()
        ] or None
        made["schema"] = [
            self._model(name, model) for name, model in (data.get("models") or {}).items()
        ]
        made["slaProperties"] = list(self._levels()) or None
        made["authoritativeDefinitions"] = [
            {"type": name, "url": url} for name, url in (data.get("links") or {}).items()
        ] or None
        rest = {
            **{f"info.{key}": value for key, value in info.items()},
            **{f"terms.{key}": value for key, value in terms.items()},
        }
        made["customProperties"] = _custom(rest) or None
        return {key: value for key, value in made.items() if value is not None}

    def _model(self, name: str, model: Mapping) -> Mapping:
        rest = dict(model)
        made: Mapping = {"name": name, "physicalType": rest.pop("type", "table")}
        for key, there in (
            ("title", "businessName"),
            ("description", "description"),
            ("tags", "tags"),
            ("quality", "quality"),
        ):
            if key in rest:
                made[there] = rest.pop(key)
        made["properties"] = [
            self._field(field, part) for field, part in (rest.pop("fields", None) or {}).items()
        ]
        return {**made, **({"customProperties": _custom(rest)} if rest else {})}

    def _field(self, name: str | None, field: Mapping) -> Mapping:
        reference = field.get("$ref")
        rest = {
            **self._defined(reference),
            **{key: value for key, value in field.items() if key != "$ref"},
        }
        kind, logical = rest.pop("type", None), None
        made: Mapping = {"name": name} if name else {}
        if kind is not None:
            logical = TYPES.get(str(kind).lower(), "string")
            made["logicalType"] = logical
            made["physicalType"] = (
                f"decimal({rest.pop('precision')},{rest.pop('scale', 0)})"
                if "precision" in rest and logical == "number"
                else str(kind)
            )
        for key in SAME:
            if key in rest:
                made["businessName" if key == "title" else key] = rest.pop(key)
        if rest.pop("primaryKey", None) or rest.pop("primary", None):
            made["primaryKey"] = True
        if "enum" in rest:
            made["enum"] = [{"value": value} for value in rest.pop("enum")]
        if "example" in rest:
            made["examples"] = [rest.pop("example")]
        options = {
            option: rest.pop(option) for option in OPTIONS.get(logical or "", ()) if option in rest
        }
        if str(kind).lower() == "timestamp_ntz":
            options["timezone"] = False
        if options:
            made["logicalTypeOptions"] = options
        made |= self._nested(logical, rest)
        if reference:
            made["authoritativeDefinitions"] = [{"type": "definition", "url": str(reference)}]
        return {**made, **({"customProperties": _custom(rest)} if rest else {})}

    def _nested(self, logical: str | None, rest: Mapping) -> Mapping:
        match logical:
            case "object":
                return {
                    "properties": [
                        self._field(name, part)
                        for name, part in (rest.pop("fields", None) or {}).items()
                    ]
                }
            case "array" if rest.get("items"):
                return {"items": self._field(None, rest.pop("items"))}
            case "map":
                return {
                    "map": {
                        "key": self._field(None, rest.pop("keys", {"type": "string"})),
                        "value": self._field(None, rest.pop("values", {"type": "string"})),
                    }
                }
        return {}

    def _defined(self, reference: Any) -> Mapping:
        """What a `#/definitions/...` reference stands for; one to another file stays a reference."""
        name = str(reference or "").removeprefix("#/definitions/")
        definition = (self.data.get("definitions") or {}).get(name) or {}
        return {key: value for key, value in definition.items() if key not in ("name", "domain")}

    def _levels(self) -> Iterator[Mapping]:
        for name, level in (self.data.get("servicelevels") or {}).items():
            rest = dict(level)
            value = next(
                (
                    rest.pop(key)
                    for key in ("percentage", "period", "threshold", "interval", "time")
                    if key in rest
                ),
                "",
            )
            made = {"property": name, "value": value}
            if "description" in rest:
                made["description"] = rest.pop("description")
            yield {**made, **({"customProperties": _custom(rest)} if rest else {})}


def _custom(rest: Mapping) -> list[Mapping]:
    return [{"property": key, "value": value} for key, value in rest.items()]
