"""Races, blocks, counts, evidence and removal of direct messages."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from control_plane.accounts import devices
from control_plane.base.ids import UserId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.inbox.announcements import MessagesNotAccepted
from control_plane.messages import personal_data, sending
from control_plane.messages.bundle import DirectMessages
from control_plane.messages.evidence import evidence_of
from control_plane.messages.model import Change, NoSuchConversation, NoSuchMessage, Number, State, TooManyStrangers
from control_plane.personal_data.removal import REMOVAL_S
from control_plane.push.model import ServiceName
from control_plane.push.store import pick, set_services
from tests.control_plane.messages.talking import direct_messages, say
from tests.control_plane.people import new_user
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.social.relations import block, follow

COUNTED = """
    select user_id, sum(case when state = 'open' then unread else 0 end)::int as unread,
        count(*) filter (where state = 'request' and message_change > 0)::int as requests
    from conversation_side where not hidden group by user_id
"""
UNREAD_OF_SIDES = """
    select side.unread = (
        select count(*) from message_copy copy join message m using (conversation_id, number)
        where copy.user_id = side.user_id and copy.conversation_id = side.conversation_id and not copy.deleted
            and m.retracted_at is null and m.sender_id <> side.user_id and copy.number > side.read_number
            and copy.number > side.deleted_number) as right
    from conversation_side side
"""


@pytest.fixture
def messages(database: Database, tmp_path: Path) -> DirectMessages:
    return direct_messages(database, tmp_path)


@pytest.fixture
async def ann(database: Database) -> UserId:
    return await new_user(database, "ann")


@pytest.fixture
async def bob(database: Database, ann: UserId) -> UserId:
    bob = await new_user(database, "bob")
    await follow(database, ann, bob)
    await follow(database, bob, ann)
    return bob


async def check_counts(messages: DirectMessages) -> None:
    for row in await messages.database.fetch(COUNTED):
        assert await messages.unread(row["user_id"]) == (row["unread"], row["requests"])
    assert all(row["right"] for row in await messages.database.fetch(UNREAD_OF_SIDES))


async def test_a_message_that_is_taken_back_is_not_pushed_any_more(
    messages: DirectMessages, ann: UserId, bob: UserId
) -> None:
    await set_services(messages.database, [ServiceName.FCM])
    await devices.claim(messages.database, bob, "phone", "ios", "1", "")
    for text in ("first", "second", "third"):
        await say(messages, ann, bob, text)
    await messages.changing.retract(ann, bob, Number(2))
    waiting = await pick(messages.database, ServiceName.FCM, 10, dt.timedelta(minutes=1))
    assert [message.params["text"] for message in waiting] == ["first", "third"]


async def test_64_messages_at_once_have_numbers_without_gaps(
    messages: DirectMessages, ann: UserId, bob: UserId
) -> None:
    sent = await asyncio.gather(*(say(messages, *((ann, bob) if n % 2 else (bob, ann)), str(n)) for n in range(64)))
    assert sorted(message.number for message in sent) == list(range(1, 65))
    for user, other in ((ann, bob), (bob, ann)):
        missed = await messages.missed(user, Change(0))
        assert [message.number for message in missed.messages] == list(range(1, 65))
        changes = [message.change for message in missed.messages]
        assert changes == sorted(set(changes)), "numbers are in the order of the changes"
        assert len(await messages.messages(user, other, 100)) == 64
    await check_counts(messages)


async def test_a_repeated_send_at_once_is_one_message(messages: DirectMessages, ann: UserId, bob: UserId) -> None:
    sent = await asyncio.gather(*(say(messages, ann, bob, "hello", "1") for _ in range(16)))
    assert {message.number for message in sent} == {1}
    assert (await messages.unread(bob)) == (1, 0)


async def test_two_users_who_write_first_at_once_have_one_conversation(
    messages: DirectMessages, ann: UserId, bob: UserId
) -> None:
    sent = await asyncio.gather(say(messages, ann, bob, "hello"), say(messages, bob, ann, "hello"))
    assert sorted(message.number for message in sent) == [1, 2]
    assert len({message.conversation_id for message in sent}) == 1


async def test_the_limit_of_strangers_holds_for_calls_at_once(
    messages: DirectMessages, database: Database, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_STRANGERS", 3)
    strangers = [await new_user(database) for _ in range(8)]
    results = await asyncio.gather(
        *(say(messages, ann, stranger, "hello") for stranger in strangers), return_exceptions=True
    )
    assert Counter(type(result).__name__ for result in results) == {"Message": 3, TooManyStrangers.__name__: 5}


async def test_blocks_messages_reads_and_deletions_at_once_do_not_deadlock(
    messages: DirectMessages, database: Database, ann: UserId, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadlock fails a call: DatabaseUnavailable."""
    monkeypatch.setattr(sending, "MOST_IN_PERIOD", 1000)
    await say(messages, ann, bob, "first")

    async def block_and_unblock() -> None:
        for _ in range(8):
            await block(database, ann, bob)
            await database.execute("delete from block")

    async def talk(sender: UserId, receiver: UserId) -> None:
        for n in range(12):
            with suppress(MessagesNotAccepted, NoSuchConversation):
                await say(messages, sender, receiver, str(n))
                await messages.changing.read(sender, receiver)
                with suppress(NoSuchMessage):
                    await messages.changing.retract(sender, receiver, Number(1))

    await asyncio.gather(block_and_unblock(), *(talk(*pair) for pair in ((ann, bob), (bob, ann)) for _ in range(4)))
    await check_counts(messages)
    numbers = await database.fetch("select number from message order by number")
    assert [row["number"] for row in numbers] == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("before", [0, 1])
