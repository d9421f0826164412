"""showSentGiftsAgainstVideo and showTopGifters."""

from __future__ import annotations

from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId, UserId
from control_plane.gifts.store import seed_catalogue
from control_plane.ledger.adjustments import adjust
from control_plane.videos.video import VideoId
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.ledger.books import audit
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.videos.rows import ADD_VIDEO


@pytest.fixture
async def ben(apps: Apps) -> UserId:
    """He has a video and a stream, and gifts are on sale."""
    async with apps.database.transaction() as connection:
        await seed_catalogue(connection)
    return await new_user(apps.database, "ben")


@pytest.fixture
async def video_id(apps: Apps, ben: UserId) -> VideoId:
    film = ADD_VIDEO
    return VideoId(await apps.database.fetchval(film, ben))


@pytest.fixture
async def stream_id(apps: Apps, ben: UserId) -> StreamId:
    return await new_stream(apps.database, ben, status="live", source_id="s", live_at=utc_now())


async def give(apps: Apps, sender: UserId, coins: int = 1, **where: Any) -> int:
    """Buy and send roses. Returns the gift's id."""
    await adjust(apps.database, sender, coins, f"coins of {sender}")
    sent = await apps.done("sendGift", await apps.token(sender), gift_id=1, gift_count=coins, **where)
    await audit(apps.database)
    return int(sent["GiftSend"]["id"])


async def givers(apps: Apps, count: int, **where: Any) -> list[UserId]:
    """New users, each of whom has given one coin more than the next one."""
    users = [await new_user(apps.database) for _ in range(count)]
    for coins, user_id in enumerate(reversed(users), 1):
        await give(apps, user_id, coins, **where)
    return users


async def hide(apps: Apps, viewer: UserId, banned: UserId, deleted: UserId, blocked: UserId, blocker: UserId) -> None:
    await ban(apps.database, banned)
    await delete(apps.database, deleted)
    await block(apps.database, viewer, blocked)
    await block(apps.database, blocker, viewer)


# ── showSentGiftsAgainstVideo ──


@pytest.mark.parametrize("app", APPS)
async def test_gifts_on_a_video_are_shown_with_their_senders(
    apps: Apps, ann: UserId, token: str, video_id: VideoId, app: Client
) -> None:
    first = await give(apps, ann, 3, video_id=video_id)
    second = await give(apps, await new_user(apps.database, "cid"), video_id=str(video_id))
    await apps.database.execute("update gift set active = false, title = 'Red rose' where id = 1")
    for session in (token, ""):
        shown = await apps.done("showSentGiftsAgainstVideo", session, app, video_id=str(video_id), starting_point="0")
        assert [entry["GiftSend"]["id"] for entry in shown] == [second, first]
        entry = shown[1]
        assert entry["SentGift"] == entry["GiftSend"]
        sent = {key: entry["GiftSend"][key] for key in ("sender_id", "gift_id", "gift_count", "coin", "video_id")}
        assert sent == {"sender_id": ann, "gift_id": 1, "gift_count": 3, "coin": 3, "video_id": video_id}
        assert entry["GiftSend"]["live_streaming_id"] == 0
        assert (entry["Gift"]["id"], entry["Gift"]["coin"], entry["Gift"]["title"]) == (1, 1, "Red rose"), (
            "as it is now"
        )
        assert entry["GiftSend"]["title"] == "Rose", "as it was then"
        assert (entry["User"]["id"], entry["User"]["wallet"], entry["User"]["auth_token"]) == (ann, 0, "")


async def test_gifts_on_a_video_come_in_pages_without_hidden_senders(
    apps: Apps, ann: UserId, token: str, video_id: VideoId
) -> None:
    users = [await new_user(apps.database) for _ in range(16)]
    for user_id in users:
        await give(apps, user_id, video_id=video_id)
    await hide(apps, ann, *users[10:14])
    await make_private(apps.database, users[15])
    expected = [users[15], users[14], *reversed(users[:10])]
    pages = [
        [
            entry["User"]["id"]
            for entry in await apps.done("showSentGiftsAgainstVideo", token, video_id=video_id, starting_point=page)
        ]
        for page in range(3)
    ]
    assert pages == [expected[:10], expected[10:], []]
    guests = await apps.done("showSentGiftsAgainstVideo", video_id=video_id)
    assert {users[12], users[13]} <= {entry["User"]["id"] for entry in guests}
    assert await apps.done("showSentGiftsAgainstVideo", token, video_id=video_id, starting_point=500) == []


