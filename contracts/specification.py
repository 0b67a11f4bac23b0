"""Data Contract Specification -> ODCS v3.2.0, which has replaced it.

Belongs here: saying the same in newer words. Stays out: older versions of ODCS (upgrade.py).
What ODCS has no key for becomes a custom property of the same thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.contracts.data_files import table
from assay.contracts.standard import LATEST

Mapping = dict[str, Any]
_LEVEL_VALUES = ("percentage", "period", "threshold", "interval", "time")
_MODEL_KEYS = {
    "title": "businessName",
    "description": "description",
    "tags": "tags",
    "quality": "quality",
}


_READ = (
    "dataContractSpecification", "id", "info", "terms", "tags", "servers", "models", "definitions",
    "links", "servicelevels", "quality",
)  # fmt: skip
"""The keys of a specification that its parts below read; every other one is kept as it is."""
_ENGINES = {"sodacl": "soda", "great-expectations": "greatExpectations"}
_CHECKS_OF_SODA = "checks for "


def converted(specification: Mapping) -> tuple[Mapping, list[str]]:
    """One Data Contract Specification as an ODCS document, with a line for each thing that is kept
    and has no key there.
    """
    info = dict(specification.get("info") or {})
    terms = dict(specification.get("terms") or {})
    title = str(info.pop("title", specification.get("id", "contract")))
    models = _Models(specification)
    schema = models.converted()
    notes = _root_quality(specification.get("quality"), schema)
    document: Mapping = {
        "apiVersion": LATEST,
        "kind": "DataContract",
        "id": specification.get("id", title),
        "name": title,
        "version": str(info.pop("version", "0.0.1")),
        "status": info.pop("status", "draft"),
        "description": _description(info, terms),
        **_people(info),
        "tags": specification.get("tags"),
        "servers": _servers(specification),
        "schema": schema,
        "slaProperties": list(_service_levels(specification)) or None,
        "authoritativeDefinitions": _links(specification),
    }
    rest = _rest_of_head(info, terms, specification, models.unused_definitions())
    document["customProperties"] = _custom_properties(rest) or None
    notes += [f"{name}: kept as a custom property" for name in rest]
    return {key: value for key, value in document.items() if value is not None}, notes


def _description(info: Mapping, terms: Mapping) -> Mapping | None:
    description = {
        "purpose": info.pop("description", None),
        "usage": terms.pop("usage", None),
        "limitations": terms.pop("limitations", None),
    }
    return {key: value for key, value in description.items() if value is not None} or None


def _people(info: Mapping) -> Mapping:
    """The team that owns the data, and where it can be reached."""
    owner, contact = info.pop("owner", None), dict(info.pop("contact", None) or {})
    people: Mapping = {"team": {"name": owner} if owner else None}
    if contact.get("email"):
        channel = contact.pop("name", None) or "contact"
        people["support"] = [{"channel": channel, "url": f"mailto:{contact.pop('email')}"}]
    if contact:
        info["contact"] = contact
    return people


def _servers(specification: Mapping) -> list[Mapping] | None:
    servers = specification.get("servers") or {}
    return [{"server": name, **server} for name, server in servers.items()] or None


def _links(specification: Mapping) -> list[Mapping] | None:
    links = specification.get("links") or {}
    return [{"type": name, "url": url} for name, url in links.items()] or None


def _service_levels(specification: Mapping) -> Iterator[Mapping]:
    for name, level in (specification.get("servicelevels") or {}).items():
        rest = dict(level)
        key = next((key for key in _LEVEL_VALUES if key in rest), None)
        agreement = {"property": name, "value": "" if key is None else rest.pop(key)}
        if "description" in rest:
            agreement["description"] = rest.pop("description")
        yield _with_rest(agreement, rest)


def _rest_of_head(
    info: Mapping, terms: Mapping, specification: Mapping, definitions: Mapping
) -> Mapping:
    """What has no key in ODCS, by its name there."""
    rest = {f"info.{key}": value for key, value in info.items()}
    rest |= {f"terms.{key}": value for key, value in terms.items()}
    rest |= {f"definitions.{key}": value for key, value in definitions.items()}
    return rest | {key: value for key, value in specification.items() if key not in _READ}


# -- quality ------------------------------------------------------------------------------------


def _root_quality(quality: Any, schema: list[Mapping]) -> list[str]:
    """Add the rules at the root to the schema objects that they are about: rules of an engine."""
    if not quality or not schema:
        return []
    notes = []
    for entry in quality if isinstance(quality, list) else [quality]:
        block = entry if isinstance(entry, dict) else {"specification": entry}
        engine = str(block.get("type", "custom"))
        for model, rules in _rules_of_models(block.get("specification"), schema):
            rule = {
                "type": "custom",
                "engine": _ENGINES.get(engine.lower(), engine),
                "implementation": rules,
            }
            model["quality"] = [*(model.get("quality") or []), rule]
            notes.append(
                f"quality: the {engine} rules of {model['name']} are kept as a custom rule, which"
                " Assay does not evaluate"
            )
    return notes


def _rules_of_models(rules: Any, schema: list[Mapping]) -> Iterator[tuple[Mapping, Any]]:
    """Each schema object with its rules; what names none belongs to the first."""
    models = {model["name"]: model for model in schema}
    if not isinstance(rules, dict):
        yield schema[0], "" if rules is None else rules
        return
    others = {}
    for key, value in rules.items():
        model = models.get(str(key).removeprefix(_CHECKS_OF_SODA).strip())
        if model is None:
            others[key] = value
        else:
            yield model, value if isinstance(value, str) else {key: value}
    if others:
        yield schema[0], others


def _operators(rules: Any, renamed: Mapping) -> Any:
    """The rules of a model or field with ODCS's names of what they compare with."""
    if not isinstance(rules, list):
        return rules
    return [
        {renamed.get(key, key): value for key, value in rule.items()}
        if isinstance(rule, dict)
        else rule
        for rule in rules
    ]


