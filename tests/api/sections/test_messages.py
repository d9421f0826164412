"""Direct messages, as the apps call them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import FormData

from api.contract.client import Client
from api.sections.messages import section
from control_plane.base.ids import UserId
from control_plane.messages import changing, sending
from control_plane.messages.model import LONGEST_TEXT
from tests.api.contract.decoders import _object
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.api.served import API_KEYS, URLS
from tests.control_plane.people import new_user
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.social.relations import ban, block, delete, follow
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import watched_database


@pytest.fixture
async def apps(dsn: str, tmp_path: Path) -> AsyncIterator[Apps]:
    async with watched_database(dsn) as database, apps_of(dsn, database, tmp_path) as apps:
        yield apps


class Person:
    def __init__(self, apps: Apps, id_: UserId, token: str) -> None:
        self.apps, self.id, self.token = apps, id_, token

    async def call(self, endpoint: str, **body: Any) -> dict[str, Any]:
        return await self.apps.call(endpoint, self.token, **body)

    async def done(self, endpoint: str, **body: Any) -> Any:
        return await self.apps.done(endpoint, self.token, **body)

    async def send(self, other: Person, text: str, **body: Any) -> dict[str, Any]:
        sent: dict[str, Any] = (await self.done("sendMessage", receiver_id=other.id, message=text, **body))[
            "DirectMessage"
        ]
        return sent

    async def texts(self, other: Person, **body: Any) -> list[str]:
        items = await self.done("showMessages", other_user_id=other.id, **body)
        return [item["DirectMessage"]["text"] for item in items]

    async def conversations(self, endpoint: str = "showConversations") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.done(endpoint)
        return found

    async def unread(self) -> tuple[int, int]:
        answer = await self.call("showUnreadMessages")
        assert answer["msg"] == answer["unread_count"]
        return answer["unread_count"], answer["request_count"]


async def person(apps: Apps, name: str) -> Person:
    user_id = await new_user(apps.database, name)
    return Person(apps, user_id, await apps.token(user_id))


@pytest.fixture
async def ann(apps: Apps) -> Person:
    return await person(apps, "ann")


@pytest.fixture
async def bob(apps: Apps, ann: Person) -> Person:
    """Ann and Bob follow each other."""
    bob = await person(apps, "bob")
    await follow(apps.database, ann.id, bob.id)
    await follow(apps.database, bob.id, ann.id)
    return bob


@pytest.fixture
async def eve(apps: Apps) -> Person:
    return await person(apps, "eve")


async def test_two_friends_talk(apps: Apps, ann: Person, bob: Person) -> None:
    first = await ann.send(bob, "hello", client_ref="a 1")
    assert (first["number"], first["sender_id"], first["receiver_id"], first["type"]) == (1, ann.id, bob.id, "text")
    assert await ann.send(bob, "hello", client_ref="a 1") == first
    await ann.send(bob, "are you there?")
    (item,) = await bob.conversations()
    conversation = item["Conversation"]
    assert (conversation["unread"], conversation["last_number"], conversation["state"]) == (2, 2, "open")
    assert (item["User"]["id"], item["User"]["button"], conversation["available"]) == (ann.id, "Friends", 1)
    assert item["DirectMessage"]["text"] == "are you there?"
    assert await bob.unread() == (2, 0)
    assert await bob.texts(ann) == ["are you there?", "hello"]
    read = await bob.done("readConversation", other_user_id=ann.id, number=1)
    assert (read["unread"], read["read_number"]) == (1, 1)
    await bob.send(ann, "yes")
    assert await bob.unread() == (0, 0)
    (item,) = await ann.conversations()
    assert (item["Conversation"]["other_read_number"], item["Conversation"]["unread"]) == (3, 1)
    assert await ann.texts(bob, before=3) == ["are you there?", "hello"]
    assert await ann.texts(bob, after=1) == ["are you there?", "yes"]


# ── who may write to whom ──


async def test_a_stranger_waits_apart_until_the_receiver_accepts(apps: Apps, ann: Person, eve: Person) -> None:
    await eve.send(ann, "hello")
    await eve.send(ann, "do you know me?")
    assert await ann.conversations() == []
    assert await ann.unread() == (0, 1)
    (item,) = await ann.conversations("showMessageRequests")
    assert (item["Conversation"]["state"], item["Conversation"]["unread"]) == ("request", 2)
    assert item["DirectMessage"]["text"] == "do you know me?"
    await ann.done("readConversation", other_user_id=eve.id, number=1)
    (item,) = await eve.conversations()
    assert item["Conversation"]["other_read_number"] == 0, "a stranger does not learn what is read"
    accepted = await ann.done("acceptMessageRequest", other_user_id=eve.id)
    assert accepted["state"] == "open"
    assert await ann.unread() == (1, 0)
    assert await ann.conversations("showMessageRequests") == []
    (item,) = await eve.conversations()
    assert item["Conversation"]["other_read_number"] == 1


async def test_a_stranger_sends_a_few_messages_before_an_answer(apps: Apps, ann: Person, eve: Person) -> None:
    for _ in range(sending.MOST_WAITING):
        await eve.send(ann, "hello")
    answer = await eve.call("sendMessage", receiver_id=ann.id, message="hello?")
    assert (answer["code"], answer["msg"]) == (
        201,
        "You can send more messages when this user accepts your request.",
    )
    await ann.send(eve, "who are you?")
    assert await ann.unread() == (0, 0), "an answer accepts the request, and has read it"
    assert (await eve.send(ann, "Eve"))["number"] == sending.MOST_WAITING + 2
    assert await ann.unread() == (1, 0)


async def test_a_declined_stranger_is_not_told_and_not_heard(apps: Apps, ann: Person, eve: Person) -> None:
    await eve.send(ann, "hello")
    assert (await ann.done("declineMessageRequest", other_user_id=eve.id))["state"] == "declined"
    assert (await eve.send(ann, "hello?"))["number"] == 2
    assert await ann.unread() == (0, 0)
    assert await ann.conversations("showMessageRequests") == await ann.conversations() == []
    assert await ann.texts(eve) == []
    assert await eve.texts(ann) == ["hello?", "hello"]
    await ann.send(eve, "I changed my mind")
    await eve.send(ann, "fine")
    assert await ann.texts(eve) == ["fine", "I changed my mind"]
    assert (await ann.call("declineMessageRequest", other_user_id=eve.id))["code"] == 201


async def test_a_follow_opens_the_request_with_the_next_message(apps: Apps, ann: Person, eve: Person) -> None:
    await eve.send(ann, "hello")
    await follow(apps.database, ann.id, eve.id)
    await eve.send(ann, "thank you")
    (item,) = await ann.conversations()
    assert item["Conversation"]["unread"] == 2
    assert await ann.unread() == (2, 0)


@pytest.mark.parametrize("setting", ["friends", "no_one"])
async def test_the_setting_of_the_receiver_decides(
    apps: Apps, ann: Person, bob: Person, eve: Person, setting: str
) -> None:
    await ann.send(bob, "hello")
    await apps.database.execute("update privacy_setting set direct_message = $2 where user_id = $1", bob.id, setting)
    for sender, allowed in ((ann, setting == "friends"), (eve, False)):
        answer = await sender.call("sendMessage", receiver_id=bob.id, message="and now?")
        assert answer["code"] == (200 if allowed else 201)
        if not allowed:
            assert answer["msg"] == "This user does not accept messages from you."


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_nothing_passes_a_block_and_the_conversation_is_hidden(
    apps: Apps, ann: Person, bob: Person, who: str
) -> None:
    await ann.send(bob, "hello", client_ref="1")
    await bob.send(ann, "hi")
    pair = (ann, bob) if who == "ann" else (bob, ann)
    await block(apps.database, pair[0].id, pair[1].id)
    for one, other in (pair, pair[::-1]):
        assert await one.conversations() == []
        assert await one.texts(other) == await one.texts(other, after=0) == []
        assert await one.unread() == (0, 0)
        changes = await one.done("showMessageChanges", after=0)
        assert changes["messages"] == []
        assert [(entry["hidden"], entry["available"]) for entry in changes["conversations"]] == [(1, 0)]
        assert (await one.call("sendMessage", receiver_id=other.id, message="?"))["code"] == 201
        for call in ("readConversation", "acceptMessageRequest", "deleteConversation"):
            assert (await one.call(call, other_user_id=other.id))["code"] == 201
        assert (await one.call("deleteMessage", other_user_id=other.id, number=1, for_both=1))["code"] == 201
    await apps.database.execute("delete from block")
    assert await bob.texts(ann) == ["hi", "hello"]
    assert await ann.unread() == (1, 0)


@pytest.mark.parametrize("change", [ban, delete])
async def test_a_user_who_is_gone_is_shown_as_not_available(
    apps: Apps, ann: Person, bob: Person, change: Callable[..., Any]
) -> None:
    await ann.send(bob, "hello")
    await change(apps.database, ann.id)
    (item,) = await bob.conversations()
    assert (item["User"]["id"], item["User"]["username"], item["Conversation"]["available"]) == (ann.id, "", 0)
    assert await bob.texts(ann) == ["hello"]
    assert (await bob.call("sendMessage", receiver_id=ann.id, message="?"))["code"] == 201
    assert (await bob.done("deleteConversation", other_user_id=ann.id))["available"] == 0


async def test_strangers_and_messages_are_limited(
    apps: Apps, ann: Person, bob: Person, eve: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_STRANGERS", 1)
    await eve.send(ann, "hello")
    answer = await eve.call("sendMessage", receiver_id=bob.id, message="hello")
    assert (answer["code"], "new people" in answer["msg"]) == (201, True)
    await eve.send(ann, "hello again")
    monkeypatch.setattr(sending, "MOST_IN_PERIOD", 2)
    await ann.send(bob, "1", client_ref="1")
    await ann.send(bob, "2")
    for receiver in (bob, eve):
        answer = await ann.call("sendMessage", receiver_id=receiver.id, message="3")
        assert (answer["code"], answer["msg"]) == (
            201,
            "You have sent many messages in a short time. Please wait a minute.",
        )
    await ann.send(bob, "1", client_ref="1")
    await apps.database.execute("update mailbox set period_start = period_start - interval '1 minute'")
    await ann.send(bob, "3")


# ── what is sent ──


@pytest.mark.parametrize("app", APPS)
async def test_videos_and_streams_are_shared_with_those_who_see_them(
    apps: Apps, ann: Person, bob: Person, eve: Person, app: Client
) -> None:
    video_id = await apps.database.fetchval(
        ADD_VIDEO,
        eve.id,
    )
    stream_id = await apps.database.fetchval(
        "insert into stream (user_id, path, title, grace_s) values ($1, 'live/1', 'Cooking', 60) returning id", eve.id
    )
    await ann.send(bob, "look", video_id=str(video_id))
    await ann.send(bob, "", live_streaming_id=stream_id)
    stream, video = await apps.done("showMessages", bob.token, app, other_user_id=str(ann.id), before="0", after="")
    assert (video["DirectMessage"]["type"], video["DirectMessage"]["text"]) == ("video", "look")
    assert (video["Video"]["id"], video["Video"]["User"]["id"]) == (video_id, eve.id)
    assert (stream["DirectMessage"]["type"], stream["LiveStreaming"]["title"]) == ("stream", "Cooking")
    for name, value in (("Video", video["Video"]), ("User", video["Video"]["User"])):
        assert list(_object(app, name, value, name)) == []
    (item,) = await apps.done("showConversations", bob.token, app, starting_point="0")
    assert list(_object(app, "User", item["User"], "User")) == []
    await block(apps.database, eve.id, bob.id)
    for shown in await bob.done("showMessages", other_user_id=ann.id):
        assert (shown["DirectMessage"]["video_id"], shown["DirectMessage"]["live_streaming_id"]) == (0, 0)
        assert not {"Video", "LiveStreaming"} & set(shown)
    for what in ({"video_id": video_id}, {"live_streaming_id": stream_id}, {"video_id": 99}):
        answer = await bob.call("sendMessage", receiver_id=ann.id, **what)
        assert (answer["code"], answer["msg"]) == (201, "This cannot be shared. It may have been deleted.")
    assert (await bob.send(ann, "next"))["number"] == 3, "what is refused takes no number"


async def test_pictures_are_private_and_go_with_their_message(apps: Apps, ann: Person, bob: Person) -> None:
    picture = saved(quarters(), "PNG")
    first = await ann.send(bob, "look", picture=base64.b64encode(picture).decode())
    form = FormData({"receiver_id": str(bob.id), "message": ""})
    form.add_field("picture", picture, filename="p.png", content_type="image/png")
    headers = {"Api-Key": API_KEYS["document"], "Auth-Token": ann.token}
    async with apps.http.post("/api/sendMessage", data=form, headers=headers) as response:
        second = json.loads(await response.read())["msg"]["DirectMessage"]
    for sent, text in ((first, "look"), (second, "")):
        assert (sent["type"], sent["text"]) == ("picture", text)
        for address in (sent["picture"], sent["picture_small"]):
            assert address.startswith(f"{URLS.base}/files/private/"), address
            assert "signature=" in urlsplit(address).query
    used = "select count(*) from file_use"
    assert await apps.database.fetchval(used) == 4
    await ann.done("deleteMessage", other_user_id=bob.id, number=1, for_both=1)
    assert await apps.database.fetchval(used) == 2
    shown = [item["DirectMessage"] for item in await bob.done("showMessages", other_user_id=ann.id)]
    assert [(bool(one["picture"]), one["retracted"]) for one in shown] == [(True, 0), (False, 1)]
    await bob.done("deleteMessage", other_user_id=ann.id, number=2)
    assert await apps.database.fetchval(used) == 2, "the sender still has it"
    await ann.done("deleteMessage", other_user_id=bob.id, number=2)
    assert await apps.database.fetchval(used) == 0


BAD: list[dict[str, Any]] = [
    {"message": ""},
    {"message": "x" * (LONGEST_TEXT + 1)},
    {"message": "x", "client_ref": " x"},
    {"message": "x", "video_id": "abc"},
    {"message": "x", "video_id": 1, "live_streaming_id": 1},
    {"picture": "!", "message": "x"},
    {"picture": "aGVsbG8=", "video_id": 1},
]


@pytest.mark.parametrize("body", BAD, ids="-".join)
async def test_what_cannot_be_sent_is_refused(apps: Apps, ann: Person, bob: Person, body: dict[str, Any]) -> None:
    answer = await ann.call("sendMessage", receiver_id=bob.id, **body)
    assert answer["code"] == 400, answer
    assert await bob.conversations() == []


async def test_what_is_no_picture_is_refused(apps: Apps, ann: Person, bob: Person) -> None:
    answer = await ann.call("sendMessage", receiver_id=bob.id, picture="aGVsbG8=")
    assert (answer["code"], "picture" in answer["msg"]) == (201, True)


async def test_nobody_writes_to_themselves_or_to_a_user_who_is_not_there(apps: Apps, ann: Person) -> None:
    for receiver in (ann.id, 999):
        assert (await ann.call("sendMessage", receiver_id=receiver, message="x"))["code"] == 201
    assert (await ann.call("sendMessage", message="x"))["code"] == 400


async def test_a_client_ref_belongs_to_one_message(apps: Apps, ann: Person, bob: Person, eve: Person) -> None:
    await ann.send(bob, "hello", client_ref="1")
    for receiver, text in ((eve, "hello"), (bob, "other")):
        answer = await ann.call("sendMessage", receiver_id=receiver.id, message=text, client_ref="1")
        assert (answer["code"], answer["msg"]) == (
            201,
            "This client_ref was used for another message before. Please use a new one.",
        )
    assert (await bob.send(ann, "hello", client_ref="1"))["number"] == 2, "keys of others are others"
    assert [item["DirectMessage"]["client_ref"] for item in await ann.done("showMessages", other_user_id=bob.id)] == [
        "",
        "1",
    ]


# ── deleting ──


async def test_a_message_is_deleted_for_oneself_or_taken_back_for_both(
    apps: Apps, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("one", "two", "three"):
        await ann.send(bob, text)
    deleted = await bob.done("deleteMessage", other_user_id=ann.id, number=3)
    assert deleted["unread"] == 2
    assert await bob.unread() == (2, 0)
    assert await bob.texts(ann) == ["two", "one"]
    assert await ann.texts(bob) == ["three", "two", "one"]
    (item,) = await bob.conversations()
    assert item["DirectMessage"]["text"] == "two"
    for other, number in ((bob, 9), (bob, 3)):
        caller = bob if other is ann else ann
        code = (await caller.call("deleteMessage", other_user_id=other.id, number=9))["code"]
        assert code == 201, number
    assert (await bob.call("deleteMessage", other_user_id=ann.id, number=3))["code"] == 201, "twice"
    assert (await bob.call("deleteMessage", other_user_id=ann.id, number=1, for_both=1))["code"] == 201, "not his"
    for _ in range(2):
        await ann.done("deleteMessage", other_user_id=bob.id, number=2, for_both=1)
    assert await bob.unread() == (1, 0)
    assert await bob.texts(ann) == ["", "one"]
    monkeypatch.setattr(changing, "RETRACTABLE", changing.RETRACTABLE * 0)
    answer = await ann.call("deleteMessage", other_user_id=bob.id, number=1, for_both=1)
    assert (answer["code"], "too late" in answer["msg"]) == (201, True)
    assert await apps.database.fetchval("select string_agg(text, ',' order by number) from message") == "one,,three"
    await ann.done("deleteMessage", other_user_id=bob.id, number=3)
    assert await apps.database.fetchval("select string_agg(text, ',' order by number) from message") == "one,,"


async def test_a_conversation_is_deleted_for_oneself(apps: Apps, ann: Person, bob: Person) -> None:
    await ann.send(bob, "one")
    await bob.send(ann, "two")
    await ann.send(bob, "three")
    deleted = await bob.done("deleteConversation", other_user_id=ann.id)
    assert (deleted["deleted_number"], deleted["unread"]) == (3, 0)
    assert await bob.conversations() == []
    assert await bob.texts(ann) == []
    assert await bob.unread() == (0, 0)
    assert await ann.texts(bob) == ["three", "two", "one"]
    await ann.send(bob, "four")
    (item,) = await bob.conversations()
    assert (item["Conversation"]["unread"], item["DirectMessage"]["number"]) == (1, 4)
    assert await bob.texts(ann) == ["four"]
    await ann.done("deleteConversation", other_user_id=bob.id)
    assert await apps.database.fetchval("select count(*) from message") == 1, "what both deleted is gone"
    assert (await ann.call("deleteConversation", other_user_id=999))["code"] == 201


# ── lists ──


async def test_the_number_of_queries_does_not_grow_with_the_lists(apps: Apps, ann: Person) -> None:
    async def one_more() -> None:
        friend = await person(apps, "friend")
        await follow(apps.database, ann.id, friend.id)
        video = await apps.database.fetchval(
            ADD_VIDEO,
            friend.id,
        )
        await friend.send(ann, "look", video_id=video)
        await ann.send(friend, "nice", video_id=video)

    async def queries() -> list[int]:
        other = (await ann.conversations())[0]["User"]["id"]
        return [
            await apps.queries("showConversations", ann.token),
            await apps.queries("showMessages", ann.token, other_user_id=other),
            await apps.queries("showMessageChanges", ann.token),
        ]

    await one_more()
    few = await queries()
    for _ in range(9):
        await one_more()
    assert len(await ann.conversations()) == 10
    assert await queries() == few == [3, 4, 4]


async def test_lists_come_in_pages(apps: Apps, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    friends = [await person(apps, "friend") for _ in range(12)]
    for friend in friends:
        await follow(apps.database, ann.id, friend.id)
        await friend.send(ann, "hello")
    await friends[0].send(ann, "again")
    newest = [friends[0].id, *(friend.id for friend in friends[:0:-1])]
    found = [
        item["User"]["id"]
        for number in (0, 1, 2)
        for item in await ann.done("showConversations", starting_point=number)
    ]
    assert found == newest
    for number in range(35):
        await ann.send(bob, str(number))
    assert len(await bob.texts(ann)) == 30
    assert await bob.texts(ann, before=6) == ["4", "3", "2", "1", "0"]
    assert await bob.texts(ann, after=33) == ["33", "34"]
    assert (await bob.call("showMessages", other_user_id=ann.id, before=2, after=1))["code"] == 400


async def test_what_was_missed_is_found_by_its_change(
    apps: Apps, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.messages.bundle.MOST_MISSED", 2)
    for text in ("1", "2", "3", "4", "5"):
        await ann.send(bob, text)
    await ann.done("deleteMessage", other_user_id=bob.id, number=2, for_both=1)
    await bob.done("deleteMessage", other_user_id=ann.id, number=3)
    seen, after, more = [], 0, 1
    while more:
        changes = await bob.done("showMessageChanges", after=after)
        seen += [(one["number"], one["text"], one["retracted"], one["deleted"]) for one in changes["messages"]]
        after, more = changes["last_change"], changes["more"]
    assert seen == [(1, "1", 0, 0), (4, "4", 0, 0), (5, "5", 0, 0), (2, "", 1, 0), (3, "", 0, 1)]
    assert (await bob.done("showMessageChanges", after=after))["messages"] == []
    await bob.done("readConversation", other_user_id=ann.id)
    (conversation,) = (await bob.done("showMessageChanges", after=after))["conversations"]
    assert conversation["read_number"] == 5


async def test_to_read_again_changes_nothing(apps: Apps, ann: Person, bob: Person) -> None:
    await ann.send(bob, "hello")
    first = await bob.done("readConversation", other_user_id=ann.id)
    assert first == await bob.done("readConversation", other_user_id=ann.id, number=99)
    assert first == await bob.done("readConversation", other_user_id=ann.id, number=1)


# ── who may ──


@pytest.mark.parametrize("name", [endpoint.name for endpoint in section.endpoints])
async def test_only_the_caller_reads_and_writes(apps: Apps, ann: Person, bob: Person, name: str) -> None:
    await ann.send(bob, "hello")
    body: dict[str, Any] = {"other_user_id": bob.id, "receiver_id": bob.id, "number": 1, "message": "x"}
    assert (await apps.call(name, "0", Client.ANDROID, **body))["code"] == 501
    assert (await ann.call(name, user_id=bob.id, **body))["code"] == 201
    await apps.ban(ann.id)
    assert "blocked" in (await ann.call(name, **body))["msg"]


async def test_a_received_message_is_reported(apps: Apps, ann: Person, bob: Person, eve: Person) -> None:
    await ann.send(bob, "an insult", picture=base64.b64encode(saved(quarters(), "PNG")).decode())
    reason = (await bob.done("showReportReasons"))[0]["ReportReason"]["id"]
    report = {"report_reason_id": reason, "number": 1}
    assert (await ann.call("reportMessage", other_user_id=bob.id, **report))["code"] == 201, "an own message"
    assert (await eve.call("reportMessage", other_user_id=ann.id, **report))["code"] == 201, "of others"
    await block(apps.database, bob.id, ann.id)
    await bob.done("reportMessage", other_user_id=ann.id, **report)
    row = await apps.database.fetchrow("select * from report")
    assert row is not None
    assert "an insult" in str(dict(row))
    assert (await bob.call("reportMessage", other_user_id=ann.id, **report))["code"] == 201, "twice"
    assert await apps.database.fetchval("select count(*) from file_use where used_by like 'report/%'") == 1


# ── telling ──


async def test_a_conversation_makes_a_push_for_each_message_and_one_inbox_entry(
    apps: Apps, ann: Person, bob: Person, eve: Person
) -> None:
    await apps.database.execute("insert into push_service (name) values ('fcm') on conflict do nothing")
    await apps.database.execute("insert into device (user_id, token) values ($1, 'the phone of bob')", bob.id)
    await ann.send(bob, "one")
    await ann.send(bob, "two")
    await eve.send(bob, "a stranger rings no phone")
    pushed = await apps.database.fetch("select params::text, collapse from push_message order by id")
    assert [row["collapse"] for row in pushed] == [f"message-{ann.id}"] * 2
    assert "two" in pushed[1]["params"]
    entries = await bob.done("showAllNotifications")
    assert [(entry["Notification"]["type"], entry["Sender"]["id"]) for entry in entries] == [("message", ann.id)]
    await apps.database.execute("update push_setting set direct_messages = false where user_id = $1", ann.id)
    await bob.send(ann, "quiet")
    assert await ann.done("showAllNotifications") == []
    assert await ann.unread() == (1, 0)
