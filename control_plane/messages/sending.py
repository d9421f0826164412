"""Sends a message: checked, numbered and delivered to both mailboxes in one transaction."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection
from pathlib import Path

from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.messages import MessagesNotAccepted, TooManyMessages, tell_message
from control_plane.inbox.store import accepting_messages
from control_plane.messages import store
from control_plane.messages.model import (
    ClientRefUsed,
    Content,
    ConversationId,
    Message,
    NothingToSend,
    NothingToShare,
    NotYetAccepted,
    Number,
    State,
    TooManyStrangers,
)
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files

PERIOD = dt.timedelta(minutes=1)
MOST_IN_PERIOD = 60
"""Messages of one sender within PERIOD. More: a script reaches more users. Fewer: a quick conversation is cut off."""
MOST_WAITING = 3
"""Messages of a stranger before the receiver accepts. More: strangers insist. Fewer: a request does not say enough."""
DAY = dt.timedelta(days=1)
MOST_STRANGERS = 20
"""Users to whom one sender may write for the first time within a DAY without being followed by them. More: spam reaches
more users. Fewer: a user who knows many people is refused."""
PICTURES = "message_pictures"
PICTURES_A_DAY = 200
"""Of one sender. More: one account keeps a processor busy. Fewer: users who talk in pictures are refused."""


def used_by(conversation_id: ConversationId, number: Number) -> str:
    """What uses the pictures of a message."""
    return f"message/{conversation_id}/{number}"


async def tell_sockets(connection: Connection, user_ids: Collection[UserId]) -> None:
    """Their sockets read what is new once the transaction has committed."""
    await notify(connection, "", Topic.PERSON, [(user_id, 0) for user_id in user_ids])


class Sending:
    def __init__(self, database: Database, files: Files, pictures: Pictures) -> None:
        self._database = database
        self._files = files
        self._pictures = pictures

    async def stored_picture(self, sender_id: UserId, upload: Path | bytes, text: str) -> Content:
        """Process and store a picture, to be sent. Raises PictureRefused, TooManyPictures, TooManyUploads and
        StorageUnavailable."""
        await self._files.count_upload(sender_id, PICTURES, PICTURES_A_DAY)
        picture = await self._pictures.process(upload)
        full = await self._files.add(PICTURES, picture.full, "jpg", owner=sender_id, public=False)
        small = await self._files.add(PICTURES, picture.small, "jpg", owner=sender_id, public=False)
        return Content(text=text, picture=full, picture_small=small)

    async def send(
        self, sender_id: UserId, receiver_id: UserId, content: Content, client_ref: str | None = None
    ) -> Message:
        """The message as its sender has it. The same `client_ref` again: the first message. Raises MessagesNotAccepted,
        NotYetAccepted, TooManyMessages, TooManyStrangers, NothingToSend, NothingToShare, ClientRefUsed."""
        _check(content)
        async with self._database.transaction() as connection:
            if not await store.lock_sender(connection, sender_id):
                raise UserNotFound
            sent = await store.lock(connection, {sender_id, receiver_id}, PERIOD)
            if client_ref is not None:
                before = await store.sent_before(connection, sender_id, client_ref)
                if before is not None:
                    return await _repeated(connection, sender_id, receiver_id, content, before)
            if not await accepting_messages(connection, sender_id, [receiver_id]):
                raise MessagesNotAccepted
            if sent[sender_id] >= MOST_IN_PERIOD:
                raise TooManyMessages
            conversation_id, state = await _conversation(connection, sender_id, receiver_id)
            number = await store.send(
                connection, conversation_id, sender_id, receiver_id, state, content, client_ref, PERIOD
            )
            message = await _own(connection, sender_id, conversation_id, number)
            if (message.video_id, message.stream_id) != (content.video_id, content.stream_id):
                raise NothingToShare
            if content.picture:
                names = {content.picture, content.picture_small}
                await self._files.use(connection, used_by(conversation_id, number), names)
                message = await _own(connection, sender_id, conversation_id, number)
            await tell_sockets(connection, (sender_id, receiver_id))
            if state is State.OPEN:
                await tell_message(connection, sender_id, [receiver_id], content.text)
        return message


def _check(content: Content) -> None:
    shared = [bool(content.picture), bool(content.video_id), bool(content.stream_id)]
    if sum(shared) > 1 or not (content.text or any(shared)):
        raise NothingToSend


async def _own(connection: Connection, user_id: UserId, conversation_id: ConversationId, number: Number) -> Message:
    message = await store.one(connection, user_id, conversation_id, number)
    return present(message, "a sender has a copy of the message")


async def _repeated(
    connection: Connection, sender_id: UserId, receiver_id: UserId, content: Content, before: store.Sent
) -> Message:
    message = await store.one(connection, sender_id, before.conversation_id, before.number)
    if message is None or before.receiver_id != receiver_id:
        raise ClientRefUsed
    same = before.kind is content.kind and before.content == dataclasses.replace(
        content, picture=before.content.picture, picture_small=before.content.picture_small
    )
    if not same and not message.retracted and not message.deleted:
        raise ClientRefUsed
    return message


async def _conversation(connection: Connection, sender_id: UserId, receiver_id: UserId) -> tuple[ConversationId, State]:
    """The conversation, begun if there is none, and how the receiver takes it from this message on."""
    pair = await store.pair(connection, sender_id, receiver_id)
    state = State.OPEN if pair.followed else pair.receiver_state or State.REQUEST
    if pair.conversation_id is None:
        if state is not State.OPEN and await store.strangers(connection, sender_id, DAY) >= MOST_STRANGERS:
            raise TooManyStrangers
        return await store.begin(connection, sender_id, receiver_id, state), state
    if state is not State.OPEN and pair.waiting >= MOST_WAITING:
        raise NotYetAccepted
    return pair.conversation_id, state