# -- models -------------------------------------------------------------------------------------


class _Models:
    """The models of a specification.

    `$ref` is followed, and kept as an authoritative definition.
    """

    def __init__(self, specification: Mapping) -> None:
        self.models: Mapping = specification.get("models") or {}
        self.definitions: Mapping = specification.get("definitions") or {}
        self.words: Mapping = table("words/older_contracts.yaml")
        self.used: set[str] = set()

    def unused_definitions(self) -> Mapping:
        """The definitions that no field refers to, once the models are converted."""
        return {key: value for key, value in self.definitions.items() if key not in self.used}

    def converted(self) -> list[Mapping]:
        """Every model as a schema object."""
        return [self._model(name, model) for name, model in self.models.items()]

    def _model(self, name: str, model: Mapping) -> Mapping:
        rest = dict(model)
        schema: Mapping = {"name": name, "physicalType": rest.pop("type", "table")}
        for key, new_key in _MODEL_KEYS.items():
            if key in rest:
                schema[new_key] = rest.pop(key)
        if "quality" in schema:
            schema["quality"] = _operators(schema["quality"], self.words["operators"])
        schema["properties"] = self._fields(rest)
        return _with_rest(schema, rest)

    def _fields(self, rest: Mapping) -> list[Mapping]:
        fields = rest.pop("fields", None) or {}
        return [self._field(name, field) for name, field in fields.items()]

    def _field(self, name: str | None, field: Mapping) -> Mapping:
        reference = field.get("$ref")
        own = {key: value for key, value in field.items() if key != "$ref"}
        rest = {**self._definition(reference), **own}
        converted: Mapping = {"name": name} if name else {}
        kind = rest.pop("type", None)
        if kind is not None:
            converted |= self._types(kind, rest)
        logical_type = converted.get("logicalType")
        converted |= self._same_keys(rest)
        options = self._options(str(kind), logical_type, rest)
        if options:
            converted["logicalTypeOptions"] = options
        converted |= self._nested(logical_type, rest)
        if reference:
            link = {"type": "definition", "url": str(reference)}
            converted["authoritativeDefinitions"] = [link]
        return _with_rest(converted, rest)

    def _types(self, kind: Any, rest: Mapping) -> Mapping:
        logical_type = self.words["types"].get(str(kind).lower(), "string")
        physical_type = str(kind)
        if "precision" in rest and logical_type == "number":
            physical_type = f"decimal({rest.pop('precision')},{rest.pop('scale', 0)})"
        return {"logicalType": logical_type, "physicalType": physical_type}

    def _same_keys(self, rest: Mapping) -> Mapping:
        """What both formats state with nearly the same keys."""
        converted: Mapping = {}
        for key in self.words["same_keys"]:
            if key in rest:
                converted["businessName" if key == "title" else key] = rest.pop(key)
        if "quality" in converted:
            converted["quality"] = _operators(converted["quality"], self.words["operators"])
        if rest.pop("primaryKey", None) or rest.pop("primary", None):
            converted["primaryKey"] = True
        if "enum" in rest:
            converted["enum"] = [{"value": value} for value in rest.pop("enum")]
        if "example" in rest:
            converted["examples"] = [*converted.get("examples", []), rest.pop("example")]
        return converted

    def _options(self, kind: str, logical_type: str | None, rest: Mapping) -> Mapping:
        names = self.words["options"].get(logical_type, ())
        options = {option: rest.pop(option) for option in names if option in rest}
        if kind.lower() == "timestamp_ntz":
            options["timezone"] = False
        return options

    def _nested(self, logical_type: str | None, rest: Mapping) -> Mapping:
        match logical_type:
            case "object":
                return {"properties": self._fields(rest)}
            case "array" if rest.get("items"):
                return {"items": self._field(None, rest.pop("items"))}
            case "map":
                key = self._field(None, rest.pop("keys", {"type": "string"}))
                value = self._field(None, rest.pop("values", {"type": "string"}))
                return {"map": {"key": key, "value": value}}
        return {}

    def _definition(self, reference: Any) -> Mapping:
        """What a `#/definitions/...` reference represents.

        One to another file stays a reference.
        """
        name = str(reference or "").removeprefix("#/definitions/")
        definition = self.definitions.get(name) or {}
        self.used.add(name)
        return {key: value for key, value in definition.items() if key not in ("name", "domain")}


def _with_rest(converted: Mapping, rest: Mapping) -> Mapping:
    return {**converted, "customProperties": _custom_properties(rest)} if rest else converted


def _custom_properties(rest: Mapping) -> list[Mapping]:
    return [{"property": key, "value": value} for key, value in rest.items()]
