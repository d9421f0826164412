"""Direct messages over the personal socket: to both, at once, none lost or told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from control_plane.accounts import bans_store
from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.db.pool import Database
from control_plane.messages import news, reading_store, sending
from control_plane.messages.model import Change, Content, Number, State
from tests.api.live_socket.live import Client
from tests.api.personal_socket.me import Process, process
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block, follow
from tests.waiting import until


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Process]:
    async with process(dsn, sweep_s=1000) as made:  # so that only notices bring anything
        yield made
    assert made.hub.sockets() == 0, "every path leaves the hub"


@pytest.fixture
async def ann(here: Process) -> UserId:
    return await new_user(here.database, "ann")


@pytest.fixture
async def bob(here: Process, ann: UserId) -> UserId:
    bob = await new_user(here.database, "bob")
    await follow(here.database, ann, bob)
    await follow(here.database, bob, ann)
    return bob


async def say(here: Process, sender: UserId, receiver: UserId, text: str) -> None:
    await here.messages.sending.send(sender, receiver, Content(text))


async def of_messages(client: Client, count: int, type_: str = "message") -> list[dict[str, Any]]:
    """The next frames of this type. Others are skipped."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        frame = await client.frame()
        if frame["type"] == type_:
            found.append(frame)
    return found


async def test_a_message_reaches_both_on_all_devices(here: Process, dsn: str, ann: UserId, bob: UserId) -> None:
    async with process(dsn, sweep_s=1000) as other, here.of(ann) as own, here.of(bob) as phone, other.of(bob) as page:
        await say(here, ann, bob, "hello")
        for client, unread in ((own, 0), (phone, 1), (page, 1)):
            ((message, conversation),) = [
                [(await of_messages(client, 1))[0], (await of_messages(client, 1, "conversation"))[0]]
            ]
            assert message["unread"] == conversation["unread"] == unread
            shown = message["message"]
            assert (shown["number"], shown["text"], shown["sender_id"], shown["receiver_id"]) == (1, "hello", ann, bob)
            assert (conversation["conversation"]["unread"], conversation["conversation"]["last_number"]) == (unread, 1)
        await here.messages.changing.read(bob, ann)
        for client in (phone, page):
            (frame,) = await of_messages(client, 1, "conversation")
            assert (frame["unread"], frame["conversation"]["read_number"]) == (0, 1)
        (frame,) = await of_messages(own, 1, "conversation")
        assert frame["conversation"]["other_read_number"] == 1
        await here.messages.changing.retract(ann, bob, Number(1))
        (frame,) = await of_messages(page, 1)
        assert (frame["message"]["retracted"], frame["message"]["text"]) == (True, "")


async def test_a_message_is_sent_over_the_socket(here: Process, ann: UserId, bob: UserId) -> None:
    async with here.of(ann) as client, here.of(bob) as receiver:
        frame = {"type": "message", "id": "tap 1", "receiver_id": bob, "text": " hello\0 "}
        await client.say(frame)
        (first,) = await of_messages(client, 1, "sent")
        assert (first["id"], first["message"]["text"], first["message"]["client_ref"]) == ("tap 1", "hello", "tap 1")
        await client.say(frame)
        assert await of_messages(client, 1, "sent") == [first]
        await client.say({**frame, "text": "other"})
        (error,) = await of_messages(client, 1, "error")
        assert (error["id"], error["code"], error["message"]) == (
            "tap 1",
            "client_ref_used",
            "This id was used for another message before. Please use a new one.",
        )
        await client.say({**frame, "id": "tap 2", "text": "again"})
        assert [one["message"]["text"] for one in await of_messages(receiver, 2)] == ["hello", "again"]


REFUSED: list[tuple[Mapping[str, Any], str]] = [
    ({"text": ""}, "nothing_to_send"),
    ({"text": "x" * 1001}, "invalid"),
    ({"text": "x", "video_id": 9}, "nothing_to_share"),
    ({"text": "x", "stream_id": -1}, "invalid"),
    ({"text": "x", "receiver_id": 99}, "messages_not_accepted"),
    ({"text": "x", "receiver_id": "7"}, "invalid"),
    ({"text": "x", "id": " 1"}, "invalid"),
]


async def test_a_refused_frame_is_answered(here: Process, ann: UserId, bob: UserId) -> None:
    async with here.of(ann) as client:
        for body, code in REFUSED:
            await client.say({"type": "message", "id": "1", "receiver_id": bob, **body})
            assert (await client.frame())["code"] == code, body
        here.wait_s = 1.5
        await client.say({"type": "message", "id": "1", "receiver_id": bob, "text": "x"})
        frame = await client.frame()
        assert (frame["code"], frame["retry_after_ms"]) == ("too_many_requests", 1500)
        here.wait_s = 0.0
        await block(here.database, bob, ann)
        await client.say({"type": "message", "id": "1", "receiver_id": bob, "text": "x"})
        assert (await client.frame())["code"] == "messages_not_accepted"


