"""The AsyncAPI 3.0 document of the live socket and the personal socket, generated from the models of their frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from api.documentation import live_frames, personal_frames
from api.documentation.described_frame import Frame
from api.documentation.schemas import Schema, example, schemas, typed
from api.http.urls import Urls
from api.sockets.frames import CloseCode


class _Channel(NamedTuple):
    name: str
    description: str
    from_clients: Sequence[Frame]
    to_clients: Sequence[Frame]
    operations: str
    """What the names of its operations begin with."""


STREAM_CHANNEL = _Channel("stream", "One live stream.", live_frames.FROM_CLIENTS, live_frames.TO_CLIENTS, "")
PERSONAL_CHANNEL = _Channel(
    "me", "What is new for the signed-in user.", personal_frames.FROM_CLIENTS, personal_frames.TO_CLIENTS, "personal_"
)
CHANNELS = (STREAM_CHANNEL, PERSONAL_CHANNEL)


class _Close(NamedTuple):
    meaning: str
    clients: str


CLOSE_CODES: Mapping[CloseCode, _Close] = {
    CloseCode.GOING_AWAY: _Close(
        "The server stops or is unavailable at the moment.",
        "reconnect with `after`, after a random pause of 0 to 3 s",
    ),
    CloseCode.TOO_BIG: _Close("A message was larger than 64 KiB.", "send less"),
    CloseCode.FAILED: _Close("An internal error of the server.", "reconnect with `after`, after some seconds"),
    CloseCode.SIGN_IN: _Close("The session is missing, expired or revoked.", "sign in, then reconnect"),
    CloseCode.FORBIDDEN: _Close("You are banned, or may not watch this stream.", "stop"),
    CloseCode.NO_SUCH_STREAM: _Close("There is no such stream, or its host and the user have a block.", "stop"),
    CloseCode.ENDED: _Close("The stream has ended. Its last `status` event was sent before.", "stop"),
    CloseCode.TOO_MANY: _Close(
        "Too many sockets of one address or user, or ten faulty frames within a minute.", "wait, then reconnect"
    ),
    CloseCode.TOO_SLOW: _Close("You read too slowly, or did not answer a ping.", "reconnect with `after`"),
}

PERSONAL_CLOSE_CODES = frozenset(CloseCode) - {CloseCode.NO_SUCH_STREAM, CloseCode.ENDED}

DESCRIPTION = """\
Open one WebSocket for each stream that you watch. Each text message is one frame, a JSON object. Ignore frames of \
unknown types: later releases add more.

Events have a `seq` (1, 2, 3 … for each stream, without gaps) and are the same for all viewers. Remember the last \
`seq` and the `epoch` of `hello`. After a disconnect, reconnect with `?after=<seq>&epoch=<epoch>`: the server sends \
the events that you missed first, each exactly once. If `hello.recovered` is false, discard your state and start from \
`hello.stream`.

