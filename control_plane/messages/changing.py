"""Changes of a conversation beside new messages: read, accepted, declined, taken back, deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.announcements import untell_message
from control_plane.messages import personal_data, reading_store, store
from control_plane.messages.model import (
    Change,
    Conversation,
    NoSuchConversation,
    NoSuchMessage,
    Number,
    State,
    TooLateToRetract,
)
from control_plane.messages.sending import PERIOD, tell_sockets, used_by
from control_plane.storage.files import Files

RETRACTABLE = dt.timedelta(hours=1)
"""Time in which a sender can take a message back for both. Longer: what was read for a day disappears. Shorter: a message
to the wrong user stays."""


class Locked(NamedTuple):
    """A conversation whose mailboxes are locked."""

    connection: Connection
    conversation: Conversation
    user_id: UserId

    @property
    def other_id(self) -> UserId:
        return self.conversation.other_id


class Changing:
    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    async def read(self, user_id: UserId, other_id: UserId, number: Number | None = None) -> Conversation:
        """Messages up to `number` are read (None: all), on all devices. The sender sees it once the conversation is
        open. Raises NoSuchConversation."""
        async with self._locked(user_id, other_id) as locked:
            conversation = locked.conversation
            last = conversation.last_number if number is None else Number(min(number, conversation.last_number))
            if last > conversation.read_number:
                changes = await _touch(locked, also_other=conversation.state is State.OPEN)
                await store.read(locked.connection, user_id, conversation.id, last, changes[user_id])
            return await _now(locked)

    async def accept(self, user_id: UserId, other_id: UserId) -> Conversation:
        """The conversation with a stranger is open from now on. Raises NoSuchConversation."""
        async with self._locked(user_id, other_id) as locked:
            if locked.conversation.state is not State.OPEN:
                changes = await _touch(locked, also_other=True)
                await store.set_state(locked.connection, user_id, locked.conversation.id, State.OPEN, changes[user_id])
            return await _now(locked)

    async def decline(self, user_id: UserId, other_id: UserId) -> Conversation:
        """Delete a request. What the stranger sends later does not arrive, and the stranger is not told. Raises
        NoSuchConversation, also if the conversation is open."""
        async with self._locked(user_id, other_id) as locked:
            if locked.conversation.state is State.OPEN:
                raise NoSuchConversation
            return await self._delete(locked)

    async def delete_conversation(self, user_id: UserId, other_id: UserId) -> Conversation:
        """Delete all messages for this user. A new one brings the conversation back. A request is declined by it. Raises
        NoSuchConversation."""
        async with self._locked(user_id, other_id) as locked:
            return await self._delete(locked)

    async def delete_message(self, user_id: UserId, other_id: UserId, number: Number) -> Conversation:
        """Delete a message for this user. Raises NoSuchConversation and NoSuchMessage."""
        async with self._locked(user_id, other_id) as locked:
            connection, conversation = locked.connection, locked.conversation
            change = (await _touch(locked, also_other=False))[user_id]
            if not await store.delete_copy(connection, user_id, conversation.id, number, change):
                raise NoSuchMessage
            await store.read(connection, user_id, conversation.id, Number(0), change)
            if await store.erase_deleted(connection, conversation.id, number):
                await self._files.use(connection, used_by(conversation.id, number), ())
            return await _now(locked)

    async def retract(self, user_id: UserId, other_id: UserId, number: Number) -> Conversation:
        """Take an own message back, for both. Raises NoSuchConversation, NoSuchMessage and TooLateToRetract."""
        async with self._locked(user_id, other_id) as locked:
            connection, conversation = locked.connection, locked.conversation
            message = await reading_store.one(connection, user_id, conversation.id, number)
            if message is None or message.sender_id != user_id or message.deleted:
                raise NoSuchMessage
            if message.retracted:
                return conversation
            if not await store.retract(connection, user_id, conversation.id, number, RETRACTABLE):
                raise TooLateToRetract
            for reader_id, change in (await _touch(locked, also_other=True)).items():
                await store.change_copy(connection, reader_id, conversation.id, number, change)
                await store.read(connection, reader_id, conversation.id, Number(0), change)
            await self._files.use(connection, used_by(conversation.id, number), ())
            await untell_message(connection, user_id, other_id, message.sent_at)
            return await _now(locked)

    async def _delete(self, locked: Locked) -> Conversation:
        connection, conversation = locked.connection, locked.conversation
        change = (await _touch(locked, also_other=False))[locked.user_id]
        for number in await store.delete_conversation(
            connection, locked.user_id, conversation.id, conversation.last_number, change
        ):
            await self._files.use(connection, used_by(conversation.id, number), ())
        return await _now(locked)

    async def forget_person(self, connection: Connection, user_id: UserId) -> None:
        """A step of the removal of an account: what the user sent is deleted for both, with its pictures."""
        await personal_data.lock_to_forget(connection, user_id)
        for conversation_id, number in await personal_data.pictures_of(connection, user_id):
            await self._files.use(connection, used_by(conversation_id, number), ())
        await personal_data.forget_person(connection, user_id)

    @asynccontextmanager
    async def _locked(self, user_id: UserId, other_id: UserId) -> AsyncIterator[Locked]:
        """Raises NoSuchConversation, also if one of the two blocks the other."""
        async with self._database.transaction() as connection:
            await store.lock(connection, {user_id, other_id}, PERIOD)
            conversation = await reading_store.conversation_with(connection, user_id, other_id)
            if conversation is None or conversation.hidden:
                raise NoSuchConversation
            yield Locked(connection, conversation, user_id)


async def _touch(locked: Locked, *, also_other: bool) -> dict[UserId, Change]:
    """Number a change of the conversation for the user, and for the other, and tell their sockets."""
    user_ids = [locked.user_id, locked.other_id] if also_other else [locked.user_id]
    changes = await store.touch(locked.connection, user_ids)
    for user_id, change in changes.items():
        await store.change_side(locked.connection, user_id, locked.conversation.id, change)
    await tell_sockets(locked.connection, changes)
    return changes


async def _now(locked: Locked) -> Conversation:
    conversation = await reading_store.conversation_with(locked.connection, locked.user_id, locked.other_id)
    return present(conversation, "the conversation is locked")
