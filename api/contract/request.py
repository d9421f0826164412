"""Request bodies as the apps really send them, brought into exact types.

Numbers come as text nearly everywhere, ids may be "" or "0" for none, page numbers may be anything. A request model names what it wants with
the types below; leniency is theirs, bounds are `msgspec.Meta`'s, and unknown keys and nulls are left out.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NewType, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.http import HttpProcessingError

from api.contract.cut import cut
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.ledger.transfers import CLIENT_REF, LONGEST_CLIENT_REF

Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID, description="integer id, as a number or as text")]
"""A model that allows none declares `Id | None = None`: "", "0" and 0 mean none."""

CallerId = Annotated[
    int,
    msgspec.Meta(ge=1, le=LARGEST_ID, description="the caller; has to agree with the session", extra={"caller": True}),
]
"""Where a client names itself. The session decides; a body that names somebody else is refused."""

Page = NewType("Page", Annotated[int, msgspec.Meta(ge=0, description="page number: 0, 1, 2 …; anything else means 0")])
"""`starting_point`."""

Text = Annotated[str, msgspec.Meta(max_length=2000)]
ClientRef = Annotated[
    str,
    msgspec.Meta(
        pattern=CLIENT_REF,
        description=f"idempotency key: 1 to {LONGEST_CLIENT_REF} printable characters, no blank at its ends",
        extra_json_schema={"maxLength": LONGEST_CLIENT_REF},
        extra={
            "exact": True,
            "must": f"must have 1 to {LONGEST_CLIENT_REF} printable characters and no blank at its ends",
        },
    ),
]
"""Taken as it was sent, unlike other text: two keys that differ must stay different. A model declares `ClientRef | None = None`; "" means none."""
Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]


class MalformedRequest(ControlPlaneError):
    """The body is not what this endpoint takes; the sentence names the field."""

    code = "malformed_request"
    kind = ErrorKind.MALFORMED


class BodyTooLarge(ControlPlaneError):
    code = "body_too_large"
    kind = ErrorKind.MALFORMED


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all request models."""


Coerce = Callable[[Any], Any]
BODY_WITHIN_S = 10.0
"""For a body of the largest size over a slow mobile network; who sends it slower has gone."""
_NONE = object()
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape of a JSON string; the group is half a surrogate pair, as phones send it that cut a text within an emoji."""
_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "str": "must be text",
    "bool": "must be true or false",
    "array": "must be a list",
    "object": "must be an object",
}
_BOUNDS = (
    (re.compile(r"Expected `str` of length <= ([0-9]+)"), "may have at most {} characters"),
    (re.compile(r"Expected `str` of length >= ([0-9]+)"), "must have at least {} characters"),
    (re.compile(r"Expected `array` of length <= ([0-9]+)"), "may have at most {} entries"),
    (re.compile(r"Expected `array` of length >= ([0-9]+)"), "must have at least {} entries"),
    (re.compile(r"Expected `(?:int|float)` >= (-?[0-9.]+)"), "must be at least {}"),
    (re.compile(r"Expected `(?:int|float)` <= (-?[0-9.]+)"), "may be at most {}"),
)


async def read_body(request: web.Request, within_s: float = BODY_WITHIN_S) -> bytes:
    """Raises BodyTooLarge, and MalformedRequest when it does not come whole, or in time, or its Content-Encoding is a lie."""
    try:
        if request.content.is_eof():  # as nearly always: it is all here
            return await request.read()
        async with asyncio.timeout(within_s):
            return await request.read()
    except TimeoutError:
        raise MalformedRequest("The body did not come in time.") from None
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge(f"The body is larger than {request.client_max_size} bytes.") from None
    except (ConnectionError, HttpProcessingError, web.RequestPayloadError):
        raise MalformedRequest("The body cannot be read.") from None


def decode_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object. Raises MalformedRequest."""
    if not body.strip():
        return {}
    try:
        decoded = msgspec.json.decode(_ESCAPE.sub(_whole_characters, body) if b"\\u" in body else body)
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(decoded, dict):
        raise MalformedRequest("The body must be a JSON object.")
    return decoded


def parse(model: type[Any], fields: Mapping[str, Any]) -> Any:
    """Raises MalformedRequest with a sentence that begins with the field's name."""
    coerced = {}
    for name, coerce in _coercions(model).items():
        value = fields.get(name)
        if value is None:
            continue
        value = coerce(value)
        if value is not _NONE:
            coerced[name] = value
    try:
        return msgspec.convert(coerced, model, strict=True)
    except msgspec.ValidationError as error:
        raise MalformedRequest(_sentence(str(error), _hints(model))) from None


