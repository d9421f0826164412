"""Who sees and reaches whom, through every door: each door at every relation of two users. A new door is a row of DOORS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio
from aiohttp import WSMsgType

from api.contract.client import Client
from control_plane.accounts import bans_store, deletion_store, store, usernames
from control_plane.accounts.user import NewUser
from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import open_pool
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.ledger.account import STORE, earned
from control_plane.ledger.transfers import Operation
from control_plane.social.visits_store import record_visit
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import VideoId
from tests.api.sections.posting import posted
from tests.api.whole import Whole, whole
from tests.control_plane.ledger.test_history import move
from tests.control_plane.live.readers import new_stream
from tests.control_plane.social.relations import follow, make_private
from tests.control_plane.videos.added import react
from tests.control_plane.videos.rows import ADD_VIDEO, add_stored
from tests.postgres import TestPostgres
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_numbers = count(1)


class Someone(NamedTuple):
    """A user whose stream is live, who has a video, and who has been renamed once."""

    id: UserId
    token: str
    name: str
    former_name: str
    phone: str
    stream_id: StreamId


GUEST = Someone(UserId(0), "", "", "", "", StreamId(0))


class House:
    def __init__(self, served: Whole) -> None:
        self.served = served
        self.database = served.database
        self.social = served.platform.social

    async def someone(self) -> Someone:
        number = next(_numbers)
        name, former, phone = f"now{number}", f"then{number}", f"+4915123{number:06}"
        async with self.database.transaction() as connection:
            user_id = await store.create(connection, NewUser(username=former, phone=phone, first_name=former), [])
            await usernames.change(connection, user_id, name)
        await self.database.execute("update app_user set profile_view = true where id = $1", user_id)
        await self.database.execute(ADD_VIDEO, user_id)
        stream_id = await new_stream(self.database, user_id, status="live", source_id="s", live_at=utc_now())
        token = await self.served.platform.accounts.sessions.issue(user_id)
        return Someone(user_id, token, name, former, phone, stream_id)

    async def video_of(self, owner: Someone) -> VideoId:
        video_id: VideoId = await self.database.fetchval("select id from video where user_id = $1", owner.id)
        return video_id

    async def call(self, caller: Someone, endpoint: str, **body: Any) -> dict[str, Any]:
        return await posted(self.served.client, endpoint, Client.IOS, caller.token, json=body)

    async def listed(self, caller: Someone, endpoint: str, **body: Any) -> list[Any]:
        """The entries of a list; none if the call is refused."""
        answer = await self.call(caller, endpoint, **body)
        entries = answer.get("msg") if answer["code"] == 200 else []
        assert isinstance(entries, list)
        return entries

    async def joined(self, caller: Someone, stream_id: StreamId) -> dict[str, Any] | int:
        """The first frame of the live socket, or its close code."""
        headers = {"Authorization": f"Bearer {caller.token}"} if caller.token else {}
        async with self.served.client.ws_connect(f"/ws/live/{stream_id}", headers=headers) as socket:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                frame: dict[str, Any] = json.loads(message.data)
                return frame
            assert socket.close_code is not None
            return socket.close_code

    async def page(self, caller: Someone, path: str) -> tuple[int, str]:
        headers = {"Cookie": f"stagedoor={caller.token}"} if caller.token else {}
        async with self.served.client.get(path, headers=headers) as response:
            return response.status, await response.text()


# ── doors: whether the viewer sees or reaches the other user ──


async def profile_by_id(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showUserDetail", other_user_id=other.id)
    return answer["code"] == 200 and not answer["msg"]["User"]["block"]


async def profile_by_name(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showUserDetail", username=f"@{other.name}")
    return answer["code"] == 200 and not answer["msg"]["User"]["block"]


async def profile_by_former_name(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showUserDetail", username=other.former_name)
    return answer["code"] == 200 and not answer["msg"]["User"]["block"]


async def name_to_unblock(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showUserDetail", other_user_id=other.id)
    return answer["code"] == 200 and bool(answer["msg"]["User"]["block"])


async def users(house: House, viewer: Someone, other: Someone) -> bool:
    return bool(await house.listed(viewer, "showUsers", users=[{"user_id": other.id}]))


async def contacts(house: House, viewer: Someone, other: Someone) -> bool:
    return bool(await house.listed(viewer, "showRegisteredContacts", phone_numbers=[other.phone]))


async def feed(house: House, viewer: Someone, other: Someone) -> bool:
    items = await house.listed(viewer, "showRelatedVideos", starting_point=0)
    return other.id in {item["User"]["id"] for item in items}


async def videos_of_followed_users(house: House, viewer: Someone, other: Someone) -> bool:
    """A follow that was written while a block was made."""
    await follow(house.database, viewer.id, other.id)
    return bool(await house.listed(viewer, "showFollowingVideos", starting_point=0))


async def nearby_videos(house: House, viewer: Someone, other: Someone) -> bool:
    await house.database.execute("update video set latitude = 1, longitude = 2 where user_id = $1", other.id)
    items = await house.listed(viewer, "showNearbyVideos", lat="1.1", long="2.1", starting_point=0)
    return other.id in {item["User"]["id"] for item in items}


async def videos_of_a_location(house: House, viewer: Someone, other: Someone) -> bool:
    location_id = await house.database.fetchval(
        "insert into location (name) select 'place ' || count(*) from location returning id"
    )
    await house.database.execute("update video set location_id = $2 where user_id = $1", other.id, location_id)
    return bool(await house.listed(viewer, "showVideosAgainstLocation", location_id=location_id))


async def videos_of_a_user(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showVideosAgainstUserID", other_user_id=other.id)
    return bool(answer["msg"]["public"])


async def a_video(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showVideoDetail", video_id=await house.video_of(other))
    return bool(answer["code"] == 200)


async def liked_by_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    third = await house.someone()
    await react(house.database, "video_like", third.id, await house.video_of(other))
    return bool(await house.listed(viewer, "showUserLikedVideos", other_user_id=third.id))


async def reposted_by_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    third = await house.someone()
    await react(house.database, "video_repost", third.id, await house.video_of(other))
    return bool(await house.listed(viewer, "showUserRepostedVideos", other_user_id=third.id))


async def list_of_liked_videos(house: House, viewer: Someone, other: Someone) -> bool:
    """The other user is the owner of the list."""
    answer = await house.call(viewer, "showUserLikedVideos", other_user_id=other.id)
    return bool(answer["code"] == 200)


async def list_of_reposted_videos(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showUserRepostedVideos", other_user_id=other.id)
    return bool(answer["code"] == 200)


async def saved_videos(house: House, viewer: Someone, other: Someone) -> bool:
    await react(house.database, "video_favourite", viewer.id, await house.video_of(other))
    return bool(await house.listed(viewer, "showFavouriteVideos"))


async def stories_of_friends(house: House, viewer: Someone, other: Someone) -> bool:
    """Follows that were written while a block was made; those of a private account are followed anyway."""
    await house.database.execute("update video set story = true where user_id = $1", other.id)
    await follow(house.database, viewer.id, other.id)
    await follow(house.database, other.id, viewer.id)
    answer = await house.call(viewer, "showFriendsStories")
    return bool(answer["msg"]["User"])


async def stories_of_a_profile(house: House, viewer: Someone, other: Someone) -> bool:
    await house.database.execute("update video set story = true where user_id = $1", other.id)
    answer = await house.call(viewer, "showUserDetail", other_user_id=other.id)
    return answer["code"] == 200 and bool(answer["msg"]["User"]["story"])


async def download_of_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    answer = await house.call(viewer, "downloadVideo", video_id=video_id)
    return bool(answer["code"] == 200)


async def follow_a_user(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "followUser", sender_id=viewer.id, receiver_id=other.id)
    return bool(answer["code"] == 200)


async def list_of_followers(house: House, viewer: Someone, other: Someone) -> bool:
    """The other user is the owner of the list."""
    answer = await house.call(viewer, "showFollowers", other_user_id=other.id)
    return bool(answer["code"] == 200)


async def list_of_followed_users(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showFollowing", other_user_id=other.id)
    return bool(answer["code"] == 200)


async def followers_of_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    third = await house.someone()
    await follow(house.database, other.id, third.id)
    return bool(await house.listed(viewer, "showFollowers", other_user_id=third.id))


async def followed_by_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    third = await house.someone()
    await follow(house.database, third.id, other.id)
    return bool(await house.listed(viewer, "showFollowing", other_user_id=third.id))


async def search_among_followers(house: House, viewer: Someone, other: Someone) -> bool:
    """A follow that was written while a block was made."""
    await follow(house.database, other.id, viewer.id)
    return bool(await house.listed(viewer, "searchFollowingOrFollowUsers", keyword=other.name))


async def block(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "blockUser", block_user_id=other.id, block=1)
    return bool(answer["code"] == 200)


async def blocked_users(house: House, viewer: Someone, other: Someone) -> bool:
    return bool(await house.listed(viewer, "showBlockedUsers"))


async def visitors(house: House, viewer: Someone, other: Someone) -> bool:
    await record_visit(house.database, viewer.id, other.id)
    return bool(await house.listed(viewer, "showProfileVisitors", starting_point=0))


async def gift_by_receiver(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "sendGift", gift_id=1, gift_count=1, receiver_id=other.id)
    return "coins" in answer["msg"]


async def gift_by_stream(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "sendGift", gift_id=1, gift_count=1, live_streaming_id=other.stream_id)
    return "coins" in answer["msg"]


async def message(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "sendMessage", receiver_id=other.id, message="hello")
    return bool(answer["code"] == 200)


async def message_over_the_socket(house: House, viewer: Someone, other: Someone) -> bool:
    headers = {"Authorization": f"Bearer {viewer.token}"}
    async with house.served.client.ws_connect("/ws/me", headers=headers) as socket:
        await socket.send_json({"type": "message", "id": "1", "receiver_id": other.id, "text": "hello"})
        while (frame := await socket.receive_json())["type"] not in ("sent", "error"):
            pass
    return bool(frame["type"] == "sent")


async def video_in_a_message(house: House, viewer: Someone, other: Someone) -> bool:
    """A third user shares the other's video with the viewer."""
    return "Video" in await _shared(house, viewer, video_id=await house.video_of(other))


