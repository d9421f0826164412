"""The AsyncAPI 3.0 document of the live socket, generated from the models of its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from api.documentation.schemas import Schema, example, schemas, typed
from api.http.urls import Urls
from api.live_socket.frames import Ack, Hello, SendGift, You, YouFrame
from api.sockets.frames import Auth, CloseCode, ErrorFrame
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.gifts.events import Combo, Gift, Person
from control_plane.live.audience import AudienceRole
from control_plane.live.figures import Gifter, Newcomer, Stats
from control_plane.live.snapshot import StreamView
from control_plane.streams.events import StatusChange, Summary
from control_plane.streams.model import EndReason, Status

CHANNEL = "stream"


class Frame(NamedTuple):
    name: str
    model: type[msgspec.Struct]
    summary: str
    answers: Sequence[str] = ()
    is_event: bool = False
    """The frame is an event, and the model describes its `data`."""
    examples: Sequence[msgspec.Struct] = ()


TOP = Gifter(UserId(2), "ben", 31)
STREAM = StreamView(
    id=StreamId(1),
    user_id=UserId(1),
    status=Status.LIVE,
    title="Hello",
    started_at="2026-01-31T11:45:00.000Z",
    viewers=2,
    likes=0,
    coins=28,
    playback_url="https://live.example.com:8443/live/1/index.m3u8",
    top_gifters=[TOP],
)
GIFT = Gift(
    gift_id=1,
    title="Rose",
    icon="https://live.example.com/static/gifts/rose.svg",
    count=3,
    coins=3,
    sender=Person(UserId(2), "ben", ""),
    receiver_id=UserId(1),
    sender_total=31,
    combo=Combo("2-1", 3),
)

FROM_CLIENTS = (
    Frame("auth", Auth, "Sign in with a session token. Guests may send it at any time.", ("you",)),
    Frame("send_gift", SendGift, "Send a gift to the host. A repeated `id` sends no second gift.", ("ack", "error")),
)
TO_CLIENTS = (
    Frame(
        "hello",
        Hello,
        "The first frame: the state of the stream. Missed events follow at once.",
        examples=[Hello("h3Jq", Seq(6), recovered=False, stream=STREAM, you=You(None, AudienceRole.GUEST))],
    ),
    Frame("gift", Gift, "An event: a gift was sent.", is_event=True, examples=[GIFT]),
    Frame(
        "status",
        StatusChange,
        "An event: the stream is live, interrupted or has ended.",
        is_event=True,
        examples=[
            StatusChange(Status.LIVE),
            StatusChange(Status.INTERRUPTED, "publisher_lost"),
            StatusChange(Status.ENDED, EndReason.OWNER, Summary(duration_s=900, peak_viewers=12, coins=31, likes=0)),
        ],
    ),
    Frame(
        "stats",
        Stats,
        "Current figures, without `seq`, at most twice a second. They replace the ones before.",
        examples=[
            Stats(viewers=3, likes=0, coins=31, top_gifters=[TOP], joined=[Newcomer(UserId(3), "cleo")]),
        ],
    ),
    Frame(
        "you",
        YouFrame,
        "Your identity, after an `auth` that you sent after `hello`.",
        examples=[YouFrame(UserId(2), AudienceRole.VIEWER)],
    ),
    Frame("ack", Ack, "The gift was sent. `seq` is the number of its event.", examples=[Ack("tap-1", Seq(7))]),
    Frame(
        "error",
        ErrorFrame,
        "The frame was refused and had no effect, except perhaps after `database_unavailable`. The socket stays open.",
        examples=[
            ErrorFrame("tap-2", "not_enough_coins", "You do not have enough coins: 1 more is needed."),
            ErrorFrame(code="malformed", message="This frame is not valid JSON."),
        ],
    ),
)


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
    CloseCode.NO_SUCH_STREAM: _Close("There is no such stream.", "stop"),
    CloseCode.ENDED: _Close("The stream has ended. Its last `status` event was sent before.", "stop"),
    CloseCode.TOO_MANY: _Close(
        "Too many sockets from one address, or ten faulty frames within a minute.", "wait, then reconnect"
    ),
    CloseCode.TOO_SLOW: _Close("You read too slowly, or did not answer a ping.", "reconnect with `after`"),
}

DESCRIPTION = """\
Open one WebSocket for each stream that you watch. Each text message is one frame, a JSON object. Ignore frames of \
unknown types: later releases add more.