async def test_a_message_that_waits_for_a_block_does_not_get_through(
    messages: DirectMessages, database: Database, ann: UserId, bob: UserId, before: int
) -> None:
    for _ in range(before):
        await say(messages, ann, bob, "before")
    async with database.transaction() as connection:
        await connection.execute("insert into block (blocker_id, blocked_id) values ($1, $2)", bob, ann)
        await connection.execute("set constraints all immediate")  # as its commit does first
        waiting = asyncio.create_task(say(messages, ann, bob, "after"))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
    with pytest.raises(MessagesNotAccepted):
        await waiting
    assert await database.fetchval("select count(*) from message") == before
    await check_counts(messages)


async def test_a_message_is_in_both_mailboxes_or_in_none(
    messages: DirectMessages, database: Database, ann: UserId, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process died before the commit; what is told of the message is in its transaction."""

    async def dies(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(sending, "tell_message", dies)
        with pytest.raises(DatabaseUnavailable):
            await say(messages, ann, bob, "hello", "1")
    assert await database.fetchval("select count(*) from message_copy") == 0
    assert (await say(messages, ann, bob, "hello", "1")).number == 1


async def test_counts_stay_right_whatever_changes(messages: DirectMessages, database: Database, ann: UserId) -> None:
    people = [await new_user(database) for _ in range(4)]
    await follow(database, ann, people[0])
    await follow(database, ann, people[1])
    for person in people:
        for text in ("1", "2", "3"):
            await say(messages, person, ann, text)
    changing = messages.changing
    for change in (
        changing.read(ann, people[0], Number(2)),
        changing.delete_message(ann, people[1], Number(2)),
        changing.retract(people[1], ann, Number(3)),
        changing.retract(people[2], ann, Number(1)),
        changing.accept(ann, people[2]),
        changing.decline(ann, people[3]),
        changing.delete_conversation(ann, people[1]),
    ):
        await change
        await check_counts(messages)
    await block(database, people[2], ann)
    await check_counts(messages)
    await database.execute("delete from block")
    await database.execute("delete from app_user where id = $1", people[2])
    await check_counts(messages)
    assert await messages.unread(ann) == (1, 0)


async def test_what_was_said_is_evidence(
    messages: DirectMessages, database: Database, ann: UserId, bob: UserId
) -> None:
    await say(messages, ann, bob, "an insult")
    await block(database, bob, ann)
    found = await evidence_of(database, bob, ann, Number(1))
    assert found is not None
    assert (found.sender_id, found.text) == (ann, "an insult")
    stranger = await new_user(database)
    for reporter, other, number in ((ann, bob, 1), (stranger, ann, 1), (bob, ann, 2)):
        assert await evidence_of(database, reporter, other, Number(number)) is None


async def test_the_words_and_pictures_of_a_removed_user_are_gone_for_both(
    messages: DirectMessages, database: Database, ann: UserId, bob: UserId
) -> None:
    picture = await messages.sending.stored_picture(ann, saved(quarters(), "PNG"), "look")
    await messages.sending.send(ann, bob, picture)
    await say(messages, bob, ann, "nice")
    await say(messages, ann, bob, "thank you")
    async with database.transaction(REMOVAL_S) as connection:
        await messages.changing.forget_person(connection, ann)
    assert await database.fetchval("select count(*) from file_use") == 0
    assert await database.fetchval("select string_agg(text, ',') from message") == "nice"
    (listed,) = await messages.page(bob, State.OPEN, 10, 0)
    assert listed.last is not None
    assert (listed.last.text, listed.conversation.unread) == ("nice", 0)
    assert await messages.unread(bob) == (0, 0)
    async with database.transaction(REMOVAL_S) as connection:
        await messages.changing.forget_person(connection, bob)
    assert await database.fetchval("select count(*) from conversation") == 0


async def test_both_have_sent_and_received_messages_in_their_export(
    database: Database, messages: DirectMessages, ann: UserId, bob: UserId
) -> None:
    await say(messages, ann, bob, "one")
    await say(messages, bob, ann, "two")
    await messages.changing.delete_message(bob, ann, Number(1))
    for user, texts in ((ann, ["two", "one"]), (bob, ["two"])):
        rows = await personal_data.exported_messages(database, user, 2**62, 10)
        assert [row["text"] for row in rows] == texts
