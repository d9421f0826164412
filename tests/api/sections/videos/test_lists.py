"""The lists of videos, as each app calls them: their pages, order, number of queries, and the videos that they leave out."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.contract.client import Client
from api.contract.paging import LONG_PAGE_SIZE, PAGE_SIZE
from control_plane.base.ids import UserId
from control_plane.videos.pages import DEEPEST
from control_plane.videos.video import VideoId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import follow
from tests.control_plane.videos.added import added, delete, react
from tests.control_plane.watched_database import WatchedDatabase

DELETED_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATITUDE, LONGITUDE = 48.137, 11.575


class Lists(NamedTuple):
    """Ann reads; every video of Ben is on every list."""

    apps: Apps
    ann: UserId
    token: str
    ben: UserId
    place: int

    async def add(self, owner: UserId | None = None, **columns: Any) -> VideoId:
        """A video at the place that Ben likes and has reposted, and that Ann has saved."""
        database, where = self.apps.database, {"latitude": LATITUDE, "longitude": LONGITUDE}
        video_id = await added(database, owner or self.ben, location_id=self.place, **where, **columns)
        await react(database, "video_like", self.ben, video_id)
        await react(database, "video_repost", self.ben, video_id)
        await react(database, "video_favourite", self.ann, video_id)
        return video_id

    def body(self, name: str, page: int | str | None = "0") -> dict[str, Any]:
        """As the apps send it: numbers as text."""
        of_user = {"user_id": str(self.ann), "other_user_id": str(self.ben)}
        bodies: dict[str, dict[str, Any]] = {
            "showRelatedVideos": {"user_id": str(self.ann), "device_id": "d", "lat": "0.0", "long": "0.0"},
            "showFollowingVideos": {"user_id": str(self.ann), "device_id": ""},
            "showNearbyVideos": {"user_id": str(self.ann), "lat": str(LATITUDE + 0.3), "long": LONGITUDE},
            "showVideosAgainstLocation": {"user_id": str(self.ann), "location_id": str(self.place)},
            "showFavouriteVideos": {"user_id": str(self.ann)},
            "showVideosAgainstUserID": of_user,
            "showUserLikedVideos": of_user,
            "showUserRepostedVideos": of_user,
        }
        return {**bodies[name], "starting_point": page}

    async def page(
        self,
        name: str,
        page: int | str | None = "0",
        app: Client = Client.DOCUMENT,
        token: str | None = None,
        **body: Any,
    ) -> list[dict[str, Any]]:
        token = self.token if token is None else token
        answer = await self.apps.done(name, token, app, **{**self.body(name, page), **body})
        items: list[dict[str, Any]] = answer["public"] if name == "showVideosAgainstUserID" else answer
        return items

    async def ids(self, name: str, page: int | str | None = "0", token: str | None = None, **body: Any) -> list[int]:
        return [item["Video"]["id"] for item in await self.page(name, page, token=token, **body)]


FEEDS = ("showRelatedVideos", "showFollowingVideos", "showNearbyVideos", "showVideosAgainstLocation")
OF_ONE = ("showVideosAgainstUserID", "showUserLikedVideos", "showUserRepostedVideos", "showFavouriteVideos")
NOT_FOR_GUESTS = ("showFollowingVideos", "showFavouriteVideos")
EACH = pytest.mark.parametrize("name", FEEDS + OF_ONE)


def size(name: str) -> int:
    return LONG_PAGE_SIZE if name == "showVideosAgainstUserID" else PAGE_SIZE


@pytest.fixture
async def lists(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Lists]:
    async with apps_of(dsn, database, tmp_path, address_rate=100_000, user_rate=100_000) as apps:
        ann, ben = await new_user(database, "ann"), await new_user(database, "ben")
        await follow(database, ann, ben)
        place = await database.fetchval(
            "insert into location (google_place_id, name, string) values ('g', 'Café', 'Main Street 1') returning id"
        )
        yield Lists(apps, ann, await apps.token(ann), ben, place)


@EACH
@pytest.mark.parametrize("app", APPS)
async def test_each_app_reads_the_pages_newest_first(lists: Lists, name: str, app: Client) -> None:
    database = lists.apps.database
    sound = await database.fetchval(
        "insert into sound (name, audio, duration_ms) values ('s', 'a.mp3', 1) returning id"
    )
    first = await lists.add(description="hello", sound_id=sound)
    duet = await lists.add(duet_of=first)
    of_nobody = await lists.add(duet_of=await added(database, lists.ben, state="deleted", deleted_at=DELETED_AT))
    others = [await lists.add() for _ in range(size(name) - 1)]
    ids = [first, duet, of_nobody, *others][::-1]
    page = await lists.page(name, "0", app)
    assert [item["Video"]["id"] for item in page] == ids[: size(name)]
    rest = await lists.page(name, 1, app)
    assert [item["Video"]["id"] for item in rest] == ids[size(name) :]
    assert await lists.page(name, "2", app) == []
    assert {item["User"]["button"] for item in page} == {"Following"}
    with_sound = rest[-1]
    assert (with_sound["Sound"]["id"], with_sound["Video"]["description"]) == (sound, "hello")
    assert with_sound["Location"]["string"] == with_sound["Video"]["location_string"] == "Main Street 1"
    assert (with_sound["Video"]["like_count"], with_sound["Video"]["favourite"]) == (1, 1)
    shown = {item["Video"]["id"]: item["Video"] for item in [*page, *rest]}
    assert shown[duet]["duet"]["User"]["id"] == lists.ben
    assert (shown[of_nobody]["duet_video_id"], "duet" in shown[of_nobody]) == (0, False)


@pytest.mark.parametrize(
    ("name", "guest"),
    [(name, guest) for name in FEEDS + OF_ONE for guest in (False, True) if not guest or name not in NOT_FOR_GUESTS],
)
async def test_pages_stay_the_same_while_videos_come_and_go(lists: Lists, name: str, guest: bool) -> None:
    token = "" if guest else lists.token
    who = {"user_id": "0"} if guest else {}
    rows, ids = size(name), [await lists.add() for _ in range(3 * size(name))][::-1]
    assert await lists.ids(name, "0", token, **who) == ids[:rows]
    for _ in range(7):
        await lists.add()
    for gone in (ids[3], ids[rows - 1], ids[2 * rows + 4]):
        await delete(lists.apps.database, gone)
    assert await lists.ids(name, "1", token, **who) == ids[rows : 2 * rows]
    assert await lists.ids(name, "1", token, **who) == ids[rows : 2 * rows], "asked again"
    rest = [id_ for id_ in ids[2 * rows :] if id_ != ids[2 * rows + 4]]
    assert await lists.ids(name, "2", token, **who) == rest
    await lists.add()
    assert await lists.ids(name, "3", token, **who) == await lists.ids(name, "4", token, **who) == []


@EACH
async def test_a_page_has_a_fixed_number_of_queries(lists: Lists, name: str) -> None:
    await lists.add()
    await lists.ids(name)  # the session is cached now
    few = await lists.apps.queries(name, lists.token, **lists.body(name))
    for _ in range(2 * size(name)):
        await lists.add()
    for page in (0, 1, 2):
        assert await lists.apps.queries(name, lists.token, **lists.body(name, page)) == few
    assert few == (3 if name in ("showUserLikedVideos", "showUserRepostedVideos") else 2)


@EACH
async def test_a_page_that_no_page_came_before_is_read_by_offset(lists: Lists, name: str) -> None:
    rows, ids = size(name), [await lists.add() for _ in range(2 * size(name))][::-1]
    assert await lists.ids(name, 1) == ids[rows:]
    for bad in ("-1", "many", None, 10**9):
        assert await lists.ids(name, bad) == ids[:rows]
    assert await lists.ids(name, DEEPEST // rows - 1) == []
    beyond = lists.apps.queries(name, lists.token, **lists.body(name, DEEPEST // rows))
    assert await beyond == (1 if name in ("showUserLikedVideos", "showUserRepostedVideos") else 0)


async def test_sessions_and_phones_each_have_their_own_pages(lists: Lists) -> None:
    ids = [await lists.add() for _ in range(20)][::-1]
    other = await lists.apps.token(lists.ann)
    name, phone = "showRelatedVideos", {"user_id": "0", "device_id": "one"}
    assert await lists.ids(name, 0) == await lists.ids(name, 0, "", **phone) == ids[:10]
    newest = await lists.add()
    moved = ids[9:19]
    assert await lists.ids(name, 1) == await lists.ids(name, 1, "", **phone) == ids[10:]
    assert await lists.ids(name, 1, other) == moved
    assert await lists.ids(name, 1, "", user_id="0", device_id="two") == moved
    for nameless in ("", "0", None):
        assert await lists.ids(name, 0, "", user_id="0", device_id=nameless) == [newest, *ids[:9]]
    newer = await lists.add()
    assert await lists.ids(name, 1, "", user_id="0", device_id="") == moved, "by address"
    assert (await lists.ids(name, 0, other))[0] == newer


# ── which videos are on which list ──

Make = Callable[[Lists, UserId], Awaitable[VideoId]]


async def public(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner)


async def for_friends(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, privacy="friends")


async def private(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, privacy="private")


async def processing(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, state="processing")


async def failed(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, state="failed")


async def deleted(lists: Lists, owner: UserId) -> VideoId:
    video_id = await lists.add(owner)
    await delete(lists.apps.database, video_id)
    return video_id


async def story(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, story=True)


async def ended_story(lists: Lists, owner: UserId) -> VideoId:
    return await lists.add(owner, story=True, created_at=DELETED_AT)


async def uninteresting(lists: Lists, owner: UserId) -> VideoId:
    video_id = await lists.add(owner)
    await react(lists.apps.database, "not_interested", lists.ann, video_id)
    return video_id


KINDS: tuple[Make, ...] = (
    *(public, for_friends, private, processing, failed, deleted, story, ended_story, uninteresting),
)


async def on(lists: Lists, name: str, owner: UserId, token: str | None = None, **body: Any) -> set[str]:
    """The kinds of the owner's videos that are on the list."""
    made: dict[int, str] = {await make(lists, owner): make.__name__ for make in KINDS}
    if name == "showVideosAgainstUserID":
        body = {"other_user_id": owner, **body}
    return {made[id_] for id_ in await lists.ids(name, 0, token, **body) if id_ in made}


