"""JSON Schema (draft 2020-12) of request and answer models: msgspec's, with descriptions and required keys added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from api.documentation.notes import field_notes

Schema = dict[str, Any]
REF = "#/components/schemas/"
JSON_TYPES = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}


@dataclass(frozen=True, slots=True)
class Schemas:
    requests: Sequence[Schema]
    answers: Sequence[Schema]
    components: Mapping[str, Schema]


def schemas(requests: Sequence[type[msgspec.Struct]], answers: Sequence[Any]) -> Schemas:
    """The schemas in the order of the models, and their components. In answers every key with a default is required,
    because it is always sent. In requests such a key is optional, and null means absent."""
    every, components = msgspec.json.schema_components([*requests, *answers], ref_template=REF + "{name}")
    asked = _structs(requests)
    for struct in asked | _structs(answers):
        component = components.get(struct.__name__)
        assert component is not None, (
            f"two models are called {struct.__name__}: it is their public name, choose another"
        )
        complete = struct not in asked and not struct.__struct_config__.omit_defaults
        _describe(struct, component, with_null=complete)
        if complete:
            _fill(component)
    return Schemas(every[: len(requests)], every[len(requests) :], components)


def typed(value: Any) -> Any:
    """The schema with a `type` beside each `enum` and `const`. Code generators need it to choose a type."""
    if isinstance(value, Mapping):
        inner = {key: typed(part) for key, part in value.items()}
        values = value.get("enum", [value["const"]] if "const" in value else [])
        if isinstance(values, list) and values and "type" not in value:
            [kind] = {JSON_TYPES[type(one)] for one in values}
            return {"type": kind, **inner}
        return inner
    return [typed(part) for part in value] if isinstance(value, list | tuple) else value


def name_of(schema: Mapping[str, Any]) -> str | None:
    """The name of the component that the schema refers to, or None."""
    ref: str | None = schema.get("$ref")
    return ref.removeprefix(REF) if ref else None


def example(schema: Schema) -> dict[str, Any]:
    """An example request with the required fields and those that have `examples` in the model."""
    return {
        name: _value(field)
        for name, field in schema["properties"].items()
        if name in schema["required"] or "examples" in field
    }


def _structs(models: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """All structs in these models, nested ones included."""
    found: set[type[msgspec.Struct]] = set()
    waiting = list(models)
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            if hint not in found:
                found.add(hint)
                waiting.extend(get_type_hints(hint).values())
        else:
            waiting.extend(get_args(hint))
    return found


def _describe(struct: type[msgspec.Struct], component: Schema, *, with_null: bool) -> None:
    notes = field_notes(struct)
    properties: dict[str, Schema] = component["properties"]
    for field in msgspec.structs.fields(struct):
        schema = properties[field.encode_name]
        if not with_null:
            schema = properties[field.encode_name] = _without_null(schema)
        if "pattern" in schema:  # ECMA-262 has no \Z, and its $ matches only at the end
            schema["pattern"] = schema["pattern"].replace(r"\Z", "$")
        if note := notes.get(field.name):
            of_type = schema.get("description")
            schema["description"] = f"{of_type}. {note}" if of_type else note


def _without_null(schema: Schema) -> Schema:
    """The schema without null and the default null, because an optional field is not in `required`."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    if not options:
        return rest
    return {**options[0], **rest} if len(options) == 1 else {"anyOf": options, **rest}


def _fill(component: Schema) -> None:
    properties = component["properties"].items()
    required = set(component["required"])
    component["required"] = [name for name, schema in properties if name in required or "default" in schema]
    for _, schema in properties:
        schema.pop("default", None)


def _value(field: Schema) -> Any:
    match field:
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"default": first}:
            return first
        case {"type": "integer" | "number"}:
            return max(field.get("minimum", 1), 1)
        case {"type": "array"}:
            return []
        case {"type": "object"}:
            return {}
    return "…"
