"""Decoders of the apps: what each app could not read in an answer, by path.

The apps are lenient in different places: iOS accepts a wallet as text in `User` but not in `Receiver`; Android accepts
nearly any type but shows null as the text "null". An answer that relies on one app's leniency fails in another. So
every answer must have the exact types of `facts.json` for every client, and what the named client needs in addition.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, assert_never
from urllib.parse import urlsplit

from api.contract.client import Client
from api.contract.facts import EndpointFacts, Kind, ListOf, Named, OneOf, Record, Shape, Value, Words, load

CODES = {200, 201, 202, 400, 401, 404, 500, 501}
ANDROIDS = frozenset({Client.ANDROID, Client.ANDROID_KT})
EVERYBODY = frozenset(Client)
NO_TIME = "0000-00-00 00:00:00"
CHAT_SEPARATOR = "====="

Json = Mapping[str, Any]
Problems = Iterator[str]


def problems(client: Client, endpoint: str, answer: bytes | Json) -> list[str]:
    """What `client` could not read in an answer of `endpoint` (its name in the facts), each as `path: what is wrong`;
    empty if there is nothing."""
    if isinstance(answer, bytes):
        try:
            answer = json.loads(answer.decode(), parse_constant=_refuse_constant)
        except ValueError as error:
            return [f"$: not JSON in UTF-8 ({error})"]
    if not isinstance(answer, Mapping):
        return [f"$: {_type_name(answer)}, not an object"]
    return [*_nulls_and_booleans(answer, "$"), *_envelope(client, load().endpoints[endpoint], answer)]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _nulls_and_booleans(value: object, path: str) -> Problems:
    match value:
        case None:
            yield f"{path}: null"
        case bool():
            yield f"{path}: a boolean, where the apps read 0 or 1"
        case Mapping():
            for key, inner in value.items():
                yield from _nulls_and_booleans(inner, f"{path}.{key}")
        case list():
            for index, inner in enumerate(value):
                yield from _nulls_and_booleans(inner, f"{path}[{index}]")


def _envelope(client: Client, facts: EndpointFacts, answer: Json) -> Problems:
    for key, shape in facts.top_level.items():
        yield from _member(client, shape, answer, key, "$")
    code = answer.get("code")
    if type(code) is not int or code not in CODES:
        yield f"$.code: {code!r} is none of the codes"
    elif code == 200:
        yield from _member(client, _msg_shape(client, facts, answer.get("msg")), answer, "msg", "$")
    elif client is Client.IOS and facts.ios_refusal == "leave_msg_out":
        if "msg" in answer:
            yield "$.msg: must be left out of a refusal, iOS reads no text here"
    elif client is Client.IOS and facts.ios_refusal == "answer_200" and code == 201:
        yield "$.code: iOS reads the lists whatever the code, so nothing to show is 200 with empty lists"
    elif not isinstance(answer.get("msg"), str):
        yield f"$.msg: {_type_name(answer.get('msg'))}, not the text that a refusal is shown by"


def _msg_shape(client: Client, facts: EndpointFacts, msg: object) -> Shape:
    if facts.msg_when_removed is not None and isinstance(msg, str):
        return facts.msg_when_removed
    return facts.msg_for(client)


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _check(client: Client, shape: Shape, value: object, path: str) -> Problems:
    if value is None or isinstance(value, bool):
        return  # told already
    match shape:
        case Value(kind):
            if not _IS[kind](value):
                yield f"{path}: {_shown(value)} is no {kind}"
        case Words(words):
            if value not in words:
                yield f"{path}: {_shown(value)} is none of {', '.join(map(repr, words))}"
        case ListOf(item):
            if not isinstance(value, list):
                yield f"{path}: {_type_name(value)}, not a list"
                return
            for index, inner in enumerate(value):
                yield from _check(client, item, inner, f"{path}[{index}]")
        case OneOf(options):
            yield from min((list(_check(client, option, value, path)) for option in options), key=len)
        case Record():
            yield from _record(client, shape, value, path)
        case Named(name):
            yield from _object(client, name, value, path)
        case _:
            raise AssertionError(f"a shape without a check: {shape}")


def _member(client: Client, shape: Shape, holder: Json, key: str, path: str) -> Problems:
    if key in holder:
        yield from _check(client, shape, holder[key], f"{path}.{key}")
    else:
        yield f"{path}.{key}: missing"


def _record(client: Client, record: Record, value: object, path: str) -> Problems:
    if record.extends is not None:
        yield from _object(client, record.extends, value, path)
    elif not isinstance(value, Mapping):
        yield f"{path}: {_type_name(value)}, not an object"
    if not isinstance(value, Mapping):
        return
    for key, shape in record.required.items():
        yield from _member(client, shape, value, key, path)
    for key, shape in record.optional.items():
        if key in value:
            yield from _member(client, shape, value, key, path)


def _object(client: Client, name: str, value: object, path: str) -> Problems:
    facts = load().objects[name]
    if not isinstance(value, Mapping):
        yield f"{path}: {_type_name(value)}, not a {name}"
        return
    yield from _record(client, Record(facts.always, {**facts.conditional, **facts.optional}, None), value, path)
    for key in facts.never:
        if key in value:
            yield f"{path}.{key}: must be left out"
    for clients, rule in _RULES.get(name, ()):
        if client in clients:
            yield from (f"{path}{complaint}" for complaint in rule(value))


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_int(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_number(value: object) -> bool:
    return type(value) is int or (isinstance(value, float) and math.isfinite(value))


def _is_text(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def _is_date(value: object) -> bool:
    return value == "" or (_is_text(value, r"\d{4}-\d\d-\d\d") and _is_calendar(str(value)))


def _is_time(value: object) -> bool:
    return value == NO_TIME or (_is_text(value, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d") and _is_calendar(str(value)))


def _is_calendar(value: str) -> bool:
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    schemes = {"http", "https", "rtmp", "rtmps", "srt", "ws", "wss"}
    return value == "" or (parts.scheme in schemes and bool(parts.hostname) and not re.search(r"\s", value))


def _is(kind: Kind) -> Callable[[object], bool]:
    match kind:
        case Kind.ID:
            return lambda value: _is_int(value, 0, 2**31 - 1)
        case Kind.FLAG:
            return lambda value: _is_int(value, 0, 1)
        case Kind.INT:
            return lambda value: _is_int(value, -(2**63), 2**63 - 1)
        case Kind.NUMBER:
            return _is_number
        case Kind.TEXT:
            return lambda value: isinstance(value, str)
        case Kind.COUNT_TEXT:
            return lambda value: _is_text(value, r"\d+")
        case Kind.DECIMAL:
            return lambda value: _is_text(value, r"-?\d+(\.\d+)?")
        case Kind.DATE:
            return _is_date
        case Kind.TIME:
            return _is_time
        case Kind.URL:
            return _is_url
        case Kind.OBJECT:
            return lambda value: isinstance(value, Mapping)
        case Kind.LIST:
            return lambda value: isinstance(value, list)
    assert_never(kind)


_IS = {kind: _is(kind) for kind in Kind}


def _type_name(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
    return "an object"


def _shown(value: object) -> str:
    return f"{_type_name(value)} ({value!r:.60})" if isinstance(value, str | int | float) else _type_name(value)


# ── what an app needs beyond the types ────────────────────────────────────────────────────────────────────────────


def _only_when(key: str, condition: str) -> Callable[[Json], Problems]:
    """`key` must be present if, and only if, the number under `condition` is not 0."""

    def rule(value: Json) -> Problems:
        wanted = value.get(condition, 0) not in (0, "0", False)
        if wanted != (key in value):
            yield f".{key}: {'missing' if wanted else 'there'}, though {condition} is {value.get(condition)!r}"

    return rule


def _feed_item_has_a_username(item: Json) -> Problems:
    """Android hides feed items whose user has no username."""
    for path in (("User",), ("Video", "User")):
        user = _at(item, *path)
        if user is not None and user.get("username") in ("", "null"):
            yield f".{'.'.join(path)}.username: {user['username']!r}, the item would vanish"


def _siblings_stand_inside_too(item: Json) -> Problems:
    """Some lists of the apps read `User` and `Sound` beside the video, others inside it."""
    for key in ("User", "Sound"):
        beside, inside = item.get(key, {}), (_at(item, "Video") or {}).get(key, {})
        if isinstance(beside, Mapping) and isinstance(inside, Mapping) and beside.get("id") != inside.get("id"):
            yield f".Video.{key}: not the {key} beside it"


def _separator_is_absent(gift: Json) -> Problems:
    """Android's chat line of a gift is `count=====title=====image`."""
    for key in ("title", "image", "icon"):
        if CHAT_SEPARATOR in str(gift.get(key, "")):
            yield f".{key}: contains {CHAT_SEPARATOR}"


