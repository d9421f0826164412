"""Lenient parsing of request bodies into typed request models.

The apps send most numbers as text, "" or "0" for a missing id, and arbitrary page numbers. A request model uses the
types below: they convert such values, `msgspec.Meta` checks the bounds, and unknown keys and nulls are ignored.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NewType, cast, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from aiohttp.http import HttpProcessingError

from api.contract.cut import cut
from api.http.encoding import NOT_COMPRESSED, is_compressed
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.ledger.transfers import CLIENT_REF, LONGEST_CLIENT_REF

_NONE = object()

Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID, description="integer id, as a number or as text")]
"""An id. An optional one is declared as `Id | None = None`: "", "0" and 0 mean None."""

CallerId = Annotated[
    int,
    msgspec.Meta(ge=1, le=LARGEST_ID, description="the caller; has to agree with the session", extra={"caller": True}),
]
"""The user id that a client sends for its own user. A body that names another user than the session is refused."""

Page = NewType("Page", Annotated[int, msgspec.Meta(ge=0, description="page number: 0, 1, 2 …; anything else means 0")])
"""A page number, as in `starting_point`."""

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
"""An idempotency key. Unlike other text it is not stripped, because different keys must stay different. Models declare
`ClientRef | None = None`; "" means None."""
Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
Switch = Annotated[int, msgspec.Meta(ge=0, le=1, description="0 or 1; empty: unchanged", extra={"switch": True})]
"""A setting that is on or off. Unlike in other optional numbers, 0 in `Switch | None` is a value; "" means None."""


def _yes_or_no(value: Any) -> Any:
    text = as_text(value)
    if isinstance(text, str):
        return {"": _NONE, "null": _NONE, "true": 1, "false": 0}.get(text.lower(), as_whole(text))
    return int(value) if isinstance(value, bool) else value


YesNo = Annotated[
    int,
    msgspec.Meta(ge=0, le=1, description="0, 1, true or false; empty: as without it", extra={"read": _yes_or_no}),
]
"""A switch as it comes in forms, whose apps write `1` or `true`."""


class MalformedRequest(ControlPlaneError):
    """The body does not fit the request model. The message names the field."""

    code = "malformed_request"
    kind = ErrorKind.MALFORMED


class BodyTooLarge(ControlPlaneError):
    code = "body_too_large"
    kind = ErrorKind.MALFORMED


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all request models."""


Coerce = Callable[[Any], Any]
BODY_WITHIN_S = 10.0
"""Timeout for reading a body. Smaller fails the largest bodies over slow mobile networks; larger lets clients that send
slowly hold memory for longer."""
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape in a JSON string. Group 1: half a surrogate pair, which phones send when they cut text inside an emoji."""
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
    """The whole body. Raises BodyTooLarge, and MalformedRequest if the body is compressed, incomplete, or arrives too
    slowly."""
    if is_compressed(request):
        raise MalformedRequest(NOT_COMPRESSED)
    try:
        if request.content.is_eof():  # nearly always: the body arrived with the head
            return await request.read()
        async with asyncio.timeout(within_s):
            return await request.read()
    except TimeoutError:
        raise MalformedRequest("The body did not arrive in time. Please try again.") from None
    except web.HTTPRequestEntityTooLarge:
        raise BodyTooLarge(f"The body is larger than {request.client_max_size} bytes.") from None
    except (ConnectionError, HttpProcessingError, web.RequestPayloadError):
        raise MalformedRequest("The body is incomplete.") from None


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
    """The fields as a `model` instance. Raises MalformedRequest with a message that begins with the field's name."""
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
        raise MalformedRequest(sentence(str(error), model)) from None


def caller_fields(model: type[Any]) -> tuple[str, ...]:
    """The names of the model's CallerId fields, in the order of their declaration."""
    return tuple(name for name, hint in _hints(model).items() if _is_caller(hint))


def named_caller(names: Sequence[str], fields: Mapping[str, Any]) -> UserId | None:
    """The user id in the first of these fields that has one, converted as leniently as `parse` does; else None."""
    for name in names:
        number = as_whole(fields.get(name))
        if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= LARGEST_ID:
            return UserId(number)
    return None


def _whole_characters(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def sentence(error: str, model: type[Any]) -> str:
    """Rewrites an error of msgspec: "Expected `int`, got `str` - at `$.n`" becomes "n must be a whole number."."""
    if missing := _MISSING.fullmatch(error):
        return f"{missing[1]} is missing."
    reason, at, place = error.rpartition(" - at `$.")
    if not at:
        return f"{error}."
    place = place.rstrip("`")
    return f"{place} {_rule(reason, _hints(model).get(place))}."


def _rule(reason: str, hint: Any) -> str:
    """The rule that the value breaks. It repeats nothing of the value itself."""
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
    """The words that an enum or Literal field accepts, without the empty one, which means none. `extra["accepted"]`
    limits them where this release accepts only some."""
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
    return _has(hint, "caller")


def _has(hint: Any, mark: str) -> bool:
    return any(extra.get(mark) for extra in _extras(hint))


def _coercion(hint: Any) -> Coerce:
    if hint is Page:
        return _page
    if _has(hint, "switch"):
        return as_whole
    if read := next((extra["read"] for extra in _extras(hint) if "read" in extra), None):
        return cast("Coerce", read)
    kinds = {_bare(part) for part in (get_args(hint) if get_origin(hint) is not Annotated else (hint,)) or (hint,)}
    if str in kinds:
        if _has(hint, "exact"):
            return lambda value: _NONE if value == "" else value if isinstance(value, str) else as_text(value)
        limit = next((extra["cut"] for extra in _extras(hint) if "cut" in extra), None)
        return as_text if limit is None else lambda value: _shortened(value, limit)
    if int in kinds:
        return _whole_or_none if type(None) in kinds else as_whole
    if float in kinds:
        return _decimal
    return lambda value: _NONE if value == "" else value


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def as_text(value: Any) -> Any:
    """Text or a number as stripped text, without NUL, which PostgreSQL cannot store. Other values stay unchanged."""
    if isinstance(value, str):
        return value.strip().replace("\0", "")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def date_in(field: str, text: str) -> dt.date | None:
    """The date in a text such as 1999-12-31. None where the text is empty or all zeros. Raises MalformedRequest."""
    if not text or text.startswith("0000"):
        return None
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        raise MalformedRequest(f"{field} must be a date such as 1999-12-31, or empty.") from None


def _shortened(value: Any, limit: int) -> Any:
    text = as_text(value)
    return cut(text, limit) if isinstance(text, str) else text


def as_whole(value: Any) -> Any:
    """Text or a number as a whole number. Other values stay unchanged, and empty text means that there is none."""
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
    number = as_whole(value)
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
    number = as_whole(value)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 10**6 else 0