async def stream_in_a_message(house: House, viewer: Someone, other: Someone) -> bool:
    """A third user shares the other's stream with the viewer."""
    return "LiveStreaming" in await _shared(house, viewer, live_streaming_id=other.stream_id)


async def _shared(house: House, viewer: Someone, **what: Any) -> dict[str, Any]:
    third = await house.someone()
    await house.call(third, "sendMessage", receiver_id=viewer.id, **what)
    shown = await house.listed(viewer, "showMessages", other_user_id=third.id)
    return dict(shown[0]) if shown else {}


async def watching(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "watchLiveStream", live_streaming_id=other.stream_id)
    return bool(answer["code"] == 200)


async def live_socket(house: House, viewer: Someone, other: Someone) -> bool:
    first = await house.joined(viewer, other.stream_id)
    assert first == 4404 or (isinstance(first, dict) and first["stream"]["user_id"] == other.id)
    return first != 4404


async def watch_page(house: House, viewer: Someone, other: Someone) -> bool:
    status, text = await house.page(viewer, f"/watch/{other.stream_id}")
    assert (status == 200) == (other.name in text)
    return status == 200


async def profile_page(house: House, viewer: Someone, other: Someone) -> bool:
    status, text = await house.page(viewer, f"/@{other.name}")
    assert (status == 200) == (other.former_name in text), "the first name, which is not in the address"
    return status == 200


