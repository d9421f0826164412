"""What the apps send and need, endpoint by endpoint: `facts.json`, typed.

A shape in that file is

- `"id"`, `"flag"`, `"text"` … a value of that kind (`Kind`); `"text|object"` one of several; `"words:live,ended"` one of these texts
- `"User"` the object of that name, under `objects`
- `[shape]` a list of such
- `{"User": shape, "Sound?": shape}` an object; a key with `?` may be left out; `"...": "User"` adds the keys of that object
- `{"|": [shape, …]}` one of several
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Literal

import msgspec

from api.contract.client import Client


class Kind(StrEnum):
    """What a single value may be, in an answer."""

    ID = "id"
    """0 to 2³¹ − 1"""
    INT = "int"
    FLAG = "flag"
    """0 or 1, never a JSON boolean"""
    NUMBER = "number"
    TEXT = "text"
    COUNT_TEXT = "count-text"
    """decimal digits"""
    DECIMAL = "decimal"
    """decimal text, never empty"""
    DATE = "date"
    """`YYYY-MM-DD` or empty"""
    TIME = "time"
    """`YYYY-MM-DD HH:MM:SS`, UTC; unset is all zeros"""
    URL = "url"
    """absolute or empty"""
    OBJECT = "object"
    LIST = "list"


class Shape:
    """Of an answer or of a part of one."""


@dataclass(frozen=True, slots=True)
class Value(Shape):
    kind: Kind


@dataclass(frozen=True, slots=True)
class Words(Shape):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named(Shape):
    """The object of `Facts.objects` under this name."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    item: Shape


@dataclass(frozen=True, slots=True)
class OneOf(Shape):
    options: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Record(Shape):
    required: Mapping[str, Shape]
    optional: Mapping[str, Shape]
    extends: str | None
    """Name of the object whose keys are here too."""


class RequestField(msgspec.Struct, frozen=True, array_like=True):
    """`id-text`, `int-text` and `float-text` are numbers that mostly come as text: both are accepted."""

    type: Literal["text", "int-text", "float-text", "id-text", "id", "int", "any", "array", "object", "file"]
    required: bool = False


class EndpointFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    section: str
    priority: Literal[1, 2, 3, 4]
    """1 the critical eight; 2 rest of live, gifts, coins; 3 rest of the documented paths; 4 only in the apps."""
    auth: Literal["none", "token"]
    guest_allowed: bool = False
    content_type: Literal["json", "multipart"] = "json"
    aliases: tuple[str, ...] = ()
    """Paths that some build really sends, as sent."""
    called_by: tuple[Client, ...]
    request: Mapping[str, RequestField]
    msg: Shape
    """`msg` under code 200; under every other code it is a text."""
    msg_when_removed: Shape | None = None
    """`msg` under code 200 when a toggle took something away."""
    top_level: Mapping[str, Shape] = {}
    """Keys beside `code` and `msg`, in every answer, refusals included."""
    client_variants: Mapping[Client, Shape] = {}
    """Where one shape cannot serve all: `msg` for the named client."""
    ios_refusal: Literal["leave_msg_out", "answer_200", "throws"] | None = None
    """What iOS needs instead of a text: no `msg`; code 200 with empty lists; nothing, it only shows a general failure."""
    note: str = ""

    def msg_for(self, client: Client) -> Shape:
        return self.client_variants.get(client, self.msg)


class ObjectFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    always: Mapping[str, Shape]
    conditional: Mapping[str, Shape] = {}
    """Sent when the note says so, else left out: never null, `""` or `[]`."""
    optional: Mapping[str, Shape] = {}
    never: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    endpoints: Mapping[str, EndpointFacts]
    objects: Mapping[str, ObjectFacts]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    objects: dict[str, ObjectFacts]
    endpoints: list[EndpointFacts]


@functools.cache
def load() -> Facts:
    """The same object each time; a mistake in the file is a `msgspec.ValidationError` that names the place."""
    text = resources.files(__package__).joinpath("facts.json").read_bytes()
    file = msgspec.json.decode(text, type=_File, dec_hook=_decode)
    return Facts(endpoints={endpoint.name: endpoint for endpoint in file.endpoints}, objects=file.objects)


def _decode(type_: type, value: Any) -> Any:
    if type_ is Shape:
        return parse_shape(value)
    raise NotImplementedError(type_)


def parse_shape(raw: object) -> Shape:
    """Raises ValueError when it is none."""
    match raw:
        case str() if raw.startswith("words:"):
            return Words(tuple(raw.removeprefix("words:").split(",")))
        case str() if "|" in raw:
            return OneOf(tuple(parse_shape(option) for option in raw.split("|")))
        case str() if raw[:1].isupper():
            return Named(raw)
        case str():
            return Value(Kind(raw))
        case [item]:
            return ListOf(parse_shape(item))
        case {"|": [*options]}:
            return OneOf(tuple(parse_shape(option) for option in options))
        case dict():
            return _parse_record(raw)
    raise ValueError(f"not a shape: {raw!r}")


def _parse_record(raw: Mapping[str, object]) -> Record:
    extends = raw.get("...")
    if extends is not None and not isinstance(extends, str):
        raise ValueError(f"not the name of an object: {extends!r}")
    shapes = {key: parse_shape(shape) for key, shape in raw.items() if key != "..."}
    return Record(
        required={key: shape for key, shape in shapes.items() if not key.endswith("?")},
        optional={key.removesuffix("?"): shape for key, shape in shapes.items() if key.endswith("?")},
        extends=extends,
    )
