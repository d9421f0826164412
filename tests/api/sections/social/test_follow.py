"""followUser, deleteFollower, followerNotification and the calls about follow requests, as each app calls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.social import follows
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block, delete, follow, make_private

CALLERS = 64


def ids(sender: UserId, receiver: UserId) -> dict[str, Any]:
    return {"sender_id": str(sender), "receiver_id": str(receiver)}


async def counted(apps: Apps, *user_ids: UserId) -> list[tuple[int, int]]:
    """Followers and followed users by the profiles that a guest sees."""
    users = [(await apps.done("showUserDetail", other_user_id=user_id))["User"] for user_id in user_ids]
    return [(user["followers_count"], user["following_count"]) for user in users]


# ── followUser ──


@pytest.mark.parametrize("app", APPS)
async def test_a_call_toggles_and_answers_the_other_person(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, app: Client
) -> None:
    async def button(token: str, body: dict[str, Any]) -> str:
        answer = await apps.done("followUser", **body, token=token, app=app)
        assert answer["User"]["id"] == (ben if token != bens else ann)
        assert answer["User"]["PushNotification"] == answer["PushNotification"]
        return str(answer["User"]["button"])

    assert await button(token, ids(ann, ben)) == "Following"
    assert await counted(apps, ann, ben) == [(0, 1), (1, 0)]
    assert await button(bens, ids(ben, ann)) == "Friends"
    assert await button(token, ids(ann, ben)) == "Follow Back"
    assert await button(bens, ids(ben, ann)) == "Follow"
    assert await counted(apps, ann, ben) == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    "fields", ["swapped", "only the target", "the target as sender", "numbers", "an empty switch", "only the receiver"]
)
async def test_the_caller_follows_the_other_id_wherever_it_stands(
    apps: Apps, ann: UserId, token: str, ben: UserId, fields: str
) -> None:
    body: dict[str, Any] = {
        "swapped": ids(ben, ann),
        "only the target": {"receiver_id": str(ben)},
        "the target as sender": {"sender_id": str(ben)},
        "numbers": {"sender_id": ann, "receiver_id": ben, "unknown": None},
        "an empty switch": {**ids(ann, ben), "follow": ""},
        "only the receiver": {"sender_id": "0", "receiver_id": ben},
    }[fields]
    user = (await apps.done("followUser", **body, token=token, app=Client.IOS))["User"]
    assert (user["id"], user["button"]) == (ben, "Following")
    assert await counted(apps, ann, ben) == [(0, 1), (1, 0)]


@pytest.mark.parametrize("app", APPS)
async def test_what_is_refused(apps: Apps, ann: UserId, token: str, ben: UserId, app: Client) -> None:
    """The decoder of iOS checks that no refusal has a text."""
    cid = await new_user(apps.database)
    cases: list[tuple[dict[str, Any], int, str]] = [
        (ids(ann, ann), 201, "You cannot follow yourself."),
        (ids(ben, cid), 201, "Neither sender_id nor receiver_id is the user who is signed in."),
        ({"sender_id": ann}, 400, "receiver_id is missing."),
        ({}, 400, "receiver_id is missing."),
        ({"receiver_id": ann}, 400, "receiver_id is missing."),
        ({"receiver_id": "ben"}, 400, "receiver_id must be a whole number."),
        ({"receiver_id": -1}, 400, "receiver_id must be at least 1."),
        ({"receiver_id": ben, "follow": 2}, 400, "follow may be at most 1."),
        ({"receiver_id": 2_000_000_000}, 201, "There is no such user."),
    ]
    for body, code, why in cases:
        answer = await apps.call("followUser", **body, token=token, app=app)
        assert answer == ({"code": code} if app is Client.IOS else {"code": code, "msg": why}), body
    assert await counted(apps, ann, ben) == [(0, 0), (0, 0)]


@pytest.mark.parametrize("app", APPS)
async def test_a_guest_and_a_banned_caller_follow_nobody(
    apps: Apps, ann: UserId, token: str, ben: UserId, app: Client
) -> None:
    no_session = 501 if app.logs_out_on_501 else 401
    assert (await apps.call("followUser", receiver_id=ben, app=app))["code"] == no_session
    await apps.ban(ann)
    assert (await apps.call("followUser", **ids(ann, ben), token=token, app=app))["code"] != 200
    assert await counted(apps, ben) == [(0, 0)]


async def test_a_caller_who_is_only_named_follows_nobody_in_production(
    apps: Apps, ann: UserId, ben: UserId, dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "production"
    folder.mkdir()
    async with apps_of(dsn, apps.database, folder, dev=False, body_identity=True) as production:
        assert (await production.call("followUser", **ids(ann, ben)))["code"] == 401
    assert (await apps.done("followUser", **ids(ann, ben)))["User"]["button"] == "Following", "in development mode"


async def test_users_who_are_hidden_cannot_be_followed(apps: Apps, ann: UserId, token: str) -> None:
    banned, deleted, blocked, blocker = [await new_user(apps.database) for _ in range(4)]
    await apps.ban(banned)
    await delete(apps.database, deleted)
    await block(apps.database, ann, blocked)
    await block(apps.database, blocker, ann)
    for hidden in (banned, deleted, blocked, blocker):
        answer = await apps.call("followUser", **ids(ann, hidden), token=token)
        assert (answer["code"], answer["msg"]) == (201, "There is no such user.")
    assert await apps.database.fetchval("select count(*) from follow") == 0


async def test_a_page_sets_the_wanted_state(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    for wanted, button in ((1, "Following"), (1, "Following"), ("0", "Follow"), (0, "Follow")):
        body: dict[str, Any] = {"receiver_id": ben, "follow": wanted}
        assert (await apps.done("followUser", **body, token=token))["User"]["button"] == button
    assert await counted(apps, ann, ben) == [(0, 0), (0, 0)]


async def test_a_double_tap_follows(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    await apps.done("showUserDetail", token=token)  # the session is known
    for count, button in ((1, "Following"), (0, "Follow")):
        answers = await asyncio.gather(*(apps.done("followUser", **ids(ann, ben), token=token) for _ in range(5)))
        assert {answer["User"]["button"] for answer in answers} == {button}
        assert await counted(apps, ann, ben) == [(0, count), (count, 0)]


async def test_counters_hold_under_many_callers(apps: Apps, ben: UserId) -> None:
    fans = [await new_user(apps.database, "fan") for _ in range(CALLERS)]
    tokens = [await apps.token(fan) for fan in fans]
    await asyncio.gather(
        *(apps.done("followUser", **ids(fan, ben), token=token) for fan, token in zip(fans, tokens, strict=True))
    )
    assert await counted(apps, ben, *fans) == [(CALLERS, 0)] + [(0, 1)] * CALLERS
    bens = await apps.token(ben)
    await asyncio.gather(
        *(apps.done("followUser", **ids(fan, ben), token=token) for fan, token in zip(fans[:40], tokens, strict=False)),
        *(apps.done("deleteFollower", follower_id=fan, token=bens) for fan in fans[40:50]),
    )
    assert await counted(apps, ben) == [(CALLERS - 50, 0)]
    assert await apps.database.fetchval("select count(*) from follow where followed_id = $1", ben) == CALLERS - 50


async def test_a_user_follows_many_but_not_more(
    apps: Apps, ann: UserId, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "MOST_FOLLOWED", 3)
    others = [await new_user(apps.database) for _ in range(8)]
    answers = await asyncio.gather(*(apps.call("followUser", **ids(ann, other), token=token) for other in others))
    assert sorted(answer["code"] for answer in answers) == [200] * 3 + [201] * 5, "also at once"
    assert {answer["msg"] for answer in answers if answer["code"] == 201} == {
        "You follow 3 people, and cannot follow more. Unfollow someone first."
    }
    assert await counted(apps, ann) == [(0, 3)]
    followed = await apps.database.fetchval("select followed_id from follow limit 1")
    await apps.done("followUser", **ids(ann, followed), token=token)
    await apps.done("followUser", **ids(ann, followed), token=token)


async def test_a_user_follows_some_in_an_hour(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "MOST_PER_HOUR", 2)
    for _ in range(4):
        await apps.done("followUser", **ids(ann, ben), token=token)
    answer = await apps.call("followUser", **ids(ann, ben), token=token)
    assert (answer["code"], answer["msg"]) == (
        201,
        "You have followed many people in a short time. Please try again in an hour.",
    )
    await apps.done("followUser", **ids(ben, ann), token=bens)
    await apps.database.execute("update follow_count set hour = hour - interval '1 hour'")
    await apps.done("followUser", **ids(ann, ben), token=token)


async def test_a_follow_uses_the_database_once(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    await apps.done("followUser", **ids(ann, ben), token=token)
    for _ in range(2):
        assert await apps.queries("followUser", **ids(ann, ben), token=token) == 1


# ── private accounts ──


async def requests_of(apps: Apps, token: str) -> list[UserId]:
    return [entry["User"]["id"] for entry in await apps.done("showFollowRequests", token=token)]


@pytest.mark.parametrize("app", APPS)
async def test_a_private_account_is_asked_and_asked_no_longer(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, app: Client
) -> None:
    await make_private(apps.database, ben)
    for open_requests in ([ann], []):
        user = (await apps.done("followUser", **ids(ann, ben), token=token, app=app))["User"]
        assert (user["button"], user["followers_count"]) == ("Follow", 0)
        assert await requests_of(apps, bens) == open_requests


@pytest.mark.parametrize("accept", [1, 0])
async def test_a_request_is_answered_once(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, accept: int
) -> None:
    await make_private(apps.database, ben)
    await apps.done("followUser", **ids(ann, ben), token=token)
    body: dict[str, Any] = {"requester_id": str(ann), "accept": str(accept)}
    answer = await apps.done("answerFollowRequest", **body, token=bens)
    assert (answer["User"]["id"], answer["User"]["button"]) == (ann, "Follow Back" if accept else "Follow")
    assert await counted(apps, ann, ben) == [(0, accept), (accept, 0)]
    assert await requests_of(apps, bens) == []
    again = await apps.call("answerFollowRequest", **body, token=bens)
    assert (again["code"], again["msg"]) == (201, "There is no such request. It may have been withdrawn.")
    assert await counted(apps, ann, ben) == [(0, accept), (accept, 0)]


async def test_a_follower_of_an_account_that_became_private_stays_one(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str
) -> None:
    await apps.done("followUser", **ids(ann, ben), token=token)
    await apps.done("editProfile", private=1, token=bens)
    assert await counted(apps, ben) == [(1, 0)]
    assert (await apps.done("followUser", **ids(ann, ben), token=token))["User"]["button"] == "Follow"
    assert await requests_of(apps, bens) == []
    await apps.done("followUser", **ids(ann, ben), token=token)
    assert (await counted(apps, ben), await requests_of(apps, bens)) == ([(0, 0)], [ann])


async def test_an_account_that_becomes_public_accepts_its_requests(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "AT_ONCE", 3)
    fans = [ann, *[await new_user(apps.database, "fan") for _ in range(7)]]
    await make_private(apps.database, ben)
    for fan in fans:
        await apps.done("followUser", **ids(fan, ben), token=await apps.token(fan))
    await apps.done("editProfile", bio="still private", token=bens)
    assert len(await requests_of(apps, bens)) == 8
    await apps.done("editProfile", private=0, token=bens)
    assert (await counted(apps, ben), len(await requests_of(apps, bens))) == ([(3, 0)], 5), "the oldest ones at once"
    job = await apps.database.fetchrow("select entrypoint, convert_from(payload, 'UTF8') as payload from pgqueuer")
    assert job is not None
    assert tuple(job) == ("accept_requests", f'{{"user_id":{ben}}}')
    await follows.accept_requests.function(apps.platform.social.follows, ben)
    assert (await counted(apps, ben), await requests_of(apps, bens)) == ([(8, 0)], [])
    assert (await apps.done("followUser", **ids(ann, ben), token=token))["User"]["button"] == "Follow"


async def test_an_account_that_is_private_again_keeps_its_requests(
    apps: Apps, ann: UserId, ben: UserId, bens: str, token: str
) -> None:
    await make_private(apps.database, ben)
    await apps.done("followUser", **ids(ann, ben), token=token)
    await apps.platform.social.follows.accept_all(ben)
    assert await requests_of(apps, bens) == [ann]


async def test_requests_of_hidden_users_are_not_shown(apps: Apps, ben: UserId, bens: str) -> None:
    await make_private(apps.database, ben)
    fans = [await new_user(apps.database, "fan") for _ in range(4)]
    for fan in fans:
        await apps.done("followUser", **ids(fan, ben), token=await apps.token(fan))
    await apps.ban(fans[0])
    await block(apps.database, fans[1], ben)
    await delete(apps.database, fans[2])
    assert await requests_of(apps, bens) == [fans[3]]
    body: dict[str, Any] = {"requester_id": fans[0], "accept": 1}
    assert (await apps.call("answerFollowRequest", **body, token=bens))["code"] == 201


async def test_who_may_see_and_answer_requests(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    await make_private(apps.database, ben)
    await apps.done("followUser", **ids(ann, ben), token=token)
    accepted: dict[str, Any] = {"requester_id": ann, "accept": 1}
    for answer in (
        await apps.call("showFollowRequests", user_id=ben),
        await apps.call("answerFollowRequest", user_id=ben, **accepted),
    ):
        assert answer["code"] == 401, "a session is needed, in development mode too"
    answer = await apps.call("answerFollowRequest", token, **accepted)
    assert answer["code"] == 201, "not one's own request"
    bad: tuple[dict[str, Any], ...] = (
        {"requester_id": ann},
        {"accept": 1},
        {"requester_id": ann, "accept": 2},
        {"requester_id": "", "accept": 1},
    )
    for body in bad:
        assert (await apps.call("answerFollowRequest", **body, token=token))["code"] == 400, body


# ── deleteFollower, followerNotification ──


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT])
async def test_a_follower_is_removed(apps: Apps, ann: UserId, ben: UserId, bens: str, app: Client) -> None:
    await follow(apps.database, ann, ben)
    await follow(apps.database, ben, ann)
    body: dict[str, Any] = {"user_id": str(ben), "follower_id": str(ann)}
    for _ in range(2):
        assert await apps.done("deleteFollower", **body, token=bens, app=app) == "The follower was removed."
    assert await counted(apps, ann, ben) == [(1, 0), (0, 1)], "Ben still follows"
    assert (await apps.call("deleteFollower", follower_id="", token=bens))["code"] == 400
    assert (await apps.call("deleteFollower", user_id=ann, follower_id=ben, token=bens))["code"] == 201


@pytest.mark.parametrize("app", [Client.ANDROID, Client.ANDROID_KT])
async def test_a_follower_chooses_the_notifications(
    apps: Apps, ann: UserId, token: str, ben: UserId, app: Client
) -> None:
    async def shown() -> int:
        user = (await apps.done("showUserDetail", other_user_id=ben, token=token))["User"]
        return int(user["notification"])

    body = ids(ann, ben)
    answer = await apps.call("followerNotification", **{**body, "notification": "1"}, token=token, app=app)
    assert (answer["code"], answer["msg"][:30]) == (201, "You do not follow this person.")
    await apps.done("followUser", **body, token=token)
    assert await shown() == 1
    for value in ("0", 1, 0):
        await apps.done("followerNotification", **{**body, "notification": value}, token=token, app=app)
        assert await shown() == int(value)
    await apps.done("followUser", **body, token=token)
    assert await shown() == 0
    for bad in ({}, {"notification": 2}, {"notification": "on"}, {"receiver_id": "", "notification": 1}):
        assert (await apps.call("followerNotification", **{**body, **bad}, token=token))["code"] == 400, bad
    assert (await apps.call("followerNotification", receiver_id=ben, notification=1))["code"] == 401