async def data_of_the_profile_page(house: House, viewer: Someone, other: Someone) -> bool:
    status, text = await house.page(viewer, f"/profile/{other.name}")
    return status == 200 and not json.loads(text)["blocked"]


async def inbox(house: House, viewer: Someone, other: Someone) -> bool:
    await _told(house, viewer, other)
    return bool(await house.listed(viewer, "showAllNotifications", starting_point=0))


async def inbox_page(house: House, viewer: Someone, other: Someone) -> bool:
    await _told(house, viewer, other)
    _, text = await house.page(viewer, "/inbox/entries")
    return other.name in text


async def _told(house: House, viewer: Someone, other: Someone) -> None:
    """The viewer is told of the other user."""
    async with house.database.transaction() as connection:
        await tell(connection, Told(Kind.FOLLOW, other.id), [viewer.id])


async def list_of_streams(house: House, viewer: Someone, other: Someone) -> bool:
    await house.served.next_second()
    ids: set[int] = set()
    page = pages = 1
    while page <= pages:
        _, text = await house.page(viewer, f"/live?page={page}")
        found = json.loads(text)
        ids |= {item["user_id"] for item in found["streams"]}
        page, pages = page + 1, found["pages"]
    return other.id in ids


async def givers_of_the_own_stream(house: House, viewer: Someone, other: Someone) -> bool:
    await house.database.execute(
        "insert into stream_gifter (stream_id, user_id, coins) values ($1, $2, 7)", viewer.stream_id, other.id
    )
    first = await house.joined(viewer, viewer.stream_id)
    assert isinstance(first, dict)
    return bool(first["stream"]["top_gifters"])