def _stream_can_be_joined(stream: Json) -> Problems:
    """Without an id, or with id 0, an app writes at the root of its list of streams."""
    if stream.get("id") == 0:
        yield ".id: 0, no stream"
    url = stream.get("playback_url")
    if isinstance(url, str) and not url.partition("?")[0].endswith(".m3u8"):
        yield ".playback_url: does not end in .m3u8"


def _notification_has_its_video(entry: Json) -> Problems:
    notification = _at(entry, "Notification") or {}
    about_video = notification.get("type") in ("video_comment", "video_like")
    if "Video" not in entry and (about_video or notification.get("video_id", 0) != 0):
        yield ".Video: missing, and Android reads it"
    if "Video" in entry and notification.get("video_id") == 0:
        yield ".Video: there, though video_id is 0"


def _at(value: Json, *keys: str) -> Json | None:
    for key in keys:
        inner = value.get(key)
        if not isinstance(inner, Mapping):
            return None
        value = inner
    return value


_RULES: Mapping[str, tuple[tuple[frozenset[Client], Callable[[Json], Problems]], ...]] = {
    "User": ((ANDROIDS, _only_when("BlockUser", "block")),),
    "Video": ((ANDROIDS, _only_when("Promotion", "promote")), (ANDROIDS, _only_when("duet", "duet_video_id"))),
    "FeedItem": ((ANDROIDS, _feed_item_has_a_username), (EVERYBODY, _siblings_stand_inside_too)),
    "Gift": ((ANDROIDS, _separator_is_absent),),
    "LiveStreaming": ((EVERYBODY, _stream_can_be_joined),),
    "NotificationItem": ((ANDROIDS, _notification_has_its_video),),
}