@EACH
async def test_videos_of_a_followed_user(lists: Lists, name: str) -> None:
    owner = await new_user(lists.apps.database)
    await follow(lists.apps.database, lists.ann, owner)
    more = {"story", "uninteresting"} if name in OF_ONE[1:] else {"uninteresting"} if name in OF_ONE else set()
    assert await on(lists, name, owner) == {"public", *more}


@EACH
async def test_videos_of_a_friend(lists: Lists, name: str) -> None:
    owner = await new_user(lists.apps.database)
    await follow(lists.apps.database, lists.ann, owner)
    await follow(lists.apps.database, owner, lists.ann)
    of_friends = {"for_friends"} if name in (*OF_ONE, "showFollowingVideos") else set()
    more = {"story", "uninteresting"} if name in OF_ONE[1:] else {"uninteresting"} if name in OF_ONE else set()
    assert await on(lists, name, owner) == {"public", *of_friends, *more}


@EACH
async def test_videos_of_a_private_account_are_for_its_followers_where_they_look_for_them(
    lists: Lists, name: str
) -> None:
    owner, stranger = await new_user(lists.apps.database), await new_user(lists.apps.database)
    await follow(lists.apps.database, lists.ann, owner)
    for private_account in (owner, stranger):
        await lists.apps.database.execute("update app_user set private = true where id = $1", private_account)
    shown = name in (*OF_ONE, "showFollowingVideos")
    assert ("public" in await on(lists, name, owner)) == shown
    if name != "showFollowingVideos":
        assert await on(lists, name, stranger) == set()
    await lists.apps.database.execute("update app_user set banned_at = now() where id = $1", owner)
    if name != "showFollowingVideos":
        assert await on(lists, name, owner) == set()


