"""Schemas as readable text for `/docs`: `integer, 1 to 1000`, and answers as JSON outlines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from api.documentation.schemas import Schema, name_of

NAMES = {"string": "text", "boolean": "true or false"}
LARGEST = {2**31 - 1: "2³¹ − 1"}


def prose(text: str) -> str:
    """Escaped HTML of a text, with `code` in backquotes marked up."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


class Notation:
    """Renders the schemas of one document. `linked` collects the names of the objects that the text links to."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components
        self.linked: set[str] = set()

    def component(self, schema: Schema) -> Schema:
        """The schema, or the component that it refers to."""
        name = name_of(schema)
        return self._components[name] if name else schema

    def type(self, schema: Schema) -> str:
        match self.component(schema):
            case {"const": value} | {"enum": [value]}:
                return f"always {_literal(value)}"
            case {"enum": words}:
                return "one of " + ", ".join(map(_literal, words))
            case {"anyOf": options}:
                return " or ".join(map(self.type, options))
            case {"type": "array", "items": items}:
                return f"list of {self.type(items)}"
            case {"type": "object"} if name := name_of(schema):
                self.linked.add(name)
                return f'<a href="#object-{name}">{name}</a>'
            case {"type": str(kind), **bounds}:
                return NAMES.get(kind, kind) + _bounds(bounds)
        return "anything"

    def shape(self, schema: Schema, indent: str = "") -> str:
        """An outline of an object or a list of objects with its keys. Objects inside it are only named and linked."""
        match self.component(schema):
            case {"properties": properties, "required": required}:
                inner = indent + "  "
                keys = [
                    f'{inner}<span class="key">"{key}"</span>{"" if key in required else "?"}: {self.type(value)}'
                    for key, value in properties.items()
                ]
                return "{\n" + ",\n".join(keys) + "\n" + indent + "}" if keys else "{}"
            case {"type": "array", "items": items}:
                return f"[{self.shape(items, indent)}, …]"
        return self.type(schema)


def _bounds(bounds: Mapping[str, Any]) -> str:
    match bounds:
        case {"minimum": 0, "maximum": 1}:
            return ", 0 or 1"
        case {"minimum": least, "maximum": most}:
            return f", {least} to {LARGEST.get(most, most)}"
        case {"minimum": least, "exclusiveMaximum": beyond}:
            return f", {least} to {LARGEST.get(beyond - 1, beyond - 1)}"
        case {"minimum": least}:
            return f", at least {least}"
        case {"maxLength": longest}:
            return f", up to {longest} characters"
        case {"pattern": _, "description": _}:
            return ""  # the description says it in words
        case {"pattern": pattern}:
            return f" like {_literal(pattern, quote='')}"
    return ""


def _literal(value: object, quote: str = '"') -> str:
    return f"<code>{quote + escape(value) + quote if isinstance(value, str) else value}</code>"