async def history_of_coins(house: House, viewer: Someone, other: Someone) -> bool:
    """The other user has given the viewer a gift."""
    await move(house.database, other.id, Operation.GIFT, {STORE: -1, earned(viewer.id): 1})
    await house.database.execute(
        "insert into gift_sent (gift_id, count, coins, sender_id, receiver_id, transfer_id)"
        " select 1, 1, 1, $1, $2, max(id) from ledger_transfer where user_id = $1",
        other.id,
        viewer.id,
    )
    (movement,) = (await house.call(viewer, "showCoinHistory"))["msg"]["movements"]
    assert movement["text"] == f"Rose from {movement['User']['username'] if 'User' in movement else 'a user'}"
    return other.name in movement["text"]


async def file_of_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    """By an address that the viewer has from before."""
    files = house.served.platform.stored.files
    video_id = await add_stored(house.database, files, other.id, {"media": b"film"})
    video = (await seen_by_ids(house.database, other.id, [video_id]))[video_id]
    folder = house.served.platform.videos.addresses.folder(msgspec.structs.replace(video, viewer_id=viewer.id or None))
    status, text = await house.page(GUEST, f"{folder}/media.mp4")
    assert (status == 200) == (text == "film")
    return status == 200


async def gifts_on_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    """The other user is the owner of the video."""
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    answer = await house.call(viewer, "showSentGiftsAgainstVideo", video_id=video_id)
    return bool(answer["code"] == 200)


async def reactions_to_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    calls = ("likeVideo", "addVideoFavourite", "repostVideo", "shareVideo")
    codes = {(await house.call(viewer, name, video_id=video_id))["code"] for name in calls}
    codes.add((await house.call(viewer, "reportVideo", video_id=video_id, report_reason_id=1))["code"])
    [code] = codes
    return bool(code == 200)


async def view_of_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    await house.call(viewer, "watchVideo", video_id=video_id)
    return bool(await house.database.fetchval("select exists (select from video_view where video_id = $1)", video_id))