@pytest.mark.parametrize("name", [name for name in FEEDS + OF_ONE if name != "showFollowingVideos"])
async def test_own_videos(lists: Lists, name: str) -> None:
    """Feeds show them as they are shown to others."""
    shown = await on(lists, name, lists.ann)
    if name in FEEDS:
        assert shown == {"public"}
    elif name == "showVideosAgainstUserID":
        assert shown == {"public", "processing", "failed", "uninteresting"}
    else:
        assert shown == {kind.__name__ for kind in KINDS} - {"deleted"}


# ── what is special in each list ──


@pytest.mark.parametrize("app", APPS)
async def test_the_own_profile_has_the_private_videos_beside_the_public_ones(lists: Lists, app: Client) -> None:
    made = {make.__name__: await make(lists, lists.ann) for make in KINDS}
    pinned = await lists.add(lists.ann, pinned=True)
    await lists.add(lists.ann)
    hidden = [await lists.add(lists.ann, privacy="private") for _ in range(20)][::-1]
    body: dict[str, Any] = {"user_id": str(lists.ann), "other_user_id": "0", "starting_point": "0"}
    answer = await lists.apps.done("showVideosAgainstUserID", lists.token, app, **body)
    assert answer["public"][0]["Video"]["id"] == pinned
    assert (answer["public"][0]["Video"]["pin"], answer["public"][1]["Video"]["pin"]) == (1, 0)
    assert [item["Video"]["id"] for item in answer["private"]] == hidden
    states = {item["Video"]["id"]: item["Video"]["upload_state"] for item in answer["public"]}
    assert (states[made["processing"]], states[made["failed"]]) == ("processing", "failed")
    second = await lists.apps.done("showVideosAgainstUserID", lists.token, app, **{**body, "starting_point": 1})
    assert [item["Video"]["id"] for item in second["private"]] == [made["private"], made["for_friends"]]
    assert second["public"] == []
    assert await lists.apps.queries("showVideosAgainstUserID", lists.token, **body) == 3

    bens = await lists.apps.token(lists.ben)
    for token in (bens, ""):
        own = {"user_id": lists.ben if token else "0", "other_user_id": lists.ann}
        seen = await lists.apps.done("showVideosAgainstUserID", token, app, starting_point=0, **own)
        assert seen["private"] == []
        assert pinned in {item["Video"]["id"] for item in seen["public"]}


