"""`/asyncapi.json` compared with the frames that the live socket really sends and accepts."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from api.documentation import Documentation
from api.documentation.asyncapi import CLOSE_CODES, asyncapi
from api.documentation.live_frames import TO_CLIENTS
from api.http.urls import Urls
from api.live_socket.frames import NOT_YET, parse
from api.personal_socket import frames as personal_frames
from api.sections import registry
from api.sockets.frames import Auth, CloseCode
from control_plane.db.pool import Database
from control_plane.eventlog.types import EventData
from control_plane.gifts.events import Person
from control_plane.inbox.model import Kind, Told
from tests.api.documentation.asyncapi_rules import faults, messages, misfits
from tests.api.live_socket.live import House, serving
from tests.api.personal_socket.me import process
from tests.control_plane.inbox.test_telling import told as tell_of
from tests.control_plane.live.readers import end, give, say
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO

DESCRIBED = asyncapi(Urls("stage.localhost", 8080, 1935, 8888, 8889, 8890))

Document = dict[str, Any]


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with serving(database) as house:
        yield house


# ── the document ──


def test_it_is_a_valid_asyncapi_document() -> None:
    assert faults(DESCRIBED) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda described: described.pop("operations"),
        lambda described: described.update(asyncapi="2.6.0"),
        lambda described: described["components"]["schemas"].pop("Summary"),
        lambda described: described["components"]["messages"].pop("stats"),
        lambda described: described["servers"]["this"].update(protocol="http"),
        lambda described: described["channels"]["stream"].update(address="/ws/live"),
        lambda described: described["operations"]["send"].update(action="publish"),
        lambda described: described["operations"]["receive_auth"]["reply"].update(messages=[]),
        lambda described: described["operations"]["send"].update(messages=[{"$ref": "#/components/messages/stats"}]),
    ],
)
def test_a_damaged_document_would_be_noticed(damage: Callable[[Document], object]) -> None:
    damaged = copy.deepcopy(DESCRIBED)
    damage(damaged)
    assert faults(damaged) != []


@pytest.mark.parametrize(
    ("public_url", "protocol", "host"),
    [("", "ws", "stage.localhost:8080"), ("https://live.example.com", "wss", "live.example.com")],
)
def test_it_names_this_server(public_url: str, protocol: str, host: str) -> None:
    described = asyncapi(Urls("stage.localhost", 8080, 1935, 8888, 8889, 8890, public_url))
    assert described["servers"] == {"this": {"host": host, "protocol": protocol}}
    assert described["channels"]["stream"]["address"] == "/ws/live/{id}"


def test_every_close_code_is_explained() -> None:
    assert set(CLOSE_CODES) == set(CloseCode)
    assert set(DESCRIBED["channels"]["me"]["x-close-codes"]) < set(DESCRIBED["channels"]["stream"]["x-close-codes"])


def test_every_event_is_described() -> None:
    assert {frame.model for frame in TO_CLIENTS if frame.is_event} == set(EventData.__subclasses__())


def test_what_is_described_as_taken_is_taken() -> None:
    taken = messages(DESCRIBED, "receive")
    assert set(taken) == {"auth", "gift"}
    assert not set(taken) & NOT_YET
    for message in taken.values():
        (example,) = message["examples"]
        frame = parse(json.dumps(example["payload"]).encode())
        assert type(frame).__name__ in {"Auth", "SendGift"}, frame


SENT = [(channel, type_) for channel in ("stream", "me") for type_ in sorted(messages(DESCRIBED, "send", channel))]


@pytest.mark.parametrize(("channel", "type_"), SENT)
def test_every_frame_of_the_server_has_examples_that_are_as_described(channel: str, type_: str) -> None:
    examples = messages(DESCRIBED, "send", channel)[type_]["examples"]
    assert examples
    for example in json.loads(json.dumps(examples)):
        assert example["payload"]["type"] == type_
        assert misfits(DESCRIBED, "send", example["payload"], channel) == []


async def test_it_is_served_beside_the_openapi_document(aiohttp_client: AiohttpClient) -> None:
    urls = Urls("stage.localhost", 8080, 1935, 8888, 8889, 8890)
    app = web.Application()
    documentation = Documentation(registry(dev=True), urls, dev=True)
    app.router.add_get("/asyncapi.json", documentation.asyncapi)
    client = await aiohttp_client(app)
    async with client.get("/asyncapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        assert await response.json() == DESCRIBED
        etag = response.headers["ETag"]
    async with client.get("/asyncapi.json", headers={"If-None-Match": etag}) as response:
        assert response.status == 304


# ── and what is really sent ──


async def test_every_frame_that_a_viewer_meets_is_as_described(house: House) -> None:
    """All seven types, each under every condition that changes its shape."""
    async with house.visit() as guest:
        frames = [await guest.frame()]
        await say(house.log, house.stream_id, "publisher_lost")
        await give(house.log, house.stream_id, Person(house.fan, "fan", ""), 5, house.host)
        await guest.say({"type": "gift", "id": "a1", "gift_id": 1})
        await guest.say("nonsense")
        await guest.say({"type": "auth", "token": "fan"})
        await guest.say({"type": "gift", "id": "a2", "gift_id": 1, "count": 2})
        async with asyncio.timeout(10):
            while {frame["type"] for frame in frames} < {"hello", "gift", "status", "stats", "you", "ack", "error"}:
                frames.append(await guest.frame())
        await end(house.log, house.stream_id)
        rest, code = await guest.rest()
    async with house.visit(token="fan") as late:
        frames += [*rest, await late.frame()]
    assert {code} <= set(CLOSE_CODES)
    assert frames[-1]["stream"]["top_gifters"]
    assert [misfit for frame in frames for misfit in misfits(DESCRIBED, "send", frame)] == []


async def test_every_frame_that_a_user_meets_is_as_described(dsn: str) -> None:
    async with process(dsn) as here:
        ann, bob = await new_user(here.database), await new_user(here.database)
        token = await here.token(ann)
        async with here.connected({"Authorization": f"Bearer {token}"}) as client:
            await tell_of(here.database, Told(Kind.LIVE, bob, stream_id=7), ann)
            frames = await client.events(2)
            await here.inbox.read(ann)
            frames += await client.events(1)
            await client.say({"type": "auth", "token": token})
            await client.say("nonsense")
            frames += await client.events(2)
            await client.say({"type": "message", "id": "a1", "receiver_id": bob, "text": "hello"})
            frames += await client.events(3)
            await here.database.execute(
                "update conversation_side set state = 'open', unread = 1 where user_id = $1", ann
            )
            here.hub.check()
            frames += await client.events(1)
            await here.database.execute(ADD_VIDEO, ann)
            here.hub.check()
            frames += await client.events(1)
    types = [frame["type"] for frame in frames]
    assert types[:5] == ["hello", "inbox", "read", "you", "error"]
    assert sorted(types[5:8]) == ["conversation", "message", "sent"]
    assert types[8:] == ["unread_messages", "video"]
    assert {frame["type"] for frame in frames} == set(messages(DESCRIBED, "send", "me"))
    assert [misfit for frame in frames for misfit in misfits(DESCRIBED, "send", frame, "me")] == []
    (sending,) = messages(DESCRIBED, "receive", "me")["message"]["examples"]
    assert isinstance(personal_frames.parse(json.dumps(sending["payload"]).encode()), personal_frames.SendMessage)
    (auth,) = messages(DESCRIBED, "receive", "me")["auth"]["examples"]
    assert isinstance(personal_frames.parse(json.dumps(auth["payload"]).encode()), Auth)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "ack", "id": "a1"},
        {"type": "ack", "id": "a1", "seq": "7"},
        {"type": "ack", "id": "a1", "seq": 7, "extra": 1},
        {"type": "chat", "seq": 1, "at": "", "data": {}},
        {"type": "status", "seq": 0, "at": "2026-01-31T12:00:00.000Z", "data": {"status": "live"}},
        {"type": "status", "seq": 1, "at": "2026-01-31T12:00:00.000Z", "data": {"status": "paused"}},
        {"type": "status", "seq": 1, "at": "2026-01-31T12:00:00.000Z", "data": {"status": "live", "by": 1}},
        {"type": "you", "user_id": 1, "role": "viewer"},
    ],
)
def test_a_frame_that_is_not_as_described_would_be_noticed(frame: dict[str, Any]) -> None:
    assert misfits(DESCRIBED, "send", frame) != []
