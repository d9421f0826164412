"""The inbox and messages that are told, as the apps call them."""

from __future__ import annotations

from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.inbox import announcements, store
from control_plane.inbox.model import OF_VIDEO, OWN, Kind, Told
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.inbox.test_telling import told
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, follow
from tests.control_plane.videos.rows import ADD_VIDEO

ALL, UNREAD, READ = "showAllNotifications", "showUnReadNotifications", "readNotification"
EVERY_KIND = set(Kind) - OWN
"""Of other users."""
SEND, SEND_ONE = "sendMessageNotification", "sendNotification"


@pytest.fixture
async def bob(apps: Apps) -> UserId:
    return await new_user(apps.database, "bob")


async def video_of(apps: Apps, owner: UserId) -> int:
    video_id: int = await apps.database.fetchval(
        ADD_VIDEO,
        owner,
    )
    return video_id


async def tell_every_kind(apps: Apps, sender: UserId, receiver: UserId) -> None:
    video_id = await video_of(apps, receiver)
    for kind in EVERY_KIND:
        about = video_id if kind is Kind.VIDEO_LIKE or kind in OF_VIDEO else 0
        stream_id = 7 if kind in (Kind.LIVE, Kind.SINGLE, Kind.MULTIPLE) else 0
        await told(
            apps.database, Told(kind, sender, stream_id=stream_id, video_id=about, text="{who} \N{ROSE}"), receiver
        )


async def page(apps: Apps, token: str, number: Any = "0", **how: Any) -> list[dict[str, Any]]:
    answer = await apps.call(ALL, token, starting_point=number, **how)
    assert answer["code"] == 200, answer
    entries: list[dict[str, Any]] = answer["msg"]
    return entries


@pytest.mark.parametrize("app", APPS)
async def test_every_app_reads_every_kind(apps: Apps, ann: UserId, token: str, bob: UserId, app: Client) -> None:
    await tell_every_kind(apps, bob, ann)
    entries = [*await page(apps, token, app=app), *await page(apps, token, "1", app=app)]
    assert await page(apps, token, "2", app=app) == []
    assert {entry["Notification"]["type"] for entry in entries} == EVERY_KIND
    for entry in entries:
        notification = entry["Notification"]
        assert (notification["sender_id"], notification["receiver_id"]) == (bob, ann)
        assert (entry["Sender"]["id"], entry["User"], entry["Receiver"]["id"]) == (bob, entry["Sender"], ann)
        assert entry["Sender"]["button"] == "Follow"
        assert notification["string"].startswith(entry["Sender"]["username"])
        assert notification["message"] == notification["string"]
        assert entry.get("Video", {}).get("id", 0) == notification["video_id"]
        assert (notification["status"], notification["read"], notification["order_id"]) == ("0", 0, 0)
        assert notification["live_streaming_id"] == (7 if notification["type"] in ("live", "single", "multiple") else 0)