Events have a `seq` (1, 2, 3 … for each stream, without gaps) and are the same for all viewers. Remember the last \
`seq` and the `epoch` of `hello`. After a disconnect, reconnect with `?after=<seq>&epoch=<epoch>`: the server sends \
the events that you missed first, each exactly once. If `hello.recovered` is false, discard your state and start from \
`hello.stream`.

Apps send `Authorization: Bearer <session token>` with the upgrade request, browsers send an `auth` frame. Without \
either you are a guest, who receives events but cannot send gifts. The server sends a ping every 25 s and closes a \
socket that does not answer within 10 s."""


def asyncapi(urls: Urls) -> dict[str, Any]:
    received = [frame.model for frame in FROM_CLIENTS]
    sent = [frame.model for frame in TO_CLIENTS]
    models = schemas(received, sent)
    payloads = zip(FROM_CLIENTS + TO_CLIENTS, [*models.requests, *models.answers], strict=True)
    messages = {frame.name: _message(frame, payload, models.components) for frame, payload in payloads}
    address = urlsplit(urls.websocket("{id}"))
    described: dict[str, Any] = typed(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Stagedoor live socket",
                "version": version("stagedoor"),
                "license": {"name": "MIT"},
                "description": DESCRIPTION,
            },
            "defaultContentType": "application/json",
            "servers": {"this": {"host": address.netloc, "protocol": address.scheme}},
            "channels": {CHANNEL: _channel(address.path, messages)},
            "operations": {
                **{f"receive_{frame.name}": _receive(frame) for frame in FROM_CLIENTS},
                "send": {
                    "action": "send",
                    "channel": {"$ref": f"#/channels/{CHANNEL}"},
                    "summary": "Frames that the server sends to each viewer.",
                    "messages": [_of_channel(frame.name) for frame in TO_CLIENTS],
                },
            },
            "components": {"messages": messages, "schemas": models.components},
        }
    )
    return described


def _channel(path: str, messages: Mapping[str, Any]) -> dict[str, Any]:
    after: Schema = {"type": "integer", "minimum": 0, "description": "The last `seq` that you received."}
    epoch: Schema = {
        "type": "string",
        "description": "The `epoch` of `hello`, which names the log that `after` belongs to. Optional with `after=0`.",
    }
    token: Schema = {"type": "string", "description": "`Bearer <session token>`; browsers cannot send it."}
    return {
        "address": path,
        "description": "One live stream.",
        "parameters": {"id": {"description": "The stream's id."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "ws": {
                "bindingVersion": "0.1.0",
                "method": "GET",
                "query": {"type": "object", "properties": {"after": after, "epoch": epoch}},
                "headers": {"type": "object", "properties": {"Authorization": token}},
            }
        },
        "x-close-codes": {str(code.value): close._asdict() for code, close in CLOSE_CODES.items()},
    }


def _message(frame: Frame, payload: Schema, components: Mapping[str, Schema]) -> dict[str, Any]:
    return {
        "name": frame.name,
        "summary": frame.summary,
        "payload": _numbered(frame.name, payload) if frame.is_event else payload,
        "examples": [{"payload": payload} for payload in _examples(frame, components[frame.model.__name__])],
    }


def _examples(frame: Frame, component: Schema) -> list[Any]:
    if frame in FROM_CLIENTS:
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


def _receive(frame: Frame) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "summary": frame.summary,
        "messages": [_of_channel(frame.name)],
        "reply": {
            "channel": {"$ref": f"#/channels/{CHANNEL}"},
            "messages": [_of_channel(name) for name in frame.answers],
        },
    }


def _of_channel(message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{CHANNEL}/messages/{message}"}