async def board_of_a_stream(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showTopGifters", live_streaming_id=other.stream_id, period="stream")
    return bool(answer["code"] == 200)


async def board_of_a_receiver(house: House, viewer: Someone, other: Someone) -> bool:
    answer = await house.call(viewer, "showTopGifters", receiver_id=other.id, period="all")
    return bool(answer["code"] == 200)


async def givers_to_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    third = await house.someone()
    await house.database.execute(
        "insert into stream_gifter (stream_id, user_id, coins) values ($1, $2, 7)", third.stream_id, other.id
    )
    answer = await house.call(viewer, "showTopGifters", live_streaming_id=third.stream_id, period="stream")
    return bool(answer["msg"]["TopGifters"])


async def comments_on_a_video(house: House, viewer: Someone, other: Someone) -> bool:
    """The other user is the owner of the video."""
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    answer = await house.call(viewer, "showVideoComments", video_id=video_id)
    return bool(answer["code"] == 200)


async def comment(house: House, viewer: Someone, other: Someone) -> bool:
    video_id = await house.database.fetchval("select id from video where user_id = $1", other.id)
    answer = await house.call(viewer, "postCommentOnVideo", video_id=video_id, comment="hello")
    return bool(answer["code"] == 200)


async def comments_on_the_video_of_a_third_user(house: House, viewer: Someone, other: Someone) -> bool:
    video_id, _ = await _commented(house, other)
    return bool(await house.listed(viewer, "showVideoComments", video_id=video_id))


async def reply(house: House, viewer: Someone, other: Someone) -> bool:
    video_id, comment_id = await _commented(house, other)
    answer = await house.call(viewer, "postCommentReply", video_id=video_id, comment_id=comment_id, comment="hello")
    return bool(answer["code"] == 200)


async def like_of_a_comment(house: House, viewer: Someone, other: Someone) -> bool:
    _, comment_id = await _commented(house, other)
    answer = await house.call(viewer, "likeComment", comment_id=comment_id)
    return bool(answer["code"] == 200)


async def _commented(house: House, other: Someone) -> tuple[int, int]:
    """The video of a third user, and the other's comment on it."""
    third = await house.someone()
    video_id = await house.database.fetchval("select id from video where user_id = $1", third.id)
    comment_id = await house.database.fetchval(
        "insert into video_comment (video_id, user_id, text) values ($1, $2, 'hello') returning id", video_id, other.id
    )
    return video_id, comment_id


# ── relations ──


async def stranger(house: House, viewer: Someone, other: Someone) -> None:
    pass


async def blocks(house: House, viewer: Someone, other: Someone) -> None:
    await house.social.blocks.toggle(viewer.id, other.id, arrived=0, wanted=True)


async def blocked(house: House, viewer: Someone, other: Someone) -> None:
    await house.social.blocks.toggle(other.id, viewer.id, arrived=0, wanted=True)


async def both_block(house: House, viewer: Someone, other: Someone) -> None:
    await blocks(house, viewer, other)
    await house.database.execute("insert into block (blocker_id, blocked_id) values ($1, $2)", other.id, viewer.id)


async def private(house: House, viewer: Someone, other: Someone) -> None:
    await make_private(house.database, other.id)


async def banned(house: House, viewer: Someone, other: Someone) -> None:
    async with house.database.transaction() as connection:
        await bans_store.ban(connection, other.id)


async def deleted(house: House, viewer: Someone, other: Someone) -> None:
    async with house.database.transaction() as connection:
        await deletion_store.delete(connection, other.id, utc_now())


Relate = Callable[[House, Someone, Someone], Awaitable[None]]
PUBLIC: frozenset[Relate] = frozenset({stranger, private})
"""Relations in which two users see each other. In all others most doors are closed."""


class Door(NamedTuple):
    opens: Callable[[House, Someone, Someone], Awaitable[bool]]
    open_to: frozenset[Relate] = PUBLIC
    guests: bool = True
    """Guests pass where strangers do."""


DOORS = (
    Door(profile_by_id),
    Door(profile_by_name),
    Door(profile_by_former_name),
    Door(name_to_unblock, frozenset({blocks}), guests=False),
    Door(users, guests=False),
    Door(contacts, guests=False),
    Door(feed, frozenset({stranger})),
    Door(videos_of_followed_users, guests=False),
    Door(nearby_videos, frozenset({stranger})),
    Door(videos_of_a_location, frozenset({stranger})),
    Door(videos_of_a_user, frozenset({stranger})),
    Door(a_video, frozenset({stranger})),
    Door(liked_by_a_third_user, frozenset({stranger})),
    Door(reposted_by_a_third_user, frozenset({stranger})),
    Door(list_of_liked_videos, frozenset({stranger})),
    Door(list_of_reposted_videos, frozenset({stranger})),
    Door(saved_videos, frozenset({stranger}), guests=False),
    Door(stories_of_friends, guests=False),
    Door(stories_of_a_profile, frozenset({stranger})),
    Door(download_of_a_video, frozenset({stranger}), guests=False),
    Door(follow_a_user, guests=False),
    Door(list_of_followers, frozenset({stranger})),
    Door(list_of_followed_users, frozenset({stranger})),
    Door(followers_of_a_third_user),
    Door(followed_by_a_third_user),
    Door(search_among_followers, guests=False),
    Door(block, PUBLIC | {blocks, both_block}, guests=False),
    Door(blocked_users, frozenset({blocks, both_block}), guests=False),
    Door(visitors, guests=False),
    Door(gift_by_receiver, guests=False),
    Door(gift_by_stream, guests=False),
    Door(message, guests=False),
    Door(message_over_the_socket, guests=False),
    Door(video_in_a_message, frozenset({stranger}), guests=False),
    Door(stream_in_a_message, guests=False),
    Door(file_of_a_video, frozenset({stranger})),
    Door(gifts_on_a_video, frozenset({stranger})),
    Door(reactions_to_a_video, frozenset({stranger}), guests=False),
    Door(view_of_a_video, frozenset({stranger})),
    Door(board_of_a_stream),
    Door(board_of_a_receiver, frozenset({stranger})),
    Door(givers_to_a_third_user),
    Door(watching, guests=False),
    Door(live_socket),
    Door(watch_page),
    Door(profile_page, PUBLIC | {blocks}),
    Door(data_of_the_profile_page),
    Door(inbox, guests=False),
    Door(inbox_page, guests=False),
    Door(list_of_streams),
    Door(givers_of_the_own_stream, guests=False),
    Door(history_of_coins, guests=False),
    Door(comments_on_a_video, frozenset({stranger})),
    Door(comment, frozenset({stranger}), guests=False),
    Door(comments_on_the_video_of_a_third_user),
    Door(reply, guests=False),
    Door(like_of_a_comment, guests=False),
)
RELATIONS: tuple[Relate, ...] = (stranger, blocks, blocked, both_block, private, banned, deleted)
OF_GUESTS: tuple[Relate, ...] = (stranger, private, banned, deleted)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One server for all of these tests; each has users of its own."""
    async with postgres.database() as dsn:
        database = await open_pool(dsn, size=10)
        async with whole(dsn, database, tmp_path_factory.mktemp("whole")) as served:
            yield House(served)
        await database.close()


@pytest.mark.parametrize("relate", RELATIONS, ids=lambda relate: relate.__name__)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.opens.__name__)
async def test_a_user_at_a_door(house: House, door: Door, relate: Relate) -> None:
    viewer, other = await house.someone(), await house.someone()
    await relate(house, viewer, other)
    assert await door.opens(house, viewer, other) == (relate in door.open_to)


@pytest.mark.parametrize("relate", OF_GUESTS, ids=lambda relate: relate.__name__)
@pytest.mark.parametrize("door", [door for door in DOORS if door.guests], ids=lambda door: door.opens.__name__)
async def test_a_guest_at_a_door(house: House, door: Door, relate: Relate) -> None:
    other = await house.someone()
    await relate(house, GUEST, other)
    assert await door.opens(house, GUEST, other) == (relate in door.open_to)


@pytest.mark.parametrize("relate", [blocks, blocked], ids=lambda relate: relate.__name__)
@pytest.mark.parametrize("door", [door for door in DOORS if stranger in door.open_to], ids=lambda d: d.opens.__name__)
async def test_a_door_is_open_again_after_the_block(house: House, door: Door, relate: Relate) -> None:
    viewer, other = await house.someone(), await house.someone()
    await relate(house, viewer, other)
    await list_of_streams(house, viewer, other)  # the viewer's blocks are cached now
    blocker, target = (viewer, other) if relate is blocks else (other, viewer)
    await house.social.blocks.toggle(blocker.id, target.id, arrived=0, wanted=False)
    await until(lambda: viewer.id not in house.social.blocked_users._known, what="the notice of the block")
    assert await door.opens(house, viewer, other)


@pytest.mark.parametrize("relate", [blocks, blocked], ids=lambda relate: relate.__name__)
async def test_an_operator_watches_in_spite_of_a_block(house: House, relate: Relate) -> None:
    operator, host = await house.someone(), await house.someone()
    await house.database.execute("update app_user set role = 'operator' where id = $1", operator.id)
    await relate(house, operator, host)
    for door in (live_socket, watching, watch_page, list_of_streams):
        assert await door(house, operator, host), door


@pytest.mark.parametrize("relate", [blocks, blocked, both_block], ids=lambda relate: relate.__name__)
async def test_an_open_socket_is_closed_when_the_block_comes(house: House, relate: Relate) -> None:
    viewer, host, fan = [await house.someone() for _ in range(3)]
    headers = {"Authorization": f"Bearer {viewer.token}"}
    path = f"/ws/live/{host.stream_id}"
    async with (
        house.served.client.ws_connect(path, headers=headers) as first,
        house.served.client.ws_connect(path) as second,
        house.served.client.ws_connect(path, headers={"Authorization": f"Bearer {fan.token}"}) as third,
    ):
        await second.receive()
        await second.send_json({"type": "auth", "token": viewer.token})
        await until(lambda: house.served.delivery.hub.viewers(host.stream_id) == 2)
        await relate(house, viewer, host)
        for socket in (first, second):
            while not socket.closed:
                await socket.receive()
            assert socket.close_code == 4404
        assert not third.closed
        await third.send_json({"type": "like", "id": "still here"})
        while (await third.receive_json())["type"] != "error":
            pass


async def test_a_guest_who_signs_in_on_the_socket_of_a_host_with_a_block_has_to_leave(house: House) -> None:
    viewer, host = await house.someone(), await house.someone()
    await blocked(house, viewer, host)
    async with house.served.client.ws_connect(f"/ws/live/{host.stream_id}") as socket:
        await socket.receive()
        await socket.send_json({"type": "auth", "token": viewer.token})
        while not socket.closed:
            await socket.receive()
        assert socket.close_code == 4404


async def test_the_bytes_of_a_hidden_stream_are_those_of_one_that_does_not_exist(house: House) -> None:
    viewer, host = await house.someone(), await house.someone()
    await blocked(house, viewer, host)
    missing = StreamId(987_654)
    for stream_id in (host.stream_id, missing):
        assert (await house.call(viewer, "watchLiveStream", live_streaming_id=stream_id))["msg"] == (
            "There is no such stream."
        )
    hidden, unknown = [
        (status, text.replace(f"/watch/{stream_id}", "/watch/"))
        for stream_id in (host.stream_id, missing)
        for status, text in [await house.page(viewer, f"/watch/{stream_id}")]
    ]
    assert hidden == unknown
    assert hidden[0] == 404
    gone = {"other_user_id": 987_654}
    assert await house.call(viewer, "showUserDetail", **gone) == await house.call(
        viewer, "showUserDetail", other_user_id=host.id
    )