Apps send `Authorization: Bearer <session token>` with the upgrade request, browsers send an `auth` frame. Without \
either you are a guest, who receives events but cannot send gifts. Signed-in users open \
one more WebSocket, which tells what is new in the inbox, and carries direct messages. The server sends a ping every 25 s and closes a \
socket that does not answer within 10 s."""


def asyncapi(urls: Urls) -> dict[str, Any]:
    from_clients = [frame for channel in CHANNELS for frame in channel.from_clients]
    to_clients = [frame for channel in CHANNELS for frame in channel.to_clients]
    models = schemas([frame.model for frame in from_clients], [frame.model for frame in to_clients])
    payloads = zip([*from_clients, *to_clients], [*models.requests, *models.answers], strict=True)
    messages = {frame.name: _message(frame, payload, models.components) for frame, payload in payloads}
    address = urlsplit(urls.websocket("{id}"))
    described: dict[str, Any] = typed(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Stagedoor sockets",
                "version": version("stagedoor"),
                "license": {"name": "MIT"},
                "description": DESCRIPTION,
            },
            "defaultContentType": "application/json",
            "servers": {"this": {"host": address.netloc, "protocol": address.scheme}},
            "channels": {
                STREAM_CHANNEL.name: _stream_channel(address.path),
                PERSONAL_CHANNEL.name: _personal_channel(),
            },
            "operations": {name: operation for channel in CHANNELS for name, operation in _operations(channel).items()},
            "components": {"messages": messages, "schemas": models.components},
        }
    )
    return described


def _operations(channel: _Channel) -> dict[str, Any]:
    return {
        **{f"receive_{frame.name}": _receive(channel, frame) for frame in channel.from_clients},
        f"{channel.operations}send": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{channel.name}"},
            "summary": "Frames that the server sends to each client.",
            "messages": [_of_channel(channel, frame.name) for frame in channel.to_clients],
        },
    }


_TOKEN: Schema = {"type": "string", "description": "`Bearer <session token>`; browsers cannot send it."}


def _stream_channel(path: str) -> dict[str, Any]:
    after: Schema = {"type": "integer", "minimum": 0, "description": "The last `seq` that you received."}
    epoch: Schema = {
        "type": "string",
        "description": "The `epoch` of `hello`, which names the log that `after` belongs to. Optional with `after=0`.",
    }
    query: Schema = {"type": "object", "properties": {"after": after, "epoch": epoch}}
    return {
        **_channel(STREAM_CHANNEL, path, {"Authorization": _TOKEN}, query, set(CLOSE_CODES)),
        "parameters": {"id": {"description": "The stream's id."}},
    }


def _personal_channel() -> dict[str, Any]:
    language: Schema = {"type": "string", "description": "The language of the texts, such as `de-DE`."}
    headers = {"Authorization": _TOKEN, "Accept-Language": language}
    return _channel(PERSONAL_CHANNEL, "/ws/me", headers, None, PERSONAL_CLOSE_CODES)


def _channel(
    channel: _Channel, path: str, headers: Mapping[str, Schema], query: Schema | None, codes: Collection[CloseCode]
) -> dict[str, Any]:
    names = [frame.name for frame in (*channel.from_clients, *channel.to_clients)]
    handshake: dict[str, Any] = {
        "bindingVersion": "0.1.0",
        "method": "GET",
        "headers": {"type": "object", "properties": dict(headers)},
    }
    return {
        "address": path,
        "description": channel.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": handshake if query is None else {**handshake, "query": query}},
        "x-close-codes": {str(code.value): close._asdict() for code, close in CLOSE_CODES.items() if code in codes},
    }


def _message(frame: Frame, payload: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    return {
        "name": frame.name,
        "summary": frame.summary,
        "payload": _numbered(frame.name, payload) if frame.is_event else payload,
        "examples": [{"payload": payload} for payload in _examples(frame, components[frame.model.__name__])],
    }


def _examples(frame: Frame, component: Schema) -> list[Any]:
    if frame in live_frames.FROM_CLIENTS + personal_frames.FROM_CLIENTS:
        return [example(component)]
    made = [msgspec.to_builtins(one) for one in frame.examples]
    if not frame.is_event:
        return made
    return [
        {"type": frame.name, "seq": seq, "at": "2026-01-31T12:00:00.000Z", "data": data}
        for seq, data in enumerate(made, start=7)
    ]


def _numbered(type_: str, data: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "type": {"const": type_},
            "seq": {"type": "integer", "minimum": 1, "description": "The number of the event in the stream's log."},
            "at": {"type": "string", "format": "date-time", "description": "UTC, with milliseconds."},
            "data": data,
        },
        "required": ["type", "seq", "at", "data"],
    }


def _receive(channel: _Channel, frame: Frame) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": frame.summary,
        "messages": [_of_channel(channel, frame.name)],
        "reply": {
            "channel": {"$ref": f"#/channels/{channel.name}"},
            "messages": [_of_channel(channel, name) for name in frame.answers],
        },
    }


def _of_channel(channel: _Channel, message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{channel.name}/messages/{message}"}