async def test_the_gifts_on_a_video_are_shown_to_those_who_may_see_it(
    apps: Apps, ann: UserId, token: str, ben: UserId, video_id: VideoId
) -> None:
    await give(apps, ann, video_id=video_id)

    async def shown(session: str) -> bool:
        answer = await apps.call("showSentGiftsAgainstVideo", session, video_id=video_id)
        assert answer["code"] == 200 or (answer["code"], answer["msg"]) == (201, "There is no such video.")
        return bool(answer["code"] == 200)

    cid, bens = await new_user(apps.database), await apps.token(ben)
    cids = await apps.token(cid)
    await make_private(apps.database, ben)
    assert [await shown(session) for session in (token, "", bens)] == [False, False, True]
    await follow(apps.database, ann, ben)
    await follow(apps.database, cid, ben)
    assert [await shown(session) for session in (token, cids, "", bens)] == [True, True, False, True]
    await block(apps.database, ben, ann)
    assert [await shown(session) for session in (token, cids)] == [False, True]
    await apps.database.execute("update video set privacy = 'private' where id = $1", video_id)
    assert [await shown(session) for session in (cids, bens)] == [False, True]
    await apps.database.execute("update video set privacy = 'public' where id = $1", video_id)
    await ban(apps.database, ben)
    assert not await shown(cids)
    await delete(apps.database, ben)
    assert not await shown(cids)
    video_id = VideoId(987_654)
    assert not await shown(cids)


async def test_a_page_of_gifts_on_a_video_is_three_queries(apps: Apps, token: str, video_id: VideoId) -> None:
    await give(apps, await new_user(apps.database), video_id=video_id)
    await apps.done("showSentGiftsAgainstVideo", token, video_id=video_id)  # the session is known from now on
    used = [await apps.queries("showSentGiftsAgainstVideo", token, video_id=video_id)]
    for _ in range(9):
        await give(apps, await new_user(apps.database), video_id=video_id)
    used.append(await apps.queries("showSentGiftsAgainstVideo", token, video_id=video_id))
    assert used == [3, 3]


# ── showTopGifters ──


def placed(answer: Any) -> list[tuple[int, UserId, int]]:
    return [(entry["place"], entry["User"]["id"], entry["coin"]) for entry in answer["TopGifters"]]


@pytest.mark.parametrize("period", ["stream", "day", "week", "all"])
async def test_the_top_givers_of_a_stream_and_of_its_host(
    apps: Apps, ann: UserId, token: str, ben: UserId, stream_id: StreamId, period: str
) -> None:
    users = await givers(apps, 12, live_streaming_id=stream_id)
    await give(apps, ann, 4, live_streaming_id=str(stream_id))
    body: dict[str, Any] = {"live_streaming_id": str(stream_id), "period": period}
    # Ann and the ninth have 4 coins: the older account is before the other.
    order = sorted([(-(12 - at), user_id) for at, user_id in enumerate(users)] + [(-4, ann)])
    expected = [(place, user_id, -coins) for place, (coins, user_id) in enumerate(order, 1)]
    answer = await apps.done("showTopGifters", token, **body)
    assert placed(answer) == expected[:10]
    assert answer["Own"] == {"place": 9, "coin": 4}
    more = await apps.done("showTopGifters", token, **body, starting_point="1")
    assert placed(more) == expected[10:]
    assert placed(await apps.done("showTopGifters", token, **body, starting_point=2)) == []
    guests = await apps.done("showTopGifters", **body)
    assert (placed(guests), guests["Own"]) == (expected[:10], {"place": 0, "coin": 0})
    hosts = await apps.done("showTopGifters", await apps.token(ben), **body)
    assert (placed(hosts), hosts["Own"]) == (expected[:10], {"place": 0, "coin": 0})


async def test_gifts_outside_of_a_stream_count_for_the_receiver_only(
    apps: Apps, ann: UserId, token: str, ben: UserId, video_id: VideoId, stream_id: StreamId
) -> None:
    await give(apps, ann, 2, video_id=video_id)
    cid = await new_user(apps.database)
    await give(apps, cid, 1, live_streaming_id=stream_id)
    assert placed(await apps.done("showTopGifters", live_streaming_id=stream_id, period="stream")) == [(1, cid, 1)]
    for period in ("day", "week", "all"):
        shown = await apps.done("showTopGifters", receiver_id=ben, period=period)
        assert placed(shown) == [(1, ann, 2), (2, cid, 1)]


async def test_the_next_ones_take_the_places_of_hidden_givers(
    apps: Apps, ann: UserId, token: str, ben: UserId, stream_id: StreamId
) -> None:
    users = await givers(apps, 8, live_streaming_id=stream_id)
    await give(apps, ann, 2, live_streaming_id=stream_id)
    banned, deleted, blocked, blocker, of_the_host, private = users[:6]
    await hide(apps, ann, banned, deleted, blocked, blocker)
    await block(apps.database, of_the_host, ben)
    await make_private(apps.database, private)
    bodies: list[dict[str, Any]] = [{"receiver_id": ben, "period": period} for period in ("day", "week", "all")]
    for body in ({"live_streaming_id": stream_id, "period": "stream"}, *bodies):
        shown = await apps.done("showTopGifters", token, **body)
        assert placed(shown) == [(1, private, 3), (2, ann, 2), (3, users[6], 2), (4, users[7], 1)], body
        assert shown["Own"] == {"place": 2, "coin": 2}
        guests = await apps.done("showTopGifters", **body)
        assert placed(guests)[:3] == [(1, blocked, 6), (2, blocker, 5), (3, private, 3)]


