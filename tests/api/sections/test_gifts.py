"""sendGift as the apps call it: into streams, for videos and to users, with one round trip to the database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import StreamId, UserId
from control_plane.eventlog.store import create_log
from control_plane.gifts.store import seed_catalogue
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.wallets import Wallet, wallets
from control_plane.streams import store as streams
from control_plane.streams.model import StreamOptions
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block
from tests.control_plane.videos.rows import ADD_VIDEO

ROSE, HEART = 1, 2


@pytest.fixture
async def ann(apps: Apps) -> UserId:
    """Has 100 coins."""
    async with apps.database.transaction() as connection:
        await seed_catalogue(connection)
    user_id = await new_user(apps.database, "ann")
    await adjust(apps.database, user_id, 100, "start")
    return user_id


@pytest.fixture
async def token(apps: Apps, ann: UserId) -> str:
    return await apps.token(ann)


async def go_live(apps: Apps, user_id: UserId) -> StreamId:
    async with apps.database.transaction() as connection:
        stream = await streams.create(connection, user_id, StreamOptions())
        assert stream is not None
        await create_log(connection, stream.id)
    return stream.id


async def video_of(apps: Apps, user_id: UserId) -> int:
    added = ADD_VIDEO
    video_id: int = await apps.database.fetchval(added, user_id)
    return video_id


@pytest.mark.parametrize("app", APPS)
async def test_the_sender_gets_the_new_wallet_and_the_gift(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    star = await new_user(apps.database, "star")
    stream_id = await go_live(apps, star)

    msg = await apps.done("sendGift", token, app, sender_id=str(ann), receiver_id=str(star), gift_id="2", gift_count=3)

    assert (msg["User"]["id"], int(msg["User"]["wallet"])) == (ann, 85)
    assert msg["GiftSend"] == msg["SentGift"]
    sent = msg["GiftSend"]
    assert (sent["receiver_id"], sent["live_streaming_id"], sent["gift_count"], sent["coin"]) == (
        star,
        stream_id,
        3,
        15,
    )
    assert await audit(apps.database) == 100


async def test_a_gift_is_one_round_trip_to_the_database(apps: Apps, token: str) -> None:
    star = await new_user(apps.database, "star")
    stream_id = await go_live(apps, star)
    body: dict[str, Any] = {"gift_id": ROSE, "gift_count": 1}
    places: list[dict[str, Any]] = [{"receiver_id": star}, {"live_streaming_id": stream_id}]
    for where in places:
        await apps.done("sendGift", token, **where, **body)
        assert await apps.queries("sendGift", token, **where, **body) == 1
        assert await apps.queries("sendGift", token, client_ref=f"key {where}", **where, **body) == 1


async def test_a_gift_for_a_video_goes_to_its_owner(apps: Apps, token: str) -> None:
    star = await new_user(apps.database, "star")
    video_id = await video_of(apps, star)

    msg = await apps.done("sendGift", token, video_id=str(video_id), gift_id=HEART, gift_count=1)

    assert (msg["GiftSend"]["video_id"], msg["GiftSend"]["receiver_id"]) == (video_id, star)
    assert msg["GiftSend"]["live_streaming_id"] == 0
    stream_id = await go_live(apps, star)
    body: dict[str, Any] = {"video_id": video_id, "live_streaming_id": stream_id, "gift_id": HEART, "gift_count": 1}
    assert (await apps.done("sendGift", token, **body))["GiftSend"]["live_streaming_id"] == stream_id


async def test_what_cannot_be_sent_is_refused_with_words(apps: Apps, token: str, ann: UserId) -> None:
    star, blocking = await new_user(apps.database, "star"), await new_user(apps.database, "blocking")
    await block(apps.database, blocking, ann)
    stream_id = await go_live(apps, star)
    body: dict[str, Any] = {"gift_id": ROSE, "gift_count": 1}
    await apps.database.execute("update gift set coins = 2147483647 where id = $1", ROSE)

    async def refused(code: int = 201, **request: Any) -> str:
        answer = await apps.call("sendGift", token, **{**body, **request})
        assert answer["code"] == code, answer
        return str(answer["msg"])

    assert "not live" in await refused(live_streaming_id=stream_id + 1)
    assert "no such user" in await refused(receiver_id=blocking)
    assert "no such video" in await refused(video_id=2**31 - 1)
    assert "no such video" in await refused(video_id=await video_of(apps, blocking))
    assert "yourself" in await refused(receiver_id=ann)
    assert "900 more are needed" in await refused(receiver_id=star, gift_id=13)
    assert "from 1 to" in await refused(receiver_id=star, gift_count=2**63 - 1)
    assert "not available" in await refused(receiver_id=star, gift_id=2**31 - 1)
    assert "more are needed" in await refused(receiver_id=star, gift_count=400)
    assert "more coins than" in await refused(receiver_id=star, gift_count=9999)
    assert "is missing" in await refused(400)
    assert (await apps.call("sendGift", receiver_id=star, **body))["code"] == 401
    assert await audit(apps.database) == 100


async def test_a_gift_without_a_key_that_is_sent_twice_at_once_is_one_gift(apps: Apps, token: str) -> None:
    star = await new_user(apps.database, "star")
    await go_live(apps, star)
    body: dict[str, Any] = {"receiver_id": star, "gift_id": HEART, "gift_count": 1}
    await apps.done("sendGift", token, **body)
    first, second = await asyncio.gather(*(apps.done("sendGift", token, **body) for _ in range(2)))
    assert first["GiftSend"]["id"] == second["GiftSend"]["id"]
    assert (await apps.done("sendGift", token, **body))["GiftSend"]["id"] > first["GiftSend"]["id"]
    assert await audit(apps.database) == 100


async def test_the_event_has_the_senders_present_name(apps: Apps, token: str, ann: UserId) -> None:
    star = await new_user(apps.database, "star")
    stream_id = await go_live(apps, star)
    body: dict[str, Any] = {"receiver_id": star, "gift_id": HEART, "gift_count": 1}
    await apps.done("sendGift", token, **body)
    await apps.done("editProfile", token, username="annabel")
    apps.platform.accounts.sessions.forget(ann)  # the bus, which tells of the change, does not run here
    answer = await apps.done("sendGift", token, **body)
    assert answer["User"]["username"] == "annabel"
    frames = await apps.database.fetch("select frame from stream_event where stream_id = $1 order by seq", stream_id)
    senders = [json.loads(row["frame"])["data"]["sender"]["username"] for row in frames]
    assert senders[1] == "annabel" != senders[0]


async def test_of_64_gifts_with_64_keys_at_once_a_purse_for_3_pays_exactly_3(apps: Apps, token: str) -> None:
    star = await new_user(apps.database, "star")
    await go_live(apps, star)
    body: dict[str, Any] = {"receiver_id": star, "gift_id": HEART, "gift_count": 6}

    async def send(number: int) -> int | None:
        answer = await apps.call("sendGift", token, client_ref=f"key {number}", **body)
        if answer["code"] == 200:
            return int(answer["msg"]["GiftSend"]["id"])
        assert (answer["code"], answer["msg"]) == (201, "You do not have enough coins: 20 more are needed.")
        return None

    first = await asyncio.gather(*map(send, range(64)))
    assert sum(sent is not None for sent in first) == 3
    assert await asyncio.gather(*map(send, range(64))) == first
    assert await audit(apps.database) == 100
    assert (await wallets(apps.database, [star]))[star] == Wallet(earned=90)


@pytest.mark.parametrize("app", APPS)
async def test_a_count_that_is_no_count_moves_nothing(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    star = await new_user(apps.database, "star")
    await go_live(apps, star)
    for count in (2**63 - 2, 2**63 - 1, 2**63, 2**64, 2**64 + 1, 10**40, -(2**63), -(2**63) - 1, 2**32 + 1, 0, -1):
        for written in (count, str(count)):
            answer = await apps.call("sendGift", token, app, receiver_id=star, gift_id=ROSE, gift_count=written)
            assert answer["msg"] in ("gift_count must be from 1 to 9999.", "gift_count must be a whole number."), (
                written
            )
    assert (await wallets(apps.database, [ann, star])) == {ann: Wallet(bought=100), star: Wallet()}
    assert await audit(apps.database) == 100


@pytest.mark.parametrize("app", APPS)
async def test_a_total_price_beyond_32_bits_is_paid_and_shown(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    star = await new_user(apps.database, "star")
    await go_live(apps, star)
    await apps.database.execute("update gift set coins = 2147483647 where id = $1", ROSE)
    await adjust(apps.database, ann, 10**10, "more")

    msg = await apps.done("sendGift", token, app, receiver_id=str(star), gift_id=ROSE, gift_count=2)

    price = 2 * (2**31 - 1)
    assert (int(msg["GiftSend"]["coin"]), int(msg["User"]["wallet"])) == (price, 10**10 + 100 - price)
    assert (await wallets(apps.database, [star]))[star] == Wallet(earned=price)
    assert await audit(apps.database) == 10**10 + 100
