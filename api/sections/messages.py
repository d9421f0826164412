"""Direct messages: conversations of two. The calls are ours. The other user's id names a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec

from api.contract.base64 import Base64, base64_in
from api.contract.call import Call
from api.contract.endpoint import LARGEST_BODY, Beside, Section
from api.contract.paging import window
from api.contract.request import CallerId, ClientRef, Flag, Id, MalformedRequest, Page, Request
from api.wire.message import (
    Conversation,
    ConversationItem,
    DirectMessage,
    MessageItem,
    conversation_item,
    conversation_view,
    message_item,
    message_view,
)
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import LARGEST_ID, StreamId, UserId
from control_plane.inbox.messages import MessagesNotAccepted, TooManyMessages
from control_plane.messages.model import (
    LONGEST_TEXT,
    Change,
    ClientRefUsed,
    Content,
    Message,
    NoSuchConversation,
    NoSuchMessage,
    NothingToSend,
    NothingToShare,
    NotYetAccepted,
    Number,
    State,
    TooLateToRetract,
    TooManyStrangers,
)
from control_plane.messages.model import Conversation as StoredConversation
from control_plane.pictures.model import LARGEST_BYTES, PictureRefused, TooManyPictures
from control_plane.social.people import people
from control_plane.storage.files import TooManyUploads
from control_plane.streams import store as streams
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import VideoId

section = Section("messages")

MESSAGES_PAGE = 30
MessageText = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
Since = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class SendMessage(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    receiver_id: Id
    message: MessageText = ""
    """The text; with a picture, a video or a stream: the words with it."""
    picture: Base64 = ""
    """A picture: JPEG, PNG, WebP, GIF or HEIC. As a file of a form it may be larger than in JSON."""
    video_id: Id | None = None
    """A video to share."""
    live_streaming_id: Id | None = None
    """A live stream to share."""
    client_ref: ClientRef | None = None
    """Idempotency key. A call that repeats it answers with the first message."""


@section.endpoint(
    "sendMessage",
    uploads={"picture": LARGEST_BYTES},
    body_limit=LARGEST_BODY,
    refusals=(
        *(ClientRefUsed, MessagesNotAccepted, NothingToSend, NothingToShare, NotYetAccepted, PictureRefused),
        *(TooManyMessages, TooManyPictures, TooManyStrangers, TooManyUploads, UserNotFound),
    ),
)
async def send_message(call: Call, body: SendMessage) -> MessageItem:
    """Send a message: a text, or one picture, video or stream. The receiver gets it over `/ws/me` at once. Messages to a
    user who does not follow the caller wait as a request; a few are possible until the user accepts it."""
    call.check_trusted()
    content = Content(
        body.message, video_id=VideoId(body.video_id or 0), stream_id=StreamId(body.live_streaming_id or 0)
    )
    upload, sending = call.uploads.get("picture"), call.messages.sending
    if upload is not None or body.picture:
        if body.video_id or body.live_streaming_id:
            raise NothingToSend
        picture = upload.path if upload else await asyncio.to_thread(base64_in, "picture", body.picture)
        content = await sending.stored_picture(call.user_id, picture, body.message)
    message = await sending.send(call.user_id, UserId(body.receiver_id), content, body.client_ref)
    return (await _items(call, [message]))[0]


class ShowConversations(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showConversations")
async def show_conversations(call: Call, body: ShowConversations) -> list[ConversationItem]:
    """A page of the caller's conversations with their last messages, newest first. Conversations with users who block the
    caller, or whom the caller blocks, are left out. A page after the last one is empty."""
    return await _listed(call, State.OPEN, body.starting_point)


class ShowMessageRequests(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showMessageRequests")
async def show_message_requests(call: Call, body: ShowMessageRequests) -> list[ConversationItem]:
    """Like `showConversations`: users whom the caller does not follow, who wrote first and wait to be accepted. Their
    messages are not counted as unread. An answer of the caller accepts the request."""
    return await _listed(call, State.REQUEST, body.starting_point)


async def _listed(call: Call, state: State, page: Page) -> list[ConversationItem]:
    call.check_trusted()
    found = await call.messages.page(call.user_id, state, *window(page))
    shown = await people(call.platform.database, call.user_id, [listed.conversation.other_id for listed in found])
    return [conversation_item(call, listed, shown) for listed in found]


class ShowMessages(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    other_user_id: Id
    before: Id | None = None
    """The number of a message: those before it, newest first. Empty: the newest ones."""
    after: Since | None = None
    """The number of a message: those after it, oldest first."""


@section.endpoint("showMessages")
async def show_messages(call: Call, body: ShowMessages) -> list[MessageItem]:
    """At most 30 messages of the conversation with a user. Empty if there is none, and while one of the two blocks the
    other."""
    call.check_trusted()
    if body.before is not None and body.after is not None:
        raise MalformedRequest("Send before or after, not both.")
    found = await call.messages.messages(
        call.user_id,
        UserId(body.other_user_id),
        MESSAGES_PAGE,
        before=None if body.before is None else Number(body.before),
        after=None if body.after is None else Number(body.after),
    )
    return await _items(call, found)


async def _items(call: Call, messages: Sequence[Message]) -> list[MessageItem]:
    database = call.platform.database
    videos = await seen_by_ids(database, call.user_id, list({one.video_id for one in messages if one.video_id}))
    shared = await streams.by_ids(database, list({one.stream_id for one in messages if one.stream_id}))
    owners = await people(database, call.user_id, list({video.user_id for video in videos.values()}))
    by_id = {stream.id: stream for stream in shared}
    return [message_item(call, message, owners, videos, by_id) for message in messages]


class ShowMessageChanges(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    after: Since = 0
    """The last change that the client knows, from `change` or `last_change`."""


class MessageChanges(msgspec.Struct, frozen=True, kw_only=True):
    messages: list[DirectMessage]
    """New, retracted and deleted messages, in the order of their changes."""
    conversations: list[Conversation]
    """Conversations that were read, accepted, declined, deleted or hidden, in the order of their changes."""
    last_change: int
    """Everything up to this change is in the answer."""
    more: int
    """1: call again with `last_change`."""


@section.endpoint("showMessageChanges")
async def show_message_changes(call: Call, body: ShowMessageChanges) -> MessageChanges:
    """What a client missed while it was not connected to `/ws/me`: every message and conversation that changed after a
    change, as it is now."""
    call.check_trusted()
    missed = await call.messages.missed(call.user_id, Change(body.after))
    shown = await people(call.platform.database, call.user_id, [one.other_id for one in missed.conversations])
    return MessageChanges(
        messages=[message_view(call, message) for message in missed.messages],
        conversations=[conversation_view(one, available=one.other_id in shown) for one in missed.conversations],
        last_change=missed.last_change,
        more=int(missed.more),
    )


class OfConversation(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    other_user_id: Id


class ReadConversation(OfConversation, frozen=True, kw_only=True):
    number: Id | None = None
    """Messages up to this number are read. Empty: all."""


@section.endpoint("readConversation", refusals=(NoSuchConversation,))
async def read_conversation(call: Call, body: ReadConversation) -> Conversation:
    """Mark messages as read, on all devices of the caller. The other user is told how far, once the conversation is
    open."""
    call.check_trusted()
    number = None if body.number is None else Number(body.number)
    return await _view(call, await call.messages.changing.read(call.user_id, UserId(body.other_user_id), number))


class AcceptMessageRequest(OfConversation, frozen=True, kw_only=True):
    pass


@section.endpoint("acceptMessageRequest", refusals=(NoSuchConversation,))
async def accept_message_request(call: Call, body: AcceptMessageRequest) -> Conversation:
    """Accept the messages of a stranger: the conversation is listed and counted like all others."""
    call.check_trusted()
    return await _view(call, await call.messages.changing.accept(call.user_id, UserId(body.other_user_id)))


class DeclineMessageRequest(OfConversation, frozen=True, kw_only=True):
    pass


@section.endpoint("declineMessageRequest", refusals=(NoSuchConversation,))
async def decline_message_request(call: Call, body: DeclineMessageRequest) -> Conversation:
    """Delete the request of a stranger, who is not told. Later messages of the stranger do not arrive."""
    call.check_trusted()
    return await _view(call, await call.messages.changing.decline(call.user_id, UserId(body.other_user_id)))


class DeleteMessage(OfConversation, frozen=True, kw_only=True):
    number: Id
    for_both: Flag = 0
    """1: take an own message back, for both. Possible for an hour."""


@section.endpoint("deleteMessage", refusals=(NoSuchConversation, NoSuchMessage, TooLateToRetract))
async def delete_message(call: Call, body: DeleteMessage) -> Conversation:
    """Delete a message for the caller, or take an own one back for both."""
    call.check_trusted()
    changing = call.messages.changing
    change = changing.retract if body.for_both else changing.delete_message
    return await _view(call, await change(call.user_id, UserId(body.other_user_id), Number(body.number)))


class DeleteConversation(OfConversation, frozen=True, kw_only=True):
    pass


@section.endpoint("deleteConversation", refusals=(NoSuchConversation,))
async def delete_conversation(call: Call, body: DeleteConversation) -> Conversation:
    """Delete a conversation for the caller. The other user keeps it. A new message brings it back, without the deleted
    ones."""
    call.check_trusted()
    changed = await call.messages.changing.delete_conversation(call.user_id, UserId(body.other_user_id))
    return await _view(call, changed)


async def _view(call: Call, conversation: StoredConversation) -> Conversation:
    shown = await people(call.platform.database, call.user_id, [conversation.other_id])
    return conversation_view(conversation, available=conversation.other_id in shown)


class ShowUnreadMessages(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("showUnreadMessages", top_level={"unread_count": 0, "request_count": 0})
async def show_unread_messages(call: Call, body: ShowUnreadMessages) -> int | Beside:
    """The number of unread messages in the caller's conversations. `request_count`: requests that wait."""
    call.check_trusted()
    unread, requests = await call.messages.unread(call.user_id)
    return Beside(unread, {"unread_count": unread, "request_count": requests})
