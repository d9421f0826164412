"""Direct messages, as the apps call them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control_plane.base.ids import UserId
from tests.api.sections.apps import Apps, apps_of
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import follow
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