async def test_nothing_is_sent_before_sign_in_or_after_a_ban(here: Process, ann: UserId, bob: UserId) -> None:
    frame = {"type": "message", "id": "1", "receiver_id": bob, "text": "x"}
    token = await here.token(ann)
    async with here.connected() as client:
        await client.say(frame)
        assert (await client.frame())["code"] == "session_missing"
        await client.say({"type": "auth", "token": token})
        assert (await client.frame())["type"] == "hello"
        async with here.database.transaction() as connection:
            await bans_store.ban(connection, ann)
        with suppress(ConnectionClosed):  # perhaps before this
            await client.say(frame)
        await client.closed()
    assert await here.database.fetchval("select count(*) from message") == 0


async def test_a_stranger_is_not_counted_as_unread(here: Process, ann: UserId) -> None:
    eve = await new_user(here.database, "eve")
    async with here.of(ann) as client:
        await say(here, eve, ann, "hello")
        (message,) = await of_messages(client, 1)
        assert (message["unread"], message["requests"]) == (0, 1)
        (conversation,) = await of_messages(client, 1, "conversation")
        assert conversation["conversation"]["state"] == State.REQUEST
    async with here.connected({"Authorization": f"Bearer {await here.token(ann)}"}) as client:
        assert (await client.frame())["messages"] == {"unread": 0, "requests": 1, "last_change": 1}


async def test_a_block_hides_the_conversation_at_once(here: Process, ann: UserId, bob: UserId) -> None:
    await say(here, ann, bob, "hello")
    async with here.of(bob) as client:
        async with here.database.transaction() as connection:
            await connection.execute("insert into block (blocker_id, blocked_id) values ($1, $2)", ann, bob)
            await notify_within(connection, Topic.BLOCK, bob)
        (frame,) = await of_messages(client, 1, "conversation")
        assert (frame["unread"], frame["conversation"]["hidden"]) == (0, True)


async def test_many_messages_at_once_are_told_once_each_and_in_order(
    here: Process, dsn: str, ann: UserId, bob: UserId
) -> None:
    async with process(dsn, sweep_s=1000) as other, here.of(bob) as phone, other.of(bob) as page:
        await asyncio.gather(*(say(here, *((ann, bob) if n % 2 else (bob, ann)), str(n)) for n in range(64)))
        for client in (phone, page):
            frames = await of_messages(client, 64)
            assert [frame["message"]["number"] for frame in frames] == list(range(1, 65))


async def test_a_socket_that_is_behind_gets_everything_in_turns(
    here: Process, ann: UserId, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "MOST_AT_ONCE", 3)

    async def no_notice(*_: object) -> None: ...

    async with here.of(bob) as client:
        await until(lambda: not here.hub._changed)
        with monkeypatch.context() as silent:
            silent.setattr(sending, "tell_sockets", no_notice)
            silent.setattr(sending, "tell_message", no_notice)
            for n in range(8):
                await say(here, ann, bob, str(n))
        here.hub.check()
        frames: list[dict[str, Any]] = []
        while len(frames) < 8:
            frames += await of_messages(client, 1)
            here.hub.check()
        assert [frame["message"]["text"] for frame in frames] == [str(n) for n in range(8)]


async def test_a_lost_notice_is_repaired_by_the_sweep(
    dsn: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_notice(*_: object) -> None: ...

    monkeypatch.setattr(sending, "tell_sockets", no_notice)
    monkeypatch.setattr(sending, "tell_message", no_notice)
    async with process(dsn, sweep_s=0.05) as here:
        ann, bob = await new_user(database), await new_user(database)
        async with here.of(bob) as client:
            await say(here, ann, bob, "hello")
            assert (await of_messages(client, 1))[0]["message"]["text"] == "hello"


async def test_what_was_missed_while_away_is_read_by_its_change(here: Process, ann: UserId, bob: UserId) -> None:
    async with here.of(bob) as client:
        await say(here, ann, bob, "1")
        seen = (await of_messages(client, 1))[0]["message"]["change"]
    await say(here, ann, bob, "2")
    async with here.connected({"Authorization": f"Bearer {await here.token(bob)}"}) as client:
        hello = await client.frame()
        await say(here, ann, bob, "3")
        missed = await here.messages.missed(bob, Change(seen))
        told = await of_messages(client, 1)
    assert hello["messages"]["last_change"] > seen
    texts = {message.number: message.text for message in missed.messages} | {
        one["message"]["number"]: one["message"]["text"] for one in told
    }
    assert texts == {2: "2", 3: "3"}


async def test_the_number_of_queries_does_not_grow_with_the_users(here: Process, ann: UserId) -> None:
    users = [await new_user(here.database) for _ in range(20)]
    for user in users:
        await follow(here.database, user, ann)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(here.of(user)) for user in users]
        for user in users:
            await say(here, ann, user, "first")
        for client in clients:
            await of_messages(client, 1, "conversation")
        await until(lambda: not here.hub._changed)
        mailboxes = await reading_store.mailboxes(here.database, users)
        positions = {user: news.MessagesState(0, 0, Change(mailboxes[user].last_change - 1)) for user in users}
        before = here.database.uses
        found = await news.MessagesReader(here.messages.views.view).read(here.database, positions)
        assert len(found) == 20
        assert here.database.uses - before == 3
