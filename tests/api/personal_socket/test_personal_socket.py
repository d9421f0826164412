"""The personal socket: who it belongs to, what it tells, and that nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from aiohttp import ClientSession

from api.personal_socket import route
from api.sockets.connection import Timing
from api.sockets.frames import CloseCode
from control_plane.accounts import bans_store, deletion_store, session_store
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox import news, store
from control_plane.inbox.model import EntryId, Kind, Told
from control_plane.inbox.telling import tell
from control_plane.personal.hub import News
from tests.api.personal_socket.me import Process, process
from tests.control_plane.inbox.test_telling import told
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block
from tests.waiting import until


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Process]:
    async with process(dsn, timing=Timing(close_within_s=0.3)) as made:
        yield made
    assert made.hub.sockets() == 0, "every path leaves the hub"


@pytest.fixture
async def ann(here: Process) -> UserId:
    return await new_user(here.database, "ann")


@pytest.fixture
async def bob(here: Process) -> UserId:
    return await new_user(here.database, "bob")


async def read(here: Process, user_id: UserId, entry_id: EntryId | None = None) -> None:
    await here.inbox.read(user_id, entry_id)


async def close_code(here: Process, headers: Mapping[str, str], origin: str | None = None, frame: str = "") -> int:
    async with here.connected(headers, origin) as client:
        if frame:
            await client.say(frame)
        return await client.closed()


# ── identity ──


async def test_the_token_comes_by_header_or_first_frame_or_cookie(here: Process, ann: UserId) -> None:
    token = await here.token(ann)
    expected = {
        "type": "hello",
        "user_id": ann,
        "inbox": {"unread": 0, "last_id": 0},
        "messages": {"unread": 0, "requests": 0, "last_change": 0},
        "videos": {"processing": []},
    }
    async with here.connected({"Authorization": f"Bearer {token}"}) as client:
        assert await client.frame() == expected
    async with here.connected() as client:
        await client.say({"type": "auth", "token": token})
        assert await client.frame() == expected
    async with here.connected({"Cookie": f"stagedoor={token}"}, f"http://{here.base}") as client:
        assert await client.frame() == expected


async def test_without_an_identity_the_socket_is_closed(here: Process, dsn: str, ann: UserId) -> None:
    token = await here.token(ann)
    cookie = {"Cookie": f"stagedoor={token}"}
    async with process(dsn, timing=Timing(identity_within_s=0.3)) as quick:
        assert await close_code(quick, {}) == CloseCode.SIGN_IN
        assert await close_code(quick, cookie) == CloseCode.SIGN_IN, "without an Origin"
        assert await close_code(quick, cookie, "http://evil.example") == CloseCode.SIGN_IN
        assert await close_code(quick, {"Cookie": "stagedoor=x"}, f"http://{quick.base}") == CloseCode.SIGN_IN
    assert await close_code(here, {"Authorization": "Bearer x"}) == CloseCode.SIGN_IN
    assert await close_code(here, {}, frame='{"type":"auth","token":"x"}') == CloseCode.SIGN_IN
    assert await close_code(here, {"Authorization": f"Bearer {token}x"}) == CloseCode.SIGN_IN


async def test_a_request_that_is_no_websocket_is_told_so(here: Process) -> None:
    async with ClientSession() as client, client.get(f"http://{here.base}/ws/me") as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def test_a_session_is_renewed_by_the_same_user_only(here: Process, ann: UserId, bob: UserId) -> None:
    async with here.of(ann) as client:
        await client.say({"type": "auth", "token": await here.token(ann)})
        assert await client.frame() == {"type": "you", "user_id": ann}
        await client.say({"type": "auth", "token": await here.token(bob)})
        assert await client.closed() == CloseCode.FORBIDDEN


async def test_other_frames_are_refused_and_the_socket_stays_open(here: Process, ann: UserId) -> None:
    async with here.of(ann) as client:
        for frame, code in (("x", "malformed"), ('{"type":"gift"}', "unknown_type"), ('{"type":"auth"}', "invalid")):
            await client.say(frame)
            assert (await client.frame())["code"] == code


@pytest.mark.parametrize("how", ["ended", "banned", "deleted"])
async def test_the_socket_closes_when_the_session_ends(
    here: Process, dsn: str, ann: UserId, bob: UserId, how: str
) -> None:
    async with process(dsn) as other, other.of(ann) as client, other.of(bob) as untouched:
        async with here.database.transaction() as connection:
            if how == "ended":
                await session_store.end_sessions(connection, ann)
            elif how == "banned":
                await bans_store.ban(connection, ann)
            else:
                await deletion_store.delete(connection, ann, utc_now())
        assert await client.closed() == (CloseCode.FORBIDDEN if how == "banned" else CloseCode.SIGN_IN)
        await told(here.database, Told(Kind.FOLLOW, await new_user(here.database)), bob)
        assert (await untouched.frame())["type"] == "inbox"


async def test_a_server_that_stops_closes_with_1001(here: Process, ann: UserId) -> None:
    async with here.of(ann) as client:
        await here.sockets.close_all()
        assert await client.closed() == CloseCode.GOING_AWAY
    assert await close_code(here, {}) == CloseCode.GOING_AWAY


async def test_the_sockets_of_a_user_and_of_an_address_are_limited(
    here: Process, dsn: str, ann: UserId, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_OF_ONE_USER", 2)
    headers = {"Authorization": f"Bearer {await here.token(ann)}"}
    async with here.of(ann), here.of(ann), here.of(bob):
        assert await close_code(here, headers) == CloseCode.TOO_MANY
    async with here.of(ann):
        pass
    async with process(dsn, per_address=1) as other, other.of(bob):
        assert await close_code(other, headers) == CloseCode.TOO_MANY


# ── events ──


async def test_an_entry_is_told_at_once_to_every_socket_in_its_language(
    here: Process, dsn: str, ann: UserId, bob: UserId
) -> None:
    await here.database.execute(
        "update app_user set first_name = 'Bob', last_name = 'Lee', profile_pic = 'b.png' where id = $1", bob
    )
    async with process(dsn) as other, here.of(ann) as phone, here.of(ann, "de-DE") as page, other.of(ann) as far:
        await told(here.database, Told(Kind.LIVE, bob, stream_id=7, text="Cooking"), ann)
        frames = [await client.frame() for client in (phone, page, far)]
        username = frames[0]["entry"]["sender"]["username"]
        created = dt.datetime.fromisoformat(frames[0]["entry"].pop("created_at"))
        assert abs(created - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
        assert frames[0] == {
            "type": "inbox",
            "unread": 1,
            "entry": {
                "id": 1,
                "kind": "live",
                "text": "Bob Lee is live now: Cooking",
                "sender": {"id": bob, "username": username, "name": "Bob Lee", "picture": "https://cdn/b.png"},
                "stream_id": 7,
                "video_id": 0,
                "room_id": 0,
            },
        }
        assert frames[1]["entry"]["text"] == "Bob Lee ist jetzt live: Cooking"
        assert frames[2]["entry"]["text"] == frames[0]["entry"]["text"]


async def test_what_is_read_on_one_device_is_read_on_all(here: Process, dsn: str, ann: UserId, bob: UserId) -> None:
    for subject in (1, 2, 3):
        await told(here.database, Told(Kind.GIFT, bob, subject_id=subject), ann)
    async with process(dsn) as other, here.of(ann) as phone, other.of(ann) as page:
        await read(here, ann, EntryId(2))
        assert [await client.frame() for client in (phone, page)] == [{"type": "read", "unread": 2}] * 2
        await read(other, ann)
        assert [await client.frame() for client in (phone, page)] == [{"type": "read", "unread": 0}] * 2
        await read(other, ann)
        await told(here.database, Told(Kind.GIFT, bob, subject_id=4), ann)
        assert (await phone.frame())["unread"] == 1, "to read nothing is not told"


async def test_the_first_frame_says_what_is_unread(here: Process, ann: UserId, bob: UserId) -> None:
    await told(here.database, Told(Kind.FOLLOW, bob), ann)
    await told(here.database, Told(Kind.GIFT, bob), ann)
    await read(here, ann, EntryId(1))
    async with here.connected({"Authorization": f"Bearer {await here.token(ann)}"}) as client:
        assert (await client.frame())["inbox"] == {"unread": 1, "last_id": 2}


async def test_64_tells_at_once_are_told_once_each_and_in_order(here: Process, ann: UserId) -> None:
    senders = [await new_user(here.database) for _ in range(64)]
    async with here.of(ann) as phone, here.of(ann) as page:
        await asyncio.gather(*(told(here.database, Told(Kind.FOLLOW, sender), ann) for sender in senders))
        for client in (phone, page):
            frames = await client.events(64)
            assert [frame["entry"]["id"] for frame in frames] == list(range(1, 65))
            assert frames[-1]["unread"] == 64
        await read(here, ann)
        assert await phone.frame() == {"type": "read", "unread": 0}


async def test_a_block_takes_its_entries_from_the_count(dsn: str, database: Database) -> None:
    async with process(dsn, sweep_s=0.05) as here:
        ann, bob = await new_user(database), await new_user(database)
        await told(database, Told(Kind.FOLLOW, bob), ann)
        async with here.of(ann) as client:
            await block(database, ann, bob)
            assert await client.frame() == {"type": "read", "unread": 0}


# ── faults ──


async def add_without_notice(database: Database, sender: UserId, receiver: UserId) -> None:
    """As a process that dies between the commit and the notice would, if they were not one."""
    async with database.transaction() as connection:
        await store.lock(connection, sender, [receiver])
        day = dt.timedelta(days=1)
        await store.add(
            connection, Told(Kind.GIFT, sender), [receiver], again_after=dt.timedelta(0), period=day, most=99
        )


async def test_a_lost_message_is_repaired_by_the_sweep(dsn: str, database: Database) -> None:
    async with process(dsn, sweep_s=0.05) as here:
        ann, bob = await new_user(database), await new_user(database)
        async with here.of(ann) as client:
            await add_without_notice(database, bob, ann)
            assert (await client.frame())["entry"]["id"] == 1


async def test_a_lost_message_is_repaired_by_the_next_one_and_by_a_new_socket(
    here: Process, ann: UserId, bob: UserId
) -> None:
    async with here.of(ann) as client:
        await add_without_notice(here.database, bob, ann)
        await told(here.database, Told(Kind.FOLLOW, bob), ann)
        assert [frame["entry"]["id"] for frame in await client.events(2)] == [1, 2]
        await add_without_notice(here.database, bob, ann)
        async with here.of(ann):
            assert (await client.frame())["entry"]["id"] == 3


async def test_a_bus_that_was_away_is_repaired_when_it_is_back(here: Process, ann: UserId, bob: UserId) -> None:
    async with here.of(ann) as client:
        await here.database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and datname = current_database()"
        )
        await until(lambda: not here.bus.connected.is_set())
        await told(here.database, Told(Kind.FOLLOW, bob), ann)
        assert (await client.frame())["entry"]["id"] == 1


async def test_a_socket_that_was_far_behind_gets_the_newest_entries(
    here: Process, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "MOST_AT_ONCE", 5)
    senders = [await new_user(here.database) for _ in range(9)]
    async with here.of(ann) as client:
        async with here.database.transaction() as connection:
            for sender in senders:
                await store.lock(connection, sender, [ann])
                day = dt.timedelta(days=1)
                await store.add(connection, Told(Kind.FOLLOW, sender), [ann], again_after=day, period=day, most=9)
        here.hub.check()
        assert [frame["entry"]["id"] for frame in await client.events(5)] == list(range(5, 10))


async def test_the_number_of_queries_does_not_grow_with_the_users(here: Process, bob: UserId) -> None:
    users = [await new_user(here.database) for _ in range(20)]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(here.of(user)) for user in users]
        await until(lambda: not here.hub._changed)
        before = here.database.uses
        async with here.database.transaction() as connection:
            await tell(connection, Told(Kind.LIVE, bob), users)
        for client in clients:
            assert (await client.frame())["entry"]["id"] == 1
        assert here.database.uses - before <= 1 + 3 * 2, "the transaction, and three queries for each turn of the hub"


class Numbers:
    """A reader of another domain: it tells every number that is put into `of`."""

    name = "numbers"

    def __init__(self) -> None:
        self.of: dict[UserId, int] = {}

    async def start(self, database: Database, user_id: UserId) -> int:
        return self.of.get(user_id, 0)

    def state(self, position: int) -> int:
        return position

    async def read(self, database: Database, positions: Mapping[UserId, int]) -> Mapping[UserId, News]:
        return {
            user_id: News(self.of[user_id], [partial(frame, n) for n in range(position + 1, self.of[user_id] + 1)])
            for user_id, position in positions.items()
            if self.of.get(user_id, 0) > position
        }


def frame(number: int, language: str) -> bytes:
    return json.dumps({"type": "n", "n": number}).encode()


async def test_another_domain_registers_a_reader(here: Process, ann: UserId, bob: UserId) -> None:
    numbers: Any = Numbers()
    here.hub.register(numbers)
    numbers.of[ann] = 5
    async with here.connected({"Authorization": f"Bearer {await here.token(ann)}"}) as client:
        assert (await client.frame())["numbers"] == 5
        numbers.of[ann] = 7
        await told(here.database, Told(Kind.FOLLOW, bob), ann)
        told_ = [await client.frame() for _ in range(3)]
        assert [one["n"] for one in told_ if one["type"] == "n"] == [6, 7]
        assert [one["entry"]["id"] for one in told_ if one["type"] == "inbox"] == [1]
