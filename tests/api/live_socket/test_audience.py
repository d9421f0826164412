"""Streams that are not public, and which sockets stay open when the visibility changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from api.sockets.connection import Timing
from control_plane.base.ids import StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.live import store
from control_plane.live.audience import Audience
from tests.api.live_socket.live import House, serving
from tests.waiting import until


@pytest.mark.parametrize("visibility", ["private", "followers", "pin", "paid"])
async def test_who_may_no_longer_watch_has_to_leave_and_may_come_back_when_it_is_public(
    house: House, visibility: str
) -> None:
    async with (
        house.visit() as guest,
        house.visit(token="fan") as fan,
        house.visit(token="host") as host,
        house.visit(token="operator") as operator,
    ):
        for each in (guest, fan, host, operator):
            await each.hello()
        await house.become(visibility)
        assert (await guest.closed(), await fan.closed()) == (4401, 4403)
        for each in (host, operator):
            await each.say({"type": "like", "id": "a"})
            assert (await each.next())["code"] == "not_supported", "still here"
        async with house.visit(token="fan") as again:
            assert await again.closed() == 4403
        await house.become("public")
        for token in (None, "fan"):
            async with house.visit(token=token) as client:
                await client.hello()


async def test_a_waiting_guest_is_admitted_when_the_stream_becomes_public(database: Database) -> None:
    async with serving(database, Timing(identity_within_s=3600), visibility="private") as house, house.visit() as guest:
        await guest.say({"type": "gift", "id": "a", "gift_id": 1})
        assert (await guest.frame())["code"] == "session_missing", "it waits"
        await house.become("public")
        assert (await guest.hello())["you"]["role"] == "guest"
        await guest.say({"type": "auth", "token": "fan"})
        assert (await guest.next())["role"] == "viewer"


async def test_a_change_while_the_audience_is_read_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversation reads that the stream is public; before it goes on, the stream is not."""
    audiences, read, go_on = store.audiences, asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, stream_ids: Sequence[StreamId]) -> dict[StreamId, Audience]:
        found = await audiences(connection, stream_ids)
        if not read.is_set():
            read.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(store, "audiences", slow)
    async with house.visit(token="fan") as fan:
        await read.wait()
        await house.become("private")
        await until(lambda: [seen for one in house.socket._present if (seen := one._audience) and not seen.public])
        go_on.set()
        assert await fan.closed() == 4403


async def test_what_may_have_been_missed_is_looked_at_for_guests_too(house: House) -> None:
    async with house.visit() as guest:
        await guest.hello()
        await house.database.execute("update stream set visibility = 'private'")
        house.socket.anything_changed()
        assert await guest.closed() == 4401


async def test_a_stream_that_is_not_public_sends_nothing_before_the_viewer_is_known(database: Database) -> None:
    async with serving(database, Timing(identity_within_s=2.0), visibility="private") as house:
        async with house.visit() as client:
            assert await client.closed() == 4401
        async with house.visit() as client:
            await client.say({"type": "gift", "id": "a", "gift_id": 1})
            assert (await client.frame())["code"] == "session_missing"
            assert await client.closed() == 4401


@pytest.mark.parametrize("visibility", ["private", "followers", "pin", "paid"])
@pytest.mark.parametrize(("token", "role"), [("host", "host"), ("operator", "operator"), ("fan", None)])
async def test_for_now_only_host_and_operators_join_a_stream_that_is_not_public(
    database: Database, visibility: str, token: str, role: str | None
) -> None:
    async with (
        serving(database, visibility=visibility) as house,
        house.visit(token=token) as client,
        house.visit() as other,
    ):
        await other.say({"type": "auth", "token": token})
        for each in (client, other):
            if role is None:
                assert await each.closed() == 4403
            else:
                assert (await each.frame())["you"]["role"] == role