@pytest.mark.parametrize("app", APPS)
async def test_a_profile_that_is_not_there_is_empty(lists: Lists, app: Client) -> None:
    for body in ({"other_user_id": 987_654}, {"other_user_id": str(lists.ben)}):
        answer = await lists.apps.done("showVideosAgainstUserID", "", app, user_id="0", starting_point="0", **body)
        assert answer == {"public": [], "private": []}
    nobody = await lists.apps.call("showVideosAgainstUserID", "", app, user_id="0", starting_point="0")
    assert nobody["code"] == (200 if app is Client.IOS else 201)


@pytest.mark.parametrize("app", APPS)
async def test_likes_may_be_private(lists: Lists, app: Client) -> None:
    liked = await lists.add()
    await lists.apps.database.execute(
        "insert into privacy_setting (user_id, liked_videos) values ($1, 'only_me')"
        " on conflict (user_id) do update set liked_videos = 'only_me'",
        lists.ben,
    )
    for token in (lists.token, ""):
        who = lists.ann if token else "0"
        body: dict[str, Any] = {"user_id": who, "other_user_id": lists.ben, "starting_point": "0"}
        answer = await lists.apps.call("showUserLikedVideos", token, app, **body)
        assert (answer["code"], answer["msg"]) == (201, "This user does not show liked videos to others.")
    own = {"user_id": lists.ben, "starting_point": "0"}
    bens = await lists.apps.token(lists.ben)
    assert [item["Video"]["id"] for item in await lists.apps.done("showUserLikedVideos", bens, app, **own)] == [liked]


@pytest.mark.parametrize("name", ["showUserLikedVideos", "showUserRepostedVideos"])
@pytest.mark.parametrize("app", APPS)
async def test_reactions_of_a_private_account_are_for_its_followers(lists: Lists, name: str, app: Client) -> None:
    liked = await lists.add(await new_user(lists.apps.database))
    await lists.apps.database.execute("update app_user set private = true where id = $1", lists.ben)
    assert await lists.ids(name) == [liked]
    answer = await lists.apps.call(name, "", app, user_id="0", other_user_id=str(lists.ben), starting_point="0")
    assert (answer["code"], answer["msg"]) == (201, "This account is private. Follow it to see this list.")
    unknown = await lists.apps.call(name, lists.token, app, other_user_id=987_654, starting_point="0")
    assert unknown["code"] == 201


