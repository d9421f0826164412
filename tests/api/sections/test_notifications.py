"""The inbox and messages that are told, as the apps call them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.sections import notifications
from api.sections.users import profile
from control_plane.base.ids import UserId
from control_plane.inbox import messages, store
from control_plane.inbox.model import OWN, Kind, Told
from control_plane.inbox.own_matters import tell_of_own
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.inbox.test_telling import told
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, follow

ALL, UNREAD, READ = "showAllNotifications", "showUnReadNotifications", "readNotification"
EVERY_KIND = set(Kind) - OWN
"""Of other users."""
SEND, SEND_ONE = "sendMessageNotification", "sendNotification"


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, notifications.section, profile.section) as calls:
        yield calls


@pytest.fixture
async def bob(calls: Calls) -> UserId:
    return await new_user(calls.database, "bob")


async def video_of(calls: Calls, owner: UserId) -> int:
    video_id: int = await calls.database.fetchval(
        "insert into video (user_id, media, duration_ms, width, height) values ($1, 'v.mp4', 1000, 9, 16) returning id",
        owner,
    )
    return video_id


async def tell_every_kind(calls: Calls, sender: UserId, receiver: UserId) -> None:
    video_id = await video_of(calls, receiver)
    for kind in EVERY_KIND:
        about = video_id if kind in (Kind.VIDEO_LIKE, Kind.VIDEO_COMMENT, Kind.MENTION) else 0
        stream_id = 7 if kind in (Kind.LIVE, Kind.SINGLE, Kind.MULTIPLE) else 0
        await told(
            calls.database, Told(kind, sender, stream_id=stream_id, video_id=about, text="{who} \N{ROSE}"), receiver
        )


async def page(calls: Calls, token: str, number: Any = "0", **how: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = await calls.done(ALL, {"starting_point": number}, token=token, **how)
    return entries


@pytest.mark.parametrize("app", APPS)
async def test_every_app_reads_every_kind(calls: Calls, ann: UserId, token: str, bob: UserId, app: Client) -> None:
    await tell_every_kind(calls, bob, ann)
    entries = [*await page(calls, token, app=app), *await page(calls, token, "1", app=app)]
    assert await page(calls, token, "2", app=app) == []
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


async def test_the_text_is_in_the_callers_language(calls: Calls, ann: UserId, token: str, bob: UserId) -> None:
    await told(calls.database, Told(Kind.FOLLOW, bob), ann)
    texts = {
        language: (await page(calls, token, headers={"Accept-Language": language}))[0]["Notification"]["string"]
        for language in ("de-DE", "fr", "xx")
    }
    (name,) = {entry["Sender"]["username"] for entry in await page(calls, token)}
    assert texts == {
        "de-DE": f"{name} folgt dir jetzt.",
        "fr": f"{name} vous suit désormais.",
        "xx": f"{name} started following you.",
    }


async def test_the_number_of_queries_does_not_grow_with_the_page(calls: Calls, ann: UserId, token: str) -> None:
    async def one_more() -> None:
        owner = await new_user(calls.database)
        await told(calls.database, Told(Kind.MENTION, owner, video_id=await video_of(calls, owner)), ann)

    await one_more()
    await page(calls, token)
    few = await calls.queries(ALL, {}, token=token)
    for _ in range(9):
        await one_more()
    assert len(await page(calls, token)) == 10
    assert await calls.queries(ALL, {}, token=token) == few == 3


@pytest.mark.parametrize("app", APPS)
async def test_unread_entries_are_counted_until_they_are_read(
    calls: Calls, ann: UserId, token: str, bob: UserId, app: Client
) -> None:
    for subject in (1, 2, 3):
        await told(calls.database, Told(Kind.GIFT, bob, subject_id=subject), ann)

    async def counts() -> set[int]:
        answer = await calls.call(UNREAD, {"user_id": str(ann)}, token=token, app=app)
        own = await calls.done("showUserDetail", {"user_id": str(ann)}, token=token, app=app)
        return {answer["msg"], answer["unread_count"], own["User"]["unread_notification"]}

    assert await counts() == {3}
    await calls.done(READ, {"user_id": str(ann), "notification_id": "2"}, token=token, app=app)
    assert await counts() == {2}
    assert [entry["Notification"]["read"] for entry in await page(calls, token, app=app)] == [0, 1, 0]
    await calls.done(READ, {"user_id": str(ann), "notification_id": "99"}, token=token, app=app)
    await calls.done(READ, {"user_id": str(ann)}, token=token, app=app)
    assert await counts() == {0}
    seen = await calls.done("showUserDetail", {"other_user_id": str(ann)}, token=await calls.token(bob), app=app)
    assert seen["User"]["unread_notification"] == 0


async def test_entries_of_hidden_users_are_left_out(calls: Calls, ann: UserId, token: str, bob: UserId) -> None:
    banned = await new_user(calls.database)
    for sender in (bob, banned):
        await told(calls.database, Told(Kind.FOLLOW, sender), ann)
    assert len(await page(calls, token)) == 2
    await ban(calls.database, banned)
    await block(calls.database, bob, ann)
    assert await page(calls, token) == []
    answer = await calls.call(UNREAD, {}, token=token)
    assert (answer["msg"], answer["unread_count"]) == (0, 0)


async def test_a_video_that_the_caller_no_longer_sees_has_an_id_only(
    calls: Calls, ann: UserId, token: str, bob: UserId
) -> None:
    video_id = await video_of(calls, bob)
    await told(calls.database, Told(Kind.VIDEO_LIKE, bob, video_id=video_id), ann)
    await calls.database.execute("update video set privacy = 'private'")
    (entry,) = await page(calls, token)
    assert (entry["Video"]["id"], entry["Video"]["video"]) == (video_id, "")
    await calls.database.execute("delete from video")
    assert await page(calls, token) == []
    assert await store.unread(calls.database, ann) == 0


async def test_only_the_owner_reads_an_inbox(calls: Calls, ann: UserId, token: str, bob: UserId) -> None:
    await told(calls.database, Told(Kind.FOLLOW, ann), bob)
    for name in (ALL, UNREAD, READ):
        body = {"user_id": str(bob), "starting_point": "0"}
        assert (await calls.call(name, body, token=token))["code"] == 201
        assert (await calls.call(name, {}, token="0"))["code"] == 501
    assert await store.unread(calls.database, bob) == 1


@pytest.mark.parametrize("app", APPS)
async def test_messages_reach_those_who_accept_them(calls: Calls, ann: UserId, token: str, app: Client) -> None:
    open_, friend, stranger, closed, blocks, banned = [await new_user(calls.database) for _ in range(6)]
    for user, setting in ((friend, "friends"), (stranger, "friends"), (closed, "no_one")):
        await calls.database.execute("update privacy_setting set direct_message = $2 where user_id = $1", user, setting)
    await follow(calls.database, ann, friend)
    await follow(calls.database, friend, ann)
    await follow(calls.database, stranger, ann)
    await block(calls.database, blocks, ann)
    await ban(calls.database, banned)
    everybody = (open_, friend, stranger, closed, blocks, banned)
    receivers = [{"receiver_id": str(user)} for user in everybody]
    body = {"sender_id": str(ann), "receivers": receivers, "title": "x", "message": "hello"}
    await calls.done(SEND, body, token=token, app=app)
    assert [await store.unread(calls.database, user) for user in everybody] == [1, 1, 0, 0, 0, 0]
    for user in (stranger, closed, blocks, banned):
        for name in (SEND, SEND_ONE):
            one = {"sender_id": str(ann), "receiver_id": str(user), "title": "", "message": "hello"}
            answer = await calls.call(name, one, token=token, app=app)
            assert (answer["code"], answer["msg"]) == (201, "This user does not accept messages from you.")


async def test_a_conversation_makes_one_entry_and_a_push_for_each_message(
    calls: Calls, ann: UserId, token: str, bob: UserId
) -> None:
    await calls.database.execute("insert into push_service (name) values ('fcm') on conflict do nothing")
    await calls.database.execute("insert into device (user_id, token) values ($1, 'the phone of bob')", bob)
    body = {"sender_id": str(ann), "receiver_id": str(bob), "title": "Bank", "message": "hello"}
    for name in (SEND, SEND_ONE, SEND):
        await calls.done(name, body, token=token)
    assert await store.unread(calls.database, bob) == 1
    pushed = await calls.database.fetch("select kind, params::text, collapse from push_message")
    assert [(row["kind"], row["collapse"]) for row in pushed] == [("message", f"message-{ann}")] * 3
    assert "Bank" not in pushed[0]["params"]
    assert "hello" in pushed[0]["params"]


async def test_messages_are_limited(
    calls: Calls, ann: UserId, token: str, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MOST_TO_ONE", 2)
    body = {"sender_id": str(ann), "receiver_id": str(bob), "title": "", "message": "hello"}
    for _ in range(2):
        await calls.done(SEND, body, token=token)
    assert (await calls.call(SEND, body, token=token))["code"] == 201
    cid = await new_user(calls.database)
    await calls.done(SEND, {**body, "receiver_id": str(cid)}, token=token)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"receiver_id": "0"}, 400),
        ({"receiver_id": ""}, 400),
        ({"receiver_id": "x"}, 400),
        ({"receivers": [{}, 3, None]}, 400),
        ({"receiver_id": None, "receivers": [{"receiver_id": 7}] * (messages.MOST_RECEIVERS + 1)}, 400),
        ({"receiver_id": "999999"}, 201),
        ({"message": None}, 400),
        ({"message": "x" * 2001}, 400),
    ],
)
async def test_bad_messages_are_refused(
    calls: Calls, ann: UserId, token: str, bob: UserId, change: dict[str, Any], code: int
) -> None:
    body = {"sender_id": str(ann), "title": "", "message": "hello", **change}
    assert (await calls.call(SEND, body, token=token))["code"] == code


async def test_only_the_sender_sends(calls: Calls, ann: UserId, token: str, bob: UserId) -> None:
    body = {"sender_id": str(bob), "receiver_id": str(ann), "title": "", "message": "hello"}
    for name in (SEND, SEND_ONE):
        assert (await calls.call(name, body, token=token))["code"] == 201
        assert (await calls.call(name, {**body, "sender_id": ""}, token="0"))["code"] == 501
    assert await store.unread(calls.database, ann) == 0


@pytest.mark.parametrize("app", APPS)
async def test_every_app_reads_what_operators_decided(calls: Calls, ann: UserId, token: str, app: Client) -> None:
    """The sender is the user, because no other one is."""
    async with calls.database.transaction() as connection:
        for kind in sorted(OWN):
            await tell_of_own(connection, kind, 7, "No insults.", [ann])
    entries = await page(calls, token, app=app)
    assert {entry["Notification"]["type"] for entry in entries} == OWN
    for entry in entries:
        assert entry["Notification"]["string"].endswith(": No insults.")
        assert (entry["Sender"]["id"], entry["Receiver"]["id"]) == (ann, ann)
    assert await calls.done(UNREAD, token=token, app=app) == 3
