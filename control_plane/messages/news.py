"""What the personal socket tells of direct messages: messages and conversations that changed, with the unread count."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.messages import reading_store
from control_plane.messages.addresses import picture_path
from control_plane.messages.missed import missed
from control_plane.messages.model import Change, Conversation, ConversationId, Kind, Message, Missed, Number, State
from control_plane.personal.hub import Frame, News
from control_plane.storage.addresses import Addresses

MOST_AT_ONCE = 100
"""Changed messages, and changed conversations, that a socket is told in one turn; the others follow with the next one.
More: a burst fills the socket's queue. Fewer: it takes more turns."""


class MessagesState(msgspec.Struct, frozen=True):
    """Of the first frame."""

    unread: int
    """Messages in open conversations."""
    requests: int
    """Strangers who wait to be accepted."""
    last_change: Change
    """0: none. If it is newer than the last change that you have, read `showMessageChanges`."""


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    conversation_id: ConversationId
    number: Number
    """In its conversation: 1, 2, 3 …, without gaps."""
    change: Change
    sender_id: UserId
    receiver_id: UserId
    kind: Kind
    text: str
    picture: str
    """A signed URL, good for 10 to 20 minutes; empty: none."""
    picture_small: str
    video_id: int
    """0: none, or the reader may not see it."""
    stream_id: int
    """0: none, or the reader may not see it."""
    client_ref: str
    """Of an own message."""
    created_at: str
    """UTC, with milliseconds."""
    retracted: bool
    """The sender took the message back. It is empty."""
    deleted: bool
    """The user deleted the message. It is empty."""


class ConversationView(msgspec.Struct, frozen=True, kw_only=True):
    id: ConversationId
    change: Change
    other_user_id: UserId
    state: State
    last_number: Number
    read_number: Number
    other_read_number: Number
    deleted_number: Number
    unread: int
    hidden: bool
    """One of the two blocks the other."""


class MessageChanged(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    unread: int
    requests: int
    message: MessageView


class ConversationChanged(msgspec.Struct, frozen=True, tag_field="type", tag="conversation"):
    unread: int
    requests: int
    conversation: ConversationView


class UnreadChanged(msgspec.Struct, frozen=True, tag_field="type", tag="unread_messages"):
    unread: int
    requests: int


class MessageViews:
    """Shows messages in frames."""

    def __init__(self, addresses: Addresses, base_url: str) -> None:
        self._addresses = addresses
        self._base_url = base_url

    def view(self, message: Message) -> MessageView:
        full = picture_path(self._addresses, message.picture, message.picture_salt)
        small = picture_path(self._addresses, message.picture_small, message.picture_small_salt)
        return MessageView(
            conversation_id=message.conversation_id,
            number=message.number,
            change=message.change,
            sender_id=message.sender_id,
            receiver_id=message.receiver_id,
            kind=message.kind,
            text=message.text,
            picture=self._base_url + full if full else "",
            picture_small=self._base_url + small if small else "",
            video_id=message.video_id,
            stream_id=message.stream_id,
            client_ref=message.client_ref,
            created_at=iso_ms(message.sent_at),
            retracted=message.retracted,
            deleted=message.deleted,
        )


class MessagesReader:
    """Implements `Reader`."""

    name = "messages"

    def __init__(self, view: Callable[[Message], MessageView]) -> None:
        self._view = view

    async def start(self, database: Database, user_id: UserId) -> MessagesState:
        box = (await reading_store.mailboxes(database, [user_id])).get(user_id)
        return MessagesState(box.unread, box.requests, box.last_change) if box else MessagesState(0, 0, Change(0))

    def state(self, position: MessagesState) -> MessagesState:
        return position

    async def read(self, database: Database, positions: Mapping[UserId, MessagesState]) -> Mapping[UserId, News]:
        boxes = await reading_store.mailboxes(database, list(positions))
        now = {user_id: MessagesState(box.unread, box.requests, box.last_change) for user_id, box in boxes.items()}
        changed = {user_id: state for user_id, state in now.items() if state != positions[user_id]}
        wanted = {
            user_id: (positions[user_id].last_change, state.last_change)
            for user_id, state in changed.items()
            if state.last_change > positions[user_id].last_change
        }
        found = await missed(database, wanted, MOST_AT_ONCE)
        return {user_id: self._news(state, found.get(user_id)) for user_id, state in changed.items()}

    def _news(self, state: MessagesState, found: Missed | None) -> News:
        if found is None:
            return News(state, [_frame(UnreadChanged(state.unread, state.requests))])
        changed = [
            *(MessageChanged(state.unread, state.requests, self._view(message)) for message in found.messages),
            *(
                ConversationChanged(state.unread, state.requests, conversation_view(conversation))
                for conversation in found.conversations
            ),
        ]
        position = msgspec.structs.replace(state, last_change=found.last_change)
        return News(position, [_frame(one) for one in changed] or [_frame(UnreadChanged(state.unread, state.requests))])


def conversation_view(conversation: Conversation) -> ConversationView:
    return ConversationView(
        id=conversation.id,
        change=conversation.change,
        other_user_id=conversation.other_id,
        state=conversation.state,
        last_number=conversation.last_number,
        read_number=conversation.read_number,
        other_read_number=conversation.other_read_number,
        deleted_number=conversation.deleted_number,
        unread=conversation.unread,
        hidden=conversation.hidden,
    )


def _frame(changed: msgspec.Struct) -> Frame:
    text = msgspec.json.encode(changed)
    return lambda language: text