@pytest.mark.parametrize("app", APPS)
async def test_a_repost_names_who_reposted(lists: Lists, app: Client) -> None:
    video_id = await lists.add(await new_user(lists.apps.database))
    (item,) = await lists.page("showUserRepostedVideos", "0", app)
    video = item["Video"]
    assert (video["id"], video["repost_video_id"], video["repost_user_id"]) == (video_id, video_id, lists.ben)


@pytest.mark.parametrize("app", APPS)
async def test_saved_videos_are_for_the_caller_only(lists: Lists, app: Client) -> None:
    saved = await lists.add()
    assert await lists.ids("showFavouriteVideos", other_user_id=str(lists.ann)) == [saved]
    body: dict[str, Any] = {"user_id": lists.ann, "starting_point": "0"}
    answer = await lists.apps.call("showFavouriteVideos", lists.token, app, other_user_id=lists.ben, **body)
    assert (answer["code"], answer["msg"]) == (201, "Saved videos are shown only to the user who saved them.")
    assert (await lists.apps.call("showFavouriteVideos", "", app, starting_point="0"))["code"] in (401, 501)


@pytest.mark.parametrize("app", APPS)
async def test_who_follows_nobody_is_told_so(lists: Lists, app: Client) -> None:
    body = {"device_id": "d", "starting_point": "0"}
    for token in (await lists.apps.token(lists.ben), ""):
        answer = await lists.apps.call("showFollowingVideos", token, app, **body)
        assert (answer["code"], answer["msg"]) == (201, "Follow people to see their videos here.")
    await lists.add()
    assert len(await lists.ids("showFollowingVideos", 0)) == 1
    assert await lists.ids("showFollowingVideos", 1) == []


async def test_videos_of_followed_users_who_post_seldom_are_found_behind_those_of_others(lists: Lists) -> None:
    """Also of a user who is followed with many others."""
    database = lists.apps.database
    cid, busy = await new_user(database), await new_user(database)
    await follow(database, lists.ann, cid)
    old = [await lists.add(owner) for owner in (cid, lists.ben) * 7][::-1]
    await database.execute(
        "insert into video (user_id, content_id) select $1, content_id from video cross join generate_series(1, 1100)"
        " where id = $2",
        *(busy, old[0]),
    )
    quiet = [await new_user(database) for _ in range(12)]
    for one in quiet:
        await follow(database, lists.ann, one)
    new = [await lists.add(one) for one in quiet[:4]][::-1]
    expected = [*new, *old]
    assert await lists.ids("showFollowingVideos", 0) == expected[:10]
    assert await lists.ids("showFollowingVideos", 1) == expected[10:]
    await follow(database, lists.ann, busy)
    ids = await lists.ids("showFollowingVideos", 0)
    assert (ids[:4], len(ids)) == (new, 10)


@pytest.mark.parametrize("app", APPS)
async def test_nearby(lists: Lists, app: Client) -> None:
    here = await lists.add()
    for latitude, longitude in ((47.2, 11.575), (48.137, 13.3), (-48.137, 11.575), (48.137, -11.575), (None, None)):
        await added(lists.apps.database, lists.ben, latitude=latitude, longitude=longitude)

    async def found(**where: Any) -> list[int]:
        items = await lists.apps.done("showNearbyVideos", lists.token, app, starting_point="0", **where)
        return [item["Video"]["id"] for item in items]

    assert await found(lat="48.5", long="11.9") == [here], "50 km away"
    assert await found(lat="49.2", long="11.575") == []
    for nowhere in ({}, {"lat": "", "long": ""}, {"lat": "48.1", "long": None}):
        assert await found(**nowhere) == []
    for bad in ({"lat": "91", "long": "0"}, {"lat": "0", "long": "-181"}, {"lat": "north", "long": "0"}):
        answer = await lists.apps.call("showNearbyVideos", lists.token, app, starting_point="0", **bad)
        assert answer["code"] == 400, bad