async def test_the_text_is_in_the_callers_language(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    await told(apps.database, Told(Kind.FOLLOW, bob), ann)
    texts = {
        language: (await page(apps, token, headers={"Accept-Language": language}))[0]["Notification"]["string"]
        for language in ("de-DE", "fr", "xx")
    }
    (name,) = {entry["Sender"]["username"] for entry in await page(apps, token)}
    assert texts == {
        "de-DE": f"{name} folgt dir jetzt.",
        "fr": f"{name} vous suit désormais.",
        "xx": f"{name} started following you.",
    }


async def test_the_number_of_queries_does_not_grow_with_the_page(apps: Apps, ann: UserId, token: str) -> None:
    async def one_more() -> None:
        owner = await new_user(apps.database)
        await told(apps.database, Told(Kind.MENTION, owner, video_id=await video_of(apps, owner)), ann)

    await one_more()
    await page(apps, token)
    few = await apps.queries(ALL, token)
    for _ in range(9):
        await one_more()
    assert len(await page(apps, token)) == 10
    assert await apps.queries(ALL, token) == few == 3


@pytest.mark.parametrize("app", APPS)
async def test_unread_entries_are_counted_until_they_are_read(
    apps: Apps, ann: UserId, token: str, bob: UserId, app: Client
) -> None:
    for subject in (1, 2, 3):
        await told(apps.database, Told(Kind.GIFT, bob, subject_id=subject), ann)

    async def counts() -> set[int]:
        answer = await apps.call(UNREAD, token, app, user_id=str(ann))
        own = await apps.done("showUserDetail", token, app, user_id=str(ann))
        return {answer["msg"], answer["unread_count"], own["User"]["unread_notification"]}

    assert await counts() == {3}
    await apps.done(READ, token, app, user_id=str(ann), notification_id="2")
    assert await counts() == {2}
    assert [entry["Notification"]["read"] for entry in await page(apps, token, app=app)] == [0, 1, 0]
    await apps.done(READ, token, app, user_id=str(ann), notification_id="99")
    await apps.done(READ, token, app, user_id=str(ann))
    assert await counts() == {0}
    seen = await apps.done("showUserDetail", await apps.token(bob), app, other_user_id=str(ann))
    assert seen["User"]["unread_notification"] == 0


async def test_entries_of_hidden_users_are_left_out(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    banned = await new_user(apps.database)
    for sender in (bob, banned):
        await told(apps.database, Told(Kind.FOLLOW, sender), ann)
    assert len(await page(apps, token)) == 2
    await ban(apps.database, banned)
    await block(apps.database, bob, ann)
    assert await page(apps, token) == []
    answer = await apps.call(UNREAD, token)
    assert (answer["msg"], answer["unread_count"]) == (0, 0)


async def test_a_video_that_the_caller_no_longer_sees_has_an_id_only(
    apps: Apps, ann: UserId, token: str, bob: UserId
) -> None:
    video_id = await video_of(apps, bob)
    await told(apps.database, Told(Kind.VIDEO_LIKE, bob, video_id=video_id), ann)
    await apps.database.execute("update video set privacy = 'private'")
    (entry,) = await page(apps, token)
    assert (entry["Video"]["id"], entry["Video"]["video"]) == (video_id, "")
    await apps.database.execute("delete from video")
    assert await page(apps, token) == []
    assert await store.unread(apps.database, ann) == 0


async def test_words_of_a_video_that_the_caller_no_longer_sees_are_not_shown(
    apps: Apps, ann: UserId, token: str, bob: UserId
) -> None:
    video_id = await video_of(apps, bob)
    for kind in OF_VIDEO:
        await told(apps.database, Told(kind, bob, video_id=video_id, text="My words"), ann)

    async def words() -> list[bool]:
        texts = [entry["Notification"]["string"] for entry in await page(apps, token)]
        return [text.endswith("My words") for text in texts]

    assert await words() == [True] * len(OF_VIDEO)
    for hide, show in (
        ("update video set privacy = 'friends'", "update video set privacy = 'public'"),
        ("update app_user set private = true", "update app_user set private = false"),
    ):
        await apps.database.execute(hide)
        assert await words() == [False] * len(OF_VIDEO)
        await apps.database.execute(show)
        assert await words() == [True] * len(OF_VIDEO)


async def test_only_the_owner_reads_an_inbox(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    await told(apps.database, Told(Kind.FOLLOW, ann), bob)
    for name in (ALL, UNREAD, READ):
        body: dict[str, Any] = {"user_id": str(bob), "starting_point": "0"}
        assert (await apps.call(name, token, **body))["code"] == 201
        assert (await apps.call(name, "0", Client.ANDROID))["code"] == 501
    assert await store.unread(apps.database, bob) == 1


@pytest.mark.parametrize("app", APPS)
async def test_messages_reach_those_who_accept_them(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    open_, friend, stranger, closed, blocks, banned = [await new_user(apps.database) for _ in range(6)]
    for user, setting in ((friend, "friends"), (stranger, "friends"), (closed, "no_one")):
        await apps.database.execute("update privacy_setting set direct_message = $2 where user_id = $1", user, setting)
    await follow(apps.database, ann, friend)
    await follow(apps.database, friend, ann)
    await follow(apps.database, stranger, ann)
    await block(apps.database, blocks, ann)
    await ban(apps.database, banned)
    everybody = (open_, friend, stranger, closed, blocks, banned)
    receivers = [{"receiver_id": str(user)} for user in everybody]
    body: dict[str, Any] = {"sender_id": str(ann), "receivers": receivers, "title": "x", "message": "hello"}
    await apps.done(SEND, token, app, **body)
    assert [await store.unread(apps.database, user) for user in everybody] == [1, 1, 0, 0, 0, 0]
    for user in (stranger, closed, blocks, banned):
        for name in (SEND, SEND_ONE):
            one = {"sender_id": str(ann), "receiver_id": str(user), "title": "", "message": "hello"}
            answer = await apps.call(name, token, app, **one)
            assert (answer["code"], answer["msg"]) == (201, "This user does not accept messages from you.")


async def test_a_conversation_makes_one_entry_and_a_push_for_each_message(
    apps: Apps, ann: UserId, token: str, bob: UserId
) -> None:
    await apps.database.execute("insert into push_service (name) values ('fcm') on conflict do nothing")
    await apps.database.execute("insert into device (user_id, token) values ($1, 'the phone of bob')", bob)
    body: dict[str, Any] = {"sender_id": str(ann), "receiver_id": str(bob), "title": "Bank", "message": "hello"}
    for name in (SEND, SEND_ONE, SEND):
        await apps.done(name, token, **body)
    assert await store.unread(apps.database, bob) == 1
    pushed = await apps.database.fetch("select kind, params::text, collapse from push_message")
    assert [(row["kind"], row["collapse"]) for row in pushed] == [("message", f"message-{ann}")] * 3
    assert "Bank" not in pushed[0]["params"]
    assert "hello" in pushed[0]["params"]


async def test_messages_are_limited(
    apps: Apps, ann: UserId, token: str, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "MOST_TO_ONE", 2)
    body: dict[str, Any] = {"sender_id": str(ann), "receiver_id": str(bob), "title": "", "message": "hello"}
    for _ in range(2):
        await apps.done(SEND, token, **body)
    assert (await apps.call(SEND, token, **body))["code"] == 201
    cid = await new_user(apps.database)
    await apps.done(SEND, token, **{**body, "receiver_id": str(cid)})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"receiver_id": "0"}, 400),
        ({"receiver_id": ""}, 400),
        ({"receiver_id": "x"}, 400),
        ({"receivers": [{}, 3, None]}, 400),
        ({"receiver_id": None, "receivers": [{"receiver_id": 7}] * (announcements.MOST_RECEIVERS + 1)}, 400),
        ({"receiver_id": "999999"}, 201),
        ({"message": None}, 400),
        ({"message": "x" * 2001}, 400),
    ],
)
async def test_bad_messages_are_refused(
    apps: Apps, ann: UserId, token: str, bob: UserId, change: dict[str, Any], code: int
) -> None:
    body: dict[str, Any] = {"sender_id": str(ann), "title": "", "message": "hello", **change}
    assert (await apps.call(SEND, token, **body))["code"] == code


async def test_only_the_sender_sends(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    body: dict[str, Any] = {"sender_id": str(bob), "receiver_id": str(ann), "title": "", "message": "hello"}
    for name in (SEND, SEND_ONE):
        assert (await apps.call(name, token, **body))["code"] == 201
        assert (await apps.call(name, "0", Client.ANDROID, **{**body, "sender_id": ""}))["code"] == 501
    assert await store.unread(apps.database, ann) == 0