def caller_fields(model: type[Any]) -> tuple[str, ...]:
    """The fields in which a client names itself, the most telling first."""
    return tuple(name for name, hint in _hints(model).items() if _is_caller(hint))


def named_caller(names: Sequence[str], fields: Mapping[str, Any]) -> UserId | None:
    """Whom the body names in these fields, read as leniently as `parse` reads them; None when nobody."""
    for name in names:
        number = _whole(fields.get(name))
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= LARGEST_ID:
            return UserId(number)
    return None


def _whole_characters(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def _sentence(error: str, hints: Mapping[str, Any]) -> str:
    """msgspec says "Expected `int`, got `str` - at `$.gift_count`"; people read "gift_count must be a whole number."."""
    if missing := _MISSING.fullmatch(error):
        return f"{missing[1]} is missing."
    reason, at, place = error.rpartition(" - at `$.")
    if not at:
        return f"{error}."
    place = place.rstrip("`")
    return f"{place} {_rule(reason, hints.get(place))}."


def _rule(reason: str, hint: Any) -> str:
    """What a field of this type must be; nothing of what was sent is repeated."""
    if reason.startswith("Invalid enum value") and (words := list(_words(hint))):
        return f"must be one of {', '.join(words)}" if len(words) > 1 else f"must be {words[0]}"
    if " matching regex " in reason:
        return next(
            (extra["must"] for extra in _extras(hint) if "must" in extra), "has characters that are not allowed"
        )
    for bound, rule in _BOUNDS:
        if found := bound.match(reason):
            return rule.format(found[1])
    kind = re.match(r"Expected `(\w+)", reason)
    return _KINDS.get(kind[1], "is not valid") if kind else "is not valid"


def _words(hint: Any) -> Iterator[str]:
    """Those that a field may be, without the empty one, which stands for none. Some are known and not accepted yet: `extra` has the others."""
    accepted = next((extra["accepted"] for extra in _extras(hint) if "accepted" in extra), None)
    if accepted is not None:
        yield from accepted
        return
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, Enum):
            yield from (str(word.value) for word in part if word.value != "")
        elif get_origin(part) is Literal:
            yield from (str(word) for word in get_args(part) if word != "")


def _extras(hint: Any) -> Iterator[Mapping[str, Any]]:
    parts = [hint, *get_args(hint)]
    metas = [meta for part in parts for meta in (part, *getattr(part, "__metadata__", ()))]
    yield from (meta.extra for meta in metas if isinstance(meta, msgspec.Meta) and meta.extra)


def _hints(model: type[Any]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


_cache: dict[type[Any], dict[str, Coerce]] = {}


def _coercions(model: type[Any]) -> dict[str, Coerce]:
    if model not in _cache:
        _cache[model] = {name: _coercion(hint) for name, hint in _hints(model).items()}
    return _cache[model]


def _is_caller(hint: Any) -> bool:
    return any(extra.get("caller") for extra in _extras(hint))


def _coercion(hint: Any) -> Coerce:
    if hint is Page:
        return _page
    kinds = {_bare(part) for part in (get_args(hint) if get_origin(hint) is not Annotated else (hint,)) or (hint,)}
    if str in kinds:
        if any(extra.get("exact") for extra in _extras(hint)):
            return lambda value: _NONE if value == "" else value if isinstance(value, str) else as_text(value)
        limit = next((extra["cut"] for extra in _extras(hint) if "cut" in extra), None)
        return as_text if limit is None else lambda value: _shortened(value, limit)
    if int in kinds:
        return _whole_or_none if type(None) in kinds else _whole
    if float in kinds:
        return _decimal
    return lambda value: _NONE if value == "" else value


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def as_text(value: Any) -> Any:
    """Without blanks around it, and without what the database cannot hold; what is no text and no number stays as it is."""
    if isinstance(value, str):
        return value.strip().replace("\0", "")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _shortened(value: Any, limit: int) -> Any:
    text = as_text(value)
    return cut(text, limit) if isinstance(text, str) else text


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return _NONE
        if _WHOLE_NUMBER.fullmatch(text):
            return int(text)
    return value


def _whole_or_none(value: Any) -> Any:
    number = _whole(value)
    return _NONE if number == 0 or number == "null" else number


def _decimal(value: Any) -> Any:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return _NONE if not value.strip() else value
        return number if math.isfinite(number) else value
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else value


def _page(value: Any) -> int:
    number = _whole(value)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**6 else 0