@pytest.mark.parametrize(
    ("there", "asked"),
    [((0.1, 179.95), (-0.1, -179.95)), ((0.1, 180), (0, -180)), ((89.9, 10), (89.9, 11)), ((-90, 0), (-89.9, 0))],
)
async def test_nearby_at_the_edges_of_the_map(
    lists: Lists, there: tuple[float, float], asked: tuple[float, float]
) -> None:
    video_id = await added(lists.apps.database, lists.ben, latitude=there[0], longitude=there[1])
    assert await lists.ids("showNearbyVideos", lat=asked[0], long=asked[1]) == [video_id]


async def test_the_path_with_two_slashes_is_served_too(lists: Lists) -> None:
    here = await lists.add()
    body = {**lists.body("showNearbyVideos", 0), "lat": LATITUDE}
    answer = await lists.apps.call("showNearbyVideos", lists.token, Client.IOS, path="/api//showNearbyVideos", **body)
    assert [item["Video"]["id"] for item in answer["msg"]] == [here]


@pytest.mark.parametrize("app", APPS)
async def test_a_location_is_found_by_id_or_by_address(lists: Lists, app: Client) -> None:
    database = lists.apps.database
    twin = await database.fetchval("insert into location (string) values ('main street 1') returning id")
    worded = await database.fetchval("insert into location (google_place_id, name) values ('g', 'Coffee') returning id")
    here = await lists.add()
    there = await added(database, lists.ben, location_id=twin)
    same = await added(database, lists.ben, location_id=worded)
    await added(database, lists.ben)

    async def found(**where: Any) -> list[int]:
        items = await lists.apps.done("showVideosAgainstLocation", lists.token, app, starting_point="0", **where)
        return [item["Video"]["id"] for item in items]

    assert await found(location_id=str(lists.place)) == await found(location_id=worded) == [same, here]
    assert await found(location_id=twin) == [there]
    assert await found(location_string=" Main Street 1 ") == [there, here]
    assert await found(location_id=lists.place, location_string="Main Street 1") == [same, here]
    assert await found(location_id=987_654) == await found(location_string="Elsewhere") == []
    assert await found(location_string="x" * 2_000) == []
    for nothing in ({}, {"location_id": "0", "location_string": ""}):
        answer = await lists.apps.call("showVideosAgainstLocation", lists.token, app, starting_point="0", **nothing)
        assert answer["code"] == 400


# ── single videos ──


@pytest.mark.parametrize("app", APPS)
async def test_a_video(lists: Lists, app: Client) -> None:
    made = {make.__name__: await make(lists, lists.ben) for make in KINDS}
    bens = await lists.apps.token(lists.ben)

    async def shown(token: str) -> set[str]:
        found = set()
        for kind, video_id in made.items():
            answer = await lists.apps.call("showVideoDetail", token, app, video_id=str(video_id))
            if answer["code"] == 200:
                assert answer["msg"]["Video"]["id"] == video_id
                found.add(kind)
            else:
                assert (answer["code"], answer["msg"]) == (201, "There is no such video.")
        return found

    assert await shown("") == await shown(lists.token) == {"public", "story", "uninteresting"}
    assert await shown(bens) == made.keys() - {"deleted"}
    await follow(lists.apps.database, lists.ben, lists.ann)
    assert await shown(lists.token) == {"public", "story", "uninteresting", "for_friends"}
    assert (await lists.apps.call("showVideoDetail", lists.token, app, video_id="0"))["code"] == 400
    assert (await lists.apps.call("showVideoDetail", lists.token, app, video_id="987654"))["code"] == 201
    assert await lists.apps.queries("showVideoDetail", lists.token, video_id=made["public"]) == 2


@pytest.mark.parametrize("app", APPS)
async def test_there_is_no_advertisement(lists: Lists, app: Client) -> None:
    for body in ({}, {"user_id": "0"}, {"user_id": str(lists.ann)}):
        answer = await lists.apps.call("showVideoDetailAd", "", app, **body)
        assert (answer["code"], answer["msg"]) == (201, "There is no advertisement.")
