"""Facts about the apps' contract, loaded from `facts.json`: what the apps send to each endpoint and need in its answer.

A shape in that file is one of:

- `"id"`, `"flag"`, `"text"` …: a value of that `Kind`
- `"text|object"`: one of several; `"words:live,ended"`: one of these texts
- `"User"`: the object of that name under `objects`
- `[shape]`: a list of that shape
- `{"User": shape, "Sound?": shape}`: an object; `?` marks an optional key; `"...": "User"` adds that object's keys
- `{"|": [shape, …]}`: one of several
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
    """The type of a single value in an answer."""

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
    """The shape of an answer or of a part of an answer."""


@dataclass(frozen=True, slots=True)
class Value(Shape):
    kind: Kind


@dataclass(frozen=True, slots=True)
class Words(Shape):
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named(Shape):
    """A reference to `Facts.objects[name]`."""

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
    """The name of an object whose keys this record has too."""


class RequestField(msgspec.Struct, frozen=True, array_like=True):
    """`id-text`, `int-text` and `float-text` are numbers that apps mostly send as text; numbers are accepted too."""

    type: Literal["text", "int-text", "float-text", "id-text", "id", "int", "any", "array", "object", "file"]
    required: bool = False


class EndpointFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    section: str
    priority: Literal[1, 2, 3, 4]
    """1: the eight critical endpoints. 2: other endpoints of live, gifts and coins. 3: other documented endpoints. 4:
    endpoints that only the apps mention."""
    auth: Literal["none", "token"]
    guest_allowed: bool = False
    content_type: Literal["json", "multipart"] = "json"
    aliases: tuple[str, ...] = ()
    """Other paths that app builds send, as sent."""
    called_by: tuple[Client, ...]
    request: Mapping[str, RequestField]
    msg: Shape
    """The shape of `msg` with code 200. With every other code `msg` is text."""
    msg_when_removed: Shape | None = None
    """The shape of `msg` with code 200 when a toggle removed something."""
    top_level: Mapping[str, Shape] = {}
    """Keys beside `code` and `msg` in every answer, refusals included."""
    client_variants: Mapping[Client, Shape] = {}
    """The shape of `msg` for clients that cannot read the common one."""
    ios_refusal: Literal["leave_msg_out", "answer_200", "throws"] | None = None
    """What iOS needs in a refusal instead of a text: no `msg`; code 200 with empty lists; or nothing special
    (`throws`), because it shows only a general failure."""
    note: str = ""

    def msg_for(self, client: Client) -> Shape:
        return self.client_variants.get(client, self.msg)


class ObjectFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    always: Mapping[str, Shape]
    conditional: Mapping[str, Shape] = {}
    """Keys that are sent only under the condition in `note`, and otherwise left out: never null, `""` or `[]`."""
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
    """The parsed file, cached. Raises `msgspec.ValidationError` with the path of a value that is not valid."""
    text = resources.files(__package__).joinpath("facts.json").read_bytes()
    file = msgspec.json.decode(text, type=_File, dec_hook=_decode)
    return Facts(endpoints={endpoint.name: endpoint for endpoint in file.endpoints}, objects=file.objects)


def _decode(type_: type, value: Any) -> Any:
    if type_ is Shape:
        return parse_shape(value)
    raise NotImplementedError(type_)


def parse_shape(raw: object) -> Shape:
    """Raises ValueError when `raw` is not a shape."""
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
