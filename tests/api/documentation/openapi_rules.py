"""Rules of OpenAPI 3.1 and JSON Schema (draft 2020-12) for the parts that our document uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
Faults = Iterator[str]

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
KEYS = {
    "document": ({"openapi", "info", "paths"}, {"servers", "tags", "components", "security", "externalDocs"}),
    "info": ({"title", "version"}, {"summary", "description", "license", "contact", "termsOfService"}),
    "operation": (
        {"responses"},
        {"tags", "summary", "description", "operationId", "parameters", "requestBody", "security", "deprecated"},
    ),
    "request body": ({"content"}, {"description", "required"}),
    "parameter": ({"name", "in", "schema"}, {"description", "required"}),
    "response": ({"description"}, {"headers", "content", "links"}),
    "media type": (set(), {"schema", "example", "examples", "encoding"}),
    "components": (set(), {"schemas", "headers", "securitySchemes", "responses", "parameters"}),
    "tag": ({"name"}, {"description", "externalDocs"}),
}
SCHEMA_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "$ref": str, "title": str, "description": str, "type": str, "const": object, "enum": list, "default": object, "examples": list,
    "properties": dict, "required": list, "additionalProperties": (dict, bool), "items": (dict, bool), "anyOf": list, "oneOf": list,
    "allOf": list, "minimum": (int, float), "maximum": (int, float), "exclusiveMinimum": (int, float), "exclusiveMaximum": (int, float),
    "minLength": int, "maxLength": int, "minItems": int, "maxItems": int, "pattern": str, "format": str, "contentEncoding": str,
    "contentMediaType": str,
}  # fmt: skip
TYPES = {"string", "integer", "number", "boolean", "object", "array", "null"}


def faults(document: Json) -> list[str]:
    """Violations as `place: what is wrong`; empty if there are none."""
    return [*_keys("document", document, "#"), *_document(document)] if "paths" in document else ["#: no paths"]


def _document(document: Json) -> Faults:
    if not re.fullmatch(r"3\.1\.\d+", document.get("openapi", "")):
        yield "#/openapi: not 3.1"
    yield from _keys("info", document.get("info", {}), "#/info")
    for server in document.get("servers", ()):
        if not server["url"].startswith(("http://", "https://", "/")) or server["url"].endswith("/"):
            yield f"#/servers: {server['url']}"
    tags = [tag["name"] for tag in document.get("tags", ())]
    if len(tags) != len(set(tags)):
        yield "#/tags: twice the same"
    components = document.get("components", {})
    yield from _keys("components", components, "#/components")
    for kind, named in components.items():
        for name in named:
            if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
                yield f"#/components/{kind}/{name}: not a name"
    for name, schema in components.get("schemas", {}).items():
        yield from _schema(document, schema, f"#/components/schemas/{name}")
    for name, header in components.get("headers", {}).items():
        yield from _schema(document, header["schema"], f"#/components/headers/{name}")
    for name, scheme in components.get("securitySchemes", {}).items():
        yield from _security_scheme(scheme, f"#/components/securitySchemes/{name}")
    operations: list[str] = []
    for path, item in document["paths"].items():
        if not path.startswith("/"):
            yield f"#/paths/{path}: does not begin with a slash"
        for method, operation in item.items():
            place = f"#/paths/{path}/{method}"
            if method not in METHODS:
                yield f"{place}: no method"
            operations.append(operation.get("operationId", ""))
            yield from _operation(document, operation, place)
    if len(operations) != len(set(operations)):
        yield "#/paths: operationIds are not unique"


def _operation(document: Json, operation: Json, place: str) -> Faults:
    yield from _keys("operation", operation, place)
    known = {tag["name"] for tag in document.get("tags", ())}
    yield from (f"{place}: unknown tag {tag}" for tag in operation.get("tags", ()) if tag not in known)
    schemes = document.get("components", {}).get("securitySchemes", {})
    for requirement in operation.get("security", ()):
        yield from (f"{place}: unknown security scheme {name}" for name in requirement if name not in schemes)
    if "requestBody" in operation:
        yield from _keys("request body", operation["requestBody"], place)
        yield from _content(document, operation["requestBody"], f"{place}/requestBody")
    for parameter in operation.get("parameters", ()):
        yield from _keys("parameter", parameter, f"{place}/parameters")
        yield from _schema(document, parameter["schema"], f"{place}/parameters/{parameter['name']}")
        if parameter["in"] not in {"query", "header", "path", "cookie"}:
            yield f"{place}/parameters: {parameter['in']!r} is no place"
    if not operation.get("responses"):
        yield f"{place}: no responses"
    for status, response in operation.get("responses", {}).items():
        if not re.fullmatch(r"[1-5](\d\d|XX)|default", status):
            yield f"{place}: {status!r} is no status"
        yield from _keys("response", response, f"{place}/{status}")
        yield from _content(document, response, f"{place}/{status}")
        for header in response.get("headers", {}).values():
            yield from _reference(document, header["$ref"], place)


def _content(document: Json, holder: Json, place: str) -> Faults:
    for kind, media in holder.get("content", {}).items():
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind):
            yield f"{place}: {kind!r} is no media type"
        yield from _keys("media type", media, place)
        yield from _schema(document, media["schema"], f"{place}/{kind}")


def _security_scheme(scheme: Json, place: str) -> Faults:
    needed = {"http": {"scheme"}, "apiKey": {"name", "in"}}.get(scheme.get("type", ""))
    if needed is None or not needed <= scheme.keys() or scheme.get("in", "header") not in {"header", "query", "cookie"}:
        yield f"{place}: incomplete"


def _schema(document: Json, schema: Json, place: str) -> Faults:
    for key, value in schema.items():
        if key not in SCHEMA_KEYS or not isinstance(value, SCHEMA_KEYS[key]):
            yield f"{place}: {key!r} is no keyword, or its value is of the wrong type"
    if schema.get("type", "object") not in TYPES:
        yield f"{place}: {schema['type']!r} is no type"
    if "$ref" in schema:
        yield from _reference(document, schema["$ref"], place)
    required = schema.get("required", [])
    if len(required) != len(set(required)):
        yield f"{place}: required twice"
    for name in required:
        if name not in schema.get("properties", {}):
            yield f"{place}: {name} is required and not described"
    if "pattern" in schema:
        re.compile(schema["pattern"])
    for name, inner in schema.get("properties", {}).items():
        yield from _schema(document, inner, f"{place}/{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from _schema(document, schema[key], f"{place}/{key}")
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and not schema[key]:
            yield f"{place}: {key} of nothing"
        for index, option in enumerate(schema.get(key, ())):
            yield from _schema(document, option, f"{place}/{key}/{index}")


def _reference(document: Json, reference: str, place: str) -> Faults:
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        target = target.get(part) if isinstance(target, Mapping) else None
    if not reference.startswith("#/") or target is None:
        yield f"{place}: {reference} leads nowhere"


def _keys(kind: str, value: Json, place: str) -> Faults:
    required, optional = KEYS[kind]
    yield from (f"{place}: a {kind} needs {key}" for key in sorted(required - value.keys()))
    for key in value:
        if key not in required | optional and not key.startswith("x-"):
            yield f"{place}: a {kind} has no {key}"


# ── values against schemas ────────────────────────────────────────────────────────────────────────────────────────

IS = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}


def mismatches(document: Json, schema: Json, value: Any, place: str = "$") -> list[str]:
    """Where a value does not match the schema."""
    return list(_mismatches(document, schema, value, place))


def _mismatches(document: Json, schema: Json, value: Any, place: str) -> Faults:
    if "$ref" in schema:
        target = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        yield from _mismatches(document, target, value, place)
    if "type" in schema and not IS[schema["type"]](value):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{place}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)) or not re.search(schema.get("pattern", ""), value):
            yield f"{place}: {value!r} is not like that"
    elif isinstance(value, int | float):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{place}: {value!r} is out of bounds"
        if value >= schema.get("exclusiveMaximum", value + 1):
            yield f"{place}: {value!r} is out of bounds"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mismatches(document, schema.get("items", {}), item, f"{place}[{index}]")
    elif isinstance(value, Mapping):
        yield from (f"{place}.{name}: missing" for name in schema.get("required", ()) if name not in value)
        for name, inner in value.items():
            yield from _mismatches(document, schema.get("properties", {}).get(name, {}), inner, f"{place}.{name}")
    for part in schema.get("allOf", ()):
        yield from _mismatches(document, part, value, place)
    for key, wanted in (("oneOf", {1}), ("anyOf", set(range(1, 100)))):
        if key in schema:
            fitting = [option for option in schema[key] if not mismatches(document, option, value)]
            if len(fitting) not in wanted:
                yield f"{place}: fits {len(fitting)} of {key}"