async def test_the_board_of_a_receiver_follows_the_receivers_visibility(
    apps: Apps, ann: UserId, token: str, ben: UserId, stream_id: StreamId
) -> None:
    await give(apps, ann, live_streaming_id=stream_id)
    bens, cid = await apps.token(ben), await new_user(apps.database)
    cids = await apps.token(cid)
    private = "This account is private. Follow it to see this list."

    async def answers(session: str) -> list[Any]:
        """Of the stream, of the receiver by the stream, of the receiver."""
        bodies: list[dict[str, Any]] = [
            {"live_streaming_id": stream_id, "period": "stream"},
            {"live_streaming_id": stream_id, "period": "week"},
            {"receiver_id": ben, "period": "week"},
        ]
        called = [await apps.call("showTopGifters", session, **body) for body in bodies]
        return [answer["msg"] if answer["code"] == 201 else placed(answer["msg"]) for answer in called]

    board = [(1, ann, 1)]
    for session in (token, bens, ""):
        assert await answers(session) == [board] * 3
    await make_private(apps.database, ben)
    for session in (token, ""):
        assert await answers(session) == [board, private, private]
    await follow(apps.database, cid, ben)
    for session in (cids, bens):
        assert await answers(session) == [board] * 3
    await block(apps.database, ben, cid)
    hidden = ["There is no such stream.", "There is no such stream.", "There is no such user."]
    answered = [
        await apps.call("showTopGifters", cids, live_streaming_id=stream_id, period="stream"),
        await apps.call("showTopGifters", cids, live_streaming_id=stream_id, period="all"),
        await apps.call("showTopGifters", cids, receiver_id=ben, period="all"),
    ]
    assert [answer["msg"] for answer in answered] == hidden
    await ban(apps.database, ben)
    answered = [
        await apps.call("showTopGifters", live_streaming_id=stream_id, period="stream"),
        await apps.call("showTopGifters", live_streaming_id=stream_id, period="all"),
        await apps.call("showTopGifters", receiver_id=ben, period="all"),
    ]
    assert [answer["msg"] for answer in answered] == hidden


async def test_the_board_of_a_private_stream_is_its_hosts(
    apps: Apps, ann: UserId, token: str, ben: UserId, stream_id: StreamId
) -> None:
    await give(apps, ann, live_streaming_id=stream_id)
    await apps.database.execute("update stream set visibility = 'private' where id = $1", stream_id)
    for period in ("stream", "all"):
        body: dict[str, Any] = {"live_streaming_id": stream_id, "period": period}
        for session in (token, ""):
            answer = await apps.call("showTopGifters", session, **body)
            assert answer["msg"] == "This stream is not public. Its host decides who may watch it."
        assert placed(await apps.done("showTopGifters", await apps.token(ben), **body)) == [(1, ann, 1)]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"receiver_id": 1}, "period is missing."),
        ({"receiver_id": 1, "period": "month"}, "period must be"),
        ({"period": "all"}, "live_streaming_id or receiver_id is missing."),
        ({"period": "stream", "receiver_id": 1}, "live_streaming_id is missing."),
        ({"period": "all", "receiver_id": "x"}, "receiver_id must be a whole number."),
    ],
)
async def test_a_board_that_does_not_exist_is_malformed(apps: Apps, body: dict[str, Any], text: str) -> None:
    answer = await apps.call("showTopGifters", **body)
    assert answer["code"] == 400
    assert answer["msg"].startswith(text)


async def test_viewers_share_the_board_and_the_number_of_queries_is_fixed(
    apps: Apps, token: str, stream_id: StreamId, ben: UserId
) -> None:
    apps.platform.giving.boards._lifetime_s = 1_000
    for count in (1, 9):
        await givers(apps, count, live_streaming_id=stream_id)
    sessions = [token, await apps.token(await new_user(apps.database))]
    for session in sessions:
        await apps.done("showUserDetail", session)  # the session is known from now on
    boards: list[dict[str, Any]] = [
        {"live_streaming_id": stream_id, "period": "stream"},
        {"receiver_id": ben, "period": "all"},
    ]
    callers = [*sessions, *sessions, ""]
    used = [[await apps.queries("showTopGifters", session, **body) for session in callers] for body in boards]
    # The access, the viewer's own coins, the users of the page; the board for the first viewer, each viewer's blocks once.
    assert used == [[5, 4, 3, 3, 2], [4, 3, 3, 3, 2]]
