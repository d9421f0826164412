"""A video at every place that showed it, after it was deleted, made private, or its owner was hidden: the answers and pages
of a follower and of a guest, and every address that they had."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import PurePath
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.db.pool import open_pool
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.social import blocks_store
from control_plane.videos import deletion
from control_plane.videos.video import VideoId
from tests.api.sections.posting import posted
from tests.api.whole import Whole, whole
from tests.control_plane.counted import wrong_counters
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, delete, follow, make_private
from tests.control_plane.videos.rows import add_stored
from tests.postgres import TestPostgres

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = {kind: kind.encode() for kind in ("media", "small", "poster", "preview", "watermarked")}
PLACE = {"lat": 48.137, "long": 11.575}
_COLUMNS = """
    update video set description = $2, location_id = $3, latitude = 48.137, longitude = 11.575, pinned = true where id = $1
"""
_PLACE = "insert into location (name, string) select 'a' || count(*), 'the place' from location returning id"
_numbers = count(1)


class Film(NamedTuple):
    """A video that the follower has liked, saved, reposted and commented, was told of and got in a message."""

    id: VideoId
    description: str
    owner: UserId
    owner_name: str
    owner_token: str
    fan: UserId
    fan_token: str
    third: UserId
    location_id: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with postgres.database() as dsn:
        database = await open_pool(dsn, size=10)
        async with whole(
            dsn, database, tmp_path_factory.mktemp("hidden"), address_rate=100_000, user_rate=100_000
        ) as served:
            yield served
        await database.close()


async def call(served: Whole, token: str, endpoint: str, **body: Any) -> dict[str, Any]:
    return await posted(served.client, endpoint, Client.IOS, token, json=body)


@pytest_asyncio.fixture(loop_scope="module")
async def film(served: Whole) -> Film:
    database, sessions = served.database, served.platform.accounts.sessions
    owner, fan, third = [await new_user(database, "someone") for _ in range(3)]
    video_id = await add_stored(database, served.platform.stored.files, owner, CONTENT)
    description, location_id = f"the film {next(_numbers)} of many", await database.fetchval(_PLACE)
    await database.execute(_COLUMNS, video_id, description, location_id)
    for follower, followed in ((fan, owner), (owner, fan), (third, owner), (owner, third)):
        await follow(database, follower, followed)
    fan_token = await sessions.issue(fan)
    name = await database.fetchval("select username from app_user where id = $1", owner)
    film = Film(video_id, description, owner, name, await sessions.issue(owner), fan, fan_token, third, location_id)
    for endpoint in ("likeVideo", "addVideoFavourite", "repostVideo"):
        assert (await call(served, fan_token, endpoint, video_id=video_id))["code"] == 200
    comment = {"video_id": video_id, "comment": f"about {description}"}
    assert (await call(served, fan_token, "postCommentOnVideo", **comment))["code"] == 200
    async with database.transaction() as connection:
        await tell(connection, Told(Kind.MENTION, owner, video_id=video_id), [fan])
    sent = await call(served, await sessions.issue(third), "sendMessage", receiver_id=fan, video_id=video_id)
    assert sent["code"] == 200
    return film


LISTS = (
    "showRelatedVideos",
    "showVideosAgainstUserID",
    "showVideosAgainstLocation",
    "showVideoDetail",
    "showVideoComments",
)
OF_THE_FAN = (
    *(
        "showFollowingVideos",
        "showNearbyVideos",
        "showUserLikedVideos",
        "showUserRepostedVideos",
        "showFavouriteVideos",
    ),
    *("downloadVideo", "showAllNotifications", "showMessages"),
)
PAGES = ("page of the video", "profile page")


async def shown(served: Whole, film: Film, *, guest: bool) -> dict[str, str]:
    """The places that show the video, with what they answer."""
    token = "" if guest else film.fan_token
    of_video, of_owner = {"video_id": film.id}, {"other_user_id": film.owner}
    own = {} if guest else {"user_id": film.fan}
    bodies: dict[str, dict[str, Any]] = {
        "showVideosAgainstUserID": of_owner | own,
        "showVideosAgainstLocation": {"location_id": film.location_id},
        "showVideoDetail": of_video,
        "showVideoComments": of_video,
        "showNearbyVideos": PLACE,
        "showMessages": {"other_user_id": film.third},
        "downloadVideo": of_video,
    }
    found = {}
    for name in LISTS if guest else LISTS + OF_THE_FAN:
        answer = await call(
            served,
            token,
            name,
            **{"starting_point": 0, "user_id": film.fan if not guest else None, **bodies.get(name, {})},
        )
        found[name] = str(answer)
    paths = {"page of the video": f"/v/{film.id}", "profile page": f"/@{film.owner_name}"}
    for name, path in paths.items():
        cookie = {} if guest else {"Cookie": f"stagedoor={token}"}
        async with served.client.get(path, headers=cookie) as response:
            found[name] = await response.text()
    return {name: text for name, text in found.items() if film.description in text or f"/videos/{film.id}/" in text}


def addresses(film: Film, texts: dict[str, str]) -> set[str]:
    return {path for text in texts.values() for path in re.findall(rf"/videos/{film.id}/[^\s\"'\\<>&]+", text)}


async def still_open(served: Whole, paths: set[str]) -> set[str]:
    found = set()
    for path in paths:
        async with served.client.get(path) as response:
            assert response.status in {200, 404}
            if response.status == 200:
                found.add(path)
    return found


async def deleted(served: Whole, film: Film) -> None:
    assert (await call(served, film.owner_token, "deleteVideo", video_id=film.id))["code"] == 200


async def deleted_and_removed(served: Whole, film: Film) -> None:
    await deleted(served, film)
    await served.database.execute("update video set deleted_at = now() - interval '2 days' where state = 'deleted'")
    await deletion.remove_deleted_videos.function(served.platform.videos.deletion)


async def removed_by_an_operator(served: Whole, film: Film) -> None:
    async with served.database.transaction() as connection:
        await deletion.remove(connection, film.id)


async def made_private(served: Whole, film: Film) -> None:
    details = {"allow_comments": "true", "allow_duet": 1, "privacy_type": "private"}
    assert (await call(served, film.owner_token, "updateVideoDetail", video_id=film.id, **details))["code"] == 200


async def account_deleted(served: Whole, film: Film) -> None:
    await delete(served.database, film.owner)


async def account_banned(served: Whole, film: Film) -> None:
    await ban(served.database, film.owner)


async def blocked(served: Whole, film: Film) -> None:
    async with served.database.transaction() as connection:
        await blocks_store.add(connection, film.owner, film.fan)


async def private_account(served: Whole, film: Film) -> None:
    await make_private(served.database, film.owner)


ALL = {*LISTS, *OF_THE_FAN, *PAGES}
BY_ID = ALL - {"showRelatedVideos", "showVideosAgainstLocation", "showNearbyVideos"}
Change = Callable[[Whole, Film], Awaitable[None]]
CHANGES: tuple[tuple[Change, set[str], bool], ...] = (
    (deleted, set(), False),
    (deleted_and_removed, set(), False),
    (removed_by_an_operator, set(), False),
    (made_private, set(), False),
    (account_deleted, set(), False),
    (account_banned, set(), False),
    (blocked, set(), True),
    (private_account, BY_ID, False),
)
"""What changes, where the follower still finds the video, and whether guests do."""


@pytest.mark.parametrize(("change", "left", "for_guests"), CHANGES, ids=[change.__name__ for change, _, _ in CHANGES])
async def test_a_hidden_video_is_shown_nowhere(
    served: Whole, film: Film, change: Change, left: set[str], for_guests: bool
) -> None:
    fan, guest = await shown(served, film, guest=False), await shown(served, film, guest=True)
    assert set(fan) == ALL
    assert set(guest) == {*LISTS, *PAGES}
    of_fan, of_guests = addresses(film, fan), addresses(film, guest)
    assert await still_open(served, of_fan | of_guests) == of_fan | of_guests
    assert of_fan.isdisjoint(of_guests)
    assert {PurePath(path).stem for path in of_fan} == CONTENT.keys()

    await change(served, film)
    assert set(await shown(served, film, guest=False)) == left
    assert set(await shown(served, film, guest=True)) == ({*LISTS, *PAGES} if for_guests else set())
    assert await still_open(served, of_fan) == (of_fan if left else set())
    assert await still_open(served, of_guests) == (of_guests if for_guests else set())
    assert await wrong_counters(served.database) == []
